/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011's transmit interrupt, SPI 33 of the GICv3. The line is in loopback, so what makes the
 * interrupt pending in the chip does not reach the console; unmasking it raises the line. The
 * handler notes the counter first, then masks it and acknowledges.
 */
#include "guests/lib/guest.h"
#include "guests/lib/irq.h"
#include "guests/lib/run.h"

#define GICD 0x08000000ull
#define GICD_CTLR 0x000
#define GICD_IGROUPR 0x080
#define GICD_ISENABLER 0x100
#define GICD_IROUTER 0x6000
#define GICD_ENABLE 0x12 /* ARE, group 1 */
#define SERIAL_INTID 33
#define UART_DR 0x00
#define UART_CR 0x30
#define UART_IMSC 0x38
#define UART_ICR 0x44
#define CR_LOOPBACK 0x381 /* receive, transmit, loopback, on */
#define INT_TRANSMIT 0x20

extern const char irq_vectors[], vectors[];
static volatile uint64_t taken_at;

static void device(uint64_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

/* From EL1 with SP_EL1 an interrupt comes in at offset 0x280; nothing else is expected here. */
__asm__(".text\n"
	".balign 2048\n"
	"irq_vectors:\n\t"
	".skip 0x280\n\t"
	"stp x0, x1, [sp, #-16]!\n\t"
	"isb\n\t"
	"mrs x0, cntvct_el0\n\t"
	"adrp x1, taken_at\n\t"
	"str x0, [x1, :lo12:taken_at]\n\t"
	"ldr x1, =0x09000038\n\t"
	"str wzr, [x1]\n\t"
	"mrs x0, s3_0_c12_c12_0\n\t" /* ICC_IAR1_EL1 */
	"msr s3_0_c12_c12_1, x0\n\t" /* ICC_EOIR1_EL1 */
	"ldp x0, x1, [sp], #16\n\t"
	"eret\n\t"
	".ltorg\n");

void irq_prepare(void)
{
	device(GICD + GICD_CTLR, GICD_ENABLE);
	device(GICD + GICD_IGROUPR + 4, 1u << (SERIAL_INTID - 32));
	write64(GICD + GICD_IROUTER + 8 * SERIAL_INTID, 0);
	device(GICD + GICD_ISENABLER + 4, 1u << (SERIAL_INTID - 32));
	__asm__ volatile("msr s3_0_c12_c12_5, %0\n\t" /* ICC_SRE_EL1 */
			 "isb\n\t"
			 "msr s3_0_c4_c6_0, %1\n\t"   /* ICC_PMR_EL1 */
			 "msr s3_0_c12_c12_7, %0\n\t" /* ICC_IGRPEN1_EL1 */
			 "isb"
			 :
			 : "r"(1ull), "r"(0xf0ull)
			 : "memory");
	device(UART + UART_CR, CR_LOOPBACK);
}

uint64_t irq_cost(void)
{
	uint64_t before;

	taken_at = 0;
	device(UART + UART_IMSC, 0);
	device(UART + UART_DR, 'x');
	__asm__ volatile("msr vbar_el1, %0\n\tisb\n\tmsr daifclr, #2"
			 :
			 : "r"(irq_vectors)
			 : "memory");
	before = cycles();
	device(UART + UART_IMSC, INT_TRANSMIT);
	for (unsigned i = 0; i < 1000 && taken_at == 0; i++)
		pause();
	__asm__ volatile("msr daifset, #2\n\tmsr vbar_el1, %0\n\tisb" : : "r"(vectors) : "memory");
	return taken_at != 0 ? 16 * taken_at - before : 0;
}

void irq_let_in(void) {}
