/* SPDX-License-Identifier: BSD-2-Clause */
/* Memslots: a new table is made beside the old one, and takes its place inside a notice (N6). */
#include "hv/slot.h"

#include <stddef.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/trace.h"
#include "hv/vm.h"
#include "mm/block.h"

static struct slot_table *slots_of(const struct vm *vm)
{
	/* acquire: the table is seen filled once it is seen. */
	return atomic_load_explicit(&vm->slots, memory_order_acquire);
}

/* Index of the first slot that ends after `n`. */
static uint32_t slot_after(const struct slot_table *t, gfn_t n)
{
	uint32_t low = 0, high = t->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (t->slots[middle].gfns.end.v <= n.v)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool slot_covers(const struct slot *s, gfn_t n)
{
	return s->gfns.start.v <= n.v && n.v < s->gfns.end.v;
}

static __attribute__((noinline)) const struct slot *slot_search(struct slot_table *t, gfn_t n)
{
	uint32_t i = slot_after(t, n);

	if (i >= t->count || !slot_covers(&t->slots[i], n))
		return NULL;
	atomic_store_explicit(&t->last, i, memory_order_relaxed);
	return &t->slots[i];
}

const struct slot *slot_find(const struct vm *vm, gfn_t n)
{
	struct slot_table *t = slots_of(vm);

	if (t == NULL)
		return NULL;
	/* relaxed: a slot of this table, whoever wrote it last. */
	const struct slot *s = &t->slots[atomic_load_explicit(&t->last, memory_order_relaxed)];
	return slot_covers(s, n) ? s : slot_search(t, n);
}

/* ---- The index by hva ----------------------------------------------------------------------- */

static const struct slot *slot_at(const struct slot_table *t, uint32_t at)
{
	return &t->slots[t->index.by_hva[at]];
}

/* slots[i] is new, and not counted yet: those behind it have moved up by one. */
static void index_insert(struct slot_table *t, uint32_t i)
{
	uint16_t *by_hva = t->index.by_hva;
	uint32_t at = t->count;

	for (uint32_t k = 0; k < t->count; k++)
		by_hva[k] = (uint16_t)(by_hva[k] + (by_hva[k] >= i));
	for (; at > 0 && slot_at(t, at - 1)->hva.v > t->slots[i].hva.v; at--)
		by_hva[at] = by_hva[at - 1];
	by_hva[at] = (uint16_t)i;
}

/* slots[i] is about to go, and those behind it to move down. */
static void index_remove(struct slot_table *t, uint32_t i)
{
	uint16_t *by_hva = t->index.by_hva;
	uint32_t at = 0;

	for (uint32_t k = 0; k < t->count; k++) {
		if (by_hva[k] != i)
			by_hva[at++] = (uint16_t)(by_hva[k] - (by_hva[k] > i));
	}
}

/* Once all slots are there: who is alone, and the tree of maxima. */
static void index_finish(struct slot_table *t)
{
	uint64_t *reach = t->index.reach, farthest = 0;
	const uint32_t leaves = t->index.leaves;

	for (uint32_t at = 0; at < t->count; at++) {
		struct slot *s = &t->slots[t->index.by_hva[at]];
		uint64_t end = slot_hvas(s).end.v;
		/* They are sorted: if any later one begins inside this one, the next one does. */
		bool next_in_it = at + 1 < t->count && slot_at(t, at + 1)->hva.v < end;
		s->alone = farthest <= s->hva.v && !next_in_it;
		farthest = end > farthest ? end : farthest;
		reach[leaves + at] = end;
	}
	for (uint32_t at = t->count; at < leaves; at++)
		reach[leaves + at] = 0;
	for (uint32_t n = leaves - 1; n > 0; n--)
		reach[n] = reach[2 * n] > reach[2 * n + 1] ? reach[2 * n] : reach[2 * n + 1];
}

/* The first place, at or after `at`, of a slot that ends beyond `a`; `leaves`: there is none. */
static uint32_t index_reaching(const struct slot_index *x, uint32_t at, hva_t a)
{
	uint32_t n = x->leaves + at;

	/* Up from where nothing is left, and over to what lies right of it; then down again. */
	while (x->reach[n] <= a.v) {
		while (n & 1)
			n >>= 1;
		if (n == 0)
			return x->leaves;
		n++;
	}
	while (n < x->leaves) {
		n *= 2;
		if (x->reach[n] <= a.v)
			n++;
	}
	return n - x->leaves;
}

const struct slot *slot_showing(const struct slot_table *t, struct hva_range range, uint32_t *at)
{
	if (*at >= t->count)
		return NULL;
	uint32_t found = index_reaching(&t->index, *at, range.start);
	if (found >= t->count || slot_at(t, found)->hva.v >= range.end.v)
		return NULL;
	*at = found + 1;
	return slot_at(t, found);
}

/* ---- Tables --------------------------------------------------------------------------------- */

/* A table with room for `count` slots that begins as a copy of `old`. */
static struct slot_table *table_new(const struct slot_table *old, uint32_t count)
{
	uint32_t leaves = 1;
	unsigned order = 0;
	pfn_t block;

	while (leaves < count)
		leaves *= 2;
	uint64_t slots = sizeof(*old) + (uint64_t)count * sizeof(struct slot);
	uint64_t bytes = slots + 2 * leaves * sizeof(uint64_t) + count * sizeof(uint16_t);
	while (PAGE_SIZE << order < bytes)
		order++;
	if (block_alloc(FRAME_TABLE, order, OWNER_HYPERVISOR, &block) != OK)
		return NULL;
	struct slot_table *t = mm_linear(block);
	memset(t, 0, sizeof(*t));
	t->order = order;
	t->block = block;
	t->index.leaves = leaves;
	t->index.reach = (uint64_t *)&t->slots[count];
	t->index.by_hva = (uint16_t *)&t->index.reach[2 * leaves];
	if (old != NULL) {
		t->count = old->count;
		memcpy(t->slots, old->slots, old->count * sizeof(struct slot));
		memcpy(t->index.by_hva, old->index.by_hva, old->count * sizeof(uint16_t));
	}
	return t;
}

static void table_free(struct slot_table *t)
{
	enum result r = block_free(t->block, t->order, OWNER_HYPERVISOR);
	MM_CHECK(r == OK);
}

static void table_free_item(struct grace_item *item)
{
	table_free((struct slot_table *)item); /* grace is the first member */
}

static void table_remove(struct slot_table *t, uint32_t i)
{
	index_remove(t, i);
	t->count--;
	memmove(&t->slots[i], &t->slots[i + 1], (t->count - i) * sizeof(struct slot));
	/* `last` may show it, where it was the only one: it covers nothing. */
	memset(&t->slots[t->count], 0, sizeof(struct slot));
}

static enum result table_insert(struct slot_table *t, const struct slot *new)
{
	uint32_t i = slot_after(t, new->gfns.start);

	if (i < t->count && t->slots[i].gfns.start.v < new->gfns.end.v)
		return OVERLAPS;
	memmove(&t->slots[i + 1], &t->slots[i], (t->count - i) * sizeof(struct slot));
	t->slots[i] = *new;
	index_insert(t, i);
	t->count++;
	return OK;
}

/*
 * The new table takes the old one's place inside a notice over the slot's host range: leaves that
 * the old table explains are gone before it goes, and a fault that has read it cannot install any
 * more.
 */
static enum result table_replace(struct vm *vm, struct slot_table *new, const struct slot *touched)
{
	struct slot_table *old = slots_of(vm);
	struct notice n;

	index_finish(new);
	enum result r = notice_begin(&n, &vm->space.notifier, slot_hvas(touched), NOTICE_SLOTS);
	if (r != OK) {
		table_free(new);
		return r;
	}
	atomic_store_explicit(&vm->slots, new, memory_order_release);
	notice_end(&n);
	if (old != NULL)
		grace_free(&old->grace, table_free_item);
	trace(TRACE_SLOT, vm->id, touched->gfns.start, pfn(touched->id), FRAME_FREE, 0, OK);
	return OK;
}

/* ---- Changes; the VM's slot lock is held ------------------------------------------------------
 */

static enum result slot_check(const struct slot *s)
{
	const struct s2_geometry *g = arch_s2_geometry;
	unsigned root = g->levels - 1;
	uint64_t limit = UINT64_C(1) << (g->shift[root] + g->bits[root]);

	if (s->gfns.start.v >= s->gfns.end.v || s->gfns.end.v > limit)
		return BAD_ARGUMENT;
	if (s->gfns.start.v << PAGE_SHIFT < machine_devices_end.v)
		return OVERLAPS;
	uint64_t hva_room = (UINT64_C(1) << SPACE_BITS) - s->hva.v;
	if (s->hva.v & PAGE_MASK)
		return BAD_ALIGNMENT;
	if (s->hva.v >= UINT64_C(1) << SPACE_BITS ||
	    (s->gfns.end.v - s->gfns.start.v) > hva_room >> PAGE_SHIFT)
		return BAD_ARGUMENT;
	return OK;
}

static enum result create_locked(struct vm *vm, const struct slot *new)
{
	struct slot_table *old = slots_of(vm);

	if (old != NULL && old->count >= SLOT_MAX)
		return OUT_OF_MEMORY;
	struct slot_table *t = table_new(old, (old != NULL ? old->count : 0) + 1);
	if (t == NULL)
		return OUT_OF_MEMORY;
	enum result r = table_insert(t, new);
	if (r != OK) {
		table_free(t);
		return r;
	}
	return table_replace(vm, t, new);
}

static const struct slot *slot_by_id(const struct slot_table *t, uint32_t id)
{
	for (uint32_t i = 0; t != NULL && i < t->count; i++) {
		if (t->slots[i].id == id)
			return &t->slots[i];
	}
	return NULL;
}

/* Deletes the slot, or moves it to `to` if that is given. */
static enum result delete_locked(struct vm *vm, uint32_t id, const gfn_t *to)
{
	struct slot_table *old = slots_of(vm);
	const struct slot *found = slot_by_id(old, id);

	if (found == NULL)
		return NOT_FOUND;
	struct slot slot = *found, moved = *found;
	struct slot_table *t = table_new(old, old->count);
	if (t == NULL)
		return OUT_OF_MEMORY;
	table_remove(t, (uint32_t)(found - old->slots));
	enum result r = OK;
	if (to != NULL) {
		uint64_t pages = slot.gfns.end.v - slot.gfns.start.v;
		moved.gfns = (struct gfn_range){ *to, gfn(to->v + pages) };
		r = to->v + pages < to->v ? BAD_ARGUMENT : slot_check(&moved);
		if (r == OK)
			r = table_insert(t, &moved);
	}
	if (r != OK) {
		table_free(t);
		return r;
	}
	return table_replace(vm, t, &slot);
}

/* Leaves the slot lock. A guest that changes its slots again and again must not pile up old tables.
 */
static void slots_unlock(struct vm *vm) RELEASES(vm->slot_lock)
{
	spin_unlock(&vm->slot_lock);
	grace_poll();
}

enum result slot_create(struct vm *vm, struct gfn_range gfns, hva_t at, unsigned flags,
			uint32_t *id)
{
	struct slot new = {
		.gfns = gfns,
		.hva = at,
		.readonly = (flags & SLOT_READONLY) != 0,
		.track_writes = (flags & SLOT_TRACK_WRITES) != 0,
	};
	enum result r = slot_check(&new);
	if (r != OK)
		return r;
	spin_lock(&vm->slot_lock);
	new.id = vm->next_slot_id;
	r = create_locked(vm, &new);
	if (r == OK) {
		vm->next_slot_id++;
		*id = new.id;
	}
	slots_unlock(vm);
	return r;
}

enum result slot_delete(struct vm *vm, uint32_t id)
{
	spin_lock(&vm->slot_lock);
	enum result r = delete_locked(vm, id, NULL);
	slots_unlock(vm);
	return r;
}

enum result slot_move(struct vm *vm, uint32_t id, gfn_t to)
{
	spin_lock(&vm->slot_lock);
	enum result r = delete_locked(vm, id, &to);
	slots_unlock(vm);
	return r;
}

void slot_destroy_all(struct vm *vm)
{
	struct slot_table *t = slots_of(vm);

	atomic_store_explicit(&vm->slots, NULL, memory_order_release);
	if (t != NULL)
		grace_free(&t->grace, table_free_item);
}
