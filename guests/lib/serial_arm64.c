/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011, polled. */
#include "guests/lib/arm64.h"
#include "guests/lib/text.h"

#define DATA (UART + 0x00)
#define FLAGS (UART + 0x18)
#define TRANSMIT_FULL 0x20u

void put_char(char c)
{
	if (c == '\n')
		put_char('\r');
	while (*(volatile uint32_t *)FLAGS & TRANSMIT_FULL)
		pause();
	*(volatile uint32_t *)DATA = (uint8_t)c;
}
