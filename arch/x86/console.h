/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1; see console.c. */
#ifndef ARCH_X86_CONSOLE_H
#define ARCH_X86_CONSOLE_H

/* Sets line and speed; once, on the boot CPU, before the first character. */
void console_init(void);

#endif
