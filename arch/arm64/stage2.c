/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stage-2 codec (Arm ARM D8.3, D8.4.5): 4 KiB granule; pages, 2 MiB and 1 GiB blocks. The
 * processor sets the access flag, and S2AP[1] of an entry whose DBM is set, where it has
 * FEAT_HAFDBS; so there "writable" is DBM and "dirty" is S2AP[1], and elsewhere writable is S2AP[1]
 * and dirty a bit of ours. Software bits are 55..58.
 *
 * No emulator shows a wrong memory type, a wrong VMID, or an entry remade without being broken: the
 * processor would, some day. Debug builds assert these where entries are written.
 */
#include "arch/arm64/stage2.h"

#include "arch/arm64/assert.h"

#define E_VALID UINT64_C(1)
#define E_TABLE UINT64_C(2) /* a table, or at level 0 a page */
#define E_TYPE_SHIFT 2u	    /* MemAttr[3:0] */
#define E_TYPE_MASK UINT64_C(15)
#define E_READ (UINT64_C(1) << 6)
#define E_WRITE (UINT64_C(1) << 7)
#define E_INNER_SHAREABLE (UINT64_C(3) << 8)
#define E_YOUNG (UINT64_C(1) << 10)
#define E_ADDRESS UINT64_C(0x0000fffffffff000)
#define E_DBM (UINT64_C(1) << 51)
#define E_NO_EXEC (UINT64_C(1) << 54) /* XN[1]; with XN[0] = 0: neither at EL1 nor at EL0 */
#define E_COUNTED (UINT64_C(1) << 55)
#define E_DIRTY (UINT64_C(1) << 56) /* where the processor does not set S2AP[1] */
#define E_MAY_WRITE (UINT64_C(1) << 57)

/* What may differ between two leaves of which one replaces the other without a break. */
#define E_MAY_DIFFER (E_WRITE | E_DBM | E_MAY_WRITE | E_NO_EXEC | E_YOUNG | E_DIRTY)

/* MemAttr: Normal write-back, Normal non-cacheable, Device-nGRE, Device-nGnRE. */
static const unsigned char attr_of_type[4] = { 15, 5, 2, 1 };
#define ATTR_WRITE_BACK_FWB 6u

#define IPA_BITS_MAX 42u
#define VTCR_RES1 (UINT64_C(1) << 31)
#define VTCR_HD (UINT64_C(1) << 22)
#define VTCR_HA (UINT64_C(1) << 21)
#define VTCR_VS (UINT64_C(1) << 19)
#define VTCR_PS_SHIFT 16u
#define VTCR_WALKS (UINT64_C(3) << 12 | UINT64_C(1) << 10 | UINT64_C(1) << 8)
#define VTCR_SL0_LEVEL1 (UINT64_C(1) << 6)

struct stage2_features stage2 = { .pa_bits = 40, .vmid_bits = 8 };

static struct s2_geometry tree = {
	.levels = 3,
	.shift = { 0, 9, 18 },
	.bits = { 9, 9, 10 },
	.leaf_levels = 7, /* 4 KiB, 2 MiB, 1 GiB */
	.root_order = 1,
};

const struct s2_geometry *const arch_s2_geometry = &tree;

/* ---- What there is --------------------------------------------------------------------------- */

static const unsigned char pa_bits[] = { 32, 36, 40, 42, 44, 48 };

struct stage2_features stage2_features(uint64_t mmfr0, uint64_t mmfr1, uint64_t mmfr2,
				       uint64_t isar0)
{
	unsigned range = mmfr0 & 15, last = sizeof pa_bits - 1;

	return (struct stage2_features){
		/* More than 48 bits take another table format. */
		.pa_bits = pa_bits[range > last ? last : range],
		.vmid_bits = (mmfr1 >> 4 & 15) == 2 ? 16 : 8,
		.hw_young = (mmfr1 & 15) >= 1,
		.hw_dirty = (mmfr1 & 15) >= 2,
		.xnx = (mmfr1 >> 28 & 15) >= 1,
		.fwb = (mmfr2 >> 40 & 15) >= 1,
		.ranges = (isar0 >> 56 & 15) >= 2,
	};
}

unsigned stage2_ipa_bits(void)
{
	return stage2.pa_bits < IPA_BITS_MAX ? stage2.pa_bits : IPA_BITS_MAX;
}

/* The root, of level 2 here and of level 1 in the manual's count, covers 30 bits an entry. */
void stage2_configure(struct stage2_features features)
{
	stage2 = features;
	tree.bits[2] = (unsigned char)(stage2_ipa_bits() - 30);
	tree.root_order = tree.bits[2] > 9 ? tree.bits[2] - 9u : 0;
	tree.hw_young = features.hw_young;
	tree.hw_dirty = features.hw_dirty;
}

uint64_t stage2_vtcr(void)
{
	uint64_t v = VTCR_RES1 | VTCR_WALKS | VTCR_SL0_LEVEL1 | (64 - stage2_ipa_bits());
	uint64_t ps = 0;

	while (pa_bits[ps] < stage2.pa_bits)
		ps++;
	v |= ps << VTCR_PS_SHIFT;
	v |= stage2.vmid_bits == 16 ? VTCR_VS : 0;
	v |= stage2.hw_young ? VTCR_HA : 0;
	v |= stage2.hw_dirty ? VTCR_HD : 0;
	return v;
}

/* ---- Ranges of a TLB invalidation ----------------------------------------------------------- */

#define RANGE_GRANULE_4K (UINT64_C(1) << 46)
#define RANGE_SCALE_SHIFT 44u
#define RANGE_NUM_SHIFT 39u
#define RANGE_BASE ((UINT64_C(1) << 37) - 1)

/* One of them covers (NUM + 1) << (5 * SCALE + 1) pages, 1 to 32 of the scale's unit. */
uint64_t tlb_range(uint64_t from, uint64_t left, uint64_t *pages)
{
	uint64_t scale = 3, num;

	while (scale > 0 && left >> (5 * scale + 1) == 0)
		scale--;
	num = left >> (5 * scale + 1);
	if (num == 0)
		return 0;
	num = num > 32 ? 32 : num;
	*pages = num << (5 * scale + 1);
	return RANGE_GRANULE_4K | scale << RANGE_SCALE_SHIFT | (num - 1) << RANGE_NUM_SHIFT |
	       (from & RANGE_BASE);
}

/* ---- Codec ---------------------------------------------------------------------------------- */

static uint64_t attr_of(enum memtype type)
{
	return type == MEM_WRITE_BACK && stage2.fwb ? ATTR_WRITE_BACK_FWB : attr_of_type[type];
}

static enum memtype type_of(uint64_t entry)
{
	uint64_t attr = entry >> E_TYPE_SHIFT & E_TYPE_MASK;

	for (unsigned t = MEM_WRITE_COMBINING; t <= MEM_DEVICE; t++)
		if (attr == attr_of_type[t])
			return (enum memtype)t;
	return MEM_WRITE_BACK;
}

uint64_t arch_s2_leaf(unsigned level, pfn_t n, uint32_t attrs)
{
	uint64_t e = pfn_to_hpa(n).v | E_VALID | E_READ | E_INNER_SHAREABLE;
	bool write = attrs & S2_WRITE, dirty = attrs & S2_DIRTY;

	e |= level == 0 ? E_TABLE : 0;
	e |= attr_of(S2_TYPE_OF(attrs)) << E_TYPE_SHIFT;
	if (stage2.hw_dirty && write)
		e |= E_DBM | (dirty ? E_WRITE : 0);
	else
		e |= (write ? E_WRITE : 0) | (dirty ? E_DIRTY : 0);
	e |= attrs & S2_EXEC ? 0 : E_NO_EXEC;
	e |= attrs & S2_YOUNG ? E_YOUNG : 0;
	e |= attrs & S2_COUNTED ? E_COUNTED : 0;
	e |= attrs & S2_MAY_WRITE ? E_MAY_WRITE : 0;
	return e;
}

uint64_t arch_s2_table(unsigned below, pfn_t table)
{
	(void)below;
	return pfn_to_hpa(table).v | E_TABLE | E_VALID;
}

struct s2_entry arch_s2_decode(unsigned level, uint64_t entry)
{
	struct s2_entry d = { .kind = S2_NONE };

	if ((entry & E_VALID) == 0)
		return d;
	d.pfn = hpa_to_pfn(hpa(entry & E_ADDRESS));
	d.kind = level != 0 && (entry & E_TABLE) != 0 ? S2_TABLE : S2_LEAF;
	if (d.kind == S2_TABLE) {
		d.below = level - 1;
		return d;
	}
	d.attrs = S2_TYPE(type_of(entry));
	d.attrs |= entry & (E_WRITE | E_DBM) ? S2_WRITE : 0;
	d.attrs |= (entry & E_DIRTY) || (entry & (E_WRITE | E_DBM)) == (E_WRITE | E_DBM) ? S2_DIRTY
											 : 0;
	d.attrs |= entry & E_NO_EXEC ? 0 : S2_EXEC;
	d.attrs |= entry & E_YOUNG ? S2_YOUNG : 0;
	d.attrs |= entry & E_COUNTED ? S2_COUNTED : 0;
	d.attrs |= entry & E_MAY_WRITE ? S2_MAY_WRITE : 0;
	return d;
}

uint64_t arch_s2_written(uint64_t leaf)
{
	return leaf | E_WRITE | E_YOUNG | (stage2.hw_dirty ? E_DBM : E_DIRTY);
}

/* ---- The two writers ------------------------------------------------------------------------ */

static bool is_leaf(unsigned level, uint64_t e)
{
	return (e & E_VALID) != 0 && (level == 0 || (e & E_TABLE) == 0);
}

/* S8, and the alignment that the processor would answer by ignoring address bits. */
static void check_leaf(unsigned level, uint64_t e)
{
	ARM64_ASSERT(level < tree.levels && (tree.leaf_levels >> level & 1),
		     "a stage-2 leaf at a level that has none");
	ARM64_ASSERT((e & E_ADDRESS & ((PAGE_SIZE << tree.shift[level]) - 1)) == 0,
		     "a stage-2 leaf whose frame is not aligned to its size");
	ARM64_ASSERT(type_of(e) == MEM_WRITE_BACK || (e & E_NO_EXEC) != 0,
		     "a stage-2 leaf of device memory that the guest could execute");
	ARM64_ASSERT(type_of(e) == MEM_WRITE_BACK || (e & E_COUNTED) == 0,
		     "a stage-2 leaf of device memory that is marked as counted");
	(void)level, (void)e;
}

/* What the processor may set in an entry while we look at it. */
static uint64_t set_by_processor(uint64_t e)
{
	return e & (E_YOUNG | ((e & E_DBM) != 0 ? E_WRITE : 0));
}

/* How far writes are let in: not at all, once they are seen, at once. */
static inline unsigned writes(uint64_t e)
{
	return e & (E_WRITE | E_DBM) ? 2 : e & E_MAY_WRITE ? 1 : 0;
}

/* Does `a` lack what `b` permits? */
static inline __attribute__((unused)) bool narrower(uint64_t a, uint64_t b)
{
	return writes(a) < writes(b) || (a & ~b & E_NO_EXEC) != 0;
}

void arch_s2_set(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t old = __atomic_load_n(where, __ATOMIC_RELAXED);

	if (is_leaf(level, entry))
		check_leaf(level, entry);
	if (old == 0) {
		__atomic_store_n(where, entry, __ATOMIC_RELEASE);
		stage2_published();
		return;
	}
	ARM64_ASSERT(is_leaf(level, old) && is_leaf(level, entry) &&
			     ((old ^ entry) & ~E_MAY_DIFFER) == 0,
		     "a stage-2 entry was remade without being broken first");
	ARM64_ASSERT(!narrower(entry, old), "a stage-2 entry was narrowed as if it were widened");
	while (!__atomic_compare_exchange_n(where, &old, entry | set_by_processor(old), false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	stage2_published();
}

uint64_t arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t old = __atomic_exchange_n(where, entry, __ATOMIC_SEQ_CST);

	if (entry != 0) {
		check_leaf(level, entry);
		ARM64_ASSERT(is_leaf(level, old) && ((old ^ entry) & ~E_MAY_DIFFER) == 0,
			     "a stage-2 entry was remade without being broken first");
		ARM64_ASSERT(!narrower(old, entry),
			     "a stage-2 entry was widened as if it were narrowed");
	}
	return old;
}
