/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run: coroutines, points, and who can go on. Coroutines are made by makecontext and switched
 * by _setjmp and _longjmp, which ask nothing of the kernel. They live from run to run: a body that
 * has ended is called again when its thread is chosen in the next run.
 */
#define _GNU_SOURCE
#include "tests/race/explore.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "mm/env.h"
#include "tests/race/schedule.h"

#define STACK_BYTES (256u << 10)
#define LOOKED 32u     /* reads of a thread that are remembered */
#define IDLE_TURNS 32u /* turns of a loop in which nobody else can do anything */
#define QUIET 8u

enum { RUN_ENDED = 1, RUN_BROKEN };

struct thread {
	jmp_buf context;
	ucontext_t first;
	void *stack;
	bool done;
	bool waiting;	   /* in a loop, until somebody writes to what it has read */
	bool heard;	   /* somebody has, while it was not waiting */
	bool fresh;	   /* its last act was to pass a point */
	const char *about; /* the step that it takes next, when it goes on; NULL: it has no name */
	unsigned idle;
	unsigned looked_count;
	uintptr_t looked[LOOKED]; /* addresses of words, a ring */
};

struct segment {
	unsigned thread, points;
};

bool race_on;

static struct thread threads[RACE_THREADS];
static bool threads_made;
static ucontext_t main_first;
static jmp_buf main_context;

static struct {
	const struct race_program *program;
	race_decide decide;
	enum { OUTSIDE, RUNNING, FINISHING } phase;
	bool written; /* since the last check */
	unsigned self;
	unsigned outside; /* whom the set-up and the end play */
	unsigned points, preemptions;
	unsigned segment_count, segment_kept; /* up to the last decision that matters */
	unsigned kept_points;		      /* of the last segment that is kept */
	char broken[512];
} run;

static struct segment segments[RACE_POINTS + 2];

static struct {
	uintptr_t start, end;
} quiet[QUIET];
static unsigned quiet_count;

static bool is_quiet(uintptr_t at)
{
	for (unsigned i = 0; i < quiet_count; i++)
		if (quiet[i].start <= at && at < quiet[i].end)
			return true;
	return false;
}

/* ---- Who runs ---------------------------------------------------------------------------------
 */

unsigned race_self(void)
{
	return run.phase == RUNNING ? run.self : run.outside;
}

void race_be(unsigned thread)
{
	run.outside = thread;
}

void race_hold(bool on)
{
	if (on)
		race_late_drain();
	race_on = run.phase == RUNNING && !on;
}

_Noreturn void race_broken(const char *words)
{
	if (run.phase == OUTSIDE) {
		fprintf(stderr, "race: broken outside of a run: %s\n", words);
		exit(2);
	}
	snprintf(run.broken, sizeof(run.broken), "%s", words);
	_longjmp(main_context, RUN_BROKEN);
}

static void note_decision(unsigned self, unsigned enabled, unsigned chosen)
{
	if (run.segment_count == 0 || segments[run.segment_count - 1].thread != chosen)
		segments[run.segment_count++] = (struct segment){ chosen, 0 };
	segments[run.segment_count - 1].points++;
	if (chosen == race_default(self, enabled))
		return;
	run.preemptions += self != RACE_NOBODY;
	run.segment_kept = run.segment_count;
	run.kept_points = segments[run.segment_count - 1].points;
}

static void invariants_check(void)
{
	if (!run.written || run.program->check == NULL)
		return;
	run.written = false;
	race_on = false;
	const char *wrong = run.program->check();
	race_on = true;
	if (wrong != NULL)
		race_broken(wrong);
}

/* Nobody else can go on: those that turn in a loop may help themselves (a grace period that its
 * waiter moves on), but not for ever. */
static unsigned wake_idle(void)
{
	unsigned woken = 0;

	for (unsigned i = 0; i < run.program->threads; i++) {
		struct thread *t = &threads[i];
		if (t->done || t->idle++ >= IDLE_TURNS)
			continue;
		t->waiting = false;
		woken |= 1u << i;
	}
	return woken;
}

static const char no_progress[] = "no progress: the threads go on and on";

static unsigned next_thread(bool able)
{
	unsigned enabled = 0;

	for (unsigned i = 0; i < run.program->threads; i++)
		if (!threads[i].done && !threads[i].waiting)
			enabled |= 1u << i;
	if (enabled == 0)
		enabled = wake_idle();
	if (enabled == 0)
		race_broken("deadlock: every thread waits for another");
	if (++run.points > RACE_POINTS)
		race_broken(no_progress);
	unsigned self = able ? run.self : RACE_NOBODY;
	unsigned chosen = run.decide(self, enabled);
	note_decision(self, enabled, chosen);
	return chosen;
}

bool race_choose_stale(const volatile void *at)
{
	unsigned both = 1u << run.self | 1u << RACE_STALE;

	if (is_quiet((uintptr_t)at))
		return false;
	if (++run.points > RACE_POINTS)
		race_broken(no_progress);
	unsigned chosen = run.decide(run.self, both);
	note_decision(run.self, both, chosen);
	if (chosen != RACE_STALE)
		return false;
	threads[run.self].heard = true; /* there is something newer: it need not be waited for */
	if (trace_is_on())
		trace_note(run.self, "sees an old value of", (const void *)(uintptr_t)at, NULL);
	return true;
}

static void go_on_with(unsigned thread)
{
	struct thread *from = &threads[run.self];

	if (thread == run.self)
		return;
	run.self = thread;
	if (_setjmp(from->context) == 0)
		_longjmp(threads[thread].context, 1);
}

/* A point: another thread may go on before the step that comes now. */
static void pass(const char *step)
{
	threads[run.self].about = step;
	invariants_check();
	go_on_with(next_thread(true));
	threads[run.self].fresh = true;
}

/* ---- Coroutines -------------------------------------------------------------------------------
 */

static void thread_end(void)
{
	bool all = true;

	race_late_drain();
	invariants_check();
	threads[run.self].done = true;
	for (unsigned i = 0; i < run.program->threads; i++)
		all = all && threads[i].done;
	struct thread *me = &threads[run.self];
	if (_setjmp(me->context) != 0)
		return; /* the next run */
	if (all)
		_longjmp(main_context, RUN_ENDED);
	run.self = next_thread(false);
	_longjmp(threads[run.self].context, 1);
}

static void thread_main(unsigned number)
{
	struct thread *t = &threads[number];

	if (_setjmp(t->context) == 0)
		swapcontext(&t->first, &main_first);
	for (;;) {
		run.program->body[number]();
		thread_end();
	}
}

/* Fresh coroutines that stand before their first body. */
static void threads_make(void)
{
	for (unsigned i = 0; i < RACE_THREADS; i++) {
		struct thread *t = &threads[i];
		if (t->stack == NULL)
			t->stack = malloc(STACK_BYTES);
		if (t->stack == NULL)
			abort();
		getcontext(&t->first);
		t->first.uc_stack.ss_sp = t->stack;
		t->first.uc_stack.ss_size = STACK_BYTES;
		t->first.uc_link = &main_first;
		makecontext(&t->first, (void (*)(void))thread_main, 1, i);
		swapcontext(&main_first, &t->first);
	}
	threads_made = true;
}

static void run_begin(const struct race_program *p, race_decide decide)
{
	if (!threads_made)
		threads_make();
	if (p->restore != NULL)
		p->restore();
	race_late_begin();
	race_stale_begin();
	for (unsigned i = 0; i < RACE_THREADS; i++) {
		struct thread *t = &threads[i];
		t->done = t->waiting = t->heard = t->fresh = false;
		t->idle = t->looked_count = 0;
		t->about = NULL;
	}
	run.program = p;
	run.decide = decide;
	run.written = false;
	run.points = run.preemptions = 0;
	run.segment_count = run.segment_kept = run.kept_points = 0;
	run.broken[0] = '\0';
}

static void threads_go(void)
{
	unsigned all = (1u << run.program->threads) - 1;

	switch (_setjmp(main_context)) {
	case 0: {
		run.phase = RUNNING;
		race_on = true;
		unsigned first = run.decide(RACE_NOBODY, all);
		note_decision(RACE_NOBODY, all, first);
		run.self = first;
		_longjmp(threads[first].context, 1);
	}
	case RUN_BROKEN: threads_made = false; break;
	default: break;
	}
	race_on = false;
	run.phase = OUTSIDE;
}

static void world_finish(void)
{
	if (run.program->finish == NULL)
		return;
	run.phase = FINISHING;
	if (_setjmp(main_context) == 0) {
		const char *wrong = run.program->finish();
		if (wrong != NULL)
			snprintf(run.broken, sizeof(run.broken), "%s", wrong);
	}
	run.phase = OUTSIDE;
}

const char *race_run(const struct race_program *p, race_decide decide)
{
	run_begin(p, decide);
	threads_go();
	if (run.broken[0] == '\0')
		world_finish();
	return run.broken[0] != '\0' ? run.broken : NULL;
}

const char *race_about(unsigned thread)
{
	return threads[thread].about;
}

bool race_ended(unsigned thread)
{
	return threads[thread].done;
}

unsigned race_run_points(void)
{
	return run.points;
}

unsigned race_run_preemptions(void)
{
	return run.preemptions;
}

void race_run_schedule(char *text, size_t bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < run.segment_kept && used < bytes; i++) {
		unsigned points = i + 1 == run.segment_kept ? run.kept_points : segments[i].points;
		int n = snprintf(text + used, bytes - used, "%s%u:%u", i != 0 ? "," : "",
				 segments[i].thread, points);
		used += (size_t)n;
	}
	if (run.segment_kept == 0)
		snprintf(text, bytes, "0:0");
}

/* ---- Points -----------------------------------------------------------------------------------
 */

void race_quiet(const void *from, size_t bytes)
{
	if (from == NULL) {
		quiet_count = 0;
		return;
	}
	if (quiet_count == QUIET)
		abort();
	quiet[quiet_count].start = (uintptr_t)from;
	quiet[quiet_count++].end = (uintptr_t)from + bytes;
}

static void note_read(const volatile void *at)
{
	struct thread *me = &threads[run.self];
	me->looked[me->looked_count++ % LOOKED] = (uintptr_t)at / sizeof(uint64_t);
}

static bool has_looked(const struct thread *t, uintptr_t word)
{
	unsigned count = t->looked_count < LOOKED ? t->looked_count : LOOKED;

	for (unsigned i = 0; i < count; i++)
		if (t->looked[i] == word)
			return true;
	return false;
}

void race_wrote(const volatile void *object)
{
	uintptr_t word = (uintptr_t)object / sizeof(uint64_t);

	if (!race_on)
		return;
	run.written = true;
	for (unsigned i = 0; i < run.program->threads; i++) {
		struct thread *t = &threads[i];
		if (i == run.self || t->done || !has_looked(t, word))
			continue;
		t->heard = true;
		t->waiting = false;
		t->idle = 0;
	}
}

void race_access(const volatile void *at, enum race_access what, bool point, const char *function)
{
	static const char *const words[] = { "reads", "writes", "changes" };

	if (is_quiet((uintptr_t)at))
		return;
	if (point && !threads[run.self].fresh)
		pass(NULL);
	threads[run.self].fresh = false;
	if (run.program->access != NULL)
		run.program->access((const void *)(uintptr_t)at, what);
	if (what != RACE_WRITE)
		note_read(at);
	if (what != RACE_READ)
		race_wrote(at);
	if (trace_is_on() && point)
		trace_note(run.self, words[what], (const void *)(uintptr_t)at, function);
}

/* Steps that only tell where the code is: what comes next is a point, and nothing is in between. */
static bool only_told(const char *name)
{
	switch (name[0]) {
	case 'u': return strcmp(name, "unlock") == 0;
	case 'f': return strcmp(name, "fault_followed") == 0;
	case 's': return strcmp(name, "s2_install") == 0;
	default: return false;
	}
}

void race_step(const char *name, const void *object)
{
	if (!race_on)
		return;
	run.written = true; /* what is written plainly is said by a step */
	if (run.program->all_steps || !only_told(name))
		pass(name);
	if (race_stale)
		race_stale_step(name, object);
	if (trace_is_on())
		trace_note(run.self, name, object, NULL);
}

void race_relax(void)
{
	if (run.phase == FINISHING)
		return;
	if (run.phase == OUTSIDE)
		race_broken("the set-up waits for somebody");
	struct thread *me = &threads[run.self];
	race_late_drain();
	if (me->heard) {
		pass(NULL);
	} else {
		me->about = NULL;
		invariants_check();
		me->waiting = true;
		if (trace_is_on())
			trace_note(run.self, "waits", NULL, NULL);
		go_on_with(next_thread(false));
	}
	if (race_stale)
		race_stale_woken();
	me->heard = me->fresh = false;
	me->looked_count = 0;
}
