/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the port takes from the firmware's ACPI tables: the processors (MADT), PCI's memory-mapped
 * configuration (MCFG), a clock of known rate (HPET), and the way to power off (FADT, the S5
 * package of the DSDT). A table counts only if its length fits and its checksum is zero; nothing
 * in it is believed further than that.
 */
#ifndef ARCH_X86_ACPI_H
#define ARCH_X86_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/acpi.h"
#include "arch/arch.h"

#define ACPI_MAX_ECAM 8u

struct acpi {
	uint64_t lapic;		/* hpa of the local APIC, 0: not said */
	unsigned cpu_count;	/* processors that can be started, as stored */
	unsigned cpus_left_off; /* those beyond ARCH_MAX_CPUS */
	uint32_t apic_id[ARCH_MAX_CPUS];
	uint64_t hpet; /* hpa, 0: none */
	unsigned ecam_count;
	struct acpi_ecam ecam[ACPI_MAX_ECAM];
	bool power_off; /* the two below are known */
	uint16_t pm1a_control;
	uint16_t sleep_type; /* of S5 */
	unsigned refused;    /* tables left out because they were damaged */
};

/*
 * Fills *out from the tables that `rsdp` (hpa; 0: none) leads to. Returns NULL, or why there is
 * nothing to be had: no RSDP, a damaged RSDP, a damaged root table. A damaged table further down is
 * left out and counted.
 */
const char *acpi_read(uint64_t rsdp, struct acpi *out);

#endif
