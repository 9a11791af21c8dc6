/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyboard controller's commands; each answers at once through the one-byte output buffer. */
#include "hv/dev/i8042.h"

#define STATUS_FULL 0x01u
#define STATUS_SELF_TESTED 0x04u
#define STATUS_COMMAND 0x08u
#define STATUS_UNLOCKED 0x10u
#define STATUS_TIMEOUT 0x40u

#define CONFIG_IRQ1 0x01u
#define CONFIG_SYSTEM 0x04u
#define CONFIG_KEYBOARD_OFF 0x10u
#define CONFIG_MOUSE_OFF 0x20u

#define RESEND 0xfeu
#define OUTPUT_RESET 0x01u /* low: the processor is held in reset */
#define OUTPUT_A20 0x02u

void i8042_init(struct i8042 *k)
{
	*k = (struct i8042){ .config = CONFIG_SYSTEM | CONFIG_KEYBOARD_OFF | CONFIG_MOUSE_OFF };
}

static void answer(struct i8042 *k, uint8_t value)
{
	k->output = value;
	k->full = true;
	k->from_keyboard = k->timeout = false;
}

/* A byte to a wire with nothing at its end. */
static void no_device(struct i8042 *k)
{
	answer(k, RESEND);
	k->from_keyboard = k->timeout = true;
}

uint8_t i8042_read_data(struct i8042 *k)
{
	k->full = k->timeout = k->from_keyboard = false;
	return k->output;
}

uint8_t i8042_read_status(const struct i8042 *k)
{
	return (uint8_t)(STATUS_UNLOCKED | (k->full ? STATUS_FULL : 0) |
			 (k->config & CONFIG_SYSTEM ? STATUS_SELF_TESTED : 0) |
			 (k->last_was_command ? STATUS_COMMAND : 0) |
			 (k->timeout ? STATUS_TIMEOUT : 0));
}

bool i8042_irq(const struct i8042 *k)
{
	return k->full && k->from_keyboard && (k->config & CONFIG_IRQ1);
}

bool i8042_write_data(struct i8042 *k, uint8_t value)
{
	uint8_t command = k->command;

	k->command = 0;
	k->last_was_command = false;
	switch (command) {
	case 0x60: k->config = value & 0x77; return false;
	case 0xd1: /* output port */ return !(value & OUTPUT_RESET);
	case 0xd2: /* as if from the keyboard */
		answer(k, value);
		k->from_keyboard = true;
		return false;
	case 0xd3: /* as if from the mouse: there is none, it comes back without the mouse's mark */
		answer(k, value);
		return false;
	default: /* for the keyboard, or (0xd4) the mouse */
		no_device(k);
		if (command == 0xd4)
			k->from_keyboard = false;
		return false;
	}
}

bool i8042_write_command(struct i8042 *k, uint8_t value)
{
	k->last_was_command = true;
	k->command = 0;
	switch (value) {
	case 0x20: answer(k, k->config); return false;
	case 0x60:
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4: k->command = value; return false;
	case 0xa7: k->config |= CONFIG_MOUSE_OFF; return false;
	case 0xa8: k->config &= (uint8_t)~CONFIG_MOUSE_OFF; return false;
	case 0xa9: /* test of the mouse's wire: clock stuck low */ answer(k, 0x01); return false;
	case 0xaa: /* self-test */
		k->config |= CONFIG_SYSTEM;
		answer(k, 0x55);
		return false;
	case 0xab: /* test of the keyboard's wire: good */ answer(k, 0x00); return false;
	case 0xad: k->config |= CONFIG_KEYBOARD_OFF; return false;
	case 0xae: k->config &= (uint8_t)~CONFIG_KEYBOARD_OFF; return false;
	case 0xc0: /* input port: not locked, colour display jumper */
		answer(k, 0x80);
		return false;
	case 0xd0: answer(k, OUTPUT_RESET | OUTPUT_A20); return false;
	default: /* 0xf0..0xff pulse the output lines whose bits are 0; the rest means nothing */
		return value >= 0xf0 && !(value & OUTPUT_RESET);
	}
}
