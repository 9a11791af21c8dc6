/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial port of a PC: a 16550A (National Semiconductor PC16550D data sheet) on an infinitely
 * fast line. A character written is on the line at once, so the transmitter is always empty; a
 * receive FIFO below its trigger level reports the character time-out at once. Break,
 * parity and framing errors do not happen; an overrun can, in loopback only, since the console's
 * input waits while the FIFO is full.
 */
#ifndef HV_DEV_UART16550_H
#define HV_DEV_UART16550_H

#include <stdbool.h>
#include <stdint.h>

#define UART_FIFO 16u

struct uart {
	uint8_t ier, lcr, mcr, scr, fcr;
	uint8_t lsr_errors; /* overrun, until LSR is read */
	uint8_t msr_delta;  /* low half of MSR, until it is read */
	uint16_t divisor;
	bool thr_pending;    /* the "transmitter holding register empty" interrupt is due */
	uint8_t head, count; /* receive FIFO */
	uint8_t fifo[UART_FIFO];
};

/* Master reset: everything off, divisor 1 (115200 baud), nothing received. */
void uart_init(struct uart *u);

/* Register 0..7. A read may take a character or clear an interrupt. */
uint8_t uart_read(struct uart *u, unsigned reg);

/* True: the write sent a character down the line (it is `value`). */
bool uart_write(struct uart *u, unsigned reg, uint8_t value);

/* A character from the line; false: no room for it (or in loopback), it was not taken. */
bool uart_receive(struct uart *u, uint8_t c);

/* The state of the interrupt line: gated by MCR's OUT2, as on a PC's adapter. */
bool uart_irq(const struct uart *u);

#endif
