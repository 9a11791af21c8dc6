/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving a vCPU's system registers. HCR_EL2 has the guest's traps while one is loaded and the
 * host's else; the hypervisor's own translation does not depend on it.
 */
#include "arch/arm64/switch.h"

#include <string.h>

#include "arch/arm64/cpu.h"
#include "arch/arm64/stage2.h"

#define HCR_TRAPS                                                                               \
	(HCR_VM | HCR_SWIO | HCR_FB | HCR_BSU_INNER | HCR_TWI | HCR_TID1 | HCR_TID3 | HCR_TSC | \
	 HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_TERR)
#define MPIDR_RES1 (UINT64_C(1) << 31)

void switch_reset(struct arch_vcpu *v)
{
	memset(v->x, 0, sizeof v->x);
	memset(&v->el1, 0, sizeof v->el1);
	memset(&v->fp, 0, sizeof v->fp);
	v->el1.sctlr_el1 = SCTLR_EL1_RESET;
	v->pstate = PSR_EL1H | PSR_DAIF;
}

#define WRITE(name) write_sysreg(name, s->name);
#define WRITE_EL1(name) write_sysreg(name##_el1, s->name##_el1);
#define WRITE_EL12(name) write_sysreg(name##_el12, s->name##_el1);
#define READ(name) s->name = read_sysreg(name);
#define READ_EL1(name) s->name##_el1 = read_sysreg(name##_el1);
#define READ_EL12(name) s->name##_el1 = read_sysreg(name##_el12);

static void el1_write(const struct el1_state *s)
{
	EL1_REGISTERS(WRITE)
	if (cpu_vhe) {
		EL1_RENAMED(WRITE_EL12)
	} else {
		EL1_RENAMED(WRITE_EL1)
	}
}

void switch_read(struct el1_state *s)
{
	EL1_REGISTERS(READ)
	if (cpu_vhe) {
		EL1_RENAMED(READ_EL12)
	} else {
		EL1_RENAMED(READ_EL1)
	}
}

void switch_load(const struct arch_vcpu *v)
{
	el1_write(&v->el1);
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	write_sysreg(vmpidr_el2,
		     MPIDR_RES1 | (uint64_t)(v->index >> 4) << 8 | (uint64_t)(v->index & 15));
	write_sysreg(vttbr_el2, stage2_vttbr(v->s2));
	write_sysreg(hcr_el2, hcr_host() | HCR_TRAPS | (stage2.fwb ? HCR_FWB : 0));
	isb();
	fp_load(&v->fp);
}

void switch_unload(struct arch_vcpu *v)
{
	switch_read(&v->el1);
	write_sysreg(mdscr_el1, 0);
	write_sysreg(hcr_el2, hcr_host());
	isb();
	fp_save(&v->fp);
}

static bool uses_sp_el0(const struct arch_vcpu *v)
{
	return (v->pstate & PSR_MODE) != PSR_EL1H;
}

uint64_t vcpu_sp(const struct arch_vcpu *v)
{
	return uses_sp_el0(v) ? read_sysreg(sp_el0) : read_sysreg(sp_el1);
}

void vcpu_sp_set(struct arch_vcpu *v, uint64_t value)
{
	if (uses_sp_el0(v))
		write_sysreg(sp_el0, value);
	else
		write_sysreg(sp_el1, value);
}
