/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry, and what an exit asks of hv. Three of PAPR's calls are the processor's own affair and
 * are served here: H_CEDE, which is this architecture's way of waiting, H_REGISTER_PROC_TBL, which
 * sets half of the partition table's entry, and H_RANDOM.
 */
#include "arch/ppc64/assert.h"
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

/* Any call but the hypercalls of guests/abi.h. */
static bool papr_call(struct arch_vcpu *v, struct exit *out)
{
	if ((v->msr & MSR_PR) != 0) {
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

/* The hypervisor's decrementer, set for the deadline or earlier to look at something. */
static bool ticked(struct arch_vcpu *v, struct exit *out)
{
	bool open = v->window && (v->msr & MSR_EE) != 0;
	bool due = !open && mfspr(SPR_TB) >= this_cpu()->deadline;

	if (open)
		v->window = false;
	if (due)
		this_cpu()->deadline = UINT64_MAX;
	clock_look();
	out->kind = open ? EXIT_IRQ_READY : EXIT_HOST;
	return open || due; /* else arch_vcpu_run looks for a kick */
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

/* Not a hypervisor's interrupt: it has taken the guest's SRR0 and SRR1 (Power ISA 3.0B, book III,
 * 7.5.1, 7.5.2), so the guest cannot go on. */
static bool overwritten(struct arch_vcpu *v, struct exit *out, const char *why)
{
	v->pc = mfspr(SPR_SRR0);
	v->msr = mfspr(SPR_SRR1);
	return unhandled(out, why);
}

/* Kept out of line, so that the loop around the guest has the registers for itself. */
static __attribute__((noinline)) bool exit_other(struct arch_vcpu *v, unsigned vector,
						 struct exit *out)
{
	switch (vector) {
	case VECTOR_SYSTEM_CALL: return papr_call(v, out);
	case VECTOR_HISI: v->msr &= ~SRR1_CAUSE; return storage_taken(v, out, true);
	case VECTOR_HDEC: return ticked(v, out);
	case VECTOR_HEAI:
	case VECTOR_HFAC: inject(v, VECTOR_PROGRAM, SRR1_ILLEGAL); return false;
	case VECTOR_DOORBELL: return false; /* arch_vcpu_run looks for the kick */
	case VECTOR_HVIRT:
	case VECTOR_HMI: out->kind = EXIT_HOST; return true;
	case VECTOR_SYSTEM_RESET: return overwritten(v, out, "a system reset while the guest ran");
	case VECTOR_MACHINE_CHECK:
		return overwritten(v, out, "a machine check while the guest ran");
	default: return unhandled(out, "an exception that was not asked for");
	}
}

static inline bool hypercall(const struct arch_vcpu *v, struct exit *out)
{
	/* All loads first: the compiler cannot know that *out is elsewhere. */
	const uint64_t nr = v->r[3], a = v->r[4], b = v->r[5], c = v->r[6], d = v->r[7];

	out->kind = EXIT_HYPERCALL;
	out->hypercall.user = (v->msr & MSR_PR) != 0;
	out->hypercall.nr = nr & ~HYPERCALL_MASK;
	out->hypercall.arg[0] = a;
	out->hypercall.arg[1] = b;
	out->hypercall.arg[2] = c;
	out->hypercall.arg[3] = d;
	return true;
}

/* The two kinds that are frequent, and all others. true: *out is for hv; false: served. */
static inline bool exit_decode(struct arch_vcpu *v, unsigned vector, struct exit *out)
{
	if (vector == VECTOR_SYSTEM_CALL) {
		v->pc = mfspr(SPR_SRR0);
		v->msr = mfspr(SPR_SRR1);
		if (__builtin_expect((v->r[3] & HYPERCALL_MASK) == HYPERCALL_BASE, true))
			return hypercall(v, out);
		return exit_other(v, vector, out);
	}
	v->pc = mfspr(SPR_HSRR0);
	v->msr = mfspr(SPR_HSRR1);
	if (__builtin_expect(vector == VECTOR_HDSI, true))
		return storage_taken(v, out, false);
	return exit_other(v, vector, out);
}

/* One entry and exit: the vector. guest_enter keeps r1, r2 and r31 only. */
static inline unsigned enter(struct arch_vcpu **v)
{
	register uint64_t vector __asm__("r3") = (uint64_t)(uintptr_t)*v;
	register struct arch_vcpu *same __asm__("r4");

	__asm__ volatile("bl guest_enter"
			 : "+r"(vector), "=r"(same)
			 :
			 : "r0", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r14", "r15",
			   "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25",
			   "r26", "r27", "r28", "r29", "r30", "lr", "ctr", "xer", "cr0", "cr1",
			   "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "memory");
	*v = same;
	return (unsigned)vector;
}

/*
 * Part of hv's loop where the linker can see both: then the loop alone saves the registers that the
 * guest's take the place of.
 */
__attribute__((always_inline)) void arch_vcpu_run(struct arch_vcpu *v, struct exit *out)
{
	unsigned vector;

	PPC64_ASSERT(v->loaded && this_cpu()->loaded == v,
		     "a vCPU is entered on a CPU that it was not loaded on");
	do {
		struct cpu *c = this_cpu();

		if (__builtin_expect(atomic_load_explicit(&c->kicked, memory_order_relaxed),
				     false)) {
			atomic_store_explicit(&c->kicked, false, memory_order_relaxed);
			out->kind = EXIT_HOST;
			return;
		}
		vector = enter(&v);
	} while (!exit_decode(v, vector, out));
}
