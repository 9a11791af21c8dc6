/* SPDX-License-Identifier: BSD-2-Clause */
/* The vectors at address 0, and what is said of an exception in the hypervisor itself. */
#include <string.h>

#include "arch/ppc64/percpu.h"
#include "arch/ppc64/start.h"

#define VECTORS_AT 0x100u

extern const unsigned char vectors[], vectors_end[];

void traps_install(void)
{
	unsigned char *to = (unsigned char *)(uintptr_t)VECTORS_AT;
	size_t bytes = (size_t)(vectors_end - vectors);

	memcpy(to, vectors, bytes);
	for (size_t i = 0; i < bytes + 128; i += 128)
		__asm__ volatile("dcbst 0, %0\n\tsync\n\ticbi 0, %0" : : "r"(to + i) : "memory");
	__asm__ volatile("sync\n\tisync" : : : "memory");
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

static const char *name_of(uint64_t vector)
{
	switch (vector) {
	case 0x100: return "system reset";
	case 0x200: return "machine check";
	case 0x300:
	case 0x380: return "data storage";
	case 0x400:
	case 0x480: return "instruction storage";
	case 0x600: return "alignment";
	case 0x700: return "program (a check of the compiler, or an illegal instruction)";
	default: return "an interrupt where all are masked";
	}
}

void trap_taken(const struct context *c, uint64_t vector)
{
	static _Atomic bool reporting;
	bool hypervisor = vector >= 0x900 && vector != VECTOR_SYSTEM_CALL;
	uint64_t pc = hypervisor ? mfspr(SPR_HSRR0) : mfspr(SPR_SRR0);
	uint64_t msr = hypervisor ? mfspr(SPR_HSRR1) : mfspr(SPR_SRR1);

	if (atomic_exchange(&reporting, true))
		arch_machine_end(ARCH_END_HALT, 0);
	say("\r\nexception in the hypervisor: ");
	say(name_of(vector));
	say_hex("\r\n  vector ", vector);
	say_hex("  pc ", pc);
	say_hex("  msr ", msr);
	say_hex("  dar ", mfspr(SPR_DAR));
	say_hex("  lr ", c->lr);
	for (unsigned i = 0; i < 32; i++) {
		char name[] = "  r?? ";

		name[3] = (char)('0' + i / 10);
		name[4] = (char)('0' + i % 10);
		if (i % 4 == 0)
			say("\r\n");
		say_hex(name, c->r[i]);
	}
	say("\r\n");
	hv_stop(name_of(vector), pc, vector);
}
