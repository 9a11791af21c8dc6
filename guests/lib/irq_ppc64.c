/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message of the vCPU to itself (PAPR's XICS): H_IPI makes it pending, and it is taken when the
 * call returns. The vector's code (start_ppc64.S) notes the counter first, then calls irq_taken.
 */
#include "guests/lib/guest.h"
#include "guests/lib/irq.h"
#include "guests/lib/run.h"

#define H_EOI 0x64ull
#define H_IPI 0x6cull
#define H_XIRR 0x74ull
#define NOBODY                                                                                     \
	0xffull /* the least favoured priority: of a server, everything passes; of a message, none \
		 */
#define MESSAGE 4ull
#define MSR_EE 0x8000ull
#define MSR_RI 2ull
#define DECREMENTER 22

extern uint64_t irq_counted;
static volatile bool expected, taken;
/* For the decrementer's vector: it goes back. */
extern volatile bool irq_lets_in;
volatile bool irq_lets_in;

void irq_taken(void);
_Noreturn void trap(uint64_t vector);

void irq_taken(void)
{
	uint64_t xirr;

	if (irq_counted == ~0ull) /* nobody counts */
		irq_counted = cycles();
	if (!expected)
		trap(0x500);
	(void)papr_get(H_XIRR, &xirr);
	(void)papr(H_IPI, 0, NOBODY, 0, 0);
	(void)papr(H_EOI, xirr, 0, 0, 0);
	taken = true;
}

void irq_prepare(void)
{
	(void)papr(H_CPPR, NOBODY, 0, 0, 0);
}

uint64_t irq_cost(void)
{
	uint64_t before;

	taken = false;
	expected = true;
	/* It is not to come meanwhile. */
	__asm__ volatile("mtspr %0, %1" : : "i"(DECREMENTER), "r"(0x7fffffffull));
	__asm__ volatile("mtmsrd %0, 1" : : "r"(MSR_EE | MSR_RI) : "memory");
	before = cycles();
	(void)papr(H_IPI, 0, MESSAGE, 0, 0);
	for (unsigned i = 0; i < 1000 && !taken; i++)
		pause();
	__asm__ volatile("mtmsrd %0, 1" : : "r"(MSR_RI) : "memory");
	expected = false;
	return taken ? irq_counted - before : 0;
}

void irq_let_in(void)
{
	irq_lets_in = true;
	__asm__ volatile("mtspr %0, %1" : : "i"(DECREMENTER), "r"(0x7fffffffull));
	__asm__ volatile("mtmsrd %0, 1" : : "r"(MSR_EE | MSR_RI) : "memory");
}
