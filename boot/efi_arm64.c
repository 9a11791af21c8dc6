/* SPDX-License-Identifier: BSD-2-Clause */
/* The arm64 part of the UEFI application: from its terms to those of boot/handover_arm64.h. */
#include "boot/efi_arch.h"

#include "boot/bootinfo.h"
#include "boot/handover_arm64.h"
#include "boot/serial_arm64.h"

_Static_assert(ELF_MAX_SEGMENTS <= HANDOVER_MAX_SEGMENTS, "every segment can be mapped");

const uint32_t efi_arch_machine = ELF_MACHINE_AARCH64;
const uint64_t efi_arch_top_max = HANDOVER_LINEAR_MAX;
const uint64_t efi_arch_image_end = HANDOVER_LINEAR_MAX;
const uint64_t efi_arch_link_floor = HANDOVER_LINK_FLOOR;

const char *efi_arch_unfit(void)
{
	return handover_unfit();
}

static struct handover describe(const struct efi_entry *e)
{
	const struct bootinfo *info = (const struct bootinfo *)(uintptr_t)e->bootinfo;
	struct handover h = {
		.link_base = e->image->link_base,
		.link_end = e->image->link_end,
		.image_base = e->image_base,
		.segment_count = e->image->count,
		.ranges = info->ranges,
		.range_count = info->range_count,
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

/* The map changes a little until the boot services have ended: a range may be split. */
#define SPARE_PAGES 64u

uint64_t efi_arch_pages(const struct efi_entry *e)
{
	struct handover h = describe(e);

	return handover_pages(&h) + SPARE_PAGES;
}

_Noreturn void efi_arch_enter(const struct efi_entry *e)
{
	struct handover h = describe(e);

	__asm__ volatile("msr daifset, #15");
	handover_build(&h);
	handover_jump(&h);
}

void efi_arch_write(const char *text)
{
	serial_write(text);
}

/* Nobody listens here: semihosting that is not switched on is an undefined instruction, which the
 * firmware would not survive. */
void efi_arch_exit_failed(void) {}

_Noreturn void efi_arch_halt(void)
{
	for (;;)
		__asm__ volatile("msr daifset, #15\n\twfi");
}
