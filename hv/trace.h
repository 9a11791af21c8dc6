/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace: for each CPU a ring of fixed size that the newest events overwrite; cheap enough to
 * stay on (a clock, four stores and a place, no lock). The monitor prints it; the runner can save
 * it (trace_dump).
 */
#ifndef HV_TRACE_H
#define HV_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mm/addr.h"
#include "mm/frame.h"
#include "mm/result.h"

enum trace_event {
	TRACE_FAULT,	/* a stage-2 fault was served or refused: verdict */
	TRACE_WIDEN,	/* ... and only a permission was added */
	TRACE_SPURIOUS, /* ... and another CPU had mended it (S9) */
	TRACE_NOTICE,	/* a notice began: gfn is its hva >> 12, order its size, pfn the leaves
			   removed */
	TRACE_WAIT,	/* a fault waits for its turn (N8) */
	TRACE_MMIO,
	TRACE_HYPERCALL, /* gfn is its number, pfn the first argument */
	TRACE_SLOT,	 /* a memslot came, went or moved */
	TRACE_PIN,
	TRACE_OWNER, /* an owner took, gave or moved its memory: gfn is its number, pfn its place */
	TRACE_END,   /* a VM ended */
	TRACE_EVENTS,
};

/* "fault", "widen", ... : one word each */
const char *trace_event_words(enum trace_event e);

/*
 * An event. `what`, from bit 0: VM (16 bits; TRACE_NO_VM: none), event, class, verdict, order of
 * the leaf or of the notice's range, rounded up (log2 pages; 8 bits each). Written by its own CPU
 * alone; who prints it meanwhile may see a record of which one half is newer.
 */
struct trace_record {
	_Atomic uint64_t time; /* arch_stamp */
	_Atomic uint64_t gfn;
	_Atomic uint64_t pfn;
	_Atomic uint64_t what;
};

_Static_assert((sizeof(struct trace_record) & (sizeof(struct trace_record) - 1)) == 0,
	       "a ring is a power of two of bytes");

#define TRACE_NO_VM 0xffffu

struct trace_ring {
	_Alignas(64) unsigned char *records; /* NULL before trace_init */
	uint64_t mask;	       /* of the place of a record: all records' bytes less one record's */
	_Atomic uint64_t next; /* bytes of all events so far */
};

extern struct trace_ring trace_rings[ARCH_MAX_CPUS];

/* Room for `events` (a power of two) records a CPU, from hv_pages. OUT_OF_MEMORY, BAD_ARGUMENT. */
enum result trace_init(unsigned cpus, uint32_t events);

static inline void trace(enum trace_event event, unsigned vm, gfn_t n, pfn_t p,
			 enum frame_class class, unsigned order, enum result verdict)
{
	struct trace_ring *ring = &trace_rings[arch_cpu_id()];

	if (ring->records == NULL)
		return;
	/* Only this CPU writes the ring: relaxed everywhere, the reader accepts what it gets. */
	uint64_t at = atomic_load_explicit(&ring->next, memory_order_relaxed);
	struct trace_record *r = (struct trace_record *)(ring->records + (at & ring->mask));
	atomic_store_explicit(&r->time, arch_stamp(), memory_order_relaxed);
	atomic_store_explicit(&r->gfn, n.v, memory_order_relaxed);
	atomic_store_explicit(&r->pfn, p.v, memory_order_relaxed);
	atomic_store_explicit(&r->what,
			      (uint64_t)vm | (uint64_t)event << 16 | (uint64_t) class << 24 |
				      (uint64_t)verdict << 32 | (uint64_t)order << 40,
			      memory_order_relaxed);
	atomic_store_explicit(&ring->next, at + sizeof(*r), memory_order_relaxed);
}

/* Prints the newest `count` records of all CPUs, oldest first, for a human. No locks needed. */
void trace_print(unsigned count);

/*
 * All records, oldest first, for a program: one line each between `tenure: trace begin` and
 * `tenure: trace end`, words `name=value` separated by spaces.
 */
void trace_dump(void);

#endif
