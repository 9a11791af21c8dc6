/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other CPUs, started by the firmware (PSCI CPU_ON, DEN 0022) at entry_other with the
 * physical address of their struct cpu_start, which they read without an MMU: so it is cleaned to
 * memory first.
 */
#include "arch/arm64/start.h"

#include "arch/arm64/clock.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/paging.h"
#include "arch/arm64/percpu.h"

#define START_LIMIT_NS UINT64_C(1000000000)
#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

struct cpu cpus[ARCH_MAX_CPUS];
static unsigned cpu_count = 1;

_Static_assert(offsetof(struct cpu_start, root) == CPU_START_ROOT, "entry.S uses it");
_Static_assert(offsetof(struct cpu_start, tcr) == CPU_START_TCR, "entry.S uses it");
_Static_assert(offsetof(struct cpu_start, stack) == CPU_START_STACK, "entry.S uses it");
_Static_assert(offsetof(struct cpu_start, cpu) == CPU_START_CPU, "entry.S uses it");

extern const unsigned char entry_other[], entry_linked[];

unsigned arch_cpu_count(void)
{
	return cpu_count;
}

const char *smp_init(const struct platform *p)
{
	uint64_t self = read_sysreg(mpidr_el1) & MPIDR_AFFINITY;

	cpus[0].mpidr = self;
	cpu_count = 1;
	for (unsigned i = 0; i < p->cpu_count && cpu_count < ARCH_MAX_CPUS; i++)
		if (p->cpu[i].mpidr != self) {
			cpus[cpu_count].id = cpu_count;
			cpus[cpu_count++].mpidr = p->cpu[i].mpidr;
		}
	return NULL;
}

enum result arch_cpu_start(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];
	uint64_t until;

	if (cpu == 0 || cpu >= cpu_count)
		return BAD_ARGUMENT;
	if (c->up)
		return OK;
	if (c->stack == NULL)
		c->stack = hv_pages(STACK_ORDER);
	if (c->stack == NULL)
		return OUT_OF_MEMORY;
	c->start.stack = (uint64_t)(uintptr_t)c->stack + STACK_BYTES;
	c->start.go_on = (uint64_t)(uintptr_t)entry_linked;
	c->start.cpu = cpu;
	c->start.hcr = hcr_host();
	paging_registers(&c->start.root, &c->start.mair, &c->start.tcr, &c->start.sctlr);
	cache_clean(&c->start, sizeof c->start);
	if (firmware_call(PSCI_CPU_ON, c->mpidr, phys_of(entry_other).v, phys_of(&c->start).v) != 0)
		return NOT_FOUND;
	until = arch_time_ns() + START_LIMIT_NS;
	while (!c->up && arch_time_ns() < until)
		yield();
	return c->up ? OK : NOT_FOUND;
}
