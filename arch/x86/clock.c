/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC as the clock. Calibration waits for 2 ms of the HPET, whose ticks are tens of
 * nanoseconds, or for 10 ms of the PIT; both counters are read close together at each end, the
 * closest of some readings counts, since an emulator may be held up between two instructions.
 */
#include "arch/x86/clock.h"

#include "arch/arch.h"
#include "arch/x86/cpu.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define HPET_WAIT_NS UINT64_C(2000000)
#define PIT_WAIT_NS UINT64_C(10000000)

/* HPET (IA-PC HPET specification 1.0a, 2.3). */
#define HPET_CAPABILITIES 0x000u
#define HPET_CONFIGURATION 0x010u
#define HPET_COUNTER 0x0f0u
#define HPET_MAX_PERIOD_FS UINT64_C(100000000)

/* PIT channel 2, gated by port 0x61. */
#define PIT_HZ UINT64_C(1193182)
#define PIT_CHANNEL2 0x42u
#define PIT_COMMAND 0x43u
#define PORT_B 0x61u

static volatile uint8_t *hpet_registers;
static uint64_t tsc_start;
static struct clock_scale tsc_to_ns;

struct clock_scale clock_scale(uint64_t from_hz, uint64_t to_hz)
{
	struct clock_scale s = { 0, 0 };
	uint64_t from = from_hz, to = to_hz;

	/* The multiplier is to / from in 0.32 fixed point, made to lie in [1/2, 1). */
	while (to >= from) {
		if (from >> 62 == 0)
			from <<= 1;
		else
			to >>= 1;
		s.shift++;
	}
	while (to < from / 2) {
		from >>= 1;
		s.shift--;
	}
	while (from >> 32 != 0) {
		from >>= 1;
		to >>= 1;
	}
	s.mul = (uint32_t)((to << 32) / from);
	return s;
}

uint64_t clock_scaled(struct clock_scale s, uint64_t ticks)
{
	unsigned __int128 x = ticks;

	x = s.shift >= 0 ? x << s.shift : x >> -s.shift;
	return (uint64_t)(x * s.mul >> 32);
}

/* Two counters read together. */
struct reading {
	uint64_t reference, tsc;
};

static uint32_t hpet_now(void)
{
	return *(volatile uint32_t *)(volatile void *)(hpet_registers + HPET_COUNTER);
}

static struct reading hpet_read(void)
{
	struct reading best = { 0, 0 };
	uint64_t closest = UINT64_MAX;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t before = rdtsc();
		uint32_t now = hpet_now();
		uint64_t after = rdtsc();

		if (after - before < closest) {
			closest = after - before;
			best = (struct reading){ now, before + (after - before) / 2 };
		}
	}
	return best;
}

/* TSC ticks a second, 0: the HPET does not count. */
static uint64_t by_hpet(void)
{
	volatile uint64_t *configuration =
		(volatile uint64_t *)(volatile void *)(hpet_registers + HPET_CONFIGURATION);
	uint64_t period_fs =
		*(volatile uint64_t *)(volatile void *)(hpet_registers + HPET_CAPABILITIES) >> 32;
	struct reading from, to;
	uint64_t ticks, spent_ns;

	if (period_fs == 0 || period_fs > HPET_MAX_PERIOD_FS)
		return 0;
	*configuration |= 1;
	ticks = HPET_WAIT_NS * 1000000 / period_fs;
	from = hpet_read();
	for (uint64_t limit = rdtsc(); (uint32_t)(hpet_now() - (uint32_t)from.reference) < ticks;) {
		/* Half a minute of the fastest processor: it stands still. */
		if (rdtsc() - limit > (UINT64_C(1) << 37))
			return 0;
		pause();
	}
	to = hpet_read();
	spent_ns = (uint32_t)(to.reference - from.reference) * period_fs / 1000000;
	return (to.tsc - from.tsc) * NS_PER_SECOND / spent_ns;
}

/* The same by channel 2 of the PIT, counting down once from 65535: some 55 ms at most. */
static uint64_t by_pit(void)
{
	uint64_t count = PIT_HZ * (PIT_WAIT_NS / 1000000) / 1000, from, limit;

	out8(PORT_B, (uint8_t)((in8(PORT_B) & 0xfcu) | 1u));
	out8(PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0: OUT rises at the end */
	out8(PIT_CHANNEL2, (uint8_t)count);
	out8(PIT_CHANNEL2, (uint8_t)(count >> 8));
	from = limit = rdtsc();
	while ((in8(PORT_B) & 0x20u) == 0)
		if (rdtsc() - limit > (UINT64_C(1) << 37))
			return 0;
	return (rdtsc() - from) * PIT_HZ / count;
}

const char *clock_init(uint64_t hpet)
{
	uint64_t tsc_hz = 0;

	if (hpet != 0)
		hpet_registers = arch_map_device(hpa(hpet), PAGE_SIZE, MEM_DEVICE);
	if (hpet_registers != NULL)
		tsc_hz = by_hpet();
	if (tsc_hz == 0)
		tsc_hz = by_pit();
	if (tsc_hz < 1000000)
		return "the time-stamp counter cannot be measured: neither HPET nor PIT counts";
	tsc_to_ns = clock_scale(tsc_hz, NS_PER_SECOND);
	tsc_start = rdtsc();
	return NULL;
}

struct clock_scale clock_tsc_scale(void)
{
	return tsc_to_ns;
}

uint64_t clock_tsc_start(void)
{
	return tsc_start;
}

uint64_t arch_counter(void)
{
	return rdtsc();
}

uint64_t arch_stamp(void)
{
	return rdtsc();
}

uint64_t arch_time_ns(void)
{
	return clock_scaled(tsc_to_ns, rdtsc() - tsc_start);
}

void clock_wait_ns(uint64_t ns)
{
	uint64_t until = arch_time_ns() + ns;

	while (arch_time_ns() < until)
		pause();
}

struct arch_processor arch_processor(void)
{
	return (struct arch_processor){ 0 };
}
