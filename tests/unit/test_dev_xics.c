/* SPDX-License-Identifier: BSD-2-Clause */
/* hv/dev/xics.c: what a server is shown, takes and ends; how sources are set up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/dev/xics.h"

#define EDGE 0u
#define LEVEL 1u
#define NUMBER(i) (XICS_FIRST + (i))
#define XIRR(cppr, number) ((uint32_t)(cppr) << 24 | (number))

static struct xics x;

static int setup(void **state)
{
	(void)state;
	xics_init(&x, 2, 2, 1u << LEVEL);
	xics_set_priority(&x, 0, 0xff);
	xics_set_priority(&x, 1, 0xff);
	return 0;
}

static uint32_t take(unsigned server)
{
	uint64_t since = 0;

	return xics_accept(&x, server, &since);
}

static void nothing_at_first(void **state)
{
	(void)state;
	xics_init(&x, 2, 2, 0);
	assert_true(xics_send(&x, 0, 0, 1));
	/* Priority 0 is the most favoured: nothing is more. */
	assert_false(xics_pending(&x, 0));
	assert_int_equal(take(0), XIRR(0, 0));
	xics_set_priority(&x, 0, 1);
	assert_true(xics_pending(&x, 0));
	assert_false(xics_pending(&x, 1));
}

static void a_message(void **state)
{
	uint64_t since = 0;

	(void)state;
	assert_true(xics_send(&x, 1, 4, 77));
	assert_true(xics_pending(&x, 1));
	assert_int_equal(xics_poll(&x, 1), XIRR(0xff, XICS_IPI));
	assert_true(xics_pending(&x, 1));
	assert_int_equal(xics_accept(&x, 1, &since), XIRR(0xff, XICS_IPI));
	assert_int_equal(since, 77);
	/* Its priority keeps it away until the end; then it is there again, until it is taken back.
	 */
	assert_false(xics_pending(&x, 1));
	assert_int_equal(take(1), XIRR(4, 0));
	xics_end(&x, 1, XIRR(0xff, XICS_IPI));
	assert_true(xics_pending(&x, 1));
	assert_true(xics_send(&x, 1, XICS_LEAST, 78));
	assert_false(xics_pending(&x, 1));
	assert_false(xics_send(&x, 2, 4, 79));
	assert_false(xics_send(&x, UINT64_MAX, 4, 79));
}

static void the_more_favoured_first(void **state)
{
	(void)state;
	assert_true(xics_configure(&x, NUMBER(EDGE), 0, 5));
	assert_true(xics_configure(&x, NUMBER(LEVEL), 0, 3));
	xics_line(&x, EDGE, true, 0);
	xics_line(&x, LEVEL, true, 0);
	assert_true(xics_send(&x, 0, 4, 0));
	assert_int_equal(take(0), XIRR(0xff, NUMBER(LEVEL)));
	assert_int_equal(take(0), XIRR(3, 0));
	xics_end(&x, 0, XIRR(0xff, NUMBER(LEVEL)));
	/* Still high: it interrupts again. */
	assert_int_equal(xics_poll(&x, 0), XIRR(0xff, NUMBER(LEVEL)));
	xics_line(&x, LEVEL, false, 0);
	assert_int_equal(take(0), XIRR(0xff, XICS_IPI));
	assert_true(xics_send(&x, 0, XICS_LEAST, 0));
	xics_end(&x, 0, XIRR(0xff, XICS_IPI));
	/* Equal priorities do not interrupt each other. */
	xics_set_priority(&x, 0, 5);
	assert_false(xics_pending(&x, 0));
	xics_set_priority(&x, 0, 6);
	assert_int_equal(take(0), XIRR(6, NUMBER(EDGE)));
	xics_end(&x, 0, XIRR(0xff, NUMBER(EDGE)));
	assert_false(xics_pending(&x, 0));
}

/* A message goes before a source of the same priority, a source before one of a higher number. */
static void equals(void **state)
{
	(void)state;
	assert_true(xics_configure(&x, NUMBER(EDGE), 0, 4));
	assert_true(xics_configure(&x, NUMBER(LEVEL), 0, 4));
	xics_line(&x, LEVEL, true, 0);
	assert_int_equal(xics_poll(&x, 0), XIRR(0xff, NUMBER(LEVEL)));
	xics_line(&x, EDGE, true, 0);
	assert_int_equal(xics_poll(&x, 0), XIRR(0xff, NUMBER(EDGE)));
	assert_true(xics_send(&x, 0, 4, 0));
	assert_int_equal(xics_poll(&x, 0), XIRR(0xff, XICS_IPI));
}

static void an_edge_while_one_is_served(void **state)
{
	uint64_t since = 0;

	(void)state;
	assert_true(xics_configure(&x, NUMBER(EDGE), 1, 5));
	xics_line(&x, EDGE, true, 10);
	xics_line(&x, EDGE, true, 11); /* no edge */
	assert_false(xics_pending(&x, 0));
	assert_int_equal(xics_accept(&x, 1, &since), XIRR(0xff, NUMBER(EDGE)));
	assert_int_equal(since, 10);
	xics_line(&x, EDGE, false, 12);
	xics_line(&x, EDGE, true, 13);
	assert_false(xics_pending(&x, 1));
	xics_end(&x, 1, XIRR(0xff, NUMBER(EDGE)));
	assert_int_equal(xics_accept(&x, 1, &since), XIRR(0xff, NUMBER(EDGE)));
	assert_int_equal(since, 13);
	xics_end(&x, 1, XIRR(0xff, NUMBER(EDGE)));
	assert_false(xics_pending(&x, 1));
}

/* A level that is being served stays away also from a priority that would take it. */
static void a_level_while_it_is_served(void **state)
{
	(void)state;
	assert_true(xics_configure(&x, NUMBER(LEVEL), 0, 5));
	xics_line(&x, LEVEL, true, 0);
	assert_int_equal(take(0), XIRR(0xff, NUMBER(LEVEL)));
	xics_set_priority(&x, 0, 0xff);
	assert_false(xics_pending(&x, 0));
	xics_end(&x, 0, XIRR(0xff, NUMBER(LEVEL)));
	assert_true(xics_pending(&x, 0));
}

static void masks(void **state)
{
	uint32_t server = 9, priority = 9;

	(void)state;
	assert_true(xics_configured(&x, NUMBER(EDGE), &server, &priority));
	assert_int_equal(server, 0);
	assert_int_equal(priority, XICS_LEAST);
	xics_line(&x, EDGE, true, 0);
	assert_false(xics_pending(&x, 0));
	assert_true(xics_unmask(&x, NUMBER(EDGE))); /* there is nothing to bring back */
	assert_false(xics_pending(&x, 0));
	/* What was asked while it was masked is not lost. */
	assert_true(xics_configure(&x, NUMBER(EDGE), 0, 5));
	assert_true(xics_unmask(&x, NUMBER(EDGE))); /* it is not masked: no change */
	assert_true(xics_pending(&x, 0));
	assert_true(xics_mask(&x, NUMBER(EDGE)));
	assert_true(xics_mask(&x, NUMBER(EDGE)));
	assert_false(xics_pending(&x, 0));
	assert_true(xics_unmask(&x, NUMBER(EDGE)));
	assert_true(xics_configured(&x, NUMBER(EDGE), &server, &priority));
	assert_int_equal(priority, 5);
	assert_true(xics_pending(&x, 0));
	/* To another server. */
	assert_true(xics_configure(&x, NUMBER(EDGE), 1, 5));
	assert_false(xics_pending(&x, 0));
	assert_true(xics_pending(&x, 1));
}

static void refusals(void **state)
{
	static const uint32_t none[] = { 0, XICS_IPI, XICS_FIRST - 1, XICS_FIRST + 2, UINT32_MAX };
	uint32_t server, priority;

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(xics_configure(&x, none[i], 0, 5));
		assert_false(xics_configured(&x, none[i], &server, &priority));
		assert_false(xics_mask(&x, none[i]));
		assert_false(xics_unmask(&x, none[i]));
		xics_end(&x, 0, XIRR(0xff, none[i] & 0xffffff));
	}
	assert_false(xics_configure(&x, NUMBER(EDGE), 2, 5));
	assert_false(xics_configure(&x, NUMBER(EDGE), 0, 256));
	assert_true(xics_configured(&x, NUMBER(EDGE), &server, &priority));
	assert_int_equal(priority, XICS_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_at_first, setup),
		cmocka_unit_test_setup(a_message, setup),
		cmocka_unit_test_setup(the_more_favoured_first, setup),
		cmocka_unit_test_setup(equals, setup),
		cmocka_unit_test_setup(an_edge_while_one_is_served, setup),
		cmocka_unit_test_setup(a_level_while_it_is_served, setup),
		cmocka_unit_test_setup(masks, setup),
		cmocka_unit_test_setup(refusals, setup),
	};
	return cmocka_run_group_tests_name("xics", tests, NULL, NULL);
}
