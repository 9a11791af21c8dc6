/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF checker is fed one good image and every way to spoil it. Whatever it accepts must keep
 * what the loaders rely on, and must load into a block of exactly the size it names.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/bytes.h"
#include "boot/elf.h"

#define FLOOR UINT64_C(0xffffffff80000000)
#define LINK (FLOOR + 0x200000)
#define PROGRAMS 5u

/* As ld.lld makes it with arch/x86/link.ld: a low segment for PVH, then text, rodata, data. */
struct file {
	Elf64_Ehdr h;
	Elf64_Phdr p[PROGRAMS];
	unsigned char body[5 * 4096];
};

static Elf64_Phdr load(uint32_t flags, uint64_t link, uint64_t offset, uint64_t in_file,
		       uint64_t in_memory)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = link,
		.p_paddr = link >= FLOOR ? link - FLOOR : link,
		.p_filesz = in_file,
		.p_memsz = in_memory,
		.p_align = 4096,
	};
}

static void good(struct file *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->h.e_ident, ELFMAG, SELFMAG);
	f->h.e_ident[EI_CLASS] = ELFCLASS64;
	f->h.e_ident[EI_DATA] = ELFDATA2LSB;
	f->h.e_ident[EI_VERSION] = EV_CURRENT;
	f->h.e_type = ET_EXEC;
	f->h.e_machine = EM_X86_64;
	f->h.e_version = EV_CURRENT;
	f->h.e_entry = LINK + 16;
	f->h.e_phoff = offsetof(struct file, p);
	f->h.e_phentsize = sizeof(Elf64_Phdr);
	f->h.e_phnum = PROGRAMS;
	f->p[0] = load(PF_R | PF_X, 0x100000, 4096, 100, 100);
	f->p[1] = load(PF_R | PF_X, LINK, 4096, 6000, 6000);
	f->p[2] = load(PF_R, LINK + 0x2000, 3 * 4096, 50, 50);
	f->p[3] = load(PF_R | PF_W, LINK + 0x3000, 4 * 4096, 4096, 9000);
	f->p[4] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_flags = PF_R };
	for (size_t i = 0; i < sizeof(f->body); i++)
		f->body[i] = (unsigned char)(i * 7 + 1);
}

static const char *check(const struct file *f, size_t bytes, struct elf_image *image)
{
	unsigned char *exact = malloc(bytes > 0 ? bytes : 1);
	const char *cause;

	assert_non_null(exact);
	memcpy(exact, f, bytes);
	cause = elf_check(exact, bytes, ELF_MACHINE_X86_64, FLOOR, image);
	if (cause == NULL) {
		size_t span = (size_t)(image->link_end - image->link_base);
		unsigned char *memory = span <= 64 << 20 ? malloc(span) : NULL;

		if (memory != NULL)
			elf_load(exact, image, memory);
		free(memory);
	}
	free(exact);
	return cause;
}

static void test_good_image(void **state)
{
	struct elf_image image;
	struct file f;
	unsigned char *memory;

	(void)state;
	good(&f);
	assert_null(check(&f, sizeof(f), &image));
	assert_int_equal(image.entry, LINK + 16);
	assert_int_equal(image.link_base, LINK);
	assert_int_equal(image.link_end, LINK + 0x6000);
	assert_int_equal(image.count, 3); /* without PVH's */
	assert_true(image.segments[0].execute && !image.segments[0].write);
	assert_true(!image.segments[1].execute && !image.segments[1].write);
	assert_true(!image.segments[2].execute && image.segments[2].write);

	memory = malloc(0x6000);
	assert_non_null(memory);
	memset(memory, 0xee, 0x6000);
	elf_load(&f, &image, memory);
	assert_memory_equal(memory, (char *)&f + 4096, 6000);
	for (unsigned i = 6000; i < 0x2000; i++)
		assert_int_equal(memory[i], 0);
	assert_memory_equal(memory + 0x3000, (char *)&f + 4 * 4096, 4096);
	for (unsigned i = 0x4000; i < 0x6000; i++)
		assert_int_equal(memory[i], 0);
	free(memory);
}

static void test_order_does_not_matter(void **state)
{
	struct elf_image image;
	struct file f;
	Elf64_Phdr p;

	(void)state;
	good(&f);
	p = f.p[1];
	f.p[1] = f.p[3];
	f.p[3] = p;
	assert_null(check(&f, sizeof(f), &image));
	assert_int_equal(image.segments[0].link, LINK);
	assert_int_equal(image.segments[2].link, LINK + 0x3000);
}

static void test_every_truncation(void **state)
{
	struct elf_image image;
	struct file f;
	size_t needed;

	(void)state;
	good(&f);
	needed = 4 * 4096 + 4096;
	for (size_t bytes = 0; bytes < needed; bytes++)
		assert_non_null(check(&f, bytes, &image));
	assert_null(check(&f, needed, &image));
}

/* One line a damage: the statement spoils `f`, the sentence must come. */
#define REFUSED(sentence, ...)                        \
	do {                                          \
		const char *cause;                    \
		good(&f);                             \
		__VA_ARGS__;                          \
		cause = check(&f, sizeof(f), &image); \
		assert_non_null(cause);               \
		assert_string_equal(cause, sentence); \
	} while (0)

static void test_headers(void **state)
{
	struct elf_image image;
	struct file f;

	(void)state;
	REFUSED("it is not an ELF file", f.h.e_ident[0] = 0);
	REFUSED("it is not an ELF file", f.h.e_ident[3] = 'G');
	REFUSED("it is not a 64-bit little-endian ELF file", f.h.e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED("it is not a 64-bit little-endian ELF file", f.h.e_ident[EI_DATA] = ELFDATA2MSB);
	REFUSED("its ELF version is unknown", f.h.e_version = 2);
	REFUSED("its ELF version is unknown", f.h.e_ident[EI_VERSION] = 0);
	REFUSED("it is for another processor", f.h.e_machine = EM_AARCH64);
	REFUSED("it is not an executable", f.h.e_type = ET_DYN);
	REFUSED("its program headers have a wrong size", f.h.e_phentsize = 32);
	REFUSED("it has no program headers", f.h.e_phnum = 0);
	REFUSED("its program headers lie beyond its end", f.h.e_phoff = sizeof(f));
	REFUSED("its program headers lie beyond its end", f.h.e_phoff = UINT64_MAX - 100);
	REFUSED("its program headers lie beyond its end", f.h.e_phnum = 0xffff);
	REFUSED("its entry point is not in its code", f.h.e_entry = 0x100010);
	REFUSED("its entry point is not in its code", f.h.e_entry = LINK + 6000);
	REFUSED("its entry point is not in its code", f.h.e_entry = LINK - 1);
	REFUSED("its entry point is not in its code", f.h.e_entry = LINK + 0x3000);
}

static void test_segments(void **state)
{
	struct elf_image image;
	struct file f;

	(void)state;
	REFUSED("a segment lies beyond its end", f.p[1].p_offset = UINT64_MAX);
	REFUSED("a segment lies beyond its end", f.p[3].p_filesz = 9000);
	REFUSED("a segment lies beyond its end", f.p[0].p_filesz = UINT64_MAX);
	REFUSED("a segment is larger in the file than in memory", f.p[3].p_memsz = 4095);
	REFUSED("a segment is too large, or its address too high", f.p[3].p_memsz = 2ull << 30);
	REFUSED("a segment is too large, or its address too high",
		f.p[3].p_vaddr = UINT64_MAX & ~0xfffull);
	REFUSED("a segment is too large, or its address too high",
		f.p[3].p_paddr = UINT64_MAX & ~0xfffull);
	REFUSED("a segment does not begin on a page", f.p[2].p_vaddr += 8);
	REFUSED("a segment does not begin on a page", f.p[2].p_paddr += 8);
	REFUSED("a segment is not aligned as it says", f.p[2].p_align = 24);
	REFUSED("a segment is not aligned as it says", f.p[2].p_align = 1 << 22);
	REFUSED("a segment is both writable and executable", f.p[1].p_flags |= PF_W);
	REFUSED("a segment is both writable and executable", f.p[0].p_flags |= PF_W);
	REFUSED("a segment cannot be read", f.p[2].p_flags = 0);
	REFUSED("it is dynamically linked", f.p[4].p_type = PT_DYNAMIC);
	REFUSED("it is dynamically linked", f.p[4].p_type = PT_INTERP);
}

static void test_layout(void **state)
{
	struct elf_image image;
	struct file f;

	(void)state;
	REFUSED("its segments overlap", f.p[1].p_memsz = 0x2001);
	REFUSED("its segments overlap", f.p[2].p_vaddr = LINK, f.p[2].p_paddr = 0x200000);
	REFUSED("its segments overlap", f.p[4] = f.p[0]);
	REFUSED("its segments lie apart in memory", f.p[2].p_paddr += 4096);
	REFUSED("its segments lie too far apart", {
		f.p[3].p_vaddr = FLOOR + 0x3f000000;
		f.p[3].p_paddr = 0x3f000000;
		f.p[3].p_memsz = 0x2000000;
	});
	REFUSED("it has nothing to load", f.p[1].p_type = PT_NULL, f.p[2].p_type = PT_NULL,
		f.p[3].p_type = PT_NULL);
	REFUSED("its first segment does not begin at a multiple of 2 MiB", {
		for (unsigned i = 1; i < 4; i++) {
			f.p[i].p_vaddr += 4096;
			f.p[i].p_paddr += 4096;
		}
		f.h.e_entry += 4096;
	});
}

static void test_too_many_segments(void **state)
{
	static unsigned char bytes[64 + 64 * sizeof(Elf64_Phdr)];
	struct elf_image image;
	struct file f;

	(void)state;
	good(&f);
	f.h.e_phnum = ELF_MAX_SEGMENTS + 1;
	memcpy(bytes, &f.h, sizeof(f.h));
	for (unsigned i = 0; i <= ELF_MAX_SEGMENTS; i++) {
		Elf64_Phdr p = load(PF_R | PF_X, LINK + i * 4096, 0, 64, 64);

		memcpy(bytes + f.h.e_phoff + i * sizeof(p), &p, sizeof(p));
	}
	assert_string_equal(elf_check(bytes, sizeof(bytes), ELF_MACHINE_X86_64, FLOOR, &image),
			    "it has too many segments");
}

static void check_accepted(const struct elf_image *image, size_t bytes)
{
	uint64_t at = image->link_base;
	bool entry = false;

	assert_in_range(image->count, 1, ELF_MAX_SEGMENTS);
	assert_true(image->link_base >= FLOOR && image->link_base % ELF_BASE_ALIGN == 0);
	for (uint32_t i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segments[i];

		assert_true(s->link >= at && s->link % BOOT_PAGE == 0);
		assert_true(s->file_bytes <= s->bytes && s->bytes <= image->link_end - s->link);
		assert_true(s->offset <= bytes && s->file_bytes <= bytes - s->offset);
		assert_false(s->write && s->execute);
		entry = entry || (s->execute && image->entry - s->link < s->file_bytes);
		at = page_up(s->link + s->bytes);
	}
	assert_true(entry);
	assert_int_equal(at, image->link_end);
	assert_true(image->link_end - image->link_base <= ELF_MAX_SPAN);
}

/* Each byte of the headers takes each of some values: refused, or accepted with all promises. */
static void test_any_header_byte(void **state)
{
	static const unsigned char values[] = { 0, 1, 2, 6, 7, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xff };
	struct elf_image image;
	struct file f;
	unsigned refused = 0;

	(void)state;
	for (size_t at = 0; at < offsetof(struct file, body); at++) {
		for (unsigned i = 0; i < sizeof(values); i++) {
			good(&f);
			((unsigned char *)&f)[at] = values[i];
			if (check(&f, sizeof(f), &image) == NULL)
				check_accepted(&image, sizeof(f));
			else
				refused++;
		}
	}
	assert_true(refused > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_image),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_too_many_segments),
		cmocka_unit_test(test_any_header_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
