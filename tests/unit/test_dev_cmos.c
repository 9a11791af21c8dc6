/* SPDX-License-Identifier: BSD-2-Clause */
/* The MC146818A: formats, setting, update-in-progress, alarms and interrupts, and the firmware's
 * bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/dev/cmos_rtc.h"

#define SECOND UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

/* 2024-02-29 13:59:58 UTC, a Thursday. */
#define LEAP_DAY UINT64_C(1709215198)

static struct cmos c;
static uint64_t now;

static int start(void **state)
{
	(void)state;
	now = 5 * SECOND;
	cmos_init(&c, LEAP_DAY, now);
	return 0;
}

static uint8_t get(unsigned reg)
{
	cmos_write(&c, 0, (uint8_t)(reg | 0x80), now); /* with the NMI masked, as software does */
	return cmos_read(&c, 1, now);
}

static void set(unsigned reg, unsigned value)
{
	cmos_write(&c, 0, (uint8_t)reg, now);
	cmos_write(&c, 1, (uint8_t)value, now);
}

static void assert_time(const uint8_t expected[8])
{
	static const uint8_t reg[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(get(reg[i]), expected[i]);
}

static void test_bcd_and_24_hours(void **state)
{
	(void)state;
	assert_int_equal(get(0x0b), 0x02);
	assert_time((const uint8_t[]){ 0x20, 0x24, 0x02, 0x29, 5, 0x13, 0x59, 0x58 });
	now += 2 * SECOND;
	assert_time((const uint8_t[]){ 0x20, 0x24, 0x02, 0x29, 5, 0x14, 0x00, 0x00 });
	now += 10 * 3600 * SECOND;
	assert_time((const uint8_t[]){ 0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00 });
	assert_int_equal(cmos_read(&c, 0, now), 0xff);
}

static void test_binary_and_12_hours(void **state)
{
	(void)state;
	set(0x0b, 0x04);
	assert_time((const uint8_t[]){ 0x20, 24, 2, 29, 5, 0x80 | 1, 59, 58 });
	set(0x0b, 0x00);
	assert_int_equal(get(4), 0x81);
	now += 10 * 3600 * SECOND;
	assert_int_equal(get(4), 0x11 | 0x80);
	now += SECOND * 3600;
	assert_int_equal(get(4), 0x12); /* midnight is 12 AM */
	now += 12 * SECOND * 3600;
	assert_int_equal(get(4), 0x92);
}

static void test_setting(void **state)
{
	(void)state;
	set(0x0b, 0x82);
	now += 100 * SECOND;
	assert_int_equal(get(0), 0x58); /* stopped */
	set(0x32, 0x19);
	set(9, 0x99);
	set(8, 0x12);
	set(7, 0x31);
	set(4, 0x23);
	set(2, 0x59);
	set(0, 0x59);
	set(0x0b, 0x02);
	assert_time((const uint8_t[]){ 0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59 });
	now += SECOND;
	assert_time((const uint8_t[]){ 0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00 });
	set(0, 0x30); /* without SET it counts too */
	now += 5 * SECOND;
	assert_int_equal(get(0), 0x35);
}

static void test_every_register_with_any_value(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 128; reg++)
		for (unsigned v = 0; v < 256; v++) {
			set(reg, v);
			now += SECOND / 3;
			cmos_tick(&c, now);
			(void)get(reg);
			(void)get(9);
		}
}

static void test_calendar_against_days(void **state)
{
	/* Each first of a month from 1970 to 2099, reached by the lengths of the months. */
	static const uint8_t length[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t days = 0;

	(void)state;
	for (unsigned year = 1970; year < 2100; year++)
		for (unsigned month = 1; month <= 12; month++) {
			cmos_init(&c, days * 86400 + 3661, now);
			set(0x0b, 0x06);
			assert_int_equal(get(9), year % 100);
			assert_int_equal(get(8), month);
			assert_int_equal(get(7), 1);
			assert_int_equal(get(6), (days + 4) % 7 + 1);
			assert_int_equal(get(4), 1);
			/* And back: setting the same date does not move the clock. */
			set(0x0b, 0x86);
			set(7, 1);
			set(0x0b, 0x06);
			assert_int_equal(c.offset + (int64_t)(now / SECOND),
					 (int64_t)(days * 86400 + 3661));
			days += length[month - 1];
			days += month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		}
}

static void test_update_in_progress(void **state)
{
	(void)state;
	assert_int_equal(get(0x0a), 0x26);
	now += SECOND - 244001;
	assert_int_equal(get(0x0a), 0x26);
	now += 1;
	assert_int_equal(get(0x0a), 0xa6);
	now += 244000;
	assert_int_equal(get(0x0a), 0x26);
	set(0x0b, 0x82);
	now += SECOND - 1;
	assert_int_equal(get(0x0a), 0x26); /* stopped: no update */
}

static void test_status_registers(void **state)
{
	(void)state;
	assert_int_equal(get(0x0d), 0x80);
	set(0x0d, 0);
	assert_int_equal(get(0x0d), 0x80);
	set(0x0c, 0xff);
	assert_int_equal(get(0x0c), 0);
	set(0x0a, 0xff);
	assert_int_equal(get(0x0a) & 0x7f, 0x7f);
	set(0x0f, 0x0a); /* the shutdown byte is plain memory */
	assert_int_equal(get(0x0f), 0x0a);
}

static void test_update_interrupt(void **state)
{
	(void)state;
	assert_int_equal(cmos_next_event(&c), UINT64_MAX);
	now += 3 * SECOND;
	assert_int_equal(get(0x0c) & 0x10, 0x10); /* the flag comes without its interrupt too */
	assert_int_equal(get(0x0c) & 0x10, 0);
	set(0x0b, 0x12);
	assert_int_equal(cmos_next_event(&c), 9 * SECOND);
	cmos_tick(&c, 9 * SECOND - 1);
	assert_false(cmos_irq(&c));
	now = 9 * SECOND;
	cmos_tick(&c, now);
	assert_true(cmos_irq(&c));
	assert_int_equal(cmos_next_event(&c), UINT64_MAX);
	assert_int_equal(get(0x0c) & 0xf0, 0xd0); /* the periodic flag counts along */
	assert_false(cmos_irq(&c));
	now += SECOND;
	cmos_tick(&c, now);
	assert_true(cmos_irq(&c));
	set(0x0b, 0x02); /* disabling it lowers the line */
	assert_false(cmos_irq(&c));
}

static void test_alarm(void **state)
{
	(void)state;
	set(1, 0x05);
	set(3, 0x00);
	set(5, 0x14);
	set(0x0b, 0x22);
	now += 6 * SECOND; /* 14:00:04 */
	cmos_tick(&c, now);
	assert_false(cmos_irq(&c));
	assert_int_not_equal(cmos_next_event(&c), UINT64_MAX);
	now += SECOND;
	cmos_tick(&c, now);
	assert_true(cmos_irq(&c));
	assert_int_equal(get(0x0c) & 0xa0, 0xa0);
	now += 30 * SECOND;
	cmos_tick(&c, now);
	assert_false(cmos_irq(&c));
	set(3, 0xff);	    /* any minute */
	set(5, 0xc0);	    /* any hour */
	now += 60 * SECOND; /* found among the seconds slept through */
	cmos_tick(&c, now);
	assert_true(cmos_irq(&c));
}

static void test_periodic_interrupt(void **state)
{
	uint64_t at;

	(void)state;
	set(0x0a, 0x26); /* 1024 Hz */
	set(0x0b, 0x42);
	at = cmos_next_event(&c);
	assert_in_range(at - now, 1, 976562);
	cmos_tick(&c, at - 1);
	assert_false(cmos_irq(&c));
	cmos_tick(&c, at);
	assert_true(cmos_irq(&c));
	now = at;
	(void)get(0x0c);
	assert_int_equal(cmos_next_event(&c) - at, 976562);
	set(0x0a, 0x20); /* rate 0: off */
	assert_int_equal(cmos_next_event(&c), UINT64_MAX);
	set(0x0a, 0x2f);
	assert_in_range(cmos_next_event(&c) - now, 1, SECOND / 2);
}

static unsigned get16(unsigned reg)
{
	return get(reg) | (unsigned)get(reg + 1) << 8;
}

static void test_memory_bytes(void **state)
{
	unsigned sum = 0;

	(void)state;
	cmos_set_memory(&c, 5120 * MIB);
	assert_int_equal(get16(0x15), 640);
	assert_int_equal(get16(0x17), 0xffff);
	assert_int_equal(get16(0x30), 0xffff);
	assert_int_equal(get16(0x34), (3072 - 16) * 16);
	assert_int_equal(get16(0x5b) | (unsigned)get(0x5d) << 16, 2048 * 16);
	cmos_set_memory(&c, 32 * MIB);
	assert_int_equal(get16(0x17), 31 * 1024);
	assert_int_equal(get16(0x34), 16 * 16);
	assert_int_equal(get16(0x5b), 0);
	for (unsigned i = 0x10; i <= 0x2d; i++)
		sum += get(i);
	assert_int_equal(get(0x2e) << 8 | get(0x2f), sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bcd_and_24_hours, start),
		cmocka_unit_test_setup(test_binary_and_12_hours, start),
		cmocka_unit_test_setup(test_setting, start),
		cmocka_unit_test_setup(test_every_register_with_any_value, start),
		cmocka_unit_test_setup(test_calendar_against_days, start),
		cmocka_unit_test_setup(test_update_in_progress, start),
		cmocka_unit_test_setup(test_status_registers, start),
		cmocka_unit_test_setup(test_update_interrupt, start),
		cmocka_unit_test_setup(test_alarm, start),
		cmocka_unit_test_setup(test_periodic_interrupt, start),
		cmocka_unit_test_setup(test_memory_bytes, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
