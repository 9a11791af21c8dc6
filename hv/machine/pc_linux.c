/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzImages: the Linux/x86 boot protocol (the kernel's Documentation/arch/x86/boot.rst and
 * zero-page.rst, texts only), entered in 64-bit mode or in 32-bit mode. Nothing here is special to
 * Linux: any image with such a header will do. What is required of it: 32-bit entry: protocol 2.06
 * or later, LOADED_HIGH. 64-bit entry: protocol 2.12 or later, LOADED_HIGH, XLF_KERNEL_64.
 *
 * A relocatable image is loaded at its pref_address (before 2.10, or without one: at the first
 * aligned address from 1 MiB), any other at 1 MiB; an image that is not relocatable and whose
 * code32_start lies behind what would so be loaded goes to code32_start instead.
 */
#include <string.h>

#include "hv/machine/le.h"
#include "hv/machine/pc.h"

/* Offsets in the file, and in struct boot_params alike. */
enum {
	ALT_MEM_K = 0x1e0,
	E820_COUNT = 0x1e8,
	SETUP_SECTS = 0x1f1,
	SYSSIZE = 0x1f4,
	VID_MODE = 0x1fa,
	BOOT_FLAG = 0x1fe,
	JUMP_OFFSET = 0x201,
	MAGIC = 0x202,
	VERSION = 0x206,
	LOADER_TYPE = 0x210,
	LOADFLAGS = 0x211,
	CODE32_START = 0x214,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	INITRD_ADDR_MAX = 0x22c,
	KERNEL_ALIGNMENT = 0x230,
	RELOCATABLE = 0x234,
	XLOADFLAGS = 0x236,
	CMDLINE_SIZE = 0x238,
	PAYLOAD_OFFSET = 0x248,
	PAYLOAD_LENGTH = 0x24c,
	SETUP_DATA = 0x250,
	PREF_ADDRESS = 0x258,
	INIT_SIZE = 0x260,
	HEADER_END = 0x290, /* room for the header in boot_params */
	E820_TABLE = 0x2d0,
};

#define BOOT_PARAMS_BYTES 4096u
#define E820_BYTES 20u
#define SECTOR 512u
#define LOADED_HIGH 0x01u
#define XLF_KERNEL_64 0x01u
#define LOADER_UNASSIGNED 0xffu
#define VID_NORMAL 0xffffu
#define ENTRY64 0x200u

/* One page of top tables, one of 1 GiB entries, four of 2 MiB entries: the first 4 GiB. */
#define TABLE_PAGES 6u
#define TABLE_LINK 0x03u /* present, writable */
#define TABLE_LEAF 0x83u /* present, writable, large */

typedef unsigned long long ull;

struct bzimage {
	const uint8_t *file;
	uint64_t bytes;
	unsigned version;
	uint64_t header_end;
	uint64_t setup_bytes;  /* boot sector and real-mode code: not loaded */
	uint64_t kernel_bytes; /* what is loaded */
	bool relocatable;
	uint64_t alignment; /* a power of two */
	uint64_t preferred; /* 0: none */
	uint64_t init_bytes;
	uint64_t initrd_end; /* exclusive */
	uint64_t cmdline_bytes;
	uint64_t code32;

	/* Where things go. */
	uint64_t load, entry32, initrd, params, cmdline, gdt, tables;
};

bool pc_is_linux(const struct vm_file *f, bool *wide)
{
	const uint8_t *p = f->data;

	if (f->bytes < HEADER_END || memcmp(p + MAGIC, "HdrS", 4) != 0)
		return false;
	*wide = le16(p + VERSION) >= 0x20c && (p[XLOADFLAGS] & XLF_KERNEL_64);
	return true;
}

/* ---- Checking ----------------------------------------------------------------------------------
 */

static enum result check_magic(struct pc_load *l, struct bzimage *b, bool wide)
{
	unsigned least = wide ? 0x20cu : 0x206u;
	uint64_t needed;

	if (b->bytes < HEADER_END)
		return pc_refuse(l,
				 "the image of %llu bytes is shorter than a Linux setup header "
				 "(%u bytes)",
				 (ull)b->bytes, HEADER_END);
	if (memcmp(b->file + MAGIC, "HdrS", 4) != 0)
		return pc_refuse(l, "the image has no \"HdrS\" at %#x: it is no bzImage", MAGIC);
	if (le16(b->file + BOOT_FLAG) != 0xaa55)
		return pc_refuse(l,
				 "the bzImage is damaged: boot flag %#x at %#x instead of 0xaa55",
				 le16(b->file + BOOT_FLAG), BOOT_FLAG);
	b->version = le16(b->file + VERSION);
	if (b->version < least)
		return pc_refuse(
			l, "the bzImage has boot protocol %u.%02u; the %s entry needs %u.%02u",
			b->version >> 8, b->version & 0xff, wide ? "64-bit" : "32-bit", least >> 8,
			least & 0xff);
	b->header_end = MAGIC + b->file[JUMP_OFFSET];
	needed = b->version >= 0x20a ? INIT_SIZE + 4u : CMDLINE_SIZE + 4u;
	if (b->header_end < needed)
		return pc_refuse(
			l,
			"the bzImage is damaged: its setup header ends at %#llx, but one of "
			"protocol %u.%02u ends at %#llx or later",
			(ull)b->header_end, b->version >> 8, b->version & 0xff, (ull)needed);
	if (b->header_end > HEADER_END)
		b->header_end = HEADER_END;
	if (!(b->file[LOADFLAGS] & LOADED_HIGH))
		return pc_refuse(l, "the image is a zImage (load flags %#x without LOADED_HIGH)",
				 b->file[LOADFLAGS]);
	if (wide && !(b->file[XLOADFLAGS] & XLF_KERNEL_64))
		return pc_refuse(l, "the bzImage has no 64-bit entry (xloadflags %#x)",
				 le16(b->file + XLOADFLAGS));
	return OK;
}

/* What of the file is the kernel, and is it all there? */
static enum result check_sizes(struct pc_load *l, struct bzimage *b)
{
	unsigned sectors = b->file[SETUP_SECTS] ? b->file[SETUP_SECTS] : 4;
	uint64_t said = (uint64_t)le32(b->file + SYSSIZE) * 16;
	uint64_t payload, length;

	b->setup_bytes = (uint64_t)(sectors + 1) * SECTOR;
	if (b->setup_bytes >= b->bytes)
		return pc_refuse(l,
				 "the bzImage is cut off: its kernel begins at byte %llu, the file "
				 "has %llu",
				 (ull)b->setup_bytes, (ull)b->bytes);
	b->kernel_bytes = b->bytes - b->setup_bytes;
	if (said > b->kernel_bytes)
		return pc_refuse(l,
				 "the bzImage is cut off: its kernel has %llu bytes, the file "
				 "holds %llu of them",
				 (ull)said, (ull)b->kernel_bytes);
	if (b->version < 0x208)
		return OK;
	payload = le32(b->file + PAYLOAD_OFFSET);
	length = le32(b->file + PAYLOAD_LENGTH);
	if (payload + length > b->kernel_bytes)
		return pc_refuse(
			l,
			"the bzImage is damaged: its payload of %llu bytes at %#llx reaches "
			"past the kernel's %llu bytes",
			(ull)length, (ull)payload, (ull)b->kernel_bytes);
	return OK;
}

static enum result check_placement(struct pc_load *l, struct bzimage *b)
{
	b->relocatable = b->file[RELOCATABLE] != 0;
	b->alignment = le32(b->file + KERNEL_ALIGNMENT);
	b->initrd_end = (uint64_t)le32(b->file + INITRD_ADDR_MAX) + 1;
	b->cmdline_bytes = le32(b->file + CMDLINE_SIZE);
	b->code32 = le32(b->file + CODE32_START);
	if (b->version >= 0x20a) {
		b->preferred = le64(b->file + PREF_ADDRESS);
		b->init_bytes = le32(b->file + INIT_SIZE);
	}
	if (b->alignment == 0)
		b->alignment = PAGE_SIZE;
	if (b->relocatable && (b->alignment & (b->alignment - 1)))
		return pc_refuse(
			l, "the bzImage is damaged: kernel alignment %#llx is no power of two",
			(ull)b->alignment);
	if (b->preferred && b->preferred < PC_HIGH_RAM)
		return pc_refuse(l, "the bzImage wants to run at %#llx, below 1 MiB",
				 (ull)b->preferred);
	if (strlen(pc_cmdline(l)) > (b->cmdline_bytes ? b->cmdline_bytes : 255))
		return pc_refuse(l, "the command line has %llu characters; the kernel takes %llu",
				 (ull)strlen(pc_cmdline(l)),
				 (ull)(b->cmdline_bytes ? b->cmdline_bytes : 255));
	return OK;
}

/* ---- Placing -----------------------------------------------------------------------------------
 */

static uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

/* Load address and 32-bit entry. code32_start is "1 MiB + x" in the file, and moves with the image.
 */
static enum result choose_load(struct pc_load *l, struct bzimage *b)
{
	uint64_t inside;

	b->load = PC_HIGH_RAM;
	if (b->relocatable)
		b->load = b->preferred ? b->preferred : align_up(PC_HIGH_RAM, b->alignment);
	else if (b->code32 >= PC_HIGH_RAM + b->kernel_bytes)
		b->load = b->code32;
	inside = b->code32 >= PC_HIGH_RAM ? b->code32 - PC_HIGH_RAM : 0;
	b->entry32 = b->load + (inside < b->kernel_bytes ? inside : 0);
	if (b->code32 && b->code32 < PC_HIGH_RAM)
		return pc_refuse(l, "the bzImage is damaged: code32_start %#llx is below 1 MiB",
				 (ull)b->code32);
	return OK;
}

static enum result place_kernel(struct pc_load *l, struct bzimage *b)
{
	uint64_t runs_at = b->relocatable ? align_up(b->load, b->alignment)
			   : b->preferred ? b->preferred
					  : b->load;
	uint64_t end = b->load + b->kernel_bytes;

	/* It decompresses itself into init_size bytes from where it will run. */
	if (runs_at < PC_BELOW_4G && runs_at + b->init_bytes > end)
		end = runs_at + b->init_bytes;
	if (b->load >= l->ram_end || runs_at >= l->ram_end || end > l->ram_end)
		return pc_refuse(
			l,
			"the kernel needs memory at [%#llx, %#llx); the guest's RAM ends at "
			"%#llx (%llu MiB)",
			(ull)(runs_at < b->load ? runs_at : b->load), (ull)end, (ull)l->ram_end,
			(ull)(l->ram_end >> 20));
	if (runs_at < b->load)
		return pc_claim(l, runs_at, end - runs_at, "the kernel");
	return pc_claim(l, b->load, end - b->load, "the kernel");
}

static enum result place_rest(struct pc_load *l, struct bzimage *b, bool wide)
{
	enum result r = OK;

	if (l->image->initrd.data && l->image->initrd.bytes)
		r = pc_place(l, l->image->initrd.bytes, PAGE_SIZE, PC_HIGH_RAM, b->initrd_end,
			     "the initial RAM disk", &b->initrd);
	if (r == OK && wide)
		r = pc_place(l, TABLE_PAGES * PAGE_SIZE, PAGE_SIZE, PC_TABLES, PC_TABLES_END,
			     "page tables", &b->tables);
	if (r == OK)
		r = pc_place(l, BOOT_PARAMS_BYTES, PAGE_SIZE, PC_TABLES, PC_TABLES_END,
			     "the boot parameters", &b->params);
	if (r == OK)
		r = pc_place(l, PC_GDT_BYTES, 16, PC_TABLES, PC_TABLES_END, "the GDT", &b->gdt);
	if (r == OK)
		r = pc_place(l, strlen(pc_cmdline(l)) + 1, 16, PC_TABLES, PC_TABLES_END,
			     "the command line", &b->cmdline);
	return r;
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

static enum result write_params(struct pc_load *l, const struct bzimage *b)
{
	uint8_t zero_page[E820_TABLE + PC_MAP_ENTRIES * E820_BYTES] = { 0 }; /* the rest is zeros */
	struct pc_map_entry map[PC_MAP_ENTRIES];
	unsigned entries = pc_memory_map(l, map);

	/* boot.rst: zeros, and the header as the file has it; then the loader's fields. */
	memcpy(zero_page + SETUP_SECTS, b->file + SETUP_SECTS, b->header_end - SETUP_SECTS);
	zero_page[LOADER_TYPE] = LOADER_UNASSIGNED;
	put_le16(zero_page + VID_MODE, VID_NORMAL);
	put_le32(zero_page + CODE32_START, (uint32_t)b->entry32);
	put_le32(zero_page + CMD_LINE_PTR, (uint32_t)b->cmdline);
	put_le32(zero_page + RAMDISK_IMAGE, (uint32_t)b->initrd);
	put_le32(zero_page + RAMDISK_SIZE, b->initrd ? (uint32_t)l->image->initrd.bytes : 0);
	if (b->version >= 0x209)
		put_le64(zero_page + SETUP_DATA, 0);
	put_le32(zero_page + ALT_MEM_K, (uint32_t)((l->ram_end - PC_HIGH_RAM) >> 10));
	zero_page[E820_COUNT] = (uint8_t)entries;
	for (unsigned i = 0; i < entries; i++) {
		uint8_t *e = zero_page + E820_TABLE + i * E820_BYTES;

		put_le64(e, map[i].base);
		put_le64(e + 8, map[i].bytes);
		put_le32(e + 16, map[i].type);
	}
	return pc_put(l, b->params, zero_page, sizeof(zero_page));
}

/* One table: entry i is first + i * step, with `flags`. In pieces, to be gentle with the stack. */
static enum result write_table(struct pc_load *l, uint64_t at, unsigned entries, uint64_t first,
			       uint64_t step, uint64_t flags)
{
	uint8_t piece[64 * 8];
	unsigned filled = 0;
	enum result r = OK;

	for (unsigned i = 0; r == OK && i < entries; i++) {
		put_le64(piece + 8 * (size_t)filled++, (first + i * step) | flags);
		if (filled == 64 || i + 1 == entries) {
			r = pc_put(l, at + (i + 1 - filled) * UINT64_C(8), piece, filled * 8);
			filled = 0;
		}
	}
	return r;
}

/* An identity map of the first 4 GiB in 2 MiB pages, which every 64-bit processor has. */
static enum result write_tables(struct pc_load *l, uint64_t at)
{
	uint64_t third = at + PAGE_SIZE, second = at + 2 * PAGE_SIZE;
	enum result r = write_table(l, at, 1, third, 0, TABLE_LINK);

	if (r == OK)
		r = write_table(l, third, 4, second, PAGE_SIZE, TABLE_LINK);
	/* The four tables of 2 MiB entries lie one behind the other, so they are filled as one. */
	if (r == OK)
		r = write_table(l, second, 4 * 512, 0, UINT64_C(1) << 21, TABLE_LEAF);
	return r;
}

static enum result write_all(struct pc_load *l, const struct bzimage *b, bool wide)
{
	uint8_t gdt[PC_GDT_BYTES];
	enum result r = pc_put(l, b->load, b->file + b->setup_bytes, b->kernel_bytes);

	pc_gdt(gdt, wide);
	if (r == OK && b->initrd)
		r = pc_put(l, b->initrd, l->image->initrd.data, l->image->initrd.bytes);
	if (r == OK)
		r = pc_put(l, b->cmdline, pc_cmdline(l), strlen(pc_cmdline(l)) + 1);
	if (r == OK)
		r = write_params(l, b);
	if (r == OK)
		r = pc_put(l, b->gdt, gdt, sizeof(gdt));
	if (r == OK && wide)
		r = write_tables(l, b->tables);
	return r;
}

enum result pc_load_linux(struct pc_load *l, bool wide, struct vcpu_start *start)
{
	struct bzimage b = { .file = l->image->kernel.data, .bytes = l->image->kernel.bytes };
	enum result r = check_magic(l, &b, wide);

	if (r == OK)
		r = check_sizes(l, &b);
	if (r == OK)
		r = check_placement(l, &b);
	if (r == OK)
		r = choose_load(l, &b);
	if (r == OK)
		r = place_kernel(l, &b);
	if (r == OK && wide && b.kernel_bytes <= ENTRY64)
		r = pc_refuse(l,
			      "the bzImage is damaged: its kernel of %llu bytes has no room for "
			      "an entry at %#x",
			      (ull)b.kernel_bytes, ENTRY64);
	if (r == OK)
		r = place_rest(l, &b, wide);
	if (r == OK)
		r = write_all(l, &b, wide);
	if (r != OK)
		return r;
	*start = (struct vcpu_start){ .mode = wide ? VCPU_LONG64 : VCPU_FLAT32,
				      .entry = gpa(wide ? b.load + ENTRY64 : b.entry32),
				      .arg = { 0, 0, b.params, 0 },
				      .gdt = gpa(b.gdt),
				      .tables = gpa(b.tables) };
	return OK;
}
