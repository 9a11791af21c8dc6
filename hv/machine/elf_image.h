/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file as an image loader sees it: 32 or 64 bits, little-endian, executable (System V ABI,
 * "Object Files"). Opening checks every program header against the file once; what is read
 * afterwards cannot be out of bounds.
 */
#ifndef HV_MACHINE_ELF_IMAGE_H
#define HV_MACHINE_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_386 3u
#define ELF_PPC64 21u
#define ELF_X86_64 62u

#define ELF_LOAD 1u
#define ELF_NOTE 4u
#define ELF_EXECUTABLE 1u /* segment flag */

struct elf_image {
	const uint8_t *data;
	uint64_t bytes;
	bool wide; /* ELF64 */
	uint16_t machine;
	uint64_t entry; /* as the header has it: a virtual address */
	uint64_t table; /* file offset of the program headers */
	uint16_t stride;
	unsigned segments;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr; /* offset: in the file */
	uint64_t file_bytes;	       /* offset + file_bytes lies in the file */
	uint64_t
		memory_bytes; /* at least file_bytes; the rest is zeros. paddr + it does not wrap */
	uint64_t align;
};

/* The magic number only. */
bool elf_is(const void *data, uint64_t bytes);

/* False: `why` holds the sentence that says what is damaged. The file must stay where it is. */
bool elf_open(struct elf_image *e, const void *data, uint64_t bytes, char *why, size_t why_bytes);

/* The same for another processor than a PC's: ELF_PPC64. */
bool elf_open_for(struct elf_image *e, uint16_t machine, const void *data, uint64_t bytes,
		  char *why, size_t why_bytes);

/* Program header i, 0 <= i < e->segments. */
struct elf_segment elf_segment(const struct elf_image *e, unsigned i);

/*
 * The description of the first note of that owner and type, and its length; NULL: there is none. A
 * damaged note ends the search in its segment.
 */
const uint8_t *elf_note(const struct elf_image *e, const char *owner, uint32_t type,
			uint32_t *bytes);

/*
 * Where the entry lies in physical memory: through the executable segment that holds it as a
 * virtual address, else as it stands.
 */
uint64_t elf_physical_entry(const struct elf_image *e);

#endif
