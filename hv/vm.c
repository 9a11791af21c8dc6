/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's life after it was made (hv/vm_create.c): start, stop, the end with its reason, and what is
 * given back. */
#include "hv/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/clock.h"
#include "hv/console.h"
#include "hv/drv/device_memory.h"
#include "hv/env.h"
#include "hv/sched.h"
#include "hv/trace.h"
#include "hv/vcpu.h"
#include "mm/frame.h"
#include "mm/grace.h"

struct vm *vms[VM_MAX];
_Atomic unsigned vm_count;

static _Atomic unsigned reclaims_due, done;

/* words: for people. token: for the runner. */
static const struct {
	const char *words, *token;
} ends[] = {
	[END_NONE] = { "not ended", "none" },
	[END_POWERED_OFF] = { "powered off", "poweroff" },
	[END_RESET] = { "reset", "reset" },
	[END_DEBUG_EXIT] = { "ended itself", "exit" },
	[END_TRIPLE_FAULT] = { "triple fault", "triple-fault" },
	[END_UNHANDLED] = { "could not go on", "unhandled" },
	[END_OUT_OF_MEMORY] = { "out of host memory", "out-of-memory" },
	[END_HALTED] = { "halted for good", "halted" },
	[END_KILLED] = { "ended by the monitor", "killed" },
	[END_BAD_IMAGE] = { "could not be started", "bad-image" },
};

const char *vm_end_words(enum vm_end_reason r)
{
	return ends[r].words;
}

const char *vm_end_token(enum vm_end_reason r)
{
	return ends[r].token;
}

/* ---- Start and stop
 * -------------------------------------------------------------------------------- */

/* From one state to another, if it is in the one. */
static bool state_change(struct vm *vm, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(&vm->state, &from, to, memory_order_acq_rel,
						       memory_order_relaxed);
}

void vm_start(struct vm *vm)
{
	/* Ended before it began: it runs all the same, to be found ended and taken back. */
	if (!state_change(vm, VM_CREATED, VM_RUNNING) && !vm_ended(vm))
		return;
	vm->start_cost = env_age();
	if (vm->vcpu_count != 0 && !atomic_exchange(&vm->vcpus[0]->claimed, true))
		(void)sched_start(vm->vcpus[0]);
}

enum result vm_vcpu_start(struct vm *vm, unsigned index, const struct vcpu_start *start)
{
	if (index >= vm->vcpu_count)
		return NOT_FOUND;
	struct vcpu *v = vm->vcpus[index];
	/* acquire: whoever let it go has done with its registers. */
	if (atomic_exchange_explicit(&v->claimed, true, memory_order_acq_rel))
		return IN_USE;
	arch_vcpu_start(v->arch, start);
	return sched_start(v) ? OK : IN_USE;
}

void vm_stop(struct vm *vm)
{
	if (state_change(vm, VM_RUNNING, VM_STOPPED))
		sched_wake_vm(vm);
}

void vm_resume(struct vm *vm)
{
	if (state_change(vm, VM_STOPPED, VM_RUNNING))
		sched_wake_vm(vm);
}

/* ---- The end
 * ----------------------------------------------------------------------------------------- */

void vm_end(struct vm *vm, enum vm_end_reason reason, uint32_t status, const char *detail, ...)
{
	va_list args;

	if (atomic_exchange_explicit(&vm->ending, true, memory_order_acq_rel))
		return;
	vm->end_reason = reason;
	vm->end_status = status;
	va_start(args, detail);
	vsnprintf(vm->end_detail, sizeof(vm->end_detail), detail, args);
	va_end(args);
	atomic_fetch_add(&reclaims_due, 1);
	/* release: who sees the end sees its reason. */
	atomic_store_explicit(&vm->state, VM_ENDED, memory_order_release);
	if (reason == END_DEBUG_EXIT)
		hv_log("vm %s: %s with %u", vm->config->name, vm_end_words(reason), status);
	else
		hv_log("vm %s: %s: %s", vm->config->name, vm_end_words(reason), vm->end_detail);
	trace(TRACE_END, vm->id, gfn(status), pfn(reason), FRAME_FREE, 0, OK);
	sched_wake_vm(vm);
}

bool vm_halted_for_good(struct vm *vm)
{
	/* acq_rel: a vCPU that another one started before it halted is in `live`. */
	unsigned halted = atomic_fetch_add_explicit(&vm->halted_off, 1, memory_order_acq_rel) + 1;
	return halted == atomic_load_explicit(&vm->live, memory_order_relaxed);
}

static void pins_release(struct vm *vm)
{
	spin_lock(&vm->pin_lock);
	while (vm->pin_count != 0)
		frame_unpin(frame_head(frame_of(vm->pins[--vm->pin_count])));
	spin_unlock(&vm->pin_lock);
}

void vm_reclaim(struct vm *vm)
{
	enum result r = OK;

	pins_release(vm);
	if (vm->has_space) {
		struct hva_range all = hva_range(hva(0), UINT64_C(1) << SPACE_BITS);
		/* BUSY: the owner of device memory that the VM sees is at work, and will be done.
		 */
		while ((r = space_unmap(&vm->space, all, NOTICE_TRY)) == BUSY)
			mm_relax();
	}
	if (r != OK)
		hv_log("vm %s: its memory stays until the end: %s", vm->config->name,
		       result_words(r));
	atomic_fetch_sub(&reclaims_due, 1);
	atomic_fetch_add(&done, 1);
	if (arch_cpu_id() != 0)
		arch_cpu_kick(0); /* which sees whether all VMs have ended */
}

bool vm_reclaim_pending(void)
{
	return atomic_load_explicit(&reclaims_due, memory_order_relaxed) != 0;
}

unsigned vm_done_count(void)
{
	return atomic_load(&done);
}

void vm_destroy(struct vm *vm)
{
	unsigned order = env_order(sizeof(*vm));
	pfn_t frame = vm->frame;

	while (vm->vcpu_count != 0)
		vcpu_destroy(vm->vcpus[--vm->vcpu_count]);
	clock_give_up_stats(vm);
	if (vm->machine != NULL)
		env_block_put(vm->machine_frame, vm->machine_order);
	if (vm->has_space)
		device_memory_forget(&vm->space);
	if (vm->has_s2) {
		enum result r = s2_destroy(&vm->s2);
		MM_CHECK(r == OK); /* nobody begins a notice any more */
	}
	slot_destroy_all(vm);
	if (vm->has_space)
		space_destroy(&vm->space);
	env_block_put(frame, order);
}

/* ---- Small services
 * ------------------------------------------------------------------------------------ */

uint64_t vm_exits(const struct vm *vm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		sum += atomic_load_explicit(&vm->vcpus[i]->exits, memory_order_relaxed);
	return sum;
}

enum result vm_find_room(struct vm *vm, gpa_t at, uint64_t bytes, hva_t *out)
{
	const uint64_t big = UINT64_C(1) << 30, small = UINT64_C(1) << 21;
	uint64_t align = bytes >= big ? big : small, shift = at.v & (align - 1);
	hva_t room;

	if (bytes + shift < bytes)
		return BAD_ARGUMENT;
	enum result r = space_find_room(&vm->space, bytes + shift, align, &room);
	if (r == OK)
		*out = hva(room.v + shift);
	return r;
}

bool vm_pin_note(struct vm *vm, pfn_t n)
{
	spin_lock(&vm->pin_lock);
	bool room = vm->pin_count < VM_MAX_PINS;
	if (room)
		vm->pins[vm->pin_count++] = n;
	spin_unlock(&vm->pin_lock);
	return room;
}

bool vm_pin_forget(struct vm *vm, pfn_t n)
{
	bool found = false;

	spin_lock(&vm->pin_lock);
	for (unsigned i = 0; i < vm->pin_count && !found; i++) {
		found = vm->pins[i].v == n.v;
		if (found)
			vm->pins[i] = vm->pins[--vm->pin_count];
	}
	spin_unlock(&vm->pin_lock);
	return found;
}
