/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of a host space: a radix tree of four levels, 512 entries each, in a format of its own
 * that no processor reads. Entries stand at level 0 (4 KiB), 1 (2 MiB) and 2 (1 GiB). Readers need
 * no lock (inside a grace section); writers hold the space's lock, and whatever they take away or
 * narrow they take away inside a notice (H5).
 */
#ifndef MM_HOST_TABLE_H
#define MM_HOST_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/frame.h"
#include "mm/result.h"

#define HOST_LEVELS 4u
#define HOST_BITS 9u
#define HOST_TOP_LEAF 2u

/* An entry: flags, and the pfn from bit 12. 0: absent. */
#define HOST_PRESENT (UINT64_C(1) << 0)
#define HOST_LEAF (UINT64_C(1) << 1)
#define HOST_ACCESS_SHIFT 2u /* what is allowed: a set of enum access */
#define HOST_READ ((uint64_t)ACCESS_READ << HOST_ACCESS_SHIFT)
#define HOST_WRITE ((uint64_t)ACCESS_WRITE << HOST_ACCESS_SHIFT)
#define HOST_EXEC ((uint64_t)ACCESS_EXEC << HOST_ACCESS_SHIFT)
#define HOST_SPECIAL                                                                              \
	(UINT64_C(1) << 5) /* a raw pfn of its owner's; no reference, no record is looked at (H1) \
			    */
#define HOST_RAM (UINT64_C(1) << 6)    /* special: it lies in RAM (UNCOUNTED), else it is DEVICE */
#define HOST_SHARED (UINT64_C(1) << 7) /* the shared frame of zeros: a write breaks it (H6) */
#define HOST_TYPE_SHIFT 8u
#define HOST_TABLE (UINT64_C(1) << 10) /* not a leaf: one bit to test at each step of a walk */
#define HOST_FLAGS UINT64_C(0xfff)

/* log2 of the pages that an entry of `level` covers. */
static inline unsigned host_order(unsigned level)
{
	return level * HOST_BITS;
}

static inline pfn_t host_pfn(uint64_t entry)
{
	return pfn(entry >> PAGE_SHIFT);
}

static inline bool host_is_table(uint64_t entry)
{
	return (entry & HOST_TABLE) != 0;
}

/* The pfn of the page that `a` lies in, under a leaf of `level`. */
static inline pfn_t host_pfn_at(uint64_t entry, unsigned level, hva_t a)
{
	uint64_t within = (a.v >> PAGE_SHIFT) & ((UINT64_C(1) << host_order(level)) - 1);
	return pfn((entry >> PAGE_SHIFT) + within);
}

static inline enum memtype host_type(uint64_t entry)
{
	return (enum memtype)((entry >> HOST_TYPE_SHIFT) & 3u);
}

static inline uint64_t host_leaf(pfn_t n, uint64_t flags, enum memtype type)
{
	return n.v << PAGE_SHIFT | flags | HOST_PRESENT | HOST_LEAF |
	       (uint64_t)type << HOST_TYPE_SHIFT;
}

/* HOST_READ, HOST_WRITE, HOST_EXEC for a set of enum access. */
static inline uint64_t host_permissions(unsigned access)
{
	return (uint64_t)(access & (ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC)) << HOST_ACCESS_SHIFT;
}

static inline bool host_allows(uint64_t entry, enum access access)
{
	return (entry & (uint64_t)access << HOST_ACCESS_SHIFT) != 0;
}

static inline unsigned host_index(unsigned level, hva_t a)
{
	return (unsigned)(a.v >> (PAGE_SHIFT + host_order(level))) & ((1u << HOST_BITS) - 1);
}

static inline uint64_t host_load(const uint64_t *at)
{
	/* acquire: a table is seen filled once it is seen. */
	return atomic_load_explicit((const _Atomic uint64_t *)at, memory_order_acquire);
}

/*
 * Where the walk for `a` ends: *entry is what stands there, a leaf or 0, and *level its level.
 * Unrolled, since with each level's shift a constant the walk of a fault takes half as long; 4 KiB
 * entries are expected. Lockless: the caller is in a grace section or holds the space's lock.
 */
static inline uint64_t *host_walk(uint64_t *root, hva_t a, unsigned *level, uint64_t *entry)
{
	uint64_t *table = root;

	*level = 0;
#pragma clang loop unroll(full)
	for (unsigned l = HOST_LEVELS - 1; l > 0; l--) {
		uint64_t *at = &table[host_index(l, a)];
		*entry = host_load(at);
		if (__builtin_expect(!host_is_table(*entry), false)) {
			*level = l;
			return at;
		}
		table = mm_linear(host_pfn(*entry));
	}
	*entry = host_load(&table[host_index(0, a)]);
	return &table[host_index(0, a)];
}

/* The leaf that covers `a`, and its level; 0: there is none, and `level` is where the walk ended.
 * As host_walk. */
static inline uint64_t host_lookup(uint64_t *root, hva_t a, unsigned *level)
{
	uint64_t entry;

	(void)host_walk(root, a, level, &entry);
	return entry;
}

/* What a host fault leaves behind: the leaf that covers the page, and its level. */
struct host_found {
	uint64_t leaf;
	unsigned level;
};

/* All below: the space's lock is held. */

/* Puts a leaf where nothing is, or changes flags of the same leaf. OUT_OF_MEMORY: no table page. */
enum result host_set(uint64_t *root, owner_t owner, hva_t a, unsigned level, uint64_t leaf);

/* Puts a leaf where nothing stands: `at` is host_walk's for it, of its level, under this lock. */
void host_fill(uint64_t *at, uint64_t leaf);

/*
 * Where nothing is mapped: makes tables down to `level` and takes away the smaller, empty ones that
 * stand in the place of a leaf of `level` at `a`, so that host_set cannot fail. OUT_OF_MEMORY.
 */
enum result host_prepare(uint64_t *root, owner_t owner, hva_t a, unsigned level);

/*
 * Splits leaves until none straddles `a` (of `level_limit` and above only: those of lower levels
 * stay whole). Same pfns, same permissions; a COUNTED block gets a reference for each new entry.
 */
enum result host_split_at(uint64_t *root, owner_t owner, hva_t a, unsigned level_limit);

/* Splits the leaf over `a`, if there is one, until it is of `level` or below. OUT_OF_MEMORY. */
enum result host_split_down(uint64_t *root, owner_t owner, hva_t a, unsigned level);

/*
 * Removes all leaves of the range, none of which straddles its ends, and gives tables that lie
 * wholly in it back after a grace period. Returns how many pages of COUNTED frames went; their
 * references are dropped.
 */
uint64_t host_clear(uint64_t *root, owner_t owner, struct hva_range range);

/* The next leaf at or after `from` and before `end`: its place, level, and a pointer to the entry.
 * false: none. */
bool host_next(uint64_t *root, hva_t from, hva_t end, hva_t *at, unsigned *level, uint64_t **entry);

#endif
