/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Touches all of its memory, more than the host has: this VM ends with its reason, and the others
 * go on. mib=N says how far; it is an error to come to the end.
 */
#include "guests/lib/guest.h"

void guest_main(const char *cmdline)
{
	uint64_t mib = argument(cmdline, "mib", 1024);

	for (uint64_t at = 4; at < mib; at++) {
		for (uint64_t page = 0; page < MIB; page += PAGE)
			write64(RAM_BASE + at * MIB + page, at);
		if (at % 64 == 0)
			print("oom: %lu MiB touched\n", (unsigned long)at);
	}
	report(has_word(cmdline, "enough"), "all memory was touched");
}
