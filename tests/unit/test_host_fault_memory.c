/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host fault handler: how it guesses what memory to make ready without the lock, the answer
 * that it gives, and what it does without memory.
 */
#include "tests/unit/host_fault.h"

static unsigned locked;

static void count_locks(const char *name, const void *object)
{
	locked += strcmp(name, "lock") == 0 && object == &world.space.lock;
}

static unsigned locks_of(hva_t a, enum access access, enum result wanted)
{
	locked = 0;
	env_step = count_locks;
	assert_result(wanted, touch(a, access));
	env_step = NULL;
	return locked;
}

/* One look under the lock where memory was wanted before; a wrong guess changes nothing. */
static void memory_is_made_ready_on_a_guess(void **state)
{
	(void)state;
	world.space.huge = false;
	map(base, 4 * PAGE_SIZE, anon(RW));
	map(page(8), PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	map(page(9), PAGE_SIZE, zeros(RW));
	map(hva(BASE + GIB), PAGE_SIZE, anon(RW));
	assert_int_equal(locks_of(base, ACCESS_WRITE, OK), 2);
	assert_int_equal(locks_of(page(1), ACCESS_READ, OK), 1);
	assert_int_equal(frame_refs(frame_of(pfn_behind(page(1)))), 1);
	assert_int_equal(locks_of(hva(BASE + GIB), ACCESS_WRITE, OK), 2);
	assert_int_equal(locks_of(hva(BASE + GIB), ACCESS_WRITE, OK), 1);
	uint64_t free_before = block_free_frames();
	assert_int_equal(locks_of(page(2), ACCESS_READ, OK), 2);
	assert_int_equal(locks_of(page(8), ACCESS_READ, OK), 1); /* wrong */
	assert_int_equal(free_before - block_free_frames(), 1);
	assert_int_equal(locks_of(page(3), ACCESS_WRITE, OK), 2); /* not guessed again */
	free_before = block_free_frames();
	assert_int_equal(locks_of(page(20), ACCESS_WRITE, NO_REGION), 1); /* wrong */
	assert_int_equal(locks_of(page(9), ACCESS_WRITE, OK), 2);
	assert_result(OK, drop(page(9), PAGE_SIZE));
	assert_int_equal(locks_of(page(9), ACCESS_WRITE, OK),
			 2); /* there it is zeros, most often */
	assert_int_equal(free_before - block_free_frames(), 1);
}

/* Without memory the guess says nothing: the refusal is the one that it is without a guess. */
static void a_guess_without_memory(void **state)
{
	(void)state;
	world.space.huge = false;
	map(base, 2 * PAGE_SIZE, anon(RW));
	assert_result(OK, touch(base, ACCESS_WRITE));
	hog_leave(0);
	assert_result(NO_REGION, touch(page(2), ACCESS_WRITE));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OUT_OF_MEMORY, touch(page(1), ACCESS_WRITE));
}

/* What the fault says that there is, is what a lookup finds. */
static void touch_and_find(hva_t a, enum access access, unsigned level)
{
	struct host_found found = { 0, 9 };
	unsigned there;

	assert_result(OK, space_fault(&world.space, a, access, false, false, &found));
	assert_int_equal(found.leaf, leaf_of(a));
	assert_int_equal(found.level, level);
	(void)leaf_at(a, &there);
	assert_int_equal(there, level);
	assert_true(host_allows(found.leaf, access));
}

static void h7_the_answer_is_the_entry(void **state)
{
	(void)state;
	map(base, MIB2 + PAGE_SIZE, anon(RW));
	touch_and_find(page(77), ACCESS_WRITE, 1);
	touch_and_find(page(78), ACCESS_READ, 1); /* it is there */
	touch_and_find(page(512), ACCESS_READ, 0);
	assert_result(OK, protect(page(512), PAGE_SIZE, RWX));
	touch_and_find(page(512), ACCESS_EXEC, 0); /* the region was widened */
	map(page(1024), PAGE_SIZE, zeros(RW));
	touch_and_find(page(1024), ACCESS_READ, 0);
	touch_and_find(page(1024), ACCESS_WRITE, 0); /* broken */
	supplier.read_only_first = true;
	supplier.order = 18;
	map(hva(2 * BASE), GIB, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	touch_and_find(hva(2 * BASE + 5 * MIB2), ACCESS_READ, 2);
	touch_and_find(hva(2 * BASE + 5 * MIB2), ACCESS_WRITE, 0); /* split, one page widened */
}

/* P8: every allocation of a fault fails once. Refused whole: nothing is there, nothing is lost. */
static void fault_with_little_memory(hva_t a, enum access access)
{
	uint64_t counted = world.space.counted, left = 0;
	for (;; left++) {
		hog_leave(left);
		enum result r = touch(a, access);
		hog_release();
		grace_drain();
		if (r == OK)
			break;
		assert_int_equal(r, OUT_OF_MEMORY);
		assert_int_equal(leaf_of(a), 0);
		assert_int_equal(world.space.counted, counted);
		assert_null(block_check());
	}
	assert_in_range(left, 1, 8);
	assert_true(leaf_of(a) != 0);
	assert_int_equal(world.space.counted > counted, frame_of(pfn_behind(a)) != NULL);
}

static void p8_out_of_memory(void **state)
{
	(void)state;
	map(base, PAGE_SIZE, anon(RW));
	map(hva(2 * BASE), PAGE_SIZE, zeros(RW));
	map(hva(4 * BASE), PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	fault_with_little_memory(base, ACCESS_WRITE);
	fault_with_little_memory(hva(2 * BASE), ACCESS_READ);
	fault_with_little_memory(hva(4 * BASE), ACCESS_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(memory_is_made_ready_on_a_guess),
		TEST(a_guess_without_memory),
		TEST(h7_the_answer_is_the_entry),
		TEST(p8_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
