/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8254 against a clock that the test moves: counts, outputs, gates, latches, and IRQ 0's edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/dev/pit8254.h"

#define CONTROL 3u

static struct pit pit;
static uint64_t tick_now;

/* The middle of a tick, so that no rounding matters. */
static uint64_t ns(void)
{
	return (uint64_t)((double)tick_now * 1e9 / PIT_HZ + 400);
}

static int start(void **state)
{
	(void)state;
	pit_init(&pit);
	tick_now = 1000;
	return 0;
}

static void out(unsigned offset, unsigned value)
{
	pit_write(&pit, offset, (uint8_t)value, ns());
}

static unsigned in(unsigned offset)
{
	return pit_read(&pit, offset, ns());
}

static unsigned in16(unsigned offset)
{
	unsigned low = in(offset);

	return low | in(offset) << 8;
}

/* Low then high byte; the count is loaded with the next tick. */
static void load(unsigned channel, unsigned mode, unsigned count)
{
	out(CONTROL, channel << 6 | 0x30 | mode << 1);
	out(channel, count & 0xff);
	out(channel, count >> 8);
	tick_now++;
}

static bool output(unsigned channel)
{
	return pit_output(&pit, channel, ns());
}

static void test_mode0(void **state)
{
	(void)state;
	load(0, 0, 100);
	assert_int_equal(in16(0), 100);
	assert_false(output(0));
	tick_now += 40;
	assert_int_equal(in16(0), 60);
	tick_now += 59;
	assert_int_equal(in16(0), 1);
	assert_false(output(0));
	tick_now += 1;
	assert_true(output(0));
	tick_now += 1;
	assert_int_equal(in16(0), 0xffff); /* it goes on below zero */
	assert_true(output(0));
	out(0, 5); /* the first byte lowers the output and stops the count */
	assert_false(output(0));
	tick_now += 100;
	assert_false(output(0));
	out(0, 0);
	tick_now += 6;
	assert_true(output(0));
}

static void test_mode0_gate_holds(void **state)
{
	(void)state;
	pit_control_write(&pit, 1, ns());
	load(2, 0, 100);
	tick_now += 10;
	pit_control_write(&pit, 0, ns());
	tick_now += 1000;
	assert_int_equal(in16(2), 90);
	pit_control_write(&pit, 1, ns());
	tick_now += 89;
	assert_int_equal(pit_control_read(&pit, ns()) & 0x20, 0);
	tick_now += 1;
	assert_int_equal(pit_control_read(&pit, ns()) & 0x20, 0x20);
}

static void test_mode1_is_triggered_by_the_gate(void **state)
{
	(void)state;
	load(2, 1, 50);
	assert_true(output(2));
	pit_control_write(&pit, 1, ns());
	tick_now += 1;
	assert_false(output(2));
	tick_now += 49;
	assert_false(output(2));
	out(2, 20); /* for the next shot */
	out(2, 0);
	tick_now += 1;
	assert_true(output(2));
	pit_control_write(&pit, 0, ns());
	assert_true(output(2));
	pit_control_write(&pit, 1, ns());
	tick_now += 1 + 19;
	assert_false(output(2));
	tick_now += 1;
	assert_true(output(2));
}

static void test_mode2(void **state)
{
	(void)state;
	load(0, 2, 10);
	for (unsigned period = 0; period < 3; period++)
		for (unsigned i = 10; i >= 1; i--) {
			assert_int_equal(in16(0), i);
			assert_int_equal(output(0), i != 1);
			tick_now++;
		}
	tick_now += 10 * UINT64_C(1000000) + 3;
	assert_int_equal(in16(0), 7);
}

static void test_mode2_new_count_after_the_period(void **state)
{
	(void)state;
	load(2, 2, 10);
	pit_control_write(&pit, 1, ns());
	tick_now += 1 + 4;
	out(2, 6);
	out(2, 0);
	assert_int_equal(in16(2), 6);
	tick_now += 5;
	assert_int_equal(in16(2), 1);
	tick_now += 1;
	assert_int_equal(in16(2), 6);
	tick_now += 6;
	assert_int_equal(in16(2), 6);
	pit_control_write(&pit, 0, ns()); /* the gate forces the output high */
	assert_true(output(2));
	tick_now += 5;
	pit_control_write(&pit, 1, ns()); /* and restarts the period */
	tick_now += 1;
	assert_int_equal(in16(2), 6);
}

static void test_mode3(void **state)
{
	(void)state;
	load(0, 3, 8);
	for (unsigned period = 0; period < 3; period++)
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(in16(0), 8 - 2 * (i % 4));
			assert_int_equal(output(0), i < 4);
			tick_now++;
		}
	load(0, 3, 7); /* odd: high for 4, low for 3 */
	for (unsigned i = 0; i < 14; i++) {
		assert_int_equal(output(0), i % 7 < 4);
		tick_now++;
	}
}

static void test_mode4_strobe(void **state)
{
	(void)state;
	load(0, 4, 20);
	tick_now += 19;
	assert_true(output(0));
	tick_now++;
	assert_false(output(0));
	tick_now++;
	assert_true(output(0));
	load(0, 6, 20); /* 6 is mode 2 */
	tick_now += 20;
	assert_int_equal(in16(0), 20);
}

static void test_zero_is_the_largest_count(void **state)
{
	(void)state;
	load(0, 2, 0);
	assert_int_equal(in16(0), 0);
	tick_now++;
	assert_int_equal(in16(0), 0xffff);
	tick_now += 65535;
	assert_int_equal(in16(0), 0);
}

static void test_one_byte_accesses(void **state)
{
	(void)state;
	out(CONTROL, 0x10); /* low byte only */
	out(0, 200);
	tick_now += 1 + 50;
	assert_int_equal(in(0), 150);
	out(CONTROL, 0x20); /* high byte only */
	out(0, 2);
	tick_now += 1;
	assert_int_equal(in(0), 2);
	tick_now += 1;
	assert_int_equal(in(0), 1);
}

static void test_bcd(void **state)
{
	(void)state;
	out(CONTROL, 0x31);
	out(0, 0x00);
	out(0, 0x10); /* 1000 */
	tick_now += 1 + 1;
	assert_int_equal(in16(0), 0x0999);
	tick_now += 1000;
	assert_int_equal(in16(0), 0x9999);
	out(CONTROL, 0x35);
	out(0, 0);
	out(0, 0); /* 10000 */
	tick_now += 1 + 1;
	assert_int_equal(in16(0), 0x9999);
}

static void test_count_latch(void **state)
{
	(void)state;
	load(0, 2, 1000);
	tick_now += 100;
	out(CONTROL, 0x00);
	tick_now += 100;
	out(CONTROL, 0x00); /* a second latch changes nothing */
	assert_int_equal(in16(0), 900);
	assert_int_equal(in16(0), 800);
}

static void test_read_back(void **state)
{
	(void)state;
	out(CONTROL, 0x34);
	out(CONTROL, 0xe2);			     /* status of channel 0 */
	assert_int_equal(in(0), 0x80 | 0x40 | 0x34); /* output high, no count yet */
	out(0, 100);
	out(0, 0);
	tick_now += 1 + 99;
	out(CONTROL, 0xc2); /* count and status */
	tick_now += 1;
	assert_int_equal(in(0), 0x34); /* the last tick of the period: output low */
	assert_int_equal(in16(0), 1);
	assert_int_equal(in16(0), 100);
	load(2, 0, 10);
	out(CONTROL, 0xd8); /* the count of channel 2 */
	assert_int_equal(in16(2), 10);
	assert_int_equal(in(CONTROL), 0xff);
}

static void test_control_port(void **state)
{
	uint64_t toggles = 0;
	unsigned last = pit_control_read(&pit, ns()) & 0x10;

	(void)state;
	pit_control_write(&pit, 0xff, ns());
	assert_int_equal(pit_control_read(&pit, ns()) & 0xcf, 0x0f);
	pit_control_write(&pit, 0, ns());
	for (unsigned i = 0; i < 1800; i++) {
		unsigned now = pit_control_read(&pit, ns()) & 0x10;

		toggles += now != last;
		last = now;
		tick_now++;
	}
	assert_in_range(toggles, 99, 101);
}

static void test_calibration_as_linux_does_it(void **state)
{
	unsigned waited = 0;

	(void)state;
	pit_control_write(&pit, (pit_control_read(&pit, ns()) & ~2u) | 1, ns());
	out(CONTROL, 0xb0);
	out(2, 11932 & 0xff);
	out(2, 11932 >> 8);
	while (!(pit_control_read(&pit, ns()) & 0x20)) {
		tick_now++;
		waited++;
		assert_true(waited < 20000);
	}
	assert_in_range(waited, 11932, 11934); /* 10 ms */
}

/* ---- IRQ 0 ----------------------------------------------------------------------------------- */

static void test_periodic_edges(void **state)
{
	unsigned edges = 0;

	(void)state;
	assert_int_equal(pit_next_event(&pit, true), UINT64_MAX);
	load(0, 2, 1000);
	for (unsigned i = 0; i < 5000; i++) {
		edges += pit_tick(&pit, true, ns());
		tick_now++;
	}
	assert_int_equal(edges, 4);
	edges += pit_tick(&pit, true, ns());
	assert_int_equal(edges, 5);
	assert_int_equal(pit.owed, 0);
}

static void test_next_event_is_when_the_edge_is_due(void **state)
{
	(void)state;
	load(0, 3, 4773); /* 250 Hz */
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t at = pit_next_event(&pit, true);

		assert_false(pit_tick(&pit, true, at - 3));
		assert_true(pit_tick(&pit, true, at));
		assert_false(pit_tick(&pit, true, at));
	}
	/* 1000 periods of 4773 ticks, within a microsecond */
	tick_now += UINT64_C(4773) * 1001;
	assert_in_range(pit_next_event(&pit, true), ns() - 1400, ns() + 1000);
}

static void test_one_shot_edges(void **state)
{
	uint64_t at;

	(void)state;
	load(0, 4, 500);
	at = pit_next_event(&pit, true);
	tick_now += 500; /* the strobe's one low tick: it rises behind it */
	assert_false(pit_tick(&pit, true, ns()));
	assert_false(pit_tick(&pit, true, at - 3));
	assert_true(pit_tick(&pit, true, at));
	assert_int_equal(pit_next_event(&pit, true), UINT64_MAX);
	tick_now += 100000;
	assert_false(pit_tick(&pit, true, ns()));
	load(0, 0, 500);
	tick_now += 499;
	assert_false(pit_tick(&pit, true, ns()));
	tick_now++;
	assert_true(pit_tick(&pit, true, ns()));
	load(0, 1, 500); /* channel 0's gate never rises: no edge */
	assert_int_equal(pit_next_event(&pit, true), UINT64_MAX);
}

static void test_absence_is_made_good_without_a_burst(void **state)
{
	unsigned edges = 0, last = 0;

	(void)state;
	load(0, 2, 1000);
	tick_now += 5 * 1000; /* the guest was away for five periods */
	assert_true(pit_tick(&pit, true, ns()));
	assert_int_equal(pit.owed, 4);
	assert_false(pit_tick(&pit, true, ns())); /* not at once */
	for (unsigned i = 1; i <= 8000; i++) {
		tick_now++;
		if (!pit_tick(&pit, true, ns()))
			continue;
		edges++;
		assert_true(i - last >= 500);
		last = i;
	}
	assert_int_equal(edges, 4 + 8);
	assert_int_equal(pit.owed, 0);
	assert_int_equal(pit.dropped, 0);
}

static void test_long_absence_is_bounded(void **state)
{
	(void)state;
	load(0, 2, 1000);
	tick_now += 1000000;
	assert_true(pit_tick(&pit, true, ns()));
	assert_int_equal(pit.owed, PIT_BACKLOG);
	assert_int_equal(pit.dropped, 1000 - 1 - PIT_BACKLOG);
	out(CONTROL, 0x34); /* a control word forgets the debt */
	assert_int_equal(pit.owed, 0);
}

static void test_an_unacknowledged_edge_holds_the_next(void **state)
{
	(void)state;
	load(0, 2, 1000);
	tick_now += 1000;
	assert_true(pit_tick(&pit, true, ns()));
	tick_now += 2000;
	assert_false(pit_tick(&pit, false, ns()));
	assert_int_equal(pit.owed, 2);
	assert_int_equal(pit_next_event(&pit, false), UINT64_MAX);
	assert_true(pit_next_event(&pit, true) <= ns());
	assert_true(pit_tick(&pit, true, ns()));
	assert_int_equal(pit.owed, 1);
}

static void test_counter_reads_do_not_take_edges(void **state)
{
	(void)state;
	load(0, 2, 1000);
	tick_now += 1000;
	(void)in16(0);
	out(CONTROL, 0x00);
	(void)in16(0);
	out(CONTROL, 0xc2);
	assert_true(pit_tick(&pit, true, ns()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mode0, start),
		cmocka_unit_test_setup(test_mode0_gate_holds, start),
		cmocka_unit_test_setup(test_mode1_is_triggered_by_the_gate, start),
		cmocka_unit_test_setup(test_mode2, start),
		cmocka_unit_test_setup(test_mode2_new_count_after_the_period, start),
		cmocka_unit_test_setup(test_mode3, start),
		cmocka_unit_test_setup(test_mode4_strobe, start),
		cmocka_unit_test_setup(test_zero_is_the_largest_count, start),
		cmocka_unit_test_setup(test_one_byte_accesses, start),
		cmocka_unit_test_setup(test_bcd, start),
		cmocka_unit_test_setup(test_count_latch, start),
		cmocka_unit_test_setup(test_read_back, start),
		cmocka_unit_test_setup(test_control_port, start),
		cmocka_unit_test_setup(test_calibration_as_linux_does_it, start),
		cmocka_unit_test_setup(test_periodic_edges, start),
		cmocka_unit_test_setup(test_next_event_is_when_the_edge_is_due, start),
		cmocka_unit_test_setup(test_one_shot_edges, start),
		cmocka_unit_test_setup(test_absence_is_made_good_without_a_burst, start),
		cmocka_unit_test_setup(test_long_absence_is_bounded, start),
		cmocka_unit_test_setup(test_an_unacknowledged_edge_holds_the_next, start),
		cmocka_unit_test_setup(test_counter_reads_do_not_take_edges, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
