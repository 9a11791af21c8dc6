/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host fault handler: what comes into being at a touch of each kind of region (H1-H3), what is
 * refused and with which reason (P8), whose reference is whose, and the breaking of a shared page
 * (H6).
 */
#include "tests/unit/host_fault.h"

static struct keeper keeper;

static void map_supplied(uint64_t bytes, enum region_kind kind, enum memtype type,
			 unsigned permissions)
{
	map(base, bytes, supplied(&supplier, kind, type, permissions));
}

static unsigned level_at(hva_t a)
{
	unsigned level;
	assert_true(leaf_at(a, &level) != 0);
	return level;
}

/* H1: ANON memory comes at the first touch, COUNTED, with one reference, and zeroed. */
static void h1_anon_at_first_touch(void **state)
{
	(void)state;
	map(base, 4 * PAGE_SIZE, anon(RW));
	assert_int_equal(leaf_of(base), 0);
	assert_result(OK, touch(hva(BASE + 5), ACCESS_READ));
	struct frame *f = frame_of(pfn_behind(base));
	assert_int_equal(frame_class(frame_pfn(f)), FRAME_COUNTED);
	assert_int_equal(frame_refs(f), 1);
	assert_int_equal(frame_owner(f).v, world.space.owner.v);
	assert_int_equal(world.space.counted, 1);
	uint64_t leaf = leaf_of(base);
	assert_result(OK, touch(base, ACCESS_WRITE)); /* all is there already */
	assert_int_equal(leaf_of(base), leaf);
	assert_int_equal(leaf_of(page(1)), 0);
	assert_result(OK, drop(base, PAGE_SIZE));
	assert_int_equal(frame_class(frame_pfn(f)), FRAME_FREE);
	assert_int_equal(world.space.counted, 0);
	/* It comes back zeroed, whatever was in it (the poison of a freed frame, here). */
	assert_result(OK, touch(base, ACCESS_READ));
	assert_int_equal(pfn_behind(base).v, frame_pfn(f).v);
	const unsigned char *bytes = mm_linear(frame_pfn(f));
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(bytes[i], 0);
}

/* H1, H7: 2 MiB where the region has room, 4 KiB where it has not, or where small pages stand. */
static void h7_large_where_it_fits(void **state)
{
	(void)state;
	map(hva(BASE + PAGE_SIZE), 2 * MIB2, anon(RW));
	assert_result(OK, touch(page(511), ACCESS_WRITE));
	assert_int_equal(level_at(page(511)), 0); /* the region begins inside these 2 MiB */
	assert_result(OK, touch(page(700), ACCESS_WRITE));
	assert_int_equal(level_at(page(700)), 1);
	struct frame *f = frame_of(pfn_behind(page(700)));
	assert_int_equal(frame_refs(f), 1);
	assert_int_equal(world.space.counted, 513);
	assert_int_equal(pfn_behind(page(512)).v & 511, 0);
	assert_result(OK, touch(page(1024), ACCESS_WRITE)); /* and ends inside these */
	assert_int_equal(level_at(page(1024)), 0);
	/* A hole in 2 MiB of small pages is filled by a small one. */
	assert_result(OK, drop(page(600), PAGE_SIZE));
	assert_result(OK, touch(page(600), ACCESS_WRITE));
	assert_int_equal(level_at(page(600)), 0);
	assert_int_equal(world.space.counted, 514);
}

static void small_when_no_large_block_is_left(void **state)
{
	(void)state;
	map(base, MIB2, anon(RW));
	hog_leave(300);
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_int_equal(level_at(base), 0);
}

static void small_where_the_space_is_told_so(void **state)
{
	(void)state;
	world.space.huge = false;
	supplier.order = 18;
	map(base, MIB2, anon(RW));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_int_equal(level_at(base), 0);
	map(hva(2 * BASE), MIB2, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(hva(2 * BASE), ACCESS_WRITE));
	assert_int_equal(level_at(hva(2 * BASE)), 0);
}

/* P8: no region, no permission: refused, and nothing has changed. */
static void p8_refusals(void **state)
{
	(void)state;
	map(page(1), PAGE_SIZE, anon(ACCESS_READ));
	assert_result(NO_REGION, touch(page(0), ACCESS_READ));
	assert_result(NO_REGION, touch(page(2), ACCESS_READ));
	assert_result(NO_REGION, touch(hva((UINT64_C(1) << 48) + BASE + PAGE_SIZE), ACCESS_READ));
	assert_result(NO_PERMISSION, touch(page(1), ACCESS_WRITE));
	assert_result(NO_PERMISSION, touch(page(1), ACCESS_EXEC));
	assert_int_equal(leaf_of(page(1)), 0);
	/* What the owner says is handed on. */
	map(page(8), PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	static const enum result answers[] = { NO_BACKING, NO_PERMISSION, OUT_OF_MEMORY, POISONED };
	for (unsigned i = 0; i < 4; i++) {
		supplier.refuse = answers[i];
		assert_result(answers[i], touch(page(8), ACCESS_READ));
		assert_int_equal(leaf_of(page(8)), 0);
	}
}

/* H1, H2: a raw pfn is special; RAM and device differ; the region's type and permissions hold. */
static void h2_pfnmap_keeps_type_and_class(void **state)
{
	pfn_t pool;
	(void)state;
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 3, alice, &pool));
	map_supplied(8 * PAGE_SIZE, REGION_PFNMAP, MEM_WRITE_COMBINING, RW);
	assert_result(OK, touch(page(3), ACCESS_WRITE));
	uint64_t leaf = leaf_of(page(3));
	assert_true(leaf & HOST_SPECIAL);
	assert_false(leaf & (HOST_RAM | HOST_EXEC));
	assert_int_equal(host_type(leaf), MEM_WRITE_COMBINING);
	assert_int_equal(host_pfn(leaf).v, DEVICE_PFN + 3);
	assert_result(NO_PERMISSION, touch(page(3), ACCESS_EXEC));
	supplier.first = pool;
	struct region_spec exec = supplied(&supplier, REGION_PFNMAP, MEM_WRITE_BACK, RWX);
	map(page(16), 8 * PAGE_SIZE, exec);
	assert_result(OK, touch(page(17), ACCESS_EXEC));
	leaf = leaf_of(page(17));
	assert_true((leaf & HOST_SPECIAL) && (leaf & HOST_RAM) && (leaf & HOST_EXEC));
	assert_int_equal(host_pfn(leaf).v, pool.v + 1);
	/* The record behind it is not touched, when it comes or when it goes (H1, P4). */
	for (unsigned i = 0; i < 8; i++) {
		assert_result(OK, touch(page(16 + i), ACCESS_WRITE));
		assert_int_equal(frame_table[pool.v + i].refs, 0);
	}
	assert_int_equal(world.space.counted, 0);
	assert_result(OK, drop(page(16), 8 * PAGE_SIZE));
	assert_result(OK, block_free(pool, 3, alice));
}

/* H7: as large as the owner allows, the addresses agree, and the region has room. */
static void h7_pfnmap_levels(void **state)
{
	(void)state;
	supplier.order = supplier.write_order = 18;
	map(hva(8 * GIB), 2 * GIB, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(hva(8 * GIB + 12345 * PAGE_SIZE), ACCESS_READ));
	assert_int_equal(level_at(hva(8 * GIB)), 2);
	assert_int_equal(pfn_behind(hva(8 * GIB + 77 * PAGE_SIZE)).v, DEVICE_PFN + 77);
	supplier.order = 9;
	assert_result(OK, touch(hva(9 * GIB + 600 * PAGE_SIZE), ACCESS_READ));
	assert_int_equal(level_at(hva(9 * GIB + 600 * PAGE_SIZE)), 1);
	assert_int_equal(leaf_of(hva(9 * GIB)), 0);
	supplier.order = 8; /* no entry of this size: the next smaller */
	assert_result(OK, touch(hva(9 * GIB), ACCESS_READ));
	assert_int_equal(level_at(hva(9 * GIB)), 0);
	supplier.order = 18;
	assert_result(OK, touch(hva(9 * GIB + PAGE_SIZE), ACCESS_READ)); /* a small table stands */
	assert_int_equal(level_at(hva(9 * GIB + PAGE_SIZE)), 0);
	/* Out of step: the region lies a page off. */
	map(hva(16 * GIB + PAGE_SIZE), GIB, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(hva(16 * GIB + MIB2), ACCESS_READ));
	assert_int_equal(level_at(hva(16 * GIB + MIB2)), 0);
	assert_int_equal(pfn_behind(hva(16 * GIB + MIB2)).v, DEVICE_PFN + 511);
	/* In step, but the region is smaller than 2 MiB at its end. */
	map(hva(24 * GIB), MIB2 + PAGE_SIZE, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	assert_result(OK, touch(hva(24 * GIB + MIB2), ACCESS_READ));
	assert_int_equal(level_at(hva(24 * GIB + MIB2)), 0);
	assert_result(OK, touch(hva(24 * GIB), ACCESS_READ));
	assert_int_equal(level_at(hva(24 * GIB)), 1);
}

/* H3: the owner is asked again when a permission is missing (M16), and may grant it. */
static void h3_read_only_first(void **state)
{
	(void)state;
	supplier.read_only_first = true;
	map_supplied(PAGE_SIZE, REGION_PFNMAP, MEM_DEVICE, RW);
	assert_result(OK, touch(base, ACCESS_READ));
	assert_false(leaf_of(base) & HOST_WRITE);
	keeper_begin(&keeper);
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_int_equal(supplier.asked, 2);
	assert_int_equal(supplier.last, ACCESS_WRITE);
	assert_true(leaf_of(base) & HOST_WRITE);
	assert_true(leaf_of(base) & HOST_READ);
	assert_int_equal(consumer_notices(&keeper.consumer), 0); /* H5: needs no notice */
	keeper_end(&keeper);
	/* One that is never granted is refused; what was there stays. */
	assert_result(OK, drop(base, PAGE_SIZE));
	supplier.never_writable = true;
	assert_result(OK, touch(base, ACCESS_READ));
	assert_result(NO_PERMISSION, touch(base, ACCESS_WRITE));
	assert_true(leaf_of(base) != 0);
	assert_result(OK, touch(base, ACCESS_READ));
	assert_int_equal(supplier.asked, 4); /* the last one was there already */
}

/* H3: a grant for one page does not open the 2 MiB around it. */
static void h3_a_grant_is_for_what_it_names(void **state)
{
	unsigned level;
	(void)state;
	supplier.read_only_first = true;
	supplier.order = 18;
	map_supplied(GIB, REGION_PFNMAP, MEM_DEVICE, RW);
	assert_result(OK, touch(base, ACCESS_READ));
	assert_int_equal(level_at(base), 2);
	assert_result(OK, touch(page(777), ACCESS_WRITE));
	assert_int_equal(level_at(page(777)), 0);
	for (uint64_t n = 0; n < 512 * 512; n += n >= 512 && n < 1024 ? 1 : 512) {
		uint64_t leaf = leaf_at(page(n), &level);
		assert_int_equal((leaf & HOST_WRITE) != 0, n == 777);
		assert_int_equal(host_pfn_at(leaf, level, page(n)).v, DEVICE_PFN + n);
	}
	supplier.write_order = 9; /* for two MiB: no further split */
	assert_result(OK, touch(page(1024), ACCESS_WRITE));
	assert_int_equal(level_at(page(1024)), 1);
	assert_true(leaf_of(page(1024)) & HOST_WRITE);
	assert_false(leaf_of(page(1536)) & HOST_WRITE);
}

/* H5: no answer takes a permission away, or another pfn in, without a notice. */
static void h5_answers_only_widen(void **state)
{
	(void)state;
	supplier.read_only_first = true;
	map_supplied(PAGE_SIZE, REGION_PFNMAP, MEM_WRITE_BACK, RW);
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, protect(base, PAGE_SIZE, RWX));
	assert_true(leaf_of(base) & HOST_WRITE);
	assert_result(OK, touch(base, ACCESS_EXEC)); /* answered "not writable" */
	assert_true((leaf_of(base) & HOST_EXEC) && (leaf_of(base) & HOST_WRITE));
	/* The owner has begun to move it, and has not come to clear the entry yet. */
	assert_result(OK, protect(base, PAGE_SIZE, ACCESS_READ));
	assert_result(OK, protect(base, PAGE_SIZE, RW));
	supplier.first = pfn(DEVICE_PFN + 4096);
	uint64_t leaf = leaf_of(base);
	assert_result(RACED, touch(base, ACCESS_WRITE));
	assert_int_equal(leaf_of(base), leaf);
}

/* H4: an owner takes its pages away inside a notice, and no stale pfn comes in between. */
static void h4_an_owner_takes_its_memory_back(void **state)
{
	pfn_t pool;
	struct notice n;
	(void)state;
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 2, alice, &pool));
	supplier.first = pool;
	map_supplied(4 * PAGE_SIZE, REGION_PFNMAP, MEM_WRITE_BACK, RW);
	keeper_begin(&keeper);
	for (unsigned i = 0; i < 4; i++)
		assert_result(OK, keeper_fault(&keeper, page(i), ACCESS_WRITE));
	struct hva_range all = hva_range(base, 4 * PAGE_SIZE);
	assert_result(OK, notice_begin(&n, &world.space.notifier, all, NOTICE_TRY));
	supplier.refuse = NO_BACKING;
	assert_result(RACED, keeper_fault(&keeper, page(1), ACCESS_WRITE)); /* the entry is there */
	assert_result(OK, space_clear(&world.space, &n, all));
	notice_end(&n);
	assert_result(OK, block_free(pool, 2, alice)); /* the census looks (F8) */
	for (unsigned i = 0; i < 4; i++)
		assert_result(NO_BACKING, keeper_fault(&keeper, page(i), ACCESS_READ));
	supplier.first = pfn(DEVICE_PFN);
	supplier.refuse = OK;
	assert_result(OK, keeper_fault(&keeper, page(1), ACCESS_READ));
	assert_int_equal(keeper_page(&keeper, page(1))->pfn.v, DEVICE_PFN + 1);
	keeper_end(&keeper);
}

/* H1: in a MIXED region each entry says for itself; COUNTED ones are cached whatever the region is.
 */
static void h1_mixed_entry_by_entry(void **state)
{
	pfn_t own;
	(void)state;
	assert_result(OK, block_alloc(FRAME_COUNTED, 0, alice, &own));
	struct frame *f = frame_of(own);
	map_supplied(2 * PAGE_SIZE, REGION_MIXED, MEM_UNCACHED, RW);
	supplier.first = own;
	supplier.counted = true;
	assert_result(OK, touch(page(0), ACCESS_READ));
	uint64_t leaf = leaf_of(page(0));
	assert_false(leaf & HOST_SPECIAL);
	assert_int_equal(host_type(leaf), MEM_WRITE_BACK);
	assert_int_equal(frame_refs(f), 2);
	assert_int_equal(world.space.counted, 1);
	supplier.first = pfn(DEVICE_PFN);
	supplier.counted = false;
	assert_result(OK, touch(page(1), ACCESS_READ));
	leaf = leaf_of(page(1));
	assert_true(leaf & HOST_SPECIAL);
	assert_int_equal(host_type(leaf), MEM_UNCACHED);
	assert_int_equal(world.space.counted, 1);
	assert_result(OK, drop(base, 2 * PAGE_SIZE));
	assert_int_equal(frame_refs(f), 1);
	assert_int_equal(world.space.counted, 0);
	frame_put(f);
}

/* I1: the reference that comes with an answer is the leaf's, or is dropped. */
static void i1_references_of_mixed_entries(void **state)
{
	pfn_t own;
	(void)state;
	assert_result(OK, block_alloc(FRAME_COUNTED, 0, alice, &own));
	struct frame *f = frame_of(own);
	supplier.first = own;
	supplier.counted = true;
	supplier.read_only_first = true;
	map_supplied(PAGE_SIZE, REGION_MIXED, MEM_WRITE_BACK, RW);
	/* No table can be had: refused whole, with its reference. */
	hog_leave(0);
	assert_result(OUT_OF_MEMORY, touch(base, ACCESS_READ));
	assert_int_equal(frame_refs(f), 1);
	assert_int_equal(world.space.counted, 0);
	hog_release();
	assert_result(OK, touch(base, ACCESS_READ));
	assert_int_equal(frame_refs(f), 2);
	assert_result(OK, touch(base, ACCESS_WRITE)); /* widened: still one leaf */
	assert_int_equal(frame_refs(f), 2);
	assert_int_equal(world.space.counted, 1);
	assert_result(OK, drop(base, PAGE_SIZE));
	supplier.never_writable = true;
	assert_result(NO_PERMISSION, touch(base, ACCESS_WRITE));
	assert_int_equal(frame_refs(f), 1);
	/* Now raw, now counted, without a notice in between: refused for now. */
	assert_result(OK, touch(base, ACCESS_READ));
	supplier.never_writable = false;
	supplier.counted = false;
	assert_result(RACED, touch(base, ACCESS_WRITE));
	assert_int_equal(frame_refs(f), 2);
	assert_result(OK, drop(base, PAGE_SIZE));
	frame_put(f);
}

/* H1: what a PFNMAP owner says of counting is not listened to. */
static void h1_pfnmap_is_never_counted(void **state)
{
	pfn_t own;
	(void)state;
	assert_result(OK, block_alloc(FRAME_COUNTED, 0, alice, &own));
	map_supplied(PAGE_SIZE, REGION_PFNMAP, MEM_WRITE_BACK, RW);
	supplier.first = own;
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_true(leaf_of(base) & HOST_SPECIAL);
	assert_int_equal(frame_refs(frame_of(own)), 1);
	assert_result(OK, drop(base, PAGE_SIZE));
	/* Nor if its owner says so; the reference that it took for its answer stays its own. */
	supplier.counted = true;
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_true(leaf_of(base) & HOST_SPECIAL);
	assert_int_equal(world.space.counted, 0);
	assert_result(OK, drop(base, PAGE_SIZE));
	assert_int_equal(frame_refs(frame_of(own)), 2);
	frame_put_many(frame_of(own), 2);
}

/* A large COUNTED block of a MIXED region's owner: one reference for one leaf, split or not. */
static void i1_large_mixed_blocks(void **state)
{
	pfn_t block;
	(void)state;
	assert_result(OK, block_alloc(FRAME_COUNTED, 9, alice, &block));
	supplier.first = block;
	supplier.counted = true;
	supplier.order = supplier.write_order = 9;
	map_supplied(MIB2, REGION_MIXED, MEM_WRITE_BACK, RW);
	assert_result(OK, touch(page(100), ACCESS_WRITE));
	assert_int_equal(level_at(base), 1);
	assert_int_equal(frame_refs(frame_of(block)), 2);
	assert_int_equal(world.space.counted, 512);
	assert_result(OK, drop(page(0), 3 * PAGE_SIZE));
	assert_int_equal(frame_refs(frame_of(block)), 1 + 509);
	assert_int_equal(world.space.counted, 509);
	assert_result(OK, unmap(base, MIB2));
	assert_int_equal(frame_refs(frame_of(block)), 1);
	frame_put(frame_of(block));
}

/* ---- The shared page of zeros ------------------------------------------------------------- */

/* H6: reads share one frame; a write breaks it inside a notice, and everybody lets go first. */
static void h6_a_shared_page_is_broken_in_a_notice(void **state)
{
	(void)state;
	map(base, 4 * PAGE_SIZE, zeros(RW));
	keeper_begin(&keeper);
	assert_result(OK, keeper_fault(&keeper, page(0), ACCESS_READ));
	assert_result(OK, keeper_fault(&keeper, page(1), ACCESS_READ));
	pfn_t shared = pfn_behind(page(0));
	assert_int_equal(pfn_behind(page(1)).v, shared.v);
	assert_int_equal(frame_refs(frame_of(shared)), 3); /* two entries, and the space */
	assert_false(leaf_of(page(0)) & HOST_WRITE);
	assert_false(keeper_page(&keeper, page(0))->writable);
	assert_int_equal(world.space.counted, 2);
	struct token before = token_take(&keeper.consumer);
	struct follow_request rq = map_request(&before, page(0), ACCESS_READ);
	struct follow_answer old;
	assert_result(OK, follow_pfn(&rq, &old));
	uint64_t notices = consumer_notices(&keeper.consumer);
	assert_result(OK, touch(page(0), ACCESS_WRITE));
	assert_int_equal(consumer_notices(&keeper.consumer), notices + 1);
	assert_false(keeper_page(&keeper, page(0))->there); /* nobody still reads the old one */
	assert_true(keeper_page(&keeper, page(1))->there);
	assert_true(pfn_behind(page(0)).v != shared.v);
	assert_true(leaf_of(page(0)) & HOST_WRITE);
	assert_int_equal(frame_refs(frame_of(shared)), 2);
	assert_int_equal(world.space.counted, 2);
	/* The lookup that only read, and raced with it, cannot keep the old frame. */
	assert_result(RACED, keeper_install(&keeper, &before, page(0), &old));
	keeper_end(&keeper);
	assert_result(OK, unmap(base, 4 * PAGE_SIZE));
	assert_int_equal(frame_refs(frame_of(shared)), 1);
}

/* H6: a pin unshares first, even to read; else it would hold what the guest does not see. */
static void h6_a_pin_unshares(void **state)
{
	struct follow_answer a;
	struct follow_request rq = {
		.space = &world.space,
		.hva = base,
		.access = ACCESS_READ,
		.intent = INTENT_PIN,
		.may_sleep = true,
	};
	(void)state;
	map(base, 2 * PAGE_SIZE, zeros(RW));
	assert_result(OK, touch(base, ACCESS_READ));
	pfn_t shared = pfn_behind(base);
	assert_result(OK, follow_pfn(&rq, &a));
	assert_true(a.pfn.v != shared.v);
	assert_int_equal(a.pfn.v, pfn_behind(base).v);
	assert_int_equal(frame_pins(frame_of(shared)), 0);
	assert_int_equal(frame_pins(frame_of(a.pfn)), 1);
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_int_equal(a.pfn.v, pfn_behind(base).v); /* it stays what the guest writes to */
	frame_unpin(frame_of(a.pfn));
	rq.hva = page(1); /* untouched: a page of its own from the first */
	assert_result(OK, follow_pfn(&rq, &a));
	assert_true(a.pfn.v != shared.v);
	frame_unpin(frame_of(a.pfn));
	/* A region that cannot be written is unshared for a pin too, and stays unwritable. */
	map(page(8), PAGE_SIZE, zeros(ACCESS_READ));
	assert_result(OK, touch(page(8), ACCESS_READ));
	rq.hva = page(8);
	assert_result(OK, follow_pfn(&rq, &a));
	assert_true(a.pfn.v != shared.v);
	assert_false(leaf_of(page(8)) & HOST_WRITE);
	frame_unpin(frame_of(a.pfn));
}

/* H6, N7: what the break may be refused with; nothing has changed then. */
static void h6_a_break_may_be_refused(void **state)
{
	struct notice n;
	(void)state;
	map(base, PAGE_SIZE, zeros(RW));
	keeper_begin(&keeper);
	assert_result(OK, keeper_fault(&keeper, base, ACCESS_READ));
	uint64_t leaf = leaf_of(base), free_before = block_free_frames();
	keeper.refuse = WOULD_SLEEP;
	assert_result(WOULD_SLEEP, touch(base, ACCESS_WRITE));
	keeper.refuse = OK;
	struct hva_range other = hva_range(page(64), PAGE_SIZE);
	assert_result(OK, notice_begin(&n, &world.space.notifier, other, NOTICE_SLOTS));
	assert_result(BUSY, touch(base, ACCESS_WRITE));
	notice_end(&n);
	assert_int_equal(leaf_of(base), leaf);
	assert_true(keeper_page(&keeper, base)->there);
	assert_int_equal(block_free_frames(), free_before);
	hog_leave(0);
	assert_result(OUT_OF_MEMORY, touch(base, ACCESS_WRITE));
	assert_int_equal(leaf_of(base), leaf);
	hog_release();
	assert_result(OK, touch(base, ACCESS_WRITE));
	keeper_end(&keeper);
}

static unsigned interrupted;

/* While the breaker has its new frame and not yet the notice, somebody else is faster. */
static void break_first(const char *name, const void *object)
{
	(void)object;
	if (strcmp(name, "notice_active") != 0 || interrupted++ != 0)
		return;
	assert_result(OK, space_drop(&world.space, hva_range(base, PAGE_SIZE), NOTICE_NESTED));
}

/* H6: two break at once, or the page goes meanwhile: the later one looks again. */
static void h6_two_breaks_race(void **state)
{
	(void)state;
	map(base, PAGE_SIZE, zeros(RW));
	assert_result(OK, touch(base, ACCESS_READ));
	uint64_t free_before = block_free_frames();
	interrupted = 0;
	env_step = break_first;
	assert_result(RACED, touch(base, ACCESS_WRITE));
	env_step = NULL;
	assert_int_equal(leaf_of(base), 0);
	assert_int_equal(block_free_frames(), free_before); /* its own frame went back */
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_true(leaf_of(base) & HOST_WRITE);
}

/* H3: a region was widened; the entries follow one fault at a time, the shared frame stays
 * read-only. */
static void h3_entries_follow_a_widened_region(void **state)
{
	(void)state;
	map(base, 2 * PAGE_SIZE, anon(ACCESS_READ));
	assert_result(OK, touch(base, ACCESS_READ));
	pfn_t n = pfn_behind(base);
	assert_result(OK, protect(base, PAGE_SIZE, RWX));
	assert_false(leaf_of(base) & (HOST_WRITE | HOST_EXEC));
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_true((leaf_of(base) & HOST_WRITE) && (leaf_of(base) & HOST_EXEC));
	assert_int_equal(pfn_behind(base).v, n.v);
	map(page(8), PAGE_SIZE, zeros(ACCESS_READ));
	assert_result(OK, touch(page(8), ACCESS_READ));
	assert_result(OK, protect(page(8), PAGE_SIZE, RWX));
	assert_result(OK, touch(page(8), ACCESS_EXEC));
	assert_true(leaf_of(page(8)) & HOST_EXEC);
	assert_false(leaf_of(page(8)) & HOST_WRITE);
	assert_result(OK, touch(page(8), ACCESS_WRITE));
	assert_false(leaf_of(page(8)) & HOST_SHARED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(h1_anon_at_first_touch),
		TEST(h7_large_where_it_fits),
		TEST(small_when_no_large_block_is_left),
		TEST(small_where_the_space_is_told_so),
		TEST(p8_refusals),
		TEST(h2_pfnmap_keeps_type_and_class),
		TEST(h7_pfnmap_levels),
		TEST(h3_read_only_first),
		TEST(h3_a_grant_is_for_what_it_names),
		TEST(h5_answers_only_widen),
		TEST(h4_an_owner_takes_its_memory_back),
		TEST(h1_mixed_entry_by_entry),
		TEST(i1_references_of_mixed_entries),
		TEST(h1_pfnmap_is_never_counted),
		TEST(i1_large_mixed_blocks),
		TEST(h6_a_shared_page_is_broken_in_a_notice),
		TEST(h6_a_pin_unshares),
		TEST(h6_a_break_may_be_refused),
		TEST(h6_two_breaks_race),
		TEST(h3_entries_follow_a_widened_region),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
