/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's memory map, checked, and given to the allocator of frames. */
#ifndef HV_MEMORY_H
#define HV_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "boot/bootinfo.h"
#include "mm/result.h"

/*
 * Is the map as boot/bootinfo.h promises (sorted, page-aligned, without overlaps), and does each
 * module lie in RAM of the loader's with a name that ends? NULL, or what is wrong.
 */
const char *memory_check(const struct bootinfo *boot);

/*
 * Makes the frame records and gives the allocator all usable RAM, at most `limit` bytes of it (0:
 * all). Once, after arch_init, before anything else is allocated. OUT_OF_MEMORY with the sentence
 * in `why`.
 */
enum result memory_init(const struct bootinfo *boot, uint64_t limit, char *why, size_t why_bytes);

#endif
