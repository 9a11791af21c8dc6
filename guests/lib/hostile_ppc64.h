/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ppc64's part of guests/hostile.c: see guests/lib/hostile.h. The guest runs in real mode, so its
 * tables translate data only, and only while an attack looks through them (MSR[DR]).
 */
#ifndef GUESTS_LIB_HOSTILE_PPC64_H
#define GUESTS_LIB_HOSTILE_PPC64_H

#include "guests/lib/guest.h"

#define NOWHERE 0x100000000ull
#define NOWHERE_BYTES 0x100000000ull
#define DEVICE_ADDRESS 0x600c000000000ull
#define ROOT_WILD 1u
#define ROOT_END 8192u
#define ROOT_SHIFT 39u
#define TABLE_BITS (1ull << 63 | 9) /* valid, 512 entries */
#define TABLE_NOISE (0xfffull << 52 | 0xfff)

#define H_EOI 0x64ull
#define H_IPI 0x6cull
#define H_IPOLL 0x70ull
#define H_XIRR 0x74ull
#define NEW_TABLE 0x1cull /* H_REGISTER_PROC_TBL: a radix one */
#define TREE_OF_13 (2ull << 61 | 5ull << 5 | 13ull)
#define MSR_DR 0x10ull
#define MSR_EE 0x8000ull

static uint64_t wild_root[8192] __attribute__((aligned(65536)));
static uint64_t wild_processes[512] __attribute__((aligned(4096)));

static inline uint64_t root_address(void)
{
	return (uintptr_t)wild_root;
}

/* As the entries lie in memory: big-endian. */
static inline uint64_t table_entry(uint64_t value)
{
	return __builtin_bswap64(value);
}

static inline void root_write(unsigned entry, uint64_t value)
{
	if (wild_processes[0] == 0) {
		wild_processes[0] = table_entry(TREE_OF_13 | root_address());
		(void)papr(H_REGISTER_PROC_TBL, NEW_TABLE, (uintptr_t)wild_processes, 0, 0);
	}
	((volatile uint64_t *)wild_root)[entry] = table_entry(value);
	/* tlbie RB = IS 2, RS = 0, RIC 2, PRS 1, R 1: all of this partition's processes. */
	register uint64_t rs __asm__("r4") = 0, rb __asm__("r5") = 2 << 10;
	__asm__ volatile("ptesync\n\t"
			 ".long 0x7c000264 | 4 << 21 | 2 << 18 | 1 << 17 | 1 << 16 | 5 << 11\n\t"
			 "eieio\n\ttlbsync\n\tptesync"
			 :
			 : "r"(rs), "r"(rb)
			 : "memory");
}

/* Reads a word and writes it back, data translated: no stack and no other memory meanwhile. */
static inline void through_tables(uint64_t at)
{
	uint64_t msr, value;

	__asm__ volatile("mfmsr %0\n\t"
			 "ori %0, %0, %3\n\t"
			 "mtmsrd %0\n\tisync\n\t"
			 "ld %1, 0(%2)\n\t"
			 "std %1, 0(%2)\n\t"
			 "xori %0, %0, %3\n\t"
			 "mtmsrd %0\n\tisync"
			 : "=&r"(msr), "=&r"(value)
			 : "b"(at), "i"(MSR_DR)
			 : "memory");
}

static inline void code_written(uint64_t at, uint64_t bytes)
{
	for (uint64_t line = at & ~15ull; line < at + bytes; line += 16)
		__asm__ volatile("dcbst 0, %0\n\tsync\n\ticbi 0, %0" : : "r"(line) : "memory");
	__asm__ volatile("sync\n\tisync" : : : "memory");
}

static inline void code_write(uint64_t at, unsigned value)
{
	write64(at, (0x38600000ull | value) | 0x4e800020ull << 32); /* li r3, value; blr */
	code_written(at, 8);
}

_Noreturn static inline void spin_for_ever(void)
{
	uint64_t msr;

	__asm__ volatile("mfmsr %0" : "=r"(msr));
	__asm__ volatile("mtmsrd %0, 1" : : "r"(msr & ~MSR_EE));
	for (;;)
		__asm__ volatile("" : : : "memory");
}

/* External interrupts stay off; they are polled. */
static inline void interrupts_begin(void)
{
	(void)papr(H_CPPR, 0xff, 0, 0, 0);
}

/* Messages to every vCPU and to none, priorities, acceptances and ends in any order. */
static inline void interrupt_storm(unsigned me, uint64_t random)
{
	uint64_t xirr = 0;

	(void)me;
	(void)papr(H_IPI, random >> 8 & 7, random >> 16 & 0xff, 0, 0);
	switch (random & 3) {
	case 0: (void)papr(H_CPPR, random >> 24 & 0x1ff, 0, 0, 0); break;
	case 1: (void)papr(H_EOI, random >> 32, 0, 0, 0); break;
	case 2: (void)papr(H_IPOLL, random >> 40 & 7, 0, 0, 0); break;
	default:
		if (papr_get(H_XIRR, &xirr) == 0 && random & 4)
			(void)papr(H_EOI, xirr, 0, 0, 0);
	}
}

/* No device has an address: the board's calls, but for text and for falling asleep. */
static inline void device_storm(uint64_t random, uint64_t value)
{
	uint64_t nr = random >> 32 & 1 ? (random & 0x3ff) * 4 : random & 0xffff;

	if (nr != H_PUT_TERM_CHAR && nr != H_CEDE)
		(void)papr(nr, value & 0xffffff, value >> 24 & 0xff, value >> 32, random >> 40);
}

#endif
