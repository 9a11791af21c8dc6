/* SPDX-License-Identifier: BSD-2-Clause */
/* The pseries board: PAPR's calls with good and bad arguments, interrupts between vCPUs, waiting,
 * RTAS through guest memory, also while that memory is on the move. */
#include "hv/dev/be.h"
#include "hv/dev/rtas.h"
#include "hv/machine/pseries.h"
#include "tests/unit/guest_board.h"

enum {
	PAGE_INIT = 0x2c,
	GET_TERM_CHAR = 0x54,
	PUT_TERM_CHAR = 0x58,
	EOI = 0x64,
	CPPR = 0x68,
	IPI = 0x6c,
	IPOLL = 0x70,
	XIRR = 0x74,
	REGISTER_VPA = 0xdc,
	CONFER = 0xe4,
	PROD = 0xe8,
	VIO_SIGNAL = 0x104,
	XIRR_X = 0x2fc,
	SET_MODE = 0x31c,
	RTAS = 0xf000,
};

#define BLOCK 0x10000u /* where RTAS' arguments lie */

static uint64_t counter;
static struct machine_answer answer;

uint64_t arch_counter(void)
{
	return counter;
}

static int start(void **state)
{
	int r = board_start(state);

	board.machine->ram_bytes = BOARD_MEMORY;
	board.has_power = true;
	return r;
}

#define pseries_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

static uint64_t call_of(unsigned vcpu, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const struct firmware_call call = { .nr = nr, .arg = { a, b, c, d } };

	machine_call(board.machine, vcpu, &call, &answer);
	return answer.value[0];
}

#define CALL0(vcpu, nr) call_of(vcpu, nr, 0, 0, 0, 0)
#define CALL1(vcpu, nr, a) call_of(vcpu, nr, a, 0, 0, 0)
#define CALL2(vcpu, nr, a, b) call_of(vcpu, nr, a, b, 0, 0)
#define CALL3(vcpu, nr, a, b, c) call_of(vcpu, nr, a, b, c, 0)

static void unknown_calls(void **state)
{
	static const uint64_t none[] = { 0, 4, 0x30, 0xe0, 0x1b8, 0x37c, 0xf001, UINT64_MAX };

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(CALL0(0, none[i]), H_FUNCTION);
		assert_int_equal(answer.count, 1);
		assert_int_equal(answer.repeat, OK);
		assert_false(answer.yield);
	}
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void messages(void **state)
{
	struct machine *m = board.machine;

	(void)state;
	assert_false(machine_irq_pending(m, 1));
	assert_int_equal(CALL2(0, IPI, 1, 4), H_SUCCESS);
	/* It takes none yet: its priority is 0. */
	assert_false(machine_irq_pending(m, 1));
	assert_int_equal(board.notified, 0);
	assert_int_equal(CALL1(1, CPPR, 0xff), H_SUCCESS);
	assert_true(machine_irq_pending(m, 1));
	assert_true(machine_wakes(m, 1));
	assert_false(machine_irq_pending(m, 0));
	assert_int_not_equal(machine_irq_ack(m, 1), MACHINE_NO_IRQ);
	assert_int_equal(machine_irq_ack(m, 0), MACHINE_NO_IRQ);
	/* Injected it stays until it is taken. */
	assert_true(machine_irq_pending(m, 1));
	assert_int_equal(CALL1(0, IPOLL, 1), H_SUCCESS);
	assert_int_equal(answer.count, 3);
	assert_int_equal(answer.value[1], 0xff000002);
	assert_int_equal(answer.value[2], 4);
	assert_int_equal(CALL1(1, XIRR, 0xff), H_SUCCESS);
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.value[1], 0xff000002);
	assert_false(machine_irq_pending(m, 1));
	assert_int_equal(CALL2(1, IPI, 1, 0xff), H_SUCCESS);
	assert_int_equal(CALL1(1, EOI, 0xff000002), H_SUCCESS);
	assert_false(machine_irq_pending(m, 1));
	/* To one that takes it: it is told. */
	counter = 4711;
	assert_int_equal(CALL2(0, IPI, 1, 4), H_SUCCESS);
	assert_int_equal(board.notified, 1);
	assert_int_equal(CALL2(0, IPI, 1, 3), H_SUCCESS); /* it knows already */
	assert_int_equal(board.notified, 1);
	counter = 4712;
	assert_int_equal(CALL0(1, XIRR_X), H_SUCCESS);
	assert_int_equal(answer.count, 3);
	assert_int_equal(answer.value[2], 4711);
	/* To itself: it looks before it is entered. */
	assert_int_equal(CALL1(0, CPPR, 0xff), H_SUCCESS);
	assert_int_equal(CALL2(0, IPI, 0, 4), H_SUCCESS);
	assert_int_equal(board.notified, 1);
	assert_true(machine_irq_pending(m, 0));
	/* There is no third. */
	assert_int_equal(CALL2(0, IPI, 2, 4), H_PARAMETER);
	assert_int_equal(CALL1(0, IPOLL, 2), H_PARAMETER);
	assert_int_equal(answer.count, 1);
}

static void terminal_input(void **state)
{
	struct machine *m = board.machine;
	unsigned taken = 0;

	(void)state;
	assert_true(machine_console_input(m, 'a'));
	assert_int_equal(CALL1(0, GET_TERM_CHAR, PSERIES_TERMINAL), H_SUCCESS);
	assert_int_equal(answer.count, 4);
	assert_int_equal(answer.value[1], 1);
	assert_int_equal(answer.value[2], UINT64_C(0x61) << 56);
	assert_int_equal(CALL1(0, GET_TERM_CHAR, 0), H_SUCCESS);
	assert_int_equal(answer.value[1], 0);
	assert_int_equal(CALL1(0, GET_TERM_CHAR, 1), H_PARAMETER);
	assert_int_equal(answer.count, 1);
	/* Full, and read in two turns; it wraps. */
	while (machine_console_input(m, (char)('A' + taken % 26)))
		taken++;
	assert_int_equal(taken, 64);
	assert_int_equal(CALL1(0, GET_TERM_CHAR, 0), H_SUCCESS);
	assert_int_equal(answer.value[1], 16);
	assert_int_equal(answer.value[2], UINT64_C(0x4142434445464748));
	assert_int_equal(answer.value[3], UINT64_C(0x494a4b4c4d4e4f50));
	assert_true(machine_console_input(m, '!'));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(CALL1(0, GET_TERM_CHAR, 0), H_SUCCESS);
	assert_int_equal(answer.value[1], 1);
	assert_int_equal(answer.value[2] >> 56, '!');
}

static void rtas_words(uint32_t token, uint32_t arguments, uint32_t results, const uint32_t *words)
{
	uint8_t *p = board.memory + BLOCK;

	put_be32(p, token);
	put_be32(p + 4, arguments);
	put_be32(p + 8, results);
	for (unsigned i = 0; i < RTAS_WORDS; i++)
		put_be32(p + 12 + 4 * i, i < arguments && i < RTAS_WORDS ? words[i] : 0xeeeeeeee);
}

static uint32_t rtas_result(unsigned arguments, unsigned i)
{
	return be32(board.memory + BLOCK + 12 + 4 * (arguments + i));
}

/* A service by its name in the tree, as vCPU `vcpu`; its status. */
static int32_t rtas(unsigned vcpu, const char *name, uint32_t a, uint32_t b, uint32_t c)
{
	const uint32_t words[RTAS_WORDS] = { a, b, c };
	const struct rtas_service *s = rtas_services;

	while (strcmp(s->name, name) != 0)
		s++;
	rtas_words(s->token, s->arguments, s->results, words);
	(void)CALL1(vcpu, RTAS, BLOCK);
	return (int32_t)rtas_result(s->arguments, 0);
}

/* Linux's driver of the terminal never calls H_VIO_SIGNAL. */
static void terminal_interrupts_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(CALL1(1, CPPR, 0xff), H_SUCCESS);
	assert_int_equal(rtas(0, "ibm,set-xive", XICS_FIRST, 1, 5), RTAS_SUCCESS);
	assert_true(machine_console_input(board.machine, 'a'));
	assert_int_equal(board.notified, 1);
	assert_true(machine_irq_pending(board.machine, 1));
}

static void terminal_interrupt(void **state)
{
	struct machine *m = board.machine;

	(void)state;
	assert_int_equal(CALL2(0, VIO_SIGNAL, PSERIES_TERMINAL, 2), H_PARAMETER);
	assert_int_equal(CALL2(0, VIO_SIGNAL, 0, 1), H_PARAMETER);
	assert_int_equal(CALL1(1, CPPR, 0xff), H_SUCCESS);
	assert_int_equal(rtas(0, "ibm,set-xive", XICS_FIRST, 1, 5), RTAS_SUCCESS);
	assert_int_equal(CALL2(0, VIO_SIGNAL, PSERIES_TERMINAL, 0), H_SUCCESS);
	assert_true(machine_console_input(m, 'a'));
	assert_false(machine_irq_pending(m, 1));
	assert_int_equal(CALL2(0, VIO_SIGNAL, PSERIES_TERMINAL, 1), H_SUCCESS);
	assert_true(machine_console_input(m, 'b'));
	assert_int_equal(board.notified, 1);
	assert_true(machine_irq_pending(m, 1));
	assert_int_equal(CALL0(1, XIRR), H_SUCCESS);
	assert_int_equal(answer.value[1], 0xff000000 | XICS_FIRST);
	assert_int_equal(CALL1(1, EOI, 0xff000000 | XICS_FIRST), H_SUCCESS);
	assert_false(machine_irq_pending(m, 1));
	/* The next character interrupts again, though the first has not been read. */
	assert_true(machine_console_input(m, 'c'));
	assert_true(machine_irq_pending(m, 1));
	/* Elsewhere: the other vCPU has it now, and is told. */
	assert_int_equal(CALL1(0, CPPR, 0xff), H_SUCCESS);
	assert_int_equal(rtas(1, "ibm,set-xive", XICS_FIRST, 0, 5), RTAS_SUCCESS);
	assert_false(machine_irq_pending(m, 1));
	assert_true(machine_irq_pending(m, 0));
	assert_int_equal(board.notified, 3);
	assert_int_equal(CALL2(0, VIO_SIGNAL, PSERIES_TERMINAL, 0), H_SUCCESS);
	assert_int_equal(CALL0(0, XIRR), H_SUCCESS);
	assert_int_equal(CALL1(0, EOI, 0xff000000 | XICS_FIRST), H_SUCCESS);
	assert_true(machine_console_input(m, 'd'));
	assert_false(machine_irq_pending(m, 0));
}

static void terminal_output(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, PUT_TERM_CHAR, PSERIES_TERMINAL, 10, 0x4142434445464748,
				 UINT64_C(0x494a) << 48),
			 H_SUCCESS);
	assert_int_equal(board.sent, 10);
	assert_memory_equal(board.line, "ABCDEFGHIJ", 10);
	assert_int_equal(call_of(0, PUT_TERM_CHAR, 0, 16, 0, 0), H_SUCCESS);
	assert_int_equal(board.sent, 26);
	assert_int_equal(call_of(0, PUT_TERM_CHAR, 0, 0, 0, 0), H_SUCCESS);
	assert_int_equal(call_of(0, PUT_TERM_CHAR, 0, 17, 0, 0), H_PARAMETER);
	assert_int_equal(call_of(0, PUT_TERM_CHAR, 0, UINT64_MAX, 0, 0), H_PARAMETER);
	assert_int_equal(call_of(0, PUT_TERM_CHAR, 7, 1, 0, 0), H_PARAMETER);
	assert_int_equal(board.sent, 26);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void a_halted_vcpu_and_its_decrementer(void **state)
{
	struct machine *m = board.machine;

	(void)state;
	assert_int_equal(machine_next_event(m), UINT64_MAX);
	machine_timer_due(m, 1, 1000);
	machine_timer_due(m, 0, 2000);
	assert_int_equal(machine_next_event(m), 1000);
	machine_tick(m, 999);
	assert_false(machine_wakes(m, 1));
	assert_int_equal(board.notified, 0);
	machine_tick(m, 1000);
	assert_true(machine_wakes(m, 1));
	assert_false(machine_wakes(m, 0));
	/* The decrementer interrupts by itself: there is nothing to inject. */
	assert_false(machine_irq_pending(m, 1));
	assert_int_equal(board.notified, 1);
	assert_int_equal(machine_next_event(m), 2000);
	machine_timer_due(m, 1, UINT64_MAX);
	assert_false(machine_wakes(m, 1));
	machine_timer_due(m, 0, UINT64_MAX);
	assert_int_equal(machine_next_event(m), UINT64_MAX);
	machine_tick(m, 5000);
	assert_false(machine_wakes(m, 0));
}

static void prod(void **state)
{
	struct machine *m = board.machine;

	(void)state;
	/* Before the wait: it is kept, and is no interrupt. */
	assert_int_equal(CALL1(0, PROD, 1), H_SUCCESS);
	assert_int_equal(board.notified, 1);
	assert_false(machine_irq_pending(m, 1));
	assert_int_equal(machine_irq_ack(m, 1), MACHINE_NO_IRQ);
	assert_true(machine_wakes(m, 1));
	assert_false(machine_wakes(m, 0));
	machine_timer_due(m, 1, 1000);
	assert_true(machine_wakes(m, 1));
	machine_timer_due(m, 1, UINT64_MAX);
	assert_false(machine_wakes(m, 1));
	assert_int_equal(CALL1(0, PROD, 2), H_PARAMETER);
	assert_int_equal(CALL1(0, PROD, UINT64_MAX), H_PARAMETER);
}

static void confer(void **state)
{
	(void)state;
	assert_int_equal(CALL2(0, CONFER, 1, 0), H_SUCCESS);
	assert_true(answer.yield);
	assert_int_equal(CALL2(0, CONFER, UINT64_MAX, 0), H_SUCCESS);
	assert_true(answer.yield);
	assert_int_equal(CALL2(0, CONFER, 2, 0), H_PARAMETER);
	assert_false(answer.yield);
}

static void modes(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, SET_MODE, 1, 4, 0, 0), H_SUCCESS);
	assert_int_equal(call_of(0, SET_MODE, 0, 4, 0, 0), H_UNSUPPORTED_FLAG);
	assert_int_equal(call_of(0, SET_MODE, 1, 4, 1, 0), H_P3);
	assert_int_equal(call_of(0, SET_MODE, 1, 4, 0, 1), H_P4);
	/* AIL; breakpoints; none. */
	assert_int_equal(call_of(0, SET_MODE, 3, 3, 0, 0), H_P2);
	assert_int_equal(call_of(0, SET_MODE, 0, 1, 0, 0), H_P2);
	assert_int_equal(call_of(0, SET_MODE, 0, 5, 0, 0), H_P2);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

#define ZERO 0x8000u
#define COPY 0x4000u

static void pages(void **state)
{
	uint8_t *to = board.memory + 0x5000, *from = board.memory + 0x7000;

	(void)state;
	memset(to - 1, 0xaa, 4098);
	for (unsigned i = 0; i < 4096; i++)
		from[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(CALL3(0, PAGE_INIT, COPY, 0x5000, 0x7000), H_SUCCESS);
	assert_memory_equal(to, from, 4096);
	assert_int_equal(to[-1], 0xaa);
	assert_int_equal(to[4096], 0xaa);
	assert_int_equal(CALL3(0, PAGE_INIT, 0xc00000, 0x5000, 0), H_SUCCESS);
	assert_memory_equal(to, from, 4096);
	assert_int_equal(CALL3(0, PAGE_INIT, ZERO, 0x5000, 1), H_SUCCESS);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(to[i], 0);
	assert_int_equal(to[-1], 0xaa);
	assert_int_equal(to[4096], 0xaa);
	board.written = 0;
	assert_int_equal(CALL3(0, PAGE_INIT, ZERO, 0x5001, 0), H_PARAMETER);
	assert_int_equal(CALL3(0, PAGE_INIT, ZERO, BOARD_MEMORY, 0), H_PARAMETER);
	assert_int_equal(CALL3(0, PAGE_INIT, COPY, 0x5000, 0x7010), H_PARAMETER);
	assert_int_equal(CALL3(0, PAGE_INIT, COPY, 0x5000, UINT64_MAX & ~PAGE_MASK), H_PARAMETER);
	assert_int_equal(CALL3(0, PAGE_INIT, ZERO | 1, 0x5000, 0), H_PARAMETER);
	assert_int_equal(board.written, 0);
	/* On the move: again; not to be had at all: an error. */
	board.refusal = RACED;
	board.refusals = 1;
	(void)CALL3(0, PAGE_INIT, COPY, 0x5000, 0x7000);
	assert_int_equal(answer.repeat, RACED);
	board.refusal = UNSUPPORTED;
	board.refusals = 1;
	assert_int_equal(CALL3(0, PAGE_INIT, COPY, 0x5000, 0x7000), H_HARDWARE);
	assert_int_equal(answer.repeat, OK);
}

#define AREA(function) ((uint64_t)(function) << 45)

static void areas(void **state)
{
	uint8_t *p = board.memory + 0x6000;

	(void)state;
	put_be32(p + 4, 640 << 16);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(3), 1, 0x6000), H_PARAMETER); /* 640 << 16 */
	put_be32(p + 0x404, 8);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(3), 1, 0x6400), H_RESOURCE); /* no VPA yet */
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, 0x6000), H_SUCCESS);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(3), 1, 0x6400), H_SUCCESS);
	put_be32(p + 0x404, 47);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(2), 1, 0x6400), H_PARAMETER);
	put_be32(p + 0x404, 48);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(2), 1, 0x6400), H_SUCCESS);
	/* The VPA last. */
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(5), 1, 0), H_RESOURCE);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(6), 1, 0), H_SUCCESS);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(5), 1, 0), H_RESOURCE);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(7), 1, 0x6400), H_SUCCESS);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(5), 1, 0), H_SUCCESS);
	/* Too short; across a page; crooked; nowhere; of nobody; of no kind. */
	put_be32(p + 4, 639 << 16);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, 0x6000), H_PARAMETER);
	put_be32(p + 0xd84, 641 << 16);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, 0x6d80), H_PARAMETER);
	put_be32(p + 0xd84, 640 << 16);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, 0x6d80), H_SUCCESS);
	put_be32(p + 0x44, 640 << 16);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, 0x6040), H_PARAMETER);
	put_be32(board.memory + 4, 640 << 16);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, 0), H_PARAMETER);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 1, BOARD_MEMORY), H_PARAMETER);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1), 2, 0x6d80), H_PARAMETER);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(0), 1, 0x6d80), H_PARAMETER);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(4), 1, 0x6d80), H_PARAMETER);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(1) | 1, 1, 0x6d80), H_PARAMETER);
	board.refusal = BUSY;
	board.refusals = 1;
	(void)CALL3(0, REGISTER_VPA, AREA(1), 1, 0x6d80);
	assert_int_equal(answer.repeat, BUSY);
}

/* ---- RTAS ------------------------------------------------------------------------------------ */

static void services(void **state)
{
	(void)state;
	board.now = UINT64_C(3000000007);
	assert_int_equal(rtas(0, "get-time-of-day", 0, 0, 0), RTAS_SUCCESS);
	assert_int_equal(rtas_result(0, 1), 2024);
	assert_int_equal(rtas_result(0, 2), 1);
	assert_int_equal(rtas_result(0, 3), 1);
	assert_int_equal(rtas_result(0, 6), 3);
	assert_int_equal(rtas_result(0, 7), 7);
	assert_int_equal(rtas_result(0, 8), 0xeeeeeeee);
	assert_int_equal(answer.value[0], H_SUCCESS);
	assert_int_equal(rtas(0, "display-character", 'x', 0, 0), RTAS_SUCCESS);
	assert_int_equal(board.line[0], 'x');
	assert_int_equal(rtas(0, "query-cpu-stopped-state", 1, 0, 0), RTAS_SUCCESS);
	assert_int_equal(rtas_result(1, 1), 0);
	board.start_refusal = IN_USE; /* another vCPU was faster */
	assert_int_equal(rtas(0, "start-cpu", 1, 0x4000, 99), RTAS_HARDWARE_ERROR);
	board.start_refusal = OK;
	assert_int_equal(rtas(0, "start-cpu", 1, 0x4000, 99), RTAS_SUCCESS);
	assert_int_equal(rtas(0, "query-cpu-stopped-state", 0, 0, 0), RTAS_SUCCESS);
	assert_int_equal(rtas_result(1, 1), 2);
	assert_int_equal(board.on, 3);
	assert_int_equal(board.started.entry.v, 0x4000);
	assert_int_equal(board.started.arg[0], 99);
	assert_int_equal(rtas(0, "query-cpu-stopped-state", 1, 0, 0), RTAS_SUCCESS);
	assert_int_equal(rtas_result(1, 1), 2);
	assert_int_equal(rtas(0, "start-cpu", 1, 0x4000, 99), RTAS_HARDWARE_ERROR);
	assert_int_equal(rtas(0, "system-reboot", 0, 0, 0), RTAS_SUCCESS);
	assert_int_equal(board.resets, 1);
	assert_int_equal(rtas(0, "power-off", 0, 0, 0), RTAS_SUCCESS);
	assert_int_equal(board.power_offs, 1);
}

/* A vCPU that stops takes no interrupts, forgets its areas, and does not return. */
static void stop_self(void **state)
{
	(void)state;
	board.on = 3;
	put_be32(board.memory + 0x6004, 640 << 16);
	assert_int_equal(CALL3(1, REGISTER_VPA, AREA(1), 1, 0x6000), H_SUCCESS);
	assert_int_equal(CALL1(1, CPPR, 0xff), H_SUCCESS);
	assert_int_equal(CALL2(0, IPI, 1, 4), H_SUCCESS);
	assert_true(machine_irq_pending(board.machine, 1));
	(void)rtas(1, "stop-self", 0, 0, 0);
	assert_int_equal(answer.count, 0);
	assert_int_equal(board.on, 1);
	assert_false(machine_irq_pending(board.machine, 1));
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(2), 1, 0x6400), H_PARAMETER);
	put_be32(board.memory + 0x6404, 48);
	assert_int_equal(CALL3(0, REGISTER_VPA, AREA(2), 1, 0x6400), H_RESOURCE);
}

static void bad_blocks(void **state)
{
	static const uint64_t nowhere[] = { BOARD_MEMORY, BOARD_MEMORY - 8, UINT64_C(1) << 32,
					    (UINT64_C(1) << 32) + BLOCK, UINT64_MAX };
	const uint32_t words[RTAS_WORDS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		/* Beyond 4 GiB memory is not even asked. */
		board.refusals = nowhere[i] >> 32 != 0;
		board.refusal = RACED;
		assert_int_equal(CALL1(0, RTAS, nowhere[i]), H_PARAMETER);
		assert_int_equal(answer.repeat, OK);
		assert_int_equal(answer.count, 1);
	}
	board.refusals = 0;
	rtas_words(0x2001, 17, 0, words);
	assert_int_equal(CALL1(0, RTAS, BLOCK), H_PARAMETER);
	rtas_words(0x2001, 2, 15, words);
	assert_int_equal(CALL1(0, RTAS, BLOCK), H_PARAMETER);
	/* Its results would lie behind RAM: power is not switched off. */
	put_be32(board.memory + BOARD_MEMORY - 20, 0x2001);
	put_be32(board.memory + BOARD_MEMORY - 16, 2);
	put_be32(board.memory + BOARD_MEMORY - 12, 1);
	assert_int_equal(CALL1(0, RTAS, BOARD_MEMORY - 20), H_PARAMETER);
	assert_int_equal(board.power_offs, 0);
	/* A token of none: in the status, not in r3. */
	rtas_words(0x7777, 0, 1, words);
	assert_int_equal(CALL1(0, RTAS, BLOCK), H_SUCCESS);
	assert_int_equal((int32_t)rtas_result(0, 0), RTAS_PARAMETER_ERROR);
	/* No room even for that. */
	rtas_words(0x7777, 0, 0, words);
	assert_int_equal(CALL1(0, RTAS, BLOCK), H_SUCCESS);
	assert_int_equal(rtas_result(0, 0), 0xeeeeeeee);
}

/* Memory on the move: before the service nothing has happened, after it the results come in time.
 */
static void memory_that_moves(void **state)
{
	static const enum result passing[] = { RACED, BUSY, WOULD_SLEEP, OUT_OF_MEMORY };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		for (unsigned step = 0; step < 3; step++) {
			board.refusal = passing[i];
			board.accesses = step; /* head, arguments, the first write */
			board.refusals = 1;
			(void)rtas(0, "display-character", 'x', 0, 0);
			assert_int_equal(answer.repeat, passing[i]);
			assert_int_equal(board.sent, 0);
		}
	board.accesses = 3;
	board.refusals = 5;
	board.refusal = RACED;
	assert_int_equal(rtas(0, "display-character", 'x', 0, 0), RTAS_SUCCESS);
	assert_int_equal(answer.repeat, OK);
	assert_int_equal(answer.value[0], H_SUCCESS);
	assert_int_equal(board.sent, 1);
	/* For ever: what the guest finds is an error. */
	board.accesses = 3;
	board.refusals = 1000;
	assert_int_equal(rtas(0, "display-character", 'x', 0, 0), RTAS_HARDWARE_ERROR);
	assert_int_equal(answer.value[0], H_HARDWARE);
	assert_int_equal(answer.repeat, OK);
	board.refusals = 0;
}

/* Any numbers at all: the sanitizers are the judges, and every answer is one of PAPR's. */
static void random_calls(void **state)
{
	static const uint16_t numbers[] = { PAGE_INIT,	GET_TERM_CHAR, PUT_TERM_CHAR, EOI,
					    CPPR,	IPI,	       IPOLL,	      XIRR,
					    RTAS,	XIRR_X,	       CONFER,	      PROD,
					    VIO_SIGNAL, SET_MODE,      REGISTER_VPA };
	static const uint64_t edges[] = { 0,
					  1,
					  2,
					  4,
					  BLOCK,
					  0x6000,
					  0xff,
					  0x8000,
					  1 << 14,
					  1 << 24,
					  PSERIES_TERMINAL,
					  AREA(1),
					  AREA(7),
					  BOARD_MEMORY - 4,
					  UINT64_MAX };
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t arg[4];

		for (unsigned j = 0; j < 4; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			arg[j] = edges[(seed >> 33) % (sizeof(edges) / sizeof(edges[0]))];
			put_be32(board.memory + BLOCK + 4 * ((seed >> 40) % 19),
				 (uint32_t)(seed >> 52) % 3 == 0 ? 0x2001 + (uint32_t)(seed >> 60)
								 : (uint32_t)(seed >> 50) % 6);
		}
		uint64_t nr = numbers[(seed >> 20) % (sizeof(numbers) / sizeof(numbers[0]))];
		(void)call_of((unsigned)(seed >> 19) & 1, nr, arg[0], arg[1], arg[2], arg[3]);
		assert_true(answer.count <= MACHINE_ANSWERS);
		if (answer.count != 0)
			assert_true(answer.value[0] == H_SUCCESS || (int64_t)answer.value[0] < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pseries_test(unknown_calls),
		pseries_test(messages),
		pseries_test(terminal_input),
		pseries_test(terminal_interrupt),
		pseries_test(terminal_interrupts_from_the_start),
		pseries_test(terminal_output),
		pseries_test(a_halted_vcpu_and_its_decrementer),
		pseries_test(prod),
		pseries_test(confer),
		pseries_test(modes),
		pseries_test(pages),
		pseries_test(areas),
		pseries_test(services),
		pseries_test(stop_self),
		pseries_test(bad_blocks),
		pseries_test(memory_that_moves),
		pseries_test(random_calls),
	};
	return cmocka_run_group_tests_name("pseries", tests, NULL, NULL);
}
