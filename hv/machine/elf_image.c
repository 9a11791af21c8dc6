/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading ELF headers of either width through one structure, after one check of them all. */
#include "hv/machine/elf_image.h"

#include <stdio.h>
#include <string.h>

#include "hv/machine/le.h"

#define EHDR32 52u
#define EHDR64 64u
#define PHDR32 32u
#define PHDR64 56u
#define TYPE_EXECUTABLE 2u
#define TYPE_SHARED 3u

typedef unsigned long long ull;

bool elf_is(const void *data, uint64_t bytes)
{
	return bytes >= 4 && memcmp(data, "\177ELF", 4) == 0;
}

static bool refuse(char *why, size_t why_bytes, const char *what, uint64_t a, uint64_t b)
{
	char figures[64];

	(void)snprintf(figures, sizeof(figures), ": %#llx, %#llx", (ull)a, (ull)b);
	(void)snprintf(why, why_bytes, "the ELF image is damaged: %s%s", what, figures);
	return false;
}

struct elf_segment elf_segment(const struct elf_image *e, unsigned i)
{
	const uint8_t *p = e->data + e->table + (uint64_t)i * e->stride;

	if (e->wide)
		return (struct elf_segment){ .type = le32(p),
					     .flags = le32(p + 4),
					     .offset = le64(p + 8),
					     .vaddr = le64(p + 16),
					     .paddr = le64(p + 24),
					     .file_bytes = le64(p + 32),
					     .memory_bytes = le64(p + 40),
					     .align = le64(p + 48) };
	return (struct elf_segment){ .type = le32(p),
				     .offset = le32(p + 4),
				     .vaddr = le32(p + 8),
				     .paddr = le32(p + 12),
				     .file_bytes = le32(p + 16),
				     .memory_bytes = le32(p + 20),
				     .flags = le32(p + 24),
				     .align = le32(p + 28) };
}

static bool check_segments(const struct elf_image *e, char *why, size_t why_bytes)
{
	unsigned loads = 0;

	for (unsigned i = 0; i < e->segments; i++) {
		struct elf_segment s = elf_segment(e, i);

		if (s.type != ELF_LOAD && s.type != ELF_NOTE)
			continue;
		if (s.offset > e->bytes || s.file_bytes > e->bytes - s.offset)
			return refuse(why, why_bytes,
				      "a segment's offset and size reach past the end of the file",
				      s.offset, s.file_bytes);
		if (s.type == ELF_NOTE)
			continue;
		loads++;
		if (s.file_bytes > s.memory_bytes)
			return refuse(why, why_bytes,
				      "a segment's size in the file is above its size in memory",
				      s.file_bytes, s.memory_bytes);
		if (s.paddr + s.memory_bytes < s.paddr)
			return refuse(why, why_bytes, "a segment's address and size wrap around",
				      s.paddr, s.memory_bytes);
	}
	if (!loads)
		return refuse(why, why_bytes,
			      "none of its program headers is to be loaded; "
			      "headers, file size",
			      e->segments, e->bytes);
	return true;
}

static bool read_header(struct elf_image *e, char *why, size_t why_bytes)
{
	const uint8_t *p = e->data;
	uint16_t type, wanted = e->machine;

	if (e->bytes < EHDR32 || !elf_is(p, e->bytes))
		return refuse(why, why_bytes, "no ELF header; file size, least size", e->bytes,
			      EHDR32);
	e->wide = p[4] == 2;
	if ((p[4] != 1 && p[4] != 2) || p[5] != 1 || p[6] != 1)
		return refuse(why, why_bytes,
			      "its class or byte order is not one that this board takes", p[4],
			      p[5]);
	if (e->wide && e->bytes < EHDR64)
		return refuse(why, why_bytes, "the header is cut off; file size, header size",
			      e->bytes, EHDR64);
	type = le16(p + 16);
	e->machine = le16(p + 18);
	if (type != TYPE_EXECUTABLE && type != TYPE_SHARED)
		return refuse(why, why_bytes, "it is not an executable; its type, expected", type,
			      TYPE_EXECUTABLE);
	if (wanted != 0 ? e->machine != wanted : e->machine != ELF_386 && e->machine != ELF_X86_64)
		return refuse(why, why_bytes, "it is for another processor; its machine, expected",
			      e->machine, wanted != 0 ? wanted : ELF_X86_64);
	e->entry = e->wide ? le64(p + 24) : le32(p + 24);
	e->table = e->wide ? le64(p + 32) : le32(p + 28);
	e->stride = le16(p + (e->wide ? 54 : 42));
	e->segments = le16(p + (e->wide ? 56 : 44));
	return true;
}

bool elf_open(struct elf_image *e, const void *data, uint64_t bytes, char *why, size_t why_bytes)
{
	return elf_open_for(e, 0, data, bytes, why, why_bytes);
}

bool elf_open_for(struct elf_image *e, uint16_t machine, const void *data, uint64_t bytes,
		  char *why, size_t why_bytes)
{
	*e = (struct elf_image){ .data = data, .bytes = bytes, .machine = machine };
	if (!read_header(e, why, why_bytes))
		return false;
	if (e->stride < (e->wide ? PHDR64 : PHDR32))
		return refuse(why, why_bytes, "its program headers are too short; size, least size",
			      e->stride, e->wide ? PHDR64 : PHDR32);
	if (e->table > bytes || (uint64_t)e->segments * e->stride > bytes - e->table)
		return refuse(why, why_bytes,
			      "its program headers reach past the end of the file; offset, number",
			      e->table, e->segments);
	return check_segments(e, why, why_bytes);
}

static uint64_t round_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static const uint8_t *note_in(const uint8_t *p, uint64_t bytes, uint64_t align, const char *owner,
			      uint32_t type, uint32_t *desc_bytes)
{
	size_t owner_bytes = strlen(owner) + 1;

	while (bytes >= 12) {
		uint32_t name = le32(p), desc = le32(p + 4), kind = le32(p + 8);
		uint64_t at = 12 + round_up(name, 4);
		uint64_t end;

		at = round_up(at, align);
		end = round_up(at + desc, align);
		if (at + desc > bytes)
			return NULL;
		if (kind == type && name == owner_bytes && memcmp(p + 12, owner, name) == 0) {
			*desc_bytes = desc;
			return p + at;
		}
		if (end > bytes)
			return NULL;
		p += end;
		bytes -= end;
	}
	return NULL;
}

const uint8_t *elf_note(const struct elf_image *e, const char *owner, uint32_t type,
			uint32_t *bytes)
{
	for (unsigned i = 0; i < e->segments; i++) {
		struct elf_segment s = elf_segment(e, i);
		const uint8_t *found;

		if (s.type != ELF_NOTE)
			continue;
		found = note_in(e->data + s.offset, s.file_bytes, s.align == 8 ? 8 : 4, owner, type,
				bytes);
		if (found)
			return found;
	}
	return NULL;
}

uint64_t elf_physical_entry(const struct elf_image *e)
{
	for (unsigned i = 0; i < e->segments; i++) {
		struct elf_segment s = elf_segment(e, i);

		if (s.type == ELF_LOAD && (s.flags & ELF_EXECUTABLE) && e->entry >= s.vaddr &&
		    e->entry - s.vaddr < s.memory_bytes)
			return e->entry - s.vaddr + s.paddr;
	}
	return e->entry;
}
