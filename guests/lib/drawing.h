/* SPDX-License-Identifier: BSD-2-Clause */
/* The picture that the tour draws, composed in ordinary memory. */
#ifndef GUESTS_LIB_DRAWING_H
#define GUESTS_LIB_DRAWING_H

#include <stdint.h>

#include "guests/abi.h"

#define DRAWING_WIDTH ((uint32_t)TENURE_DISPLAY_WIDTH)
#define DRAWING_HEIGHT ((uint32_t)TENURE_DISPLAY_HEIGHT)

/* Fills WIDTH x HEIGHT words, 0x00RRGGBB. */
void drawing_compose(uint32_t *canvas);

/* CRC-32 (zlib's) of the canvas as bytes red, green, blue: what a PPM of it holds. */
uint32_t drawing_crc32(const uint32_t *canvas);

#endif
