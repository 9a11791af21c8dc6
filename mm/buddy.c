/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buddies. A free block is known by the record of its first frame: FRAME_LISTED, its order, and
 * links to the next and the previous block of this order, by frame number. That is all there is to
 * write, whatever the size of the block: splitting and merging touch heads only, and of memory that
 * was never split the heads' chunks alone have been brought up.
 *
 * FRAME_LISTED is the one thing read of a frame that may be somebody else's: the buddy of a block
 * that comes back. It is written under the lock only, so under the lock it is the truth; and if it
 * is set, the block is ours and the order in its record stands still as well.
 */
#include "mm/buddy.h"

#include <stddef.h>

#include "mm/block.h"
#include "mm/env.h"
#include "mm/frame.h"
#include "mm/lock.h"

static struct spinlock lock;
static uint32_t lists[BLOCK_MAX_ORDER + 1]; /* the first block of each order, as a link */
static _Atomic uint64_t free_frames;	    /* written under the lock */

static inline uint32_t load(const _Atomic uint32_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static inline void store(_Atomic uint32_t *p, uint32_t v)
{
	atomic_store_explicit(p, v, memory_order_relaxed);
}

static inline struct frame *linked(uint32_t link)
{
	return &frame_table[link & ~FRAME_LINK];
}

static inline bool is_listed(uint64_t n, unsigned order)
{
	const struct frame *f = &frame_table[n];
	/* Of a smaller order it is in the chunk of the block whose buddy it is. */
	return (order < FRAME_CHUNK_ORDER || frame_is_ready(pfn(n))) &&
	       atomic_load_explicit(&f->tail, memory_order_relaxed) == FRAME_LISTED &&
	       atomic_load_explicit(&f->order, memory_order_relaxed) == order;
}

static void list_push(uint64_t n, unsigned order) REQUIRES(lock)
{
	struct frame *f = &frame_table[n];
	/*
	 * The first frame of a block has a record; the later ones may not have been brought up. A
	 * part of a chunk is free only where the chunk's records say so.
	 */
	if (order >= FRAME_CHUNK_ORDER && !frame_is_ready(pfn(n)))
		frame_bring_up(pfn(n));
	uint32_t self = FRAME_LINK | (uint32_t)n;
	store(&f->link.next, lists[order]);
	store(&f->link.prev, FRAME_NO_LINK);
	if (lists[order] != FRAME_NO_LINK)
		store(&linked(lists[order])->link.prev, self);
	lists[order] = self;
	atomic_store_explicit(&f->order, (uint8_t)order, memory_order_relaxed);
	atomic_store_explicit(&f->tail, FRAME_LISTED, memory_order_relaxed);
}

static void list_remove(uint64_t n, unsigned order) REQUIRES(lock)
{
	struct frame *f = &frame_table[n];
	uint32_t next = load(&f->link.next), prev = load(&f->link.prev);
	if (next != FRAME_NO_LINK)
		store(&linked(next)->link.prev, prev);
	if (prev != FRAME_NO_LINK)
		store(&linked(prev)->link.next, next);
	else
		lists[order] = next;
	store(&f->link.next, 0);
	store(&f->link.prev, 0);
	atomic_store_explicit(&f->tail, FRAME_PART, memory_order_relaxed);
}

static inline void count_free(int64_t frames) REQUIRES(lock)
{
	/* A load and a store suffice: nobody else writes it. */
	uint64_t n = atomic_load_explicit(&free_frames, memory_order_relaxed);
	atomic_store_explicit(&free_frames, n + (uint64_t)frames, memory_order_relaxed);
}

/* Is there a free block of this order or a larger one? */
static bool has_block(unsigned order) REQUIRES(lock)
{
	while (order <= BLOCK_MAX_ORDER && lists[order] == FRAME_NO_LINK)
		order++;
	return order <= BLOCK_MAX_ORDER;
}

static bool take_locked(unsigned order, uint64_t *out) REQUIRES(lock)
{
	unsigned k = order;
	while (k <= BLOCK_MAX_ORDER && lists[k] == FRAME_NO_LINK)
		k++;
	if (k > BLOCK_MAX_ORDER)
		return false;

	uint64_t n = lists[k] & ~FRAME_LINK;
	list_remove(n, k);
	while (k > order) { /* the lower half is split on, the upper half stays free */
		k--;
		list_push(n + (UINT64_C(1) << k), k);
	}
	count_free(-(INT64_C(1) << order));
	*out = n;
	return true;
}

static void give_locked(uint64_t n, unsigned order) REQUIRES(lock)
{
	count_free(INT64_C(1) << order);
	for (; order < BLOCK_MAX_ORDER; order++) {
		uint64_t buddy = n ^ (UINT64_C(1) << order);
		if (buddy >= frame_limit || !is_listed(buddy, order))
			break;
		list_remove(buddy, order);
		n &= ~(UINT64_C(1) << order);
	}
	list_push(n, order);
}

void buddy_init(void)
{
	for (unsigned k = 0; k <= BLOCK_MAX_ORDER; k++)
		lists[k] = FRAME_NO_LINK;
	atomic_store_explicit(&free_frames, 0, memory_order_relaxed);
}

bool buddy_take(unsigned order, pfn_t *out)
{
	uint64_t n = 0;
	spin_lock(&lock);
	bool taken = take_locked(order, &n);
	spin_unlock(&lock);
	*out = pfn(n);
	return taken;
}

void buddy_give(pfn_t first, unsigned order)
{
	spin_lock(&lock);
	give_locked(first.v, order);
	spin_unlock(&lock);
}

unsigned buddy_take_frames(uint32_t *frames, unsigned count)
{
	unsigned taken = 0, order = 0;
	uint64_t n = 0;
	while (2u << order <= count)
		order++;
	spin_lock(&lock);
	/* As one block if there is one: all its frames say FREE and PART already. */
	while (taken < count) {
		while (order > 0 && (1u << order > count - taken || !has_block(order)))
			order--;
		if (!take_locked(order, &n))
			break;
		for (unsigned i = 0; i < 1u << order; i++)
			frames[taken++] = (uint32_t)(n + i);
	}
	spin_unlock(&lock);
	return taken;
}

void buddy_give_frames(const uint32_t *frames, unsigned count)
{
	spin_lock(&lock);
	for (unsigned i = 0; i < count; i++)
		give_locked(frames[i], 0);
	spin_unlock(&lock);
}

uint64_t buddy_free_frames(void)
{
	return atomic_load_explicit(&free_frames, memory_order_relaxed);
}

static const char *check_block(uint64_t n, unsigned order)
{
	uint64_t size = UINT64_C(1) << order;
	if ((n & (size - 1)) != 0 || n >= frame_limit || size > frame_limit - n)
		return "a free block that is not aligned, or beyond the table";
	if (!is_listed(n, order))
		return "a block on a list that does not say so";
	for (uint64_t i = 0; i < size; i++) {
		if (frame_class(pfn(n + i)) != FRAME_FREE)
			return "a frame of a free block that is not free";
		if (i != 0 && frame_is_ready(pfn(n + i)) && frame_table[n + i].tail != FRAME_PART)
			return "a frame of a free block that is elsewhere too";
	}
	return NULL;
}

static const char *check_list(unsigned order, uint64_t *frames)
{
	uint32_t prev = FRAME_NO_LINK;
	for (uint32_t l = lists[order]; l != FRAME_NO_LINK; l = load(&linked(l)->link.next)) {
		if ((l & FRAME_LINK) == 0 || (l & ~FRAME_LINK) >= frame_limit)
			return "a link of a free list that leads nowhere";
		if (load(&linked(l)->link.prev) != prev)
			return "a free list whose links do not agree";
		const char *wrong = check_block(l & ~FRAME_LINK, order);
		if (wrong)
			return wrong;
		*frames += UINT64_C(1) << order;
		prev = l;
	}
	return NULL;
}

const char *buddy_check(void)
{
	uint64_t frames = 0;
	for (unsigned k = 0; k <= BLOCK_MAX_ORDER; k++) {
		const char *wrong = check_list(k, &frames);
		if (wrong)
			return wrong;
	}
	return frames == buddy_free_frames() ? NULL : "the count of free frames is wrong";
}
