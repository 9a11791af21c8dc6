/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From skiboot's device tree and one cpio archive to struct bootinfo. Real mode: addresses are
 * physical. What the firmware keeps, RAM or not, is in the tree's reservations and in its property
 * "reserved-ranges"; the tree itself stays where it is, as the loader's memory.
 */
#include "boot/opal.h"

#include <stdbool.h>
#include <stddef.h>

#include <libfdt.h>

#include "boot/bytes.h"
#include "boot/cpio.h"
#include "boot/fill.h"
#include "boot/memmap.h"

#define FIRMWARE_RANGES 96u
/* Image, tree, archive, vectors; modules. */
#define OWN_RANGES (4u + BOOT_MAX_MODULES)
#define TREE_MAX (UINT64_C(16) << 20)

extern char image_start[], image_end[];

static struct boot_range raw[FIRMWARE_RANGES + OWN_RANGES];
static uint32_t raw_count;
static struct bootinfo info;

static void add_range(uint64_t base, uint64_t size, enum boot_mem_kind kind)
{
	if (raw_count == sizeof(raw) / sizeof(raw[0])) {
		fill_note(&info, "the memory map", "it has too many ranges");
		return;
	}
	raw[raw_count++] =
		(struct boot_range){ .base = base, .size = size, .kind = (uint32_t)kind };
}

static uint64_t number(const fdt32_t *cells, int count)
{
	uint64_t n = 0;

	while (count-- > 0)
		n = n << 32 | fdt32_to_cpu(*cells++);
	return n;
}

/* A list of bases and sizes, of two cells each as skiboot writes them. */
static void add_list(const void *tree, int node, const char *property, enum boot_mem_kind kind)
{
	int bytes;
	const fdt32_t *reg = fdt_getprop(tree, node, property, &bytes);

	for (int left = reg == NULL ? 0 : bytes / 4; left >= 4; left -= 4, reg += 4)
		add_range(number(reg, 2), number(reg + 2, 2), kind);
}

static void read_memory(const void *tree)
{
	for (int node = fdt_first_subnode(tree, 0); node >= 0;
	     node = fdt_next_subnode(tree, node)) {
		int bytes;
		const char *type = fdt_getprop(tree, node, "device_type", &bytes);

		if (type != NULL && bytes == 7 && memcmp(type, "memory", 7) == 0)
			add_list(tree, node, "reg", BOOT_MEM_USABLE);
	}
	if (raw_count == 0)
		fill_note(&info, "the device tree", "it names no memory");
}

static void read_reservations(const void *tree)
{
	int parent = fdt_path_offset(tree, "/reserved-memory"), count = fdt_num_mem_rsv(tree);

	for (int i = 0; i < count; i++) {
		uint64_t base, size;

		if (fdt_get_mem_rsv(tree, i, &base, &size) == 0)
			add_range(base, size, BOOT_MEM_RESERVED);
	}
	add_list(tree, 0, "reserved-ranges", BOOT_MEM_RESERVED);
	if (parent < 0)
		return;
	for (int node = fdt_first_subnode(tree, parent); node >= 0;
	     node = fdt_next_subnode(tree, node))
		add_list(tree, node, "reg", BOOT_MEM_RESERVED);
}

/* Whole zeroed pages for `size` bytes, marked as the loader's; 0 if there is no room. */
static uint64_t take_memory(uint64_t size)
{
	uint64_t bytes = page_up(size == 0 ? 1 : size);
	uint64_t at = memmap_find_high(info.ranges, info.range_count, bytes, MEMMAP_LIMIT);

	if (at == 0 || raw_count == sizeof(raw) / sizeof(raw[0]))
		return 0;
	memset((void *)(uintptr_t)at, 0, (size_t)bytes);
	add_range(at, bytes, BOOT_MEM_LOADER);
	fill_set_memory(&info, raw, raw_count);
	return at;
}

/* Copies one file of the archive to pages of its own. NULL, or why it was not added. */
static const char *take_module(const struct cpio_file *file)
{
	uint64_t at;

	if (info.module_count == BOOT_MAX_MODULES)
		return "there are too many modules";
	at = take_memory(file->size);
	if (at == 0)
		return "there is not enough memory for it";
	memcpy((void *)(uintptr_t)at, file->data, file->size);
	return fill_add_module(&info, file->name, at, file->size);
}

/* Goes through the archive; with `take` it takes the files, without it only finds the end. */
static uint64_t walk_archive(uint64_t base, uint64_t room, bool take)
{
	struct cpio c = cpio_open((const void *)(uintptr_t)base, (size_t)room);
	enum cpio_answer answer;
	struct cpio_file file;
	const char *cause;

	while ((answer = cpio_next(&c, &file, &cause)) == CPIO_FILE) {
		cause = take ? take_module(&file) : NULL;
		if (cause != NULL)
			fill_note(&info, file.name, cause);
	}
	if (answer == CPIO_DAMAGED)
		fill_note(&info, "the archive of modules is damaged", cause);
	return c.at;
}

/* A number of one cell or two in /chosen; 0: it is not there. */
static uint64_t chosen(const void *tree, const char *property)
{
	int bytes, node = fdt_path_offset(tree, "/chosen");
	const fdt32_t *value = node < 0 ? NULL : fdt_getprop(tree, node, property, &bytes);

	return value == NULL || (bytes != 4 && bytes != 8) ? 0 : number(value, bytes / 4);
}

static void take_archive(const void *tree)
{
	uint64_t base = chosen(tree, "linux,initrd-start"), end = chosen(tree, "linux,initrd-end");
	uint64_t bytes;

	if (base == 0 || end <= base)
		return;
	bytes = walk_archive(base, end - base, false);
	uint32_t archive = raw_count;
	add_range(base, bytes, BOOT_MEM_LOADER);
	fill_set_memory(&info, raw, raw_count);
	(void)walk_archive(base, bytes, true);
	if (archive < raw_count)
		raw[archive].size = 0;
	fill_set_memory(&info, raw, raw_count);
}

struct bootinfo *opal_main(const void *tree)
{
	fill_init(&info, BOOT_OPAL);
	if (fdt_check_header(tree) != 0 || fdt_totalsize(tree) > TREE_MAX) {
		fill_note(&info, "the firmware's device tree", "it is damaged");
		return &info;
	}
	info.fdt = (uint64_t)(uintptr_t)tree;
	info.image_base = (uint64_t)(uintptr_t)image_start;
	info.image_size = (uint64_t)(image_end - image_start);
	read_memory(tree);
	read_reservations(tree);
	add_range(0, OPAL_VECTORS_BYTES, BOOT_MEM_LOADER);
	add_range(info.image_base, info.image_size, BOOT_MEM_LOADER);
	add_range(info.fdt, page_up(fdt_totalsize(tree)) + BOOT_PAGE, BOOT_MEM_LOADER);
	fill_set_memory(&info, raw, raw_count);
	take_archive(tree);
	return &info;
}
