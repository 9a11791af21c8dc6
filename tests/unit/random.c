/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of the random test: chooses, counts, and says where it went wrong. */
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define CHECK_EVERY 1024u

static uint64_t state, seed, now;
static const char *op_name;

uint64_t random_below(uint64_t n)
{
	/* xorshift64*; the bias for an n that is no power of two does not matter here. */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * UINT64_C(0x2545f4914f6cdd1d)) >> 16) % n;
}

uint64_t random_now(void)
{
	return now;
}

void random_failed(const char *file, int line, const char *what)
{
	fail_msg("%s:%d: %s\nRANDOM_SEED=%llu, operation %llu, %s", file, line, what,
		 (unsigned long long)seed, (unsigned long long)now, op_name);
}

static const struct random_op *choose(const struct random_layer *const *layers,
				      unsigned layer_count, uint64_t weights)
{
	uint64_t r = random_below(weights);
	for (unsigned l = 0; l < layer_count; l++) {
		for (unsigned i = 0; i < layers[l]->op_count; i++) {
			if (r < layers[l]->ops[i].weight)
				return &layers[l]->ops[i];
			r -= layers[l]->ops[i].weight;
		}
	}
	return NULL;
}

static void check_all(const struct random_layer *const *layers, unsigned layer_count)
{
	for (unsigned l = 0; l < layer_count; l++)
		layers[l]->check();
}

void random_run(uint64_t new_seed, uint64_t ops, const struct random_layer *const *layers,
		unsigned layer_count)
{
	uint64_t weights = 0;
	seed = new_seed;
	state = new_seed * 2 + 1; /* never zero */
	op_name = "at the beginning";
	now = 1;
	for (unsigned l = 0; l < layer_count; l++) {
		layers[l]->begin();
		for (unsigned i = 0; i < layers[l]->op_count; i++)
			weights += layers[l]->ops[i].weight;
	}
	for (uint64_t i = 0; i < ops; i++) {
		const struct random_op *op = choose(layers, layer_count, weights);
		now++;
		op_name = op->name;
		op->run();
		if (now % CHECK_EVERY == 0)
			check_all(layers, layer_count);
	}
	op_name = "at the end";
	check_all(layers, layer_count);
	for (unsigned l = layer_count; l-- > 0;)
		layers[l]->end();
}
