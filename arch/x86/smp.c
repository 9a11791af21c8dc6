/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other CPUs, started one at a time: INIT, START twice, then wait until the CPU has set its own
 * flag. What a starting CPU needs stands in one page below 1 MiB; see trampoline.S.
 */
#include "arch/x86/smp.h"

#include <string.h>

#include "arch/x86/apic.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "arch/x86/paging.h"
#include "arch/x86/percpu.h"
#include "arch/x86/start.h"
#include "arch/x86/svm.h"

#define NS_PER_MS UINT64_C(1000000)
#define INIT_WAIT_NS (10 * NS_PER_MS)
#define START_WAIT_NS (NS_PER_MS / 5)
#define START_LIMIT_NS (1000 * NS_PER_MS)

/* As trampoline.S lays it out. */
struct __attribute__((packed)) trampoline_parameters {
	uint64_t stack;
	uint64_t entry;
	uint32_t root;
	uint32_t cpu;
	uint32_t far32;
	uint32_t far32_selector;
	uint32_t far64;
	uint32_t far64_selector;
	uint16_t gdt_limit;
	uint32_t gdt;
};

_Static_assert(offsetof(struct trampoline_parameters, stack) == 0, "see leave_boot_processor");

extern const unsigned char trampoline_start[], trampoline_end[], trampoline_parameters[];

static unsigned cpu_count = 1;
static hpa_t page; /* 0: none was to be had */
static struct trampoline_parameters *parameters;

/* ---- The boot processor under QEMU's TCG ------------------------------------------------------
 */

/*
 * QEMU (seen in 7.2) runs each processor in a thread of its own. Its instructions that load the x87
 * status - FXRSTOR, XRSTOR, FLDENV, FRSTOR, on whichever processor, in a guest or not - clear one
 * bit of the *first* processor's flags by a plain read and write, and so may bring back others that
 * this one has changed meanwhile: "nested paging is on", "in a guest", GIF. The first processor
 * then walks its guest's tables with the hypervisor's addresses, or worse. So it is left alone
 * there: when there are more than two, arch_init goes on on the second one, and the first stops for
 * ever.
 */
static bool emulated_by_tcg(void)
{
	struct cpuid r = cpuid(0x40000000, 0);

	return (cpuid(1, 0).ecx >> 31 & 1) && r.ebx == 0x54474354 && r.ecx == 0x43544743 &&
	       r.edx == 0x47435447; /* TCGTCGTCGTCG */
}

static _Atomic bool taken_over;

/* On the boot processor, on a small stack; entry.S. true: the other one has taken over. */
static bool start_successor(void)
{
	uint64_t until = arch_time_ns() + START_LIMIT_NS;
	uint32_t to = cpus[0].apic_id;

	apic_send_init(to);
	clock_wait_ns(INIT_WAIT_NS);
	apic_send_start(to, (unsigned)(page.v >> PAGE_SHIFT));
	while (!taken_over && arch_time_ns() < until)
		pause();
	return taken_over;
}

/* What runs this returns on the second processor, which is CPU 0 from now on. */
static void leave_boot_processor(void)
{
	uint32_t self = cpus[0].apic_id;

	cpus[0].apic_id = cpus[1].apic_id;
	parameters->cpu = 0;
	parameters->entry = (uint64_t)(uintptr_t)entry_switched;
	/* The stack's address comes first in the parameters. */
	if (smp_switch((uint64_t *)(void *)parameters, start_successor)) {
		paging_load();
		cpu_tables_load(0);
		cpu_registers_set();
		fpu_enable();
		apic_enable();
		taken_over = true;
		cpu_count--;
		for (unsigned i = 1; i < cpu_count; i++)
			cpus[i].apic_id = cpus[i + 1].apic_id;
	} else {
		cpus[0].apic_id = self;
	}
	parameters->entry = (uint64_t)(uintptr_t)entry_other;
}

/* ---- Starting -------------------------------------------------------------------------------- */

unsigned arch_cpu_count(void)
{
	return cpu_count;
}

const char *smp_take_page(struct bootinfo *boot)
{
	for (uint32_t i = 0; i < boot->range_count; i++) {
		struct boot_range *r = &boot->ranges[i];

		/* The page at 0 stays alone. The range keeps its lower part. */
		if (r->kind != BOOT_MEM_USABLE || r->size < PAGE_SIZE || r->base > 0xfe000)
			continue;
		uint64_t end = r->base + r->size;
		uint64_t at = (end < 0x100000 ? end : 0x100000) - PAGE_SIZE;
		if (at == 0 || at < r->base)
			continue;
		if (end != at + PAGE_SIZE || boot->range_count >= BOOT_MAX_RANGES)
			continue;
		for (uint32_t j = boot->range_count++; j > i + 1; j--)
			boot->ranges[j] = boot->ranges[j - 1];
		r->size -= PAGE_SIZE;
		boot->ranges[i + 1] = (struct boot_range){ .base = at,
							   .size = PAGE_SIZE,
							   .kind = BOOT_MEM_LOADER };
		page = hpa(at);
		return NULL;
	}
	return "there is no usable page below 1 MiB to start them with";
}

/* The page that a CPU starts in, filled but for what differs from CPU to CPU. */
static const char *prepare_page(void)
{
	unsigned char *at = arch_linear(page);
	hpa_t start_root = paging_start_root(page);

	if (start_root.v == 0)
		return "there is not enough memory for the page tables of starting processors";
	memcpy(at, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	parameters = (struct trampoline_parameters *)(void *)(at + (trampoline_parameters -
								    trampoline_start));
	parameters->root = (uint32_t)start_root.v;
	parameters->entry = (uint64_t)(uintptr_t)entry_other;
	parameters->far32 += (uint32_t)page.v;
	parameters->far64 += (uint32_t)page.v;
	parameters->gdt += (uint32_t)page.v;
	return NULL;
}

const char *smp_init(const struct acpi *acpi)
{
	uint32_t self = apic_id();
	const char *why;

	cpus[0].apic_id = self;
	cpus[0].up = true;
	cpu_count = 1;
	if (page.v == 0)
		return NULL;
	for (unsigned i = 0; i < acpi->cpu_count && cpu_count < ARCH_MAX_CPUS; i++)
		if (acpi->apic_id[i] != self)
			cpus[cpu_count++].apic_id = acpi->apic_id[i];
	if (cpu_count == 1)
		return NULL;
	why = prepare_page();
	if (why == NULL && cpu_count > 2 && emulated_by_tcg())
		leave_boot_processor();
	return why;
}

static bool came_up(struct cpu *c, uint64_t limit_ns)
{
	uint64_t until = arch_time_ns() + limit_ns;

	while (!c->up && arch_time_ns() < until)
		pause();
	return c->up;
}

enum result arch_cpu_start(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];

	if (cpu == 0 || cpu >= cpu_count)
		return BAD_ARGUMENT;
	if (c->up)
		return OK;
	if (c->stack == NULL)
		c->stack = hv_pages(STACK_ORDER);
	if (c->stack == NULL || !svm_pages(cpu))
		return OUT_OF_MEMORY;
	parameters->cpu = cpu;
	parameters->stack = (uint64_t)(uintptr_t)c->stack + STACK_BYTES;
	atomic_thread_fence(memory_order_seq_cst);
	apic_send_init(c->apic_id);
	clock_wait_ns(INIT_WAIT_NS);
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		apic_send_start(c->apic_id, (unsigned)(page.v >> PAGE_SHIFT));
		if (came_up(c, attempt == 0 ? START_WAIT_NS : START_LIMIT_NS))
			return OK;
	}
	return NOT_FOUND;
}
