/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH: an ELF image that names its 32-bit entry in a note (Xen's public "x86/HVM direct boot ABI"
 * document and the interface header start_info.h: struct hvm_start_info, version 1). It is entered
 * in flat protected mode with ebx = the start info. An uncompressed amd64 Linux (vmlinux) is one.
 */
#include <string.h>

#include "hv/machine/elf_image.h"
#include "hv/machine/le.h"
#include "hv/machine/pc.h"

#define NOTE_OWNER "Xen"
#define NOTE_PHYS32_ENTRY 18u
#define START_INFO_MAGIC 0x336ec578u
#define START_INFO_BYTES 56u
#define MODULE_BYTES 32u
#define MAP_ENTRY_BYTES 24u
#define MODULES 17u /* the initrd, and 16 more */

typedef unsigned long long ull;

struct pvh {
	struct elf_image elf;
	uint64_t entry;
	unsigned modules;
	struct {
		const struct vm_file *file;
		uint64_t at;
	} module[MODULES];
	uint64_t info; /* start info, memory map, module list, command line: one block */
	uint64_t info_bytes;
};

bool pc_is_pvh(const struct vm_file *f)
{
	struct elf_image e;
	uint32_t bytes;

	if (!elf_is(f->data, f->bytes))
		return false;
	/* A damaged ELF is left to the loader, which says what is wrong. */
	if (!elf_open(&e, f->data, f->bytes, NULL, 0))
		return !pc_is_multiboot(f);
	return elf_note(&e, NOTE_OWNER, NOTE_PHYS32_ENTRY, &bytes) != NULL;
}

static enum result read_image(struct pc_load *l, struct pvh *p)
{
	const struct vm_file *f = &l->image->kernel;
	const uint8_t *note;
	uint32_t bytes = 0;

	if (!elf_is(f->data, f->bytes))
		return pc_refuse(l,
				 "the image is no ELF file, so it has no PVH entry; of a bzImage "
				 "the vmlinux inside is wanted");
	if (!elf_open(&p->elf, f->data, f->bytes, l->why, l->why_bytes))
		return BAD_ARGUMENT;
	note = elf_note(&p->elf, NOTE_OWNER, NOTE_PHYS32_ENTRY, &bytes);
	if (!note)
		return pc_refuse(l, "the ELF image has no Xen note of type 18, so no PVH entry");
	if (bytes != 4 && bytes != 8)
		return pc_refuse(l,
				 "the ELF image is damaged: its PVH entry has %u bytes, not 4 or 8",
				 bytes);
	p->entry = bytes == 8 ? le64(note) : le32(note);
	return OK;
}

static enum result claim_segments(struct pc_load *l, const struct pvh *p)
{
	bool entry_inside = false;

	for (unsigned i = 0; i < p->elf.segments; i++) {
		struct elf_segment s = elf_segment(&p->elf, i);
		enum result r;

		if (s.type != ELF_LOAD)
			continue;
		r = pc_claim(l, s.paddr, s.memory_bytes, "a segment of the kernel");
		if (r != OK)
			return r;
		if (p->entry >= s.paddr && p->entry - s.paddr < s.file_bytes)
			entry_inside = true;
	}
	if (!entry_inside || p->entry >= PC_4G)
		return pc_refuse(l,
				 "the PVH entry %#llx lies in no segment of the image below 4 GiB",
				 (ull)p->entry);
	return OK;
}

static enum result place_modules(struct pc_load *l, struct pvh *p)
{
	const struct vm_image *image = l->image;

	if (image->initrd.data)
		p->module[p->modules++].file = &image->initrd;
	if (image->module_count > MODULES - p->modules)
		return pc_refuse(l, "%u modules are too many; %u can be given", image->module_count,
				 MODULES - p->modules);
	for (unsigned i = 0; i < image->module_count; i++)
		p->module[p->modules++].file = &image->modules[i];
	for (unsigned i = 0; i < p->modules; i++) {
		enum result r = pc_place(l, p->module[i].file->bytes, PAGE_SIZE, PC_HIGH_RAM,
					 PC_BELOW_4G, "a module", &p->module[i].at);

		if (r != OK)
			return r;
	}
	return OK;
}

static enum result place_info(struct pc_load *l, struct pvh *p)
{
	p->info_bytes = START_INFO_BYTES + PC_MAP_ENTRIES * MAP_ENTRY_BYTES +
			p->modules * MODULE_BYTES + strlen(pc_cmdline(l)) + 1;
	return pc_place(l, p->info_bytes, 16, PC_TABLES, PC_TABLES_END, "the start information",
			&p->info);
}

static enum result write_info(struct pc_load *l, const struct pvh *p)
{
	uint8_t block[START_INFO_BYTES + PC_MAP_ENTRIES * MAP_ENTRY_BYTES +
		      MODULES * MODULE_BYTES] = { 0 };
	struct pc_map_entry map[PC_MAP_ENTRIES];
	unsigned entries = pc_memory_map(l, map);
	uint64_t map_at = START_INFO_BYTES;
	uint64_t list_at = map_at + PC_MAP_ENTRIES * MAP_ENTRY_BYTES;
	uint64_t line_at = list_at + p->modules * MODULE_BYTES;
	enum result r;

	put_le32(block, START_INFO_MAGIC);
	put_le32(block + 4, 1); /* version */
	put_le32(block + 12, p->modules);
	put_le64(block + 16, p->modules ? p->info + list_at : 0);
	put_le64(block + 24, p->info + line_at);
	put_le64(block + 40, p->info + map_at); /* 32: no RSDP */
	put_le32(block + 48, entries);
	for (unsigned i = 0; i < entries; i++) {
		uint8_t *e = block + map_at + (uint64_t)i * MAP_ENTRY_BYTES;

		put_le64(e, map[i].base);
		put_le64(e + 8, map[i].bytes);
		put_le32(e + 16, map[i].type);
	}
	for (unsigned i = 0; i < p->modules; i++) {
		uint8_t *e = block + list_at + (uint64_t)i * MODULE_BYTES;

		put_le64(e, p->module[i].at);
		put_le64(e + 8, p->module[i].file->bytes);
	}
	r = pc_put(l, p->info, block, line_at);
	if (r == OK)
		r = pc_put(l, p->info + line_at, pc_cmdline(l), strlen(pc_cmdline(l)) + 1);
	return r;
}

static enum result write_image(struct pc_load *l, const struct pvh *p)
{
	enum result r = OK;

	for (unsigned i = 0; r == OK && i < p->elf.segments; i++) {
		struct elf_segment s = elf_segment(&p->elf, i);

		if (s.type == ELF_LOAD)
			r = pc_put(l, s.paddr, p->elf.data + s.offset, s.file_bytes);
	}
	for (unsigned i = 0; r == OK && i < p->modules; i++)
		r = pc_put(l, p->module[i].at, p->module[i].file->data, p->module[i].file->bytes);
	return r;
}

enum result pc_load_pvh(struct pc_load *l, struct vcpu_start *start)
{
	struct pvh p = { 0 };
	enum result r = read_image(l, &p);

	if (r == OK)
		r = claim_segments(l, &p);
	if (r == OK)
		r = place_modules(l, &p);
	if (r == OK)
		r = place_info(l, &p);
	if (r == OK)
		r = write_image(l, &p);
	if (r == OK)
		r = write_info(l, &p);
	if (r != OK)
		return r;
	*start = (struct vcpu_start){ .mode = VCPU_FLAT32,
				      .entry = gpa(p.entry),
				      .arg = { 0, p.info, 0, 0 } };
	return OK;
}
