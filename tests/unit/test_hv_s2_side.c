/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two kinds of tables below level 1 (s2_geometry.side): of pages, and of leaves of 64 KiB as ppc64
 * has them. Which of the two stands, how the one gives way to the other, and that nothing is lost
 * by it. As always hv_fixture.h looks at each entry that is written.
 */
#include "tests/unit/hv_fixture.h"

#define SIDE 4u
#define SIDE_PAGES UINT64_C(16)

static const struct s2_geometry tree = {
	.levels = 4,
	.shift = { 0, 9, 18, 27, 4 },
	.bits = { 9, 9, 9, 13, 5 },
	.leaf_levels = 0x17,
	.root_order = 4,
	.hw_young = true,
	.hw_dirty = true,
	.side = SIDE,
};

static int begin_with(bool broadcast)
{
	fix_begin(&(struct fix_options){ .tree = &tree, .broadcast = broadcast });
	return 0;
}

static int begin(void **state)
{
	(void)state;
	return begin_with(false);
}

static int begin_broadcast(void **state)
{
	(void)state;
	return begin_with(true);
}

static int end(void **state)
{
	(void)state;
	fix_check_tree();
	fix_end();
	return 0;
}

static void drop(uint64_t page, uint64_t pages)
{
	assert_result(OK, space_drop(&fix.vm.space, fix_range(page, pages), NOTICE_TRY));
}

/* Page `n` of the guest is touched by another CPU, which keeps the translation. */
static pfn_t touched_elsewhere(uint64_t n)
{
	uint64_t value;

	env_cpu(1);
	assert_result(OK, fix_access(&fix.vcpus[1], n << PAGE_SHIFT, ACCESS_READ, &value));
	env_cpu(0);
	struct s2_entry e = fix_leaf(n, NULL);
	return pfn(e.pfn.v + (n & (fix_level_pages(fix_level(n)) - 1)));
}

/* Memory in entries of 2 MiB, shown 16 pages beside its place: gfn 528 is page 0. */
static void shifted(void)
{
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(528, 1024, 0, 0);
}

/* The same of a device, whose entries of the host are of 2^order pages. */
static struct fix_owner device;

static void shifted_device(unsigned order, bool read_only_first)
{
	device = (struct fix_owner){ .first = FIX_DEVICE,
				     .order = order,
				     .read_only_first = read_only_first };
	fix_pfnmap(&device, 0, 1024, MEM_UNCACHED, RW);
	(void)fix_slot(528, 1024, 0, 0);
}

/* ---- How large (S2, H7, M14) ------------------------------------------------------------------
 */

static void what_is_out_of_step_by_16_pages_has_leaves_of_16(void **state)
{
	(void)state;
	shifted();
	for (uint64_t n = 528; n < 528 + 1024; n++)
		assert_result(OK, fix_write(n, n));
	for (uint64_t n = 528; n < 528 + 1024; n += SIDE_PAGES)
		assert_int_equal(fix_level(n), SIDE);
	assert_int_equal(fix_leaf(528, NULL).pfn.v % 512, 0);
	assert_int_equal(fix.vm.s2.leaves[SIDE], 64);
	assert_int_equal(fix.vm.s2.tables, 5); /* gfns 512 to 2047 lie in three tables */
	assert_int_equal(fix.vm.stats.faults, 64);
	for (uint64_t n = 528; n < 528 + 1024; n++) {
		uint64_t value;
		assert_result(OK, fix_read(n, &value));
		assert_int_equal(value, n);
	}
}

static void out_of_step_by_less_there_are_pages(void **state)
{
	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(520, 1000, 0, 0);
	assert_result(OK, fix_write(600, 1));
	assert_int_equal(fix_level(600), 0);
}

static void the_hosts_pages_stay_pages(void **state)
{
	(void)state;
	shifted_device(0, false);
	assert_result(OK, fix_fault(&fix.vcpus[0], 600, ACCESS_WRITE));
	assert_int_equal(fix_level(600), 0);
	assert_false(fix_mapped(601));
}

/* All in step: 2 MiB in the middle, 64 KiB to the start of the memslot. */
static void the_edges_of_a_memslot(void **state)
{
	(void)state;
	fix_anon(0, 2048, RWX, false);
	(void)fix_slot(512 - 48, 48 + 512 + 33, 512 - 48, 0);
	assert_result(OK, fix_write(470, 1));
	assert_int_equal(fix_level(470), SIDE);
	assert_result(OK, fix_write(600, 2));
	assert_int_equal(fix_level(600), 1);
	assert_result(OK, fix_write(1030, 3));
	assert_int_equal(fix_level(1030), SIDE);
	assert_false(fix_mapped(1040));
}

/* ---- Notices (N4, S4) -------------------------------------------------------------------------
 */

static void a_notice_of_a_page_takes_the_leaf(void **state)
{
	uint64_t value;

	(void)state;
	shifted();
	assert_result(OK, fix_write(530, 1));
	assert_result(OK, fix_write(544, 2));
	pfn_t beside = touched_elsewhere(531);
	assert_int_equal(fix_tlb_reaches(beside), 1);
	drop(2, 1); /* gfn 530 */
	assert_false(fix_mapped(531));
	assert_int_equal(fix_tlb_reaches(beside), 0);
	assert_int_equal(fix_level(544), SIDE);
	assert_result(OK, fix_read(530, &value));
	assert_int_equal(value, 0);
	assert_int_equal(fix_level(530), 0);
	assert_result(OK, fix_read(544, &value));
	assert_int_equal(value, 2);
	assert_int_equal(fix_level(544), 0); /* the host's entries are of pages now */
}

static void a_notice_of_just_one_leaf(void **state)
{
	(void)state;
	shifted();
	assert_result(OK, fix_write(528, 1));
	assert_result(OK, fix_write(544, 2));
	assert_result(OK, fix_write(560, 3));
	drop(16, 16);
	assert_true(fix_mapped(528) && !fix_mapped(544) && fix_mapped(560));
	drop(31, 2); /* where no leaf is any more, and the start of the next */
	assert_true(fix_mapped(528) && !fix_mapped(560));
	assert_int_equal(fix.vm.s2.leaves[SIDE], 1);
}

static void a_notice_of_all_takes_the_tables(void **state)
{
	(void)state;
	shifted();
	assert_result(OK, fix_write(1025, 1));
	assert_int_equal(fix.vm.s2.tables, 3);
	drop(0, 1024); /* gfns 528 to 1551: all of 1024 to 1535, and parts of its neighbours */
	assert_int_equal(fix.vm.s2.tables, 2);
	assert_int_equal(fix.vm.s2.leaves[SIDE], 0);
	assert_result(OK, fix_write(1025, 1));
	assert_int_equal(fix_level(1025), SIDE);
}

/* ---- Pages beside larger leaves ---------------------------------------------------------------
 */

/* Gfns 1024 to 1535 show the end of one entry of the host, and most of the next. */
static void a_page_makes_all_around_it_pages(void **state)
{
	(void)state;
	shifted_device(9, false);
	assert_result(OK, fix_fault(&fix.vcpus[0], 1128, ACCESS_WRITE));
	assert_result(OK, fix_fault(&fix.vcpus[0], 1500, ACCESS_WRITE));
	assert_int_equal(fix_level(1128), SIDE);
	device.order = 0;
	assert_result(OK, fix_fault(&fix.vcpus[0], 1028, ACCESS_WRITE));
	assert_int_equal(fix_level(1028), 0);
	assert_false(fix_mapped(1128) || fix_mapped(1500));
	assert_int_equal(fix.vm.s2.leaves[SIDE], 0);
	/* What faults again joins the pages, though its host's entry would have 64 KiB. */
	assert_result(OK, fix_fault(&fix.vcpus[0], 1128, ACCESS_WRITE));
	assert_int_equal(fix_level(1128), 0);
	assert_true(fix_mapped(1028));
	assert_int_equal(fix.vm.s2.leaves[0], 2);
}

/* The tail of the memslot has less than 64 KiB. CPU 1 has translations of what goes. */
static void nothing_is_kept_or_lost_where_the_table_goes(void **state)
{
	uint64_t value;

	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(512, 66, 512, 0);
	assert_result(OK, fix_write(513, 77));
	pfn_t p = touched_elsewhere(513);
	assert_int_equal(fix_level(513), SIDE);
	struct frame *f = frame_head(frame_of(p));
	(void)frame_test_and_clear(f, FRAME_YOUNG | FRAME_DIRTY);
	assert_result(OK, fix_read(577, &value)); /* marks it young, and not dirty */
	assert_int_equal(fix_level(577), 0);
	assert_false(fix_mapped(513));
	assert_int_equal(f->marks & FRAME_DIRTY, FRAME_DIRTY); /* S3, F7: the leaf was */
	assert_int_equal(fix_tlb_reaches(p), 0);
	assert_result(OK, fix_read(513, &value));
	assert_int_equal(value, 77);
	assert_int_equal(fix_level(513), 0);
	assert_int_equal(fix.vm.s2.tables, 3);
}

/* S9: the leaf allows it, though the host's entry is of a page by now. */
static void a_leaf_that_allows_it_stays(void **state)
{
	(void)state;
	shifted();
	assert_result(OK, fix_write(528, 1));
	assert_int_equal(fix_level(528), SIDE);
	drop(100, 1); /* elsewhere in the host's 2 MiB, which become pages */
	assert_true(fix_mapped(528));
	assert_result(OK, fix_fault(&fix.vcpus[1], 529, ACCESS_WRITE));
	assert_int_equal(fix.vm.stats.spurious, 1);
	assert_int_equal(fix_level(529), SIDE);
}

/* H3, M15: write is granted for a page of what was mapped read-only. */
static void a_granted_write_is_of_its_page_alone(void **state)
{
	(void)state;
	shifted_device(9, true);
	assert_result(OK, fix_fault(&fix.vcpus[0], 1128, ACCESS_READ));
	assert_int_equal(fix_level(1128), SIDE);
	assert_int_equal(fix_leaf(1128, NULL).attrs & S2_WRITE, 0);
	pfn_t p = touched_elsewhere(1129);
	assert_result(OK, fix_fault(&fix.vcpus[0], 1128, ACCESS_WRITE));
	assert_int_equal(fix_level(1128), 0);
	assert_int_equal(fix_leaf(1128, NULL).attrs & S2_WRITE, S2_WRITE);
	assert_false(fix_mapped(1129));
	assert_int_equal(fix_tlb_reaches(p), 0);
}

/* ... or for all that is needed: then the leaf is widened where it stands. */
static void a_write_to_all_of_it_widens_the_leaf(void **state)
{
	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(528, 1024, 0, 0);
	assert_result(OK,
		      space_protect(&fix.vm.space, fix_range(0, 1024), ACCESS_READ, NOTICE_TRY));
	assert_result(OK, fix_fault(&fix.vcpus[0], 528, ACCESS_READ));
	assert_int_equal(fix_level(528), SIDE);
	assert_int_equal(fix_leaf(528, NULL).attrs & S2_WRITE, 0);
	assert_result(OK, space_protect(&fix.vm.space, fix_range(0, 1024), RW, NOTICE_TRY));
	assert_result(OK, fix_fault(&fix.vcpus[0], 530, ACCESS_WRITE));
	assert_int_equal(fix_level(528), SIDE);
	assert_int_equal(fix_leaf(528, NULL).attrs & S2_WRITE, S2_WRITE);
}

/* ---- Joining ----------------------------------------------------------------------------------
 */

/* A memslot that would have 2 MiB comes where a smaller one has left a table of either kind. */
static void a_large_leaf_joins_what_stands(void **state)
{
	(void)state;
	fix_anon(0, 2048, RWX, false);
	uint32_t small = fix_slot(512, SIDE_PAGES, 512, 0);
	assert_result(OK, fix_write(513, 1));
	assert_int_equal(fix_level(513), SIDE);
	assert_result(OK, slot_delete(&fix.vm, small));
	uint32_t large = fix_slot(512, 512, 512, 0);
	assert_result(OK, fix_write(600, 2));
	assert_int_equal(fix_level(600), SIDE);
	assert_result(OK, slot_delete(&fix.vm, large)); /* and its table, for it is of just that */

	small = fix_slot(512, 3, 512, 0);
	assert_result(OK, fix_write(513, 1));
	assert_int_equal(fix_level(513), 0);
	assert_result(OK, slot_delete(&fix.vm, small));
	(void)fix_slot(512, 512, 512, 0);
	assert_result(OK, fix_write(600, 2));
	assert_int_equal(fix_level(600), 0);
}

/* The table of pages at hand is not used once one of larger leaves stands there. */
static void the_table_at_hand_is_forgotten(void **state)
{
	(void)state;
	shifted_device(0, false);
	assert_result(OK, fix_fault(&fix.vcpus[0], 1128, ACCESS_WRITE));
	assert_int_not_equal(fix.vm.s2.near[0].number, S2_NO_TABLE);
	drop(0, 1024);
	assert_int_equal(fix.vm.s2.near[0].number, S2_NO_TABLE);
	device.order = 9;
	assert_result(OK, fix_fault(&fix.vcpus[0], 1128, ACCESS_WRITE));
	assert_int_equal(fix_level(1128), SIDE);
	device.order = 0;
	assert_result(OK, fix_fault(&fix.vcpus[0], 1028, ACCESS_WRITE));
	assert_int_equal(fix_level(1028), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define BROADCAST(name) cmocka_unit_test_setup_teardown(name, begin_broadcast, end)
		TEST(what_is_out_of_step_by_16_pages_has_leaves_of_16),
		TEST(out_of_step_by_less_there_are_pages),
		TEST(the_hosts_pages_stay_pages),
		TEST(the_edges_of_a_memslot),
		TEST(a_notice_of_a_page_takes_the_leaf),
		BROADCAST(a_notice_of_a_page_takes_the_leaf),
		TEST(a_notice_of_just_one_leaf),
		TEST(a_notice_of_all_takes_the_tables),
		TEST(a_page_makes_all_around_it_pages),
		TEST(nothing_is_kept_or_lost_where_the_table_goes),
		BROADCAST(nothing_is_kept_or_lost_where_the_table_goes),
		TEST(a_leaf_that_allows_it_stays),
		TEST(a_granted_write_is_of_its_page_alone),
		BROADCAST(a_granted_write_is_of_its_page_alone),
		TEST(a_write_to_all_of_it_widens_the_leaf),
		TEST(a_large_leaf_joins_what_stands),
		TEST(the_table_at_hand_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
