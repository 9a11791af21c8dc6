/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at memory: from a guest's page to its memslot, region, frame, leaf. Each command copies
 * what it shows under the lock that guards it, one lock at a time, and prints after.
 */
#include "hv/monitor_look.h"

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "hv/config.h"
#include "hv/console.h"
#include "hv/s2.h"
#include "hv/slot.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/block.h"
#include "mm/follow.h"
#include "mm/frame.h"
#include "mm/grace.h"
#include "mm/notice.h"
#include "mm/space.h"

#define MAX_SHOWN 64u

typedef unsigned long long ull;

/* A page number in hexadecimal, "0x" before it or not; says so if it is none. */
static bool parse_page(const char *text, uint64_t *page)
{
	const char *at = text;
	uint64_t n = 0;

	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	bool good = *at != '\0';
	for (; *at != '\0' && good; at++) {
		unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
				 : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10
				 : *at >= 'A' && *at <= 'F' ? (unsigned)(*at - 'A') + 10
							    : 16;
		n = n << 4 | digit;
		good = digit < 16 && n >> (64 - PAGE_SHIFT) == 0;
	}
	if (!good)
		console_print("\"%s\" is not a page number (hexadecimal)\n", text);
	*page = n;
	return good;
}

static const char *device_name(const struct vm *vm, uint32_t slot)
{
	for (unsigned i = 0; i < vm->device_count; i++)
		if (vm->devices[i].present && vm->devices[i].slot == slot)
			return vm->devices[i].config->device->name;
	return "memory";
}

static void print_slot(const struct vm *vm, const struct slot *s)
{
	console_print("memslot %u (%s): gfn %#llx..%#llx at hva %#llx%s%s\n", (unsigned)s->id,
		      device_name(vm, s->id), (ull)s->gfns.start.v, (ull)s->gfns.end.v,
		      (ull)s->hva.v, s->readonly ? ", read-only" : "",
		      s->track_writes ? ", writes tracked" : "");
}

void monitor_slots(const struct monitor_request *rq)
{
	struct slot shown[MAX_SHOWN];
	uint32_t count = 0, all = 0;

	grace_enter();
	const struct slot_table *t = atomic_load_explicit(&rq->vm->slots, memory_order_acquire);
	if (t != NULL)
		all = t->count;
	for (; count < all && count < MAX_SHOWN; count++)
		shown[count] = t->slots[count];
	grace_leave();
	for (uint32_t i = 0; i < count; i++)
		print_slot(rq->vm, &shown[i]);
	if (count < all)
		console_print("... and %u more\n", (unsigned)(all - count));
}

/* ---- why --------------------------------------------------------------------------------------
 */

static const char *region_words(enum region_kind k)
{
	switch (k) {
	case REGION_ANON: return "ANON";
	case REGION_PFNMAP: return "PFNMAP";
	case REGION_MIXED: return "MIXED";
	case REGION_GUEST: return "GUEST";
	}
	return "?";
}

static void print_region(struct vm *vm, hva_t a)
{
	struct region r;

	if (!space_region_at(&vm->space, a, &r)) {
		console_print("region: none at hva %#llx\n", (ull)a.v);
		return;
	}
	console_print("region: %s%s%s, hva %#llx..%#llx, %s, %s%s%s\n", region_words(r.spec.kind),
		      r.spec.ops != NULL ? " of " : "", r.spec.ops != NULL ? r.spec.ops->name : "",
		      (ull)r.range.start.v, (ull)r.range.end.v, config_memtype_words(r.spec.type),
		      r.spec.permissions & ACCESS_READ ? "r" : "-",
		      r.spec.permissions & ACCESS_WRITE ? "w" : "-",
		      r.spec.permissions & ACCESS_EXEC ? "x" : "-");
}

static void print_frame(pfn_t n)
{
	struct frame *f = frame_of(n);

	if (f == NULL) {
		console_print("frame %#llx: device memory, it has no record (F1)\n", (ull)n.v);
		return;
	}
	enum frame_class class = frame_class(n);
	struct frame *head = frame_head(f);
	unsigned order = atomic_load_explicit(&f->order, memory_order_relaxed);
	console_print("frame %#llx: %s, owner %u, in a block of 2^%u", (ull)n.v,
		      frame_class_words(class), (unsigned)frame_owner(f).v, order);
	if (class == FRAME_COUNTED) {
		unsigned marks = atomic_load_explicit(&head->marks, memory_order_relaxed);
		console_print("%s, references %u, pins %u%s%s", f == head ? "" : ", a tail",
			      (unsigned)frame_refs(head), (unsigned)frame_pins(head),
			      marks & FRAME_YOUNG ? ", young" : "",
			      marks & FRAME_DIRTY ? ", dirty" : "");
	}
	console_print("\n");
}

static void print_leaf(unsigned level, const struct s2_entry *e)
{
	console_print("leaf at level %u (2^%u pages), pfn %#llx, r%s%s, %s%s%s%s\n", level,
		      arch_s2_geometry->shift[level], (ull)e->pfn.v,
		      e->attrs & S2_WRITE ? "w" : "-", e->attrs & S2_EXEC ? "x" : "-",
		      config_memtype_words(S2_TYPE_OF(e->attrs)),
		      e->attrs & S2_COUNTED ? ", counted" : ", not counted",
		      e->attrs & S2_YOUNG ? ", young" : "", e->attrs & S2_DIRTY ? ", dirty" : "");
}

/* What the host has behind the page, and how anybody holds it. */
static void print_host(struct vm *vm, gfn_t n, bool leaf)
{
	struct follow_answer a, w;

	spin_lock(&vm->space.lock);
	enum result r = vm_peek_locked(vm, gfn_to_gpa(n), ACCESS_READ, &a);
	bool writable = vm_peek_locked(vm, gfn_to_gpa(n), ACCESS_WRITE, &w) == OK;
	spin_unlock(&vm->space.lock);
	if (r != OK) {
		console_print("host: nothing mapped: %s\n", result_words(r));
		return;
	}
	console_print("host: pfn %#llx, %s, %s, %s, span of 2^%u pages\n", (ull)a.pfn.v,
		      frame_class_words(a.class), writable ? "writable" : "read-only",
		      config_memtype_words(a.type), a.order);
	print_frame(a.pfn);
	unsigned pins = a.class == FRAME_COUNTED ? frame_pins(frame_head(frame_of(a.pfn))) : 0;
	console_print("hold: %s, %u pin%s\n",
		      leaf ? "the guest's leaf, by notice (it takes no count)" : "no leaf", pins,
		      pins == 1 ? "" : "s");
}

void monitor_why(const struct monitor_request *rq)
{
	struct vm *vm = rq->vm;
	struct slot slot;
	unsigned level = 0;
	uint64_t page;

	if (!parse_page(rq->word[0], &page))
		return;
	gfn_t n = gfn(page);
	grace_enter();
	const struct slot *found = slot_find(vm, n);
	if (found != NULL)
		slot = *found;
	struct s2_entry e = { .kind = S2_NONE };
	if (vm->has_s2)
		e = s2_lookup(&vm->s2, n, &level);
	grace_leave();
	if (found == NULL) {
		console_print("memslot: none; an access is one of a device\n");
	} else {
		print_slot(vm, &slot);
		print_region(vm, slot_hva(&slot, n));
		print_host(vm, n, e.kind == S2_LEAF);
	}
	if (e.kind == S2_LEAF)
		print_leaf(level, &e);
	else
		console_print("no leaf: the next access is a fault\n");
	console_print("last fault of %s: gfn %#llx, %s\n", vm->config->name,
		      (ull)atomic_load(&vm->last_fault.gfn),
		      atomic_load(&vm->stats.faults) == 0
			      ? "none yet"
			      : result_words(atomic_load(&vm->last_fault.verdict)));
}

void monitor_frame(const struct monitor_request *rq)
{
	uint64_t page;

	if (parse_page(rq->word[0], &page))
		print_frame(pfn(page));
}

void monitor_s2(const struct monitor_request *rq)
{
	struct s2_step steps[S2_MAX_LEVELS];
	unsigned count = 0;
	uint64_t page;

	if (!parse_page(rq->word[0], &page))
		return;
	grace_enter();
	if (rq->vm->has_s2)
		count = s2_walk(&rq->vm->s2, gfn(page), steps);
	grace_leave();
	for (unsigned i = 0; i < count; i++) {
		const struct s2_step *s = &steps[i];
		console_print("level %u: %#llx ", s->level, (ull)s->raw);
		if (s->entry.kind == S2_LEAF)
			print_leaf(s->level, &s->entry);
		else if (s->entry.kind == S2_TABLE)
			console_print("table at pfn %#llx\n", (ull)s->entry.pfn.v);
		else
			console_print("nothing\n");
	}
}

/* ---- The notifier -----------------------------------------------------------------------------
 */

void monitor_consumers(const struct monitor_request *rq)
{
	struct notifier *nf = &rq->vm->space.notifier;
	struct consumer *found[MAX_SHOWN];
	unsigned count = 0;

	consumers_hold(nf);
	for (struct consumer *c = nf->consumers; c != NULL && count < MAX_SHOWN; c = c->next)
		found[count++] = c;
	consumers_let_go(nf);
	/* One that goes meanwhile stays readable: consumers stand in the VM and in its vCPUs. */
	for (unsigned i = 0; i < count; i++) {
		struct consumer *c = found[i];
		spin_lock(&c->lock);
		ull seq = atomic_load(&c->seq), closed = c->retries_open, moved = c->retries_seq;
		ull false_ones = c->retries_false;
		unsigned open = c->open;
		spin_unlock(&c->lock);
		console_print(
			"%s (%s): %u open notices, seq %llu, lookups lost: %llu to an open one, "
			"%llu to one that ended (%llu of these elsewhere)\n",
			c->ops->name, c->kind == CONSUMER_TABLE ? "table" : "cache", open, seq,
			closed, moved, false_ones);
	}
}

void monitor_notices(const struct monitor_request *rq)
{
	uint32_t state = atomic_load(&rq->vm->space.notifier.state);

	console_print("%llu notices so far, %u active%s; %u faults ask for their turn%s\n",
		      (ull)consumer_notices(&rq->vm->s2.consumer),
		      NOTIFIER_COUNT(state, NOTIFIER_ACTIVE),
		      state & NOTIFIER_SLOTS ? " (memslots change)" : "",
		      NOTIFIER_COUNT(state, NOTIFIER_TURNS),
		      state & NOTIFIER_TAKEN ? ", one has it" : "");
}

/* ---- census -----------------------------------------------------------------------------------
 */

static bool anything_runs(void)
{
	for (unsigned i = 0; i < vm_count; i++)
		for (unsigned n = 0; n < vms[i]->vcpu_count; n++)
			if (vms[i]->vcpus[n]->state == VCPU_RUNNING)
				return true;
	return false;
}

void monitor_census(const struct monitor_request *rq)
{
	(void)rq;
	if (anything_runs()) {
		console_print("a vCPU runs, and the frames move under it: stop its VM first\n");
		return;
	}
	const char *wrong = block_check();
	console_print("%s; %llu frames free of %llu\n",
		      wrong != NULL ? wrong : "every frame is on one list, or has one owner (I5)",
		      (ull)block_free_frames(), (ull)block_total_frames());
}
