/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences without a C library: the loaders have no printf. */
#include "boot/words.h"

struct words words_in(char *text, size_t room)
{
	text[0] = '\0';
	return (struct words){ .text = text, .room = room, .used = 0 };
}

void words_add(struct words *w, const char *s)
{
	while (*s != '\0' && w->used + 1 < w->room)
		w->text[w->used++] = *s++;
	w->text[w->used] = '\0';
}

void words_add_number(struct words *w, uint64_t n)
{
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	words_add(w, &digits[at]);
}
