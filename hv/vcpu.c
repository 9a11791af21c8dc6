/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop around the guest. Its inner part does, for each entry, one load to see whether anybody
 * wants something of this vCPU (`attention`), one to see whether an interrupt is pending, and the
 * two stores by which a shootdown knows who is inside; everything else is done where an exit asks
 * for it.
 */
#include "hv/vcpu.h"

#include <string.h>

#include "hv/clock.h"
#include "hv/env.h"
#include "hv/fault.h"
#include "hv/sched.h"
#include "hv/vm.h"

/* Kept out of line, so that the loop around the guest has the registers for itself. */
#define SELDOM __attribute__((noinline))

const char *vcpu_state_words(enum vcpu_state s)
{
	switch (s) {
	case VCPU_OFF: return "off";
	case VCPU_READY: return "ready";
	case VCPU_RUNNING: return "running";
	case VCPU_HALTED: return "halted";
	case VCPU_WAITING: return "waiting for a notice";
	case VCPU_STOPPED: return "stopped";
	case VCPU_ENDED: return "ended";
	}
	return "?";
}

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU's record is one page");

enum result vcpu_create(struct vm *vm, unsigned index, struct vcpu **out)
{
	struct env_block self, arch;

	enum result r = env_block_get(0, &self);
	if (r != OK)
		return r;
	r = env_block_get(arch_vcpu_order, &arch);
	if (r != OK) {
		env_block_put(self.first, 0);
		return r;
	}
	struct vcpu *v = self.memory;
	v->arch = arch.memory;
	v->vm = vm;
	v->index = index;
	v->frame = self.first;
	v->arch_frame = arch.first;
	v->state = VCPU_OFF;
	arch_vcpu_init(v->arch, v, index, &vm->s2.arch, vm->config->clock);
	*out = v;
	return OK;
}

void vcpu_destroy(struct vcpu *v)
{
	pfn_t self = v->frame;

	clock_give_up(v);
	s2_cache_empty(&v->s2_cache);
	env_block_put(v->arch_frame, arch_vcpu_order);
	env_block_put(self, 0);
}

/* A halted vCPU goes on when an interrupt is pending that it would take, or the board says so. */
static bool halt_over(const struct vcpu *v)
{
	return !v->halted_off && machine_wakes(v->vm->machine, v->index);
}

/* What `attention` stands for. VCPU_RUNNING: nothing is in the way. */
SELDOM static enum vcpu_state look(struct vcpu *v)
{
	/* acquire, and before the looks: what comes after it sets the flag again. */
	(void)atomic_exchange_explicit(&v->attention, false, memory_order_acquire);
	uint32_t state = atomic_load_explicit(&v->vm->state, memory_order_acquire);
	if (state == VM_ENDED || state == VM_STOPPED) {
		/* Others must not wait for a turn that is not used (N8). */
		fault_abandon(v);
		return state == VM_ENDED ? VCPU_ENDED : VCPU_STOPPED;
	}
	if (v->off) {
		v->off = false;
		return VCPU_OFF;
	}
	if (v->fault_pending || v->pending != PENDING_NONE) {
		enum vcpu_state next = exit_settle(v);
		if (next != VCPU_RUNNING)
			return next;
	}
	if (v->halted) {
		if (!halt_over(v))
			return VCPU_HALTED;
		v->halted = false;
		if (v->halt_timed)
			machine_timer_due(v->vm->machine, v->index, UINT64_MAX);
		v->halt_timed = false;
	}
	return VCPU_RUNNING;
}

/* Interrupts are pending: in with them, or tell when they can be. */
SELDOM static void deliver(struct vcpu *v, struct machine *m)
{
	while (arch_vcpu_irq_open(v->arch)) {
		unsigned irq = machine_irq_ack(m, v->index);
		if (irq != MACHINE_NO_IRQ)
			arch_vcpu_irq_inject(v->arch, irq);
		/* With the interrupt taken the board may want its next tick. */
		sched_event_moved(machine_next_event(m));
		if (!machine_irq_pending(m, v->index))
			return;
	}
	arch_vcpu_irq_window(v->arch, true);
}

/* What the guest has done with since it was entered: those lines are looked at again. */
static void retire(struct vcpu *v, struct machine *m)
{
	int irq;

	while ((irq = arch_vcpu_irq_retired(v->arch)) >= 0)
		machine_irq_retired(m, v->index, (unsigned)irq);
}

__attribute__((noinline)) static enum vcpu_state run_guest(struct vcpu *v)
{
	struct machine *m = v->vm->machine;
	const uint32_t here = arch_cpu_id() + 1;

	for (;;) {
		enum vcpu_state next;
		/* relaxed: look() orders. Set after this load it comes with a kick, which ends
		 * arch_vcpu_run at once. */
		if (__builtin_expect(atomic_load_explicit(&v->attention, memory_order_relaxed),
				     false)) {
			next = look(v);
			if (next != VCPU_RUNNING)
				return next;
			continue;
		}
		if (__builtin_expect(machine_irq_pending(m, v->index), false))
			deliver(v, m);
		/* seq_cst: a shootdown that sees 0 here has raised flush_gen before we read it. */
		atomic_store_explicit(&v->in_guest, here, memory_order_seq_cst);
		arch_vcpu_run(v->arch, &v->exit);
		/* Only this CPU writes `exits`. release: no translation is used after it. */
		uint64_t exits = atomic_load_explicit(&v->exits, memory_order_relaxed);
		atomic_store_explicit(&v->exits, exits + 1, memory_order_release);
		atomic_store_explicit(&v->in_guest, 0, memory_order_release);
		retire(v, m);
		next = exit_serve(v);
		if (next != VCPU_RUNNING)
			return next;
	}
}

enum vcpu_state vcpu_run(struct vcpu *v)
{
	arch_vcpu_load(v->arch);
	clock_refresh(v);
	/* Whatever came while it did not run is found by looking once. */
	atomic_store_explicit(&v->attention, true, memory_order_relaxed);
	enum vcpu_state next = run_guest(v);
	arch_vcpu_unload(v->arch);
	return next;
}
