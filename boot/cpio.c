/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A newc entry is a header of 110 characters, the name, and the data; name and data are each
 * padded so that what follows begins at a multiple of 4. Numbers are 8 hexadecimal digits. A file
 * called TRAILER!!! ends the archive; one that stops earlier has been cut.
 */
#include "boot/cpio.h"

#include <stdbool.h>

#include "boot/bytes.h"

#define MAGIC_CHARS 6u
#define NUMBER_CHARS 8u
#define NUMBERS 13u
#define HEADER_CHARS (MAGIC_CHARS + NUMBERS * NUMBER_CHARS)
#define NAME_MAX_CHARS 4096u

/* The numbers of the header that matter here, by their place in it. */
#define NUMBER_MODE 1u
#define NUMBER_FILE_SIZE 6u
#define NUMBER_NAME_SIZE 11u

#define MODE_KIND 0170000u
#define MODE_REGULAR 0100000u
#define MODE_DIRECTORY 0040000u

#define TRAILER "TRAILER!!!"

struct cpio cpio_open(const void *data, size_t size)
{
	return (struct cpio){ .data = data, .size = size, .at = 0 };
}

static bool hex_number(const unsigned char *digits, uint32_t *number)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < NUMBER_CHARS; i++) {
		unsigned char c = digits[i];
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)(c - 'A') + 10;
		else
			return false;
		n = n << 4 | digit;
	}
	*number = n;
	return true;
}

/* Reads the header at c->at, which lies wholly in the archive. NULL, or the cause. */
static const char *read_header(const struct cpio *c, uint32_t numbers[NUMBERS])
{
	const unsigned char *header = c->data + c->at;

	if (memcmp(header, "070701", MAGIC_CHARS) != 0)
		return "there is no newc header where one must be";
	for (unsigned i = 0; i < NUMBERS; i++)
		if (!hex_number(header + MAGIC_CHARS + i * NUMBER_CHARS, &numbers[i]))
			return "a header holds something that is not a number";
	return NULL;
}

/* The name, of `chars` characters with its NUL, begins at `at`. NULL, or the cause. */
static const char *check_name(const struct cpio *c, size_t at, uint32_t chars)
{
	if (chars < 2 || chars > NAME_MAX_CHARS)
		return "a name is empty or too long";
	if (chars > c->size - at)
		return "the archive ends in a name";
	for (uint32_t i = 0; i + 1 < chars; i++)
		if (c->data[at + i] == '\0')
			return "a name is shorter than its header says";
	if (c->data[at + chars - 1] != '\0')
		return "a name does not end";
	return NULL;
}

static size_t aligned(size_t at)
{
	return (at + 3) & ~(size_t)3;
}

/* One entry of any kind: fills *file and *mode and moves on. NULL, or the cause. */
static const char *next_entry(struct cpio *c, struct cpio_file *file, uint32_t *mode)
{
	uint32_t numbers[NUMBERS];
	const char *cause;
	size_t name_at, data_at;

	if (c->size < HEADER_CHARS || c->at > c->size - HEADER_CHARS)
		return "the archive ends without its trailer";
	cause = read_header(c, numbers);
	if (cause != NULL)
		return cause;
	name_at = c->at + HEADER_CHARS;
	cause = check_name(c, name_at, numbers[NUMBER_NAME_SIZE]);
	if (cause != NULL)
		return cause;
	data_at = aligned(name_at + numbers[NUMBER_NAME_SIZE]);
	if (data_at > c->size || numbers[NUMBER_FILE_SIZE] > c->size - data_at)
		return "the archive ends in a file";

	*mode = numbers[NUMBER_MODE];
	file->name = (const char *)c->data + name_at;
	file->data = c->data + data_at;
	file->size = numbers[NUMBER_FILE_SIZE];
	c->at = aligned(data_at + file->size);
	return NULL;
}

static bool is_trailer(const struct cpio_file *file)
{
	const char *trailer = TRAILER;
	size_t i = 0;

	while (trailer[i] != '\0' && trailer[i] == file->name[i])
		i++;
	return trailer[i] == file->name[i];
}

enum cpio_answer cpio_next(struct cpio *c, struct cpio_file *file, const char **cause)
{
	uint32_t mode;

	do {
		*cause = next_entry(c, file, &mode);
		if (*cause != NULL)
			return CPIO_DAMAGED;
		if (is_trailer(file))
			return CPIO_END;
	} while ((mode & MODE_KIND) == MODE_DIRECTORY);
	if ((mode & MODE_KIND) != MODE_REGULAR) {
		*cause = "it holds something that is neither a file nor a directory";
		return CPIO_DAMAGED;
	}
	if (file->name[0] == '.' && file->name[1] == '/')
		file->name += 2;
	return CPIO_FILE;
}
