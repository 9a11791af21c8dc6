/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * To expect a broken invariant: EXPECT_BROKEN("words", statement) passes if the statement ends in
 * mm_broken with these words in what it says. One thread, no lock of mm/ held at that moment.
 */
#ifndef TESTS_UNIT_BROKEN_H
#define TESTS_UNIT_BROKEN_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "tests/fake/env.h"

static jmp_buf broken_jump;
static char broken_words[256];

static inline void broken_note(const char *file, int line, const char *what)
{
	snprintf(broken_words, sizeof(broken_words), "%s:%d: %s", file, line, what);
	longjmp(broken_jump, 1);
}

#define EXPECT_BROKEN(words, statement)                                                       \
	do {                                                                                  \
		env_broken = broken_note;                                                     \
		broken_words[0] = 0;                                                          \
		if (setjmp(broken_jump) == 0) {                                               \
			statement;                                                            \
		}                                                                             \
		env_broken = NULL;                                                            \
		if (strstr(broken_words, words) == NULL)                                      \
			fail_msg("expected \"%s\" broken, have \"%s\"", words, broken_words); \
	} while (0)

#endif
