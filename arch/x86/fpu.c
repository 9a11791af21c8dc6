/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor is compiled to use general registers only, so a guest's FPU state stays in the
 * processor across exits and moves only when another vCPU takes the CPU. XCR0 is the guest's own
 * while it is loaded: it can change it without an exit, and it decides what XSAVE stores, so all
 * components are switched on around the save.
 */
#include "arch/x86/fpu.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/vcpu.h"

#define XCR0_X87 UINT64_C(1)
#define FCW_RESET 0x037fu
#define MXCSR_RESET 0x1f80u

static uint64_t components; /* all that the processor has; 0: FXSAVE */

const char *fpu_init(void)
{
	struct cpuid area;

	if ((cpuid(1, 0).ecx >> 26 & 1) == 0)
		return NULL;
	area = cpuid(0xd, 0);
	components = (uint64_t)area.edx << 32 | area.eax;
	if (area.ecx > FPU_BYTES)
		return "the processor's extended registers take more room than a vCPU has for them";
	fpu_enable();
	return NULL;
}

void fpu_enable(void)
{
	if (components != 0)
		xsetbv0(components);
}

uint64_t fpu_components(void)
{
	return components;
}

void fpu_reset(struct arch_vcpu *v)
{
	const uint16_t control = FCW_RESET;
	const uint32_t mxcsr = MXCSR_RESET;
	const uint64_t present = 3; /* x87 and SSE come from the area, the rest is initial */

	memset(v->fpu, 0, sizeof v->fpu);
	memcpy(v->fpu, &control, sizeof control);
	memcpy(v->fpu + 24, &mxcsr, sizeof mxcsr);
	memcpy(v->fpu + 512, &present, sizeof present);
	v->xcr0 = XCR0_X87;
}

void fpu_load(struct arch_vcpu *v)
{
	if (components == 0) {
		__asm__ volatile("fxrstor64 %0" ::"m"(v->fpu));
		return;
	}
	xsetbv0(components);
	__asm__ volatile("xrstor64 %0" ::"m"(v->fpu), "a"((uint32_t)components),
			 "d"((uint32_t)(components >> 32)));
	xsetbv0(v->xcr0);
}

void fpu_save(struct arch_vcpu *v)
{
	if (components == 0) {
		__asm__ volatile("fxsave64 %0" : "=m"(v->fpu));
		return;
	}
	v->xcr0 = xgetbv0();
	xsetbv0(components);
	__asm__ volatile("xsave64 %0"
			 : "+m"(v->fpu)
			 : "a"((uint32_t)components), "d"((uint32_t)(components >> 32)));
}
