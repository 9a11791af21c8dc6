/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host operations on one space against the naive model of tests/unit/test_random_mm.c, chosen by
 * the input instead of a seed. The input's end ends it.
 */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include "tests/unit/threads.h"
#include "tests/unit/world.h"

static struct fuzz input;
static bool hogged_once;

static unsigned from_input(uint64_t *unused)
{
	(void)unused;
	return (unsigned)fuzz_take(&input, 2);
}

/* All memory taken and given back costs as much as a thousand other steps: once in a run. */
static void leave_once(uint64_t frames)
{
	if (!hogged_once)
		hog_leave(frames);
	hogged_once = true;
}

#define threads_random from_input
#define hog_leave leave_once
#define main tests_main
int tests_main(void);
#include "tests/unit/test_random_mm.c"
#undef main

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct fuzz){ data, size };
	hogged_once = false;
	begin();
	for (unsigned i = 0; input.left != 0; i++) {
		step();
		if (i % 64 == 0)
			model_check();
	}
	model_check();
	end();
	return 0;
}
