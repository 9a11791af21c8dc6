/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pfn cache: one guest page that the hypervisor itself reads and writes now and then - a clock
 * page, a page of statistics (rule C1). It is a consumer of notices like a VM's stage-2: it keeps a
 * pfn without a count, checks and uses it under its own lock, and drops it when a notice says so.
 * Its invalidation comes early in a notice, so it must not look up again while one is active (N5).
 * It knows no memslot: whether the guest may write the page is for its owner to ask (P7).
 */
#ifndef MM_PFN_CACHE_H
#define MM_PFN_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/notice.h"
#include "mm/result.h"
#include "mm/space.h"

#define PFN_CACHE_NOTHING UINT64_MAX

struct pfn_cache {
	struct consumer consumer; /* its lock guards what follows */
	struct space *space;
	hva_t page;		/* page-aligned */
	_Atomic uint64_t kept;	/* its pfn, or PFN_CACHE_NOTHING; the census reads it unlocked */
	bool counted, writable; /* the frame has a record that takes marks; a write is allowed */
	uint64_t refreshes;
};

/*
 * BUSY, RACED: notices are about, as consumer_register says. The page need not be there yet. Nobody
 * uses the cache any more when it is destroyed; it forgets its page even if that is refused.
 */
enum result pfn_cache_create(struct pfn_cache *pc, struct space *s, hva_t page);
enum result pfn_cache_destroy(struct pfn_cache *pc);

/*
 * From now on the page is `page`: the memslots show another one at its gpa. Whoever uses a cache,
 * or changes its page, does so one at a time; notices need not be kept out.
 */
void pfn_cache_retarget(struct pfn_cache *pc, hva_t page);

/*
 * Copies into (out of) the page, [offset, offset + bytes) within it, all of it or nothing. Looks
 * the page up if it must: RACED while a notice is active, refusals as follow_pfn; UNSUPPORTED for
 * device memory, which is not in the linear map, and for memory that is not cached, which the
 * linear map would show as cached. Marks a COUNTED frame young, and dirty by a write.
 */
enum result pfn_cache_write(struct pfn_cache *pc, uint64_t offset, const void *from,
			    uint64_t bytes);
enum result pfn_cache_read(struct pfn_cache *pc, uint64_t offset, void *to, uint64_t bytes);

#endif
