/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations on frames, right ones and wrong ones, against a model that keeps every fact of
 * every frame in a plain array and knows nothing of buddies, caches or queues: what is asked of it
 * is found by looking at every frame concerned. One thread plays four CPUs.
 */
#include <stddef.h>
#include <string.h>

#include "mm/block.h"
#include "mm/frame.h"
#include "mm/grace.h"
#include "tests/unit/ram.h"
#include "tests/unit/random.h"

#define LIMIT 2048u
#define CPUS 4u
#define MAX_ORDER 9u

/* RAM in two ranges with a hole between them, and reserved frames in the middle of the first. */
#define RAM_FIRST 200u
#define RAM_END 1900u
#define HOLE_FIRST 1280u
#define HOLE_END 1300u
#define RESERVED_FIRST 300u
#define RESERVED_END 310u

static struct model_frame model[LIMIT];
static uint64_t model_free_frames, model_total;
static unsigned cpu;

/* Readers: how deep, and since when. */
static unsigned nesting[CPUS];
static uint64_t reading_since[CPUS];

/* ---- The model ----------------------------------------------------------------------------- */

struct model_frame *model_of(pfn_t n)
{
	return &model[n.v];
}

static struct model_frame *head_of(uint64_t n)
{
	return &model[model[n].head];
}

static uint64_t first_of(const struct model_frame *head)
{
	return (uint64_t)(head - model);
}

static bool in_use(uint64_t n)
{
	return n < LIMIT && (model[n].class == FRAME_COUNTED || model[n].class == FRAME_UNCOUNTED ||
			     model[n].class == FRAME_TABLE);
}

void model_alloc(pfn_t first, unsigned class, unsigned order, uint32_t owner)
{
	uint64_t size = UINT64_C(1) << order;
	random_check(first.v % size == 0 && first.v + size <= LIMIT);
	for (uint64_t n = first.v; n < first.v + size; n++) {
		random_check(model[n].class == FRAME_FREE); /* nobody has it (I5) */
		model[n] = (struct model_frame){ .class = (uint8_t) class,
						 .order = (uint8_t)order,
						 .owner = owner,
						 .head = first.v };
	}
	model[first.v].refs = class == FRAME_COUNTED;
	model_free_frames -= size;
}

void model_free(pfn_t first)
{
	uint64_t size = UINT64_C(1) << model[first.v].order;
	for (uint64_t n = first.v; n < first.v + size; n++)
		model[n] = (struct model_frame){ .class = FRAME_FREE, .head = n };
	model_free_frames += size;
}

void model_get(pfn_t n, uint32_t refs)
{
	head_of(n.v)->refs += refs;
}

void model_put(pfn_t n, uint32_t refs)
{
	struct model_frame *h = head_of(n.v);
	random_check(h->class == FRAME_COUNTED && h->refs >= refs);
	h->refs -= refs;
	if (h->refs == 0)
		model_free(pfn(first_of(h)));
}

/* Is there a free block of this order, as far as a look at every frame can tell? */
static bool model_has(unsigned order)
{
	uint64_t size = UINT64_C(1) << order;
	for (uint64_t first = 0; first + size <= LIMIT; first += size) {
		uint64_t n = first;
		while (n < first + size && model[n].class == FRAME_FREE)
			n++;
		if (n == first + size)
			return true;
	}
	return false;
}

/* ---- Comparing ----------------------------------------------------------------------------- */

static void compare(uint64_t n)
{
	const struct model_frame *m = &model[n];
	random_check(frame_class(pfn(n)) == m->class);
	struct frame *f = frame_of(pfn(n));
	random_check((f == NULL) == (m->class == FRAME_DEVICE));
	if (f == NULL)
		return;
	random_check(frame_owner(f).v == m->owner);
	random_check(frame_pfn(frame_head(f)).v == (m->class == FRAME_COUNTED ? m->head : n));
	random_check(frame_refs(f) == (m->class == FRAME_COUNTED ? head_of(n)->refs : 0));
	random_check(frame_pins(f) == (m->class == FRAME_COUNTED ? head_of(n)->pins : 0));
	if (m->class == FRAME_FREE)
		return;
	random_check(f->order == m->order);
	random_check(f->marks == m->marks);
	if (m->class == FRAME_UNCOUNTED || m->class == FRAME_RESERVED)
		random_check(f->refs == 0 && f->pins == 0);
}

static void compare_block(uint64_t first, unsigned order)
{
	for (uint64_t n = first; n < first + (UINT64_C(1) << order); n++)
		compare(n);
	random_check(block_free_frames() == model_free_frames);
}

static void check(void)
{
	for (uint64_t n = 0; n < LIMIT; n++)
		compare(n);
	random_check(block_free_frames() == model_free_frames);
	random_check(block_total_frames() == model_total);
	const char *wrong = block_check();
	if (wrong)
		random_failed("block_check", 0, wrong);
}

/* ---- Contents: what is stamped into a block is found there when it is given back ------------- */

static uint64_t stamp_of(uint64_t n)
{
	return UINT64_C(0x5374616d70) << 24 ^ n;
}

static void stamp(uint64_t first, unsigned order)
{
	for (uint64_t n = first; n < first + (UINT64_C(1) << order); n++)
		memcpy(mm_linear(pfn(n)), &(uint64_t){ stamp_of(n) }, 8);
}

static void check_stamp(uint64_t first, unsigned order)
{
	uint64_t found;
	for (uint64_t n = first; n < first + (UINT64_C(1) << order); n++) {
		memcpy(&found, mm_linear(pfn(n)), 8);
		random_check(found == stamp_of(n));
	}
}

/* ---- Choosing ------------------------------------------------------------------------------ */

/* Small orders more often than big ones. */
static unsigned any_order(unsigned max)
{
	unsigned order = 0;
	while (order < max && random_one_in(3))
		order++;
	return order;
}

static owner_t any_owner(void)
{
	if (random_one_in(64))
		return random_one_in(2) ? OWNER_NONE : OWNER_MOVING;
	return (owner_t){ RANDOM_OWNER + (uint32_t)random_below(RANDOM_OWNERS) };
}

static bool is_mine(const struct model_frame *m)
{
	return m->owner >= RANDOM_OWNER && m->owner < RANDOM_OWNER + RANDOM_OWNERS;
}

/* Any frame number: of RAM mostly, but also of holes and beyond the table. */
static uint64_t any_number(void)
{
	return random_one_in(16) ? random_below(LIMIT + 16)
				 : RAM_FIRST + random_below(RAM_END - RAM_FIRST);
}

/* A frame with a record, any class. */
static uint64_t any_frame(void)
{
	uint64_t n;
	do {
		n = any_number();
	} while (n >= LIMIT || model[n].class == FRAME_DEVICE);
	return n;
}

/* The head of a block in use; false if none was found in a few tries. */
static bool any_block(struct model_frame **out)
{
	for (unsigned tries = 0; tries < 16; tries++) {
		uint64_t n = any_number();
		if (!in_use(n))
			continue;
		*out = head_of(n);
		return true;
	}
	return false;
}

static bool any_counted(struct model_frame **out)
{
	for (unsigned tries = 0; tries < 4; tries++)
		if (any_block(out) && (*out)->class == FRAME_COUNTED)
			return true;
	return false;
}

/* Any frame of a block: the head or a tail. */
static struct frame *any_frame_of(const struct model_frame *h)
{
	return frame_of(pfn(first_of(h) + random_below(UINT64_C(1) << h->order)));
}

/* ---- Operations ---------------------------------------------------------------------------- */

static void op_alloc(void)
{
	const enum frame_class classes[] = { FRAME_COUNTED, FRAME_UNCOUNTED, FRAME_TABLE };
	enum frame_class class = classes[random_below(3)];
	unsigned order = any_order(MAX_ORDER);
	owner_t owner = any_owner();
	pfn_t n = pfn(UINT64_MAX);
	enum result r = block_alloc(class, order, owner, &n);
	if (owner.v == OWNER_NONE.v || owner.v == OWNER_MOVING.v) {
		random_check(r == BAD_ARGUMENT && n.v == UINT64_MAX);
		return;
	}
	if (r != OK) {
		random_check(r == OUT_OF_MEMORY);
		if (!model_has(order))
			return;
		/* There is one: then CPUs have parts of it in their caches. */
		for (unsigned i = 0; i < CPUS; i++) {
			env_cpu(i);
			block_poll(); /* the failure asked them already */
		}
		env_cpu(cpu);
		random_check(block_alloc(class, order, owner, &n) == OK);
	}
	model_alloc(n, class, order, owner.v);
	model[n.v].mine = model[n.v].refs;
	compare_block(n.v, order);
	stamp(n.v, order);
}

/* What block_free must answer, found by looking. */
static enum result predict_free(uint64_t first, unsigned order, owner_t owner)
{
	if (!in_use(first) || model[first].class == FRAME_COUNTED || model[first].head != first ||
	    model[first].order != order || model[first].waits != 0)
		return NOT_FREED;
	for (uint64_t n = first; n < first + (UINT64_C(1) << order); n++)
		if (model[n].owner != owner.v)
			return NOT_OWNER;
	return OK;
}

static void try_free(uint64_t first, unsigned order, owner_t owner)
{
	enum result expected = predict_free(first, order, owner);
	if (expected == OK)
		check_stamp(first, order);
	random_check(block_free(pfn(first), order, owner) == expected);
	if (expected == OK) {
		model_free(pfn(first));
		compare_block(first, order);
	} else if (first < LIMIT) {
		compare_block(first, 0);
	}
}

/* Gives a block whose frames went to several owners back to one of them. */
static void make_one_owners(uint64_t first, unsigned order)
{
	owner_t one = { model[first].owner };
	for (uint64_t n = first; n < first + (UINT64_C(1) << order); n++) {
		owner_t had = { model[n].owner };
		random_check(frame_change_owner(pfn(n), 1, had, one) == OK);
		model[n].owner = one.v;
	}
}

static void op_free(void)
{
	struct model_frame *h;
	if (!any_block(&h) || h->class == FRAME_COUNTED)
		return;
	if (is_mine(h) && !random_one_in(8))
		make_one_owners(first_of(h), h->order);
	try_free(first_of(h), h->order, (owner_t){ is_mine(h) ? h->owner : RANDOM_OWNER });
}

static void op_free_wrong(void)
{
	try_free(any_number(), any_order(MAX_ORDER), any_owner());
}

static void op_get(void)
{
	uint64_t n = any_frame();
	bool counted = model[n].class == FRAME_COUNTED;
	random_check(frame_try_get(frame_of(pfn(n))) == counted);
	if (counted) {
		model_get(pfn(n), 1);
		head_of(n)->mine++;
	}
	compare(n);
}

static void op_get_many(void)
{
	struct model_frame *h;
	if (!any_counted(&h))
		return;
	uint32_t refs = (uint32_t)random_below(512);
	frame_get_many(any_frame_of(h), refs);
	h->refs += refs;
	h->mine += refs;
	compare(first_of(h));
}

static void op_put(void)
{
	struct model_frame *h;
	if (!any_counted(&h) || h->mine == h->my_pins)
		return;
	uint64_t first = first_of(h);
	unsigned order = h->order;
	uint32_t refs = random_one_in(2) ? 1 : 1 + (uint32_t)random_below(h->mine - h->my_pins);
	if (random_one_in(2))
		refs = h->mine - h->my_pins;
	if (refs == h->refs)
		check_stamp(first, order);
	frame_put_many(any_frame_of(h), refs);
	h->mine -= refs;
	model_put(pfn(first), refs);
	compare_block(first, order);
}

static void op_pin(void)
{
	uint64_t n = any_frame();
	bool counted = model[n].class == FRAME_COUNTED;
	random_check(frame_pin(frame_of(pfn(n))) == (counted ? OK : CANNOT_PIN_UNCOUNTED));
	if (counted) {
		struct model_frame *h = head_of(n);
		h->refs++;
		h->pins++;
		h->mine++;
		h->my_pins++;
	}
	compare(n);
}

static void op_unpin(void)
{
	struct model_frame *h;
	if (!any_counted(&h) || h->my_pins == 0)
		return;
	uint64_t first = first_of(h);
	unsigned order = h->order;
	frame_unpin(any_frame_of(h));
	h->pins--;
	h->my_pins--;
	h->mine--;
	model_put(pfn(first), 1);
	compare_block(first, order);
}

static void op_mark(void)
{
	struct model_frame *h;
	if (!any_counted(&h))
		return;
	uint8_t marks = (uint8_t)random_below(4);
	if (random_one_in(2)) {
		frame_mark(any_frame_of(h), marks);
		h->marks |= marks;
	} else {
		random_check(frame_test_and_clear(any_frame_of(h), marks) == (h->marks & marks));
		h->marks &= (uint8_t)~marks;
	}
	compare(first_of(h));
}

static void op_change_owner(void)
{
	uint64_t first = any_number(), count = random_below(12);
	owner_t from = any_owner(), to = any_owner();
	if (first < LIMIT && is_mine(&model[first]) && !random_one_in(4))
		from.v = model[first].owner;
	enum result expected = first > LIMIT || count > LIMIT - first ? NOT_OWNER : OK;
	for (uint64_t n = first; expected == OK && n < first + count; n++)
		if (model[n].owner != from.v)
			expected = NOT_OWNER;
	if (from.v == OWNER_NONE.v || from.v == OWNER_MOVING.v || to.v == OWNER_NONE.v ||
	    to.v == OWNER_MOVING.v)
		expected = BAD_ARGUMENT;
	random_check(frame_change_owner(pfn(first), count, from, to) == expected);
	for (uint64_t n = first; n < first + count && n < LIMIT; n++) {
		if (expected == OK)
			model[n].owner = to.v;
		compare(n);
	}
}

static void op_cpu(void)
{
	cpu = (unsigned)random_below(CPUS);
	env_cpu(cpu);
}

static void op_drain_caches(void)
{
	block_drain();
	random_check(block_free_frames() == model_free_frames);
}

/* ---- Grace periods ------------------------------------------------------------------------- */

static void op_give_table(void)
{
	struct model_frame *h;
	if (!any_block(&h) || h->class != FRAME_TABLE || h->order != 0 || h->waits != 0 ||
	    !is_mine(h))
		return;
	grace_free_table(pfn(first_of(h)), (owner_t){ h->owner });
	h->waits = random_now();
	compare(first_of(h));
}

static void op_reader(void)
{
	if (nesting[cpu] < 2 && random_one_in(2)) {
		grace_enter();
		if (nesting[cpu]++ == 0)
			reading_since[cpu] = random_now();
	} else if (nesting[cpu] > 0) {
		grace_leave();
		nesting[cpu]--;
	}
	random_check(grace_inside() == (nesting[cpu] > 0));
}

/* Takes over what a poll has freed, and asks whether it could be freed. */
static void sync_waiting(bool all)
{
	for (uint64_t n = 0; n < LIMIT; n++) {
		if (!in_use(n) || model[n].waits == 0)
			continue;
		if (frame_class(pfn(n)) == FRAME_TABLE && !all)
			continue;
		random_check(frame_class(pfn(n)) == FRAME_FREE);
		for (unsigned i = 0; i < CPUS; i++)
			random_check(nesting[i] == 0 || reading_since[i] > model[n].waits);
		model_free(pfn(n));
		compare(n);
	}
	random_check(block_free_frames() == model_free_frames);
}

static void op_poll(void)
{
	if (nesting[cpu] != 0)
		return;
	grace_poll();
	sync_waiting(false);
}

static void op_drain_grace(void)
{
	for (unsigned i = 0; i < CPUS; i++) {
		env_cpu(i);
		for (; nesting[i] > 0; nesting[i]--)
			grace_leave();
	}
	env_cpu(cpu);
	grace_drain();
	sync_waiting(true);
}

/* ---- The layer ----------------------------------------------------------------------------- */

static void begin(void)
{
	ram_begin(RAM_FIRST, RAM_END - RAM_FIRST, LIMIT);
	block_add_reserved(pfn(RESERVED_FIRST), RESERVED_END - RESERVED_FIRST, OWNER_FIRMWARE);
	block_add(pfn(RAM_FIRST), HOLE_FIRST - RAM_FIRST);
	block_add(pfn(HOLE_END), RAM_END - HOLE_END);
	cpu = 0;
	memset(nesting, 0, sizeof(nesting));
	model_free_frames = 0;
	for (uint64_t n = 0; n < LIMIT; n++) {
		bool ram = n >= RAM_FIRST && n < RAM_END && (n < HOLE_FIRST || n >= HOLE_END);
		bool kept = n >= RESERVED_FIRST && n < RESERVED_END;
		model[n] = (struct model_frame){ .class = FRAME_DEVICE, .head = n };
		if (kept)
			model[n] = (struct model_frame){ .class = FRAME_RESERVED,
							 .owner = OWNER_FIRMWARE.v,
							 .head = n };
		else if (ram)
			model[n].class = FRAME_FREE;
		model_free_frames += ram && !kept;
	}
	model_total = model_free_frames;
}

static void end(void)
{
	op_drain_grace();
	for (uint64_t n = 0; n < LIMIT; n++) {
		if (!in_use(n) || model[n].head != n)
			continue;
		struct model_frame *h = &model[n];
		if (h->class == FRAME_COUNTED) {
			random_check(h->refs == h->mine); /* the layers above gave theirs back */
			while (h->class == FRAME_COUNTED && h->pins > 0) {
				frame_unpin(frame_of(pfn(n)));
				h->pins--;
				model_put(pfn(n), 1);
			}
			if (h->class == FRAME_COUNTED) {
				uint32_t refs = h->refs;
				frame_put_many(frame_of(pfn(n)), refs);
				model_put(pfn(n), refs);
			}
			continue;
		}
		make_one_owners(n, h->order);
		random_check(block_free(pfn(n), h->order, (owner_t){ h->owner }) == OK);
		model_free(pfn(n));
	}
	random_check(model_free_frames == model_total);
	check();
	ram_end();
}

static const struct random_op ops[] = {
	{ "alloc", 80, op_alloc },
	{ "free", 50, op_free },
	{ "free, wrong", 30, op_free_wrong },
	{ "get", 30, op_get },
	{ "get many", 10, op_get_many },
	{ "put", 60, op_put },
	{ "pin", 15, op_pin },
	{ "unpin", 40, op_unpin },
	{ "mark", 20, op_mark },
	{ "change owner", 30, op_change_owner },
	{ "another CPU", 20, op_cpu },
	{ "drain the cache", 3, op_drain_caches },
	{ "give a table away", 20, op_give_table },
	{ "reader", 20, op_reader },
	{ "grace poll", 10, op_poll },
	{ "grace drain", 1, op_drain_grace },
};

const struct random_layer random_frames = {
	.name = "frames",
	.begin = begin,
	.ops = ops,
	.op_count = sizeof(ops) / sizeof(ops[0]),
	.check = check,
	.end = end,
};
