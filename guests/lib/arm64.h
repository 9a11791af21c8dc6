/* SPDX-License-Identifier: BSD-2-Clause */
/* arm64: the processor's instructions that guests use by name, and where the virt board has what.
 */
#ifndef GUESTS_LIB_ARM64_H
#define GUESTS_LIB_ARM64_H

#include <stdbool.h>
#include <stdint.h>

#define RAM_BASE 0x40000000ull
#define NOTHING_THERE 0x25 /* what catch_trap says of an access to nothing: a data abort */
#define UART 0x09000000ull /* a PL011 */

static inline void pause(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* A call of the firmware: SMCCC by HVC #0. */
static inline int64_t firmware(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = nr;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return (int64_t)x0;
}

#define PSCI_CPU_SUSPEND 0xc4000001ull
#define PSCI_CPU_OFF 0x84000002ull
#define PSCI_CPU_ON 0xc4000003ull
#define PSCI_AFFINITY_INFO 0xc4000004ull
#define PSCI_SYSTEM_OFF 0x84000008ull
#define PSCI_SYSTEM_RESET 0x84000009ull

/* ---- What every architecture has under one name ------------------------------------------------
 */

/*
 * Executed instructions, where QEMU counts them, by sixteens: under -icount shift=0 one is a
 * nanosecond, and the board's counter runs at 62.5 MHz.
 */
static inline uint64_t cycles(void)
{
	uint64_t ticks;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return 16 * ticks;
}

/* A page that the hypervisor keeps a clock in: x86 alone has it. */
static inline void clock_page(uint64_t gpa, bool stay)
{
	(void)gpa, (void)stay;
}

/* FP registers of this vCPU: a value in two of them, and is it there still? */
static inline void fp_set(uint64_t mark)
{
	__asm__ volatile(".arch_extension fp\n\tfmov d3, %0\n\tfmov d31, %0"
			 :
			 : "r"(mark)
			 : "memory");
}

static inline int fp_is(uint64_t mark)
{
	uint64_t low, high;

	__asm__ volatile(".arch_extension fp\n\tfmov %0, d3\n\tfmov %1, d31"
			 : "=r"(low), "=r"(high));
	return low == mark && high == mark;
}

/* A write to a device without an effect (the UART's interrupt levels), and a trapped ID register.
 */
#define REGISTER_NAME "id_register"
static inline void device_write(void)
{
	*(volatile uint32_t *)(UART + 0x34) = 0x12;
}

static inline void register_read(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(value));
}

#endif
