/* SPDX-License-Identifier: BSD-2-Clause */
/* What a stage-2 tree reaches (F8), and how it ends while others look at it (S6). */
#define _GNU_SOURCE
#include "tests/unit/hv_fixture.h"

#include <pthread.h>
#include <unistd.h>

static int begin(void **state)
{
	(void)state;
	fix_begin(&(struct fix_options){ .small = false });
	return 0;
}

static int end(void **state)
{
	(void)state;
	fix_end();
	return 0;
}

/* Small and large leaves, at both ends and in the middle, and no page beside them. */
static void the_census_finds_what_a_leaf_reaches(void **state)
{
	(void)state;
	struct consumer *c = &fix.vm.s2.consumer;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(0, 513, 0, 0);
	assert_result(OK, fix_write(5, 1));
	assert_result(OK, fix_write(512, 1));
	pfn_t large = fix_leaf(0, NULL).pfn, small_one = fix_leaf(512, NULL).pfn;
	assert_int_equal(fix_level(5), 1);
	assert_int_equal(fix_level(512), 0);
	assert_true(c->ops->reaches(c, large, 1));
	assert_true(c->ops->reaches(c, pfn(large.v + 511), 1));
	assert_true(c->ops->reaches(c, pfn(large.v - 1), 2));
	assert_false(c->ops->reaches(c, pfn(large.v - 1), 1));
	assert_true(c->ops->reaches(c, small_one, 1));
	assert_false(c->ops->reaches(c, pfn(small_one.v + 1), 1));
	assert_result(OK, space_drop(&fix.vm.space, fix_range(512, 1), NOTICE_TRY));
	assert_false(c->ops->reaches(c, small_one, 1));
	assert_true(c->ops->reaches(c, large, 1));
}

static _Atomic bool inside, left;

/* A walker without a lock, on a CPU of its own. */
static void *look_for_a_while(void *nothing)
{
	unsigned level;

	env_cpu(1);
	grace_enter();
	(void)s2_lookup(&fix.vm.s2, gfn(3), &level);
	atomic_store(&inside, true);
	usleep(50000);
	(void)s2_lookup(&fix.vm.s2, gfn(3), &level);
	atomic_store(&left, true);
	grace_leave();
	return nothing;
}

/* S6: the root is no table that is given away; who has to wait for its readers is s2_destroy. */
static void a_tree_goes_after_its_last_walker(void **state)
{
	pthread_t walker;

	(void)state;
	fix_anon(0, 8, RW, false);
	(void)fix_slot(0, 8, 0, 0);
	assert_result(OK, fix_write(3, 1));
	pfn_t root = fix.vm.s2.root;
	assert_int_equal(pthread_create(&walker, NULL, look_for_a_while, NULL), 0);
	while (!atomic_load(&inside))
		usleep(100);
	assert_result(OK, s2_destroy(&fix.vm.s2));
	assert_true(atomic_load(&left));
	assert_int_equal(frame_class(root), FRAME_FREE);
	assert_int_equal(pthread_join(walker, NULL), 0);
	assert_result(OK, s2_create(&fix.vm.s2, &fix.vm)); /* for the end */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(the_census_finds_what_a_leaf_reaches),
		TEST(a_tree_goes_after_its_last_walker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
