/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing out blocks and taking them back. A block changes hands in its records: handing out writes
 * class, place and owner into each of them, freeing writes FREE into each of them; what is asked
 * about a frame later is answered by its record and by nothing else (F2). Single frames go through
 * a cache that belongs to the CPU, so that the common case takes no lock; all the rest is the
 * buddies' (mm/buddy.c).
 */
#include "mm/block.h"

#include <stddef.h>
#include <string.h>

#include "mm/buddy.h"
#include "mm/env.h"
#include "mm/poison.h"

#define CACHE_FRAMES 64u
#define CACHE_BATCH 32u

/*
 * Only its own CPU touches a cache, and the hypervisor's code is not preempted: no lock. `count`
 * and `give_back` are atomic because others look at the one and set the other.
 */
struct cache {
	_Alignas(64) _Atomic uint32_t count;
	_Atomic bool give_back; /* block_drain asks for the frames */
	uint32_t frames[CACHE_FRAMES];
};

static struct cache caches[MM_MAX_CPUS];
static uint64_t total_frames;

void (*block_census)(pfn_t first, uint64_t count);

/* ---- Start-up ------------------------------------------------------------------------------ */

static uint64_t chunks_for(uint64_t limit)
{
	return (limit + FRAME_CHUNK - 1) >> FRAME_CHUNK_ORDER;
}

uint64_t block_table_bytes(uint64_t limit)
{
	if (limit > FRAME_LIMIT_MAX)
		limit = FRAME_LIMIT_MAX;
	return limit * sizeof(struct frame) + chunks_for(limit);
}

void block_init(void *table, uint64_t limit)
{
	frame_table = table;
	frame_limit = limit < FRAME_LIMIT_MAX ? limit : FRAME_LIMIT_MAX;
	frame_chunks = (_Atomic uint8_t *)&frame_table[frame_limit];
	for (uint64_t i = 0; i < chunks_for(frame_limit); i++)
		atomic_store_explicit(&frame_chunks[i], CHUNK_DEVICE, memory_order_relaxed);
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++)
		atomic_store_explicit(&caches[cpu].count, 0, memory_order_relaxed);
	total_frames = 0;
	buddy_init();
}

/* One past the last frame of a range, not beyond the table. */
static uint64_t range_end(pfn_t first, uint64_t count)
{
	if (first.v >= frame_limit)
		return first.v;
	return count < frame_limit - first.v ? first.v + count : frame_limit;
}

/* Gives [n, end), which is FREE, to the buddies in blocks that are as big as its alignment allows.
 */
static void give_range(uint64_t n, uint64_t end)
{
	while (n < end) {
		unsigned order = 0;
		while (order < BLOCK_MAX_ORDER && (n & (UINT64_C(1) << order)) == 0 &&
		       UINT64_C(2) << order <= end - n)
			order++;
		buddy_give(pfn(n), order);
		n += UINT64_C(1) << order;
	}
}

/*
 * Gives [n, end) the records of `state`, as far as they have none; returns where that ends. A whole
 * chunk without records only changes its state.
 */
static uint64_t add_records(uint64_t n, uint64_t end, enum frame_chunk state, struct frame record)
{
	while (n < end && frame_class(pfn(n)) == FRAME_DEVICE) {
		_Atomic uint8_t *chunk = &frame_chunks[n >> FRAME_CHUNK_ORDER];
		bool whole = (n & (FRAME_CHUNK - 1)) == 0 && end - n >= FRAME_CHUNK;
		if (whole && atomic_load_explicit(chunk, memory_order_relaxed) == CHUNK_DEVICE) {
			atomic_store_explicit(chunk, (uint8_t)state, memory_order_relaxed);
			n += FRAME_CHUNK;
			continue;
		}
		frame_bring_up(pfn(n));
		/* As a whole: nobody reads it yet. */
		__builtin_memcpy(&frame_table[n++], &record, sizeof(record));
	}
	return n;
}

void block_add(pfn_t first, uint64_t count)
{
	const struct frame record = { .class = FRAME_FREE, .tail = FRAME_PART };
	uint64_t end = range_end(first, count);
	for (uint64_t n = first.v; n < end; n++) {
		uint64_t from = n;
		n = add_records(n, end, CHUNK_FREE, record);
		give_range(from, n);
		total_frames += n - from;
	}
}

void block_add_reserved(pfn_t first, uint64_t count, owner_t owner)
{
	const struct frame record = { .class = FRAME_RESERVED,
				      .tail = FRAME_HEAD,
				      .owner = owner.v };
	enum frame_chunk state = owner.v == OWNER_FIRMWARE.v ? CHUNK_FIRMWARE : CHUNK_HYPERVISOR;
	uint64_t end = range_end(first, count);
	for (uint64_t n = first.v; n < end; n++)
		n = add_records(n, end, state, record);
}

/* ---- The CPUs' caches ---------------------------------------------------------------------- */

static inline void set_place(uint64_t n, enum frame_place place)
{
	atomic_store_explicit(&frame_table[n].tail, (uint8_t)place, memory_order_relaxed);
}

static inline uint32_t cached(const struct cache *c)
{
	return atomic_load_explicit(&c->count, memory_order_relaxed);
}

static inline void set_cached(struct cache *c, uint32_t count)
{
	atomic_store_explicit(&c->count, count, memory_order_relaxed);
}

static bool cache_refill(struct cache *c)
{
	uint32_t count = buddy_take_frames(c->frames, CACHE_BATCH);
	for (uint32_t i = 0; i < count; i++)
		set_place(c->frames[i], FRAME_CACHED);
	set_cached(c, count);
	return count != 0;
}

/* Gives the `batch` frames that were cached longest back to the buddies. */
static uint32_t cache_give_back(struct cache *c, uint32_t batch)
{
	uint32_t count = cached(c) - batch;
	for (uint32_t i = 0; i < batch; i++)
		set_place(c->frames[i], FRAME_PART);
	buddy_give_frames(c->frames, batch);
	memmove(c->frames, c->frames + batch, count * sizeof(c->frames[0]));
	set_cached(c, count);
	return count;
}

static void cache_give(uint64_t n)
{
	struct cache *c = &caches[mm_cpu()];
	uint32_t count = cached(c);
	if (count == CACHE_FRAMES)
		count = cache_give_back(c, CACHE_BATCH);
	set_place(n, FRAME_CACHED);
	c->frames[count] = (uint32_t)n;
	set_cached(c, count + 1);
}

void block_poll(void)
{
	struct cache *c = &caches[mm_cpu()];
	if (!atomic_load_explicit(&c->give_back, memory_order_relaxed))
		return;
	atomic_store_explicit(&c->give_back, false, memory_order_relaxed);
	cache_give_back(c, cached(c));
}

void block_drain(void)
{
	/* relaxed: a wish. It is heard at the next poll, or at the one after. */
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++)
		if (cached(&caches[cpu]) != 0)
			atomic_store_explicit(&caches[cpu].give_back, true, memory_order_relaxed);
	block_poll();
}

/* ---- Handing out --------------------------------------------------------------------------- */

static inline bool is_zero(const _Atomic uint32_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed) == 0;
}

/* The counts of a free frame that is on no list are zero already. */
static inline void write_frame(struct frame *f, uint32_t shape, owner_t owner)
{
	MM_ASSERT(is_zero(&f->refs) && is_zero(&f->pins));
	atomic_store_explicit(&f->shape, shape, memory_order_relaxed);
	/* release: whoever claims the frame from its owner (acquire) sees the rest. */
	atomic_store_explicit(&f->owner, owner.v, memory_order_release);
}

/* The head of a block that is handed out; its tails, if any, are written. */
static inline void write_head(struct frame *f, enum frame_class class, unsigned order,
			      owner_t owner)
{
	write_frame(f, frame_shape(class, order, FRAME_HEAD), owner);
	/* release: whoever gets a reference (acquire) sees the rest of the block. */
	if (class == FRAME_COUNTED)
		atomic_store_explicit(&f->refs, 1, memory_order_release);
}

static __attribute__((noinline)) enum result alloc_block(enum frame_class class, unsigned order,
							 owner_t owner, pfn_t *out)
{
	if (!buddy_take(order, out)) {
		/* Single frames of our own may be all that is missing. */
		block_drain();
		if (!buddy_take(order, out))
			return OUT_OF_MEMORY;
	}
	/* The first chunk has been, with the free block's head. */
	for (uint64_t i = FRAME_CHUNK; i < UINT64_C(1) << order; i += FRAME_CHUNK)
		frame_bring_up(pfn(out->v + i));
	poison_check(*out, order);
	struct frame *head = &frame_table[out->v];
	uint32_t shape =
		frame_shape(class, order, class == FRAME_COUNTED ? FRAME_TAIL : FRAME_PART);
	for (uint64_t i = 1; i < UINT64_C(1) << order; i++)
		write_frame(head + i, shape, owner);
	write_head(head, class, order, owner);
	return OK;
}

static __attribute__((noinline)) enum result alloc_refilled(enum frame_class class, owner_t owner,
							    pfn_t *out)
{
	if (cache_refill(&caches[mm_cpu()]))
		return block_alloc(class, 0, owner, out);
	block_drain(); /* what others have in their caches comes back for the next who asks */
	return OUT_OF_MEMORY;
}

enum result block_alloc(enum frame_class class, unsigned order, owner_t owner, pfn_t *out)
{
	if (class != FRAME_COUNTED && class != FRAME_UNCOUNTED && class != FRAME_TABLE)
		return BAD_ARGUMENT;
	if (order > BLOCK_MAX_ORDER || owner.v == OWNER_NONE.v || owner.v == OWNER_MOVING.v)
		return BAD_ARGUMENT;
	if (!mm_may_alloc(order))
		return OUT_OF_MEMORY;
	if (order != 0)
		return alloc_block(class, order, owner, out);

	struct cache *c = &caches[mm_cpu()];
	uint32_t count = cached(c);
	if (count == 0)
		return alloc_refilled(class, owner, out);
	*out = pfn(
		c->frames[count - 1]); /* the one freed last: the processor may have it at hand */
	set_cached(c, count - 1);
	poison_check(*out, 0);
	write_head(&frame_table[out->v], class, 0, owner);
	return OK;
}

/* ---- Taking back --------------------------------------------------------------------------- */

/* The caller alone has the block: it dropped the last reference, or claimed every frame. */
static void make_free(uint64_t first, unsigned order)
{
	struct frame *f = &frame_table[first];
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		MM_ASSERT(is_zero(&f[i].refs) && is_zero(&f[i].pins));
		atomic_store_explicit(&f[i].shape, frame_shape(FRAME_FREE, 0, FRAME_PART),
				      memory_order_relaxed);
		atomic_store_explicit(&f[i].owner, OWNER_NONE.v, memory_order_relaxed);
	}
	mm_step("block_free", f);
	if (block_census)
		block_census(pfn(first), UINT64_C(1) << order);
	poison_fill(pfn(first), order);
	if (order == 0)
		cache_give(first);
	else
		buddy_give(pfn(first), order);
}

/* Is it the head of an uncounted block of this order, in use, and not waiting for a grace period?
 */
static bool is_block(pfn_t first, unsigned order)
{
	enum frame_class class = frame_class(first);
	if (class != FRAME_UNCOUNTED && class != FRAME_TABLE)
		return false;
	struct frame *f = &frame_table[first.v];
	return atomic_load_explicit(&f->tail, memory_order_relaxed) == FRAME_HEAD &&
	       atomic_load_explicit(&f->order, memory_order_relaxed) == order &&
	       atomic_load_explicit(&f->link.next, memory_order_relaxed) == 0;
}

enum result block_free(pfn_t first, unsigned order, owner_t owner)
{
	if (!is_block(first, order))
		return NOT_FREED;
	if (owner.v == OWNER_NONE.v || owner.v == OWNER_MOVING.v)
		return NOT_OWNER;
	/* Of two frees at once only one gets past this. */
	enum result r = frame_claim(first, UINT64_C(1) << order, owner);
	if (r != OK)
		return r;
	/* Between the look and the claim its owner freed it and got it back in another shape. */
	MM_CHECK(is_block(first, order));
	make_free(first.v, order);
	return OK;
}

void block_free_counted(struct frame *head)
{
	unsigned order = atomic_load_explicit(&head->order, memory_order_relaxed);
	enum frame_class class =
		(enum frame_class)atomic_load_explicit(&head->class, memory_order_relaxed);
	MM_CHECK(class == FRAME_COUNTED && frame_head(head) == head);
	MM_CHECK(is_zero(&head->refs) && is_zero(&head->pins));
	make_free(frame_pfn(head).v, order);
}

/* ---- Counting and checking ----------------------------------------------------------------- */

uint64_t block_free_frames(void)
{
	uint64_t frames = buddy_free_frames();
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++)
		frames += cached(&caches[cpu]);
	return frames;
}

uint64_t block_total_frames(void)
{
	return total_frames;
}

static const char *check_caches(void)
{
	for (unsigned cpu = 0; cpu < MM_MAX_CPUS; cpu++) {
		for (uint32_t i = 0; i < cached(&caches[cpu]); i++) {
			uint64_t n = caches[cpu].frames[i];
			if (frame_class(pfn(n)) != FRAME_FREE ||
			    frame_table[n].tail != FRAME_CACHED)
				return "a frame in a CPU's cache that does not say so";
		}
	}
	return NULL;
}

/* The shape of a block in use, seen from its head: every frame says the same (F3). */
static const char *check_shape(uint64_t n)
{
	struct frame *head = &frame_table[n];
	enum frame_place later = head->class == FRAME_COUNTED ? FRAME_TAIL : FRAME_PART;
	uint64_t size = UINT64_C(1) << head->order;
	if (head->tail != FRAME_HEAD || (n & (size - 1)) != 0 || size > frame_limit - n)
		return "a frame in use outside of any block";
	for (struct frame *f = head; f < head + size; f++) {
		const char *wrong = frame_check(f);
		if (wrong)
			return wrong;
		if (f->class != head->class || f->order != head->order ||
		    (f != head && f->tail != later))
			return "a block in use whose frames do not agree";
	}
	return NULL;
}

const char *block_check(void)
{
	uint64_t free = 0, total = 0, size;
	const char *wrong = buddy_check();
	if (!wrong)
		wrong = check_caches();
	for (uint64_t n = 0; !wrong && n < frame_limit; n += size) {
		struct frame *f = &frame_table[n];
		if (!frame_is_ready(pfn(n))) {
			size = FRAME_CHUNK - (n & (FRAME_CHUNK - 1));
			if (frame_class(pfn(n)) == FRAME_FREE)
				wrong = "free frames that are on no list";
			continue;
		}
		size = 1;
		if (f->class == FRAME_DEVICE)
			continue;
		if (f->class == FRAME_FREE) {
			if (f->tail != FRAME_LISTED && f->tail != FRAME_CACHED)
				return "a free frame that is on no list";
			size = f->tail == FRAME_LISTED ? UINT64_C(1) << f->order : 1;
			free += size;
		} else {
			size = UINT64_C(1) << f->order;
			wrong = check_shape(n);
		}
		total += f->class == FRAME_RESERVED ? 0 : size;
	}
	if (!wrong && free != block_free_frames())
		wrong = "free frames that are on no list, or on two";
	if (!wrong && total != total_frames)
		wrong = "frames were lost or won";
	return wrong;
}
