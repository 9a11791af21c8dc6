/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a frame is poisoned is kept frame by frame, in `marks`, which mean nothing else while a
 * frame is FREE: blocks are split and merged after they were filled. Memory that was never handed
 * out is not filled, so that start-up does not have to touch all of RAM.
 */
#include "mm/poison.h"

#ifdef DEBUG

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "mm/env.h"
#include "mm/frame.h"

enum poisoned { POISONED_NOT = 0, POISONED_SHORT, POISONED_WHOLE };

void poison_fill(pfn_t first, unsigned order)
{
	bool whole = order <= POISON_MAX_ORDER;
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		memset(mm_linear(pfn(first.v + i)), POISON_BYTE, whole ? PAGE_SIZE : POISON_SHORT);
		atomic_store_explicit(&frame_table[first.v + i].marks,
				      whole ? POISONED_WHOLE : POISONED_SHORT,
				      memory_order_relaxed);
	}
}

static void append_hex(char *to, uint64_t v, unsigned digits)
{
	while (digits-- > 0) {
		to[digits] = "0123456789abcdef"[v & 0xf];
		v >>= 4;
	}
}

static _Noreturn void found(pfn_t n, size_t byte)
{
	static char words[] = "frame 0x00000000 was written at byte 0x000 while it was free";
	append_hex(words + 8, n.v, 8);
	append_hex(words + 39, byte, 3);
	mm_broken(__FILE__, __LINE__, words);
}

static void check_page(pfn_t n, size_t bytes)
{
	const unsigned char *page = mm_linear(n);
	uint64_t expected, word;
	memset(&expected, POISON_BYTE, sizeof(expected));
	for (size_t at = 0; at < bytes; at += sizeof(word)) {
		memcpy(&word, page + at, sizeof(word));
		if (word == expected)
			continue;
		while (page[at] == POISON_BYTE)
			at++;
		found(n, at);
	}
}

void poison_check(pfn_t first, unsigned order)
{
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		uint8_t far =
			atomic_load_explicit(&frame_table[first.v + i].marks, memory_order_relaxed);
		if (far != POISONED_NOT)
			check_page(pfn(first.v + i),
				   far == POISONED_WHOLE ? PAGE_SIZE : POISON_SHORT);
	}
}

#endif
