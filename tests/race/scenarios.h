/* SPDX-License-Identifier: BSD-2-Clause */
/* What is explored: small programs for two or three CPUs, each about one race of the rules. */
#ifndef TESTS_RACE_SCENARIOS_H
#define TESTS_RACE_SCENARIOS_H

#include "tests/race/world.h"

struct scenario {
	const char *name;
	const char *about; /* the race, with its rules */
	unsigned threads;
	unsigned bound; /* preemptions that `make race` searches through */
	struct world_options options;
	void (*begin)(void);
	void (*body[RACE_THREADS])(void);
	const char *column[RACE_THREADS];
	/* After the threads: what came out wrong, or NULL. Gives back what the scenario holds. */
	const char *(*end)(void);
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

/* An object that is given away while it is read (tests/race/given.c). */
void given_begin(void);
void given_read(void);
void given_away(void);
void given_drain(void);
const char *given_end(void);

#endif
