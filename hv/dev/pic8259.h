/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's pair of 8259A interrupt controllers (Intel 8259A data sheet, order 231468), with the
 * edge/level registers that later chip sets put at ports 0x4d0 and 0x4d1.
 *
 * A request is taken back when its line falls before it was acknowledged, in both trigger modes, as
 * the data sheet has it; an acknowledge that finds nothing gets the spurious vector, IR7. Both
 * chips are acknowledged in one step here, so the slave's request cannot vanish between the
 * two INTA cycles: a request it withdraws earlier shows as the master's IR7, and the slave's own
 * spurious IR7 ("IRQ 15") comes only through its poll command.
 *
 * Not modelled: 8080 mode vectors, buffered mode, level triggering by ICW1 (chip sets with
 * the edge/level registers ignore it too), another wiring than slave-on-IR2 by ICW3.
 */
#ifndef HV_DEV_PIC8259_H
#define HV_DEV_PIC8259_H

#include <stdbool.h>
#include <stdint.h>

struct pic_chip {
	uint8_t irr, isr, imr;
	uint8_t line;	/* the inputs as they stand */
	uint8_t level;	/* edge/level register: 1 = level */
	uint8_t base;	/* vector of IR0 */
	uint8_t slaves; /* inputs that have a slave behind them */
	uint8_t lowest; /* the input of lowest priority; 7 at reset */
	uint8_t icw;	/* the initialisation word expected next, 2..4; 0: none */
	bool icw4, single;
	bool auto_eoi, rotate_auto_eoi;
	bool special_mask, nested; /* `nested`: special fully nested mode */
	bool read_isr, poll;
};

struct pic {
	struct pic_chip master, slave;
	bool output; /* INT of the master: the processor's interrupt pin */
};

/* As a PC's firmware leaves it: vectors from 0x08 and 0x70, everything masked. */
void pic_init(struct pic *p);

/* Input 0..15 (2 is the cascade and not an input) is driven high or low. */
void pic_set_line(struct pic *p, unsigned irq, bool high);

/* The processor's acknowledge: the vector. Call when p->output is set; else the answer is spurious.
 */
unsigned pic_ack(struct pic *p);

/* Is the request of `irq` waiting to be acknowledged (masked or not)? */
bool pic_requested(const struct pic *p, unsigned irq);

/* Ports 0x20 + offset (0, 1) of the master, 0xa0 + offset of the slave. */
uint8_t pic_read(struct pic *p, bool slave, unsigned offset);
void pic_write(struct pic *p, bool slave, unsigned offset, uint8_t value);

/* Ports 0x4d0 (master) and 0x4d1 (slave). Inputs 0, 1, 2, 8 and 13 are always edge-triggered. */
uint8_t pic_level_read(const struct pic *p, bool slave);
void pic_level_write(struct pic *p, bool slave, uint8_t value);

#endif
