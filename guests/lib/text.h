/* SPDX-License-Identifier: BSD-2-Clause */
/* Text on the serial port, polled. Knows no locks: callers that run on several vCPUs bring one. */
#ifndef GUESTS_LIB_TEXT_H
#define GUESTS_LIB_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define TEXT_BYTES 512u

void put_char(char c);
void put_text(const char *text, size_t bytes);

/*
 * %s %c %d %u %x, with l or without, a width, 0; %%. Returns the bytes written, at most `room`;
 * there is no NUL behind them.
 */
size_t format_text(char *to, size_t room, const char *format, va_list args);

void *memset(void *to, int value, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);

#endif
