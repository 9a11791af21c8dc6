/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One switch over the function numbers. Those of PSCI that take addresses or affinities exist
 * twice, with bit 30 for 64-bit arguments; the 32-bit ones look at the lower halves of the
 * registers only.
 */
#include "hv/dev/psci.h"

/* Function numbers without the bit for 64-bit arguments. */
#define SMCCC_VERSION UINT32_C(0x80000000)
#define SMCCC_ARCH_FEATURES UINT32_C(0x80000001)
#define VERSION UINT32_C(0x84000000)
#define CPU_SUSPEND UINT32_C(0x84000001)
#define CPU_OFF UINT32_C(0x84000002)
#define CPU_ON UINT32_C(0x84000003)
#define AFFINITY_INFO UINT32_C(0x84000004)
#define MIGRATE_INFO_TYPE UINT32_C(0x84000006)
#define SYSTEM_OFF UINT32_C(0x84000008)
#define SYSTEM_RESET UINT32_C(0x84000009)
#define FEATURES UINT32_C(0x8400000a)

#define CALL_64 UINT32_C(0x40000000)

#define PSCI_1_1 0x00010001
#define SMCCC_1_1 0x00010001

#define NO_TRUSTED_OS 2 /* MIGRATE_INFO_TYPE: nothing to migrate */

#define INFO_ON 0
#define INFO_OFF 1

/* CPU_SUSPEND, original format: all but StateID, StateType and PowerLevel is reserved. */
#define STATE_RESERVED UINT64_C(0xfcfe0000)
#define STATE_POWERDOWN UINT64_C(0x00010000)

/* MPIDR: Aff3, Aff2..Aff0; everything else must be zero in a target. */
#define AFFINITY_BITS UINT64_C(0xff00ffffff)

static struct psci_answer answer(int64_t value)
{
	return (struct psci_answer){ .then = PSCI_RETURN, .value = value };
}

/* Does a call of this number exist? */
static bool known(uint32_t nr)
{
	switch (nr) {
	case CPU_SUSPEND | CALL_64:
	case CPU_ON | CALL_64:
	case AFFINITY_INFO | CALL_64:
	case CPU_SUSPEND:
	case CPU_ON:
	case AFFINITY_INFO:
	case VERSION:
	case CPU_OFF:
	case MIGRATE_INFO_TYPE:
	case SYSTEM_OFF:
	case SYSTEM_RESET:
	case FEATURES:
	case SMCCC_VERSION: return true;
	default: return false;
	}
}

/* Can a processor begin there? An A64 instruction is aligned to 4. */
static bool good_entry(uint64_t entry, const struct psci_board *b)
{
	return (entry & 3) == 0 && entry >= b->ram_start && entry < b->ram_end;
}

static struct psci_answer suspend(uint64_t state, uint64_t entry, const struct psci_board *b)
{
	if (state & STATE_RESERVED)
		return answer(PSCI_INVALID_PARAMETERS);
	if ((state & STATE_POWERDOWN) && !good_entry(entry, b))
		return answer(PSCI_INVALID_ADDRESS);
	/* Even a powerdown may end in standby: then it returns to its caller (5.4). */
	return (struct psci_answer){ .then = PSCI_YIELD, .value = PSCI_SUCCESS };
}

static struct psci_answer cpu_on(uint64_t target, uint64_t entry, uint64_t context,
				 const struct psci_board *b)
{
	if (target >= b->cpus)
		return answer(PSCI_INVALID_PARAMETERS);
	if (b->on >> target & 1)
		return answer(PSCI_ALREADY_ON);
	if (!good_entry(entry, b))
		return answer(PSCI_INVALID_ADDRESS);
	return (struct psci_answer){
		.then = PSCI_CPU_ON, .target = (unsigned)target, .entry = entry, .context = context
	};
}

/* All CPUs are in one cluster, so from level 1 on the instance is all of them, or none. */
static struct psci_answer affinity_info(uint64_t target, uint64_t level, const struct psci_board *b)
{
	if ((target & ~AFFINITY_BITS) != 0 || level > 3)
		return answer(PSCI_INVALID_PARAMETERS);
	if (level == 0)
		return target >= b->cpus     ? answer(PSCI_INVALID_PARAMETERS)
		       : b->on >> target & 1 ? answer(INFO_ON)
					     : answer(INFO_OFF);
	/* Fields below the level do not count. Aff3 stands above a gap of a byte. */
	target &= level == 3 ? UINT64_C(0xff00000000) : ~UINT64_C(0) << (8 * level);
	if (target != 0)
		return answer(PSCI_INVALID_PARAMETERS);
	return answer(b->on != 0 ? INFO_ON : INFO_OFF);
}

static struct psci_answer arch_features(uint64_t nr)
{
	bool there = (uint32_t)nr == SMCCC_VERSION || (uint32_t)nr == SMCCC_ARCH_FEATURES;

	return answer(there ? 0 : PSCI_NOT_SUPPORTED);
}

struct psci_answer psci_call(uint64_t nr, const uint64_t *arg, const struct psci_board *b)
{
	uint32_t number = (uint32_t)nr;
	uint64_t mask = number & CALL_64 ? UINT64_MAX : UINT32_MAX;
	uint64_t a = arg[0] & mask, second = arg[1] & mask, third = arg[2] & mask;

	switch (number) {
	case SMCCC_VERSION: return answer(SMCCC_1_1);
	case SMCCC_ARCH_FEATURES: return arch_features(a);
	case VERSION: return answer(PSCI_1_1);
	case CPU_SUSPEND:
	case CPU_SUSPEND | CALL_64: return suspend(a & UINT32_MAX, second, b);
	case CPU_OFF: return (struct psci_answer){ .then = PSCI_CPU_OFF };
	case CPU_ON:
	case CPU_ON | CALL_64: return cpu_on(a, second, third, b);
	case AFFINITY_INFO:
	case AFFINITY_INFO | CALL_64: return affinity_info(a, second, b);
	case MIGRATE_INFO_TYPE: return answer(NO_TRUSTED_OS);
	case SYSTEM_OFF: return (struct psci_answer){ .then = PSCI_POWER_OFF };
	case SYSTEM_RESET: return (struct psci_answer){ .then = PSCI_RESET };
	case FEATURES: return answer(known((uint32_t)a) ? 0 : PSCI_NOT_SUPPORTED);
	default: return answer(PSCI_NOT_SUPPORTED);
	}
}
