/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A board in a test: its host records what it is told, guest memory is a block of the test's, and
 * the test moves the clock. For test_machine_* and test_image_*, which are linked without hv/.
 */
#ifndef TESTS_UNIT_GUEST_BOARD_H
#define TESTS_UNIT_GUEST_BOARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/machine/le.h"
#include "hv/machine/machine.h"

#define MIB (UINT64_C(1) << 20)
#define BOARD_MEMORY (64 * MIB)
#ifndef BOARD_BASE
#define BOARD_BASE UINT64_C(0) /* gpa of its first byte */
#endif

static struct {
	struct machine *machine;
	uint8_t *memory; /* BOARD_MEMORY bytes from gpa BOARD_BASE */
	uint64_t now;
	unsigned notified, resets, exits;
	bool has_power; /* it can be switched off */
	unsigned power_offs;
	uint32_t on; /* bit i: vCPU i is on */
	struct vcpu_start started;
	enum result start_refusal; /* not OK: no vCPU can be started */
	uint32_t exit_value;
	char line[64];
	unsigned sent;
	uint64_t written; /* bytes, by the loaders */
	uint64_t fail_at; /* a write that touches this gpa is refused; 0: none */
	/* The next `refusals` reads and writes answer `refusal`, after `accesses` that work. */
	enum result refusal;
	unsigned refusals, accesses;
	char why[512];
	struct vcpu_start start;
} board;

uint64_t arch_time_ns(void)
{
	return board.now;
}

static void board_notify(struct vm *vm)
{
	(void)vm;
	board.notified++;
}

static void board_put(struct vm *vm, char c)
{
	(void)vm;
	board.line[board.sent++ % sizeof(board.line)] = c;
}

static void board_power_off(struct vm *vm)
{
	(void)vm;
	if (!board.has_power)
		fail_msg("this board has no power switch");
	board.power_offs++;
}

static enum result board_vcpu_start(struct vm *vm, unsigned vcpu, const struct vcpu_start *start)
{
	(void)vm;
	if (board.start_refusal != OK)
		return board.start_refusal;
	if (board.on >> vcpu & 1)
		return IN_USE;
	board.on |= 1u << vcpu;
	board.started = *start;
	return OK;
}

static void board_vcpu_off(struct vm *vm, unsigned vcpu)
{
	(void)vm;
	board.on &= ~(1u << vcpu);
}

static bool board_vcpu_is_on(struct vm *vm, unsigned vcpu)
{
	(void)vm;
	return board.on >> vcpu & 1;
}

static void board_reset(struct vm *vm)
{
	(void)vm;
	board.resets++;
}

static void board_exit(struct vm *vm, uint32_t value)
{
	(void)vm;
	board.exits++;
	board.exit_value = value;
}

/* Does the memory refuse this access, as a test has asked? */
static bool board_refuses(void)
{
	if (board.accesses != 0) {
		board.accesses--;
		return false;
	}
	if (board.refusals == 0)
		return false;
	board.refusals--;
	return true;
}

static enum result board_read(struct vm *vm, gpa_t from, void *to, uint64_t bytes)
{
	uint64_t at = from.v - BOARD_BASE;

	(void)vm;
	if (board_refuses())
		return board.refusal;
	if (at > BOARD_MEMORY || bytes > BOARD_MEMORY - at)
		return NO_MEMSLOT;
	memcpy(to, board.memory + at, bytes);
	return OK;
}

static enum result board_write(struct vm *vm, gpa_t to, const void *from, uint64_t bytes)
{
	uint64_t at = to.v - BOARD_BASE;

	(void)vm;
	if (board_refuses())
		return board.refusal;
	if (at > BOARD_MEMORY || bytes > BOARD_MEMORY - at)
		return NO_MEMSLOT;
	if (board.fail_at && to.v <= board.fail_at && board.fail_at < to.v + bytes)
		return OUT_OF_MEMORY;
	memcpy(board.memory + at, from, bytes);
	board.written += bytes;
	return OK;
}

static uint64_t board_wall(struct vm *vm)
{
	(void)vm;
	return 1704067200; /* 2024-01-01 00:00:00 */
}

static int board_start(void **state)
{
	const struct machine_host host = { .notify = board_notify,
					   .console_put = board_put,
					   .power_off = board_power_off,
					   .reset = board_reset,
					   .debug_exit = board_exit,
					   .vcpu_start = board_vcpu_start,
					   .vcpu_off = board_vcpu_off,
					   .vcpu_is_on = board_vcpu_is_on,
					   .read = board_read,
					   .write = board_write,
					   .wall_seconds = board_wall,
					   .processor = { 0x004e1202, 512000000 } };

	(void)state;
	memset(&board, 0, sizeof(board));
	board.machine = calloc(1, machine_size());
	board.memory = calloc(1, BOARD_MEMORY);
	assert_non_null(board.machine);
	assert_non_null(board.memory);
	board.on = 1;
	machine_init(board.machine, &host, 2);
	return 0;
}

static int board_stop(void **state)
{
	(void)state;
	free(board.machine);
	free(board.memory);
	return 0;
}

#define board_test(f) cmocka_unit_test_setup_teardown(f, board_start, board_stop)

#endif
