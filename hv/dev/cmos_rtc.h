/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's clock and CMOS memory (Motorola MC146818A data sheet): ports 0x70 (index) and 0x71
 * (data). Time and calendar in BCD or binary, 12 or 24 hours, the century at 0x32; the update,
 * alarm and periodic interrupts; 114 bytes of memory of which the firmware's own describe RAM.
 *
 * The time is an offset to the board's clock, set from the wall clock once and moved by the guest's
 * writes; seconds begin at multiples of 10^9 ns of the board's clock. Update-in-progress
 * shows for the last 244 us of each second. Not modelled: daylight saving, other time
 * bases than 32768 Hz, the square-wave pin. Periodic interrupts for which the guest was not there
 * are merged.
 */
#ifndef HV_DEV_CMOS_RTC_H
#define HV_DEV_CMOS_RTC_H

#include <stdbool.h>
#include <stdint.h>

#define CMOS_BYTES 128u

struct cmos {
	uint8_t index;
	uint8_t ram[CMOS_BYTES]; /* 0..9 and 0x32 are used while B's SET bit stops the clock, and
				    for alarms */
	int64_t offset;		 /* seconds since 1970 at the board's time 0 */
	uint64_t seen_second;	 /* board's second up to which flags have been raised */
	uint64_t seen_period;	 /* board's periodic tick likewise */
};

/* wall: seconds since 1970 at now_ns. memory_bytes: RAM of the guest in all. */
void cmos_init(struct cmos *c, uint64_t wall, uint64_t now_ns);
void cmos_set_memory(struct cmos *c, uint64_t memory_bytes);

/* Port 0x70 + offset. */
uint8_t cmos_read(struct cmos *c, unsigned offset, uint64_t now_ns);
void cmos_write(struct cmos *c, unsigned offset, uint8_t value, uint64_t now_ns);

/* Raises the flags that are due. */
void cmos_tick(struct cmos *c, uint64_t now_ns);
/* The line of IRQ 8. */
bool cmos_irq(const struct cmos *c);
/* When cmos_tick has next something to do for an enabled interrupt; UINT64_MAX: never. */
uint64_t cmos_next_event(const struct cmos *c);

#endif
