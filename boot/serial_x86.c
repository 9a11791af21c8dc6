/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550 needs two registers to say something: the data at +0, "transmitter empty" at +5. */
#include "boot/serial_x86.h"

#include <stdint.h>

#include "boot/bootinfo.h"

#define COM1 0x3f8u
#define LINE_STATUS 5u
#define TRANSMITTER_EMPTY 0x20u
#define PATIENCE 100000u /* looks at the line status for one character */

static void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

void serial_write(const char *text)
{
	for (; *text != '\0'; text++) {
		for (unsigned i = 0; i < PATIENCE; i++)
			if ((in8(COM1 + LINE_STATUS) & TRANSMITTER_EMPTY) != 0)
				break;
		out8(COM1, (uint8_t)*text);
	}
}

void serial_exit_failed(void)
{
	__asm__ volatile("outl %0, %1" : : "a"(BOOT_EXIT_FAILED), "Nd"((uint16_t)BOOT_EXIT_PORT));
}
