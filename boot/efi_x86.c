/* SPDX-License-Identifier: BSD-2-Clause */
/* The x86 part of the UEFI application: from its terms to those of boot/handover_x86.h. */
#include "boot/efi_arch.h"

#include "boot/handover_x86.h"
#include "boot/serial_x86.h"

_Static_assert(ELF_MAX_SEGMENTS <= HANDOVER_MAX_SEGMENTS, "every segment can be mapped");

#define CPUID_NX (1u << 20) /* 8000_0001h EDX */
#define CR4_LA57 (UINT64_C(1) << 12)

const uint32_t efi_arch_machine = ELF_MACHINE_X86_64;
const uint64_t efi_arch_top_max = HANDOVER_LINEAR_MAX;
const uint64_t efi_arch_image_end = HANDOVER_IMAGE_END;
const uint64_t efi_arch_link_floor = HANDOVER_LINK_FLOOR;

const char *efi_arch_unfit(void)
{
	uint32_t a = 0x80000001u, b, c = 0, d;
	uint64_t cr4;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if ((d & CPUID_NX) == 0)
		return "it has no no-execute bit";
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	if ((cr4 & CR4_LA57) != 0)
		return "the firmware has switched it to five levels of page tables";
	return NULL;
}

static struct handover describe(const struct efi_entry *e)
{
	struct handover h = {
		.link_base = e->image->link_base,
		.link_end = e->image->link_end,
		.image_base = e->image_base,
		.segment_count = e->image->count,
		.top = e->top,
		.gigabyte_pages = handover_has_gigabyte_pages(),
		.pool = e->pool,
		.entry = e->image->entry,
		.bootinfo = e->bootinfo,
	};

	for (uint32_t i = 0; i < e->image->count; i++) {
		const struct elf_segment *s = &e->image->segments[i];

		h.segments[i] = (struct handover_segment){
			.link = s->link,
			.bytes = s->bytes,
			.write = s->write,
			.execute = s->execute,
		};
	}
	return h;
}

uint64_t efi_arch_pages(const struct efi_entry *e)
{
	struct handover h = describe(e);

	return handover_pages(&h);
}

_Noreturn void efi_arch_enter(const struct efi_entry *e)
{
	struct handover h = describe(e);

	__asm__ volatile("cli");
	handover_build(&h);
	handover_jump(&h);
}

void efi_arch_write(const char *text)
{
	serial_write(text);
}

void efi_arch_exit_failed(void)
{
	serial_exit_failed();
}

_Noreturn void efi_arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}
