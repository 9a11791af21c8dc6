/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the code under exploration calls without knowing it: every atomic operation of mm/ and hv/
 * comes here first (tests/race/atomics/stdatomic.h), as do mm_step and mm_relax.
 */
#ifndef TESTS_RACE_HOOKS_H
#define TESTS_RACE_HOOKS_H

#include <stdbool.h>

enum race_access { RACE_READ, RACE_WRITE, RACE_CHANGE };

/* A schedule runs, and not the set-up, a look by the world, or the end: else nothing is noted. */
extern bool race_on;

/*
 * The running thread is about to do an atomic operation on `at`, in `function`. `point`: another
 * thread may go on before it.
 */
void race_access(const volatile void *at, enum race_access what, bool point, const char *function);

/* Stores wait in buffers (tests/race/late.c), if race_late. */
extern bool race_late;
/* true: it waits, and the caller stores nothing. at_once: it is sequentially consistent. */
bool race_late_store(volatile void *at, const void *value, unsigned bytes, bool at_once);
/* The running thread is about to load what it may have stored; or its stores must be seen now. */
void race_late_load(const volatile void *at);
void race_late_drain(void);

/* Loads may see what a word was before (tests/race/stale.c), if race_stale. */
extern bool race_stale;
/*
 * The running thread has loaded `*value`, which may become an older one. `choice`: if not, it sees
 * the newest.
 */
void race_stale_load(const volatile void *at, void *value, unsigned bytes, int order, bool choice);
/* It is about to store `*value`. */
void race_stale_store(const volatile void *at, const void *value, unsigned bytes, int order);
/* It is about to do a read-modify-write; it has, with this order, and has stored something. */
void race_stale_before(const volatile void *at, unsigned bytes);
void race_stale_changed(const volatile void *at, unsigned bytes, int order, bool stored);
/* A sequentially consistent fence. */
void race_stale_fence(void);

#endif
