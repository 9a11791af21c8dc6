/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ACPI (specification 6.4, chapter 5): RSDP -> XSDT -> tables. Fields are fetched by
 * offset, since tables are not aligned. Each length is checked before a byte behind it is touched.
 */
#include <string.h>

#include "arch/arm64/platform.h"

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
	const uint8_t *p = platform_memory(address, TABLE_HEADER);

	if (p == NULL)
		return NULL;
	*bytes = u32(p + 4);
	if (*bytes < TABLE_HEADER || *bytes > TABLE_MAX)
		return NULL;
	p = platform_memory(address, *bytes);
	return p != NULL && sums_to_zero(p, *bytes) ? p : NULL;
}

/* One structure of the MADT (5.2.12): GICC, GICD or GICR. */
static void madt_entry(struct platform *p, const uint8_t *e, uint8_t length)
{
	if (e[0] == 0x0b && length >= 76 && (u32(e + 12) & 1) != 0)
		platform_add_cpu(p, u64(e + 68), u64(e + 60));
	else if (e[0] == 0x0c && length >= 24 && e[20] >= 3)
		p->gicd = u64(e + 8);
	else if (e[0] == 0x0e && length >= 16)
		platform_add_gicr(p, u64(e + 4), u32(e + 12));
}

static void madt(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	uint32_t at = 44;

	while (at + 2 <= bytes) {
		uint8_t length = t[at + 1];

		if (length < 2 || length > bytes - at) {
			p->refused++;
			return;
		}
		madt_entry(p, t + at, length);
		at += length;
	}
}

static void mcfg(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	for (uint32_t at = 44; at + 16 <= bytes && p->ecam_count < PLATFORM_MAX_ECAM; at += 16) {
		struct platform_ecam e = {
			.base = u64(t + at),
			.first_bus = t[at + 10],
			.last_bus = t[at + 11],
		};

		if (e.first_bus <= e.last_bus)
			p->ecam[p->ecam_count++] = e;
	}
}

/* The serial console redirection table: interface 3 and 0xe are PL011s; space 0 is memory. */
static void spcr(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	if (bytes >= 52 && (t[36] == 3 || t[36] == 0x0e) && t[40] == 0)
		p->console = u64(t + 44);
}

/*
 * The windows of the host bridge stand in its _CRS, in the DSDT's byte code; its address space
 * descriptors (6.4.3.5) are found by their bytes: type memory, and a length that fits.
 */
static void dsdt(struct platform *p, const uint8_t *t, uint32_t bytes)
{
	for (uint32_t at = TABLE_HEADER; at + 46 <= bytes; at++) {
		const uint8_t *d = t + at;
		uint64_t low, high, length;

		if (memcmp(d, "\x87\x17\x00\x00", 4) == 0) {
			low = u32(d + 10), high = u32(d + 14), length = u32(d + 22);
		} else if (memcmp(d, "\x8a\x2b\x00\x00", 4) == 0) {
			low = u64(d + 14), high = u64(d + 22), length = u64(d + 38);
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
	p->psci = u16(t + 129) & 1;
	p->psci_hvc = u16(t + 129) >> 1 & 1;
	d = table_at(u64(t + 140) != 0 ? u64(t + 140) : u32(t + 40), &dsdt_bytes);
	if (d == NULL || memcmp(d, "DSDT", 4) != 0)
		p->refused++;
	else
		dsdt(p, d, dsdt_bytes);
}

static void one_table(struct platform *p, uint64_t address)
{
	uint32_t bytes;
	const uint8_t *t = table_at(address, &bytes);

	if (t == NULL)
		p->refused++;
	else if (memcmp(t, "APIC", 4) == 0)
		madt(p, t, bytes);
	else if (memcmp(t, "MCFG", 4) == 0)
		mcfg(p, t, bytes);
	else if (memcmp(t, "SPCR", 4) == 0)
		spcr(p, t, bytes);
	else if (memcmp(t, "FACP", 4) == 0)
		fadt(p, t, bytes);
}

const char *platform_read_acpi(uint64_t rsdp, struct platform *out)
{
	const uint8_t *r = platform_memory(rsdp, 36), *root;
	uint32_t bytes;

	if (r == NULL || memcmp(r, "RSD PTR ", 8) != 0 || !sums_to_zero(r, 20) ||
	    u32(r + 20) != 36 || !sums_to_zero(r, 36))
		return "the ACPI root pointer is damaged";
	root = table_at(u64(r + 24), &bytes);
	if (root == NULL || memcmp(root, "XSDT", 4) != 0)
		return "the ACPI root table is damaged";
	for (uint32_t at = TABLE_HEADER; at + 8 <= bytes; at += 8)
		one_table(out, u64(root + at));
	return NULL;
}
