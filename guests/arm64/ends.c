/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way an arm64 VM can end, chosen by the command line's first word; "end=V" takes a value.
 */
#include "guests/lib/ends.h"
#include "guests/lib/guest.h"

#define NOTHING 0x1c0000000ull /* 7 GiB: mapped by the guest, no memslot of the host */

static void off(void)
{
	(void)firmware(PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void reset(void)
{
	(void)firmware(PSCI_SYSTEM_RESET, 0, 0, 0);
}

/* The CPU interface is as it began, off: no interrupt is signalled that would end the wait. */
static void halt(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

/* The only vCPU: nobody is left who could switch it on. */
static void cpu_off(void)
{
	(void)firmware(PSCI_CPU_OFF, 0, 0, 0);
}

static void read_nothing(void)
{
	(void)read64(NOTHING);
}

static void run_nothing(void)
{
	((void (*)(void))(uintptr_t)NOTHING)();
}

/* Accesses to a device that are not served, and end the VM in words. */
static void vector_register(void)
{
	__asm__ volatile(".arch_extension simd\n\tldr q0, [%0]" : : "r"(UART) : "memory");
}

static void exclusive(void)
{
	uint32_t value;

	__asm__ volatile("ldxr %w0, [%1]" : "=r"(value) : "r"(UART + 0x18) : "memory");
}

static void atomic(void)
{
	uint32_t value = 1;

	__asm__ volatile(".arch_extension lse\n\tldadd %w0, %w0, [%1]"
			 : "+r"(value)
			 : "r"(UART + 0x24)
			 : "memory");
}

/* Not an end: the guest gets external aborts, and goes on. */
static void aborts(void)
{
	report_equal(catch_trap(read_nothing), 0x25, "a read of nothing is a data abort");
	report_equal(catch_trap(run_nothing), 0x21, "a jump to nothing an instruction abort");
	finish();
}

static const struct way ways[] = {
	{ "off", off },
	{ "reset", reset },
	{ "halt", halt },
	{ "cpu-off", cpu_off },
	{ "aborts", aborts },
	{ "vector", vector_register },
	{ "exclusive", exclusive },
	{ "atomic", atomic },
};

void guest_main(const char *cmdline)
{
	print("ends: %s\n", cmdline);
	ends_by(cmdline, ways, sizeof ways / sizeof ways[0]);
}
