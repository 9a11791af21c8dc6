/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1, polled, and as much of printf as guests need; the same source for 32 and 64 bits. */
#include <stdarg.h>
#include <stddef.h>

#include "guests/lib/text.h"
#include "guests/lib/x86.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define THR_EMPTY 0x20

void put_char(char c)
{
	if (c == '\n')
		put_char('\r');
	while (!(in8(LINE_STATUS) & THR_EMPTY))
		pause();
	out8(COM1, (uint8_t)c);
}

static void put_number(unsigned long value, unsigned base, unsigned width, char pad)
{
	char digits[24];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (unsigned at = width; at > count; at--)
		put_char(pad);
	while (count)
		put_char(digits[--count]);
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

void vprint(const char *format, va_list args)
{
	for (; *format; format++) {
		unsigned width = 0;
		bool is_long = false;
		char pad = ' ';

		if (*format != '%') {
			put_char(*format);
			continue;
		}
		if (*++format == '0')
			pad = *format++;
		while (*format >= '0' && *format <= '9')
			width = width * 10 + (unsigned)(*format++ - '0');
		for (; *format == 'l'; format++)
			is_long = true;
		switch (*format) {
		case 's': put_string(va_arg(args, const char *)); break;
		case 'c': put_char((char)va_arg(args, int)); break;
		case 'd': {
			long value = is_long ? va_arg(args, long) : va_arg(args, int);

			if (value < 0)
				put_char('-');
			put_number(value < 0 ? 0ul - (unsigned long)value : (unsigned long)value,
				   10, width, pad);
			break;
		}
		case 'u':
		case 'x':
			put_number(is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned),
				   *format == 'x' ? 16 : 10, width, pad);
			break;
		default: put_char(*format); break;
		}
	}
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
