/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages that the hypervisor writes for the guest. A refresh never waits: it writes what it can,
 * and comes again with the next slice. A reader's side is a sequence number that is odd during a
 * write; the clock's own form is the architecture's (arch_clock_fill).
 */
#include "hv/clock.h"

#include <string.h>

#include "arch/arch.h"
#include "guests/abi.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/grace.h"
#include "mm/lock.h"

#define CLOCK_BYTES 64u

/* The page behind `at`, which must be writable memory of the guest. */
static enum result page_of(struct vm *vm, gpa_t at, hva_t *out)
{
	enum result r = NO_MEMSLOT;

	grace_enter();
	const struct slot *s = slot_find(vm, gpa_to_gfn(at));
	if (s != NULL) {
		*out = slot_hva(s, gpa_to_gfn(at));
		r = s->readonly ? READONLY_MEMSLOT : OK;
	}
	grace_leave();
	return r;
}

/*
 * A cache goes by hva, the guest by gpa: after a change of memslots it follows to what they show
 * there now. Refused while they show nothing: then nothing is written.
 */
static enum result page_follow(struct vm *vm, struct pfn_cache *pc, gpa_t at)
{
	hva_t page;
	enum result r = page_of(vm, at, &page);

	if (r == OK)
		pfn_cache_retarget(pc, page);
	return r;
}

/* ---- The clock of a vCPU ------------------------------------------------------------------ */

static enum result clock_off(struct vcpu *v)
{
	if (!v->clock.on)
		return OK;
	enum result r = pfn_cache_destroy(&v->clock.page);
	if (r == OK)
		v->clock.on = false;
	return r;
}

static enum result clock_write(struct vcpu *v)
{
	unsigned char data[CLOCK_BYTES];
	size_t bytes = arch_clock_fill(v->arch, false, 0, data, sizeof(data));
	enum result r = page_follow(v->vm, &v->clock.page, v->clock.at);

	if (r != OK)
		return r;
	return pfn_cache_write(&v->clock.page, v->clock.at.v & PAGE_MASK, data, bytes);
}

/* The wall clock is written once and not kept. */
static enum result wall_write(struct vcpu *v, gpa_t at)
{
	unsigned char data[CLOCK_BYTES];
	size_t bytes = arch_clock_fill(v->arch, true, arch_wall_seconds(), data, sizeof(data));

	return vm_write(v->vm, at, data, bytes);
}

enum result clock_request(struct vcpu *v)
{
	gpa_t at = v->exit.clock.gpa;
	hva_t page;

	if (v->exit.clock.wall)
		return wall_write(v, at);
	enum result r = clock_off(v);
	if (r != OK || !v->exit.clock.on)
		return r;
	if ((at.v & PAGE_MASK) > PAGE_SIZE - CLOCK_BYTES)
		return BAD_ALIGNMENT;
	r = page_of(v->vm, at, &page);
	if (r == OK)
		r = pfn_cache_create(&v->clock.page, &v->vm->space, page);
	if (r != OK)
		return r;
	v->clock.on = true;
	v->clock.at = at;
	return clock_write(v);
}

/* ---- The statistics page ------------------------------------------------------------------ */

static enum result stats_off_locked(struct vm *vm)
{
	if (!vm->stats_on)
		return OK;
	enum result r = pfn_cache_destroy(&vm->stats_page);
	if (r == OK)
		vm->stats_on = false;
	return r;
}

static uint64_t exits_of(const struct vm *vm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		sum += atomic_load_explicit(&vm->vcpus[i]->exits, memory_order_relaxed);
	return sum;
}

/*
 * First the whole page with an odd number, then with an even one: should the page move between the
 * two, the second write still brings everything.
 */
static enum result stats_write_locked(struct vm *vm)
{
	const struct vm_stats *from = &vm->stats;
	struct tenure_stats data = {
		.seq = (unsigned)(2 * vm->stats_updates + 1),
		.version = TENURE_ABI_VERSION,
		.updates = vm->stats_updates + 1,
		.time_ns = arch_time_ns(),
		.exits = exits_of(vm),
		.faults = atomic_load_explicit(&from->faults, memory_order_relaxed),
		.notices = consumer_notices(&vm->s2.consumer),
		.raced = atomic_load_explicit(&from->raced, memory_order_relaxed),
		.spurious = atomic_load_explicit(&from->spurious, memory_order_relaxed),
	};

	enum result r = page_follow(vm, &vm->stats_page, vm->stats_at);
	if (r == OK)
		r = pfn_cache_write(&vm->stats_page, 0, &data.seq, sizeof(data.seq));
	if (r == OK)
		r = pfn_cache_write(&vm->stats_page, 0, &data, sizeof(data));
	data.seq++;
	if (r == OK)
		r = pfn_cache_write(&vm->stats_page, 0, &data, sizeof(data));
	if (r == OK)
		vm->stats_updates++;
	return r;
}

enum result clock_stats_page(struct vcpu *v, gpa_t at, bool on)
{
	struct vm *vm = v->vm;
	enum result r = OK;
	hva_t page = hva(0);

	if (on && (at.v & PAGE_MASK))
		return BAD_ALIGNMENT;
	if (on)
		r = page_of(vm, at, &page);
	if (r != OK)
		return r;
	spin_lock(&vm->cache_lock);
	/* Called again after BUSY or RACED it finds the page that it has made, and goes on from
	 * there. */
	bool made = on && vm->stats_on && vm->stats_at.v == at.v;
	if (!made)
		r = stats_off_locked(vm);
	if (r == OK && on && !made) {
		r = pfn_cache_create(&vm->stats_page, &vm->space, page);
		vm->stats_at = at;
		vm->stats_on = r == OK;
	}
	if (r == OK && on)
		r = stats_write_locked(vm);
	spin_unlock(&vm->cache_lock);
	return r;
}

/* ---- Refresh ------------------------------------------------------------------------------ */

void clock_refresh(struct vcpu *v)
{
	struct vm *vm = v->vm;
	enum result r = OK;

	if (v->clock.on && !vm_ended(vm))
		r = clock_write(v);
	if (vm->stats_on && !vm_ended(vm)) {
		spin_lock(&vm->cache_lock);
		if (vm->stats_on)
			r = stats_write_locked(vm);
		spin_unlock(&vm->cache_lock);
	}
	(void)r; /* a page that cannot be written now is written with the next slice */
}

void clock_give_up(struct vcpu *v)
{
	/* Only a notice under way keeps a cache registered, and notices do not wait for us. */
	while (clock_off(v) != OK)
		mm_relax();
}

void clock_give_up_stats(struct vm *vm)
{
	enum result r;

	do {
		spin_lock(&vm->cache_lock);
		r = stats_off_locked(vm);
		spin_unlock(&vm->cache_lock);
		if (r != OK)
			mm_relax();
	} while (r != OK);
}
