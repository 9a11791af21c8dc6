/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM, its records, and the two sections in which the world's variables lie: kept, and restored.
 * Frames are restored if they may have been written: whoever writes to a frame has its address from
 * mm_linear, or writes by an atomic operation, or through the architecture's writers of entries;
 * all three are noted. Now and then the whole is compared.
 */
#include "mm/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/frame.h"
#include "tests/race/world.h"

#define COMPARE_EVERY 4096u

extern char __start_race_bss[], __stop_race_bss[], __start_race_data[], __stop_race_data[];

static _Alignas(4096) unsigned char ram[WORLD_FRAMES * PAGE_SIZE];
static unsigned char *kept_ram, *kept_bss, *kept_data;
static uint64_t touched[(WORLD_FRAMES + 63) / 64];
static unsigned restores;

static void touch(uint64_t frame)
{
	touched[frame / 64] |= UINT64_C(1) << frame % 64;
}

bool memory_frame(const void *at, pfn_t *out)
{
	uintptr_t offset = (uintptr_t)at - (uintptr_t)ram;

	if (offset >= sizeof(ram))
		return false;
	*out = pfn(WORLD_FIRST + offset / PAGE_SIZE);
	return true;
}

bool memory_is_record(const volatile void *at)
{
	return (uintptr_t)at - (uintptr_t)frame_table < frame_limit * sizeof(*frame_table);
}

void memory_wrote(const void *at)
{
	pfn_t n;

	if (memory_frame(at, &n))
		touch(n.v - WORLD_FIRST);
}

void *mm_linear(pfn_t n)
{
	if (n.v - WORLD_FIRST >= WORLD_FRAMES)
		race_broken(world_words("frame %#llx is not RAM", (unsigned long long)n.v));
	touch(n.v - WORLD_FIRST);
	return ram + (n.v - WORLD_FIRST) * PAGE_SIZE;
}

static unsigned char *copy_of(const void *from, size_t bytes)
{
	unsigned char *copy = malloc(bytes + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, from, bytes);
	return copy;
}

void memory_keep(void)
{
	kept_ram = copy_of(ram, sizeof(ram));
	kept_bss = copy_of(__start_race_bss, (size_t)(__stop_race_bss - __start_race_bss));
	kept_data = copy_of(__start_race_data, (size_t)(__stop_race_data - __start_race_data));
	memset(touched, 0, sizeof(touched));
	restores = 0;
}

void memory_restore(void)
{
	for (uint64_t w = 0; w < sizeof(touched) / sizeof(touched[0]); w++) {
		for (uint64_t bits = touched[w]; bits != 0; bits &= bits - 1) {
			size_t at = (w * 64 + (uint64_t)__builtin_ctzll(bits)) * PAGE_SIZE;
			memcpy(ram + at, kept_ram + at, PAGE_SIZE);
		}
		touched[w] = 0;
	}
	memcpy(__start_race_bss, kept_bss, (size_t)(__stop_race_bss - __start_race_bss));
	memcpy(__start_race_data, kept_data, (size_t)(__stop_race_data - __start_race_data));
	if (++restores % COMPARE_EVERY == 0 && memcmp(ram, kept_ram, sizeof(ram)) != 0)
		race_broken("a frame was written behind the explorer's back");
}
