/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's ELF file, checked wholly before any of it is loaded. The rules are narrower than
 * the format's (System V gABI, chapters 4 and 5): what the linker script makes passes, and
 * damage that would end in a triple fault is refused in words.
 */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_MACHINE_X86_64 62u
#define ELF_MACHINE_AARCH64 183u

#define ELF_MAX_SEGMENTS 16u
#define ELF_BASE_ALIGN (UINT64_C(2) << 20) /* of the first link address */
#define ELF_MAX_SPAN (UINT64_C(1) << 30)   /* bytes from the first link address to the last */

struct elf_segment {
	uint64_t link; /* the address it is linked at, page-aligned */
	uint64_t offset;
	uint64_t file_bytes;
	uint64_t bytes; /* in memory; what the file does not fill is zero */
	bool write, execute;
};

struct elf_image {
	uint64_t entry;
	uint64_t link_base; /* [link_base, link_end): page-aligned, covers all segments */
	uint64_t link_end;
	uint32_t count;
	struct elf_segment segments[ELF_MAX_SEGMENTS]; /* in ascending order, on separate pages */
};

/*
 * Checks file[0..bytes) and describes its image: the loadable segments linked at `floor` or above.
 * Loadable segments below are another entry's (boot/pvh.S): checked, not described.
 * Returns NULL, or the cause in words, and then *image is meaningless.
 */
const char *elf_check(const void *file, size_t bytes, uint32_t machine, uint64_t floor,
		      struct elf_image *image);

/*
 * Copies the segments of a checked image to memory[0..link_end - link_base), and zeroes what lies
 * behind and between them.
 */
void elf_load(const void *file, const struct elf_image *image, void *memory);

#endif
