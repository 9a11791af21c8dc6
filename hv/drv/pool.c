/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graphics pool: blocks of 2^order frames that are not compound and not counted, as a graphics
 * driver allocates them. Head and tails are UNCOUNTED alike (F3); the pool is their owner and frees
 * a block whole, with its order. This is the memory of which CVE-2021-22543 was made.
 */
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/drv/driver.h"
#include "mm/block.h"
#include "mm/frame.h"

static struct {
	struct spinlock lock; /* guards the two sums */
	uint64_t limit, used; /* bytes */
	owner_t owner;
} pool;

void pool_reset(uint64_t bytes)
{
	pool.limit = bytes;
	pool.used = 0;
	pool.owner = owner_new();
}

static bool pool_charge(uint64_t bytes)
{
	spin_lock(&pool.lock);
	bool fits = bytes <= pool.limit - pool.used;
	if (fits)
		pool.used += bytes;
	spin_unlock(&pool.lock);
	return fits;
}

static void pool_discharge(uint64_t bytes)
{
	spin_lock(&pool.lock);
	pool.used -= bytes;
	spin_unlock(&pool.lock);
}

/* A block, not cleared. */
static enum result pool_take_block(const struct device_memory *m, hpa_t *place)
{
	pfn_t first;

	if (!pool_charge(m->bytes))
		return OUT_OF_MEMORY;
	enum result r = block_alloc(FRAME_UNCOUNTED, m->order, pool.owner, &first);
	if (r != OK)
		pool_discharge(m->bytes);
	else
		*place = pfn_to_hpa(first);
	return r;
}

static void pool_give_block(const struct device_memory *m, hpa_t place)
{
	enum result r = block_free(hpa_to_pfn(place), m->order, pool.owner);
	MM_CHECK(r == OK);
	pool_discharge(m->bytes);
}

static void pool_clear(const struct device_memory *m, hpa_t place)
{
	for (uint64_t at = 0; at < m->bytes; at += PAGE_SIZE)
		arch_page_clear(arch_linear(hpa(place.v + at)));
}

static enum result pool_prepare(struct device_memory *m, enum owner_act act, hpa_t *place)
{
	if (act == ACT_TAKE)
		return OK;
	enum result r = pool_take_block(m, place);
	if (r == OK && act == ACT_GIVE)
		pool_clear(m, *place);
	return r;
}

static void pool_cancel(struct device_memory *m, enum owner_act act, hpa_t place)
{
	if (act != ACT_TAKE)
		pool_give_block(m, place);
}

/* m->place is still the old block. No guest reaches it, so what is copied is the whole of it. */
static void pool_commit(struct device_memory *m, enum owner_act act, hpa_t place)
{
	if (act == ACT_MOVE) {
		arch_guest_sync(arch_linear(m->place), m->bytes, false);
		memcpy(arch_linear(place), arch_linear(m->place), m->bytes);
		arch_guest_sync(arch_linear(place), m->bytes, true);
	}
	if (act != ACT_GIVE)
		pool_give_block(m, m->place);
}

static const struct driver pool_driver = { pool_prepare, pool_commit, pool_cancel };

enum result pool_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes)
{
	(void)nth;
	m->driver = &pool_driver;
	m->order = m->config->order;
	m->bytes = PAGE_SIZE << m->order;
	m->type = MEM_WRITE_BACK;
	m->ram = true;
	enum result r = pool_take_block(m, &m->place);
	if (r != OK) {
		snprintf(why, why_bytes,
			 "/devices/%s: order: the pool has no room for a block of %llu bytes",
			 m->config->name, (unsigned long long)m->bytes);
		return r;
	}
	pool_clear(m, m->place);
	m->present = true;
	return OK;
}
