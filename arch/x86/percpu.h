/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU has of its own. GS base points to it in the hypervisor; every #VMEXIT is
 * followed by a VMLOAD of the host's values, so a guest's GS is never seen by C code.
 */
#ifndef ARCH_X86_PERCPU_H
#define ARCH_X86_PERCPU_H

/* Offsets for assembly, asserted in percpu.c. */
#define CPU_HOST_VMCB 8

#ifndef __ASSEMBLER__

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"

/* ASIDs in use: 1..MAX_ASIDS - 1; more than enough, fewer where the processor has fewer. */
#define MAX_ASIDS 64u

#define STACK_ORDER 3u /* of each CPU: 20 KiB of stack above three of 4 KiB for IST 1..3 */
#define STACK_BYTES (PAGE_SIZE << STACK_ORDER)

/* Selectors of each CPU's GDT. */
#define SELECTOR_CODE 0x08u
#define SELECTOR_DATA 0x10u
#define SELECTOR_TSS 0x18u

/* APM volume 2, 12.2.5. */
struct __attribute__((packed)) tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
};

struct cpu {
	unsigned id; /* GS:0 */
	uint32_t apic_id;
	uint64_t host_vmcb;   /* hpa of the page that VMSAVE and VMLOAD keep the host's state in */
	unsigned char *stack; /* STACK_BYTES */
	uint64_t hsave;	      /* hpa of VM_HSAVE_PA's page */
	_Atomic bool up;      /* has reached hv_cpu_main */
	_Atomic bool stopped; /* will execute nothing any more */

	/* This CPU alone. */
	uint64_t timer_ns; /* what arch_timer_set asked for; 0: nothing */
	/* The vCPU that used an ASID last on this CPU: translations with that tag are its. */
	const struct arch_vcpu *asid_user[MAX_ASIDS];
	/* Debug: the flush generation at which this CPU's TLB was last emptied of an ASID. */
	uint64_t asid_gen[MAX_ASIDS];

	uint64_t gdt[5];
	struct tss tss;
};

extern struct cpu cpus[ARCH_MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
	return &cpus[arch_cpu_id()];
}

/* Loads this CPU's own GDT, TSS, IDT and GS. From now on exceptions are reported. */
void cpu_tables_load(unsigned cpu);

/* Control registers, PAT, EFER, the FPU: as the hypervisor wants them on each CPU. */
void cpu_registers_set(void);

#endif
#endif
