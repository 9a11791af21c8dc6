/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor must take apart or refuse: device accesses that the syndrome does not
 * describe, system registers that a guest may not have, and calls of the firmware with wrong
 * arguments.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

#define UNDEFINED 0 /* what catch_trap says of an instruction that is */

/* Of the PL011: its identification, four registers of a byte, and the divisors, which keep a value.
 */
#define IDENTITY (UART + 0xfe0)
#define DIVISORS (UART + 0x24)

#define ELSEWHERE 0x100000000ull

static void divisors(uint32_t whole, uint32_t fraction, const char *name)
{
	report(*(volatile uint32_t *)DIVISORS == whole &&
		       *(volatile uint32_t *)(DIVISORS + 4) == fraction,
	       name);
}

static void loads(void)
{
	uint64_t a = ~0ull, b = ~0ull, at = IDENTITY;

	__asm__ volatile("ldp %w0, %w1, [%2]" : "=&r"(a), "=&r"(b) : "r"(at));
	report(a == 0x11 && b == 0x10, "ldp of two words");
	__asm__ volatile("ldpsw %0, %1, [%2, #8]" : "=&r"(a), "=&r"(b) : "r"(at));
	report(a == 0x14 && b == 0, "ldpsw at an offset");
	__asm__ volatile("ldp %w0, %w1, [%2], #8" : "=&r"(a), "=&r"(b), "+r"(at));
	report(a == 0x11 && b == 0x10 && at == IDENTITY + 8, "ldp, the base moved behind");
	__asm__ volatile("ldp %w0, %w1, [%2, #-8]!" : "=&r"(a), "=&r"(b), "+r"(at));
	report(a == 0x11 && b == 0x10 && at == IDENTITY, "ldp, the base moved before");
	__asm__ volatile("ldnp %w0, %w1, [%2]" : "=&r"(a), "=&r"(b) : "r"(at));
	report(a == 0x11 && b == 0x10, "ldnp");
	__asm__ volatile("ldr %w0, [%1], #4" : "=&r"(a), "+r"(at));
	report(a == 0x11 && at == IDENTITY + 4, "ldr, the base moved behind");
	__asm__ volatile("ldrb %w0, [%1, #-4]!" : "=&r"(a), "+r"(at));
	report(a == 0x11 && at == IDENTITY, "ldrb, the base moved before");
	__asm__ volatile("ldp %w0, wzr, [%1]" : "=&r"(a) : "r"(at));
	report_equal(a, 0x11, "ldp, the second into the zero register");
}

static void stores(void)
{
	uint64_t at = DIVISORS;

	__asm__ volatile("stp %w0, %w1, [%2]" : : "r"(0x1234), "r"(0x15), "r"(at) : "memory");
	divisors(0x1234, 0x15, "stp of two words");
	__asm__ volatile("stp %w1, %w2, [%0], #8" : "+r"(at) : "r"(0x4321), "r"(0x16) : "memory");
	divisors(0x4321, 0x16, "stp, the base moved behind");
	report_equal(at, DIVISORS + 8, "and the base");
	__asm__ volatile("stp %w1, %w2, [%0, #-8]!" : "+r"(at) : "r"(0x1111), "r"(0x17) : "memory");
	divisors(0x1111, 0x17, "stp, the base moved before");
	__asm__ volatile("stp wzr, wzr, [%0]" : : "r"(at) : "memory");
	divisors(0, 0, "stp of the zero register");
	__asm__ volatile(
		"mov x9, sp\n\tmov sp, %0\n\tstr %w1, [sp], #16\n\tmov %0, sp\n\tmov sp, x9"
		: "+r"(at)
		: "r"(0x2222)
		: "x9", "memory");
	divisors(0x2222, 0, "a store by the stack pointer");
	report_equal(at, DIVISORS + 16, "which moves");
}

static void physical_timer(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, cntp_ctl_el0" : "=r"(value));
}

static void physical_timer_value(void)
{
	__asm__ volatile("msr cntp_cval_el0, %0" : : "r"(0ull));
}

static void makers_register(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, s3_0_c15_c2_0" : "=r"(value));
}

static void makers_instruction(void)
{
	__asm__ volatile("sys #3, c11, c0, #1, %0" : : "r"(0ull));
}

/* The monitor counts those that trap: of the maker's the emulator makes undefined ones itself. */
static void registers(void)
{
	report_equal(catch_trap(physical_timer), UNDEFINED, "the physical timer");
	report_equal(catch_trap(physical_timer_value), UNDEFINED, "a write of it");
	report_equal(catch_trap(makers_register), UNDEFINED, "a register of the processor's maker");
	report_equal(catch_trap(makers_instruction), UNDEFINED, "an instruction of the maker");
}

static void calls(void)
{
	enum { NOT_SUPPORTED = -1, INVALID = -2, ALREADY_ON = -4, INVALID_ADDRESS = -9 };
	uint64_t here = (uintptr_t)calls & ~3ull;

	report_equal(firmware(0x84000000, 0, 0, 0), 0x10001, "the firmware's version");
	report_equal(firmware(0x8400001f, 0, 0, 0), NOT_SUPPORTED, "a call that there is not");
	report_equal(firmware(PSCI_CPU_ON, 99, here, 0), INVALID, "a processor that there is not");
	report_equal(firmware(PSCI_CPU_ON, 1ull << 40, here, 0), INVALID, "bits that no name has");
	report_equal(firmware(PSCI_CPU_ON, 0, here, 0), ALREADY_ON, "this processor");
	report_equal(firmware(PSCI_CPU_ON, 1, here + 2, 0), INVALID_ADDRESS, "an odd entry");
	report_equal(firmware(PSCI_CPU_ON, 1, 0x1000, 0), INVALID_ADDRESS, "an entry beside RAM");
	report_equal(firmware(PSCI_AFFINITY_INFO, 1, 0, 0), 1, "another processor is off");
	report_equal(firmware(PSCI_AFFINITY_INFO, 0, 4, 0), INVALID, "a level that there is not");
	report_equal(firmware(PSCI_CPU_SUSPEND, 0xffffffff, here, 0), INVALID, "a wild state");
}

/* The board's devices have their addresses to themselves. */
static void memslots(void)
{
	int64_t slot = hc_slot_create(ELSEWHERE, PAGE, 0, 0);

	report(slot >= 0, "a memslot above the devices");
	report_equal(hc_slot_create(UART, PAGE, 0, 0), -TENURE_OVERLAPS, "one over a device");
	report_equal(hc_slot_create(0, PAGE, 0, 0), -TENURE_OVERLAPS, "one at no device's address");
	report_equal(hc_slot_create(RAM_BASE - PAGE, PAGE, 0, 0), -TENURE_OVERLAPS,
		     "one just under the RAM");
	report_equal(hc_slot_move((uint64_t)slot, UART), -TENURE_OVERLAPS, "a move onto a device");
	report_equal(*(volatile uint32_t *)IDENTITY, 0x11, "the device answers");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "the memslot is deleted");
}

void guest_main(const char *cmdline)
{
	(void)cmdline;
	memslots();
	loads();
	stores();
	registers();
	calls();
}
