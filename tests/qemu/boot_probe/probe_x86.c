/* SPDX-License-Identifier: BSD-2-Clause */
/* boot/handover_x86.h: long mode, its control registers, and four levels of tables. */
#include "boot/bytes.h"
#include "boot/memmap.h"
#include "boot/serial_x86.h"
#include "tests/qemu/boot_probe/probe.h"

#define PRESENT 1u
#define WRITABLE 2u
#define LARGE 0x80u
#define NO_EXECUTE (UINT64_C(1) << 63)
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define EXIT_DONE 0x10u

void port_write(const char *text)
{
	serial_write(text);
}

static void see_page(struct seen *s, const struct bootinfo *info, uint64_t at, uint64_t entry,
		     uint64_t bytes, bool write, bool execute)
{
	uint64_t to = entry & ADDRESS & ~(bytes - 1);

	if (write && execute)
		s->writable_code = true;
	if (at < UINT64_C(1) << 47) {
		s->low_pages += bytes / BOOT_PAGE;
		s->stray = s->stray || to != at || !execute;
	} else if (at >= HANDOVER_LINK_FLOOR) {
		see_image(s, info, at, to, write, execute);
	} else if (at - HANDOVER_LINEAR_BASE < HANDOVER_LINEAR_MAX) {
		see_linear(s, at, to, bytes, write, execute);
	} else {
		s->stray = true;
	}
}

/* Every present entry of the four levels, top down; permissions are the path's. */
static void see_table(struct seen *s, const struct bootinfo *info, uint64_t table, uint64_t base,
		      unsigned shift, bool write, bool execute)
{
	const uint64_t *entries = linear(table);

	s->table_not_loaders = s->table_not_loaders || !loaders(info, table, BOOT_PAGE);
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t e = entries[i];
		uint64_t at = base + (i << shift);
		bool w = write && (e & WRITABLE) != 0;
		bool x = execute && (e & NO_EXECUTE) == 0;

		if ((e & PRESENT) == 0)
			continue;
		if (shift == 39 && i >= 256)
			at |= UINT64_C(0xffff) << 48;
		if (shift == 12 || (shift < 39 && (e & LARGE) != 0))
			see_page(s, info, at, e, UINT64_C(1) << shift, w, x);
		else
			see_table(s, info, e & ADDRESS, at, shift - 9, w, x);
	}
}

void port_tables(const struct bootinfo *info)
{
	uint64_t top = memmap_top(info->ranges, info->range_count);
	struct seen s = { .writable_code = false };
	uint64_t root;

	__asm__ volatile("mov %%cr3, %0" : "=r"(root));
	see_table(&s, info, root & ADDRESS, 0, 39, true, true);
	check_seen(&s);
	check("the linear map reaches the end of RAM", s.linear_bytes >= top);
	check("the linear map has 4 GiB at least", s.linear_bytes >= HANDOVER_LINEAR_MIN);
}

void port_state(const struct bootinfo *info, uint64_t flags)
{
	uint32_t low, high;
	uint64_t cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080u));
	check("write protection is on", (cr0 >> 16 & 1) != 0);
	check("no-execute and long mode are on", (low & 0xc00) == 0xc00);
	check("interrupts are off", (flags & 0x200) == 0);
	check("the direction is up", (flags & 0x400) == 0);
	check("the image is within reach",
	      info->image_base < HANDOVER_IMAGE_END - info->image_size);
	check("the RSDP is one", info->rsdp != 0 && memcmp(linear(info->rsdp), "RSD PTR ", 8) == 0);
}

_Noreturn void port_end(void)
{
	__asm__ volatile("outl %0, %1" : : "a"(EXIT_DONE), "Nd"((uint16_t)BOOT_EXIT_PORT));
	for (;;)
		__asm__ volatile("cli; hlt");
}
