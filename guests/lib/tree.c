/* SPDX-License-Identifier: BSD-2-Clause */
/* The flattened format (Devicetree Specification 0.4, chapter 5). It is the hypervisor's: well
 * formed. */
#include "guests/lib/tree.h"

#include <stddef.h>

#include "guests/lib/guest.h"

enum { TREE_BYTES = 4, TREE_STRUCTURE = 8, TREE_STRINGS = 12 };
enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOTHING = 4 };

static uint32_t big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint32_t tree_bytes(const uint8_t *tree)
{
	return big_endian(tree + TREE_BYTES);
}

const uint8_t *tree_property(const uint8_t *tree, const char *name)
{
	const uint8_t *at = tree + big_endian(tree + TREE_STRUCTURE);
	const char *strings = (const char *)tree + big_endian(tree + TREE_STRINGS);

	for (;;) {
		uint32_t token = big_endian(at), length = 0;

		at += 4;
		switch (token) {
		case BEGIN_NODE:
			while (at[length++])
				;
			break;
		case PROPERTY:
			length = big_endian(at);
			if (same(strings + big_endian(at + 4), name))
				return at + 8;
			at += 8;
			break;
		case END_NODE:
		case NOTHING: break;
		default: return NULL;
		}
		at += (length + 3) & ~3u;
	}
}

uint32_t tree_cell(const uint8_t *tree, const char *name)
{
	const uint8_t *value = tree_property(tree, name);

	return value ? big_endian(value) : 0;
}

const char *tree_bootargs(const uint8_t *tree)
{
	const uint8_t *value = tree_property(tree, "bootargs");

	return value ? (const char *)value : "";
}
