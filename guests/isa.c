/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that the hypervisor must take apart: every form of access to addresses where nothing
 * is, and string port instructions. What nothing answers floats: reads give all ones or all zeros,
 * writes are lost, and registers, flags and the other operand must be exactly as the manual says.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define NOTHING 0x1c0000000ull /* 7 GiB: mapped by the guest, no memslot of the host */
#define COM1 0x3f8

static uint64_t floating; /* 0 or ~0 */

static void plain_loads(void)
{
	uint64_t q = 0x1122334455667788ull, l = q, w = q, b = q;

	__asm__ volatile("movq (%1), %0" : "+r"(q) : "r"(NOTHING));
	__asm__ volatile("movl (%1), %k0" : "+r"(l) : "r"(NOTHING));
	__asm__ volatile("movw (%1), %w0" : "+r"(w) : "r"(NOTHING));
	__asm__ volatile("movb (%1), %b0" : "+r"(b) : "r"(NOTHING));
	report_equal(q, floating, "mov r64");
	report_equal(l, floating & 0xffffffff, "mov r32 clears the upper half");
	report_equal(w, 0x1122334455660000ull | (floating & 0xffff), "mov r16 leaves the rest");
	report_equal(b, 0x1122334455667700ull | (floating & 0xff), "mov r8 leaves the rest");
	q = 0x1122334455667788ull;
	__asm__ volatile("movb (%1), %%ah" : "+a"(q) : "c"(NOTHING));
	report_equal(q, 0x1122334455660088ull | (floating & 0xff00), "mov ah");
	q = 0;
	__asm__ volatile("movb 5(%1,%2,8), %b0" : "+r"(q) : "r"(NOTHING - 64), "r"(8ull));
	report_equal(q, floating & 0xff, "base, index, scale, displacement");
	__asm__ volatile("movabsq 0x1c0000010, %%rax" : "=a"(q));
	report_equal(q, floating, "mov rax, moffs");
	__asm__ volatile("movq (%1), %%r13\n\tmovq %%r13, %0" : "=r"(q) : "r"(NOTHING) : "r13");
	report_equal(q, floating, "an extended register");
}

static void extending_loads(void)
{
	uint64_t v;

	__asm__ volatile("movzbl (%1), %k0" : "=r"(v) : "r"(NOTHING));
	report_equal(v, floating & 0xff, "movzx r32, m8");
	__asm__ volatile("movzwq (%1), %0" : "=r"(v) : "r"(NOTHING));
	report_equal(v, floating & 0xffff, "movzx r64, m16");
	__asm__ volatile("movsbq (%1), %0" : "=r"(v) : "r"(NOTHING));
	report_equal(v, floating, "movsx r64, m8");
	__asm__ volatile("movswl (%1), %k0" : "=r"(v) : "r"(NOTHING));
	report_equal(v, floating & 0xffffffff, "movsx r32, m16");
	__asm__ volatile("movslq (%1), %0" : "=r"(v) : "r"(NOTHING));
	report_equal(v, floating, "movsxd r64, m32");
}

static void stores(void)
{
	__asm__ volatile("movq %0, (%1)" : : "r"(1ull), "r"(NOTHING) : "memory");
	__asm__ volatile("movb %b0, 3(%1)" : : "r"(1ull), "r"(NOTHING) : "memory");
	__asm__ volatile("movl $0x12345678, (%0)" : : "r"(NOTHING) : "memory");
	__asm__ volatile("movw $0x1234, 2(%0)" : : "r"(NOTHING) : "memory");
	__asm__ volatile("movb $0x12, 1(%0)" : : "r"(NOTHING) : "memory");
	__asm__ volatile("movq $-5, 8(%0)" : : "r"(NOTHING) : "memory");
	__asm__ volatile("movabsq %%rax, 0x1c0000010" : : "a"(7ull) : "memory");
	report_equal(read64(NOTHING), floating, "stores of every width are lost");
}

static void arithmetic(void)
{
	uint64_t v = 0x0ff0, flags;

	__asm__ volatile("andl (%1), %k0" : "+r"(v) : "r"(NOTHING) : "cc");
	report_equal(v, 0x0ff0 & floating, "and r32, m32");
	v = 0x0ff0;
	__asm__ volatile("orq (%1), %0" : "+r"(v) : "r"(NOTHING) : "cc");
	report_equal(v, 0x0ff0 | floating, "or r64, m64");
	v = 5;
	__asm__ volatile("addl (%1), %k0" : "+r"(v) : "r"(NOTHING) : "cc");
	report_equal(v, (5 + floating) & 0xffffffff, "add r32, m32");
	__asm__ volatile("cmpl %k2, (%1)\n\tpushfq\n\tpopq %0"
			 : "=r"(flags)
			 : "r"(NOTHING), "r"(floating)
			 : "cc");
	report(flags & 0x40, "cmp m32, r32 sets ZF");
	__asm__ volatile("testb $1, (%1)\n\tpushfq\n\tpopq %0" : "=r"(flags) : "r"(NOTHING) : "cc");
	report_equal((flags & 0x40) == 0, floating & 1, "test m8, imm8");
	__asm__ volatile("cmpb $0x7f, (%1)\n\tpushfq\n\tpopq %0"
			 : "=r"(flags)
			 : "r"(NOTHING)
			 : "cc");
	report(!(flags & 0x40), "cmp m8, imm8");
	v = 0x55;
	__asm__ volatile("xchgl %k0, (%1)" : "+r"(v) : "r"(NOTHING) : "memory");
	report_equal(v, floating & 0xffffffff, "xchg");
	__asm__ volatile("orl $1, (%0)" : : "r"(NOTHING) : "memory", "cc");
	__asm__ volatile("addq %0, (%1)" : : "r"(3ull), "r"(NOTHING) : "memory", "cc");
	report_equal(read64(NOTHING), floating, "what reads and writes is lost too");
}

static uint8_t buffer[64];

static void strings(void)
{
	uint64_t from = NOTHING, to = (uintptr_t)buffer, count = sizeof buffer, wrong = 0;

	for (unsigned i = 0; i < sizeof buffer; i++)
		buffer[i] = 0x5a;
	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
	for (unsigned i = 0; i < sizeof buffer; i++)
		wrong += buffer[i] != (uint8_t)floating;
	report_equal(wrong, 0, "rep movsb out of nothing");
	report(from == NOTHING + 64 && to == (uintptr_t)buffer + 64 && !count, "and its registers");
	from = (uintptr_t)buffer;
	to = NOTHING;
	count = 8;
	__asm__ volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
	report(from == (uintptr_t)buffer + 64 && to == NOTHING + 64 && !count,
	       "rep movsq into nothing");
	to = NOTHING;
	count = 16;
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(7) : "memory");
	report(to == NOTHING + 64 && !count, "rep stosl into nothing");
	to = 0;
	from = NOTHING;
	__asm__ volatile("lodsq" : "+S"(from), "=a"(to) : : "memory");
	report(from == NOTHING + 8 && to == floating, "lodsq");
}

static void string_ports(void)
{
	static const char line[] = "isa: this line came by rep outsb\r\n";
	uint64_t from = (uintptr_t)line, to = (uintptr_t)buffer, count = sizeof line - 1, wrong = 0;
	uint8_t one;

	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(COM1) : "memory");
	report(from == (uintptr_t)line + sizeof line - 1 && !count, "rep outsb");
	out8(COM1 + 7, 0xa5);
	count = 32;
	for (unsigned i = 0; i < sizeof buffer; i++)
		buffer[i] = 0;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(COM1 + 7) : "memory");
	for (unsigned i = 0; i < sizeof buffer; i++)
		wrong += buffer[i] != (i < 32 ? 0xa5 : 0);
	report_equal(wrong, 0, "rep insb");
	report(to == (uintptr_t)buffer + 32 && !count, "and its registers");
	to = (uintptr_t)buffer + 31;
	count = 4;
	out8(COM1 + 7, 0x3c);
	__asm__ volatile("std\n\trep insb\n\tcld"
			 : "+D"(to), "+c"(count)
			 : "d"(COM1 + 7)
			 : "memory", "cc");
	report(to == (uintptr_t)buffer + 27 && buffer[31] == 0x3c && buffer[28] == 0x3c &&
		       buffer[27] == 0xa5,
	       "rep insb downward");
	one = in8(COM1 + 7);
	report_equal(one, 0x3c, "in");
	count = 0;
	to = 1;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(COM1 + 7) : "memory");
	report(to == 1, "rep insb of nothing");
}

static void undefined(void)
{
	__asm__ volatile("ud2");
}

static void bad_msr(void)
{
	__asm__ volatile("rdmsr" : : "c"(0x12345678) : "eax", "edx");
}

static void divide(void)
{
	__asm__ volatile("xorl %%ecx, %%ecx\n\tdivl %%ecx" : : : "eax", "ecx", "edx", "cc");
}

static void exceptions(void)
{
	report_equal(catch_trap(undefined), 6, "ud2 raises #UD");
	report_equal(catch_trap(bad_msr), 13, "an unknown MSR raises #GP");
	report_equal(catch_trap(divide), 0, "a division by zero raises #DE");
}

void guest_main(const char *cmdline)
{
	(void)cmdline;
	floating = read64(NOTHING);
	report(floating == 0 || floating == ~0ull, "nothing floats");
	plain_loads();
	extending_loads();
	stores();
	arithmetic();
	strings();
	string_ports();
	exceptions();
}
