/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the firmware's list of memory to the map in struct bootinfo. The list may come in any
 * order, overlap, and begin in the middle of a page; the map is what boot/bootinfo.h promises.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/bootinfo.h"

/* Addresses from here on are in nobody's reach (bytes; AMD64 volume 2, 5.1: 52 bits). */
#define MEMMAP_LIMIT (UINT64_C(1) << 52)

/*
 * Writes the map of raw[0..raw_count) to map[0..*count), *count <= room.
 *
 * Usable ranges are rounded inwards to pages, all others outwards. Where ranges overlap the
 * stronger kind wins: reserved, firmware, ACPI, loader, usable. An unknown kind is reserved.
 * What lies beyond MEMMAP_LIMIT is cut off, and page 0 is never usable.
 *
 * If the map needs more than `room` ranges, reserved ones are left out first (a gap says the same),
 * then the smallest usable ones. Returns the bytes of usable memory lost that way: 0 as a rule.
 */
uint64_t memmap_normalise(const struct boot_range *raw, uint32_t raw_count, struct boot_range *map,
			  uint32_t room, uint32_t *count);

/* The first byte after the last RAM of any kind but reserved; 0 if there is none. */
uint64_t memmap_top(const struct boot_range *map, uint32_t count);

/* All bytes of the map that are of this kind. */
uint64_t memmap_bytes(const struct boot_range *map, uint32_t count, enum boot_mem_kind kind);

/* Whether [base, base + size) lies wholly in one range of this kind. An empty range does not. */
bool memmap_covers(const struct boot_range *map, uint32_t count, uint64_t base, uint64_t size,
		   enum boot_mem_kind kind);

/*
 * The highest base of `size` usable bytes below `below`, aligned to a page; 0 if there is no room.
 * size is rounded up to pages and the map is not changed.
 */
uint64_t memmap_find_high(const struct boot_range *map, uint32_t count, uint64_t size,
			  uint64_t below);

#endif
