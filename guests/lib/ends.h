/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guests that end their VM on purpose share: the way is a word of the command line. */
#ifndef GUESTS_LIB_ENDS_H
#define GUESTS_LIB_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

struct way {
	const char *word;
	void (*run)(void);
};

/* Goes the way that the command line names. "end=V", on each architecture: the hypercall with V. */
static inline void ends_by(const char *cmdline, const struct way *ways, size_t count)
{
	uint64_t value = argument(cmdline, "end", ~0ull);

	if (value != ~0ull)
		(void)hc_end(value);
	for (size_t i = 0; i < count; i++)
		if (has_word(cmdline, ways[i].word))
			ways[i].run();
	report(false, "the VM has ended");
}

#endif
