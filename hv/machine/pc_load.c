/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading an image: which loader, and what the loaders share. A loader claims guest memory piece by
 * piece and places what it makes itself; two pieces can so never overlap, whatever an image says.
 * Only when everything has its place is the first byte written.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/machine/elf_image.h"
#include "hv/machine/le.h"
#include "hv/machine/pc.h"

#define PC_LEAST_MEMORY (UINT64_C(2) << 20)
#define PC_MOST_MEMORY (UINT64_C(1) << 46)

typedef unsigned long long ull;

enum result pc_refuse(struct pc_load *l, const char *format, ...)
{
	va_list args;

	if (!l->why_bytes)
		return BAD_ARGUMENT;
	va_start(args, format);
	(void)vsnprintf(l->why, l->why_bytes, format, args);
	va_end(args);
	return BAD_ARGUMENT;
}

const char *pc_cmdline(const struct pc_load *l)
{
	return l->image->cmdline ? l->image->cmdline : "";
}

static void split_memory(uint64_t memory_bytes, uint64_t *low, uint64_t *high)
{
	uint64_t bytes = memory_bytes & ~PAGE_MASK;

	*low = bytes < PC_BELOW_4G ? bytes : PC_BELOW_4G;
	*high = bytes - *low;
}

unsigned machine_ram(uint64_t memory_bytes, struct machine_ram out[MACHINE_RAM_RANGES])
{
	uint64_t low, high;
	unsigned n = 0;

	split_memory(memory_bytes, &low, &high);
	if (low)
		out[n++] = (struct machine_ram){ gpa(0), low };
	if (high)
		out[n++] = (struct machine_ram){ gpa(PC_4G), high };
	return n;
}

unsigned pc_memory_map(const struct pc_load *l, struct pc_map_entry out[PC_MAP_ENTRIES])
{
	unsigned n = 0;

	out[n++] = (struct pc_map_entry){ 0, PC_LOW_RAM_END, PC_RAM_USABLE };
	out[n++] =
		(struct pc_map_entry){ PC_LOW_RAM_END, 0xa0000 - PC_LOW_RAM_END, PC_RAM_RESERVED };
	out[n++] = (struct pc_map_entry){ 0xf0000, 0x10000, PC_RAM_RESERVED };
	out[n++] = (struct pc_map_entry){ PC_HIGH_RAM, l->ram_end - PC_HIGH_RAM, PC_RAM_USABLE };
	if (l->high_bytes)
		out[n++] = (struct pc_map_entry){ PC_4G, l->high_bytes, PC_RAM_USABLE };
	return n;
}

/* ---- Who has which memory ----------------------------------------------------------------------
 */

/* Does [start, end) lie in one piece of what the kernel is told is RAM? */
static bool is_ram(const struct pc_load *l, uint64_t start, uint64_t end)
{
	if (start >= PC_4G)
		return end <= PC_4G + l->high_bytes;
	if (start >= PC_HIGH_RAM)
		return end <= l->ram_end;
	return end <= PC_LOW_RAM_END;
}

/* The claim that [start, end) runs into, or -1. */
static int claimed(const struct pc_load *l, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < l->claims; i++)
		if (start < l->claim[i].end && l->claim[i].start < end)
			return (int)i;
	return -1;
}

static enum result add_claim(struct pc_load *l, uint64_t start, uint64_t end, const char *what)
{
	if (l->claims == PC_CLAIMS)
		return pc_refuse(l, "the image has too many parts: %s is number %u", what,
				 l->claims + 1);
	l->claim[l->claims].start = start;
	l->claim[l->claims].end = end;
	l->claim[l->claims].what = what;
	l->claims++;
	return OK;
}

enum result pc_claim(struct pc_load *l, uint64_t start, uint64_t bytes, const char *what)
{
	int other;

	if (bytes == 0)
		return OK;
	if (start + bytes < start || !is_ram(l, start, start + bytes))
		return pc_refuse(l,
				 "%s wants %llu bytes at %#llx, which is not RAM: the guest has "
				 "[0, %#llx), [1 MiB, %#llx) and %llu MiB above 4 GiB",
				 what, (ull)bytes, (ull)start, (ull)PC_LOW_RAM_END, (ull)l->ram_end,
				 (ull)(l->high_bytes >> 20));
	other = claimed(l, start, start + bytes);
	if (other >= 0)
		return pc_refuse(l, "%s at [%#llx, %#llx) overlaps %s at [%#llx, %#llx)", what,
				 (ull)start, (ull)start + bytes, l->claim[other].what,
				 (ull)l->claim[other].start, (ull)l->claim[other].end);
	return add_claim(l, start, start + bytes, what);
}

static enum result no_room(struct pc_load *l, const char *what, uint64_t bytes, uint64_t low,
			   uint64_t high)
{
	return pc_refuse(l,
			 "no room for %s: %llu bytes between %#llx and %#llx, in a guest whose RAM "
			 "ends at %#llx",
			 what, (ull)bytes, (ull)low, (ull)high, (ull)l->ram_end);
}

enum result pc_place(struct pc_load *l, uint64_t bytes, uint64_t align, uint64_t low, uint64_t high,
		     const char *what, uint64_t *out)
{
	uint64_t end = high < l->ram_end ? high : l->ram_end;

	/* From the top down, below every claim that is in the way: each turn passes one at least.
	 */
	while (end >= low && end - low >= bytes) {
		uint64_t start = (end - bytes) & ~(align - 1);
		int other;

		if (start < low)
			break;
		other = claimed(l, start, start + bytes);
		if (other < 0) {
			*out = start;
			return add_claim(l, start, start + bytes, what);
		}
		end = l->claim[other].start;
	}
	return no_room(l, what, bytes, low, high);
}

enum result pc_place_low(struct pc_load *l, uint64_t bytes, uint64_t align, uint64_t low,
			 uint64_t high, const char *what, uint64_t *out)
{
	uint64_t end = high < l->ram_end ? high : l->ram_end, start = low;

	for (;;) {
		int other;

		start = (start + align - 1) & ~(align - 1);
		if (start > end || end - start < bytes)
			return no_room(l, what, bytes, low, high);
		other = claimed(l, start, start + bytes);
		if (other < 0)
			break;
		start = l->claim[other].end;
	}
	*out = start;
	return add_claim(l, start, start + bytes, what);
}

enum result pc_put(struct pc_load *l, uint64_t to, const void *from, uint64_t bytes)
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

void pc_gdt(uint8_t gdt[PC_GDT_BYTES], bool wide)
{
	memset(gdt, 0, PC_GDT_BYTES);
	put_le64(gdt + 0x10, wide ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff));
	put_le64(gdt + 0x18, UINT64_C(0x00cf93000000ffff));
}

/* ---- Which loader ------------------------------------------------------------------------------
 */

static enum result detect(struct pc_load *l, enum image_format *format)
{
	const struct vm_file *f = &l->image->kernel;
	bool wide;

	*format = l->image->format;
	if (*format != IMAGE_AUTO)
		return OK;
	if (pc_is_linux(f, &wide))
		*format = wide ? IMAGE_LINUX64 : IMAGE_LINUX32;
	else if (pc_is_pvh(f))
		*format = IMAGE_PVH;
	else if (pc_is_multiboot(f))
		*format = IMAGE_MULTIBOOT;
	else if (elf_is(f->data, f->bytes))
		return pc_refuse(l, "the ELF image has neither a PVH entry (a Xen note of type 18) "
				    "nor a Multiboot header in its first 8 KiB");
	else
		return pc_refuse(l,
				 "the image of %llu bytes is of no format this board knows: no "
				 "\"HdrS\" at 0x202, not an ELF file, no Multiboot header",
				 (ull)f->bytes);
	return OK;
}

static enum result check_request(struct pc_load *l)
{
	const struct vm_image *image = l->image;

	if (!image->kernel.data || image->kernel.bytes == 0)
		return pc_refuse(l, "there is no kernel image");
	if (image->memory_bytes < PC_LEAST_MEMORY)
		return pc_refuse(l, "the guest has %llu bytes of memory; a PC needs 2 MiB",
				 (ull)image->memory_bytes);
	if (image->memory_bytes > PC_MOST_MEMORY)
		return pc_refuse(l, "the guest's %llu bytes of memory are above 64 TiB",
				 (ull)image->memory_bytes);
	return OK;
}

enum result machine_load(struct machine *m, const struct vm_image *image, struct vcpu_start *start,
			 char *why, size_t why_bytes)
{
	struct pc_load l = { .machine = m, .image = image, .why = why, .why_bytes = why_bytes };
	enum image_format format;
	enum result r = check_request(&l);

	if (r == OK)
		r = detect(&l, &format);
	if (r != OK)
		return r;
	split_memory(image->memory_bytes, &l.ram_end, &l.high_bytes);
	cmos_set_memory(&m->cmos, image->memory_bytes & ~PAGE_MASK);
	*start = (struct vcpu_start){ .mode = VCPU_FLAT32 };
	switch (format) {
	case IMAGE_LINUX64: return pc_load_linux(&l, true, start);
	case IMAGE_LINUX32: return pc_load_linux(&l, false, start);
	case IMAGE_PVH: return pc_load_pvh(&l, start);
	case IMAGE_MULTIBOOT: return pc_load_multiboot(&l, start);
	case IMAGE_FLAT:
	case IMAGE_AUTO: break;
	}
	return pc_refuse(&l, "a flat image says neither where it goes nor how it is entered; a PC "
			     "takes Linux, PVH and Multiboot images");
}
