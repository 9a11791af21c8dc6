/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image that holds a self-test runs it instead of VMs, and ends as it says. Another program of
 * its own: in the others there is none (conformance_run is a weak reference).
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

static int failures;

int conformance_run(void);
int conformance_run(void)
{
	console_print("the self-test runs\n");
	return failures;
}

static void a_self_test_that_passes(void **state)
{
	(void)state;
	failures = 0;
	run(&(struct run){ .host = "selftest;", .vms = " " });
	assert_said("the self-test runs\r\n");
	assert_said("tenure: end status=0 reason=selftest\r\n");
	assert_int_equal(outcome.status, 0);
}

static void a_self_test_that_fails(void **state)
{
	static const struct step script[] = { END };

	(void)state;
	failures = 2;
	run(&(struct run){ .host = "selftest;", .script = script });
	assert_said("tenure: end status=70 reason=selftest\r\n");
	assert_not_said("vm a");
	assert_int_equal(outcome.status, MAIN_EXIT_STOPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_self_test_that_passes),
		cmocka_unit_test(a_self_test_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
