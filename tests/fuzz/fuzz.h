/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: an input taken apart byte by byte, and a check that ends the run. A
 * target is a program of libFuzzer (tools/mk/fuzz.mk); its oracles are the sanitizers, mm's and
 * hv's own assertions, and fuzz_check for what a function promises.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's entry points. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What is left of the input. */
struct fuzz {
	const uint8_t *at;
	size_t left; /* bytes */
};

/* The next `bytes` bytes as a little-endian number; what the input does not have is 0. */
static inline uint64_t fuzz_take(struct fuzz *f, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && f->left != 0; i++, f->left--)
		value |= (uint64_t)*f->at++ << 8 * i;
	return value;
}

/* 0 <= result < n, from as few bytes as n needs. */
static inline uint64_t fuzz_below(struct fuzz *f, uint64_t n)
{
	unsigned bytes = 1;

	while (bytes < 8 && n > UINT64_C(1) << 8 * bytes)
		bytes++;
	return fuzz_take(f, bytes) % n;
}

/* A number as programs have them: mostly small or near a power of two, sometimes any. */
static inline uint64_t fuzz_number(struct fuzz *f)
{
	uint8_t how = (uint8_t)fuzz_take(f, 1);

	switch (how >> 6) {
	case 0: return how & 63;
	case 1: return (UINT64_C(1) << (how & 63)) + (uint64_t)(int8_t)fuzz_take(f, 1);
	case 2: return fuzz_take(f, 4);
	default: return fuzz_take(f, 8);
	}
}

#define fuzz_check(e)  \
	((e) ? (void)0 \
	     : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #e), abort()))

#endif
