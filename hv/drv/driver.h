/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the common owner (device_memory.c) and the drivers: what a driver knows of its memory,
 * and how it changes it in two steps - prepare, which may fail and has no effect that a guest could
 * see, and commit, which cannot fail and runs inside the notices.
 */
#ifndef HV_DRV_DRIVER_H
#define HV_DRV_DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/config.h"
#include "hv/drv/device_memory.h"
#include "hv/pci.h"
#include "mm/lock.h"

enum owner_act { ACT_TAKE, ACT_GIVE, ACT_MOVE };

struct driver {
	/* The place after the act (TAKE: not used), or why there can be none. */
	enum result (*prepare)(struct device_memory *m, enum owner_act act, hpa_t *place);
	/* No guest can reach the memory now. */
	void (*commit)(struct device_memory *m, enum owner_act act, hpa_t place);
	/* The notices could not begin: undoes prepare. */
	void (*cancel)(struct device_memory *m, enum owner_act act, hpa_t place);
};

/* One region that shows the memory. */
struct device_view {
	struct device_memory *memory;
	struct space *space; /* NULL: not in use */
	struct hva_range range;
	bool readonly_first;
	struct notice notice; /* of the act under way */
};

#define DEVICE_VIEWS 32u

struct device_memory {
	const struct config_device *config;
	const struct driver *driver;
	uint64_t bytes;
	enum memtype type;
	bool ram; /* it has frame records: UNCOUNTED, always cached */

	struct spinlock lock; /* guards `present` and `place`; inside the space's lock */
	bool present;
	hpa_t place;

	atomic_flag acting; /* guards the views and what follows */
	struct device_view views[DEVICE_VIEWS];

	struct pci_function *function; /* a BAR */
	unsigned bar;
	unsigned order; /* a pool block */
};

/*
 * Binds the memory of a configured device: fills driver, bytes, type, ram, present, place and its
 * own fields. `nth`: how many nodes with the same driver come before it. NOT_FOUND, UNSUPPORTED,
 * OUT_OF_MEMORY with the cause in `why`.
 */
enum result display_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes);
enum result ivshmem_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes);
enum result pool_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes);

/* For drivers of PCI devices: makes BAR m->config->bar of the function the memory, placing it if it
 * has no place. */
enum result bar_bind(struct device_memory *m, struct pci_function *f, char *why, size_t why_bytes);

/* How much the pool may take altogether; forgets what it has. */
void pool_reset(uint64_t bytes);

#endif
