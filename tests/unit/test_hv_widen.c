/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write to a leaf that says itself that it may be written (hv/s2_install.c:s2_widen): in a
 * memslot whose writes are tracked, and where the processor notes no writes (S10). What the leaf
 * may say (P7, H3, H6), what the write leaves behind (F7, S3), and what a notice does to it (P5).
 */
#include "tests/unit/hv_fixture.h"

static const struct fix_options plain, small = { .small = true };

/* A region and a memslot of 100 pages, whose writes are tracked, at gfn 0. */
static int begin(void **state)
{
	(void)state;
	fix_begin(&small);
	fix_anon(0, 100, RWX, false);
	(void)fix_slot(0, 100, 0, SLOT_TRACK_WRITES);
	return 0;
}

static int begin_empty(void **state)
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

static unsigned looked_up; /* how often the host was asked */

static void look(void)
{
	looked_up++;
}

/* Writes to page `n` by one fault; was the host asked for it? */
static bool write_asks(uint64_t n, uint64_t value)
{
	uint64_t faults = fix.vm.stats.faults;

	looked_up = 0;
	fix_at("fault_followed", look, 1);
	assert_result(OK, fix_write(n, value));
	fix_hook.times = 0;
	assert_int_equal(fix.vm.stats.faults, faults + 1);
	return looked_up != 0;
}

static uint32_t writes_of(uint64_t n)
{
	return fix_leaf(n, NULL).attrs & (S2_WRITE | S2_MAY_WRITE);
}

static struct frame *frame_behind(uint64_t n)
{
	return frame_head(frame_of(fix_leaf(n, NULL).pfn));
}

/* A write fault of page `n` as a processor tells it that has found a leaf. */
static enum result present_fault(uint64_t n)
{
	struct vcpu *v = &fix.vcpus[0];

	v->exit.fault = (struct s2_fault){ .gpa = gpa(n << PAGE_SHIFT),
					   .access = ACCESS_WRITE,
					   .present = true };
	return fault_serve(v, &v->exit.fault);
}

/* ---- What a write needs and leaves behind ---------------------------------------------------- */

static void the_first_write_needs_the_leaf_alone(void **state)
{
	(void)state;
	uint64_t value;
	assert_result(OK, fix_read(3, NULL));
	assert_int_equal(fix_leaf(3, NULL).attrs, S2_MAY_WRITE | S2_EXEC | S2_YOUNG | S2_COUNTED);
	struct frame *f = frame_behind(3);
	(void)frame_test_and_clear(f, FRAME_YOUNG | FRAME_DIRTY);
	uint64_t entries = fix.entries;
	assert_false(write_asks(3, 7));
	assert_int_equal(fix.entries, entries + 1);
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_DIRTY), S2_WRITE | S2_DIRTY);
	assert_int_equal(f->marks, FRAME_YOUNG | FRAME_DIRTY); /* F7 */
	assert_int_equal(fix.vm.stats.widened, 1);
	assert_int_equal(fix.vm.last_fault.gfn, 3);
	assert_int_equal(fix.vm.s2.leaves[0], 1);
	assert_int_equal(fix.vm.s2.flushes, 0);
	assert_result(OK, fix_read(3, &value));
	assert_int_equal(value, 7);
	assert_int_equal(fix.vm.stats.faults, 2);
}

/* What is written at once is writable at once: that write is seen by its fault. */
static void a_page_written_first_is_writable(void **state)
{
	(void)state;
	assert_true(write_asks(3, 7));
	assert_int_equal(writes_of(3), S2_WRITE);
	assert_int_equal(fix.vm.stats.widened, 0);
	assert_true(frame_behind(3)->marks & FRAME_DIRTY);
	assert_result(OK, present_fault(3)); /* S9: another CPU was late */
	assert_int_equal(fix.vm.stats.spurious, 1);
}

static void the_table_need_not_be_at_hand(void **state)
{
	(void)state;
	fix_anon(1024, 10, RWX, false);
	(void)fix_slot(1024, 10, 1024, 0);
	assert_result(OK, fix_read(3, NULL));
	assert_result(OK, fix_read(4, NULL));
	assert_result(OK, fix_write(1024, 1));
	assert_result(OK, fix_write(1025, 1)); /* that table is at hand now */
	assert_false(write_asks(3, 7));
	assert_int_equal(fix.vm.s2.near[0].number, 0);
	assert_false(write_asks(4, 7));
}

/* A leaf of 2 MiB is widened as one: it is the leaf that is tracked. */
static void a_large_leaf_is_widened_whole(void **state)
{
	unsigned level;

	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(0, 1024, 0, SLOT_TRACK_WRITES);
	assert_result(OK, fix_read(5, NULL));
	assert_int_equal(fix_leaf(5, &level).attrs & (S2_WRITE | S2_MAY_WRITE), S2_MAY_WRITE);
	assert_int_equal(level, 1);
	(void)frame_test_and_clear(frame_behind(5), FRAME_DIRTY);
	assert_false(write_asks(300, 7));
	assert_true(writes_of(5) & S2_WRITE);
	assert_true(frame_behind(5)->marks & FRAME_DIRTY);
	uint64_t faults = fix.vm.stats.faults;
	assert_result(OK, fix_write(301, 8));
	assert_int_equal(fix.vm.stats.faults, faults);
}

/* S3: frames without a count, and device memory, are tracked like any other, and not marked. */
static void what_is_not_counted_is_not_marked(void **state)
{
	struct fix_owner device = { .first = FIX_DEVICE }, pool = { .order = 0 };

	(void)state;
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 3, OWNER_HYPERVISOR, &pool.first));
	fix_pfnmap(&device, 200, 8, MEM_UNCACHED, RW);
	fix_pfnmap(&pool, 300, 8, MEM_WRITE_BACK, RW);
	(void)fix_slot(200, 8, 200, SLOT_TRACK_WRITES);
	(void)fix_slot(300, 8, 300, SLOT_TRACK_WRITES);
	for (uint64_t n = 201; n < 400; n += 100) {
		assert_result(OK, fix_read(n, NULL));
		assert_int_equal(writes_of(n), S2_MAY_WRITE);
		assert_false(write_asks(n, 7));
		assert_true(writes_of(n) & S2_WRITE);
	}
	assert_int_equal(frame_of(pfn(pool.first.v + 1))->marks, 0);
	assert_result(OK, fix_owner_change(&pool, NULL));
	assert_result(OK, block_free(pool.first, 3, OWNER_HYPERVISOR));
}

/* S10: without a dirty bit of the processor's every memslot is like that. */
static void where_software_notes_writes(void **state)
{
	static struct s2_geometry soft;
	static struct fix_options options = { .small = true };

	(void)state;
	soft = *arch_s2_geometry;
	soft.hw_young = soft.hw_dirty = false;
	options.tree = &soft;
	fix_begin(&options);
	fix_anon(0, 100, RWX, false);
	(void)fix_slot(0, 100, 0, 0);
	assert_result(OK, fix_read(3, NULL));
	assert_int_equal(writes_of(3), S2_MAY_WRITE);
	assert_false(write_asks(3, 7));
	assert_true(fix_leaf(3, NULL).attrs & S2_DIRTY);
	fix_end();
}

/* ---- What may not be written does not say that it may ------------------------------------------
 */

static void a_readonly_memslot_never_says_so(void **state)
{
	(void)state;
	(void)fix_slot(1000, 10, 50, SLOT_READONLY | SLOT_TRACK_WRITES);
	assert_result(OK, fix_write(55, 1)); /* the host has it for writing */
	assert_result(OK, fix_read(1005, NULL));
	assert_int_equal(writes_of(1005), 0);
	assert_result(READONLY_MEMSLOT, fix_write(1005, 1));
	assert_int_equal(writes_of(1005), 0);
}

/* H3: the owner has not granted it yet; H6: the frame is everybody's; and a region for reading. */
static void what_the_host_forbids_is_asked_for(void **state)
{
	struct fix_owner device = { .first = FIX_DEVICE, .read_only_first = true };
	uint64_t value;

	(void)state;
	fix_pfnmap(&device, 200, 8, MEM_UNCACHED, RW);
	fix_anon(300, 8, RWX, true);
	fix_anon(400, 8, ACCESS_READ, false);
	for (uint64_t n = 200; n <= 400; n += 100) {
		(void)fix_slot(n, 8, n, SLOT_TRACK_WRITES);
		assert_result(OK, fix_read(n + 1, NULL));
		assert_int_equal(writes_of(n + 1), 0);
	}
	struct frame *zeros = frame_behind(301);
	assert_true(write_asks(201, 7));
	assert_result(OK, fix_write(301, 7));
	assert_ptr_not_equal(frame_behind(301), zeros);
	assert_result(OK, fix_read(302, &value));
	assert_int_equal(value, 0);
	assert_result(NO_PERMISSION, fix_write(401, 7));
	/* Of what was broken or granted the next leaf says it. */
	assert_result(OK, slot_delete(&fix.vm, 2));
	(void)fix_slot(300, 8, 300, SLOT_TRACK_WRITES);
	assert_result(OK, fix_read(301, NULL));
	assert_int_equal(writes_of(301), S2_MAY_WRITE);
}

/* No leaf is there that the processor could have found: the fault is told so by its address. */
static void an_address_beyond_the_tree_is_no_leaf(void **state)
{
	(void)state;
	assert_result(OK, fix_read(3, NULL));
	assert_result(NO_MEMSLOT, present_fault((UINT64_C(1) << 36) + 3));
	assert_int_equal(writes_of(3), S2_MAY_WRITE);
}

/* ---- Notices -----------------------------------------------------------------------------------
 */

static void a_narrowing_takes_the_leaf_that_says_so(void **state)
{
	(void)state;
	assert_result(OK, fix_read(3, NULL));
	assert_result(OK, space_protect(&fix.vm.space, fix_range(3, 1), ACCESS_READ, NOTICE_TRY));
	assert_false(fix_mapped(3));
	assert_result(NO_PERMISSION, present_fault(3)); /* it was seen before the notice */
	assert_result(OK, fix_read(3, NULL));
	assert_int_equal(writes_of(3), 0);
	assert_result(NO_PERMISSION, fix_write(3, 1));
}

static void drop_3(void)
{
	assert_result(OK, space_drop(&fix.vm.space, fix_range(3, 1), NOTICE_TRY));
}

static void drop_60(void)
{
	assert_result(OK, space_drop(&fix.vm.space, fix_range(60, 1), NOTICE_TRY));
}

/* A notice between the fault's token and its lock. */
static void a_notice_that_came_and_went(void **state)
{
	(void)state;
	assert_result(OK, fix_read(3, NULL));
	assert_result(OK, fix_read(4, NULL));
	fix_at("s2_widen", drop_3, 1);
	assert_result(OK, present_fault(3)); /* a new page, installed the whole way */
	assert_int_equal(fix_hook.times, 0);
	assert_int_equal(writes_of(3), S2_WRITE);
	assert_int_equal(fix.vm.stats.widened, 0);
	fix_at("s2_widen", drop_60, 1);
	assert_result(OK, present_fault(4)); /* elsewhere: the long way is not needed, but sure */
	assert_int_equal(fix_hook.times, 0);
	assert_true(writes_of(4) & S2_WRITE);
	assert_int_equal(fix.vm.stats.widened, 1);
}

/* P5, I3: between two open notices nothing is given, by no way. */
static void in_the_hull_of_open_notices_nothing_is_widened(void **state)
{
	struct notifier *nf = &fix.vm.space.notifier;
	struct notice first, second;

	(void)state;
	assert_result(OK, fix_read(20, NULL));
	assert_result(OK, notice_begin(&first, nf, fix_range(3, 1), NOTICE_TRY));
	assert_result(OK, notice_begin(&second, nf, fix_range(50, 1), NOTICE_TRY));
	assert_result(BUSY, present_fault(20));
	assert_int_equal(writes_of(20), S2_MAY_WRITE);
	notice_end(&second);
	notice_end(&first);
	assert_result(OK, fix_again(&fix.vcpus[0]));
	assert_true(writes_of(20) & S2_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(the_first_write_needs_the_leaf_alone),
		TEST(a_page_written_first_is_writable),
		TEST(the_table_need_not_be_at_hand),
		cmocka_unit_test_setup_teardown(a_large_leaf_is_widened_whole, begin_empty, end),
		TEST(what_is_not_counted_is_not_marked),
		cmocka_unit_test(where_software_notes_writes),
		TEST(a_readonly_memslot_never_says_so),
		TEST(what_the_host_forbids_is_asked_for),
		TEST(an_address_beyond_the_tree_is_no_leaf),
		TEST(a_narrowing_takes_the_leaf_that_says_so),
		TEST(a_notice_that_came_and_went),
		TEST(in_the_hull_of_open_notices_nothing_is_widened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
