/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spin locks, and clang's thread-safety annotations for C. The order of locks is in
 * mm/LOCKING.md; no lock is held across a call that may wait. Every lock operation is a step
 * (mm_step) that race tests can order.
 */
#ifndef MM_LOCK_H
#define MM_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/env.h"

#ifdef __clang__
#define CAPABILITY(name) __attribute__((capability(name)))
#define ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(name)
#define ACQUIRES(...)
#define RELEASES(...)
#define REQUIRES(...)
#define EXCLUDES(...)
#define NO_LOCK_ANALYSIS
#endif

struct CAPABILITY("lock") spinlock {
	_Atomic uint32_t next;	  /* the ticket the next comer draws */
	_Atomic uint32_t serving; /* the ticket that holds the lock */
};

/* All zero is an unlocked lock. */
static inline void spin_lock(struct spinlock *l) ACQUIRES(l) NO_LOCK_ANALYSIS
{
	mm_step("lock", l);
	uint32_t mine = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
	/* acquire: what the last holder wrote before its release is seen after this. */
	while (__builtin_expect(atomic_load_explicit(&l->serving, memory_order_acquire) != mine, 0))
		mm_relax();
}

static inline void spin_unlock(struct spinlock *l) RELEASES(l) NO_LOCK_ANALYSIS
{
	/* Only the holder writes serving: a plain increment, published by the release. */
	uint32_t mine = atomic_load_explicit(&l->serving, memory_order_relaxed);
	atomic_store_explicit(&l->serving, mine + 1, memory_order_release);
	mm_step("unlock", l);
}

/* Is it held by anyone? For assertions. */
static inline bool spin_is_locked(const struct spinlock *l)
{
	return atomic_load_explicit(&l->serving, memory_order_relaxed) !=
	       atomic_load_explicit(&l->next, memory_order_relaxed);
}

#endif
