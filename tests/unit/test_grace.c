/* SPDX-License-Identifier: BSD-2-Clause */
/* Grace periods (S6, A1), step by step: one thread plays every CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/grace.h"
#include "tests/unit/broken.h"
#include "tests/unit/ram.h"

#define FIRST 64u
#define PAGES 256u

static int begin(void **state)
{
	(void)state;
	ram_begin(FIRST, PAGES, FIRST + PAGES);
	block_add(pfn(FIRST), PAGES);
	return 0;
}

static int end(void **state)
{
	(void)state;
	env_cpu(0);
	grace_drain();
	const char *wrong = block_check();
	if (!wrong && block_free_frames() != PAGES)
		wrong = "not everything was freed";
	ram_end();
	if (wrong)
		fprintf(stderr, "block_check: %s\n", wrong);
	return wrong ? -1 : 0;
}

static void enter(unsigned cpu)
{
	env_cpu(cpu);
	grace_enter();
}

static void leave(unsigned cpu)
{
	env_cpu(cpu);
	grace_leave();
}

/* More polls than any grace period needs, on the CPU that gave. */
static void poll(unsigned cpu)
{
	env_cpu(cpu);
	for (unsigned i = 0; i < 10; i++)
		grace_poll();
}

static struct grace_item items[8];
static bool freed[8];

static void note_freed(struct grace_item *item)
{
	assert_false(freed[item - items]);
	freed[item - items] = true;
}

static void give(unsigned cpu, unsigned item)
{
	env_cpu(cpu);
	freed[item] = false;
	grace_free(&items[item], note_freed);
	assert_false(freed[item]); /* who frees never does it at once */
}

static pfn_t table(void)
{
	pfn_t n = pfn(0);
	assert_int_equal(block_alloc(FRAME_TABLE, 0, alice, &n), OK);
	return n;
}

static void readers_nest(void **state)
{
	(void)state;
	assert_false(grace_inside());
	grace_enter();
	grace_enter();
	assert_true(grace_inside());
	env_cpu(1);
	assert_false(grace_inside()); /* each CPU for itself */
	env_cpu(0);
	grace_leave();
	assert_true(grace_inside());
	grace_leave();
	assert_false(grace_inside());
}

static void without_readers_it_is_freed_soon(void **state)
{
	(void)state;
	give(3, 0);
	grace_poll();
	assert_false(freed[0]); /* the epoch has moved once only */
	grace_poll();
	assert_true(freed[0]);
	grace_poll(); /* and nothing is left to do */
}

static void a_reader_from_before_holds_it_up(void **state)
{
	(void)state;
	enter(1);
	give(0, 0);
	poll(0);
	assert_false(freed[0]);
	/* The inner end of a nest is not the end. */
	enter(1);
	leave(1);
	poll(0);
	assert_false(freed[0]);
	leave(1);
	poll(0);
	assert_true(freed[0]);
}

static void its_own_reader_holds_it_up(void **state)
{
	(void)state;
	enter(0);
	give(0, 0);
	poll(1); /* another CPU cannot free it either */
	assert_false(freed[0]);
	leave(0);
	poll(0);
	assert_true(freed[0]);
}

/* A reader that began when the epoch had moved once could not reach it, and yet holds it until it
 * ends. */
static void readers_who_come_and_go_do_not_stop_it(void **state)
{
	(void)state;
	give(0, 0);
	for (unsigned i = 0; i < 4 && !freed[0]; i++) {
		enter(1);
		enter(2);
		env_cpu(0);
		grace_poll();
		leave(1);
		enter(1);
		leave(2);
		env_cpu(0);
		grace_poll();
		leave(1);
	}
	assert_true(freed[0]);
}

static void a_later_reader_holds_up_only_what_comes_later(void **state)
{
	(void)state;
	enter(1);
	give(0, 0);
	env_cpu(0);
	grace_poll(); /* epoch e is announced by all: it moves to e + 1, and no further */
	enter(2);     /* announces e + 1 */
	give(0, 1);
	leave(1);
	poll(0); /* moves to e + 2: the first is due, the second is not */
	assert_true(freed[0]);
	assert_false(freed[1]);
	leave(2);
	poll(0);
	assert_true(freed[1]);
}

static void every_cpu_can_hold_it_up(void **state)
{
	(void)state;
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++) {
		enter(cpu);
		give(cpu == 0 ? 1 : 0, 0);
		poll(cpu == 0 ? 1 : 0);
		assert_false(freed[0]);
		leave(cpu);
		poll(cpu == 0 ? 1 : 0);
		assert_true(freed[0]);
	}
}

/* A reader that slept between reading the epoch and announcing it is still waited for. */
static unsigned slept;

static void sleep_before_announcing(const char *name, const void *object)
{
	(void)object;
	if (strcmp(name, "grace_enter") != 0)
		return;
	env_step = NULL;
	give(0, 7);
	poll(0);
	assert_true(freed[7]); /* the epoch has moved on meanwhile */
	env_cpu(1);
	slept++;
}

static void an_old_announcement_holds_too(void **state)
{
	(void)state;
	env_step = sleep_before_announcing;
	slept = 0;
	enter(1);
	assert_int_equal(slept, 1);
	give(0, 0);
	poll(0);
	assert_false(freed[0]);
	leave(1);
	poll(0);
	assert_true(freed[0]);
}

static void tables_wait_as_tables(void **state)
{
	(void)state;
	pfn_t t[3];
	enter(1);
	env_cpu(0);
	for (unsigned i = 0; i < 3; i++) {
		t[i] = table();
		memset(mm_linear(t[i]), 0x55, PAGE_SIZE);
		grace_free_table(t[i], alice);
	}
	poll(0);
	for (unsigned i = 0; i < 3; i++) {
		const unsigned char *p = mm_linear(t[i]);
		assert_int_equal(frame_class(t[i]), FRAME_TABLE);
		assert_int_equal(frame_owner(frame_of(t[i])).v, alice.v);
		assert_int_equal(p[4095], 0x55); /* what the reader may still read */
		assert_false(frame_try_get(frame_of(t[i])));
	}
	assert_null(block_check());
	leave(1);
	poll(0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(frame_class(t[i]), FRAME_FREE);
}

static void a_queue_is_worked_off_in_order(void **state)
{
	(void)state;
	pfn_t old = table(), young;
	grace_free_table(old, alice);
	grace_poll();
	young = table();
	grace_free_table(young, alice);
	grace_poll();
	assert_int_equal(frame_class(old), FRAME_FREE);
	assert_int_equal(frame_class(young), FRAME_TABLE);
	grace_poll();
	assert_int_equal(frame_class(young), FRAME_FREE);
}

static void wrong_tables_are_broken(void **state)
{
	(void)state;
	pfn_t t = table(), c = pfn(0), big = pfn(0);
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, alice, &c), OK);
	assert_int_equal(block_alloc(FRAME_TABLE, 1, alice, &big), OK);
	EXPECT_BROKEN("owner", grace_free_table(t, bob));
	EXPECT_BROKEN("FRAME_TABLE", grace_free_table(c, alice));
	EXPECT_BROKEN("FRAME_TABLE", grace_free_table(pfn(0), alice));
	EXPECT_BROKEN("order", grace_free_table(big, alice));
	EXPECT_BROKEN("FRAME_HEAD", grace_free_table(pfn(big.v + 1), alice));
	grace_free_table(t, alice);
	EXPECT_BROKEN("unlinked", grace_free_table(t, alice)); /* twice */
	frame_put(frame_of(c));
	assert_int_equal(block_free(big, 1, alice), OK);
}

static void drain_frees_what_all_cpus_gave(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		give(i * 9, i);
		grace_free_table(table(), alice);
	}
	env_cpu(5);
	grace_drain();
	for (unsigned i = 0; i < 8; i++)
		assert_true(freed[i]);
	assert_int_equal(block_free_frames(), PAGES);
}

static void misuse_is_broken(void **state)
{
	(void)state;
	EXPECT_BROKEN("nesting", grace_leave());
	grace_enter();
	EXPECT_BROKEN("grace_inside", grace_drain());
	give(0, 0);
	EXPECT_BROKEN("grace_inside", grace_poll());
	grace_leave();
}

static struct grace_item again;
static unsigned times;

static void give_again(struct grace_item *item)
{
	assert_ptr_equal(item, &again);
	grace_poll(); /* a free function may poll; it finds the queue taken */
	if (++times < 3)
		grace_free(item, give_again);
}

static void a_free_function_may_give_again(void **state)
{
	(void)state;
	times = 0;
	grace_free(&again, give_again);
	poll(0);
	assert_int_equal(times, 3);
}

/* While a drain goes through its queue, CPU 1 gives again, in a later epoch than the
 * drain's. */
static void give_later(struct grace_item *item)
{
	note_freed(item);
	give(2, 2); /* lets CPU 2's poll move the epoch on */
	grace_poll();
	enter(3);
	give(1, 1);
	env_cpu(0);
}

static void what_is_given_during_a_drain_waits_s6(void **state)
{
	(void)state;
	freed[0] = false;
	env_cpu(1);
	grace_free(&items[0], give_later);
	env_cpu(0);
	grace_drain();
	assert_true(freed[0]);
	assert_false(freed[1]); /* CPU 3 may still reach it */
	leave(3);
	poll(1);
	assert_true(freed[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(readers_nest),
		TEST(without_readers_it_is_freed_soon),
		TEST(a_reader_from_before_holds_it_up),
		TEST(its_own_reader_holds_it_up),
		TEST(readers_who_come_and_go_do_not_stop_it),
		TEST(a_later_reader_holds_up_only_what_comes_later),
		TEST(every_cpu_can_hold_it_up),
		TEST(an_old_announcement_holds_too),
		TEST(tables_wait_as_tables),
		TEST(a_queue_is_worked_off_in_order),
		TEST(wrong_tables_are_broken),
		TEST(drain_frees_what_all_cpus_gave),
		TEST(misuse_is_broken),
		TEST(a_free_function_may_give_again),
		TEST(what_is_given_during_a_drain_waits_s6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
