/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way to install (hv/s2.c:s2_install_near): the tables at hand, of level 0 and of level
 * 1, are used where they are right and forgotten when they go; what the short way cannot do is done
 * by the other. As always hv_fixture.h looks at each entry that is written.
 */
#include "tests/unit/hv_fixture.h"

#define GIB_PAGES (UINT64_C(1) << 18)

static const struct fix_options plain;

static int begin(void **state)
{
	(void)state;
	fix_begin(&plain);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fix_end();
	return 0;
}

/* A device of two GiB behind gfns 0 on, in entries of 2^order pages. */
static struct fix_owner device;

static void map_device(unsigned order)
{
	device = (struct fix_owner){ .first = FIX_DEVICE, .order = order };
	fix_pfnmap(&device, 0, 2 * GIB_PAGES, MEM_WRITE_COMBINING, RW);
	(void)fix_slot(0, 2 * GIB_PAGES, 0, 0);
}

static uint64_t *table_at_hand(unsigned level)
{
	const struct s2_near *near = &fix.vm.s2.near[level];
	return near->number == S2_NO_TABLE ? NULL : near->table;
}

/* The host has its entry already: the short way is for what is present. */
static void touch_at(uint64_t n, uint64_t page, unsigned level)
{
	struct host_found host;
	unsigned found;

	assert_result(OK,
		      space_fault(&fix.vm.space, fix_hva(page), ACCESS_WRITE, false, false, &host));
	assert_result(OK, fix_fault(&fix.vcpus[0], n, ACCESS_WRITE));
	assert_int_equal(fix_leaf(n, &found).kind, S2_LEAF);
	assert_int_equal(found, level);
}

static void touch_as(uint64_t n, unsigned level)
{
	touch_at(n, n, level);
}

static void large_leaves_share_a_table_at_hand(void **state)
{
	(void)state;
	map_device(9);
	touch_as(5, 1);
	uint64_t *table = table_at_hand(1);
	assert_non_null(table);
	touch_as(GIB_PAGES - 1, 1);
	assert_ptr_equal(table_at_hand(1), table);
	touch_as(GIB_PAGES, 1); /* the next GiB's */
	assert_ptr_not_equal(table_at_hand(1), table);
	touch_as(1024, 1); /* back again: the same table as before */
	assert_ptr_equal(table_at_hand(1), table);
	assert_int_equal(fix.vm.s2.leaves[1], 4);
}

/* A table that is gone is not written any more, whoever has its page by now. */
static void a_table_that_goes_is_not_at_hand(void **state)
{
	(void)state;
	for (unsigned level = 0; level < S2_NEAR_LEVELS; level++) {
		uint64_t covered = UINT64_C(1) << (9 * (level + 1));
		if (level == 0)
			map_device(0);
		else
			device.order = 9;
		touch_as(covered + 1, level);
		assert_non_null(table_at_hand(level));
		assert_result(OK,
			      space_drop(&fix.vm.space, fix_range(0, 2 * GIB_PAGES), NOTICE_TRY));
		assert_null(table_at_hand(level));
		grace_drain();
		touch_as(covered + 1, level);
		touch_as(covered, level);
		assert_non_null(table_at_hand(level));
	}
}

/* 2 MiB of the host where a table of smaller leaves stands: they are joined. */
static void a_table_in_the_way_is_joined(void **state)
{
	(void)state;
	map_device(0);
	touch_as(7, 0);
	touch_as(GIB_PAGES + 7, 0);
	device.order = 9;
	touch_as(512 + 7, 1);
	assert_result(OK, slot_delete(&fix.vm, 0)); /* the host's entries stay */
	(void)fix_slot(7, 1, 7, 0);
	touch_as(7, 0);
	assert_int_equal(fix.vm.s2.leaves[0], 1);
}

/* An entry of a GiB is not for the short way, and is not made smaller by it. */
static void the_largest_leaf_is_still_chosen(void **state)
{
	(void)state;
	map_device(18);
	touch_as(GIB_PAGES + 12345, 2);
	assert_null(table_at_hand(1));
	assert_int_equal(fix.vm.s2.leaves[2], 1);
}

/* The host's 2 MiB do not lie in the memslot, or not in step: pages, by the other way. */
static void a_large_entry_that_does_not_fit(void **state)
{
	(void)state;
	device = (struct fix_owner){ .first = FIX_DEVICE, .order = 9 };
	fix_pfnmap(&device, 0, 2 * GIB_PAGES, MEM_WRITE_COMBINING, RW);
	(void)fix_slot(100, 600, 100, 0);
	touch_as(200, 0);
	touch_as(600, 0);
	(void)fix_slot(4096, 1024, 2049, 0);
	touch_at(4096 + 7, 2049 + 7, 0);
	assert_null(table_at_hand(1));
	assert_int_equal(fix.vm.s2.leaves[0], 3);
}

/* With leaves of 4 KiB alone there is no other level to choose. */
static void a_tree_of_pages_alone(void **state)
{
	static struct s2_geometry pages_alone;
	(void)state;
	pages_alone = *arch_s2_geometry;
	pages_alone.leaf_levels = 1;
	static struct fix_options options;
	options.tree = &pages_alone;
	fix_begin(&options);
	map_device(9);
	touch_as(5, 0);
	assert_null(table_at_hand(1));
	fix_end();
}

static void another_mends_it_first(void)
{
	assert_result(OK, fix_fault(&fix.vcpus[1], 1024 + 9, ACCESS_WRITE));
}

/* S9: two CPUs fault on one large leaf. */
static void a_large_leaf_is_installed_once(void **state)
{
	(void)state;
	map_device(9);
	touch_as(5, 1);
	fix_at("fault_followed", another_mends_it_first, 1);
	touch_as(1024 + 200, 1);
	assert_int_equal(fix.vm.s2.leaves[1], 2);
	assert_int_equal(fix.vm.stats.spurious, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(large_leaves_share_a_table_at_hand), TEST(a_table_that_goes_is_not_at_hand),
		TEST(a_table_in_the_way_is_joined),	  TEST(the_largest_leaf_is_still_chosen),
		TEST(a_large_leaf_is_installed_once),	  TEST(a_large_entry_that_does_not_fit),
		cmocka_unit_test(a_tree_of_pages_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
