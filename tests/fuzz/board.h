/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's board without hv: its host takes what it is told and checks that it was allowed to.
 * The target moves the clock. Included once a program.
 */
#ifndef TESTS_FUZZ_BOARD_H
#define TESTS_FUZZ_BOARD_H

#include "hv/machine/machine.h"
#include "tests/fuzz/fuzz.h"

#define BOARD_VCPUS 3u
#define BOARD_RTAS 0x2000u	       /* RTAS' tokens are a little above */
#define BOARD_BAD_GPA UINT64_C(0x3000) /* memory that is on the move */

static struct {
	struct machine *machine;
	uint64_t now;
	struct machine_ram ram[MACHINE_RAM_RANGES];
	unsigned ranges;
	uint64_t written;    /* bytes, by a loader */
	uint64_t refuse;     /* the host refuses this write, counted from 1; 0: none */
	uint32_t on;	     /* bit i: vCPU i */
	uint64_t told;	     /* so that what the host is told is used */
	struct fuzz *memory; /* what a firmware call reads of guest memory; NULL: zeros */
	bool loading;
} board;

uint64_t arch_time_ns(void)
{
	return board.now;
}

uint64_t arch_counter(void)
{
	return board.now;
}

static void board_told(struct vm *vm)
{
	(void)vm;
	board.told++;
}

static void board_put(struct vm *vm, char c)
{
	(void)vm;
	board.told += (unsigned char)c;
}

static void board_debug_exit(struct vm *vm, uint32_t value)
{
	(void)vm;
	board.told += value;
}

static enum result board_vcpu_start(struct vm *vm, unsigned vcpu, const struct vcpu_start *start)
{
	(void)vm, (void)start;
	fuzz_check(vcpu < BOARD_VCPUS);
	if (board.on >> vcpu & 1)
		return IN_USE;
	board.on |= 1u << vcpu;
	return OK;
}

static void board_vcpu_off(struct vm *vm, unsigned vcpu)
{
	(void)vm;
	fuzz_check(vcpu < BOARD_VCPUS);
	board.on &= ~(1u << vcpu);
}

static bool board_vcpu_is_on(struct vm *vm, unsigned vcpu)
{
	(void)vm;
	fuzz_check(vcpu < BOARD_VCPUS);
	return board.on >> vcpu & 1;
}

/* A loader writes nothing but RAM, from memory that ASan knows. */
static enum result board_write(struct vm *vm, gpa_t to, const void *from, uint64_t bytes)
{
	const unsigned char *p = from;
	bool inside = false;

	(void)vm;
	for (unsigned i = 0; i < board.ranges; i++)
		inside |= to.v >= board.ram[i].start.v && bytes <= board.ram[i].bytes &&
			  to.v - board.ram[i].start.v <= board.ram[i].bytes - bytes;
	fuzz_check(inside || !board.loading);
	if (!inside)
		return NO_MEMSLOT;
	for (uint64_t i = 0; i < bytes; i += 64)
		board.told += p[i];
	if (bytes != 0)
		board.told += p[bytes - 1];
	board.written++;
	return board.written == board.refuse ? OUT_OF_MEMORY : OK;
}

/* A block of RTAS begins with a token and two counts, which nobody would guess. */
static enum result board_read(struct vm *vm, gpa_t from, void *to, uint64_t bytes)
{
	unsigned char *p = to;
	bool head = bytes == 12;

	(void)vm;
	if (from.v == BOARD_BAD_GPA || board.memory == NULL)
		return from.v == BOARD_BAD_GPA ? RACED : NO_MEMSLOT;
	for (uint64_t i = 0; i < bytes; i++)
		p[i] = head && i % 4 < 3 ? 0 : (unsigned char)fuzz_take(board.memory, 1);
	if (head && p[3] != 0)
		p[2] = BOARD_RTAS >> 8;
	return OK;
}

static uint64_t board_wall(struct vm *vm)
{
	(void)vm;
	return 1704067200; /* 2024-01-01 00:00:00 */
}

static inline void board_begin(unsigned vcpus)
{
	const struct machine_host host = { .notify = board_told,
					   .console_put = board_put,
					   .power_off = board_told,
					   .reset = board_told,
					   .debug_exit = board_debug_exit,
					   .vcpu_start = board_vcpu_start,
					   .vcpu_off = board_vcpu_off,
					   .vcpu_is_on = board_vcpu_is_on,
					   .read = board_read,
					   .write = board_write,
					   .wall_seconds = board_wall };

	memset(&board, 0, sizeof(board));
	board.machine = calloc(1, machine_size());
	fuzz_check(board.machine != NULL);
	board.on = 1;
	machine_init(board.machine, &host, vcpus);
}

static inline void board_end(void)
{
	free(board.machine);
}

#endif
