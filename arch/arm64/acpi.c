/* SPDX-License-Identifier: BSD-2-Clause */
/* What arm64 takes out of ACPI's tables; see platform.h. */
#include <string.h>

#include "arch/arm64/platform.h"

const void *acpi_memory(uint64_t address, uint64_t bytes)
{
	return platform_memory(address, bytes);
}

/* One structure of the MADT (5.2.12): GICC, GICD or GICR. */
static void madt_entry(void *to, const uint8_t *e, uint8_t length)
{
	struct platform *p = to;

	if (e[0] == 0x0b && length >= 76 && (acpi_u32(e + 12) & 1) != 0)
		platform_add_cpu(p, acpi_u64(e + 68), acpi_u64(e + 60));
	else if (e[0] == 0x0c && length >= 24 && e[20] >= 3)
		p->gicd = acpi_u64(e + 8);
	else if (e[0] == 0x0e && length >= 16)
		platform_add_gicr(p, acpi_u64(e + 4), acpi_u32(e + 12));
}

/* The serial console redirection table: interface 3 and 0xe are PL011s; space 0 is memory. */
static void spcr(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	if (bytes >= 52 && (t[36] == 3 || t[36] == 0x0e) && t[40] == 0)
		p->console = acpi_u64(t + 44);
}

/*
 * The windows of the host bridge stand in its _CRS, in the DSDT's byte code; its address space
 * descriptors (6.4.3.5) are found by their bytes: type memory, and a length that fits.
 */
static void dsdt(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	for (uint32_t at = ACPI_HEADER; at + 46 <= bytes; at++) {
		const uint8_t *d = t + at;
		uint64_t low, high, length;

		if (memcmp(d, "\x87\x17\x00\x00", 4) == 0) {
			low = acpi_u32(d + 10), high = acpi_u32(d + 14), length = acpi_u32(d + 22);
		} else if (memcmp(d, "\x8a\x2b\x00\x00", 4) == 0) {
			low = acpi_u64(d + 14), high = acpi_u64(d + 22), length = acpi_u64(d + 38);
		} else {
			continue;
		}
		if (length != 0 && high > low && high - low == length - 1)
			platform_add_window(p, low, length);
	}
}

static void fadt(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	uint32_t dsdt_bytes;
	const uint8_t *d;

	if (bytes < 148)
		return;
	/* The Arm boot architecture flags. */
	p->psci = acpi_u16(t + 129) & 1;
	p->psci_hvc = acpi_u16(t + 129) >> 1 & 1;
	d = acpi_dsdt(t, bytes, &dsdt_bytes);
	if (d == NULL)
		p->refused++;
	else
		dsdt(p, d, dsdt_bytes);
}

static void one_table(void *to, const uint8_t *t, uint32_t bytes)
{
	struct platform *p = to;

	if (memcmp(t, "APIC", 4) == 0)
		p->refused += !acpi_madt(t, bytes, madt_entry, p);
	else if (memcmp(t, "MCFG", 4) == 0)
		p->ecam_count = acpi_mcfg(t, bytes, p->ecam, p->ecam_count, PLATFORM_MAX_ECAM);
	else if (memcmp(t, "SPCR", 4) == 0)
		spcr(p, t, bytes);
	else if (memcmp(t, "FACP", 4) == 0)
		fadt(p, t, bytes);
}

const char *platform_read_acpi(uint64_t rsdp, struct platform *out)
{
	return acpi_walk(rsdp, one_table, out, &out->refused);
}
