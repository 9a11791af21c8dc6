/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC (APM volume 2, chapter 16). Two ways to its registers: memory (xAPIC) or MSRs
 * (x2APIC). The timer is one-shot; its counter has 32 bits, so a far deadline is reached in
 * several steps, and an interrupt that comes early only sets it again.
 */
#include "arch/x86/apic.h"

#include <stdbool.h>

#include "arch/arch.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "arch/x86/traps.h"

#define APIC_ID 0x020u
#define APIC_TASK_PRIORITY 0x080u
#define APIC_EOI 0x0b0u
#define APIC_SPURIOUS 0x0f0u
#define APIC_COMMAND 0x300u
#define APIC_COMMAND_HIGH 0x310u
#define APIC_LVT_TIMER 0x320u
#define APIC_LVT_PERFORMANCE 0x340u
#define APIC_LVT_LINT0 0x350u
#define APIC_LVT_LINT1 0x360u
#define APIC_LVT_ERROR 0x370u
#define APIC_TIMER_INITIAL 0x380u
#define APIC_TIMER_CURRENT 0x390u
#define APIC_TIMER_DIVIDE 0x3e0u

#define APIC_SOFTWARE_ENABLE 0x100u
#define LVT_MASKED (1u << 16)
#define COMMAND_PENDING (1u << 12)
#define COMMAND_ASSERT (1u << 14)
#define COMMAND_INIT 0x500u
#define COMMAND_START 0x600u
#define DIVIDE_BY_1 0xbu

#define BASE_X2APIC (UINT64_C(1) << 10)
#define BASE_ENABLE (UINT64_C(1) << 11)
#define BASE_ADDRESS UINT64_C(0x000ffffffffff000)

#define MSR_X2APIC 0x800u

#define CALIBRATION_NS UINT64_C(1000000)
#define NS_PER_SECOND UINT64_C(1000000000)

static bool x2apic;
static volatile uint8_t *registers;
static struct clock_scale ns_to_ticks;

static uint32_t reg_read(unsigned offset)
{
	if (x2apic)
		return (uint32_t)rdmsr(MSR_X2APIC + (offset >> 4));
	return *(volatile uint32_t *)(volatile void *)(registers + offset);
}

static void reg_write(unsigned offset, uint32_t value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + (offset >> 4), value);
	else
		*(volatile uint32_t *)(volatile void *)(registers + offset) = value;
}

const char *apic_init(uint64_t base)
{
	struct cpuid one = cpuid(1, 0);
	uint64_t msr;

	if ((one.edx >> 9 & 1) == 0)
		return "the processor has no local APIC";
	msr = rdmsr(MSR_APIC_BASE);
	x2apic = (msr & BASE_X2APIC) || (one.ecx >> 21 & 1);
	if (x2apic)
		return NULL;
	registers =
		arch_map_device(hpa(base != 0 ? base : msr & BASE_ADDRESS), PAGE_SIZE, MEM_DEVICE);
	return registers != NULL ? NULL : "there is no room to map the local APIC";
}

void apic_enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	reg_write(APIC_TASK_PRIORITY, 0);
	reg_write(APIC_LVT_LINT0, LVT_MASKED);
	reg_write(APIC_LVT_LINT1, LVT_MASKED);
	reg_write(APIC_LVT_PERFORMANCE, LVT_MASKED);
	reg_write(APIC_LVT_ERROR, LVT_MASKED);
	reg_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	reg_write(APIC_TIMER_INITIAL, 0);
	reg_write(APIC_LVT_TIMER, INTERRUPT_TIMER);
	reg_write(APIC_SPURIOUS, APIC_SOFTWARE_ENABLE | INTERRUPT_SPURIOUS);
}

uint32_t apic_id(void)
{
	uint32_t id = reg_read(APIC_ID);

	return x2apic ? id : id >> 24;
}

static void command(uint32_t to, uint32_t what)
{
	if (x2apic) {
		/* x2APIC writes order nothing: what was stored before must be seen by the other. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC + (APIC_COMMAND >> 4), (uint64_t)to << 32 | what);
		return;
	}
	while (reg_read(APIC_COMMAND) & COMMAND_PENDING)
		pause();
	reg_write(APIC_COMMAND_HIGH, to << 24);
	reg_write(APIC_COMMAND, what);
}

void apic_send(uint32_t to, unsigned vector)
{
	command(to, COMMAND_ASSERT | vector);
}

void apic_send_init(uint32_t to)
{
	command(to, COMMAND_ASSERT | COMMAND_INIT);
}

void apic_send_start(uint32_t to, unsigned page)
{
	command(to, COMMAND_ASSERT | COMMAND_START | page);
}

void apic_end_of_interrupt(void)
{
	reg_write(APIC_EOI, 0);
}

void arch_cpu_kick(unsigned cpu)
{
	apic_send(cpus[cpu].apic_id, INTERRUPT_KICK);
}

/* ---- The timer ------------------------------------------------------------------------------ */

void apic_timer_calibrate(void)
{
	uint64_t from, spent, ticks;

	reg_write(APIC_LVT_TIMER, LVT_MASKED | INTERRUPT_TIMER);
	from = arch_time_ns();
	reg_write(APIC_TIMER_INITIAL, UINT32_MAX);
	clock_wait_ns(CALIBRATION_NS);
	ticks = UINT32_MAX - reg_read(APIC_TIMER_CURRENT);
	spent = arch_time_ns() - from;
	reg_write(APIC_TIMER_INITIAL, 0);
	reg_write(APIC_LVT_TIMER, INTERRUPT_TIMER);
	ticks = ticks * NS_PER_SECOND / spent;
	ns_to_ticks = clock_scale(NS_PER_SECOND, ticks > 1000 ? ticks : 1000);
}

/* Counts down to this CPU's deadline, one tick too late rather than too early. */
static void timer_program(void)
{
	uint64_t now = arch_time_ns(), when = this_cpu()->timer_ns;
	uint64_t ticks = 1 + (when > now ? clock_scaled(ns_to_ticks, when - now) : 0);

	reg_write(APIC_TIMER_INITIAL, ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX);
}

void arch_timer_set(uint64_t when_ns)
{
	this_cpu()->timer_ns = when_ns;
	if (when_ns == 0)
		reg_write(APIC_TIMER_INITIAL, 0);
	else
		timer_program();
}

void apic_timer_fired(void)
{
	struct cpu *c = this_cpu();

	if (c->timer_ns == 0)
		return;
	if (arch_time_ns() < c->timer_ns)
		timer_program();
	else
		c->timer_ns = 0;
}
