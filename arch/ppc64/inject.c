/* SPDX-License-Identifier: BSD-2-Clause */
/* An interrupt taken by the guest at its own vector, done as the processor would (Power ISA 3.0B,
 * book III, 6.4.3); AIL is 0 and ILE 1 for every guest. */
#include "arch/ppc64/clock.h"
#include "arch/ppc64/vcpu.h"

void inject(struct arch_vcpu *v, unsigned vector, uint64_t cause)
{
	mtspr(SPR_SRR0, v->pc);
	mtspr(SPR_SRR1, (v->msr & ~SRR1_CAUSE) | cause);
	v->pc = vector;
	v->msr = MSR_SF | (v->msr & MSR_ME) | MSR_LE;
}

bool arch_vcpu_irq_open(const struct arch_vcpu *v)
{
	return (v->msr & MSR_EE) != 0;
}

/* The guest asks its interrupt controller which it is. */
void arch_vcpu_irq_inject(struct arch_vcpu *v, unsigned irq)
{
	(void)irq;
	inject(v, VECTOR_EXTERNAL, 0);
}

void arch_vcpu_irq_window(struct arch_vcpu *v, bool wanted)
{
	v->window = wanted;
	clock_look();
}

int arch_vcpu_irq_retired(struct arch_vcpu *v)
{
	(void)v;
	return -1;
}

void arch_vcpu_bad_access(struct arch_vcpu *v, const struct s2_fault *fault)
{
	(void)fault;
	mtspr(SPR_DAR, v->fault_ea);
	mtspr(SPR_DSISR, 0);
	inject(v, VECTOR_MACHINE_CHECK, 0);
}
