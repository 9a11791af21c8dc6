/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's parts as the firmware names them: in ACPI tables, or in a device tree where it
 * gives that. Nothing in either is believed further than its checks go; hpa everywhere.
 */
#ifndef ARCH_ARM64_PLATFORM_H
#define ARCH_ARM64_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/acpi.h"
#include "arch/arch.h"

#define PLATFORM_MAX_ECAM 4u
#define PLATFORM_MAX_REDISTRIBUTORS 8u
#define PLATFORM_MAX_WINDOWS 4u

struct platform_range {
	uint64_t base, bytes;
};

struct platform_cpu {
	uint64_t mpidr;
	uint64_t gicr; /* its redistributor; 0: among the ranges */
};

struct platform {
	uint64_t console; /* a PL011; 0: not said */
	uint64_t clock;	  /* a PL031; 0: none */
	uint64_t gicd;	  /* of a GICv3 or later; 0: none */
	unsigned gicr_count;
	struct platform_range gicr[PLATFORM_MAX_REDISTRIBUTORS];
	unsigned cpu_count;
	unsigned cpus_left_off; /* those beyond ARCH_MAX_CPUS */
	struct platform_cpu cpu[ARCH_MAX_CPUS];
	bool psci, psci_hvc; /* there; to be called by hvc, which is no use to a hypervisor */
	unsigned ecam_count;
	struct acpi_ecam ecam[PLATFORM_MAX_ECAM];
	unsigned window_count; /* of PCI memory */
	struct platform_range window[PLATFORM_MAX_WINDOWS];
	unsigned refused; /* tables left out because they were damaged */
};

/*
 * Adds to *out what the tables say that `rsdp` (hpa) leads to. NULL, or why there is nothing to be
 * had. A damaged table further down is left out and counted.
 */
const char *platform_read_acpi(uint64_t rsdp, struct platform *out);

/* The same from the device tree at `tree` (hpa). */
const char *platform_read_tree(uint64_t tree, struct platform *out);

void platform_add_cpu(struct platform *p, uint64_t mpidr, uint64_t gicr);
void platform_add_gicr(struct platform *p, uint64_t base, uint64_t bytes);
void platform_add_window(struct platform *p, uint64_t base, uint64_t bytes);

/*
 * Supplied by the caller's side (start.c; a test): `bytes` bytes of physical memory at `address`,
 * or NULL when they cannot all be read.
 */
const void *platform_memory(uint64_t address, uint64_t bytes);

#endif
