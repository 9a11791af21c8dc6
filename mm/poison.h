/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poison (F8), debug builds: freed frames are filled with 0xdf, and looked at again before they are
 * handed out. Who still writes through a stale translation is found out by the next owner.
 */
#ifndef MM_POISON_H
#define MM_POISON_H

#include "mm/addr.h"

#define POISON_BYTE 0xdfu

/* Blocks above this order are filled only in the first POISON_SHORT bytes of each page. */
#define POISON_MAX_ORDER 9u
#define POISON_SHORT 64u

#ifdef DEBUG
/*
 * Fills a free block; the record of each frame says how far. The caller alone has the block: its
 * frames are in the linear map, and on no list.
 */
void poison_fill(pfn_t first, unsigned order);
/* Looks at a block about to be handed out: mm_broken names the first frame and byte that differ. */
void poison_check(pfn_t first, unsigned order);
#else
static inline void poison_fill(pfn_t first, unsigned order)
{
	(void)first;
	(void)order;
}
static inline void poison_check(pfn_t first, unsigned order)
{
	(void)first;
	(void)order;
}
#endif

#endif
