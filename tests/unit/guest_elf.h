/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small ELF image of either width: a text segment, a segment of data with zeros behind it, and a
 * segment of notes. Fields are named, so that a test can damage one at a time in both widths.
 */
#ifndef TESTS_UNIT_GUEST_ELF_H
#define TESTS_UNIT_GUEST_ELF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "hv/machine/le.h"

#define ELF_FILE 0x1000u
#define ELF_TEXT 0x100000u /* physical; 0x100 bytes from file offset 0x400 */
#define ELF_DATA 0x200000u /* physical; 0x80 bytes from 0x600, 0x10000 in memory */
#define ELF_NOTES 0x800u
#define ELF_HIGH UINT64_C(0x80000000) /* virtual addresses are this much higher */

enum elf_field { P_TYPE, P_FLAGS, P_OFFSET, P_VADDR, P_PADDR, P_FILESZ, P_MEMSZ, P_ALIGN };

static uint8_t elf[ELF_FILE];
static bool elf_wide;

static void elf_put(unsigned segment, enum elf_field field, uint64_t value)
{
	static const uint8_t at64[] = { 0, 4, 8, 16, 24, 32, 40, 48 };
	static const uint8_t at32[] = { 0, 24, 4, 8, 12, 16, 20, 28 };
	uint8_t *p = elf + 0x80 + segment * (elf_wide ? 56u : 32u);

	if (!elf_wide || field == P_TYPE || field == P_FLAGS)
		put_le32(p + (elf_wide ? at64 : at32)[field], (uint32_t)value);
	else
		put_le64(p + at64[field], value);
}

static void elf_put_header(unsigned at32, unsigned at64, uint64_t value)
{
	if (elf_wide)
		put_le64(elf + at64, value);
	else
		put_le32(elf + at32, (uint32_t)value);
}

static void elf_entry(uint64_t entry)
{
	elf_put_header(24, 24, entry);
}

static void elf_phoff(uint64_t offset)
{
	elf_put_header(28, 32, offset);
}

static void elf_phentsize(unsigned bytes)
{
	put_le16(elf + (elf_wide ? 54 : 42), (uint16_t)bytes);
}

static void elf_phnum(unsigned count)
{
	put_le16(elf + (elf_wide ? 56 : 44), (uint16_t)count);
}

static void elf_segment_at(unsigned i, uint32_t type, uint32_t flags, uint64_t offset,
			   uint64_t paddr, uint64_t file_bytes, uint64_t memory_bytes)
{
	elf_put(i, P_TYPE, type);
	elf_put(i, P_FLAGS, flags);
	elf_put(i, P_OFFSET, offset);
	elf_put(i, P_PADDR, paddr);
	elf_put(i, P_VADDR, paddr + ELF_HIGH);
	elf_put(i, P_FILESZ, file_bytes);
	elf_put(i, P_MEMSZ, memory_bytes);
	elf_put(i, P_ALIGN, 4);
}

static void elf_make(bool wide)
{
	elf_wide = wide;
	for (unsigned i = 0; i < sizeof(elf); i++)
		elf[i] = i < 0x400 ? 0 : (uint8_t)(i * 13 + 5);
	memcpy(elf, "\177ELF", 4);
	elf[4] = wide ? 2 : 1;
	elf[5] = elf[6] = 1;
	put_le16(elf + 16, 2);
	put_le16(elf + 18, wide ? 62 : 3);
	elf_entry(ELF_TEXT + ELF_HIGH + 0x10);
	elf_phoff(0x80);
	elf_phentsize(wide ? 56 : 32);
	elf_phnum(3);
	elf_segment_at(0, 1, 5, 0x400, ELF_TEXT, 0x100, 0x100);
	elf_segment_at(1, 1, 6, 0x600, ELF_DATA, 0x80, 0x10000);
	elf_segment_at(2, 4, 4, ELF_NOTES, 0, 0, 0);
}

/* Appends a note to the notes' segment, which holds `used` bytes; returns the new number. */
static inline unsigned elf_add_note(unsigned used, const char *owner, uint32_t type,
				    const void *desc, unsigned desc_bytes)
{
	uint8_t *p = elf + ELF_NOTES + used;
	unsigned name = (unsigned)strlen(owner) + 1;

	put_le32(p, name);
	put_le32(p + 4, desc_bytes);
	put_le32(p + 8, type);
	memcpy(p + 12, owner, name);
	memcpy(p + 12 + ((name + 3) & ~3u), desc, desc_bytes);
	used += 12 + ((name + 3) & ~3u) + ((desc_bytes + 3) & ~3u);
	elf_put(2, P_FILESZ, used);
	return used;
}

#endif
