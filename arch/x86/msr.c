/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model-specific registers of a guest: an allow-list. What is not here raises #GP, as on a
 * processor that has no such register. Those that VMLOAD and VMSAVE switch do not even exit
 * (svm.c).
 */
#include "arch/x86/vcpu.h"

#include "arch/x86/cpu.h"

#define MSR_BYTES 2u

#define MSR_PATCH_LEVEL 0x8bu
#define MSR_NB_CONFIG 0xc001001fu
#define MSR_INT_PENDING 0xc0010055u /* of older families: no C1E here */
/* Documentation/virt/kvm/x86/msr.rst */
#define MSR_PV_WALL_CLOCK 0x4b564d00u
#define MSR_PV_CLOCK 0x4b564d01u
#define PV_CLOCK_ON UINT64_C(1)

#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR)

static bool read(const struct arch_vcpu *v, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_TSC: *value = rdtsc() + v->vmcb.tsc_offset; return true;
	case MSR_EFER: *value = v->vmcb.efer & ~EFER_SVME; return true;
	case MSR_PAT: *value = v->vmcb.g_pat; return true;
	case MSR_PATCH_LEVEL:
	case MSR_INT_PENDING:
	case MSR_NB_CONFIG: *value = 0; return true;
	case MSR_PV_WALL_CLOCK: *value = v->clock_msr[0]; return v->pv_clock;
	case MSR_PV_CLOCK: *value = v->clock_msr[1]; return v->pv_clock;
	default: return false;
	}
}

/* Eight types of 3 bits in bytes: 0, 1, 4, 5, 6 and 7 exist. */
static bool pat_good(uint64_t value)
{
	for (unsigned i = 0; i < 8; i++, value >>= 8)
		if ((value & 0xff) > 7 || (value & 0xff) == 2 || (value & 0xff) == 3)
			return false;
	return true;
}

/* LME cannot change while paging is on; LMA follows by itself. SVME is ours, the guest never sees
 * it. */
static bool write_efer(struct arch_vcpu *v, uint64_t value)
{
	uint64_t old = v->vmcb.efer;

	if ((value & ~EFER_GUEST) != 0 || ((v->vmcb.cr0 & CR0_PG) && ((old ^ value) & EFER_LME)))
		return false;
	v->vmcb.efer = (value & ~EFER_LMA) | (old & EFER_LMA) | EFER_SVME;
	return true;
}

static bool write(struct arch_vcpu *v, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_TSC:
		v->vmcb.tsc_offset = value - rdtsc();
		v->tsc_writes++;
		return true;
	case MSR_EFER: return write_efer(v, value);
	case MSR_PAT:
		if (!pat_good(value))
			return false;
		v->vmcb.g_pat = value;
		return true;
	case MSR_PATCH_LEVEL:
	case MSR_NB_CONFIG: return true;
	default: return false;
	}
}

static void clock_wanted(struct arch_vcpu *v, bool wall, uint64_t value, struct exit *out)
{
	v->clock_msr[wall ? 0 : 1] = value;
	out->kind = EXIT_CLOCK;
	out->clock.wall = wall;
	out->clock.on = wall || (value & PV_CLOCK_ON);
	out->clock.gpa = gpa(wall ? value : value & ~PV_CLOCK_ON);
}

bool msr_serve(struct arch_vcpu *v, struct exit *out)
{
	uint32_t msr = (uint32_t)v->regs[RCX];
	uint64_t value = v->regs[RDX] << 32 | (uint32_t)v->vmcb.rax;
	bool good;

	if (v->vmcb.exit_info_1 == 0) {
		good = read(v, msr, &value);
		if (good) {
			v->vmcb.rax = (uint32_t)value;
			v->regs[RDX] = value >> 32;
		}
	} else if (v->pv_clock && (msr == MSR_PV_WALL_CLOCK || msr == MSR_PV_CLOCK)) {
		clock_wanted(v, msr == MSR_PV_WALL_CLOCK, value, out);
		vcpu_skip(v, MSR_BYTES);
		return false;
	} else {
		good = write(v, msr, value);
	}
	if (good) {
		vcpu_skip(v, MSR_BYTES);
	} else {
		__atomic_store_n(&v->refused, v->refused + 1, __ATOMIC_RELAXED);
		inject_exception_error(v, VECTOR_GP, 0);
	}
	return true;
}
