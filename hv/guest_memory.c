/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory as the hypervisor reads and writes it: for image loaders, decoders of instructions
 * and hypercalls. Each page is PEEKed at under the space's lock, which keeps the entry and so the
 * frame while the bytes are copied; nothing is held afterwards. Missing memory is faulted in as a
 * guest's access would do it. This is the host's own access to its memory, at the hva: no leaf is
 * made or needed.
 */
#include <string.h>

#include "arch/arch.h"
#include "hv/slot.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/follow.h"
#include "mm/frame.h"
#include "mm/grace.h"
#include "mm/lock.h"

/* Host faults for one page before the answer is RACED: each can be undone by a notice meanwhile. */
#define PAGE_TRIES 8u

/* The page of the host space behind `at`, and whether the memslot lets it be written. */
static enum result place_of(const struct vm *vm, gpa_t at, hva_t *place, bool *writable)
{
	enum result r = NO_MEMSLOT;

	grace_enter();
	const struct slot *s = slot_find(vm, gpa_to_gfn(at));
	if (s != NULL) {
		*place = slot_hva(s, gpa_to_gfn(at));
		*writable = !s->readonly;
		r = OK;
	}
	grace_leave();
	return r;
}

bool vm_slot_writable(const struct vm *vm, gfn_t n)
{
	hva_t place;
	bool writable;
	return place_of(vm, gfn_to_gpa(n), &place, &writable) == OK && writable;
}

static enum result peek_at(struct space *s, hva_t place, enum access access, bool writable,
			   struct follow_answer *out)
{
	struct follow_request rq = {
		.space = s,
		.hva = place,
		.access = access,
		.intent = INTENT_PEEK,
		.slot_writable = writable,
	};
	return follow_pfn(&rq, out);
}

enum result vm_peek_locked(struct vm *vm, gpa_t at, enum access access, struct follow_answer *out)
{
	hva_t place;
	bool writable;

	enum result r = place_of(vm, at, &place, &writable);
	return r == OK ? peek_at(&vm->space, place, access, writable, out) : r;
}

enum result vm_peek(struct vm *vm, gpa_t at, struct follow_answer *out)
{
	spin_lock(&vm->space.lock);
	enum result r = vm_peek_locked(vm, at, ACCESS_READ, out);
	spin_unlock(&vm->space.lock);
	return r;
}

/* Bytes on their way between the hypervisor's memory and the guest's. */
struct transfer {
	bool write;		   /* into the guest */
	unsigned char *to;	   /* of a read */
	const unsigned char *from; /* of a write */
};

static enum access access_of(const struct transfer *t)
{
	return t->write ? ACCESS_WRITE : ACCESS_READ;
}

/* One look and copy, under the lock. */
static enum result try_copy(struct space *s, hva_t place, bool writable, uint64_t offset,
			    const struct transfer *t, uint64_t bytes)
{
	struct follow_answer a;

	spin_lock(&s->lock);
	enum result r = peek_at(s, place, access_of(t), writable, &a);
	if (r == OK && a.class == FRAME_DEVICE)
		r = UNSUPPORTED; /* not in the linear map */
	if (r == OK) {
		unsigned char *page = mm_linear(a.pfn);
		if (t->write) {
			memcpy(page + offset, t->from, bytes);
			arch_guest_sync(page + offset, bytes, true);
		} else {
			arch_guest_sync(page + offset, bytes, false);
			memcpy(t->to, page + offset, bytes);
		}
		/* F7: the entry's reference keeps the frame alive under the lock. */
		if (a.class == FRAME_COUNTED)
			frame_mark(frame_head(frame_of(a.pfn)),
				   FRAME_YOUNG | (t->write ? FRAME_DIRTY : 0));
	}
	spin_unlock(&s->lock);
	return r;
}

/* Within one page. */
static enum result copy_page(struct vm *vm, gpa_t at, const struct transfer *t, uint64_t bytes)
{
	for (unsigned i = 0; i < PAGE_TRIES; i++) {
		hva_t place;
		bool writable;
		enum result r = place_of(vm, at, &place, &writable);
		if (r != OK)
			return r;
		r = try_copy(&vm->space, place, writable, at.v & PAGE_MASK, t, bytes);
		if (r != NO_BACKING && r != NO_PERMISSION)
			return r;
		/* H3: absent, or not allowed */
		struct host_found unused;
		r = space_fault(&vm->space, place, access_of(t), false, false, &unused);
		if (r != OK && r != RACED)
			return r;
	}
	return RACED;
}

static enum result copy(struct vm *vm, gpa_t at, struct transfer t, uint64_t bytes)
{
	while (bytes != 0) {
		uint64_t piece = PAGE_SIZE - (at.v & PAGE_MASK);
		if (piece > bytes)
			piece = bytes;
		enum result r = copy_page(vm, at, &t, piece);
		if (r != OK)
			return r;
		at = gpa(at.v + piece);
		bytes -= piece;
		if (t.write)
			t.from += piece;
		else
			t.to += piece;
	}
	return OK;
}

enum result vm_read(struct vm *vm, gpa_t from, void *to, uint64_t bytes)
{
	return copy(vm, from, (struct transfer){ .to = to }, bytes);
}

enum result vm_write(struct vm *vm, gpa_t to, const void *from, uint64_t bytes)
{
	return copy(vm, to, (struct transfer){ .write = true, .from = from }, bytes);
}

enum result hv_guest_read(struct vcpu *v, gpa_t from, void *to, size_t bytes)
{
	return vm_read(v->vm, from, to, bytes);
}

enum result hv_guest_write(struct vcpu *v, gpa_t to, const void *from, size_t bytes)
{
	return vm_write(v->vm, to, from, bytes);
}
