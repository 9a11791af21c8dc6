/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ACPI (specification 6.4, chapter 5): RSDP -> XSDT or RSDT -> tables. Fields are fetched
 * by offset, since tables are not aligned. Each length is checked before a byte behind it is
 * touched.
 */
#include "arch/x86/acpi.h"

#include <string.h>

#define TABLE_HEADER 36u
#define TABLE_MAX (UINT64_C(16) << 20) /* the longest table that is believed */

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint64_t u64(const uint8_t *p)
{
	return (uint64_t)u32(p) | (uint64_t)u32(p + 4) << 32;
}

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
	const uint8_t *p = acpi_memory(address, TABLE_HEADER);

	if (p == NULL)
		return NULL;
	*bytes = u32(p + 4);
	if (*bytes < TABLE_HEADER || *bytes > TABLE_MAX)
		return NULL;
	p = acpi_memory(address, *bytes);
	return p != NULL && sums_to_zero(p, *bytes) ? p : NULL;
}

static void cpu_add(struct acpi *a, uint32_t apic_id, uint32_t flags)
{
	/* Bit 0: enabled; bit 1: can be brought in later, which we do not do. */
	if ((flags & 1) == 0)
		return;
	for (unsigned i = 0; i < a->cpu_count; i++)
		if (a->apic_id[i] == apic_id)
			return;
	if (a->cpu_count == ARCH_MAX_CPUS)
		a->cpus_left_off++;
	else
		a->apic_id[a->cpu_count++] = apic_id;
}

static void madt(struct acpi *a, const uint8_t *t, uint32_t bytes)
{
	uint32_t at = 44;

	if (bytes < at)
		return;
	a->lapic = u32(t + 36);
	while (at + 2 <= bytes) {
		const uint8_t *e = t + at;
		uint8_t length = e[1];

		if (length < 2 || length > bytes - at) {
			a->refused++;
			return;
		}
		if (e[0] == 0 && length >= 8)
			cpu_add(a, e[3], u32(e + 4));
		else if (e[0] == 9 && length >= 16)
			cpu_add(a, u32(e + 4), u32(e + 8));
		else if (e[0] == 5 && length >= 12)
			a->lapic = u64(e + 4);
		at += length;
	}
}

static void mcfg(struct acpi *a, const uint8_t *t, uint32_t bytes)
{
	for (uint32_t at = 44; at + 16 <= bytes && a->ecam_count < ACPI_MAX_ECAM; at += 16) {
		struct acpi_ecam e = {
			.base = u64(t + at),
			.first_bus = t[at + 10],
			.last_bus = t[at + 11],
		};

		if (e.first_bus <= e.last_bus)
			a->ecam[a->ecam_count++] = e;
	}
}

static void hpet(struct acpi *a, const uint8_t *t, uint32_t bytes)
{
	/* The generic address at 40: space 0 is memory. */
	if (bytes >= 52 && t[40] == 0)
		a->hpet = u64(t + 44);
}

/* An AML integer of one byte at p (ACPI 6.4, 20.2.3), -1: not one. */
static int aml_small(const uint8_t *p, const uint8_t *end)
{
	if (p < end && (p[0] == 0 || p[0] == 1))
		return p[0];
	return end - p >= 2 && p[0] == 0x0a ? p[1] : -1;
}

/* Name (_S5_, Package () { SLP_TYPa, ... }) somewhere in the DSDT, found by its bytes. */
static int s5_type(const uint8_t *t, uint32_t bytes)
{
	const uint8_t *end = t + bytes;

	for (const uint8_t *p = t + TABLE_HEADER; end - p > 8; p++) {
		const uint8_t *q = p + 5;

		if (memcmp(p, "_S5_\x12", 5) != 0)
			continue;
		q += 1 + (*q >> 6); /* the package's length takes 1 to 4 bytes */
		return end - q > 1 ? aml_small(q + 1, end) : -1;
	}
	return -1;
}

static void fadt(struct acpi *a, const uint8_t *t, uint32_t bytes)
{
	uint32_t dsdt_bytes;
	const uint8_t *dsdt;
	uint64_t where;
	int type;

	if (bytes < 68)
		return;
	where = bytes >= 148 && u64(t + 140) != 0 ? u64(t + 140) : u32(t + 40);
	dsdt = table_at(where, &dsdt_bytes);
	if (dsdt == NULL || memcmp(dsdt, "DSDT", 4) != 0) {
		a->refused++;
		return;
	}
	type = s5_type(dsdt, dsdt_bytes);
	if (type < 0 || u32(t + 64) == 0 || u32(t + 64) > 0xffff)
		return;
	a->pm1a_control = (uint16_t)u32(t + 64);
	a->sleep_type = (uint16_t)type;
	a->power_off = true;
}

static void one_table(struct acpi *a, uint64_t address)
{
	uint32_t bytes;
	const uint8_t *t = table_at(address, &bytes);

	if (t == NULL)
		a->refused++;
	else if (memcmp(t, "APIC", 4) == 0)
		madt(a, t, bytes);
	else if (memcmp(t, "MCFG", 4) == 0)
		mcfg(a, t, bytes);
	else if (memcmp(t, "HPET", 4) == 0)
		hpet(a, t, bytes);
	else if (memcmp(t, "FACP", 4) == 0)
		fadt(a, t, bytes);
}

const char *acpi_read(uint64_t rsdp, struct acpi *out)
{
	const uint8_t *r = rsdp != 0 ? acpi_memory(rsdp, 20) : NULL, *root;
	uint64_t where;
	uint32_t bytes, entry = 4;

	memset(out, 0, sizeof *out);
	if (r == NULL)
		return "the firmware names no ACPI tables";
	if (memcmp(r, "RSD PTR ", 8) != 0 || !sums_to_zero(r, 20))
		return "the ACPI root pointer is damaged";
	where = u32(r + 16);
	if (r[15] >= 2) {
		r = acpi_memory(rsdp, 36);
		if (r == NULL || u32(r + 20) != 36 || !sums_to_zero(r, 36))
			return "the ACPI root pointer is damaged";
		if (u64(r + 24) != 0) {
			where = u64(r + 24);
			entry = 8;
		}
	}
	root = table_at(where, &bytes);
	if (root == NULL || memcmp(root, entry == 8 ? "XSDT" : "RSDT", 4) != 0)
		return "the ACPI root table is damaged";
	for (uint32_t at = TABLE_HEADER; at + entry <= bytes; at += entry)
		one_table(out, entry == 8 ? u64(root + at) : u32(root + at));
	return NULL;
}
