/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function, map(), writes every entry of the hypervisor's tables (Arm ARM D8.3; 4 KiB granule,
 * 48 bits; the one address range of EL2, with VHE the lower of two), with the largest page that
 * fits. Entries are only ever added, so no TLB needs a flush. Table pages come out of the memory
 * map until hv has its allocator.
 */
#include "arch/arm64/paging.h"

#include <stdbool.h>
#include <string.h>

#include "arch/arm64/cpu.h"
#include "arch/arm64/lock.h"

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
#define PTE_MEMORY (PTE_INNER_SHAREABLE | (uint64_t)MEM_WRITE_BACK << PTE_TYPE_SHIFT)

#define BYTES_2M (UINT64_C(1) << 21)
#define BYTES_1G (UINT64_C(1) << 30)

_Static_assert(MEM_WRITE_BACK == 0 && MEM_WRITE_COMBINING == 1 && MEM_UNCACHED == 2 &&
		       MEM_DEVICE == 3,
	       "HANDOVER_MAIR has them in this order");

extern const unsigned char image_start[], image_text_start[], image_text_end[];
extern const unsigned char image_rodata_start[], image_rodata_end[];
extern const unsigned char image_data_start[], image_data_end[], image_end[];
extern const unsigned char entry_other[], entry_other_end[];

static struct bootinfo *memory_map; /* NULL once closed */
static uint32_t early_range;	    /* the range that early pages are cut from, at its end */
static uint64_t *root;
static uint64_t image_base; /* where image_start lies */
static uint64_t device_used;
static struct port_lock device_lock;

/* ---- Pages ---------------------------------------------------------------------------------- */

/* The largest usable range gets a LOADER range behind it, which grows downwards. */
static bool early_begin(struct bootinfo *b)
{
	uint32_t best = b->range_count;

	if (b->range_count >= BOOT_MAX_RANGES)
		return false;
	for (uint32_t i = 0; i < b->range_count; i++)
		if (b->ranges[i].kind == BOOT_MEM_USABLE &&
		    (best == b->range_count || b->ranges[i].size > b->ranges[best].size))
			best = i;
	if (best == b->range_count)
		return false;
	for (uint32_t i = b->range_count; i > best + 1; i--)
		b->ranges[i] = b->ranges[i - 1];
	b->range_count++;
	b->ranges[best + 1] = (struct boot_range){
		.base = b->ranges[best].base + b->ranges[best].size,
		.kind = BOOT_MEM_LOADER,
	};
	memory_map = b;
	early_range = best;
	return true;
}

static void *early_page(void)
{
	struct boot_range *from, *to;

	if (memory_map->ranges[early_range].size <= PAGE_SIZE)
		return NULL;
	from = &memory_map->ranges[early_range];
	to = from + 1;
	from->size -= PAGE_SIZE;
	to->base -= PAGE_SIZE;
	to->size += PAGE_SIZE;
	return memset(arch_linear(hpa(to->base)), 0, PAGE_SIZE);
}

void paging_close(void)
{
	memory_map = NULL;
}

void *arch_linear(hpa_t address)
{
	return (void *)(uintptr_t)(LINEAR_BASE + address.v);
}

hpa_t phys_of(const void *object)
{
	uint64_t v = (uint64_t)(uintptr_t)object, image = (uint64_t)(uintptr_t)image_start;

	return hpa(v >= image ? v - image + image_base : v - LINEAR_BASE);
}

void cache_clean(const void *from, uint64_t bytes)
{
	uint64_t line = UINT64_C(4) << (read_sysreg(ctr_el0) >> 16 & 15);
	uint64_t start = (uint64_t)(uintptr_t)from;

	for (uint64_t at = start & ~(line - 1); at < start + bytes; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	dsb(sy);
}

/* ---- Tables --------------------------------------------------------------------------------- */

/* The table that *entry leads to, made if there is none. NULL: out of memory. */
static uint64_t *table_below(uint64_t *entry)
{
	uint64_t *t;

	if (*entry & PTE_VALID)
		return arch_linear(hpa(*entry & PTE_ADDRESS));
	t = memory_map != NULL ? early_page() : hv_pages(0);
	if (t != NULL)
		__atomic_store_n(entry, phys_of(t).v | PTE_TABLE | PTE_VALID, __ATOMIC_RELEASE);
	return t;
}

/* log2 of the bytes of the largest page that may stand at va -> pa with `bytes` left. */
static unsigned page_shift(uint64_t va, uint64_t pa, uint64_t bytes)
{
	if (((va | pa) & (BYTES_1G - 1)) == 0 && bytes >= BYTES_1G)
		return 30;
	return ((va | pa) & (BYTES_2M - 1)) == 0 && bytes >= BYTES_2M ? 21 : 12;
}

static uint64_t of_this_regime(uint64_t flags)
{
	if (!cpu_vhe)
		return flags | PTE_RES1;
	return (flags & PTE_NX) != 0 ? flags | PTE_PXN : flags;
}

/*
 * Maps [va, va + bytes) to [pa, ...); all page-aligned, nothing mapped there yet. flags: of the
 * leaf, without VALID. false: out of memory, part of it done.
 */
static bool map(uint64_t va, uint64_t pa, uint64_t bytes, uint64_t flags)
{
	flags = of_this_regime(flags) | PTE_VALID | PTE_ACCESSED;
	while (bytes != 0) {
		unsigned shift = page_shift(va, pa, bytes);
		uint64_t step = UINT64_C(1) << shift, page = shift == 12 ? PTE_TABLE : 0;
		uint64_t *table = root;

		for (unsigned s = 39; s > shift; s -= 9) {
			table = table_below(&table[va >> s & 511]);
			if (table == NULL)
				return false;
		}
		__atomic_store_n(&table[va >> shift & 511], pa | flags | page, __ATOMIC_RELEASE);
		va += step;
		pa += step;
		bytes -= step;
	}
	dsb(ishst);
	isb();
	return true;
}

static bool map_image_part(const unsigned char *from, const unsigned char *to, uint64_t flags)
{
	return map((uint64_t)(uintptr_t)from, phys_of(from).v, (uint64_t)(to - from),
		   flags | PTE_MEMORY);
}

static bool map_image(void)
{
	uint64_t start = phys_of(entry_other).v & ~PAGE_MASK;
	uint64_t end = (phys_of(entry_other_end).v + PAGE_MASK) & ~PAGE_MASK;

	return map_image_part(image_text_start, image_text_end, PTE_READ_ONLY) &&
	       map_image_part(image_rodata_start, image_rodata_end, PTE_READ_ONLY | PTE_NX) &&
	       map_image_part(image_data_start, image_data_end, PTE_NX) &&
	       map(start, start, end - start, PTE_READ_ONLY | PTE_MEMORY);
}

static bool map_linear_part(uint64_t from, uint64_t to, uint64_t flags)
{
	return from >= to || map(LINEAR_BASE + from, from, to - from, flags | PTE_MEMORY | PTE_NX);
}

/* [from, to) of RAM; what of it is code or constants of the image is read-only here as well. */
static bool map_ram(uint64_t from, uint64_t to)
{
	uint64_t start = phys_of(image_text_start).v, end = phys_of(image_rodata_end).v;

	start = start < from ? from : start > to ? to : start;
	end = end < start ? start : end > to ? to : end;
	return map_linear_part(from, start, 0) && map_linear_part(start, end, PTE_READ_ONLY) &&
	       map_linear_part(end, to, 0);
}

static bool is_ram(const struct boot_range *r)
{
	return r->kind != BOOT_MEM_RESERVED && r->size != 0;
}

static bool map_linear(const struct bootinfo *b)
{
	/* Early pages move the border of two neighbours, never the outer borders of both. */
	for (uint32_t i = 0; i < b->range_count;) {
		uint64_t from = b->ranges[i].base, to = from;

		while (i < b->range_count && is_ram(&b->ranges[i]) && b->ranges[i].base == to)
			to += b->ranges[i++].size;
		if (to == from)
			i++;
		else if (!map_ram(from, to))
			return false;
	}
	return true;
}

const char *paging_init(struct bootinfo *boot)
{
	image_base = boot->image_base;
	if (!early_begin(boot))
		return "there is no usable memory";
	root = early_page();
	if (root == NULL || !map_linear(boot) || !map_image())
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

/* ---- Device memory -------------------------------------------------------------------------- */

void *arch_map_device(hpa_t base, uint64_t bytes, enum memtype type)
{
	uint64_t offset = base.v & PAGE_MASK, from = base.v - offset, va;
	uint64_t size = (bytes + offset + PAGE_MASK) & ~PAGE_MASK;
	uint64_t align = size >= BYTES_1G ? BYTES_1G : BYTES_2M;
	uint64_t flags = (uint64_t)type << PTE_TYPE_SHIFT | PTE_INNER_SHAREABLE | PTE_NX;
	void *at = NULL;

	if (bytes == 0 || size < bytes || size > DEVICE_BYTES)
		return NULL;
	port_lock(&device_lock);
	/* Congruent with the physical address, so that large pages fit. */
	va = (device_used & ~(align - 1)) + (from & (align - 1));
	if (va < device_used)
		va += align;
	if (va + size <= DEVICE_BYTES && map(DEVICE_BASE + va, from, size, flags)) {
		at = (void *)(uintptr_t)(DEVICE_BASE + va + offset);
		device_used = va + size;
	}
	port_unlock(&device_lock);
	return at;
}

uint32_t arch_device_read(const void *at, uint32_t bytes)
{
	return bytes == 1   ? *(const volatile uint8_t *)at
	       : bytes == 2 ? *(const volatile uint16_t *)at
			    : *(const volatile uint32_t *)at;
}

void arch_device_write(void *at, uint32_t bytes, uint32_t value)
{
	if (bytes == 1)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (bytes == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}
