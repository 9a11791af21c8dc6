/* SPDX-License-Identifier: BSD-2-Clause */
/* The end that a port's assertion asks hv for: a test waits for it, and goes on. */
#ifndef TESTS_UNIT_PORT_STOP_H
#define TESTS_UNIT_PORT_STOP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"

__attribute__((unused)) static jmp_buf port_stopped;
__attribute__((unused)) static const char *port_stop_words;

_Noreturn void hv_stop(const char *what, uint64_t pc, uint64_t detail)
{
	(void)pc, (void)detail;
	port_stop_words = what;
	longjmp(port_stopped, 1);
}

/* The statement ends in an assertion of these words. */
#define EXPECT_STOP(words, statement)                            \
	do {                                                     \
		port_stop_words = "nothing";                     \
		if (setjmp(port_stopped) == 0)                   \
			statement;                               \
		assert_non_null(strstr(port_stop_words, words)); \
	} while (0)

#endif
