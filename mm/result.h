/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operation of mm/ or hv/ answers: done, try again, or a refusal with a reason that can
 * be printed in words (P8). The enum must be looked at: a call whose answer is dropped does not
 * compile.
 */
#ifndef MM_RESULT_H
#define MM_RESULT_H

enum __attribute__((warn_unused_result)) result {
	OK = 0,

	/* Nothing was changed; the same call may succeed later. */
	RACED,	     /* a notice moved under the lookup, or covers the address (P5) */
	WOULD_SLEEP, /* the caller may not sleep, and the answer is not at hand (N7) */
	BUSY,	     /* a notice is open that excludes this change (N4) */

	/* Refused: the same call will be refused again. */
	NO_MEMSLOT,
	READONLY_MEMSLOT, /* a write to it; it may be MMIO (P7) */
	NO_REGION,
	NO_PERMISSION,
	NO_BACKING, /* the owner of the region has no pfn for this place now */
	OUT_OF_MEMORY,
	POISONED,
	CANNOT_PIN_UNCOUNTED, /* P3 */
	BAD_INTENT,	      /* the table of intents and classes forbids it (P2) */
	BAD_ARGUMENT,
	BAD_ALIGNMENT,
	OVERLAPS,
	NOT_OWNER, /* F6: the named old owner does not hold the frame */
	NOT_FREED, /* F3: wrong order, part of a block, or a second free */
	IN_USE,	   /* references, pins or users remain */
	NOT_FOUND,
	UNSUPPORTED,
	RESULT_COUNT,
};

/* The reason in words, lower case, without a full stop; never NULL. */
const char *result_words(enum result r);

#endif
