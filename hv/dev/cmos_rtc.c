/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock registers are made from the number of seconds when they are read, and turned back
 * into it when the guest ends a setting.
 */
#include "hv/dev/cmos_rtc.h"

#include <string.h>

#include "hv/dev/calendar.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define UPDATE_NS 244000u

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR };
enum { REG_A = 0x0a, REG_B, REG_C, REG_D, CENTURY = 0x32 };

#define A_UPDATING 0x80u
#define B_SET 0x80u
#define B_PERIODIC 0x40u /* the same bits in C are the flags */
#define B_ALARM 0x20u
#define B_UPDATE 0x10u
#define B_BINARY 0x04u
#define B_24H 0x02u
#define C_IRQ 0x80u
#define D_VALID 0x80u
#define PM 0x80u

static uint8_t encode(const struct cmos *c, unsigned v)
{
	return (uint8_t)(c->ram[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned decode(const struct cmos *c, uint8_t v)
{
	return c->ram[REG_B] & B_BINARY ? v : (unsigned)(v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct cmos *c, unsigned hour)
{
	unsigned twelve = hour % 12 ? hour % 12 : 12;

	if (c->ram[REG_B] & B_24H)
		return encode(c, hour);
	return encode(c, twelve) | (hour >= 12 ? PM : 0);
}

static unsigned decode_hour(const struct cmos *c, uint8_t v)
{
	if (c->ram[REG_B] & B_24H)
		return decode(c, v);
	return decode(c, v & 0x7f) % 12 + (v & PM ? 12 : 0);
}

static uint64_t clock_seconds(const struct cmos *c, uint64_t second)
{
	int64_t at = c->offset + (int64_t)second;

	return at < 0 ? 0 : (uint64_t)at;
}

static bool stopped(const struct cmos *c)
{
	return c->ram[REG_B] & B_SET;
}

/* Writes the time into the clock's registers. */
static void show_time(struct cmos *c, uint64_t now_ns)
{
	struct date d = calendar_date(clock_seconds(c, now_ns / NS_PER_SECOND));

	c->ram[SEC] = encode(c, d.second);
	c->ram[MIN] = encode(c, d.minute);
	c->ram[HOUR] = encode_hour(c, d.hour);
	c->ram[WEEKDAY] = encode(c, d.weekday);
	c->ram[DAY] = encode(c, d.day);
	c->ram[MONTH] = encode(c, d.month);
	c->ram[YEAR] = encode(c, (unsigned)(d.year % 100));
	/* The century is the firmware's byte and BCD always. */
	c->ram[CENTURY] = (uint8_t)(d.year / 1000 % 10 << 4 | d.year / 100 % 10);
}

/* Takes the time from the registers. Impossible values give some time, as on the chip. */
static void take_time(struct cmos *c, uint64_t now_ns)
{
	int64_t century = (c->ram[CENTURY] >> 4) * 10 + (c->ram[CENTURY] & 15);
	int64_t year = century * 100 + decode(c, c->ram[YEAR]);
	unsigned month = decode(c, c->ram[MONTH]), day = decode(c, c->ram[DAY]);
	int64_t days = calendar_days(year, month >= 1 && month <= 12 ? month : 1, day);

	c->offset = days * SECONDS_PER_DAY + decode_hour(c, c->ram[HOUR]) * 3600 +
		    decode(c, c->ram[MIN]) * 60 + decode(c, c->ram[SEC]) -
		    (int64_t)(now_ns / NS_PER_SECOND);
}

/* Nanoseconds of the periodic interrupt; 0: off. Rates 1 and 2 mean 8 and 9 with this time base. */
static uint64_t period_ns(const struct cmos *c)
{
	unsigned rate = c->ram[REG_A] & 15;

	if (!rate)
		return 0;
	if (rate <= 2)
		rate += 7;
	return (NS_PER_SECOND << (rate - 1)) / 32768;
}

void cmos_init(struct cmos *c, uint64_t wall, uint64_t now_ns)
{
	memset(c, 0, sizeof(*c));
	c->offset = (int64_t)wall - (int64_t)(now_ns / NS_PER_SECOND);
	c->seen_second = now_ns / NS_PER_SECOND;
	c->ram[REG_A] = 0x26; /* 32768 Hz, periodic rate 1024 Hz */
	c->seen_period = now_ns / period_ns(c);
	c->ram[REG_B] = B_24H;
	c->ram[REG_D] = D_VALID;
	c->ram[0x14] = 0x06; /* equipment: coprocessor and a mouse port; no floppy, no display */
	cmos_set_memory(c, 0);
}

static void put16(struct cmos *c, unsigned at, uint64_t value)
{
	uint64_t v = value > 0xffff ? 0xffff : value;

	c->ram[at] = (uint8_t)v;
	c->ram[at + 1] = (uint8_t)(v >> 8);
}

void cmos_set_memory(struct cmos *c, uint64_t memory_bytes)
{
	uint64_t mib = UINT64_C(1) << 20, low = memory_bytes, high = 0;
	unsigned sum = 0;

	if (low > 3072 * mib) {
		high = low - 3072 * mib;
		low = 3072 * mib;
	}
	put16(c, 0x15, 640);				   /* KiB below 640 KiB */
	put16(c, 0x17, low > mib ? (low - mib) >> 10 : 0); /* KiB above 1 MiB */
	put16(c, 0x30, low > mib ? (low - mib) >> 10 : 0);
	put16(c, 0x34, low > 16 * mib ? (low - 16 * mib) >> 16 : 0); /* 64 KiB above 16 MiB */
	put16(c, 0x5b, high >> 16);				     /* 64 KiB above 4 GiB */
	c->ram[0x5d] = (uint8_t)(high >> 32);
	for (unsigned i = 0x10; i <= 0x2d; i++)
		sum += c->ram[i];
	c->ram[0x2e] = (uint8_t)(sum >> 8);
	c->ram[0x2f] = (uint8_t)sum;
}

static bool alarm_field(const struct cmos *c, unsigned alarm, unsigned now)
{
	return c->ram[alarm] >= 0xc0 || c->ram[alarm] == now; /* 11xxxxxx: any value */
}

static bool alarm_at(const struct cmos *c, uint64_t second)
{
	struct date d = calendar_date(clock_seconds(c, second));

	return alarm_field(c, SEC_ALARM, encode(c, d.second)) &&
	       alarm_field(c, MIN_ALARM, encode(c, d.minute)) &&
	       alarm_field(c, HOUR_ALARM, encode_hour(c, d.hour));
}

/* After a long absence the alarm is looked for in the last minute only. */
static bool alarm_since(const struct cmos *c, uint64_t from, uint64_t to)
{
	if (to - from > 60)
		from = to - 60;
	while (from < to)
		if (alarm_at(c, ++from))
			return true;
	return false;
}

void cmos_tick(struct cmos *c, uint64_t now_ns)
{
	uint64_t second = now_ns / NS_PER_SECOND, period = period_ns(c);
	uint8_t flags = c->ram[REG_C];

	if (period && now_ns / period > c->seen_period) {
		c->seen_period = now_ns / period;
		flags |= B_PERIODIC;
	}
	if (second > c->seen_second && !stopped(c)) {
		flags |= B_UPDATE;
		if (alarm_since(c, c->seen_second, second))
			flags |= B_ALARM;
	}
	if (second > c->seen_second)
		c->seen_second = second;
	if (flags & c->ram[REG_B] & (B_PERIODIC | B_ALARM | B_UPDATE))
		flags |= C_IRQ;
	c->ram[REG_C] = flags;
}

bool cmos_irq(const struct cmos *c)
{
	return c->ram[REG_C] & C_IRQ;
}

uint64_t cmos_next_event(const struct cmos *c)
{
	uint64_t next = UINT64_MAX, period = period_ns(c);

	if (cmos_irq(c))
		return UINT64_MAX; /* nothing changes until the guest reads C */
	if (!stopped(c) && (c->ram[REG_B] & (B_UPDATE | B_ALARM)))
		next = (c->seen_second + 1) * NS_PER_SECOND;
	if ((c->ram[REG_B] & B_PERIODIC) && period && (c->seen_period + 1) * period < next)
		next = (c->seen_period + 1) * period;
	return next;
}

uint8_t cmos_read(struct cmos *c, unsigned offset, uint64_t now_ns)
{
	uint8_t value;

	if (offset == 0)
		return 0xff; /* the index cannot be read back */
	switch (c->index) {
	case REG_A:
		value = c->ram[REG_A];
		if (!stopped(c) && now_ns % NS_PER_SECOND >= NS_PER_SECOND - UPDATE_NS)
			value |= A_UPDATING;
		return value;
	case REG_C:
		cmos_tick(c, now_ns);
		value = c->ram[REG_C];
		c->ram[REG_C] = 0;
		return value;
	case SEC:
	case MIN:
	case HOUR:
	case WEEKDAY:
	case DAY:
	case MONTH:
	case YEAR:
	case CENTURY:
		if (!stopped(c))
			show_time(c, now_ns);
		return c->ram[c->index];
	default: return c->ram[c->index];
	}
}

static void write_b(struct cmos *c, uint8_t value, uint64_t now_ns)
{
	bool was_stopped = stopped(c);

	cmos_tick(c, now_ns);
	if (!was_stopped)
		show_time(c, now_ns); /* in the mode that was in force */
	if (value & B_SET)
		value &= (uint8_t)~B_UPDATE;
	c->ram[REG_B] = value;
	if (was_stopped && !(value & B_SET))
		take_time(c, now_ns);
	cmos_tick(c, now_ns);
	/* An interrupt that is no longer enabled is no longer asserted. */
	if (!(c->ram[REG_C] & value & (B_PERIODIC | B_ALARM | B_UPDATE)))
		c->ram[REG_C] &= (uint8_t)~C_IRQ;
}

static void write_time(struct cmos *c, uint8_t value, uint64_t now_ns)
{
	if (!stopped(c))
		show_time(c, now_ns);
	c->ram[c->index] = value;
	if (!stopped(c))
		take_time(c, now_ns);
}

void cmos_write(struct cmos *c, unsigned offset, uint8_t value, uint64_t now_ns)
{
	if (offset == 0) {
		c->index = value & 0x7f; /* bit 7 masks the NMI, of which there is none */
		return;
	}
	switch (c->index) {
	case REG_A:
		c->ram[REG_A] = value & 0x7f;
		c->seen_period = period_ns(c) ? now_ns / period_ns(c) : 0;
		break;
	case REG_B: write_b(c, value, now_ns); break;
	case REG_C:
	case REG_D: break; /* read-only */
	case SEC:
	case MIN:
	case HOUR:
	case WEEKDAY:
	case DAY:
	case MONTH:
	case YEAR:
	case CENTURY: write_time(c, value, now_ns); break;
	default: c->ram[c->index] = value;
	}
}
