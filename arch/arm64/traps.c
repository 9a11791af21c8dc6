/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of an exception at EL2: it is reported, and the machine stops. The report uses
 * nothing but the console, so that it comes out whatever is broken above. The one exception that is
 * expected is the HLT of a semihosting call that nobody serves.
 */
#include "arch/arm64/traps.h"

#include <stddef.h>

#include "arch/arch.h"
#include "arch/arm64/cpu.h"

_Static_assert(sizeof(struct trap_frame) == 280 && offsetof(struct trap_frame, vector) == 272,
	       "traps.S has this layout, in 288 bytes");

#define VECTOR_SYNC 4u

extern const unsigned char semihosting_call[];

static _Atomic bool semihosting_failed;

/* semihosting_call: the place where an undefined instruction is no error. */
__asm__(".text\n"
	".globl semihosting_instruction\n"
	"semihosting_instruction:\n\t"
	"semihosting_call: hlt #0xf000\n\t"
	"ret");
uint64_t semihosting_instruction(uint64_t operation, const void *parameters);

bool semihosting(uint64_t operation, const void *parameters)
{
	semihosting_failed = false;
	(void)semihosting_instruction(operation, parameters);
	return !semihosting_failed;
}

void traps_load(void)
{
	write_sysreg(vbar_el2, (uint64_t)(uintptr_t)vectors);
	isb();
}

static void say(const char *s)
{
	while (*s != '\0')
		arch_console_put(*s++);
}

static void say_hex(const char *name, uint64_t value)
{
	say(name);
	for (unsigned shift = 64; shift != 0; shift -= 4)
		arch_console_put("0123456789abcdef"[value >> (shift - 4) & 15]);
}

static void say_registers(const struct trap_frame *f, uint64_t esr)
{
	static const char digits[] = "0123456789";

	say_hex("\r\n  elr ", f->elr);
	say_hex("  sp  ", f->sp);
	say_hex("  spsr ", f->spsr);
	say_hex("  esr ", esr);
	say_hex("  far ", read_sysreg(far_el2));
	for (unsigned i = 0; i < 31; i++) {
		char name[] = "  x?? ";

		name[3] = digits[i / 10];
		name[4] = digits[i % 10];
		if (i % 4 == 0)
			say("\r\n");
		say_hex(name, f->x[i]);
	}
	say("\r\n");
}

static const char *name_of(unsigned vector, unsigned class)
{
	if ((vector & 3) == 1 || (vector & 3) == 2)
		return "an interrupt where all are masked";
	if ((vector & 3) == 3)
		return "SError";
	switch (class) {
	case EC_UNKNOWN: return "undefined instruction";
	case EC_SYSREG: return "system register";
	case EC_IABT: return "instruction abort";
	case EC_DABT: return "data abort";
	case EC_BRK64: return "breakpoint (a check of the compiler)";
	default: return "exception";
	}
}

void trap_taken(struct trap_frame *f)
{
	static _Atomic bool reporting;
	uint64_t esr = read_sysreg(esr_el2);
	const char *name = name_of((unsigned)f->vector, ESR_EC(esr));

	if (f->vector == VECTOR_SYNC && f->elr == (uint64_t)(uintptr_t)semihosting_call) {
		semihosting_failed = true;
		f->elr += 4;
		return;
	}
	if (__c11_atomic_exchange(&reporting, true, __ATOMIC_RELAXED))
		arch_machine_end(ARCH_END_HALT, 0);
	say("\r\nexception in the hypervisor: ");
	say(name);
	say_registers(f, esr);
	hv_stop(name, f->elr, ESR_EC(esr) == EC_DABT ? read_sysreg(far_el2) : esr);
}
