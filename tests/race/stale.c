/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that come early. A load may return what its word was before: any store that no later one
 * has overwritten as far as the thread must know. What it must know is what happened before, by
 * C11 (5.1.2.4): its own past, and what was published to it, by a release that its acquire has
 * read, by a lock, by fences. Vector clocks keep that.
 *
 * So a load has a choice, and the search makes it as it chooses threads: the newest value costs
 * nothing, the oldest that is allowed counts as a preemption. Beyond that nothing comes early: no
 * store overtakes a load, and a sequentially consistent load, a read-modify-write and the words of
 * a lock see the newest.
 *
 * The records of frames are read as they are: the allocator, whose operations are not announced,
 * writes them too. What they publish is heeded. Who finds a word other than it was last stored has
 * missed a plain store (a page was cleared): the word's past is forgotten.
 */
#include <stdatomic.h>
#include <string.h>

#include "mm/lock.h"
#include "tests/race/explore.h"
#include "tests/race/schedule.h"
#include "tests/race/world.h"

#define WORDS 4096u /* a power of two */
#define PAST 8u	    /* stores of a word that are remembered */
#define LOCKS 64u

struct clock {
	uint32_t of[RACE_THREADS];
};

struct past_store {
	uint64_t value;
	unsigned thread; /* RACE_NOBODY: before the run, or nobody knows */
	uint32_t when;	 /* by its thread's clock */
	struct clock published;
};

struct word {
	uintptr_t at;
	uint32_t run; /* in which it was met; of another one it is free */
	unsigned bytes;
	unsigned count;		     /* of its stores; the ring has the last PAST */
	unsigned seen[RACE_THREADS]; /* no older one may a thread see (coherence) */
	struct past_store past[PAST];
};

bool race_stale;

static struct word words[WORDS];
static unsigned words_used;
static uint32_t runs;

static struct {
	struct clock known;    /* what happened before */
	struct clock fenced;   /* ... its last fence: its relaxed stores publish that */
	struct clock heard;    /* what its relaxed loads have read: known from its next fence on */
	const void *last_lock; /* that it has asked for */
} threads[RACE_THREADS];

static struct clock fences; /* known at some sequentially consistent fence */
static struct {
	const void *lock;
	struct clock published;
} locks[LOCKS];
static unsigned lock_count;

void race_stale_begin(void)
{
	runs++;
	words_used = lock_count = 0;
	memset(threads, 0, sizeof(threads));
	memset(&fences, 0, sizeof(fences));
}

/* ---- Clocks -----------------------------------------------------------------------------------
 */

static void join(struct clock *to, const struct clock *from)
{
	for (unsigned i = 0; i < RACE_THREADS; i++)
		if (to->of[i] < from->of[i])
			to->of[i] = from->of[i];
}

static bool acquires(int order)
{
	return order != memory_order_relaxed && order != memory_order_release;
}

static bool releases(int order)
{
	return order == memory_order_release || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

void race_stale_fence(void)
{
	unsigned self = race_self();

	join(&threads[self].known, &threads[self].heard);
	join(&threads[self].known, &fences);
	fences = threads[self].fenced = threads[self].known;
}

void race_stale_all_know(void)
{
	for (unsigned i = 0; i < RACE_THREADS; i++)
		join(&threads[i].known, &threads[race_self()].known);
}

/* ---- Words ------------------------------------------------------------------------------------
 */

static struct past_store *store_of(struct word *w, unsigned nth)
{
	return &w->past[nth % PAST];
}

/* The word's place, or the free one that it would have. */
static struct word *place_of(const volatile void *at)
{
	unsigned i = (uint32_t)((uintptr_t)at * UINT64_C(0x9e3779b97f4a7c15) >> 32) % WORDS;

	while (words[i].run == runs && words[i].at != (uintptr_t)at)
		i = (i + 1) % WORDS;
	return &words[i];
}

/* The word; the last of its past is what memory has. */
static struct word *word_of(const volatile void *at, unsigned bytes)
{
	struct word *w = place_of(at);
	uint64_t value = 0;

	memcpy(&value, (const void *)(uintptr_t)at, bytes);
	if (w->run == runs && w->bytes == bytes && store_of(w, w->count - 1)->value == value)
		return w;
	if (w->run != runs && ++words_used == WORDS)
		race_broken("there are more words than tests/race/stale.c has room for");
	*w = (struct word){ .at = (uintptr_t)at, .run = runs, .bytes = bytes, .count = 1 };
	w->past[0] = (struct past_store){ .value = value, .thread = RACE_NOBODY };
	return w;
}

/* ---- Locks ------------------------------------------------------------------------------------
 */

static struct clock *clock_of(const void *lock)
{
	unsigned i = 0;

	while (i < lock_count && locks[i].lock != lock)
		i++;
	if (i == LOCKS)
		race_broken("there are more locks than tests/race/stale.c has room for");
	if (i == lock_count) {
		memset(&locks[i], 0, sizeof(locks[i]));
		locks[lock_count++].lock = lock;
	}
	return &locks[i].published;
}

/* A lock whose words are announced publishes by them; the allocator's by its steps. */
static bool is_announced(const struct spinlock *l)
{
	return place_of(&l->serving)->run == runs;
}

void race_stale_step(const char *name, const void *object)
{
	unsigned self = race_self();

	if (strcmp(name, "lock") == 0) {
		threads[self].last_lock = object;
		race_stale_woken();
	} else if (strcmp(name, "unlock") == 0 && !is_announced(object)) {
		join(clock_of(object), &threads[self].known);
	}
}

/* It may have waited for a lock. */
void race_stale_woken(void)
{
	unsigned self = race_self();

	if (threads[self].last_lock != NULL)
		join(&threads[self].known, clock_of(threads[self].last_lock));
}

/* ---- Operations -------------------------------------------------------------------------------
 */

static void read_from(struct word *w, unsigned nth, int order)
{
	unsigned self = race_self();

	w->seen[self] = nth;
	join(acquires(order) ? &threads[self].known : &threads[self].heard,
	     &store_of(w, nth)->published);
}

/* `kept`: what the store publishes besides, as part of a release sequence. */
static void store(struct word *w, uint64_t value, int order, struct clock kept)
{
	unsigned self = race_self();
	struct clock *known = &threads[self].known;
	uint32_t now = ++known->of[self];

	join(&kept, releases(order) ? known : &threads[self].fenced);
	*store_of(w, w->count) = (struct past_store){ value, self, now, kept };
	w->seen[self] = w->count++;
}

static bool must_be_known(const struct past_store *s)
{
	return s->thread == RACE_NOBODY || s->when <= threads[race_self()].known.of[s->thread];
}

/* The oldest store that the running thread may see. */
static unsigned oldest(struct word *w)
{
	unsigned nth = w->count - 1, first = w->count > PAST ? w->count - PAST : 0;

	if (first < w->seen[race_self()])
		first = w->seen[race_self()];
	while (nth > first && !must_be_known(store_of(w, nth)))
		nth--;
	return nth;
}

void race_stale_load(const volatile void *at, void *value, unsigned bytes, int order, bool choice)
{
	struct word *w = word_of(at, bytes);
	unsigned newest = w->count - 1, nth = oldest(w);

	if (!choice || order == memory_order_seq_cst || memory_is_record(at))
		nth = newest;
	/* If it is the same value, the older one publishes less. */
	if (nth != newest && store_of(w, nth)->value != store_of(w, newest)->value &&
	    !race_choose_stale(at))
		nth = newest;
	memcpy(value, &store_of(w, nth)->value, bytes);
	read_from(w, nth, order);
}

void race_stale_store(const volatile void *at, const void *value, unsigned bytes, int order)
{
	struct word *w = word_of(at, bytes);
	uint64_t now = 0;

	memcpy(&now, value, bytes);
	store(w, now, order, (struct clock){ 0 });
}

void race_stale_before(const volatile void *at, unsigned bytes)
{
	(void)word_of(at, bytes);
}

void race_stale_changed(const volatile void *at, unsigned bytes, int order, bool stored)
{
	struct word *w = place_of(at);
	struct clock kept = store_of(w, w->count - 1)->published;
	uint64_t now = 0;

	read_from(w, w->count - 1, order);
	if (!stored)
		return;
	memcpy(&now, (const void *)(uintptr_t)at, bytes);
	store(w, now, order, kept);
}
