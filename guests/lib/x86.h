/* SPDX-License-Identifier: BSD-2-Clause */
/* x86: the processor's instructions that guests use by name, and where the board has its RAM. */
#ifndef GUESTS_LIB_X86_H
#define GUESTS_LIB_X86_H

#include <stdbool.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return ((uint64_t)high << 32) | low;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r = { leaf, 0, 0, 0 };

	__asm__ volatile("cpuid" : "+a"(r.eax), "=b"(r.ebx), "+c"(r.ecx), "=d"(r.edx));
	return r;
}

/* ---- What every architecture has under one name ------------------------------------------------
 */

#define RAM_BASE 0ull
#define NOTHING_THERE (-1) /* what catch_trap says of an access to nothing */

/* Executed instructions, where QEMU counts them. */
static inline uint64_t cycles(void)
{
	return rdtsc();
}

/*
 * Has the hypervisor keep a clock up to date in the page at `gpa`, one for each vCPU (kvmclock's
 * MSR). The vCPU that stays has said all then; another halts for good, so that it takes no time.
 */
static inline void clock_page(uint64_t gpa, bool stay)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(0x4b564d01), "a"((uint32_t)gpa | 1), "d"((uint32_t)(gpa >> 32))
			 : "memory");
	while (!stay)
		__asm__ volatile("cli; hlt");
}

/* FP registers of this vCPU: a value in two of them, and is it there still? */
static inline void fp_set(uint64_t mark)
{
	__asm__ volatile("movq %0, %%xmm3\n\tmovq %0, %%xmm15" : : "r"(mark) : "memory");
}

static inline int fp_is(uint64_t mark)
{
	uint64_t low, high;

	__asm__ volatile("movq %%xmm3, %0\n\tmovq %%xmm15, %1" : "=r"(low), "=r"(high));
	return low == mark && high == mark;
}

/* A write to a port whose device has nothing to do, and a register that the hypervisor supplies. */
#define REGISTER_NAME "cpuid"
static inline void device_write(void)
{
	out8(0x80, 0);
}

static inline void register_read(void)
{
	(void)cpuid(0);
}

#endif
