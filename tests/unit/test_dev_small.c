/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus, the keyboard controller, and the small ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/dev/bus.h"
#include "hv/dev/i8042.h"
#include "hv/dev/pc_ports.h"

/* ---- Bus ------------------------------------------------------------------------------------- */

struct recorder {
	unsigned reads, writes, bytes;
	uint64_t offset, value;
};

static uint64_t record_read(void *device, uint64_t offset, unsigned bytes)
{
	struct recorder *r = device;

	r->reads++;
	r->offset = offset;
	r->bytes = bytes;
	return UINT64_C(0x1122334455667700) + offset;
}

static void record_write(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct recorder *r = device;

	r->writes++;
	r->offset = offset;
	r->bytes = bytes;
	r->value = value;
}

static struct bus bus;
static struct recorder a, b;

static enum result attach(struct recorder *r, uint64_t first, uint64_t end, unsigned width)
{
	const struct bus_range range = { first, end, width, r, record_read, record_write };

	return bus_attach(&bus, &range);
}

static int start_bus(void **state)
{
	(void)state;
	memset(&bus, 0, sizeof(bus));
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(attach(&b, 0x20, 0x28, 4), OK);
	assert_int_equal(attach(&a, 0x10, 0x12, 1), OK);
	return 0;
}

static uint64_t bus_in(uint64_t where, uint8_t bytes, bool found)
{
	struct io_access io = { .port = true, .bytes = bytes, .where = where };

	assert_int_equal(bus_io(&bus, &io), found);
	return io.value;
}

static void bus_out(uint64_t where, uint8_t bytes, uint64_t value, bool found)
{
	struct io_access io = {
		.port = true, .write = true, .bytes = bytes, .where = where, .value = value
	};

	assert_int_equal(bus_io(&bus, &io), found);
}

static void test_bus_attach(void **state)
{
	(void)state;
	assert_int_equal(attach(&a, 0x11, 0x13, 1), OVERLAPS);
	assert_int_equal(attach(&a, 0x0f, 0x11, 1), OVERLAPS);
	assert_int_equal(attach(&a, 0x00, 0x100, 1), OVERLAPS);
	assert_int_equal(attach(&a, 0x22, 0x23, 1), OVERLAPS);
	assert_int_equal(attach(&a, 0x30, 0x30, 1), BAD_ARGUMENT);
	assert_int_equal(attach(&a, 0x30, 0x31, 0), BAD_ARGUMENT);
	assert_int_equal(attach(&a, 0x12, 0x20, 1), OK); /* touching is not overlapping */
	for (unsigned i = bus.count; i < BUS_RANGES; i++)
		assert_int_equal(attach(&a, 0x1000 + i, 0x1001 + i, 1), OK);
	assert_int_equal(attach(&a, 0x5000, 0x5001, 1), OUT_OF_MEMORY);
}

static void test_bus_find(void **state)
{
	(void)state;
	assert_null(bus_find(&bus, 0x0f));
	assert_ptr_equal(bus_find(&bus, 0x10)->device, &a);
	assert_ptr_equal(bus_find(&bus, 0x11)->device, &a);
	assert_null(bus_find(&bus, 0x12));
	assert_ptr_equal(bus_find(&bus, 0x27)->device, &b);
	assert_null(bus_find(&bus, 0x28));
	assert_null(bus_find(&bus, UINT64_MAX));
	/* What was found last is no answer for its neighbours. */
	assert_ptr_equal(bus_find(&bus, 0x10)->device, &a);
	assert_null(bus_find(&bus, 0x0f));
	assert_null(bus_find(&bus, 0x12));
	assert_ptr_equal(bus_find(&bus, 0x11)->device, &a);
}

static void test_bus_straight(void **state)
{
	(void)state;
	assert_int_equal(bus_in(0x24, 4, true), 0x55667704);
	assert_int_equal(b.reads, 1);
	assert_int_equal(b.bytes, 4);
	bus_out(0x21, 1, 0xabcd, true);
	assert_int_equal(b.offset, 1);
	assert_int_equal(b.value, 0xcd);
}

static void test_bus_splits(void **state)
{
	(void)state;
	/* Wider than the device: one byte a time, its neighbour floats. */
	assert_int_equal(bus_in(0x10, 2, true), 0x0100);
	assert_int_equal(a.reads, 2);
	assert_int_equal(a.bytes, 1);
	assert_int_equal(bus_in(0x11, 2, true), 0xff01);
	/* Over the end of the range, and from before its start. */
	assert_int_equal(bus_in(0x26, 4, true), 0xffff0706);
	assert_int_equal(bus_in(0x1e, 4, true), 0x0100ffff);
	bus_out(0x11, 2, 0x4321, true);
	assert_int_equal(a.writes, 1);
	assert_int_equal(a.value, 0x21);
	bus_out(0x20, 8, UINT64_C(0x8877665544332211), true);
	assert_int_equal(b.writes, 8);
	assert_int_equal(b.value, 0x88);
}

static void test_bus_floats(void **state)
{
	(void)state;
	assert_int_equal(bus_in(0x300, 1, false), 0xff);
	assert_int_equal(bus_in(0x300, 2, false), 0xffff);
	assert_int_equal(bus_in(0x300, 4, false), 0xffffffff);
	bus_out(0x300, 4, 5, false);
	assert_int_equal(a.writes + b.writes, 0);
}

/* ---- Keyboard controller --------------------------------------------------------------------- */

static uint8_t ask(struct i8042 *k, uint8_t command)
{
	assert_false(i8042_write_command(k, command));
	assert_int_equal(i8042_read_status(k) & 0x03,
			 0x01); /* the answer is there, the input empty */
	return i8042_read_data(k);
}

static void test_i8042_commands(void **state)
{
	struct i8042 k;

	(void)state;
	i8042_init(&k);
	assert_int_equal(i8042_read_status(&k) & 0x03, 0);
	assert_int_equal(ask(&k, 0xaa), 0x55);
	assert_int_equal(ask(&k, 0xab), 0x00);
	assert_int_equal(ask(&k, 0xa9), 0x01); /* no mouse */
	assert_int_equal(ask(&k, 0xd0), 0x03);
	assert_int_equal(ask(&k, 0xc0), 0x80);
	assert_int_equal(i8042_read_status(&k) & 0x0c, 0x0c);
	assert_false(i8042_write_command(&k, 0x60));
	assert_false(i8042_write_data(&k, 0x47));
	assert_int_equal(i8042_read_status(&k) & 0x08, 0x00);
	assert_int_equal(ask(&k, 0x20), 0x47);
	assert_false(i8042_write_command(&k, 0xad));
	assert_false(i8042_write_command(&k, 0xa7));
	assert_int_equal(ask(&k, 0x20), 0x77);
	assert_false(i8042_write_command(&k, 0xae));
	assert_false(i8042_write_command(&k, 0xa8));
	assert_int_equal(ask(&k, 0x20), 0x47);
}

static void test_i8042_has_nobody_at_its_wires(void **state)
{
	struct i8042 k;

	(void)state;
	i8042_init(&k);
	assert_false(i8042_write_command(&k, 0x60));
	assert_false(i8042_write_data(&k, 0x45));
	assert_false(i8042_write_data(&k, 0xff)); /* reset the keyboard */
	assert_int_equal(i8042_read_status(&k) & 0x41, 0x41);
	assert_true(i8042_irq(&k));
	assert_int_equal(i8042_read_data(&k), 0xfe);
	assert_false(i8042_irq(&k));
	assert_int_equal(i8042_read_status(&k) & 0x41, 0);
	assert_false(i8042_write_command(&k, 0xd4));
	assert_false(i8042_write_data(&k, 0xf2)); /* the mouse has no IRQ 1 */
	assert_false(i8042_irq(&k));
	assert_int_equal(i8042_read_data(&k), 0xfe);
	assert_false(i8042_write_command(&k, 0xd3));
	assert_false(i8042_write_data(&k, 0x5a));
	assert_int_equal(i8042_read_status(&k) & 0x21, 0x01); /* not marked as the mouse's */
	assert_int_equal(i8042_read_data(&k), 0x5a);
	assert_false(i8042_write_command(&k, 0xd2));
	assert_false(i8042_write_data(&k, 0x1c));
	assert_true(i8042_irq(&k));
	assert_int_equal(i8042_read_data(&k), 0x1c);
}

static void test_i8042_reset(void **state)
{
	struct i8042 k;

	(void)state;
	i8042_init(&k);
	assert_true(i8042_write_command(&k, 0xfe));
	assert_false(i8042_write_command(&k, 0xff)); /* pulses nothing */
	assert_true(i8042_write_command(&k, 0xf0));
	assert_false(i8042_write_command(&k, 0xd1));
	assert_false(i8042_write_data(&k, 0xdf)); /* A20 on */
	assert_false(i8042_write_command(&k, 0xd1));
	assert_true(i8042_write_data(&k, 0xfe));
	for (unsigned command = 0; command < 0xf0; command++)
		assert_false(i8042_write_command(&k, (uint8_t)command));
}

/* ---- Small ports ----------------------------------------------------------------------------- */

static void test_port92(void **state)
{
	struct pc_ports p;

	(void)state;
	pc_ports_init(&p);
	assert_int_equal(pc_port92_read(&p), 0x02);
	assert_false(pc_port92_write(&p, 0x00));
	assert_int_equal(pc_port92_read(&p), 0x02); /* A20 stays open */
	assert_true(pc_port92_write(&p, 0x03));
	assert_false(pc_port92_write(&p, 0x03)); /* only the rise resets */
}

static void test_reset_control(void **state)
{
	struct pc_ports p;

	(void)state;
	pc_ports_init(&p);
	assert_false(pc_cf8_write(&p, 1, 1, 0x02));
	assert_int_equal(pc_cf8_read(&p, 1, 1), 0x02);
	assert_true(pc_cf8_write(&p, 1, 1, 0x06));
	assert_false(pc_cf8_write(&p, 1, 1, 0x06));
}

static void test_pci_is_not_there(void **state)
{
	struct pc_ports p;

	(void)state;
	pc_ports_init(&p);
	assert_false(pc_cf8_write(&p, 0, 4, 0x80000600)); /* an address, not a reset */
	assert_int_equal(pc_cf8_read(&p, 0, 4), UINT64_MAX);
	assert_int_equal(pc_cf8_read(&p, 4, 4), UINT64_MAX);
	assert_int_equal(pc_cf8_read(&p, 0, 1), UINT64_MAX);
	assert_false(pc_cf8_write(&p, 3, 1, 0x06));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bus_attach, start_bus),
		cmocka_unit_test_setup(test_bus_find, start_bus),
		cmocka_unit_test_setup(test_bus_straight, start_bus),
		cmocka_unit_test_setup(test_bus_splits, start_bus),
		cmocka_unit_test_setup(test_bus_floats, start_bus),
		cmocka_unit_test(test_i8042_commands),
		cmocka_unit_test(test_i8042_has_nobody_at_its_wires),
		cmocka_unit_test(test_i8042_reset),
		cmocka_unit_test(test_port92),
		cmocka_unit_test(test_reset_control),
		cmocka_unit_test(test_pci_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
