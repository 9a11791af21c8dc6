/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1, polled. */
#include "guests/lib/text.h"
#include "guests/lib/x86.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define THR_EMPTY 0x20

void put_char(char c)
{
	if (c == '\n')
		put_char('\r');
	while (!(in8(LINE_STATUS) & THR_EMPTY))
		pause();
	out8(COM1, (uint8_t)c);
}
