/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine's memory for the tests of frames: ram_begin lends mm/ `pages` pages from frame number
 * `first` on, with a table of records up to `limit`; ram_end takes them back.
 */
#ifndef TESTS_UNIT_RAM_H
#define TESTS_UNIT_RAM_H

#include <stdlib.h>
#include <string.h>

#include "mm/block.h"
#include "tests/fake/env.h"

static inline void ram_begin(uint64_t first, uint64_t pages, uint64_t limit)
{
	uint64_t bytes = (block_table_bytes(limit) + PAGE_MASK) & ~PAGE_MASK;
	void *table = aligned_alloc(PAGE_SIZE, bytes);
	if (table == NULL)
		abort();
	/*
	 * Firmware leaves memory as it likes: here, what harms most where it is believed, but for
	 * links that lead nowhere, so that an assertion is what fails, and not the allocator with
	 * its lock held.
	 */
	memset(table, 0xa5, bytes);
	for (uint64_t n = 0; n < bytes / sizeof(struct frame); n++) {
		struct frame *f = &((struct frame *)table)[n];
		f->shape = frame_shape(FRAME_COUNTED, 8, FRAME_LISTED);
		f->link.next = f->link.prev = FRAME_NO_LINK;
	}
	env_cpu(0);
	env_ram(pfn(first), pages);
	block_census = NULL;
	block_init(table, limit);
}

static inline void ram_end(void)
{
	free(frame_table);
	frame_table = NULL;
	frame_limit = 0;
}

static const owner_t alice = { 100 }, bob = { 101 };

#endif
