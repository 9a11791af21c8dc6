/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loaders believe of files and firmware: cpio archives, ELF files, memory maps. */
#include "boot/cpio.h"
#include "boot/elf.h"
#include "boot/fill.h"
#include "boot/memmap.h"
#include "tests/fuzz/fuzz.h"

#define SPAN (1u << 20) /* of an image that is loaded here */

static void archive(const void *data, size_t size)
{
	struct cpio c = cpio_open(data, size);
	struct cpio_file file;
	const char *cause = NULL;
	const unsigned char *begin = data;
	enum cpio_answer answer;

	while ((answer = cpio_next(&c, &file, &cause)) == CPIO_FILE) {
		fuzz_check(strlen(file.name) != 0);
		fuzz_check(file.data >= begin && file.data + file.size <= begin + size);
	}
	fuzz_check(answer == CPIO_END || cause != NULL);
}

static void executable(const void *data, size_t size, bool arm)
{
	struct elf_image image;
	const char *cause = elf_check(data, size, arm ? ELF_MACHINE_AARCH64 : ELF_MACHINE_X86_64,
				      UINT64_C(0x1000), &image);

	if (cause != NULL)
		return;
	uint64_t end = image.link_base;
	fuzz_check(image.count <= ELF_MAX_SEGMENTS && image.link_base < image.link_end);
	fuzz_check(image.entry >= image.link_base && image.entry < image.link_end);
	for (uint32_t i = 0; i < image.count; i++) {
		const struct elf_segment *s = &image.segments[i];
		fuzz_check(s->link >= end && s->file_bytes <= s->bytes);
		fuzz_check(s->bytes <= image.link_end - s->link);
		fuzz_check(!(s->write && s->execute));
		end = s->link + s->bytes;
	}
	uint64_t span = image.link_end - image.link_base;
	fuzz_check(span <= ELF_MAX_SPAN);
	if (span > SPAN)
		return;
	unsigned char *memory = malloc(span);
	fuzz_check(memory != NULL);
	memset(memory, 0x55, span);
	elf_load(data, &image, memory);
	free(memory);
}

static void memory_map(struct fuzz *f)
{
	struct boot_range raw[48], map[24];
	uint32_t raw_count = 0, count = 0, room = 1 + (uint32_t)fuzz_below(f, 24);

	while (f->left != 0 && raw_count < 48) {
		uint64_t base = fuzz_number(f), size = fuzz_number(f);
		raw[raw_count++] = (struct boot_range){ .base = base << 9,
							.size = size << 9,
							.kind = (uint32_t)fuzz_below(f, 7) };
	}
	(void)memmap_normalise(raw, raw_count, map, room, &count);
	fuzz_check(count <= room);
	uint64_t end = 0;
	for (uint32_t i = 0; i < count; i++) {
		fuzz_check(map[i].size != 0 && map[i].base % 4096 == 0 && map[i].size % 4096 == 0);
		fuzz_check(map[i].base >= end);
		end = map[i].base + map[i].size;
		fuzz_check(end > map[i].base && end <= MEMMAP_LIMIT);
		fuzz_check(map[i].kind >= BOOT_MEM_USABLE && map[i].kind <= BOOT_MEM_RESERVED);
		fuzz_check(map[i].kind != BOOT_MEM_USABLE || map[i].base != 0);
		fuzz_check(i == 0 || map[i - 1].kind != map[i].kind ||
			   map[i - 1].base + map[i - 1].size != map[i].base);
	}
	uint64_t size = 4096 * fuzz_below(f, 64) + 1, below = fuzz_number(f) << 12;
	uint64_t found = memmap_find_high(map, count, size, below);
	fuzz_check(found == 0 || memmap_covers(map, count, found, size, BOOT_MEM_USABLE));
	fuzz_check(found == 0 || found + size <= below);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	unsigned what = (unsigned)fuzz_take(&f, 1) & 3;

	if (what == 3) {
		memory_map(&f);
		return 0;
	}
	/* A block of its own size: a byte too far is seen. */
	void *file = malloc(f.left != 0 ? f.left : 1);
	fuzz_check(file != NULL);
	if (f.left != 0)
		memcpy(file, f.at, f.left);
	if (what == 0)
		archive(file, f.left);
	else
		executable(file, f.left, what == 2);
	free(file);
	return 0;
}
