/* SPDX-License-Identifier: BSD-2-Clause */
/* A spin lock of a port's own: a leaf, held for a few instructions, never by code that waits. */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <stdatomic.h>

#include "arch/arch.h"

struct port_lock {
	_Atomic int held;
};

static inline void port_lock(struct port_lock *l)
{
	while (atomic_exchange_explicit(&l->held, 1, memory_order_acquire) != 0)
		arch_cpu_relax();
}

static inline void port_unlock(struct port_lock *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

#endif
