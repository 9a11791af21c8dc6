/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PrimeCell UART PL011 (Arm DDI 0183) on an infinitely fast line: what is written to DR is on
 * the line at once, so the transmit FIFO is always empty; a receive FIFO below its trigger
 * level reports the time-out at once. Framing, parity and break errors do not happen, an
 * overrun in loopback only, since the console's input waits while the FIFO is full. There is no DMA
 * and no modem.
 *
 * The state at the start is what firmware leaves behind: enabled, FIFOs off. As emulators do, and
 * other than the chip, the line takes characters when CR has the transmitter or the UART off: many
 * small programs never turn it on.
 */
#ifndef HV_DEV_PL011_H
#define HV_DEV_PL011_H

#include <stdbool.h>
#include <stdint.h>

#define PL011_FIFO 16u
#define PL011_BYTES UINT64_C(0x1000)

struct pl011 {
	uint32_t ilpr, ibrd, fbrd, lcr, cr, ifls, dmacr;
	uint32_t mask;	      /* IMSC */
	uint32_t raw;	      /* latched interrupts: TX, overrun */
	bool overrun;	      /* RSR */
	bool timeout_cleared; /* by ICR; a new character arms it again */
	bool rx_cleared;
	uint8_t head, count;
	uint8_t fifo[PL011_FIFO];
};

void pl011_init(struct pl011 *u);

/* offset: in the page of registers; any alignment, the part of the register from there on. */
uint32_t pl011_read(struct pl011 *u, uint64_t offset);

/* True: the write sent the character (uint8_t)value down the line. Aligned offsets only have
 * effect. */
bool pl011_write(struct pl011 *u, uint64_t offset, uint32_t value);

/* A character from the line; false: no room, in loopback, or the receiver is off: it was not taken.
 */
bool pl011_receive(struct pl011 *u, uint8_t c);

/* The state of the combined interrupt line UARTINTR. */
bool pl011_irq(const struct pl011 *u);

#endif
