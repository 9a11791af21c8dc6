/* SPDX-License-Identifier: BSD-2-Clause */
/* x86's part of guests/hostile.c: see guests/lib/hostile.h. */
#ifndef GUESTS_LIB_HOSTILE_X86_H
#define GUESTS_LIB_HOSTILE_X86_H

#include "guests/lib/guest.h"

#define NOWHERE (4ull << 30)
#define NOWHERE_BYTES (4ull << 30)
#define DEVICE_ADDRESS 0xfee00000ull
#define ROOT_WILD 1u
#define ROOT_END 256u
#define ROOT_SHIFT 39u
#define TABLE_BITS 7u /* present, writable, user */
#define TABLE_NOISE 0xfffull

#define PIC_COMMAND 0x20
#define PIC_DATA 0x21
#define PIT_CHANNEL_0 0x40
#define PIT_MODE 0x43
#define VECTOR 0x20

extern uint64_t page_pml4[];

static inline uint64_t root_address(void)
{
	return (uintptr_t)page_pml4;
}

static inline void root_write(unsigned entry, uint64_t value)
{
	((volatile uint64_t *)page_pml4)[entry] = value;
	__asm__ volatile("movq %0, %%cr3" : : "r"(page_pml4) : "memory");
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
	(void)at;
	(void)bytes;
	__asm__ volatile("" : : : "memory");
}

static inline void code_write(uint64_t at, unsigned value)
{
	write64(at, 0xb8ull | (uint64_t)value << 8 | 0xc3ull << 40); /* movl $value, %eax; ret */
	code_written(at, 8);
}

_Noreturn static inline void spin_for_ever(void)
{
	for (;;)
		__asm__ volatile("cli");
}

/* Acknowledges a PIC's interrupt and counts it; the first eight vectors from 0x20 on. */
__asm__(".text\n\t"
	".balign 16\n"
	"storm_entry:\n\t"
	"pushq %rax\n\t"
	"movb $0x20, %al\n\t"
	"outb %al, $0x20\n\t"
	"lock incq storm_count(%rip)\n\t"
	"popq %rax\n\t"
	"iretq\n");
extern char storm_entry[];
extern uint64_t storm_count;
uint64_t storm_count;

/* All eight lines of the first PIC, the PIT as fast as it goes, and the guest takes them. */
static inline void interrupts_begin(void)
{
	static struct {
		uint16_t low, selector, type, middle;
		uint32_t high, zero;
	} idt[VECTOR + 8];
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer;
	uint64_t entry = (uintptr_t)storm_entry;

	__asm__ volatile("sidt %0" : "=m"(pointer));
	for (unsigned i = 0; i < 32 * sizeof idt[0] / 8; i++)
		((uint64_t *)idt)[i] = ((const uint64_t *)(uintptr_t)pointer.base)[i];
	for (unsigned i = VECTOR; i < VECTOR + 8; i++) {
		idt[i].low = (uint16_t)entry;
		idt[i].selector = 8;
		idt[i].type = 0x8e00;
		idt[i].middle = (uint16_t)(entry >> 16);
		idt[i].high = (uint32_t)(entry >> 32);
	}
	pointer.limit = sizeof idt - 1;
	pointer.base = (uintptr_t)idt;
	__asm__ volatile("lidt %0" : : "m"(pointer));
	out8(PIC_COMMAND, 0x11);
	out8(PIC_DATA, VECTOR);
	out8(PIC_DATA, 4);
	out8(PIC_DATA, 1);
	out8(PIC_DATA, 0);
	out8(PIT_MODE, 0x34);
	out8(PIT_CHANNEL_0, 2);
	out8(PIT_CHANNEL_0, 0);
	__asm__ volatile("sti");
}

/* The board's interrupts are vCPU 0's: it is the lines that are shaken, from beside it. */
static inline void interrupt_storm(unsigned me, uint64_t random)
{
	(void)me;
	out8(0x3f9, (uint8_t)random & 15);	       /* the UART's interrupts */
	out8(PIT_CHANNEL_0, (uint8_t)random >> 8 & 3); /* a new period, mostly the shortest */
	out8(PIT_CHANNEL_0, 0);
	out8(PIC_DATA, (uint8_t)(random >> 16) & 0x6e);
}

/* Every port but those that end the VM. */
static inline void device_storm(uint64_t random, uint64_t value)
{
	uint16_t port = (uint16_t)random;

	if (random >> 16 & 3) /* where the board has its devices */
		port &= 0x3ff;
	if (port == 0x3f8 || (port >= 0xf1 && port <= 0xf7) || (port >= 0xcf6 && port <= 0xcf9) ||
	    (port >= 0x61 && port <= 0x64) || (port >= 0x8f && port <= 0x92))
		return;
	switch (random >> 20 & 3) {
	case 0: (void)in8(port); break;
	case 1: out8(port, (uint8_t)value); break;
	case 2: out16(port, (uint16_t)value); break;
	default: out32(port, (uint32_t)value); break;
	}
}

#endif
