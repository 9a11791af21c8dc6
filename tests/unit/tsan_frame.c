/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames under real races. The bytes of the frames are written and read plainly, so that the thread
 * sanitizer sees whether what one owner did is ordered before what the next one does: a weaker
 * memory order than mm/frame.c argues for is a report here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/block.h"
#include "tests/unit/ram.h"
#include "tests/unit/threads.h"

#define FIRST 1024u
#define PAGES 1024u
#define THREADS 4u

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
	const char *wrong = block_check();
	if (!wrong && block_free_frames() != PAGES)
		wrong = "not everything was freed";
	ram_end();
	if (wrong)
		fprintf(stderr, "block_check: %s\n", wrong);
	return wrong ? -1 : 0;
}

/* ---- Handing out and taking back ----------------------------------------------------------- */

struct block {
	pfn_t first;
	unsigned order;
	bool counted;
};

static void stamp(struct block b, uint64_t with)
{
	for (uint64_t i = 0; i < UINT64_C(1) << b.order; i++)
		*(uint64_t *)mm_linear(pfn(b.first.v + i)) = with;
}

static void give(struct block b, owner_t owner, uint64_t with)
{
	for (uint64_t i = 0; i < UINT64_C(1) << b.order; i++)
		wrong_if(*(uint64_t *)mm_linear(pfn(b.first.v + i)) != with);
	if (b.counted)
		frame_put(frame_of(b.first));
	else
		wrong_if(block_free(b.first, b.order, owner) != OK);
}

static void allocate_and_free(unsigned cpu)
{
	struct block have[64];
	unsigned count = 0;
	uint64_t random = cpu;
	owner_t owner = { 100 + cpu };
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t r = threads_random(&random);
		if (count < 64 && (r & 1)) {
			struct block b = { .order = r % 8 == 1 ? (r >> 8) % 6 : 0,
					   .counted = (r & 16) != 0 };
			enum frame_class c = b.counted ? FRAME_COUNTED : FRAME_UNCOUNTED;
			if (block_alloc(c, b.order, owner, &b.first) != OK)
				continue;
			stamp(b, cpu + 1);
			have[count++] = b;
		} else if (count > 0) {
			unsigned i = (r >> 8) % count;
			give(have[i], owner, cpu + 1);
			have[i] = have[--count];
		}
		if (r % 512 == 7)
			block_drain();
		block_poll();
	}
	while (count > 0)
		give(have[--count], owner, cpu + 1);
}

static void frames_go_from_cpu_to_cpu(void **state)
{
	(void)state;
	assert_int_equal(threads_run(THREADS, allocate_and_free), 0);
}

/* Records come up under the eyes of all: whoever looks, and whoever hands the memory out. */
static void look_and_allocate(unsigned cpu)
{
	pfn_t n;
	if (cpu & 1 && block_alloc(FRAME_UNCOUNTED, 9, (owner_t){ 100 + cpu }, &n) == OK)
		wrong_if(block_free(n, 9, (owner_t){ 100 + cpu }) != OK);
	for (unsigned i = 0; i < PAGES; i++) {
		struct frame *f = frame_of(pfn(FIRST + (i + cpu * 64) % PAGES));
		enum frame_class class = frame_class(frame_pfn(f));
		wrong_if(class != FRAME_FREE && class != FRAME_UNCOUNTED);
		owner_t owner = frame_owner(f);
		wrong_if(owner.v >= 100 + THREADS && owner.v != OWNER_MOVING.v);
	}
}

static void records_come_up_once_f1(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		ram_end();
		ram_begin(FIRST, PAGES, FIRST + PAGES);
		block_add(pfn(FIRST), PAGES);
		assert_int_equal(threads_run(THREADS, look_and_allocate), 0);
		assert_null(block_check());
	}
}

/* ---- Counting ------------------------------------------------------------------------------ */

static struct frame *shared;

static void get_put_pin(unsigned cpu)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct frame *f = shared + (round + cpu) % 4;
		wrong_if(!frame_try_get(f));
		wrong_if(frame_pin(f) != OK);
		/* The others' counts move meanwhile: the two cannot be compared with each other. */
		wrong_if(frame_pins(f) == 0 || frame_pins(f) > THREADS);
		wrong_if(frame_refs(f) < 3);
		frame_mark(f, FRAME_DIRTY);
		frame_get_many(f, 3);
		frame_unpin(f);
		frame_put_many(f, 4);
	}
}

static void counts_are_never_corrupted_i1(void **state)
{
	(void)state;
	pfn_t n;
	assert_int_equal(block_alloc(FRAME_COUNTED, 2, alice, &n), OK);
	shared = frame_of(n);
	assert_int_equal(threads_run(THREADS, get_put_pin), 0);
	assert_int_equal(frame_refs(shared), 1);
	assert_int_equal(frame_pins(shared), 0);
	assert_int_equal(frame_test_and_clear(shared, FRAME_DIRTY), FRAME_DIRTY);
	frame_put(shared);
}

/* The last put against try-gets: each round ends with exactly one freeing of a whole frame. */
#define ROUNDS 3000u

static struct frame *round_frame[ROUNDS];
static _Atomic unsigned round_arrived[ROUNDS], got;

static void get_against_last_put(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (cpu == 0) {
			pfn_t n;
			wrong_if(block_alloc(FRAME_COUNTED, 0, alice, &n) != OK);
			*(uint64_t *)mm_linear(n) = i;
			round_frame[i] = frame_of(n);
		}
		atomic_fetch_add(&round_arrived[i], 1);
		while (atomic_load(&round_arrived[i]) < THREADS)
			mm_relax();
		struct frame *f = round_frame[i];
		if (cpu == 0) {
			/* So that now this put is the last one, now another. */
			for (unsigned wait = i % 4; wait != 0; wait--)
				mm_relax();
			frame_put(f);
		} else if (frame_try_get(f)) {
			wrong_if(*(uint64_t *)mm_linear(frame_pfn(f)) != i);
			/* relaxed: the put alone must order the reading before the freeing. */
			atomic_fetch_add_explicit(&got, 1, memory_order_relaxed);
			frame_put(f);
		}
		/* Nobody hands out the frame again before all have tried. */
		atomic_fetch_add(&round_arrived[i], 1);
		while (atomic_load(&round_arrived[i]) != 2 * THREADS)
			mm_relax();
		wrong_if(cpu == 0 && frame_class(frame_pfn(f)) != FRAME_FREE);
	}
}

static void a_frame_is_held_or_freed_f4(void **state)
{
	(void)state;
	assert_int_equal(threads_run(THREADS, get_against_last_put), 0);
	print_message("%u of %u try-gets were in time\n", got, ROUNDS * (THREADS - 1));
}

/* ---- Owners -------------------------------------------------------------------------------- */

static pfn_t fought_for;
static _Atomic unsigned changes;

static void change_owners(unsigned cpu)
{
	uint64_t random = cpu;
	owner_t me = { 100 + cpu };
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t r = threads_random(&random);
		uint64_t at = r % 16, count = 1 + (r >> 8) % (16 - at);
		pfn_t n = pfn(fought_for.v + at);
		if (frame_change_owner(n, count, (owner_t){ 99 }, me) != OK)
			continue;
		atomic_fetch_add(&changes, 1);
		for (uint64_t i = 0; i < count; i++) {
			wrong_if(frame_owner(frame_of(pfn(n.v + i))).v != me.v);
			*(uint64_t *)mm_linear(pfn(n.v + i)) += 1;
		}
		wrong_if(frame_change_owner(n, count, me, (owner_t){ 99 }) != OK);
	}
}

static void a_frame_has_one_owner_f6(void **state)
{
	(void)state;
	assert_int_equal(block_alloc(FRAME_UNCOUNTED, 4, (owner_t){ 99 }, &fought_for), OK);
	assert_int_equal(threads_run(THREADS, change_owners), 0);
	assert_int_not_equal(changes, 0);
	assert_int_equal(block_free(fought_for, 4, (owner_t){ 99 }), OK);
}

static _Atomic unsigned frees, refusals;
static pfn_t freed_twice[ROUNDS];

static void free_all(unsigned cpu)
{
	(void)cpu;
	for (unsigned i = 0; i < 128; i++) {
		enum result r = block_free(freed_twice[i], 2, alice);
		wrong_if(r != OK && r != NOT_FREED && r != NOT_OWNER);
		atomic_fetch_add(r == OK ? &frees : &refusals, 1);
	}
}

static void of_many_frees_one_is_done_f3(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		frees = refusals = 0;
		for (unsigned i = 0; i < 128; i++)
			assert_int_equal(block_alloc(FRAME_UNCOUNTED, 2, alice, &freed_twice[i]),
					 OK);
		assert_int_equal(threads_run(THREADS, free_all), 0);
		assert_int_equal(frees, 128);
		assert_int_equal(refusals, 128 * (THREADS - 1));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(records_come_up_once_f1),	     TEST(frames_go_from_cpu_to_cpu),
		TEST(counts_are_never_corrupted_i1), TEST(a_frame_is_held_or_freed_f4),
		TEST(a_frame_has_one_owner_f6),	     TEST(of_many_frees_one_is_done_f3),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
