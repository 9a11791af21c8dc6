/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The archive reader: what tools/mkimage makes is read back, and every damage is met with a cause.
 * Each archive is read out of a block of its exact size, so that ASan sees a byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/bootinfo.h"
#include "boot/cpio.h"
#include "boot/fill.h"

#define HEADER 110u
#define REGULAR 0100644u

struct archive {
	char bytes[4096];
	size_t size;
};

static void pad(struct archive *a)
{
	while (a->size % 4 != 0)
		a->bytes[a->size++] = '\0';
}

static void add(struct archive *a, const char *name, unsigned mode, const char *data, size_t size)
{
	int written =
		snprintf(a->bytes + a->size, sizeof(a->bytes) - a->size,
			 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode, 0,
			 0, 1, 0, (unsigned)size, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);

	assert_int_equal(written, HEADER);
	a->size += HEADER;
	memcpy(a->bytes + a->size, name, strlen(name) + 1);
	a->size += strlen(name) + 1;
	pad(a);
	memcpy(a->bytes + a->size, data, size);
	a->size += size;
	pad(a);
}

static void sample(struct archive *a)
{
	a->size = 0;
	add(a, "config.dtb", REGULAR, "tree", 4);
	add(a, ".", 0040755, "", 0);
	add(a, "./vmlinux", REGULAR, "kernel", 6);
	add(a, "empty", REGULAR, "", 0);
	add(a, "TRAILER!!!", 0, "", 0);
}

/* Reads all of it from a block of exactly its size; the last answer, and the number of files. */
static enum cpio_answer read_all(const struct archive *a, unsigned *files, const char **cause)
{
	unsigned char *exact = malloc(a->size > 0 ? a->size : 1);
	enum cpio_answer answer;
	struct cpio_file file;
	struct cpio c;
	size_t sum = 0;

	assert_non_null(exact);
	memcpy(exact, a->bytes, a->size);
	c = cpio_open(exact, a->size);
	*files = 0;
	while ((answer = cpio_next(&c, &file, cause)) == CPIO_FILE) {
		*files += 1;
		sum += strlen(file.name);
		for (size_t i = 0; i < file.size; i++)
			sum += file.data[i];
	}
	assert_true(sum < SIZE_MAX);
	free(exact);
	return answer;
}

static void expect_damage(const struct archive *a, const char *expected)
{
	const char *cause = NULL;
	unsigned files;

	assert_int_equal(read_all(a, &files, &cause), CPIO_DAMAGED);
	assert_string_equal(cause, expected);
}

static void test_reads_files(void **state)
{
	struct cpio_file file;
	struct archive a;
	const char *cause;
	struct cpio c;

	(void)state;
	sample(&a);
	c = cpio_open(a.bytes, a.size);
	assert_int_equal(cpio_next(&c, &file, &cause), CPIO_FILE);
	assert_string_equal(file.name, "config.dtb");
	assert_int_equal(file.size, 4);
	assert_memory_equal(file.data, "tree", 4);
	assert_int_equal(cpio_next(&c, &file, &cause),
			 CPIO_FILE); /* the directory is passed over */
	assert_string_equal(file.name, "vmlinux");
	assert_memory_equal(file.data, "kernel", 6);
	assert_int_equal(cpio_next(&c, &file, &cause), CPIO_FILE);
	assert_string_equal(file.name, "empty");
	assert_int_equal(file.size, 0);
	assert_int_equal(cpio_next(&c, &file, &cause), CPIO_END);
}

static void test_zeros_behind_the_trailer_are_allowed(void **state)
{
	struct archive a;
	const char *cause;
	unsigned files;

	(void)state;
	sample(&a);
	memset(a.bytes + a.size, 0, 512);
	a.size += 512;
	assert_int_equal(read_all(&a, &files, &cause), CPIO_END);
	assert_int_equal(files, 3);
}

static void test_every_cut_is_noticed(void **state)
{
	struct archive a;
	size_t whole;

	(void)state;
	sample(&a);
	whole = a.size;
	for (a.size = 0; a.size < whole; a.size++) {
		const char *cause = NULL;
		unsigned files;

		assert_int_equal(read_all(&a, &files, &cause), CPIO_DAMAGED);
		assert_non_null(cause);
	}
}

static void test_header_fields(void **state)
{
	struct archive a;

	(void)state;
	sample(&a);
	a.bytes[5] = '2'; /* the format with checksums */
	expect_damage(&a, "there is no newc header where one must be");

	for (unsigned at = 6; at < HEADER; at++) {
		sample(&a);
		a.bytes[at] = at % 2 == 0 ? 'g' : ' ';
		expect_damage(&a, "a header holds something that is not a number");
	}
}

static void set_number(struct archive *a, unsigned which, const char *digits)
{
	memcpy(a->bytes + 6 + which * 8, digits, 8);
}

static void test_sizes_and_names(void **state)
{
	struct archive a;

	(void)state;
	sample(&a);
	set_number(&a, 6, "ffffffff");
	expect_damage(&a, "the archive ends in a file");
	sample(&a);
	set_number(&a, 6, "00001000");
	expect_damage(&a, "the archive ends in a file");
	sample(&a);
	set_number(&a, 11, "00000000");
	expect_damage(&a, "a name is empty or too long");
	sample(&a);
	set_number(&a, 11, "00000001");
	expect_damage(&a, "a name is empty or too long");
	sample(&a);
	set_number(&a, 11, "FFFFFFFF");
	expect_damage(&a, "a name is empty or too long");
	sample(&a);
	set_number(&a, 11, "00000800");
	expect_damage(&a, "the archive ends in a name");
	sample(&a);
	set_number(&a, 11, "0000000a");
	expect_damage(&a, "a name does not end");
	sample(&a);
	set_number(&a, 11, "0000000d");
	expect_damage(&a, "a name is shorter than its header says");
}

static void test_only_files(void **state)
{
	struct archive a = { .size = 0 };

	(void)state;
	add(&a, "link", 0120777, "target", 6);
	add(&a, "TRAILER!!!", 0, "", 0);
	expect_damage(&a, "it holds something that is neither a file nor a directory");
}

/* Any single byte may be anything: never a read outside, always an end. */
static void test_any_byte_damaged(void **state)
{
	struct archive a, good;

	(void)state;
	sample(&good);
	for (size_t at = 0; at < good.size; at++) {
		for (unsigned v = 0; v < 256; v += 5) {
			const char *cause = NULL;
			unsigned files;

			a = good;
			a.bytes[at] = (char)v;
			if (read_all(&a, &files, &cause) == CPIO_DAMAGED)
				assert_non_null(cause);
			assert_true(files <= 4);
		}
	}
}

static void test_modules(void **state)
{
	static struct bootinfo info;
	char name[BOOT_NAME_BYTES + 1];

	(void)state;
	fill_init(&info, BOOT_UEFI);
	assert_int_equal(info.magic, BOOTINFO_MAGIC);
	assert_int_equal(info.version, BOOTINFO_VERSION);
	memset(name, 'x', BOOT_NAME_BYTES);
	name[BOOT_NAME_BYTES] = '\0';
	assert_string_equal(fill_add_module(&info, name, 0x1000, 1),
			    "the module's name is too long");
	assert_string_equal(fill_add_module(&info, "", 0x1000, 1), "a module must have a name");
	assert_int_equal(info.module_count, 0);
	name[BOOT_NAME_BYTES - 1] = '\0';
	assert_null(fill_add_module(&info, name, 0x1000, 1));
	assert_string_equal(info.modules[0].name, name);
	assert_string_equal(fill_add_module(&info, name, 0x1000, 1),
			    "there are two modules of this name");
	for (unsigned i = 1; i < BOOT_MAX_MODULES; i++) {
		name[0] = (char)('A' + i);
		assert_null(fill_add_module(&info, name, 0x1000 * i, i));
		assert_int_equal(info.modules[i].base, 0x1000 * i);
		assert_int_equal(info.modules[i].size, i);
	}
	assert_string_equal(fill_add_module(&info, "one", 0, 0), "there are too many modules");
	assert_int_equal(info.module_count, BOOT_MAX_MODULES);
}

static void test_the_first_note_stays(void **state)
{
	static struct bootinfo info;
	char long_cause[2 * BOOT_ERROR_BYTES];

	(void)state;
	fill_init(&info, BOOT_UEFI);
	memset(long_cause, 'y', sizeof(long_cause) - 1);
	long_cause[sizeof(long_cause) - 1] = '\0';
	fill_note(&info, "initrd", long_cause);
	assert_int_equal(strlen(info.error), BOOT_ERROR_BYTES - 1);
	fill_init(&info, BOOT_UEFI);
	fill_note(&info, "initrd", "it is not there");
	fill_note(&info, "kernel", "it is a directory");
	assert_string_equal(info.error, "initrd: it is not there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_files),
		cmocka_unit_test(test_zeros_behind_the_trailer_are_allowed),
		cmocka_unit_test(test_every_cut_is_noticed),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_sizes_and_names),
		cmocka_unit_test(test_only_files),
		cmocka_unit_test(test_any_byte_damaged),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_the_first_note_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
