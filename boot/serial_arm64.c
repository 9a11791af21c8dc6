/* SPDX-License-Identifier: BSD-2-Clause */
/* A PL011 needs two registers to say something: the data at +0, "transmitter full" in +0x18. */
#include "boot/serial_arm64.h"

#include <stdint.h>

#include "boot/handover_arm64.h"

#define FLAGS 0x18u
#define TRANSMITTER_FULL 0x20u
#define PATIENCE 100000u /* looks at the flags for one character */

void serial_write(const char *text)
{
	volatile uint32_t *data = (volatile uint32_t *)(uintptr_t)BOOT_PL011;
	volatile uint32_t *flags = (volatile uint32_t *)(uintptr_t)(BOOT_PL011 + FLAGS);

	for (; *text != '\0'; text++) {
		for (unsigned i = 0; i < PATIENCE; i++)
			if ((*flags & TRANSMITTER_FULL) == 0)
				break;
		*data = (uint8_t)*text;
	}
}
