/* SPDX-License-Identifier: BSD-2-Clause */
/* The 64-bit guests' run-time on x86: PVH's start, exceptions, the ways out. */
#include <stddef.h>

#include "guests/lib/guest.h"
#include "guests/lib/run.h"

#define DEBUG_EXIT_PORT 0xf4
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082

/* PVH's hvm_start_info, as far as it is used. */
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp;
};

struct trap_frame {
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Where catch_trap goes on. One vCPU uses it at a time. */
static struct {
	uint64_t rip, rsp, rbp, rbx;
	int vector;
	bool armed;
} resume;

_Noreturn void guest_start(const struct start_info *info);
void trap(struct trap_frame *frame);
extern char trap_entries[];

_Noreturn void debug_exit(uint8_t value)
{
	out8(DEBUG_EXIT_PORT, value);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ---- Exceptions ---------------------------------------------------------------------------------
 */

static struct {
	uint16_t low, selector, type, middle;
	uint32_t high, zero;
} idt[256];

void trap_gate(unsigned vector, const char *code)
{
	uint64_t entry = (uintptr_t)code;

	idt[vector].low = (uint16_t)entry;
	idt[vector].selector = 8;
	idt[vector].type = 0x8e00; /* present, interrupt gate */
	idt[vector].middle = (uint16_t)(entry >> 16);
	idt[vector].high = (uint32_t)(entry >> 32);
}

void traps_init(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { sizeof idt - 1, (uintptr_t)idt };

	for (unsigned vector = 0; vector < 32; vector++)
		trap_gate(vector, trap_entries + 16 * vector);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void trap(struct trap_frame *frame)
{
	uint64_t cr2;

	if (resume.armed) {
		resume.armed = false;
		resume.vector = (int)frame->vector;
		frame->rip = resume.rip;
		frame->rsp = resume.rsp;
		return;
	}
	__asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
	print("guest: exception %lu error 0x%lx at 0x%lx, cr2 0x%lx\n",
	      (unsigned long)frame->vector, (unsigned long)frame->error, (unsigned long)frame->rip,
	      (unsigned long)cr2);
	debug_exit(2);
}

/* The callee-saved registers are given up as clobbered, so the way back needs rip and rsp only. */
__attribute__((noinline)) int catch_trap(void (*attempt)(void))
{
	resume.vector = -1;
	__asm__ volatile(
		"pushq %%rbp\n\t"
		"leaq 1f(%%rip), %%rcx\n\t"
		"movq %%rcx, %[rip]\n\t"
		"movq %%rsp, %[rsp]\n\t"
		"movb $1, %[armed]\n\t"
		"call *%%rax\n\t"
		"1: popq %%rbp\n\t"
		: [rip] "=m"(resume.rip), [rsp] "=m"(resume.rsp), [armed] "=m"(resume.armed),
		  "+a"(attempt)
		:
		: "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		  "r15", "cc", "memory");
	resume.armed = false;
	return resume.vector;
}

/* ---- User mode
 * -----------------------------------------------------------------------------------
 */

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* vmmcall from ring 3, by sysret there and syscall back: neither needs a TSS. */
static int64_t from_user_mode(uint64_t nr)
{
	static uint64_t stack;
	int64_t answer;

	wrmsr(MSR_STAR, (uint64_t)(8 | 3) << 48 | (uint64_t)8 << 32);
	__asm__ volatile("leaq 2f(%%rip), %%rax\n\t"
			 "movq %%rax, %%rdx\n\t"
			 "shrq $32, %%rdx\n\t"
			 "movl %[lstar], %%ecx\n\t"
			 "wrmsr\n\t"
			 "pushq %%rbp\n\t"
			 "movq %%rsp, %[stack]\n\t"
			 "leaq 1f(%%rip), %%rcx\n\t"
			 "pushfq\n\t"
			 "popq %%r11\n\t"
			 "sysretq\n\t"
			 "1: movq %%rdi, %%rax\n\t"
			 "vmmcall\n\t"
			 "syscall\n\t"
			 "2: movq %[stack], %%rsp\n\t"
			 "popq %%rbp\n\t"
			 : "=&a"(answer), [stack] "+m"(stack)
			 : "D"(nr), [lstar] "i"(MSR_LSTAR)
			 : "rcx", "rdx", "r11", "cc", "memory");
	return answer;
}

bool refused_to_user(uint64_t nr)
{
	return from_user_mode(nr) == -TENURE_NO_PERMISSION;
}

/* ---- Start
 * ---------------------------------------------------------------------------------------
 */

/* Guests also start on QEMU without a hypervisor, where there is nobody to call. */
static bool is_below_tenure(void)
{
	struct cpuid leaf = cpuid(0x40000000);

	return leaf.ebx != 0x54474354; /* "TCGT" */
}

_Noreturn void guest_start(const struct start_info *info)
{
	guest_begin(info->cmdline ? (const char *)(uintptr_t)info->cmdline : "", is_below_tenure());
}
