/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console is COM1, polled: it works from the first instruction, needs no interrupt and no lock,
 * and is what the emulator's -serial shows. 115200 baud, 8 bits, no parity, one stop bit.
 */
#include "arch/arch.h"
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"

#define COM1 0x3f8u
#define DATA (COM1 + 0)
#define INTERRUPTS (COM1 + 1)
#define FIFO (COM1 + 2)
#define LINE (COM1 + 3)
#define MODEM (COM1 + 4)
#define STATUS (COM1 + 5)

#define STATUS_RECEIVED 0x01u
#define STATUS_ROOM 0x20u
#define STATUS_NO_DEVICE 0xffu

void console_init(void)
{
	out8(INTERRUPTS, 0);
	out8(LINE, 0x80); /* the divisor latch */
	out8(DATA, 1);
	out8(INTERRUPTS, 0);
	out8(LINE, 0x03);
	out8(FIFO, 0x01); /* on, nothing thrown away */
	out8(MODEM, 0x03);
}

/* Where there is no device the status reads as all ones, which has room. */
void arch_console_put(char c)
{
	while ((in8(STATUS) & STATUS_ROOM) == 0)
		pause();
	out8(DATA, (uint8_t)c);
}

int arch_console_get(void)
{
	uint8_t status = in8(STATUS);

	if (status == STATUS_NO_DEVICE || (status & STATUS_RECEIVED) == 0)
		return -1;
	return in8(DATA);
}
