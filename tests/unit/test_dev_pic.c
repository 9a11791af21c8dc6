/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8259A pair by its data sheet: initialisation, priorities, trigger modes, ends of interrupt,
 * poll. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/dev/pic8259.h"

#define MASTER false
#define SLAVE true

/* As a PC's system does it: vectors 0x20 and 0x28, nothing masked. `icw4`: 0x01 plain. */
static void setup(struct pic *p, uint8_t icw4)
{
	pic_init(p);
	for (int s = 0; s < 2; s++) {
		pic_write(p, s, 0, 0x11);
		pic_write(p, s, 1, s ? 0x28 : 0x20);
		pic_write(p, s, 1, s ? 2 : 4);
		pic_write(p, s, 1, icw4);
		pic_write(p, s, 1, 0);
	}
}

static uint8_t isr(struct pic *p, bool slave)
{
	pic_write(p, slave, 0, 0x0b);
	return pic_read(p, slave, 0);
}

static uint8_t irr(struct pic *p, bool slave)
{
	pic_write(p, slave, 0, 0x0a);
	return pic_read(p, slave, 0);
}

static void edge(struct pic *p, unsigned irq)
{
	pic_set_line(p, irq, false);
	pic_set_line(p, irq, true);
}

static void test_firmware_state_is_masked(void **state)
{
	struct pic p;

	(void)state;
	pic_init(&p);
	assert_int_equal(pic_read(&p, MASTER, 1), 0xff);
	edge(&p, 0);
	edge(&p, 9);
	assert_false(p.output);
	pic_write(&p, MASTER, 1, 0xfe);
	assert_true(p.output);
	assert_int_equal(pic_ack(&p), 0x08);
}

static void test_nothing_during_initialisation(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	edge(&p, 1);
	assert_true(p.output);
	pic_write(&p, MASTER, 0, 0x11);
	assert_false(p.output);
	assert_int_equal(p.master.irr, 0); /* ICW1 forgets edges */
	pic_write(&p, MASTER, 1, 0x43);	   /* the low bits of the base do not count */
	edge(&p, 1);
	assert_false(p.output);
	pic_write(&p, MASTER, 1, 4);
	pic_write(&p, MASTER, 1, 1);
	assert_true(p.output);
	assert_int_equal(pic_ack(&p), 0x41);
}

static void test_single_without_icw4(void **state)
{
	struct pic p;

	(void)state;
	pic_init(&p);
	pic_write(&p, MASTER, 0, 0x12); /* single, no ICW4: ready after ICW2 */
	pic_write(&p, MASTER, 1, 0x60);
	pic_write(&p, MASTER, 1, 0xf0); /* so this is the mask */
	assert_int_equal(pic_read(&p, MASTER, 1), 0xf0);
}

static void test_edge_needs_a_rise_and_a_high_line(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	pic_set_line(&p, 4, true);
	assert_int_equal(irr(&p, MASTER), 0x10);
	pic_set_line(&p, 4, false); /* taken back before the acknowledge */
	assert_int_equal(irr(&p, MASTER), 0);
	assert_false(p.output);
	pic_set_line(&p, 4, true);
	assert_int_equal(pic_ack(&p), 0x24);
	pic_write(&p, MASTER, 0, 0x20);
	assert_false(p.output); /* still high: no second interrupt */
	edge(&p, 4);
	assert_true(p.output);
}

static void test_level_repeats_until_low(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	pic_level_write(&p, MASTER, 0xff);
	assert_int_equal(pic_level_read(&p, MASTER), 0xf8); /* 0..2 stay edge-triggered */
	pic_level_write(&p, SLAVE, 0xff);
	assert_int_equal(pic_level_read(&p, SLAVE), 0xde);
	pic_set_line(&p, 5, true);
	assert_int_equal(pic_ack(&p), 0x25);
	assert_false(p.output); /* in service */
	pic_write(&p, MASTER, 0, 0x20);
	assert_true(p.output);
	assert_int_equal(pic_ack(&p), 0x25);
	pic_set_line(&p, 5, false);
	pic_write(&p, MASTER, 0, 0x20);
	assert_false(p.output);
}

static void test_becoming_level_while_high(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	pic_set_line(&p, 10, true);
	assert_int_equal(pic_ack(&p), 0x2a);
	pic_write(&p, SLAVE, 0, 0x20);
	pic_write(&p, MASTER, 0, 0x20);
	assert_false(p.output);
	pic_level_write(&p, SLAVE, 0x04);
	assert_true(p.output);
}

static void test_priorities_and_nesting(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	edge(&p, 6);
	edge(&p, 3);
	assert_int_equal(pic_ack(&p), 0x23);
	assert_false(p.output); /* 6 waits behind 3 */
	edge(&p, 1);
	assert_true(p.output); /* 1 interrupts 3 */
	assert_int_equal(pic_ack(&p), 0x21);
	assert_int_equal(isr(&p, MASTER), 0x0a);
	pic_write(&p, MASTER, 0, 0x20); /* ends the highest: 1 */
	assert_int_equal(isr(&p, MASTER), 0x08);
	pic_write(&p, MASTER, 0, 0x63); /* specific end of 3 */
	assert_int_equal(isr(&p, MASTER), 0x00);
	assert_int_equal(pic_ack(&p), 0x26);
}

static void test_mask(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	pic_write(&p, MASTER, 1, 0x08);
	edge(&p, 3);
	assert_false(p.output);
	assert_true(pic_requested(&p, 3));
	pic_write(&p, MASTER, 1, 0);
	assert_true(p.output);
	assert_int_equal(pic_ack(&p), 0x23);
	assert_false(pic_requested(&p, 3));
}

static void test_slave_through_the_cascade(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	edge(&p, 12);
	assert_true(pic_requested(&p, 12));
	assert_int_equal(irr(&p, MASTER), 0x04);
	assert_int_equal(pic_ack(&p), 0x2c);
	assert_int_equal(isr(&p, MASTER), 0x04);
	assert_int_equal(isr(&p, SLAVE), 0x10);
	edge(&p, 8); /* higher on the slave, but the master's IR2 is in service */
	assert_false(p.output);
	edge(&p, 1);
	assert_int_equal(pic_ack(&p), 0x21);
	pic_write(&p, MASTER, 0, 0x61);
	pic_write(&p, SLAVE, 0, 0x20);
	pic_write(&p, MASTER, 0, 0x62);
	assert_int_equal(pic_ack(&p), 0x28);
	/* The master's mask of IR2 closes the slave. */
	pic_write(&p, SLAVE, 0, 0x20);
	pic_write(&p, MASTER, 0, 0x62);
	pic_write(&p, MASTER, 1, 0x04);
	edge(&p, 9);
	assert_false(p.output);
}

static void test_special_fully_nested(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 0x11);
	/* The slave itself is not told: only its master nests. */
	pic_write(&p, SLAVE, 0, 0x11);
	pic_write(&p, SLAVE, 1, 0x28);
	pic_write(&p, SLAVE, 1, 2);
	pic_write(&p, SLAVE, 1, 1);
	edge(&p, 12);
	assert_int_equal(pic_ack(&p), 0x2c);
	edge(&p, 8);
	assert_true(p.output); /* a higher one of the same slave gets through */
	assert_int_equal(pic_ack(&p), 0x28);
	edge(&p, 13);
	assert_false(p.output);
}

static void test_spurious(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	assert_int_equal(pic_ack(&p), 0x27);
	assert_int_equal(isr(&p, MASTER), 0); /* no in-service bit: how software tells */
	edge(&p, 14);
	pic_set_line(&p, 14, false);
	assert_int_equal(pic_ack(&p), 0x27);
	assert_int_equal(isr(&p, SLAVE), 0);
}

static void test_auto_eoi_and_rotation(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 3);
	edge(&p, 3);
	assert_int_equal(pic_ack(&p), 0x23);
	assert_int_equal(isr(&p, MASTER), 0);
	pic_write(&p, MASTER, 0, 0x80); /* rotate in automatic end: the served one becomes last */
	edge(&p, 3);
	assert_int_equal(pic_ack(&p), 0x23);
	edge(&p, 3);
	edge(&p, 4);
	assert_int_equal(pic_ack(&p), 0x24);
	pic_write(&p, MASTER, 0, 0x00);
	assert_int_equal(pic_ack(&p), 0x23);
	assert_int_equal(p.master.lowest, 4); /* no longer rotated */
}

static void test_rotation_on_eoi(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	edge(&p, 3);
	assert_int_equal(pic_ack(&p), 0x23);
	pic_write(&p, MASTER, 0, 0xa0);
	edge(&p, 3);
	edge(&p, 7);
	assert_int_equal(pic_ack(&p), 0x27);
	pic_write(&p, MASTER, 0, 0xe7); /* specific, rotating */
	assert_int_equal(isr(&p, MASTER), 0);
	assert_int_equal(pic_ack(&p), 0x23);
	pic_write(&p, MASTER, 0, 0x20);
	pic_write(&p, MASTER, 0, 0xc5); /* set priority: 5 last, 6 first */
	edge(&p, 0);
	edge(&p, 6);
	assert_int_equal(pic_ack(&p), 0x26);
}

static void test_special_mask(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	edge(&p, 2 + 1);
	assert_int_equal(pic_ack(&p), 0x23);
	edge(&p, 6);
	assert_false(p.output);
	pic_write(&p, MASTER, 1, 0x08);
	pic_write(&p, MASTER, 0, 0x68); /* special mask on: the masked 3 holds nothing back */
	assert_true(p.output);
	assert_int_equal(pic_ack(&p), 0x26);
	pic_write(&p, MASTER, 0, 0x20); /* a plain end passes the masked one over */
	assert_int_equal(isr(&p, MASTER), 0x08);
	pic_write(&p, MASTER, 0, 0x48);
	edge(&p, 6);
	assert_false(p.output);
}

static void test_poll(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	pic_write(&p, SLAVE, 0, 0x0c);
	assert_int_equal(pic_read(&p, SLAVE, 0), 0x07); /* nothing */
	edge(&p, 9);
	pic_write(&p, SLAVE, 0, 0x0c);
	assert_int_equal(pic_read(&p, SLAVE, 0), 0x81);
	assert_int_equal(isr(&p, SLAVE), 0x02);
	assert_int_equal(pic_read(&p, SLAVE, 1), 0x00); /* one read only */
	assert_false(p.output);
}

static void test_eoi_with_nothing_in_service(void **state)
{
	struct pic p;

	(void)state;
	setup(&p, 1);
	pic_write(&p, MASTER, 0, 0x20);
	pic_write(&p, MASTER, 0, 0xa0);
	assert_int_equal(p.master.lowest, 7);
	assert_int_equal(isr(&p, MASTER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_firmware_state_is_masked),
		cmocka_unit_test(test_nothing_during_initialisation),
		cmocka_unit_test(test_single_without_icw4),
		cmocka_unit_test(test_edge_needs_a_rise_and_a_high_line),
		cmocka_unit_test(test_level_repeats_until_low),
		cmocka_unit_test(test_becoming_level_while_high),
		cmocka_unit_test(test_priorities_and_nesting),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_slave_through_the_cascade),
		cmocka_unit_test(test_special_fully_nested),
		cmocka_unit_test(test_spurious),
		cmocka_unit_test(test_auto_eoi_and_rotation),
		cmocka_unit_test(test_rotation_on_eoi),
		cmocka_unit_test(test_special_mask),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_eoi_with_nothing_in_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
