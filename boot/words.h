/* SPDX-License-Identifier: BSD-2-Clause */
/* A sentence put together in a fixed buffer: always NUL-terminated, cut where the buffer ends. */
#ifndef BOOT_WORDS_H
#define BOOT_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words {
	char *text;
	size_t room; /* bytes of text, the NUL among them; at least 1 */
	size_t used; /* characters, without the NUL */
};

/* Begins an empty sentence in text[0..room), room > 0. */
struct words words_in(char *text, size_t room);

void words_add(struct words *w, const char *s);
void words_add_number(struct words *w, uint64_t n); /* decimal */

#endif
