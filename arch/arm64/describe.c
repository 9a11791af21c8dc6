/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU in words: its registers, its level, and the instruction at its pc. */
#include <stdarg.h>
#include <stdio.h>

#include "arch/arm64/cpu.h"
#include "arch/arm64/switch.h"
#include "arch/arm64/vcpu.h"

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

static const char *level(const struct arch_vcpu *v)
{
	if (v->pstate & PSR_AARCH32)
		return "AArch32";
	switch (v->pstate & PSR_MODE) {
	case PSR_EL0T: return "EL0";
	case PSR_EL1T: return "EL1, SP_EL0";
	case PSR_EL1H: return "EL1";
	default: return "no level";
	}
}

/* The processor's registers are those of the vCPU that is loaded. */
static void system_registers(struct text *t, const struct arch_vcpu *v)
{
	struct el1_state s = v->el1;

	if (v->loaded)
		switch_read(&s);
	add(t, "sp_el0 %016llx  sp_el1 %016llx  elr_el1 %016llx  spsr_el1 %08llx\n",
	    (unsigned long long)s.sp_el0, (unsigned long long)s.sp_el1,
	    (unsigned long long)s.elr_el1, (unsigned long long)s.spsr_el1);
	add(t, "sctlr %08llx  tcr %016llx  ttbr0 %016llx  ttbr1 %016llx\n",
	    (unsigned long long)s.sctlr_el1, (unsigned long long)s.tcr_el1,
	    (unsigned long long)s.ttbr0_el1, (unsigned long long)s.ttbr1_el1);
	add(t, "vbar %016llx  esr_el1 %08llx  far_el1 %016llx\n", (unsigned long long)s.vbar_el1,
	    (unsigned long long)s.esr_el1, (unsigned long long)s.far_el1);
}

static void instruction(struct text *t, struct arch_vcpu *v)
{
	uint32_t word;
	uint64_t at;

	if (v->loaded && gwalk(v, v->pc, &at) &&
	    hv_guest_read(v->owner, gpa(at), &word, sizeof word) == OK)
		add(t, "instruction at pc: %08x\n", (unsigned)word);
	else
		add(t, "instruction at pc: cannot be read\n");
}

size_t arch_vcpu_describe(struct arch_vcpu *v, char *text, size_t bytes)
{
	struct text t = { text, bytes, 0 };

	if (bytes == 0)
		return 0;
	text[0] = '\0';
	add(&t, "pc %016llx  pstate %08llx  %s\n", (unsigned long long)v->pc,
	    (unsigned long long)v->pstate, level(v));
	for (unsigned i = 0; i < 31; i++)
		add(&t, "x%-2u %016llx%s", i, (unsigned long long)v->x[i],
		    i % 4 == 3 || i == 30 ? "\n" : "  ");
	system_registers(&t, v);
	add(&t, "exit esr %08llx  far %016llx  hpfar %012llx\n", (unsigned long long)v->esr,
	    (unsigned long long)v->far, (unsigned long long)v->hpfar);
	if (v->undefined != 0)
		add(&t, "system registers refused: %llu, the last S%u_%u_C%u_C%u_%u\n",
		    (unsigned long long)v->undefined, v->last_undefined >> 20 & 3,
		    v->last_undefined >> 14 & 7, v->last_undefined >> 10 & 15,
		    v->last_undefined >> 1 & 15, v->last_undefined >> 17 & 7);
	instruction(&t, v);
	return t.length;
}
