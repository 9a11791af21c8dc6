/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's radix tree by itself: what is put in is found, with the span of its entry (H7); splits
 * change nothing that a reader sees, not even in their middle; what is cleared gives every
 * reference and every table back.
 */
#include "tests/unit/broken.h"
#include "tests/unit/world.h"

static uint64_t *root;
static owner_t owner;

static int setup(void **state)
{
	(void)state;
	world_begin(2048, true);
	root = world.space.root;
	owner = world.space.owner;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hog_release();
	world_end();
	return 0;
}

static uint64_t device(uint64_t n)
{
	return host_leaf(pfn(DEVICE_PFN + n), HOST_SPECIAL | HOST_READ, MEM_DEVICE);
}

static const uint64_t sizes[] = { PAGE_SIZE, MIB2, GIB };

/* H7: one walk gives the pfn and the span, at each level, to the last page. */
static void h7_pfn_and_span_in_one_walk(void **state)
{
	unsigned level;
	(void)state;
	for (unsigned l = 0; l <= HOST_TOP_LEAF; l++) {
		hva_t at = hva((4 + l) * 512 * GIB + 3 * sizes[l]);
		assert_int_equal(host_lookup(root, at, &level), 0);
		assert_int_equal(level, HOST_LEVELS - 1);
		assert_result(OK, host_set(root, owner, at, l, device(0)));
		for (unsigned i = 0; i < 3; i++) {
			uint64_t within = i * (sizes[l] - 1) / 2;
			uint64_t leaf = host_lookup(root, hva(at.v + within), &level);
			assert_int_equal(leaf, device(0));
			assert_int_equal(level, l);
			assert_int_equal(host_pfn_at(leaf, l, hva(at.v + within)).v,
					 DEVICE_PFN + (within >> PAGE_SHIFT));
		}
		assert_int_equal(host_lookup(root, hva(at.v - 1), &level), 0);
		assert_int_equal(level, l); /* where the walk ended */
		assert_int_equal(host_lookup(root, hva(at.v + sizes[l]), &level), 0);
	}
	assert_int_equal(host_order(0), 0);
	assert_int_equal(host_order(1), 9);
	assert_int_equal(host_order(2), 18);
}

static void entries_say_what_was_put_in(void **state)
{
	(void)state;
	for (enum memtype t = MEM_WRITE_BACK; t <= MEM_DEVICE; t++) {
		uint64_t leaf = host_leaf(pfn(0x123456789), HOST_READ, t);
		assert_int_equal(host_type(leaf), t);
		assert_int_equal(host_pfn(leaf).v, 0x123456789);
		assert_true(host_allows(leaf, ACCESS_READ));
		assert_false(host_allows(leaf, ACCESS_WRITE));
		assert_false(host_allows(leaf, ACCESS_EXEC));
	}
	assert_false(host_allows(0, ACCESS_READ));
	assert_int_equal(host_permissions(RWX), HOST_READ | HOST_WRITE | HOST_EXEC);
	assert_int_equal(host_permissions(0), 0);
}

/* H2, H5: the writer of entries asserts what must not be written. */
static void h5_set_asserts(void **state)
{
	(void)state;
	hva_t at = hva(BASE);
	assert_result(OK, host_set(root, owner, at, 0, device(1)));
	EXPECT_BROKEN("host_pfn(old).v == host_pfn(leaf).v",
		      (void)host_set(root, owner, at, 0, device(2)));
	EXPECT_BROKEN("HOST_EXEC", (void)host_set(root, owner, at, 0, device(1) | HOST_EXEC));
	EXPECT_BROKEN("!host_is_table(old)", (void)host_set(root, owner, at, 1, device(0)));
	assert_result(OK, host_set(root, owner, at, 0, device(1) | HOST_WRITE));
}

static hva_t watched;
static unsigned watched_writes;

/* At each entry write a reader of the watched page sees the same translation. */
static void watch(const char *name, const void *object)
{
	unsigned level;
	(void)object;
	if (strcmp(name, "host_entry") != 0 && strcmp(name, "unlock") != 0)
		return;
	uint64_t leaf = host_lookup(root, watched, &level);
	assert_int_equal(host_pfn_at(leaf, level, watched).v,
			 DEVICE_PFN + ((watched.v - BASE) >> PAGE_SHIFT));
	watched_writes++;
}

static void splits_change_nothing_that_is_seen(void **state)
{
	unsigned level;
	(void)state;
	assert_result(OK, host_set(root, owner, hva(BASE), 2, device(0) | HOST_WRITE));
	watched = hva(BASE + 700 * PAGE_SIZE);
	watched_writes = 0;
	env_step = watch;
	/* Above the limit: one step down only. */
	assert_result(OK, host_split_at(root, owner, hva(BASE + MIB2 + PAGE_SIZE), 2));
	assert_true(host_lookup(root, watched, &level) != 0);
	assert_int_equal(level, 1);
	/* Nothing straddles a boundary. */
	assert_result(OK, host_split_at(root, owner, hva(BASE + MIB2), 1));
	assert_result(OK, host_split_at(root, owner, hva(BASE), 1));
	assert_true(host_lookup(root, watched, &level) != 0);
	assert_int_equal(level, 1);
	assert_result(OK, host_split_at(root, owner, hva(BASE + MIB2 + PAGE_SIZE), 1));
	env_step = NULL;
	assert_true(watched_writes >= 2);
	uint64_t leaf = host_lookup(root, watched, &level);
	assert_int_equal(level, 0);
	assert_int_equal(leaf, device(700) | HOST_WRITE);
	for (uint64_t n = 0; n < 262144; n += 97) {
		leaf = host_lookup(root, hva(BASE + n * PAGE_SIZE), &level);
		assert_int_equal(host_pfn_at(leaf, level, hva(BASE + n * PAGE_SIZE)).v,
				 DEVICE_PFN + n);
		assert_int_equal(level, n >= 512 && n < 1024 ? 0 : 1);
	}
	/* At the end of the space there is nothing to split, and nothing beyond. */
	assert_result(OK, host_split_at(root, owner, hva(UINT64_C(1) << SPACE_BITS), 1));
}

static void split_down_splits_one_leaf(void **state)
{
	unsigned level;
	(void)state;
	hva_t at = hva(BASE + 5 * MIB2 + 9 * PAGE_SIZE);
	assert_result(OK, host_split_down(root, owner, at, 0)); /* nothing there */
	assert_result(OK, host_set(root, owner, hva(BASE), 2, device(0)));
	assert_result(OK, host_split_down(root, owner, at, 2));
	assert_true(host_lookup(root, at, &level) != 0);
	assert_int_equal(level, 2);
	assert_result(OK, host_split_down(root, owner, at, 0));
	assert_int_equal(host_lookup(root, at, &level), device(5 * 512 + 9));
	assert_int_equal(level, 0);
	assert_true(host_lookup(root, hva(BASE + 6 * MIB2), &level) != 0);
	assert_int_equal(level, 1);
}

/* I1: a COUNTED leaf that is split has a reference for each piece, and gives each back. */
static void i1_references_follow_splits(void **state)
{
	pfn_t block;
	(void)state;
	assert_result(OK, block_alloc(FRAME_COUNTED, 9, owner, &block));
	struct frame *f = frame_of(block);
	uint64_t leaf = host_leaf(block, HOST_READ, MEM_WRITE_BACK);
	assert_result(OK, host_set(root, owner, hva(BASE), 1, leaf));
	hog_leave(0);
	assert_result(OUT_OF_MEMORY, host_split_at(root, owner, hva(BASE + PAGE_SIZE), 1));
	assert_int_equal(frame_refs(f), 1);
	hog_release();
	assert_result(OK, host_split_at(root, owner, hva(BASE + PAGE_SIZE), 1));
	assert_int_equal(frame_refs(f), 512);
	assert_int_equal(host_clear(root, owner, hva_range(hva(BASE), 12 * PAGE_SIZE)), 12);
	assert_int_equal(frame_refs(f), 500);
	assert_int_equal(host_clear(root, owner, hva_range(hva(BASE), GIB)), 500);
	assert_int_equal(frame_class(block), FRAME_FREE);
}

/* S6's host half: a table whose range is cleared goes, one that sticks out stays; in a grace
 * period. */
static void tables_go_with_their_range(void **state)
{
	(void)state;
	grace_drain();
	uint64_t before = block_free_frames();
	assert_result(OK, host_set(root, owner, hva(BASE), 0, device(0)));
	assert_int_equal(block_free_frames(), before - 3);
	assert_int_equal(host_clear(root, owner, hva_range(hva(BASE), PAGE_SIZE)), 0);
	grace_drain();
	assert_int_equal(block_free_frames(), before - 3);
	grace_enter(); /* a reader is in it: the page may not be handed out */
	assert_int_equal(host_clear(root, owner, hva_range(hva(BASE), MIB2)), 0);
	assert_int_equal(block_free_frames(), before - 3);
	grace_leave();
	grace_drain();
	assert_int_equal(block_free_frames(), before - 2);
	assert_int_equal(host_clear(root, owner, hva_range(hva(0), UINT64_C(1) << SPACE_BITS)), 0);
	grace_drain();
	assert_int_equal(block_free_frames(), before);
}

static void clear_asserts_that_nothing_straddles(void **state)
{
	(void)state;
	assert_result(OK, host_set(root, owner, hva(BASE), 1, device(0)));
	EXPECT_BROKEN("covered", (void)host_clear(root, owner, hva_range(hva(BASE), PAGE_SIZE)));
	assert_int_equal(host_clear(root, owner, hva_range(hva(BASE), MIB2)), 0);
}

/* I5: prepared once, a leaf is put in without an allocation, whatever tables stood there. */
static void i5_what_is_prepared_cannot_fail(void **state)
{
	(void)state;
	hva_t at = hva(BASE + 3 * MIB2);
	assert_result(OK, host_set(root, owner, at, 0, device(0)));
	assert_int_equal(host_clear(root, owner, hva_range(at, PAGE_SIZE)), 0);
	hog_leave(0);
	assert_result(OK, host_prepare(root, owner, at, 1)); /* its tables are there */
	assert_result(OUT_OF_MEMORY, host_prepare(root, owner, hva(2 * BASE), 1));
	assert_result(OUT_OF_MEMORY, host_set(root, owner, hva(2 * BASE), 1, device(0)));
	assert_result(OK, host_set(root, owner, at, 1, device(512)));
	hog_release();
	assert_result(OK, host_prepare(root, owner, hva(2 * BASE), 2));
	grace_drain();
	hog_leave(0);
	assert_result(OK, host_set(root, owner, hva(2 * BASE), 2, device(0)));
}

static void next_finds_every_leaf(void **state)
{
	static const struct {
		uint64_t at;
		unsigned level;
	} leaves[] = { { 0, 0 },
		       { BASE, 2 },
		       { BASE + GIB + MIB2, 1 },
		       { BASE + GIB + 3 * MIB2 + 511 * PAGE_SIZE, 0 },
		       { (UINT64_C(1) << SPACE_BITS) - PAGE_SIZE, 0 } };
	hva_t at = hva(0), end = hva(UINT64_C(1) << SPACE_BITS);
	unsigned level, found = 0;
	uint64_t *entry;
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_result(OK,
			      host_set(root, owner, hva(leaves[i].at), leaves[i].level, device(0)));
	for (; host_next(root, at, end, &at, &level, &entry); found++) {
		assert_int_equal(at.v, leaves[found].at);
		assert_int_equal(level, leaves[found].level);
		assert_int_equal(*entry, device(0));
		at = hva(at.v + sizes[level]);
	}
	assert_int_equal(found, 5);
	/* From the middle of a leaf: the leaf itself; before `end` only. */
	assert_true(host_next(root, hva(BASE + MIB2), end, &at, &level, &entry));
	assert_int_equal(at.v, BASE);
	assert_false(host_next(root, hva(BASE + GIB), hva(BASE + GIB + MIB2), &at, &level, &entry));
	assert_false(host_next(root, end, end, &at, &level, &entry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(h7_pfn_and_span_in_one_walk),
		TEST(entries_say_what_was_put_in),
		TEST(h5_set_asserts),
		TEST(splits_change_nothing_that_is_seen),
		TEST(split_down_splits_one_leaf),
		TEST(i1_references_follow_splits),
		TEST(tables_go_with_their_range),
		TEST(clear_asserts_that_nothing_straddles),
		TEST(i5_what_is_prepared_cannot_fail),
		TEST(next_finds_every_leaf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
