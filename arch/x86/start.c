/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which the port sets itself up, and how it ends the machine. Each step either works
 * or says in one sentence what is missing; arch_init hands that sentence up.
 */
#include "arch/x86/start.h"

#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/clock.h"
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "arch/x86/npt.h"
#include "arch/x86/paging.h"
#include "arch/x86/pci.h"
#include "arch/x86/percpu.h"
#include "arch/x86/smp.h"
#include "arch/x86/svm.h"
#include "arch/x86/traps.h"

#define PIC_MASK_A 0x21u
#define PIC_MASK_B 0xa1u
#define PORT_DEBUG_EXIT 0xf4u
#define PM_SLEEP_ENABLE (1u << 13)
#define PM_SLEEP_TYPE_SHIFT 10u
#define STOP_WAIT_NS UINT64_C(100000000)

const char arch_name[] = "x86";

extern unsigned char boot_stack[];

static struct acpi acpi;
static uint64_t readable_end; /* of the loader's linear map */

void start_early(void)
{
	console_init();
	cpus[0].stack = boot_stack;
	cpu_tables_load(0);
}

/* Only before paging_init: the loader's linear map has all of the first 4 GiB, devices included. */
const void *acpi_memory(uint64_t address, uint64_t bytes)
{
	if (address == 0 || bytes > readable_end || address > readable_end - bytes)
		return NULL;
	return arch_linear(hpa(address));
}

static void read_tables(const struct bootinfo *boot)
{
	const char *why;

	readable_end = UINT64_C(1) << 32;
	for (uint32_t i = 0; i < boot->range_count; i++) {
		uint64_t end = boot->ranges[i].base + boot->ranges[i].size;

		if (boot->ranges[i].kind != BOOT_MEM_RESERVED && end > readable_end)
			readable_end = end;
	}
	why = acpi_read(boot->rsdp, &acpi);
	if (why != NULL)
		hv_log("x86: %s; one processor, and no way to power off\n", why);
	else if (acpi.refused != 0)
		hv_log("x86: %u damaged ACPI tables were left out\n", acpi.refused);
	if (acpi.cpus_left_off != 0)
		hv_log("x86: %u processors beyond %u are left off\n", acpi.cpus_left_off,
		       ARCH_MAX_CPUS);
}

/* Without an IDT entry of theirs the 8259s must be quiet; vectors away from the exceptions. */
static void pic_silence(void)
{
	static const uint8_t set_up[][2] = {
		{ 0x20, 0x11 },		 { 0xa0, 0x11 },
		{ 0x21, INTERRUPT_PIC }, { 0xa1, INTERRUPT_PIC + 8 },
		{ 0x21, 0x04 },		 { 0xa1, 0x02 },
		{ 0x21, 0x01 },		 { 0xa1, 0x01 },
	};

	for (unsigned i = 0; i < sizeof set_up / sizeof set_up[0]; i++)
		out8(set_up[i][0], set_up[i][1]);
	out8(PIC_MASK_A, 0xff);
	out8(PIC_MASK_B, 0xff);
}

/* The steps after the checks; each needs the ones before it. */
static const char *set_up(struct bootinfo *boot)
{
	const char *why, *lonely;

	read_tables(boot);
	lonely = smp_take_page(boot);
	why = paging_init(boot);
	if (why != NULL)
		return why;
	cpu_registers_set();
	pic_silence();
	if ((why = fpu_init()) != NULL || (why = apic_init(acpi.lapic)) != NULL ||
	    (why = clock_init(acpi.hpet)) != NULL)
		return why;
	apic_enable();
	apic_timer_calibrate();
	if ((why = smp_init(&acpi)) != NULL || (why = svm_init()) != NULL)
		return why;
	if (lonely != NULL && acpi.cpu_count > 1)
		hv_log("x86: the other processors stay off: %s\n", lonely);
	npt_init();
	pci_init(boot, &acpi, npt_physical_bits());
	return NULL;
}

const char *arch_init(struct bootinfo *boot)
{
	const char *why;

	if (boot->magic != BOOTINFO_MAGIC || boot->version != BOOTINFO_VERSION ||
	    boot->range_count > BOOT_MAX_RANGES)
		return "the loader's hand-over is not of this version";
	why = svm_check();
	if (why == NULL)
		why = set_up(boot);
	paging_close();
	return why;
}

void start_other(unsigned cpu)
{
	paging_load();
	cpu_tables_load(cpu);
	cpu_registers_set();
	fpu_enable();
	apic_enable();
	svm_enable();
	cpus[cpu].up = true;
}

/* ---- Waiting and ending --------------------------------------------------------------------- */

void arch_cpu_relax(void)
{
	pause();
}

/* Memory of a guest is write-back by the hypervisor's word, and code follows data. */
void arch_guest_sync(const void *at, size_t bytes, bool written)
{
	(void)at, (void)bytes, (void)written;
}

void arch_page_clear(void *at)
{
	uint64_t words = PAGE_SIZE / 8;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(UINT64_C(0)) : "memory");
}

/* The others take no part any more; one that does not answer in time is left to itself. */
static void stop_others(void)
{
	uint64_t until = arch_time_ns() + STOP_WAIT_NS;

	for (unsigned i = 0; i < arch_cpu_count(); i++) {
		if (i == arch_cpu_id() || !cpus[i].up)
			continue;
		apic_send(cpus[i].apic_id, INTERRUPT_STOP);
		while (!cpus[i].stopped && arch_time_ns() < until)
			pause();
	}
}

_Noreturn void arch_machine_end(enum arch_end how, unsigned status)
{
	if (how == ARCH_END_POWEROFF) {
		stop_others();
		if (status != 0)
			out32(PORT_DEBUG_EXIT, status);
		if (acpi.power_off)
			out16(acpi.pm1a_control,
			      (uint16_t)((unsigned)acpi.sleep_type << PM_SLEEP_TYPE_SHIFT |
					 PM_SLEEP_ENABLE));
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}
