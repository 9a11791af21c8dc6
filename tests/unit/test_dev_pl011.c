/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 by its reference manual: data, flags, FIFO, interrupts, identification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/dev/pl011.h"

enum { DR = 0x00, RSR = 0x04, FR = 0x18, IBRD = 0x24, FBRD = 0x28, LCR = 0x2c, CR = 0x30 };
enum { IFLS = 0x34, IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44, DMACR = 0x48 };

#define RX 0x10u
#define TX 0x20u
#define TIMEOUT 0x40u
#define OVERRUN 0x400u

static struct pl011 uart;

static int setup(void **state)
{
	(void)state;
	pl011_init(&uart);
	return 0;
}

static uint32_t in(uint64_t offset)
{
	return pl011_read(&uart, offset);
}

static void out(uint64_t offset, uint32_t value)
{
	assert_false(pl011_write(&uart, offset, value));
}

static void test_sends(void **state)
{
	(void)state;
	assert_int_equal(in(FR)&0xf8, 0x90); /* both FIFOs empty, not busy */
	assert_true(pl011_write(&uart, DR, 'A'));
	assert_int_equal(in(FR)&0xf8, 0x90); /* the line is infinitely fast */
	out(CR, 0);
	assert_true(pl011_write(&uart, DR, 'B')); /* as emulators, even when it is off */
}

static void test_transmit_interrupt(void **state)
{
	(void)state;
	out(IMSC, TX);
	assert_int_equal(in(RIS), 0); /* it is the transition that counts */
	assert_false(pl011_irq(&uart));
	assert_true(pl011_write(&uart, DR, 'A'));
	assert_int_equal(in(RIS), TX);
	assert_int_equal(in(MIS), TX);
	assert_true(pl011_irq(&uart));
	out(IMSC, 0);
	assert_int_equal(in(RIS), TX);
	assert_int_equal(in(MIS), 0);
	assert_false(pl011_irq(&uart));
	out(IMSC, TX);
	out(ICR, TX);
	assert_int_equal(in(RIS), 0);
	assert_false(pl011_irq(&uart));
}

static void test_receives_one(void **state)
{
	(void)state;
	out(IMSC, RX);
	assert_true(pl011_receive(&uart, 'x'));
	assert_int_equal(in(FR)&0x50, 0x40); /* full, not empty */
	assert_false(pl011_receive(&uart, 'y'));
	assert_int_equal(in(MIS), RX);
	assert_true(pl011_irq(&uart));
	assert_int_equal(in(DR), 'x');
	assert_false(pl011_irq(&uart));
	assert_int_equal(in(FR)&0x50, 0x10);
	assert_int_equal(in(DR), 0);
	assert_true(pl011_receive(&uart, 'y'));
}

static void test_fifo_levels(void **state)
{
	static const unsigned level[] = { 2, 4, 8, 12, 14 };

	(void)state;
	for (unsigned i = 0; i < sizeof(level) / sizeof(level[0]); i++) {
		out(LCR, 0x60);
		out(LCR, 0x70);
		out(IFLS, i << 3);
		for (unsigned n = 1; n <= 16; n++) {
			assert_true(pl011_receive(&uart, (uint8_t)n));
			assert_int_equal(in(RIS), n < level[i] ? TIMEOUT : RX);
		}
		assert_false(pl011_receive(&uart, 17));
		for (unsigned n = 1; n <= 16; n++)
			assert_int_equal(in(DR), n);
		assert_int_equal(in(RIS), 0);
	}
}

static void test_cleared_until_the_next(void **state)
{
	(void)state;
	out(LCR, 0x70);
	out(IFLS, 0); /* 2 characters */
	assert_true(pl011_receive(&uart, 'a'));
	out(ICR, TIMEOUT);
	assert_int_equal(in(RIS), 0);
	assert_true(pl011_receive(&uart, 'b'));
	assert_int_equal(in(RIS), RX);
	out(ICR, RX);
	assert_int_equal(in(RIS), 0);
	assert_true(pl011_receive(&uart, 'c'));
	assert_int_equal(in(RIS), RX);
}

static void test_receiver_off(void **state)
{
	(void)state;
	out(CR, 0x101);
	assert_false(pl011_receive(&uart, 'a'));
	out(CR, 0x300);
	assert_false(pl011_receive(&uart, 'a'));
	out(CR, 0x301);
	assert_true(pl011_receive(&uart, 'a'));
}

static void test_loopback(void **state)
{
	(void)state;
	out(CR, 0x381);
	assert_false(pl011_receive(&uart, 'a'));
	out(DR, 'b'); /* not on the line */
	assert_int_equal(in(FR)&0x10, 0);
	out(DR, 'c'); /* no room */
	assert_int_equal(in(RSR), 0x8);
	assert_int_equal(in(RIS), RX | TX | OVERRUN);
	assert_int_equal(in(DR), 0x800 | 'b');
	out(RSR, 0);
	assert_int_equal(in(RSR), 0);
	out(ICR, OVERRUN);
	assert_int_equal(in(RIS), TX);
}

static void test_registers_keep_what_they_have(void **state)
{
	static const struct {
		uint16_t offset, keeps;
	} r[] = { { 0x20, 0xff }, { IBRD, 0xffff }, { FBRD, 0x3f },  { LCR, 0xff },
		  { CR, 0xff87 }, { IFLS, 0x3f },   { IMSC, 0x7ff }, { DMACR, 7 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(r) / sizeof(r[0]); i++) {
		out(r[i].offset, 0xffffffff);
		assert_int_equal(in(r[i].offset), r[i].keeps);
		out(r[i].offset, 0);
		assert_int_equal(in(r[i].offset), 0);
	}
	out(FR, 0);
	out(0x80, 0xffffffff);
	assert_int_equal(in(0x80), 0);
}

static void test_identification(void **state)
{
	static const uint8_t id[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(in(0xfe0 + 4 * i), id[i]);
}

static void test_parts_of_registers(void **state)
{
	(void)state;
	assert_int_equal(in(CR + 1), 0x03);
	assert_true(pl011_receive(&uart, 'a'));
	assert_int_equal(in(DR + 1), 0); /* takes nothing */
	assert_int_equal(in(DR), 'a');
	out(CR + 1, 0);
	assert_int_equal(in(CR), 0x301);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sends, setup),
		cmocka_unit_test_setup(test_transmit_interrupt, setup),
		cmocka_unit_test_setup(test_receives_one, setup),
		cmocka_unit_test_setup(test_fifo_levels, setup),
		cmocka_unit_test_setup(test_cleared_until_the_next, setup),
		cmocka_unit_test_setup(test_receiver_off, setup),
		cmocka_unit_test_setup(test_loopback, setup),
		cmocka_unit_test_setup(test_registers_keep_what_they_have, setup),
		cmocka_unit_test_setup(test_identification, setup),
		cmocka_unit_test_setup(test_parts_of_registers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
