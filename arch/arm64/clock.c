/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticks and nanoseconds are turned into each other by a 32.32 multiplier each, rounded so that a
 * timer set for a time never fires before it.
 */
#include "arch/arm64/clock.h"

#include "arch/arch.h"
#include "arch/arm64/cpu.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define TIMER_ENABLE UINT64_C(1)
#define PMCR_ENABLE 0x1u
#define PMCR_LONG_CYCLES 0x40u
#define PMCR_N(pmcr) ((pmcr) >> 11 & 31u)
#define CYCLES (UINT64_C(1) << 31)    /* the cycle counter's bit */
#define COUNT_EL2 (UINT64_C(1) << 27) /* PMCCFILTR_EL0.NSH */

static uint64_t start;
static uint64_t ns_per_tick, ticks_per_ns; /* 32.32 */

static uint64_t scaled(uint64_t value, uint64_t factor)
{
	return (uint64_t)((unsigned __int128)value * factor >> 32);
}

/* The counter may be read ahead of what came before: the isb orders it. */
static uint64_t ticks_now(void)
{
	isb();
	return read_sysreg(cntpct_el0) - start;
}

const char *clock_init(void)
{
	uint64_t hz = read_sysreg(cntfrq_el0);

	if (hz < 1000 || hz > NS_PER_SECOND)
		return "the firmware has not said how fast the generic timer counts";
	ns_per_tick = (NS_PER_SECOND << 32) / hz;
	ticks_per_ns = ((hz << 32) + NS_PER_SECOND - 1) / NS_PER_SECOND;
	start = read_sysreg(cntpct_el0);
	return NULL;
}

void clock_count(void)
{
	write_sysreg(pmccfiltr_el0, COUNT_EL2);
	write_sysreg(pmcntenset_el0, CYCLES);
	write_sysreg(pmcr_el0, PMCR_ENABLE | PMCR_LONG_CYCLES);
	isb();
}

void clock_enable(void)
{
	uint64_t counters = PMCR_N(read_sysreg(pmcr_el0));

	write_sysreg(cnthp_ctl_el2, 0);
	write_el0(cntv_ctl, 0);
	write_sysreg(cntvoff_el2, start);
	write_sysreg(cnthctl_el2, cpu_vhe ? CNTHCTL_GUEST_VHE : CNTHCTL_GUEST);
	write_sysreg(mdcr_el2, MDCR_CAUGHT | counters);
	clock_count();
}

uint64_t arch_time_ns(void)
{
	return scaled(ticks_now(), ns_per_tick);
}

/* Cycles; under an emulator that counts instructions, exactly these. */
uint64_t arch_counter(void)
{
	isb();
	return read_sysreg(pmccntr_el0);
}

uint64_t arch_stamp(void)
{
	return read_sysreg(cntpct_el0);
}

uint64_t clock_guest_ns(uint64_t ticks)
{
	unsigned __int128 ns = (unsigned __int128)ticks * ns_per_tick >> 32;

	return ns > UINT64_MAX - 1 ? UINT64_MAX : (uint64_t)ns + 1;
}

void arch_timer_set(uint64_t when_ns)
{
	if (when_ns == 0) {
		write_sysreg(cnthp_ctl_el2, 0);
		return;
	}
	unsigned __int128 ticks = ((unsigned __int128)when_ns * ticks_per_ns >> 32) + 1 + start;
	write_sysreg(cnthp_cval_el2, ticks > UINT64_MAX ? UINT64_MAX : (uint64_t)ticks);
	write_sysreg(cnthp_ctl_el2, TIMER_ENABLE);
	isb();
}

void clock_timer_fired(void)
{
	write_sysreg(cnthp_ctl_el2, 0);
	isb();
}

void clock_wait_ns(uint64_t ns)
{
	uint64_t until = arch_time_ns() + ns;

	while (arch_time_ns() < until)
		yield();
}

struct arch_processor arch_processor(void)
{
	return (struct arch_processor){ 0 };
}
