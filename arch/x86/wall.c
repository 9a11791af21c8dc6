/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's calendar clock: the MC146818's registers behind ports 0x70 and 0x71 (its data
 * sheet: registers 0..9, A bit 7 "update in progress", B bit 2 binary, bit 1 24 hours; 0x32 the
 * century by convention).
 */
#include "arch/arch.h"
#include "arch/x86/cpu.h"

#define CMOS_INDEX 0x70u
#define CMOS_DATA 0x71u
#define CMOS_SECONDS 0x00u
#define CMOS_MINUTES 0x02u
#define CMOS_HOURS 0x04u
#define CMOS_DAY 0x07u
#define CMOS_MONTH 0x08u
#define CMOS_YEAR 0x09u
#define CMOS_A 0x0au
#define CMOS_B 0x0bu
#define CMOS_CENTURY 0x32u
#define A_UPDATING 0x80u
#define B_BINARY 0x04u
#define B_24_HOURS 0x02u
#define HOURS_PM 0x80u
/* An update lasts 2 ms, a read of a port a microsecond: if there is a clock this is enough. */
#define PATIENCE 10000u

struct date {
	unsigned second, minute, hour, day, month, year, century;
};

static unsigned cmos(unsigned reg)
{
	out8(CMOS_INDEX, (uint8_t)reg);
	return in8(CMOS_DATA);
}

static bool read_date(struct date *d)
{
	for (unsigned i = 0; cmos(CMOS_A) & A_UPDATING; i++) {
		if (i == PATIENCE)
			return false;
	}
	*d = (struct date){ cmos(CMOS_SECONDS), cmos(CMOS_MINUTES), cmos(CMOS_HOURS),
			    cmos(CMOS_DAY),	cmos(CMOS_MONTH),   cmos(CMOS_YEAR),
			    cmos(CMOS_CENTURY) };
	return true;
}

static bool same(const struct date *a, const struct date *b)
{
	return a->second == b->second && a->minute == b->minute && a->hour == b->hour &&
	       a->day == b->day && a->month == b->month && a->year == b->year;
}

static unsigned from_bcd(unsigned v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 to a day of the Gregorian calendar, counted with years that begin in March.
 */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
	uint64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

uint64_t arch_wall_seconds(void)
{
	struct date first, d;

	/* Read twice the same: no update came in between. */
	do {
		if (!read_date(&first) || !read_date(&d))
			return 0;
	} while (!same(&first, &d));
	unsigned b = cmos(CMOS_B);
	bool afternoon = !(b & B_24_HOURS) && (d.hour & HOURS_PM);
	d.hour &= ~HOURS_PM;
	if (!(b & B_BINARY))
		d = (struct date){ from_bcd(d.second), from_bcd(d.minute), from_bcd(d.hour),
				   from_bcd(d.day),    from_bcd(d.month),  from_bcd(d.year),
				   from_bcd(d.century) };
	if (!(b & B_24_HOURS))
		d.hour = d.hour % 12 + (afternoon ? 12 : 0);
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31)
		return 0;
	unsigned year = (d.century >= 19 && d.century <= 29 ? d.century : 20) * 100 + d.year;
	return ((days(year, d.month, d.day) * 24 + d.hour) * 60 + d.minute) * 60 + d.second;
}
