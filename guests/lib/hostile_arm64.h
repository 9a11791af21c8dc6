/* SPDX-License-Identifier: BSD-2-Clause */
/* arm64's part of guests/hostile.c: see guests/lib/hostile.h. */
#ifndef GUESTS_LIB_HOSTILE_ARM64_H
#define GUESTS_LIB_HOSTILE_ARM64_H

#include "guests/lib/guest.h"

#define NOWHERE 0x100000000ull
#define NOWHERE_BYTES 0x100000000ull
#define DEVICE_ADDRESS UART
#define ROOT_WILD 16u
#define ROOT_END 512u
#define ROOT_SHIFT 30u
#define TABLE_BITS 3u
#define TABLE_NOISE 0xfffull

#define GIC_DISTRIBUTOR 0x08000000ull

static inline uint64_t root_address(void)
{
	uint64_t root;

	__asm__ volatile("mrs %0, ttbr0_el1" : "=r"(root));
	return root & 0xfffffffff000ull;
}

static inline void root_write(unsigned entry, uint64_t value)
{
	write64(root_address() + 8 * entry, value);
	__asm__ volatile("dsb ish\n\ttlbi vmalle1\n\tdsb ish\n\tisb" : : : "memory");
}

static inline uint64_t table_entry(uint64_t value)
{
	return value;
}

static inline void through_tables(uint64_t at)
{
	write64(at, read64(at));
}

static inline void code_written(uint64_t at, uint64_t bytes)
{
	for (uint64_t line = at & ~15ull; line < at + bytes; line += 16)
		__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" : : "r"(line) : "memory");
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

static inline void code_write(uint64_t at, unsigned value)
{
	/* movz w0, #value; ret */
	write64(at, (0x52800000ull | (uint64_t)value << 5) | 0xd65f03c0ull << 32);
	code_written(at, 8);
}

_Noreturn static inline void spin_for_ever(void)
{
	__asm__ volatile("msr daifset, #15");
	for (;;)
		__asm__ volatile("" : : : "memory");
}

/* The GIC's distributor on, this vCPU's interface too; interrupts stay masked and are polled. */
static inline void interrupts_begin(void)
{
	*(volatile uint32_t *)GIC_DISTRIBUTOR = 0x12;
	__asm__ volatile("msr s3_0_c4_c6_0, %0" : : "r"(0xffull));	 /* ICC_PMR_EL1 */
	__asm__ volatile("msr s3_0_c12_c12_7, %0\n\tisb" : : "r"(1ull)); /* ICC_IGRPEN1_EL1 */
}

/* Messages to every vCPU, a timer that is always due, and interrupts taken and ended in a rush. */
static inline void interrupt_storm(unsigned me, uint64_t random)
{
	uint64_t intid;

	(void)me;
	interrupts_begin();
	__asm__ volatile("msr cntv_cval_el0, %0\n\tmsr cntv_ctl_el0, %1"
			 :
			 : "r"(random & 1 ? 0 : random), "r"(1ull));
	__asm__ volatile("msr s3_0_c12_c11_5, %0\n\tisb" /* ICC_SGI1R_EL1 */
			 :
			 : "r"(random & 2 ? 1ull << 40 | (random & 0xf000000)
					  : random & 0x0f00000f000fffffull));
	__asm__ volatile("mrs %0, s3_0_c12_c12_0" : "=r"(intid)); /* ICC_IAR1_EL1 */
	if ((intid & 0xffffff) < 1020)
		__asm__ volatile("msr s3_0_c12_c12_1, %0" : : "r"(intid)); /* ICC_EOIR1_EL1 */
	else if (random & 4)
		__asm__ volatile("msr s3_0_c12_c12_1, %0" : : "r"(random & 1023));
}

/* The distributor, the redistributors and the UART, anywhere in them. */
static inline void device_storm(uint64_t random, uint64_t value)
{
	static const uint64_t places[] = { GIC_DISTRIBUTOR, 0x080a0000, 0x080b0000, UART };
	uint64_t at = places[random >> 32 & 3] +
		      (random & 0xfff8) % (random >> 32 & 3 ? 0x1000 : 0x10000);

	/* Text of the UART's would fill the console: its data register is only read. */
	if (at == UART) {
		(void)*(volatile uint32_t *)at;
		return;
	}
	switch (random >> 40 & 1) {
	case 0: (void)*(volatile uint32_t *)at; break;
	default: *(volatile uint32_t *)at = (uint32_t)value; break;
	}
}

#endif
