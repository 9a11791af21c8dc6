/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's life: made, started in the state a loader or PSCI asks for, brought onto a CPU, entered.
 */
#include "arch/arm64/vcpu.h"

#include <string.h>

#include "arch/arm64/assert.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/percpu.h"
#include "arch/arm64/stage2.h"
#include "arch/arm64/switch.h"
#include "arch/arm64/vgic.h"

const unsigned arch_vcpu_order = 0;

_Static_assert(offsetof(struct arch_vcpu, x) == VCPU_X, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, pc) == VCPU_PC, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, pstate) == VCPU_PSTATE, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, esr) == VCPU_ESR, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, far) == VCPU_FAR, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, hpfar) == VCPU_HPFAR, "traps.S uses it");
_Static_assert(offsetof(struct fp_state, fpcr) == 512, "fp.S uses it");
_Static_assert(sizeof(struct arch_vcpu) <= PAGE_SIZE, "hv gives one page");

void arch_vcpu_init(struct arch_vcpu *v, struct vcpu *owner, unsigned index, struct arch_s2 *s2)
{
	memset(v, 0, sizeof *v);
	v->owner = owner;
	v->index = index;
	v->s2 = s2;
	switch_reset(v);
	vgic_reset(v);
}

/* Also a vCPU that was off, and is switched on again. It is not loaded. */
void arch_vcpu_start(struct arch_vcpu *v, const struct vcpu_start *start)
{
	switch_reset(v);
	vgic_reset(v);
	v->io = (struct io_plan){ .open = false };
	v->half = (struct io_half){ .due = false };
	v->forget = false;
	v->pc = start->entry.v;
	for (unsigned i = 0; i < 4; i++)
		v->x[i] = start->arg[i];
	v->el1.sp_el1 = start->stack;
}

void arch_vcpu_load(struct arch_vcpu *v)
{
	this_cpu()->loaded = v;
	v->loaded = true;
	v->forget = false; /* another CPU's TLB, or one that has moved on: nothing narrow is kept */
	switch_load(v);
	vgic_load(v);
	/*
	 * Translations of stage 1 carry the guest's ASIDs under the VM's VMID, which its vCPUs
	 * share as the processors of a machine would; but what those keep to themselves (a TLB
	 * invalidation of this CPU only) was done on the CPU that the vCPU ran on then.
	 */
	struct cpu *c = this_cpu();
	struct arch_vcpu **last = &c->last_of_vmid[v->s2->tag % LAST_VCPUS];
	if (*last != v || v->last_cpu != c->id + 1)
		__asm__ volatile("tlbi vmalle1\n\tic iallu\n\tdsb nsh\n\tisb" : : : "memory");
	*last = v;
	v->last_cpu = c->id + 1;
}

void arch_vcpu_unload(struct arch_vcpu *v)
{
	vgic_unload(v);
	switch_unload(v);
	v->loaded = false;
	this_cpu()->loaded = NULL;
}

static __attribute__((noinline)) bool before_entry(struct arch_vcpu *v, struct exit *out)
{
	if (vtimer_changed(v, &out->timer.level)) {
		out->kind = EXIT_TIMER;
		return false;
	}
	if (v->forget)
		tlb_forget(v->fault_ipa, v->far, (ESR_ISS(v->esr) & ISS_S1PTW) != 0);
	return true;
}

void arch_vcpu_run(struct arch_vcpu *v, struct exit *out)
{
	unsigned how;

	ARM64_ASSERT(v->loaded && this_cpu()->loaded == v,
		     "a vCPU is entered on a CPU that it was not loaded on");
	do {
		if (__builtin_expect(v->forget || v->timer.active || v->timer.tell != TELL_NOTHING,
				     false) &&
		    !before_entry(v, out))
			return;
		how = guest_enter(v);
		vgic_sync(v);
	} while (!exit_decode(v, how, out));
}

void arch_vcpu_hypercall_return(struct arch_vcpu *v, uint64_t value)
{
	v->x[0] = value;
}

void arch_vcpu_firmware_return(struct arch_vcpu *v, const uint64_t *values, unsigned count)
{
	for (unsigned i = 0; i < count && i < 4; i++)
		v->x[i] = values[i];
}

void arch_vcpu_bad_access(struct arch_vcpu *v, const struct s2_fault *fault)
{
	v->io.open = false;
	v->half.due = false;
	inject_external_abort(v, fault->access == ACCESS_EXEC);
}

uint64_t arch_vcpu_pc(const struct arch_vcpu *v)
{
	return v->pc;
}

/* There is no paravirtual clock: a guest's own counter is as good. */
size_t arch_clock_fill(struct arch_vcpu *v, bool wall, uint64_t wall_seconds, void *out,
		       size_t room)
{
	(void)v, (void)wall, (void)wall_seconds, (void)out, (void)room;
	return 0;
}
