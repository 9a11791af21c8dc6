/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest accesses, memslots, regions, owners, pins and notices against the model of
 * tests/unit/test_hv_random.c, chosen by the input instead of a seed: so also which of them comes
 * in the middle of a fault.
 */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"

#define main tests_main
int tests_main(void);
#include "tests/unit/test_hv_random.c"
#undef main

#define CHECK_EVERY 64u

static struct fuzz input;
static uint64_t now;
static const char *op_name;

uint64_t random_below(uint64_t n)
{
	return fuzz_below(&input, n);
}

uint64_t random_now(void)
{
	return now;
}

void random_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s: operation %llu, %s\n", file, line, what,
		(unsigned long long)now, op_name);
	abort();
}

/* What the tests' main would call. */
void random_run(uint64_t seed, uint64_t count, const struct random_layer *const *of,
		unsigned of_count)
{
	(void)seed, (void)count, (void)of, (void)of_count;
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned count = sizeof(ops) / sizeof(ops[0]);

	input = (struct fuzz){ data, size };
	now = 1;
	op_name = "at the beginning";
	begin();
	while (input.left != 0) {
		/* Half of the choices are an access: without it nothing is seen. The last one,
		 * without memory, takes as long as a thousand others. */
		uint64_t n = fuzz_below(&input, 2 * count);
		if (n == count - 1 && fuzz_below(&input, 32) != 0)
			n = 0;
		const struct random_op *op = &ops[n < count ? n : 0];
		now++;
		op_name = op->name;
		op->run();
		if (now % CHECK_EVERY == 0)
			check();
	}
	op_name = "at the end";
	check();
	end();
	alarm(0);
	return 0;
}
