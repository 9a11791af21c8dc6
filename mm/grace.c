/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods by epochs. There is one epoch for all; a CPU that begins to read announces the
 * epoch it sees, and takes the announcement back when it stops. The epoch moves from e to e + 1
 * only if every CPU that reads has announced e. What is given away in epoch e is freed from e + 2
 * on.
 *
 * Why that is enough: let W give away an object at epoch e, and let R be a reader that can still
 * reach it. R announces (relaxed), has a fence, then reads; W unlinks, has a fence, then reads the
 * epoch. R reached the object, so its fence was before W's, and it announced e or less. For e + 2
 * somebody must move the epoch from e + 1: he reads e + 1, which comes after W's reading of e, has
 * a fence, and then looks at R. His fence is after W's and so after R's: he sees the announcement,
 * which is not e + 1, and does not move. It does not matter how long R slept between reading the
 * epoch and announcing it: an old announcement only holds the epoch up. A CPU that does not read
 * announces nothing and holds nothing up; in particular an idle one does not.
 *
 * What waits lies in two queues a CPU, in the order in which it was given, and so of its epochs.
 */
#include "mm/grace.h"

#include <stdatomic.h>
#include <stddef.h>

#include "mm/block.h"
#include "mm/env.h"
#include "mm/lock.h"

#define GRACE_EPOCHS 2u /* from giving away to freeing */
#define NOT_READING 0u

/* What a reader writes; on a line of its own, since the others read it. */
struct reader {
	_Alignas(64) _Atomic uint64_t announced; /* an epoch, or NOT_READING */
	uint32_t nesting;			 /* the CPU's own */
};

/*
 * What waits. Guarded by the lock but for `waiting`, which is read without it to see that there is
 * nothing to do, and `freeing`, which one CPU at a time holds while it frees from this queue.
 */
struct queue {
	_Alignas(64) struct spinlock lock;
	_Atomic uint32_t waiting; /* items and tables */
	_Atomic bool freeing;
	struct grace_item *item_first, *item_last;
	uint32_t table_first, table_last; /* links; 0: none */
};

static _Atomic uint64_t epoch = 1;
static struct reader readers[MM_MAX_CPUS];
static struct queue queues[MM_MAX_CPUS];

/* ---- Readers ------------------------------------------------------------------------------- */

void grace_enter(void)
{
	struct reader *r = &readers[mm_cpu()];
	if (r->nesting++ != 0)
		return;
	uint64_t now = atomic_load_explicit(&epoch, memory_order_seq_cst);
	mm_step("grace_enter", r);
	/* release: whoever sees this announcement has also seen the last one taken back. */
	atomic_store_explicit(&r->announced, now, memory_order_release);
	/* The announcement is seen before anything is read; see above. */
	atomic_thread_fence(memory_order_seq_cst);
}

void grace_leave(void)
{
	struct reader *r = &readers[mm_cpu()];
	MM_ASSERT(r->nesting != 0);
	if (--r->nesting != 0)
		return;
	mm_step("grace_leave", r);
	/* release: all reading is done before it is seen to be over. */
	atomic_store_explicit(&r->announced, NOT_READING, memory_order_release);
}

bool grace_inside(void)
{
	return readers[mm_cpu()].nesting != 0;
}

/* Moves the epoch on by one, if every CPU that reads has announced the present one. */
static void try_advance(void)
{
	uint64_t now = atomic_load_explicit(&epoch, memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++) {
		/* acquire: what the reader read, it read before what we free. */
		uint64_t seen = atomic_load_explicit(&readers[cpu].announced, memory_order_acquire);
		if (seen != NOT_READING && seen != now)
			return;
	}
	mm_step("grace_advance", &epoch);
	/* If it fails, somebody else has moved it: as good. */
	(void)atomic_compare_exchange_strong_explicit(&epoch, &now, now + 1, memory_order_seq_cst,
						      memory_order_relaxed);
}

/* ---- Giving away --------------------------------------------------------------------------- */

/* The epoch of what is given away now. */
static uint64_t given_epoch(void)
{
	/* What the caller unlinked is seen to be so before the epoch is read; see above. */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&epoch, memory_order_seq_cst);
}

/* A table keeps the low bits of its epoch where a counted frame keeps its pins. */
static inline uint32_t short_epoch(uint64_t e)
{
	return FRAME_LINK | (uint32_t)(e & ~FRAME_LINK);
}

/*
 * Has it been GRACE_EPOCHS from `then` to `now`? `then` may be the later one: another CPU gives
 * away while a drain, which has read the epoch before, goes through its queue.
 */
static inline bool epoch_due(uint64_t then, uint64_t now)
{
	return now >= then && now - then >= GRACE_EPOCHS;
}

/* The same by the low bits, of which one half of the circle is later. Should they have come round,
 * it says "no" once too often. */
static inline bool short_epoch_due(uint32_t then, uint64_t now)
{
	uint32_t since = ((uint32_t)now - then) & ~FRAME_LINK;
	return since >= GRACE_EPOCHS && since < FRAME_LINK / 2;
}

static inline void count_waiting(struct queue *q, uint32_t by) REQUIRES(q->lock)
{
	uint32_t n = atomic_load_explicit(&q->waiting, memory_order_relaxed);
	atomic_store_explicit(&q->waiting, n + by, memory_order_relaxed);
}

void grace_free_table(pfn_t table, owner_t owner)
{
	struct frame *f = &frame_table[table.v];
	MM_CHECK(frame_class(table) == FRAME_TABLE && frame_owner(f).v == owner.v);
	MM_CHECK(f->tail == FRAME_HEAD && f->order == 0);
	/* The link is zero unless the table waits already. */
	uint32_t unlinked = 0;
	MM_CHECK(atomic_compare_exchange_strong_explicit(&f->link.next, &unlinked, FRAME_NO_LINK,
							 memory_order_relaxed,
							 memory_order_relaxed));
	uint32_t self = FRAME_LINK | (uint32_t)table.v;
	struct queue *q = &queues[mm_cpu()];
	spin_lock(&q->lock);
	atomic_store_explicit(&f->link.prev, short_epoch(given_epoch()), memory_order_relaxed);
	if (q->table_first == 0)
		q->table_first = self;
	else
		atomic_store_explicit(&frame_table[q->table_last & ~FRAME_LINK].link.next, self,
				      memory_order_relaxed);
	q->table_last = self;
	count_waiting(q, 1);
	spin_unlock(&q->lock);
}

void grace_free(struct grace_item *item, void (*free)(struct grace_item *item))
{
	item->free = free;
	item->next = NULL;
	struct queue *q = &queues[mm_cpu()];
	spin_lock(&q->lock);
	item->epoch = given_epoch();
	if (q->item_first == NULL)
		q->item_first = item;
	else
		q->item_last->next = item;
	q->item_last = item;
	count_waiting(q, 1);
	spin_unlock(&q->lock);
}

/* ---- Freeing ------------------------------------------------------------------------------- */

/* The first table of the queue whose time has come, or NULL. */
static struct frame *take_table(struct queue *q, uint64_t now)
{
	struct frame *f = NULL;
	spin_lock(&q->lock);
	if (q->table_first != 0) {
		struct frame *first = &frame_table[q->table_first & ~FRAME_LINK];
		uint32_t next = atomic_load_explicit(&first->link.next, memory_order_relaxed);
		uint32_t then = atomic_load_explicit(&first->link.prev, memory_order_relaxed);
		if (short_epoch_due(then, now)) {
			f = first;
			q->table_first = next == FRAME_NO_LINK ? 0 : next;
			count_waiting(q, UINT32_MAX);
		}
	}
	spin_unlock(&q->lock);
	return f;
}

static struct grace_item *take_item(struct queue *q, uint64_t now)
{
	struct grace_item *item = NULL;
	spin_lock(&q->lock);
	if (q->item_first != NULL && epoch_due(q->item_first->epoch, now)) {
		item = q->item_first;
		q->item_first = item->next;
		count_waiting(q, UINT32_MAX);
	}
	spin_unlock(&q->lock);
	return item;
}

/* Frees what is due; `freeing` is ours. */
static void free_due(struct queue *q)
{
	uint64_t now = atomic_load_explicit(&epoch, memory_order_seq_cst);
	for (struct frame *f = take_table(q, now); f; f = take_table(q, now)) {
		atomic_store_explicit(&f->link.prev, 0, memory_order_relaxed);
		atomic_store_explicit(&f->link.next, 0, memory_order_relaxed);
		MM_CHECK(block_free(frame_pfn(f), 0, frame_owner(f)) == OK);
	}
	for (struct grace_item *i = take_item(q, now); i; i = take_item(q, now))
		i->free(i);
}

static inline bool begin_freeing(struct queue *q)
{
	/* acquire and release: what the last one freed is freed when we go on. */
	return !atomic_exchange_explicit(&q->freeing, true, memory_order_acquire);
}

static inline void end_freeing(struct queue *q)
{
	atomic_store_explicit(&q->freeing, false, memory_order_release);
}

void grace_poll(void)
{
	block_poll();
	struct queue *q = &queues[mm_cpu()];
	if (atomic_load_explicit(&q->waiting, memory_order_relaxed) == 0)
		return;
	MM_ASSERT(!grace_inside());
	try_advance();
	if (!begin_freeing(q)) /* a drain does our work, or we are in a free function */
		return;
	free_due(q);
	end_freeing(q);
}

void grace_drain(void)
{
	MM_CHECK(!grace_inside());
	uint64_t target = given_epoch() + GRACE_EPOCHS;
	for (;;) {
		try_advance();
		if (atomic_load_explicit(&epoch, memory_order_seq_cst) >= target)
			break;
		mm_relax();
	}
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++) {
		/* Also where nothing waits: it may have been taken, and be on its way. */
		while (!begin_freeing(&queues[cpu]))
			mm_relax();
		free_due(&queues[cpu]);
		end_freeing(&queues[cpu]);
	}
}
