/* SPDX-License-Identifier: BSD-2-Clause */
/* The table pages that a vCPU puts by before it takes the lock, so that an install cannot fail half
 * way (S2). */
#include "hv/s2.h"

#include "mm/block.h"
#include "mm/env.h"

enum result s2_cache_refill(struct s2_cache *cache)
{
	while (cache->count < arch_s2_geometry->levels - 1) {
		pfn_t page;
		enum result r = block_alloc(FRAME_TABLE, 0, OWNER_HYPERVISOR, &page);
		if (r != OK)
			return r;
		arch_page_clear(mm_linear(page));
		cache->pages[cache->count++] = page;
	}
	return OK;
}

void s2_cache_empty(struct s2_cache *cache)
{
	while (cache->count > 0) {
		enum result r = block_free(cache->pages[--cache->count], 0, OWNER_HYPERVISOR);
		MM_CHECK(r == OK);
	}
}
