/* SPDX-License-Identifier: BSD-2-Clause */
/* Text on COM1, polled. Knows no locks: callers that run on several vCPUs bring one. */
#ifndef GUESTS_LIB_TEXT_H
#define GUESTS_LIB_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

void put_char(char c);
/* %s %c %d %u %x, with l or without, a width, 0; %%. */
void vprint(const char *format, va_list args);

void *memset(void *to, int value, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);

#endif
