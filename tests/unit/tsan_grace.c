/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers against frees with real threads. What is freed is overwritten at once (poison, or the
 * item's free function), plainly: a grace period that ends too early is seen by the reader, and by
 * the thread sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/grace.h"
#include "tests/unit/ram.h"
#include "tests/unit/threads.h"

#define FIRST 64u
#define PAGES 512u
#define READERS 2u
#define THREADS 4u
#define ROUNDS 20000u

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

static _Atomic unsigned writers_left;

/* ---- Tables -------------------------------------------------------------------------------- */

static _Atomic uint64_t slots[2]; /* the frame number of a published table, one slot a writer */

static void fill(uint64_t n, uint64_t with)
{
	uint64_t *p = mm_linear(pfn(n));
	for (unsigned i = 0; i < 512; i += 64)
		p[i] = with;
}

static void read_tables(void)
{
	while (atomic_load(&writers_left) != 0) {
		grace_enter();
		for (unsigned s = 0; s < 2; s++) {
			uint64_t n = atomic_load_explicit(&slots[s], memory_order_acquire);
			const uint64_t *p = mm_linear(pfn(n));
			for (unsigned i = 0; i < 512; i += 64)
				wrong_if(p[i] != n);
			wrong_if(frame_class(pfn(n)) != FRAME_TABLE);
		}
		grace_leave();
		grace_poll();
	}
}

static void replace_tables(unsigned s)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		pfn_t new;
		if (block_alloc(FRAME_TABLE, 0, alice, &new) == OK) {
			fill(new.v, new.v);
			uint64_t old =
				atomic_exchange_explicit(&slots[s], new.v, memory_order_acq_rel);
			grace_free_table(pfn(old), alice);
		} else {
			mm_relax(); /* all of memory waits for a reader that is not running */
		}
		grace_poll();
		if (round % 1000 == 999)
			grace_drain();
	}
	atomic_fetch_sub(&writers_left, 1);
}

static void tables_body(unsigned cpu)
{
	if (cpu < READERS)
		read_tables();
	else
		replace_tables(cpu - READERS);
}

static void tables_are_not_freed_under_readers_s6(void **state)
{
	(void)state;
	writers_left = THREADS - READERS;
	for (unsigned s = 0; s < 2; s++) {
		pfn_t n;
		assert_int_equal(block_alloc(FRAME_TABLE, 0, alice, &n), OK);
		fill(n.v, n.v);
		atomic_store(&slots[s], n.v);
	}
	assert_int_equal(threads_run(THREADS, tables_body), 0);
	for (unsigned s = 0; s < 2; s++)
		grace_free_table(pfn(slots[s]), alice);
	grace_drain();
}

/* ---- Items --------------------------------------------------------------------------------- */

struct object {
	struct grace_item item;
	uint64_t alive;
};

static _Atomic(struct object *) published;
static _Atomic unsigned objects;

static void object_free(struct grace_item *item)
{
	struct object *o = (struct object *)item;
	o->alive = 0;
	free(o);
	atomic_fetch_sub(&objects, 1);
}

static struct object *object_new(void)
{
	struct object *o = calloc(1, sizeof(*o));
	if (o == NULL)
		abort();
	o->alive = UINT64_C(0x616c697665);
	atomic_fetch_add(&objects, 1);
	return o;
}

static void items_body(unsigned cpu)
{
	if (cpu < READERS) {
		while (atomic_load(&writers_left) != 0) {
			grace_enter();
			struct object *o = atomic_load_explicit(&published, memory_order_acquire);
			wrong_if(o->alive != UINT64_C(0x616c697665));
			mm_relax();
			wrong_if(o->alive != UINT64_C(0x616c697665));
			grace_leave();
		}
		return;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct object *old =
			atomic_exchange_explicit(&published, object_new(), memory_order_acq_rel);
		grace_free(&old->item, object_free);
		/* A drain goes through the other CPUs' queues too. */
		if (round % 64 == 63)
			grace_drain();
		else
			grace_poll();
	}
	atomic_fetch_sub(&writers_left, 1);
}

static void items_are_not_freed_under_readers_s6(void **state)
{
	(void)state;
	writers_left = THREADS - READERS;
	atomic_store(&published, object_new());
	assert_int_equal(threads_run(THREADS, items_body), 0);
	grace_free(&atomic_load(&published)->item, object_free);
	grace_drain();
	assert_int_equal(objects, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(tables_are_not_freed_under_readers_s6),
		TEST(items_are_not_freed_under_readers_s6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
