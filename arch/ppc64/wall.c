/* SPDX-License-Identifier: BSD-2-Clause */
/* The calendar clock by the firmware (OPAL_RTC_READ): packed decimal, year to second. */
#include "arch/arch.h"

#include <stdatomic.h>

#include "arch/ppc64/opal.h"

#define TRIES 100000u
#define NS_PER_SECOND UINT64_C(1000000000)

static unsigned decimal(uint64_t packed)
{
	return (unsigned)(packed >> 4 & 15) * 10 + (unsigned)(packed & 15);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar; the year begins in March here. */
static uint64_t days(uint64_t year, uint64_t month, uint64_t day)
{
	year -= month <= 2;
	month = month <= 2 ? month + 9 : month - 3;
	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 -
	       719468;
}

/* 0: the firmware does not say. */
static uint64_t firmware_seconds(void)
{
	uint32_t date = 0;
	uint64_t time = 0;
	int64_t r = OPAL_BUSY_EVENT;

	for (unsigned i = 0; i < TRIES && (r == OPAL_BUSY || r == OPAL_BUSY_EVENT); i++) {
		r = opal_call(OPAL_RTC_READ, (uint64_t)(uintptr_t)&date, (uint64_t)(uintptr_t)&time,
			      0, 0);
		if (r == OPAL_BUSY_EVENT)
			(void)opal_call(OPAL_POLL_EVENTS, 0, 0, 0, 0);
	}
	if (r != OPAL_SUCCESS)
		return 0;
	date = __builtin_bswap32(date);
	time = __builtin_bswap64(time);
	uint64_t year = decimal(date >> 24) * 100 + decimal(date >> 16);
	uint64_t month = decimal(date >> 8), day = decimal(date);
	if (year < 1970 || month < 1 || month > 12 || day < 1)
		return 0;
	return days(year, month, day) * 86400 + decimal(time >> 56) * 3600 +
	       decimal(time >> 48) * 60 + decimal(time >> 40);
}

/* The firmware asks a service processor, for tens of milliseconds: it is asked once. */
uint64_t arch_wall_seconds(void)
{
	static _Atomic uint64_t began_ns; /* what the calendar said when arch_time_ns was 0 */

	/* relaxed: one word, and who has not seen it asks too. */
	uint64_t began = atomic_load_explicit(&began_ns, memory_order_relaxed);
	if (began == 0) {
		uint64_t seconds = firmware_seconds();
		if (seconds == 0)
			return 0;
		began = seconds * NS_PER_SECOND - arch_time_ns();
		atomic_store_explicit(&began_ns, began, memory_order_relaxed);
	}
	return (began + arch_time_ns()) / NS_PER_SECOND;
}
