/* SPDX-License-Identifier: BSD-2-Clause */
/* Dates of the proleptic Gregorian calendar, UTC, and days since 1970-01-01. Pure. */
#ifndef HV_DEV_CALENDAR_H
#define HV_DEV_CALENDAR_H

#include <stdint.h>

#define SECONDS_PER_DAY 86400

struct date {
	int64_t year;
	unsigned month, day, hour, minute, second; /* month and day from 1 */
	unsigned weekday;			   /* 1 = Sunday */
};

/* month: 1..12; a day beyond its month runs on into the next one. */
int64_t calendar_days(int64_t year, unsigned month, unsigned day);
/* seconds: since 1970. */
struct date calendar_date(uint64_t seconds);

#endif
