/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One sweep from address 0 upwards. At each place the strongest kind that covers it counts, and
 * the next place is the nearest boundary above: nothing need be sorted or cut in advance, and
 * overlaps of any depth come out right. Some hundred ranges make some ten thousand steps.
 */
#include "boot/memmap.h"

#include "boot/bytes.h"

/* The order of boot_mem_kind is the order of strength, but for the values nobody has defined. */
static uint32_t kind_of(const struct boot_range *r)
{
	if (r->kind >= BOOT_MEM_USABLE && r->kind <= BOOT_MEM_RESERVED)
		return r->kind;
	return BOOT_MEM_RESERVED;
}

/* The pages [*start, *end) that a raw range means; false if there are none. */
static bool pages_of(const struct boot_range *r, uint64_t *start, uint64_t *end)
{
	uint64_t base = r->base;
	uint64_t top;

	if (r->size == 0 || base >= MEMMAP_LIMIT)
		return false;
	top = r->size > MEMMAP_LIMIT - base ? MEMMAP_LIMIT : base + r->size;
	if (kind_of(r) == BOOT_MEM_USABLE) {
		*start = page_up(base);
		*end = page_down(top);
		if (*start == 0)
			*start = BOOT_PAGE;
	} else {
		*start = page_down(base);
		*end = page_up(top);
	}
	return *start < *end;
}

/* The strongest kind that covers `at` (0: none), and the nearest boundary above it. */
static uint32_t kind_at(const struct boot_range *raw, uint32_t raw_count, uint64_t at,
			uint64_t *next)
{
	uint32_t kind = 0;

	*next = MEMMAP_LIMIT;
	for (uint32_t i = 0; i < raw_count; i++) {
		uint64_t start, end;

		if (!pages_of(&raw[i], &start, &end) || end <= at)
			continue;
		if (start > at) {
			*next = start < *next ? start : *next;
			continue;
		}
		*next = end < *next ? end : *next;
		if (kind_of(&raw[i]) > kind)
			kind = kind_of(&raw[i]);
	}
	return kind;
}

/* The range to leave out when there is no room: a reserved one, else the smallest usable one. */
static uint32_t least(const struct boot_range *map, uint32_t count)
{
	uint32_t best = count;

	for (uint32_t i = 0; i < count; i++) {
		if (map[i].kind == BOOT_MEM_RESERVED)
			return i;
		if (map[i].kind == BOOT_MEM_USABLE &&
		    (best == count || map[i].size < map[best].size))
			best = i;
	}
	return best;
}

/*
 * Makes room for one more range by leaving one out, and adds the usable bytes that cost to *lost.
 * False if every range must stay: then it is the new one that is left out.
 */
static bool make_room(struct boot_range *map, uint32_t *count, uint64_t *lost)
{
	uint32_t out = least(map, *count);

	if (out == *count)
		return false;
	if (map[out].kind == BOOT_MEM_USABLE)
		*lost += map[out].size;
	for (uint32_t i = out; i + 1 < *count; i++)
		map[i] = map[i + 1];
	*count -= 1;
	return true;
}

uint64_t memmap_normalise(const struct boot_range *raw, uint32_t raw_count, struct boot_range *map,
			  uint32_t room, uint32_t *count)
{
	uint64_t lost = 0;
	uint64_t next;
	uint32_t n = 0;

	for (uint64_t at = 0; at < MEMMAP_LIMIT; at = next) {
		uint32_t kind = kind_at(raw, raw_count, at, &next);
		struct boot_range r = { .base = at, .size = next - at, .kind = kind };

		if (kind == 0)
			continue;
		if (n > 0 && map[n - 1].kind == kind && map[n - 1].base + map[n - 1].size == at) {
			map[n - 1].size += r.size;
			continue;
		}
		if (n == room && kind == BOOT_MEM_RESERVED)
			continue;
		if (n == room && !make_room(map, &n, &lost)) {
			lost += kind == BOOT_MEM_USABLE ? r.size : 0;
			continue;
		}
		map[n++] = r;
	}
	*count = n;
	return lost;
}

uint64_t memmap_top(const struct boot_range *map, uint32_t count)
{
	uint64_t top = 0;

	for (uint32_t i = 0; i < count; i++)
		if (map[i].kind != BOOT_MEM_RESERVED)
			top = map[i].base + map[i].size;
	return top;
}

uint64_t memmap_bytes(const struct boot_range *map, uint32_t count, enum boot_mem_kind kind)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		if (map[i].kind == (uint32_t)kind)
			bytes += map[i].size;
	return bytes;
}

bool memmap_covers(const struct boot_range *map, uint32_t count, uint64_t base, uint64_t size,
		   enum boot_mem_kind kind)
{
	for (uint32_t i = 0; i < count; i++)
		if (map[i].kind == (uint32_t)kind && base >= map[i].base &&
		    base - map[i].base < map[i].size)
			return size != 0 && size <= map[i].size - (base - map[i].base);
	return false;
}

uint64_t memmap_find_high(const struct boot_range *map, uint32_t count, uint64_t size,
			  uint64_t below)
{
	uint64_t bytes;

	if (size == 0 || size > MEMMAP_LIMIT)
		return 0;
	bytes = page_up(size);
	for (uint32_t i = count; i-- > 0;) {
		uint64_t end = map[i].base + map[i].size;

		if (map[i].kind != BOOT_MEM_USABLE || map[i].base >= below)
			continue;
		end = page_down(end < below ? end : below);
		if (end - map[i].base >= bytes)
			return end - bytes;
	}
	return 0;
}
