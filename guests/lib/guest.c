/* SPDX-License-Identifier: BSD-2-Clause */
/* The 64-bit guests' run-time: start, checks, exceptions, other vCPUs, the end. */
#include "guests/lib/guest.h"

#include <stdatomic.h>
#include <stddef.h>

#include "guests/lib/hypercall.h"
#include "guests/lib/text.h"

#define DEBUG_EXIT_PORT 0xf4

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

struct cpu {
	void (*work)(uint64_t);
	uint64_t argument;
	uint64_t rax, rdi;
	_Atomic bool busy;
	bool started;
};

static struct cpu cpus[MAX_CPUS];
static _Atomic unsigned passed, failed;
static atomic_flag text_lock = ATOMIC_FLAG_INIT;
static bool below_tenure;

/* Where catch_trap goes on. One vCPU uses it at a time. */
static struct {
	uint64_t rip, rsp, rbp, rbx;
	int vector;
	bool armed;
} resume;

_Noreturn void guest_start(const struct start_info *info);
_Noreturn void secondary_start(uint64_t rdi, uint64_t rax);
void trap(struct trap_frame *frame);
extern char secondary_entry[], trap_entries[];

/* ---- Text and checks --------------------------------------------------------------------------
 */

/*
 * By hypercall where there is a hypervisor, a whole piece of text at once: so no other line comes
 * between. By COM1 without one, or if it refuses.
 */
static void say(const char *text, size_t bytes)
{
	while (atomic_flag_test_and_set_explicit(&text_lock, memory_order_acquire))
		pause();
	if (!below_tenure || hc_console((uintptr_t)text, bytes) < 0)
		put_text(text, bytes);
	atomic_flag_clear_explicit(&text_lock, memory_order_release);
}

void print(const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	va_start(args, format);
	say(text, format_text(text, sizeof text, format, args));
	va_end(args);
}

void report_at(bool ok, const char *name, const char *file, int line)
{
	atomic_fetch_add(ok ? &passed : &failed, 1);
	if (ok)
		print("report: %s ok\n", name);
	else
		print("report: %s FAIL (%s:%d)\n", name, file, line);
}

void report_equal_at(uint64_t is, uint64_t expected, const char *name, const char *file, int line)
{
	if (is != expected)
		print("report: is %ld (0x%lx), expected %ld (0x%lx)\n", (long)is, (unsigned long)is,
		      (long)expected, (unsigned long)expected);
	report_at(is == expected, name, file, line);
}

unsigned checks_failed(void)
{
	return failed;
}

/* ---- The end -----------------------------------------------------------------------------------
 */

_Noreturn void debug_exit(uint8_t value)
{
	out8(DEBUG_EXIT_PORT, value);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void finish(void)
{
	print("report: %u passed, %u failed\n", passed, failed);
	if (below_tenure && !failed && passed)
		(void)hc_end(0);
	debug_exit(passed && !failed ? 0 : 1);
}

/* ---- Exceptions ---------------------------------------------------------------------------------
 */

static void load_idt(void)
{
	static struct {
		uint16_t low, selector, type, middle;
		uint32_t high, zero;
	} idt[32];
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { sizeof idt - 1, (uintptr_t)idt };

	for (unsigned vector = 0; vector < 32; vector++) {
		uint64_t entry = (uintptr_t)trap_entries + 16 * vector;

		idt[vector].low = (uint16_t)entry;
		idt[vector].selector = 8;
		idt[vector].type = 0x8e00; /* present, interrupt gate */
		idt[vector].middle = (uint16_t)(entry >> 16);
		idt[vector].high = (uint32_t)(entry >> 32);
	}
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

/* ---- Memory -------------------------------------------------------------------------------------
 */

static uint64_t word_of(uint64_t gpa, uint64_t seed)
{
	return (gpa + seed) * 0x9e3779b97f4a7c15ull;
}

void fill(uint64_t gpa, uint64_t bytes, uint64_t seed)
{
	for (uint64_t at = gpa; at < gpa + bytes; at += 8)
		write64(at, word_of(at, seed));
}

uint64_t count_wrong(uint64_t gpa, uint64_t bytes, uint64_t seed)
{
	uint64_t wrong = 0;

	for (uint64_t at = gpa; at < gpa + bytes; at += 8)
		wrong += read64(at) != word_of(at, seed);
	return wrong;
}

bool all_zero(uint64_t gpa, uint64_t bytes)
{
	for (uint64_t at = gpa; at < gpa + bytes; at += 8)
		if (read64(at))
			return false;
	return true;
}

/* ---- The command line
 * ----------------------------------------------------------------------------- */

bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* The rest of the word of the line that begins with `head`; NULL: there is none. */
static const char *find_word(const char *line, const char *head)
{
	while (*line) {
		const char *h = head, *at = line;

		while (*h && *h == *at)
			h++, at++;
		if (!*h)
			return at;
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	return NULL;
}

bool has_word(const char *cmdline, const char *word)
{
	const char *rest = find_word(cmdline, word);

	return rest && (*rest == ' ' || !*rest);
}

uint64_t argument(const char *cmdline, const char *name, uint64_t otherwise)
{
	const char *rest = find_word(cmdline, name);
	uint64_t value = 0;

	if (!rest || *rest++ != '=' || *rest < '0' || *rest > '9')
		return otherwise;
	for (; *rest >= '0' && *rest <= '9'; rest++)
		value = value * 10 + (uint64_t)(*rest - '0');
	return value;
}

/* ---- vCPUs
 * ---------------------------------------------------------------------------------------- */

int64_t cpu_run(unsigned id, void (*work)(uint64_t), uint64_t value)
{
	struct cpu *cpu = &cpus[id];
	int64_t answer = 0;

	cpu->work = work;
	cpu->argument = value;
	atomic_store_explicit(&cpu->busy, true, memory_order_release);
	if (!cpu->started) {
		answer = hc_vcpu_start(id, (uintptr_t)secondary_entry, value);
		cpu->started = answer == 0;
		if (answer)
			atomic_store(&cpu->busy, false);
	}
	return answer;
}

void cpu_wait(unsigned id)
{
	while (atomic_load_explicit(&cpus[id].busy, memory_order_acquire))
		pause();
}

void cpu_registers(unsigned id, uint64_t *rax, uint64_t *rdi)
{
	*rax = cpus[id].rax;
	*rdi = cpus[id].rdi;
}

_Noreturn void secondary_start(uint64_t rdi, uint64_t rax)
{
	struct cpu *cpu = &cpus[(uint64_t)hc_vcpu_id() % MAX_CPUS];

	load_idt();
	cpu->rdi = rdi;
	cpu->rax = rax;
	for (;;) {
		while (!atomic_load_explicit(&cpu->busy, memory_order_acquire))
			pause();
		cpu->work(cpu->argument);
		atomic_store_explicit(&cpu->busy, false, memory_order_release);
	}
}

/* Guests also start on QEMU without a hypervisor, where there is nobody to call. */
static bool is_below_tenure(void)
{
	struct cpuid leaf = cpuid(0x40000000);

	return leaf.ebx != 0x54474354; /* "TCGT" */
}

_Noreturn void guest_start(const struct start_info *info)
{
	load_idt();
	below_tenure = is_below_tenure();
	guest_main(info->cmdline ? (const char *)(uintptr_t)info->cmdline : "");
	finish();
}
