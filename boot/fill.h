/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling struct bootinfo: what both loaders do alike. */
#ifndef BOOT_FILL_H
#define BOOT_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/bootinfo.h"

/* Zeroes *info and says what it is. */
void fill_init(struct bootinfo *info, enum boot_firmware firmware);

/*
 * Adds [base, base + size), base page-aligned, as the module `name`. Returns NULL, or in words why
 * it was not added: too many modules, a name that is empty, too long or taken.
 */
const char *fill_add_module(struct bootinfo *info, const char *name, uint64_t base, uint64_t size);

/*
 * Notes that something named `what` could not be had and why, for the hypervisor to print. The
 * first note is kept: it is likelier to be the cause than the last.
 */
void fill_note(struct bootinfo *info, const char *what, const char *cause);

/* Sets the memory map by memmap_normalise(), and notes it if RAM had to be left out. */
void fill_set_memory(struct bootinfo *info, const struct boot_range *raw, uint32_t raw_count);

#endif
