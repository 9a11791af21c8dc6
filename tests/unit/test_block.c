/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator: rules F3, F8, I5, poison, the CPUs' caches, and every refusal of mm/block.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/block.h"
#include "mm/grace.h"
#include "mm/poison.h"
#include "tests/unit/broken.h"
#include "tests/unit/ram.h"

/* 8 MiB at a multiple of 4 MiB, so that the two biggest blocks are of order 10. */
#define FIRST 1024u
#define PAGES 2048u
#define LIMIT 4096u
#define BIGGEST 10u

static int begin(void **state)
{
	(void)state;
	ram_begin(FIRST, PAGES, LIMIT);
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

/* After tests that leave a frame half handed out. */
static int end_ruined(void **state)
{
	(void)state;
	ram_end();
	return 0;
}

static pfn_t have(enum frame_class class, unsigned order)
{
	pfn_t n = pfn(0);
	assert_int_equal(block_alloc(class, order, alice, &n), OK);
	assert_int_equal(n.v & ((UINT64_C(1) << order) - 1), 0);
	assert_in_range(n.v, FIRST, FIRST + PAGES - 1);
	return n;
}

static void give(pfn_t n)
{
	struct frame *f = frame_of(n);
	if (f->class == FRAME_COUNTED)
		frame_put(f);
	else
		assert_int_equal(block_free(n, f->order, alice), OK);
}

/* All of RAM is free, and in one piece again. */
static void assert_whole(void)
{
	pfn_t a, b, none;
	block_drain();
	assert_null(block_check());
	assert_int_equal(block_free_frames(), PAGES);
	a = have(FRAME_UNCOUNTED, BIGGEST);
	b = have(FRAME_UNCOUNTED, BIGGEST);
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, alice, &none), OUT_OF_MEMORY);
	give(a);
	give(b);
}

/* ---- Start-up ------------------------------------------------------------------------------ */

static void records_begin_as_device_f1(void **state)
{
	(void)state;
	ram_end();
	ram_begin(FIRST, PAGES, LIMIT);
	uint64_t chunks = (LIMIT + FRAME_CHUNK - 1) / FRAME_CHUNK;
	assert_int_equal(block_table_bytes(LIMIT), LIMIT * 16 + chunks);
	assert_int_equal(block_table_bytes(UINT64_MAX), block_table_bytes(FRAME_LIMIT_MAX));
	for (uint64_t n = 0; n < LIMIT; n++)
		assert_int_equal(frame_class(pfn(n)), FRAME_DEVICE);
	assert_int_equal(block_total_frames(), 0);
	pfn_t n;
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, alice, &n), OUT_OF_MEMORY);
	assert_int_equal(block_alloc(FRAME_COUNTED, 3, alice, &n), OUT_OF_MEMORY);
	assert_null(block_check());
}

/* Chunks 4..12 of 16, and what lies at their edges. */
#define CHUNKS_LIMIT (16 * FRAME_CHUNK)

static unsigned chunks_ready(void)
{
	unsigned ready = 0;
	for (uint64_t n = 0; n < CHUNKS_LIMIT; n += FRAME_CHUNK)
		ready += frame_is_ready(pfn(n));
	return ready;
}

/* Memory that nobody has asked for yet has no records, and says what it is all the same. */
static void records_come_up_as_they_are_needed_f1_f2(void **state)
{
	(void)state;
	ram_end();
	ram_begin(0, 16, CHUNKS_LIMIT);
	block_add_reserved(pfn(0), 2 * FRAME_CHUNK, OWNER_FIRMWARE);
	block_add_reserved(pfn(2 * FRAME_CHUNK), 2 * FRAME_CHUNK, OWNER_HYPERVISOR);
	assert_int_equal(chunks_ready(), 0);
	block_add(pfn(4 * FRAME_CHUNK), 8 * FRAME_CHUNK + 1);
	/* The head of a block of four chunks, twice, and the odd page with its own. */
	assert_int_equal(chunks_ready(), 3);
	assert_int_equal(block_total_frames(), 8 * FRAME_CHUNK + 1);
	for (uint64_t n = 0; n < CHUNKS_LIMIT; n++)
		assert_int_equal(frame_class(pfn(n)), n < 4 * FRAME_CHUNK     ? FRAME_RESERVED
						      : n <= 12 * FRAME_CHUNK ? FRAME_FREE
									      : FRAME_DEVICE);
	assert_null(block_check());
	assert_int_equal(chunks_ready(), 3); /* looking at classes brings nothing up */

	/* Looking at a record does. */
	assert_int_equal(frame_owner(frame_of(pfn(7))).v, OWNER_FIRMWARE.v);
	assert_int_equal(frame_owner(frame_of(pfn(2 * FRAME_CHUNK))).v, OWNER_HYPERVISOR.v);
	assert_int_equal(frame_class(pfn(7)), FRAME_RESERVED);
	struct frame *inside = frame_of(pfn(6 * FRAME_CHUNK + 3));
	assert_int_equal(frame_owner(inside).v, OWNER_NONE.v);
	assert_int_equal(inside->tail, FRAME_PART);
	assert_null(frame_of(pfn(14 * FRAME_CHUNK)));
	assert_int_equal(chunks_ready(), 6);
	/* Nobody has it, whoever asks. */
	assert_int_equal(frame_change_owner(pfn(5 * FRAME_CHUNK), FRAME_CHUNK, alice, bob),
			 NOT_OWNER);
	assert_int_equal(frame_change_owner(pfn(13 * FRAME_CHUNK), 1, alice, bob), NOT_OWNER);
	assert_int_equal(block_free(pfn(9 * FRAME_CHUNK), 8, alice), NOT_FREED);
	assert_null(block_check());
	ram_end();
	ram_begin(FIRST, PAGES, LIMIT);
	block_add(pfn(FIRST), PAGES);
}

/* Splitting and merging go through chunks that are up and such that are not. */
static void blocks_of_chunks_split_and_merge_i5(void **state)
{
	(void)state;
	static const unsigned orders[] = { 8, 3, 9, 8, 0, 10, 5 };
	pfn_t have[7];
	ram_end();
	ram_begin(0, CHUNKS_LIMIT, CHUNKS_LIMIT);
	block_add_reserved(pfn(0), 3 * FRAME_CHUNK, OWNER_FIRMWARE);
	block_add_reserved(pfn(CHUNKS_LIMIT - 7), 7, OWNER_FIRMWARE);
	block_add(pfn(0), CHUNKS_LIMIT);
	uint64_t free = block_free_frames();
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 7; i++) {
			enum frame_class class = i & 1 ? FRAME_COUNTED : FRAME_UNCOUNTED;
			assert_int_equal(block_alloc(class, orders[i], alice, &have[i]), OK);
			assert_null(block_check());
			for (uint64_t k = 0; k < UINT64_C(1) << orders[i]; k++)
				assert_int_equal(frame_class(pfn(have[i].v + k)), class);
		}
		for (unsigned i = 0; i < 7; i++) {
			give(have[(i * 3 + round) % 7]);
			assert_null(block_check());
		}
	}
	block_drain();
	assert_int_equal(block_free_frames(), free);
	/* Merged again. */
	assert_int_equal(block_alloc(FRAME_COUNTED, 10, alice, &have[0]), OK);
	assert_int_equal(block_alloc(FRAME_COUNTED, 10, alice, &have[1]), OK);
	give(have[0]);
	give(have[1]);
	ram_end();
	ram_begin(FIRST, PAGES, LIMIT);
	block_add(pfn(FIRST), PAGES);
}

static void overlapping_memory_maps_do_no_harm_f1(void **state)
{
	(void)state;
	ram_end();
	ram_begin(FIRST, PAGES, LIMIT);
	block_add_reserved(pfn(FIRST + 5), 3, OWNER_FIRMWARE);
	block_add(pfn(FIRST), 16);
	block_add(pfn(FIRST + 8), 16);
	block_add(pfn(FIRST + 2), 4);
	block_add_reserved(pfn(FIRST), 32,
			   OWNER_HYPERVISOR); /* too late for what is free already */
	assert_int_equal(block_total_frames(), 24 - 3);
	assert_int_equal(block_free_frames(), 24 - 3);
	assert_int_equal(frame_owner(frame_of(pfn(FIRST + 6))).v, OWNER_FIRMWARE.v);
	assert_int_equal(frame_owner(frame_of(pfn(FIRST + 30))).v, OWNER_HYPERVISOR.v);
	assert_int_equal(frame_class(pfn(FIRST + 32)), FRAME_DEVICE);
	/* Ranges that leave the table, or lie outside of it. */
	block_add(pfn(LIMIT - 1), UINT64_MAX);
	block_add_reserved(pfn(LIMIT - 2), UINT64_MAX, OWNER_FIRMWARE);
	block_add(pfn(LIMIT), 1);
	block_add(pfn(UINT64_MAX), 2);
	assert_int_equal(block_total_frames(), 24 - 3 + 1);
	assert_int_equal(frame_class(pfn(LIMIT - 2)), FRAME_RESERVED);
	assert_null(block_check());
}

/* No block crosses a reserved frame, wherever the ranges start and end. */
static void odd_ranges_become_aligned_blocks(void **state)
{
	(void)state;
	ram_end();
	ram_begin(FIRST, PAGES, LIMIT);
	block_add_reserved(pfn(FIRST + 511), 1, OWNER_FIRMWARE);
	block_add(pfn(FIRST + 3), 1000);
	assert_int_equal(block_free_frames(), 999);
	assert_null(block_check());
	pfn_t n;
	assert_int_equal(block_alloc(FRAME_UNCOUNTED, 9, alice, &n), OUT_OF_MEMORY);
	n = have(FRAME_UNCOUNTED, 8);
	for (uint64_t i = 0; i < 256; i++)
		assert_int_not_equal(n.v + i, FIRST + 511);
	give(n);
	block_add(pfn(FIRST + 1003), 21); /* adjacent ranges grow together */
	n = have(FRAME_UNCOUNTED, 9);
	assert_int_equal(n.v, FIRST + 512);
	give(n);
}

/* ---- Handing out and taking back ----------------------------------------------------------- */

static void blocks_of_every_class_and_order_f2_f3(void **state)
{
	(void)state;
	const enum frame_class classes[] = { FRAME_COUNTED, FRAME_UNCOUNTED, FRAME_TABLE };
	for (unsigned c = 0; c < 3; c++) {
		for (unsigned order = 0; order <= BIGGEST; order++) {
			pfn_t n = have(classes[c], order);
			struct frame *h = frame_of(n);
			assert_int_equal(h->refs, classes[c] == FRAME_COUNTED);
			for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
				assert_int_equal(frame_class(pfn(n.v + i)), classes[c]);
				assert_int_equal(frame_owner(h + i).v, alice.v);
				assert_ptr_equal(frame_head(h + i),
						 classes[c] == FRAME_COUNTED ? h : h + i);
				assert_null(frame_check(h + i));
			}
			assert_null(block_check());
			give(n);
			for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
				assert_int_equal(frame_class(pfn(n.v + i)), FRAME_FREE);
				assert_int_equal(frame_owner(h + i).v, OWNER_NONE.v);
			}
		}
	}
	assert_whole();
}

static void every_frame_is_handed_out_once_i5(void **state)
{
	(void)state;
	static bool seen[LIMIT];
	memset(seen, 0, sizeof(seen));
	pfn_t n;
	for (unsigned i = 0; i < PAGES; i++) {
		n = have(FRAME_COUNTED, 0);
		assert_false(seen[n.v]);
		seen[n.v] = true;
		assert_int_equal(block_free_frames(), PAGES - 1 - i);
	}
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, alice, &n), OUT_OF_MEMORY);
	assert_null(block_check());
	for (uint64_t i = 0; i < PAGES; i++) /* an order in which nothing merges until the end */
		give(pfn(FIRST + (i * 2) % PAGES + (i * 2 >= PAGES)));
	assert_whole();
}

static void what_cannot_be_had_is_refused(void **state)
{
	(void)state;
	pfn_t n = pfn(7);
	assert_int_equal(block_alloc(FRAME_FREE, 0, alice, &n), BAD_ARGUMENT);
	assert_int_equal(block_alloc(FRAME_RESERVED, 0, alice, &n), BAD_ARGUMENT);
	assert_int_equal(block_alloc(FRAME_DEVICE, 0, alice, &n), BAD_ARGUMENT);
	assert_int_equal(block_alloc(FRAME_COUNTED, BLOCK_MAX_ORDER + 1, alice, &n), BAD_ARGUMENT);
	assert_int_equal(block_alloc(FRAME_COUNTED, UINT32_MAX, alice, &n), BAD_ARGUMENT);
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, OWNER_NONE, &n), BAD_ARGUMENT);
	assert_int_equal(block_alloc(FRAME_UNCOUNTED, 1, OWNER_MOVING, &n), BAD_ARGUMENT);
	assert_int_equal(n.v, 7);
	assert_int_equal(block_alloc(FRAME_COUNTED, BIGGEST + 1, alice, &n), OUT_OF_MEMORY);
	assert_int_equal(block_alloc(FRAME_UNCOUNTED, BLOCK_MAX_ORDER, alice, &n), OUT_OF_MEMORY);
	assert_int_equal(block_free_frames(), PAGES);
	assert_whole();
}

/* Tries block_free and asserts that it was refused and changed nothing at all. */
static void refused(enum result why, pfn_t n, unsigned order, owner_t owner)
{
	static unsigned char before[LIMIT * sizeof(struct frame)];
	uint64_t free = block_free_frames();
	memcpy(before, frame_table, sizeof(before));
	assert_int_equal(block_free(n, order, owner), why);
	assert_memory_equal(before, frame_table, sizeof(before));
	assert_int_equal(block_free_frames(), free);
}

static void wrong_frees_are_refused_f3(void **state)
{
	(void)state;
	const enum frame_class classes[] = { FRAME_UNCOUNTED, FRAME_TABLE };
	for (unsigned c = 0; c < 2; c++) {
		pfn_t n = have(classes[c], 3);
		for (unsigned order = 0; order <= BLOCK_MAX_ORDER + 1; order++)
			if (order != 3)
				refused(NOT_FREED, n, order, alice); /* wrong order */
		for (uint64_t i = 1; i < 8; i++)
			for (unsigned order = 0; order <= 3; order++)
				refused(NOT_FREED, pfn(n.v + i), order, alice); /* a part */
		refused(NOT_OWNER, n, 3, bob);
		refused(NOT_OWNER, n, 3, OWNER_NONE);
		refused(NOT_OWNER, n, 3, OWNER_MOVING);
		assert_int_equal(block_free(n, 3, alice), OK);
		refused(NOT_FREED, n, 3, alice); /* twice */
		refused(NOT_FREED, n, 3, OWNER_NONE);
	}
	assert_whole();
}

static void a_double_free_of_a_frame_is_refused_f3(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_TABLE, 0);
	give(n);
	refused(NOT_FREED, n, 0, alice); /* it is in the cache */
	block_drain();
	refused(NOT_FREED, n, 0, alice); /* it is in a big block */
	assert_whole();
}

static void what_is_not_an_uncounted_block_is_not_freed_f3(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_COUNTED, 2);
	refused(NOT_FREED, n, 2, alice);
	refused(NOT_FREED, pfn(n.v + 1), 0, alice);
	give(n);
	block_add_reserved(pfn(0), 8, alice);
	refused(NOT_FREED, pfn(0), 0, alice);	  /* reserved */
	refused(NOT_FREED, pfn(100), 0, alice);	  /* a hole */
	refused(NOT_FREED, pfn(LIMIT), 0, alice); /* beyond the table */
	refused(NOT_FREED, pfn(UINT64_MAX), 0, alice);
}

static void a_block_partly_anothers_is_not_freed_f3_f6(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_UNCOUNTED, 3);
	assert_int_equal(frame_change_owner(pfn(n.v + 7), 1, alice, bob), OK);
	refused(NOT_OWNER, n, 3, alice);
	refused(NOT_OWNER, n, 3, bob);
	assert_int_equal(frame_change_owner(pfn(n.v + 7), 1, bob, alice), OK);
	give(n);
}

static void a_table_that_waits_is_not_freed_f3(void **state)
{
	(void)state;
	pfn_t a = have(FRAME_TABLE, 0), b = have(FRAME_TABLE, 0);
	grace_free_table(a, alice);
	refused(NOT_FREED, a, 0, alice); /* the last of the queue */
	grace_free_table(b, alice);
	refused(NOT_FREED, a, 0, alice);
	refused(NOT_FREED, b, 0, alice);
	assert_null(block_check());
	grace_drain();
	assert_int_equal(block_free_frames(), PAGES);
}

/* ---- The CPUs' caches ---------------------------------------------------------------------- */

static void cached_frames_are_free_frames(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_COUNTED, 0);
	assert_int_equal(block_free_frames(), PAGES - 1);
	give(n);
	assert_int_equal(block_free_frames(), PAGES);
	assert_int_equal(frame_of(n)->tail, FRAME_CACHED);
	assert_int_equal(have(FRAME_COUNTED, 0).v, n.v); /* the last one freed comes first */
	give(n);
	assert_whole();
}

static void a_full_cache_gives_back(void **state)
{
	(void)state;
	static pfn_t n[PAGES];
	for (unsigned i = 0; i < PAGES; i++)
		n[i] = have(FRAME_UNCOUNTED, 0);
	for (unsigned i = 0; i < PAGES; i++) {
		give(n[i]);
		assert_null(block_check());
	}
	/* Without a drain: all but a cacheful has merged. */
	pfn_t big = have(FRAME_UNCOUNTED, BIGGEST);
	give(big);
	assert_whole();
}

static void a_big_block_drains_the_own_cache(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_COUNTED, 0);
	give(n); /* its buddies are in the cache with it */
	pfn_t a = have(FRAME_UNCOUNTED, BIGGEST), b = have(FRAME_UNCOUNTED, BIGGEST);
	give(a);
	give(b);
}

static void other_caches_give_back_when_asked(void **state)
{
	(void)state;
	pfn_t n, a = have(FRAME_UNCOUNTED, BIGGEST);
	give(have(FRAME_COUNTED, 0)); /* CPU 0 caches frames of the other big block */
	env_cpu(1);
	assert_int_equal(block_alloc(FRAME_UNCOUNTED, BIGGEST, alice, &n), OUT_OF_MEMORY);
	env_cpu(0);
	grace_poll(); /* CPU 0 hears that CPU 1 was short of memory */
	env_cpu(1);
	assert_int_equal(block_alloc(FRAME_UNCOUNTED, BIGGEST, alice, &n), OK);
	give(n);
	give(a);
	/* The same with the last single frame. */
	for (unsigned i = 0; i < PAGES - 1; i++)
		(void)have(FRAME_COUNTED, 0);
	env_cpu(2);
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, alice, &n), OUT_OF_MEMORY);
	env_cpu(1);
	block_poll();
	env_cpu(2);
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, alice, &n), OK);
	assert_int_equal(block_free_frames(), 0);
	for (uint64_t i = 0; i < PAGES; i++)
		give(pfn(FIRST + i));
	assert_whole();
}

/* ---- Poison and census --------------------------------------------------------------------- */

static void freed_frames_are_poisoned_f8(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= 9; order += 3) {
		pfn_t n = have(FRAME_UNCOUNTED, order);
		size_t bytes = PAGE_SIZE << order;
		unsigned char *p = mm_linear(n);
		memset(p, 0x11, bytes);
		give(n);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(p[i], POISON_BYTE);
	}
	/* Above order 9: the beginning of each page. */
	pfn_t n = have(FRAME_COUNTED, 10);
	memset(mm_linear(n), 0x11, PAGE_SIZE << 10);
	give(n);
	for (size_t page = 0; page < 1024; page++) {
		const unsigned char *p = mm_linear(pfn(n.v + page));
		assert_int_equal(p[0], POISON_BYTE);
		assert_int_equal(p[POISON_SHORT - 1], POISON_BYTE);
		assert_int_equal(p[POISON_SHORT], 0x11);
	}
	assert_whole();
}

static void a_write_to_a_free_frame_is_found_f8(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_COUNTED, 0), again;
	unsigned char *p = mm_linear(n);
	char words[80];
	give(n);
	snprintf(words, sizeof(words), "frame 0x%08x was written at byte 0xabd", (unsigned)n.v);
	p[0xabd] = 0;
	EXPECT_BROKEN(words, (void)!block_alloc(FRAME_COUNTED, 0, alice, &again));
	p[0xabd] = POISON_BYTE;
}

static void a_write_is_found_after_merging_and_splitting_f8(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_UNCOUNTED, 9), again;
	give(n);
	block_drain();
	unsigned char *p = mm_linear(pfn(n.v + 300));
	p[4095] = 1;
	EXPECT_BROKEN("0xfff", (void)!block_alloc(FRAME_UNCOUNTED, BIGGEST, alice, &again);
		      (void)!block_alloc(FRAME_UNCOUNTED, BIGGEST, alice, &again));
}

static void a_write_beyond_the_short_poison_is_not_looked_for_f8(void **state)
{
	(void)state;
	pfn_t n = have(FRAME_UNCOUNTED, 10), again;
	unsigned char *p = mm_linear(pfn(n.v + 1023));
	give(n);
	p[POISON_SHORT] = 1;
	give(have(FRAME_UNCOUNTED, 10));
	p[POISON_SHORT - 1] = 1;
	EXPECT_BROKEN("0x03f", (void)!block_alloc(FRAME_UNCOUNTED, 10, alice, &again));
}

static void memory_never_handed_out_is_not_looked_at_f8(void **state)
{
	(void)state;
	memset(mm_linear(pfn(FIRST)), 0x22, PAGES * PAGE_SIZE);
	give(have(FRAME_COUNTED, 0));
	give(have(FRAME_UNCOUNTED, BIGGEST));
	assert_whole();
}

static uint64_t census_first, census_count, census_calls;

static void count_census(pfn_t first, uint64_t count)
{
	pfn_t n;
	census_first = first.v;
	census_count = count;
	census_calls++;
	/* The block is nobody's, and cannot be had yet by anybody. */
	assert_int_equal(frame_class(first), FRAME_FREE);
	assert_int_equal(block_alloc(FRAME_COUNTED, 0, bob, &n), OUT_OF_MEMORY);
}

static void the_census_comes_before_the_free_list_f8(void **state)
{
	(void)state;
	pfn_t a = have(FRAME_UNCOUNTED, BIGGEST), b = have(FRAME_COUNTED, BIGGEST);
	census_calls = 0;
	block_census = count_census;
	give(a);
	assert_int_equal(census_calls, 1);
	assert_int_equal(census_first, a.v);
	assert_int_equal(census_count, UINT64_C(1) << BIGGEST);
	a = have(FRAME_TABLE, BIGGEST);
	give(b);
	assert_int_equal(census_calls, 2);
	assert_int_equal(census_first, b.v);
	block_census = NULL;
	for (unsigned i = 0; i < 1024; i++)
		b = have(FRAME_TABLE, 0);
	block_census = count_census;
	give(b);
	assert_int_equal(census_calls, 3);
	assert_int_equal(census_first, b.v);
	assert_int_equal(census_count, 1);
	block_census = NULL;
	give(a);
}

/* ---- block_check sees what is wrong --------------------------------------------------------- */

#define DAMAGE(f, change, words)                           \
	do {                                               \
		struct frame good;                         \
		memcpy(&good, f, sizeof(good));            \
		change;                                    \
		assert_non_null(block_check());            \
		assert_string_equal(block_check(), words); \
		memcpy(f, &good, sizeof(good));            \
		assert_null(block_check());                \
	} while (0)

static void block_check_names_what_is_wrong_i5(void **state)
{
	(void)state;
	pfn_t u = have(FRAME_UNCOUNTED, 2), c = have(FRAME_COUNTED, 2), s = have(FRAME_TABLE, 0);
	struct frame *f = frame_of(u), *h = frame_of(c), *listed = frame_table, *cached_frame;
	while (listed->class != FRAME_FREE || listed->tail != FRAME_LISTED || listed->order == 0)
		listed++;
	give(s);
	cached_frame = frame_of(s);

	DAMAGE(f + 1, f[1].owner = 0, "a frame in use without an owner");
	DAMAGE(f + 1, f[1].class = FRAME_TABLE, "a block in use whose frames do not agree");
	DAMAGE(f + 1, f[1].tail = FRAME_HEAD, "a block in use whose frames do not agree");
	DAMAGE(f + 1, f[1].order = 1, "a block in use whose frames do not agree");
	DAMAGE(f, f->tail = FRAME_PART, "a frame in use outside of any block");
	DAMAGE(f, f->class = FRAME_FREE, "a free frame that is on no list");
	DAMAGE(h, h->refs = 0, "a counted frame without a reference");
	DAMAGE(h, h->pins = 2, "more pins than references");
	DAMAGE(h + 3, h[3].class = FRAME_FREE, "not a frame in use");
	DAMAGE(cached_frame, cached_frame->tail = FRAME_PART,
	       "a frame in a CPU's cache that does not say so");
	DAMAGE(f, f->shape = frame_shape(FRAME_FREE, 0, FRAME_CACHED),
	       "a frame in use outside of any block");
	DAMAGE(listed, listed->tail = FRAME_PART, "a block on a list that does not say so");
	DAMAGE(listed, listed->link.prev = FRAME_LINK, "a free list whose links do not agree");
	DAMAGE(listed, listed->link.next = 5, "a link of a free list that leads nowhere");
	DAMAGE(listed, listed->link.next = FRAME_LINK | LIMIT,
	       "a link of a free list that leads nowhere");
	DAMAGE(listed + 1, listed[1].class = FRAME_COUNTED,
	       "a frame of a free block that is not free");
	DAMAGE(listed + 1, listed[1].tail = FRAME_CACHED,
	       "a frame of a free block that is elsewhere too");
	frame_bring_up(pfn(0)); /* no RAM */
	DAMAGE(frame_table, frame_table->shape = frame_shape(FRAME_FREE, 0, FRAME_CACHED),
	       "free frames that are on no list, or on two");
	DAMAGE(frame_table,
	       (frame_table->shape = frame_shape(FRAME_TABLE, 0, FRAME_HEAD),
		frame_table->owner = 1),
	       "frames were lost or won");
	give(u);
	give(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_RUINED(name) cmocka_unit_test_setup_teardown(name, begin, end_ruined)
	const struct CMUnitTest tests[] = {
		TEST(records_begin_as_device_f1),
		TEST(records_come_up_as_they_are_needed_f1_f2),
		TEST(blocks_of_chunks_split_and_merge_i5),
		TEST(overlapping_memory_maps_do_no_harm_f1),
		TEST(odd_ranges_become_aligned_blocks),
		TEST(blocks_of_every_class_and_order_f2_f3),
		TEST(every_frame_is_handed_out_once_i5),
		TEST(what_cannot_be_had_is_refused),
		TEST(wrong_frees_are_refused_f3),
		TEST(a_double_free_of_a_frame_is_refused_f3),
		TEST(what_is_not_an_uncounted_block_is_not_freed_f3),
		TEST(a_block_partly_anothers_is_not_freed_f3_f6),
		TEST(a_table_that_waits_is_not_freed_f3),
		TEST(cached_frames_are_free_frames),
		TEST(a_full_cache_gives_back),
		TEST(a_big_block_drains_the_own_cache),
		TEST(other_caches_give_back_when_asked),
		TEST(freed_frames_are_poisoned_f8),
		TEST_RUINED(a_write_to_a_free_frame_is_found_f8),
		TEST_RUINED(a_write_is_found_after_merging_and_splitting_f8),
		TEST_RUINED(a_write_beyond_the_short_poison_is_not_looked_for_f8),
		TEST(memory_never_handed_out_is_not_looked_at_f8),
		TEST(the_census_comes_before_the_free_list_f8),
		TEST(block_check_names_what_is_wrong_i5),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
