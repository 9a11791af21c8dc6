/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of frames, one by one: rules F1 to F7, I1, I4, and every refusal of mm/frame.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/frame.h"
#include "tests/unit/broken.h"
#include "tests/unit/ram.h"

/* Frames 16..1039 are RAM, 8..15 are reserved, the rest below 1100 is a hole. */
#define FIRST 16u
#define PAGES 1024u
#define LIMIT 1100u

static int begin(void **state)
{
	(void)state;
	ram_begin(FIRST, PAGES, LIMIT);
	block_add_reserved(pfn(8), 8, OWNER_FIRMWARE);
	block_add(pfn(FIRST), PAGES);
	return 0;
}

static int end(void **state)
{
	(void)state;
	const char *wrong = block_check();
	ram_end();
	if (wrong)
		fprintf(stderr, "block_check: %s\n", wrong);
	return wrong ? -1 : 0;
}

static struct frame *have(enum frame_class class, unsigned order)
{
	pfn_t n = pfn(0);
	assert_int_equal(block_alloc(class, order, alice, &n), OK);
	return frame_of(n);
}

static void give(struct frame *f)
{
	assert_int_equal(block_free(frame_pfn(f), f->order, alice), OK);
}

static bool same(const struct frame *a, const struct frame *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void one_record_for_each_frame_of_ram_f1(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct frame), 16);
	assert_null(frame_of(pfn(0)));	       /* a hole */
	assert_null(frame_of(pfn(LIMIT - 1))); /* a hole at the end */
	assert_null(frame_of(pfn(LIMIT)));
	assert_null(frame_of(pfn(UINT64_MAX)));
	assert_int_equal(frame_class(pfn(0)), FRAME_DEVICE);
	assert_int_equal(frame_class(pfn(UINT64_C(0xfee00))), FRAME_DEVICE);
	for (uint64_t n = 8; n < FIRST + PAGES; n++) {
		struct frame *f = frame_of(pfn(n));
		assert_non_null(f);
		assert_int_equal(frame_pfn(f).v, n);
		assert_int_equal(frame_class(pfn(n)), n < 16 ? FRAME_RESERVED : FRAME_FREE);
	}
	assert_int_equal(frame_owner(frame_of(pfn(8))).v, OWNER_FIRMWARE.v);
}

static void the_class_is_what_the_allocation_set_f2(void **state)
{
	(void)state;
	struct frame *c = have(FRAME_COUNTED, 0), *u = have(FRAME_UNCOUNTED, 0);
	struct frame *t = have(FRAME_TABLE, 0);
	assert_int_equal(frame_class(frame_pfn(c)), FRAME_COUNTED);
	assert_int_equal(frame_class(frame_pfn(u)), FRAME_UNCOUNTED);
	assert_int_equal(frame_class(frame_pfn(t)), FRAME_TABLE);
	assert_int_equal(frame_owner(c).v, alice.v);
	/* Even a record whose counter looks like a counted frame's stays what it is. */
	u->refs = 1;
	assert_false(frame_try_get(u));
	assert_int_equal(frame_pin(u), CANNOT_PIN_UNCOUNTED);
	assert_int_equal(frame_refs(u), 0);
	assert_int_equal(u->refs, 1);
	u->refs = 0;
	frame_put(c);
	assert_int_equal(frame_class(frame_pfn(c)), FRAME_FREE);
	give(u);
	give(t);
}

static void every_class_has_words(void **state)
{
	(void)state;
	for (int a = FRAME_FREE; a <= FRAME_DEVICE; a++)
		for (int b = FRAME_FREE; b < a; b++)
			assert_string_not_equal(frame_class_words((enum frame_class)a),
						frame_class_words((enum frame_class)b));
	assert_string_equal(frame_class_words((enum frame_class)99), "of no known class");
}

static void every_result_has_words_p8(void **state)
{
	(void)state;
	for (int a = OK; a < RESULT_COUNT; a++) {
		assert_string_not_equal(result_words((enum result)a), "");
		for (int b = OK; b < a; b++)
			assert_string_not_equal(result_words((enum result)a),
						result_words((enum result)b));
	}
	assert_string_equal(result_words(RESULT_COUNT), "an answer without words");
	assert_string_equal(result_words((enum result) - 1), "an answer without words");
}

static void a_compound_tail_answers_for_its_head_f3(void **state)
{
	(void)state;
	struct frame *h = have(FRAME_COUNTED, 4);
	for (unsigned i = 0; i < 16; i++) {
		assert_ptr_equal(frame_head(h + i), h);
		assert_true(frame_try_get(h + i));
	}
	assert_int_equal(frame_refs(h + 5), 17);
	assert_int_equal(h->refs, 17);
	assert_int_equal(h[5].refs, 0);
	assert_int_equal(frame_pin(h + 7), OK);
	assert_int_equal(h->pins, 1);
	frame_unpin(h + 9);
	frame_mark(h + 3, FRAME_DIRTY);
	assert_int_equal(frame_test_and_clear(h + 4, FRAME_DIRTY), FRAME_DIRTY);
	frame_put_many(h + 15, 16);
	assert_int_equal(frame_class(frame_pfn(h + 15)), FRAME_COUNTED);
	frame_put(h + 1); /* the last one, at a tail: the block is freed whole */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(frame_class(frame_pfn(h + i)), FRAME_FREE);
}

static void a_non_compound_frame_stands_for_itself_f3(void **state)
{
	(void)state;
	struct frame *h = have(FRAME_UNCOUNTED, 3);
	for (unsigned i = 0; i < 8; i++) {
		assert_ptr_equal(frame_head(h + i), h + i);
		assert_int_equal(frame_class(frame_pfn(h + i)), FRAME_UNCOUNTED);
		assert_int_equal(frame_owner(h + i).v, alice.v);
	}
	give(h);
}

/* What CVE-2021-22543 did: get and put a tail of a non-compound block (M11, M13). */
static void uncounted_blocks_cannot_be_held(void **state)
{
	(void)state;
	uint64_t free = block_free_frames();
	for (unsigned order = 0; order <= 9; order++) {
		struct frame *h = have(FRAME_UNCOUNTED, order), before[512];
		memcpy(before, h, sizeof(*h) << order);
		for (unsigned i = 0; i < 1u << order; i++) {
			assert_false(frame_try_get(h + i));
			assert_int_equal(frame_pin(h + i), CANNOT_PIN_UNCOUNTED);
			EXPECT_BROKEN("is_counted", frame_get_many(h + i, 1));
			EXPECT_BROKEN("is_counted", frame_put(h + i));
		}
		assert_memory_equal(before, h, sizeof(*h) << order);
		give(h);
	}
	assert_int_equal(block_free_frames(), free);
}

static void a_reference_comes_from_a_count_above_zero_f4(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0), before;
	assert_int_equal(frame_refs(f), 1);
	assert_true(frame_try_get(f));
	assert_int_equal(frame_refs(f), 2);
	frame_get_many(f, 510);
	assert_int_equal(frame_refs(f), 512);
	frame_put_many(f, 511);
	assert_int_equal(frame_refs(f), 1);

	f->refs = 0; /* as it is between the last put and the free list */
	before = *f;
	assert_false(frame_try_get(f));
	assert_int_equal(frame_pin(f), IN_USE);
	assert_true(same(&before, f));
	f->refs = 1;
	frame_put(f);
}

static void a_free_frame_gives_no_reference_f4(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0), before;
	frame_put(f);
	for (int drained = 0; drained < 2; drained++) {
		for (uint64_t n = FIRST; n < FIRST + PAGES; n++) {
			f = frame_of(pfn(n));
			before = *f;
			assert_false(frame_try_get(f));
			assert_int_equal(frame_pin(f), CANNOT_PIN_UNCOUNTED);
			assert_int_equal(frame_refs(f), 0);
			assert_int_equal(frame_pins(f), 0);
			assert_true(same(&before, f));
		}
		block_drain(); /* once with frames in the cache, once with none */
	}
}

/* A try-get that read "counted" before the frame was freed meets a link where the count was. */
static void a_link_is_no_count_f4(void **state)
{
	(void)state;
	for (uint32_t link = 0; link < 3; link++) {
		struct frame *f = have(FRAME_COUNTED, 0);
		f->link.next = link == 0 ? FRAME_NO_LINK : FRAME_LINK | (link - 1);
		assert_false(frame_try_get(f));
		assert_int_equal(frame_pin(f), IN_USE);
		assert_int_equal(f->link.next, link == 0 ? FRAME_NO_LINK : FRAME_LINK | (link - 1));
		f->refs = 1;
		frame_put(f);
	}
}

static void a_count_never_wraps_f4(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0);
	f->refs = FRAME_REFS_LIMIT - 1;
	assert_true(frame_try_get(f));
	assert_false(frame_try_get(f));
	assert_int_equal(frame_pin(f), IN_USE);
	assert_int_equal(frame_refs(f), FRAME_REFS_LIMIT);
	assert_int_equal(frame_pins(f), 0);
	EXPECT_BROKEN("FRAME_REFS_LIMIT", frame_get_many(f, 1));
	f->refs = 2;
	EXPECT_BROKEN("FRAME_REFS_LIMIT", frame_get_many(f, FRAME_REFS_LIMIT - 1));
	f->refs = 2;
	EXPECT_BROKEN("FRAME_REFS_LIMIT", frame_get_many(f, UINT32_MAX));
	assert_int_equal(frame_refs(f), 2);
	frame_get_many(f, FRAME_REFS_LIMIT - 2);
	assert_int_equal(frame_refs(f), FRAME_REFS_LIMIT);
	f->refs = 1;
	frame_put(f);
}

static void a_put_without_a_reference_is_broken_i1(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0);
	EXPECT_BROKEN("before >= n", frame_put_many(f, 2));
	assert_false(frame_try_get(f)); /* what it left behind gives no reference to anybody */
	f->refs = 0;
	EXPECT_BROKEN("before >= n", frame_put(f));
	assert_false(frame_try_get(f));
	f->refs = 0;
	EXPECT_BROKEN("before != 0", frame_get_many(f, 1));
	f->refs = 1;
	EXPECT_BROKEN("n != 0", frame_put_many(f, 0));
	frame_put(f);
	EXPECT_BROKEN("is_counted", frame_put(f)); /* it is free now */
	EXPECT_BROKEN("FRAME_COUNTED", block_free_counted(f));
}

static void pins_are_counted_apart_f5(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0);
	assert_int_equal(frame_pin(f), OK);
	assert_int_equal(frame_pin(f), OK);
	assert_int_equal(frame_refs(f), 3);
	assert_int_equal(frame_pins(f), 2);
	frame_put(f); /* the allocation's own; the pins keep the frame */
	frame_unpin(f);
	assert_int_equal(frame_refs(f), 1);
	assert_int_equal(frame_pins(f), 1);
	assert_int_equal(frame_class(frame_pfn(f)), FRAME_COUNTED);
	frame_unpin(f);
	assert_int_equal(frame_class(frame_pfn(f)), FRAME_FREE);
}

static void only_counted_frames_are_pinned_f5_p3(void **state)
{
	(void)state;
	struct frame *t = have(FRAME_TABLE, 0), *r = frame_of(pfn(8)), before = *r;
	assert_int_equal(frame_pin(t), CANNOT_PIN_UNCOUNTED);
	assert_int_equal(frame_pin(r), CANNOT_PIN_UNCOUNTED);
	assert_false(frame_try_get(t));
	assert_false(frame_try_get(r));
	assert_true(same(&before, r));
	assert_int_equal(frame_pins(t), 0);
	give(t);
}

static void an_unpin_without_a_pin_is_broken_f5(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0);
	EXPECT_BROKEN("before != 0", frame_unpin(f));
	f->pins = 0;
	/* The last reference goes while a pin is said to remain. */
	assert_int_equal(frame_pin(f), OK);
	frame_put(f);
	EXPECT_BROKEN("head->pins", frame_put(f));
	f->refs = 1;
	frame_unpin(f);
}

static void owners_change_all_or_none_f6(void **state)
{
	(void)state;
	struct frame *h = have(FRAME_UNCOUNTED, 3);
	pfn_t n = frame_pfn(h);
	owner_t carol = owner_new();
	assert_true(carol.v >= OWNER_FIRST_DYNAMIC);
	assert_int_not_equal(owner_new().v, carol.v);

	assert_int_equal(frame_change_owner(n, 8, alice, bob), OK);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(frame_owner(h + i).v, bob.v);
	assert_int_equal(frame_change_owner(n, 8, alice, carol), NOT_OWNER);
	assert_int_equal(frame_change_owner(pfn(n.v + 5), 1, bob, carol), OK);
	/* In the middle there is one that is not bob's: nothing changes. */
	assert_int_equal(frame_change_owner(n, 8, bob, alice), NOT_OWNER);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(frame_owner(h + i).v, i == 5 ? carol.v : bob.v);
	assert_int_equal(frame_change_owner(n, 0, alice, bob), OK); /* of nothing */
	assert_int_equal(frame_change_owner(pfn(n.v + 5), 1, carol, bob), OK);
	assert_int_equal(frame_change_owner(n, 8, bob, alice), OK);
	give(h);
}

static void owners_cannot_be_named_wrongly_f6(void **state)
{
	(void)state;
	struct frame *h = have(FRAME_UNCOUNTED, 3);
	pfn_t n = frame_pfn(h);
	assert_int_equal(frame_change_owner(n, 8, OWNER_NONE, bob), BAD_ARGUMENT);
	assert_int_equal(frame_change_owner(n, 8, alice, OWNER_NONE), BAD_ARGUMENT);
	assert_int_equal(frame_change_owner(n, 8, OWNER_MOVING, bob), BAD_ARGUMENT);
	assert_int_equal(frame_change_owner(n, 8, alice, OWNER_MOVING), BAD_ARGUMENT);
	/* Frames that nobody has, numbers without a record, and ranges that leave the table. */
	assert_int_equal(frame_change_owner(pfn(FIRST + PAGES - 1), 1, alice, bob), NOT_OWNER);
	assert_int_equal(frame_change_owner(pfn(0), 1, alice, bob), NOT_OWNER);
	assert_int_equal(frame_change_owner(pfn(8), 9, OWNER_FIRMWARE, bob), NOT_OWNER);
	assert_int_equal(frame_change_owner(n, LIMIT, alice, bob), NOT_OWNER);
	assert_int_equal(frame_change_owner(n, UINT64_MAX, alice, bob), NOT_OWNER);
	assert_int_equal(frame_change_owner(pfn(UINT64_MAX), 2, alice, bob), NOT_OWNER);
	assert_int_equal(frame_owner(frame_of(pfn(8))).v, OWNER_FIRMWARE.v);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(frame_owner(h + i).v, alice.v);
	give(h);
	/* All that is in the table is alice's, and yet the range is not. */
	block_add_reserved(pfn(FIRST + PAGES), LIMIT - FIRST - PAGES, alice);
	assert_int_equal(frame_change_owner(pfn(LIMIT - 2), 3, alice, bob), NOT_OWNER);
	assert_int_equal(frame_change_owner(pfn(LIMIT - 2), 2, alice, bob), OK);
}

static owner_t seen_meanwhile;
static enum result freed_meanwhile;

static void look_meanwhile(const char *name, const void *object)
{
	const struct frame *f = object;
	if (strcmp(name, "frame_claim") != 0 || f[-1].owner != OWNER_MOVING.v)
		return;
	env_step = NULL;
	seen_meanwhile = frame_owner(frame_of(frame_pfn(f - 1)));
	freed_meanwhile = block_free(frame_pfn(f - 1), 0, OWNER_MOVING);
}

/* While a change of owner is tried nobody but the one who tries it can take the frames. */
static void a_frame_on_the_move_is_nobodys_f6(void **state)
{
	(void)state;
	struct frame *a = have(FRAME_UNCOUNTED, 0), *b = have(FRAME_UNCOUNTED, 0);
	struct frame *low = a < b ? a : b, *high = a < b ? b : a;
	assert_ptr_equal(low + 1, high);
	assert_int_equal(frame_change_owner(frame_pfn(high), 1, alice, bob), OK);
	env_step = look_meanwhile;
	assert_int_equal(frame_change_owner(frame_pfn(low), 2, alice, bob), NOT_OWNER);
	assert_null(env_step);
	assert_int_equal(seen_meanwhile.v, OWNER_MOVING.v);
	assert_int_equal(freed_meanwhile, NOT_OWNER);
	assert_int_equal(frame_owner(low).v, alice.v);
	assert_int_equal(block_free(frame_pfn(high), 0, bob), OK);
	give(low);
}

/* A free frame far inside a free block, whose head alone has been looked at. */
#define UNREADY 800u

/* Another CPU is first to bring the chunk up, and has written to a record by now. */
static void raise_meanwhile(const char *name, const void *object)
{
	(void)object;
	if (strcmp(name, "frame_bring_up") != 0)
		return;
	env_step = NULL;
	frame_bring_up(pfn(UNREADY));
	frame_table[UNREADY].order = 3;
}

/* Of two CPUs that find a chunk without records one writes them: the other would undo its work. */
static void records_are_brought_up_once_f1(void **state)
{
	(void)state;
	assert_false(frame_is_ready(pfn(UNREADY)));
	env_step = raise_meanwhile;
	assert_ptr_equal(frame_of(pfn(UNREADY)), &frame_table[UNREADY]);
	assert_null(env_step);
	assert_true(frame_is_ready(pfn(UNREADY)));
	assert_int_equal(frame_table[UNREADY].order, 3);
	frame_table[UNREADY].order = 0;
}

static void young_and_dirty_live_in_the_record_f7(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0);
	assert_int_equal(frame_test_and_clear(f, FRAME_YOUNG | FRAME_DIRTY), 0);
	frame_mark(f, FRAME_YOUNG);
	frame_mark(f, FRAME_DIRTY);
	frame_mark(f, FRAME_DIRTY);
	assert_int_equal(frame_test_and_clear(f, FRAME_YOUNG), FRAME_YOUNG);
	assert_int_equal(frame_test_and_clear(f, FRAME_YOUNG), 0);
	assert_int_equal(frame_test_and_clear(f, FRAME_YOUNG | FRAME_DIRTY), FRAME_DIRTY);
	/* The next who gets the frame finds no marks of the last. */
	frame_mark(f, FRAME_DIRTY);
	frame_put(f);
	struct frame *g = have(FRAME_COUNTED, 0);
	assert_ptr_equal(f, g);
	assert_int_equal(frame_test_and_clear(g, FRAME_DIRTY), 0);
	frame_put(g);
}

static void marks_need_a_held_counted_frame_i4(void **state)
{
	(void)state;
	struct frame *f = have(FRAME_COUNTED, 0), *u = have(FRAME_UNCOUNTED, 2);
	struct frame *t = have(FRAME_TABLE, 0);
	EXPECT_BROKEN("frame_refs", frame_mark(u + 1, FRAME_DIRTY));
	EXPECT_BROKEN("frame_refs", frame_mark(t, FRAME_YOUNG));
	EXPECT_BROKEN("frame_refs", frame_mark(frame_of(pfn(8)), FRAME_YOUNG));
	EXPECT_BROKEN("frame_refs", (void)frame_test_and_clear(u, FRAME_DIRTY));
	EXPECT_BROKEN("marks", frame_mark(f, 0x80));
	EXPECT_BROKEN("marks", (void)frame_test_and_clear(f, 0x80));
	assert_int_equal(u[1].marks | t->marks | f->marks, 0);
	f->refs = 0;
	EXPECT_BROKEN("frame_refs", frame_mark(f, FRAME_DIRTY));
	f->refs = 1;
	frame_put(f);
	EXPECT_BROKEN("frame_refs", frame_mark(f, FRAME_DIRTY));
	give(u);
	give(t);
}

/* frame_check names what is wrong with each kind of damaged record. */
static void damaged_records_are_named(void **state)
{
	(void)state;
	struct frame *c = have(FRAME_COUNTED, 1), *u = have(FRAME_UNCOUNTED, 0), good;
	struct frame *t = have(FRAME_TABLE, 0);
	assert_null(frame_check(c));
	assert_null(frame_check(c + 1));
	assert_null(frame_check(u));
	assert_null(frame_check(t));
	assert_null(frame_check(frame_of(pfn(8))));
	assert_string_equal(frame_check(frame_of(pfn(FIRST + PAGES - 1))), "not a frame in use");

#define DAMAGE(f, change, words)                            \
	do {                                                \
		good = *(f);                                \
		change;                                     \
		assert_non_null(frame_check(f));            \
		assert_string_equal(frame_check(f), words); \
		memcpy(f, &good, sizeof(good));             \
	} while (0)
	DAMAGE(u, u->class = FRAME_DEVICE, "not a frame in use");
	DAMAGE(u, u->owner = 0, "a frame in use without an owner");
	DAMAGE(u, u->tail = FRAME_LISTED, "a frame in use that is on a free list");
	DAMAGE(u, u->tail = FRAME_TAIL, "a compound tail that is not counted");
	DAMAGE(u, u->marks = FRAME_DIRTY, "a mark on a frame that is not counted");
	DAMAGE(u, u->refs = 1, "a count in a frame that is not counted");
	DAMAGE(u, u->pins = 1, "a count in a frame that is not counted");
	DAMAGE(c, c->refs = 0, "a counted frame without a reference");
	DAMAGE(c, c->refs = FRAME_REFS_LIMIT + 1, "a counted frame without a reference");
	DAMAGE(c, c->pins = 2, "more pins than references");
	DAMAGE(c + 1, c[1].refs = 1, "a tail that counts or is marked");
	DAMAGE(c + 1, c[1].marks = 1, "a tail that counts or is marked");
	DAMAGE(c + 1, c[1].order = 0, "a counted frame whose head is not the head of its block");
	good = *c;
	c->class = FRAME_UNCOUNTED;
	assert_string_equal(frame_check(c + 1), "a counted frame whose head is not counted");
	memcpy(c, &good, sizeof(good));
	frame_put(c);
	give(u);
	give(t);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(one_record_for_each_frame_of_ram_f1),
		TEST(the_class_is_what_the_allocation_set_f2),
		TEST(every_class_has_words),
		TEST(every_result_has_words_p8),
		TEST(a_compound_tail_answers_for_its_head_f3),
		TEST(a_non_compound_frame_stands_for_itself_f3),
		TEST(uncounted_blocks_cannot_be_held),
		TEST(a_reference_comes_from_a_count_above_zero_f4),
		TEST(a_free_frame_gives_no_reference_f4),
		TEST(a_link_is_no_count_f4),
		TEST(a_count_never_wraps_f4),
		TEST(a_put_without_a_reference_is_broken_i1),
		TEST(pins_are_counted_apart_f5),
		TEST(only_counted_frames_are_pinned_f5_p3),
		TEST(an_unpin_without_a_pin_is_broken_f5),
		TEST(owners_change_all_or_none_f6),
		TEST(owners_cannot_be_named_wrongly_f6),
		TEST(a_frame_on_the_move_is_nobodys_f6),
		TEST(records_are_brought_up_once_f1),
		TEST(young_and_dirty_live_in_the_record_f7),
		TEST(marks_need_a_held_counted_frame_i4),
		TEST(damaged_records_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
