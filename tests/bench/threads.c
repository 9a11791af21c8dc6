/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How faults of several CPUs hinder each other: mm/ and hv/ as a program of the host, on the fake
 * architecture, in which one thread, or two, serve faults on pages of their own, in one VM or each
 * in its own. Printed are the throughput of two threads over one's, and for each lock how often a
 * fault takes it, how often it was held by the other, and the share of the threads' time that was
 * spent waiting. What mm/ announces as the step "lock" and the calls of mm_relax behind it are a
 * wait.
 *
 *	threads [ROUNDS]
 *
 * The round with the highest throughput counts: others share the machine. Threads ask for a
 * processor each and a real-time priority, so that a waiter is not waiting for one that does not
 * run; where that is refused, or the machine has one processor, the figures say little.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/fault.h"
#include "hv/s2.h"
#include "hv/slot.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/grace.h"
#include "tests/fake/fake.h"
#include "tests/unit/ram.h"

#define THREADS 2u
#define PAGES UINT64_C(8192) /* that a thread touches in a round: 32 MiB */
#define RAM_FIRST UINT64_C(512)
#define RAM_PAGES (4 * THREADS * PAGES)
#define HOST_BASE (UINT64_C(8) << 30)

/* Each begins on a page of its own, as in the hypervisor. */
static union {
	_Alignas(PAGE_SIZE) struct vm vm;
} machines[THREADS];
static union {
	_Alignas(PAGE_SIZE) struct vcpu vcpu;
} vcpus[THREADS];

_Noreturn static void broken(const char *what)
{
	(void)fprintf(stderr, "threads: %s\n", what);
	exit(1);
}

static void need(enum result r, const char *what)
{
	if (r != OK) {
		(void)fprintf(stderr, "threads: %s: %s\n", what, result_words(r));
		exit(1);
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- Locks -------------------------------------------------------------------------------------
 */

enum kind { SPACE, STAGE2, BLOCKS, KINDS };
static const char *const kind_words[KINDS] = { "space", "stage 2", "blocks, other" };

static _Thread_local struct tally {
	uint64_t taken[KINDS], contended[KINDS], waited_ns[KINDS];
	const void *at; /* the lock asked for last, since `since` */
	uint64_t since, until;
} tally;

static enum kind kind_of(const void *lock)
{
	for (unsigned i = 0; i < THREADS; i++) {
		if (lock == &machines[i].vm.space.lock)
			return SPACE;
		if (lock == &machines[i].vm.s2.consumer.lock)
			return STAGE2;
	}
	return BLOCKS;
}

/* The wait for the lock asked for last is over. */
static void settle(void)
{
	if (tally.until != 0) {
		tally.contended[kind_of(tally.at)]++;
		tally.waited_ns[kind_of(tally.at)] += tally.until - tally.since;
	}
	tally.until = 0;
	tally.at = NULL;
}

void mm_step(const char *name, const void *object)
{
	if (strcmp(name, "lock") != 0)
		return;
	settle();
	tally.taken[kind_of(object)]++;
	tally.at = object;
	tally.since = 0;
}

void mm_relax(void)
{
	if (tally.since == 0)
		tally.since = now_ns();
	tally.until = now_ns();
}

/* ---- VMs ---------------------------------------------------------------------------------------
 */

static void make_vm(unsigned n, uint64_t pages)
{
	struct vm *vm = &machines[n].vm;
	struct region_spec spec = { .kind = REGION_ANON,
				    .permissions = ACCESS_READ | ACCESS_WRITE };
	struct gfn_range gfns = { gfn(0), gfn(pages) };
	uint32_t id;

	need(space_create(&vm->space, false), "space_create");
	need(s2_create(&vm->s2, vm), "s2_create");
	need(space_map(&vm->space, hva_range(hva(HOST_BASE), pages << PAGE_SHIFT), &spec),
	     "space_map");
	need(slot_create(vm, gfns, hva(HOST_BASE), 0, &id), "slot_create");
}

static void add_vcpu(unsigned n, struct vm *vm)
{
	vcpus[n].vcpu.vm = vm;
	vcpus[n].vcpu.index = vm->vcpu_count;
	vm->vcpus[vm->vcpu_count++] = &vcpus[n].vcpu;
}

static void begin(unsigned threads, unsigned count)
{
	memset(machines, 0, sizeof(machines));
	memset(vcpus, 0, sizeof(vcpus));
	ram_begin(RAM_FIRST, RAM_PAGES, RAM_FIRST + RAM_PAGES);
	block_add(pfn(RAM_FIRST), RAM_PAGES);
	fake_reset(&(struct fake_config){ .cpus = THREADS });
	for (unsigned i = 0; i < count; i++)
		make_vm(i, THREADS * PAGES);
	for (unsigned i = 0; i < threads; i++)
		add_vcpu(i, &machines[i % count].vm);
}

static void end(unsigned threads, unsigned count)
{
	for (unsigned i = 0; i < threads; i++)
		s2_cache_empty(&vcpus[i].vcpu.s2_cache);
	for (unsigned i = 0; i < count; i++) {
		need(s2_destroy(&machines[i].vm.s2), "s2_destroy");
		slot_destroy_all(&machines[i].vm);
		space_destroy(&machines[i].vm.space);
	}
	grace_drain();
	if (block_check() != NULL)
		broken(block_check());
	ram_end();
}

/* ---- A round -----------------------------------------------------------------------------------
 */

static struct round {
	unsigned threads;
	_Atomic unsigned ready;
	struct lane {
		uint64_t start_ns, end_ns;
		struct tally tally;
	} lanes[THREADS];
} rounds;

/* Faults on the thread's own pages, beside which the other's lie. */
static void *serve(void *argument)
{
	unsigned n = (unsigned)(uintptr_t)argument;
	struct vcpu *v = &vcpus[n].vcpu;
	struct lane *lane = &rounds.lanes[n];
	const struct sched_param urgent = { .sched_priority = 1 };

	cpu_set_t own;

	CPU_ZERO(&own);
	CPU_SET(n, &own);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(own), &own);
	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &urgent);
	env_cpu(n);
	memset(&tally, 0, sizeof(tally));
	(void)atomic_fetch_add(&rounds.ready, 1);
	while (atomic_load(&rounds.ready) != rounds.threads)
		(void)now_ns();
	lane->start_ns = now_ns();
	for (uint64_t page = n * PAGES; page < (n + 1) * PAGES; page++) {
		v->exit.fault =
			(struct s2_fault){ .gpa = gpa(page << PAGE_SHIFT), .access = ACCESS_WRITE };
		need(fault_serve(v, &v->exit.fault), "fault_serve");
	}
	lane->end_ns = now_ns();
	settle();
	lane->tally = tally;
	return NULL;
}

/* Faults a second. absent: the host's pages go first, not only the leaves. */
static double run_round(unsigned threads, unsigned count, bool absent)
{
	pthread_t ids[THREADS];
	struct hva_range all = hva_range(hva(HOST_BASE), THREADS * PAGES << PAGE_SHIFT);
	uint64_t first = UINT64_MAX, last = 0;

	for (unsigned i = 0; i < count; i++) {
		struct notice notice;

		if (absent) {
			need(space_drop(&machines[i].vm.space, all, NOTICE_WAIT), "space_drop");
			continue;
		}
		need(notice_begin(&notice, &machines[i].vm.space.notifier, all, NOTICE_WAIT),
		     "a notice");
		notice_end(&notice);
	}
	grace_drain();
	rounds.threads = threads;
	atomic_store(&rounds.ready, 0);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, serve, (void *)(uintptr_t)i) != 0)
			broken("no thread");
	for (unsigned i = 0; i < threads; i++) {
		(void)pthread_join(ids[i], NULL);
		first = rounds.lanes[i].start_ns < first ? rounds.lanes[i].start_ns : first;
		last = rounds.lanes[i].end_ns > last ? rounds.lanes[i].end_ns : last;
	}
	return (double)(threads * PAGES) * 1e9 / (double)(last - first);
}

/* ---- What is told ------------------------------------------------------------------------------
 */

static void tell_locks(const struct round *r)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		double taken = 0, contended = 0, waited = 0, time = 0;

		for (unsigned i = 0; i < r->threads; i++) {
			const struct lane *lane = &r->lanes[i];

			taken += (double)lane->tally.taken[kind];
			contended += (double)lane->tally.contended[kind];
			waited += (double)lane->tally.waited_ns[kind];
			time += (double)(lane->end_ns - lane->start_ns);
		}
		if (taken == 0)
			continue;
		printf("    %-14s %5.2f times a fault, held by the other %5.1f %%, waited for "
		       "%5.1f %% of the time\n",
		       kind_words[kind], taken / (double)(r->threads * PAGES),
		       100 * contended / taken, 100 * waited / time);
	}
}

/* The best of some rounds, and what its locks were like. */
static double measure(unsigned threads, unsigned count, bool absent, unsigned times,
		      struct round *best)
{
	double most = 0;

	begin(threads, count);
	for (unsigned i = 0; i < times; i++) {
		double speed = run_round(threads, count, absent || i == 0);

		if (speed <= most || (!absent && i == 0))
			continue;
		most = speed;
		memcpy(best, &rounds, sizeof(*best));
	}
	end(threads, count);
	return most;
}

int main(int argc, char **argv)
{
	unsigned times = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;
	static struct round best;

	if (times < 2)
		broken("two rounds at least: the first brings the host's pages");
	for (unsigned absent = 0; absent < 2; absent++) {
		double one = measure(1, 1, absent, times, &best);

		printf("%s: one thread, %.0f ns a fault\n",
		       absent ? "host page absent" : "host page present", 1e9 / one);
		for (unsigned count = 1; count <= THREADS; count++) {
			double both = measure(THREADS, count, absent, times, &best);

			printf("  two threads, %s: %.2f times as many faults\n",
			       count == 1 ? "one VM" : "a VM each", both / one);
			tell_locks(&best);
		}
	}
	return 0;
}
