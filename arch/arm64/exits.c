/* SPDX-License-Identifier: BSD-2-Clause */
/* From the syndrome of an exit to the contract's terms (Arm ARM D17.2.37). */
#include "arch/arm64/cpu.h"
#include "arch/arm64/hgic.h"
#include "arch/arm64/stage2.h"
#include "arch/arm64/vcpu.h"
#include "arch/arm64/vgic.h"

#define HVC_FIRMWARE 0u
#define WFX_IS_WFE 1u
#define HPFAR_IPA(hpfar) (((hpfar) >> 4 & ((UINT64_C(1) << 40) - 1)) << PAGE_SHIFT)

static bool unhandled(struct exit *out, const char *why)
{
	out->kind = EXIT_UNHANDLED;
	out->why = why;
	return true;
}

static bool firmware(struct arch_vcpu *v, struct exit *out)
{
	out->kind = EXIT_FIRMWARE;
	out->firmware.nr = v->x[0];
	for (unsigned i = 0; i < FIRMWARE_ARGS; i++)
		out->firmware.arg[i] = v->x[i + 1];
	return true;
}

/* ---- Aborts ---------------------------------------------------------------------------------- */

/*
 * The intermediate address. On a permission fault HPFAR_EL2 need not be written, unless it was the
 * guest's table walk; then the processor is asked to walk again. false: the guest has changed its
 * tables meanwhile, and repeats.
 */
static inline bool fault_address(struct arch_vcpu *v, uint32_t iss, uint64_t far, uint64_t hpfar,
				 uint64_t *ipa)
{
	if ((ISS_FSC(iss) & FSC_LEVEL_MASK) == FSC_PERMISSION && (iss & ISS_S1PTW) == 0)
		return gwalk(v, far, ipa);
	*ipa = HPFAR_IPA(hpfar) | ((iss & ISS_S1PTW) != 0 ? 0 : far & PAGE_MASK);
	return true;
}

/*
 * A walk that meets a permission wants to write a descriptor (its access flag), although WnR says
 * nothing of it; without one it only reads. Cache maintenance says "write" and needs none to be
 * mapped.
 */
static inline enum access access_of(uint32_t iss, bool instruction, bool permission)
{
	if (iss & ISS_S1PTW)
		return permission ? ACCESS_WRITE : ACCESS_READ;
	if (instruction)
		return ACCESS_EXEC;
	if ((iss & ISS_CM) != 0 && !permission)
		return ACCESS_READ;
	return iss & ISS_WNR ? ACCESS_WRITE : ACCESS_READ;
}

/* An external abort of the guest's own access, or what cannot be: its to bear. */
static __attribute__((noinline, cold)) bool not_of_stage2(struct arch_vcpu *v, bool instruction)
{
	inject_external_abort(v, instruction);
	return false;
}

/* All but the most frequent: permissions, access flags, the guest's table walks. */
static __attribute__((noinline)) bool abort_rest(struct arch_vcpu *v, uint64_t esr,
						 struct exit *out, uint64_t far, uint64_t hpfar)
{
	uint32_t iss = (uint32_t)ESR_ISS(esr), kind = ISS_FSC(iss) & FSC_LEVEL_MASK;
	bool permission = kind == FSC_PERMISSION, instruction = ESR_EC(esr) == EC_IABT_LOWER;
	uint64_t ipa;

	if (ISS_FSC(iss) > (FSC_PERMISSION | 3u))
		return not_of_stage2(v, instruction);
	if (!fault_address(v, iss, far, hpfar, &ipa))
		return false;
	v->forget = permission;
	v->fault_ipa = ipa;
	out->kind = EXIT_S2_FAULT;
	out->fault = (struct s2_fault){
		.gpa = gpa(ipa),
		.access = access_of(iss, instruction, permission),
		.present = permission || kind == FSC_ACCESS_FLAG,
		.table_walk = (iss & ISS_S1PTW) != 0,
	};
	return true;
}

bool exit_abort(struct arch_vcpu *v, uint64_t esr, struct exit *out)
{
	const uint64_t far = read_sysreg(far_el2), hpfar = read_sysreg(hpfar_el2);
	uint32_t iss = (uint32_t)ESR_ISS(esr);

	v->far = far;
	v->hpfar = hpfar;
	if (__builtin_expect((iss & (FSC_LEVEL_MASK | ISS_S1PTW)) != FSC_TRANSLATION, false))
		return abort_rest(v, esr, out, far, hpfar);
	/* Nothing is mapped there, by an access of the guest's own. */
	out->kind = EXIT_S2_FAULT;
	out->fault.gpa = gpa(HPFAR_IPA(hpfar) | (far & PAGE_MASK));
	out->fault.access = access_of(iss, ESR_EC(esr) == EC_IABT_LOWER, false);
	out->fault.present = false;
	out->fault.table_walk = false;
	out->fault.unmarked = false;
	return true;
}

/* ---- The others ------------------------------------------------------------------------------ */

/*
 * WFI goes on at once if an interrupt is there, masked or not. With its CPU interface off the guest
 * waits for good, whatever its distributor and timer do: none of it is signalled to it.
 */
static bool wait(struct arch_vcpu *v, struct exit *out)
{
	v->pc += 4;
	if ((ESR_ISS(v->esr) & WFX_IS_WFE) != 0 || vgic_pending(v) || vtimer_due(v))
		return false;
	out->kind = EXIT_HALT;
	out->halt.irqs_off = vgic_off();
	out->halt.timer_ns = out->halt.irqs_off ? UINT64_MAX : vtimer_next(v);
	return true;
}

static bool call(struct arch_vcpu *v, struct exit *out)
{
	switch (v->esr & 0xffff) {
	case HVC_FIRMWARE: return firmware(v, out);
	default:
		v->pc -= 4; /* the instruction is the undefined one */
		inject_undefined(v);
		return false;
	}
}

static bool synchronous(struct arch_vcpu *v, struct exit *out)
{
	switch (ESR_EC(v->esr)) {
	case EC_HVC64: return call(v, out);
	case EC_WFX: return wait(v, out);
	case EC_SYSREG: return !sysreg_serve(v, out);
	case EC_SMC64: v->pc += 4; return firmware(v, out);
	case EC_UNKNOWN:
	case EC_PAUTH:
	case EC_SVE: /* not in its identification registers */ inject_undefined(v); return false;
	default: return unhandled(out, "an exception that was not asked for");
	}
}

static bool interrupted(struct arch_vcpu *v, struct exit *out)
{
	struct hgic_taken taken = hgic_take_all();
	bool window = v->vgic.window;

	if (taken.guest_timer)
		vtimer_fired(v);
	if (taken.maintenance) {
		vgic_sync(v);
		v->vgic.window = false;
		vgic_maintained(v);
	}
	/* hv sets the timer anew after EXIT_HOST: that it fired may not be lost beside a window. */
	out->kind = taken.maintenance && window && !taken.others ? EXIT_IRQ_READY : EXIT_HOST;
	return true;
}

bool exit_other(struct arch_vcpu *v, unsigned how, struct exit *out)
{
	switch (how) {
	case LEFT_SYNC: return synchronous(v, out);
	case LEFT_IRQ: return interrupted(v, out);
	case LEFT_SERROR: return unhandled(out, "an SError while the guest ran");
	default: return unhandled(out, "the guest runs AArch32 code");
	}
}
