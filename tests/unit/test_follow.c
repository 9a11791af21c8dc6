/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * follow_pfn: the table of intents and classes, the answer field by field, every refusal with its
 * reason, and the races that the token decides (P1-P8).
 */
#include "tests/unit/broken.h"
#include "tests/unit/world.h"

static struct supplier supplier;
static struct keeper keeper, foreign;
static struct space elsewhere;
static struct token token;

static const hva_t base = { BASE };
static const hva_t pool = { BASE + GIB };	/* UNCOUNTED, RW */
static const hva_t device = { BASE + 2 * GIB }; /* DEVICE, RW */
static const owner_t carol = { 102 };
static struct supplier pool_supplier;
static pfn_t pool_block;

static int setup(void **state)
{
	(void)state;
	world_begin(4096, true);
	supplier = (struct supplier){ .first = pfn(DEVICE_PFN), .order = 18, .write_order = 18 };
	assert_result(OK, block_alloc(FRAME_UNCOUNTED, 3, carol, &pool_block));
	pool_supplier = (struct supplier){ .first = pool_block };
	map(base, 2 * MIB2, anon(RWX));
	map(pool, 8 * PAGE_SIZE, supplied(&pool_supplier, REGION_PFNMAP, MEM_WRITE_COMBINING, RW));
	map(device, GIB, supplied(&supplier, REGION_PFNMAP, MEM_DEVICE, RW));
	keeper_begin(&keeper);
	token = token_take(&keeper.consumer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_step = NULL;
	hog_release();
	keeper_end(&keeper);
	assert_result(OK, unmap(pool, 8 * PAGE_SIZE));
	assert_result(OK, block_free(pool_block, 3, carol));
	world_end();
	return 0;
}

static struct follow_request request(enum intent intent, hva_t a, enum access access)
{
	struct follow_request rq = map_request(&token, a, access);
	rq.intent = intent;
	if (intent == INTENT_PIN || intent == INTENT_PEEK)
		rq.token = NULL;
	return rq;
}

static struct follow_answer answer;

/* A refusal leaves the answer alone. */
static enum result follow(struct follow_request rq) NO_LOCK_ANALYSIS
{
	struct follow_answer before;
	memset(&answer, 0xee, sizeof(answer));
	before = answer;
	bool peek = rq.intent == INTENT_PEEK;
	if (peek)
		spin_lock(&rq.space->lock);
	enum result r = follow_pfn(&rq, &answer);
	if (peek)
		spin_unlock(&rq.space->lock);
	if (r != OK)
		assert_memory_equal(&answer, &before, sizeof(answer));
	return r;
}

/* P1, P2, P3: who may have what. Refused ones have looked at nothing. */
static void p2_intents_and_classes(void **state)
{
	static const struct {
		enum intent intent;
		enum result counted, uncounted, device;
	} table[] = {
		{ INTENT_MAP, OK, OK, OK },
		{ INTENT_PREFETCH, OK, OK, OK },
		{ INTENT_PEEK, OK, OK, OK },
		{ INTENT_PIN, OK, CANNOT_PIN_UNCOUNTED, CANNOT_PIN_UNCOUNTED },
	};
	(void)state;
	for (unsigned i = 0; i < 4; i++) { /* before it is there ... */
		if (table[i].intent != INTENT_PIN)
			continue;
		assert_result(table[i].uncounted, follow(request(INTENT_PIN, pool, ACCESS_READ)));
		assert_result(table[i].device, follow(request(INTENT_PIN, device, ACCESS_WRITE)));
	}
	assert_int_equal(supplier.asked + pool_supplier.asked, 0);
	assert_result(OK, follow(request(INTENT_MAP, base, ACCESS_WRITE)));
	assert_result(OK, follow(request(INTENT_MAP, pool, ACCESS_WRITE)));
	assert_result(OK, follow(request(INTENT_MAP, device, ACCESS_WRITE)));
	for (unsigned i = 0; i < 4; i++) { /* ... and when it is */
		for (enum access a = ACCESS_READ; a <= ACCESS_WRITE; a++) {
			enum intent in = table[i].intent;
			enum hold hold = in == INTENT_PIN ? HOLD_PINNED : HOLD_NONE;
			assert_result(table[i].counted, follow(request(in, base, a)));
			assert_int_equal(answer.class, FRAME_COUNTED);
			assert_int_equal(answer.hold, hold);
			if (hold == HOLD_PINNED)
				frame_unpin(frame_of(answer.pfn));
			assert_result(table[i].uncounted, follow(request(in, pool, a)));
			assert_result(table[i].device, follow(request(in, device, a)));
		}
	}
}

/* P1: the answer, field by field. */
static void p1_the_answer(void **state)
{
	(void)state;
	assert_result(OK,
		      follow(request(INTENT_MAP, hva(BASE + 700 * PAGE_SIZE + 5), ACCESS_READ)));
	assert_int_equal(answer.pfn.v, pfn_behind(hva(BASE + 700 * PAGE_SIZE)).v);
	assert_int_equal(answer.class, FRAME_COUNTED);
	assert_int_equal(answer.type, MEM_WRITE_BACK);
	assert_true(answer.executable);
	assert_int_equal(answer.order, 9); /* H7 */
	assert_result(OK, follow(request(INTENT_MAP, hva(pool.v + PAGE_SIZE), ACCESS_READ)));
	assert_int_equal(answer.pfn.v, pool_block.v + 1);
	assert_int_equal(answer.class, FRAME_UNCOUNTED);
	assert_int_equal(answer.type, MEM_WRITE_COMBINING);
	assert_int_equal(answer.order, 0);
	assert_false(answer.executable);
	assert_result(OK, follow(request(INTENT_MAP, hva(device.v + 3 * MIB2), ACCESS_READ)));
	assert_int_equal(answer.pfn.v, DEVICE_PFN + 3 * 512);
	assert_int_equal(answer.class, FRAME_DEVICE);
	assert_int_equal(answer.type, MEM_DEVICE);
	assert_int_equal(answer.order, 18);
	assert_false(answer.executable);
}

/* P2: what the table forbids is refused before anything is looked up. */
static void p2_bad_requests(void **state)
{
	struct follow_request rq = request(INTENT_MAP, base, ACCESS_WRITE);
	(void)state;
	rq.token = NULL;
	assert_result(BAD_INTENT, follow(rq)); /* P5: without a token nobody maps */
	rq.intent = INTENT_PREFETCH;
	assert_result(BAD_INTENT, follow(rq));
	struct token nobody = { .consumer = NULL };
	rq = request(INTENT_MAP, base, ACCESS_WRITE);
	rq.token = &nobody;
	assert_result(BAD_INTENT, follow(rq));
	/* The token of another space's consumer, and of one that is not registered. */
	assert_result(OK, space_create(&elsewhere, false));
	memset(&foreign, 0, sizeof(foreign));
	struct token theirs = token_take(&foreign.consumer);
	rq.token = &theirs;
	assert_result(BAD_INTENT, follow(rq));
	assert_result(OK, consumer_register(&foreign.consumer, &elsewhere.notifier, &keeper_ops,
					    CONSUMER_TABLE));
	assert_result(BAD_INTENT, follow(rq));
	assert_result(OK, consumer_unregister(&foreign.consumer));
	space_destroy(&elsewhere);
	rq = request(INTENT_PIN, base, ACCESS_WRITE);
	rq.token = &token;
	assert_result(BAD_INTENT, follow(rq));
	rq = request(INTENT_PEEK, base, ACCESS_READ);
	EXPECT_BROKEN("spin_is_locked", (void)!follow_pfn(&rq, &answer)); /* P2: its bound */
	rq = request(INTENT_PEEK, base, ACCESS_WRITE);
	rq.token = &token;
	assert_result(BAD_INTENT, follow(rq));
	assert_result(BAD_INTENT, follow(request(INTENT_PIN, base, ACCESS_EXEC)));
	assert_result(BAD_INTENT, follow(request((enum intent)9, base, ACCESS_READ)));
	assert_result(BAD_ARGUMENT, follow(request(INTENT_MAP, base, (enum access)0)));
	assert_result(BAD_ARGUMENT, follow(request(INTENT_MAP, base, (enum access)RW)));
	assert_result(BAD_ARGUMENT, follow(request(INTENT_MAP, base, (enum access)8)));
	assert_int_equal(leaf_of(base), 0);
}

/* An address beyond the space must not be folded onto one inside. */
static void no_address_is_folded(void **state)
{
	(void)state;
	assert_result(OK, touch(base, ACCESS_WRITE));
	hva_t beyond = hva(base.v + (UINT64_C(1) << SPACE_BITS));
	for (enum intent i = INTENT_MAP; i <= INTENT_PREFETCH; i++)
		assert_result(NO_REGION, follow(request(i, beyond, ACCESS_READ)));
}

/* P3: everything that is not COUNTED, head or tail, with a record or without; nothing has moved. */
static void p3_no_pin_without_a_count(void **state)
{
	struct follow_request rq;
	(void)state;
	for (unsigned n = 0; n < 8; n++) {
		hva_t a = hva(pool.v + n * PAGE_SIZE);
		assert_result(OK, follow(request(INTENT_MAP, a, ACCESS_WRITE)));
		for (unsigned flags = 0; flags < 16; flags++) { /* no switch makes it allowed */
			rq = request(INTENT_PIN, a, flags & 1 ? ACCESS_READ : ACCESS_WRITE);
			rq.want_writable = flags & 2;
			rq.may_sleep = flags & 4;
			rq.in_turn = flags & 8;
			assert_result(CANNOT_PIN_UNCOUNTED, follow(rq));
		}
		assert_int_equal(frame_table[pool_block.v + n].refs, 0);
		assert_int_equal(frame_table[pool_block.v + n].pins, 0);
	}
	assert_result(CANNOT_PIN_UNCOUNTED, follow(request(INTENT_PIN, device, ACCESS_READ)));
	/* A raw entry of a MIXED region, though the frame behind it is COUNTED (H1). */
	pfn_t own;
	assert_result(OK, block_alloc(FRAME_COUNTED, 0, alice, &own));
	struct supplier raw = { .first = own };
	hva_t mixed = hva(BASE + 8 * GIB);
	map(mixed, PAGE_SIZE, supplied(&raw, REGION_MIXED, MEM_WRITE_BACK, RW));
	assert_result(CANNOT_PIN_UNCOUNTED, follow(request(INTENT_PIN, mixed, ACCESS_READ)));
	assert_int_equal(frame_refs(frame_of(own)), 1);
	assert_result(OK, drop(mixed, PAGE_SIZE));
	raw.counted = true;
	assert_result(OK, follow(request(INTENT_PIN, mixed, ACCESS_READ)));
	assert_int_equal(frame_refs(frame_of(own)), 3);
	frame_unpin(frame_of(own));
	assert_result(OK, unmap(mixed, PAGE_SIZE));
	frame_put(frame_of(own));
}

static unsigned counts_moved;

static void watch_counts(const char *name, const void *object)
{
	(void)object;
	if (strcmp(name, "frame_get") == 0 || strcmp(name, "frame_put") == 0)
		counts_moved++;
	/* H6: the entry that a pin goes by cannot be broken meanwhile. */
	if (strcmp(name, "frame_get") == 0)
		assert_true(spin_is_locked(&world.space.lock));
}

/* P4: MAP never touches a count, not even for a moment. */
static void p4_map_touches_no_count(void **state)
{
	(void)state;
	assert_result(OK, touch(base, ACCESS_WRITE));
	struct frame *f = frame_of(pfn_behind(base));
	counts_moved = 0;
	env_step = watch_counts;
	assert_result(OK, follow(request(INTENT_MAP, base, ACCESS_WRITE)));
	assert_result(OK, follow(request(INTENT_PREFETCH, base, ACCESS_READ)));
	assert_result(OK, follow(request(INTENT_PEEK, base, ACCESS_READ)));
	assert_int_equal(counts_moved, 0);
	assert_int_equal(frame_refs(f), 1);
	assert_result(OK, follow(request(INTENT_PIN, base, ACCESS_WRITE)));
	assert_int_equal(counts_moved, 1);
	env_step = NULL;
	frame_unpin(f);
}

/* P6, F5: a pin outlives the mapping; what it holds is not freed, and the guest gets a new page. */
static void p6_a_pin_outlives_the_mapping(void **state)
{
	(void)state;
	hva_t a = hva(BASE + 17 * PAGE_SIZE);
	assert_result(OK, follow(request(INTENT_PIN, a, ACCESS_WRITE)));
	pfn_t n = answer.pfn;
	memset(mm_linear(n), 0x5a, PAGE_SIZE);
	assert_int_equal(frame_pins(frame_of(n)), 1);
	assert_result(OK, unmap(base, 2 * MIB2));
	assert_int_equal(frame_class(n), FRAME_COUNTED);
	assert_int_equal(frame_refs(frame_of(n)), 1);
	assert_int_equal(*(unsigned char *)mm_linear(n), 0x5a);
	map(base, 2 * MIB2, anon(RW));
	assert_result(OK, follow(request(INTENT_MAP, a, ACCESS_WRITE)));
	assert_true(answer.pfn.v != n.v);
	frame_unpin(frame_of(n));
	assert_int_equal(frame_class(n), FRAME_FREE);
}

/* P7: writable only if the memslot, the region and the entry say so, and it was asked for. */
static void p7_writable(void **state)
{
	(void)state;
	supplier.read_only_first = true;
	map(hva(2 * BASE), PAGE_SIZE, anon(ACCESS_READ));
	for (unsigned i = 0; i < 32; i++) {
		bool slot = i & 1, want = i & 2, entry = i & 4, region = i & 8;
		bool write = i & 16;
		hva_t a = region ? device : hva(2 * BASE);
		struct follow_request rq =
			request(INTENT_MAP, a, write ? ACCESS_WRITE : ACCESS_READ);
		rq.slot_writable = slot;
		rq.want_writable = want;
		assert_result(OK, drop(device, GIB));
		token = token_take(&keeper.consumer);
		if (region && entry)
			assert_result(OK, touch(a, ACCESS_WRITE));
		enum result expected = OK;
		if (write && !slot)
			expected = READONLY_MEMSLOT; /* its own answer: it may be MMIO */
		else if (write && !region)
			expected = NO_PERMISSION;
		assert_result(expected, follow(rq));
		if (expected == OK)
			assert_int_equal(answer.writable,
					 slot && region && (write || (want && entry)));
	}
	/* The memslot is asked before the region, there or not. */
	struct follow_request rq = request(INTENT_MAP, hva(32 * BASE), ACCESS_WRITE);
	rq.slot_writable = false;
	assert_result(READONLY_MEMSLOT, follow(rq));
	rq.intent = INTENT_PIN;
	rq.token = NULL;
	assert_result(READONLY_MEMSLOT, follow(rq));
}

/* P8: each reason there is. */
static void p8_refusals(void **state)
{
	struct follow_request rq;
	(void)state;
	assert_result(NO_REGION, follow(request(INTENT_MAP, hva(0), ACCESS_READ)));
	assert_result(NO_PERMISSION, follow(request(INTENT_MAP, device, ACCESS_EXEC))); /* H2 */
	rq = request(INTENT_MAP, base, ACCESS_READ);
	rq.may_sleep = false;
	assert_result(WOULD_SLEEP, follow(rq));
	assert_result(WOULD_SLEEP, follow(request(INTENT_PREFETCH, base, ACCESS_READ)));
	rq.intent = INTENT_PIN;
	rq.token = NULL;
	assert_result(WOULD_SLEEP, follow(rq));
	assert_int_equal(leaf_of(base), 0); /* nothing was fetched */
	assert_result(NO_BACKING, follow(request(INTENT_PEEK, base, ACCESS_READ)));
	hog_leave(0);
	assert_result(OUT_OF_MEMORY, follow(request(INTENT_MAP, base, ACCESS_READ)));
	hog_release();
	supplier.refuse = POISONED;
	assert_result(POISONED, follow(request(INTENT_MAP, device, ACCESS_READ)));
	supplier.refuse = NO_BACKING;
	assert_result(NO_BACKING, follow(request(INTENT_MAP, device, ACCESS_READ)));
	assert_result(OK, touch(pool, ACCESS_READ));
	assert_result(NO_PERMISSION, follow(request(INTENT_PEEK, pool, ACCESS_EXEC)));
	assert_result(NO_PERMISSION, follow(request(INTENT_MAP, pool, ACCESS_EXEC)));
	assert_result(CANNOT_PIN_UNCOUNTED, follow(request(INTENT_PIN, pool, ACCESS_READ)));
	/* A pin on a count at its limit (F4). */
	assert_result(OK, touch(base, ACCESS_READ));
	struct frame *f = frame_of(pfn_behind(base));
	frame_get_many(f, FRAME_REFS_LIMIT - 1);
	assert_result(IN_USE, follow(request(INTENT_PIN, base, ACCESS_READ)));
	frame_put_many(f, FRAME_REFS_LIMIT - 1);
	for (unsigned r = 0; r < RESULT_COUNT; r++)
		assert_string_not_equal(result_words((enum result)r), "an answer without words");
	assert_string_equal(result_words(RESULT_COUNT), "an answer without words");
}

/* M16: a missing permission asks the host's fault handler too. */
static void h3_a_missing_permission_asks_the_owner(void **state)
{
	(void)state;
	supplier.read_only_first = true;
	assert_result(OK, follow(request(INTENT_MAP, device, ACCESS_READ)));
	assert_false(answer.writable);
	assert_result(OK, follow(request(INTENT_MAP, device, ACCESS_WRITE)));
	assert_true(answer.writable);
	assert_int_equal(supplier.asked, 2);
}

/* ---- Races, driven through the steps ------------------------------------------------------ */

static const char *step_name;
static unsigned step_times;
static hva_t victim;

/* At the chosen step a whole notice takes the page away, `step_times` times. */
static void drop_at_step(const char *name, const void *object)
{
	static bool inside;
	(void)object;
	if (inside || step_times == 0 || strcmp(name, step_name) != 0)
		return;
	inside = true;
	step_times--;
	assert_result(OK, drop(victim, PAGE_SIZE));
	inside = false;
}

static void interleave(const char *name, unsigned times, hva_t a)
{
	step_name = name;
	step_times = times;
	victim = a;
	env_step = drop_at_step;
}

/* P5: a notice between token and lookup, in the lookup, before the host fault, before the install.
 */
static void p5_a_notice_anywhere_in_a_fault(void **state)
{
	static const char *const steps[] = { "grace_enter", "grace_leave", "follow_fault", "lock" };
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		hva_t a = hva(BASE + (600 + i) * PAGE_SIZE);
		assert_result(OK, touch(a, ACCESS_WRITE));
		assert_result(OK, drop(a, PAGE_SIZE)); /* small pages from here on */
		if (strcmp(steps[i], "follow_fault") != 0)
			assert_result(OK, touch(a, ACCESS_WRITE));
		interleave(steps[i], 1, a);
		assert_result(RACED, keeper_fault(&keeper, a, ACCESS_WRITE));
		env_step = NULL;
		assert_int_equal(step_times, 0);
		assert_false(keeper_page(&keeper, a)->there);
		assert_result(OK, keeper_fault(&keeper, a, ACCESS_WRITE));
		assert_int_equal(keeper_page(&keeper, a)->pfn.v, pfn_behind(a).v);
	}
}

/* P5, M1: the token is taken before the lookup; one taken after would not know. */
static void p5_old_answers_are_refused(void **state)
{
	(void)state;
	struct token before = token_take(&keeper.consumer);
	struct follow_request rq = map_request(&before, base, ACCESS_WRITE);
	assert_result(OK, follow_pfn(&rq, &answer));
	struct follow_answer old = answer;
	assert_result(OK, drop(base, 2 * MIB2));
	assert_int_equal(frame_class(old.pfn), FRAME_FREE);
	assert_result(RACED, keeper_install(&keeper, &before, base, &old));
	assert_int_equal(keeper.consumer.retries_seq, 1);
}

/*
 * A page that is dropped each time it was made: a pin ends the call, and its caller counts it and
 * comes back; a MAP is told what was there, and its token does not hold.
 */
static void p8_a_lookup_that_always_loses_says_so(void **state)
{
	(void)state;
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, drop(base, PAGE_SIZE));
	token = token_take(&keeper.consumer);
	interleave("unlock", 1000000, base);
	assert_result(OK, follow(request(INTENT_MAP, base, ACCESS_READ)));
	assert_int_equal(leaf_of(base), 0);
	assert_result(RACED, keeper_install(&keeper, &token, base, &answer));
	assert_result(RACED, follow(request(INTENT_PIN, base, ACCESS_READ)));
	env_step = NULL;
	token = token_take(&keeper.consumer);
	assert_result(OK, follow(request(INTENT_MAP, base, ACCESS_READ)));
	assert_result(OK, keeper_install(&keeper, &token, base, &answer));
}

/* A host fault that can never be, since the owner is about to take the place away, ends the call.
 */
static void p8_a_host_fault_that_always_loses_says_so(void **state)
{
	(void)state;
	supplier.read_only_first = true;
	assert_result(OK, follow(request(INTENT_MAP, device, ACCESS_READ)));
	supplier.first = pfn(DEVICE_PFN + (1u << 18));
	supplier.asked = 0;
	assert_result(RACED, follow(request(INTENT_MAP, device, ACCESS_WRITE)));
	assert_int_equal(supplier.asked, FOLLOW_TRIES);
}

/* H6: a pin and a drop meet: either the pin is first and holds, or it holds what came after. */
static void h6_a_pin_races_with_a_drop(void **state)
{
	(void)state;
	assert_result(OK, touch(base, ACCESS_WRITE));
	assert_result(OK, drop(base, PAGE_SIZE));
	assert_result(OK, touch(base, ACCESS_WRITE));
	pfn_t first = pfn_behind(base);
	interleave("lock", 1, base);
	assert_result(OK, follow(request(INTENT_PIN, base, ACCESS_READ)));
	env_step = NULL;
	assert_int_equal(answer.pfn.v, pfn_behind(base).v);
	assert_int_equal(frame_pins(frame_of(answer.pfn)), 1);
	assert_true(first.v == answer.pfn.v || frame_class(first) == FRAME_FREE);
	frame_unpin(frame_of(answer.pfn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(p2_intents_and_classes),
		TEST(p1_the_answer),
		TEST(p2_bad_requests),
		TEST(no_address_is_folded),
		TEST(p3_no_pin_without_a_count),
		TEST(p4_map_touches_no_count),
		TEST(p6_a_pin_outlives_the_mapping),
		TEST(p7_writable),
		TEST(p8_refusals),
		TEST(h3_a_missing_permission_asks_the_owner),
		TEST(p5_a_notice_anywhere_in_a_fault),
		TEST(p5_old_answers_are_refused),
		TEST(p8_a_lookup_that_always_loses_says_so),
		TEST(p8_a_host_fault_that_always_loses_says_so),
		TEST(h6_a_pin_races_with_a_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
