/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU in words: its registers, its mode, and what it faulted on last. */
#include <stdarg.h>
#include <stdio.h>

#include "arch/ppc64/vcpu.h"

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

size_t arch_vcpu_describe(struct arch_vcpu *v, char *text, size_t bytes)
{
	struct text t = { text, bytes, 0 };
	struct supervisor_state s = v->supervisor;

	if (bytes == 0)
		return 0;
	text[0] = '\0';
	if (v->loaded) {
#define X(name) s.name = mfspr(SPR_##name);
		SUPERVISOR_REGISTERS(X)
#undef X
	}
	add(&t, "pc %016llx  msr %016llx  %s\n", (unsigned long long)v->pc,
	    (unsigned long long)v->msr, v->msr & MSR_PR ? "problem state" : "supervisor");
	for (unsigned i = 0; i < 32; i++)
		add(&t, "r%-2u %016llx%s", i, (unsigned long long)v->r[i],
		    i % 4 == 3 ? "\n" : "  ");
	add(&t, "lr %016llx  ctr %016llx  cr %08llx  xer %08llx\n", (unsigned long long)v->lr,
	    (unsigned long long)v->ctr, (unsigned long long)v->cr, (unsigned long long)v->xer);
	add(&t, "srr0 %016llx  srr1 %016llx  dar %016llx  dsisr %08llx  pid %llu\n",
	    (unsigned long long)s.SRR0, (unsigned long long)s.SRR1, (unsigned long long)s.DAR,
	    (unsigned long long)s.DSISR, (unsigned long long)s.PIDR);
	add(&t, "last storage fault: ea %016llx  cause %08llx\n", (unsigned long long)v->fault_ea,
	    (unsigned long long)v->fault_cause);
	return t.length;
}
