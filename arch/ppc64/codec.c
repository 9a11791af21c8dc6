/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The codec of partition-scoped radix entries (Power ISA 3.0B, book III, 5.7.10): 4 KiB, 64 KiB,
 * 2 MiB and 1 GiB leaves under a root of 2^13 entries. The entry of a table says how many entries
 * that has: below the 2 MiB level 2^9 of 4 KiB, or 2^5 of 64 KiB, which fill 256 bytes of a page.
 * Entries are big-endian in memory whatever the processor's byte order is; it is turned round here
 * and in the writers, so that nobody else has to know.
 */
#include "arch/ppc64/codec.h"

#define E_VALID (UINT64_C(1) << 63)
#define E_LEAF (UINT64_C(1) << 62)
#define E_ADDRESS UINT64_C(0x01fffffffffff000)
#define E_MAY_WRITE UINT64_C(0x800) /* software */
#define E_UNCACHED UINT64_C(0x400)  /* software: which of the two tolerant types it is */
#define E_COUNTED UINT64_C(0x200)   /* software */
#define E_YOUNG UINT64_C(0x100)	    /* R */
#define E_DIRTY UINT64_C(0x080)	    /* C */
#define E_ATT UINT64_C(0x030)
#define E_NON_IDEMPOTENT UINT64_C(0x020)
#define E_TOLERANT UINT64_C(0x030)
#define E_READ UINT64_C(0x004)
#define E_WRITE UINT64_C(0x002)
#define E_EXEC UINT64_C(0x001)
#define E_NEXT_BITS UINT64_C(0x01f) /* of a table: log2 of its entries */
#define SIDE 4u			    /* the level of 64 KiB leaves */

static const struct s2_geometry tree = {
	.levels = 4,
	.shift = { 0, 9, 18, 27, [SIDE] = 4 },
	.bits = { 9, 9, 9, 13, [SIDE] = 5 },
	.leaf_levels = 7u | 1u << SIDE,
	.root_order = 4,
	.hw_young = true,
	.hw_dirty = true,
	.side = SIDE,
};

const struct s2_geometry *const arch_s2_geometry = &tree;

static const uint64_t att_of_type[4] = { 0, E_TOLERANT, E_TOLERANT | E_UNCACHED, E_NON_IDEMPOTENT };

static enum memtype type_of(uint64_t e)
{
	switch (e & E_ATT) {
	case E_TOLERANT: return e & E_UNCACHED ? MEM_UNCACHED : MEM_WRITE_COMBINING;
	case E_NON_IDEMPOTENT: return MEM_DEVICE;
	default: return MEM_WRITE_BACK;
	}
}

uint64_t arch_s2_leaf(unsigned level, pfn_t n, uint32_t attrs)
{
	uint64_t e = E_VALID | E_LEAF | E_READ | pfn_to_hpa(n).v;

	(void)level;
	e |= att_of_type[S2_TYPE_OF(attrs)];
	e |= attrs & S2_WRITE ? E_WRITE : 0;
	e |= attrs & S2_EXEC ? E_EXEC : 0;
	e |= attrs & S2_YOUNG ? E_YOUNG : 0;
	e |= attrs & S2_DIRTY ? E_DIRTY : 0;
	e |= attrs & S2_COUNTED ? E_COUNTED : 0;
	e |= attrs & S2_MAY_WRITE ? E_MAY_WRITE : 0;
	return codec_swap(e);
}

uint64_t arch_s2_table(unsigned below, pfn_t table)
{
	return codec_swap(E_VALID | pfn_to_hpa(table).v | tree.bits[below]);
}

struct s2_entry arch_s2_decode(unsigned level, uint64_t entry)
{
	struct s2_entry d = { .kind = S2_NONE };
	uint64_t e = codec_swap(entry);

	if ((e & E_VALID) == 0)
		return d;
	d.pfn = hpa_to_pfn(hpa(e & E_ADDRESS));
	/* Nothing is below these two levels: so much less for whoever knows the level. */
	d.kind = level == 0 || level == SIDE || (e & E_LEAF) != 0 ? S2_LEAF : S2_TABLE;
	if (d.kind == S2_TABLE) {
		d.below = (e & E_NEXT_BITS) == tree.bits[SIDE] ? SIDE : level - 1;
		return d;
	}
	d.attrs = S2_TYPE(type_of(e));
	d.attrs |= e & E_WRITE ? S2_WRITE : 0;
	d.attrs |= e & E_EXEC ? S2_EXEC : 0;
	d.attrs |= e & E_YOUNG ? S2_YOUNG : 0;
	d.attrs |= e & E_DIRTY ? S2_DIRTY : 0;
	d.attrs |= e & E_COUNTED ? S2_COUNTED : 0;
	d.attrs |= e & E_MAY_WRITE ? S2_MAY_WRITE : 0;
	return d;
}

uint64_t arch_s2_written(uint64_t leaf)
{
	return leaf | codec_swap(E_WRITE | E_YOUNG | E_DIRTY);
}

uint64_t codec_set_by_processor(uint64_t entry)
{
	uint64_t e = codec_swap(entry);

	return codec_swap(e & (E_YOUNG | (e & E_WRITE ? E_DIRTY : 0)));
}

const char *codec_wrong_leaf(unsigned level, uint64_t entry)
{
	uint64_t e = codec_swap(entry);

	if ((e & E_VALID) == 0 || (e & E_LEAF) == 0)
		return NULL;
	if (level >= S2_MAX_LEVELS || (tree.leaf_levels >> level & 1) == 0)
		return "a stage-2 leaf at a level that has none";
	if ((e & E_ADDRESS & ((PAGE_SIZE << tree.shift[level]) - 1)) != 0)
		return "a stage-2 leaf whose frame is not aligned to its size";
	if ((e & E_ATT) != 0 && (e & E_EXEC) != 0)
		return "a stage-2 leaf of device memory that the guest could execute";
	if ((e & E_ATT) != 0 && (e & E_COUNTED) != 0)
		return "a stage-2 leaf of device memory that is marked as counted";
	return NULL;
}

/* Only a leaf's permissions and what the processor sets may change without a break (S5). */
bool codec_same_place(uint64_t a, uint64_t b)
{
	const uint64_t may_differ = E_YOUNG | E_DIRTY | E_WRITE | E_MAY_WRITE | E_EXEC;
	uint64_t x = codec_swap(a), y = codec_swap(b);

	return (x & E_LEAF) != 0 && ((x ^ y) & ~may_differ) == 0;
}
