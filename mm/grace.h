/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods: memory that lockless readers may still be in is freed only when every CPU that was
 * reading has stopped (S6, A1). Readers are between grace_enter and grace_leave, may nest, must not
 * wait, and cost a store each; who frees never waits, but leaves the page on a list that is worked
 * off later.
 */
#ifndef MM_GRACE_H
#define MM_GRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/frame.h"

void grace_enter(void);
void grace_leave(void);
bool grace_inside(void); /* for assertions */

/*
 * Gives a single TABLE page of `owner` back to the allocator after a grace period. Any lock may be
 * held but the allocator's. The caller has unlinked it: no new reader can find it.
 */
void grace_free_table(pfn_t table, owner_t owner);

/*
 * Any other object: `free` is called on some CPU, without locks, after a grace period. The item is
 * the object's own; it may not be used again before that.
 */
struct grace_item {
	struct grace_item *next;
	void (*free)(struct grace_item *item);
	uint64_t epoch;
};
void grace_free(struct grace_item *item, void (*free)(struct grace_item *item));

/* Frees what is due. Called now and then on each CPU, outside of readers, without locks. Cheap when
 * there is nothing. */
void grace_poll(void);

/* Waits until everything given before is freed. Not inside a reader, no locks; other CPUs must not
 * be stuck in readers. */
void grace_drain(void);

#endif
