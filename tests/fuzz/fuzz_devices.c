/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All devices and the firmware of one board (linked once with each), as a wild guest uses them:
 * accesses by port and address, firmware calls, interrupts acknowledged and retired, timers, the
 * terminal, and time that goes on.
 */
#include "tests/fuzz/board.h"

/* Where something answers on some board; others are tried too. */
static const uint64_t places[] = {
	0x20,	    0x40,	0x60,	    0x70,	0xa0,	    0xf4,
	0x3f8,	    0xcf8,	0x08000000, 0x08000100, 0x08000400, 0x08000800,
	0x08006000, 0x080a0000, 0x080b0000, 0x080b0400, 0x080c0000, 0x080d0000,
	0x09000000, 0x09000fe0, 0x0800ffe0, 0x0,	0x510,	    0x61,
};

static uint64_t some_place(struct fuzz *f)
{
	uint8_t n = (uint8_t)fuzz_take(f, 1);

	if (n == 255)
		return fuzz_number(f);
	return places[n % (sizeof(places) / sizeof(places[0]))] + fuzz_take(f, 1);
}

static void access(struct fuzz *f, unsigned vcpu, unsigned how)
{
	uint8_t bytes = (uint8_t)(1u << (how >> 4 & 3));
	struct io_access io = { .port = how & 1, .write = how >> 1 & 1, .bytes = bytes };

	io.where = some_place(f);
	if (io.port) {
		io.where &= 0xffff;
		io.bytes = bytes == 8 ? 4 : bytes;
	}
	io.value = io.write ? fuzz_take(f, io.bytes) : 0;
	bool answered = machine_io(board.machine, vcpu, &io);
	if (answered && !io.write && io.bytes < 8)
		fuzz_check(io.value >> 8 * io.bytes == 0);
}

static void call(struct fuzz *f, unsigned vcpu)
{
	struct firmware_call c = { 0 };
	struct machine_answer out;

	memset(&out, 0x55, sizeof(out));
	uint8_t kind = (uint8_t)fuzz_take(f, 1);

	switch (kind & 3) {
	case 0: c.nr = 0x84000000 + fuzz_take(f, 1); break; /* PSCI, 32 bits */
	case 1: c.nr = 0xc4000000 + fuzz_take(f, 1); break;
	case 2: c.nr = 4 * fuzz_take(f, 1); break;		      /* hcalls */
	default: c.nr = kind & 0x80 ? fuzz_number(f) : 0xf000; break; /* H_RTAS */
	}
	for (unsigned i = 0; i < FIRMWARE_ARGS && f->left != 0; i++)
		c.arg[i] = fuzz_number(f);
	machine_call(board.machine, vcpu, &c, &out);
	fuzz_check(out.count <= MACHINE_ANSWERS);
}

/* A guest that finishes with what it took, at once. */
static void interrupts(unsigned vcpu)
{
	for (unsigned i = 0; i < 4 && machine_irq_pending(board.machine, vcpu); i++) {
		unsigned irq = machine_irq_ack(board.machine, vcpu);
		if (irq != MACHINE_NO_IRQ)
			machine_irq_retired(board.machine, vcpu, irq);
	}
}

static void time_goes_on(struct fuzz *f)
{
	board.now += fuzz_take(f, 4);
	machine_tick(board.machine, board.now);
	/* Else the host would tick for ever and the guest not run. */
	fuzz_check(machine_next_event(board.machine) > board.now);
}

static void one(struct fuzz *f)
{
	unsigned how = (unsigned)fuzz_take(f, 1), vcpu = how >> 6;

	if (vcpu >= BOARD_VCPUS)
		vcpu = 0;
	if ((how & 0xc) != 0xc) {
		access(f, vcpu, how);
		return;
	}
	switch (fuzz_take(f, 1) & 7) {
	case 0: call(f, vcpu); break;
	case 1: interrupts(vcpu); break;
	case 2: time_goes_on(f); break;
	case 3: machine_timer_line(board.machine, vcpu, how & 1); break;
	case 4:
		machine_timer_due(board.machine, vcpu, how & 1 ? UINT64_MAX : fuzz_number(f));
		break;
	case 5: machine_ipi(board.machine, vcpu, fuzz_number(f)); break;
	case 6: (void)machine_console_input(board.machine, (char)fuzz_take(f, 1)); break;
	default: machine_irq_retired(board.machine, vcpu, (unsigned)fuzz_take(f, 2)); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };

	board_begin(BOARD_VCPUS);
	board.ranges = machine_ram(UINT64_C(64) << 20, board.ram);
	board.memory = &f;
	while (f.left != 0)
		one(&f);
	board_end();
	return 0;
}
