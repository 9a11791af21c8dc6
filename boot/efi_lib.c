/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library of the UEFI application: what boot/bytes.h declares. */
#include "boot/bytes.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (size_t i = 0; i < bytes; i++)
		t[i] = f[i];
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	unsigned char *t = to;

	for (size_t i = 0; i < bytes; i++)
		t[i] = (unsigned char)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *x = a;
	const unsigned char *y = b;

	for (size_t i = 0; i < bytes; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}
