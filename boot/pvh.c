/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH entry in C: from the start information and one cpio archive to struct bootinfo and the
 * tables of boot/handover_x86.h. Pages are taken from the top of the usable memory below 4 GiB,
 * each by adding a loader range to the firmware's list and normalising again.
 *
 * What is needed only until the hand-over lies in .bss..boot, like pvh.S itself: the final map
 * calls it usable, and the archive too, once its files have been copied out.
 */
#include "boot/pvh.h"

#include <stdbool.h>
#include <stddef.h>

#include "boot/bootinfo.h"
#include "boot/bytes.h"
#include "boot/cpio.h"
#include "boot/fill.h"
#include "boot/handover_x86.h"
#include "boot/memmap.h"
#include "boot/serial_x86.h"

#define FIRMWARE_RANGES 256u
#define OWN_RANGES                                                                    \
	(3u + BOOT_MAX_MODULES + 2u) /* boot part, image, archive; modules; hand-over \
				      */
#define GIB4 (UINT64_C(4) << 30)
#define BOOT_ONLY __attribute__((section(".bss..boot")))

enum { E820_RAM = 1, E820_ACPI = 3, E820_NVS = 4 };

/* arch/x86/link.ld. The boot part's addresses are physical, the image's linked. */
extern char boot_start[], boot_end[];
extern char image_start[], image_end[];
extern char image_text_start[], image_text_end[];
extern char image_rodata_start[], image_rodata_end[];
extern char image_data_start[], image_data_end[];
extern char entry[];

BOOT_ONLY static struct boot_range raw[FIRMWARE_RANGES + OWN_RANGES];
BOOT_ONLY static uint32_t raw_count;
BOOT_ONLY static struct bootinfo info;
BOOT_ONLY static struct handover handover;

_Noreturn static void stop(const char *cause)
{
	serial_write("boot: ");
	serial_write(cause);
	serial_write("; the machine stops here.\r\n");
	serial_exit_failed();
	for (;;)
		__asm__ volatile("cli; hlt");
}

static uint64_t linked(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

static uint64_t image_physical(const char *symbol)
{
	return linked(symbol) - HANDOVER_LINK_FLOOR;
}

/* The low 4 GiB are all that is mapped here. */
static bool reachable(uint64_t at, uint64_t bytes)
{
	return at != 0 && at < GIB4 && bytes <= GIB4 - at;
}

static uint32_t add_range(uint64_t base, uint64_t size, enum boot_mem_kind kind)
{
	if (raw_count == sizeof(raw) / sizeof(raw[0]))
		stop("the memory map has too many ranges");
	raw[raw_count] = (struct boot_range){ .base = base, .size = size, .kind = (uint32_t)kind };
	return raw_count++;
}

static void read_firmware_map(const struct pvh_start *start)
{
	const struct pvh_range *r = (const void *)(uintptr_t)start->ranges;

	if (start->magic != PVH_MAGIC)
		stop("the start information has a wrong magic number");
	if (start->version < 1 || start->range_count == 0)
		stop("the start information has no memory map");
	if (start->range_count > FIRMWARE_RANGES ||
	    !reachable(start->ranges, start->range_count * sizeof(*r)))
		stop("the memory map of the start information is out of reach");
	for (uint32_t i = 0; i < start->range_count; i++) {
		enum boot_mem_kind kind = BOOT_MEM_RESERVED;

		if (r[i].type == E820_RAM)
			kind = BOOT_MEM_USABLE;
		else if (r[i].type == E820_ACPI || r[i].type == E820_NVS)
			kind = BOOT_MEM_ACPI;
		(void)add_range(r[i].base, r[i].size, kind);
	}
}

/* Whole zeroed pages for `size` bytes, marked as the loader's; 0 if there is no room. */
static uint64_t take_memory(uint64_t size)
{
	uint64_t bytes = page_up(size == 0 ? 1 : size);
	uint64_t at = memmap_find_high(info.ranges, info.range_count, bytes, GIB4);

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

static void take_modules(const void *archive, size_t bytes)
{
	struct cpio c = cpio_open(archive, bytes);
	enum cpio_answer answer;
	struct cpio_file file;
	const char *cause;

	while ((answer = cpio_next(&c, &file, &cause)) == CPIO_FILE) {
		cause = take_module(&file);
		if (cause != NULL)
			fill_note(&info, file.name, cause);
	}
	if (answer == CPIO_DAMAGED)
		fill_note(&info, "the archive of modules is damaged", cause);
}

static void take_archive(const struct pvh_module *module, uint32_t range)
{
	if (!memmap_covers(info.ranges, info.range_count, module->base, module->size,
			   BOOT_MEM_USABLE) ||
	    !reachable(module->base, module->size)) {
		fill_note(&info, "the archive of modules", "it does not lie in usable memory");
		return;
	}
	raw[range].base = module->base;
	raw[range].size = module->size;
	fill_set_memory(&info, raw, raw_count);
	take_modules((const void *)(uintptr_t)module->base, (size_t)module->size);
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
	handover.image_base = image_physical(image_start);
	handover.entry = linked(entry);
	add_segment(image_text_start, image_text_end, false, true);
	add_segment(image_rodata_start, image_rodata_end, false, false);
	add_segment(image_data_start, image_data_end, true, false);
	info.image_base = handover.image_base;
	info.image_size = handover.link_end - handover.link_base;
}

static void prepare_handover(void)
{
	handover.top = memmap_top(info.ranges, info.range_count);
	if (handover.top > HANDOVER_LINEAR_MAX)
		stop("there is memory beyond the 64 TiB that can be mapped");
	handover.gigabyte_pages = handover_has_gigabyte_pages();
	handover.pool = take_memory(handover_pages(&handover) * BOOT_PAGE);
	handover.bootinfo = take_memory(sizeof(info));
	if (handover.pool == 0 || handover.bootinfo == 0)
		stop("there is not enough memory for the first page tables");
	handover_build(&handover);
}

_Noreturn void pvh_main(uint32_t start_address)
{
	const struct pvh_start *start = (const void *)(uintptr_t)start_address;
	struct pvh_module archive = { .base = 0 };
	uint32_t own, boot_part;

	fill_init(&info, BOOT_PVH);
	read_firmware_map(start);
	if (start->module_count > 0 && reachable(start->modules, sizeof(archive)))
		memcpy(&archive, (const void *)(uintptr_t)start->modules, sizeof(archive));
	info.rsdp = start->rsdp;

	describe_image();
	(void)add_range(info.image_base, info.image_size, BOOT_MEM_LOADER);
	boot_part = add_range(linked(boot_start), linked(boot_end) - linked(boot_start),
			      BOOT_MEM_LOADER);
	own = add_range(0, 0, BOOT_MEM_LOADER);
	fill_set_memory(&info, raw, raw_count);
	if (archive.size != 0)
		take_archive(&archive, own);
	prepare_handover();

	raw[boot_part].size = 0;
	raw[own].size = 0;
	fill_set_memory(&info, raw, raw_count);
	memcpy((void *)(uintptr_t)handover.bootinfo, &info, sizeof(info));
	handover_jump(&handover);
}
