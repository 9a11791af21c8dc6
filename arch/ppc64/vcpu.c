/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's life: made, started in the state a loader or RTAS asks for, brought onto a CPU. */
#include "arch/ppc64/vcpu.h"

#include <string.h>

#include "arch/ppc64/clock.h"
#include "arch/ppc64/percpu.h"
#include "arch/ppc64/stage2.h"

const unsigned arch_vcpu_order = 0;

_Static_assert(offsetof(struct arch_vcpu, r) == CONTEXT_R, "HSPRG0 points to it");
_Static_assert(offsetof(struct arch_vcpu, cpu) == CONTEXT_CPU, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, host_sp) == VCPU_HOST_SP, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, host_lr) == VCPU_HOST_LR, "traps.S uses it");
_Static_assert(offsetof(struct arch_vcpu, host_r31) == VCPU_HOST_R31, "traps.S uses it");
_Static_assert(offsetof(struct fp_state, fpscr) == FP_FPSCR, "fp.S uses it");
_Static_assert(offsetof(struct fp_state, vscr) == FP_VSCR, "fp.S uses it");
_Static_assert(sizeof(struct arch_vcpu) <= PAGE_SIZE, "hv gives one page");

void arch_vcpu_init(struct arch_vcpu *v, struct vcpu *owner, unsigned index, struct arch_s2 *s2,
		    bool pv_clock)
{
	(void)pv_clock; /* the time base is the guest's own */
	memset(v, 0, sizeof *v);
	v->handler = (uint64_t)(uintptr_t)guest_left;
	v->owner = owner;
	v->index = index;
	v->s2 = s2;
}

/* Also a vCPU that was off, and is switched on again. It is not loaded. */
void arch_vcpu_start(struct arch_vcpu *v, const struct vcpu_start *start)
{
	arch_vcpu_init(v, v->owner, v->index, v->s2, false);
	v->pc = start->entry.v;
	v->msr = MSR_SF | MSR_ME | MSR_RI | MSR_LE;
	for (unsigned i = 0; i < 4; i++)
		v->r[i + 3] = start->arg[i];
	v->r[1] = start->stack;
	v->decrementer = UINT64_MAX;
}

/* The decrementer has gone on meanwhile. */
static void decrementer_load(const struct arch_vcpu *v)
{
	uint64_t now = mfspr(SPR_TB);
	uint64_t left = v->decrementer - now;

	if (v->decrementer <= now)
		mtspr(SPR_DEC, UINT64_MAX);
	else
		mtspr(SPR_DEC, left > DEC_MAX ? DEC_MAX : left);
}

void arch_vcpu_load(struct arch_vcpu *v)
{
	struct cpu *c = this_cpu();

	c->loaded = v;
	v->loaded = true;
	v->cpu = c;
	clock_look();
	fp_load(&v->fp);
#define X(name) mtspr(SPR_##name, v->supervisor.name);
	SUPERVISOR_REGISTERS(X)
#undef X
	decrementer_load(v);
	/* A write of LPIDR throws away more than is needed: only when it changes. */
	if (c->lpid != v->s2->tag) {
		mtspr(SPR_LPIDR, v->s2->tag);
		c->lpid = v->s2->tag;
		isync();
	}
	/* What a vCPU invalidates for itself only (tlbiel), it did where it ran then. */
	if (v->last_cpu != c->id + 1)
		stage2_flush_lpid(v->s2->tag);
	v->last_cpu = c->id + 1;
}

void arch_vcpu_unload(struct arch_vcpu *v)
{
	struct cpu *c = this_cpu();

	v->decrementer = mfspr(SPR_TB) + (uint64_t)(int64_t)(int32_t)mfspr(SPR_DEC);
#define X(name) v->supervisor.name = mfspr(SPR_##name);
	SUPERVISOR_REGISTERS(X)
#undef X
	fp_save(&v->fp);
	v->loaded = false;
	c->loaded = NULL;
}

void arch_vcpu_hypercall_return(struct arch_vcpu *v, uint64_t value)
{
	v->r[3] = value;
}

void arch_vcpu_firmware_return(struct arch_vcpu *v, const uint64_t *values, unsigned count)
{
	for (unsigned i = 0; i < count && i < 4; i++)
		v->r[i + 3] = values[i];
}

void vcpu_space(const struct arch_vcpu *v, uint64_t *table, uint64_t *pid)
{
	*table = stage2_process_table_of(v->s2);
	*pid = mfspr(SPR_PIDR);
}

uint64_t arch_vcpu_pc(const struct arch_vcpu *v)
{
	return v->pc;
}

/* A guest's wrong SPR is an interrupt of its own. */
uint64_t arch_vcpu_refused(const struct arch_vcpu *v)
{
	(void)v;
	return 0;
}

/* There is no paravirtual clock: the guest reads the timebase itself. */
size_t arch_clock_fill(struct arch_vcpu *v, bool wall, uint64_t wall_seconds, void *out,
		       size_t room)
{
	(void)v, (void)wall, (void)wall_seconds, (void)out, (void)room;
	return 0;
}
