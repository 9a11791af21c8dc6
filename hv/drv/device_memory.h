/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a host driver owns and that memslots can show: a BAR of a PCI device, or blocks of
 * the graphics pool. To the host space it is the owner of a PFNMAP region (H1, H4); what the driver
 * does to it - take it away, give it back, move it - happens inside a notice over each place that
 * shows it.
 *
 * Locks: one act at a time on each memory, guarded by a flag that is never waited for by an act;
 * its state has a lock that nests inside the space's, since the host fault handler asks under that.
 */
#ifndef HV_DRV_DEVICE_MEMORY_H
#define HV_DRV_DEVICE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/config.h"
#include "mm/addr.h"
#include "mm/notice.h"
#include "mm/result.h"
#include "mm/space.h"

struct device_memory;

/*
 * Finds the drivers' devices for the configuration: enumerates PCI, binds drivers, makes pools. The
 * sentence of what is missing in `why` (NOT_FOUND: no such device in this machine; OUT_OF_MEMORY:
 * no block for a pool). Start-up, one CPU, the allocator stands.
 */
enum result device_memory_init(const struct config *c, char *why, size_t why_bytes);

/* The memory that belongs to a device of the configuration; NULL: device_memory_init has not made
 * it. */
struct device_memory *device_memory_find(const struct config_device *d);

uint64_t device_memory_bytes(const struct device_memory *m);
enum memtype device_memory_type(const struct device_memory *m); /* the driver's own choice */
const char *device_memory_name(const struct device_memory *m);
/* Where it lies now; false: it is taken away. */
bool device_memory_place(struct device_memory *m, hpa_t *base);

/*
 * Shows [offset, offset + range) of it at `range` of a space, as a PFNMAP region; read-only first
 * if asked (H3). OVERLAPS, BAD_ARGUMENT (beyond its end; a memory type that does not go with it: a
 * BAR is never cached (S8), a pool always), BAD_ALIGNMENT, OUT_OF_MEMORY (also: too many places
 * show it), BUSY: an act is under way, nothing has changed, try again.
 */
enum result device_memory_map(struct device_memory *m, struct space *s, struct hva_range range,
			      uint64_t offset, enum memtype type, bool readonly,
			      bool readonly_first);

/*
 * Forgets all places in the space, which is about to be destroyed: no act begins a notice in it any
 * more. No vCPU of it runs; waits for acts of other CPUs that are under way.
 */
void device_memory_forget(struct space *s);

/*
 * The owner's own doings. Each begins a notice over every place that shows the memory, changes,
 * ends. BUSY: a notice could not begin, or another act is under way, nothing has changed, try
 * again. take: no access reaches it any more (memory decode off; the pool's block is freed, what it
 * held is lost); the guest's next access is refused (NO_BACKING). give: there again (a pool block:
 * new, zeroed). move: a BAR is reprogrammed to another free window, a pool block copied to another;
 * faults follow it there. NO_BACKING: taken away already; IN_USE: given already; NOT_FOUND,
 * UNSUPPORTED: no other place for the BAR; OUT_OF_MEMORY: no other block.
 */
enum result device_memory_take(struct device_memory *m);
enum result device_memory_give(struct device_memory *m);
enum result device_memory_move(struct device_memory *m);

/* All of it, and the places that show it, to the console. */
void device_memory_print(void);

#endif
