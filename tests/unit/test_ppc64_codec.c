/* SPDX-License-Identifier: BSD-2-Clause */
/* ppc64: entries of the stage-2 tree as the processor reads them, and what its interrupts say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/ppc64/codec.h"
#include "arch/ppc64/vcpu.h"

/* By Power ISA 3.0B, book III, 5.7.10.2: written out by hand, in the order of the bytes in memory.
 */
static void leaf_in_memory(void **state)
{
	static const unsigned char want[8] = { 0xc0, 0, 0, 0, 0x12, 0x34, 0x51, 0x86 };
	uint64_t e = arch_s2_leaf(0, pfn(0x12345), S2_WRITE | S2_YOUNG | S2_DIRTY);

	(void)state;
	assert_memory_equal(&e, want, sizeof(want));
}

/* 0x800 is the first of the three software bits that stand together (5.7.10.2). */
static void may_write_in_memory(void **state)
{
	static const unsigned char want[8] = { 0xc0, 0, 0, 0, 0x12, 0x34, 0x58, 0x04 };
	uint64_t e = arch_s2_leaf(0, pfn(0x12345), S2_MAY_WRITE);

	(void)state;
	assert_memory_equal(&e, want, sizeof(want));
}

static void table_in_memory(void **state)
{
	static const unsigned char want[8] = { 0x80, 0, 0, 0, 0x12, 0x34, 0x50, 0x09 };
	uint64_t e = arch_s2_table(0, pfn(0x12345));

	(void)state;
	assert_memory_equal(&e, want, sizeof(want));
	assert_int_equal(arch_s2_decode(1, e).below, 0);
	assert_int_equal(arch_s2_decode(2, arch_s2_table(1, pfn(7))).below, 1);
}

/* 2^5 entries, each of which is a leaf of 64 KiB (5.7.10.2: NLS, and the address's low bits 0). */
static void table_of_64k_in_memory(void **state)
{
	static const unsigned char table[8] = { 0x80, 0, 0, 0, 0x12, 0x34, 0x50, 0x05 },
				   want[8] = { 0xc0, 0, 0, 0, 0x12, 0x34, 0x01, 0x86 };
	const unsigned side = arch_s2_geometry->side;
	uint64_t e = arch_s2_table(side, pfn(0x12345));
	uint64_t leaf = arch_s2_leaf(side, pfn(0x12340), S2_WRITE | S2_YOUNG | S2_DIRTY);

	(void)state;
	assert_int_equal(PAGE_SIZE << arch_s2_geometry->shift[side], 65536);
	assert_memory_equal(&e, table, sizeof(table));
	assert_int_equal(arch_s2_decode(1, e).kind, S2_TABLE);
	assert_int_equal(arch_s2_decode(1, e).below, side);
	assert_int_equal(arch_s2_decode(1, e).pfn.v, 0x12345);
	assert_memory_equal(&leaf, want, sizeof(want));
	assert_int_equal(arch_s2_decode(side, leaf).pfn.v, 0x12340);
}

static void wrong_leaves(void **state)
{
	(void)state;
	assert_null(codec_wrong_leaf(0, arch_s2_leaf(0, pfn(5), S2_WRITE | S2_EXEC)));
	assert_null(codec_wrong_leaf(1, arch_s2_leaf(1, pfn(0x200), S2_WRITE)));
	assert_non_null(codec_wrong_leaf(1, arch_s2_leaf(1, pfn(0x201), S2_WRITE)));
	assert_non_null(codec_wrong_leaf(3, arch_s2_leaf(3, pfn(0), S2_WRITE)));
	assert_non_null(codec_wrong_leaf(5, arch_s2_leaf(5, pfn(0), S2_WRITE)));
	assert_null(codec_wrong_leaf(4, arch_s2_leaf(4, pfn(0x210), S2_WRITE)));
	assert_non_null(codec_wrong_leaf(4, arch_s2_leaf(4, pfn(0x218), S2_WRITE)));
	assert_non_null(
		codec_wrong_leaf(0, arch_s2_leaf(0, pfn(5), S2_EXEC | S2_TYPE(MEM_DEVICE))));
}

static void same_place(void **state)
{
	uint64_t e = arch_s2_leaf(0, pfn(5), S2_YOUNG);

	(void)state;
	assert_true(codec_same_place(e, arch_s2_leaf(0, pfn(5), S2_YOUNG | S2_WRITE | S2_DIRTY)));
	assert_true(codec_same_place(arch_s2_leaf(0, pfn(5), S2_MAY_WRITE),
				     arch_s2_leaf(0, pfn(5), S2_MAY_WRITE | S2_WRITE)));
	assert_true(codec_same_place(e, arch_s2_leaf(0, pfn(5), S2_YOUNG | S2_MAY_WRITE)));
	assert_false(codec_same_place(e, arch_s2_leaf(0, pfn(5), S2_YOUNG | S2_COUNTED)));
	assert_false(codec_same_place(e, arch_s2_leaf(0, pfn(6), S2_YOUNG)));
	assert_false(codec_same_place(e, arch_s2_leaf(0, pfn(5), S2_TYPE(MEM_DEVICE))));
}

/* What is put into a leaf comes out of it, the memory types among the rest (S8). */
static void leaf_round_trip(void **state)
{
	static const uint32_t bits[] = { S2_WRITE, S2_EXEC,    S2_YOUNG,
					 S2_DIRTY, S2_COUNTED, S2_MAY_WRITE };

	(void)state;
	for (unsigned n = 0; n < 1u << 6; n++) {
		uint32_t attrs = 0;
		for (unsigned i = 0; i < 6; i++)
			attrs |= n >> i & 1 ? bits[i] : 0;
		struct s2_entry d = arch_s2_decode(1, arch_s2_leaf(1, pfn(0x400), attrs));
		assert_int_equal(d.kind, S2_LEAF);
		assert_int_equal(d.pfn.v, 0x400);
		assert_int_equal(d.attrs, attrs);
	}
	for (unsigned type = MEM_WRITE_BACK; type <= MEM_DEVICE; type++)
		assert_int_equal(arch_s2_decode(0, arch_s2_leaf(0, pfn(7), S2_TYPE(type))).attrs,
				 S2_TYPE(type));
	assert_int_equal(arch_s2_decode(0, 0).kind, S2_NONE);
}

/* R always, C only where the guest may write: a swap must not lose them (S3). */
static void what_the_processor_sets(void **state)
{
	const uint32_t marks = S2_YOUNG | S2_DIRTY;
	uint64_t may = arch_s2_leaf(0, pfn(5), S2_WRITE | marks),
		 may_not = arch_s2_leaf(0, pfn(5), marks);

	(void)state;
	assert_int_equal(codec_set_by_processor(may),
			 arch_s2_leaf(0, pfn(0), marks) & ~arch_s2_leaf(0, pfn(0), 0));
	assert_int_equal(codec_set_by_processor(may_not),
			 arch_s2_leaf(0, pfn(0), S2_YOUNG) & ~arch_s2_leaf(0, pfn(0), 0));
	assert_int_equal(codec_set_by_processor(arch_s2_leaf(0, pfn(5), S2_WRITE)), 0);
}

static struct s2_fault decoded(bool fetch, uint64_t cause)
{
	const struct storage s = { .fetch = fetch, .cause = cause, .address = 0x123458 };
	struct s2_fault f;

	assert_null(storage_decode(&s, &f));
	assert_int_equal(f.gpa.v, 0x123458);
	return f;
}

/* The values of HDSISR and HSRR1 are those that were seen. */
static void interrupts(void **state)
{
	struct s2_fault f = decoded(false, 0x40000000);

	(void)state;
	assert_true(f.access == ACCESS_READ && !f.present && !f.table_walk);
	f = decoded(false, 0x42000000);
	assert_true(f.access == ACCESS_WRITE && !f.present);
	f = decoded(false, 0x0a000000);
	assert_true(f.access == ACCESS_WRITE && f.present && !f.table_walk);
	f = decoded(true, 0x40000000);
	assert_true(f.access == ACCESS_EXEC && !f.present);
	f = decoded(true, 0x10000000);
	assert_true(f.access == ACCESS_EXEC && f.present);
	f = decoded(false, 0x40020000);
	assert_true(f.access == ACCESS_READ && !f.present && f.table_walk);
	assert_false(f.unmarked);
	/* R or C is not set, and the processor does not set it: a store, a load, a fetch, a walk.
	 */
	f = decoded(false, 0x02040000);
	assert_true(f.access == ACCESS_WRITE && f.present && f.unmarked);
	f = decoded(false, 0x00040000);
	assert_true(f.access == ACCESS_READ && f.present && f.unmarked);
	f = decoded(true, 0x00040000);
	assert_true(f.access == ACCESS_EXEC && f.present && f.unmarked);
	f = decoded(false, 0x00060000);
	assert_true(f.access == ACCESS_WRITE && f.present && f.table_walk && f.unmarked);
}

static void wrong_shape(void **state)
{
	const struct storage s = { .cause = 0x00080000 };
	struct s2_fault f;

	(void)state;
	assert_non_null(storage_decode(&s, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaf_in_memory),  cmocka_unit_test(may_write_in_memory),
		cmocka_unit_test(table_in_memory), cmocka_unit_test(table_of_64k_in_memory),
		cmocka_unit_test(wrong_leaves),	   cmocka_unit_test(same_place),
		cmocka_unit_test(leaf_round_trip), cmocka_unit_test(what_the_processor_sets),
		cmocka_unit_test(interrupts),	   cmocka_unit_test(wrong_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
