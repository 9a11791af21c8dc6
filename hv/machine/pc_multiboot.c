/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot (the "Multiboot Specification", version 0.6.96): a header in the first 8 KiB says how
 * the image is loaded, by its ELF headers or by the addresses in the header itself. It is entered
 * in flat protected mode with eax = the loader's magic and ebx = the information structure.
 *
 * Modules lie behind the kernel, whole pages each; the first is the initrd, if one is given. The
 * command line begins with the image's name and a module's string is its name, as loaders do it. A
 * wish for a video mode (flag 2) is not met and not refused: the information's flags tell the
 * kernel.
 */
#include <string.h>

#include "hv/machine/elf_image.h"
#include "hv/machine/le.h"
#include "hv/machine/pc.h"

#define HEADER_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u
#define SEARCHED 8192u
#define HEADER_BYTES 12u
#define HEADER_ADDRESS_BYTES 32u

#define WANTS_KNOWN 0x0007u /* aligned modules, memory information, a video mode */
#define WANTS_MUST 0xffffu  /* what a loader must understand */
#define HAS_ADDRESSES 0x10000u

#define INFO_BYTES 120u
#define INFO_MEMORY 0x001u
#define INFO_CMDLINE 0x004u
#define INFO_MODULES 0x008u
#define INFO_MAP 0x040u
#define INFO_LOADER 0x200u
#define MODULE_BYTES 16u
#define MAP_ENTRY_BYTES 24u
#define MODULES 33u
#define LOADER_NAME "Tenure"

typedef unsigned long long ull;

struct multiboot {
	const uint8_t *file;
	uint64_t bytes;
	uint64_t header; /* file offset */
	uint32_t flags;
	bool by_elf;
	struct elf_image elf;
	/* With addresses in the header: one piece. */
	uint64_t from, load, load_bytes, memory_bytes;
	uint64_t entry;
	bool entry_inside;
	uint64_t kernel_end;
	unsigned modules;
	struct {
		const struct vm_file *file;
		uint64_t at, name_at;
	} module[MODULES];
	uint64_t info, map, list, line, loader_name;
};

/* ---- The header --------------------------------------------------------------------------------
 */

enum found { FOUND_NONE, FOUND_DAMAGED, FOUND_GOOD };

/* The first header whose checksum is right, else the first magic number. */
static enum found find_header(const struct vm_file *f, uint64_t *at)
{
	const uint8_t *p = f->data;
	uint64_t end = f->bytes < SEARCHED ? f->bytes : SEARCHED;
	enum found found = FOUND_NONE;

	for (uint64_t i = 0; i + HEADER_BYTES <= end; i += 4) {
		if (le32(p + i) != HEADER_MAGIC)
			continue;
		if (le32(p + i) + le32(p + i + 4) + le32(p + i + 8) == 0) {
			*at = i;
			return FOUND_GOOD;
		}
		if (found == FOUND_NONE)
			*at = i;
		found = FOUND_DAMAGED;
	}
	return found;
}

bool pc_is_multiboot(const struct vm_file *f)
{
	uint64_t at;

	return find_header(f, &at) != FOUND_NONE;
}

static enum result read_header(struct pc_load *l, struct multiboot *m)
{
	enum found found = find_header(&l->image->kernel, &m->header);
	const uint8_t *h = m->file + m->header;

	if (found == FOUND_NONE)
		return pc_refuse(l, "the image has no Multiboot header in its first 8 KiB");
	if (found == FOUND_DAMAGED)
		return pc_refuse(l,
				 "the Multiboot header at %#llx is damaged: magic, flags %#x and "
				 "checksum %#x do not add up to 0",
				 (ull)m->header, le32(h + 4), le32(h + 8));
	m->flags = le32(h + 4);
	if (m->flags & WANTS_MUST & ~WANTS_KNOWN)
		return pc_refuse(
			l, "the Multiboot image requires features %#x, of which %#x are unknown",
			m->flags & WANTS_MUST, m->flags & WANTS_MUST & ~WANTS_KNOWN);
	m->by_elf = !(m->flags & HAS_ADDRESSES);
	if (!m->by_elf && m->header + HEADER_ADDRESS_BYTES > m->bytes)
		return pc_refuse(
			l,
			"the Multiboot header at %#llx is cut off by the file's end (%llu bytes)",
			(ull)m->header, (ull)m->bytes);
	return OK;
}

/* ---- The kernel --------------------------------------------------------------------------------
 */

static enum result claim_piece(struct pc_load *l, struct multiboot *m, uint64_t start,
			       uint64_t bytes, uint64_t file_bytes)
{
	if (start + bytes > m->kernel_end)
		m->kernel_end = start + bytes;
	if (m->entry >= start && m->entry - start < file_bytes)
		m->entry_inside = true;
	if (start >= PC_4G)
		return pc_refuse(l, "the Multiboot image has a segment at %#llx, above 4 GiB",
				 (ull)start);
	return pc_claim(l, start, bytes, "a segment of the kernel");
}

/* The a.out kludge: where the pieces of the file go stands in the header. */
static enum result claim_by_addresses(struct pc_load *l, struct multiboot *m)
{
	const uint8_t *h = m->file + m->header;
	uint32_t header_addr = le32(h + 12), load = le32(h + 16), load_end = le32(h + 20);
	uint32_t bss_end = le32(h + 24);

	if (load > header_addr || header_addr - load > m->header)
		return pc_refuse(
			l,
			"the Multiboot header is damaged: it lies at %#llx in the file and says "
			"address %#x, with the load address %#x",
			(ull)m->header, header_addr, load);
	m->from = m->header - (header_addr - load);
	m->load = load;
	m->load_bytes = m->bytes - m->from;
	if (load_end && (load_end < load || load_end - load > m->load_bytes))
		return pc_refuse(
			l,
			"the Multiboot header is damaged: load addresses %#x to %#x of a file "
			"that has %llu bytes from there",
			load, load_end, (ull)m->load_bytes);
	if (load_end)
		m->load_bytes = load_end - load;
	m->memory_bytes = m->load_bytes;
	if (bss_end && bss_end < load + m->load_bytes)
		return pc_refuse(
			l,
			"the Multiboot header is damaged: its zeros end at %#x, before the "
			"loaded part's end %#llx",
			bss_end, (ull)load + m->load_bytes);
	if (bss_end)
		m->memory_bytes = bss_end - load;
	m->entry = le32(h + 28);
	return claim_piece(l, m, m->load, m->memory_bytes, m->load_bytes);
}

static enum result claim_by_elf(struct pc_load *l, struct multiboot *m)
{
	if (!elf_is(m->file, m->bytes))
		return pc_refuse(l,
				 "the Multiboot image is no ELF file, and its header (flags %#x) "
				 "gives no addresses",
				 m->flags);
	if (!elf_open(&m->elf, m->file, m->bytes, l->why, l->why_bytes))
		return BAD_ARGUMENT;
	m->entry = elf_physical_entry(&m->elf);
	for (unsigned i = 0; i < m->elf.segments; i++) {
		struct elf_segment s = elf_segment(&m->elf, i);
		enum result r;

		if (s.type != ELF_LOAD)
			continue;
		r = claim_piece(l, m, s.paddr, s.memory_bytes, s.file_bytes);
		if (r != OK)
			return r;
	}
	return OK;
}

static enum result claim_kernel(struct pc_load *l, struct multiboot *m)
{
	enum result r = m->by_elf ? claim_by_elf(l, m) : claim_by_addresses(l, m);

	if (r == OK && !m->entry_inside)
		return pc_refuse(l,
				 "the Multiboot image's entry %#llx lies in nothing that is loaded",
				 (ull)m->entry);
	return r;
}

/* ---- Modules and information -------------------------------------------------------------------
 */

static const char *name_of(const struct vm_file *f)
{
	return f->name ? f->name : "";
}

static enum result place_modules(struct pc_load *l, struct multiboot *m)
{
	const struct vm_image *image = l->image;
	uint64_t low = m->kernel_end > PC_HIGH_RAM ? m->kernel_end : PC_HIGH_RAM;

	if (image->initrd.data)
		m->module[m->modules++].file = &image->initrd;
	if (image->module_count > MODULES - m->modules)
		return pc_refuse(l, "%u modules are too many; %u can be given", image->module_count,
				 MODULES - m->modules);
	for (unsigned i = 0; i < image->module_count; i++)
		m->module[m->modules++].file = &image->modules[i];
	for (unsigned i = 0; i < m->modules; i++) {
		enum result r = pc_place_low(l, m->module[i].file->bytes, PAGE_SIZE, low,
					     PC_BELOW_4G, "a module", &m->module[i].at);

		if (r != OK)
			return r;
	}
	return OK;
}

/* "name arguments" */
static uint64_t line_bytes(const struct pc_load *l)
{
	return strlen(name_of(&l->image->kernel)) + 1 + strlen(pc_cmdline(l)) + 1;
}

static enum result place_info(struct pc_load *l, struct multiboot *m)
{
	uint64_t bytes = INFO_BYTES, base = 0;
	enum result r;

	m->map = bytes;
	bytes += PC_MAP_ENTRIES * MAP_ENTRY_BYTES;
	m->list = bytes;
	bytes += m->modules * MODULE_BYTES;
	m->line = bytes;
	bytes += line_bytes(l);
	m->loader_name = bytes;
	bytes += sizeof(LOADER_NAME);
	for (unsigned i = 0; i < m->modules; i++) {
		m->module[i].name_at = bytes;
		bytes += strlen(name_of(m->module[i].file)) + 1;
	}
	r = pc_place(l, bytes, 16, PC_TABLES, PC_TABLES_END, "the Multiboot information", &base);
	m->info = base;
	m->map += base;
	m->list += base;
	m->line += base;
	m->loader_name += base;
	for (unsigned i = 0; i < m->modules; i++)
		m->module[i].name_at += base;
	return r;
}

static enum result write_image(struct pc_load *l, const struct multiboot *m)
{
	enum result r = OK;

	if (!m->by_elf)
		r = pc_put(l, m->load, m->file + m->from, m->load_bytes);
	for (unsigned i = 0; m->by_elf && r == OK && i < m->elf.segments; i++) {
		struct elf_segment s = elf_segment(&m->elf, i);

		if (s.type == ELF_LOAD)
			r = pc_put(l, s.paddr, m->file + s.offset, s.file_bytes);
	}
	for (unsigned i = 0; r == OK && i < m->modules; i++)
		r = pc_put(l, m->module[i].at, m->module[i].file->data, m->module[i].file->bytes);
	return r;
}

static enum result write_strings(struct pc_load *l, const struct multiboot *m)
{
	const char *name = name_of(&l->image->kernel), *line = pc_cmdline(l);
	enum result r = pc_put(l, m->line, name, strlen(name));

	if (r == OK)
		r = pc_put(l, m->line + strlen(name), " ", 1);
	if (r == OK)
		r = pc_put(l, m->line + strlen(name) + 1, line, strlen(line) + 1);
	if (r == OK)
		r = pc_put(l, m->loader_name, LOADER_NAME, sizeof(LOADER_NAME));
	for (unsigned i = 0; r == OK && i < m->modules; i++) {
		const char *module = name_of(m->module[i].file);

		r = pc_put(l, m->module[i].name_at, module, strlen(module) + 1);
	}
	return r;
}

/* Returns how many bytes of the memory map are filled. */
static unsigned fill_map(const struct pc_load *l, uint8_t *out)
{
	struct pc_map_entry map[PC_MAP_ENTRIES];
	unsigned entries = pc_memory_map(l, map);

	for (unsigned i = 0; i < entries; i++) {
		uint8_t *e = out + (size_t)i * MAP_ENTRY_BYTES;

		put_le32(e, MAP_ENTRY_BYTES - 4); /* the size field does not count itself */
		put_le64(e + 4, map[i].base);
		put_le64(e + 12, map[i].bytes);
		put_le32(e + 20, map[i].type);
	}
	return entries * MAP_ENTRY_BYTES;
}

static enum result write_info(struct pc_load *l, const struct multiboot *m)
{
	uint8_t block[INFO_BYTES + PC_MAP_ENTRIES * MAP_ENTRY_BYTES + MODULES * MODULE_BYTES] = {
		0
	};
	unsigned map_bytes = fill_map(l, block + INFO_BYTES);

	put_le32(block, INFO_MEMORY | INFO_CMDLINE | INFO_MAP | INFO_LOADER |
				(m->modules ? INFO_MODULES : 0));
	put_le32(block + 4, (uint32_t)(PC_LOW_RAM_END >> 10));
	put_le32(block + 8, (uint32_t)((l->ram_end - PC_HIGH_RAM) >> 10));
	put_le32(block + 16, (uint32_t)m->line);
	put_le32(block + 20, m->modules);
	put_le32(block + 24, m->modules ? (uint32_t)m->list : 0);
	put_le32(block + 44, map_bytes);
	put_le32(block + 48, (uint32_t)m->map);
	put_le32(block + 64, (uint32_t)m->loader_name);
	for (unsigned i = 0; i < m->modules; i++) {
		uint8_t *e = block + (m->list - m->info) + (size_t)i * MODULE_BYTES;

		put_le32(e, (uint32_t)m->module[i].at);
		put_le32(e + 4, (uint32_t)(m->module[i].at + m->module[i].file->bytes));
		put_le32(e + 8, (uint32_t)m->module[i].name_at);
	}
	return pc_put(l, m->info, block, m->line - m->info);
}

enum result pc_load_multiboot(struct pc_load *l, struct vcpu_start *start)
{
	struct multiboot m = { .file = l->image->kernel.data, .bytes = l->image->kernel.bytes };
	enum result r = read_header(l, &m);

	if (r == OK)
		r = claim_kernel(l, &m);
	if (r == OK)
		r = place_modules(l, &m);
	if (r == OK)
		r = place_info(l, &m);
	if (r == OK)
		r = write_image(l, &m);
	if (r == OK)
		r = write_info(l, &m);
	if (r == OK)
		r = write_strings(l, &m);
	if (r != OK)
		return r;
	*start = (struct vcpu_start){ .mode = VCPU_FLAT32,
				      .entry = gpa(m.entry),
				      .arg = { LOADER_MAGIC, m.info, 0, 0 } };
	return OK;
}
