/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory that holds what firmware hands over: the input, from TABLES_BASE on, in a block
 * of its exact size. An input begins with four bytes: what to mend, and where the root pointer is.
 */
#ifndef TESTS_FUZZ_TABLES_H
#define TESTS_FUZZ_TABLES_H

#include "tests/fuzz/fuzz.h"

#define TABLES_BASE UINT64_C(0x1000)

static struct {
	uint8_t *memory;
	size_t bytes;
} tables;

static const void *tables_memory(uint64_t address, uint64_t bytes)
{
	if (address < TABLES_BASE || address - TABLES_BASE > tables.bytes ||
	    bytes > tables.bytes - (address - TABLES_BASE))
		return NULL;
	return tables.memory + (address - TABLES_BASE);
}

static void tables_sum(size_t at, size_t bytes, size_t where)
{
	uint8_t sum = 0;

	if (at > tables.bytes || bytes > tables.bytes - at || where >= bytes)
		return;
	tables.memory[at + where] = 0;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + tables.memory[at + i]);
	tables.memory[at + where] = (uint8_t)(0x100 - sum);
}

/* Every table that a header of the right shape begins is given its checksum. */
static void tables_mend(void)
{
	static const char names[][5] = { "APIC", "MCFG", "HPET", "FACP", "DSDT", "XSDT",
					 "RSDT", "SPCR", "GTDT", "SSDT", "IORT" };

	for (size_t at = 0; at + 36 <= tables.bytes; at += 4) {
		const uint8_t *p = tables.memory + at;
		if (memcmp(p, "RSD PTR ", 8) == 0) {
			tables_sum(at, 20, 8);
			tables_sum(at, 36, 32);
			continue;
		}
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (memcmp(p, names[i], 4) == 0)
				tables_sum(at, p[4] | (size_t)p[5] << 8, 9);
	}
}

/* Returns the address of the root. */
static uint64_t tables_begin(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	uint64_t mend = fuzz_take(&f, 1), root = fuzz_take(&f, 3);

	tables.bytes = f.left;
	tables.memory = malloc(f.left != 0 ? f.left : 1);
	fuzz_check(tables.memory != NULL);
	if (f.left != 0)
		memcpy(tables.memory, f.at, f.left);
	if ((mend & 1) == 0)
		tables_mend();
	return root == 0 ? TABLES_BASE : root;
}

static void tables_end(void)
{
	free(tables.memory);
}

#endif
