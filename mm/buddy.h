/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of free blocks, and the allocator's one lock. Used by mm/block.c alone: the records of
 * what is given here say FREE already, and the records of what is taken are the taker's to write.
 * A block of order n starts at a multiple of 2^n; its buddy is the other half of the
 * block of order n + 1 that they form together.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"

/* Empties the lists. Start-up, one CPU. */
void buddy_init(void);

/* A block of 2^order frames, split from a bigger one if need be; false: there is none. Takes the
 * lock. */
bool buddy_take(unsigned order, pfn_t *out);

/* Puts a block on its list, merged with its buddy as often as that is free too. Takes the lock. */
void buddy_give(pfn_t first, unsigned order);

/* Single frames, up to `count` of them, with one taking of the lock; returns how many were taken.
 */
unsigned buddy_take_frames(uint32_t *frames, unsigned count);
void buddy_give_frames(const uint32_t *frames, unsigned count);

/* Frames on the lists. */
uint64_t buddy_free_frames(void);

/* Walks the lists; what is wrong with them in words, or NULL (I5). No other CPU may use them
 * meanwhile. */
const char *buddy_check(void);

#endif
