/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which the port sets itself up, and how it ends the machine. Each step either works
 * or says in one sentence what is missing; arch_init hands that sentence up.
 */
#include "arch/arm64/start.h"

#include <string.h>

#include "arch/arm64/clock.h"
#include "arch/arm64/console.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/hgic.h"
#include "arch/arm64/paging.h"
#include "arch/arm64/percpu.h"
#include "arch/arm64/stage2.h"
#include "arch/arm64/traps.h"
#include "arch/arm64/vgic.h"
#include "boot/bootinfo.h"

#define STOP_WAIT_NS UINT64_C(100000000)
#define SYS_EXIT_EXTENDED 0x20u
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

const char arch_name[] = "arm64";

extern unsigned char boot_stack[];

bool cpu_vhe;

static struct platform platform;
static const struct bootinfo *memory; /* what platform_memory may read */
static bool psci = true; /* by smc; an end that comes before the tables were read tries it */

void start_early(void)
{
	cpus[0].stack = boot_stack;
	write_sysreg(tpidr_el2, (uint64_t)(uintptr_t)&cpus[0]);
	traps_load();
	console_early();
	clock_count();
}

/* The bytes may lie in several ranges that follow each other. */
const void *platform_memory(uint64_t address, uint64_t bytes)
{
	uint64_t at = address;

	for (uint32_t i = 0; address != 0 && i < memory->range_count; i++) {
		const struct boot_range *r = &memory->ranges[i];

		if (r->kind == BOOT_MEM_RESERVED || at < r->base || at - r->base >= r->size)
			continue;
		if (bytes <= r->size - (at - r->base))
			return arch_linear(hpa(address));
		bytes -= r->size - (at - r->base);
		at = r->base + r->size;
	}
	return NULL;
}

static const char *read_tables(const struct bootinfo *boot)
{
	const char *why = "the firmware gives neither ACPI tables nor a device tree";

	memory = boot;
	if (boot->rsdp != 0)
		why = platform_read_acpi(boot->rsdp, &platform);
	if ((boot->rsdp == 0 || why != NULL) && boot->fdt != 0)
		why = platform_read_tree(boot->fdt, &platform);
	psci = platform.psci && !platform.psci_hvc;
	if (why == NULL && platform.refused != 0)
		hv_log("arm64: %u damaged ACPI tables were left out\n", platform.refused);
	if (platform.cpus_left_off != 0)
		hv_log("arm64: %u processors beyond %u are left off\n", platform.cpus_left_off,
		       ARCH_MAX_CPUS);
	if (why == NULL && !psci)
		hv_log("arm64: no PSCI by smc; one processor, and no way to power off\n");
	if (!psci)
		platform.cpu_count = 0;
	return why;
}

/* What each CPU sets before it may run guests. */
static void cpu_enable(void)
{
	traps_load();
	write_sysreg(hcr_el2, hcr_host());
	write_sysreg(cptr_el2, cpu_vhe ? CPTR_GUEST_VHE : CPTR_GUEST);
	write_sysreg(hstr_el2, 0);
	clock_enable();
	hgic_enable();
	vgic_enable();
	stage2_enable();
}

static const char *check(void)
{
	if ((read_sysreg(CurrentEL) >> 2 & 3) != 2)
		return "the hypervisor is not at EL2 (under QEMU: -M virt,virtualization=on)";
	cpu_vhe = (read_sysreg(hcr_el2) & HCR_E2H) != 0; /* as the loader found it fit */
	return stage2_check();
}

/* The steps after the checks; each needs the ones before it. */
static const char *set_up(struct bootinfo *boot)
{
	const char *why = read_tables(boot);

	if (why != NULL || (why = paging_init(boot)) != NULL)
		return why;
	(void)console_init(platform.console);
	if ((why = clock_init()) != NULL || (why = smp_init(&platform)) != NULL ||
	    (why = hgic_init(&platform)) != NULL)
		return why;
	stage2_init();
	hv_log("arm64: EL2 %s VHE; stage 2: %u bits, VMIDs of %u, dirty state by %s\n",
	       cpu_vhe ? "with" : "without", stage2_ipa_bits(), stage2.vmid_bits,
	       stage2.hw_dirty ? "the processor" : "faults");
	cpu_enable();
	cpus[0].up = true;
	pci_init(&platform);
	wall_init(&platform);
	return NULL;
}

const char *arch_init(struct bootinfo *boot)
{
	const char *why;

	if (boot->magic != BOOTINFO_MAGIC || boot->version != BOOTINFO_VERSION ||
	    boot->range_count > BOOT_MAX_RANGES)
		return "the loader's hand-over is not of this version";
	why = check();
	if (why == NULL)
		why = set_up(boot);
	paging_close();
	return why;
}

void start_other(unsigned cpu)
{
	write_sysreg(tpidr_el2, (uint64_t)(uintptr_t)&cpus[cpu]);
	cpu_enable();
	cpus[cpu].up = true;
}

unsigned arch_cpu_id(void)
{
	return this_cpu()->id;
}

/* ---- Waiting and ending --------------------------------------------------------------------- */

void arch_cpu_relax(void)
{
	yield();
}

void arch_cpu_kick(unsigned cpu)
{
	hgic_send(cpu, HGIC_KICK);
}

/* WFI ends for a masked interrupt too, and at once when one is pending. */
void arch_cpu_idle(void)
{
	dsb(sy);
	wfi();
	if (hgic_take_all().guest_timer)
		hgic_timer_active(false); /* of a vCPU that has left: it is seen when loaded */
}

void arch_page_clear(void *at)
{
	uint64_t zva = read_sysreg(dczid_el0), line = UINT64_C(4) << (zva & 15);
	uint64_t from = (uint64_t)(uintptr_t)at;

	if ((zva >> 4 & 1) != 0 || line > PAGE_SIZE)
		memset(at, 0, PAGE_SIZE);
	else
		for (uint64_t p = from; p < from + PAGE_SIZE; p += line)
			__asm__ volatile("dc zva, %0" : : "r"(p) : "memory");
	arch_guest_sync(at, PAGE_SIZE, true);
}

/* The others take no part any more; one that does not answer in time is left to itself. */
static void stop_others(void)
{
	uint64_t until = arch_time_ns() + STOP_WAIT_NS;

	for (unsigned i = 0; i < arch_cpu_count(); i++) {
		if (i == arch_cpu_id() || !cpus[i].up)
			continue;
		hgic_send(i, HGIC_STOP);
		while (!cpus[i].stopped && arch_time_ns() < until)
			yield();
	}
}

int64_t firmware_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	return (int64_t)x0;
}

_Noreturn void arch_machine_end(enum arch_end how, unsigned status)
{
	const uint64_t exit_block[2] = { ADP_STOPPED_APPLICATION_EXIT, (status << 1 | 1) & 0xff };

	if (how == ARCH_END_POWEROFF) {
		stop_others();
		if (status != 0)
			(void)semihosting(SYS_EXIT_EXTENDED, exit_block);
		if (psci)
			(void)firmware_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	}
	for (;;)
		wfi();
}
