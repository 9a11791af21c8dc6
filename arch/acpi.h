/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's tables (specification 6.4, chapter 5) for the ports whose firmware has them: finding them,
 * and the forms that no architecture owns. What a port takes out of a table is its own affair.
 * Fields are fetched by offset, since tables are not aligned. A table counts only if its length
 * fits and its checksum is zero; no byte behind a checked length is touched. Addresses are hpa.
 */
#ifndef ARCH_ACPI_H
#define ARCH_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#define ACPI_HEADER 36u /* bytes of a table before its body */

static inline uint16_t acpi_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t acpi_u32(const uint8_t *p)
{
	return (uint32_t)acpi_u16(p) | (uint32_t)acpi_u16(p + 2) << 16;
}

static inline uint64_t acpi_u64(const uint8_t *p)
{
	return (uint64_t)acpi_u32(p) | (uint64_t)acpi_u32(p + 4) << 32;
}

/* Told of each good table: its first byte and its length, at least ACPI_HEADER. */
typedef void acpi_table_fn(void *to, const uint8_t *table, uint32_t bytes);

/* Told of each structure of a MADT: its first byte (the type) and its length, at least 2. */
typedef void acpi_entry_fn(void *to, const uint8_t *entry, uint8_t bytes);

/*
 * Calls `each` for the tables that `rsdp` (0: none) leads to, by XSDT or RSDT. NULL, or why there
 * is nothing to be had. A damaged table further down is left out and counted in *refused.
 */
const char *acpi_walk(uint64_t rsdp, acpi_table_fn *each, void *to, unsigned *refused);

/* false: a structure's length does not fit; those before it were told. */
bool acpi_madt(const uint8_t *table, uint32_t bytes, acpi_entry_fn *each, void *to);

/* A range of PCI's memory-mapped configuration space. */
struct acpi_ecam {
	uint64_t base; /* of bus 0 */
	unsigned first_bus, last_bus;
};

/* Adds an MCFG's ranges to `out`, which has `count` already and room for `most`; the new count. */
unsigned acpi_mcfg(const uint8_t *table, uint32_t bytes, struct acpi_ecam *out, unsigned count,
		   unsigned most);

/* The DSDT that a FADT of at least 44 bytes names, and its length; NULL: damaged. */
const uint8_t *acpi_dsdt(const uint8_t *fadt, uint32_t fadt_bytes, uint32_t *bytes);

/*
 * Supplied by the port, or a test: `bytes` bytes of physical memory at `address`, or NULL when they
 * cannot all be read.
 */
const void *acpi_memory(uint64_t address, uint64_t bytes);

#endif
