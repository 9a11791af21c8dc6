/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib's formatted output and number parsing ask of their system. There is no heap behind
 * the C library here: every request for memory is refused, which newlib reports as ENOMEM. Nothing
 * that the project calls (integer formats into a caller's buffer) makes such a request.
 */
#include <locale.h>
#include <reent.h>
#include <stddef.h>

void *_malloc_r(struct _reent *reent, size_t size);
void *_realloc_r(struct _reent *reent, void *old, size_t size);
void _free_r(struct _reent *reent, void *old);
struct lconv *_localeconv_r(struct _reent *reent);

void *_malloc_r(struct _reent *reent, size_t size)
{
	(void)reent;
	(void)size;
	return NULL;
}

void *_realloc_r(struct _reent *reent, void *old, size_t size)
{
	(void)reent;
	(void)old;
	(void)size;
	return NULL;
}

void _free_r(struct _reent *reent, void *old)
{
	(void)reent;
	(void)old;
}

/* The C locale: a point, no grouping. */
struct lconv *_localeconv_r(struct _reent *reent)
{
	static char point[] = ".";
	static char none[] = "";
	static struct lconv conv = {
		.decimal_point = point,
		.thousands_sep = none,
		.grouping = none,
	};

	(void)reent;
	return &conv;
}
