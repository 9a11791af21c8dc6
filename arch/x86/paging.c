/* SPDX-License-Identifier: BSD-2-Clause */
/* The entries of the hypervisor's own tables (APM volume 2, 5.3), and CR3. */
#include "arch/x86/paging.h"

#include <string.h>

#include "arch/device.h"
#include "arch/x86/cpu.h"

#define PTE_PRESENT UINT64_C(0x001)
#define PTE_WRITE UINT64_C(0x002)
#define PTE_PWT UINT64_C(0x008)
#define PTE_PCD UINT64_C(0x010)
#define PTE_ACCESSED UINT64_C(0x020)
#define PTE_DIRTY UINT64_C(0x040)
#define PTE_LARGE UINT64_C(0x080)
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

#define BYTES_1M (UINT64_C(1) << 20)
#define BYTES_4G (UINT64_C(1) << 32)

const uint64_t paging_linear_base = LINEAR_BASE, paging_device_base = DEVICE_BASE;

static uint64_t *root;
static bool gigabyte_pages;

unsigned paging_largest(void)
{
	return gigabyte_pages ? 30 : 21;
}

bool paging_leads_on(uint64_t entry)
{
	return entry & PTE_PRESENT;
}

uint64_t paging_table_entry(hpa_t table)
{
	return table.v | PTE_PRESENT | PTE_WRITE;
}

hpa_t paging_table_of(uint64_t entry)
{
	return hpa(entry & PTE_ADDRESS);
}

/* PCD and PWT choose the entry of the PAT (arch/x86/percpu.c). */
static uint64_t type_flags(enum memtype type)
{
	switch (type) {
	case MEM_WRITE_BACK: return 0;
	case MEM_WRITE_COMBINING: return PTE_PWT;
	case MEM_UNCACHED: return PTE_PCD;
	case MEM_DEVICE: return PTE_PCD | PTE_PWT;
	}
	return PTE_PCD | PTE_PWT;
}

uint64_t paging_leaf(hpa_t to, unsigned shift, enum paging_use use, enum memtype type)
{
	return to.v | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | type_flags(type) |
	       (shift == PAGE_SHIFT ? 0 : PTE_LARGE) | (use == PAGING_CODE ? 0 : PTE_NX) |
	       (use == PAGING_DATA ? PTE_WRITE : 0);
}

void paging_written(void)
{
	/* A processor walks again where it found nothing (APM volume 2, 5.5.2). */
}

const char *paging_init(struct bootinfo *boot)
{
	gigabyte_pages = cpuid(0x80000001, 0).edx >> 26 & 1;
	if (!paging_early_begin(boot, BYTES_1M, BYTES_4G))
		return "there is no usable memory between 1 MiB and 4 GiB";
	root = paging_build(boot);
	if (root == NULL)
		return "there is not enough memory for the page tables";
	paging_load();
	return NULL;
}

void paging_load(void)
{
	write_cr3(phys_of(root).v);
}

hpa_t paging_start_root(hpa_t page)
{
	uint64_t *top = paging_early_page();

	if (top == NULL)
		return hpa(0);
	memcpy(top + 256, root + 256, 256 * sizeof *top);
	return paging_map(top, page.v, page, PAGE_SIZE, PAGING_CODE) ? phys_of(top) : hpa(0);
}

uint32_t arch_device_read(const void *at, uint32_t bytes)
{
	return device_load(at, bytes);
}

void arch_device_write(void *at, uint32_t bytes, uint32_t value)
{
	device_store(at, bytes, value);
}
