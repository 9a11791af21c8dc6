/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host spaces: regions come, are cut, change and go; every change is one notice and is done whole
 * or refused whole (H1, H2, H5), whatever memory is left.
 */
#include "tests/unit/broken.h"
#include "tests/unit/world.h"

static struct supplier supplier;
static struct keeper keeper;

static int setup(void **state)
{
	(void)state;
	world_begin(4096, true);
	memset(&supplier, 0, sizeof(supplier));
	supplier.first = pfn(DEVICE_PFN);
	supplier.order = supplier.write_order = 18;
	keeper_begin(&keeper);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hog_release();
	keeper_end(&keeper);
	world_end();
	return 0;
}

static const hva_t base = { BASE };

static hva_t page(uint64_t n)
{
	return hva(BASE + n * PAGE_SIZE);
}

static enum result map_spec(struct region_spec spec)
{
	return space_map(&world.space, hva_range(base, PAGE_SIZE), &spec);
}

/* ---- Mapping ------------------------------------------------------------------------------ */

/* P8: so many regions has a space, and no more; what is refused leaves it as it was. */
static void p8_regions_have_a_limit(void **state)
{
	enum result r = OK;
	uint64_t count = 0;
	struct region found;
	(void)state;
	keeper_end(&keeper);
	world_end();
	world_begin(16384, true); /* so much that a larger table had room */
	keeper_begin(&keeper);
	for (; r == OK; count += r == OK) {
		struct region_spec spec = anon(RW);
		r = space_map(&world.space, hva_range(page(2 * count), PAGE_SIZE), &spec);
	}
	assert_int_equal(r, OUT_OF_MEMORY);
	assert_int_equal(count, 65536);
	pfn_t larger; /* it was not for want of memory */
	assert_result(OK, block_alloc(FRAME_TABLE, 11, alice, &larger));
	assert_result(OK, block_free(larger, 11, alice));
	assert_true(space_region_at(&world.space, page(2 * count - 2), &found));
	assert_false(space_region_at(&world.space, page(2 * count), &found));
	assert_result(OK, unmap(page(0), PAGE_SIZE));
	map(page(2 * count), PAGE_SIZE, anon(RW));
}

/* H1, H2: what is no region is refused with its reason. */
static void h2_specs_are_checked(void **state)
{
	struct region_spec spec = anon(RW), raw;
	(void)state;
	spec.kind = REGION_GUEST;
	assert_result(UNSUPPORTED, map_spec(spec));
	spec.kind = (enum region_kind)17;
	assert_result(BAD_ARGUMENT, map_spec(spec));
	assert_result(BAD_ARGUMENT, map_spec(anon(0)));
	assert_result(BAD_ARGUMENT, map_spec(anon(ACCESS_WRITE))); /* stage-2 could not say it */
	assert_result(BAD_ARGUMENT, map_spec(anon(ACCESS_EXEC)));
	assert_result(BAD_ARGUMENT, map_spec(anon(RWX | 8)));
	spec = anon(RW);
	spec.offset = 12;
	assert_result(BAD_ARGUMENT, map_spec(spec));
	for (enum memtype t = MEM_WRITE_COMBINING; t <= MEM_DEVICE; t++) {
		spec = anon(RW);
		spec.type = t;
		assert_result(BAD_ARGUMENT, map_spec(spec)); /* ANON is cached */
		raw = supplied(&supplier, REGION_PFNMAP, t, RWX);
		assert_result(BAD_ARGUMENT, map_spec(raw)); /* never executable */
		raw.kind = REGION_MIXED;
		assert_result(BAD_ARGUMENT, map_spec(raw));
	}
	raw = supplied(&supplier, REGION_PFNMAP, (enum memtype)4, RW);
	assert_result(BAD_ARGUMENT, map_spec(raw));
	raw.type = MEM_DEVICE;
	raw.ops = NULL;
	assert_result(BAD_ARGUMENT, map_spec(raw));
	static const struct region_ops no_fault = { .name = "mute" };
	raw.ops = &no_fault;
	assert_result(BAD_ARGUMENT, map_spec(raw));
	assert_int_equal(world.space.region_count, 0);
	assert_result(OK, map_spec(supplied(&supplier, REGION_MIXED, MEM_DEVICE, RW)));
}

static void ranges_are_checked(void **state)
{
	struct region_spec spec = anon(RW);
	struct space *s = &world.space;
	uint64_t limit = UINT64_C(1) << SPACE_BITS;
	(void)state;
	assert_result(BAD_ALIGNMENT, space_map(s, hva_range(hva(BASE + 1), PAGE_SIZE), &spec));
	assert_result(BAD_ALIGNMENT, space_map(s, hva_range(base, PAGE_SIZE + 8), &spec));
	assert_result(BAD_ARGUMENT, space_map(s, hva_range(base, 0), &spec));
	assert_result(BAD_ARGUMENT, space_map(s, hva_range(hva(limit), PAGE_SIZE), &spec));
	assert_result(BAD_ARGUMENT,
		      space_map(s, hva_range(hva(limit - PAGE_SIZE), 2 * PAGE_SIZE), &spec));
	assert_result(BAD_ARGUMENT, space_map(s, (struct hva_range){ page(4), page(2) }, &spec));
	assert_result(OK, space_map(s, hva_range(hva(limit - PAGE_SIZE), PAGE_SIZE), &spec));
	assert_result(OK, space_map(s, hva_range(hva(0), PAGE_SIZE), &spec));
	assert_result(OK, touch(hva(limit - 1), ACCESS_WRITE));
	assert_result(OK, touch(hva(0), ACCESS_WRITE));
	assert_result(OK, unmap(hva(0), limit));
	assert_int_equal(s->counted, 0);
	/* The other changes look at theirs as well. */
	assert_result(BAD_ALIGNMENT, drop(hva(BASE + 8), PAGE_SIZE));
	assert_result(BAD_ARGUMENT, unmap(base, 0));
	assert_result(BAD_ALIGNMENT, protect(base, 12, RW));
	assert_result(BAD_ALIGNMENT, move(base, PAGE_SIZE, hva(1)));
	assert_result(BAD_ARGUMENT, move(base, PAGE_SIZE, hva(limit)));
	assert_result(BAD_ARGUMENT, move(hva(0), UINT64_C(1) << 63, base));
	assert_result(BAD_ALIGNMENT, move(hva(BASE + 1), PAGE_SIZE, hva(3 * BASE)));
	assert_int_equal(consumer_notices(&keeper.consumer), 1);
}

static void regions_do_not_overlap(void **state)
{
	struct region_spec spec = anon(RW);
	struct space *s = &world.space;
	(void)state;
	map(page(4), 4 * PAGE_SIZE, spec);
	assert_result(OVERLAPS, space_map(s, hva_range(page(3), 2 * PAGE_SIZE), &spec));
	assert_result(OVERLAPS, space_map(s, hva_range(page(7), 2 * PAGE_SIZE), &spec));
	assert_result(OVERLAPS, space_map(s, hva_range(page(5), PAGE_SIZE), &spec));
	assert_result(OVERLAPS, space_map(s, hva_range(page(0), 16 * PAGE_SIZE), &spec));
	assert_result(OK, space_map(s, hva_range(page(3), PAGE_SIZE), &spec));
	assert_result(OK, space_map(s, hva_range(page(8), PAGE_SIZE), &spec));
	assert_int_equal(s->region_count, 3);
}

/* More regions than one page holds, in every order; found again, and gone again. */
static void many_regions(void **state)
{
	enum { COUNT = 700 };
	struct region found;
	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		struct region_spec spec = supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW);
		uint64_t n = i * UINT64_C(331) % COUNT;
		spec.offset = n * PAGE_SIZE;
		map(page(2 * n), PAGE_SIZE, spec);
	}
	for (uint64_t n = 0; n < COUNT; n++) {
		assert_true(space_region_at(&world.space, hva(page(2 * n).v + 77), &found));
		assert_int_equal(found.spec.offset, n * PAGE_SIZE);
		assert_int_equal(found.range.start.v, page(2 * n).v);
		assert_false(space_region_at(&world.space, page(2 * n + 1), &found));
	}
	assert_result(OK, unmap(page(1), (2 * COUNT - 3) * PAGE_SIZE));
	assert_int_equal(world.space.region_count, 2);
	assert_true(space_region_at(&world.space, page(0), &found));
	assert_true(space_region_at(&world.space, page(2 * COUNT - 2), &found));
}

static void more_regions_than_memory(void **state)
{
	struct region_spec spec = anon(RW);
	unsigned n = 0;
	(void)state;
	hog_leave(1); /* one page of regions can grow to no two */
	enum result r = OK;
	while (r == OK && n < 1000)
		r = space_map(&world.space, hva_range(page(2 * n++), PAGE_SIZE), &spec);
	assert_int_equal(r, OUT_OF_MEMORY);
	assert_in_range(n, 50, 100);
	assert_int_equal(world.space.region_count, n - 1);
	/* Cutting needs room as well. */
	assert_result(OK, unmap(page(0), PAGE_SIZE));
	hog_release();
	map(hva(4 * BASE), 8 * PAGE_SIZE, spec);
	hog_leave(1);
	assert_result(OUT_OF_MEMORY, unmap(hva(4 * BASE + PAGE_SIZE), PAGE_SIZE));
	assert_result(OUT_OF_MEMORY, protect(hva(4 * BASE + PAGE_SIZE), PAGE_SIZE, ACCESS_READ));
	assert_result(OUT_OF_MEMORY, move(hva(4 * BASE + PAGE_SIZE), PAGE_SIZE, hva(6 * BASE)));
	assert_int_equal(world.space.region_count, n - 1);
}

static void room_is_found(void **state)
{
	struct region_spec spec = anon(RW);
	hva_t at;
	(void)state;
	struct space *s = &world.space;
	assert_result(OK, space_find_room(s, PAGE_SIZE, PAGE_SIZE, &at));
	assert_int_equal(at.v, 4 * GIB);
	map(hva(4 * GIB), 3 * PAGE_SIZE, spec);
	map(hva(4 * GIB + 5 * PAGE_SIZE), PAGE_SIZE, spec);
	assert_result(OK, space_find_room(s, 2 * PAGE_SIZE, PAGE_SIZE, &at));
	assert_int_equal(at.v, 4 * GIB + 3 * PAGE_SIZE);
	assert_result(OK, space_find_room(s, 3 * PAGE_SIZE, PAGE_SIZE, &at));
	assert_int_equal(at.v, 4 * GIB + 6 * PAGE_SIZE);
	assert_result(OK, space_find_room(s, PAGE_SIZE, MIB2, &at));
	assert_int_equal(at.v, 4 * GIB + MIB2);
	assert_result(OK, space_find_room(s, 1, GIB, &at));
	assert_int_equal(at.v, 5 * GIB);
	assert_result(NOT_FOUND, space_find_room(s, UINT64_C(1) << SPACE_BITS, PAGE_SIZE, &at));
	assert_result(NOT_FOUND, space_find_room(s, PAGE_SIZE, UINT64_C(1) << 63, &at));
	assert_result(BAD_ARGUMENT, space_find_room(s, 0, PAGE_SIZE, &at));
	assert_result(BAD_ARGUMENT, space_find_room(s, PAGE_SIZE, 3 * PAGE_SIZE, &at));
	assert_result(BAD_ARGUMENT, space_find_room(s, PAGE_SIZE, 8, &at));
	assert_result(BAD_ARGUMENT, space_find_room(s, UINT64_MAX, PAGE_SIZE, &at));
}

/* ---- Changes ------------------------------------------------------------------------------ */

/* H5: each of the four changes is one notice, and what it takes away is gone from the consumers. */
static void h5_every_change_is_a_notice(void **state)
{
	struct notifier *nf = &world.space.notifier;
	(void)state;
	map(base, 8 * PAGE_SIZE, anon(RW));
	for (unsigned i = 0; i < 4; i++)
		assert_result(OK, keeper_fault(&keeper, page(i), ACCESS_WRITE));
	pfn_t third = pfn_behind(page(2));
	assert_result(OK, drop(page(0), PAGE_SIZE));
	assert_int_equal(consumer_notices(&keeper.consumer), 1);
	assert_false(keeper_page(&keeper, page(0))->there);
	assert_result(OK, protect(page(1), PAGE_SIZE, ACCESS_READ));
	assert_int_equal(consumer_notices(&keeper.consumer), 2);
	assert_false(keeper_page(&keeper, page(1))->there);
	assert_result(OK, keeper_fault(&keeper, page(1), ACCESS_READ));
	assert_false(keeper_page(&keeper, page(1))->writable);
	assert_result(OK, move(page(2), PAGE_SIZE, page(100)));
	assert_int_equal(consumer_notices(&keeper.consumer), 3);
	assert_false(keeper_page(&keeper, page(2))->there);
	assert_int_equal(pfn_behind(page(100)).v, third.v);
	assert_true(keeper_page(&keeper, page(3))->there);
	assert_result(OK, unmap(page(3), PAGE_SIZE));
	assert_int_equal(consumer_notices(&keeper.consumer), 4);
	assert_false(keeper_page(&keeper, page(3))->there);
	assert_false(notice_active(nf));
	/* F7: the keeper's marks went into the frame that lives on. */
	assert_int_equal(frame_test_and_clear(frame_of(third), FRAME_YOUNG), FRAME_YOUNG);
}

/* H5: an owner that clears outside of his notice is found out. */
static void h5_clearing_needs_a_notice(void **state)
{
	struct notice n;
	(void)state;
	map(base, 2 * PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(base, ACCESS_READ));
	struct hva_range first = hva_range(base, PAGE_SIZE);
	assert_result(OK, notice_begin(&n, &world.space.notifier, first, NOTICE_TRY));
	EXPECT_BROKEN("notice_covers",
		      (void)space_clear(&world.space, &n, hva_range(base, 2 * PAGE_SIZE)));
	EXPECT_BROKEN("notice_covers",
		      (void)space_clear(&world.space, &n,
					hva_range(hva(BASE - PAGE_SIZE), 2 * PAGE_SIZE)));
	assert_result(BAD_ALIGNMENT, space_clear(&world.space, &n, hva_range(base, PAGE_SIZE - 1)));
	assert_result(OK, space_clear(&world.space, &n, first));
	notice_end(&n);
	assert_int_equal(leaf_of(base), 0);
}

/* N7: a change that may not wait is refused while others are kept out. */
static void n7_changes_may_be_refused(void **state)
{
	struct notice n;
	(void)state;
	map(base, 2 * PAGE_SIZE, anon(RW));
	assert_result(OK, keeper_fault(&keeper, base, ACCESS_WRITE));
	uint64_t leaf = leaf_of(base);
	struct hva_range other = hva_range(page(50), PAGE_SIZE);
	assert_result(OK, notice_begin(&n, &world.space.notifier, other, NOTICE_SLOTS));
	assert_result(BUSY, drop(base, PAGE_SIZE));
	assert_result(BUSY, unmap(base, PAGE_SIZE));
	assert_result(BUSY, protect(base, PAGE_SIZE, ACCESS_READ));
	assert_result(BUSY, move(base, PAGE_SIZE, page(80)));
	notice_end(&n);
	assert_int_equal(leaf_of(base), leaf);
	assert_true(keeper_page(&keeper, base)->there);
	assert_int_equal(world.space.region_count, 1);
}

/* H1: a region is cut where an unmapped range ends; what is left shows the same as before. */
static void unmap_cuts(void **state)
{
	struct region r;
	(void)state;
	struct region_spec spec = supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW);
	spec.offset = 100 * PAGE_SIZE;
	map(base, 16 * PAGE_SIZE, spec);
	assert_result(OK, unmap(page(4), 2 * PAGE_SIZE));
	assert_int_equal(world.space.region_count, 2);
	assert_true(space_region_at(&world.space, page(3), &r));
	assert_int_equal(r.range.end.v, page(4).v);
	assert_int_equal(r.spec.offset, 100 * PAGE_SIZE);
	assert_true(space_region_at(&world.space, page(6), &r));
	assert_int_equal(r.range.start.v, page(6).v);
	assert_int_equal(r.spec.offset, 106 * PAGE_SIZE);
	assert_result(OK, touch(page(7), ACCESS_READ));
	assert_int_equal(pfn_behind(page(7)).v, DEVICE_PFN + 107);
	assert_result(NO_REGION, touch(page(5), ACCESS_READ));
	/* Over several regions and holes at once. */
	assert_result(OK, unmap(page(2), 10 * PAGE_SIZE));
	assert_int_equal(world.space.region_count, 2);
	assert_true(space_region_at(&world.space, page(1), &r));
	assert_int_equal(r.range.end.v, page(2).v);
	assert_false(space_region_at(&world.space, page(11), &r));
	assert_true(space_region_at(&world.space, page(12), &r));
	assert_int_equal(r.spec.offset, 112 * PAGE_SIZE);
	assert_result(OK, unmap(page(50), PAGE_SIZE)); /* where nothing is */
}

/* S4's host half: a large leaf is split at the ends, and only what was named goes. */
static void drop_splits_large_leaves(void **state)
{
	(void)state;
	map(base, 2 * MIB2, anon(RW));
	assert_result(OK, touch(page(0), ACCESS_WRITE));
	assert_result(OK, touch(page(512), ACCESS_WRITE));
	pfn_t first = pfn_behind(page(0)), second = pfn_behind(page(512));
	assert_result(OK, drop(page(500), 20 * PAGE_SIZE));
	assert_int_equal(world.space.counted, 1024 - 20);
	assert_int_equal(frame_refs(frame_of(first)), 500);
	assert_int_equal(frame_refs(frame_of(second)), 504);
	for (unsigned i = 0; i < 1024; i++) {
		if (i >= 500 && i < 520)
			assert_int_equal(leaf_of(page(i)), 0);
		else
			assert_int_equal(pfn_behind(page(i)).v,
					 i < 512 ? first.v + i : second.v + i - 512);
	}
	assert_result(OK, drop(page(0), 500 * PAGE_SIZE));
	assert_int_equal(frame_class(first), FRAME_FREE);
	assert_int_equal(frame_class(second), FRAME_COUNTED);
}

/* A device's leaf of 1 GiB is split twice to take one page out. */
static void drop_splits_a_gigabyte(void **state)
{
	(void)state;
	map(base, GIB, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, drop(page(1000), PAGE_SIZE));
	assert_int_equal(leaf_of(page(1000)), 0);
	for (uint64_t n = 0; n < 262144; n += n < 2048 ? 1 : 173)
		if (n != 1000)
			assert_int_equal(pfn_behind(page(n)).v, DEVICE_PFN + n);
}

/* ---- Protect ------------------------------------------------------------------------------ */

static void protect_narrows_and_widens(void **state)
{
	struct region r;
	(void)state;
	map(base, 2 * MIB2, anon(RWX));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, protect(page(3), 4 * PAGE_SIZE, ACCESS_READ));
	assert_int_equal(world.space.region_count, 3);
	for (unsigned i = 0; i < 512; i++) {
		bool inside = i >= 3 && i < 7;
		assert_int_equal((leaf_of(page(i)) & HOST_WRITE) == 0, inside);
		assert_int_equal((leaf_of(page(i)) & HOST_EXEC) == 0, inside);
		assert_true(leaf_of(page(i)) & HOST_READ);
	}
	assert_result(NO_PERMISSION, touch(page(3), ACCESS_WRITE));
	assert_result(OK, touch(page(2), ACCESS_WRITE));
	assert_true(space_region_at(&world.space, page(7), &r));
	assert_int_equal(r.spec.permissions, RWX);
	/* No access at all, and back: the page is the same one. */
	pfn_t n = pfn_behind(page(4));
	assert_result(OK, protect(page(4), PAGE_SIZE, 0));
	assert_result(NO_PERMISSION, touch(page(4), ACCESS_READ));
	assert_false(host_allows(leaf_of(page(4)), ACCESS_READ));
	assert_result(OK, protect(page(4), PAGE_SIZE, RW));
	assert_result(OK, touch(page(4), ACCESS_WRITE));
	assert_int_equal(pfn_behind(page(4)).v, n.v);
	assert_int_equal(world.space.counted, 512);
}

static void protect_refusals(void **state)
{
	(void)state;
	map(page(0), 2 * PAGE_SIZE, anon(RW));
	map(page(2), 2 * PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	map(page(5), PAGE_SIZE, anon(RW));
	assert_result(OK, touch(page(0), ACCESS_WRITE));
	uint64_t leaf = leaf_of(page(0));
	assert_result(NO_REGION, protect(page(0), 6 * PAGE_SIZE, ACCESS_READ)); /* a hole */
	assert_result(NO_REGION, protect(page(5), 2 * PAGE_SIZE, ACCESS_READ));
	assert_result(NO_REGION, protect(page(40), PAGE_SIZE, ACCESS_READ));
	/* H2: the device in the middle cannot become executable, so nothing does. */
	assert_result(BAD_ARGUMENT, protect(page(0), 4 * PAGE_SIZE, RWX));
	assert_result(BAD_ARGUMENT, protect(page(0), PAGE_SIZE, RWX | 16));
	assert_result(BAD_ARGUMENT, protect(page(0), PAGE_SIZE, ACCESS_WRITE));
	assert_int_equal(leaf_of(page(0)), leaf);
	assert_int_equal(world.space.region_count, 3);
	assert_result(OK, protect(page(0), 4 * PAGE_SIZE, ACCESS_READ)); /* across two regions */
	assert_result(NO_PERMISSION, touch(page(2), ACCESS_WRITE));
}

/* ---- Move --------------------------------------------------------------------------------- */

static void move_takes_the_pages_along(void **state)
{
	struct region r;
	pfn_t was[600];
	(void)state;
	map(base, 2 * MIB2, anon(RW));
	assert_result(OK, touch(page(0), ACCESS_WRITE));
	assert_result(OK, drop(page(9), PAGE_SIZE));
	for (unsigned i = 0; i < 600; i++)
		was[i] = i == 9 || i >= 512 ? pfn(0) : pfn_behind(page(i));
	assert_result(OK, move(page(2), 600 * PAGE_SIZE, page(5001)));
	assert_int_equal(world.space.region_count, 3);
	assert_false(space_region_at(&world.space, page(2), &r));
	assert_true(space_region_at(&world.space, page(5600), &r));
	assert_int_equal(r.range.start.v, page(5001).v);
	for (unsigned i = 2; i < 512; i++) {
		assert_int_equal(leaf_of(page(i)), 0);
		if (i == 9)
			assert_int_equal(leaf_of(page(5001 + i - 2)), 0);
		else
			assert_int_equal(pfn_behind(page(5001 + i - 2)).v, was[i].v);
	}
	assert_int_equal(pfn_behind(page(1)).v, was[1].v);
	assert_int_equal(world.space.counted, 511);
	assert_result(OK, touch(page(5008), ACCESS_WRITE)); /* the hole moved too */
	assert_int_equal(world.space.counted, 512);
}

/* A large leaf moves whole where it fits, and in pieces where it does not. */
static void move_of_large_leaves(void **state)
{
	unsigned level;
	(void)state;
	map(base, 2 * GIB, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, move(base, 2 * GIB, hva(4 * BASE)));
	assert_true(leaf_at(hva(4 * BASE), &level) != 0);
	assert_int_equal(level, 2);
	assert_result(OK, move(hva(4 * BASE), 2 * GIB, hva(6 * BASE + MIB2)));
	assert_true(leaf_at(hva(6 * BASE + MIB2), &level) != 0);
	assert_int_equal(level, 1);
	assert_result(OK, move(hva(6 * BASE + MIB2), 4 * MIB2, hva(2 * BASE + PAGE_SIZE)));
	assert_true(leaf_at(hva(2 * BASE + PAGE_SIZE), &level) != 0);
	assert_int_equal(level, 0);
	for (uint64_t n = 0; n < 4 * 512; n++)
		assert_int_equal(pfn_behind(hva(2 * BASE + (n + 1) * PAGE_SIZE)).v, DEVICE_PFN + n);
	for (uint64_t n = 4 * 512; n < 262144; n += 311)
		assert_int_equal(pfn_behind(hva(6 * BASE + MIB2 + n * PAGE_SIZE)).v,
				 DEVICE_PFN + n);
	/* The offset went along: the next touch shows the same device page as before. */
	assert_result(OK, drop(hva(2 * BASE + PAGE_SIZE), 8 * PAGE_SIZE));
	assert_result(OK, touch(hva(2 * BASE + 3 * PAGE_SIZE), ACCESS_READ));
	assert_int_equal(pfn_behind(hva(2 * BASE + 3 * PAGE_SIZE)).v, DEVICE_PFN + 2);
}

/* I5: tables that small pages left behind make way for a large leaf, and are not lost. */
static void move_over_emptied_tables(void **state)
{
	unsigned level;
	(void)state;
	hva_t to = hva(4 * BASE);
	map(to, MIB2 + PAGE_SIZE, anon(RW));
	world.space.huge = false;
	assert_result(OK, touch(to, ACCESS_WRITE));
	world.space.huge = true;
	assert_result(OK, unmap(to, PAGE_SIZE)); /* a part, so its table stays */
	assert_result(OK, unmap(to, 2 * MIB2));
	map(to, PAGE_SIZE, anon(RW));
	assert_result(OK, touch(to, ACCESS_WRITE));
	assert_result(OK, unmap(to, PAGE_SIZE));
	map(base, MIB2, anon(RW));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, move(base, MIB2, to));
	assert_true(leaf_at(to, &level) != 0);
	assert_int_equal(level, 1);
	assert_int_equal(world.space.counted, 512);
}

static void move_refusals(void **state)
{
	(void)state;
	map(page(0), 4 * PAGE_SIZE, anon(RW));
	map(page(4), 4 * PAGE_SIZE, anon(ACCESS_READ));
	map(page(20), PAGE_SIZE, anon(RW));
	assert_result(OK, touch(page(0), ACCESS_WRITE));
	assert_result(BAD_ARGUMENT, move(page(2), 4 * PAGE_SIZE, page(40))); /* two regions */
	assert_result(NO_REGION, move(page(30), PAGE_SIZE, page(40)));
	assert_result(NO_REGION, move(page(6), 4 * PAGE_SIZE, page(40)));
	assert_result(OVERLAPS, move(page(0), 2 * PAGE_SIZE, page(19)));
	assert_result(OVERLAPS, move(page(0), 2 * PAGE_SIZE, page(1))); /* its own place */
	assert_int_equal(world.space.region_count, 3);
	assert_true(leaf_of(page(0)) != 0);
}

/* ---- Running out of memory ---------------------------------------------------------------- */

struct picture {
	uint32_t regions;
	uint64_t counted;
	struct region region[8];
	struct {
		uint64_t pfn, flags;
	} pages[1200];
};

static void picture_take(struct picture *p)
{
	const uint64_t flags = HOST_READ | HOST_WRITE | HOST_EXEC | HOST_SPECIAL;
	memset(p, 0, sizeof(*p));
	p->regions = world.space.region_count;
	p->counted = world.space.counted;
	memcpy(p->region, world.space.regions, p->regions * sizeof(p->region[0]));
	for (unsigned i = 0; i < 1200; i++) {
		unsigned level;
		uint64_t leaf = leaf_at(page(i), &level);
		if (leaf != 0) {
			p->pages[i].pfn = host_pfn_at(leaf, level, page(i)).v;
			p->pages[i].flags = leaf & flags;
		}
	}
}

static enum result change(unsigned which)
{
	switch (which) {
	case 0: return drop(page(100), 500 * PAGE_SIZE);
	case 1: return unmap(page(100), 500 * PAGE_SIZE);
	case 2: return protect(page(100), 500 * PAGE_SIZE, ACCESS_READ);
	case 3: return move(page(100), 500 * PAGE_SIZE, hva(3 * BASE + 77 * PAGE_SIZE));
	default: return move(base, 2 * MIB2, hva(3 * BASE));
	}
}

/* H5, P8: each allocation of each change fails once; the change is then refused whole. */
static void changes_are_refused_whole(void **state)
{
	static struct picture before, after;
	(void)state;
	for (unsigned which = 0; which < 5; which++) {
		map(base, 2 * MIB2, anon(RW));
		assert_result(OK, touch(page(0), ACCESS_WRITE));
		assert_result(OK, touch(page(512), ACCESS_WRITE));
		picture_take(&before);
		unsigned refused = 0;
		for (;; refused++) {
			hog_leave(refused);
			enum result r = change(which);
			hog_release();
			grace_drain();
			assert_null(block_check());
			if (r == OK)
				break;
			assert_int_equal(r, OUT_OF_MEMORY);
			picture_take(&after);
			assert_memory_equal(&before, &after, sizeof(before));
		}
		/* Both leaves are split; moves make tables at their new place besides. */
		assert_in_range(refused, which == 4 ? 1 : 2, 8);
		picture_take(&after);
		assert_memory_not_equal(&before, &after, sizeof(before));
		assert_result(OK, unmap(hva(0), UINT64_C(1) << SPACE_BITS));
		assert_int_equal(world.space.counted, 0);
	}
}

static void create_is_refused_whole(void **state)
{
	static struct space other;
	(void)state;
	for (uint64_t left = 0; left < 2; left++) {
		hog_leave(left);
		assert_result(OUT_OF_MEMORY, space_create(&other, true));
		hog_release();
		assert_null(block_check());
	}
	hog_leave(2);
	assert_result(OK, space_create(&other, true));
	space_destroy(&other);
	grace_drain();
	assert_int_equal(block_free_frames(), 2);
}

/* F8: the census' question, answered for every kind of entry. */
static void f8_reaches(void **state)
{
	(void)state;
	map(base, MIB2, anon(RW));
	assert_result(OK, touch(base, ACCESS_WRITE));
	pfn_t n = pfn_behind(base);
	assert_true(space_reaches(&world.space, pfn(n.v + 511), 1));
	assert_true(space_reaches(&world.space, pfn(n.v - 1), 2));
	assert_false(space_reaches(&world.space, pfn(n.v + 512), 1));
	assert_false(space_reaches(&world.space, pfn(n.v - 1), 1));
	map(hva(2 * BASE), PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_WRITE_BACK, RW));
	pfn_t pool;
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 0, alice, &pool));
	supplier.first = pool;
	assert_result(OK, touch(hva(2 * BASE), ACCESS_WRITE));
	/* A raw entry that outlives what its owner frees is found as well. */
	assert_true(space_reaches(&world.space, pool, 1));
	assert_result(OK, drop(hva(2 * BASE), PAGE_SIZE));
	assert_false(space_reaches(&world.space, pool, 1));
	assert_result(OK, block_free(pool, 0, alice));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(p8_regions_have_a_limit),
		TEST(h2_specs_are_checked),
		TEST(ranges_are_checked),
		TEST(regions_do_not_overlap),
		TEST(many_regions),
		TEST(more_regions_than_memory),
		TEST(room_is_found),
		TEST(h5_every_change_is_a_notice),
		TEST(h5_clearing_needs_a_notice),
		TEST(n7_changes_may_be_refused),
		TEST(unmap_cuts),
		TEST(drop_splits_large_leaves),
		TEST(drop_splits_a_gigabyte),
		TEST(protect_narrows_and_widens),
		TEST(protect_refusals),
		TEST(move_takes_the_pages_along),
		TEST(move_of_large_leaves),
		TEST(move_over_emptied_tables),
		TEST(move_refusals),
		TEST(changes_are_refused_whole),
		TEST(create_is_refused_whole),
		TEST(f8_reaches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
