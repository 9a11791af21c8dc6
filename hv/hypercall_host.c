/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercalls marked T: what a device driver or an administrator of the host would do, done on a
 * guest's behalf, so that small guests can show and test the rules from inside. Every change goes
 * the way of any other: a notice that may be refused (N7), then the change. A call refused by BUSY
 * waits, and goes on where it was.
 */
#include <string.h>

#include "guests/abi.h"
#include "hv/drv/device_memory.h"
#include "hv/env.h"
#include "hv/explain.h"
#include "hv/hypercall.h"
#include "hv/trace.h"
#include "hv/vm.h"
#include "mm/block.h"
#include "mm/follow.h"
#include "mm/grace.h"
#include "mm/lock.h"

#define SLOT_FLAGS ((uint64_t)TENURE_SLOT_READONLY | TENURE_SLOT_TRACK_WRITES)
_Static_assert(TENURE_SLOT_READONLY == SLOT_READONLY &&
		       TENURE_SLOT_TRACK_WRITES == SLOT_TRACK_WRITES,
	       "the guest's flags of a memslot are the memslot's own");
#define PERMISSIONS ((uint64_t)ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC)
/* Notices of a storm in one go, before the CPU is let go; and the pause after each. */
#define STORM_BATCH 16u
#define STORM_PAUSE 32u

/* ---- Ranges of guest memory ---------------------------------------------------------------------
 */

/* Why it is none, out of line: it mostly is one. */
static __attribute__((noinline)) enum result range_refusal(uint64_t at, uint64_t bytes)
{
	return ((at | bytes) & PAGE_MASK) != 0 ? BAD_ALIGNMENT : BAD_ARGUMENT;
}

static inline enum result range_check(uint64_t at, uint64_t bytes)
{
	bool good = ((at | bytes) & PAGE_MASK) == 0 && bytes != 0 && at + bytes >= at;

	return __builtin_expect(good, 1) ? OK : range_refusal(at, bytes);
}

/* The host range of as much of [n, end) as the memslot of `n` covers. */
static enum result piece_of(struct vm *vm, gfn_t n, gfn_t end, struct hva_range *out)
{
	enum result r = NO_MEMSLOT;

	grace_enter();
	const struct slot *s = slot_find(vm, n);
	if (s != NULL) {
		gfn_t stop = s->gfns.end.v < end.v ? s->gfns.end : end;
		*out = hva_range(slot_hva(s, n), (stop.v - n.v) << PAGE_SHIFT);
		r = OK;
	}
	grace_leave();
	return r;
}

typedef enum result range_fn(struct vm *vm, struct hva_range range, uint64_t extra);

/* Do memslots cover all of [n, end)? Asked before anything is changed. */
static enum result covered(struct vm *vm, gfn_t n, gfn_t end)
{
	while (n.v < end.v) {
		struct hva_range piece;
		enum result r = piece_of(vm, n, end, &piece);
		if (r != OK)
			return r;
		n.v += (piece.end.v - piece.start.v) >> PAGE_SHIFT;
	}
	return OK;
}

/* Where more than one memslot has it: a part at a time; v->call.done pages are done. */
static __attribute__((noinline)) enum result many_pieces(struct vcpu *v, struct gfn_range range,
							 range_fn *what, uint64_t extra)
{
	enum result r = v->call.done == 0 ? covered(v->vm, range.start, range.end) : OK;

	while (r == OK && range.start.v + v->call.done < range.end.v) {
		struct hva_range piece;
		r = piece_of(v->vm, gfn(range.start.v + v->call.done), range.end, &piece);
		if (r == OK)
			r = what(v->vm, piece, extra);
		if (r == OK)
			v->call.done += (piece.end.v - piece.start.v) >> PAGE_SHIFT;
	}
	return r;
}

/* Does `what` to [at, at + bytes), which memslots must cover. */
static inline enum result each_piece(struct vcpu *v, uint64_t at, uint64_t bytes, range_fn *what,
				     uint64_t extra)
{
	enum result r = range_check(at, bytes);
	if (__builtin_expect(r != OK, 0))
		return r;
	gfn_t start = gpa_to_gfn(gpa(at)), end = gfn(start.v + (bytes >> PAGE_SHIFT));
	struct hva_range piece;
	if (__builtin_expect(v->call.done == 0, 1)) {
		r = piece_of(v->vm, start, end, &piece);
		if (r != OK || piece.end.v - piece.start.v == bytes)
			return r == OK ? what(v->vm, piece, extra) : r;
	}
	return many_pieces(v, (struct gfn_range){ start, end }, what, extra);
}

static enum result drop_piece(struct vm *vm, struct hva_range range, uint64_t extra)
{
	(void)extra;
	return space_drop(&vm->space, range, NOTICE_TRY);
}

static enum result protect_piece(struct vm *vm, struct hva_range range, uint64_t permissions)
{
	return space_protect(&vm->space, range, (unsigned)permissions, NOTICE_TRY);
}

static enum result zap_piece(struct vm *vm, struct hva_range range, uint64_t extra)
{
	struct notice n;

	(void)extra;
	enum result r = notice_begin(&n, &vm->space.notifier, range, NOTICE_TRY);
	if (r == OK)
		notice_end(&n);
	return r;
}

enum result call_drop(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	return each_piece(v, arg[0], arg[1], drop_piece, 0);
}

enum result call_protect(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	if (arg[2] & ~PERMISSIONS)
		return BAD_ARGUMENT;
	return each_piece(v, arg[0], arg[1], protect_piece, arg[2]);
}

enum result call_zap(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	return each_piece(v, arg[0], arg[1], zap_piece, 0);
}

/* v->call.done counts the rounds given. The range is what one memslot has of it. */
enum result call_storm(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	struct hva_range range;

	enum result r = range_check(arg[0], arg[1]);
	if (r != OK)
		return r;
	gfn_t start = gpa_to_gfn(gpa(arg[0]));
	r = piece_of(v->vm, start, gfn(start.v + (arg[1] >> PAGE_SHIFT)), &range);
	for (unsigned i = 0; r == OK && v->call.done < arg[2]; i++) {
		if (i == STORM_BATCH)
			return RACED; /* once round the run queue */
		r = zap_piece(v->vm, range, 0);
		if (r == OK)
			v->call.done++;
		for (unsigned pause = 0; pause < STORM_PAUSE; pause++)
			mm_relax();
	}
	*answer = v->call.done;
	return r;
}

/* ---- Memslots
 * ------------------------------------------------------------------------------------- */

/* The steps of slot_create and slot_delete, in v->call.done. */
enum { STEP_BEGIN, STEP_MAPPED, STEP_UNMAP };

static enum result map_anon(struct vcpu *v, gpa_t at, uint64_t bytes)
{
	static const struct region_spec spec = {
		.kind = REGION_ANON,
		.type = MEM_WRITE_BACK,
		.permissions = (unsigned)ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC,
	};
	hva_t place;

	enum result r = vm_find_room(v->vm, at, bytes, &place);
	if (r == OK)
		r = space_map(&v->vm->space, hva_range(place, bytes), &spec);
	if (r == OVERLAPS)
		return RACED; /* another vCPU's call took the same room */
	if (r == OK) {
		v->call.place = place;
		v->call.bytes = bytes;
		v->call.done = STEP_MAPPED;
	}
	return r;
}

/* Takes away the region at v->call.place; then v->call.verdict is what the whole call comes to. */
static enum result unmap_anon(struct vcpu *v)
{
	v->call.done = STEP_UNMAP;
	enum result r =
		space_unmap(&v->vm->space, hva_range(v->call.place, v->call.bytes), NOTICE_TRY);
	return r == OK ? v->call.verdict : r;
}

static enum result create_device_slot(struct vcpu *v, const uint64_t *arg, uint32_t *id)
{
	struct vm *vm = v->vm;

	if (arg[2] - 1 >= vm->device_count)
		return NOT_FOUND;
	struct vm_device_slot *d = &vm->devices[arg[2] - 1];
	uint64_t bytes = arg[1] != 0 ? arg[1] : d->bytes;
	enum result r = range_check(arg[0], bytes);
	if (r == OK && bytes > d->bytes)
		r = BAD_ARGUMENT;
	if (r != OK)
		return r;
	gfn_t first = gpa_to_gfn(gpa(arg[0]));
	struct gfn_range gfns = { first, gfn(first.v + (bytes >> PAGE_SHIFT)) };
	r = slot_create(vm, gfns, d->hva, (unsigned)arg[3], id);
	if (r == OK) {
		d->slot = *id;
		d->present = true;
	}
	return r;
}

static enum result create_anon_slot(struct vcpu *v, const uint64_t *arg, uint32_t *id)
{
	enum result r = range_check(arg[0], arg[1]);
	if (r != OK)
		return r;
	if (v->call.done == STEP_UNMAP)
		return unmap_anon(v);
	if (v->call.done == STEP_BEGIN) {
		r = map_anon(v, gpa(arg[0]), arg[1]);
		if (r != OK)
			return r;
	}
	gfn_t first = gpa_to_gfn(gpa(arg[0]));
	struct gfn_range gfns = { first, gfn(first.v + (arg[1] >> PAGE_SHIFT)) };
	r = slot_create(v->vm, gfns, v->call.place, (unsigned)arg[3], id);
	if (r == OK || r == BUSY)
		return r;
	v->call.verdict = r;
	return unmap_anon(v);
}

enum result call_slot_create(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	uint32_t id = 0;

	if (arg[3] & ~SLOT_FLAGS)
		return BAD_ARGUMENT;
	enum result r =
		arg[2] == 0 ? create_anon_slot(v, arg, &id) : create_device_slot(v, arg, &id);
	*answer = id;
	return r;
}

/* A memslot by its number, as it is at this moment. */
static bool slot_by_id(struct vm *vm, uint64_t id, struct slot *out)
{
	bool found = false;

	grace_enter();
	const struct slot_table *t = atomic_load_explicit(&vm->slots, memory_order_acquire);
	for (uint32_t i = 0; t != NULL && i < t->count && !found; i++) {
		found = t->slots[i].id == id;
		if (found)
			*out = t->slots[i];
	}
	grace_leave();
	return found;
}

/* Memory that slot_create mapped goes with its memslot; the VM's own, and devices', stays. */
enum result call_slot_delete(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	struct vm *vm = v->vm;
	struct region region;
	struct slot s;

	(void)answer;
	if (v->call.done == STEP_UNMAP)
		return unmap_anon(v);
	if (!slot_by_id(vm, arg[0], &s))
		return NOT_FOUND;
	enum result r = slot_delete(vm, s.id);
	if (r != OK)
		return r;
	for (unsigned i = 0; i < vm->device_count; i++) {
		if (vm->devices[i].present && vm->devices[i].slot == s.id)
			vm->devices[i].present = false;
	}
	if (s.id < vm->first_call_slot || !space_region_at(&vm->space, s.hva, &region) ||
	    region.spec.kind != REGION_ANON)
		return OK;
	v->call.place = s.hva;
	v->call.bytes = (s.gfns.end.v - s.gfns.start.v) << PAGE_SHIFT;
	v->call.verdict = OK;
	return unmap_anon(v);
}

enum result call_slot_move(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	if (arg[1] & PAGE_MASK)
		return BAD_ALIGNMENT;
	if (arg[0] > UINT32_MAX)
		return NOT_FOUND;
	return slot_move(v->vm, (uint32_t)arg[0], gpa_to_gfn(gpa(arg[1])));
}

/* ---- Owners
 * ---------------------------------------------------------------------------------------- */

static enum result owner_does(struct vcpu *v, uint64_t device,
			      enum result (*what)(struct device_memory *m))
{
	if (device >= v->vm->device_count)
		return NOT_FOUND;
	enum result r = what(v->vm->devices[device].memory);
	/* Another VM that sees the memory may be the busy one, and its notice's end does not wake
	 * us. */
	return r == BUSY ? RACED : r;
}

enum result call_owner_take(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	return owner_does(v, arg[0], device_memory_take);
}

enum result call_owner_give(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	return owner_does(v, arg[0], device_memory_give);
}

enum result call_owner_move(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	return owner_does(v, arg[0], device_memory_move);
}

/* ---- Pins
 * ------------------------------------------------------------------------------------------- */

enum result call_pin(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	struct vm *vm = v->vm;
	struct follow_answer found;
	struct hva_range page;
	gfn_t n = gpa_to_gfn(gpa(arg[0]));

	enum result r = piece_of(vm, n, gfn(n.v + 1), &page);
	if (r != OK)
		return r;
	struct follow_request rq = {
		.space = &vm->space,
		.hva = page.start,
		.access = vm_slot_writable(vm, n) ? ACCESS_WRITE : ACCESS_READ,
		.intent = INTENT_PIN,
		.slot_writable = vm_slot_writable(vm, n),
		.may_sleep = true,
	};
	r = follow_pfn(&rq, &found);
	if (r == OK && !vm_pin_note(vm, found.pfn)) {
		frame_unpin(frame_head(frame_of(found.pfn)));
		r = OUT_OF_MEMORY;
	}
	if (r == OK)
		*answer = found.pfn.v;
	trace(TRACE_PIN, vm->id, n, r == OK ? found.pfn : pfn(0),
	      r == OK ? found.class : FRAME_FREE, 0, r);
	explain_pin(vm, gpa(arg[0]), r == OK ? found.pfn : pfn(0), r);
	return r;
}

enum result call_unpin(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	if (!vm_pin_forget(v->vm, pfn(arg[0])))
		return NOT_FOUND;
	frame_unpin(frame_head(frame_of(pfn(arg[0]))));
	return OK;
}

/* ---- Queries
 * ---------------------------------------------------------------------------------------- */

/* Of the host's entry and the frame behind it, both while the space's lock keeps them. */
static enum result query_frame(struct vm *vm, gpa_t at, uint64_t what, uint64_t *answer)
{
	struct follow_answer a;

	spin_lock(&vm->space.lock);
	enum result r = vm_peek_locked(vm, at, ACCESS_READ, &a);
	if (r == OK) {
		struct frame *f = frame_of(a.pfn);
		bool counted = a.class == FRAME_COUNTED;
		if (what == TENURE_QUERY_CLASS)
			*answer = a.class;
		else if (what == TENURE_QUERY_PFN)
			*answer = a.pfn.v;
		else if (what == TENURE_QUERY_REFS)
			*answer = counted ? frame_refs(frame_head(f)) : 0;
		else if (what == TENURE_QUERY_PINS)
			*answer = counted ? frame_pins(frame_head(f)) : 0;
		else
			*answer = counted ? atomic_load(&frame_head(f)->marks) : 0;
	}
	spin_unlock(&vm->space.lock);
	return r;
}

static enum result query_leaf(struct vm *vm, gpa_t at, uint64_t what, uint64_t *answer)
{
	unsigned level = 0;

	grace_enter();
	struct s2_entry e = s2_lookup(&vm->s2, gpa_to_gfn(at), &level);
	grace_leave();
	bool leaf = e.kind == S2_LEAF;
	if (what == TENURE_QUERY_LEAF)
		*answer = leaf ? level + 1 : 0;
	else if (what == TENURE_QUERY_WRITABLE)
		*answer = leaf && (e.attrs & S2_WRITE);
	else
		*answer = leaf ? (uint64_t)S2_TYPE_OF(e.attrs) : 0;
	return leaf || what == TENURE_QUERY_LEAF ? OK : NO_BACKING;
}

/* Frames that are neither free nor a guest's: what the hypervisor itself uses, and pools. */
static uint64_t own_frames(void)
{
	uint64_t used;

	grace_drain(); /* what waits for its grace period only is free */
	used = block_total_frames() - block_free_frames();
	for (unsigned i = 0; i < vm_count; i++)
		used -= vms[i]->space.counted;
	return used;
}

/* What clearing a page costs: to be taken off a first touch, which is else the page's clearing. */
static enum result clear_cost(uint64_t *answer)
{
	struct env_block page;

	enum result r = env_block_get(0, &page);
	if (r != OK)
		return r;
	uint64_t before = arch_counter();
	mm_page_clear(page.memory);
	*answer = arch_counter() - before;
	env_block_put(page.first, 0);
	return OK;
}

/* ... of the VM, the host and the machine: no page is looked at. */
static enum result query_count(struct vm *vm, uint64_t what, uint64_t *answer)
{
	switch (what) {
	case TENURE_QUERY_FAULTS: *answer = atomic_load(&vm->stats.faults); return OK;
	case TENURE_QUERY_NOTICES: *answer = consumer_notices(&vm->s2.consumer); return OK;
	case TENURE_QUERY_RACED: *answer = atomic_load(&vm->stats.raced); return OK;
	case TENURE_QUERY_MAX_ROUNDS: *answer = atomic_load(&vm->stats.max_rounds); return OK;
	case TENURE_QUERY_FREE_FRAMES:
		grace_drain();
		*answer = block_free_frames();
		return OK;
	case TENURE_QUERY_WIDENED: *answer = atomic_load(&vm->stats.widened); return OK;
	case TENURE_QUERY_SPURIOUS: *answer = atomic_load(&vm->stats.spurious); return OK;
	case TENURE_QUERY_TABLES: *answer = vm->s2.tables; return OK;
	case TENURE_QUERY_OWN_FRAMES: *answer = own_frames(); return OK;
	case TENURE_QUERY_START_COST: *answer = vm->start_cost; return OK;
	case TENURE_QUERY_CLEAR_COST: return clear_cost(answer);
	default: return BAD_ARGUMENT;
	}
}

enum result call_query(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	struct vm *vm = v->vm;

	switch (arg[1]) {
	case TENURE_QUERY_CLASS:
	case TENURE_QUERY_PFN:
	case TENURE_QUERY_REFS:
	case TENURE_QUERY_PINS:
	case TENURE_QUERY_YOUNG_DIRTY: return query_frame(vm, gpa(arg[0]), arg[1], answer);
	case TENURE_QUERY_LEAF:
	case TENURE_QUERY_WRITABLE:
	case TENURE_QUERY_MEMTYPE: return query_leaf(vm, gpa(arg[0]), arg[1], answer);
	default: return query_count(vm, arg[1], answer);
	}
}

/* ---- The tour
 * --------------------------------------------------------------------------------------- */

enum result call_step(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	explain_step(v->vm, arg[0], arg[1]);
	return OK;
}

enum result call_step_end(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	explain_step_end(v->vm, arg[0], arg[1] != 0);
	return OK;
}
