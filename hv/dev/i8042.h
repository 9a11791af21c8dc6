/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's keyboard controller (Intel 8042; IBM PC/AT technical reference), with nothing plugged
 * in: it answers its own commands, says that there is no keyboard and no mouse as the real one does
 * (a resend code with the time-out bit), and resets the machine when asked. Answers are there at
 * once.
 */
#ifndef HV_DEV_I8042_H
#define HV_DEV_I8042_H

#include <stdbool.h>
#include <stdint.h>

struct i8042 {
	uint8_t config;	    /* the command byte */
	uint8_t command;    /* whose parameter port 0x60 takes next; 0: none */
	uint8_t output;	    /* the output buffer */
	bool full;	    /* something is in it */
	bool from_keyboard; /* it came over the keyboard's wire, so it may interrupt */
	bool timeout;
	bool last_was_command;
};

void i8042_init(struct i8042 *k);

/* Port 0x60 (data) and 0x64 (status). */
uint8_t i8042_read_data(struct i8042 *k);
uint8_t i8042_read_status(const struct i8042 *k);

/* True: the guest pulsed the reset line. */
bool i8042_write_data(struct i8042 *k, uint8_t value);
bool i8042_write_command(struct i8042 *k, uint8_t value);

/* The line of IRQ 1. */
bool i8042_irq(const struct i8042 *k);

#endif
