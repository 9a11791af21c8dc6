/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A, register by register, and as a driver's probe meets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/dev/uart16550.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR IIR

static struct uart fresh(void)
{
	struct uart u;

	memset(&u, 0xa5, sizeof(u));
	uart_init(&u);
	return u;
}

static void put(struct uart *u, unsigned reg, uint8_t value)
{
	assert_false(uart_write(u, reg, value));
}

static void test_reset_state(void **state)
{
	struct uart u = fresh();

	(void)state;
	assert_int_equal(uart_read(&u, IER), 0);
	assert_int_equal(uart_read(&u, IIR), 0x01);
	assert_int_equal(uart_read(&u, LCR), 0);
	assert_int_equal(uart_read(&u, MCR), 0);
	assert_int_equal(uart_read(&u, LSR), 0x60);
	assert_int_equal(uart_read(&u, MSR), 0xb0);
	assert_int_equal(uart_read(&u, DATA), 0);
	assert_false(uart_irq(&u));
}

static void test_plain_registers(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, SCR, 0x5a);
	assert_int_equal(uart_read(&u, SCR), 0x5a);
	put(&u, IER, 0xff);
	assert_int_equal(uart_read(&u, IER), 0x0f); /* no sleep modes, no DMA of other chips */
	put(&u, MCR, 0xff);
	assert_int_equal(uart_read(&u, MCR), 0x1f);
	put(&u, LSR, 0x00);
	assert_int_equal(uart_read(&u, LSR), 0x60);
}

static void test_divisor_latch(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, IER, 0x05);
	put(&u, LCR, 0x83);
	put(&u, DATA, 0x0c);
	put(&u, IER, 0x01);
	assert_int_equal(uart_read(&u, DATA), 0x0c);
	assert_int_equal(uart_read(&u, IER), 0x01);
	assert_int_equal(u.divisor, 0x010c);
	put(&u, LCR, 0x03);
	assert_int_equal(uart_read(&u, LCR), 0x03);
	assert_int_equal(uart_read(&u, IER), 0x05);
}

static void test_probe_finds_a_16550a(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, FCR, 0x01);
	assert_int_equal(uart_read(&u, IIR) >> 6, 3);
	put(&u, FCR, 0x21); /* a 16750 would show bit 5 */
	assert_int_equal(uart_read(&u, IIR) >> 5, 6);
	put(&u, FCR, 0x00);
	assert_int_equal(uart_read(&u, IIR) >> 6, 0);
	/* The loopback test: RTS and OUT2 come back as CTS and DCD. */
	put(&u, MCR, 0x1a);
	assert_int_equal(uart_read(&u, MSR) & 0xf0, 0x90);
	put(&u, MCR, 0x15);
	assert_int_equal(uart_read(&u, MSR) & 0xf0, 0x60);
	/* An extended feature register would read 0 here. */
	put(&u, MCR, 0x00);
	put(&u, FCR, 0x01);
	put(&u, LCR, 0xbf);
	assert_int_not_equal(uart_read(&u, IIR), 0);
}

static void test_transmit(void **state)
{
	struct uart u = fresh();

	(void)state;
	assert_true(uart_write(&u, DATA, 'x'));
	assert_int_equal(uart_read(&u, LSR), 0x60);
	put(&u, LCR, 0x80);
	assert_false(uart_write(&u, DATA, 'x')); /* the divisor, not a character */
}

static void test_thr_interrupt(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, MCR, 0x08);
	put(&u, IER, 0x02); /* enabling it while empty raises it */
	assert_true(uart_irq(&u));
	assert_int_equal(uart_read(&u, IIR), 0x02); /* and reading it clears it */
	assert_false(uart_irq(&u));
	assert_int_equal(uart_read(&u, IIR), 0x01);
	assert_true(uart_write(&u, DATA, 'x'));
	assert_true(uart_irq(&u));
	put(&u, IER, 0x00);
	assert_false(uart_irq(&u));
	assert_int_equal(uart_read(&u, IIR), 0x01);
	/* Every 0 -> 1 of the enable bit raises it again: a driver tests for this. */
	put(&u, IER, 0x02);
	assert_int_equal(uart_read(&u, IIR), 0x02);
	put(&u, IER, 0x00);
	put(&u, IER, 0x02);
	assert_int_equal(uart_read(&u, IIR), 0x02);
	put(&u, IER, 0x02); /* 1 -> 1 does not */
	assert_int_equal(uart_read(&u, IIR), 0x01);
}

static void test_out2_and_loopback_gate_the_line(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, IER, 0x02);
	assert_false(uart_irq(&u));
	put(&u, MCR, 0x08);
	assert_true(uart_irq(&u));
	put(&u, MCR, 0x18);
	assert_false(uart_irq(&u));
}

static void test_receive_without_fifo(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, MCR, 0x08);
	put(&u, IER, 0x01);
	assert_true(uart_receive(&u, 'a'));
	assert_false(uart_receive(&u, 'b')); /* not lost: the console keeps it */
	assert_true(uart_irq(&u));
	assert_int_equal(uart_read(&u, LSR), 0x61);
	assert_int_equal(uart_read(&u, IIR), 0x04);
	assert_int_equal(uart_read(&u, DATA), 'a');
	assert_false(uart_irq(&u));
	assert_int_equal(uart_read(&u, LSR), 0x60);
}

static void test_receive_fifo_and_trigger(void **state)
{
	static const struct {
		uint8_t fcr;
		unsigned level;
	} triggers[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };

	(void)state;
	for (size_t t = 0; t < sizeof(triggers) / sizeof(triggers[0]); t++) {
		struct uart u = fresh();

		put(&u, FCR, triggers[t].fcr);
		put(&u, IER, 0x01);
		for (unsigned i = 1; i <= 16; i++) {
			assert_true(uart_receive(&u, (uint8_t)i));
			assert_int_equal(uart_read(&u, IIR), i < triggers[t].level ? 0xcc : 0xc4);
		}
		assert_false(uart_receive(&u, 17));
		for (unsigned i = 1; i <= 16; i++)
			assert_int_equal(uart_read(&u, DATA), i);
		assert_int_equal(uart_read(&u, IIR), 0xc1);
	}
}

static void test_fifo_is_emptied(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, FCR, 0x01);
	assert_true(uart_receive(&u, 'a'));
	put(&u, FCR, 0x05); /* clears the transmitter's only */
	assert_int_equal(uart_read(&u, LSR), 0x61);
	put(&u, FCR, 0x03);
	assert_int_equal(uart_read(&u, LSR), 0x60);
	assert_true(uart_receive(&u, 'b'));
	put(&u, FCR, 0x00);
	assert_int_equal(uart_read(&u, LSR), 0x60);
}

static void test_loopback_data_and_overrun(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, MCR, 0x10);
	put(&u, IER, 0x05);
	put(&u, DATA, 'a'); /* not sent down the line */
	assert_int_equal(uart_read(&u, IIR), 0x04);
	put(&u, DATA, 'b'); /* overruns the one-byte buffer */
	assert_int_equal(uart_read(&u, IIR), 0x06);
	assert_int_equal(uart_read(&u, LSR), 0x63);
	assert_int_equal(uart_read(&u, LSR), 0x61); /* the error is read once */
	assert_int_equal(uart_read(&u, DATA), 'b');
	assert_false(uart_receive(&u, 'c')); /* the line is cut off */
	put(&u, FCR, 0x01);
	for (unsigned i = 0; i < 17; i++)
		put(&u, DATA, (uint8_t)i);
	assert_int_equal(uart_read(&u, LSR), 0x63);
	assert_int_equal(uart_read(&u, DATA), 0); /* with a FIFO the old ones stay */
}

static void test_priorities(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, MCR, 0x10); /* the modem inputs change: a modem interrupt */
	put(&u, DATA, 'a');
	put(&u, DATA, 'b');
	put(&u, IER, 0x0f);
	assert_int_equal(uart_read(&u, IIR), 0x06);
	(void)uart_read(&u, LSR);
	assert_int_equal(uart_read(&u, IIR), 0x04);
	(void)uart_read(&u, DATA);
	assert_int_equal(uart_read(&u, IIR), 0x02);
	assert_int_equal(uart_read(&u, IIR), 0x00);
	assert_int_equal(uart_read(&u, MSR), 0x0b); /* CTS, DSR and DCD fell; RI did not */
	assert_int_equal(uart_read(&u, IIR), 0x01);
}

static void test_ring_reports_its_fall_only(void **state)
{
	struct uart u = fresh();

	(void)state;
	put(&u, MCR, 0x10);
	(void)uart_read(&u, MSR);
	put(&u, MCR, 0x14);
	assert_int_equal(uart_read(&u, MSR), 0x40);
	put(&u, MCR, 0x10);
	assert_int_equal(uart_read(&u, MSR), 0x04);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset_state),
		cmocka_unit_test(test_plain_registers),
		cmocka_unit_test(test_divisor_latch),
		cmocka_unit_test(test_probe_finds_a_16550a),
		cmocka_unit_test(test_transmit),
		cmocka_unit_test(test_thr_interrupt),
		cmocka_unit_test(test_out2_and_loopback_gate_the_line),
		cmocka_unit_test(test_receive_without_fifo),
		cmocka_unit_test(test_receive_fifo_and_trigger),
		cmocka_unit_test(test_fifo_is_emptied),
		cmocka_unit_test(test_loopback_data_and_overrun),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_ring_reports_its_fall_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
