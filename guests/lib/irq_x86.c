/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550's "transmitter empty" is pending whenever its enable bit is written, by IRQ 4 of the
 * 8259. The handler notes the time stamp first, then acknowledges both chips.
 */
#include "guests/lib/guest.h"
#include "guests/lib/irq.h"
#include "guests/lib/run.h"

#define PIC_COMMAND 0x20
#define PIC_DATA 0x21
#define PIC_SLAVE_DATA 0xa1
#define VECTOR_BASE 0x20
#define IRQ_SERIAL 4
#define SERIAL_IER 0x3f9
#define IER_EMPTY 2
#define SERIAL_MCR 0x3fc
#define MCR_OUT2 8 /* lets interrupts out of the chip */

void irq_entry(void);
static volatile uint64_t taken_at;

/* In order: the time, the line's interrupt identification (which clears it), end of interrupt. */
__asm__(".text\n"
	"irq_entry:\n\t"
	"pushq %rax\n\t"
	"pushq %rdx\n\t"
	"rdtsc\n\t"
	"shlq $32, %rdx\n\t"
	"orq %rdx, %rax\n\t"
	"movq %rax, taken_at(%rip)\n\t"
	"movw $0x3fa, %dx\n\t"
	"inb %dx, %al\n\t"
	"movb $0x20, %al\n\t"
	"outb %al, $0x20\n\t"
	"popq %rdx\n\t"
	"popq %rax\n\t"
	"iretq\n");

void irq_prepare(void)
{
	static const uint8_t words[] = { VECTOR_BASE, 4, 1 };

	trap_gate(VECTOR_BASE + IRQ_SERIAL, (const char *)(uintptr_t)irq_entry);
	out8(PIC_COMMAND, 0x11);
	for (unsigned i = 0; i < sizeof words; i++)
		out8(PIC_DATA, words[i]);
	out8(PIC_DATA, 0xff & ~(1u << IRQ_SERIAL));
	out8(PIC_SLAVE_DATA, 0xff);
	out8(SERIAL_MCR, MCR_OUT2);
}

uint64_t irq_cost(void)
{
	uint64_t before;

	taken_at = 0;
	out8(SERIAL_IER, 0);
	__asm__ volatile("sti" : : : "memory");
	before = rdtsc();
	out8(SERIAL_IER, IER_EMPTY);
	for (unsigned i = 0; i < 1000 && taken_at == 0; i++)
		pause();
	__asm__ volatile("cli" : : : "memory");
	return taken_at != 0 ? taken_at - before : 0;
}

void irq_let_in(void) {}
