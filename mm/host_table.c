/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks over the host's radix tree that change it; the space's lock is held throughout. */
#include "mm/host_table.h"

#include <stddef.h>

#include "mm/block.h"
#include "mm/grace.h"

#define ENTRIES (1u << HOST_BITS)

static uint64_t entry_bytes(unsigned level)
{
	return PAGE_SIZE << host_order(level);
}

static uint64_t entry_load(const uint64_t *at)
{
	/* acquire: for the census, which walks without the lock; a holder of it needs no order. */
	return atomic_load_explicit((const _Atomic uint64_t *)at, memory_order_acquire);
}

static void entry_store(uint64_t *at, uint64_t entry)
{
	mm_step("host_entry", at);
	/* release: the frame or table behind the entry is filled before a lockless reader finds it.
	 */
	atomic_store_explicit((_Atomic uint64_t *)at, entry, memory_order_release);
}

static bool is_leaf(uint64_t entry)
{
	return (entry & (HOST_PRESENT | HOST_LEAF)) == (HOST_PRESENT | HOST_LEAF);
}

static bool is_counted(uint64_t leaf)
{
	return !(leaf & HOST_SPECIAL);
}

static struct frame *leaf_head(uint64_t leaf)
{
	return frame_head(frame_counted(host_pfn(leaf)));
}

static uint64_t *table_of(uint64_t entry)
{
	return mm_linear(host_pfn(entry));
}

static enum result table_alloc(owner_t owner, uint64_t **out, uint64_t *entry)
{
	pfn_t page;
	enum result r = block_alloc(FRAME_TABLE, 0, owner, &page);
	if (r != OK)
		return r;
	*out = mm_linear(page);
	mm_page_clear(*out);
	*entry = page.v << PAGE_SHIFT | HOST_PRESENT | HOST_TABLE;
	return OK;
}

static void table_free(uint64_t entry, owner_t owner)
{
	grace_free_table(host_pfn(entry), owner);
}

/* The slot of `level` for `a`, making tables down to it. A leaf above it must have been split. */
static enum result slot_make(uint64_t *root, owner_t owner, hva_t a, unsigned level, uint64_t **out)
{
	uint64_t *table = root;

	for (unsigned l = HOST_LEVELS - 1; l > level; l--) {
		uint64_t *at = &table[host_index(l, a)];
		uint64_t entry = entry_load(at);
		MM_ASSERT(!is_leaf(entry));
		if (!host_is_table(entry)) {
			enum result r = table_alloc(owner, &table, &entry);
			if (r != OK)
				return r;
			entry_store(at, entry);
		}
		table = table_of(entry);
	}
	*out = &table[host_index(level, a)];
	return OK;
}

enum result host_set(uint64_t *root, owner_t owner, hva_t a, unsigned level, uint64_t leaf)
{
	uint64_t *at;
	enum result r = slot_make(root, owner, a, level, &at);
	if (r != OK)
		return r;
	uint64_t old = entry_load(at);
	MM_ASSERT(level <= HOST_TOP_LEAF);
	MM_ASSERT(host_type(leaf) == MEM_WRITE_BACK || !(leaf & HOST_EXEC)); /* H2 */
	MM_ASSERT(!host_is_table(old) &&
		  (old == 0 || host_pfn(old).v == host_pfn(leaf).v || old & HOST_SHARED));
	(void)old;
	entry_store(at, leaf);
	return OK;
}

void host_fill(uint64_t *at, uint64_t leaf)
{
	MM_ASSERT(entry_load(at) == 0);
	MM_ASSERT(host_type(leaf) == MEM_WRITE_BACK || !(leaf & HOST_EXEC)); /* H2 */
	entry_store(at, leaf);
}

/* Replaces the leaf at `at`, of `level`, by a table of smaller leaves that say the same. */
static enum result leaf_split(uint64_t *at, unsigned level, owner_t owner)
{
	uint64_t leaf = entry_load(at), *table, entry;
	enum result r = table_alloc(owner, &table, &entry);
	if (r != OK)
		return r;
	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = leaf + ((uint64_t)i << (PAGE_SHIFT + host_order(level - 1)));
	if (is_counted(leaf))
		frame_get_many(leaf_head(leaf), ENTRIES - 1);
	entry_store(at, entry);
	return OK;
}

enum result host_split_down(uint64_t *root, owner_t owner, hva_t a, unsigned level)
{
	uint64_t *table = root;

	for (unsigned l = HOST_LEVELS - 1; l > level; l--) {
		uint64_t *at = &table[host_index(l, a)];
		enum result r = is_leaf(entry_load(at)) ? leaf_split(at, l, owner) : OK;
		if (r != OK || !host_is_table(entry_load(at)))
			return r;
		table = table_of(entry_load(at));
	}
	return OK;
}

enum result host_split_at(uint64_t *root, owner_t owner, hva_t a, unsigned level_limit)
{
	uint64_t *table = root;

	for (unsigned l = HOST_LEVELS - 1; l > 0; l--) {
		uint64_t *at = &table[host_index(l, a)];
		if ((a.v & (entry_bytes(l) - 1)) == 0 || !(entry_load(at) & HOST_PRESENT))
			return OK;
		if (is_leaf(entry_load(at))) {
			if (l < level_limit)
				return OK;
			enum result r = leaf_split(at, l, owner);
			if (r != OK)
				return r;
		}
		table = table_of(entry_load(at));
	}
	return OK;
}

/* Clears [range) in one table of `level` whose first entry maps `base`. */
static uint64_t clear_table(uint64_t *table, unsigned level, hva_t base, owner_t owner,
			    struct hva_range range)
{
	uint64_t counted = 0, size = entry_bytes(level);
	uint64_t first = range.start.v > base.v ? (range.start.v - base.v) / size : 0;

	for (uint64_t i = first; i < ENTRIES && base.v + i * size < range.end.v; i++) {
		struct hva_range covered = hva_range(hva(base.v + i * size), size);
		uint64_t entry = entry_load(&table[i]);
		if (host_is_table(entry)) {
			counted += clear_table(table_of(entry), level - 1, covered.start, owner,
					       range);
			if (covered.start.v >= range.start.v && covered.end.v <= range.end.v) {
				entry_store(&table[i], 0);
				table_free(entry, owner);
			}
		} else if (is_leaf(entry)) {
			MM_ASSERT(covered.start.v >= range.start.v && covered.end.v <= range.end.v);
			entry_store(&table[i], 0);
			if (is_counted(entry)) {
				counted += UINT64_C(1) << host_order(level);
				frame_put(leaf_head(entry));
			}
		}
	}
	return counted;
}

uint64_t host_clear(uint64_t *root, owner_t owner, struct hva_range range)
{
	return clear_table(root, HOST_LEVELS - 1, hva(0), owner, range);
}

enum result host_prepare(uint64_t *root, owner_t owner, hva_t a, unsigned level)
{
	uint64_t size = entry_bytes(level), *at;
	enum result r = slot_make(root, owner, a, level, &at);
	if (r != OK)
		return r;
	MM_ASSERT(!is_leaf(entry_load(at)));
	/* A table that earlier leaves have left behind is in a larger leaf's way. */
	(void)host_clear(root, owner, hva_range(hva(a.v & ~(size - 1)), size));
	return OK;
}

bool host_next(uint64_t *root, hva_t from, hva_t end, hva_t *at, unsigned *level, uint64_t **entry)
{
	while (from.v < end.v) {
		uint64_t *table = root;
		unsigned l = HOST_LEVELS - 1;
		uint64_t *slot = &table[host_index(l, from)];
		while (host_is_table(entry_load(slot))) {
			table = table_of(entry_load(slot));
			l--;
			slot = &table[host_index(l, from)];
		}
		uint64_t size = entry_bytes(l);
		if (is_leaf(entry_load(slot))) {
			*at = hva(from.v & ~(size - 1));
			*level = l;
			*entry = slot;
			return true;
		}
		from = hva((from.v & ~(size - 1)) + size);
	}
	return false;
}
