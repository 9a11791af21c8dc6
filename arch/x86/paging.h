/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space, the same on every CPU:
 *
 *   LINEAR_BASE   RAM, once, never executable; the image's code and constants read-only
 *   DEVICE_BASE   device memory that arch_map_device was asked for, never executable
 *   image link    the image: code read-execute, constants read-only, data read-write
 *
 * Nothing is mapped low, so a null pointer is caught.
 */
#ifndef ARCH_X86_PAGING_H
#define ARCH_X86_PAGING_H

#include <stdint.h>

#include "arch/arch.h"
#include "arch/paging.h"
#include "boot/bootinfo.h"

#define LINEAR_BASE UINT64_C(0xffff800000000000)
#define DEVICE_BASE UINT64_C(0xffffc00000000000)

/*
 * Builds and loads the final tables, out of pages taken from the memory map below 4 GiB. NULL, or
 * why not. From now on the tables of `boot`'s loader are of no use, and arch_map_device works.
 */
const char *paging_init(struct bootinfo *boot);

/* On another CPU: the boot CPU's tables. */
void paging_load(void);

/*
 * The root, below 4 GiB, of tables like the final ones with [page, page + 4 KiB) mapped at its
 * physical address too, executable and read-only: what a starting CPU runs on until it has left
 * that page. 0: no memory.
 */
hpa_t paging_start_root(hpa_t page);

#endif
