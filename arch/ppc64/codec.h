/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two writers of entries ask of the codec; pure, and so tested on the host. */
#ifndef ARCH_PPC64_CODEC_H
#define ARCH_PPC64_CODEC_H

#include "arch/arch.h"

/* From the byte order of an entry in memory to the processor's, and back. */
static inline uint64_t codec_swap(uint64_t entry)
{
#ifdef __powerpc64__
	/* Until POWER10's brd it is the way through memory that takes two instructions, not twelve.
	 */
	uint64_t box, swapped;

	__asm__("std %1, %0" : "=m"(box) : "r"(entry));
	__asm__("ldbrx %0, 0, %1" : "=r"(swapped) : "r"(&box), "m"(box));
	return swapped;
#else
	return __builtin_bswap64(entry);
#endif
}

/* The bits of `entry` that the processor may have set since it was written, as they stand there. */
uint64_t codec_set_by_processor(uint64_t entry);

/* NULL, or what is wrong with a leaf at `level` (S8, alignment); anything else is not wrong. */
const char *codec_wrong_leaf(unsigned level, uint64_t entry);

/* Are both leaves of the same memory, which differ by permissions only? */
bool codec_same_place(uint64_t a, uint64_t b);

#endif
