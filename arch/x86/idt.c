/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDT, and what becomes of a trap. The report of an exception uses nothing but the console, so
 * that it comes out whatever is broken above.
 */
#include "arch/x86/traps.h"

#include <stdbool.h>
#include <stddef.h>

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"

/* APM volume 2, 4.8.4. */
struct gate {
	uint16_t offset0;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset16;
	uint32_t offset32;
	uint32_t reserved;
};

#define GATE_INTERRUPT 0x8e /* present, privilege 0: interrupts stay off */

static struct gate table[256];

static const char *const names[32] = {
	[0] = "divide error",
	[1] = "debug exception",
	[2] = "non-maskable interrupt",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound exceeded",
	[6] = "undefined instruction (or a check of the compiler)",
	[7] = "no FPU",
	[8] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack fault",
	[13] = "general protection",
	[14] = "page fault",
	[16] = "x87 error",
	[17] = "misaligned access",
	[18] = "machine check",
	[19] = "SIMD error",
	[21] = "control protection",
	[28] = "hypervisor injection",
	[29] = "VMM communication",
	[30] = "security exception",
};

static unsigned char ist_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DF: return 1;
	case VECTOR_NMI: return 2;
	case VECTOR_MC: return 3;
	default: return 0;
	}
}

void trap_table_load(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} idtr = { sizeof table - 1, (uint64_t)(uintptr_t)table };

	for (unsigned v = 0; v < 256 && table[255].type == 0; v++) {
		uint64_t stub = (uint64_t)(uintptr_t)trap_stubs + v * TRAP_STUB_BYTES;

		table[v] = (struct gate){
			.offset0 = (uint16_t)stub,
			.selector = SELECTOR_CODE,
			.ist = ist_of(v),
			.type = GATE_INTERRUPT,
			.offset16 = (uint16_t)(stub >> 16),
			.offset32 = (uint32_t)(stub >> 32),
		};
	}
	__asm__ volatile("lidt %0" ::"m"(idtr));
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

static void say_registers(const struct trap_frame *f)
{
	say_hex("\r\n  rip ", f->rip);
	say_hex("  rsp ", f->rsp);
	say_hex("  rflags ", f->rflags);
	say_hex("\r\n  rax ", f->rax);
	say_hex("  rbx ", f->rbx);
	say_hex("  rcx ", f->rcx);
	say_hex("\r\n  rdx ", f->rdx);
	say_hex("  rsi ", f->rsi);
	say_hex("  rdi ", f->rdi);
	say_hex("\r\n  rbp ", f->rbp);
	say_hex("  r8  ", f->r8);
	say_hex("  r9  ", f->r9);
	say_hex("\r\n  r10 ", f->r10);
	say_hex("  r11 ", f->r11);
	say_hex("  r12 ", f->r12);
	say_hex("\r\n  r13 ", f->r13);
	say_hex("  r14 ", f->r14);
	say_hex("  r15 ", f->r15);
	say_hex("\r\n  error ", f->error);
	say_hex("  cr2 ", read_cr2());
	say_hex("  cr3 ", read_cr3());
	say("\r\n");
}

static _Noreturn void exception(const struct trap_frame *f)
{
	static _Atomic bool reporting;
	const char *name = names[f->vector] != NULL ? names[f->vector] : "reserved exception";

	if (__c11_atomic_exchange(&reporting, true, __ATOMIC_RELAXED))
		arch_machine_end(ARCH_END_HALT, 0);
	say("\r\nexception in the hypervisor: ");
	say(name);
	say_registers(f);
	hv_stop(name, f->rip, f->vector == VECTOR_PF ? read_cr2() : f->error);
}

void trap_taken(struct trap_frame *f)
{
	if (f->vector < 32)
		exception(f);
	if (f->vector == INTERRUPT_STOP) {
		this_cpu()->stopped = true;
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	if (f->vector == INTERRUPT_TIMER)
		apic_timer_fired();
	/* What is spurious is not in service, and wants no end of interrupt. */
	if (f->vector == INTERRUPT_KICK || f->vector == INTERRUPT_TIMER)
		apic_end_of_interrupt();
}
