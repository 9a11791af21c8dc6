/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction behind every hypercall, in the registers that guests/abi.h names. */
#ifndef GUESTS_LIB_CALL_H
#define GUESTS_LIB_CALL_H

#include <stdint.h>

#ifdef __x86_64__
static inline int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t fourth __asm__("r8") = d;
	int64_t answer;

	__asm__ volatile("vmmcall"
			 : "=a"(answer)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "memory");
	return answer;
}
#elif defined(__aarch64__)
static inline int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t x0 __asm__("x0") = nr;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;
	register uint64_t x4 __asm__("x4") = d;

	__asm__ volatile("hvc #1" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return (int64_t)x0;
}
#elif defined(__powerpc64__)
static inline int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t r3 __asm__("r3") = 0x7e000000 | (nr & 0xffff);
	register uint64_t r4 __asm__("r4") = a;
	register uint64_t r5 __asm__("r5") = b;
	register uint64_t r6 __asm__("r6") = c;
	register uint64_t r7 __asm__("r7") = d;

	__asm__ volatile("sc 1" : "+r"(r3) : "r"(r4), "r"(r5), "r"(r6), "r"(r7) : "memory");
	return (int64_t)r3;
}
#else
static inline int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
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
