/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host fault handler prepares memory without the lock: whatever has become of the place until
 * it has the lock again, nothing is put where it does not belong, and nothing is lost.
 */
#include "mm/follow.h"
#include "tests/unit/host_fault.h"

static unsigned interrupted, looks; /* how often the lock is taken before */

static void (*meanwhile)(void);

/* After the look, before the lock is taken for what was prepared. */
static void between(const char *name, const void *object)
{
	if (strcmp(name, "lock") != 0 || object != &world.space.lock || interrupted++ != looks)
		return;
	env_step = NULL;
	meanwhile();
}

static void begin_meanwhile(unsigned after, void (*change)(void))
{
	interrupted = 0;
	looks = after;
	meanwhile = change;
	env_step = between;
}

static enum result touch_meanwhile(hva_t a, enum access access, void (*change)(void))
{
	begin_meanwhile(1, change);
	enum result r = touch(a, access);
	env_step = NULL;
	assert_true(interrupted > 1);
	return r;
}

static void is_unmapped(void)
{
	assert_result(OK, unmap(base, MIB2));
}

static void becomes_a_device(void)
{
	assert_result(OK, unmap(base, MIB2));
	map(base, MIB2, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
}

static void becomes_readable_only(void)
{
	assert_result(OK, protect(base, MIB2, ACCESS_READ));
}

static void gets_a_small_page(void)
{
	world.space.huge = false;
	assert_result(OK, touch(page(1), ACCESS_WRITE));
	world.space.huge = true;
}

static void is_cut(void)
{
	assert_result(OK, unmap(page(511), PAGE_SIZE));
}

static void is_touched(void)
{
	assert_result(OK, touch(base, ACCESS_READ));
}

/*
 * H1, H7: whatever has become of the place, what was prepared for the old one is not put there. The
 * second look serves or refuses what it finds; only where less room is left does it begin again.
 */
static void a_fault_meets_what_came_meanwhile(void **state)
{
	static const struct {
		void (*change)(void);
		enum result result;
	} cases[] = {
		{ is_unmapped, NO_REGION },
		{ becomes_a_device, OK },
		{ becomes_readable_only, NO_PERMISSION },
		{ gets_a_small_page, RACED },
		{ is_cut, RACED },
	};
	(void)state;
	map(base, MIB2, anon(RW));
	assert_result(OK, touch(page(1), ACCESS_WRITE)); /* for the tables, which stay */
	assert_result(OK, unmap(base, MIB2));
	grace_drain();
	uint64_t frames = block_free_frames();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		map(base, MIB2, anon(RW));
		assert_result(cases[i].result,
			      touch_meanwhile(base, ACCESS_WRITE, cases[i].change));
		if (cases[i].result == OK)
			assert_int_equal(host_pfn(leaf_of(base)).v, DEVICE_PFN);
		else
			assert_int_equal(leaf_of(base), 0);
		assert_result(OK, unmap(base, MIB2));
		grace_drain();
		assert_in_range(block_free_frames(), frames - 1,
				frames + 1); /* a table of small pages */
		assert_null(block_check());
	}
}

/* F4: another CPU was first. Its page is the one, and what was prepared goes back. */
static void two_faults_meet(void **state)
{
	(void)state;
	map(base, MIB2, anon(RW));
	map(page(512), PAGE_SIZE, anon(RW));
	assert_result(OK, touch(page(512), ACCESS_WRITE)); /* for the tables */
	uint64_t frames = block_free_frames();
	assert_result(OK, touch_meanwhile(base, ACCESS_WRITE, is_touched));
	assert_int_equal(world.space.counted, 512 + 1);
	assert_int_equal(frame_refs(frame_of(pfn_behind(base))), 1);
	assert_int_equal(frames - block_free_frames(), 512);
	assert_result(OK, unmap(base, MIB2));
	map(base, PAGE_SIZE, anon(RW));
	assert_result(OK, touch_meanwhile(base, ACCESS_WRITE, is_touched));
	assert_int_equal(world.space.counted, 1 + 1);
	assert_int_equal(frame_refs(frame_of(pfn_behind(base))), 1);
	assert_null(block_check());
}

/* P3: a pin looks by itself first, and begins again when the fault has lost. */
static void a_pin_meets_what_came_meanwhile(void **state)
{
	struct follow_request rq = { .space = &world.space,
				     .hva = base,
				     .access = ACCESS_WRITE,
				     .intent = INTENT_PIN,
				     .slot_writable = true,
				     .may_sleep = true };
	struct follow_answer answer;
	(void)state;
	map(base, MIB2, anon(RW));
	begin_meanwhile(2, gets_a_small_page);
	assert_result(OK, follow_pfn(&rq, &answer));
	assert_null(env_step);
	assert_int_equal(answer.order, 0);
	assert_int_equal(answer.hold, HOLD_PINNED);
	assert_int_equal(world.space.counted, 2);
	frame_unpin(frame_of(answer.pfn));
}

static void turns_readable_only(void)
{
	assert_result(OK, space_protect(&world.space, hva_range(base, PAGE_SIZE), ACCESS_READ,
					NOTICE_NESTED));
}

static void goes(void)
{
	assert_result(OK, space_unmap(&world.space, hva_range(base, PAGE_SIZE), NOTICE_NESTED));
}

/* H6: so does the breaking of a shared page. */
static void a_break_meets_what_came_meanwhile(void **state)
{
	(void)state;
	map(base, PAGE_SIZE, zeros(RW));
	assert_result(OK, touch(base, ACCESS_READ));
	uint64_t frames = block_free_frames();
	assert_result(RACED, touch_meanwhile(base, ACCESS_WRITE, turns_readable_only));
	assert_true(leaf_of(base) & HOST_SHARED);
	assert_result(NO_PERMISSION, touch(base, ACCESS_WRITE));
	assert_int_equal(block_free_frames(), frames);
	assert_result(OK, protect(base, PAGE_SIZE, RW));
	assert_result(RACED, touch_meanwhile(base, ACCESS_WRITE, goes));
	assert_result(NO_REGION, touch(base, ACCESS_WRITE));
	assert_int_equal(block_free_frames(), frames);
}

/* F4: nobody counts further than a count can. */
static void zeros_are_shared_so_often_only(void **state)
{
	(void)state;
	map(base, 2 * PAGE_SIZE, zeros(RW));
	assert_result(OK, touch(base, ACCESS_READ));
	uint32_t refs = world.space.zeros->refs;
	world.space.zeros->refs = FRAME_REFS_LIMIT;
	assert_result(OUT_OF_MEMORY, touch(page(1), ACCESS_READ));
	assert_int_equal(leaf_of(page(1)), 0);
	world.space.zeros->refs = refs;
	assert_result(OK, touch(page(1), ACCESS_READ));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_fault_meets_what_came_meanwhile), TEST(two_faults_meet),
		TEST(a_pin_meets_what_came_meanwhile),	 TEST(a_break_meets_what_came_meanwhile),
		TEST(zeros_are_shared_so_often_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
