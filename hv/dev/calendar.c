/* SPDX-License-Identifier: BSD-2-Clause */
/* Years begin in March here, so that the day that comes and goes is the last of its year. */
#include "hv/dev/calendar.h"

/* Days from 1970-01-01 to the first of March of `year`'s calendar, plus the day in that year. */
int64_t calendar_days(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year; /* the year begins in March, February ends it */
	int64_t era = y / 400, in_era = y % 400;
	int64_t in_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

struct date calendar_date(uint64_t seconds)
{
	int64_t days = (int64_t)(seconds / SECONDS_PER_DAY), z = days + 719468;
	unsigned rest = (unsigned)(seconds % SECONDS_PER_DAY);
	int64_t era = z / 146097, in_era = z % 146097;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
	int64_t march = (5 * in_year + 2) / 153;

	return (struct date){
		.year = y + era * 400 + (march >= 10),
		.month = (unsigned)(march < 10 ? march + 3 : march - 9),
		.day = (unsigned)(in_year - (153 * march + 2) / 5 + 1),
		.hour = rest / 3600,
		.minute = rest / 60 % 60,
		.second = rest % 60,
		.weekday = (unsigned)((days + 4) % 7 + 1),
	};
}
