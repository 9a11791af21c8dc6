/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's operations of test_hv_random.c: its regions change, and the owners of memory take it,
 * give it and move it. Each is done to the real space and to the model. Included once.
 */
#ifndef TESTS_UNIT_HV_HOST_OPS_H
#define TESTS_UNIT_HV_HOST_OPS_H

#include "tests/unit/hv_inject.h"

/* ---- Changes of the host -------------------------------------------------------------------- */

/* Refused, and so nothing has changed: for want of memory, or because a fault has its turn. */
static bool refused(enum result r)
{
	return trouble_failed(r) || !let_in(r);
}

static void page_lost(uint64_t page)
{
	for (unsigned i = 0; i < PINS; i++)
		if (pins[i].used && pins[i].attached && pins[i].page == page) {
			pins[i].attached = false;
			pins[i].content = host[page].content;
		}
	host[page].content = 0;
	host[page].written = false;
}

static uint64_t some_pages(uint64_t page, uint64_t end)
{
	uint64_t most = random_one_in(4) ? 600 : 24, pages = 1 + random_below(most);
	return pages < end - page ? pages : end - page;
}

static void some_range(uint64_t end, uint64_t *page, uint64_t *pages)
{
	*page = random_below(end);
	if (random_one_in(4))
		*page &= ~UINT64_C(511);
	*pages = random_one_in(4) && *page + 512 <= end ? 512 : some_pages(*page, end);
}

static void op_drop(void)
{
	uint64_t page, pages;
	some_range(HOST_PAGES, &page, &pages);
	enum result r = space_drop(&fix.vm.space, fix_range(page, pages), NOTICE_TRY);
	if (refused(r))
		return;
	random_check(r == OK);
	for (uint64_t p = page; p < page + pages; p++)
		if (host[p].kind == ANON)
			page_lost(p);
}

/* From `page` on it is another region than before it. */
static void region_split(uint64_t page)
{
	if (page == 0 || page >= HOST_PAGES || host[page].kind == NONE ||
	    host[page - 1].kind == NONE || host[page - 1].region != host[page].region)
		return;
	unsigned old = host[page].region;
	regions++;
	for (uint64_t p = page; p < HOST_PAGES && host[p].kind != NONE && host[p].region == old;
	     p++)
		host[p].region = (unsigned)regions;
}

static void op_protect(void)
{
	static const unsigned sets[] = {
		ACCESS_READ, RW, RWX, RW, RWX, RWX, RWX, (unsigned)ACCESS_READ | ACCESS_EXEC
	};
	unsigned permissions = sets[random_below(8)];
	enum result wanted = OK;
	uint64_t page, pages;
	some_range(HOST_PAGES, &page, &pages);
	for (uint64_t p = page; p < page + pages; p++) {
		if (host[p].kind == NONE)
			wanted = NO_REGION;
		else if (host[p].kind == DEVICE && permissions & ACCESS_EXEC && wanted == OK)
			wanted = BAD_ARGUMENT; /* H2 */
	}
	enum result r =
		space_protect(&fix.vm.space, fix_range(page, pages), permissions, NOTICE_TRY);
	if (refused(r))
		return;
	random_check(r == wanted);
	if (r != OK)
		return;
	region_split(page);
	region_split(page + pages);
	for (uint64_t p = page; p < page + pages; p++)
		host[p].permissions = permissions;
}

static bool unmap_pages(uint64_t page, uint64_t pages)
{
	enum result r = space_unmap(&fix.vm.space, fix_range(page, pages), NOTICE_TRY);
	if (refused(r))
		return false;
	random_check(r == OK);
	region_split(page);
	region_split(page + pages);
	for (uint64_t p = page; p < page + pages; p++) {
		page_lost(p);
		host[p].kind = NONE;
	}
	return true;
}

static void op_unmap(void)
{
	uint64_t page, pages;
	some_range(ANON_PAGES, &page, &pages);
	(void)unmap_pages(page, pages);
}

static bool all_free(uint64_t page, uint64_t pages)
{
	for (uint64_t p = page; p < page + pages; p++)
		if (host[p].kind != NONE)
			return false;
	return true;
}

static void map_pages(uint64_t page, uint64_t pages, struct region_spec spec)
{
	enum result r = space_map(&fix.vm.space, fix_range(page, pages), &spec);
	if (trouble_failed(r))
		return;
	random_check(r == (all_free(page, pages) ? OK : OVERLAPS));
	if (r != OK)
		return;
	regions++;
	for (uint64_t p = page; p < page + pages; p++)
		host[p] = (struct host_page){ ANON, spec.permissions, (unsigned)regions, 0, false };
}

static void op_map(void)
{
	uint64_t page, pages;
	some_range(ANON_PAGES, &page, &pages);
	while (all_free(page, pages) && page + pages < ANON_PAGES &&
	       host[page + pages].kind == NONE)
		pages++;
	map_pages(page, pages,
		  (struct region_spec){ .kind = REGION_ANON,
					.permissions = random_one_in(3) ? RW : RWX,
					.share_zero = random_one_in(3) });
}

/* In one piece again, so that a large leaf has room. */
static void op_renew(void)
{
	uint64_t page = 512 * random_below(ANON_PAGES / 512);
	if (unmap_pages(page, 512))
		map_pages(page, 512,
			  (struct region_spec){ .kind = REGION_ANON, .permissions = RWX });
}

static enum result move_expected(uint64_t page, uint64_t pages, uint64_t to)
{
	enum result r = OK;
	for (uint64_t p = page; p < page + pages; p++) {
		if (host[p].kind == NONE)
			return NO_REGION;
		if (host[p].region != host[page].region)
			r = BAD_ARGUMENT;
	}
	return r == OK && !all_free(to, pages) ? OVERLAPS : r;
}

static void op_move(void)
{
	static struct host_page moved[HOST_PAGES];
	uint64_t page, pages, to = random_below(ANON_PAGES);
	some_range(ANON_PAGES, &page, &pages);
	if (random_one_in(2))
		to = (to & ~UINT64_C(511)) + (page & 511);
	if (to + pages > ANON_PAGES)
		return;
	enum result wanted = move_expected(page, pages, to);
	enum result r = space_move(&fix.vm.space, fix_range(page, pages), fix_hva(to), NOTICE_TRY);
	if (refused(r))
		return;
	random_check(r == wanted);
	if (r != OK)
		return;
	region_split(page);
	region_split(page + pages);
	regions++;
	memcpy(moved, &host[page], pages * sizeof(*moved));
	for (uint64_t p = page; p < page + pages; p++)
		host[p].kind = NONE;
	for (uint64_t i = 0; i < pages; i++) {
		host[to + i] = moved[i];
		host[to + i].region = (unsigned)regions;
	}
	for (unsigned i = 0; i < PINS; i++)
		if (pins[i].used && pins[i].attached && pins[i].page - page < pages)
			pins[i].page += to - page;
}

/* ---- Owners --------------------------------------------------------------------------------- */

static void op_device(void)
{
	bool gone = random_one_in(3);
	pfn_t to = pfn(FIX_DEVICE.v + random_below(4) * OWNED);
	struct fix_owner before = device;
	/* What the owner grants it must not narrow without a notice: all changes inside it. */
	enum result r = fix_owner_change(&device, gone ? NULL : &to);
	if (refused(r))
		return;
	random_check(r == OK);
	device.read_only_first = before.read_only_first;
	if (device.gone) {
		device.read_only_first = random_one_in(2);
		device.write_order = random_one_in(2) ? 0 : device.order;
	}
}

static void op_pool(void)
{
	pfn_t old = pool.first, block;
	if (pool.gone) {
		if (block_alloc(FRAME_UNCOUNTED, 8, alice, &block) != OK)
			return;
		memset(mm_linear(block), 0, PAGE_SIZE << 8);
		enum result r = fix_owner_change(&pool, &block);
		if (refused(r)) {
			random_check(block_free(block, 8, alice) == OK);
			return;
		}
		random_check(r == OK);
		memset(pool_content, 0, sizeof(pool_content));
		return;
	}
	if (refused(fix_owner_change(&pool, NULL)))
		return;
	for (uint64_t i = 0; i < OWNED; i++) { /* I1, I4 */
		const struct frame *f = frame_of(pfn(old.v + i));
		random_check(f->marks == 0 && f->refs == 0 && f->pins == 0);
	}
	random_check(block_free(old, 8, alice) == OK); /* F8: the census looks */
}

#endif
