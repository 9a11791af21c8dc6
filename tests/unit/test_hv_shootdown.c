/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shootdown: when a notice has begun, no CPU is still in the guest with what it removed (N4, M7).
 * Threads play CPUs that are inside; a test that waits for ever is ended by its alarm.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/hv_fixture.h"

static const struct fix_options plain, with_broadcast = { .broadcast = true };

static void prepare(const struct fix_options *o)
{
	fix_begin(o);
	fix_anon(0, 16, RWX, false);
	(void)fix_slot(0, 16, 0, 0);
	assert_result(OK, fix_write(3, 4711));
	alarm(20);
}

static int begin(void **state)
{
	(void)state;
	prepare(&plain);
	return 0;
}

static int begin_broadcast(void **state)
{
	(void)state;
	prepare(&with_broadcast);
	return 0;
}

static int end(void **state)
{
	(void)state;
	alarm(0);
	for (unsigned i = 0; i < FIX_CPUS; i++)
		atomic_store(&fix.vcpus[i].in_guest, 0);
	fix_end();
	return 0;
}

static enum result drop(uint64_t page)
{
	return space_drop(&fix.vm.space, fix_range(page, 1), NOTICE_TRY);
}

/* ---- CPUs inside the guest ------------------------------------------------------------------ */

static _Atomic unsigned inside, left;
static _Atomic bool over;

static void go_in(struct vcpu *v)
{
	atomic_store_explicit(&v->in_guest, mm_cpu() + 1, memory_order_seq_cst);
	fake_tlb_enter(&fix.vm.s2.arch);
}

static void come_out(struct vcpu *v)
{
	atomic_fetch_add_explicit(&v->exits, 1, memory_order_release);
	atomic_store_explicit(&v->in_guest, 0, memory_order_release);
}

/* It has page 3 in its TLB, and leaves when it is kicked and not before. */
static void *stays_until_kicked(void *cpu)
{
	struct vcpu *v = &fix.vcpus[(uintptr_t)cpu];
	uint64_t value = 0;

	env_cpu((unsigned)(uintptr_t)cpu);
	go_in(v);
	fix_check(fake_access(&fix.vm.s2.arch, gpa(3 << PAGE_SHIFT), ACCESS_READ, &value, 8, NULL));
	atomic_fetch_add(&inside, 1);
	arch_cpu_idle();
	usleep(2000 * (unsigned)(uintptr_t)cpu); /* one after the other */
	/* It could use its translation to the last: the frame is not free yet. */
	fix_check(fake_access(&fix.vm.s2.arch, gpa(3 << PAGE_SHIFT), ACCESS_READ, &value, 8, NULL));
	fix_check(value == 4711);
	atomic_fetch_add(&left, 1);
	come_out(v);
	return NULL;
}

/* It leaves when it is kicked, and is inside again before anybody can see it outside. */
static void *comes_back(void *cpu)
{
	struct vcpu *v = &fix.vcpus[(uintptr_t)cpu];
	uint64_t value = 0;

	env_cpu((unsigned)(uintptr_t)cpu);
	go_in(v);
	fix_check(fake_access(&fix.vm.s2.arch, gpa(3 << PAGE_SHIFT), ACCESS_READ, &value, 8, NULL));
	atomic_fetch_add(&inside, 1);
	arch_cpu_idle();
	atomic_fetch_add_explicit(&v->exits, 1, memory_order_release);
	fake_tlb_enter(&fix.vm.s2.arch);
	while (!atomic_load(&over))
		fix_check(!fake_access(&fix.vm.s2.arch, gpa(3 << PAGE_SHIFT), ACCESS_READ, &value,
				       8, &(struct s2_fault){ .present = false }));
	come_out(v);
	return NULL;
}

static void start(pthread_t *threads, unsigned count, void *(*body)(void *))
{
	atomic_store(&inside, 0);
	atomic_store(&left, 0);
	atomic_store(&over, false);
	for (unsigned i = 1; i <= count; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)i));
	while (atomic_load(&inside) != count)
		arch_cpu_relax();
}

static void all_cpus_are_seen_to_leave(void **state)
{
	(void)state;
	pthread_t threads[FIX_CPUS];
	start(threads, 3, stays_until_kicked);
	assert_result(OK, drop(3)); /* frees the frame, and poisons it */
	assert_int_equal(atomic_load(&left), 3);
	for (unsigned i = 1; i <= 3; i++)
		pthread_join(threads[i], NULL);
}

/* The VM's only vCPU, where it is another CPU that gives the notice: an owner's, the operator's. */
static void an_only_vcpu_is_seen_to_leave(void **state)
{
	(void)state;
	struct vcpu *first = fix.vm.vcpus[0];
	unsigned count = fix.vm.vcpu_count;
	pthread_t threads[2];

	fix.vm.vcpus[0] = &fix.vcpus[1];
	fix.vm.vcpu_count = 1;
	start(threads, 1, stays_until_kicked);
	assert_result(OK, drop(3));
	unsigned gone = atomic_load(&left);
	arch_cpu_kick(1); /* else it would stay, if nobody has */
	pthread_join(threads[1], NULL);
	assert_int_equal(gone, 1);
	fix.vm.vcpus[0] = first;
	fix.vm.vcpu_count = count;
}

static void another_stay_is_not_waited_for(void **state)
{
	(void)state;
	pthread_t threads[FIX_CPUS];
	start(threads, 2, comes_back);
	assert_result(OK, drop(3));
	atomic_store(&over, true);
	for (unsigned i = 1; i <= 2; i++)
		pthread_join(threads[i], NULL);
}

/* ---- Without threads ------------------------------------------------------------------------ */

static void moves_to_another_cpu(void)
{
	struct vcpu *v = &fix.vcpus[1];

	atomic_fetch_add(&v->exits, 1);
	atomic_store(&v->in_guest, 0);
	env_cpu(2);
	go_in(v);
}

/* On CPU 2 nobody kicks it: it may stay there for long, and obeyed the flush as it went in. */
static void who_moved_to_another_cpu_is_not_waited_for(void **state)
{
	(void)state;
	env_cpu(1);
	go_in(&fix.vcpus[1]);
	env_cpu(0);
	fix_at("shootdown_seen", moves_to_another_cpu, 1);
	assert_result(OK, drop(3));
	assert_int_equal(fix_hook.times, 0);
}

static void who_is_outside_obeys_as_it_goes_in(void **state)
{
	(void)state;
	uint64_t value = 0;
	env_cpu(1);
	assert_result(OK, fix_access(&fix.vcpus[1], 3 << PAGE_SHIFT, ACCESS_READ, &value));
	env_cpu(0);
	pfn_t frame = fix_leaf(3, NULL).pfn;
	assert_int_equal(fake_tlb_reaches(frame), 2);
	assert_result(OK, slot_delete(&fix.vm, 0));
	assert_int_equal(fake_tlb_reaches(frame), 2); /* of no use to anybody: */
	assert_int_equal(fix_tlb_reaches(frame), 0);
}

static void a_broadcast_waits_for_nobody(void **state)
{
	(void)state;
	env_cpu(1);
	go_in(&fix.vcpus[1]);
	uint64_t value = 0;
	assert_true(
		fake_access(&fix.vm.s2.arch, gpa(3 << PAGE_SHIFT), ACCESS_READ, &value, 8, NULL));
	env_cpu(0);
	pfn_t frame = fix_leaf(3, NULL).pfn;
	assert_result(OK, drop(3));
	assert_int_equal(fake_tlb_reaches(frame), 0);
}

/* The flush covers what was removed, and not only what was asked for (S4). */
static void a_cut_leaf_is_flushed_whole(void **state)
{
	(void)state;
	uint64_t value = 0;
	fix_anon(512, 512, RWX, false);
	(void)fix_slot(512, 512, 512, 0);
	assert_result(OK, fix_write(600, 1));
	assert_result(OK, fix_read(601, &value));
	pfn_t first = fix_leaf(512, NULL).pfn;
	env_cpu(1);
	go_in(&fix.vcpus[1]);
	assert_true(
		fake_access(&fix.vm.s2.arch, gpa(700 << PAGE_SHIFT), ACCESS_READ, &value, 8, NULL));
	env_cpu(0);
	assert_result(OK, drop(513));
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(fake_tlb_reaches(pfn(first.v + i)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_BROADCAST(name) cmocka_unit_test_setup_teardown(name, begin_broadcast, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_cpus_are_seen_to_leave),
		TEST(an_only_vcpu_is_seen_to_leave),
		TEST(another_stay_is_not_waited_for),
		TEST(who_moved_to_another_cpu_is_not_waited_for),
		TEST(who_is_outside_obeys_as_it_goes_in),
		TEST_BROADCAST(a_broadcast_waits_for_nobody),
		TEST_BROADCAST(a_cut_leaf_is_flushed_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
