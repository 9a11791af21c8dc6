/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest is interrupted by. An event stands in EVENTINJ and is delivered by the next VMRUN;
 * if the guest cannot take an interrupt now, V_IRQ makes it exit as soon as it can (the window).
 * Only one event at a time: while one stands, or half an access is open, the guest is "not open".
 */
#include "arch/x86/vcpu.h"

#include "arch/x86/cpu.h"

void inject_exception(struct arch_vcpu *v, unsigned vector)
{
	v->vmcb.event_injection = EVENT(EVENT_EXCEPTION, vector);
}

void inject_exception_error(struct arch_vcpu *v, unsigned vector, uint32_t error)
{
	v->vmcb.event_injection =
		EVENT(EVENT_EXCEPTION, vector) | EVENT_HAS_ERROR | (uint64_t)error << 32;
}

void inject_page_fault(struct arch_vcpu *v, uint64_t address, uint32_t error)
{
	v->vmcb.cr2 = address;
	inject_exception_error(v, VECTOR_PF, error);
}

/*
 * APM volume 2, 15.20. A software interrupt, INT3 and INTO are raised again by the instruction
 * itself, at which rip still stands. An "exception" above 31 is how the emulator reports a virtual
 * interrupt that it will raise again by V_IRQ.
 */
__attribute__((noinline)) void inject_again(struct arch_vcpu *v)
{
	uint64_t event = v->vmcb.exit_interrupt_info;
	unsigned vector = EVENT_VECTOR(event);

	switch (EVENT_TYPE(event)) {
	case EVENT_INTERRUPT:
	case EVENT_NMI: break;
	case EVENT_EXCEPTION:
		if (vector >= 32 || vector == VECTOR_BP || vector == VECTOR_OF)
			return;
		break;
	default: return;
	}
	v->vmcb.event_injection = event;
}

bool arch_vcpu_irq_open(const struct arch_vcpu *v)
{
	const struct vmcb *c = &v->vmcb;

	return (c->rflags & RFLAGS_IF) && !(c->interrupt_state & INTERRUPT_SHADOW) &&
	       !(c->event_injection & EVENT_VALID) && !v->second.due;
}

void arch_vcpu_irq_inject(struct arch_vcpu *v, unsigned irq)
{
	v->vmcb.event_injection = EVENT(EVENT_INTERRUPT, irq & 0xff);
}

int arch_vcpu_irq_retired(struct arch_vcpu *v)
{
	(void)v;
	return -1;
}

void arch_vcpu_irq_window(struct arch_vcpu *v, bool wanted)
{
	const uint64_t bits = V_IRQ | V_PRIORITY_HIGHEST | V_IGNORE_TPR;

	if (wanted) {
		v->vmcb.virtual_interrupt |= bits;
		v->vmcb.intercept1 |= INTERCEPT_VINTR;
	} else {
		v->vmcb.virtual_interrupt &= ~bits;
		v->vmcb.intercept1 &= ~INTERCEPT_VINTR;
	}
}
