/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way a ppc64 VM can end, chosen by the command line's first word; "end=V" takes a value.
 */
#include <stddef.h>

#include "guests/lib/ends.h"
#include "guests/lib/guest.h"

#define NOTHING 0x1c0000000ull	   /* 7 GiB: no memslot of the host */
#define PROGRAM_CAUSES 0x1e0000ull /* of SRR1: bits 43 to 46 */
#define ILLEGAL 0x80000ull

static const uint32_t no_mask[] = { 0, 0 };

static void off(void)
{
	(void)rtas("power-off", 2, no_mask, NULL);
}

static void reset(void)
{
	(void)rtas("system-reboot", 0, NULL, NULL);
}

/* The only vCPU: nobody is left who could start it. */
static void stop_self(void)
{
	(void)rtas("stop-self", 0, NULL, NULL);
}

static void read_nothing(void)
{
	(void)read64(NOTHING);
}

static void run_nothing(void)
{
	((void (*)(void))(uintptr_t)NOTHING)();
}

static void illegal(void)
{
	__asm__ volatile(".long 0");
}

/* SRR1 after a program interrupt: why it came. A call of the hypervisor sets it too. */
static uint64_t program_cause(void)
{
	uint64_t srr1;

	__asm__ volatile("mfsrr1 %0" : "=r"(srr1));
	return srr1 & PROGRAM_CAUSES;
}

/* Not an end: the guest gets interrupts of its own, and goes on. */
static void interrupts(void)
{
	report_equal(catch_trap(read_nothing), NOTHING_THERE, "a read of nothing");
	report_equal(catch_trap(run_nothing), NOTHING_THERE, "a jump to nothing");
	int vector = catch_trap(illegal);
	uint64_t cause = program_cause();
	report_equal((uint64_t)vector, 0x700, "an illegal instruction is a program interrupt");
	report_equal(cause, ILLEGAL, "... that says so");
	report_equal(catch_trap(illegal), 0x700, "once more");
	finish();
}

/* What RTAS answers that the hypervisor need not end for. */
static void rtas_calls(void)
{
	uint32_t state = 77;

	report_equal(rtas("query-cpu-stopped-state", 1, (const uint32_t[]){ 0 }, &state), 0,
		     "query-cpu-stopped-state of vCPU 0");
	report_equal(state, 2, "it is not stopped");
	report(rtas("query-cpu-stopped-state", 1, (const uint32_t[]){ 99 }, &state) < 0,
	       "of a vCPU that is not there: refused");
	report(rtas("start-cpu", 3, (const uint32_t[]){ 99, 0, 0 }, NULL) < 0,
	       "a vCPU that is not there cannot be started");
	report_equal(rtas("no such call", 0, NULL, NULL), INT64_MIN, "a call without a token");
	finish();
}

/* Somebody else's turn to end it. */
static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

static const struct way ways[] = {
	{ "off", off },
	{ "spin", spin },
	{ "reset", reset },
	{ "stop-self", stop_self },
	{ "interrupts", interrupts },
	{ "rtas", rtas_calls },
};

void guest_main(const char *cmdline)
{
	print("ends: %s\n", cmdline);
	ends_by(cmdline, ways, sizeof ways / sizeof ways[0]);
}
