/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guests/hostile.c needs of a processor and its board, for that guest alone. Each architecture
 * supplies
 *   NOWHERE, NOWHERE_BYTES   addresses that the guest maps, and where there is no memory
 *   DEVICE_ADDRESS           a device's page, or one where a device could be
 *   ROOT_WILD, ROOT_END, ROOT_SHIFT
 *                            entries of the root table that the guest does not need, [,), and the
 *                            logarithm of what one maps
 *   TABLE_BITS, TABLE_NOISE  of an entry that points to a table; bits that say what an entry is
 *   root_address, root_write the root; one entry, in effect when it returns
 *   table_entry              an entry as it lies in memory
 *   through_tables           a word read and written back by the translation
 *   code_write, code_written a function that returns a value, 16 bytes at most; code is there
 *   spin_for_ever            without interrupts
 *   interrupts_begin         vCPU 0: those of the board are on from now
 *   interrupt_storm, device_storm
 *                            one turn
 */
#ifndef GUESTS_LIB_HOSTILE_H
#define GUESTS_LIB_HOSTILE_H

#ifdef __aarch64__
#include "guests/lib/hostile_arm64.h"
#elif defined(__powerpc64__)
#include "guests/lib/hostile_ppc64.h"
#else
#include "guests/lib/hostile_x86.h"
#endif

#endif
