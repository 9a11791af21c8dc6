/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU in words: its registers, its mode, and the bytes at its pc. */
#include <stdarg.h>
#include <stdio.h>

#include "arch/x86/cpu.h"
#include "arch/x86/vcpu.h"

#define SHOWN_BYTES 15u

struct text {
	char *at;
	size_t room, length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(t->at + t->length, t->room - t->length, format, list);
	va_end(list);
	if (n > 0)
		t->length += (size_t)n < t->room - t->length ? (size_t)n : t->room - t->length - 1;
}

static const char *mode(const struct arch_vcpu *v)
{
	if ((v->vmcb.cr0 & CR0_PE) == 0)
		return "real mode";
	if (vcpu_long64(v))
		return "64-bit mode";
	if (v->vmcb.efer & EFER_LMA)
		return "compatibility mode";
	return v->vmcb.cr0 & CR0_PG ? "32-bit mode" : "32-bit mode, paging off";
}

static void registers(struct text *t, const struct arch_vcpu *v)
{
	static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
					       "rsi", "rdi", "r8 ", "r9 ", "r10", "r11",
					       "r12", "r13", "r14", "r15" };

	for (unsigned i = 0; i < 16; i++)
		add(t, "%s %016llx%s", names[i], (unsigned long long)vcpu_reg(v, i),
		    i % 4 == 3 ? "\n" : "  ");
}

size_t arch_vcpu_describe(struct arch_vcpu *v, char *text, size_t bytes)
{
	struct text t = { text, bytes, 0 };
	const struct vmcb *c = &v->vmcb;
	unsigned char code[SHOWN_BYTES];
	size_t n;

	if (bytes == 0)
		return 0;
	text[0] = '\0';
	add(&t, "rip %016llx  rflags %08llx  cpl %u  %s\n", (unsigned long long)c->rip,
	    (unsigned long long)c->rflags, c->cpl, mode(v));
	registers(&t, v);
	add(&t, "cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx  efer %04llx\n",
	    (unsigned long long)c->cr0, (unsigned long long)c->cr2, (unsigned long long)c->cr3,
	    (unsigned long long)c->cr4, (unsigned long long)(c->efer & ~EFER_SVME));
	add(&t, "cs %04x:%016llx  ss %04x  ds %04x  es %04x  fs %016llx  gs %016llx\n",
	    c->cs.selector, (unsigned long long)c->cs.base, c->ss.selector, c->ds.selector,
	    c->es.selector, (unsigned long long)c->fs.base, (unsigned long long)c->gs.base);
	add(&t, "exit %03llx  info %llx %llx  event %llx\n",
	    (unsigned long long)(uint32_t)c->exit_code, (unsigned long long)c->exit_info_1,
	    (unsigned long long)c->exit_info_2, (unsigned long long)c->exit_interrupt_info);
	n = decode_fetch(v, code, sizeof code);
	add(&t, "bytes at rip:");
	for (size_t i = 0; i < n; i++)
		add(&t, " %02x", code[i]);
	add(&t, n == 0 ? " cannot be read\n" : "\n");
	return t.length;
}
