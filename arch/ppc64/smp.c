/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other CPUs, started by the firmware at entry_other. One is started at a time: cpu_starting is
 * what it reads, by its address, before it has anything of its own.
 */
#include "arch/ppc64/opal.h"
#include "arch/ppc64/percpu.h"
#include "arch/ppc64/start.h"

#define START_LIMIT_NS UINT64_C(1000000000)
#define STOP_WAIT_NS UINT64_C(10000000)

struct starting {
	uint64_t cpu, stack;
};
extern struct starting cpu_starting; /* arch/ppc64/entry.S reads it */
extern const unsigned char entry_other[];

struct cpu cpus[ARCH_MAX_CPUS];
struct starting cpu_starting;
static unsigned cpu_count = 1;
static _Atomic bool ending;

unsigned arch_cpu_count(void)
{
	return cpu_count;
}

void smp_init(const struct platform *p)
{
	for (unsigned i = 0; i < p->cpu_count && cpu_count < ARCH_MAX_CPUS; i++)
		if (p->pir[i] != cpus[0].pir) {
			cpus[cpu_count].id = cpu_count;
			cpus[cpu_count++].pir = p->pir[i];
		}
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
	cpu_starting.cpu = (uint64_t)(uintptr_t)c;
	cpu_starting.stack = (uint64_t)(uintptr_t)c->stack + STACK_BYTES - 64;
	ptesync();
	if (opal_call(OPAL_START_CPU, c->pir, (uint64_t)(uintptr_t)entry_other, 0, 0) !=
	    OPAL_SUCCESS)
		return NOT_FOUND;
	until = arch_time_ns() + START_LIMIT_NS;
	while (!c->up && arch_time_ns() < until)
		arch_cpu_relax();
	return c->up ? OK : NOT_FOUND;
}

/* The flag is what counts; the message (msgsnd, of the server's kind) makes the other look. */
void arch_cpu_kick(unsigned cpu)
{
	register uint64_t message __asm__("r5") = UINT64_C(5) << 27 | cpus[cpu].pir;

	atomic_store(&cpus[cpu].kicked, true);
	__asm__ volatile("sync\n\t.long 0x7c00019c | 5 << 11" : : "r"(message) : "memory");
}

void smp_stop_point(void)
{
	while (atomic_load_explicit(&ending, memory_order_relaxed))
		arch_cpu_relax();
}

void smp_stop_others(void)
{
	uint64_t until = arch_time_ns() + STOP_WAIT_NS;

	if (atomic_exchange(&ending, true))
		smp_stop_point();
	for (unsigned i = 0; i < cpu_count; i++)
		if (i != arch_cpu_id() && cpus[i].up)
			arch_cpu_kick(i);
	while (cpu_count > 1 && arch_time_ns() < until)
		arch_cpu_relax();
}
