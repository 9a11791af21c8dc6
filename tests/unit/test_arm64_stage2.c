/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage 2 of arm64: what the identification registers say becomes a geometry and VTCR_EL2; every
 * leaf that can be asked for is told back as it was asked for, and stands in the bits that the
 * processor reads, with and without hardware dirty state and forced write-back. The entry
 * writer's assertions take the place of what the emulator would let pass (S3, S5, S8): they must
 * fire. VMIDs are given out in turn, and a rollover says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arm64/stage2.h"
#include "tests/unit/arm64_port.h"
#include "tests/unit/written_leaf.h"

#define W S2_WRITE
#define X S2_EXEC

static const struct stage2_features old_cpu = { .pa_bits = 44, .vmid_bits = 8 };
static const struct stage2_features new_cpu = {
	.pa_bits = 48, .vmid_bits = 16, .hw_young = true, .hw_dirty = true, .xnx = true, .fwb = true
};

/* ---- What there is --------------------------------------------------------------------------- */

/* The registers of QEMU's cortex-a72, neoverse-n1 and max, and D17.2's encodings. */
static void features(void **state)
{
	struct stage2_features f = stage2_features(0x1124, 0, 0, 0);

	(void)state;
	assert_int_equal(f.pa_bits, 44);
	assert_int_equal(f.vmid_bits, 8);
	assert_false(f.hw_young || f.hw_dirty || f.fwb || f.xnx);
	f = stage2_features(0x101125, 0x10212122, 0x1011, 0);
	assert_int_equal(f.pa_bits, 48);
	assert_int_equal(f.vmid_bits, 16);
	assert_true(f.hw_young && f.hw_dirty && f.xnx);
	assert_false(f.fwb);
	assert_true(!f.ranges && !stage2_features(0, 0, 0, UINT64_C(1) << 56).ranges);
	assert_true(stage2_features(0, 0, 0, UINT64_C(2) << 56).ranges);
	f = stage2_features(6, 1, UINT64_C(1) << 40, 0); /* 52 bits are cut to 48; HA without HD */
	assert_int_equal(f.pa_bits, 48);
	assert_true(f.hw_young && f.fwb);
	assert_false(f.hw_dirty);
}

static void geometry(void **state)
{
	static const struct {
		unsigned pa_bits, root_bits, order;
	} cases[] = { { 32, 2, 0 }, { 36, 6, 0 }, { 40, 10, 1 }, { 42, 12, 3 }, { 48, 12, 3 } };
	const struct s2_geometry *g = arch_s2_geometry;

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct stage2_features f = old_cpu;

		f.pa_bits = cases[i].pa_bits;
		stage2_configure(f);
		assert_int_equal(g->levels, 3);
		assert_int_equal(g->bits[2], cases[i].root_bits);
		assert_int_equal(g->root_order, cases[i].order);
		assert_int_equal(g->shift[2] + g->bits[2] + PAGE_SHIFT, stage2_ipa_bits());
		assert_true(stage2_ipa_bits() <= f.pa_bits && stage2_ipa_bits() <= 42);
		assert_int_equal(64 - (stage2_vtcr() & 63), stage2_ipa_bits());
		/* The root is page-aligned and holds 8 bytes an entry. */
		assert_true((8u << g->bits[2]) <= (PAGE_SIZE << g->root_order));
	}
	stage2_configure(new_cpu);
	assert_true(g->hw_young && g->hw_dirty);
	stage2_configure(old_cpu);
	assert_false(g->hw_young || g->hw_dirty);
}

/* D17.2.148: T0SZ, SL0, walks write-back and inner shareable, PS, VS, HA, HD, bit 31. */
static void vtcr(void **state)
{
	(void)state;
	stage2_configure(old_cpu);
	assert_int_equal(stage2_vtcr(), 0x80043556);
	stage2_configure(new_cpu);
	assert_int_equal(stage2_vtcr(), 0x806d3556);
}

/* ---- Codec ----------------------------------------------------------------------------------- */

static void round_trips(void)
{
	const struct s2_geometry *g = arch_s2_geometry;

	for (unsigned level = 0; level < g->levels; level++) {
		for (uint32_t attrs = 0; attrs < 0x400; attrs++) {
			pfn_t n = pfn(UINT64_C(0xabc5) << 18);
			struct s2_entry d;

			if (attrs & 0xc0)
				continue; /* no attribute has these bits */
			d = arch_s2_decode(level, arch_s2_leaf(level, n, attrs));
			assert_int_equal(d.kind, S2_LEAF);
			assert_int_equal(d.attrs, attrs);
			assert_int_equal(d.pfn.v, n.v);
		}
	}
}

static void codec_round_trip(void **state)
{
	(void)state;
	stage2_configure(old_cpu);
	round_trips();
	stage2_configure(new_cpu);
	round_trips();
}

/* D8.3.2: MemAttr 5..2, S2AP 7..6, SH 9..8, AF 10, DBM 51, XN 54..53; ours are 55 and 56. */
static void the_processors_bits(void **state)
{
	(void)state;
	stage2_configure(old_cpu);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), W | X), 0x1233ff);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X), 0x12337f);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X | S2_YOUNG), 0x12377f);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), 0), UINT64_C(0x004000000012337f));
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X | S2_COUNTED), UINT64_C(0x008000000012337f));
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X | S2_MAY_WRITE),
			 UINT64_C(0x020000000012337f));
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), W | X | S2_DIRTY),
			 UINT64_C(0x01000000001233ff));
	assert_int_equal(arch_s2_leaf(1, pfn(0x200), X), 0x20037d);
	assert_int_equal(arch_s2_leaf(0, pfn(1), S2_TYPE(MEM_WRITE_COMBINING)),
			 UINT64_C(0x0040000000001357));
	assert_int_equal(arch_s2_leaf(0, pfn(1), S2_TYPE(MEM_UNCACHED)),
			 UINT64_C(0x004000000000134b));
	assert_int_equal(arch_s2_leaf(0, pfn(1), S2_TYPE(MEM_DEVICE)),
			 UINT64_C(0x0040000000001347));
	assert_int_equal(arch_s2_table(0, pfn(0x42)), 0x42003);
	/* Forced write-back is 6; "writable" is DBM, and S2AP[1] says that it has been written. */
	stage2_configure(new_cpu);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X), 0x12335b);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), W | X), UINT64_C(0x000800000012335b));
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), W | X | S2_DIRTY),
			 UINT64_C(0x00080000001233db));
}

static void tables_and_nothing(void **state)
{
	struct s2_entry d;

	(void)state;
	d = arch_s2_decode(2, arch_s2_table(1, pfn(0x77)));
	assert_int_equal(d.kind, S2_TABLE);
	assert_int_equal(d.below, 1);
	assert_int_equal(d.pfn.v, 0x77);
	for (unsigned level = 0; level < arch_s2_geometry->levels; level++)
		assert_int_equal(arch_s2_decode(level, 0).kind, S2_NONE);
}

/* ---- The two writers ------------------------------------------------------------------------- */

static void set_and_swap(void **state)
{
	uint64_t e = 0, leaf;

	(void)state;
	stage2_configure(new_cpu);
	leaf = arch_s2_leaf(0, pfn(5), X | W);
	port_published = 0;
	arch_s2_set(&e, 0, leaf);
	assert_int_equal(e, leaf);
	assert_int_equal(port_published, 1);
	/* The processor has set the access flag and written; widening keeps both. */
	e |= 0x480;
	arch_s2_set(&e, 0, leaf);
	assert_int_equal(arch_s2_decode(0, e).attrs, W | X | S2_YOUNG | S2_DIRTY);
	/* Narrowing returns them. */
	uint64_t old = arch_s2_swap(&e, 0, arch_s2_leaf(0, pfn(5), X));
	assert_int_equal(arch_s2_decode(0, old).attrs, W | X | S2_YOUNG | S2_DIRTY);
	assert_int_equal(arch_s2_decode(0, e).attrs, X);
	assert_true(arch_s2_swap(&e, 0, 0) != 0);
	assert_int_equal(e, 0);
}

/* A processor without it has no DBM; what stands in S2AP[1] is a permission and stays. */
static void software_dirty(void **state)
{
	uint64_t e = 0;

	(void)state;
	stage2_configure(old_cpu);
	arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), X | S2_YOUNG));
	arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), W | X | S2_YOUNG | S2_DIRTY));
	assert_int_equal(arch_s2_decode(0, e).attrs, W | X | S2_YOUNG | S2_DIRTY);
	arch_s2_swap(&e, 0, arch_s2_leaf(0, pfn(5), X));
	assert_int_equal(arch_s2_decode(0, e).attrs, X);
}

static void may_write(void **state)
{
	(void)state;
	stage2_configure(new_cpu);
	written_leaf_check();
}

/* ---- Ranges of an invalidation ----------------------------------------------------------------
 */

/* What the operand says, by the manual's formula (C5.5, TLBI RIPAS2E1IS). */
static uint64_t covered(uint64_t operand)
{
	uint64_t scale = operand >> 44 & 3, num = operand >> 39 & 31;

	return (num + 1) << (5 * scale + 1);
}

static void ranges(void **state)
{
	static const uint64_t sizes[] = { 2,	   3,	  31,	 32,	 33,	   64,
					  65,	   512,	  2047,	 2048,	 2049,	   16384,
					  65535,   65536, 65537, 262144, 1u << 21, (1u << 21) + 1,
					  10000019 };

	(void)state;
	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint64_t at = 0x123457, left = sizes[i], pieces = 0;

		while (left >= 2) {
			uint64_t pages = 0, operand = tlb_range(at, left, &pages);

			assert_int_equal(covered(operand), pages);
			assert_true(pages >= 1 && pages <= left);
			assert_int_equal(operand & ((UINT64_C(1) << 37) - 1), at);
			assert_int_equal(operand >> 37 & 3, 0); /* no hint of the level */
			assert_int_equal(operand >> 46, 1);	/* 4 KiB, nothing above */
			at += pages;
			left -= pages;
			pieces++;
		}
		assert_true(pieces <= 4 + sizes[i] / (32u << 16));
	}
	assert_int_equal(tlb_range(7, 1, &(uint64_t){ 0 }), 0);
}

/* S5 */
static void remake_without_break(void **state)
{
	uint64_t e = arch_s2_leaf(0, pfn(5), W), t = arch_s2_table(0, pfn(5));

	(void)state;
	EXPECT_STOP("without being broken", arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(6), W)));
	EXPECT_STOP("without being broken", arch_s2_swap(&e, 0, arch_s2_leaf(0, pfn(6), 0)));
	e = arch_s2_leaf(0, pfn(5), 0);
	EXPECT_STOP("without being broken",
		    arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), S2_TYPE(MEM_DEVICE))));
	EXPECT_STOP("without being broken",
		    arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), S2_COUNTED)));
	EXPECT_STOP("without being broken", arch_s2_set(&t, 1, arch_s2_leaf(1, pfn(0x200), W)));
	t = arch_s2_leaf(1, pfn(0x200), W);
	EXPECT_STOP("without being broken", arch_s2_set(&t, 1, arch_s2_table(0, pfn(9))));
}

static void wrong_direction(void **state)
{
	uint64_t e = arch_s2_leaf(0, pfn(5), W | X);

	(void)state;
	EXPECT_STOP("narrowed", arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), X)));
	EXPECT_STOP("narrowed", arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), W)));
	e = arch_s2_leaf(0, pfn(5), 0);
	EXPECT_STOP("widened", arch_s2_swap(&e, 0, arch_s2_leaf(0, pfn(5), W)));
	e = arch_s2_leaf(0, pfn(5), 0);
	EXPECT_STOP("widened", arch_s2_swap(&e, 0, arch_s2_leaf(0, pfn(5), X)));
}

/* S8, S3 */
static void device_memory(void **state)
{
	static const enum memtype types[] = { MEM_WRITE_COMBINING, MEM_UNCACHED, MEM_DEVICE };
	uint64_t e;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		e = 0;
		EXPECT_STOP("execute",
			    arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), X | S2_TYPE(types[i]))));
		EXPECT_STOP("counted",
			    arch_s2_set(&e, 0,
					arch_s2_leaf(0, pfn(5), S2_COUNTED | S2_TYPE(types[i]))));
		assert_int_equal(e, 0);
	}
}

static void alignment_and_level(void **state)
{
	uint64_t e = 0;

	(void)state;
	EXPECT_STOP("aligned", arch_s2_set(&e, 1, arch_s2_leaf(1, pfn(0x201), W)));
	EXPECT_STOP("aligned", arch_s2_set(&e, 2, arch_s2_leaf(2, pfn(0x200), W)));
	EXPECT_STOP("level", arch_s2_set(&e, 3, arch_s2_leaf(3, pfn(0), W)));
	assert_int_equal(e, 0);
}

/* ---- VMIDs ----------------------------------------------------------------------------------- */

static struct vmid_pool pool;

static void vmids_in_turn(void **state)
{
	bool rollover;

	(void)state;
	vmid_pool_init(&pool, 8);
	for (uint32_t n = 1; n < 256; n++) {
		assert_int_equal(vmid_get(&pool, &rollover), n);
		assert_false(rollover);
	}
	assert_int_equal(vmid_get(&pool, &rollover), 0);
	/* One that was given back comes again only after the search has come round, and says so. */
	vmid_put(&pool, 7);
	assert_int_equal(vmid_get(&pool, &rollover), 7);
	assert_true(rollover);
}

static void vmids_not_reused_early(void **state)
{
	bool rollover;

	(void)state;
	vmid_pool_init(&pool, 16);
	for (uint32_t n = 1; n < 65536; n++) {
		assert_int_equal(vmid_get(&pool, &rollover), n);
		assert_false(rollover);
		if (n != 3)
			vmid_put(&pool, n);
	}
	assert_int_equal(vmid_get(&pool, &rollover), 1);
	assert_true(rollover);
	assert_int_equal(vmid_get(&pool, &rollover), 2);
	assert_false(rollover);
	assert_int_equal(vmid_get(&pool, &rollover), 4); /* 3 lives */
	/* What is not in use cannot be given back. */
	vmid_put(&pool, 0);
	vmid_put(&pool, 65536);
	vmid_put(&pool, 9);
	assert_int_equal(pool.live, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features),
		cmocka_unit_test(geometry),
		cmocka_unit_test(vtcr),
		cmocka_unit_test(codec_round_trip),
		cmocka_unit_test(the_processors_bits),
		cmocka_unit_test(tables_and_nothing),
		cmocka_unit_test(set_and_swap),
		cmocka_unit_test(may_write),
		cmocka_unit_test(software_dirty),
		cmocka_unit_test(ranges),
		cmocka_unit_test(remake_without_break),
		cmocka_unit_test(wrong_direction),
		cmocka_unit_test(device_memory),
		cmocka_unit_test(alignment_and_level),
		cmocka_unit_test(vmids_in_turn),
		cmocka_unit_test(vmids_not_reused_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
