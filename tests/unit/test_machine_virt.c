/* SPDX-License-Identifier: BSD-2-Clause */
/* The virt board as a guest and as hv see it: registers, interrupts through list registers, the
 * processors' timers, firmware, and what the host is told. */
#define BOARD_BASE UINT64_C(0x40000000)
#include "tests/unit/guest_board.h"

#define GICD UINT64_C(0x08000000)
#define GICR(cpu) (UINT64_C(0x080a0000) + (cpu)*UINT64_C(0x20000))
#define SGI_FRAME 0x10000u
#define UART UINT64_C(0x09000000)

#define TIMER 27u
#define SERIAL 33u

static bool access(unsigned vcpu, bool write, uint64_t where, uint8_t bytes, uint64_t *value)
{
	struct io_access io = { .write = write, .bytes = bytes, .where = where, .value = *value };
	bool found = machine_io(board.machine, vcpu, &io);

	*value = io.value;
	return found;
}

static uint32_t in(uint64_t where)
{
	uint64_t value = 0;

	assert_true(access(0, false, where, 4, &value));
	return (uint32_t)value;
}

static void out_by(unsigned vcpu, uint64_t where, uint64_t value)
{
	assert_true(access(vcpu, true, where, 4, &value));
}

static void out(uint64_t where, uint64_t value)
{
	out_by(0, where, value);
}

/* As a kernel does it: group 1 everywhere, priority 0xa0, and the interrupts named enabled. */
static int start(void **state)
{
	int r = board_start(state);

	board.has_power = true;
	out(GICD, 2);
	out(GICD + 0x84, 0xffffffff);
	out(GICD + 0x420, 0xa0a0a0a0);
	out(GICD + 0x104, 1u << (SERIAL - 32));
	for (unsigned i = 0; i < 2; i++) {
		out(GICR(i) + SGI_FRAME + 0x80, 0xffffffff);
		out(GICR(i) + SGI_FRAME + 0x418, 0xa0a0a0a0);
		out(GICR(i) + SGI_FRAME + 0x100, 1u << TIMER | 0xff);
	}
	assert_int_equal(board.notified, 0);
	return r;
}

static bool pending(unsigned vcpu)
{
	return machine_irq_pending(board.machine, vcpu);
}

static unsigned ack(unsigned vcpu)
{
	assert_true(pending(vcpu));
	return machine_irq_ack(board.machine, vcpu);
}

static void retired(unsigned vcpu, unsigned intid)
{
	machine_irq_retired(board.machine, vcpu, intid);
}

/* ---- Addresses ---------------------------------------------------------------------------------
 */

static void test_who_answers(void **state)
{
	uint64_t value = 0;
	struct machine_ram ram;

	(void)state;
	assert_false(machine_floating_bus);
	assert_true(machine_answers(board.machine, gpa(GICD)));
	assert_true(machine_answers(board.machine, gpa(GICD + 0xffff)));
	assert_false(machine_answers(board.machine, gpa(GICD + 0x10000)));
	assert_true(machine_answers(board.machine, gpa(GICR(1) + 0x1ffff)));
	assert_false(machine_answers(board.machine, gpa(GICR(2)))); /* two vCPUs */
	assert_true(machine_answers(board.machine, gpa(UART + 0xfff)));
	assert_false(machine_answers(board.machine, gpa(UART + 0x1000)));
	assert_false(machine_answers(board.machine, gpa(0)));
	assert_false(access(0, false, UART + 0x1000, 4, &value));
	assert_int_equal(value, UINT32_MAX);
	assert_false(access(0, false, UART + 0x1000, 8, &value));
	assert_int_equal(value, UINT64_MAX);
	/* Memslots begin where the devices' addresses end. */
	assert_false(machine_answers(board.machine, machine_devices_end));
	assert_int_equal(machine_ram(UINT64_C(1) << 20, &ram), 1);
	assert_int_equal(machine_devices_end.v, ram.start.v);
	value = 5;
	assert_false(access(0, true, 0x0a000000, 4, &value));
	assert_int_equal(value, 5);
}

static void test_widths(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_true(access(0, false, GICR(1) + 8, 8, &value)); /* GICR_TYPER */
	assert_int_equal(value, UINT64_C(0x100000110));
	value = 1;
	assert_true(access(0, true, GICD + 0x6000 + 8 * SERIAL, 8, &value));
	value = 0;
	assert_true(access(0, false, GICD + 0x6000 + 8 * SERIAL, 8, &value));
	assert_int_equal(value, 1);
	value = 'A';
	assert_true(access(0, true, UART, 1, &value));
	value = 'B';
	assert_true(access(0, true, UART, 2, &value));
	assert_int_equal(board.sent, 2);
	assert_memory_equal(board.line, "AB", 2);
	assert_true(access(0, false, UART + 0x18, 2, &value));
	assert_int_equal(value & 0xf8, 0x90);
	assert_true(access(0, false, GICD + 0xffe8, 4, &value));
	assert_int_equal(value, 0x30);
}

static void test_ram(void **state)
{
	struct machine_ram ram[MACHINE_RAM_RANGES];

	(void)state;
	assert_int_equal(machine_ram(0, ram), 0);
	assert_int_equal(machine_ram(8192 * MIB + 5, ram), 1);
	assert_int_equal(ram[0].start.v, BOARD_BASE);
	assert_int_equal(ram[0].bytes, 8192 * MIB);
}

/* ---- Interrupts --------------------------------------------------------------------------------
 */

static void test_serial_line(void **state)
{
	(void)state;
	out(UART + 0x38, 0x10); /* receive */
	assert_true(machine_console_input(board.machine, 'k'));
	assert_int_equal(board.notified, 1);
	assert_false(machine_console_input(board.machine, 'l'));
	assert_int_equal(ack(0), SERIAL | ARCH_IRQ_LEVEL | 0xa0u << ARCH_IRQ_PRIORITY_SHIFT);
	assert_false(pending(0));
	retired(0, SERIAL);
	assert_int_equal(ack(0) & 0xffff, SERIAL); /* not read yet */
	assert_int_equal(in(UART), 'k');
	retired(0, SERIAL);
	assert_false(pending(0));
	assert_true(machine_console_input(board.machine, 'l'));
	assert_true(pending(0));
	assert_int_equal(in(UART), 'l'); /* read by polling: the request goes */
	assert_false(pending(0));
	assert_int_equal(machine_irq_ack(board.machine, 0), MACHINE_NO_IRQ);
}

static void test_who_is_told(void **state)
{
	uint64_t value = 1;

	(void)state;
	out(UART + 0x38, 0x20); /* transmit */
	out_by(1, UART, 'x');	/* vCPU 1 makes an interrupt for vCPU 0 */
	assert_true(pending(0));
	assert_false(pending(1));
	assert_int_equal(board.notified, 1);
	out_by(1, UART, 'y'); /* still pending: told once */
	assert_int_equal(board.notified, 1);
	assert_true(access(0, true, GICD + 0x6000 + 8 * SERIAL, 8, &value));
	assert_false(pending(0));
	assert_true(pending(1));
	assert_int_equal(board.notified, 2);
	assert_int_equal(ack(1) & 0xffff, SERIAL);
	/* Routed back while vCPU 1 holds it: vCPU 0 hears of it when it is back. */
	value = 0;
	assert_true(access(0, true, GICD + 0x6000 + 8 * SERIAL, 8, &value));
	assert_false(pending(0));
	retired(1, SERIAL);
	assert_true(pending(0));
	assert_int_equal(board.notified, 3);
}

static void test_ipis(void **state)
{
	(void)state;
	machine_ipi(board.machine, 0, UINT64_C(4) << 24 | 2);
	assert_false(pending(0));
	assert_int_equal(board.notified, 1);
	assert_int_equal(ack(1), 4); /* an edge of priority 0 */
	machine_ipi(board.machine, 0, UINT64_C(1) << 40 | UINT64_C(4) << 24);
	assert_int_equal(board.notified, 2); /* again, behind the one that it serves */
	assert_int_equal(ack(1), 4);
	retired(1, 4);
	assert_false(pending(1));
	machine_ipi(board.machine, 1, UINT64_C(4) << 24 | 2); /* to itself: it looks anyway */
	assert_int_equal(board.notified, 2);
	assert_true(pending(1));
}

static void test_group0_is_a_fast_interrupt(void **state)
{
	(void)state;
	out(GICD, 3);
	out(GICR(0) + SGI_FRAME + 0x80, ~(1u << TIMER));
	machine_timer_line(board.machine, 0, true);
	assert_int_equal(ack(0), TIMER | ARCH_IRQ_GROUP0 | 0xa0u << ARCH_IRQ_PRIORITY_SHIFT);
}

/* ---- Timers ------------------------------------------------------------------------------------
 */

static void test_timer_line(void **state)
{
	(void)state;
	assert_int_equal(machine_next_event(board.machine), UINT64_MAX);
	machine_timer_line(board.machine, 1, true);
	assert_false(pending(0));
	assert_int_equal(ack(1) & 0xfffff, TIMER); /* its end needs no second look */
	machine_timer_line(board.machine, 1, true);
	retired(1, TIMER);
	assert_false(pending(1));
	machine_timer_line(board.machine, 1, true);
	machine_timer_line(board.machine, 1, false);
	assert_false(pending(1));
	assert_int_equal(board.notified, 0); /* it is always the vCPU's own exit */
}

static void test_timer_of_a_halted_vcpu(void **state)
{
	(void)state;
	machine_timer_due(board.machine, 1, 5000);
	machine_timer_due(board.machine, 0, 3000);
	assert_int_equal(machine_next_event(board.machine), 3000);
	machine_tick(board.machine, 2999);
	assert_false(pending(0));
	machine_tick(board.machine, 3000);
	assert_true(pending(0));
	assert_false(pending(1));
	assert_int_equal(board.notified, 1);
	assert_int_equal(machine_next_event(board.machine), 5000);
	machine_tick(board.machine, 3001);
	assert_int_equal(board.notified, 1);
	machine_timer_due(board.machine, 1, UINT64_MAX); /* it woke for another reason */
	assert_int_equal(machine_next_event(board.machine), UINT64_MAX);
	machine_tick(board.machine, 6000);
	assert_false(pending(1));
	/* The processor says it too when the vCPU runs: one interrupt. */
	assert_int_equal(ack(0) & 0xffff, TIMER);
	machine_timer_line(board.machine, 0, true);
	retired(0, TIMER);
	assert_false(pending(0));
}

/* ---- Firmware ----------------------------------------------------------------------------------
 */

static struct machine_answer call(unsigned vcpu, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	const struct firmware_call request = { .nr = nr, .arg = { a, b, c } };
	struct machine_answer answer;

	memset(&answer, 0xee, sizeof(answer));
	machine_call(board.machine, vcpu, &request, &answer);
	return answer;
}

static int64_t returns(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct machine_answer answer = call(0, nr, a, b, c);

	assert_int_equal(answer.count, 1);
	assert_false(answer.yield);
	return (int64_t)answer.value[0];
}

/* The smallest image there is, so that the board knows its RAM. */
static void load(void)
{
	const uint8_t word[4] = { 0x00, 0x00, 0x00, 0x14 }; /* b . */
	const struct vm_image image = { .kernel = { "k", word, 4 },
					.format = IMAGE_FLAT,
					.memory_bytes = BOARD_MEMORY,
					.vcpus = 2 };

	assert_int_equal(
		machine_load(board.machine, &image, &board.start, board.why, sizeof(board.why)),
		OK);
}

static void test_cpu_on_and_off(void **state)
{
	struct machine_answer answer;

	(void)state;
	load();
	assert_int_equal(returns(0xc4000004, 1, 0, 0), 1); /* off */
	assert_int_equal(returns(0xc4000003, 1, BOARD_BASE + 64, 77), 0);
	assert_int_equal(board.started.mode, VCPU_NATIVE);
	assert_int_equal(board.started.entry.v, BOARD_BASE + 64);
	assert_int_equal(board.started.arg[0], 77);
	assert_int_equal(returns(0xc4000004, 1, 0, 0), 0);
	assert_int_equal(returns(0xc4000003, 1, BOARD_BASE + 64, 77), -4); /* already on */
	assert_int_equal(returns(0xc4000003, 0, BOARD_BASE + 64, 77), -4);
	assert_int_equal(returns(0xc4000003, 2, BOARD_BASE + 64, 77), -2);
	/* What its list registers hold goes with it. */
	machine_ipi(board.machine, 0, UINT64_C(4) << 24 | 2);
	assert_int_equal(ack(1), 4);
	answer = call(1, 0x84000002, 0, 0, 0);
	assert_int_equal(answer.count, 0);
	assert_int_equal(board.on, 1);
	assert_int_equal(in(GICR(1) + SGI_FRAME + 0x300), 0);
	assert_int_equal(returns(0xc4000003, 1, BOARD_BASE + BOARD_MEMORY, 0), -9);
	assert_int_equal(returns(0xc4000003, 1, BOARD_BASE, 0), 0);
}

static void test_power(void **state)
{
	struct machine_answer answer = call(0, 0x84000008, 0, 0, 0);

	(void)state;
	assert_int_equal(answer.count, 0);
	assert_int_equal(board.power_offs, 1);
	assert_int_equal(board.resets, 0);
	answer = call(1, 0x84000009, 0, 0, 0);
	assert_int_equal(answer.count, 0);
	assert_int_equal(board.resets, 1);
}

static void test_suspend_yields(void **state)
{
	struct machine_answer answer = call(0, 0xc4000001, 0, 0, 0);

	(void)state;
	assert_true(answer.yield);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.value[0], 0);
	assert_int_equal(returns(0x12345678, 0, 0, 0), -1);
	assert_int_equal(returns(0x84000000, 0, 0, 0), 0x10001);
}

/* ---- Anything ----------------------------------------------------------------------------------
 */

static uint64_t seed = 88172645463325252u;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Any guest may do anything: the sanitizers watch, and "pending" is never a lie for its own vCPU.
 */
static void test_random_accesses(void **state)
{
	static const uint64_t base[] = {
		GICD, GICR(0), GICR(0) + SGI_FRAME, GICR(1) + SGI_FRAME, UART, GICD + 0x6000
	};
	static const uint32_t call_nr[] = { 0x84000000, 0xc4000001, 0x84000002, 0xc4000003,
					    0xc4000004, 0x84000008, 0x8400000a, 0x80000001 };

	(void)state;
	load();
	for (unsigned i = 0; i < 300000; i++) {
		uint64_t r = random_number(), value = random_number();
		unsigned vcpu = (unsigned)(r >> 4 & 1);
		uint64_t where = base[(r >> 8) % 6] + (r >> 16) % 0x1000;

		(void)access(vcpu, r & 1, where, (uint8_t)(1u << (r >> 1 & 3)), &value);
		machine_timer_line(board.machine, vcpu, r >> 40 & 1);
		machine_timer_due(board.machine, vcpu, r >> 41 & 1 ? board.now + 5 : UINT64_MAX);
		board.now += r >> 42 & 7;
		machine_tick(board.machine, board.now);
		machine_ipi(board.machine, vcpu, value);
		(void)call(vcpu, call_nr[r >> 45 & 7], value % 4, BOARD_BASE + (value & 0xff), 0);
		if ((r >> 48 & 7) == 0)
			(void)machine_console_input(board.machine, (char)r);
		assert_int_equal(pending(vcpu),
				 machine_irq_ack(board.machine, vcpu) != MACHINE_NO_IRQ);
		retired(vcpu, (unsigned)(value >> 32) % 100);
	}
}

#define virt_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		virt_test(test_who_answers),
		virt_test(test_widths),
		virt_test(test_ram),
		virt_test(test_serial_line),
		virt_test(test_who_is_told),
		virt_test(test_ipis),
		virt_test(test_group0_is_a_fast_interrupt),
		virt_test(test_timer_line),
		virt_test(test_timer_of_a_halted_vcpu),
		virt_test(test_cpu_on_and_off),
		virt_test(test_power),
		virt_test(test_suspend_yields),
		virt_test(test_random_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
