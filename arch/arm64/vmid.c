/* SPDX-License-Identifier: BSD-2-Clause */
/* VMIDs in turn; see stage2.h. */
#include <string.h>

#include "arch/arm64/stage2.h"

void vmid_pool_init(struct vmid_pool *p, unsigned bits)
{
	memset(p, 0, sizeof *p);
	p->count = UINT32_C(1) << bits;
	p->next = 1;
}

uint32_t vmid_get(struct vmid_pool *p, bool *rollover)
{
	*rollover = false;
	if (p->live == p->count - 1)
		return 0;
	for (;;) {
		uint32_t vmid = p->next++;

		if (vmid == p->count) {
			p->next = 1;
			*rollover = true;
			continue;
		}
		if ((p->used[vmid / 64] >> vmid % 64 & 1) != 0)
			continue;
		p->used[vmid / 64] |= UINT64_C(1) << vmid % 64;
		p->live++;
		return vmid;
	}
}

void vmid_put(struct vmid_pool *p, uint32_t vmid)
{
	if (vmid == 0 || vmid >= p->count || (p->used[vmid / 64] >> vmid % 64 & 1) == 0)
		return;
	p->used[vmid / 64] &= ~(UINT64_C(1) << vmid % 64);
	p->live--;
}
