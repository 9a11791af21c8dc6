/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space at EL2, the same on every CPU:
 *
 *   LINEAR_BASE   RAM, once, never executable; the image's code and constants read-only
 *   DEVICE_BASE   device memory that arch_map_device was asked for, never executable
 *   image link    the image: code read-execute, constants read-only, data read-write
 *   entry_other   the page or two where another CPU begins, at their physical address
 *
 * Nothing else is mapped low, so a null pointer is caught.
 */
#ifndef ARCH_ARM64_PAGING_H
#define ARCH_ARM64_PAGING_H

#include <stdint.h>

#include "arch/arch.h"
#include "arch/paging.h"
#include "boot/bootinfo.h"
#include "boot/handover_arm64.h"

#define LINEAR_BASE UINT64_C(HANDOVER_LINEAR_BASE)
#define DEVICE_BASE UINT64_C(0x0000900000000000)

/*
 * Builds and loads the final tables, out of pages taken from the memory map. NULL, or why not. From
 * now on the tables of `boot`'s loader are of no use, and arch_map_device works.
 */
const char *paging_init(struct bootinfo *boot);

/* What another CPU's registers must be for the boot CPU's tables: root, MAIR, TCR, SCTLR. */
void paging_registers(uint64_t *root, uint64_t *mair, uint64_t *tcr, uint64_t *sctlr);

/* Cleans (and invalidates) the bytes to the point of coherency. */
void cache_clean(const void *from, uint64_t bytes);

#endif
