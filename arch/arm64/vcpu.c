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

/* HVC #1, a 32-bit instruction. */
#define HYPERCALL_ESR ((uint64_t)EC_HVC64 << 26 | ESR_IL | 1)

_Static_assert(offsetof(struct arch_vcpu, x) == VCPU_X, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, pc) == VCPU_PC, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, pstate) == VCPU_PSTATE, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, esr) == VCPU_ESR, "traps.S uses it");
_Static_assert(offsetof(struct fp_state, fpcr) == 512, "fp.S uses it");
_Static_assert(sizeof(struct arch_vcpu) <= PAGE_SIZE, "hv gives one page");

void arch_vcpu_init(struct arch_vcpu *v, struct vcpu *owner, unsigned index, struct arch_s2 *s2,
		    bool pv_clock)
{
	(void)pv_clock; /* the counter is the guest's own */
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

/* What is seldom to be done before an entry. false: *out is for hv first. */
static __attribute__((noinline, cold)) bool prepare(struct arch_vcpu *v, struct exit *out)
{
	if (vtimer_changed(v, &out->timer.level)) {
		out->kind = EXIT_TIMER;
		return false;
	}
	if (v->forget)
		tlb_forget(v->fault_ipa, v->far, (ESR_ISS(v->esr) & ISS_S1PTW) != 0);
	v->forget = false;
	return true;
}

/* How the guest was left, and the syndrome. */
struct left {
	uint64_t esr;
	unsigned how;
};

/* One entry and exit. guest_enter keeps sp and x29 only. */
static inline struct left enter(struct arch_vcpu *v)
{
	register struct arch_vcpu *x0 __asm__("x0") = v;
	register unsigned how __asm__("w1");
	register uint64_t esr __asm__("x4");

	__asm__ volatile("bl guest_enter"
			 : "+r"(x0), "=r"(how), "=r"(esr)
			 :
			 : "x2", "x3", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
			   "x24", "x25", "x26", "x27", "x28", "x30", "cc", "memory");
	return (struct left){ esr, how };
}

static inline bool hypercall(const struct arch_vcpu *v, struct exit *out)
{
	/* All loads first: the compiler cannot know that *out is elsewhere. */
	const uint64_t nr = v->x[0], a = v->x[1], b = v->x[2], c = v->x[3], d = v->x[4];

	out->kind = EXIT_HYPERCALL;
	out->hypercall.user = false; /* HVC is undefined at EL0 */
	out->hypercall.nr = nr;
	out->hypercall.arg[0] = a;
	out->hypercall.arg[1] = b;
	out->hypercall.arg[2] = c;
	out->hypercall.arg[3] = d;
	return true;
}

/* The two kinds that are frequent, and all others. */
static inline bool decode(struct arch_vcpu *v, struct left left, struct exit *out)
{
	if (__builtin_expect(left.how != LEFT_SYNC, false))
		return exit_other(v, left.how, out);
	if (left.esr == HYPERCALL_ESR)
		return hypercall(v, out);
	if ((ESR_EC(left.esr) & ~(EC_DABT_LOWER ^ EC_IABT_LOWER)) == EC_IABT_LOWER)
		return exit_abort(v, left.esr, out);
	return exit_other(v, left.how, out);
}

__attribute__((always_inline)) void arch_vcpu_run(struct arch_vcpu *v, struct exit *out)
{
	struct left left;

	ARM64_ASSERT(v->loaded && this_cpu()->loaded == v,
		     "a vCPU is entered on a CPU that it was not loaded on");
	do {
		if (__builtin_expect(v->attend != 0, false) && !prepare(v, out))
			return;
		left = enter(v);
		if (__builtin_expect(v->vgic.used != 0, false))
			vgic_sync(v);
	} while (!decode(v, left, out));
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

uint64_t arch_vcpu_refused(const struct arch_vcpu *v)
{
	return __atomic_load_n(&v->undefined, __ATOMIC_RELAXED);
}

/* There is no paravirtual clock: a guest's own counter is as good. */
size_t arch_clock_fill(struct arch_vcpu *v, bool wall, uint64_t wall_seconds, void *out,
		       size_t room)
{
	(void)v, (void)wall, (void)wall_seconds, (void)out, (void)room;
	return 0;
}
