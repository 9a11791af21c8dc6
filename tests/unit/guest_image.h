/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of image loaders: loads an image out of a block of its exact size (so that ASan sees a
 * byte too many), and checks refusals by a piece of their sentence.
 */
#ifndef TESTS_UNIT_GUEST_IMAGE_H
#define TESTS_UNIT_GUEST_IMAGE_H

#include "tests/unit/guest_board.h"

static struct vm_image image_request;

/* The defaults of a test: 64 MiB, no initrd, format AUTO. */
static void image_defaults(void)
{
	memset(&image_request, 0, sizeof(image_request));
	image_request.memory_bytes = BOARD_MEMORY;
	image_request.vcpus = 1;
	image_request.kernel.name = "kernel";
}

static enum result image_load(const uint8_t *data, uint64_t bytes)
{
	uint8_t *exact = malloc(bytes ? bytes : 1);
	enum result r;

	assert_non_null(exact);
	memcpy(exact, data, bytes);
	board.written = 0;
	memset(board.why, 0, sizeof(board.why));
	image_request.kernel.data = exact;
	image_request.kernel.bytes = bytes;
	r = machine_load(board.machine, &image_request, &board.start, board.why, sizeof(board.why));
	free(exact);
	return r;
}

static void image_loads(const uint8_t *data, uint64_t bytes)
{
	enum result r = image_load(data, bytes);

	if (r != OK)
		fail_msg("refused: %s", board.why);
}

/* It is refused, in words that hold `piece`, and no byte of the guest has been written. */
static void image_refused(const uint8_t *data, uint64_t bytes, const char *piece)
{
	enum result r = image_load(data, bytes);

	assert_int_equal(r, BAD_ARGUMENT);
	if (!strstr(board.why, piece))
		fail_msg("\"%s\" does not say \"%s\"", board.why, piece);
	assert_int_equal(board.written, 0);
}

/* Every value of every byte may be refused or loaded; ASan and UBSan are the judges. */
static void image_survives_damage(const uint8_t *data, uint64_t bytes, uint64_t from, uint64_t to)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	uint8_t *copy = malloc(bytes);

	assert_non_null(copy);
	for (uint64_t i = from; i < to; i++)
		for (unsigned v = 0; v < sizeof(values); v++) {
			enum result r;

			memcpy(copy, data, bytes);
			copy[i] = values[v];
			r = image_load(copy, bytes);
			if (r != OK)
				assert_true(strlen(board.why) > 10);
		}
	for (uint64_t cut = 0; cut < bytes; cut += cut < to + 16 ? 1 : 509) {
		enum result r = image_load(data, cut);

		if (r != OK)
			assert_true(strlen(board.why) > 10);
	}
	free(copy);
}

static inline uint32_t guest32(uint64_t at)
{
	return le32(board.memory + (at - BOARD_BASE));
}

static inline uint64_t guest64(uint64_t at)
{
	return le64(board.memory + (at - BOARD_BASE));
}

#endif
