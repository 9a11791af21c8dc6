/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small world that schedules run in: some hundred frames of RAM, one host space, one VM with a
 * stage-2 tree of three levels of four entries, and three CPUs with their TLBs. It is made once,
 * copied, and copied back before each schedule. What must hold is looked at after every step
 * (world_check), at every freed block, and when all is taken apart at the end (world_finish).
 */
#ifndef TESTS_RACE_WORLD_H
#define TESTS_RACE_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/follow.h"
#include "mm/pfn_cache.h"
#include "tests/race/explore.h"

#define WORLD_CPUS RACE_THREADS
#define WORLD_FIRST UINT64_C(16) /* frame number of the first frame */
#define WORLD_FRAMES UINT64_C(176)
#define WORLD_BASE (UINT64_C(8) << 30)	 /* hva of page 0, 1 GiB-aligned */
#define WORLD_DEVICE UINT64_C(0x4000000) /* pfn of device memory, 1 GiB-aligned */
#define WORLD_SPAN UINT64_C(4)		 /* pages of a leaf of level 1, entries of a table */
#define WORLD_PAGES UINT64_C(24)	 /* pages, and gfns, that scenarios use */
#define WORLD_TLB 8u
#define RW ((unsigned)ACCESS_READ | ACCESS_WRITE)

struct world_tlb {
	uint64_t gen;	      /* the flush it has obeyed */
	bool inside;	      /* its CPU is in the guest and uses it */
	_Atomic bool walking; /* it is on its way through the tree, or uses what it found */
	struct {
		bool valid;
		uint64_t gfn, pfn;
		uint32_t attrs;
	} at[WORLD_TLB];
};

struct world {
	struct vm vm;
	struct vcpu vcpus[WORLD_CPUS];
	struct world_tlb tlbs[WORLD_CPUS];
	struct pfn_cache cache;
	bool has_cache;
	_Atomic uint64_t wakes;		   /* how often waiting vCPUs were woken */
	struct hva_range open[WORLD_CPUS]; /* notices begun by CPU n and not ended: empty or not */
	bool written[WORLD_FRAMES]; /* the guest, or a cache, has written to it since it was handed
				       out */
	unsigned done[WORLD_CPUS];  /* what a scenario's threads count */
	uint64_t frames;	    /* free before anything was made */
	bool broadcast;
};

extern struct world world;

struct world_options {
	bool huge;	/* host entries of 2 MiB */
	bool broadcast; /* flushes reach CPUs in their guests */
	bool soft;	/* no access bits by hardware (S10) */
	bool side;	/* leaves of two pages beside level 0 */
};

/* ---- Set-up, once -----------------------------------------------------------------------------
 */

void world_begin(const struct world_options *o);
/* The world is as the schedules shall find it. */
void world_keep(void);
/* As it was at world_keep. */
void world_restore(void);

/* RAM as the threads have it (tests/race/memory.c). */
void memory_keep(void);
void memory_restore(void);
void memory_wrote(const void *at);
/* The frame that `at` lies in; false: it is not in RAM. */
bool memory_frame(const void *at, pfn_t *out);
/* Does it lie in the records of frames? */
bool memory_is_record(const volatile void *at);

static inline hva_t world_hva(uint64_t page)
{
	return hva(WORLD_BASE + (page << PAGE_SHIFT));
}

static inline struct hva_range world_range(uint64_t page, uint64_t pages)
{
	return hva_range(world_hva(page), pages << PAGE_SHIFT);
}

/* Must be OK, in the set-up or in a run. */
void world_must(enum result r, const char *what);
#define MUST(call) world_must((call), #call)

void world_anon(uint64_t page, uint64_t pages, unsigned permissions, bool share_zero);
uint32_t world_slot(uint64_t n, uint64_t pages, uint64_t page, unsigned flags);

/* ---- What must hold ---------------------------------------------------------------------------
 */

const char *world_check(void);
const char *world_finish(void);
void world_access(const void *at, enum race_access what);
void world_describe(const void *object, char *text, size_t bytes);
/* Sentences about the world, in a buffer of its own. */
__attribute__((format(printf, 1, 2))) const char *world_words(const char *format, ...);

/* ---- The guest --------------------------------------------------------------------------------
 */

struct guest_op {
	uint64_t gfn;
	enum access access;
};

/*
 * vCPU `v` on this CPU enters its guest, which does the operations one after the other, and leaves.
 * Returns how many are done; the next one's fault is then in v->exit.
 */
unsigned guest_stay(struct vcpu *v, const struct guest_op *ops, unsigned count);

/* The same until all are done, with every fault served. OK, or the first refusal. */
enum result guest_do(struct vcpu *v, const struct guest_op *ops, unsigned count);

static inline enum result guest_touch(uint64_t n, enum access access)
{
	return guest_do(&world.vcpus[race_self()], &(struct guest_op){ n, access }, 1);
}

/* ---- An aging walker (A1) ---------------------------------------------------------------------
 */

/* Clears young in the leaves of [first, first + count), without a lock; how many were young. */
uint64_t aging_walk(struct s2 *s2, gfn_t first, uint64_t count);

#endif
