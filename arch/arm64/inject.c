/* SPDX-License-Identifier: BSD-2-Clause */
/* An exception taken to the guest's EL1, done as the processor would (Arm ARM D1.3). */
#include "arch/arm64/vcpu.h"

#include "arch/arm64/cpu.h"

#define VECTOR_SP0 UINT64_C(0x000)
#define VECTOR_SPX UINT64_C(0x200)
#define VECTOR_LOWER64 UINT64_C(0x400)
#define VECTOR_LOWER32 UINT64_C(0x600)
#define EC_SHIFT 26u

uint64_t inject_pstate(uint64_t pstate, uint64_t sctlr)
{
	uint64_t p = PSR_EL1H | PSR_DAIF | (pstate & (PSR_NZCV | PSR_DIT));

	if ((sctlr & SCTLR_EL1_SPAN) == 0 || (pstate & PSR_PAN) != 0)
		p |= PSR_PAN;
	if (sctlr & SCTLR_EL1_DSSBS)
		p |= PSR_SSBS;
	return p;
}

uint64_t inject_offset(uint64_t pstate)
{
	if (pstate & PSR_AARCH32)
		return VECTOR_LOWER32;
	switch (pstate & PSR_MODE) {
	case PSR_EL0T: return VECTOR_LOWER64;
	case PSR_EL1T: return VECTOR_SP0;
	default: return VECTOR_SPX;
	}
}

#ifdef __aarch64__
/* Without PAN the processor's PSTATE has no such bit to set. */
static bool has_pan(void)
{
	return (read_sysreg(id_aa64mmfr1_el1) >> 20 & 15) != 0;
}

static void take(struct arch_vcpu *v, uint64_t esr)
{
	uint64_t pstate = inject_pstate(v->pstate, read_el1(sctlr));

	write_el1(esr, esr);
	write_el1(elr, v->pc);
	write_el1(spsr, v->pstate);
	v->pc = read_el1(vbar) + inject_offset(v->pstate);
	v->pstate = has_pan() ? pstate : pstate & ~PSR_PAN;
}

void inject_undefined(struct arch_vcpu *v)
{
	take(v, (uint64_t)EC_UNKNOWN << EC_SHIFT | ESR_IL);
}

void inject_external_abort(struct arch_vcpu *v, bool instruction)
{
	bool lower = (v->pstate & PSR_MODE) == PSR_EL0T;
	uint64_t class =
		instruction ? (lower ? EC_IABT_LOWER : EC_IABT) : (lower ? EC_DABT_LOWER : EC_DABT);
	uint64_t iss = FSC_EXTERNAL | (instruction ? 0 : ESR_ISS(v->esr) & ISS_WNR);

	write_el1(far, v->far);
	take(v, class << EC_SHIFT | ESR_IL | iss);
}
#endif
