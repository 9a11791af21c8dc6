/* SPDX-License-Identifier: BSD-2-Clause */
/* RSDP -> XSDT or RSDT -> tables; see acpi.h. */
#include "arch/acpi.h"

#include <stddef.h>
#include <string.h>

#define TABLE_MAX (UINT64_C(16) << 20) /* the longest table that is believed */
#define MADT_BODY 44u
#define MCFG_BODY 44u
#define MCFG_ENTRY 16u

static bool sums_to_zero(const uint8_t *p, uint64_t bytes)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

/* The whole table at `address`, checked, and its length; NULL when damaged. */
static const uint8_t *table_at(uint64_t address, uint32_t *bytes)
{
	const uint8_t *p = acpi_memory(address, ACPI_HEADER);

	if (p == NULL)
		return NULL;
	*bytes = acpi_u32(p + 4);
	if (*bytes < ACPI_HEADER || *bytes > TABLE_MAX)
		return NULL;
	p = acpi_memory(address, *bytes);
	return p != NULL && sums_to_zero(p, *bytes) ? p : NULL;
}

const char *acpi_walk(uint64_t rsdp, acpi_table_fn *each, void *to, unsigned *refused)
{
	const uint8_t *r = rsdp != 0 ? acpi_memory(rsdp, 20) : NULL, *root;
	uint32_t bytes, entry = 4;
	uint64_t where;

	if (r == NULL)
		return "the firmware names no ACPI tables";
	if (memcmp(r, "RSD PTR ", 8) != 0 || !sums_to_zero(r, 20))
		return "the ACPI root pointer is damaged";
	where = acpi_u32(r + 16);
	if (r[15] >= 2) {
		r = acpi_memory(rsdp, 36);
		if (r == NULL || acpi_u32(r + 20) != 36 || !sums_to_zero(r, 36))
			return "the ACPI root pointer is damaged";
		if (acpi_u64(r + 24) != 0) {
			where = acpi_u64(r + 24);
			entry = 8;
		}
	}
	root = table_at(where, &bytes);
	if (root == NULL || memcmp(root, entry == 8 ? "XSDT" : "RSDT", 4) != 0)
		return "the ACPI root table is damaged";
	for (uint32_t at = ACPI_HEADER; at + entry <= bytes; at += entry) {
		uint32_t length;
		const uint8_t *t =
			table_at(entry == 8 ? acpi_u64(root + at) : acpi_u32(root + at), &length);

		if (t == NULL)
			++*refused;
		else
			each(to, t, length);
	}
	return NULL;
}

bool acpi_madt(const uint8_t *table, uint32_t bytes, acpi_entry_fn *each, void *to)
{
	uint32_t at = MADT_BODY;

	while (at + 2 <= bytes) {
		uint8_t length = table[at + 1];

		if (length < 2 || length > bytes - at)
			return false;
		each(to, table + at, length);
		at += length;
	}
	return true;
}

unsigned acpi_mcfg(const uint8_t *table, uint32_t bytes, struct acpi_ecam *out, unsigned count,
		   unsigned most)
{
	for (uint32_t at = MCFG_BODY; at + MCFG_ENTRY <= bytes && count < most; at += MCFG_ENTRY) {
		struct acpi_ecam e = {
			.base = acpi_u64(table + at),
			.first_bus = table[at + 10],
			.last_bus = table[at + 11],
		};

		if (e.first_bus <= e.last_bus)
			out[count++] = e;
	}
	return count;
}

const uint8_t *acpi_dsdt(const uint8_t *fadt, uint32_t fadt_bytes, uint32_t *bytes)
{
	bool wide = fadt_bytes >= 148 && acpi_u64(fadt + 140) != 0;
	const uint8_t *d = table_at(wide ? acpi_u64(fadt + 140) : acpi_u32(fadt + 40), bytes);

	return d != NULL && memcmp(d, "DSDT", 4) == 0 ? d : NULL;
}
