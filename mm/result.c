/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of every answer (P8): one row for each, and the size of the table is checked, so that
 * a new reason cannot be forgotten here.
 */
#include "mm/result.h"

#include <stddef.h>

static const char *const words[] = {
	[OK] = "done",
	[RACED] = "raced with a notice",
	[WOULD_SLEEP] = "would have to sleep",
	[BUSY] = "a notice is open",
	[NO_MEMSLOT] = "no memslot",
	[READONLY_MEMSLOT] = "the memslot is read-only",
	[NO_REGION] = "no region",
	[NO_PERMISSION] = "no permission",
	[NO_BACKING] = "the region has nothing to show here now",
	[OUT_OF_MEMORY] = "out of memory",
	[POISONED] = "the memory is poisoned",
	[CANNOT_PIN_UNCOUNTED] = "cannot pin what is not counted",
	[BAD_INTENT] = "the intent is not allowed for this class of memory",
	[BAD_ARGUMENT] = "bad argument",
	[BAD_ALIGNMENT] = "bad alignment",
	[OVERLAPS] = "overlaps another one",
	[NOT_OWNER] = "the frame is somebody else's",
	[NOT_FREED] = "not the start of a block of this order that is in use",
	[IN_USE] = "still in use",
	[NOT_FOUND] = "not found",
	[UNSUPPORTED] = "not supported here",
};

_Static_assert(sizeof(words) / sizeof(words[0]) == RESULT_COUNT, "a result without words");

const char *result_words(enum result r)
{
	if ((unsigned)r >= RESULT_COUNT || words[r] == NULL)
		return "an answer without words";
	return words[r];
}
