/* SPDX-License-Identifier: BSD-2-Clause */
/* As much of printf as guests need; the same source on every architecture. */
#include <stdarg.h>
#include <stddef.h>

#include "guests/lib/text.h"

void put_text(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		put_char(text[i]);
}

struct out {
	char *at, *end;
};

static void add_char(struct out *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
}

static void add_number(struct out *o, unsigned long value, unsigned base, unsigned width, char pad)
{
	char digits[24];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (unsigned at = width; at > count; at--)
		add_char(o, pad);
	while (count)
		add_char(o, digits[--count]);
}

static void add_string(struct out *o, const char *s)
{
	while (*s)
		add_char(o, *s++);
}

static void add_signed(struct out *o, long value, unsigned width, char pad)
{
	if (value < 0)
		add_char(o, '-');
	add_number(o, value < 0 ? 0ul - (unsigned long)value : (unsigned long)value, 10, width,
		   pad);
}

size_t format_text(char *to, size_t room, const char *format, va_list args)
{
	struct out o = { to, to + room };

	for (; *format; format++) {
		unsigned width = 0;
		bool is_long = false;
		char pad = ' ';

		if (*format != '%') {
			add_char(&o, *format);
			continue;
		}
		if (*++format == '0')
			pad = *format++;
		while (*format >= '0' && *format <= '9')
			width = width * 10 + (unsigned)(*format++ - '0');
		for (; *format == 'l'; format++)
			is_long = true;
		switch (*format) {
		case 's': add_string(&o, va_arg(args, const char *)); break;
		case 'c': add_char(&o, (char)va_arg(args, int)); break;
		case 'd':
			add_signed(&o, is_long ? va_arg(args, long) : va_arg(args, int), width,
				   pad);
			break;
		case 'u':
		case 'x':
			add_number(&o,
				   is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned),
				   *format == 'x' ? 16 : 10, width, pad);
			break;
		default: add_char(&o, *format); break;
		}
	}
	return (size_t)(o.at - to);
}

/* The compiler makes calls of these two out of loops and assignments. */
void *memset(void *to, int value, size_t bytes)
{
	unsigned char *at = to;

	while (bytes--)
		*at++ = (unsigned char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	unsigned char *at = to;
	const unsigned char *source = from;

	while (bytes--)
		*at++ = *source++;
	return to;
}
