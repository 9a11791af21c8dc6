/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 interval timer (Intel 8254 data sheet, order 231164): three channels, all six modes,
 * binary and BCD, latches and read-back; and port 0x61, which gates channel 2 and shows its output.
 *
 * Nothing counts here: a channel remembers the tick at which its count was loaded, and a read
 * computes what the counter would show. Time comes in as nanoseconds and is turned into ticks of
 * 1193182 Hz once, by a multiplication.
 *
 * Channel 0's rising edges are IRQ 0. Two things differ from the wire. A pulse stays high until
 * just before the next one, so that a slow guest finds its request. And edges for which the guest
 * was not there are owed: up to PIT_BACKLOG of them are delivered later, half a period apart, and
 * what is above that is dropped and counted. A guest that keeps time by counting interrupts so
 * loses nothing to short absences and meets no storm after long ones. Writing a control word
 * forgets the debt.
 *
 * Not modelled: a new count written during a period of mode 3 starts with the next period, not with
 * the next half; channel 1 (memory refresh) counts, but nothing hangs on it.
 */
#ifndef HV_DEV_PIT8254_H
#define HV_DEV_PIT8254_H

#include <stdbool.h>
#include <stdint.h>

#define PIT_HZ 1193182u
#define PIT_CHANNELS 3u
#define PIT_BACKLOG 16u

struct pit_channel {
	uint8_t mode;	/* 0..5 */
	uint8_t access; /* of the control word: 1 low byte, 2 high byte, 3 low then high */
	bool bcd;
	bool gate;
	bool armed;   /* a count has been written since the control word */
	bool running; /* it counts: start is valid; else `held` ticks had passed when it stopped */
	bool half_write; /* the low byte is in, the high byte is expected */
	bool half_read;
	bool status_latched;
	uint8_t latched; /* bytes of the latched count still to be read: 0, 1, 2 */
	uint8_t status;
	uint8_t low; /* the low byte of a count being written */
	uint16_t latch;
	uint32_t count;	     /* the initial count, 1..65536 (BCD: 1..10000) */
	uint32_t next_count; /* taken over at the end of the period; 0: none */
	uint64_t start;	     /* tick at which the count was loaded */
	uint64_t held;
	bool edge_done; /* of modes that fire once: the edge has been reported */
};

struct pit {
	struct pit_channel channel[PIT_CHANNELS];
	uint8_t control;    /* port 0x61, the bits that can be written: 0..3 */
	unsigned owed;	    /* edges of channel 0 to be delivered later */
	uint64_t next_owed; /* tick before which the next of them is not delivered */
	uint64_t dropped;   /* edges beyond the backlog */
};

/* Firmware's state: channel 0 stopped, channels' gates open but for channel 2's. */
void pit_init(struct pit *p);

/* Ports 0x40 + offset, offset 0..3. */
uint8_t pit_read(struct pit *p, unsigned offset, uint64_t now_ns);
void pit_write(struct pit *p, unsigned offset, uint8_t value, uint64_t now_ns);

/* Port 0x61: bits 0 gate of channel 2, 1 speaker, 4 refresh (toggles every 15 us), 5 output of
 * channel 2. */
uint8_t pit_control_read(struct pit *p, uint64_t now_ns);
void pit_control_write(struct pit *p, uint8_t value, uint64_t now_ns);

/* The output pin of a channel. */
bool pit_output(const struct pit *p, unsigned channel, uint64_t now_ns);

/*
 * Brings channel 0 up to date. True: give IRQ 0 one rising edge now. `free`: the last edge has been
 * acknowledged; while it has not, no further one is given.
 */
bool pit_tick(struct pit *p, bool free, uint64_t now_ns);

/*
 * When pit_tick has next an edge to give, in nanoseconds; UINT64_MAX: never, as long as `free` (as
 * above) and the channel stay as they are. A masked or ignored interrupt so costs the host nothing.
 */
uint64_t pit_next_event(const struct pit *p, bool free);

#endif
