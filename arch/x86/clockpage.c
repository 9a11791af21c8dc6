/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paravirtual clock's pages as a guest's kernel knows them
 * (Documentation/virt/kvm/x86/msr.rst): system time = time + ((tsc - stamp) scaled), the scale in
 * the form of struct clock_scale. The clock counts from the hypervisor's own start-up, and never
 * jumps.
 */
#include <string.h>

#include "arch/x86/clock.h"
#include "arch/x86/vcpu.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define TSC_STABLE 1u	 /* one clock for all vCPUs */
#define FIRST_VERSION 2u /* even: may be read */

struct pv_clock {
	uint32_t version;
	uint32_t reserved;
	uint64_t tsc_stamp;
	uint64_t system_ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t reserved2[2];
};

struct pv_wall_clock {
	uint32_t version;
	uint32_t seconds; /* wall time at system time 0 */
	uint32_t nanoseconds;
};

_Static_assert(sizeof(struct pv_clock) == 32, "msr.rst");
_Static_assert(sizeof(struct pv_wall_clock) == 12, "msr.rst");

static size_t wall_clock(uint64_t wall_seconds, void *out, size_t room)
{
	uint64_t start_ns = wall_seconds * NS_PER_SECOND - arch_time_ns();
	struct pv_wall_clock page = {
		.version = FIRST_VERSION,
		.seconds = (uint32_t)(start_ns / NS_PER_SECOND),
		.nanoseconds = (uint32_t)(start_ns % NS_PER_SECOND),
	};

	if (room < sizeof page)
		return 0;
	memcpy(out, &page, sizeof page);
	return sizeof page;
}

size_t arch_clock_fill(struct arch_vcpu *v, bool wall, uint64_t wall_seconds, void *out,
		       size_t room)
{
	struct clock_scale scale = clock_tsc_scale();
	struct pv_clock page = {
		.version = FIRST_VERSION + 2 * v->tsc_writes,
		.tsc_stamp = clock_tsc_start() + v->vmcb.tsc_offset,
		.system_ns = 0,
		.mul = scale.mul,
		.shift = scale.shift,
		.flags = TSC_STABLE,
	};

	if (wall)
		return wall_clock(wall_seconds, out, room);
	if (room < sizeof page)
		return 0;
	memcpy(out, &page, sizeof page);
	return sizeof page;
}
