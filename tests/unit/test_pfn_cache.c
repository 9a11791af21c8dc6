/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pfn caches (C1): copies in and out of a page that comes, goes and moves under them, and N5: no
 * refresh is kept while a notice is active, in whatever step of it.
 */
#include "mm/pfn_cache.h"
#include "tests/unit/world.h"

static struct pfn_cache cache;
static struct supplier supplier;

static const hva_t base = { BASE };

static int setup(void **state)
{
	(void)state;
	world_begin(2048, false);
	supplier = (struct supplier){ .first = pfn(DEVICE_PFN) };
	map(base, 16 * PAGE_SIZE, anon(RW));
	assert_result(OK, pfn_cache_create(&cache, &world.space, hva(BASE + 100)));
	world.consumers[world.consumer_count++] = &cache.consumer;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_step = NULL;
	hog_release();
	world.consumer_count = 0;
	assert_result(OK, pfn_cache_destroy(&cache));
	world_end();
	return 0;
}

static enum result put(uint64_t value)
{
	return pfn_cache_write(&cache, 8, &value, sizeof(value));
}

static enum result get(uint64_t *value)
{
	return pfn_cache_read(&cache, 8, value, sizeof(*value));
}

static uint64_t in_the_page(void)
{
	uint64_t value;
	memcpy(&value, (const char *)mm_linear(pfn_behind(base)) + 8, sizeof(value));
	return value;
}

static void move_cache(hva_t page)
{
	assert_result(OK, pfn_cache_destroy(&cache));
	assert_result(OK, pfn_cache_create(&cache, &world.space, page));
}

/* C1: the page is fetched once, and used until a notice takes it. */
static void c1_write_and_read(void **state)
{
	uint64_t value;
	(void)state;
	assert_int_equal(leaf_of(base), 0);
	assert_result(OK, put(0x1234));
	assert_int_equal(in_the_page(), 0x1234);
	assert_result(OK, get(&value));
	assert_int_equal(value, 0x1234);
	for (unsigned i = 0; i < 100; i++)
		assert_result(OK, put(i));
	assert_int_equal(cache.refreshes, 1);
	assert_int_equal(frame_refs(frame_of(pfn_behind(base))), 1); /* by notice, not by count */
	assert_result(OK,
		      drop(hva(BASE + PAGE_SIZE), PAGE_SIZE)); /* the neighbour does not matter */
	assert_result(OK, put(7));
	assert_int_equal(cache.refreshes, 1);
	pfn_t old = pfn_behind(base);
	assert_result(OK, drop(base, PAGE_SIZE)); /* the census (F8) looks whether it let go */
	assert_int_equal(frame_class(old), FRAME_FREE);
	assert_result(OK, get(&value));
	assert_int_equal(value, 0);
	assert_int_equal(cache.refreshes, 2);
	assert_result(OK, put(9));
	assert_int_equal(in_the_page(), 9);
}

/* The whole page, its ends, and not a byte more. */
static void c1_bounds(void **state)
{
	static unsigned char page[PAGE_SIZE + 1];
	(void)state;
	assert_result(OK, pfn_cache_write(&cache, 0, page, PAGE_SIZE));
	assert_result(OK, pfn_cache_read(&cache, PAGE_SIZE - 1, page, 1));
	assert_result(OK, pfn_cache_read(&cache, PAGE_SIZE, page, 0));
	assert_result(BAD_ARGUMENT, pfn_cache_write(&cache, 0, page, PAGE_SIZE + 1));
	assert_result(BAD_ARGUMENT, pfn_cache_write(&cache, PAGE_SIZE - 1, page, 2));
	assert_result(BAD_ARGUMENT, pfn_cache_read(&cache, PAGE_SIZE + 1, page, 0));
	assert_result(BAD_ARGUMENT, pfn_cache_read(&cache, UINT64_MAX, page, 2));
	assert_result(BAD_ARGUMENT, pfn_cache_read(&cache, 2, page, UINT64_MAX));
}

/* F7, S3: a COUNTED frame is marked, dirty by a write only; anything else is not. */
static void f7_marks(void **state)
{
	const uint32_t both = FRAME_YOUNG | FRAME_DIRTY;
	uint64_t value;
	pfn_t pool;
	(void)state;
	assert_result(OK, get(&value));
	struct frame *f = frame_of(pfn_behind(base));
	assert_int_equal(frame_test_and_clear(f, both), FRAME_YOUNG);
	assert_result(OK, put(1));
	assert_int_equal(frame_test_and_clear(f, both), both);
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 1, alice, &pool));
	supplier.first = pool;
	hva_t at = hva(2 * BASE);
	map(at, 2 * PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_WRITE_BACK, RW));
	move_cache(hva(at.v + PAGE_SIZE));
	assert_result(OK, put(5));
	assert_int_equal(frame_table[pool.v + 1].marks, 0);
	assert_int_equal(frame_table[pool.v + 1].refs, 0);
	/* F8: the census sees it there, too. */
	assert_true(cache.consumer.ops->reaches(&cache.consumer, pool, 2));
	assert_false(cache.consumer.ops->reaches(&cache.consumer, pool, 1));
	assert_result(OK, unmap(at, 2 * PAGE_SIZE));
	assert_false(cache.consumer.ops->reaches(&cache.consumer, pool, 2));
	assert_result(OK, block_free(pool, 1, alice));
}

/* P8: refusals of the lookup are handed on; what the linear map cannot show is refused. */
static void c1_refusals(void **state)
{
	uint64_t value;
	(void)state;
	hog_leave(0);
	assert_result(OUT_OF_MEMORY, put(1));
	hog_release();
	move_cache(hva(3 * BASE));
	assert_result(NO_REGION, put(1));
	map(hva(3 * BASE), PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_WRITE_BACK, RW));
	assert_result(UNSUPPORTED, put(1)); /* a device */
	assert_result(UNSUPPORTED, get(&value));
	supplier.refuse = NO_BACKING;
	assert_result(OK, drop(hva(3 * BASE), PAGE_SIZE));
	assert_result(NO_BACKING, put(1));
	assert_result(OK, unmap(hva(3 * BASE), PAGE_SIZE));
	pfn_t pool;
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 0, alice, &pool));
	supplier = (struct supplier){ .first = pool };
	map(hva(3 * BASE), PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_WRITE_COMBINING, RW));
	assert_result(UNSUPPORTED, put(1)); /* the linear map would show it as cached */
	assert_result(OK, unmap(hva(3 * BASE), PAGE_SIZE));
	assert_result(OK, block_free(pool, 0, alice));
}

/* A page that cannot be written can be read; a write asks anew (P7, H3). */
static void c1_read_only_pages(void **state)
{
	uint64_t value;
	(void)state;
	map(hva(2 * BASE), PAGE_SIZE, anon(ACCESS_READ));
	move_cache(hva(2 * BASE));
	assert_result(OK, get(&value));
	assert_result(NO_PERMISSION, put(1));
	assert_result(OK, get(&value));
	struct region_spec zeros = { .kind = REGION_ANON, .permissions = RW, .share_zero = true };
	map(hva(3 * BASE), PAGE_SIZE, zeros);
	move_cache(hva(3 * BASE));
	assert_result(OK, get(&value));
	assert_true(leaf_of(hva(3 * BASE)) & HOST_SHARED);
	assert_result(OK, put(6)); /* breaks it, by a notice that takes the cache's page too (H6) */
	assert_false(leaf_of(hva(3 * BASE)) & HOST_SHARED);
	assert_result(OK, get(&value));
	assert_int_equal(value, 6);
	assert_int_equal(*(uint64_t *)mm_linear(frame_pfn(world.space.zeros)), 0);
}

/* ---- N5 ----------------------------------------------------------------------------------- */

static const char *const steps[] = { "notice_active", "notice_open_raised", "notice_seq_raised",
				     "notice_inactive" };
static unsigned seen[4];
static bool nested;

/* In each step of the notice somebody wants to use the cache. */
static void use_at_each_step(const char *name, const void *object)
{
	if (nested)
		return;
	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(name, steps[i]) != 0 || (i == 1 && object == &cache.consumer) ||
		    (i == 2 && object == &cache.consumer))
			continue; /* in (3) and in the end the cache's lock is held: nobody can */
		seen[i]++;
		nested = true;
		/* In step (1) it still has its page, and may use it; from step (2) on it has not.
		 */
		enum result r = put(0x50 + i);
		assert_int_equal(r, i == 0 ? OK : RACED);
		nested = false;
	}
}

static struct keeper keeper;

/*
 * N5, M9: between the invalidation of caches (2) and the open count (3), and until the end of the
 * notice, nothing is looked up to be kept.
 */
static void n5_no_refresh_while_a_notice_is_active(void **state)
{
	struct notice n;
	(void)state;
	keeper_begin(&keeper); /* the second consumer: it gives steps between the cache's */
	assert_result(OK, put(1));
	memset(seen, 0, sizeof(seen));
	env_step = use_at_each_step;
	assert_result(OK, notice_begin(&n, &world.space.notifier, hva_range(base, PAGE_SIZE),
				       NOTICE_TRY));
	env_step = NULL;
	/* The open count of the cache is 1 by now; had that been asked alone, (2) would have
	 * leaked. */
	assert_int_equal(cache.consumer.open, 1);
	assert_int_equal(cache.kept, PFN_CACHE_NOTHING);
	assert_result(RACED, put(2));
	assert_int_equal(cache.kept, PFN_CACHE_NOTHING);
	env_step = use_at_each_step;
	notice_end(&n);
	env_step = NULL;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(cache.kept, PFN_CACHE_NOTHING);
	assert_result(OK, put(3));
	keeper_end(&keeper);
}

static unsigned whole_notices;

/* A whole notice between the lookup and the check: seq tells. */
static void notice_at_leave(const char *name, const void *object)
{
	struct notice n;
	(void)object;
	if (nested || whole_notices == 0 || strcmp(name, "grace_leave") != 0)
		return;
	nested = true;
	whole_notices--;
	assert_result(OK, notice_begin(&n, &world.space.notifier, hva_range(base, PAGE_SIZE),
				       NOTICE_TRY));
	notice_end(&n);
	nested = false;
}

static void p5_the_cache_shows_its_token(void **state)
{
	(void)state;
	assert_result(OK, touch(base, ACCESS_WRITE));
	whole_notices = 1;
	env_step = notice_at_leave;
	assert_result(OK, put(1)); /* looked up twice */
	assert_int_equal(cache.consumer.retries_seq, 1);
	whole_notices = 1000;
	assert_result(OK, drop(base, PAGE_SIZE));
	assert_result(RACED, put(1));
	env_step = NULL;
	assert_int_equal(cache.kept, PFN_CACHE_NOTHING);
	assert_result(OK, put(2));
}

static unsigned drops;

/* Each time the cache has been refreshed its page goes before it is used. */
static void drop_at_unlock(const char *name, const void *object)
{
	if (nested || drops == 0 || strcmp(name, "unlock") != 0 || object != &cache.consumer.lock ||
	    cache.kept == PFN_CACHE_NOTHING)
		return;
	nested = true;
	drops--;
	assert_result(OK, drop(base, PAGE_SIZE));
	nested = false;
}

static void c1_tries_end(void **state)
{
	(void)state;
	env_step = drop_at_unlock;
	drops = 3;
	assert_result(OK, put(1));
	assert_int_equal(drops, 0);
	assert_result(OK, drop(base, PAGE_SIZE));
	drops = 1000;
	assert_result(RACED, put(1));
	drops = 0;
}

/* N2: a cache comes and goes only between notices. */
static void n2_create_and_destroy(void **state)
{
	struct notice n;
	struct pfn_cache second;
	(void)state;
	assert_result(OK, notice_begin(&n, &world.space.notifier, hva_range(base, PAGE_SIZE),
				       NOTICE_TRY));
	assert_result(BUSY, pfn_cache_create(&second, &world.space, base));
	assert_result(BUSY, pfn_cache_destroy(&cache));
	notice_end(&n);
	/* What is destroyed keeps nothing: no notice would tell it. */
	assert_result(OK, pfn_cache_create(&second, &world.space, base));
	uint64_t value = 1;
	assert_result(OK, pfn_cache_write(&second, 0, &value, sizeof(value)));
	assert_int_not_equal(second.kept, PFN_CACHE_NOTHING);
	assert_result(OK, pfn_cache_destroy(&second));
	assert_int_equal(second.kept, PFN_CACHE_NOTHING);
}

/* At each step of the end: who is not in the notifier's list keeps no pfn (N2). */
static struct pfn_cache leaver;
static unsigned steps_outside;

static void look_at_the_list(const char *name, const void *object)
{
	(void)name;
	(void)object;
	for (const struct consumer *c = world.space.notifier.consumers; c != NULL; c = c->next)
		if (c == &leaver.consumer)
			return;
	steps_outside++;
	assert_int_equal(leaver.kept, PFN_CACHE_NOTHING);
}

static void n2_forgets_before_it_leaves(void **state)
{
	uint64_t value = 1;
	(void)state;
	assert_result(OK, pfn_cache_create(&leaver, &world.space, base));
	assert_result(OK, pfn_cache_write(&leaver, 0, &value, sizeof(value)));
	steps_outside = 0;
	env_step = look_at_the_list;
	assert_result(OK, pfn_cache_destroy(&leaver));
	env_step = NULL;
	assert_int_not_equal(steps_outside, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(c1_write_and_read),
		TEST(c1_bounds),
		TEST(f7_marks),
		TEST(c1_refusals),
		TEST(c1_read_only_pages),
		TEST(n5_no_refresh_while_a_notice_is_active),
		TEST(p5_the_cache_shows_its_token),
		TEST(c1_tries_end),
		TEST(n2_create_and_destroy),
		TEST(n2_forgets_before_it_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
