/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the two halves of a host space, mm/space.c and mm/host_fault.c; nobody else needs it.
 */
#ifndef MM_HOST_FAULT_H
#define MM_HOST_FAULT_H

#include "mm/addr.h"
#include "mm/space.h"

/* The region that covers `a`, or NULL. The space's lock is held; the pointer is good only while it
 * is. */
struct region *region_find(struct space *s, hva_t a);

#endif
