/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores as late as a processor with a store buffer may have them (x86's order, and arm64's and
 * ppc64's among others). What a thread stores waits in its buffer, in order, and the others see it
 * when the buffer must be emptied: at a sequentially consistent store or fence, at any
 * read-modify-write (a lock is one), when it is full, when the thread waits or ends. The thread
 * itself sees its own stores. So each load that may overtake a store does, as far as it can:
 * no further decision is needed, and the schedules are as many as without.
 *
 * The records of frames are not buffered: the allocator, whose own operations are no points, writes
 * them too.
 */
#include <stdint.h>
#include <string.h>

#include "tests/race/explore.h"
#include "tests/race/schedule.h"
#include "tests/race/world.h"

#define WAITING 16u

struct waiting {
	volatile void *at;
	uint64_t value;
	unsigned bytes;
};

bool race_late;

static struct {
	unsigned count;
	struct waiting store[WAITING];
} buffers[RACE_THREADS];

void race_late_begin(void)
{
	for (unsigned i = 0; i < RACE_THREADS; i++)
		buffers[i].count = 0;
}

void race_late_drain(void)
{
	unsigned self = race_self(), count = buffers[self].count;

	if (!race_on || count == 0)
		return;
	buffers[self].count = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct waiting *w = &buffers[self].store[i];
		memcpy((void *)(uintptr_t)w->at, &w->value, w->bytes);
		race_wrote(w->at);
	}
}

/* What it has stored itself it sees; that others see it now as well is allowed. */
void race_late_load(const volatile void *at)
{
	unsigned self = race_self();

	for (unsigned i = 0; race_on && i < buffers[self].count; i++) {
		const struct waiting *w = &buffers[self].store[i];
		if ((uintptr_t)at - (uintptr_t)w->at < w->bytes ||
		    (uintptr_t)w->at - (uintptr_t)at < sizeof(uint64_t)) {
			race_late_drain();
			return;
		}
	}
}

bool race_late_store(volatile void *at, const void *value, unsigned bytes, bool at_once)
{
	unsigned self = race_self();

	if (!race_on)
		return false;
	if (at_once || memory_is_record(at)) {
		race_late_drain();
		return false;
	}
	if (buffers[self].count == WAITING)
		race_late_drain();
	struct waiting *w = &buffers[self].store[buffers[self].count++];
	*w = (struct waiting){ .at = at, .bytes = bytes };
	memcpy(&w->value, value, bytes);
	return true;
}
