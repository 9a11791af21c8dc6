/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration's text becomes a blob, by dtc, as a user's does. */
#ifndef TESTS_UNIT_DTC_H
#define TESTS_UNIT_DTC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Compiles `text` into the `room` bytes at `blob`; returns its bytes, 0: failed, or no room. */
static inline size_t dtc_compile(const char *text, void *blob, size_t room)
{
	char name[] = "/tmp/tenure-dts-XXXXXX", command[128];
	size_t length = strlen(text), bytes = 0;
	int fd = mkstemp(name);

	if (fd < 0)
		return 0;
	bool written = write(fd, text, length) == (ssize_t)length;
	close(fd);
	snprintf(command, sizeof(command), "dtc -q -I dts -O dtb -o - %s", name);
	FILE *dtc = written ? popen(command, "r") : NULL;
	if (dtc != NULL) {
		bytes = fread(blob, 1, room, dtc);
		if (pclose(dtc) != 0 || bytes == room) /* the last byte says that it was cut */
			bytes = 0;
	}
	unlink(name);
	return bytes;
}

#endif
