/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An object that readers find without a lock, and that its owner takes out of their sight and gives
 * away; a third CPU waits until all that was given is freed, and moves the epoch for both.
 */
#include "mm/grace.h"
#include "tests/race/scenarios.h"

static struct object {
	struct grace_item item;
	bool freed;
} object;

static struct object *_Atomic shown;

static void object_free(struct grace_item *item)
{
	((struct object *)item)->freed = true;
}

void given_begin(void)
{
	atomic_store_explicit(&shown, &object, memory_order_relaxed);
}

void given_read(void)
{
	grace_enter();
	struct object *o = atomic_load_explicit(&shown, memory_order_acquire);
	if (o != NULL) {
		race_step("use_begin", o);
		if (o->freed)
			race_broken("S6: what a reader has found is free");
	}
	grace_leave();
}

void given_away(void)
{
	atomic_store_explicit(&shown, NULL, memory_order_relaxed);
	grace_free(&object.item, object_free);
}

void given_drain(void)
{
	grace_drain();
}

const char *given_end(void)
{
	grace_drain();
	return object.freed ? NULL : "S6: what was given away is never freed";
}
