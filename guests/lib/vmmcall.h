/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction behind every hypercall, in the registers that guests/abi.h names. */
#ifndef GUESTS_LIB_VMMCALL_H
#define GUESTS_LIB_VMMCALL_H

#include <stdint.h>

#ifdef __x86_64__
static inline int64_t vmmcall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t fourth __asm__("r8") = d;
	int64_t answer;

	__asm__ volatile("vmmcall"
			 : "=a"(answer)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "memory");
	return answer;
}
#else
static inline int64_t vmmcall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int32_t answer;

	__asm__ volatile("vmmcall"
			 : "=a"(answer)
			 : "0"((uint32_t)nr), "b"((uint32_t)a), "c"((uint32_t)b), "d"((uint32_t)c),
			   "S"((uint32_t)d)
			 : "memory");
	return answer;
}
#endif

#endif
