/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small world for the tests of host spaces: RAM, a space, a supplier of PFNMAP and MIXED memory,
 * and a keeper: a consumer that holds translations as a VM's stage-2 does. world_end checks that
 * everything came back: no frame is lost, none is reached by anybody when it becomes free (I2, F8).
 */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mm/follow.h"
#include "mm/grace.h"
#include "mm/host_table.h"
#include "mm/notice.h"
#include "mm/space.h"
#include "tests/unit/ram.h"

#define MIB2 (UINT64_C(512) * PAGE_SIZE)
#define GIB (512 * MIB2)
#define BASE (8 * GIB)		  /* where the tests map */
#define DEVICE_PFN 0x40000000u	  /* of a device with large, aligned memory */
#define WORLD_FIRST UINT64_C(512) /* first frame of RAM */
#define RW ((unsigned)ACCESS_READ | ACCESS_WRITE)
#define RWX (RW | (unsigned)ACCESS_EXEC)

#define assert_result(wanted, call)                                                   \
	do {                                                                          \
		enum result got_ = (call);                                            \
		if (got_ != (wanted))                                                 \
			fail_msg("%s: \"%s\", not \"%s\"", #call, result_words(got_), \
				 result_words(wanted));                               \
	} while (0)

/* ---- The world ---------------------------------------------------------------------------- */

#define KEEPERS_MAX 4u

struct world {
	struct space space;
	uint64_t frames; /* free before the space was made */
	struct consumer *consumers[KEEPERS_MAX];
	unsigned consumer_count;
};

static struct world world;

/* F8: whatever becomes free is reached by nobody. */
static inline void world_census(pfn_t first, uint64_t count)
{
	if (world.space.root != NULL && space_reaches(&world.space, first, count))
		mm_broken(__FILE__, __LINE__, "census: a host entry reaches a free frame");
	for (unsigned i = 0; i < world.consumer_count; i++)
		if (world.consumers[i]->ops->reaches(world.consumers[i], first, count))
			mm_broken(__FILE__, __LINE__, "census: a consumer reaches a free frame");
}

static inline void world_begin(uint64_t pages, bool huge)
{
	memset(&world, 0, sizeof(world));
	ram_begin(WORLD_FIRST, pages, WORLD_FIRST + pages);
	block_add(pfn(WORLD_FIRST), pages);
	world.frames = block_free_frames();
	block_census = world_census;
	assert_result(OK, space_create(&world.space, huge));
}

/* Consumers are unregistered by now. */
static inline void world_end(void)
{
	env_step = NULL;
	space_destroy(&world.space);
	grace_drain();
	const char *wrong = block_check();
	if (wrong != NULL)
		fail_msg("%s", wrong);
	assert_int_equal(block_free_frames(), world.frames);
	block_census = NULL;
	ram_end();
}

static inline struct region_spec anon(unsigned permissions)
{
	return (struct region_spec){ .kind = REGION_ANON, .permissions = permissions };
}

static inline struct region_spec zeros(unsigned permissions)
{
	struct region_spec spec = anon(permissions);
	spec.share_zero = true;
	return spec;
}

static inline void map(hva_t at, uint64_t bytes, struct region_spec spec)
{
	assert_result(OK, space_map(&world.space, hva_range(at, bytes), &spec));
}

/* The leaf over `a`, 0: none. */
static inline uint64_t leaf_at(hva_t a, unsigned *level)
{
	return host_lookup(world.space.root, a, level);
}

static inline uint64_t leaf_of(hva_t a)
{
	unsigned level;
	return leaf_at(a, &level);
}

/* The pfn behind `a`; nothing there fails the test. */
static inline pfn_t pfn_behind(hva_t a)
{
	unsigned level;
	uint64_t leaf = leaf_at(a, &level);
	assert_true(leaf != 0);
	return host_pfn_at(leaf, level, a);
}

static inline enum result touch(hva_t a, enum access access)
{
	struct host_found unused;
	return space_fault(&world.space, a, access, false, false, &unused);
}

static inline enum result drop(hva_t a, uint64_t bytes)
{
	return space_drop(&world.space, hva_range(a, bytes), NOTICE_TRY);
}

static inline enum result unmap(hva_t a, uint64_t bytes)
{
	return space_unmap(&world.space, hva_range(a, bytes), NOTICE_TRY);
}

static inline enum result protect(hva_t a, uint64_t bytes, unsigned permissions)
{
	return space_protect(&world.space, hva_range(a, bytes), permissions, NOTICE_TRY);
}

static inline enum result move(hva_t a, uint64_t bytes, hva_t to)
{
	return space_move(&world.space, hva_range(a, bytes), to, NOTICE_TRY);
}

/* ---- Running out of memory ---------------------------------------------------------------- */

#define HOG_MAX 16384u
static pfn_t hogged[HOG_MAX];
static unsigned hog_count;

/* Leaves `frames` single frames to allocate. */
static inline void hog_leave(uint64_t frames)
{
	while (block_free_frames() > frames && hog_count < HOG_MAX)
		assert_result(OK, block_alloc(FRAME_UNCOUNTED, 0, bob, &hogged[hog_count++]));
	assert_int_equal(block_free_frames(), frames);
}

static inline void hog_release(void)
{
	while (hog_count > 0)
		assert_result(OK, block_free(hogged[--hog_count], 0, bob));
}

/* ---- A supplier of PFNMAP and MIXED memory ------------------------------------------------ */

struct supplier {
	pfn_t first;	      /* of offset 0 */
	unsigned order;	      /* what it answers */
	unsigned write_order; /* for a write */
	bool read_only_first; /* H3: grants write at the first write */
	bool never_writable;
	bool counted;	    /* COUNTED frames of RAM; each answer comes with a reference */
	enum result refuse; /* OK: answers */
	unsigned asked;
	enum access last;
};

static inline enum result supplier_fault(void *owner, uint64_t offset, enum access access,
					 struct region_backing *out)
{
	struct supplier *s = owner;
	s->asked++;
	s->last = access;
	if (s->refuse != OK)
		return s->refuse;
	out->pfn = pfn(s->first.v + (offset >> PAGE_SHIFT));
	out->order = access == ACCESS_WRITE ? s->write_order : s->order;
	out->writable = !s->never_writable && (!s->read_only_first || access == ACCESS_WRITE);
	out->counted = s->counted;
	if (s->counted && !frame_try_get(frame_of(out->pfn)))
		return POISONED;
	return OK;
}

static const struct region_ops supplier_ops = { "supplier", supplier_fault };

static inline struct region_spec supplied(struct supplier *s, enum region_kind kind,
					  enum memtype type, unsigned permissions)
{
	return (struct region_spec){
		.kind = kind,
		.type = type,
		.permissions = permissions,
		.ops = &supplier_ops,
		.owner = s,
	};
}

/* ---- A consumer that keeps translations --------------------------------------------------- */

#define KEEPER_PAGES 4096u

struct kept {
	bool there, writable, counted;
	pfn_t pfn;
};

struct keeper {
	struct consumer consumer; /* its lock guards what follows */
	hva_t base;
	enum result refuse; /* what it answers a NOTICE_TRY */
	unsigned invalidated, dropped;
	_Atomic unsigned released;
	struct kept pages[KEEPER_PAGES];
};

static inline struct keeper *keeper_of(struct consumer *c)
{
	return (struct keeper *)c; /* its first member */
}

static inline enum result keeper_invalidate(struct consumer *c, struct hva_range range,
					    enum notice_mode mode)
{
	struct keeper *k = keeper_of(c);
	if (!spin_is_locked(&c->lock) || c->open == 0 || !notice_active(c->notifier))
		mm_broken(__FILE__, __LINE__, "N4: invalidated too early, or without the lock");
	if (mode == NOTICE_TRY && k->refuse != OK)
		return k->refuse;
	k->invalidated++;
	struct hva_range all = hva_range(k->base, KEEPER_PAGES * PAGE_SIZE);
	uint64_t start = range.start.v > all.start.v ? range.start.v : all.start.v;
	uint64_t end = range.end.v < all.end.v ? range.end.v : all.end.v;
	for (uint64_t a = start & ~PAGE_MASK; a < end; a += PAGE_SIZE) {
		uint64_t i = (a - k->base.v) >> PAGE_SHIFT;
		if (!k->pages[i].there)
			continue;
		if (k->pages[i].counted) /* F7: asserts that the frame is alive */
			frame_mark(frame_of(k->pages[i].pfn), FRAME_YOUNG);
		k->pages[i].there = false;
		k->dropped++;
	}
	return OK;
}

static inline void keeper_released(struct consumer *c)
{
	keeper_of(c)->released++;
}

static inline bool keeper_reaches(struct consumer *c, pfn_t first, uint64_t count)
{
	struct keeper *k = keeper_of(c);
	for (unsigned i = 0; i < KEEPER_PAGES; i++)
		if (k->pages[i].there && k->pages[i].pfn.v - first.v < count)
			return true;
	return false;
}

static const struct consumer_ops keeper_ops = {
	.name = "keeper",
	.invalidate = keeper_invalidate,
	.released = keeper_released,
	.reaches = keeper_reaches,
};

static inline void keeper_begin(struct keeper *k)
{
	memset(k, 0, sizeof(*k));
	k->base = hva(BASE);
	assert_result(OK, consumer_register(&k->consumer, &world.space.notifier, &keeper_ops,
					    CONSUMER_TABLE));
	world.consumers[world.consumer_count++] = &k->consumer;
}

/* Consumers end in the opposite order of their beginning. */
static inline void keeper_end(struct keeper *k)
{
	assert_ptr_equal(world.consumers[world.consumer_count - 1], &k->consumer);
	world.consumer_count--;
	assert_result(OK, consumer_unregister(&k->consumer));
}

static inline struct kept *keeper_page(struct keeper *k, hva_t a)
{
	return &k->pages[(a.v - k->base.v) >> PAGE_SHIFT];
}

/* Installs what was looked up under the token for the page, if the token holds (P5). */
static inline enum result keeper_install(struct keeper *k, const struct token *t, hva_t a,
					 const struct follow_answer *answer)
{
	spin_lock(&k->consumer.lock);
	bool holds = token_check(&k->consumer, t, hva_range(hva_page(a), PAGE_SIZE));
	if (holds)
		*keeper_page(k, a) = (struct kept){ true, answer->writable,
						    answer->class == FRAME_COUNTED, answer->pfn };
	spin_unlock(&k->consumer.lock);
	return holds ? OK : RACED;
}

static inline struct follow_request map_request(const struct token *t, hva_t a, enum access access)
{
	return (struct follow_request){
		.space = &world.space,
		.hva = a,
		.access = access,
		.intent = INTENT_MAP,
		.slot_writable = true,
		.may_sleep = true,
		.token = t,
	};
}

/* One round of a stage-2 fault: token, lookup, check, install. */
static inline enum result keeper_fault(struct keeper *k, hva_t a, enum access access)
{
	struct token t = token_take(&k->consumer);
	struct follow_request rq = map_request(&t, a, access);
	struct follow_answer answer;
	enum result r = follow_pfn(&rq, &answer);
	return r == OK ? keeper_install(k, &t, a, &answer) : r;
}

#endif
