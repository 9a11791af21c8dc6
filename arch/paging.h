/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space, of the ports that run translated (x86, arm64; ppc64 runs in
 * real mode). What is mapped where, how large its pages may be and where the memory for the tables
 * comes from is the same for all of them and stands here; what an entry looks like is the port's.
 * The tables have up to four levels of 512 entries, 4 KiB pages and 2 MiB and 1 GiB leaves.
 *
 * Entries are only ever added, so no TLB needs a flush.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "boot/bootinfo.h"

#define PAGING_DEVICE_BYTES (UINT64_C(1) << 39) /* one entry of the root */

/* Nothing is both writable and executable. */
enum paging_use {
	PAGING_CODE,	  /* read, execute */
	PAGING_CONSTANTS, /* read */
	PAGING_DATA,	  /* read, write */
};

/* ---- What the port supplies ------------------------------------------------------------------ */

/* Where RAM is mapped, and device memory: multiples of PAGING_DEVICE_BYTES. */
extern const uint64_t paging_linear_base, paging_device_base;

/* log2 of the bytes of the largest leaf: 21 or 30. */
unsigned paging_largest(void);

/* Does the entry lead to a table? Asked only of entries that are 0 or were made by the next. */
bool paging_leads_on(uint64_t entry);
uint64_t paging_table_entry(hpa_t table);
hpa_t paging_table_of(uint64_t entry);

/* A leaf of 1 << shift bytes (12, 21, 30); device memory is never PAGING_CODE. */
uint64_t paging_leaf(hpa_t to, unsigned shift, enum paging_use use, enum memtype type);

/* Leaves have been written: from now on this CPU, and whoever is told of them, may use them. */
void paging_written(void);

/* ---- Pages out of the memory map ------------------------------------------------------------- */

/*
 * Chooses the largest usable range of `boot` that lies in [from, to) (bytes, hpa) to cut pages from
 * and gives it a LOADER range behind it, which grows downwards. false: there is none, or no room
 * for one more range; the map is as it was.
 */
bool paging_early_begin(struct bootinfo *boot, uint64_t from, uint64_t to);

/* A zeroed page of that range, in the linear map; NULL: no memory, or closed. */
void *paging_early_page(void);

/* No more pages out of the memory map: tables get theirs from hv_pages. End of arch_init. */
void paging_close(void);

/* ---- Mapping --------------------------------------------------------------------------------- */

/*
 * After paging_early_begin: makes the tables with all RAM of `boot` (what of it is the image's code
 * and constants read-only), the image, and the first table below paging_device_base. NULL: out of
 * memory. The result is the root; nothing is loaded.
 */
uint64_t *paging_build(const struct bootinfo *boot);

/*
 * Maps [va, va + bytes) to [to, to + bytes) under the root `top`, write-back, by the largest pages
 * that fit; all page-aligned, nothing mapped there yet. false: out of memory, part of it done.
 */
bool paging_map(uint64_t *top, uint64_t va, hpa_t to, uint64_t bytes, enum paging_use use);

/* The physical address of an object of the image or of the linear map. */
hpa_t phys_of(const void *object);

#endif
