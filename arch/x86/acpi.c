/* SPDX-License-Identifier: BSD-2-Clause */
/* What x86 takes out of ACPI's tables; see acpi.h. */
#include "arch/x86/acpi.h"

#include <string.h>

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

static void madt_entry(void *to, const uint8_t *e, uint8_t length)
{
	struct acpi *a = to;

	if (e[0] == 0 && length >= 8)
		cpu_add(a, e[3], acpi_u32(e + 4));
	else if (e[0] == 9 && length >= 16)
		cpu_add(a, acpi_u32(e + 4), acpi_u32(e + 8));
	else if (e[0] == 5 && length >= 12)
		a->lapic = acpi_u64(e + 4);
}

static void madt(struct acpi *a, const uint8_t *t, uint32_t bytes)
{
	if (bytes < 44)
		return;
	a->lapic = acpi_u32(t + 36);
	if (!acpi_madt(t, bytes, madt_entry, a))
		a->refused++;
}

static void hpet(struct acpi *a, const uint8_t *t, uint32_t bytes)
{
	/* The generic address at 40: space 0 is memory. */
	if (bytes >= 52 && t[40] == 0)
		a->hpet = acpi_u64(t + 44);
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

	for (const uint8_t *p = t + ACPI_HEADER; end - p > 8; p++) {
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
	int type;

	if (bytes < 68)
		return;
	dsdt = acpi_dsdt(t, bytes, &dsdt_bytes);
	if (dsdt == NULL) {
		a->refused++;
		return;
	}
	type = s5_type(dsdt, dsdt_bytes);
	if (type < 0 || acpi_u32(t + 64) == 0 || acpi_u32(t + 64) > 0xffff)
		return;
	a->pm1a_control = (uint16_t)acpi_u32(t + 64);
	a->sleep_type = (uint16_t)type;
	a->power_off = true;
}

static void one_table(void *to, const uint8_t *t, uint32_t bytes)
{
	struct acpi *a = to;

	if (memcmp(t, "APIC", 4) == 0)
		madt(a, t, bytes);
	else if (memcmp(t, "MCFG", 4) == 0)
		a->ecam_count = acpi_mcfg(t, bytes, a->ecam, a->ecam_count, ACPI_MAX_ECAM);
	else if (memcmp(t, "HPET", 4) == 0)
		hpet(a, t, bytes);
	else if (memcmp(t, "FACP", 4) == 0)
		fadt(a, t, bytes);
}

const char *acpi_read(uint64_t rsdp, struct acpi *out)
{
	memset(out, 0, sizeof *out);
	return acpi_walk(rsdp, one_table, out, &out->refused);
}
