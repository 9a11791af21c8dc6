/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function, map(), writes every entry of the hypervisor's tables, with the largest page that
 * fits. Entries are only ever added, so no TLB needs a flush. Table pages come out of the memory
 * map until hv has its allocator.
 */
#include "arch/x86/paging.h"

#include <stdbool.h>
#include <string.h>

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

#define BYTES_2M (UINT64_C(1) << 21)
#define BYTES_1G (UINT64_C(1) << 30)
#define BYTES_4G (UINT64_C(1) << 32)

extern const unsigned char image_start[], image_text_start[], image_text_end[];
extern const unsigned char image_rodata_start[], image_rodata_end[];
extern const unsigned char image_data_start[], image_data_end[], image_end[];

static struct bootinfo *memory_map; /* NULL once closed */
static uint32_t early_range;	    /* the range that early pages are cut from, at its end */
static uint64_t *root;
static uint64_t image_base; /* where image_start lies */
static bool gigabyte_pages;
static uint64_t device_used;
static struct port_lock device_lock;

/* ---- Pages ---------------------------------------------------------------------------------- */

static bool early_suits(const struct boot_range *r)
{
	return r->kind == BOOT_MEM_USABLE && r->base >= (UINT64_C(1) << 20) &&
	       r->base + r->size <= BYTES_4G;
}

/* The largest usable range below 4 GiB gets a LOADER range behind it, which grows downwards. */
static bool early_begin(struct bootinfo *b)
{
	uint32_t best = b->range_count;

	if (b->range_count >= BOOT_MAX_RANGES)
		return false;
	for (uint32_t i = 0; i < b->range_count; i++)
		if (early_suits(&b->ranges[i]) &&
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

void *paging_early_page(void)
{
	struct boot_range *from, *to;

	if (memory_map == NULL || memory_map->ranges[early_range].size <= PAGE_SIZE)
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

/* ---- Tables --------------------------------------------------------------------------------- */

/* The table that *entry leads to, made if there is none. NULL: out of memory. */
static uint64_t *table_below(uint64_t *entry)
{
	uint64_t *t;

	if (*entry & PTE_PRESENT)
		return arch_linear(hpa(*entry & PTE_ADDRESS));
	t = memory_map != NULL ? paging_early_page() : hv_pages(0);
	if (t != NULL)
		__atomic_store_n(entry, phys_of(t).v | PTE_PRESENT | PTE_WRITE, __ATOMIC_RELEASE);
	return t;
}

/* log2 of the bytes of the largest page that may stand at va -> pa with `bytes` left. */
static unsigned page_shift(uint64_t va, uint64_t pa, uint64_t bytes)
{
	if (gigabyte_pages && ((va | pa) & (BYTES_1G - 1)) == 0 && bytes >= BYTES_1G)
		return 30;
	return ((va | pa) & (BYTES_2M - 1)) == 0 && bytes >= BYTES_2M ? 21 : 12;
}

/*
 * Maps [va, va + bytes) to [pa, ...); all page-aligned, nothing mapped there yet. flags: of the
 * leaf, without PRESENT. false: out of memory, part of it done.
 */
static bool map(uint64_t *top, uint64_t va, uint64_t pa, uint64_t bytes, uint64_t flags)
{
	while (bytes != 0) {
		unsigned shift = page_shift(va, pa, bytes);
		uint64_t step = UINT64_C(1) << shift, large = shift == 12 ? 0 : PTE_LARGE;
		uint64_t *table = top;

		for (unsigned s = 39; s > shift; s -= 9) {
			table = table_below(&table[va >> s & 511]);
			if (table == NULL)
				return false;
		}
		__atomic_store_n(&table[va >> shift & 511],
				 pa | flags | large | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY,
				 __ATOMIC_RELEASE);
		va += step;
		pa += step;
		bytes -= step;
	}
	return true;
}

static bool map_image_part(const unsigned char *from, const unsigned char *to, uint64_t flags)
{
	return map(root, (uint64_t)(uintptr_t)from, phys_of(from).v, (uint64_t)(to - from), flags);
}

static bool map_image(void)
{
	return map_image_part(image_text_start, image_text_end, 0) &&
	       map_image_part(image_rodata_start, image_rodata_end, PTE_NX) &&
	       map_image_part(image_data_start, image_data_end, PTE_NX | PTE_WRITE);
}

static bool map_linear_part(uint64_t from, uint64_t to, uint64_t flags)
{
	return from >= to || map(root, LINEAR_BASE + from, from, to - from, flags | PTE_NX);
}

/* [from, to) of RAM; what of it is code or constants of the image is read-only here as well. */
static bool map_ram(uint64_t from, uint64_t to)
{
	uint64_t start = phys_of(image_text_start).v, end = phys_of(image_rodata_end).v;

	start = start < from ? from : start > to ? to : start;
	end = end < start ? start : end > to ? to : end;
	return map_linear_part(from, start, PTE_WRITE) && map_linear_part(start, end, 0) &&
	       map_linear_part(end, to, PTE_WRITE);
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
	gigabyte_pages = cpuid(0x80000001, 0).edx >> 26 & 1;
	if (!early_begin(boot))
		return "there is no usable memory between 1 MiB and 4 GiB";
	root = paging_early_page();
	if (root == NULL)
		return "there is not enough memory for the page tables";
	/* The entry for device memory is made now, so that every root has it. */
	if (!map_linear(boot) || !map_image() ||
	    table_below(&root[DEVICE_BASE >> 39 & 511]) == NULL)
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
	return map(top, page.v, page.v, PAGE_SIZE, 0) ? phys_of(top) : hpa(0);
}

/* ---- Device memory -------------------------------------------------------------------------- */

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

void *arch_map_device(hpa_t base, uint64_t bytes, enum memtype type)
{
	uint64_t offset = base.v & PAGE_MASK, from = base.v - offset, va;
	uint64_t size = (bytes + offset + PAGE_MASK) & ~PAGE_MASK;
	uint64_t align = size >= BYTES_1G ? BYTES_1G : BYTES_2M;
	void *at = NULL;

	if (bytes == 0 || size < bytes || size > DEVICE_BYTES)
		return NULL;
	port_lock(&device_lock);
	/* Congruent with the physical address, so that large pages fit. */
	va = (device_used & ~(align - 1)) + (from & (align - 1));
	if (va < device_used)
		va += align;
	if (va + size <= DEVICE_BYTES &&
	    map(root, DEVICE_BASE + va, from, size, type_flags(type) | PTE_NX | PTE_WRITE)) {
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
