/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler. One lock, one queue. What a CPU does between two vCPUs is all the housekeeping
 * there is: no thread of the hypervisor's own exists.
 *
 * Sleeping without losing a wake-up: a CPU first shows its bit in `idle`, then looks at `queued`;
 * who queues raises `queued` first, then looks at `idle`. Both orders are sequentially consistent,
 * so one of the two sees the other.
 *
 * The timer: whoever moves a board's event on a CPU sets that CPU's timer for it, and a CPU that
 * sets its timer anew takes the minimum over all boards. So at least one CPU wakes for each event.
 */
#include "hv/sched.h"

#include <stdatomic.h>
#include <stddef.h>

#include "arch/arch.h"
#include "hv/console.h"
#include "hv/main.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/grace.h"
#include "mm/lock.h"

#define CONSOLE_PERIOD_NS UINT64_C(10000000)
#define NEVER UINT64_MAX

static struct {
	struct spinlock lock; /* guards the queue and all vCPUs' states */
	struct vcpu *head, *tail;
	_Atomic uint32_t queued;
	_Atomic uint64_t idle;	  /* bit c: CPU c sleeps, or is about to */
	_Atomic uint64_t started; /* bit c: CPU c is in sched_loop */
	uint64_t quantum_ns;
	_Atomic uint64_t console_due; /* of the next console_poll */
} sched;

/* What only its own CPU touches. */
static struct sched_cpu {
	_Alignas(64) struct vcpu *running;
	uint64_t slice_end;
	uint64_t armed; /* what the timer is set to; 0: it is to be set anew */
} cpus[ARCH_MAX_CPUS];

_Static_assert(ARCH_MAX_CPUS <= 64, "a CPU is a bit of a 64-bit word");

void sched_init(uint64_t quantum_ns)
{
	sched.quantum_ns = quantum_ns;
	sched.head = sched.tail = NULL;
	atomic_store(&sched.queued, 0);
	atomic_store(&sched.idle, 0);
	atomic_store(&sched.started, 0);
	for (unsigned i = 0; i < ARCH_MAX_CPUS; i++)
		cpus[i] = (struct sched_cpu){ 0 };
}

/* ---- The queue ------------------------------------------------------------------------------- */

static void enqueue_locked(struct vcpu *v) REQUIRES(sched.lock)
{
	v->state = VCPU_READY;
	v->next = NULL;
	if (sched.tail != NULL)
		sched.tail->next = v;
	else
		sched.head = v;
	sched.tail = v;
	atomic_fetch_add_explicit(&sched.queued, 1, memory_order_seq_cst);
}

static struct vcpu *dequeue_locked(void) REQUIRES(sched.lock)
{
	struct vcpu *v = sched.head;

	if (v == NULL)
		return NULL;
	sched.head = v->next;
	if (sched.head == NULL)
		sched.tail = NULL;
	v->next = NULL;
	atomic_fetch_sub_explicit(&sched.queued, 1, memory_order_relaxed);
	return v;
}

/* There is something in the queue: one sleeping CPU, if there is one, is to come and take it. */
static void kick_idle(void)
{
	uint64_t idle = atomic_load_explicit(&sched.idle, memory_order_seq_cst);

	while (idle != 0) {
		uint64_t bit = idle & (~idle + 1);
		/* Who clears the bit kicks: two events wake two CPUs. */
		if (atomic_compare_exchange_weak(&sched.idle, &idle, idle & ~bit)) {
			arch_cpu_kick((unsigned)__builtin_ctzll(bit));
			return;
		}
	}
}

bool sched_start(struct vcpu *v)
{
	spin_lock(&sched.lock);
	bool off = v->state == VCPU_OFF;
	if (off) {
		v->vm->live++;
		enqueue_locked(v);
	}
	spin_unlock(&sched.lock);
	if (off)
		kick_idle();
	return off;
}

/* What a wake does to one vCPU: queued anew, or told to look. Returns the CPU to be kicked, + 1. */
static unsigned wake_locked(struct vcpu *v, bool *queued) REQUIRES(sched.lock)
{
	switch (v->state) {
	case VCPU_HALTED:
	case VCPU_WAITING:
	case VCPU_STOPPED:
		enqueue_locked(v);
		*queued = true;
		return 0;
	case VCPU_RUNNING:
		v->wake = true;
		/* release: what it is to look at was written before. */
		atomic_store_explicit(&v->attention, true, memory_order_release);
		return v->last_cpu + 1;
	case VCPU_OFF:
	case VCPU_READY:
	case VCPU_ENDED: return 0;
	}
	return 0;
}

void sched_wake(struct vcpu *v)
{
	bool queued = false;

	spin_lock(&sched.lock);
	unsigned kick = wake_locked(v, &queued);
	spin_unlock(&sched.lock);
	if (queued)
		kick_idle();
	/* A vCPU of this very CPU is not in its guest now, and looks before it goes there. */
	if (kick != 0 && kick != arch_cpu_id() + 1)
		arch_cpu_kick(kick - 1);
}

void sched_wake_vm(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		sched_wake(vm->vcpus[i]);
}

void sched_wake_irq(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (machine_wakes(vm->machine, i))
			sched_wake(vm->vcpus[i]);
	}
}

/*
 * A vCPU is counted in vm->waiting before the look that makes it sleep. That look is a refusal,
 * which is noted in the notifier's state (release); whoever ends the notice or the turn finds it
 * there (acquire) before this call: so the count is seen here.
 */
static bool wait_announce(struct vcpu *v) REQUIRES(sched.lock)
{
	bool first = !v->announced;

	if (first) {
		v->announced = true;
		atomic_fetch_add_explicit(&v->vm->waiting, 1, memory_order_relaxed);
	}
	return first;
}

static void wait_retract(struct vcpu *v) REQUIRES(sched.lock)
{
	if (v->announced) {
		v->announced = false;
		atomic_fetch_sub_explicit(&v->vm->waiting, 1, memory_order_relaxed);
	}
}

void sched_wake_waiting(struct vm *vm)
{
	unsigned queued = 0;

	/* relaxed: see wait_announce. */
	if (__builtin_expect(atomic_load_explicit(&vm->waiting, memory_order_relaxed) == 0, 1))
		return;
	spin_lock(&sched.lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpus[i];
		if (v->state == VCPU_RUNNING) {
			v->wake = true;
		} else if (v->state == VCPU_WAITING) {
			enqueue_locked(v);
			queued++;
		}
	}
	spin_unlock(&sched.lock);
	for (; queued != 0; queued--)
		kick_idle();
}

/* The next vCPU for this CPU. */
static struct vcpu *take(unsigned cpu)
{
	spin_lock(&sched.lock);
	struct vcpu *v = dequeue_locked();
	if (v != NULL) {
		v->state = VCPU_RUNNING;
		v->wake = false;
		v->last_cpu = cpu;
	}
	spin_unlock(&sched.lock);
	if (v != NULL && atomic_load_explicit(&sched.queued, memory_order_seq_cst) != 0)
		kick_idle();
	return v;
}

/* `v` has left this CPU for `state`. true: it was the last of its VM to end, or to go off. */
static bool leave(struct vcpu *v, enum vcpu_state state)
{
	bool last = false;

	spin_lock(&sched.lock);
	bool sleeps = state == VCPU_HALTED || state == VCPU_WAITING || state == VCPU_STOPPED;
	bool looks_again = false;
	if (state == VCPU_WAITING)
		looks_again = wait_announce(v);
	else
		wait_retract(v);
	if (state == VCPU_READY || looks_again || (sleeps && v->wake)) {
		enqueue_locked(v);
	} else {
		v->state = state;
		if (state == VCPU_OFF)
			atomic_store_explicit(&v->claimed, false, memory_order_release);
		if (state == VCPU_ENDED || state == VCPU_OFF)
			last = --v->vm->live == 0;
	}
	spin_unlock(&sched.lock);
	return last;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static uint64_t boards_next(void)
{
	uint64_t next = NEVER;

	for (unsigned i = 0; i < vm_count; i++) {
		if (vm_ended(vms[i]))
			continue;
		uint64_t at = machine_next_event(vms[i]->machine);
		if (at < next)
			next = at;
	}
	return next;
}

static void timer_set(const struct sched_cpu *c)
{
	arch_timer_set(c->armed == NEVER ? 0 : c->armed);
}

static void timer_arm(struct sched_cpu *c, unsigned cpu)
{
	uint64_t when = boards_next();

	if (c->running != NULL && c->slice_end < when)
		when = c->slice_end;
	if (cpu == 0) {
		uint64_t due = atomic_load_explicit(&sched.console_due, memory_order_relaxed);
		if (due < when)
			when = due;
	}
	/* 0 would mean "none" to the architecture, and a time that has passed is as good as now. */
	c->armed = when == 0 ? 1 : when;
	timer_set(c);
}

void sched_timer_update(void)
{
	unsigned cpu = arch_cpu_id();
	timer_arm(&cpus[cpu], cpu);
}

void sched_event_moved(uint64_t when_ns)
{
	unsigned cpu = arch_cpu_id();

	if (when_ns < cpus[cpu].armed)
		timer_arm(&cpus[cpu], cpu);
}

static void boards_tick(uint64_t now)
{
	for (unsigned i = 0; i < vm_count; i++) {
		struct vm *vm = vms[i];
		if (vm_ended(vm) || machine_next_event(vm->machine) > now)
			continue;
		machine_tick(vm->machine, now);
		sched_wake_irq(vm);
	}
}

/* Any CPU may find it due; one of them polls. */
static void console_turn(uint64_t now)
{
	uint64_t due = atomic_load_explicit(&sched.console_due, memory_order_relaxed);

	if (now >= due &&
	    atomic_compare_exchange_strong(&sched.console_due, &due, now + CONSOLE_PERIOD_NS))
		console_poll();
}

static void housekeeping(uint64_t now)
{
	boards_tick(now);
	console_turn(now);
	grace_poll();
}

bool sched_interrupted(void)
{
	unsigned cpu = arch_cpu_id();
	struct sched_cpu *c = &cpus[cpu];
	uint64_t now = arch_time_ns();

	/* The timer fires once: whatever the interrupt was, it is set anew. Before its time nothing
	 * is due: somebody has kicked this CPU out of its guest. */
	if (now < c->armed) {
		timer_set(c);
		return false;
	}
	housekeeping(now);
	timer_arm(c, cpu);
	return now >= c->slice_end;
}

/* ---- The loop -------------------------------------------------------------------------------- */

static void run(struct vcpu *v, struct sched_cpu *c, unsigned cpu, uint64_t now)
{
	struct vm *vm = v->vm;

	c->running = v;
	c->slice_end = now + sched.quantum_ns;
	timer_arm(c, cpu);
	enum vcpu_state state = vcpu_run(v);
	c->running = NULL;
	if (!leave(v, state))
		return;
	/* Nobody is left to start it again. Ended already it keeps its reason. */
	if (state == VCPU_OFF)
		vm_end(vm, END_HALTED, 0, "every vCPU is off");
	vm_reclaim(vm);
}

/* The timer first: once the bit shows, nothing of a VM is touched until it is gone (sched_quiesce).
 */
static void doze(struct sched_cpu *c, unsigned cpu)
{
	uint64_t bit = UINT64_C(1) << cpu;

	timer_arm(c, cpu);
	atomic_fetch_or_explicit(&sched.idle, bit, memory_order_seq_cst);
	if (atomic_load_explicit(&sched.queued, memory_order_seq_cst) == 0)
		arch_cpu_idle();
	atomic_fetch_and_explicit(&sched.idle, ~bit, memory_order_seq_cst);
}

void sched_turn(unsigned cpu)
{
	struct sched_cpu *c = &cpus[cpu];
	uint64_t now = arch_time_ns();

	housekeeping(now);
	struct vcpu *v = take(cpu);

	if (v != NULL)
		run(v, c, cpu, now);
	else
		doze(c, cpu);
	if (cpu == 0)
		main_poll();
}

void sched_loop(unsigned cpu)
{
	atomic_fetch_or(&sched.started, UINT64_C(1) << cpu);
	for (;;)
		sched_turn(cpu);
}

void sched_quiesce(void)
{
	uint64_t others = atomic_load(&sched.started) & ~(UINT64_C(1) << arch_cpu_id());

	while ((others & ~atomic_load(&sched.idle)) != 0)
		arch_cpu_relax();
}
