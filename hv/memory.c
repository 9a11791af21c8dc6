/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM becomes frames: every page of RAM that the loader's map names gets a record (F1), what is
 * usable goes to the allocator, the rest is RESERVED. The records themselves stand at the end of
 * the largest usable range.
 */
#include "hv/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "mm/block.h"
#include "mm/frame.h"

/* Less than this, after the records, is not worth starting with. */
#define LEAST_BYTES (UINT64_C(16) << 20)

static bool is_ram(const struct boot_range *r)
{
	return r->kind == BOOT_MEM_USABLE || r->kind == BOOT_MEM_LOADER ||
	       r->kind == BOOT_MEM_FIRMWARE || r->kind == BOOT_MEM_ACPI;
}

static const char *ranges_check(const struct bootinfo *boot)
{
	uint64_t end = 0;

	if (boot->range_count == 0 || boot->range_count > BOOT_MAX_RANGES)
		return "the memory map has no ranges, or too many";
	for (unsigned i = 0; i < boot->range_count; i++) {
		const struct boot_range *r = &boot->ranges[i];
		if (r->size == 0 || ((r->base | r->size) & PAGE_MASK))
			return "a range of the memory map is empty, or not of whole pages";
		if (r->base < end || r->base + r->size < r->base)
			return "the ranges of the memory map overlap, or are not sorted";
		if (r->kind < BOOT_MEM_USABLE || r->kind > BOOT_MEM_RESERVED)
			return "a range of the memory map is of no known kind";
		end = r->base + r->size;
	}
	return NULL;
}

/* Is [base, base + size) inside one range of the loader's? */
static bool in_loader_ram(const struct bootinfo *boot, uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < boot->range_count; i++) {
		const struct boot_range *r = &boot->ranges[i];
		if (r->kind == BOOT_MEM_LOADER && base >= r->base && base - r->base <= r->size &&
		    size <= r->size - (base - r->base))
			return true;
	}
	return false;
}

const char *memory_check(const struct bootinfo *boot)
{
	const char *wrong = ranges_check(boot);

	if (wrong != NULL)
		return wrong;
	if (boot->module_count > BOOT_MAX_MODULES)
		return "there are too many modules";
	for (unsigned i = 0; i < boot->module_count; i++) {
		const struct boot_module *m = &boot->modules[i];
		if (memchr(m->name, '\0', sizeof(m->name)) == NULL)
			return "a module's name does not end";
		if (m->size != 0 && !in_loader_ram(boot, m->base, m->size))
			return "a module does not lie in the loader's memory";
	}
	return NULL;
}

static pfn_t pages_from(uint64_t base)
{
	return pfn(base >> PAGE_SHIFT);
}

/* One range; of the usable ones the first *left bytes in all go to the allocator, the rest is kept.
 */
static void range_add(const struct boot_range *r, uint64_t bytes, uint64_t *left)
{
	uint64_t use = bytes < *left ? bytes : *left;

	if (r->kind != BOOT_MEM_USABLE) {
		bool ours = r->kind == BOOT_MEM_LOADER;
		block_add_reserved(pages_from(r->base), r->size >> PAGE_SHIFT,
				   ours ? OWNER_HYPERVISOR : OWNER_FIRMWARE);
		return;
	}
	if (use != 0)
		block_add(pages_from(r->base), use >> PAGE_SHIFT);
	if (use != r->size)
		block_add_reserved(pages_from(r->base + use), (r->size - use) >> PAGE_SHIFT,
				   OWNER_HYPERVISOR);
	*left -= use;
}

enum result memory_init(const struct bootinfo *boot, uint64_t limit, char *why, size_t why_bytes)
{
	const struct boot_range *largest = NULL;
	uint64_t end = 0, usable = 0;

	for (unsigned i = 0; i < boot->range_count; i++) {
		const struct boot_range *r = &boot->ranges[i];
		if (is_ram(r))
			end = r->base + r->size;
		if (r->kind == BOOT_MEM_USABLE) {
			usable += r->size;
			if (largest == NULL || r->size > largest->size)
				largest = r;
		}
	}
	uint64_t table = (block_table_bytes(end >> PAGE_SHIFT) + PAGE_MASK) & ~PAGE_MASK;
	uint64_t left = limit != 0 && limit < usable ? limit & ~PAGE_MASK : usable;
	if (largest == NULL || largest->size < table || usable - table < LEAST_BYTES ||
	    left < LEAST_BYTES) {
		snprintf(why, why_bytes,
			 "too little memory: %llu KiB of RAM are free, %llu KiB needed at least",
			 (unsigned long long)((left < usable ? left : usable) >> 10),
			 (unsigned long long)((table + LEAST_BYTES) >> 10));
		return OUT_OF_MEMORY;
	}
	uint64_t table_base = largest->base + largest->size - table;
	block_init(arch_linear(hpa(table_base)), end >> PAGE_SHIFT);
	for (unsigned i = 0; i < boot->range_count; i++) {
		const struct boot_range *r = &boot->ranges[i];
		if (is_ram(r))
			range_add(r, r == largest ? r->size - table : r->size, &left);
	}
	return OK;
}
