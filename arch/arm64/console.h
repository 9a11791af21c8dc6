/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 behind arch_console_put; see console.c. */
#ifndef ARCH_ARM64_CONSOLE_H
#define ARCH_ARM64_CONSOLE_H

#include <stdint.h>

/* First of all, in the loader's tables: the PL011 that the hand-over has mapped. */
void console_early(void);

/*
 * After paging_init: the PL011 at `base` (hpa), 0: where it was. The one of the hand-over is gone
 * from the tables by then, so this must be called. false: it could not be mapped; it stays silent.
 */
_Bool console_init(uint64_t base);

#endif
