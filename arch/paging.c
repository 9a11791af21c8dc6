/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function, map(), writes every entry. Table pages come out of the memory map until hv has its
 * allocator (paging_close).
 */
#include "arch/paging.h"

#include <stddef.h>
#include <string.h>

#include "arch/lock.h"

#define BYTES_2M (UINT64_C(1) << 21)
#define BYTES_1G (UINT64_C(1) << 30)

extern const unsigned char image_start[], image_text_start[], image_text_end[];
extern const unsigned char image_rodata_start[], image_rodata_end[];
extern const unsigned char image_data_start[], image_data_end[];

static struct bootinfo *memory_map; /* NULL once closed */
static uint32_t early_range;	    /* the range that early pages are cut from, at its end */
static uint64_t *root;
static uint64_t image_base;  /* where image_start lies */
static uint64_t device_used; /* bytes from paging_device_base */
static struct port_lock device_lock;

/* ---- Pages ---------------------------------------------------------------------------------- */

static bool early_suits(const struct boot_range *r, uint64_t from, uint64_t to)
{
	return r->kind == BOOT_MEM_USABLE && r->base >= from && r->base + r->size <= to;
}

bool paging_early_begin(struct bootinfo *b, uint64_t from, uint64_t to)
{
	uint32_t best = b->range_count;

	if (b->range_count >= BOOT_MAX_RANGES)
		return false;
	for (uint32_t i = 0; i < b->range_count; i++)
		if (early_suits(&b->ranges[i], from, to) &&
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
	return (void *)(uintptr_t)(paging_linear_base + address.v);
}

hpa_t phys_of(const void *object)
{
	uint64_t v = (uint64_t)(uintptr_t)object, image = (uint64_t)(uintptr_t)image_start;

	return hpa(v >= image ? v - image + image_base : v - paging_linear_base);
}

/* ---- Tables --------------------------------------------------------------------------------- */

/* The table that *entry leads to, made if there is none. NULL: out of memory. */
static uint64_t *table_below(uint64_t *entry)
{
	uint64_t *t;

	if (paging_leads_on(*entry))
		return arch_linear(paging_table_of(*entry));
	t = memory_map != NULL ? paging_early_page() : hv_pages(0);
	if (t != NULL)
		__atomic_store_n(entry, paging_table_entry(phys_of(t)), __ATOMIC_RELEASE);
	return t;
}

/* log2 of the bytes of the largest page that may stand at va -> pa with `bytes` left. */
static unsigned page_shift(uint64_t va, uint64_t pa, uint64_t bytes)
{
	if (paging_largest() == 30 && ((va | pa) & (BYTES_1G - 1)) == 0 && bytes >= BYTES_1G)
		return 30;
	return ((va | pa) & (BYTES_2M - 1)) == 0 && bytes >= BYTES_2M ? 21 : PAGE_SHIFT;
}

/* As paging_map, of any memory type. */
static bool map(uint64_t *top, uint64_t va, uint64_t pa, uint64_t bytes, enum paging_use use,
		enum memtype type)
{
	while (bytes != 0) {
		unsigned shift = page_shift(va, pa, bytes);
		uint64_t step = UINT64_C(1) << shift;
		uint64_t *table = top;

		for (unsigned s = 39; s > shift; s -= 9) {
			table = table_below(&table[va >> s & 511]);
			if (table == NULL)
				return false;
		}
		__atomic_store_n(&table[va >> shift & 511], paging_leaf(hpa(pa), shift, use, type),
				 __ATOMIC_RELEASE);
		va += step;
		pa += step;
		bytes -= step;
	}
	paging_written();
	return true;
}

bool paging_map(uint64_t *top, uint64_t va, hpa_t to, uint64_t bytes, enum paging_use use)
{
	return map(top, va, to.v, bytes, use, MEM_WRITE_BACK);
}

static bool map_image_part(const unsigned char *from, const unsigned char *to, enum paging_use use)
{
	return paging_map(root, (uint64_t)(uintptr_t)from, phys_of(from), (uint64_t)(to - from),
			  use);
}

static bool map_image(void)
{
	return map_image_part(image_text_start, image_text_end, PAGING_CODE) &&
	       map_image_part(image_rodata_start, image_rodata_end, PAGING_CONSTANTS) &&
	       map_image_part(image_data_start, image_data_end, PAGING_DATA);
}

static bool map_linear_part(uint64_t from, uint64_t to, enum paging_use use)
{
	return from >= to || paging_map(root, paging_linear_base + from, hpa(from), to - from, use);
}

/* [from, to) of RAM; what of it is code or constants of the image is read-only here as well. */
static bool map_ram(uint64_t from, uint64_t to)
{
	uint64_t start = phys_of(image_text_start).v, end = phys_of(image_rodata_end).v;

	start = start < from ? from : start > to ? to : start;
	end = end < start ? start : end > to ? to : end;
	return map_linear_part(from, start, PAGING_DATA) &&
	       map_linear_part(start, end, PAGING_CONSTANTS) &&
	       map_linear_part(end, to, PAGING_DATA);
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

uint64_t *paging_build(const struct bootinfo *boot)
{
	image_base = boot->image_base;
	root = paging_early_page();
	/* The entry for device memory is made now, so that every copy of the root has it. */
	if (root == NULL || !map_linear(boot) || !map_image() ||
	    table_below(&root[paging_device_base >> 39 & 511]) == NULL)
		return NULL;
	return root;
}

/* ---- Device memory -------------------------------------------------------------------------- */

void *arch_map_device(hpa_t base, uint64_t bytes, enum memtype type)
{
	uint64_t offset = base.v & PAGE_MASK, from = base.v - offset, va;
	uint64_t size = (bytes + offset + PAGE_MASK) & ~PAGE_MASK;
	uint64_t align = size >= BYTES_1G ? BYTES_1G : BYTES_2M;
	void *at = NULL;

	if (bytes == 0 || size < bytes || size > PAGING_DEVICE_BYTES)
		return NULL;
	port_lock(&device_lock);
	/* Congruent with the physical address, so that large pages fit. */
	va = (device_used & ~(align - 1)) + (from & (align - 1));
	if (va < device_used)
		va += align;
	if (va + size <= PAGING_DEVICE_BYTES &&
	    map(root, paging_device_base + va, from, size, PAGING_DATA, type)) {
		at = (void *)(uintptr_t)(paging_device_base + va + offset);
		device_used = va + size;
	}
	port_unlock(&device_lock);
	return at;
}
