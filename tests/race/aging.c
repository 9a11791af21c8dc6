/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walker as rules A1, S6 and S7 want it; the hypervisor has none yet. It holds no lock: a grace
 * section keeps the tables, and an entry is changed by compare-and-swap of what was read, since a
 * plain store could bring back a leaf that was removed meanwhile (M10). The frames' records are not
 * touched: their frames may be gone (F7).
 */
#include "arch/arch.h"
#include "mm/grace.h"
#include "tests/race/world.h"

/* Takes young out of the leaf at `at`; true: it was there. */
static bool leaf_age(uint64_t *at, unsigned level)
{
	uint64_t raw = atomic_load_explicit((_Atomic uint64_t *)at, memory_order_acquire);

	for (;;) {
		race_step("aging_read", at);
		struct s2_entry e = arch_s2_decode(level, raw);
		if (e.kind != S2_LEAF || !(e.attrs & S2_YOUNG))
			return false;
		uint64_t aged = arch_s2_leaf(level, e.pfn, e.attrs & ~S2_YOUNG);
		if (atomic_compare_exchange_strong_explicit((_Atomic uint64_t *)at, &raw, aged,
							    memory_order_acq_rel,
							    memory_order_acquire))
			return true;
	}
}

static uint64_t table_age(uint64_t *table, unsigned level, uint64_t base, gfn_t first,
			  uint64_t count)
{
	const struct s2_geometry *g = arch_s2_geometry;
	uint64_t young = 0, size = UINT64_C(1) << g->shift[level];

	for (unsigned i = 0; i < 1u << g->bits[level]; i++) {
		uint64_t start = base + i * size;
		if (start + size <= first.v || start >= first.v + count)
			continue;
		uint64_t raw =
			atomic_load_explicit((_Atomic uint64_t *)&table[i], memory_order_acquire);
		struct s2_entry e = arch_s2_decode(level, raw);
		if (e.kind == S2_TABLE)
			young += table_age(mm_linear(e.pfn), e.below, start, first, count);
		else if (e.kind == S2_LEAF)
			young += leaf_age(&table[i], level);
	}
	return young;
}

uint64_t aging_walk(struct s2 *s2, gfn_t first, uint64_t count)
{
	grace_enter();
	uint64_t young =
		table_age(mm_linear(s2->root), arch_s2_geometry->levels - 1, 0, first, count);
	grace_leave();
	return young;
}
