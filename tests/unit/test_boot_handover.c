/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page tables, built on the host by the real code and walked as the processor would: the
 * image with its permissions, all of RAM in the linear map, nothing writable and executable
 * together, and nothing else but the jump. The tables hold physical addresses; here those are the
 * test's own pointers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__x86_64__)

/* The file itself, for its static parts; the jump cannot be made here and is not. */
#include "boot/handover_x86.c"

#define LINK (HANDOVER_LINK_FLOOR + 0x200000)

struct translation {
	bool present, write, execute;
	uint64_t to;
	uint64_t span;
};

static struct translation walk(const struct handover *h, uint64_t at)
{
	struct translation t = { .present = true, .write = true, .execute = true };
	uint64_t table = h->root;

	for (unsigned level = 39;; level -= 9) {
		uint64_t e = ((uint64_t *)(uintptr_t)table)[at >> level & 511];

		t.span = UINT64_C(1) << level;
		if ((e & PRESENT) == 0)
			return (struct translation){ .present = false, .span = t.span };
		t.write = t.write && (e & WRITABLE) != 0;
		t.execute = t.execute && (e & NO_EXECUTE) == 0;
		table = e & ADDRESS;
		if (level == 12 || (e & LARGE) != 0) {
			assert_true(level <= 30);
			assert_int_equal(table % t.span, 0);
			t.to = table + at % t.span;
			return t;
		}
	}
}

static struct handover sample(uint64_t top, bool gigabyte_pages)
{
	return (struct handover){
		.link_base = LINK,
		.link_end = LINK + 0x405000,
		.image_base = 0x7e200000,
		.segment_count = 3,
		.segments = { { LINK, 0x1234, false, true },
			      { LINK + 0x2000, 0x1000, false, false },
			      { LINK + 0x3000, 0x401001, true, false } },
		.top = top,
		.gigabyte_pages = gigabyte_pages,
	};
}

static void build(struct handover *h)
{
	uint64_t pages = handover_pages(h);
	unsigned char *pool = aligned_alloc(4096, (size_t)(pages * 4096));

	assert_non_null(pool);
	memset(pool, 0xa5, (size_t)(pages * 4096)); /* the code must not count on zeros */
	h->pool = (uintptr_t)pool;
	handover_build(h);
	assert_in_range(h->used, 1, pages);
}

static void check_image(const struct handover *h)
{
	for (uint32_t i = 0; i < h->segment_count; i++) {
		const struct handover_segment *s = &h->segments[i];

		for (uint64_t at = s->link; at < s->link + s->bytes; at += 4096) {
			struct translation t = walk(h, at);

			assert_true(t.present && t.span == 4096);
			assert_int_equal(t.to, h->image_base + (at - LINK));
			assert_int_equal(t.write, s->write);
			assert_int_equal(t.execute, s->execute);
		}
	}
}

/* Every translation there is, in both halves: what it must be by its address. */
static void check_everything(const struct handover *h, uint64_t linear_end)
{
	uint64_t jump = page_down((uintptr_t)jump_code);
	struct translation t;

	for (uint64_t at = 0; at < UINT64_C(1) << 48; at += t.span - at % t.span) {
		uint64_t canonical = at >> 47 != 0 ? at | UINT64_C(0xffff) << 48 : at;
		uint64_t linear = canonical - HANDOVER_LINEAR_BASE;

		t = walk(h, canonical);
		assert_int_equal(t.present && canonical >= HANDOVER_LINEAR_BASE &&
					 linear < linear_end,
				 canonical >= HANDOVER_LINEAR_BASE && linear < linear_end);
		if (!t.present)
			continue;
		assert_false(t.write && t.execute);
		if (canonical < UINT64_C(1) << 47) {
			assert_in_range(canonical, jump, jump + 4096);
			assert_true(t.execute && t.to == canonical);
		} else if (linear < linear_end) {
			assert_true(t.write && t.to == linear);
		} else {
			assert_in_range(canonical, LINK, h->link_end - 1);
		}
	}
}

static void check_all(uint64_t top, bool gigabyte_pages, uint64_t linear_end)
{
	struct handover h = sample(top, gigabyte_pages);

	build(&h);
	check_image(&h);
	check_everything(&h, linear_end);
	assert_true(walk(&h, (uintptr_t)jump_code).present);
	assert_true(walk(&h, (uintptr_t)jump_code + JUMP_BYTES - 1).present);
	assert_int_equal(h.stack % 16, 0);
	assert_in_range(h.stack - HANDOVER_LINEAR_BASE, h.pool + HANDOVER_STACK_BYTES,
			h.pool + h.used * 4096);
	free((void *)(uintptr_t)h.pool);
}

static void test_little_memory(void **state)
{
	(void)state;
	check_all(64 << 20, true, HANDOVER_LINEAR_MIN);
	check_all(64 << 20, false, HANDOVER_LINEAR_MIN);
}

static void test_much_memory(void **state)
{
	uint64_t top = (UINT64_C(6) << 30) + 0x1000;

	(void)state;
	check_all(top, true, UINT64_C(7) << 30);
	check_all(top, false, (UINT64_C(6) << 30) + (2 << 20));
	check_all(UINT64_C(3) << 40, true, UINT64_C(3) << 40);
}

static void test_image_over_a_gigabyte_boundary(void **state)
{
	struct handover h = sample(64 << 20, true);

	(void)state;
	h.segments[2].bytes = (1u << 30) - 0x3000;
	h.link_end = h.link_base + (1u << 30);
	build(&h);
	check_image(&h);
	free((void *)(uintptr_t)h.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little_memory),
		cmocka_unit_test(test_much_memory),
		cmocka_unit_test(test_image_over_a_gigabyte_boundary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_skipped(void **state)
{
	(void)state;
	skip(); /* the tables are x86's */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_skipped) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
