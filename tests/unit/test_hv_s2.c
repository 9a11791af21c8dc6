/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stage-2 walker: the level of a leaf (S2, H7), what cuts it (S4), what changes it (M15, S9,
 * S10), what it remembers (S3, S8), and when its tables are freed (S6). What hv_fixture.h looks at
 * in each entry written is checked here as well.
 */
#include "tests/unit/hv_fixture.h"

/* broadcast: a flush reaches every CPU at once, and only the gfns it names. */
static const struct fix_options plain, small = { .small = true }, broadcast = { .broadcast = true };

/* The state before a test is its options. */
static int begin(void **state)
{
	fix_begin(*state != NULL ? *state : &plain);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fix_end();
	return 0;
}

static enum result drop(uint64_t page, uint64_t pages)
{
	return space_drop(&fix.vm.space, fix_range(page, pages), NOTICE_TRY);
}

/* ---- S2, H7, M14: how large ----------------------------------------------------------------- */

static void a_leaf_is_as_large_as_host_and_memslot_allow(void **state)
{
	(void)state;
	fix_anon(0, 2048, RWX, false);
	(void)fix_slot(512, 1000, 512, 0); /* ends before its second 2 MiB do */
	assert_result(OK, fix_write(600, 1));
	assert_int_equal(fix_level(600), 1);
	assert_int_equal(fix_leaf(600, NULL).pfn.v % 512, 0);
	assert_result(OK, fix_write(1030, 1));
	assert_int_equal(fix_level(1030), 0);
	assert_false(fix_mapped(1031));
}

static void the_start_of_the_memslot_bounds_a_leaf(void **state)
{
	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(1, 1023, 1, 0);
	assert_result(OK, fix_write(511, 1));
	assert_int_equal(fix_level(511), 0);
	assert_result(OK, fix_write(512, 1));
	assert_int_equal(fix_level(512), 1);
}

static void gfn_and_pfn_must_be_in_step(void **state)
{
	(void)state;
	fix_anon(0, 2048, RWX, false);
	(void)fix_slot(512, 1024, 1, 0);
	assert_result(OK, fix_write(700, 1));
	assert_int_equal(fix_level(700), 0);
}

static void a_leaf_is_not_larger_than_the_host_s_span(void **state)
{
	(void)state;
	fix_anon(0, 1024, RWX, false);
	(void)fix_slot(0, 1024, 0, 0);
	for (uint64_t n = 0; n < 512; n++) { /* the frames happen to follow each other */
		assert_result(OK, fix_write(n, n));
		assert_int_equal(fix_level(n), 0);
	}
	assert_int_equal(fix.vm.s2.leaves[0], 512);
	assert_int_equal(fix.vm.s2.leaves[1], 0);
}

static void a_device_may_have_a_leaf_of_a_gigabyte(void **state)
{
	(void)state;
	const uint64_t gig = UINT64_C(1) << 18;
	struct fix_owner device = { .first = FIX_DEVICE, .order = 18 };
	fix_pfnmap(&device, 0, gig, MEM_WRITE_COMBINING, RW);
	(void)fix_slot(gig, gig, 0, 0);
	assert_result(OK, fix_fault(&fix.vcpus[0], gig + 12345, ACCESS_WRITE));
	assert_int_equal(fix_level(2 * gig - 1), 2);
	assert_int_equal(fix.vm.s2.leaves[2], 1);
	assert_result(OK, drop(77, 1)); /* S4 */
	assert_false(fix_mapped(2 * gig - 1));
	assert_int_equal(fix.vm.s2.leaves[2], 0);
}

/* A table that smaller leaves have left behind stands where a large leaf would fit. */
static void a_leaf_joins_the_smaller_ones(void **state)
{
	(void)state;
	fix_anon(0, 512, RWX, false);
	uint32_t page = fix_slot(7, 1, 7, 0);
	assert_result(OK, fix_write(7, 77));
	assert_int_equal(fix_level(7), 0);
	assert_result(OK, slot_delete(&fix.vm, page));
	uint32_t all = fix_slot(0, 512, 0, 0);
	uint64_t value = 0;
	assert_result(OK, fix_read(7, &value));
	assert_int_equal(value, 77);
	assert_int_equal(fix_level(7), 0);
	assert_false(fix_mapped(8));
	/* The notice that covers the table takes it away, and the large leaf fits again. */
	assert_result(OK, slot_delete(&fix.vm, all));
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_read(7, &value));
	assert_int_equal(fix_level(7), 1);
}

/* ---- S4 ------------------------------------------------------------------------------------- */

static void a_cut_leaf_goes_whole(void **state)
{
	(void)state;
	uint64_t value = 0;
	fix_anon(0, 1536, RWX, false);
	(void)fix_slot(0, 1536, 0, 0);
	/* Not the same page of each: the TLB has a place for all three. */
	for (uint64_t n = 0; n < 1536; n += 512)
		assert_result(OK, fix_write(n + 5 + n / 512, n));
	pfn_t first = fix_leaf(512, NULL).pfn;
	pfn_t used = pfn(first.v + 6); /* the page that a TLB knows */
	assert_int_equal(fix_tlb_reaches(used), 1);

	assert_result(OK, drop(1000, 1));
	for (uint64_t n = 512; n < 1024; n++)
		assert_false(fix_mapped(n));
	assert_true(fix_mapped(511));
	assert_true(fix_mapped(1024));
	assert_int_equal(fix_tlb_reaches(used), 0);
	/* The rest comes back in small leaves, as it was; the dropped page is new. */
	assert_result(OK, fix_read(518, &value));
	assert_int_equal(value, 512);
	assert_int_equal(fix_leaf(518, NULL).pfn.v, used.v);
	assert_int_equal(fix_level(518), 0);
	assert_result(OK, fix_read(1000, &value));
	assert_int_equal(value, 0);
}

static void a_range_over_several_leaves_cuts_those_at_its_ends(void **state)
{
	(void)state;
	fix_anon(0, 2560, RWX, false);
	(void)fix_slot(0, 2560, 0, 0);
	for (uint64_t n = 0; n < 2560; n += 512)
		assert_result(OK, fix_write(n, 1));
	assert_int_equal(fix.vm.s2.leaves[1], 5);
	assert_result(OK, drop(1023, 514)); /* one page of the second, one of the fourth */
	assert_int_equal(fix.vm.s2.leaves[1], 2);
	assert_true(fix_mapped(0));
	assert_true(fix_mapped(2048));
	for (uint64_t n = 512; n < 2048; n += 128)
		assert_false(fix_mapped(n));
}

/* ---- S3, F7, P4 ----------------------------------------------------------------------------- */

static void a_counted_leaf_folds_young_and_dirty(void **state)
{
	(void)state;
	fix_anon(0, 10, RWX, false);
	(void)fix_slot(0, 10, 0, 0);
	assert_result(OK, fix_read(3, NULL));
	struct s2_entry e = fix_leaf(3, NULL);
	struct frame *f = frame_of(e.pfn);
	assert_true(e.attrs & S2_COUNTED);
	assert_int_equal(frame_refs(f), 1); /* the host entry's; MAP takes none (P4) */
	assert_int_equal(f->marks, FRAME_YOUNG);
	(void)frame_test_and_clear(f, FRAME_YOUNG);

	/* The processor marks the leaf, nobody else is told... */
	uint64_t faults = fix.vm.stats.faults;
	assert_result(OK, fix_write(3, 1));
	assert_int_equal(fix.vm.stats.faults, faults);
	assert_int_equal(f->marks, 0);
	/* ... until it goes, while the frame stays: the memslot goes. */
	assert_result(OK, slot_delete(&fix.vm, 0));
	assert_int_equal(f->marks, FRAME_YOUNG | FRAME_DIRTY);
}

static void uncounted_and_device_memory_is_never_marked(void **state)
{
	(void)state;
	pfn_t block;
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 3, alice, &block));
	struct fix_owner pool = { .first = block }, device = { .first = FIX_DEVICE };
	fix_pfnmap(&pool, 0, 8, MEM_WRITE_BACK, RWX);
	fix_pfnmap(&device, 100, 8, MEM_UNCACHED, RW);
	(void)fix_slot(0, 8, 0, 0);
	(void)fix_slot(100, 8, 100, 0);
	for (uint64_t n = 0; n < 8; n++) {
		assert_result(OK, fix_write(n, n));
		assert_result(OK, fix_write(100 + n, n));
		assert_int_equal(fix_leaf(n, NULL).attrs & S2_COUNTED, 0);
		assert_int_equal(fix_leaf(100 + n, NULL).attrs & S2_COUNTED, 0);
	}
	/* I1, I4: neither while it is mapped, nor when its leaves go. */
	for (unsigned round = 0; round < 2; round++) {
		for (uint64_t n = 0; n < 8; n++) {
			struct frame *f = frame_of(pfn(block.v + n));
			assert_int_equal(f->marks, 0);
			assert_int_equal(f->refs, 0);
			assert_int_equal(f->pins, 0);
			assert_int_equal(frame_owner(f).v, alice.v);
		}
		assert_result(OK, drop(0, 108));
	}
	assert_int_equal(fix.vm.s2.leaves[0], 0);
	pool.gone = device.gone = true;
	assert_result(OK, block_free(block, 3, alice));
}

/* ---- S8 ------------------------------------------------------------------------------------- */

static void device_memory_is_neither_cacheable_nor_executable(void **state)
{
	(void)state;
	static const enum memtype types[] = { MEM_WRITE_COMBINING, MEM_UNCACHED, MEM_DEVICE };
	struct fix_owner device = { .first = FIX_DEVICE, .order = 9 };
	for (uint64_t i = 0; i < 3; i++) {
		fix_pfnmap(&device, 512 * i, 512, types[i], RW);
		(void)fix_slot(512 * i, 512, 512 * i, 0);
		assert_result(OK, fix_write(512 * i + 3, 1));
		uint32_t attrs = fix_leaf(512 * i, NULL).attrs;
		assert_int_equal(S2_TYPE_OF(attrs), types[i]);
		assert_int_equal(attrs & (S2_EXEC | S2_COUNTED), 0);
		assert_int_equal(fix_level(512 * i), 1);
		assert_result(NO_PERMISSION, fix_exec(512 * i + 3));
		assert_int_equal(fix_leaf(512 * i, NULL).attrs, attrs);
	}
}

/* ---- Widening: H3, M15, S9 ------------------------------------------------------------------ */

static void what_two_cpus_fault_on_is_installed_once(void **state)
{
	(void)state;
	fix_anon(0, 512, RWX, false);
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_fault(&fix.vcpus[0], 7, ACCESS_WRITE));
	struct s2_entry e = fix_leaf(7, NULL);
	uint64_t entries = fix.entries, flushes = fix.vm.s2.flushes;
	for (unsigned access = ACCESS_READ; access <= ACCESS_EXEC; access <<= 1)
		assert_result(OK, fix_fault(&fix.vcpus[1], 300, (enum access)access));
	assert_int_equal(fix.vm.stats.spurious, 3);
	assert_int_equal(fix.vm.stats.widened, 0);
	assert_int_equal(fix.entries, entries);
	assert_int_equal(fix.vm.s2.flushes, flushes);
	assert_int_equal(fix_leaf(7, NULL).attrs, e.attrs);
}

/* The owner grants write at the first write, to what the leaf covers: the leaf is widened in place.
 */
static void a_write_granted_later_widens_the_leaf(void **state)
{
	(void)state;
	struct fix_owner device = {
		.first = FIX_DEVICE, .order = 9, .read_only_first = true, .write_order = 9
	};
	fix_pfnmap(&device, 0, 512, MEM_UNCACHED, RW);
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_read(7, NULL));
	assert_int_equal(fix_leaf(7, NULL).attrs & S2_WRITE, 0);
	uint64_t flushes = fix.vm.s2.flushes;
	assert_result(OK, fix_write(9, 1));
	assert_int_equal(fix_level(9), 1);
	assert_int_equal(fix.vm.stats.widened, 1);
	assert_int_equal(fix.vm.s2.flushes, flushes); /* H5: no notice, no flush */
	assert_true(fix_leaf(300, NULL).attrs & S2_WRITE);
}

/* ... and to one page of a large leaf: the others must not become writable with it (M15). */
static void a_write_granted_to_one_page_takes_the_large_leaf_away(void **state)
{
	(void)state;
	uint64_t value = 5;
	struct fix_owner device = { .first = FIX_DEVICE, .order = 9, .read_only_first = true };
	fix_pfnmap(&device, 0, 512, MEM_UNCACHED, RW);
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_read(7, NULL));
	assert_int_equal(fix_level(7), 1);
	env_cpu(3); /* it has the large leaf in its TLB */
	assert_result(OK, fix_access(&fix.vcpus[3], 9 << PAGE_SHIFT, ACCESS_READ, &value));
	env_cpu(0);
	uint64_t flushes = fix.vm.s2.flushes;
	assert_result(OK, fix_write(9, 1));
	assert_int_equal(fix_level(9), 0);
	assert_true(fix_leaf(9, NULL).attrs & S2_WRITE);
	assert_int_equal(fix.vm.s2.leaves[1], 0);
	assert_int_equal(fix.vm.s2.flushes, flushes + 1); /* S5: broken before it is made anew */
	assert_false(fix_mapped(7));
	assert_result(OK, fix_read(7, &value));
	assert_int_equal(fix_leaf(7, NULL).attrs & S2_WRITE, 0);
}

/* A leaf that lost nothing by a notice keeps what it allows when it gets more. */
static void widening_takes_nothing_away(void **state)
{
	(void)state;
	fix_anon(0, 8, RW, false);
	(void)fix_slot(0, 8, 0, 0);
	assert_result(OK, fix_write(3, 1));
	assert_result(OK, space_protect(&fix.vm.space, fix_range(0, 8), RWX, NOTICE_TRY));
	assert_result(OK, fix_write(3, 2));
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_EXEC), S2_WRITE);
	assert_result(OK, fix_exec(3));
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_EXEC), S2_WRITE | S2_EXEC);
	assert_int_equal(fix_leaf(3, NULL).attrs & S2_DIRTY, S2_DIRTY);
}

/* S10: a processor that leaves young and dirty to software faults on a leaf that permits the
 * access. */
static void marks_that_the_processor_asks_for_are_set(void **state)
{
	(void)state;
	struct s2_fault f = { .gpa = gpa(3 << PAGE_SHIFT),
			      .access = ACCESS_WRITE,
			      .present = true };

	fix_anon(0, 8, RWX, false);
	(void)fix_slot(0, 8, 0, 0);
	assert_result(OK, fix_fault(&fix.vcpus[0], 3, ACCESS_READ));
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_DIRTY), S2_WRITE);
	/* Without its asking: somebody else has mended it. */
	assert_result(OK, fault_serve(&fix.vcpus[0], &f));
	assert_int_equal(fix.vm.stats.spurious, 1);
	assert_int_equal(fix_leaf(3, NULL).attrs & S2_DIRTY, 0);
	f.unmarked = true;
	assert_result(OK, fault_serve(&fix.vcpus[0], &f));
	assert_int_equal(fix.vm.stats.widened, 1);
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_EXEC | S2_DIRTY),
			 S2_WRITE | S2_EXEC | S2_DIRTY);
	/* It is marked now: nothing more is to be done. */
	assert_result(OK, fault_serve(&fix.vcpus[0], &f));
	assert_int_equal(fix.vm.stats.spurious, 2);
	f.access = ACCESS_READ;
	assert_result(OK, fault_serve(&fix.vcpus[0], &f));
	assert_int_equal(fix.vm.stats.spurious, 3);
}

static void a_narrowed_permission_is_gone(void **state)
{
	(void)state;
	fix_anon(0, 512, RWX, false);
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_write(3, 1));
	assert_result(OK, space_protect(&fix.vm.space, fix_range(0, 512), ACCESS_READ, NOTICE_TRY));
	assert_false(fix_mapped(3));
	assert_result(OK, fix_read(3, NULL));
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_EXEC), 0);
	assert_result(NO_PERMISSION, fix_write(3, 2));
	assert_result(NO_PERMISSION, fix_exec(3));
}

/* ---- S6 ------------------------------------------------------------------------------------- */

static uint64_t free_then; /* 0: it is no reader, and its own polls would free */

/* Looks only: a check that failed here would leave with the consumer's lock held. */
static void look_at_what_is_free(void)
{
	unsigned other = mm_cpu();

	for (unsigned i = 0; i < 10; i++)
		grace_poll();
	env_cpu((other + FIX_CPUS - 1) % FIX_CPUS);
	free_then = grace_inside() ? block_free_frames() : 0;
	env_cpu(other);
}

static void tables_are_freed_after_the_flush(void **state)
{
	(void)state;
	fix_anon(0, 512, RWX, false);
	uint32_t s = fix_slot(0, 512, 1, 0); /* out of step: small leaves */
	assert_result(OK, fix_write(3, 1));
	assert_int_equal(fix.vm.s2.tables, 3);
	grace_drain();
	uint64_t before = block_free_frames() - 1; /* the new table of memslots */
	/* Another CPU may poll as it likes between the removal and the end of the flush. */
	fix_at("s2_removed", look_at_what_is_free, 1);
	assert_result(OK, slot_delete(&fix.vm, s));
	assert_int_equal(fix_hook.times, 0);
	assert_int_equal(free_then, before);
	assert_int_equal(fix.vm.s2.tables, 2); /* the range was 2 MiB: only the lowest lies in it */
}

static void tables_are_freed_when_no_walker_is_in_them(void **state)
{
	(void)state;
	struct s2_step steps[S2_MAX_LEVELS];
	fix_anon(0, 512, RWX, false);
	uint32_t s = fix_slot(0, 512, 1, 0);
	assert_result(OK, fix_write(3, 1));
	grace_drain();
	uint64_t before = block_free_frames();
	env_cpu(1);
	grace_enter();
	assert_int_equal(s2_walk(&fix.vm.s2, gfn(3), steps), 4);
	assert_int_equal(steps[2].entry.kind, S2_TABLE);
	const uint64_t *table = mm_linear(steps[2].entry.pfn);
	env_cpu(0);
	assert_result(OK, slot_delete(&fix.vm, s));
	for (unsigned i = 0; i < 10; i++)
		grace_poll();
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(table[i], 0); /* empty, and not poisoned */
	assert_true(block_free_frames() < before);
	env_cpu(1);
	grace_leave();
	env_cpu(0);
	grace_drain();
	assert_int_equal(block_free_frames(), before + 1);
}

/* The processor's own walker may have cached the way to a table in which nothing is left. */
static void an_empty_table_is_flushed_too(void **state)
{
	(void)state;
	fix_anon(0, 512, RWX, false);
	(void)fix_slot(0, 512, 1, 0);
	assert_result(OK, fix_write(3, 1));
	assert_result(OK, drop(4, 1));
	assert_int_equal(fix.vm.s2.leaves[0], 0);
	uint64_t flushes = fix.vm.s2.flushes, tables = fix.vm.s2.tables;
	assert_result(OK, drop(200, 1)); /* nothing goes: no flush */
	assert_int_equal(fix.vm.s2.flushes, flushes);
	assert_result(OK, space_drop(&fix.vm.space, fix_range(0, 1024), NOTICE_TRY));
	assert_int_equal(fix.vm.s2.tables, tables - 1);
	assert_int_equal(fix.vm.s2.flushes, flushes + 1);
}

/* ---- S1: other geometries ------------------------------------------------------------------- */

static const struct {
	struct s2_geometry tree;
	bool large; /* 512 pages in step fit one leaf, of this level */
	unsigned level;
} trees[] = {
	/* three levels, 39 bits */
	{ { 3, { 0, 9, 18 }, { 9, 9, 9 }, 7, 0, true, true, 0 }, true, 1 },
	/* five levels */
	{ { 5, { 0, 9, 18, 27, 36 }, { 9, 9, 9, 9, 9 }, 7, 0, true, true, 0 }, true, 1 },
	/* a concatenated root of sixteen pages, as arm64 and ppc64 have; ppc64: and 64 KiB */
	{ { 4, { 0, 9, 18, 27, 4 }, { 9, 9, 9, 13, 5 }, 0x17, 4, true, true, 4 }, true, 1 },
	{ { 3, { 0, 9, 18 }, { 9, 9, 13 }, 7, 4, false, false, 0 }, true, 1 },
	/* small tables, and a large leaf that is not 2 MiB */
	{ { 4, { 0, 5, 9, 16, 2 }, { 5, 4, 7, 11, 3 }, 0x13, 2, true, true, 4 }, true, 1 },
	/* leaves at every second level */
	{ { 4, { 0, 4, 9, 18 }, { 4, 5, 9, 9 }, 5, 0, true, true, 0 }, true, 2 },
	/* no large leaves; no bits set by the processor (S10) */
	{ { 4, { 0, 9, 18, 27 }, { 9, 9, 9, 9 }, 1, 0, false, false, 0 }, false, 0 },
	/* young by the processor, dirty by software, and the other way round */
	{ { 4, { 0, 9, 18, 27 }, { 9, 9, 9, 9 }, 7, 0, true, false, 0 }, true, 1 },
	{ { 4, { 0, 9, 18, 27 }, { 9, 9, 9, 9 }, 7, 0, false, true, 0 }, true, 1 },
};

static void one_tree(const struct s2_geometry *g, bool large, unsigned level)
{
	uint64_t value = 0, top = g->shift[g->levels - 1] + g->bits[g->levels - 1];
	uint64_t high = (UINT64_C(1) << top) - 1024; /* the last pages that there are */

	fix_begin(&(struct fix_options){ .tree = g });
	fix_anon(0, 1024, RWX, false);
	uint32_t slot = fix_slot(512, 512, 512, 0), ends = fix_slot(high, 1024, 0, SLOT_READONLY);
	assert_result(OK, fix_write(517, 1));
	assert_result(OK, fix_write(1000, 2));
	assert_int_equal(fix_level(517), large ? level : 0);
	assert_result(OK, fix_read(high + 1023, &value));
	assert_result(OK, fix_read(high + 517, &value));
	assert_int_equal(value, 1);
	assert_result(READONLY_MEMSLOT, fix_write(high, 1));
	fix_check_tree();
	/* A page of the middle goes, and comes back; the tables stand already. */
	assert_result(OK, drop(517, 1));
	assert_false(fix_mapped(517));
	assert_false(fix_mapped(high + 517));
	assert_true(fix_mapped(high + 1023) == !large || g->shift[level] < 9);
	assert_result(OK, fix_read(1000, &value));
	assert_int_equal(value, 2);
	assert_result(OK, fix_exec(517));
	assert_result(OK, fix_write(517, 3));
	assert_result(OK, fix_read(high + 517, &value));
	assert_int_equal(value, 3);
	assert_result(OK, slot_move(&fix.vm, slot, gfn(0)));
	assert_result(OK, fix_read(5, &value));
	assert_int_equal(value, 3);
	assert_result(OK, slot_delete(&fix.vm, ends));
	fix_check_tree();
	fix_end();
}

static void every_geometry_works_alike(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		one_tree(&trees[i].tree, trees[i].large, trees[i].level);
}

/* With leaves at levels 0 and 2, what joins smaller leaves may not stand at level 1. */
static void leaves_join_only_at_levels_that_have_leaves(void **state)
{
	(void)state;
	const unsigned every_second = 5; /* of the trees */
	fix_begin(&(struct fix_options){ .tree = &trees[every_second].tree });
	fix_anon(0, 512, RWX, false);
	uint32_t page = fix_slot(7, 1, 7, 0);
	assert_result(OK, fix_write(7, 77));
	assert_result(OK, slot_delete(&fix.vm, page));
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_read(100, NULL));
	assert_int_equal(fix_level(100), 0);
	fix_end();
}

/* ---- S10: software notes the use ------------------------------------------------------------ */

static const struct s2_geometry no_bits = {
	.levels = 4, .shift = { 0, 9, 18, 27 }, .bits = { 9, 9, 9, 9 }, .leaf_levels = 7
};

static void software_sees_the_first_read_and_the_first_write(void **state)
{
	(void)state;
	fix_begin(&(struct fix_options){ .tree = &no_bits });
	fix_anon(0, 512, RWX, false);
	(void)fix_slot(0, 512, 0, 0);
	assert_result(OK, fix_read(3, NULL));
	struct frame *f = frame_head(frame_of(fix_leaf(3, NULL).pfn));
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_YOUNG | S2_DIRTY | S2_WRITE), S2_YOUNG);
	assert_int_equal(f->marks, FRAME_YOUNG);
	assert_result(OK, fix_write(3, 1));
	assert_int_equal(fix.vm.stats.widened, 1);
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_YOUNG | S2_DIRTY | S2_WRITE),
			 S2_YOUNG | S2_DIRTY | S2_WRITE);
	assert_int_equal(f->marks, FRAME_YOUNG | FRAME_DIRTY);
	/* An access that needs more keeps the write that software has granted. */
	assert_result(OK, space_protect(&fix.vm.space, fix_range(0, 512), RW, NOTICE_TRY));
	assert_result(OK, space_protect(&fix.vm.space, fix_range(0, 512), RWX, NOTICE_TRY));
	assert_result(OK, fix_write(3, 2));
	assert_result(OK, fix_exec(3));
	assert_int_equal(fix_leaf(3, NULL).attrs & (S2_WRITE | S2_EXEC), S2_WRITE | S2_EXEC);
	fix_end();
}

/* A leaf whose young bit an aging walker cleared is made usable again, and no more than that. */
static void software_sees_a_read_after_young_was_cleared(void **state)
{
	(void)state;
	struct s2_step steps[S2_MAX_LEVELS];
	fix_begin(&(struct fix_options){ .tree = &no_bits });
	fix_anon(0, 8, RW, false);
	(void)fix_slot(0, 8, 0, 0);
	assert_result(OK, fix_write(3, 1));
	struct s2_entry e = fix_leaf(3, NULL);
	unsigned count = s2_walk(&fix.vm.s2, gfn(3), steps);
	uint64_t *table = mm_linear(steps[count - 2].entry.pfn);
	spin_lock(&fix.vm.s2.consumer.lock);
	(void)arch_s2_swap(&table[3], 0, arch_s2_leaf(0, e.pfn, e.attrs & ~S2_YOUNG));
	(void)arch_s2_flush(&fix.vm.s2.arch, (struct gfn_range){ gfn(3), gfn(4) });
	spin_unlock(&fix.vm.s2.consumer.lock);
	(void)frame_test_and_clear(frame_of(e.pfn), FRAME_YOUNG);

	assert_result(OK, fix_read(3, NULL));
	assert_int_equal(fix_leaf(3, NULL).attrs & ~S2_MAY_WRITE, e.attrs);
	assert_int_equal(frame_of(e.pfn)->marks & FRAME_YOUNG, FRAME_YOUNG);
	fix_end();
}

/* ---- What fails ----------------------------------------------------------------------------- */

static void an_address_that_the_tree_has_not_is_not_folded(void **state)
{
	(void)state;
	unsigned level;
	struct s2_step steps[S2_MAX_LEVELS];
	fix_anon(0, 8, RW, false);
	(void)fix_slot(0, 8, 0, 0);
	assert_result(OK, fix_write(3, 1));
	gfn_t beyond = gfn((UINT64_C(1) << 36) + 3);
	assert_int_equal(s2_lookup(&fix.vm.s2, beyond, &level).kind, S2_NONE);
	assert_int_equal(s2_walk(&fix.vm.s2, beyond, steps), 1);
	assert_result(NO_MEMSLOT, fix_fault(&fix.vcpus[0], beyond.v, ACCESS_READ));
}

static void a_tree_that_cannot_be_made_leaves_nothing(void **state)
{
	(void)state;
	struct s2 other;
	struct notice n;
	pfn_t hog[4096];
	unsigned hogs = 0;

	memset(&other, 0, sizeof(other));
	uint64_t before = block_free_frames();
	assert_result(OK, notice_begin(&n, &fix.vm.space.notifier, fix_range(0, 1), NOTICE_TRY));
	assert_result(BUSY, s2_create(&other, &fix.vm));
	notice_end(&n);
	assert_int_equal(block_free_frames(), before);
	while (block_alloc(FRAME_UNCOUNTED, 0, bob, &hog[hogs]) == OK)
		hogs++;
	assert_result(OUT_OF_MEMORY, s2_create(&other, &fix.vm));
	while (hogs > 0)
		assert_result(OK, block_free(hog[--hogs], 0, bob));
}

static void a_tree_is_not_unmade_under_a_notice(void **state)
{
	(void)state;
	struct notice n;
	fix_anon(0, 8, RW, false);
	(void)fix_slot(0, 8, 0, 0);
	assert_result(OK, fix_write(3, 1));
	assert_result(OK, notice_begin(&n, &fix.vm.space.notifier, fix_range(100, 1), NOTICE_TRY));
	assert_result(BUSY, s2_destroy(&fix.vm.s2));
	notice_end(&n);
	assert_false(fix_mapped(3)); /* and it works on, until it is called again (fix_end) */
	assert_result(OK, fix_read(3, NULL));
}

static void the_cache_is_filled_as_far_as_memory_goes(void **state)
{
	(void)state;
	pfn_t hog[4096];
	unsigned hogs = 0;
	struct s2_cache cache = { 0 };
	uint64_t before = block_free_frames();

	while (block_alloc(FRAME_UNCOUNTED, 0, bob, &hog[hogs]) == OK)
		hogs++;
	assert_result(OK, block_free(hog[--hogs], 0, bob));
	assert_result(OK, block_free(hog[--hogs], 0, bob));
	assert_result(OUT_OF_MEMORY, s2_cache_fill(&cache));
	assert_int_equal(cache.count, 2);
	assert_result(OK, block_free(hog[--hogs], 0, bob));
	assert_result(OK, s2_cache_fill(&cache));
	assert_int_equal(cache.count, 3);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 512; j++)
			assert_int_equal(((uint64_t *)mm_linear(cache.pages[i]))[j], 0);
	s2_cache_empty(&cache);
	while (hogs > 0)
		assert_result(OK, block_free(hog[--hogs], 0, bob));
	assert_int_equal(block_free_frames(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_WITH(name, options) \
	cmocka_unit_test_prestate_setup_teardown(name, begin, end, (void *)&(options))

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_leaf_is_as_large_as_host_and_memslot_allow),
		TEST(the_start_of_the_memslot_bounds_a_leaf),
		TEST(gfn_and_pfn_must_be_in_step),
		TEST_WITH(a_leaf_is_not_larger_than_the_host_s_span, small),
		TEST(a_device_may_have_a_leaf_of_a_gigabyte),
		TEST(a_leaf_joins_the_smaller_ones),
		TEST(a_cut_leaf_goes_whole),
		TEST_WITH(a_cut_leaf_goes_whole, broadcast),
		TEST(a_range_over_several_leaves_cuts_those_at_its_ends),
		TEST(a_counted_leaf_folds_young_and_dirty),
		TEST(uncounted_and_device_memory_is_never_marked),
		TEST(device_memory_is_neither_cacheable_nor_executable),
		TEST(what_two_cpus_fault_on_is_installed_once),
		TEST(a_write_granted_later_widens_the_leaf),
		TEST(a_write_granted_to_one_page_takes_the_large_leaf_away),
		TEST(widening_takes_nothing_away),
		TEST(marks_that_the_processor_asks_for_are_set),
		TEST(a_narrowed_permission_is_gone),
		TEST(tables_are_freed_after_the_flush),
		TEST(tables_are_freed_when_no_walker_is_in_them),
		TEST(an_empty_table_is_flushed_too),
		cmocka_unit_test(every_geometry_works_alike),
		cmocka_unit_test(leaves_join_only_at_levels_that_have_leaves),
		cmocka_unit_test(software_sees_the_first_read_and_the_first_write),
		cmocka_unit_test(software_sees_a_read_after_young_was_cleared),
		TEST(an_address_that_the_tree_has_not_is_not_folded),
		TEST(a_tree_that_cannot_be_made_leaves_nothing),
		TEST(a_tree_is_not_unmade_under_a_notice),
		TEST(the_cache_is_filled_as_far_as_memory_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
