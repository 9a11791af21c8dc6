/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The random test: operations chosen by a seed, each done to the real code and to a naive model of
 * it, with the two compared after each. A layer brings its operations and its part of the model;
 * layers stand on each other as the code does (the mapping layer takes its frames through the
 * frames' layer), and are run together. A difference names the seed and the operation's number,
 * which are all that is needed to see it again.
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"

struct random_op {
	const char *name;
	unsigned weight; /* how often, beside the others */
	void (*run)(void);
};

struct random_layer {
	const char *name;
	void (*begin)(void);
	const struct random_op *ops;
	unsigned op_count;
	void (*check)(void); /* compares everything; called now and then, and at the end */
	void (*end)(void);   /* gives everything back; the layer below is still there */
};

/* Layers from the lowest to the highest. Ends the program's test at the first difference. */
void random_run(uint64_t seed, uint64_t ops, const struct random_layer *const *layers,
		unsigned layer_count);

/* 0 <= result < n. For the layers' choices, from the run's seed. */
uint64_t random_below(uint64_t n);
static inline bool random_one_in(uint64_t n)
{
	return random_below(n) == 0;
}

/* How many operations have begun: also the model's clock. */
uint64_t random_now(void);

void random_failed(const char *file, int line, const char *what);
#define random_check(e) ((e) ? (void)0 : random_failed(__FILE__, __LINE__, #e))

/* ---- The frames' layer (random_frames.c) ----------------------------------------------------- */

extern const struct random_layer random_frames;

/* What the model knows of a frame number. Refs, pins and marks are those of heads. */
struct model_frame {
	uint8_t class; /* enum frame_class */
	uint8_t order;
	uint8_t marks;
	uint32_t refs, pins;
	uint32_t mine; /* references of `refs` that the frames' own operations may drop, pins among
			  them */
	uint32_t my_pins;
	uint32_t owner;
	uint64_t head;	/* first frame number of its block */
	uint64_t waits; /* since when it waits for a grace period; 0: it does not */
};

struct model_frame *model_of(pfn_t n);

/*
 * For the layers above: what they did to the real frames, done to the model. model_put frees the
 * block when no reference is left. Owners of the frames' own operations are RANDOM_OWNERS numbers
 * from RANDOM_OWNER on: what others own is left alone.
 */
#define RANDOM_OWNER 100u
#define RANDOM_OWNERS 3u
void model_alloc(pfn_t first, unsigned class, unsigned order, uint32_t owner);
void model_free(pfn_t first);
void model_get(pfn_t n, uint32_t refs);
void model_put(pfn_t n, uint32_t refs);

#endif
