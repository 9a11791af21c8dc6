/* SPDX-License-Identifier: BSD-2-Clause */
/* Memslots: what is refused, what is found, and that a change is a notice (N4 (1), N6, P5). */
#include "tests/unit/hv_fixture.h"

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

static uint32_t made; /* id of the slot that a step works on */

/* ---- Refused -------------------------------------------------------------------------------- */

static const struct slot_table *table(void)
{
	return atomic_load(&fix.vm.slots);
}

static enum result create(uint64_t first, uint64_t last, uint64_t at)
{
	uint32_t id;
	return slot_create(&fix.vm, (struct gfn_range){ gfn(first), gfn(last) }, hva(at), 0, &id);
}

static uint64_t gfn_limit(void)
{
	unsigned root = arch_s2_geometry->levels - 1;
	return UINT64_C(1) << (arch_s2_geometry->shift[root] + arch_s2_geometry->bits[root]);
}

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	uint64_t limit = gfn_limit(), space = UINT64_C(1) << SPACE_BITS;
	uint32_t next = fix.vm.next_slot_id;

	assert_result(BAD_ARGUMENT, create(10, 10, FIX_BASE));
	assert_result(BAD_ARGUMENT, create(11, 10, FIX_BASE));
	assert_result(BAD_ARGUMENT, create(limit - 1, limit + 1, FIX_BASE));
	assert_result(BAD_ARGUMENT, create(limit, limit + 1, FIX_BASE));
	assert_result(BAD_ARGUMENT, create(UINT64_MAX - 1, UINT64_MAX, FIX_BASE));
	assert_result(BAD_ALIGNMENT, create(10, 20, FIX_BASE + 1));
	assert_result(BAD_ALIGNMENT, create(10, 20, FIX_BASE + PAGE_SIZE - 1));
	assert_result(BAD_ARGUMENT, create(10, 20, space));
	assert_result(BAD_ARGUMENT, create(10, 20, space + PAGE_SIZE));
	assert_result(BAD_ARGUMENT, create(10, 20, UINT64_MAX & ~PAGE_MASK));
	assert_result(BAD_ARGUMENT, create(10, 20, space - 9 * PAGE_SIZE));
	assert_ptr_equal(table(), NULL);
	assert_int_equal(fix.vm.next_slot_id, next);
	assert_result(OK, create(limit - 10, limit, space - 10 * PAGE_SIZE));
}

static void overlapping_slots_are_refused(void **state)
{
	(void)state;
	(void)fix_slot(100, 100, 0, 0);
	const struct slot_table *before = table();

	assert_result(OVERLAPS, create(100, 200, FIX_BASE));
	assert_result(OVERLAPS, create(120, 130, FIX_BASE));
	assert_result(OVERLAPS, create(50, 101, FIX_BASE));
	assert_result(OVERLAPS, create(199, 300, FIX_BASE));
	assert_result(OVERLAPS, create(0, 1000, FIX_BASE));
	assert_ptr_equal(table(), before);
	assert_result(OK, create(50, 100, FIX_BASE));
	assert_result(OK, create(200, 300, FIX_BASE));
}

static void moves_are_refused_like_creations(void **state)
{
	(void)state;
	uint32_t a = fix_slot(100, 100, 0, 0);
	(void)fix_slot(300, 100, 200, 0);
	const struct slot_table *before = table();

	assert_result(NOT_FOUND, slot_move(&fix.vm, 77, gfn(0)));
	assert_result(OVERLAPS, slot_move(&fix.vm, a, gfn(201)));
	assert_result(OVERLAPS, slot_move(&fix.vm, a, gfn(399)));
	assert_result(BAD_ARGUMENT, slot_move(&fix.vm, a, gfn(gfn_limit() - 99)));
	assert_result(BAD_ARGUMENT, slot_move(&fix.vm, a, gfn(UINT64_MAX - 50)));
	assert_ptr_equal(table(), before);
	assert_result(OK, slot_move(&fix.vm, a, gfn(150))); /* over itself */
	assert_result(OK, slot_move(&fix.vm, a, gfn(200)));
	assert_result(OK, slot_move(&fix.vm, a, gfn(gfn_limit() - 100)));
	assert_result(OK, slot_delete(&fix.vm, a));
	assert_result(NOT_FOUND, slot_delete(&fix.vm, a));
	assert_result(NOT_FOUND, slot_move(&fix.vm, a, gfn(0)));
}

static void there_are_at_most_slot_max(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < SLOT_MAX; i++)
		(void)fix_slot(2 * i, 1, i, 0);
	const struct slot_table *before = table();
	assert_result(OUT_OF_MEMORY, create(2 * SLOT_MAX, 2 * SLOT_MAX + 1, FIX_BASE));
	assert_ptr_equal(table(), before);
	for (uint64_t i = 0; i < SLOT_MAX; i++) {
		assert_ptr_equal(slot_find(&fix.vm, gfn(2 * i)), &before->slots[i]);
		assert_ptr_equal(slot_find(&fix.vm, gfn(2 * i + 1)), NULL);
	}
}

static void without_memory_nothing_changes(void **state)
{
	(void)state;
	pfn_t hog[4096];
	unsigned hogs = 0;
	uint32_t a = fix_slot(100, 100, 0, 0);
	const struct slot_table *before = table();

	while (block_alloc(FRAME_UNCOUNTED, 0, bob, &hog[hogs]) == OK)
		hogs++;
	assert_result(OUT_OF_MEMORY, create(300, 310, FIX_BASE));
	assert_result(OUT_OF_MEMORY, slot_delete(&fix.vm, a));
	assert_result(OUT_OF_MEMORY, slot_move(&fix.vm, a, gfn(500)));
	assert_ptr_equal(table(), before);
	while (hogs > 0)
		assert_result(OK, block_free(hog[--hogs], 0, bob));
	assert_result(OK, slot_delete(&fix.vm, a));
}

/* ---- Found ---------------------------------------------------------------------------------- */

static void a_slot_covers_its_pages_and_no_other(void **state)
{
	(void)state;
	assert_ptr_equal(slot_find(&fix.vm, gfn(0)), NULL);
	uint32_t b = fix_slot(200, 50, 100, SLOT_READONLY), a = fix_slot(100, 50, 0, 0);

	assert_ptr_equal(slot_find(&fix.vm, gfn(99)), NULL);
	assert_int_equal(slot_find(&fix.vm, gfn(100))->id, a);
	assert_int_equal(slot_find(&fix.vm, gfn(149))->id, a);
	assert_ptr_equal(slot_find(&fix.vm, gfn(150)), NULL);
	assert_ptr_equal(slot_find(&fix.vm, gfn(199)), NULL);
	assert_int_equal(slot_find(&fix.vm, gfn(200))->id, b);
	assert_true(slot_find(&fix.vm, gfn(249))->readonly);
	assert_ptr_equal(slot_find(&fix.vm, gfn(250)), NULL);
	assert_ptr_equal(slot_find(&fix.vm, gfn(UINT64_MAX)), NULL);
	assert_int_equal(slot_hva(slot_find(&fix.vm, gfn(203)), gfn(203)).v, fix_hva(103).v);
}

/* ---- Found by hva -----------------------------------------------------------------------------
 */

/* What the index says of a range, beside a look at every memslot. */
static void compare_showing(const struct slot_table *t, struct hva_range range)
{
	bool named[64] = { false };
	const struct slot *s, *only = NULL;
	unsigned showing = 0;
	uint32_t at = 0;

	while ((s = slot_showing(t, range, &at)) != NULL) {
		assert_false(named[s - t->slots]);
		named[s - t->slots] = true;
	}
	for (uint32_t i = 0; i < t->count; i++) {
		bool shows = hva_range_overlaps(slot_hvas(&t->slots[i]), range);
		assert_int_equal(named[i], shows);
		showing += shows;
		only = shows ? &t->slots[i] : only;
	}
	s = slot_near(t, range);
	if (s != NULL) {
		assert_int_equal(showing, 1);
		assert_ptr_equal(s, only);
		assert_true(slot_hvas(s).start.v <= range.start.v &&
			    range.end.v <= slot_hvas(s).end.v);
	}
}

static unsigned seed;

static unsigned below(unsigned limit)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % limit;
}

/* Memslots come, go and move; many show the same hvas, some the whole space of the others. */
static void the_index_names_every_slot_that_shows_a_range(void **state)
{
	(void)state;
	unsigned near = 0, refused = 0;

	seed = 1;
	for (unsigned round = 0; round < 3000; round++) {
		const struct slot_table *t = table();
		uint32_t count = t != NULL ? t->count : 0;
		if (count < 40 && (count == 0 || below(2) != 0)) {
			uint64_t first = below(4000), page = below(below(8) ? 8000 : 20);
			uint64_t end = first + 1 + below(below(8) ? 6 : 900);
			refused += create(first, end, fix_hva(page).v) != OK;
		} else if (below(2) != 0) {
			assert_result(OK, slot_delete(&fix.vm, t->slots[below(count)].id));
		} else {
			refused += slot_move(&fix.vm, t->slots[below(count)].id,
					     gfn(below(4000))) != OK;
		}
		t = table();
		for (unsigned look = 0; t != NULL && look < 20; look++) {
			const struct slot *s = &t->slots[t->count ? below(t->count) : 0];
			uint64_t page = t->count ? (s->hva.v - FIX_BASE) >> PAGE_SHIFT : 0;
			page += below(4);
			struct hva_range range = fix_range(page, 1 + below(below(4) ? 3 : 2000));
			(void)slot_find(&fix.vm, below(2) ? s->gfns.start : gfn(below(4000)));
			near += slot_near(t, range) != NULL;
			compare_showing(t, range);
		}
		grace_poll();
	}
	assert_true(near > 100); /* it is seen to find, and to refuse, often enough */
	assert_true(refused > 100);
}

static void a_reader_keeps_the_table_that_it_has_found(void **state)
{
	(void)state;
	uint32_t a = fix_slot(100, 100, 7, 0);
	grace_drain();
	uint64_t before = block_free_frames();

	env_cpu(1);
	grace_enter();
	const struct slot *found = slot_find(&fix.vm, gfn(150));
	env_cpu(0);
	assert_result(OK, slot_delete(&fix.vm, a));
	for (unsigned i = 0; i < 10; i++)
		grace_poll();
	assert_int_equal(found->hva.v, fix_hva(7).v); /* freed it would be poisoned */
	assert_int_equal(block_free_frames(), before - 1);
	env_cpu(1);
	grace_leave();
	env_cpu(0);
	grace_drain();
	assert_int_equal(block_free_frames(), before);
}

/* ---- N4 (1): not while a notice is active --------------------------------------------------- */

static void an_active_notice_keeps_the_slots_as_they_are(void **state)
{
	(void)state;
	struct notice n;
	uint32_t a = fix_slot(100, 100, 0, 0), next = fix.vm.next_slot_id;
	const struct slot_table *before = table();
	uint64_t free = block_free_frames();

	/* Whatever its range. */
	assert_result(OK, notice_begin(&n, &fix.vm.space.notifier, fix_range(5000, 1), NOTICE_TRY));
	assert_result(BUSY, create(300, 310, FIX_BASE));
	assert_result(BUSY, slot_delete(&fix.vm, a));
	assert_result(BUSY, slot_move(&fix.vm, a, gfn(500)));
	assert_ptr_equal(table(), before);
	assert_int_equal(fix.vm.next_slot_id, next);
	assert_int_equal(block_free_frames(), free);
	notice_end(&n);
	assert_result(OK, slot_move(&fix.vm, a, gfn(500)));
}

static enum result met; /* by a step in the middle of a change of slots */

static void notice_meets_change(void)
{
	struct notice n;
	met = notice_begin(&n, &fix.vm.space.notifier, fix_range(0, 1), NOTICE_TRY);
	if (met == OK)
		notice_end(&n);
}

static void a_change_of_slots_keeps_notices_out(void **state)
{
	(void)state;
	uint32_t a = fix_slot(100, 100, 0, 0);

	fix_at("notice_active", notice_meets_change, 1);
	assert_result(OK, slot_delete(&fix.vm, a));
	assert_int_equal(met, BUSY);
	notice_meets_change();
	assert_int_equal(met, OK);
}

static void a_turn_keeps_the_slots_as_they_are(void **state)
{
	(void)state;
	struct notice_turn turn = { false, false };

	assert_true(notice_turn_take(&fix.vm.space.notifier, &turn));
	assert_result(BUSY, create(300, 310, FIX_BASE));
	notice_turn_done(&fix.vm.space.notifier, &turn);
	assert_result(OK, create(300, 310, FIX_BASE));
}

/* ---- N6: a change is a notice --------------------------------------------------------------- */

static void a_deleted_slot_is_gone_for_every_cpu(void **state)
{
	(void)state;
	uint64_t value = 0;
	fix_anon(0, 100, RWX, false);
	uint32_t a = fix_slot(100, 100, 0, 0);
	assert_result(OK, fix_write(107, 4711));
	pfn_t frame = fix_leaf(107, NULL).pfn;
	env_cpu(2);
	assert_result(OK, fix_access(&fix.vcpus[2], 107 << PAGE_SHIFT, ACCESS_READ, &value));
	env_cpu(0);
	assert_true(fix_tlb_reaches(frame) != 0);

	assert_result(OK, slot_delete(&fix.vm, a));
	assert_false(fix_mapped(107));
	assert_int_equal(fix_tlb_reaches(frame), 0);
	assert_result(NO_MEMSLOT, fix_read(107, &value));
	/* The host's memory is still there, with what was written. */
	assert_int_equal(frame_refs(frame_of(frame)), 1);
	assert_int_equal(frame_of(frame)->marks, FRAME_YOUNG | FRAME_DIRTY);
	(void)fix_slot(300, 100, 0, 0);
	assert_result(OK, fix_read(307, &value));
	assert_int_equal(value, 4711);
}

static void a_moved_slot_shows_the_same_memory_elsewhere(void **state)
{
	(void)state;
	uint64_t value = 0;
	fix_anon(0, 100, RWX, false);
	uint32_t a = fix_slot(100, 100, 0, 0);
	assert_result(OK, fix_write(107, 1));
	assert_result(OK, fix_write(150, 2));

	assert_result(OK, slot_move(&fix.vm, a, gfn(143))); /* partly over its old place */
	assert_false(fix_mapped(107));
	assert_false(fix_mapped(150));
	assert_result(NO_MEMSLOT, fix_read(107, &value));
	assert_result(OK, fix_read(150, &value));
	assert_int_equal(value, 1);
	assert_result(OK, fix_read(193, &value));
	assert_int_equal(value, 2);
}

static void a_host_range_that_two_slots_show_goes_from_both(void **state)
{
	(void)state;
	fix_anon(0, 100, RWX, false);
	(void)fix_slot(100, 100, 0, 0);
	(void)fix_slot(1000, 20, 50, SLOT_READONLY);
	assert_result(OK, fix_write(160, 9));
	assert_result(OK, fix_read(1010, NULL));
	assert_int_equal(fix_leaf(160, NULL).pfn.v, fix_leaf(1010, NULL).pfn.v);
	assert_result(OK, space_drop(&fix.vm.space, fix_range(60, 1), NOTICE_TRY));
	assert_false(fix_mapped(160));
	assert_false(fix_mapped(1010));
}

/* ---- P5, M1: the memslot is looked up under the token --------------------------------------- */

static void delete_made(void)
{
	assert_result(OK, slot_delete(&fix.vm, made));
}

static void move_made(void)
{
	assert_result(OK, slot_move(&fix.vm, made, gfn(500)));
}

/* The slot goes at each place where the fault has nothing locked. */
static void a_fault_does_not_install_through_a_slot_that_went(void **state)
{
	(void)state;
	static const char *const steps[] = { "fault_token", "follow_fault", "fault_followed",
					     "s2_install" };
	fix_anon(0, 100, RWX, false);
	for (unsigned i = 0; i < 4; i++) {
		made = fix_slot(100, 100, 0, 0);
		assert_result(OK, space_drop(&fix.vm.space, fix_range(0, 100), NOTICE_TRY));
		fix_at(steps[i], delete_made, 1);
		assert_result(NO_MEMSLOT, fix_write(107, 1));
		assert_int_equal(fix_hook.times, 0);
		assert_false(fix_mapped(107));
	}
}

static void a_fault_does_not_install_through_a_slot_that_moved(void **state)
{
	(void)state;
	fix_anon(0, 100, RWX, false);
	made = fix_slot(100, 100, 0, 0);
	uint64_t raced = fix.vm.stats.raced;
	fix_at("fault_followed", move_made, 1);
	assert_result(NO_MEMSLOT, fix_write(107, 1));
	assert_false(fix_mapped(107));
	assert_true(fix.vm.stats.raced > raced);
	assert_result(OK, fix_write(507, 1));
}

static enum result late; /* what the last fault was answered */

static void fault_late(void)
{
	late = fix_fault(&fix.vcpus[1], 107, ACCESS_WRITE);
}

/* The notice's end has just told that seq has moved: from here on a token is good again. */
static void a_fault_at_the_end_of_the_change_sees_the_new_slots(void **state)
{
	(void)state;
	fix_anon(0, 100, RWX, false);
	uint32_t a = fix_slot(100, 100, 0, 0);
	assert_result(OK, fix_write(107, 1));
	fix_at("notice_inactive", fault_late, 1);
	assert_result(OK, slot_delete(&fix.vm, a));
	assert_int_equal(fix_hook.times, 0);
	assert_int_equal(late, NO_MEMSLOT);
	assert_false(fix_mapped(107));
}

static void create_other(void)
{
	(void)fix_slot(100, 100, 200, 0);
}

static void replace_made(void)
{
	delete_made();
	create_other();
}

static void a_fault_sees_the_slot_that_replaced_the_one_it_looked_up(void **state)
{
	(void)state;
	uint64_t value;
	fix_anon(0, 300, RWX, false);
	(void)fix_slot(1000, 300, 0, 0);
	assert_result(OK, fix_write(1007, 1));
	assert_result(OK, fix_write(1207, 2));
	made = fix_slot(100, 100, 0, 0);
	fix_at("fault_followed", replace_made, 1);
	assert_result(OK, fix_read(107, &value));
	assert_int_equal(value, 2);
}

/* ---- P7 ------------------------------------------------------------------------------------- */

static void a_readonly_slot_never_yields_a_writable_leaf(void **state)
{
	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(0, 1024, 0, SLOT_READONLY);
	assert_result(OK, fix_read(7, NULL));
	assert_int_equal(fix_leaf(7, NULL).attrs & S2_WRITE, 0);
	assert_result(READONLY_MEMSLOT, fix_write(7, 1));
	assert_result(READONLY_MEMSLOT, fix_write(8, 1));
	assert_result(OK, fix_exec(7));
	assert_int_equal(fix_leaf(7, NULL).attrs & S2_WRITE, 0);
	assert_int_equal(fix.vm.last_fault.gfn, 8);
	assert_int_equal(fix.vm.last_fault.verdict, READONLY_MEMSLOT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_makes_no_sense_is_refused),
		TEST(overlapping_slots_are_refused),
		TEST(moves_are_refused_like_creations),
		TEST(there_are_at_most_slot_max),
		TEST(without_memory_nothing_changes),
		TEST(a_slot_covers_its_pages_and_no_other),
		TEST(the_index_names_every_slot_that_shows_a_range),
		TEST(a_reader_keeps_the_table_that_it_has_found),
		TEST(an_active_notice_keeps_the_slots_as_they_are),
		TEST(a_change_of_slots_keeps_notices_out),
		TEST(a_turn_keeps_the_slots_as_they_are),
		TEST(a_deleted_slot_is_gone_for_every_cpu),
		TEST(a_moved_slot_shows_the_same_memory_elsewhere),
		TEST(a_host_range_that_two_slots_show_goes_from_both),
		TEST(a_fault_does_not_install_through_a_slot_that_went),
		TEST(a_fault_does_not_install_through_a_slot_that_moved),
		TEST(a_fault_at_the_end_of_the_change_sees_the_new_slots),
		TEST(a_fault_sees_the_slot_that_replaced_the_one_it_looked_up),
		TEST(a_readonly_slot_never_yields_a_writable_leaf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
