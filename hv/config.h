/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: read once from a device tree (docs/config.md says the format), checked whole,
 * then never changed.
 */
#ifndef HV_CONFIG_H
#define HV_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/machine/machine.h"
#include "mm/addr.h"
#include "mm/result.h"

#define CONFIG_MAX_VMS 16u
#define CONFIG_MAX_SLOTS 8u
#define CONFIG_MAX_DEVICES 8u
#define CONFIG_MAX_MODULES 8u
#define CONFIG_NAME_BYTES 32u

struct config_host {
	uint32_t cpus;	       /* 0: all */
	uint64_t memory_bytes; /* 0: all */
	uint64_t quantum_ns;
	bool huge_pages;
	uint32_t trace_events; /* a CPU; a power of two */
	bool prompt, explain, selftest, exit_device;
	uint64_t pool_bytes; /* at most so much for blocks of the graphics pool */
};

enum config_driver { CONFIG_DISPLAY, CONFIG_IVSHMEM, CONFIG_POOL };

struct config_device {
	char name[CONFIG_NAME_BYTES];
	enum config_driver driver;
	uint32_t bar;	/* display, ivshmem */
	uint32_t order; /* pool: a block of 2^order frames */
};

struct config_slot {
	gpa_t gpa;
	uint64_t bytes;			    /* 0: all of the device memory, from `offset` on */
	const struct config_device *device; /* NULL: ordinary memory */
	uint64_t offset;
	bool has_memtype; /* else the driver's own choice */
	enum memtype memtype;
	bool readonly, readonly_first;
	bool absent; /* known, but created only by the guest's slot_create */
};

struct config_vm {
	char name[CONFIG_NAME_BYTES];
	uint64_t memory_bytes;
	uint32_t vcpus;			       /* 1..16 */
	const char *kernel, *initrd, *cmdline; /* NULL: not given; point into the tree */
	const char *modules[CONFIG_MAX_MODULES];
	uint32_t module_count;
	enum image_format format;
	bool host_control, clock, populate;
	struct config_slot slots[CONFIG_MAX_SLOTS];
	unsigned slot_count;
};

struct config {
	struct config_host host;
	struct config_device devices[CONFIG_MAX_DEVICES];
	unsigned device_count;
	struct config_vm vms[CONFIG_MAX_VMS];
	unsigned vm_count;
};

struct bootinfo;

extern struct config config;

/*
 * Reads a flattened tree of at most `bytes`. BAD_ARGUMENT with the node's path, the property and
 * the cause in `why`; `c` is then not to be used. `c` keeps pointers into `fdt`.
 */
enum result config_parse(const void *fdt, size_t bytes, struct config *c, char *why,
			 size_t why_bytes);

/*
 * Are all the modules there that the VMs name? BAD_ARGUMENT with the VM, the property and the name
 * in `why` for the first that is not.
 */
enum result config_check_modules(const struct config *c, const struct bootinfo *boot, char *why,
				 size_t why_bytes);

/* "write-back", "write-combining", "uncached", "device" */
const char *config_memtype_words(enum memtype type);

/* "display", "ivshmem", "pool" */
const char *config_driver_words(enum config_driver d);

#endif
