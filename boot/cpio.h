/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a cpio archive in the "newc" format (cpio(5)) in place: this is how config.dtb and the
 * modules come when the machine has no file system to read them from. The archive is not
 * trusted: every field of a header is checked before it is used.
 */
#ifndef BOOT_CPIO_H
#define BOOT_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio {
	const unsigned char *data;
	size_t size; /* bytes */
	size_t at;   /* of the next header */
};

struct cpio_file {
	const char *name;	   /* NUL-terminated, in the archive, without a leading "./" */
	const unsigned char *data; /* in the archive, aligned to 4 bytes of it */
	size_t size;		   /* bytes */
};

enum cpio_answer {
	CPIO_FILE,    /* *file is the next regular file */
	CPIO_END,     /* the archive's trailer was met */
	CPIO_DAMAGED, /* *cause says how; what was returned before stands */
};

/* Begins at the front of data[0..size). */
struct cpio cpio_open(const void *data, size_t size);

/* Goes on to the next regular file; directories are passed over, anything else is damage. */
enum cpio_answer cpio_next(struct cpio *c, struct cpio_file *file, const char **cause);

#endif
