/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that touch memory on several CPUs, while memslots, host ranges, permissions and an owner's
 * memory change under them, under TSan. Each CPU writes words of its own, so that no two guests'
 * accesses race; but a frame that is freed, and poisoned, while a TLB still reaches it, or a table
 * that is freed under a walker, is a race that TSan sees (I2, M7, S6). Pages under an open notice
 * are marked shut, and no access may succeed on a page that was shut all the while (I3, N1).
 */
#include "tests/unit/hv_fixture.h"
#include "tests/unit/threads.h"

#define CPUS 4u
#define ROUNDS 3000u

/* Windows of host pages from FIX_BASE; window w is shown at the gfns of the same numbers. */
enum { STILL = 0, SLOTTED = 512, OWNED = 1024, ZEROS = 1536 };
#define WINDOW 64u

static struct fix_owner owner;
static _Atomic bool owner_busy;
static _Atomic uint64_t shut[WINDOW]; /* of STILL; low half: notices open; high half: so far */
static _Atomic uint32_t slotted;      /* the memslot that comes, goes and moves */
static _Atomic bool slotted_busy;
static _Atomic uint64_t done, waited, refused;
static uint64_t states[CPUS];

static uint32_t below(unsigned cpu, uint32_t n)
{
	return threads_random(&states[cpu]) % n;
}

/* ---- The guest ------------------------------------------------------------------------------ */

/* The CPU's word of page `n`. OK, or why not. */
static enum result touch(unsigned cpu, uint64_t n, enum access access, uint64_t *value)
{
	struct vcpu *v = &fix.vcpus[cpu];
	uint64_t at = (n << PAGE_SHIFT) + cpu * sizeof(*value);

	for (;;) {
		uint64_t before = n < WINDOW ? atomic_load(&shut[n]) : 0;
		if (fix_enter(v, at, access, value, &v->exit.fault)) {
			uint64_t after = n < WINDOW ? atomic_load(&shut[n]) : 0;
			wrong_if(before == after && (uint32_t)before != 0); /* N1 */
			return OK;
		}
		enum result r = fault_serve(v, &v->exit.fault);
		for (; r == BUSY; r = fault_serve(v, &v->exit.fault)) {
			atomic_fetch_add_explicit(&waited, 1, memory_order_relaxed);
			grace_poll();
			mm_relax();
		}
		if (r != OK)
			return r;
	}
}

static void guest(unsigned cpu)
{
	static const uint64_t windows[] = { STILL, STILL, SLOTTED, OWNED, ZEROS };
	static const enum access kinds[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_WRITE, ACCESS_EXEC };
	uint64_t n = windows[below(cpu, 5)] + below(cpu, WINDOW);
	enum access access = kinds[below(cpu, 4)];
	uint64_t value = (uint64_t)(cpu + 1) << 56 | n;

	enum result r = touch(cpu, n, access, &value);
	if (r == OK) {
		atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
		/* Its own word, or a page of zeros; not poison, not another's. */
		wrong_if(value != 0 && value >> 56 != cpu + 1);
	} else {
		atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
		wrong_if(n < SLOTTED && r != NO_PERMISSION);
		wrong_if(n >= SLOTTED && n < OWNED && r != NO_MEMSLOT);
		wrong_if(n >= OWNED && n < ZEROS && r != NO_BACKING && r != NO_PERMISSION);
		wrong_if(n >= ZEROS && r != NO_PERMISSION);
	}
}

/* ---- The host ------------------------------------------------------------------------------- */

static void shut_and_drop(unsigned cpu)
{
	uint64_t page = below(cpu, WINDOW), pages = 1 + below(cpu, 8);
	struct notice n;

	if (page + pages > WINDOW)
		pages = WINDOW - page;
	struct hva_range range = fix_range(STILL + page, pages);
	if (notice_begin(&n, &fix.vm.space.notifier, range, NOTICE_TRY) != OK)
		return;
	for (uint64_t p = page; p < page + pages; p++)
		atomic_fetch_add(&shut[p], (UINT64_C(1) << 32) + 1);
	for (uint32_t i = below(cpu, 50); i > 0; i--)
		mm_relax();
	if (below(cpu, 4) != 0)
		wrong_if(space_clear(&fix.vm.space, &n, range) != OK);
	for (uint64_t p = page; p < page + pages; p++)
		atomic_fetch_sub(&shut[p], 1);
	notice_end(&n);
}

static void drop(unsigned cpu)
{
	static const uint64_t windows[] = { STILL, SLOTTED, OWNED, ZEROS };
	uint64_t page = windows[below(cpu, 4)];
	bool all = below(cpu, 3) == 0;
	struct hva_range range = all ? fix_range(page, 512)
				     : fix_range(page + below(cpu, WINDOW), 1 + below(cpu, 4));
	enum result r = space_drop(&fix.vm.space, range, NOTICE_TRY);
	wrong_if(r != OK && r != BUSY);
}

static void protect(unsigned cpu)
{
	static const unsigned sets[] = { ACCESS_READ, RW, RWX, RWX };
	uint64_t page = below(cpu, 2) ? STILL : ZEROS;
	struct hva_range range = fix_range(page + below(cpu, WINDOW), 1 + below(cpu, 16));
	enum result r = space_protect(&fix.vm.space, range, sets[below(cpu, 4)], NOTICE_TRY);
	wrong_if(r != OK && r != BUSY);
}

static void change_slot(unsigned cpu)
{
	uint32_t id, fresh = UINT32_MAX;
	enum result r;

	if (atomic_exchange(&slotted_busy, true))
		return;
	id = atomic_load(&slotted);
	if (id == UINT32_MAX) {
		r = slot_create(&fix.vm, (struct gfn_range){ gfn(SLOTTED), gfn(SLOTTED + 512) },
				fix_hva(SLOTTED), 0, &fresh);
		if (r == OK)
			atomic_store(&slotted, fresh);
	} else if (below(cpu, 2)) {
		r = slot_move(&fix.vm, id, gfn(below(cpu, 2) ? SLOTTED : SLOTTED + 2048));
	} else {
		r = slot_delete(&fix.vm, id);
		if (r == OK)
			atomic_store(&slotted, UINT32_MAX);
	}
	wrong_if(r != OK && r != BUSY);
	atomic_store(&slotted_busy, false);
}

/* F8: the old block is freed at once, the census and the poison look. */
static void change_owner(unsigned cpu)
{
	pfn_t old, block = pfn(0);

	if (atomic_exchange(&owner_busy, true))
		return;
	bool was_gone = owner.gone, go = !was_gone && below(cpu, 3) == 0;
	old = owner.first;
	if (!go && block_alloc(FRAME_UNCOUNTED, 6, alice, &block) == OK)
		memset(mm_linear(block), 0, PAGE_SIZE << 6);
	if (go || block.v != 0) {
		enum result r = fix_owner_change(&owner, go ? NULL : &block);
		wrong_if(r != OK && r != BUSY);
		if (r != OK && !go)
			wrong_if(block_free(block, 6, alice) != OK);
		if (r == OK && !was_gone)
			wrong_if(block_free(old, 6, alice) != OK);
	}
	atomic_store(&owner_busy, false);
}

static void body(unsigned cpu)
{
	static void (*const changes[])(unsigned) = { shut_and_drop, shut_and_drop, drop,
						     protect,	    change_slot,   change_owner };
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (below(cpu, 6) == 0)
			changes[below(cpu, 6)](cpu);
		else
			guest(cpu);
		grace_poll();
	}
}

/* ---- All at once ---------------------------------------------------------------------------- */

static void census(pfn_t first, uint64_t count)
{
	struct consumer *c = &fix.vm.s2.consumer;

	if (!fix.tree)
		return;
	wrong_if(c->ops->reaches(c, first, count));
	/* Without a broadcast a TLB may still hold what it will not use. */
	for (uint64_t n = first.v; fix.broadcast && n<first.v + count; n += count> 16 ? 17 : 1)
		wrong_if(fake_tlb_reaches(pfn(n)) != 0);
}

static void all_at_once(const struct fix_options *o)
{
	fix_begin(o);
	block_census = census;
	atomic_store(&done, 0);
	atomic_store(&waited, 0);
	owner = (struct fix_owner){ .gone = true, .order = 6 };
	fix_anon(STILL, 512, RWX, false);
	fix_anon(SLOTTED, 512, RWX, false);
	fix_pfnmap(&owner, OWNED, 64, MEM_WRITE_BACK, RW);
	fix_anon(ZEROS, 512, RWX, true);
	(void)fix_slot(STILL, 512, STILL, 0);
	(void)fix_slot(OWNED, 64, OWNED, 0);
	(void)fix_slot(ZEROS, 512, ZEROS, 0);
	atomic_store(&slotted, UINT32_MAX);
	for (unsigned i = 0; i < CPUS; i++)
		states[i] = i + 77;
	unsigned wrong = threads_run(CPUS, body);
	print_message(
		"%llu accesses, %llu refused, %llu faults, %llu raced, %llu waits, %llu spurious, "
		"%llu rounds at most\n",
		(unsigned long long)done, (unsigned long long)refused,
		(unsigned long long)fix.vm.stats.faults, (unsigned long long)fix.vm.stats.raced,
		(unsigned long long)waited, (unsigned long long)fix.vm.stats.spurious,
		(unsigned long long)fix.vm.stats.max_rounds);
	if (!owner.gone) {
		wrong += fix_owner_change(&owner, NULL) != OK;
		wrong += block_free(owner.first, 6, alice) != OK;
	}
	assert_int_equal(wrong, 0);
	assert_true(done > CPUS * ROUNDS / 4);
	assert_true(fix.vm.stats.max_rounds <= NOTICE_MAX_ROUNDS); /* N8 */
	fix_end();
}

static void faults_against_changes(void **state)
{
	(void)state;
	all_at_once(&(struct fix_options){ .small = true });
}

static void faults_against_changes_with_huge_pages(void **state)
{
	(void)state;
	all_at_once(&(struct fix_options){ .pages = 8192 });
}

static void faults_against_changes_with_a_broadcast(void **state)
{
	(void)state;
	all_at_once(&(struct fix_options){ .broadcast = true });
}

/* ---- A storm (N8) --------------------------------------------------------------------------- */

static _Atomic unsigned touching;
static _Atomic uint64_t storms;

/* CPU 0 begins one notice after the other over all pages; the others read and break shared pages.
 */
static void storm_body(unsigned cpu)
{
	uint64_t value = 0;

	if (cpu == 0) {
		while (atomic_load(&touching) != 0) {
			enum result r =
				space_drop(&fix.vm.space, fix_range(ZEROS, WINDOW), NOTICE_TRY);
			wrong_if(r != OK && r != BUSY);
			storms += r == OK;
			grace_poll();
		}
		return;
	}
	for (unsigned i = 0; i < 400; i++) {
		uint64_t n = ZEROS + below(cpu, WINDOW);
		wrong_if(touch(cpu, n, ACCESS_READ, &value) != OK);
		value = (uint64_t)(cpu + 1) << 56;
		wrong_if(touch(cpu, n, ACCESS_WRITE, &value) != OK);
		grace_poll();
	}
	atomic_fetch_sub(&touching, 1);
}

static void faults_complete_under_a_storm(void **state)
{
	(void)state;
	fix_begin(&(struct fix_options){ .small = true });
	block_census = census;
	fix_anon(ZEROS, 512, RWX, true);
	(void)fix_slot(ZEROS, 512, ZEROS, 0);
	atomic_store(&touching, CPUS - 1);
	atomic_store(&storms, 0);
	assert_int_equal(threads_run(CPUS, storm_body), 0);
	print_message("%llu notices, %llu raced, %llu rounds at most\n", (unsigned long long)storms,
		      (unsigned long long)fix.vm.stats.raced,
		      (unsigned long long)fix.vm.stats.max_rounds);
	assert_true(storms != 0 && fix.vm.stats.raced != 0);
	assert_true(fix.vm.stats.max_rounds <= NOTICE_MAX_ROUNDS);
	fix_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_against_changes),
		cmocka_unit_test(faults_against_changes_with_huge_pages),
		cmocka_unit_test(faults_against_changes_with_a_broadcast),
		cmocka_unit_test(faults_complete_under_a_storm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
