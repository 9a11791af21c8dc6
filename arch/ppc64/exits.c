/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exit asks of hv. Three of PAPR's calls are the processor's own affair and are served
 * here: H_CEDE, which is this architecture's way of waiting, H_REGISTER_PROC_TBL, which sets half
 * of the partition table's entry, and H_RANDOM.
 */
#include "arch/ppc64/clock.h"
#include "arch/ppc64/percpu.h"
#include "arch/ppc64/stage2.h"
#include "arch/ppc64/vcpu.h"

#define HYPERCALL_BASE UINT64_C(0x7e000000)
#define HYPERCALL_MASK UINT64_C(0xffff0000)
#define H_CEDE UINT64_C(0xe0)
#define H_RANDOM UINT64_C(0x300)
#define H_REGISTER_PROC_TBL UINT64_C(0x37c)
#define H_SUCCESS UINT64_C(0)
#define H_HARDWARE (~UINT64_C(0))  /* -1 */
#define H_PARAMETER (~UINT64_C(3)) /* -4 */
#define H_P2 (~UINT64_C(54))	   /* -55 */
#define H_P3 (~UINT64_C(55))	   /* -56 */
#define H_P4 (~UINT64_C(56))	   /* -57 */
/* The flags of H_REGISTER_PROC_TBL (PAPR 14.5.4.9): new, radix, guest translation shootdown. */
#define PROC_TBL_FLAGS UINT64_C(0x1f)
#define PROC_TBL_NEW UINT64_C(0x18)
#define PROC_TBL_OLD UINT64_C(0x10)
#define PROC_TBL_RADIX UINT64_C(0x4)
#define PROC_TBL_SIZE_MAX 24u
#define GUEST_REAL_LIMIT (UINT64_C(1) << 52)

static bool unhandled(struct exit *out, const char *why)
{
	out->kind = EXIT_UNHANDLED;
	out->why = why;
	return true;
}

/* Waits with interrupts on. The decrementer, once negative, is an interrupt that is pending. */
static bool cede(struct arch_vcpu *v, struct exit *out)
{
	v->msr |= MSR_EE;
	v->r[3] = H_SUCCESS;
	int64_t left = (int32_t)mfspr(SPR_DEC);
	if (left < 0)
		return false;
	out->kind = EXIT_HALT;
	out->halt.irqs_off = false;
	out->halt.timer_ns = clock_ns_at(mfspr(SPR_TB) + (uint64_t)left + 1);
	return true;
}

static uint64_t process_table(struct arch_vcpu *v)
{
	uint64_t flags = v->r[4], base = v->r[5], page_size = v->r[6], size = v->r[7];

	if ((flags & ~PROC_TBL_FLAGS) != 0)
		return H_PARAMETER;
	if ((flags & PROC_TBL_NEW) == PROC_TBL_OLD) {
		stage2_process_table(v->s2, 0);
		return H_SUCCESS;
	}
	if ((flags & PROC_TBL_NEW) != PROC_TBL_NEW || (flags & PROC_TBL_RADIX) == 0)
		return H_PARAMETER;
	if (page_size != 0)
		return H_P3;
	if (size > PROC_TBL_SIZE_MAX)
		return H_P4;
	/* As aligned as it is long: 2^(size + 12) bytes. */
	if ((base & ((PAGE_SIZE << size) - 1)) != 0 || base >= GUEST_REAL_LIMIT)
		return H_P2;
	stage2_process_table(v->s2, base | size);
	return H_SUCCESS;
}

/* `darn` answers all ones when it has none (Power ISA 3.0B, book I, 3.3.9). */
#define RANDOM_TRIES 10u

static uint64_t random_number(uint64_t *out)
{
	for (unsigned i = 0; i < RANDOM_TRIES; i++) {
		__asm__ volatile("darn %0, 1" : "=r"(*out));
		if (*out != UINT64_MAX)
			return H_SUCCESS;
	}
	return H_HARDWARE;
}

static bool call(struct arch_vcpu *v, struct exit *out)
{
	bool user = (v->msr & MSR_PR) != 0;

	if ((v->r[3] & HYPERCALL_MASK) == HYPERCALL_BASE) {
		out->kind = EXIT_HYPERCALL;
		out->hypercall.nr = v->r[3] & ~HYPERCALL_MASK;
		out->hypercall.user = user;
		for (unsigned i = 0; i < HYPERCALL_ARGS; i++)
			out->hypercall.arg[i] = v->r[i + 4];
		return true;
	}
	if (user) {
		v->pc -= 4; /* the call is the instruction at fault */
		inject(v, VECTOR_PROGRAM, SRR1_PRIVILEGED);
		return false;
	}
	if (v->r[3] == H_CEDE)
		return cede(v, out);
	if (v->r[3] == H_REGISTER_PROC_TBL) {
		v->r[3] = process_table(v);
		return false;
	}
	if (v->r[3] == H_RANDOM) {
		v->r[3] = random_number(&v->r[4]);
		return false;
	}
	out->kind = EXIT_FIRMWARE;
	out->firmware.nr = v->r[3];
	for (unsigned i = 0; i < FIRMWARE_ARGS; i++)
		out->firmware.arg[i] = v->r[i + 4];
	return true;
}

static bool storage_taken(struct arch_vcpu *v, struct exit *out, bool fetch)
{
	struct storage s = {
		.fetch = fetch,
		.cause = fetch ? mfspr(SPR_HSRR1) : mfspr(SPR_HDSISR),
		.address = mfspr(SPR_ASDR),
	};

	v->fault_ea = fetch ? v->pc : mfspr(SPR_HDAR);
	v->fault_cause = s.cause;
	const char *why = storage_decode(&s, &out->fault);
	if (why != NULL)
		return unhandled(out, why);
	out->kind = EXIT_S2_FAULT;
	return true;
}

/* The hypervisor's decrementer, set for the deadline or earlier to look at something. */
static bool ticked(struct arch_vcpu *v, struct exit *out)
{
	if (v->window && (v->msr & MSR_EE) != 0) {
		v->window = false;
		out->kind = EXIT_IRQ_READY;
		return true;
	}
	if (mfspr(SPR_TB) < this_cpu()->deadline)
		return false; /* arch_vcpu_run looks for a kick */
	this_cpu()->deadline = UINT64_MAX;
	out->kind = EXIT_HOST;
	return true;
}

bool exit_decode(struct arch_vcpu *v, unsigned vector, struct exit *out)
{
	if (vector == VECTOR_SYSTEM_CALL) {
		v->pc = mfspr(SPR_SRR0);
		v->msr = mfspr(SPR_SRR1);
		return call(v, out);
	}
	v->pc = mfspr(SPR_HSRR0);
	v->msr = mfspr(SPR_HSRR1);
	switch (vector) {
	case VECTOR_HDSI: return storage_taken(v, out, false);
	case VECTOR_HISI: v->msr &= ~SRR1_CAUSE; return storage_taken(v, out, true);
	case VECTOR_HDEC: return ticked(v, out);
	case VECTOR_HEAI:
	case VECTOR_HFAC: inject(v, VECTOR_PROGRAM, SRR1_ILLEGAL); return false;
	case VECTOR_DOORBELL: return false; /* arch_vcpu_run looks for the kick */
	case VECTOR_HVIRT:
	case VECTOR_HMI: out->kind = EXIT_HOST; return true;
	case VECTOR_MACHINE_CHECK: return unhandled(out, "a machine check while the guest ran");
	default: return unhandled(out, "an exception that was not asked for");
	}
}
