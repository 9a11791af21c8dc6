/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads typed properties out of a flattened device tree by a table: what a node may hold is data,
 * and everything else in it is a mistake that is named with the node's path and the property.
 */
#ifndef HV_CONFIG_TREE_H
#define HV_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree {
	const void *fdt;
	char *why; /* the sentence of the first mistake */
	size_t why_bytes;
};

enum property_kind {
	PROPERTY_FLAG,	/* bool: given, without a value */
	PROPERTY_COUNT, /* uint32_t: one cell, min..max */
	PROPERTY_BYTES, /* uint64_t: "12M", a cell, or two; min..max, a multiple of `align` */
	PROPERTY_TEXT,	/* const char *: one string of min..max characters */
	PROPERTY_TEXTS, /* const char *[max], and a uint32_t at `count`: strings of 1..63 characters
			 */
	PROPERTY_CHOICE,    /* uint32_t: a string, its index in `choices` */
	PROPERTY_REFERENCE, /* const char *: a node's name, given as a string or as a phandle */
};

struct property {
	const char *name;
	enum property_kind kind;
	bool required;
	size_t at; /* where in the caller's structure it goes */
	size_t count;
	uint64_t min, max;
	uint64_t align;		    /* 0: any */
	const char *const *choices; /* ends with NULL */
};

/*
 * Checks `fdt`, of at most `bytes`, from end to end: after it no function here reads outside of it,
 * whatever it holds. false: `why` says what is damaged.
 */
bool tree_open(struct tree *t, const void *fdt, size_t bytes, char *why, size_t why_bytes);

/*
 * Reads the node's properties into `out`, which already holds the defaults; the bit of `given` is
 * set for each property of the table (at most 32) that is there. false: a property is unknown,
 * twice there, missing, of another type, or out of its bounds.
 */
bool tree_read(struct tree *t, int node, const struct property *table, unsigned count, void *out,
	       uint32_t *given);

/* The node's name in `name`: letters, digits and . _ + - only, shorter than `bytes`, no unit
 * address. */
bool tree_name(struct tree *t, int node, char *name, size_t bytes);

/* The mistake's sentence, "PATH: property: ..." (property NULL: "PATH: ..."). Always false. */
__attribute__((format(printf, 4, 5))) bool tree_bad(struct tree *t, int node, const char *property,
						    const char *format, ...);

/* "12K", "3M", "1G" or a plain number of bytes; false: it is not a size, or is 2^64 and more. */
bool tree_parse_bytes(const char *text, uint64_t *bytes);

#endif
