/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ports whose writers assert have in common (arch_s2_set, arch_s2_swap). */
#ifndef TESTS_UNIT_WRITTEN_LEAF_H
#define TESTS_UNIT_WRITTEN_LEAF_H

#include "tests/unit/port_stop.h"

/* A leaf that says that it may be written becomes writable in place (S5, P7), and says it again. */
static inline void written_leaf_check(void)
{
	const uint32_t written = S2_WRITE | S2_EXEC | S2_YOUNG | S2_DIRTY;
	const uint64_t plain = arch_s2_leaf(0, pfn(5), S2_EXEC);
	const uint64_t may = arch_s2_leaf(0, pfn(5), S2_EXEC | S2_MAY_WRITE);
	uint64_t e = 0;

	assert_int_equal(arch_s2_decode(0, arch_s2_written(may)).attrs, written | S2_MAY_WRITE);
	arch_s2_set(&e, 0, plain);
	arch_s2_set(&e, 0, may);
	assert_int_equal(arch_s2_decode(0, e).attrs, S2_EXEC | S2_MAY_WRITE);
	EXPECT_STOP("narrowed", arch_s2_set(&e, 0, plain));
	arch_s2_set(&e, 0, arch_s2_leaf(0, pfn(5), written));
	assert_int_equal(arch_s2_decode(0, e).attrs, written);
	EXPECT_STOP("narrowed", arch_s2_set(&e, 0, may));
	assert_int_equal(arch_s2_decode(0, arch_s2_swap(&e, 0, may)).attrs & written, written);
	(void)arch_s2_swap(&e, 0, plain);
	EXPECT_STOP("widened", arch_s2_swap(&e, 0, may));
}

#endif
