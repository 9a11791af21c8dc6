/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checker reads each structure out of the file by memcpy, once, so that neither alignment nor a
 * field that is looked at twice can surprise it. Sums are tested by subtraction, never by
 * overflow.
 */
#include "boot/elf.h"

#include "boot/bytes.h"

struct elf_header { /* Elf64_Ehdr */
	unsigned char ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program { /* Elf64_Phdr */
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");
_Static_assert(sizeof(struct elf_program) == 56, "Elf64_Phdr");

#define TYPE_EXEC 2u
#define CLASS_64 2u
#define DATA_LITTLE 1u
#define VERSION_CURRENT 1u

#define PT_LOAD 1u
#define PT_DYNAMIC 2u
#define PT_INTERP 3u
#define PF_X 1u
#define PF_W 2u
#define PF_R 4u

static const char *check_header(const struct elf_header *h, size_t bytes, uint32_t machine)
{
	static const unsigned char magic[4] = { 0x7f, 'E', 'L', 'F' };

	if (memcmp(h->ident, magic, sizeof(magic)) != 0)
		return "it is not an ELF file";
	if (h->ident[4] != CLASS_64 || h->ident[5] != DATA_LITTLE)
		return "it is not a 64-bit little-endian ELF file";
	if (h->ident[6] != VERSION_CURRENT || h->version != VERSION_CURRENT)
		return "its ELF version is unknown";
	if (h->machine != machine)
		return "it is for another processor";
	if (h->type != TYPE_EXEC)
		return "it is not an executable";
	if (h->phentsize != sizeof(struct elf_program))
		return "its program headers have a wrong size";
	if (h->phnum == 0)
		return "it has no program headers";
	if (h->phoff > bytes || h->phnum > (bytes - h->phoff) / sizeof(struct elf_program))
		return "its program headers lie beyond its end";
	return NULL;
}

static const char *check_segment(const struct elf_program *p, size_t bytes)
{
	if (p->offset > bytes || p->filesz > bytes - p->offset)
		return "a segment lies beyond its end";
	if (p->filesz > p->memsz)
		return "a segment is larger in the file than in memory";
	if (p->memsz > ELF_MAX_SPAN || p->vaddr > UINT64_MAX - ELF_MAX_SPAN ||
	    p->paddr > UINT64_MAX - ELF_MAX_SPAN)
		return "a segment is too large, or its address too high";
	if (p->vaddr % BOOT_PAGE != 0 || p->paddr % BOOT_PAGE != 0)
		return "a segment does not begin on a page";
	if (p->align > 1 && ((p->align & (p->align - 1)) != 0 || p->vaddr % p->align != 0))
		return "a segment is not aligned as it says";
	if ((p->flags & PF_W) != 0 && (p->flags & PF_X) != 0)
		return "a segment is both writable and executable";
	if ((p->flags & PF_R) == 0)
		return "a segment cannot be read";
	return NULL;
}

/* Puts a segment in its place of the ascending order. NULL, or the cause. */
static const char *insert_segment(struct elf_image *image, const struct elf_program *p)
{
	uint32_t at = image->count;

	if (image->count == ELF_MAX_SEGMENTS)
		return "it has too many segments";
	while (at > 0 && image->segments[at - 1].link > p->vaddr) {
		image->segments[at] = image->segments[at - 1];
		at--;
	}
	image->segments[at] = (struct elf_segment){
		.link = p->vaddr,
		.offset = p->offset,
		.file_bytes = p->filesz,
		.bytes = p->memsz,
		.write = (p->flags & PF_W) != 0,
		.execute = (p->flags & PF_X) != 0,
	};
	image->count++;
	return NULL;
}

/* Ascending segments, each ending before the page where the next begins. */
static bool overlap(const struct elf_image *image)
{
	for (uint32_t i = 0; i + 1 < image->count; i++) {
		const struct elf_segment *s = &image->segments[i];

		if (page_up(s->link + s->bytes) > image->segments[i + 1].link)
			return true;
	}
	return false;
}

static bool entry_is_code(const struct elf_image *image)
{
	for (uint32_t i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segments[i];

		if (s->execute && image->entry >= s->link && image->entry - s->link < s->file_bytes)
			return true;
	}
	return false;
}

static const char *check_image(struct elf_image *image)
{
	const struct elf_segment *last;

	if (image->count == 0)
		return "it has nothing to load";
	if (overlap(image))
		return "its segments overlap";
	if (!entry_is_code(image))
		return "its entry point is not in its code";
	last = &image->segments[image->count - 1];
	image->link_base = image->segments[0].link;
	image->link_end = page_up(last->link + last->bytes);
	if (image->link_base % ELF_BASE_ALIGN != 0)
		return "its first segment does not begin at a multiple of 2 MiB";
	if (image->link_end - image->link_base > ELF_MAX_SPAN)
		return "its segments lie too far apart";
	return NULL;
}

/* PVH loads at p_paddr, this loader anywhere: both need one distance for the whole image. */
static const char *check_distance(const struct elf_program *p, const struct elf_image *image,
				  uint64_t *distance)
{
	if (image->count == 0)
		*distance = p->vaddr - p->paddr;
	if (p->vaddr - p->paddr != *distance)
		return "its segments lie apart in memory";
	return NULL;
}

const char *elf_check(const void *file, size_t bytes, uint32_t machine, uint64_t floor,
		      struct elf_image *image)
{
	struct elf_image low = { .count = 0 };
	struct elf_header h;
	uint64_t distance = 0;
	const char *cause;

	if (bytes < sizeof(h))
		return "it is too short";
	memcpy(&h, file, sizeof(h));
	cause = check_header(&h, bytes, machine);
	*image = (struct elf_image){ .entry = h.entry };

	for (uint32_t i = 0; cause == NULL && i < h.phnum; i++) {
		struct elf_program p;

		memcpy(&p, (const char *)file + h.phoff + i * sizeof(p), sizeof(p));
		if (p.type == PT_DYNAMIC || p.type == PT_INTERP)
			return "it is dynamically linked";
		if (p.type != PT_LOAD || p.memsz == 0)
			continue;
		cause = check_segment(&p, bytes);
		if (cause == NULL && p.vaddr >= floor)
			cause = check_distance(&p, image, &distance);
		if (cause == NULL)
			cause = insert_segment(p.vaddr >= floor ? image : &low, &p);
	}
	if (cause == NULL && overlap(&low))
		cause = "its segments overlap";
	if (cause == NULL)
		cause = check_image(image);
	return cause;
}

void elf_load(const void *file, const struct elf_image *image, void *memory)
{
	char *to = memory;

	memset(to, 0, (size_t)(image->link_end - image->link_base));
	for (uint32_t i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segments[i];

		memcpy(to + (s->link - image->link_base), (const char *)file + s->offset,
		       (size_t)s->file_bytes);
	}
}
