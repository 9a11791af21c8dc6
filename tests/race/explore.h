/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scheduler that runs a small program of up to three threads again and again, each time in
 * another order. Threads are coroutines; who goes on is decided at every point (a step of mm/, an
 * atomic operation), and only there, so a run is a function of these decisions and can be repeated.
 *
 *   search   every schedule with at most `bound` preemptions. A preemption takes a thread off that
 *            could go on; to leave one that waits or has ended costs nothing. With race_stale
 *            (tests/race/stale.c) a load that sees an old value counts as one too.
 *   random   priorities are drawn, and at `depth - 1` random points the highest is made the lowest:
 *            a defect that needs `depth` ordered points among n, of k threads, is met with a chance
 *            of at least 1 / (k n^(depth - 1)) in each run
 *   replay   one schedule, as a failing run has printed it
 *
 * A thread that turns in a loop (mm_relax) waits until somebody has written to what it has read in
 * the loop; if nobody can any more, that is a deadlock.
 */
#ifndef TESTS_RACE_EXPLORE_H
#define TESTS_RACE_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/race/hooks.h"

#define RACE_THREADS 3u
#define RACE_POINTS 6000u /* in one run; a run of more makes no progress */

/* What is run. Threads are CPUs 0, 1, 2. */
struct race_program {
	const char *name;
	unsigned threads;
	void (*body[RACE_THREADS])(void);
	const char *column[RACE_THREADS]; /* heads of the trace */
	void (*restore)(void);		  /* the world as it was before the first run */
	/* After each step that has written something: what is broken now, or NULL. */
	const char *(*check)(void);
	/* After the threads have ended, without points: what is broken at the end, or NULL. */
	const char *(*finish)(void);
	/* Before each atomic operation. Ends the run by race_broken if it must not be. */
	void (*access)(const void *at, enum race_access what);
	/* The steps that only tell where the code is are points too: for race_follow. */
	bool all_steps;
	/* How an object is called in a trace. */
	void (*describe)(const void *object, char *text, size_t bytes);
};

/* What a search or a random run did. */
struct race_outcome {
	uint64_t schedules;
	uint64_t points;      /* in all of them */
	unsigned longest;     /* points of the longest */
	const char *broken;   /* what was broken, or NULL */
	unsigned preemptions; /* in the schedule that broke it */
	char replay[16384];   /* that schedule, as --replay takes it */
};

/* All schedules of at most `bound` preemptions, those of fewer first; stops at the first defect. */
void race_search(const struct race_program *p, unsigned bound, struct race_outcome *out);

/* `runs` random schedules. The same seed gives the same runs. */
void race_random(const struct race_program *p, uint64_t runs, unsigned depth, uint64_t seed,
		 struct race_outcome *out);

/* One schedule, with its trace on the standard output. false: `schedule` cannot be read. `all`: the
 * trace shows reads too. */
bool race_replay(const struct race_program *p, const char *schedule, bool all,
		 struct race_outcome *out);

/*
 * A schedule by the names of steps: "0:s2_install,1:-,0:-" is thread 0 until it would take that
 * step, then thread 1 until it ends, then thread 0. Who waits lets another go on meanwhile. A
 * step that its thread never comes to is a defect too. false: the line cannot be read.
 */
bool race_follow(const struct race_program *p, const char *line, bool trace,
		 struct race_outcome *out);

/* ---- For the world ----------------------------------------------------------------------------
 */

/* The thread that runs; outside of a run, who race_be says (0 at first). */
unsigned race_self(void);
void race_be(unsigned thread);
/* What follows is a look by the world: no points, nothing is noted; until race_hold(false). */
void race_hold(bool on);
/* A step of the world's own. As mm_step. */
void race_step(const char *name, const void *object);
/* The thread cannot go on before another has changed what it has looked at. */
void race_relax(void);
/* All that the running thread knows, every thread knows now (race_stale): a broadcast. */
void race_stale_all_know(void);
/* `object` was written in a way that race_access does not see. */
void race_wrote(const volatile void *object);
/* Something is broken: ends the run. Outside of a run: says so and ends the program. */
_Noreturn void race_broken(const char *words);
/* Accesses to these bytes are not points: counters for people. At most 8 ranges; NULL: forget all.
 */
void race_quiet(const void *from, size_t bytes);

#endif
