/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The random test (tests/unit/random.h) of all layers. RANDOM_OPS operations (default below),
 * divided among a few seeds; RANDOM_SEED=n runs one seed with all of them, as a failure says it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/random.h"

#define DEFAULT_OPS 1000000u
#define SEEDS 8u

static const struct random_layer *const layers[] = { &random_frames };
#define LAYERS (sizeof(layers) / sizeof(layers[0]))

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void random_operations_agree_with_the_model(void **state)
{
	(void)state;
	uint64_t ops = number("RANDOM_OPS", DEFAULT_OPS);
	uint64_t one = number("RANDOM_SEED", 0);
	for (uint64_t seed = one ? one : 1; seed <= (one ? one : SEEDS); seed++) {
		uint64_t share = one ? ops : ops / SEEDS;
		print_message("RANDOM_SEED=%llu RANDOM_OPS=%llu\n", (unsigned long long)seed,
			      (unsigned long long)share);
		random_run(seed, share, layers, LAYERS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
