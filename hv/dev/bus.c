/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device look-up: the range found last, which is the one most often, or a binary search in a sorted
 * array of ranges, some five steps for a PC. An access that lies within one range and is no wider
 * than its device goes straight through; only the rest is split.
 */
#include "hv/dev/bus.h"

#include <stddef.h>

enum result bus_attach(struct bus *b, const struct bus_range *r)
{
	unsigned at = 0;

	if (r->start >= r->end || r->width == 0 || !r->read || !r->write)
		return BAD_ARGUMENT;
	if (b->count == BUS_RANGES)
		return OUT_OF_MEMORY;
	while (at < b->count && b->range[at].start < r->start)
		at++;
	if (at > 0 && b->range[at - 1].end > r->start)
		return OVERLAPS;
	if (at < b->count && r->end > b->range[at].start)
		return OVERLAPS;
	for (unsigned i = b->count; i > at; i--)
		b->range[i] = b->range[i - 1];
	b->range[at] = *r;
	b->count++;
	return OK;
}

static __attribute__((noinline)) const struct bus_range *search(struct bus *b, uint64_t where)
{
	unsigned low = 0, high = b->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct bus_range *r = &b->range[middle];

		if (where < r->start)
			high = middle;
		else if (where >= r->end)
			low = middle + 1;
		else {
			atomic_store_explicit(&b->last, r, memory_order_relaxed);
			return r;
		}
	}
	return NULL;
}

const struct bus_range *bus_find(struct bus *b, uint64_t where)
{
	/* relaxed: a range of this bus, whoever looked last; it does not change any more. */
	const struct bus_range *r = atomic_load_explicit(&b->last, memory_order_relaxed);

	return r != NULL && where >= r->start && where < r->end ? r : search(b, where);
}

/* The lowest 1 to 8 bytes of a value. */
static uint64_t lowest(uint64_t value, unsigned bytes)
{
	unsigned unused = 64 - 8 * bytes;

	return value << unused >> unused;
}

static __attribute__((noinline)) bool io_bytewise(struct bus *b, struct io_access *io)
{
	bool found = false;
	uint64_t value = 0;

	for (unsigned i = 0; i < io->bytes; i++) {
		const struct bus_range *r = bus_find(b, io->where + i);
		uint64_t byte = 0xff;

		if (r && io->write)
			r->write(r->device, io->where + i - r->start, 1,
				 (io->value >> (8 * i)) & 0xff);
		else if (r)
			byte = r->read(r->device, io->where + i - r->start, 1) & 0xff;
		found |= r != NULL;
		value |= byte << (8 * i);
	}
	if (!io->write)
		io->value = value;
	return found;
}

bool bus_io(struct bus *b, struct io_access *io)
{
	const struct bus_range *r = bus_find(b, io->where);

	if (!r || io->bytes > r->width || io->bytes > r->end - io->where)
		return io_bytewise(b, io);
	if (io->write)
		r->write(r->device, io->where - r->start, io->bytes, lowest(io->value, io->bytes));
	else
		io->value = lowest(r->read(r->device, io->where - r->start, io->bytes), io->bytes);
	return true;
}
