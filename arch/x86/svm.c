/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SVM on and off the guest's way. Once a CPU has it, GIF alone says whether host interrupts come:
 * hypervisor code runs with GIF = 0 and IF = 1, and GIF is set at three places only: by VMRUN, in
 * the window after an exit, and to wait.
 */
#include "arch/x86/svm.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "arch/x86/paging.h"
#include "arch/x86/percpu.h"
#include "arch/x86/svm_maps.h"

static alignas(4096) unsigned char iopm[IOPM_BYTES];
static alignas(4096) unsigned char msrpm[MSRPM_BYTES];

/* In the VMCB, by way of VMLOAD and VMSAVE: the guest may have them without an exit. */
static const uint32_t free_msrs[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,	  MSR_LSTAR,
	MSR_CSTAR,	 MSR_SFMASK,	   MSR_FS_BASE,	     MSR_GS_BASE, MSR_KERNEL_GS_BASE,
};

const char *svm_check(void)
{
	if (cpuid(0x80000000, 0).eax < 0x8000000a || (cpuid(0x80000001, 0).ecx >> 2 & 1) == 0)
		return "the processor has no SVM (AMD's hardware virtualisation), or hides it";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return "the firmware has switched SVM off (VM_CR.SVMDIS): see its set-up";
	if ((cpuid(0x8000000a, 0).edx & 1) == 0)
		return "the processor's SVM has no nested paging";
	if (cpuid(0x8000000a, 0).ebx < 2)
		return "the processor's SVM has no ASID for a guest";
	if ((cpuid(0x80000001, 0).edx >> 20 & 1) == 0)
		return "the processor has no no-execute bit";
	return NULL;
}

/* APM volume 2, 15.11: two bits an MSR, three ranges of 8192 MSRs. */
static void msr_free(uint32_t msr)
{
	uint32_t byte = (msr >> 30 == 3 ? 0x800u : 0u) + (msr & 0x1fff) / 4;

	msrpm[byte] &= (unsigned char)~(3u << (msr & 3) * 2);
}

uint64_t svm_iopm(void)
{
	return phys_of(iopm).v;
}

uint64_t svm_msrpm(void)
{
	return phys_of(msrpm).v;
}

static void take_pages(struct cpu *c, void *hsave, void *host_vmcb)
{
	c->hsave = phys_of(hsave).v;
	c->host_vmcb = phys_of(host_vmcb).v;
}

const char *svm_init(void)
{
	void *hsave = paging_early_page(), *host_vmcb = paging_early_page();

	if (hsave == NULL || host_vmcb == NULL)
		return "there is not enough memory for the first processor's state";
	memset(iopm, 0xff, sizeof iopm);
	memset(msrpm, 0xff, sizeof msrpm);
	for (unsigned i = 0; i < sizeof free_msrs / sizeof free_msrs[0]; i++)
		msr_free(free_msrs[i]);
	take_pages(&cpus[0], hsave, host_vmcb);
	svm_enable();
	return NULL;
}

bool svm_pages(unsigned cpu)
{
	unsigned char *two;

	if (cpus[cpu].hsave != 0)
		return true;
	two = hv_pages(1);
	if (two == NULL)
		return false;
	take_pages(&cpus[cpu], two, two + PAGE_SIZE);
	return true;
}

void svm_enable(void)
{
	struct cpu *c = this_cpu();

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, c->hsave);
	/* GS, TR and the rest of what every exit loads again. */
	__asm__ volatile("clgi\n\t"
			 "sti\n\t"
			 "vmsave %0" ::"a"(c->host_vmcb)
			 : "memory");
}

void svm_interrupt_window(void)
{
	__asm__ volatile("stgi\n\t"
			 "nop\n\t"
			 "nop\n\t"
			 "clgi" ::
				 : "memory");
}

/* STI lets nothing in before the instruction behind it, so no interrupt falls between it and HLT.
 */
void arch_cpu_idle(void)
{
	__asm__ volatile("cli\n\t"
			 "stgi\n\t"
			 "sti\n\t"
			 "hlt\n\t"
			 "clgi" ::
				 : "memory");
}
