/* SPDX-License-Identifier: BSD-2-Clause */
/* The console is the firmware's terminal 0, a call a character. */
#include "arch/arch.h"

#include "arch/ppc64/opal.h"
#include "arch/ppc64/percpu.h"

#define TRIES 1000u
#define READ_EVERY_TICKS 512000u /* a millisecond of POWER9's timebase */

void arch_console_put(char c)
{
	uint64_t length = __builtin_bswap64(1);
	int64_t r = OPAL_BUSY;

	for (unsigned i = 0; i < TRIES && (r == OPAL_BUSY || r == OPAL_BUSY_EVENT); i++) {
		r = opal_call(OPAL_CONSOLE_WRITE, 0, (uint64_t)(uintptr_t)&length,
			      (uint64_t)(uintptr_t)&c, 0);
		if (r == OPAL_BUSY_EVENT || c == '\n')
			(void)opal_call(OPAL_POLL_EVENTS, 0, 0, 0, 0);
	}
}

/* A call costs thousands of instructions: it is not asked for in every turn of a loop. */
int arch_console_get(void)
{
	static uint64_t asked;
	uint64_t now = mfspr(SPR_TB), length = __builtin_bswap64(1);
	unsigned char c;

	if (now - asked < READ_EVERY_TICKS)
		return -1;
	(void)opal_call(OPAL_POLL_EVENTS, 0, 0, 0, 0);
	if (opal_call(OPAL_CONSOLE_READ, 0, (uint64_t)(uintptr_t)&length, (uint64_t)(uintptr_t)&c,
		      0) == OPAL_SUCCESS &&
	    length != 0)
		return c;
	asked = now;
	return -1;
}
