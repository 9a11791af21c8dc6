/* SPDX-License-Identifier: BSD-2-Clause */
/* What both descriptions of the machine fill. */
#include "arch/arm64/platform.h"

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

void platform_add_cpu(struct platform *p, uint64_t mpidr, uint64_t gicr)
{
	mpidr &= MPIDR_AFFINITY;
	for (unsigned i = 0; i < p->cpu_count; i++)
		if (p->cpu[i].mpidr == mpidr)
			return;
	if (p->cpu_count == ARCH_MAX_CPUS)
		p->cpus_left_off++;
	else
		p->cpu[p->cpu_count++] = (struct platform_cpu){ mpidr, gicr };
}

void platform_add_gicr(struct platform *p, uint64_t base, uint64_t bytes)
{
	if (bytes != 0 && p->gicr_count < PLATFORM_MAX_REDISTRIBUTORS)
		p->gicr[p->gicr_count++] = (struct platform_range){ base, bytes };
}

void platform_add_window(struct platform *p, uint64_t base, uint64_t bytes)
{
	if (bytes != 0 && base + bytes > base && p->window_count < PLATFORM_MAX_WINDOWS)
		p->window[p->window_count++] = (struct platform_range){ base, bytes };
}
