/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's terminal 0: a character a call, the first in the highest byte. */
#include "guests/lib/ppc64.h"
#include "guests/lib/text.h"

void put_char(char c)
{
	if (c == '\n')
		put_char('\r');
	(void)papr(H_PUT_TERM_CHAR, 0, 1, (uint64_t)(uint8_t)c << 56, 0);
}
