/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two halves of the walker share: hv/s2.c, which removes and looks, and hv/s2_install.c.
 */
#ifndef HV_S2_TREE_H
#define HV_S2_TREE_H

#include <stdatomic.h>
#include <stdint.h>

#include "hv/s2.h"
#include "mm/frame.h"

static inline unsigned top_level(void)
{
	return arch_s2_geometry->levels - 1;
}

/* Pages that one entry of the level covers. */
static inline uint64_t level_pages(unsigned level)
{
	/* Of level 0 all trees say the same: where the level is a constant nothing is loaded. */
	if (__builtin_constant_p(level) && level == 0)
		return 1;
	return UINT64_C(1) << arch_s2_geometry->shift[level];
}

static inline unsigned entry_index(unsigned level, gfn_t n)
{
	const struct s2_geometry *g = arch_s2_geometry;
	return (unsigned)((n.v >> g->shift[level]) & ((UINT64_C(1) << g->bits[level]) - 1));
}

static inline unsigned table_entries(unsigned level)
{
	return 1u << arch_s2_geometry->bits[level];
}

static inline uint64_t entry_load(const uint64_t *at)
{
	/* acquire: a table is seen filled once it is seen. */
	return atomic_load_explicit((const _Atomic uint64_t *)at, memory_order_acquire);
}

static inline uint64_t *root_of(const struct s2 *s2)
{
	return mm_linear(s2->root);
}

/*
 * S3, F7: what the processor noted in a leaf goes into the frame's record, while the frame is
 * certainly alive: its host entry still holds a reference, since the notice that removes the leaf
 * comes before.
 */
static inline void leaf_fold(struct s2_entry leaf)
{
	/* The others need not be decoded. */
	uint32_t attrs = leaf.attrs & (S2_COUNTED | S2_YOUNG | S2_DIRTY);

	if (!(attrs & S2_COUNTED))
		return;
	MM_ASSERT(frame_class(leaf.pfn) == FRAME_COUNTED);
	uint32_t marks =
		(attrs & S2_YOUNG ? FRAME_YOUNG : 0) | (attrs & S2_DIRTY ? FRAME_DIRTY : 0);
	if (marks != 0)
		frame_mark(frame_counted(leaf.pfn), marks);
}

static inline void leaf_remove(struct s2 *s2, uint64_t *at, unsigned level)
{
	uint64_t old = arch_s2_swap(at, level, 0);
	leaf_fold(arch_s2_decode(level, old));
	s2->leaves[level]--;
}

/* A table goes: perhaps one that is at hand. */
static inline void near_forget(struct s2 *s2)
{
	for (unsigned l = 0; l < S2_NEAR_LEVELS; l++)
		s2->near[l].number = S2_NO_TABLE;
}

/* The number of the table of `level` that `n` is in. */
static inline uint64_t table_number(gfn_t n, unsigned level)
{
	return n.v >> (arch_s2_geometry->shift[level] + arch_s2_geometry->bits[level]);
}

#endif
