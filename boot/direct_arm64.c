/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct entry in C: from QEMU's device tree and one cpio archive to struct bootinfo and the
 * tables of boot/handover_arm64.h. It runs at its physical address without an MMU: every access
 * is aligned (-mstrict-align), and an address of a symbol is physical here, not as linked.
 * Pages are taken from the top of the usable memory, each by adding a loader range to the list and
 * normalising again.
 */
#include "boot/direct_arm64.h"

#include <stdbool.h>
#include <stddef.h>

#include <libfdt.h>

#include "boot/bootinfo.h"
#include "boot/bytes.h"
#include "boot/cpio.h"
#include "boot/fill.h"
#include "boot/handover_arm64.h"
#include "boot/memmap.h"
#include "boot/serial_arm64.h"
#include "boot/words.h"

#define FIRMWARE_RANGES 32u
/* Image, tree, archive; modules; hand-over. */
#define OWN_RANGES (3u + BOOT_MAX_MODULES + 2u)
#define TREE_MAX (UINT64_C(1) << 20)

extern char image_start[], image_end[];
extern char image_text_start[], image_text_end[];
extern char image_rodata_start[], image_rodata_end[];
extern char image_data_start[], image_data_end[];
extern char entry[];

static struct boot_range raw[FIRMWARE_RANGES + OWN_RANGES];
static uint32_t raw_count;
static struct bootinfo info;
static struct handover handover;

_Noreturn static void stop(const char *cause)
{
	serial_write("boot: ");
	serial_write(cause);
	serial_write("; the machine stops here.\r\n");
	handover_power_off();
	for (;;)
		__asm__ volatile("wfi");
}

static uint64_t physical(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

static uint64_t linked(const char *symbol)
{
	return physical(symbol) - physical(image_start) + HANDOVER_LINK_BASE;
}

static uint32_t add_range(uint64_t base, uint64_t size, enum boot_mem_kind kind)
{
	if (raw_count == sizeof(raw) / sizeof(raw[0]))
		stop("the memory map has too many ranges");
	raw[raw_count] = (struct boot_range){ .base = base, .size = size, .kind = (uint32_t)kind };
	return raw_count++;
}

static uint64_t number(const fdt32_t *cells, int count)
{
	uint64_t n = 0;

	while (count-- > 0)
		n = n << 32 | fdt32_to_cpu(*cells++);
	return n;
}

/* One node of device_type "memory": its reg is a list of bases and sizes. */
static void read_memory(const void *tree, int node, int address_cells, int size_cells)
{
	int bytes, step = address_cells + size_cells;
	const fdt32_t *reg = fdt_getprop(tree, node, "reg", &bytes);

	for (int left = bytes / 4; reg != NULL && left >= step; left -= step, reg += step)
		(void)add_range(number(reg, address_cells), number(reg + address_cells, size_cells),
				BOOT_MEM_USABLE);
}

static void read_tree(const void *tree)
{
	int address_cells, size_cells;

	if (fdt_check_header(tree) != 0 || fdt_totalsize(tree) > TREE_MAX)
		stop("there is no device tree at the base of RAM; is this QEMU's virt machine, "
		     "and does the image lie above it?");
	address_cells = fdt_address_cells(tree, 0);
	size_cells = fdt_size_cells(tree, 0);
	if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
		stop("the device tree's addresses are of no known size");
	for (int node = fdt_first_subnode(tree, 0); node >= 0;
	     node = fdt_next_subnode(tree, node)) {
		int bytes;
		const char *type = fdt_getprop(tree, node, "device_type", &bytes);

		if (type != NULL && bytes == 7 && memcmp(type, "memory", 7) == 0)
			read_memory(tree, node, address_cells, size_cells);
	}
	if (raw_count == 0)
		stop("the device tree names no memory");
}

/* Whole zeroed pages for `size` bytes, marked as the loader's; 0 if there is no room. */
static uint64_t take_memory(uint64_t size)
{
	uint64_t bytes = page_up(size == 0 ? 1 : size);
	uint64_t at = memmap_find_high(info.ranges, info.range_count, bytes, HANDOVER_LINEAR_MAX);

	if (at == 0)
		return 0;
	memset((void *)(uintptr_t)at, 0, (size_t)bytes);
	(void)add_range(at, bytes, BOOT_MEM_LOADER);
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

/* Notes the damage behind the file `last` (NULL: at the front). */
static void note_damage(const char *last, const char *cause)
{
	char what[BOOT_ERROR_BYTES];
	struct words w = words_in(what, sizeof(what));

	words_add(&w, "the archive of modules is ");
	words_add(&w, last == NULL ? "damaged" : "cut or damaged behind ");
	words_add(&w, last == NULL ? "" : last);
	fill_note(&info, what, cause);
}

/*
 * Looks through the whole archive before anything is taken out of it: how long it should be nobody
 * says, and where one has been cut the bytes behind it in memory would pass for the rest of a file.
 * Its length, or 0 if it is damaged, which is noted.
 */
static uint64_t measure_archive(uint64_t base, uint64_t room)
{
	struct cpio c = cpio_open((const void *)(uintptr_t)base, (size_t)room);
	const char *last = NULL, *cause;
	enum cpio_answer answer;
	struct cpio_file file;

	while ((answer = cpio_next(&c, &file, &cause)) == CPIO_FILE)
		last = file.name;
	if (answer == CPIO_END)
		return c.at;
	note_damage(last, cause);
	return 0;
}

static void take_modules(uint64_t base, uint64_t bytes)
{
	struct cpio c = cpio_open((const void *)(uintptr_t)base, (size_t)bytes);
	struct cpio_file file;
	const char *cause;

	while (cpio_next(&c, &file, &cause) == CPIO_FILE) {
		cause = take_module(&file);
		if (cause != NULL)
			fill_note(&info, file.name, cause);
	}
}

/* Usable bytes from `base` on. */
static uint64_t room_at(uint64_t base)
{
	for (uint32_t i = 0; i < info.range_count; i++) {
		const struct boot_range *r = &info.ranges[i];

		if (r->kind == BOOT_MEM_USABLE && base >= r->base && base - r->base < r->size)
			return r->size - (base - r->base);
	}
	return 0;
}

static void take_archive(uint32_t range)
{
	const void *magic = (const void *)(uintptr_t)DIRECT_ARCHIVE;
	uint64_t room = room_at(DIRECT_ARCHIVE), bytes;

	if (room < 6 || memcmp(magic, "070701", 6) != 0)
		return;
	bytes = measure_archive(DIRECT_ARCHIVE, room);
	if (bytes == 0)
		return;
	raw[range] = (struct boot_range){ .base = DIRECT_ARCHIVE,
					  .size = bytes,
					  .kind = BOOT_MEM_LOADER };
	fill_set_memory(&info, raw, raw_count);
	take_modules(DIRECT_ARCHIVE, bytes);
}

static void add_segment(const char *start, const char *end, bool write, bool execute)
{
	if (start == end)
		return;
	handover.segments[handover.segment_count++] = (struct handover_segment){
		.link = linked(start),
		.bytes = linked(end) - linked(start),
		.write = write,
		.execute = execute,
	};
}

static void describe_image(void)
{
	handover.link_base = linked(image_start);
	handover.link_end = linked(image_end);
	handover.image_base = physical(image_start);
	handover.entry = linked(entry);
	add_segment(image_text_start, image_text_end, false, true);
	add_segment(image_rodata_start, image_rodata_end, false, false);
	add_segment(image_data_start, image_data_end, true, false);
	info.image_base = handover.image_base;
	info.image_size = handover.link_end - handover.link_base;
}

static void prepare_handover(void)
{
	if (memmap_top(info.ranges, info.range_count) > HANDOVER_LINEAR_MAX)
		stop("there is memory beyond the 32 TiB that can be mapped");
	handover.ranges = info.ranges;
	handover.range_count = info.range_count;
	/* The two ranges that are taken now split one. */
	handover.pool = take_memory((handover_pages(&handover) + 16) * BOOT_PAGE);
	handover.bootinfo = take_memory(sizeof(info));
	if (handover.pool == 0 || handover.bootinfo == 0)
		stop("there is not enough memory for the first page tables");
	handover.range_count = info.range_count;
	handover_build(&handover);
}

_Noreturn void direct_main(void)
{
	const void *tree = (const void *)(uintptr_t)DIRECT_RAM;
	const char *cause = handover_unfit();
	uint32_t archive;

	if (cause != NULL)
		stop(cause);
	fill_init(&info, BOOT_DIRECT);
	read_tree(tree);
	info.fdt = DIRECT_RAM;
	describe_image();
	(void)add_range(info.image_base, info.image_size, BOOT_MEM_LOADER);
	(void)add_range(DIRECT_RAM, page_up(fdt_totalsize(tree)), BOOT_MEM_LOADER);
	archive = add_range(0, 0, BOOT_MEM_LOADER);
	fill_set_memory(&info, raw, raw_count);
	take_archive(archive);
	prepare_handover();

	raw[archive].size = 0;
	fill_set_memory(&info, raw, raw_count);
	memcpy((void *)(uintptr_t)handover.bootinfo, &info, sizeof(info));
	handover_jump(&handover);
}
