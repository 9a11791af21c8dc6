/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticks and nanoseconds are turned into each other by a 32.32 multiplier each, rounded so that a
 * timer set for a time never fires before it.
 */
#include "arch/ppc64/clock.h"

#include "arch/arch.h"
#include "arch/ppc64/vcpu.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define HDEC_MAX UINT64_C(0x7fffffff)
/*
 * How long a guest is left alone at most. An emulator may hold the hypervisor's doorbell back while
 * the guest has interrupts off, so a kick is looked for at each; and with a window wanted, whether
 * the guest has them on.
 */
#define LOOK_NS UINT64_C(5000000)
#define WINDOW_NS UINT64_C(50000)

static uint64_t start, hz_of_timebase;
static uint64_t ns_per_tick, ticks_per_ns; /* 32.32 */

static uint64_t scaled(uint64_t value, uint64_t factor)
{
	unsigned __int128 n = (unsigned __int128)value * factor >> 32;

	return n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
}

const char *clock_init(uint64_t hz)
{
	if (hz < 1000 || hz > NS_PER_SECOND)
		return "the device tree does not say how fast the timebase counts";
	hz_of_timebase = hz;
	ns_per_tick = (NS_PER_SECOND << 32) / hz;
	ticks_per_ns = ((hz << 32) + NS_PER_SECOND - 1) / NS_PER_SECOND;
	start = mfspr(SPR_TB);
	return NULL;
}

void clock_enable(void)
{
	this_cpu()->deadline = UINT64_MAX;
	mtspr(SPR_HDEC, HDEC_MAX);
}

uint64_t arch_time_ns(void)
{
	return scaled(mfspr(SPR_TB) - start, ns_per_tick);
}

/*
 * Where a plugin of QEMU counts instructions, the store behind the marker shows it where to write
 * their count (tests/bench/plugin/count.c). Else the timebase. Nothing interrupts the two.
 */
uint64_t arch_counter(void)
{
	uint64_t *box = &this_cpu()->counted, count;

	__asm__ volatile("xori 26, 26, 0\n\tstd %2, 0(%1)\n\tld %0, 0(%1)"
			 : "=r"(count)
			 : "b"(box), "r"(UINT64_MAX)
			 : "memory");
	return count != UINT64_MAX ? count : mfspr(SPR_TB);
}

uint64_t arch_stamp(void)
{
	return mfspr(SPR_TB);
}

uint64_t clock_ns_at(uint64_t ticks)
{
	uint64_t ns = scaled(ticks - start, ns_per_tick);

	return ns >= UINT64_MAX - 1 ? UINT64_MAX - 1 : ns + 1;
}

uint64_t clock_ticks(uint64_t ns)
{
	return scaled(ns, ticks_per_ns);
}

void arch_timer_set(uint64_t when_ns)
{
	uint64_t ticks = clock_ticks(when_ns);

	this_cpu()->deadline =
		when_ns == 0 || ticks >= UINT64_MAX - start - 1 ? UINT64_MAX : ticks + start + 1;
	clock_look();
}

void clock_arm(uint64_t at_most)
{
	uint64_t now = mfspr(SPR_TB), deadline = this_cpu()->deadline;
	uint64_t left = deadline > now ? deadline - now : 0;

	left = left > at_most ? at_most : left;
	mtspr(SPR_HDEC, left > HDEC_MAX ? HDEC_MAX : left);
}

/*
 * Whatever it depends on calls it: the deadline, the window, the vCPU that is loaded, and the
 * decrementer when it has come. Once armed it runs on, in the hypervisor too, where it interrupts
 * nobody (MSR.EE = 0); so an entry needs not arm it.
 */
void clock_look(void)
{
	const struct arch_vcpu *v = this_cpu()->loaded;

	clock_arm(clock_ticks(v != NULL && v->window ? WINDOW_NS : LOOK_NS));
}

void clock_due(void)
{
	if (mfspr(SPR_TB) >= this_cpu()->deadline)
		this_cpu()->deadline = UINT64_MAX;
}

/* The hypervisor runs a guest on the processor it has. */
struct arch_processor arch_processor(void)
{
	return (struct arch_processor){ (uint32_t)mfspr(SPR_PVR), hz_of_timebase };
}
