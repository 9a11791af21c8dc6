/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the hypervisor's place behind the loaders and looks whether what they hand over is what
 * boot/bootinfo.h and the architecture's boot/handover_*.h promise. One line a check; then what it
 * was given, for the tests to compare with what they put in.
 */
#ifndef BOOT_PROBE_H
#define BOOT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/bootinfo.h"
#ifdef __x86_64__
#include "boot/handover_x86.h"
#else
#include "boot/handover_arm64.h"
#endif

extern char image_start[], image_end[], image_text_start[], image_text_end[];
extern char image_rodata_start[], image_rodata_end[], image_data_start[], image_data_end[];

/* From entry_*.S, with what only it can see: the stack pointer, and the flags. */
_Noreturn void probe_main(const struct bootinfo *info, uint64_t stack, uint64_t flags);

void check(const char *name, bool good);
const void *linear(uint64_t physical);
/* Is [base, base + size) of physical memory the loader's? */
bool loaders(const struct bootinfo *info, uint64_t base, uint64_t size);
uint64_t address(const char *symbol);

/* What tables of any format say; each promise that the format does not matter for. */
struct seen {
	bool writable_code;	/* a page both writable and executable */
	bool executable_linear; /* anything executable in the linear map */
	bool wrong_linear;	/* a linear address that leads elsewhere, or otherwise */
	bool wrong_image;	/* an image page at a wrong place or with wrong permissions */
	bool stray;		/* a page that no promise names */
	bool table_not_loaders; /* a table outside BOOT_MEM_LOADER */
	uint64_t linear_bytes, image_pages, low_pages;
};
void see_image(struct seen *s, const struct bootinfo *info, uint64_t at, uint64_t to, bool write,
	       bool execute);
void see_linear(struct seen *s, uint64_t at, uint64_t to, uint64_t bytes, bool write, bool execute);
void check_seen(const struct seen *s);

/* ---- The architecture's ---- */

void port_write(const char *text);
void port_state(const struct bootinfo *info, uint64_t flags);
void port_tables(const struct bootinfo *info);
_Noreturn void port_end(void);

#endif
