/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of the hypervisor's own tables (Arm ARM D8.3; 4 KiB granule, 48 bits; the one address
 * range of EL2, with VHE the lower of two), and the registers that lead to them.
 */
#include "arch/arm64/paging.h"

#include "arch/arm64/cpu.h"
#include "arch/device.h"

#define PTE_VALID UINT64_C(1)
#define PTE_TABLE UINT64_C(2)	    /* a table, or at the last level a page */
#define PTE_TYPE_SHIFT 2u	    /* index into MAIR_EL2: the enum of memory types as it stands */
#define PTE_RES1 (UINT64_C(1) << 6) /* with VHE AP[1]: EL0 may access it, and so must be 0 */
#define PTE_READ_ONLY (UINT64_C(1) << 7)
#define PTE_INNER_SHAREABLE (UINT64_C(3) << 8)
#define PTE_ACCESSED (UINT64_C(1) << 10)
#define PTE_PXN (UINT64_C(1) << 53) /* with VHE what XN is without */
#define PTE_NX (UINT64_C(1) << 54)
#define PTE_ADDRESS UINT64_C(0x0000fffffffff000)

_Static_assert(MEM_WRITE_BACK == 0 && MEM_WRITE_COMBINING == 1 && MEM_UNCACHED == 2 &&
		       MEM_DEVICE == 3,
	       "HANDOVER_MAIR has them in this order");

extern const unsigned char entry_other[], entry_other_end[];

const uint64_t paging_linear_base = LINEAR_BASE, paging_device_base = DEVICE_BASE;

static uint64_t *root;

void cache_clean(const void *from, uint64_t bytes)
{
	uint64_t line = UINT64_C(4) << (read_sysreg(ctr_el0) >> 16 & 15);
	uint64_t start = (uint64_t)(uintptr_t)from;

	for (uint64_t at = start & ~(line - 1); at < start + bytes; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	dsb(sy);
}

unsigned paging_largest(void)
{
	return 30;
}

bool paging_leads_on(uint64_t entry)
{
	return entry & PTE_VALID;
}

uint64_t paging_table_entry(hpa_t table)
{
	return table.v | PTE_TABLE | PTE_VALID;
}

hpa_t paging_table_of(uint64_t entry)
{
	return hpa(entry & PTE_ADDRESS);
}

static uint64_t of_this_regime(uint64_t flags)
{
	if (!cpu_vhe)
		return flags | PTE_RES1;
	return (flags & PTE_NX) != 0 ? flags | PTE_PXN : flags;
}

uint64_t paging_leaf(hpa_t to, unsigned shift, enum paging_use use, enum memtype type)
{
	return to.v | PTE_VALID | PTE_ACCESSED | PTE_INNER_SHAREABLE |
	       (uint64_t)type << PTE_TYPE_SHIFT | (shift == PAGE_SHIFT ? PTE_TABLE : 0) |
	       (use == PAGING_DATA ? 0 : PTE_READ_ONLY) |
	       of_this_regime(use == PAGING_CODE ? 0 : PTE_NX);
}

void paging_written(void)
{
	dsb(ishst);
	isb();
}

/* What another CPU begins in, with its MMU off, lies at its physical address too. */
static bool map_entry_other(void)
{
	uint64_t start = phys_of(entry_other).v & ~PAGE_MASK;
	uint64_t end = (phys_of(entry_other_end).v + PAGE_MASK) & ~PAGE_MASK;

	return paging_map(root, start, hpa(start), end - start, PAGING_CODE);
}

const char *paging_init(struct bootinfo *boot)
{
	if (!paging_early_begin(boot, 0, UINT64_MAX))
		return "there is no usable memory";
	root = paging_build(boot);
	if (root == NULL || !map_entry_other())
		return "there is not enough memory for the page tables";
	/* The same MAIR and TCR: only the root changes, and both trees agree on what runs now. */
	dsb(ish);
	write_sysreg(ttbr0_el2, phys_of(root).v);
	isb();
	__asm__ volatile("tlbi alle2\n\tdsb sy\n\tisb" : : : "memory");
	return NULL;
}

void paging_registers(uint64_t *table, uint64_t *mair, uint64_t *tcr, uint64_t *sctlr)
{
	*table = phys_of(root).v;
	*mair = read_sysreg(mair_el2);
	*tcr = read_sysreg(tcr_el2);
	*sctlr = read_sysreg(sctlr_el2);
}

uint32_t arch_device_read(const void *at, uint32_t bytes)
{
	return device_load(at, bytes);
}

void arch_device_write(void *at, uint32_t bytes, uint32_t value)
{
	device_store(at, bytes, value);
}
