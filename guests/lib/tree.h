/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree, as far as small guests look into it: the first property of a name, wherever it is.
 */
#ifndef GUESTS_LIB_TREE_H
#define GUESTS_LIB_TREE_H

#include <stdint.h>

/* The bytes of all of it. */
uint32_t tree_bytes(const uint8_t *tree);

/* The bytes of its value, or NULL. */
const uint8_t *tree_property(const uint8_t *tree, const char *name);

/* Its first cell, 0 if there is no such property. */
uint32_t tree_cell(const uint8_t *tree, const char *name);

/* /chosen's bootargs, "" if there are none. */
const char *tree_bootargs(const uint8_t *tree);

#endif
