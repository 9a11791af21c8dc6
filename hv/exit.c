/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits: why a vCPU came out of its guest, and what is done about it. Each kind is served wholly,
 * or left pending wholly, to be done again before the guest goes on; what cannot be served ends the
 * VM with a reason, never the host (P8).
 */
#include <stdio.h>
#include <string.h>

#include "hv/clock.h"
#include "hv/console.h"
#include "hv/fault.h"
#include "hv/hypercall.h"
#include "hv/sched.h"
#include "hv/trace.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/grace.h"
#include "mm/lock.h"

/* Refused accesses to memory whose owner has it not, that are said in words for each VM. */
#define SAY_REFUSED 8u

/* Kept out of line, so that the loop around the guest has the registers for itself. */
#define SELDOM __attribute__((noinline))

/* ---- What cannot be served ------------------------------------------------------------------- */

static const char *access_words(enum access a)
{
	return a == ACCESS_WRITE ? "write" : a == ACCESS_EXEC ? "execute" : "read";
}

/* The registers and the instruction, a line at a time so that the console keeps them together. */
static void describe(struct vcpu *v)
{
	static struct spinlock lock;
	static char text[2048]; /* the stack has no room for it */

	spin_lock(&lock);
	size_t length = arch_vcpu_describe(v->arch, text, sizeof(text));
	for (char *line = text; line < text + length;) {
		char *end = memchr(line, '\n', (size_t)(text + length - line));
		if (end == NULL)
			end = text + length;
		hv_log("  %.*s\n", (int)(end - line), line);
		line = end + 1;
	}
	spin_unlock(&lock);
}

/* "memslot 2 (gfn 0x100..0x200, read-only), device memory" and the like. */
static void place_words(struct vm *vm, gfn_t n, char *words, size_t bytes)
{
	static const char *const kinds[] = { "ordinary memory", "PFNMAP", "MIXED", "GUEST" };
	struct region region;
	struct slot slot;

	grace_enter();
	const struct slot *found = slot_find(vm, n);
	if (found != NULL)
		slot = *found;
	grace_leave();
	if (found == NULL) {
		snprintf(words, bytes, "no memslot");
		return;
	}
	bool has_region = space_region_at(&vm->space, slot_hva(&slot, n), &region);
	snprintf(words, bytes, "memslot %u (gfn 0x%llx..0x%llx%s), %s", slot.id,
		 (unsigned long long)slot.gfns.start.v, (unsigned long long)slot.gfns.end.v,
		 slot.readonly ? ", read-only" : "",
		 has_region ? kinds[region.spec.kind] : "no region");
}

/* A fault that cannot be served: pc, gpa, access, memslot, class, verdict; then it is the VM's end.
 */
static enum vcpu_state fault_unserved(struct vcpu *v, enum result verdict)
{
	const struct s2_fault *f = &v->exit.fault;
	struct follow_answer answer;
	char place[96];

	place_words(v->vm, gpa_to_gfn(f->gpa), place, sizeof(place));
	enum result seen = vm_peek(v->vm, f->gpa, &answer);
	hv_log("vm %s vcpu %u: a fault cannot be served: pc 0x%llx, gpa 0x%llx, %s%s, %s, "
	       "class %s: %s\n",
	       v->vm->config->name, v->index, (unsigned long long)arch_vcpu_pc(v->arch),
	       (unsigned long long)f->gpa.v, access_words(f->access),
	       f->table_walk ? " by the guest's page walk" : "", place,
	       seen == OK ? frame_class_words(answer.class) : "unknown", result_words(verdict));
	describe(v);
	vm_end(v->vm, END_UNHANDLED, 0, "%s at gpa 0x%llx: %s", access_words(f->access),
	       (unsigned long long)f->gpa.v, result_words(verdict));
	return VCPU_RUNNING; /* vm_end has set `attention` */
}

SELDOM static enum vcpu_state unhandled(struct vcpu *v, const char *why)
{
	hv_log("vm %s vcpu %u: an exit cannot be served: %s\n", v->vm->config->name, v->index, why);
	describe(v);
	vm_end(v->vm, END_UNHANDLED, 0, "%s", why);
	return VCPU_RUNNING;
}

/* The host has no memory for it. Memory of a VM that is ending comes back soon: then try again. */
static enum vcpu_state no_memory(struct vcpu *v)
{
	if (vm_reclaim_pending())
		return VCPU_READY;
	vm_end(v->vm, END_OUT_OF_MEMORY, 0, "the host has no free frame left");
	return VCPU_RUNNING;
}

enum vcpu_state exit_defer(struct vcpu *v, enum vcpu_pending what, enum result r)
{
	v->pending = what;
	atomic_store_explicit(&v->attention, true, memory_order_relaxed);
	/* BUSY ends with a notice or a turn, which wakes us; the others may go away any time. */
	return r == BUSY ? VCPU_WAITING : VCPU_READY;
}

static bool try_again(enum result r)
{
	return r == RACED || r == WOULD_SLEEP || r == BUSY;
}

/* ---- Device accesses ---------------------------------------------------------------------------
 */

/* Tells the guest the result of an access that a device, or the floating bus, has served. */
static enum vcpu_state io_complete(struct vcpu *v, const struct io_access *io)
{
	enum result r = arch_vcpu_io_done(v->arch, io);

	if (r == OK)
		return VCPU_RUNNING;
	if (io != &v->io)
		v->io = *io;
	if (try_again(r) || (r == OUT_OF_MEMORY && vm_reclaim_pending()))
		return exit_defer(v, PENDING_IO, r);
	if (r == OUT_OF_MEMORY)
		return no_memory(v);
	return unhandled(v, "a device access reads or writes guest memory that cannot be reached");
}

/* Asks the board; afterwards a timer of it may be due sooner than ours. */
static inline __attribute__((always_inline)) bool board_io(struct vcpu *v, struct io_access *io)
{
	struct machine *m = v->vm->machine;
	bool answered = machine_io(m, v->index, io);
	uint64_t next = machine_next_event(m);

	if (next != UINT64_MAX)
		sched_event_moved(next);
	return answered;
}

SELDOM static enum vcpu_state port_access(struct vcpu *v)
{
	/* A port that nobody answers reads as the floating bus, which machine_io has filled in. */
	(void)board_io(v, &v->exit.io);
	return io_complete(v, &v->exit.io);
}

/* Said once for each VM and kind of refusal, a few times at most: the guest may do it for ever. */
static void say_refused(struct vcpu *v, enum result verdict)
{
	const struct s2_fault *f = &v->exit.fault;
	char place[96];

	uint32_t said = atomic_fetch_add_explicit(&v->vm->refusals_said, 1, memory_order_relaxed);
	if (said >= SAY_REFUSED)
		return;
	place_words(v->vm, gpa_to_gfn(f->gpa), place, sizeof(place));
	hv_log("vm %s vcpu %u: %s of gpa 0x%llx refused: %s; %s. %s.%s\n", v->vm->config->name,
	       v->index, access_words(f->access), (unsigned long long)f->gpa.v,
	       result_words(verdict), place,
	       f->access == ACCESS_WRITE ? "The write is dropped" : "It reads as all ones",
	       said + 1 == SAY_REFUSED ? " (No more of these will be told.)" : "");
}

static inline void count_access(struct vcpu *v, enum result verdict)
{
	/* relaxed: a statistic. */
	atomic_fetch_add_explicit(&v->vm->stats.mmio, 1, memory_order_relaxed);
	trace(TRACE_MMIO, v->vm->id, gpa_to_gfn(v->exit.fault.gpa), pfn(0), FRAME_DEVICE, 0,
	      verdict);
}

/* Nothing is there, and on this board that is for the guest's processor to say. */
SELDOM static enum vcpu_state nobody_answers(struct vcpu *v)
{
	arch_vcpu_bad_access(v->arch, &v->exit.fault);
	return VCPU_RUNNING;
}

/* The access cannot be told from its instruction, or not now. */
SELDOM static enum vcpu_state undecoded(struct vcpu *v, enum result verdict, enum result r)
{
	if (verdict == NO_MEMSLOT && !machine_floating_bus &&
	    !machine_answers(v->vm->machine, v->exit.fault.gpa)) {
		count_access(v, verdict);
		return nobody_answers(v);
	}
	if (r == RACED || r == WOULD_SLEEP)
		return VCPU_RUNNING; /* the guest repeats the instruction */
	if (r == BUSY)
		return VCPU_WAITING;
	if (r == OUT_OF_MEMORY)
		return no_memory(v);
	if (v->exit.fault.access != ACCESS_EXEC && !v->exit.fault.table_walk)
		hv_log("vm %s vcpu %u: the instruction of a device access: %s\n",
		       v->vm->config->name, v->index, result_words(r));
	return fault_unserved(v, verdict);
}

/* Reads are all ones, writes go nowhere. */
SELDOM static void refused_access(struct vcpu *v, enum result verdict)
{
	say_refused(v, verdict);
	if (!v->io.write)
		v->io.value = UINT64_MAX;
}

/*
 * A data access that memory does not serve: a device's register (no memslot, or a write to a
 * read-only one), or memory whose owner has taken it away or forbids it. The latter behaves as an
 * unplugged PCI device does.
 */
static inline __attribute__((always_inline)) enum vcpu_state data_access(struct vcpu *v,
									 enum result verdict)
{
	const struct s2_fault *f = &v->exit.fault;
	enum result r = UNSUPPORTED;

	if (__builtin_expect(f->access != ACCESS_EXEC && !f->table_walk, true))
		r = arch_vcpu_decode_io(v->arch, f, &v->io);
	if (__builtin_expect(r != OK, false))
		return undecoded(v, verdict, r);
	count_access(v, verdict);
	if (verdict == NO_BACKING || verdict == NO_PERMISSION)
		refused_access(v, verdict);
	else if (__builtin_expect(!board_io(v, &v->io), false) && verdict == NO_MEMSLOT &&
		 !machine_floating_bus)
		return nobody_answers(v);
	return io_complete(v, &v->io);
}

/* An address that only devices have. */
SELDOM static enum vcpu_state device_access(struct vcpu *v)
{
	return data_access(v, NO_MEMSLOT);
}

/* ---- Faults ------------------------------------------------------------------------------------
 */

SELDOM static enum vcpu_state fault_refused(struct vcpu *v, enum result r)
{
	if (r == BUSY)
		return VCPU_WAITING; /* fault_pending makes the vCPU come back to it */
	if (try_again(r))
		return VCPU_RUNNING;
	if (r == NO_MEMSLOT || r == READONLY_MEMSLOT || r == NO_BACKING || r == NO_PERMISSION)
		return data_access(v, r);
	if (r == OUT_OF_MEMORY)
		return no_memory(v);
	return fault_unserved(v, r);
}

static enum vcpu_state fault_exit(struct vcpu *v)
{
	if (__builtin_expect(v->exit.fault.gpa.v < machine_devices_end.v, false))
		return device_access(v);
	enum result r = fault_serve(v, &v->exit.fault);
	return __builtin_expect(r == OK, 1) ? VCPU_RUNNING : fault_refused(v, r);
}

/* ---- The others
 * ---------------------------------------------------------------------------------- */

/*
 * Waits for an interrupt. With interrupts off none will ever come; when that is true of all
 * started vCPUs the guest has halted its machine.
 */
SELDOM static enum vcpu_state halt(struct vcpu *v)
{
	v->halted = true;
	v->halted_off = v->exit.halt.irqs_off;
	v->halt_timed = v->exit.halt.timer_ns != UINT64_MAX;
	if (v->halt_timed)
		machine_timer_due(v->vm->machine, v->index, v->exit.halt.timer_ns);
	atomic_store_explicit(&v->attention, true, memory_order_relaxed);
	if (v->halted_off && vm_halted_for_good(v->vm))
		vm_end(v->vm, END_HALTED, 0, "every vCPU halted with interrupts off");
	return VCPU_RUNNING; /* look() decides */
}

/* The guest calls its firmware, which may switch this vCPU, or the whole board, off. */
SELDOM static enum vcpu_state firmware_exit(struct vcpu *v)
{
	struct machine_answer answer;

	machine_call(v->vm->machine, v->index, &v->exit.firmware, &answer);
	if (answer.repeat != OK) {
		if (answer.repeat == OUT_OF_MEMORY && !vm_reclaim_pending())
			return no_memory(v);
		return exit_defer(v, PENDING_FIRMWARE, answer.repeat);
	}
	if (answer.count != 0)
		arch_vcpu_firmware_return(v->arch, answer.value, answer.count);
	return answer.yield ? VCPU_READY : VCPU_RUNNING;
}

SELDOM static enum vcpu_state clock_exit(struct vcpu *v)
{
	enum result r = clock_request(v);

	if (r == OK)
		return VCPU_RUNNING;
	if (try_again(r))
		return exit_defer(v, PENDING_CLOCK, r);
	if (r == OUT_OF_MEMORY)
		return no_memory(v);
	/* As a processor would: the write of the register has no effect. */
	hv_log("vm %s vcpu %u: no clock page at gpa 0x%llx: %s\n", v->vm->config->name, v->index,
	       (unsigned long long)v->exit.clock.gpa.v, result_words(r));
	return VCPU_RUNNING;
}

SELDOM static enum vcpu_state host_interrupt(void)
{
	return sched_interrupted() ? VCPU_READY : VCPU_RUNNING;
}

enum vcpu_state exit_serve(struct vcpu *v)
{
	switch (__builtin_expect(v->exit.kind, EXIT_S2_FAULT)) {
	case EXIT_S2_FAULT: return fault_exit(v);
	case EXIT_HYPERCALL: return hypercall_serve(v);
	case EXIT_IO: return port_access(v);
	case EXIT_HOST: return host_interrupt();
	case EXIT_HALT: return halt(v);
	case EXIT_IRQ_READY: arch_vcpu_irq_window(v->arch, false); return VCPU_RUNNING;
	case EXIT_CLOCK: return clock_exit(v);
	case EXIT_SHUTDOWN:
		vm_end(v->vm, END_TRIPLE_FAULT, 0, "pc 0x%llx",
		       (unsigned long long)arch_vcpu_pc(v->arch));
		return VCPU_RUNNING;
	case EXIT_FIRMWARE: return firmware_exit(v);
	case EXIT_TIMER:
		machine_timer_line(v->vm->machine, v->index, v->exit.timer.level);
		return VCPU_RUNNING;
	case EXIT_IPI:
		machine_ipi(v->vm->machine, v->index, v->exit.ipi.value);
		return VCPU_RUNNING;
	case EXIT_UNHANDLED: return unhandled(v, v->exit.why);
	}
	/* The architecture names one of these; not asking again saves two instructions an exit. */
	MM_ASSERT(v->exit.kind <= EXIT_UNHANDLED);
	__builtin_unreachable();
}

enum vcpu_state exit_settle(struct vcpu *v)
{
	enum vcpu_pending what = v->pending;

	v->pending = PENDING_NONE;
	if (v->fault_pending)
		return fault_exit(v);
	switch (what) {
	case PENDING_NONE: return VCPU_RUNNING;
	case PENDING_IO: return io_complete(v, &v->io);
	case PENDING_CALL: return hypercall_serve(v);
	case PENDING_CLOCK: return clock_exit(v);
	case PENDING_FIRMWARE: return firmware_exit(v);
	}
	return VCPU_RUNNING;
}
