/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nested-table codec: every leaf that can be asked for is told back as it was asked for, and
 * stands in the bits that the processor reads. And the entry writer's assertions, each of which
 * takes the place of something the emulator would let pass (S3, S5, S8): they must fire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "arch/x86/npt.h"
#include "tests/unit/written_leaf.h"

void arch_cpu_relax(void) {}

enum result hv_guest_read(struct vcpu *v, gpa_t from, void *to, size_t bytes)
{
	(void)v, (void)from, (void)to, (void)bytes;
	return NO_MEMSLOT;
}

enum result hv_guest_write(struct vcpu *v, gpa_t to, const void *from, size_t bytes)
{
	(void)v, (void)to, (void)from, (void)bytes;
	return NO_MEMSLOT;
}

const void *acpi_memory(uint64_t address, uint64_t bytes);
const void *acpi_memory(uint64_t address, uint64_t bytes)
{
	(void)address, (void)bytes;
	return NULL;
}

#define W S2_WRITE
#define X S2_EXEC

static void codec_round_trip(void **state)
{
	const struct s2_geometry *g = arch_s2_geometry;

	(void)state;
	for (unsigned level = 0; level < g->levels; level++) {
		if ((g->leaf_levels >> level & 1) == 0)
			continue;
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

static void the_processors_bits(void **state)
{
	(void)state;
	/* P, RW, US, PWT, PCD, A, D, PS, NX as APM volume 2, 5.4.1 has them; COUNTED in AVL. */
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), W | X), 0x123007);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), 0), UINT64_C(0x8000000000123005));
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X | S2_YOUNG | S2_DIRTY), 0x123065);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X | S2_COUNTED), 0x123205);
	assert_int_equal(arch_s2_leaf(0, pfn(0x123), X | S2_MAY_WRITE), 0x123805);
	assert_int_equal(arch_s2_leaf(1, pfn(0x200), X), 0x200085);
	assert_int_equal(arch_s2_leaf(0, pfn(1), S2_TYPE(MEM_WRITE_COMBINING)),
			 UINT64_C(0x800000000000100d));
	assert_int_equal(arch_s2_leaf(0, pfn(1), S2_TYPE(MEM_UNCACHED)),
			 UINT64_C(0x8000000000001015));
	assert_int_equal(arch_s2_leaf(0, pfn(1), S2_TYPE(MEM_DEVICE)),
			 UINT64_C(0x800000000000101d));
	assert_int_equal(arch_s2_table(1, pfn(0x42)), 0x42007);
}

static void tables_and_nothing(void **state)
{
	struct s2_entry d = arch_s2_decode(2, arch_s2_table(1, pfn(0x77)));

	(void)state;
	assert_int_equal(d.kind, S2_TABLE);
	assert_int_equal(d.below, 1);
	assert_int_equal(d.pfn.v, 0x77);
	for (unsigned level = 0; level < arch_s2_geometry->levels; level++)
		assert_int_equal(arch_s2_decode(level, 0).kind, S2_NONE);
}

static void set_and_swap(void **state)
{
	uint64_t e = 0, leaf = arch_s2_leaf(0, pfn(5), X);

	(void)state;
	arch_s2_set(&e, 0, leaf);
	assert_int_equal(e, leaf);
	/* Widening keeps what the processor has set meanwhile. */
	e |= 0x60;
	arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), W | X));
	assert_int_equal(arch_s2_decode(0, e).attrs, W | X | S2_YOUNG | S2_DIRTY);
	/* Narrowing returns them. */
	uint64_t old = arch_s2_swap(&e, 0, leaf);
	assert_int_equal(arch_s2_decode(0, old).attrs, W | X | S2_YOUNG | S2_DIRTY);
	assert_int_equal(e, leaf);
	assert_int_equal(arch_s2_swap(&e, 0, 0), leaf);
	assert_int_equal(e, 0);
}

static void may_write(void **state)
{
	(void)state;
	written_leaf_check();
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

/* No two trees ever show the same generation, and each flush is a new one. */
static void generations(void **state)
{
	struct arch_s2 a, b;
	uint64_t before;

	(void)state;
	assert_int_equal(arch_s2_create(&a, hpa(0x1000)), OK);
	assert_int_equal(arch_s2_create(&b, hpa(0x2000)), OK);
	assert_true(a.tag != 0 && b.tag != 0);
	assert_true(a.flush_gen != b.flush_gen && a.flush_gen != 0);
	before = a.flush_gen;
	assert_false(arch_s2_flush(&a, (struct gfn_range){ gfn(0), gfn(1) }));
	assert_true(a.flush_gen != before);
	assert_true(a.flush_gen >> 40 == before >> 40);
	arch_s2_destroy(&a);
	arch_s2_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codec_round_trip),    cmocka_unit_test(the_processors_bits),
		cmocka_unit_test(tables_and_nothing),  cmocka_unit_test(set_and_swap),
		cmocka_unit_test(may_write),	       cmocka_unit_test(remake_without_break),
		cmocka_unit_test(wrong_direction),     cmocka_unit_test(device_memory),
		cmocka_unit_test(alignment_and_level), cmocka_unit_test(generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
