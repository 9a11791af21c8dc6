/* SPDX-License-Identifier: BSD-2-Clause */
/* boot/handover_arm64.h: EL2, its registers, and four levels of tables (Arm ARM D8.3). */
#include "boot/bytes.h"
#include "tests/qemu/boot_probe/probe.h"

#define VALID UINT64_C(1)
#define TABLE_OR_PAGE UINT64_C(2)
#define TYPE(entry) ((entry) >> 2 & 7)
#define EL0_MAY (UINT64_C(1) << 6) /* with VHE; without it reserved, one */
#define READ_ONLY (UINT64_C(1) << 7)
#define PXN (UINT64_C(1) << 53)
#define XN (UINT64_C(1) << 54)
#define ADDRESS UINT64_C(0x0000fffffffff000)
#define WRITE_BACK 0u
#define DEVICE 3u

#define HCR_TGE (UINT64_C(1) << 27)
#define HCR_E2H (UINT64_C(1) << 34)
#define SCTLR_MMU_AND_CACHES UINT64_C(0x1005)
#define DAIF_ALL UINT64_C(0x3c0)
#define FDT_MAGIC 0xedfe0dd0u /* as it lies in memory */

#define read_register(name)                                                     \
	__extension__({                                                         \
		uint64_t value_;                                                \
		__asm__ volatile("mrs %0, " #name : "=r"(value_) : : "memory"); \
		value_;                                                         \
	})

static bool vhe;
static uint64_t console_pages;

/* The loaders' own function is for the physical address, where nothing is any more. */
void port_write(const char *text)
{
	volatile uint32_t *data = (volatile uint32_t *)(uintptr_t)HANDOVER_CONSOLE;

	for (; *text != '\0'; text++)
		*data = (uint8_t)*text;
}

static void see_page(struct seen *s, const struct bootinfo *info, uint64_t at, uint64_t entry,
		     uint64_t bytes)
{
	uint64_t to = entry & ADDRESS & ~(bytes - 1);
	bool write = (entry & READ_ONLY) == 0, execute = (entry & (vhe ? PXN : XN)) == 0;
	bool memory = TYPE(entry) == WRITE_BACK;

	s->writable_code = s->writable_code || (write && execute);
	if (vhe && (entry & EL0_MAY) != 0)
		s->stray = true;
	if (at >= HANDOVER_LINK_FLOOR) {
		see_image(s, info, at, to, write, execute);
		s->wrong_image = s->wrong_image || !memory;
	} else if (at >= HANDOVER_CONSOLE) {
		console_pages += bytes / BOOT_PAGE;
		s->stray = s->stray || at != HANDOVER_CONSOLE || to != BOOT_PL011 || execute ||
			   TYPE(entry) != DEVICE;
	} else if (at >= HANDOVER_LINEAR_BASE) {
		see_linear(s, at, to, bytes, write, execute);
		s->wrong_linear = s->wrong_linear || !memory;
	} else {
		s->low_pages += bytes / BOOT_PAGE;
		s->stray = s->stray || to != at || !execute;
	}
}

/* Every valid entry of the four levels, top down. */
static void see_table(struct seen *s, const struct bootinfo *info, uint64_t table, uint64_t base,
		      unsigned shift)
{
	const uint64_t *entries = linear(table);

	s->table_not_loaders = s->table_not_loaders || !loaders(info, table, BOOT_PAGE);
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t e = entries[i], at = base + (i << shift);

		if ((e & VALID) == 0)
			continue;
		if (shift == 12 || (e & TABLE_OR_PAGE) == 0)
			see_page(s, info, at, e, UINT64_C(1) << shift);
		else
			see_table(s, info, e & ADDRESS, at, shift - 9);
	}
}

/* The processor itself translates what the tables are to reach. */
static bool reached(uint64_t physical)
{
	__asm__ volatile("at s1e2w, %0\n\tisb" : : "r"(linear(physical)) : "memory");
	uint64_t par = read_register(par_el1);
	return (par & 1) == 0 && (par & ADDRESS) == (physical & ADDRESS);
}

/* RAM is what a device tree or the firmware's map calls so: all but what is reserved. */
static void check_reach(const struct bootinfo *info, uint64_t linear_bytes)
{
	uint64_t ram = 0, most = 0;
	bool all = true;

	for (uint32_t i = 0; i < info->range_count; i++) {
		const struct boot_range *r = &info->ranges[i];

		if (r->kind == BOOT_MEM_RESERVED)
			continue;
		ram += r->size;
		most += r->size + (UINT64_C(4) << 20); /* rounded outwards, a range by itself */
		for (uint64_t at = r->base; at < r->base + r->size; at += UINT64_C(1) << 20)
			all = all && reached(at);
		all = all && reached(r->base + r->size - 1);
	}
	check("the linear map reaches all RAM", all && linear_bytes >= ram);
	check("the linear map reaches nothing but RAM", linear_bytes <= most);
}

void port_tables(const struct bootinfo *info)
{
	struct seen s = { .writable_code = false };

	see_table(&s, info, read_register(ttbr0_el2) & ADDRESS, 0, 39);
	check_seen(&s);
	check("the jump is mapped low", s.low_pages != 0);
	check("the console is mapped", console_pages == 1);
	check_reach(info, s.linear_bytes);
}

void port_state(const struct bootinfo *info, uint64_t flags)
{
	uint64_t hcr = read_register(hcr_el2), tcr = read_register(tcr_el2);
	const unsigned char *rsdp = linear(info->rsdp);
	const uint32_t *tree = linear(info->fdt);

	vhe = (read_register(id_aa64mmfr1_el1) >> 8 & 15) != 0;
	check("this is EL2", read_register(CurrentEL) == 2 << 2);
	check("TGE is off", (hcr & HCR_TGE) == 0);
	check("E2H is on where there is VHE", ((hcr & HCR_E2H) != 0) == vhe);
	check("interrupts are off", flags == DAIF_ALL);
	check("MMU and caches are on",
	      (read_register(sctlr_el2) & SCTLR_MMU_AND_CACHES) == SCTLR_MMU_AND_CACHES);
	check("addresses have 48 bits, the granule is 4 KiB",
	      (tcr & 63) == 16 && (tcr >> 14 & 3) == 0);
	check("memory types are as agreed", read_register(mair_el2) == HANDOVER_MAIR);
	check("the image lies at 2 MiB", info->image_base % (UINT64_C(2) << 20) == 0);
	check("there are tables of the machine",
	      (info->rsdp != 0 && memcmp(rsdp, "RSD PTR ", 8) == 0) ||
		      (info->fdt != 0 && *tree == FDT_MAGIC));
}

_Noreturn void port_end(void)
{
	handover_power_off();
	for (;;)
		__asm__ volatile("wfi");
}
