/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks up to 1 GiB, and a table of 4 GiB with a hole. All pages of RAM share one page of the
 * program's memory: poison looks the same in each, and nothing else is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/block.h"
#include "tests/unit/ram.h"

#define GIB (UINT64_C(1) << 18) /* in frames */

static _Alignas(4096) unsigned char page[4096];

void *mm_linear(pfn_t n)
{
	(void)n;
	return page;
}

static void blocks_of_a_gibibyte_f3(void **state)
{
	(void)state;
	ram_begin(0, 1, 4 * GIB);
	block_add_reserved(pfn(0), 256, OWNER_FIRMWARE);
	block_add(pfn(0), 3 * GIB - 1); /* no RAM from the last page of the third on */
	assert_int_equal(block_total_frames(), 3 * GIB - 1 - 256);

	pfn_t n, none;
	const enum frame_class classes[] = { FRAME_COUNTED, FRAME_UNCOUNTED };
	for (unsigned c = 0; c < 2; c++) {
		assert_int_equal(block_alloc(classes[c], BLOCK_MAX_ORDER, alice, &n), OK);
		assert_int_equal(n.v, GIB); /* the only whole one */
		assert_int_equal(block_alloc(classes[c], BLOCK_MAX_ORDER, alice, &none),
				 OUT_OF_MEMORY);
		struct frame *f = frame_of(pfn(2 * GIB - 1));
		assert_int_equal(frame_class(frame_pfn(f)), classes[c]);
		assert_int_equal(frame_try_get(f), classes[c] == FRAME_COUNTED);
		if (classes[c] == FRAME_COUNTED)
			frame_put_many(f, 2);
		else
			assert_int_equal(block_free(n, BLOCK_MAX_ORDER, alice), OK);
		assert_null(block_check());
	}
	/* Single frames from all over, then a whole one again. */
	for (unsigned order = 0; order < BLOCK_MAX_ORDER; order++) {
		assert_int_equal(block_alloc(FRAME_UNCOUNTED, order, alice, &n), OK);
		assert_int_equal(block_free(n, order, alice), OK);
	}
	block_drain();
	assert_int_equal(block_free_frames(), 3 * GIB - 1 - 256);
	assert_int_equal(block_alloc(FRAME_COUNTED, BLOCK_MAX_ORDER, alice, &n), OK);
	frame_put(frame_of(n));
	ram_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(blocks_of_a_gibibyte_f3) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
