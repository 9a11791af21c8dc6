/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of test_hv_random.c: host pages, memslots, pins and open notices as arrays, and what an
 * access of the guest must come to by them. Included once.
 */
#ifndef TESTS_UNIT_HV_MODEL_H
#define TESTS_UNIT_HV_MODEL_H

#include "tests/unit/hv_fixture.h"
#include "tests/unit/random.h"

#define HOST_PAGES 2048u
#define ANON_PAGES 1536u /* of them; the owners' follow */
#define OWNED 256u	 /* pages of an owner */
#define GFNS 3072u
#define SLOTS 8u
#define PINS 6u
#define OPEN 3u
#define DEVICE_PAGES 1024u

enum kind { NONE, ANON, DEVICE, POOL };

static struct host_page {
	enum kind kind;
	unsigned permissions, region;
	uint64_t content; /* ANON: of its first eight bytes */
	bool written;	  /* ANON: by a guest, since it was touched first */
} host[HOST_PAGES];

static struct model_slot {
	bool used, readonly;
	uint32_t id;
	uint64_t gfn, pages, page;
} slots[SLOTS];

static struct model_pin {
	bool used, attached;
	pfn_t pfn;
	uint64_t page, content;
} pins[PINS];

static struct {
	bool used;
	struct notice notice;
	uint64_t page, pages;
} opened[OPEN];

static struct fix_owner device, pool;
static uint64_t device_content[DEVICE_PAGES], pool_content[OWNED], regions, values;

/* ---- What the model expects ----------------------------------------------------------------- */

static bool turn_asked(void)
{
	return (fix.vm.space.notifier.state & NOTIFIER_TURNS) != 0;
}

static unsigned open_count(void)
{
	unsigned count = 0;
	for (unsigned i = 0; i < OPEN; i++)
		count += opened[i].used;
	return count;
}

static bool is_open(uint64_t page)
{
	for (unsigned i = 0; i < OPEN; i++)
		if (opened[i].used && page - opened[i].page < opened[i].pages)
			return true;
	return false;
}

static const struct model_slot *slot_at(uint64_t n)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && n - slots[i].gfn < slots[i].pages)
			return &slots[i];
	return NULL;
}

static struct fix_owner *owner_of(enum kind kind)
{
	return kind == DEVICE ? &device : &pool;
}

static uint64_t *content_of(uint64_t page)
{
	struct host_page *h = &host[page];
	if (h->kind == DEVICE)
		return &device_content[device.first.v - FIX_DEVICE.v + page - device.page];
	return h->kind == POOL ? &pool_content[page - pool.page] : &h->content;
}

/* What an access is answered, and the host page that it reaches. */
static enum result expected(uint64_t n, enum access access, uint64_t *page)
{
	const struct model_slot *s = slot_at(n);
	if (s == NULL)
		return NO_MEMSLOT;
	if (access == ACCESS_WRITE && s->readonly)
		return READONLY_MEMSLOT;
	*page = s->page + (n - s->gfn);
	const struct host_page *h = &host[*page];
	if (h->kind == NONE)
		return NO_REGION;
	if (!(h->permissions & (unsigned)access))
		return NO_PERMISSION;
	return h->kind != ANON && owner_of(h->kind)->gone ? NO_BACKING : OK;
}

/* The result of a change that is a notice: all is decided by whether it is let in. */
static bool let_in(enum result r)
{
	random_check((r == BUSY) == turn_asked());
	return r != BUSY;
}

#endif
