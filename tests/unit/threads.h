/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that play CPUs: threads_run starts `count` of them at once, thread i as CPU i, and waits
 * for all. What goes wrong in a thread is said with wrong_if, and threads_run returns how often.
 */
#ifndef TESTS_UNIT_THREADS_H
#define TESTS_UNIT_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fake/env.h"

#define THREADS_MAX 8u

static _Atomic unsigned threads_wrong;
static _Atomic unsigned threads_ready;
static unsigned threads_count;
static void (*threads_body)(unsigned cpu);

#define wrong_if(e)                                                                    \
	do {                                                                           \
		if ((e) && atomic_fetch_add(&threads_wrong, 1) < 10)                   \
			fprintf(stderr, "%s:%d: wrong: %s\n", __FILE__, __LINE__, #e); \
	} while (0)

static inline void *threads_start(void *cpu)
{
	unsigned n = (unsigned)(uintptr_t)cpu;
	env_cpu(n);
	atomic_fetch_add(&threads_ready, 1);
	while (atomic_load(&threads_ready) != threads_count)
		mm_relax();
	threads_body(n);
	return NULL;
}

static inline unsigned threads_run(unsigned count, void (*body)(unsigned cpu))
{
	pthread_t threads[THREADS_MAX];
	atomic_store(&threads_wrong, 0);
	atomic_store(&threads_ready, 0);
	threads_count = count;
	threads_body = body;
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, threads_start, (void *)(uintptr_t)i) != 0)
			abort();
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return atomic_load(&threads_wrong);
}

/* A small generator of numbers, one state a thread. */
static inline uint32_t threads_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

#endif
