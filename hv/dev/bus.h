/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus: which device answers at which address. One for ports, one for guest physical addresses. A
 * device states the widest access it understands; a wider one, or one that crosses its end, is
 * split into bytes, as the ISA bus did. Where nothing answers the bus floats: all ones.
 *
 * A bus is written at start-up only (bus_attach), but for `last`, and read without a lock
 * afterwards; the locks of the devices are the business of the functions attached.
 */
#ifndef HV_DEV_BUS_H
#define HV_DEV_BUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mm/result.h"

#define BUS_RANGES 24u

/* `offset` is from the start of the range, `bytes` 1, 2, 4 or 8 and at most the range's width. */
typedef uint64_t bus_read_fn(void *device, uint64_t offset, unsigned bytes);
typedef void bus_write_fn(void *device, uint64_t offset, unsigned bytes, uint64_t value);

struct bus_range {
	uint64_t start, end; /* [start, end): port numbers, or bytes of guest physical memory */
	unsigned width;	     /* the widest access in bytes */
	void *device;
	bus_read_fn *read;
	bus_write_fn *write;
};

struct bus {
	unsigned count;
	_Atomic(const struct bus_range *) last; /* found by the last search; NULL before it */
	struct bus_range range[BUS_RANGES];	/* sorted, without overlaps */
};

/* OVERLAPS: another device is there. BAD_ARGUMENT: an empty range or width. OUT_OF_MEMORY: full. */
enum result bus_attach(struct bus *b, const struct bus_range *r);

/* The range that holds `where`, or NULL. */
const struct bus_range *bus_find(struct bus *b, uint64_t where);

/*
 * Serves the access (io->port is not looked at: the caller chose the bus). A read fills io->value,
 * with all ones for bytes that nothing answers. False: no device answered any byte.
 */
bool bus_io(struct bus *b, struct io_access *io);

#endif
