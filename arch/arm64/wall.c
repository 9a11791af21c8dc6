/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's calendar clock: a PL031 (DDI 0224), whose data register counts seconds since 1970.
 */
#include <stddef.h>

#include "arch/arm64/start.h"

static volatile uint32_t *seconds;

void wall_init(const struct platform *p)
{
	if (p->clock != 0)
		seconds = arch_map_device(hpa(p->clock), PAGE_SIZE, MEM_DEVICE);
}

uint64_t arch_wall_seconds(void)
{
	return seconds != NULL ? *seconds : 0;
}
