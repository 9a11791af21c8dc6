/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU's own tables and control registers. The GDT is each CPU's own because its TSS descriptor
 * is; the IDT is shared. The TSS serves for one thing: NMI, double fault and machine check get a
 * stack that is certainly good (IST 1..3).
 */
#include "arch/x86/percpu.h"

#include "arch/x86/cpu.h"
#include "arch/x86/traps.h"

struct cpu cpus[ARCH_MAX_CPUS];

_Static_assert(offsetof(struct cpu, id) == 0, "arch_cpu_id reads GS:0");
_Static_assert(offsetof(struct cpu, host_vmcb) == CPU_HOST_VMCB, "svm_run.S uses it");
_Static_assert(sizeof(struct tss) == 104, "APM volume 2, 12.2.5");

#define GDT_CODE64 UINT64_C(0x00af9b000000ffff)
#define GDT_DATA UINT64_C(0x00cf93000000ffff)

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

/*
 * Write-back, write-combining, UC-, UC, twice: PWT and PCD alone choose. The nested tables use
 * this PAT too, not the guest's (APM volume 2, 15.25.8).
 */
#define PAT_VALUE UINT64_C(0x0007010600070106)

unsigned arch_cpu_id(void)
{
	unsigned id;

	/* Not volatile: code stays on its CPU, so two readings may be made one. */
	__asm__("movl %%gs:0, %0" : "=r"(id));
	return id;
}

static void tss_set(struct cpu *c)
{
	uint64_t base = (uint64_t)(uintptr_t)&c->tss, limit = sizeof c->tss - 1;

	for (unsigned i = 0; i < 3; i++)
		c->tss.ist[i] = (uint64_t)(uintptr_t)c->stack + (i + 1) * PAGE_SIZE;
	c->tss.io_map = sizeof c->tss;
	c->gdt[SELECTOR_TSS / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 |
				   UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
	c->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void cpu_tables_load(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];
	struct table_register gdt = { sizeof c->gdt - 1, (uint64_t)(uintptr_t)c->gdt };

	c->id = cpu;
	c->gdt[0] = 0;
	c->gdt[SELECTOR_CODE / 8] = GDT_CODE64;
	c->gdt[SELECTOR_DATA / 8] = GDT_DATA;
	tss_set(c);
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%eax\n\t"
			 "movw %%ax, %%ds\n\t"
			 "movw %%ax, %%es\n\t"
			 "movw %%ax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movw %%ax, %%fs\n\t"
			 "movw %%ax, %%gs\n\t"
			 "lldt %%ax\n\t"
			 "movl %3, %%eax\n\t"
			 "ltr %%ax"
			 :
			 : "m"(gdt), "i"(SELECTOR_CODE), "i"(SELECTOR_DATA), "i"(SELECTOR_TSS)
			 : "rax", "memory");
	wrmsr(MSR_GS_BASE, (uint64_t)(uintptr_t)c);
	trap_table_load();
}

void cpu_registers_set(void)
{
	struct cpuid one = cpuid(1, 0);
	uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	write_cr0((read_cr0() | CR0_MP | CR0_NE | CR0_WP) & ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW));
	write_cr4(one.ecx >> 26 & 1 ? cr4 | CR4_OSXSAVE : cr4);
	wrmsr(MSR_PAT, PAT_VALUE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
}
