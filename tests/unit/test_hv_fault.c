/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fault handler against notices, step by step: what runs between two steps of a fault is chosen
 * here. P5 and its defects M1-M5, N3, N4, N7, N8, F7 and M8, H3 and M16, the refusals, and
 * what a fault leaves behind when it fails.
 */
#include "tests/unit/hv_fixture.h"

static const struct fix_options plain, small = { .small = true };

static int begin(void **state)
{
	(void)state;
	fix_begin(&plain);
	return 0;
}

/* Host entries of 4 KiB, a region and a memslot of 100 pages at gfn 0. */
static int begin_small(void **state)
{
	(void)state;
	fix_begin(&small);
	fix_anon(0, 100, RWX, false);
	(void)fix_slot(0, 100, 0, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fix_end();
	return 0;
}

static struct notifier *notifier(void)
{
	return &fix.vm.space.notifier;
}

static enum result drop(uint64_t page, uint64_t pages)
{
	return space_drop(&fix.vm.space, fix_range(page, pages), NOTICE_TRY);
}

/* ---- A fault with nobody about -------------------------------------------------------------- */

static void a_fault_maps_a_page_and_remembers_it(void **state)
{
	(void)state;
	uint64_t value = 1;
	assert_result(OK, fix_read(3, &value));
	assert_int_equal(value, 0);
	struct s2_entry e = fix_leaf(3, NULL);
	assert_int_equal(e.attrs, S2_WRITE | S2_EXEC | S2_YOUNG | S2_COUNTED);
	assert_int_equal(fix.vm.stats.faults, 1);
	assert_int_equal(fix.vm.stats.raced, 0);
	assert_int_equal(fix.vm.stats.waits, 0);
	assert_int_equal(fix.vm.last_fault.gfn, 3);
	assert_int_equal(fix.vm.last_fault.verdict, OK);
	assert_int_equal(fix.vm.s2.leaves[0], 1);
	assert_int_equal(fix.vm.s2.tables, 3);
	assert_int_equal(fix.vm.s2.flushes, 0);
}

static void refusals_have_their_reason(void **state)
{
	(void)state;
	struct fix_owner owner = { .first = FIX_DEVICE, .gone = true };
	fix_anon(200, 10, ACCESS_READ, false);
	fix_pfnmap(&owner, 300, 10, MEM_DEVICE, RW);
	(void)fix_slot(200, 10, 200, 0);
	(void)fix_slot(300, 10, 300, 0);
	(void)fix_slot(400, 10, 400, 0);
	uint64_t entries = fix.entries;

	assert_result(NO_MEMSLOT, fix_read(150, NULL));
	assert_result(NO_PERMISSION, fix_write(203, 1));
	assert_result(NO_PERMISSION, fix_exec(203));
	assert_result(NO_BACKING, fix_read(303, NULL));
	assert_result(NO_REGION, fix_read(403, NULL));
	assert_int_equal(fix.vm.last_fault.verdict, NO_REGION);
	assert_int_equal(fix.vm.stats.faults, 5);
	assert_int_equal(fix.entries, entries);
	assert_false(fix.vcpus[0].fault_pending);
	/* None of them is for ever. */
	owner.gone = false;
	assert_result(OK, fix_write(303, 1));
	fix_anon(400, 10, RW, false);
	assert_result(OK, fix_write(403, 1));
}

/* ---- P5, S2: a notice in the middle of a fault ---------------------------------------------- */

static void drop_page(void)
{
	assert_result(OK, drop(3, 1));
}

/*
 * A whole notice fits between two steps. It is over when the fault comes to its lock: only seq
 * tells (M3), and only if it was read before the lookup (M1), and looked at under the lock (M4).
 */
static void a_notice_that_came_and_went_is_noticed(void **state)
{
	(void)state;
	static const char *const steps[] = { "fault_followed", "s2_install" };
	for (unsigned i = 0; i < 2; i++) {
		uint64_t raced = fix.vm.stats.raced, value = 1;
		assert_result(OK, fix_write(3, 4711));
		assert_result(OK, slot_delete(&fix.vm, i == 0 ? 0 : fix.vm.next_slot_id - 1));
		(void)fix_slot(0, 100, 0, 0);
		fix_at(steps[i], drop_page, 1);
		assert_result(OK, fix_read(3, &value));
		assert_int_equal(fix_hook.times, 0);
		assert_int_equal(value, 0); /* a new page of zeros; the old one is free (census) */
		assert_int_equal(fix.vm.stats.raced, raced + 1);
	}
	assert_int_equal(fix.vm.s2.consumer.retries_seq, 2);
	assert_int_equal(fix.vm.s2.consumer.retries_false, 0);
	assert_int_equal(fix.vm.stats.max_rounds, 2);
}

static struct notice open_notice;

static void open_over_page(void)
{
	assert_result(OK, notice_begin(&open_notice, notifier(), fix_range(3, 1), NOTICE_TRY));
}

/* An open notice: seq has not moved yet, only the open count tells (M2). */
static void nothing_is_installed_inside_an_open_notice(void **state)
{
	(void)state;
	static const char *const steps[] = { "fault_token", "fault_followed", "s2_install" };
	for (unsigned i = 0; i < 3; i++) {
		fix_at(steps[i], open_over_page, 1);
		assert_result(BUSY, fix_write(3, 1));
		assert_int_equal(fix_hook.times, 0);
		assert_false(fix_mapped(3));
		assert_true(fix.vcpus[0].fault_pending);
		notice_end(&open_notice);
		assert_result(OK, fix_again(&fix.vcpus[0]));
		assert_false(fix.vcpus[0].fault_pending);
		assert_int_equal(fix.vcpus[0].races, 0);
		assert_true(fix_mapped(3));
		assert_result(OK, drop(3, 1));
	}
	assert_int_equal(fix.vm.stats.faults, 3); /* served again is not counted again */
	assert_int_equal(fix.vm.stats.waits, 3);
	assert_true(fix.vm.s2.consumer.retries_open >= 3);
}

/* H7: a notice beside the page, but under the leaf that would cover both. */
static void a_notice_beside_the_page_stops_a_huge_leaf(void **state)
{
	(void)state;
	fix_anon(0, 512, RWX, false);
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_write(300, 1)); /* the host entry is there */
	assert_result(OK, slot_delete(&fix.vm, 0));
	(void)fix_slot(0, 512, 0, 0);
	fix_at("fault_followed", open_over_page, 1);
	assert_result(BUSY, fix_write(300, 2));
	assert_false(fix_mapped(300));
	notice_end(&open_notice);
	assert_result(OK, fix_again(&fix.vcpus[0]));
}

/* ---- N3: notices that overlap --------------------------------------------------------------- */

static void two_open_notices_both_count(void **state)
{
	(void)state;
	struct notice first, second;
	struct token t = token_take(&fix.vm.s2.consumer);
	struct consumer *c = &fix.vm.s2.consumer;

	assert_result(OK, notice_begin(&first, notifier(), fix_range(3, 1), NOTICE_TRY));
	assert_result(OK, notice_begin(&second, notifier(), fix_range(50, 1), NOTICE_TRY));
	/* M5: the second widened what is closed, and did not replace it. */
	assert_result(BUSY, fix_fault(&fix.vcpus[0], 3, ACCESS_READ));
	fault_abandon(&fix.vcpus[0]);
	assert_result(BUSY, fix_fault(&fix.vcpus[0], 50, ACCESS_READ));
	fault_abandon(&fix.vcpus[0]);
	assert_result(OK, fix_fault(&fix.vcpus[0], 60, ACCESS_READ));
	notice_end(&second);
	assert_result(BUSY, fix_fault(&fix.vcpus[0], 3, ACCESS_READ));
	assert_false(fix_mapped(3));
	fault_abandon(&fix.vcpus[0]);
	notice_end(&first);
	assert_result(OK, fix_fault(&fix.vcpus[0], 3, ACCESS_READ));
	assert_result(OK, fix_fault(&fix.vcpus[0], 50, ACCESS_READ));
	spin_lock(&c->lock);
	assert_false(token_check(c, &t, fix_range(3, 1)));
	spin_unlock(&c->lock);
}

/* ---- N4 ------------------------------------------------------------------------------------- */

static void when_begin_returns_no_translation_is_left(void **state)
{
	(void)state;
	struct notice n;
	uint64_t value;
	assert_result(OK, fix_write(3, 1));
	for (unsigned c = 1; c < FIX_CPUS; c++) {
		env_cpu(c);
		assert_result(OK, fix_access(&fix.vcpus[c], 3 << PAGE_SHIFT, ACCESS_READ, &value));
	}
	env_cpu(0);
	pfn_t frame = fix_leaf(3, NULL).pfn;
	assert_int_equal(fake_tlb_reaches(frame), FIX_CPUS);
	assert_result(OK, notice_begin(&n, notifier(), fix_range(3, 1), NOTICE_TRY));
	assert_false(fix_mapped(3));
	assert_int_equal(fix_tlb_reaches(frame), 0);
	assert_int_equal(frame_of(frame)->marks, FRAME_YOUNG | FRAME_DIRTY); /* folded by now */
	notice_end(&n);
}

static void fault_meets_removal(void)
{
	/* M6: the open count is raised before leaves go, and the lock is not dropped between. */
	assert_true(spin_is_locked(&fix.vm.s2.consumer.lock));
	assert_int_equal(fix.vm.s2.consumer.open, 1);
	assert_true(notice_active(notifier()));
}

static void leaves_go_after_the_open_count_is_raised(void **state)
{
	(void)state;
	assert_result(OK, fix_write(3, 1));
	fix_at("s2_removed", fault_meets_removal, 1);
	assert_result(OK, drop(3, 1));
	assert_int_equal(fix_hook.times, 0);
}

/* H4, H5: what an owner takes or moves is gone, and what comes is the new place. */
static void a_bar_that_moves_is_seen_at_its_new_place(void **state)
{
	(void)state;
	uint64_t value = 0;
	pfn_t there = pfn(FIX_DEVICE.v + 1024);
	struct fix_owner bar = { .first = FIX_DEVICE, .order = 9 };
	fix_pfnmap(&bar, 512, 512, MEM_UNCACHED, RW);
	(void)fix_slot(512, 512, 512, 0);
	*(uint64_t *)fake_device(pfn_to_hpa(pfn(there.v + 9))) = 2;
	assert_result(OK, fix_write(521, 1));
	assert_int_equal(*(uint64_t *)fake_device(pfn_to_hpa(pfn(FIX_DEVICE.v + 9))), 1);

	assert_result(OK, fix_owner_change(&bar, &there));
	assert_int_equal(fix_tlb_reaches(pfn(FIX_DEVICE.v + 9)), 0);
	assert_result(OK, fix_read(521, &value));
	assert_int_equal(value, 2);
	assert_result(OK, fix_owner_change(&bar, NULL));
	assert_result(NO_BACKING, fix_read(521, &value));
	assert_int_equal(fix_tlb_reaches(pfn(there.v + 9)), 0);
}

/* The owner begins its notice while a fault has its old answer in hand. */
static struct fix_owner mover;

static void mover_moves(void)
{
	pfn_t there = pfn(mover.first.v + 1024);
	assert_result(OK, fix_owner_change(&mover, &there));
}

static void a_bar_that_moves_during_a_fault_is_seen_at_its_new_place(void **state)
{
	(void)state;
	mover = (struct fix_owner){ .first = FIX_DEVICE, .order = 9 };
	fix_pfnmap(&mover, 512, 512, MEM_UNCACHED, RW);
	(void)fix_slot(512, 512, 512, 0);
	fix_at("fault_followed", mover_moves, 3);
	assert_result(OK, fix_write(521, 1));
	assert_int_equal(fix_leaf(512, NULL).pfn.v, FIX_DEVICE.v + 3 * 1024);
	assert_int_equal(fix.vm.stats.max_rounds, 4);
}

/* In the middle of its move the owner has no memory: that is no answer to give to a guest (P5). */
static void mover_is_between_two_places(void)
{
	struct hva_range all = fix_range(mover.page, mover.pages);
	assert_result(OK, notice_begin(&open_notice, notifier(), all, NOTICE_TRY));
	mover.gone = true;
}

static void a_refusal_inside_a_notice_is_looked_at_again(void **state)
{
	(void)state;
	mover = (struct fix_owner){ .first = FIX_DEVICE };
	fix_pfnmap(&mover, 200, 10, MEM_UNCACHED, RW);
	(void)fix_slot(200, 10, 200, 0);
	fix_at("follow_fault", mover_is_between_two_places, 1);
	assert_result(BUSY, fix_write(203, 1));
	mover.gone = false;
	notice_end(&open_notice);
	assert_result(OK, fix_again(&fix.vcpus[0]));
	/* When the notice is over it stands. */
	assert_result(OK, fix_owner_change(&mover, NULL));
	assert_result(NO_BACKING, fix_write(203, 1));
}

/* ---- F7, M8 --------------------------------------------------------------------------------- */

static pfn_t marked;
static uint64_t marks_page;
static uint32_t marks_seen;

static void marks_at_unlock(void)
{
	struct s2_entry e = fix_leaf(marks_page, NULL);
	if (e.kind != S2_LEAF || spin_is_locked(&fix.vm.s2.consumer.lock))
		return; /* another lock's */
	if (marked.v == 0)
		marks_seen = frame_of(e.pfn)->marks;
	marked = e.pfn;
}

/* The first moment at which a notice could come, the marks are there: by both ways to install. */
static void a_frame_is_marked_before_the_lock_is_left(void **state)
{
	struct host_found unused;
	(void)state;
	assert_result(OK,
		      space_fault(&fix.vm.space, fix_hva(4), ACCESS_WRITE, false, false, &unused));
	for (marks_page = 3; marks_page < 5; marks_page++) {
		marked = pfn(0);
		fix_at("unlock", marks_at_unlock, 100);
		assert_result(OK, fix_fault(&fix.vcpus[0], marks_page, ACCESS_WRITE));
		fix_hook.times = 0;
		assert_int_equal(marked.v, fix_leaf(marks_page, NULL).pfn.v);
		assert_int_equal(marks_seen, FRAME_YOUNG | FRAME_DIRTY);
	}
}

static void only_a_write_makes_dirty(void **state)
{
	(void)state;
	assert_result(OK, fix_fault(&fix.vcpus[0], 3, ACCESS_READ));
	assert_result(OK, fix_fault(&fix.vcpus[0], 4, ACCESS_EXEC));
	assert_result(OK, fix_fault(&fix.vcpus[0], 5, ACCESS_WRITE));
	assert_int_equal(frame_of(fix_leaf(3, NULL).pfn)->marks, FRAME_YOUNG);
	assert_int_equal(frame_of(fix_leaf(4, NULL).pfn)->marks, FRAME_YOUNG);
	assert_int_equal(frame_of(fix_leaf(5, NULL).pfn)->marks, FRAME_YOUNG | FRAME_DIRTY);
	assert_int_equal(fix_leaf(4, NULL).attrs & S2_DIRTY, 0);
}

static void counts_stand_still(void)
{
	unsigned level;
	uint64_t host = host_lookup(fix.vm.space.root, fix_hva(3), &level);
	struct frame *f = frame_of(host_pfn(host));
	assert_int_equal(frame_refs(f), 1); /* the host entry's */
	assert_int_equal(frame_pins(f), 0);
}

/* P4, P6: not for a moment, and not by the leaf. */
static void a_mapping_takes_no_count(void **state)
{
	(void)state;
	static const char *const steps[] = { "fault_followed", "s2_install" };
	for (unsigned i = 0; i < 2; i++) {
		fix_at(steps[i], counts_stand_still, 1);
		assert_result(OK, fix_write(3, 1));
		counts_stand_still();
		assert_result(OK, drop(3, 1));
	}
}

/* ---- H3, M16 -------------------------------------------------------------------------------- */

static void a_missing_permission_is_asked_for(void **state)
{
	(void)state;
	struct fix_owner device = { .first = FIX_DEVICE, .read_only_first = true };
	fix_pfnmap(&device, 200, 10, MEM_UNCACHED, RW);
	(void)fix_slot(200, 10, 200, 0);
	assert_result(OK, fix_read(203, NULL));
	assert_result(OK, fix_write(203, 1));
	assert_int_equal(fix.vm.stats.widened, 1);
	assert_int_equal(fix_leaf(203, NULL).attrs & S2_WRITE, S2_WRITE);
}

/* H6: a write to the shared page of zeros breaks it, inside a notice of the fault's own. */
static void a_shared_page_is_broken_by_a_write(void **state)
{
	(void)state;
	uint64_t value = 1;
	fix_anon(200, 10, RWX, true);
	(void)fix_slot(200, 10, 200, 0);
	assert_result(OK, fix_read(203, &value));
	assert_result(OK, fix_read(204, &value));
	pfn_t zeros = fix_leaf(203, NULL).pfn;
	assert_int_equal(fix_leaf(204, NULL).pfn.v, zeros.v);
	assert_int_equal(fix_leaf(203, NULL).attrs & S2_WRITE, 0);
	assert_result(OK, fix_write(203, 7));
	assert_int_not_equal(fix_leaf(203, NULL).pfn.v, zeros.v);
	assert_result(OK, fix_read(204, &value));
	assert_int_equal(value, 0);
	assert_int_equal(fix_tlb_reaches(zeros), 1);  /* page 204's */
	assert_int_equal(fix.vm.stats.max_rounds, 2); /* its own notice cost a lookup */
}

/* ---- N8 ------------------------------------------------------------------------------------- */

static unsigned storms, refused_storms;

static void storm(void)
{
	storms++;
	enum result r = drop(3, 1);
	assert_true(r == OK || r == BUSY);
	refused_storms += r == BUSY;
}

static void a_fault_outlasts_a_storm_of_notices(void **state)
{
	(void)state;
	storms = refused_storms = 0;
	fix_at("fault_followed", storm, UINT32_MAX);
	assert_result(OK, fix_write(3, 1));
	fix_hook.times = 0;
	assert_true(fix_mapped(3));
	assert_int_equal(storms, NOTICE_PATIENCE + 1);
	assert_int_equal(refused_storms, 1); /* in its turn nobody gets in */
	assert_true(fix.vm.stats.max_rounds <= NOTICE_MAX_ROUNDS);
	assert_int_equal(fix.vm.stats.max_rounds, NOTICE_PATIENCE + 1);
	assert_false(fix.vcpus[0].turn.asked);
	assert_result(OK, drop(3, 1)); /* and then again */
}

/* The worst case: in its turn the fault has to break a shared page with a notice of its own. */
static void a_fault_outlasts_a_storm_and_breaks_a_page(void **state)
{
	(void)state;
	storms = 0;
	fix_anon(200, 10, RWX, true);
	(void)fix_slot(200, 10, 200, 0);
	assert_result(OK, fix_read(203, NULL));
	/* Somebody else has the turn again and again: the break is refused. */
	struct notice_turn other = { false, false };
	assert_true(notice_turn_take(notifier(), &other));
	assert_result(BUSY, fix_write(203, 1));
	assert_true(fix.vcpus[0].fault_pending);
	assert_int_equal(fix.vcpus[0].races, NOTICE_PATIENCE);
	assert_result(BUSY, fix_again(&fix.vcpus[0]));
	notice_turn_done(notifier(), &other);
	assert_result(OK, fix_again(&fix.vcpus[0]));
	assert_true(fix.vm.stats.max_rounds <= NOTICE_MAX_ROUNDS);
	assert_true(fix.vm.stats.max_rounds > NOTICE_PATIENCE + 1);
	assert_result(OK, fix_write(203, 2));
}

static void a_waiting_fault_keeps_new_notices_out(void **state)
{
	(void)state;
	open_over_page();
	assert_result(BUSY, fix_write(3, 1));
	assert_result(BUSY,
		      fix_access(&fix.vcpus[1], 3 << PAGE_SHIFT, ACCESS_READ, &(uint64_t){ 0 }));
	assert_result(BUSY, drop(50, 1));
	notice_end(&open_notice);
	assert_result(BUSY, drop(50, 1));
	/* One after the other, and then the notices. */
	assert_result(OK, fix_again(&fix.vcpus[1]));
	assert_result(BUSY, drop(50, 1));
	assert_result(OK, fix_again(&fix.vcpus[0]));
	assert_result(OK, drop(50, 1));
}

static void a_fault_that_is_given_up_gives_its_turn_back(void **state)
{
	(void)state;
	open_over_page();
	assert_result(BUSY, fix_write(3, 1));
	fault_abandon(&fix.vcpus[0]);
	assert_false(fix.vcpus[0].fault_pending);
	assert_int_equal(fix.vcpus[0].races, 0);
	notice_end(&open_notice);
	assert_result(OK, drop(3, 1));
	fault_abandon(&fix.vcpus[0]); /* nothing to give up: nothing */
	/* Also one that had its turn already, and was refused in it. */
	open_over_page();
	assert_result(BUSY, fix_write(3, 1));
	notice_end(&open_notice);
	assert_result(OK,
		      space_protect(&fix.vm.space, fix_range(3, 1), ACCESS_READ, NOTICE_NESTED));
	assert_result(NO_PERMISSION, fix_again(&fix.vcpus[0]));
	assert_false(fix.vcpus[0].turn.asked);
	assert_false(fix.vcpus[0].fault_pending);
	assert_result(OK, drop(3, 1));
}

/* N7: another consumer refuses; what was begun is taken back, and the fault goes on. */
static enum result refuse(struct consumer *c, struct hva_range range, enum notice_mode mode)
{
	(void)c;
	(void)range;
	return mode == NOTICE_TRY ? WOULD_SLEEP : OK;
}

static bool reaches_nothing(struct consumer *c, pfn_t first, uint64_t count)
{
	(void)c;
	(void)first;
	(void)count;
	return false;
}

static void a_refused_notice_leaves_the_guest_as_it_was(void **state)
{
	(void)state;
	static const struct consumer_ops ops = { "refuser", refuse, NULL, reaches_nothing };
	struct consumer last;
	uint64_t value = 0;
	memset(&last, 0, sizeof(last));
	assert_result(OK, consumer_register(&last, notifier(), &ops, CONSUMER_TABLE));
	assert_result(OK, fix_write(3, 5));
	pfn_t frame = fix_leaf(3, NULL).pfn;
	assert_result(WOULD_SLEEP, drop(3, 1));
	assert_int_equal(fix.vm.s2.consumer.open, 0);
	assert_result(WOULD_SLEEP,
		      fix_owner_change(&(struct fix_owner){ .page = 3, .pages = 1 }, NULL));
	assert_result(OK, fix_read(3, &value));
	assert_int_equal(value, 5);
	assert_int_equal(fix_leaf(3, NULL).pfn.v, frame.v);
	assert_result(OK, consumer_unregister(&last));
	assert_result(OK, drop(3, 1));
}

/* ---- Out of memory at each step ------------------------------------------------------------- */

static pfn_t hogged[8192];
static unsigned hogs;

static void hog(uint64_t leave)
{
	hogs = 0;
	while (block_free_frames() > leave)
		assert_result(OK, block_alloc(FRAME_UNCOUNTED, 0, bob, &hogged[hogs++]));
}

static void unhog(void)
{
	while (hogs > 0)
		assert_result(OK, block_free(hogged[--hogs], 0, bob));
}

/* Three pages for the tree, up to three tables and the page for the host: one less each time. */
static void without_memory_a_fault_leaves_nothing_half_done(void **state)
{
	(void)state;
	for (uint64_t leave = 0;; leave++) {
		uint64_t entries = fix.entries;
		hog(leave);
		enum result r = fix_write(3, 1);
		if (r == OK)
			break;
		assert_result(OUT_OF_MEMORY, r);
		assert_int_equal(fix.entries, entries);
		assert_false(fix_mapped(3));
		assert_int_equal(fix.vm.space.counted, 0);
		assert_int_equal(fix.vm.last_fault.verdict, OUT_OF_MEMORY);
		unhog();
		fix_check_tree();
		assert_true(leave < 16);
	}
	assert_true(fix_mapped(3));
	unhog();
	assert_result(OK, fix_write(4, 1));
}

/* The host's page is there, and pages for the tree are what is missing. */
static void without_memory_for_tables_nothing_is_installed(void **state)
{
	(void)state;
	const uint64_t far = UINT64_C(1) << 30; /* shares no table but the root */
	uint64_t value = 0;
	assert_result(OK, fix_write(3, 4711));
	(void)fix_slot(far, 100, 0, 0);
	for (uint64_t leave = 0; leave <= 3; leave++) {
		uint64_t entries = fix.entries;
		s2_cache_empty(&fix.vcpus[0].s2_cache);
		hog(leave);
		assert_result(leave < 3 ? OUT_OF_MEMORY : OK, fix_read(far + 3, &value));
		assert_int_equal(fix.entries, leave < 3 ? entries : entries + 4);
		unhog();
	}
	assert_int_equal(value, 4711);
}

/* The same, where the fault breaks a shared page. */
static void without_memory_a_shared_page_stays_shared(void **state)
{
	(void)state;
	uint64_t value = 1;
	fix_anon(200, 10, RWX, true);
	(void)fix_slot(200, 10, 200, 0);
	assert_result(OK, fix_read(203, &value));
	struct s2_entry e = fix_leaf(203, NULL);
	assert_result(OK, s2_cache_fill(&fix.vcpus[0].s2_cache));
	hog(0);
	assert_result(OUT_OF_MEMORY, fix_write(203, 1));
	assert_int_equal(fix_leaf(203, NULL).pfn.v, e.pfn.v);
	assert_int_equal(fix_leaf(203, NULL).attrs & S2_WRITE, 0);
	unhog();
	assert_result(OK, fix_write(203, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_small, end)
#define TEST_HUGE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fault_maps_a_page_and_remembers_it),
		TEST(refusals_have_their_reason),
		TEST(a_notice_that_came_and_went_is_noticed),
		TEST(nothing_is_installed_inside_an_open_notice),
		TEST_HUGE(a_notice_beside_the_page_stops_a_huge_leaf),
		TEST(two_open_notices_both_count),
		TEST(when_begin_returns_no_translation_is_left),
		TEST(leaves_go_after_the_open_count_is_raised),
		TEST_HUGE(a_bar_that_moves_is_seen_at_its_new_place),
		TEST_HUGE(a_bar_that_moves_during_a_fault_is_seen_at_its_new_place),
		TEST(a_refusal_inside_a_notice_is_looked_at_again),
		TEST(a_frame_is_marked_before_the_lock_is_left),
		TEST(only_a_write_makes_dirty),
		TEST(a_mapping_takes_no_count),
		TEST(a_missing_permission_is_asked_for),
		TEST(a_shared_page_is_broken_by_a_write),
		TEST(a_fault_outlasts_a_storm_of_notices),
		TEST(a_fault_outlasts_a_storm_and_breaks_a_page),
		TEST(a_waiting_fault_keeps_new_notices_out),
		TEST(a_fault_that_is_given_up_gives_its_turn_back),
		TEST(a_refused_notice_leaves_the_guest_as_it_was),
		TEST(without_memory_a_fault_leaves_nothing_half_done),
		TEST(without_memory_for_tables_nothing_is_installed),
		TEST(without_memory_a_shared_page_stays_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
