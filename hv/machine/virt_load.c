/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading an image for arm64: Linux's Image (the kernel's Documentation/arm64/booting.rst, text
 * only) or a flat binary that runs wherever it is put. Both are entered with x0 = the device tree.
 *
 *   Image: at RAM + 2 MiB + its text_offset; behind what it says it needs, on a 2 MiB boundary, the
 *          device tree, and behind that the initial RAM disk.
 *   flat:  at RAM + 512 KiB, entered at its first byte; the device tree at the beginning of RAM
 *          and the RAM disk at its end, since nobody says how much lies behind the image.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/machine/le.h"
#include "hv/machine/virt.h"

#define MIB2 (UINT64_C(2) << 20)
#define FLAT_OFFSET UINT64_C(0x80000)
#define LEAST_MEMORY (UINT64_C(2) << 20)
#define MOST_MEMORY (UINT64_C(1) << 38) /* with the RAM's start still within 40 bits */

/* Offsets in an Image's header. */
enum { TEXT_OFFSET = 8, IMAGE_SIZE = 16, FLAGS = 24, MAGIC = 56, HEADER_BYTES = 64 };

#define FLAG_BIG_ENDIAN 1u

typedef unsigned long long ull;

/* What of the image lies where. */
struct kernel {
	uint64_t load;
	uint64_t span; /* bytes from `load` on that it needs, the file's among them */
};

enum result virt_refuse(struct virt_load *l, const char *format, ...)
{
	va_list args;

	if (!l->why_bytes)
		return BAD_ARGUMENT;
	va_start(args, format);
	(void)vsnprintf(l->why, l->why_bytes, format, args);
	va_end(args);
	return BAD_ARGUMENT;
}

unsigned machine_ram(uint64_t memory_bytes, struct machine_ram out[MACHINE_RAM_RANGES])
{
	uint64_t bytes = memory_bytes & ~PAGE_MASK;

	if (bytes == 0)
		return 0;
	out[0] = (struct machine_ram){ gpa(VIRT_RAM), bytes };
	return 1;
}

static uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

/* ---- Which format ------------------------------------------------------------------------------
 */

static bool is_image(const struct vm_file *f)
{
	return f->bytes >= HEADER_BYTES &&
	       memcmp((const uint8_t *)f->data + MAGIC, "ARM\x64", 4) == 0;
}

/* What a file begins with that is certainly not a program: the words for it, or NULL. */
static const char *not_flat(const struct vm_file *f)
{
	static const struct {
		uint8_t bytes, magic[6];
		const char *words;
	} known[] = {
		{ 2, { 0x1f, 0x8b }, "compressed by gzip: unpack it" },
		{ 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, "compressed by xz: unpack it" },
		{ 4, { 0x28, 0xb5, 0x2f, 0xfd }, "compressed by zstd: unpack it" },
		{ 4, { 0x02, 0x21, 0x4c, 0x18 }, "compressed by lz4: unpack it" },
		{ 4, { 0x7f, 'E', 'L', 'F' }, "an ELF file: make a flat binary of it" },
		{ 4, { 'M', 'Z', 0, 0 }, "a compressed EFI application: unpack its Image" },
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (f->bytes >= known[i].bytes &&
		    memcmp(f->data, known[i].magic, known[i].bytes) == 0)
			return known[i].words;
	return NULL;
}

static enum result detect(struct virt_load *l, enum image_format *format)
{
	const struct vm_file *f = &l->image->kernel;
	const char *words;

	*format = l->image->format;
	if (*format != IMAGE_AUTO)
		return OK;
	words = not_flat(f);
	if (words)
		return virt_refuse(l, "the image of %llu bytes is %s", (ull)f->bytes, words);
	*format = is_image(f) ? IMAGE_LINUX64 : IMAGE_FLAT;
	return OK;
}

/* ---- The two formats ---------------------------------------------------------------------------
 */

static enum result open_image(struct virt_load *l, struct kernel *k)
{
	const struct vm_file *f = &l->image->kernel;
	const uint8_t *p = f->data;
	uint64_t text_offset, size;

	if (f->bytes < HEADER_BYTES)
		return virt_refuse(l,
				   "the image of %llu bytes is shorter than the header of an arm64 "
				   "Image (%u bytes)",
				   (ull)f->bytes, HEADER_BYTES);
	if (!is_image(f))
		return virt_refuse(l, "the image has no \"ARM\\x64\" at %u: it is no arm64 Image",
				   MAGIC);
	if (le32(p) == 0 && le32(p + 4) == 0)
		return virt_refuse(l, "the Image is damaged: it begins with zeros, which are not "
				      "an instruction");
	if (le64(p + FLAGS) & FLAG_BIG_ENDIAN)
		return virt_refuse(l, "the Image is big-endian (flags %#llx)",
				   (ull)le64(p + FLAGS));
	text_offset = le64(p + TEXT_OFFSET);
	size = le64(p + IMAGE_SIZE);
	if (size == 0)
		return virt_refuse(l, "the Image does not say its size: Linux does since 3.17");
	if (text_offset >= MIB2 || (text_offset & PAGE_MASK))
		return virt_refuse(l,
				   "the Image is damaged: its text offset %#llx is not a whole "
				   "number of pages below 2 MiB",
				   (ull)text_offset);
	k->load = VIRT_RAM + MIB2 + text_offset;
	k->span = size > f->bytes ? size : f->bytes;
	return OK;
}

static enum result place_image(struct virt_load *l, struct kernel *k)
{
	enum result r = open_image(l, k);

	if (r != OK)
		return r;
	if (k->span > l->ram_end - VIRT_RAM || k->load + k->span > l->ram_end)
		return virt_refuse(l,
				   "the kernel needs %llu bytes at %#llx; the guest's RAM ends at "
				   "%#llx (%llu MiB)",
				   (ull)k->span, (ull)k->load, (ull)l->ram_end,
				   (ull)((l->ram_end - VIRT_RAM) >> 20));
	l->fdt = align_up(k->load + k->span, MIB2);
	l->initrd = l->fdt + VIRT_FDT_BYTES;
	return OK;
}

static enum result place_flat(struct virt_load *l, struct kernel *k)
{
	k->load = VIRT_RAM + FLAT_OFFSET;
	k->span = l->image->kernel.bytes;
	if (k->span > l->ram_end - k->load)
		return virt_refuse(l,
				   "the image of %llu bytes at %#llx does not fit: the guest's RAM "
				   "ends at %#llx (%llu MiB)",
				   (ull)k->span, (ull)k->load, (ull)l->ram_end,
				   (ull)((l->ram_end - VIRT_RAM) >> 20));
	l->fdt = VIRT_RAM;
	l->initrd = k->load + k->span;
	if (l->initrd_bytes != 0 && l->initrd_bytes <= l->ram_end - l->initrd) {
		uint64_t top = (l->ram_end - l->initrd_bytes) & ~PAGE_MASK;

		l->initrd = top > l->initrd ? top : l->initrd;
	}
	return OK;
}

static enum result check_rest(struct virt_load *l)
{
	if (l->fdt + VIRT_FDT_BYTES > l->ram_end)
		return virt_refuse(l,
				   "no room for the device tree: %u bytes at %#llx, behind the "
				   "kernel; the guest's RAM ends at %#llx",
				   VIRT_FDT_BYTES, (ull)l->fdt, (ull)l->ram_end);
	if (l->initrd_bytes == 0)
		l->initrd = 0;
	else if (l->initrd_bytes > l->ram_end - l->initrd)
		return virt_refuse(
			l,
			"no room for the initial RAM disk: %llu bytes from %#llx on; the "
			"guest's RAM ends at %#llx",
			(ull)l->initrd_bytes, (ull)l->initrd, (ull)l->ram_end);
	return OK;
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

static enum result put(struct virt_load *l, uint64_t to, const void *from, uint64_t bytes)
{
	const struct machine_host *host = &l->machine->host;
	enum result r;

	if (bytes == 0)
		return OK;
	r = host->write(host->vm, gpa(to), from, bytes);
	if (r != OK && l->why_bytes)
		(void)snprintf(l->why, l->why_bytes,
			       "guest memory [%#llx, %#llx) cannot be written: %s", (ull)to,
			       (ull)to + bytes, result_words(r));
	return r;
}

static enum result write_all(struct virt_load *l, const struct kernel *k)
{
	const struct vm_image *image = l->image;
	uint64_t bytes;
	enum result r = virt_fdt_make(l, &bytes);

	if (r == OK)
		r = put(l, k->load, image->kernel.data, image->kernel.bytes);
	if (r == OK)
		r = put(l, l->initrd, image->initrd.data, l->initrd_bytes);
	return r == OK ? put(l, l->fdt, l->machine->fdt, bytes) : r;
}

static enum result check_request(struct virt_load *l)
{
	const struct vm_image *image = l->image;

	if (!image->kernel.data || image->kernel.bytes == 0)
		return virt_refuse(l, "there is no kernel image");
	if (image->memory_bytes < LEAST_MEMORY || image->memory_bytes > MOST_MEMORY)
		return virt_refuse(l,
				   "the guest's %llu bytes of memory: this board takes 2 MiB to "
				   "256 GiB",
				   (ull)image->memory_bytes);
	if (image->module_count != 0)
		return virt_refuse(l,
				   "an arm64 image takes an initial RAM disk, and no modules "
				   "(there are %u)",
				   image->module_count);
	return OK;
}

enum result machine_load(struct machine *m, const struct vm_image *image, struct vcpu_start *start,
			 char *why, size_t why_bytes)
{
	struct virt_load l = { .machine = m, .image = image, .why = why, .why_bytes = why_bytes };
	enum image_format format;
	struct kernel k = { 0 };
	enum result r = check_request(&l);

	if (r == OK)
		r = detect(&l, &format);
	if (r != OK)
		return r;
	l.ram_end = VIRT_RAM + (image->memory_bytes & ~PAGE_MASK);
	l.initrd_bytes = image->initrd.data ? image->initrd.bytes : 0;
	switch (format) {
	case IMAGE_LINUX64: r = place_image(&l, &k); break;
	case IMAGE_FLAT: r = place_flat(&l, &k); break;
	case IMAGE_LINUX32:
	case IMAGE_PVH:
	case IMAGE_MULTIBOOT:
	case IMAGE_AUTO:
		return virt_refuse(&l, "that format is a PC's; an arm64 board takes Linux Images "
				       "and flat binaries");
	}
	if (r == OK)
		r = check_rest(&l);
	if (r == OK)
		r = write_all(&l, &k);
	if (r != OK)
		return r;
	m->ram_bytes = l.ram_end - VIRT_RAM;
	*start = (struct vcpu_start){ .mode = VCPU_NATIVE, .entry = gpa(k.load), .arg = { l.fdt } };
	return OK;
}
