/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC board as a guest and as hv see it: ports, interrupt routing, timers, and what the host is
 * told. */
#include "tests/unit/guest_board.h"

static uint64_t in_bytes(uint64_t port, uint8_t bytes)
{
	struct io_access io = { .port = true, .bytes = bytes, .where = port };

	(void)machine_io(board.machine, 0, &io);
	return io.value;
}

static uint8_t in(uint64_t port)
{
	return (uint8_t)in_bytes(port, 1);
}

static bool out_by(unsigned vcpu, uint64_t port, uint8_t bytes, uint64_t value)
{
	struct io_access io = {
		.port = true, .write = true, .bytes = bytes, .where = port, .value = value
	};

	return machine_io(board.machine, vcpu, &io);
}

static void out(uint64_t port, uint64_t value)
{
	assert_true(out_by(0, port, 1, value));
}

static void setup_pics(uint8_t master_mask, uint8_t slave_mask)
{
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, 0x01);
	out(0x21, master_mask);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x01);
	out(0xa1, slave_mask);
}

static void setup_timer(unsigned count)
{
	out(0x43, 0x34);
	out(0x40, count & 0xff);
	out(0x40, count >> 8);
}

static bool pending(void)
{
	return machine_irq_pending(board.machine, 0);
}

/* Acknowledges, and ends the interrupt as a handler does. */
static unsigned serve(void)
{
	unsigned vector = machine_irq_ack(board.machine, 0);

	if (vector >= 0x38)
		out(0xa0, 0x20);
	out(0x20, 0x20);
	return vector;
}

static void test_nothing_there(void **state)
{
	struct io_access io = { .port = true, .bytes = 2, .where = 0x1f0 };

	(void)state;
	assert_false(machine_io(board.machine, 0, &io));
	assert_int_equal(io.value, 0xffff);
	assert_false(out_by(0, 0x2f8, 1, 0));
	io = (struct io_access){ .bytes = 4, .where = 0xfee00000 };
	assert_false(machine_io(board.machine, 0, &io));
	assert_int_equal(io.value, UINT64_MAX);
	assert_int_equal(in_bytes(0xcfc, 4), 0xffffffff);
	assert_int_equal(in_bytes(0xcf8, 4), 0xffffffff);
	out(0x80, 0);
	out(0xed, 0);
	assert_int_equal(in(0x80), 0xff);
	assert_false(pending());
	assert_int_equal(machine_next_event(board.machine), UINT64_MAX);
}

static void test_serial_line(void **state)
{
	(void)state;
	setup_pics(0xff & ~0x10, 0xff);
	for (const char *c = "hello"; *c; c++)
		out(0x3f8, (uint8_t)*c);
	assert_memory_equal(board.line, "hello", 5);
	assert_int_equal(board.sent, 5);
	out(0x3fc, 0x08);
	out(0x3f9, 0x02);
	assert_true(pending());
	assert_int_equal(serve(), 0x34);
	assert_int_equal(in(0x3fa), 0x02);
	out(0x3f9, 0x01);
	assert_false(pending());
	assert_int_equal(board.notified, 0); /* vCPU 0 looks by itself */
	assert_true(machine_console_input(board.machine, 'k'));
	assert_true(pending());
	assert_int_equal(board.notified, 1);
	assert_false(machine_console_input(board.machine, 'l'));
	assert_int_equal(serve(), 0x34);
	assert_int_equal(in(0x3f8), 'k');
	assert_true(machine_console_input(board.machine, 'l'));
	assert_true(pending());
}

static void test_notify_for_another_vcpu(void **state)
{
	(void)state;
	setup_pics(0xff & ~0x10, 0xff);
	out(0x3fc, 0x08);
	assert_true(out_by(1, 0x3f9, 1, 0x02));
	assert_int_equal(board.notified, 1);
	assert_true(machine_irq_pending(board.machine, 0));
	assert_false(machine_irq_pending(board.machine, 1));
	assert_true(out_by(1, 0x3f9, 1, 0x03)); /* still pending: told once */
	assert_int_equal(board.notified, 1);
}

static void test_timer(void **state)
{
	uint64_t due, period = 11932 * UINT64_C(1000000000) / 1193182;

	(void)state;
	setup_pics(0xfe, 0xff);
	setup_timer(11932);
	due = machine_next_event(board.machine);
	assert_in_range(due, period, period + 2000);
	board.now = due - 10;
	machine_tick(board.machine, board.now);
	assert_false(pending());
	for (unsigned i = 1; i <= 100; i++) {
		board.now = machine_next_event(board.machine);
		machine_tick(board.machine, board.now);
		assert_true(pending());
		assert_int_equal(board.notified, i);
		machine_tick(board.machine, board.now); /* again: no harm */
		assert_int_equal(board.notified, i);
		/* Until it is acknowledged the board wants nothing. */
		assert_int_equal(machine_next_event(board.machine), UINT64_MAX);
		assert_int_equal(serve(), 0x30);
		assert_false(pending());
	}
	assert_in_range(board.now, 100 * period - 2000, 100 * period + 4000);
}

static void test_timer_catches_up(void **state)
{
	unsigned ticks = 0;
	uint64_t end;

	(void)state;
	setup_pics(0xfe, 0xff);
	setup_timer(11932);
	board.now = 45 * UINT64_C(1000000); /* four periods late */
	machine_tick(board.machine, board.now);
	for (end = 100 * UINT64_C(1000000) + 100000; board.now < end;
	     board.now = machine_next_event(board.machine)) {
		machine_tick(board.machine, board.now);
		assert_true(pending());
		assert_int_equal(serve(), 0x30);
		ticks++;
	}
	assert_int_equal(ticks, 10); /* 100 ms of 10 ms ticks, none lost */
}

static void test_masked_timer_costs_nothing(void **state)
{
	unsigned wakes = 0;

	(void)state;
	setup_pics(0xff, 0xff);
	setup_timer(1193);
	while (machine_next_event(board.machine) != UINT64_MAX && wakes < 100) {
		board.now = machine_next_event(board.machine);
		machine_tick(board.machine, board.now);
		wakes++;
	}
	assert_int_equal(wakes, 1); /* the request is latched, and that is all */
	assert_false(pending());
	out(0x21, 0xfe);
	assert_true(pending());
}

static void test_clock_interrupt_through_the_slave(void **state)
{
	(void)state;
	setup_pics(0xfb, 0xfe);
	out(0x70, 0x0b);
	out(0x71, 0x12);
	board.now = machine_next_event(board.machine);
	assert_int_equal(board.now, 1000000000);
	machine_tick(board.machine, board.now);
	assert_int_equal(serve(), 0x38);
	assert_false(pending());
	out(0x70, 0x0c);
	assert_int_equal(in(0x71) & 0x90, 0x90);
	assert_int_equal(machine_next_event(board.machine), 2000000000);
	out(0x70, 0x00);
	assert_int_equal(in(0x71), 0x01); /* a second after midnight */
	out(0x70, 0x09);
	assert_int_equal(in(0x71), 0x24);
}

static void test_keyboard_controller(void **state)
{
	(void)state;
	setup_pics(0xfd, 0xff);
	assert_int_equal(in(0x64) & 0x03, 0); /* a reboot's wait ends at once */
	out(0x64, 0x60);
	out(0x60, 0x45);
	out(0x60, 0xf2);
	assert_true(pending());
	assert_int_equal(in(0x60), 0xfe);
	assert_false(pending());
	assert_int_equal(board.resets, 0);
	out(0x64, 0xfe);
	assert_int_equal(board.resets, 1);
}

static void test_resets_and_exit(void **state)
{
	(void)state;
	out(0xcf9, 0x02);
	out(0xcf9, 0x06);
	assert_int_equal(board.resets, 1);
	assert_true(out_by(0, 0xcf8, 4, 0x80000600));
	assert_int_equal(board.resets, 1);
	out(0x92, 0x03);
	assert_int_equal(board.resets, 2);
	assert_int_equal(board.exits, 0);
	out(0xf4, 0x21);
	assert_int_equal(board.exit_value, 0x21);
	assert_true(out_by(0, 0xf4, 4, 0x12345678));
	assert_int_equal(board.exit_value, 0x12345678);
	assert_int_equal(board.exits, 2);
}

static void test_port61_and_speaker_timer(void **state)
{
	(void)state;
	out(0x61, 0x01);
	assert_int_equal(in(0x61) & 0x0f, 0x01);
	out(0x43, 0xb0);
	out(0x42, 0x10);
	out(0x42, 0x00);
	assert_int_equal(in(0x61) & 0x20, 0);
	board.now = 100000;
	assert_int_equal(in(0x61) & 0x20, 0x20);
}

static void test_wide_access_is_split(void **state)
{
	(void)state;
	assert_true(out_by(0, 0x3f8, 4, 0x00000041)); /* data, IER, FCR, LCR */
	assert_int_equal(board.sent, 1);
	assert_int_equal(board.line[0], 'A');
	assert_int_equal(in_bytes(0x20, 2), 0xff00); /* IRR and IMR */
}

static void test_spurious(void **state)
{
	(void)state;
	setup_pics(0x00, 0x00);
	assert_int_equal(machine_irq_ack(board.machine, 0), 0x37);
}

static void test_ram(void **state)
{
	struct machine_ram ram[MACHINE_RAM_RANGES];

	(void)state;
	assert_int_equal(machine_ram(0, ram), 0);
	assert_int_equal(machine_ram(256 * MIB + 5, ram), 1);
	assert_int_equal(ram[0].start.v, 0);
	assert_int_equal(ram[0].bytes, 256 * MIB);
	assert_int_equal(machine_ram(3072 * MIB, ram), 1);
	assert_int_equal(machine_ram(5120 * MIB, ram), 2);
	assert_int_equal(ram[0].bytes, 3072 * MIB);
	assert_int_equal(ram[1].start.v, 4096 * MIB);
	assert_int_equal(ram[1].bytes, 2048 * MIB);
}

static uint64_t seed = 88172645463325252u;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Any guest may do anything: the sanitizers watch, and an acknowledge always has a vector. */
static void test_random_accesses(void **state)
{
	static const uint16_t port[] = { 0x20,	0x21,  0x40,  0x41,  0x42,  0x43,  0x60,
					 0x61,	0x64,  0x70,  0x71,  0x80,  0x92,  0xa0,
					 0xa1,	0xf4,  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc,
					 0x3fd, 0x3fe, 0x4d0, 0x4d1, 0xcf8, 0xcf9, 0xcfc };

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		uint64_t r = random_number();
		struct io_access io = { .port = true,
					.write = r & 1,
					.bytes = (uint8_t)(1u << (r >> 1 & 3)),
					.where = port[(r >> 8) % (sizeof(port) / sizeof(port[0]))],
					.value = random_number() };

		(void)machine_io(board.machine, (unsigned)(r >> 4 & 1), &io);
		board.now += random_number() % 3000000;
		if ((r >> 40 & 3) == 0)
			machine_tick(board.machine, board.now);
		if (pending())
			assert_true(machine_irq_ack(board.machine, 0) < 0x100);
		if ((r >> 42 & 7) == 0)
			(void)machine_console_input(board.machine, (char)r);
		assert_true(machine_next_event(board.machine) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(test_nothing_there),
		board_test(test_serial_line),
		board_test(test_notify_for_another_vcpu),
		board_test(test_timer),
		board_test(test_timer_catches_up),
		board_test(test_masked_timer_costs_nothing),
		board_test(test_clock_interrupt_through_the_slave),
		board_test(test_keyboard_controller),
		board_test(test_resets_and_exit),
		board_test(test_port61_and_speaker_timer),
		board_test(test_wide_access_is_split),
		board_test(test_spurious),
		board_test(test_ram),
		board_test(test_random_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
