/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own translation, done by the processor (AT S1E1R): while the vCPU is loaded its stage
 * 1 is in force. PAR_EL1 is the guest's, and is given back.
 */
#include "arch/arm64/cpu.h"
#include "arch/arm64/vcpu.h"

#define PAR_FAILED UINT64_C(1)
#define PAR_ADDRESS UINT64_C(0x000ffffffffff000)

bool gwalk(struct arch_vcpu *v, uint64_t va, uint64_t *gpa)
{
	uint64_t guests = read_sysreg(par_el1), par;

	(void)v;
	__asm__ volatile("at s1e1r, %0\n\tisb" : : "r"(va) : "memory");
	par = read_sysreg(par_el1);
	write_sysreg(par_el1, guests);
	*gpa = (par & PAR_ADDRESS) | (va & PAGE_MASK);
	return (par & PAR_FAILED) == 0;
}
