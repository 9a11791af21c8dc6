/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that mm/ asks of the program it is built into. hv/ answers it on the machine (hv/env.c),
 * tests/ on the host; whoever reuses mm/ writes these functions and nothing else.
 */
#ifndef MM_ENV_H
#define MM_ENV_H

#include <stdbool.h>

#include "mm/addr.h"

#ifndef MM_MAX_CPUS
#define MM_MAX_CPUS 64u
#endif

/* The number of the CPU (or thread) that calls, 0 <= n < MM_MAX_CPUS. It must not change while a
 * lock is held. */
unsigned mm_cpu(void);

/* Called in every turn of a loop that waits for another CPU. */
void mm_relax(void);

/*
 * The linear map: where the bytes of a frame of RAM can be read and written. Only for frames
 * with a record; device memory is not in the map.
 */
void *mm_linear(pfn_t n);

/* Fills a page of the linear map with zeros, by the fastest way that there is. */
void mm_page_clear(void *page);

/* A broken invariant: says it and stops the host. Never reached because of a guest. */
_Noreturn void mm_broken(const char *file, int line, const char *what);

/*
 * A step of a protocol is about to be taken: race tests choose here which thread goes on, and
 * what is in between is what another CPU may see. In the hypervisor it is nothing.
 */
#ifdef HOST_TEST
void mm_step(const char *name, const void *object);
#else
#define mm_step(name, object) ((void)(name), (void)(object))
#endif

/*
 * May an allocation of 2^order frames succeed? Tests of want of memory say no now and then; in the
 * hypervisor it always may.
 */
#ifdef HOST_TEST
bool mm_may_alloc(unsigned order);
#else
#define mm_may_alloc(order) ((void)(order), true)
#endif

#ifdef DEBUG
#define MM_ASSERT(e) ((e) ? (void)0 : mm_broken(__FILE__, __LINE__, #e))
#else
#define MM_ASSERT(e) ((void)sizeof(!(e)))
#endif

/* Checked in release builds too: an accounting error that would hand out memory twice. */
#define MM_CHECK(e) ((e) ? (void)0 : mm_broken(__FILE__, __LINE__, #e))

#endif
