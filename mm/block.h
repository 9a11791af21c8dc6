/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator of frames: blocks of 2^order frames, naturally aligned, up to 1 GiB, by buddies,
 * with a cache of single frames for each CPU. A block is made of one class and in one of two shapes
 * (F3): compound (the head answers for its tails; COUNTED blocks are always compound) or not (every
 * frame stands for itself; the owner frees the block whole).
 */
#ifndef MM_BLOCK_H
#define MM_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/frame.h"
#include "mm/result.h"

#define BLOCK_MAX_ORDER 18u /* 1 GiB */

/*
 * Start-up, one CPU. The table needs block_table_bytes(limit) bytes at `table` (in the linear map,
 * aligned to a page), for frame numbers below `limit`, which is clipped to FRAME_LIMIT_MAX: the
 * records, and a byte for each chunk of them. Every number begins without a record (device). What
 * is added in whole chunks costs a byte each. Then block_add_reserved for RAM that is kept, and
 * block_add for RAM that may be handed out: frame numbers [first, first + count). A frame that has
 * a record already keeps it, and numbers beyond the limit are left out: overlapping memory maps do
 * no harm, if the reserved ranges come first.
 */
uint64_t block_table_bytes(uint64_t limit);
void block_init(void *table, uint64_t limit);
void block_add(pfn_t first, uint64_t count);
void block_add_reserved(pfn_t first, uint64_t count, owner_t owner);

/*
 * A block of class COUNTED (compound, one reference, which is the caller's), UNCOUNTED
 * (non-compound) or TABLE (non-compound), aligned to its size. The content is undefined (poison in
 * debug builds). OUT_OF_MEMORY: there is no block of this order (other CPUs' caches are not looked
 * into; they are asked to give back, see block_drain). BAD_ARGUMENT: another class, an order above
 * BLOCK_MAX_ORDER, an owner that may not own. Takes the allocator's lock unless the CPU's cache
 * serves it.
 */
enum result block_alloc(enum frame_class class, unsigned order, owner_t owner, pfn_t *out);

/*
 * Frees a block of class UNCOUNTED or TABLE, which `owner` has. NOT_FREED: it is not the first
 * frame of a block of this order, or it is free already, or counted, or waits for a grace period;
 * NOT_OWNER: somebody else's, wholly or in part. Nothing has changed in these cases (F3). COUNTED
 * blocks are freed by the last frame_put. Nothing may reach the block any more: no leaf, no TLB
 * (I2).
 */
enum result block_free(pfn_t first, unsigned order, owner_t owner);

/* What frame_put calls: the last reference of a COUNTED block is gone. */
void block_free_counted(struct frame *head);

/* Frames on free lists and in the CPUs' caches. Exact when no other CPU allocates. */
uint64_t block_free_frames(void);
/* Frames with a record of any class but RESERVED. */
uint64_t block_total_frames(void);

/*
 * Gives this CPU's cached frames back to the buddies (so that big blocks can form), and asks the
 * other CPUs to do so: each does in its next block_poll, which grace_poll calls. Takes the
 * allocator's lock.
 */
void block_drain(void);
void block_poll(void);

/*
 * Census (F8), test builds: is called for each block that becomes free, before it can be handed out
 * again; says (mm_broken) if anything still reaches it. The records say FREE already; the
 * allocator's lock is not held, but whatever locks the freer holds are. NULL: no census.
 */
extern void (*block_census)(pfn_t first, uint64_t count);

/*
 * Walks all records and checks I5: every frame is on one list, or has one owner. Names what is
 * wrong, or NULL. No other CPU may use the allocator meanwhile.
 */
const char *block_check(void);

#endif
