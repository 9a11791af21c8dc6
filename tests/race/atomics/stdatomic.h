/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <stdatomic.h> for exploration: each operation is announced, so that the scheduler can let another
 * thread go on before it, and is then done as ever. The directory of this file comes first in the
 * include path; the sources are those of the hypervisor, unchanged.
 *
 * Not announced as a point: the two words of a spin lock (mm/lock.h: its step "lock" is the point,
 * and who finds it taken waits), and loads of a host table's entries by its writers
 * (mm/host_table.c, with the space's lock held, under which all stores to them are).
 */
#ifndef TESTS_RACE_STDATOMIC_H
#define TESTS_RACE_STDATOMIC_H

#include_next <stdatomic.h>

#include "tests/race/hooks.h"

#define RACE_IN(file) (__builtin_strcmp(__FILE_NAME__, file) == 0)
#define RACE_NOTE(p, what, point) \
	(race_on ? race_access((const volatile void *)(p), what, point, __func__) : (void)0)
#define RACE_READS(p) RACE_NOTE(p, RACE_READ, !RACE_IN("lock.h") && !RACE_IN("host_table.c"))
#define RACE_WRITES(p) RACE_NOTE(p, RACE_WRITE, !RACE_IN("lock.h"))
#define RACE_DRAIN() (race_late ? race_late_drain() : (void)0)
/* Without a run nobody asks what a word was, or becomes. */
#define RACE_IF_STALE(call) (race_stale && race_on ? (call) : (void)0)
#define RACE_VALUE(p) __typeof__(__c11_atomic_load(p, memory_order_relaxed))
#define RACE_LOAD(p, order)                                                                  \
	__extension__({                                                                      \
		RACE_READS(p);                                                               \
		if (race_late)                                                               \
			race_late_load((const volatile void *)(p));                          \
		RACE_VALUE(p) race_now = __c11_atomic_load(p, order);                        \
		RACE_IF_STALE(race_stale_load((const volatile void *)(p), &race_now,         \
					      sizeof(race_now), order, !RACE_IN("lock.h"))); \
		race_now;                                                                    \
	})
#define RACE_STORE(p, now, order)                                                       \
	__extension__({                                                                 \
		RACE_WRITES(p);                                                         \
		RACE_VALUE(p) race_now = (now);                                         \
		RACE_IF_STALE(race_stale_store((const volatile void *)(p), &race_now,   \
					       sizeof(race_now), order));               \
		if (!race_late ||                                                       \
		    !race_late_store((volatile void *)(p), &race_now, sizeof(race_now), \
				     (order) == memory_order_seq_cst))                  \
			__c11_atomic_store(p, race_now, order);                         \
	})
/* A read-modify-write: of what everybody has, and after what the thread has stored before. */
#define RACE_BEFORE(p)                                                \
	(RACE_NOTE(p, RACE_CHANGE, !RACE_IN("lock.h")), RACE_DRAIN(), \
	 RACE_IF_STALE(race_stale_before((const volatile void *)(p), sizeof(RACE_VALUE(p)))))
#define RACE_CHANGE_BY(p, order, operation)                                            \
	__extension__({                                                                \
		RACE_BEFORE(p);                                                        \
		__typeof__(operation) race_was = (operation);                          \
		RACE_IF_STALE(race_stale_changed((const volatile void *)(p),           \
						 sizeof(RACE_VALUE(p)), order, true)); \
		race_was;                                                              \
	})
#define RACE_COMPARE_BY(p, yes, no, operation)                                                    \
	__extension__({                                                                           \
		RACE_BEFORE(p);                                                                   \
		bool race_done = (operation);                                                     \
		RACE_IF_STALE(race_stale_changed((const volatile void *)(p),                      \
						 sizeof(RACE_VALUE(p)), race_done ? (yes) : (no), \
						 race_done));                                     \
		race_done;                                                                        \
	})

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_flag_test_and_set_explicit
#undef atomic_flag_clear_explicit
#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_add
#undef atomic_flag_clear
#undef atomic_thread_fence

#define atomic_load_explicit(p, order) RACE_LOAD(p, order)
#define atomic_store_explicit(p, v, order) RACE_STORE(p, v, order)
#define atomic_exchange_explicit(p, v, order) \
	RACE_CHANGE_BY(p, order, __c11_atomic_exchange(p, v, order))
#define atomic_compare_exchange_strong_explicit(p, e, v, yes, no) \
	RACE_COMPARE_BY(p, yes, no, __c11_atomic_compare_exchange_strong(p, e, v, yes, no))
#define atomic_compare_exchange_weak_explicit(p, e, v, yes, no) \
	RACE_COMPARE_BY(p, yes, no, __c11_atomic_compare_exchange_weak(p, e, v, yes, no))
#define atomic_fetch_add_explicit(p, v, order) \
	RACE_CHANGE_BY(p, order, __c11_atomic_fetch_add(p, v, order))
#define atomic_fetch_sub_explicit(p, v, order) \
	RACE_CHANGE_BY(p, order, __c11_atomic_fetch_sub(p, v, order))
#define atomic_fetch_or_explicit(p, v, order) \
	RACE_CHANGE_BY(p, order, __c11_atomic_fetch_or(p, v, order))
#define atomic_fetch_and_explicit(p, v, order) \
	RACE_CHANGE_BY(p, order, __c11_atomic_fetch_and(p, v, order))
#define atomic_flag_test_and_set_explicit(p, order) \
	RACE_CHANGE_BY(&(p)->_Value, order, __c11_atomic_exchange(&(p)->_Value, 1, order))
#define atomic_flag_clear_explicit(p, order) RACE_STORE(&(p)->_Value, 0, order)
#define atomic_thread_fence(order)                                                           \
	((order) == memory_order_seq_cst ? (RACE_DRAIN(), RACE_IF_STALE(race_stale_fence())) \
					 : (void)0,                                          \
	 __c11_atomic_thread_fence(order))

#define atomic_load(p) atomic_load_explicit(p, memory_order_seq_cst)
#define atomic_store(p, v) atomic_store_explicit(p, v, memory_order_seq_cst)
#define atomic_exchange(p, v) atomic_exchange_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_add(p, v) atomic_fetch_add_explicit(p, v, memory_order_seq_cst)
#define atomic_flag_clear(p) atomic_flag_clear_explicit(p, memory_order_seq_cst)

#endif
