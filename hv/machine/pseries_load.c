/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading an image for pseries: a little-endian ELF64 file, Linux's vmlinux or another, whose
 * segments go to their guest-real addresses (the highest four bits of kernel addresses fall away).
 * Entered with r3 = the device tree, r4 = r5 = 0. At the end of RAM, but below 256 MiB where RTAS
 * must be: RTAS' stub and below it the device tree; the initial RAM disk behind the kernel.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/dev/be.h"
#include "hv/machine/elf_image.h"
#include "hv/machine/le.h"
#include "hv/machine/pseries.h"

#define REAL_MASK ((UINT64_C(1) << 60) - 1)
#define MIB UINT64_C(0x100000)
#define TOP (UINT64_C(256) << 20)
#define LEAST_MEMORY (UINT64_C(8) << 20)

typedef unsigned long long ull;

/*
 * RTAS' stub: r4 = the caller's block, r3 = H_RTAS, and out. Linux enters it big-endian, as PAPR
 * has it; a guest that stays little-endian may too: the first word is "do nothing" (tdi 0, 0, 72)
 * in the one order and "branch over the next" in the other.
 */
#define STUB_WORDS 12u
#define STUB_EITHER 0x08000048u
#define STUB_TO_BIG 0x48000018u /* b .+24 */

static void make_stub(uint8_t stub[4 * STUB_WORDS])
{
	static const uint32_t code[] = {
		0x7c641b78, /* mr r4, r3 */
		0x3c600000, /* lis r3, 0 */
		0x6063f000, /* ori r3, r3, 0xf000 */
		0x44000022, /* sc 1 */
		0x4e800020, /* blr */
	};
	const unsigned words = sizeof(code) / sizeof(code[0]);

	_Static_assert(2 + 2 * sizeof(code) / sizeof(code[0]) == STUB_WORDS, "the stub's room");
	put_be32(stub, STUB_EITHER);
	put_be32(stub + 4, STUB_TO_BIG);
	for (unsigned i = 0; i < words; i++) {
		put_le32(stub + 8 + 4 * i, code[i]);
		put_be32(stub + 8 + 4 * (words + i), code[i]);
	}
}

struct load {
	struct machine *machine;
	const struct vm_image *image;
	char *why;
	size_t why_bytes;
};

__attribute__((format(printf, 2, 3))) static enum result refuse(const struct load *l,
								const char *format, ...)
{
	va_list args;

	if (l->why_bytes == 0)
		return BAD_ARGUMENT;
	va_start(args, format);
	(void)vsnprintf(l->why, l->why_bytes, format, args);
	va_end(args);
	return BAD_ARGUMENT;
}

static enum result put(const struct load *l, uint64_t to, const void *from, uint64_t bytes)
{
	const struct machine_host *host = &l->machine->host;
	enum result r = bytes == 0 ? OK : host->write(host->vm, gpa(to), from, bytes);
	ull start = to, end = to + bytes;

	if (r != OK && l->why_bytes != 0)
		(void)snprintf(l->why, l->why_bytes,
			       "guest memory [%#llx, %#llx) cannot be written: %s", start, end,
			       result_words(r));
	return r;
}

/* Checks all segments; *last is the end of the highest. */
static enum result check(const struct load *l, const struct elf_image *e, uint64_t limit,
			 uint64_t *last)
{
	*last = 0;
	for (unsigned i = 0; i < e->segments; i++) {
		struct elf_segment s = elf_segment(e, i);
		uint64_t at = s.paddr & REAL_MASK;
		ull start = at, end = at + s.memory_bytes;

		if (s.type != ELF_LOAD || s.memory_bytes == 0)
			continue;
		if (at > limit || s.memory_bytes > limit - at)
			return refuse(l,
				      "the image needs [%#llx, %#llx); the guest's RAM for it ends "
				      "at %#llx",
				      start, end, (ull)limit);
		*last = end > *last ? end : *last;
	}
	return *last != 0 ? OK : refuse(l, "the image has nothing to load");
}

static enum result write_segments(const struct load *l, const struct elf_image *e)
{
	enum result r = OK;

	for (unsigned i = 0; i < e->segments && r == OK; i++) {
		struct elf_segment s = elf_segment(e, i);

		if (s.type == ELF_LOAD)
			r = put(l, s.paddr & REAL_MASK, e->data + s.offset, s.file_bytes);
	}
	return r;
}

static enum result open_image(const struct load *l, struct elf_image *e)
{
	const struct vm_file *f = &l->image->kernel;

	if (l->image->format != IMAGE_AUTO && l->image->format != IMAGE_LINUX64)
		return refuse(l, "this board takes ELF files only (format auto or linux64)");
	if (!elf_is(f->data, f->bytes))
		return refuse(l, "the image of %llu bytes is no ELF file", (ull)f->bytes);
	if (!elf_open_for(e, ELF_PPC64, f->data, f->bytes, l->why, l->why_bytes))
		return BAD_ARGUMENT;
	if (!e->wide)
		return refuse(l, "the image is no ELF file of 64 bits for PowerPC");
	return OK;
}

/* Everything fits: writes it. */
static enum result write_all(const struct load *l, const struct elf_image *e, uint64_t rtas,
			     uint64_t fdt, uint64_t initrd)
{
	const struct vm_image *image = l->image;
	uint8_t stub[4 * STUB_WORDS];
	enum result r;

	make_stub(stub);
	if (!pseries_fdt_make(l->machine, image, initrd, rtas))
		return refuse(l,
			      "the device tree does not fit into %u bytes: the command line is "
			      "too long",
			      PSERIES_FDT_BYTES);
	if ((r = write_segments(l, e)) != OK || (r = put(l, rtas, stub, sizeof(stub))) != OK ||
	    (r = put(l, fdt, l->machine->fdt, PSERIES_FDT_BYTES)) != OK)
		return r;
	return put(l, initrd, image->initrd.data, image->initrd.bytes);
}

enum result machine_load(struct machine *m, const struct vm_image *image, struct vcpu_start *start,
			 char *why, size_t why_bytes)
{
	const struct load l = { m, image, why, why_bytes };
	uint64_t ram = image->memory_bytes & ~PAGE_MASK, last;
	struct elf_image e = { 0 };
	enum result r;

	if (ram < LEAST_MEMORY)
		return refuse(&l, "the guest has %llu KiB of RAM; this board needs 8 MiB",
			      (ull)(ram >> 10));
	uint64_t rtas = (ram < TOP ? ram : TOP) - MIB, fdt = rtas - MIB;
	if ((r = open_image(&l, &e)) != OK || (r = check(&l, &e, fdt, &last)) != OK)
		return r;
	/* Behind the kernel; behind RTAS where it does not fit there. */
	uint64_t initrd = (last + MIB - 1) & ~(MIB - 1);
	if (initrd > fdt || image->initrd.bytes > fdt - initrd)
		initrd = TOP;
	if (image->initrd.bytes != 0 && initrd == TOP &&
	    (ram <= TOP || image->initrd.bytes > ram - TOP))
		return refuse(&l, "no room for the initial RAM disk of %llu bytes",
			      (ull)image->initrd.bytes);
	if ((r = write_all(&l, &e, rtas, fdt, initrd)) != OK)
		return r;
	m->ram_bytes = ram;
	*start = (struct vcpu_start){ .mode = VCPU_NATIVE,
				      .entry = gpa(e.entry & REAL_MASK),
				      .arg = { fdt } };
	return OK;
}
