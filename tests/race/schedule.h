/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the explorer: the run at hand (explore.c), who decides (schedule.c), and the
 * trace (trace.c). */
#ifndef TESTS_RACE_SCHEDULE_H
#define TESTS_RACE_SCHEDULE_H

#include "tests/race/explore.h"

#define RACE_NOBODY RACE_THREADS
#define RACE_STALE (RACE_THREADS + 1)

/*
 * Who goes on? `self` is who ran and could go on, or RACE_NOBODY; `enabled` the set of those that
 * can, never empty. If RACE_STALE is among them it is about what a load of `self` sees: itself, the
 * newest; RACE_STALE, the oldest that it may.
 */
typedef unsigned (*race_decide)(unsigned self, unsigned enabled);

/* Whom the search takes first: no preemption, then the lowest number. */
static inline unsigned race_default(unsigned self, unsigned enabled)
{
	return self != RACE_NOBODY ? self : (unsigned)__builtin_ctz(enabled);
}

/* Runs it once. The defect in words (valid until the next run), or NULL. */
const char *race_run(const struct race_program *p, race_decide decide);

/* Nothing waits in any thread's buffer (tests/race/late.c). */
void race_late_begin(void);

/* Nothing has a past, nobody knows of anything (tests/race/stale.c). */
void race_stale_begin(void);
/* The running thread takes a step; it goes on after it has waited. */
void race_stale_step(const char *name, const void *object);
void race_stale_woken(void);
/* Shall the running thread's load see the oldest value? */
bool race_choose_stale(const volatile void *at);

/* The step that a thread takes next when it goes on; NULL: it stands at none with a name. */
const char *race_about(unsigned thread);
bool race_ended(unsigned thread);

/* Of the last run. */
unsigned race_run_points(void);
unsigned race_run_preemptions(void);
/* Its decisions, as --replay takes them; what comes after the last one that is not the search's
 * own is left out. */
void race_run_schedule(char *text, size_t bytes);

/* The trace of a run: cleared, noted to while on, printed. */
void trace_begin(const struct race_program *p, bool all);
void trace_note(unsigned thread, const char *what, const void *object, const char *function);
bool trace_is_on(void);
void trace_end(void);

#endif
