/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system registers that trap. Few are served: the identification registers, the debug and
 * performance registers as "there, and doing nothing", cache maintenance by set and way, and the
 * register that sends interrupts to other vCPUs. Any other is an undefined instruction for the
 * guest, and counted.
 */
#include "arch/arm64/vcpu.h"

#include "arch/arm64/cpu.h"

/* The ISS of a trapped MSR, MRS or SYS (Arm ARM D17.2.37), without register and direction. */
#define ISS_READ 1u
#define ISS_RT(iss) ((iss) >> 5 & 31u)
#define ISS_OP0(iss) ((iss) >> 20 & 3u)
#define ISS_OP1(iss) ((iss) >> 14 & 7u)
#define ISS_OP2(iss) ((iss) >> 17 & 7u)
#define ISS_CRN(iss) ((iss) >> 10 & 15u)
#define ISS_CRM(iss) ((iss) >> 1 & 15u)
#define KEY(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

#define OSLSR_VALUE 8u /* the lock is there, and open */

static unsigned key_of(uint32_t iss)
{
	return KEY(ISS_OP0(iss), ISS_OP1(iss), ISS_CRN(iss), ISS_CRM(iss), ISS_OP2(iss));
}

static bool done(struct arch_vcpu *v)
{
	v->pc += 4;
	return true;
}

/* Reads give `value`, writes do nothing. */
static bool constant(struct arch_vcpu *v, uint32_t iss, uint64_t value)
{
	if (iss & ISS_READ)
		vcpu_x_set(v, ISS_RT(iss), value);
	return done(v);
}

static bool undefined(struct arch_vcpu *v, uint32_t iss)
{
	__atomic_store_n(&v->undefined, v->undefined + 1, __ATOMIC_RELAXED);
	v->last_undefined = iss;
	inject_undefined(v);
	return true;
}

/* The debug registers: MDSCR_EL1 is the guest's own; the others can be written and read as 0. */
static bool debug(struct arch_vcpu *v, uint32_t iss)
{
	if (ISS_OP1(iss) != 0 && ISS_OP1(iss) != 3)
		return undefined(v, iss);
	switch (key_of(iss)) {
	case KEY(2u, 0u, 0u, 2u, 2u):
		if (iss & ISS_READ)
			vcpu_x_set(v, ISS_RT(iss), read_sysreg(mdscr_el1));
		else
			write_sysreg(mdscr_el1, vcpu_x(v, ISS_RT(iss)));
		return done(v);
	case KEY(2u, 0u, 1u, 1u, 4u): return constant(v, iss, OSLSR_VALUE);
	default: return constant(v, iss, 0);
	}
}

/* PMCR_EL0 and its kin, and the event counters. */
static bool is_performance(uint32_t iss)
{
	unsigned crn = ISS_CRN(iss), crm = ISS_CRM(iss), op1 = ISS_OP1(iss);

	if (ISS_OP0(iss) != 3 || (op1 != 3 && op1 != 0))
		return false;
	return (crn == 9 && crm >= 12 && crm <= 14) || (crn == 14 && op1 == 3 && crm >= 8);
}

static bool is_id(uint32_t iss)
{
	return ISS_OP0(iss) == 3 && ISS_OP1(iss) == 0 && ISS_CRN(iss) == 0 && ISS_CRM(iss) >= 1 &&
	       ISS_CRM(iss) <= 7 && (iss & ISS_READ) != 0;
}

/* Cleaned and invalidated whatever was asked: nothing of others' may be lost. */
static bool set_way(struct arch_vcpu *v, uint32_t iss)
{
	__asm__ volatile("dc cisw, %0\n\tdsb sy" : : "r"(vcpu_x(v, ISS_RT(iss))) : "memory");
	return done(v);
}

bool sysreg_serve(struct arch_vcpu *v, struct exit *out)
{
	uint32_t iss = (uint32_t)ESR_ISS(v->esr);

	if (is_id(iss))
		return constant(v, iss, idreg_value(ISS_CRM(iss), ISS_OP2(iss)));
	if (is_performance(iss))
		return constant(v, iss, 0);
	if (ISS_OP0(iss) == 2)
		return debug(v, iss);
	switch (key_of(iss)) {
	case KEY(3u, 0u, 12u, 11u, 5u): /* ICC_SGI1R_EL1 */
		if (iss & ISS_READ)
			return undefined(v, iss);
		out->kind = EXIT_IPI;
		out->ipi.value = vcpu_x(v, ISS_RT(iss));
		v->pc += 4;
		return false;
	case KEY(3u, 0u, 12u, 11u, 6u): /* ICC_ASGI1R_EL1 */
	case KEY(3u, 0u, 12u, 11u, 7u): /* ICC_SGI0R_EL1: a guest has one group */
	case KEY(3u, 0u, 1u, 0u, 1u):	/* ACTLR_EL1 */
	case KEY(3u, 0u, 0u, 0u, 6u):	/* REVIDR_EL1 */
	case KEY(3u, 1u, 0u, 0u, 7u): /* AIDR_EL1 */ return constant(v, iss, 0);
	case KEY(1u, 0u, 7u, 6u, 2u):  /* DC ISW */
	case KEY(1u, 0u, 7u, 10u, 2u): /* DC CSW */
	case KEY(1u, 0u, 7u, 14u, 2u): /* DC CISW */ return set_way(v, iss);
	default: return undefined(v, iss);
	}
}
