/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults, notices and pfn caches at once, on threads that play CPUs. A guest's access is a look
 * through the keeper's translation under its lock, as a TLB flush that waits for the CPU would have
 * it: if a frame were freed, moved or narrowed under it, TSan sees the race with the poison of
 * freed frames, and the checks see the poison itself (I2, I3, N1-N5, N8).
 */
#include "mm/pfn_cache.h"
#include "mm/poison.h"
#include "tests/unit/threads.h"
#include "tests/unit/world.h"

#define PAGES 48u /* of each of the three windows are used */

static struct keeper keeper;
static struct pfn_cache cache;
static struct supplier pool_supplier;
static pfn_t pool;
static _Atomic unsigned most_rounds, most_wins;
static _Atomic unsigned finished;

static hva_t window(unsigned which, uint64_t page)
{
	return hva(BASE + which * 1024 * PAGE_SIZE + page * PAGE_SIZE);
}

/* A whole fault, with its turn when it is due (N8). */
static enum result fault(hva_t a, enum access access)
{
	struct notice_turn turn = { false, false };
	unsigned rounds = 0, wins = 0;
	enum result r = RACED;

	while (r == RACED || r == BUSY) {
		if (rounds >= NOTICE_PATIENCE)
			while (!notice_turn_take(&world.space.notifier, &turn))
				mm_relax();
		struct token t = token_take(&keeper.consumer);
		struct follow_request rq = map_request(&t, a, access);
		struct follow_answer answer;
		rq.in_turn = turn.mine;
		rounds++;
		wins += turn.mine;
		r = follow_pfn(&rq, &answer);
		if (r == OK)
			r = keeper_install(&keeper, &t, a, &answer);
	}
	notice_turn_done(&world.space.notifier, &turn);
	wrong_if(rounds > NOTICE_MAX_ROUNDS);
	unsigned most = atomic_load(&most_rounds);
	while (rounds > most && !atomic_compare_exchange_weak(&most_rounds, &most, rounds))
		;
	if (wins != 0)
		atomic_fetch_add(&most_wins, 1);
	return r;
}

/* What a guest does through its translation; false: there is none that allows it. */
static bool access_page(hva_t a, bool write)
{
	spin_lock(&keeper.consumer.lock);
	struct kept *k = keeper_page(&keeper, a);
	bool may = k->there && (k->writable || !write);
	if (may) {
		unsigned char *bytes = mm_linear(k->pfn);
		enum frame_class class = frame_class(k->pfn);
		wrong_if(class != (k->counted ? FRAME_COUNTED : FRAME_UNCOUNTED));
		wrong_if(bytes[64] == POISON_BYTE);
		if (write)
			bytes[64] = (unsigned char)(1 + (a.v >> PAGE_SHIFT) % 100);
	}
	spin_unlock(&keeper.consumer.lock);
	return may;
}

static void guest(uint64_t *seed, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		hva_t a = window(threads_random(seed) % 3, threads_random(seed) % PAGES);
		bool write = threads_random(seed) % 2;
		enum result r = OK;
		if (!access_page(a, write))
			r = fault(a, write ? ACCESS_WRITE : ACCESS_READ);
		wrong_if(r != OK && r != NO_REGION && r != NO_PERMISSION && r != NO_BACKING);
		grace_poll();
	}
}

/* Somebody who changes the host's memory; refusals are his to bear. */
static void host(uint64_t *seed, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t page = threads_random(seed) % (PAGES - 8);
		uint64_t bytes = (1 + threads_random(seed) % 8) * PAGE_SIZE;
		enum notice_mode mode = threads_random(seed) % 4 ? NOTICE_TRY : NOTICE_WAIT;
		struct hva_range range = hva_range(window(threads_random(seed) % 2, page), bytes);
		if (threads_random(seed) % 64 == 0)
			range = hva_range(window(0, 0), MIB2);
		unsigned permissions = threads_random(seed) % 2 ? RW : (unsigned)ACCESS_READ;
		enum result r;
		switch (threads_random(seed) % 4) {
		case 0: r = space_protect(&world.space, range, permissions, mode); break;
		case 1:
			r = space_move(&world.space, range, window(4, 0), mode);
			if (r == OK) {
				uint64_t size = range.end.v - range.start.v;
				struct hva_range there = hva_range(window(4, 0), size);
				r = space_move(&world.space, there, range.start, NOTICE_WAIT);
				wrong_if(r != OK);
			}
			break;
		default: r = space_drop(&world.space, range, mode); break;
		}
		wrong_if(r != OK && r != BUSY && r != BAD_ARGUMENT);
		grace_poll();
	}
}

/* H4: the owner of the pool frees its block, and comes back with another one. */
static void owner(unsigned count)
{
	struct hva_range range = hva_range(window(2, 0), 64 * PAGE_SIZE);

	for (unsigned i = 0; i < count; i++) {
		struct notice n;
		if (notice_begin(&n, &world.space.notifier, range, NOTICE_TRY) != OK)
			continue;
		spin_lock(&world.space.lock); /* the supplier's fault runs under it */
		pfn_t old = pool;
		pool_supplier.refuse = NO_BACKING;
		spin_unlock(&world.space.lock);
		wrong_if(space_clear(&world.space, &n, range) != OK);
		wrong_if(block_free(old, 6, alice) != OK);
		wrong_if(block_alloc(FRAME_UNCOUNTED, 6, alice, &pool) != OK);
		memset(mm_linear(pool), 0, 64 * PAGE_SIZE);
		spin_lock(&world.space.lock);
		pool_supplier.first = pool;
		pool_supplier.refuse = OK;
		spin_unlock(&world.space.lock);
		notice_end(&n);
		grace_poll();
	}
}

/* C1: what is written through the cache is read through it, or the page was dropped in between. */
static void cache_user(unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		uint64_t value = i, back = ~UINT64_C(0);
		enum result r = pfn_cache_write(&cache, 128, &value, sizeof(value));
		wrong_if(r != OK && r != RACED && r != NO_PERMISSION && r != NO_REGION &&
			 r != BUSY);
		r = pfn_cache_read(&cache, 128, &back, sizeof(back));
		wrong_if(r == OK && back > i);
		grace_poll();
	}
}

static void mixed_cpu(unsigned cpu)
{
	uint64_t seed = 1000 + cpu;
	switch (cpu) {
	case 0:
	case 1: guest(&seed, 60000); break;
	case 2: host(&seed, 20000); break;
	case 3: cache_user(60000); break;
	default: owner(6000); break;
	}
}

static int setup(void **state)
{
	struct region_spec zeros = { .kind = REGION_ANON, .permissions = RW, .share_zero = true };
	(void)state;
	world_begin(4096, true);
	block_census = NULL;		   /* it would look at the keeper without its lock */
	map(window(0, 0), MIB2, anon(RW)); /* a 2 MiB leaf, as long as nobody splits it */
	map(window(1, 0), PAGES * PAGE_SIZE, zeros);
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 6, alice, &pool));
	memset(mm_linear(pool), 0, 64 * PAGE_SIZE);
	pool_supplier = (struct supplier){ .first = pool };
	map(window(2, 0), 64 * PAGE_SIZE,
	    supplied(&pool_supplier, REGION_PFNMAP, MEM_WRITE_BACK, RW));
	keeper_begin(&keeper);
	assert_result(OK, pfn_cache_create(&cache, &world.space, window(0, 3)));
	atomic_store(&most_rounds, 0);
	atomic_store(&most_wins, 0);
	atomic_store(&finished, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_result(OK, pfn_cache_destroy(&cache));
	assert_int_equal(keeper.consumer.open, 0);
	assert_int_equal(world.space.notifier.state, 0);
	keeper_end(&keeper);
	assert_result(OK, unmap(window(2, 0), 64 * PAGE_SIZE));
	assert_result(OK, block_free(pool, 6, alice));
	world_end();
	return 0;
}

static void faults_against_notices(void **state)
{
	(void)state;
	assert_int_equal(threads_run(5, mixed_cpu), 0);
	print_message("# at most %u rounds, %u faults in their turn, %llu notices\n",
		      atomic_load(&most_rounds), atomic_load(&most_wins),
		      (unsigned long long)consumer_notices(&keeper.consumer));
}

/* Notices as fast as they can, until the faults are done. */
static void storm_cpu(unsigned cpu)
{
	uint64_t seed = cpu;
	if (cpu < 2) {
		for (unsigned i = 0; i < 6000; i++) {
			hva_t a = window(i % 2, threads_random(&seed) % PAGES);
			wrong_if(fault(a, ACCESS_WRITE) != OK);
		}
		atomic_fetch_add(&finished, 1);
		return;
	}
	while (atomic_load(&finished) != 2) {
		struct notice n;
		struct hva_range range = hva_range(window(0, 0), PAGES * PAGE_SIZE);
		enum notice_mode mode = cpu == 2 ? NOTICE_TRY : NOTICE_WAIT;
		if (cpu == 2)
			(void)space_drop(&world.space, hva_range(window(1, 0), PAGES * PAGE_SIZE),
					 mode);
		if (notice_begin(&n, &world.space.notifier, range, mode) == OK)
			notice_end(&n);
		else
			mm_relax();
		grace_poll();
	}
}

/* N8: the bound holds, and faults do finish, while notices never stop. */
static void n8_storm(void **state)
{
	(void)state;
	assert_int_equal(threads_run(4, storm_cpu), 0);
	print_message("# at most %u rounds of %u, %u faults in their turn, %llu notices\n",
		      atomic_load(&most_rounds), NOTICE_MAX_ROUNDS, atomic_load(&most_wins),
		      (unsigned long long)consumer_notices(&keeper.consumer));
}

/* One CPU makes, splits and takes away a large leaf; the others walk the table without a lock. */
static void walker_cpu(unsigned cpu)
{
	uint64_t seed = cpu;
	if (cpu == 0) {
		for (unsigned i = 0; i < 150; i++) {
			wrong_if(touch(window(0, 0), ACCESS_WRITE) != OK);
			wrong_if(space_drop(&world.space, hva_range(window(0, 7), PAGE_SIZE),
					    NOTICE_WAIT) != OK);
			wrong_if(space_drop(&world.space, hva_range(window(0, 0), MIB2),
					    NOTICE_WAIT) != OK);
			grace_poll();
		}
		atomic_store(&finished, 1);
		return;
	}
	while (atomic_load(&finished) == 0) {
		unsigned level;
		hva_t a = window(0, 1 + threads_random(&seed) % 511);
		grace_enter();
		uint64_t leaf = host_lookup(world.space.root, a, &level);
		uint64_t n = host_pfn_at(leaf, level, a).v;
		/* A leaf or none, never half of one; and its pfn in step with the address. */
		wrong_if(leaf != 0 && (leaf & HOST_LEAF) == 0);
		wrong_if(leaf != 0 && (n & 511) != ((a.v >> PAGE_SHIFT) & 511));
		grace_leave();
		grace_poll();
	}
}

/* S5's and S6's host half: no walker sees a mixture of two tables, or is in one that was freed. */
static void walkers_need_no_lock(void **state)
{
	(void)state;
	assert_int_equal(threads_run(3, walker_cpu), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(faults_against_notices, setup, teardown),
		cmocka_unit_test_setup_teardown(n8_storm, setup, teardown),
		cmocka_unit_test_setup_teardown(walkers_need_no_lock, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
