/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explorer explored: small programs of which it is known how many schedules they have, and
 * which of them break.
 */
#include "tests/race/selftest.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "mm/lock.h"
#include "tests/race/explore.h"

static struct race_outcome out, again;
static unsigned tests, failed;

static void say(bool good, const char *what)
{
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++tests, what);
	failed += !good;
}

/* ---- How many schedules ------------------------------------------------------------------------
 */

static unsigned steps[RACE_THREADS];

static void walk_steps(void)
{
	for (unsigned i = 0; i < steps[race_self()]; i++)
		race_step("step", NULL);
}

/*
 * The same number, counted without running anything: `left[i]` pieces of thread i are to come, `at`
 * ran last. Whoever has pieces left and is not chosen again was preempted.
 */
static uint64_t count_words(unsigned left[RACE_THREADS], unsigned at, unsigned bound)
{
	uint64_t sum = 0;
	bool able = at < RACE_THREADS && left[at] > 0, ended = true;

	for (unsigned i = 0; i < RACE_THREADS; i++) {
		if (left[i] == 0)
			continue;
		ended = false;
		unsigned cost = able && i != at;
		if (cost > bound)
			continue;
		left[i]--;
		sum += count_words(left, i, bound - cost);
		left[i]++;
	}
	return ended ? 1 : sum;
}

static void counts(void)
{
	static const unsigned sizes[][RACE_THREADS] = {
		{ 1, 1, 0 }, { 3, 5, 0 }, { 2, 2, 2 }, { 4, 1, 3 }
	};
	char words[96];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned bound = 0; bound <= 4; bound++) {
			unsigned left[RACE_THREADS] = { 0 };
			struct race_program p = { .name = "steps",
						  .threads = sizes[i][2] != 0 ? 3 : 2,
						  .body = { walk_steps, walk_steps, walk_steps } };
			for (unsigned t = 0; t < p.threads; t++) {
				steps[t] = sizes[i][t];
				left[t] = steps[t] + 1;
			}
			uint64_t wanted = count_words(left, RACE_THREADS, bound);
			race_search(&p, bound, &out);
			snprintf(words, sizeof(words),
				 "%u, %u and %u steps, %u preemptions: %llu schedules", steps[0],
				 steps[1], p.threads == 3 ? steps[2] : 0, bound,
				 (unsigned long long)wanted);
			say(out.schedules == wanted && out.broken == NULL, words);
		}
	}
}

/* ---- Defects -----------------------------------------------------------------------------------
 */

static _Atomic unsigned shared, flag_of[2], seen[2], data;
static struct spinlock a, b;
static unsigned runs;

static void restore(void)
{
	shared = flag_of[0] = flag_of[1] = seen[0] = seen[1] = data = 0;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	runs++;
}

static void lost_update(void)
{
	race_step("load", NULL);
	unsigned n = shared;
	race_step("store", NULL);
	shared = n + 1;
}

static const char *is_two(void)
{
	return shared == 2 ? NULL : "an update is lost";
}

/* Breaks only if the other takes its first step after `one`, and `two` comes before its second. */
static void between_1(void)
{
	race_step("one", NULL);
	shared = 1;
	race_step("two", NULL);
	if (shared == 2)
		race_broken("it takes two");
}

static void between_2(void)
{
	race_step("one", NULL);
	shared = shared == 1 ? 2 : 0;
	race_step("two", NULL);
	shared = 0;
}

static void locked_update(void)
{
	spin_lock(&a);
	unsigned n = shared;
	race_step("inside", NULL);
	shared = n + 1;
	spin_unlock(&a);
}

static void a_then_b(void)
{
	spin_lock(&a);
	spin_lock(&b);
	spin_unlock(&b);
	spin_unlock(&a);
}

static void b_then_a(void)
{
	spin_lock(&b);
	spin_lock(&a);
	spin_unlock(&a);
	spin_unlock(&b);
}

static void for_ever(void)
{
	while (shared == 0)
		race_step("again", NULL);
}

static void sets(void)
{
	race_step("set", NULL);
	shared = 1;
	race_wrote(&shared);
}

static void waits(void)
{
	for (;;) {
		race_access(&shared, RACE_READ, true, __func__);
		if (shared != 0)
			return;
		race_relax();
	}
}

static void depends_on_the_run(void)
{
	for (unsigned i = 0; i < 1 + 3 * (runs & 1); i++)
		race_step("step", NULL);
}

static struct race_program program(void (*first)(void), void (*second)(void),
				   const char *(*finish)(void))
{
	return (struct race_program){ .name = "selftest",
				      .threads = 2,
				      .body = { first, second },
				      .column = { "first", "second" },
				      .restore = restore,
				      .finish = finish };
}

static bool broken_by(const struct race_program *p, unsigned bound, const char *words)
{
	race_search(p, bound, &out);
	if (words == NULL)
		return out.broken == NULL;
	return out.broken != NULL && strstr(out.broken, words) != NULL;
}

static void defects(void)
{
	struct race_program p = program(lost_update, lost_update, is_two);
	say(broken_by(&p, 0, NULL), "a lost update needs a preemption");
	say(broken_by(&p, 1, "lost") && out.preemptions == 1, "a lost update is found with one");
	p = program(between_1, between_2, NULL);
	say(broken_by(&p, 1, NULL), "what takes two is not found with one");
	say(broken_by(&p, 2, "it takes two") && out.preemptions == 2,
	    "what takes two is found with two");
	p = program(locked_update, locked_update, is_two);
	say(broken_by(&p, 4, NULL), "under a lock no update is lost");
	p = program(a_then_b, b_then_a, NULL);
	say(broken_by(&p, 2, "deadlock"), "two locks in two orders are a deadlock");
	p = program(waits, sets, NULL);
	say(broken_by(&p, 4, NULL), "who waits for a flag goes on when it is set");
	p = program(waits, waits, NULL);
	say(broken_by(&p, 0, "deadlock"), "who waits for nobody is a deadlock");
	p = program(for_ever, for_ever, NULL);
	say(broken_by(&p, 0, "no progress"), "a loop that nobody ends makes no progress");
	p = program(depends_on_the_run, lost_update, NULL);
	say(broken_by(&p, 2, "not restored"), "a world that is not restored is noticed");
}

/* ---- Late stores ------------------------------------------------------------------------------
 */

static bool fenced;

static const char *one_is_seen(void)
{
	return seen[0] == 0 && seen[1] == 0 ? "each has missed the other" : NULL;
}

/* Each says that it is there, and looks whether the other is. */
static void store_and_look(void)
{
	unsigned self = race_self();

	atomic_store_explicit(&flag_of[self], 1, memory_order_release);
	if (fenced)
		atomic_thread_fence(memory_order_seq_cst);
	seen[self] = atomic_load_explicit(&flag_of[!self], memory_order_acquire);
	if (atomic_load_explicit(&flag_of[self], memory_order_relaxed) != 1)
		race_broken("it does not see its own store");
}

static void publishes(void)
{
	atomic_store_explicit(&data, 7, memory_order_relaxed);
	atomic_store_explicit(&flag_of[0], 1, memory_order_release);
}

static void reads_what_is_published(void)
{
	if (atomic_load_explicit(&flag_of[0], memory_order_acquire) == 1 &&
	    atomic_load_explicit(&data, memory_order_relaxed) != 7)
		race_broken("published before it was there");
}

static void late_stores(void)
{
	struct race_program p = program(store_and_look, store_and_look, one_is_seen);

	fenced = false;
	say(broken_by(&p, 4, NULL), "of two that store and look one sees the other");
	race_late = true;
	say(broken_by(&p, 1, "missed"), "unless stores are late");
	fenced = true;
	say(broken_by(&p, 4, NULL), "and there is no fence");
	p = program(publishes, reads_what_is_published, NULL);
	say(broken_by(&p, 4, NULL), "late stores stay in order");
	race_late = false;
}

/* ---- Old values --------------------------------------------------------------------------------
 */

static int store_order, load_order; /* memory_order_... */
static bool locked;

static void tells(void) NO_LOCK_ANALYSIS
{
	if (locked)
		spin_lock(&a);
	atomic_store_explicit(&data, 7, memory_order_relaxed);
	if (fenced)
		atomic_thread_fence(memory_order_seq_cst);
	atomic_store_explicit(&flag_of[0], 1, store_order);
	if (locked)
		spin_unlock(&a);
}

static void is_told(void) NO_LOCK_ANALYSIS
{
	if (locked)
		spin_lock(&a);
	bool told = atomic_load_explicit(&flag_of[0], load_order) != 0;
	if (fenced)
		atomic_thread_fence(memory_order_seq_cst);
	if (told && atomic_load_explicit(&data, memory_order_relaxed) != 7)
		race_broken("told of what it does not see");
	if (locked)
		spin_unlock(&a);
}

static void waits_to_be_told(void)
{
	while (atomic_load_explicit(&flag_of[0], load_order) == 0)
		race_relax();
	is_told();
}

/* Told already, it has once seen that it is not: it looks again before the other does anything. */
static void looks_again(void)
{
	bool told = flag_of[0] != 0;
	unsigned looks = 1;

	for (; atomic_load_explicit(&flag_of[0], memory_order_relaxed) == 0; looks++)
		race_relax();
	if (told && looks == 2 && flag_of[1] == 0)
		race_broken("it looks again at once");
}

static void tells_and_goes_on(void)
{
	tells();
	race_step("on", NULL);
	flag_of[1] = 1;
}

/* A fence of one side alone, in front of a relaxed store or behind a relaxed load. */
static void tells_behind_a_fence(void)
{
	atomic_store_explicit(&data, 7, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store_explicit(&flag_of[0], 1, memory_order_relaxed);
}

static void is_told_before_a_fence(void)
{
	bool told = atomic_load_explicit(&flag_of[0], memory_order_relaxed) != 0;

	atomic_thread_fence(memory_order_seq_cst);
	if (told && atomic_load_explicit(&data, memory_order_relaxed) != 7)
		race_broken("told of what it does not see");
}

static void passes_on(void)
{
	unsigned one = 1;

	(void)atomic_compare_exchange_strong_explicit(&flag_of[0], &one, 2, memory_order_relaxed,
						      memory_order_relaxed);
}

static void looks_twice(void)
{
	unsigned first = atomic_load_explicit(&data, memory_order_relaxed);

	if (atomic_load_explicit(&data, memory_order_relaxed) < first)
		race_broken("it goes back in time");
}

static void adds(void)
{
	atomic_fetch_add_explicit(&data, 1, memory_order_relaxed);
}

static const char *has_two(void)
{
	return data == 2 ? NULL : "an addition is lost";
}

static bool telling(int by, int of, const char *words)
{
	struct race_program p = program(tells, is_told, NULL);

	store_order = by;
	load_order = of;
	return broken_by(&p, 3, words);
}

static void old_values(void)
{
	const int relaxed = memory_order_relaxed, release = memory_order_release;
	const int acquire = memory_order_acquire;
	struct race_program p = program(tells, is_told, NULL);
	static char line[sizeof(out.replay)];

	race_stale = fenced = false;
	say(telling(relaxed, relaxed, NULL), "where nothing comes early, no order is needed");
	race_stale = true;
	say(telling(relaxed, relaxed, "told") && out.preemptions == 1,
	    "where loads come early, what was told need not be there: an old value counts as one");
	strcpy(line, out.replay);
	say(race_replay(&p, line, false, &again) && again.broken != NULL,
	    "a schedule with an old value is replayed");
	say(telling(release, relaxed, "told"), "a release alone is not enough");
	say(telling(relaxed, acquire, "told"), "an acquire alone is not enough");
	say(telling(release, acquire, NULL), "an acquire that reads from a release is");
	p = program(tells, waits_to_be_told, NULL);
	say(broken_by(&p, 3, NULL), "an old value keeps nobody waiting");
	p = program(tells_and_goes_on, looks_again, NULL);
	say(broken_by(&p, 2, "looks again"), "who has seen one looks again without being woken");
	load_order = acquire;
	p = program(tells_behind_a_fence, is_told, NULL);
	say(broken_by(&p, 3, NULL), "a fence in front of a relaxed store publishes to an acquire");
	p = program(tells, is_told_before_a_fence, NULL);
	say(broken_by(&p, 3, NULL), "a fence behind a relaxed load reads from a release");
	p = program(tells, is_told, NULL);
	p.threads = 3;
	p.body[2] = passes_on;
	say(broken_by(&p, 3, NULL), "what is changed on the way publishes it too");
	fenced = true;
	say(telling(relaxed, relaxed, NULL), "two fences are as good");
	fenced = false;
	locked = true;
	say(telling(relaxed, relaxed, NULL), "and so is a lock");
	locked = false;
	p = program(tells, looks_twice, NULL);
	say(broken_by(&p, 3, NULL), "no word goes back in time");
	p = program(adds, adds, has_two);
	say(broken_by(&p, 3, NULL), "a read-modify-write sees the newest");
	p = program(store_and_look, store_and_look, one_is_seen);
	say(broken_by(&p, 3, "missed"), "two that store and look may miss each other");
	fenced = true;
	say(broken_by(&p, 3, NULL), "but for a fence");
	fenced = race_stale = false;
}

/* ---- Replay, chance ----------------------------------------------------------------------------
 */

static void replays(void)
{
	struct race_program p = program(between_1, between_2, NULL);
	static char line[sizeof(out.replay)];

	race_search(&p, 2, &out);
	strcpy(line, out.replay);
	bool good = race_replay(&p, line, false, &again);
	say(good && again.broken != NULL && strcmp(again.broken, "it takes two") == 0,
	    "a failing schedule is replayed");
	say(race_replay(&p, "0:1", false, &again) && again.broken == NULL,
	    "another schedule is another one");
	say(!race_replay(&p, "0;1", false, &again) && !race_replay(&p, "7:1", false, &again),
	    "a bad schedule is refused");
}

static void chances(void)
{
	struct race_program p = program(between_1, between_2, NULL);

	race_random(&p, 1000, 3, 1, &out);
	say(out.broken != NULL, "random schedules of depth 3 find what takes two");
	race_random(&p, 1000, 3, 1, &again);
	say(out.schedules == again.schedules && strcmp(out.replay, again.replay) == 0,
	    "the same seed gives the same runs");
	p = program(locked_update, locked_update, is_two);
	race_random(&p, 1000, 3, 7, &out);
	say(out.broken == NULL && out.schedules == 1000, "random schedules break no lock");
}

int selftest(void)
{
	counts();
	defects();
	late_stores();
	old_values();
	replays();
	chances();
	printf("1..%u\n", tests);
	return failed != 0;
}
