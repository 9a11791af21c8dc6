/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notices and tokens (N1-N8, P5): what a notice does to its consumers step by step, who is refused
 * while it is open, and that a refused one has never been. Interleavings are driven through the
 * steps of the protocol (mm_step): a whole notice runs between two lines of a fault.
 */
#include "tests/unit/broken.h"
#include "tests/unit/world.h"

static struct keeper one, two;

static int setup(void **state)
{
	(void)state;
	world_begin(4096, false);
	map(hva(BASE), MIB2, anon(RW));
	keeper_begin(&one);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_step = NULL;
	keeper_end(&one);
	world_end();
	return 0;
}

static struct hva_range pages(unsigned first, unsigned count)
{
	return hva_range(hva(BASE + first * PAGE_SIZE), count * PAGE_SIZE);
}

static hva_t page(unsigned n)
{
	return hva(BASE + n * PAGE_SIZE);
}

static enum result begin(struct notice *n, struct hva_range range, enum notice_mode mode)
{
	return notice_begin(n, &world.space.notifier, range, mode);
}

/* Would a token taken now, or given, let the page be established? */
static bool may_install(struct keeper *k, const struct token *t, hva_t a)
{
	spin_lock(&k->consumer.lock);
	bool may = token_check(&k->consumer, t, hva_range(a, PAGE_SIZE));
	spin_unlock(&k->consumer.lock);
	return may;
}

static void check_unlocked(const struct token *t) NO_LOCK_ANALYSIS
{
	(void)token_check(&one.consumer, t, pages(0, 1));
}

/* N1, I3: between begin and end nobody has, or gets, a translation of the range. */
static void n1_nothing_inside_a_notice(void **state)
{
	struct notice n;
	(void)state;
	assert_result(OK, keeper_fault(&one, page(3), ACCESS_WRITE));
	assert_result(OK, keeper_fault(&one, page(4), ACCESS_WRITE));
	assert_result(OK, begin(&n, pages(3, 1), NOTICE_TRY));
	assert_false(keeper_page(&one, page(3))->there);
	assert_true(keeper_page(&one, page(4))->there);
	assert_result(RACED, keeper_fault(&one, page(3), ACCESS_READ));
	assert_result(OK, keeper_fault(&one, page(5), ACCESS_READ));
	assert_false(keeper_page(&one, page(3))->there);
	notice_end(&n);
	assert_result(OK, keeper_fault(&one, page(3), ACCESS_READ));
	assert_int_equal(one.consumer.retries_open, 1);
}

/* N2: a consumer comes and goes only while no notice is about. */
static void n2_consumers_come_and_go_between_notices(void **state)
{
	struct notice n;
	(void)state;
	memset(&two, 0, sizeof(two));
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	assert_result(BUSY, consumer_register(&two.consumer, &world.space.notifier, &keeper_ops,
					      CONSUMER_TABLE));
	assert_result(BUSY, consumer_unregister(&one.consumer));
	assert_ptr_equal(world.space.notifier.consumers, &one.consumer);
	notice_end(&n);
	keeper_begin(&two);
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	assert_int_equal(two.invalidated, 1);
	notice_end(&n);
	keeper_end(&two);
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	assert_int_equal(two.invalidated, 1);
	notice_end(&n);
	/* From the middle of the list too. */
	keeper_begin(&two);
	assert_result(OK, consumer_unregister(&one.consumer));
	assert_result(OK, consumer_unregister(&two.consumer));
	assert_null(world.space.notifier.consumers);
	world.consumer_count = 0;
	keeper_begin(&one);
}

/* What who comes or goes is told while a notice tells the consumers that it is over. */
static struct consumer teller;
static enum result comes, goes;

static void told(struct consumer *c)
{
	comes = consumer_register(&two.consumer, c->notifier, &keeper_ops, CONSUMER_TABLE);
	goes = consumer_unregister(&one.consumer);
}

static enum result nothing_kept(struct consumer *c, struct hva_range range, enum notice_mode mode)
{
	(void)c, (void)range, (void)mode;
	return OK;
}

/* N2: BUSY is said only while somebody is still to tell of it (`released`): who waits is woken. */
static void n2_nobody_waits_for_what_was_told(void **state)
{
	static const struct consumer_ops ops = { "teller", nothing_kept, told, NULL };
	struct notifier *nf = &world.space.notifier;
	struct notice_turn turn = { false, false };
	struct notice a, b;
	(void)state;
	assert_result(OK, consumer_register(&teller, nf, &ops, CONSUMER_TABLE));
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	assert_result(OK, begin(&b, pages(1, 1), NOTICE_TRY));
	assert_result(BUSY, consumer_unregister(&one.consumer)); /* waits to be told */
	notice_end(&a);
	assert_result(BUSY, comes); /* b will tell */
	assert_result(BUSY, goes);
	notice_end(&b);
	assert_result(RACED, comes); /* this was the last that tells */
	assert_result(RACED, goes);
	comes = goes = OK;
	assert_true(notice_turn_take(nf, &turn));
	assert_result(BUSY, begin(&a, pages(0, 1), NOTICE_TRY));
	notice_turn_done(nf, &turn);
	assert_result(RACED, comes);
	assert_result(RACED, goes);
	assert_result(OK, consumer_unregister(&teller));
	assert_ptr_equal(nf->consumers, &one.consumer);
}

/* N3: a second begin widens the range; each end raises seq; the hull stays until the last end. */
static void n3_a_second_begin_widens(void **state)
{
	struct notice a, b;
	(void)state;
	uint64_t seq = one.consumer.seq;
	assert_result(OK, begin(&a, pages(2, 1), NOTICE_TRY));
	assert_result(OK, begin(&b, pages(6, 2), NOTICE_TRY));
	struct token t = token_take(&one.consumer);
	assert_int_equal(one.consumer.open, 2);
	assert_false(may_install(&one, &t, page(2))); /* M5: b has not replaced a */
	assert_false(may_install(&one, &t, page(7)));
	assert_true(may_install(&one, &t, page(1)));
	assert_true(may_install(&one, &t, page(8)));
	assert_false(may_install(&one, &t, page(4))); /* by the hull: a false retry, counted */
	assert_int_equal(one.consumer.retries_open, 3);
	notice_end(&b);
	assert_int_equal(one.consumer.seq, seq + 1);
	t = token_take(&one.consumer);
	assert_false(may_install(&one, &t, page(2)));
	notice_end(&a);
	assert_int_equal(one.consumer.seq, seq + 2);
	t = token_take(&one.consumer);
	assert_true(may_install(&one, &t, page(2)));
	/* And downwards: the later notice lies below. */
	assert_result(OK, begin(&a, pages(6, 1), NOTICE_TRY));
	assert_result(OK, begin(&b, pages(2, 1), NOTICE_TRY));
	t = token_take(&one.consumer);
	assert_false(may_install(&one, &t, page(6)));
	assert_false(may_install(&one, &t, page(2)));
	notice_end(&a);
	notice_end(&b);
	/* A new notice begins a new hull. */
	assert_result(OK, begin(&a, pages(9, 1), NOTICE_TRY));
	t = token_take(&one.consumer);
	assert_true(may_install(&one, &t, page(2)));
	notice_end(&a);
}

/* P5: seq alone is not enough, the open count alone is not enough (M2, M3). */
static void p5_token_checks_both(void **state)
{
	struct notice n;
	(void)state;
	struct token before = token_take(&one.consumer);
	assert_true(may_install(&one, &before, page(0)));
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	struct token inside = token_take(&one.consumer);
	assert_false(may_install(&one, &before, page(0))); /* seq has not moved yet */
	assert_false(may_install(&one, &inside, page(0)));
	assert_true(may_install(&one, &inside, page(1)));
	notice_end(&n);
	assert_false(may_install(&one, &before, page(0))); /* nothing is open any more */
	assert_false(may_install(&one, &inside, page(0)));
	assert_int_equal(one.consumer.retries_open, 2);
	assert_int_equal(one.consumer.retries_seq, 2);
	assert_int_equal(one.consumer.retries_false, 0);
	assert_false(may_install(&one, &before, page(7))); /* beside it: false, and counted so */
	assert_int_equal(one.consumer.retries_false, 1);
	struct token foreign = { .consumer = &two.consumer };
	EXPECT_BROKEN("t->consumer == c", check_unlocked(&foreign));
}

/* P5, S2: the token is shown for the whole leaf, also for what lies beside the faulting page. */
static void p5_token_covers_the_whole_leaf(void **state)
{
	struct notice n;
	(void)state;
	assert_result(OK, begin(&n, pages(5, 1), NOTICE_TRY));
	struct token t = token_take(&one.consumer);
	spin_lock(&one.consumer.lock);
	assert_false(token_check(&one.consumer, &t, hva_range(hva(BASE), MIB2)));
	assert_true(token_check(&one.consumer, &t, pages(0, 5)));
	assert_true(token_check(&one.consumer, &t, pages(6, 10)));
	spin_unlock(&one.consumer.lock);
	notice_end(&n);
}

/* What was the state at each step of a notice. */
struct seen {
	const char *name;
	uint32_t active, open;
	uint64_t seq;
	unsigned dropped;
	bool locked, cache_kept;
};

static struct seen seen[32];
static unsigned seen_count;

static struct cache_like {
	struct consumer consumer;
	bool kept;
	unsigned dropped_at; /* how many steps had been seen */
} early;

static enum result early_invalidate(struct consumer *c, struct hva_range range,
				    enum notice_mode mode)
{
	(void)range;
	assert_int_equal(mode, NOTICE_NESTED); /* a cache cannot refuse */
	assert_true(spin_is_locked(&c->lock));
	assert_int_equal(c->open, 0); /* N4 (2) comes before (3) */
	early.kept = false;
	early.dropped_at = seen_count;
	return OK;
}

static const struct consumer_ops early_ops = { .name = "early", .invalidate = early_invalidate };

static void watch(const char *name, const void *object)
{
	if (strncmp(name, "notice_", 7) != 0 || object == &early.consumer)
		return;
	seen[seen_count++] = (struct seen){
		name,
		NOTIFIER_COUNT(world.space.notifier.state, NOTIFIER_ACTIVE),
		one.consumer.open,
		one.consumer.seq,
		one.dropped,
		spin_is_locked(&one.consumer.lock),
		early.kept,
	};
}

/* N4: active, caches, open count, leaves; then seq, open count, not active. */
static void n4_the_order_of_the_steps(void **state)
{
	struct notice n;
	(void)state;
	memset(&early, 0, sizeof(early));
	early.kept = true;
	assert_result(OK, consumer_register(&early.consumer, &world.space.notifier, &early_ops,
					    CONSUMER_CACHE));
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	uint64_t seq = one.consumer.seq;
	seen_count = 0;
	env_step = watch;
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	notice_end(&n);
	env_step = NULL;
	assert_int_equal(seen_count, 4);
	assert_string_equal(seen[0].name, "notice_active"); /* (1) */
	assert_int_equal(seen[0].active, 1);
	assert_true(seen[0].cache_kept);
	assert_int_equal(seen[0].open, 0);
	assert_int_equal(early.dropped_at, 1);			 /* (2) */
	assert_string_equal(seen[1].name, "notice_open_raised"); /* (3) */
	assert_false(seen[1].cache_kept);
	assert_true(seen[1].locked);
	assert_int_equal(seen[1].open, 1);
	assert_int_equal(seen[1].dropped, 0); /* M6: leaves go after the count is up */
	assert_string_equal(seen[2].name, "notice_seq_raised");
	assert_true(seen[2].locked);
	assert_int_equal(seen[2].dropped, 1);
	assert_int_equal(seen[2].open, 1);
	assert_int_equal(seen[2].seq, seq + 1); /* seq first, then the open count */
	assert_string_equal(seen[3].name, "notice_inactive");
	assert_int_equal(seen[3].open, 0);
	assert_int_equal(seen[3].active, 1);
	assert_false(notice_active(&world.space.notifier));
	assert_int_equal(one.released, 0); /* nobody was refused */
	assert_result(OK, consumer_unregister(&early.consumer));
}

/* N6: a change of memslots is a notice, alone: refused while one is active, and keeping others out.
 */
static void n6_memslots_change_alone(void **state)
{
	struct notice slots, other, inner;
	(void)state;
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	assert_result(OK, begin(&other, pages(8, 1), NOTICE_TRY));
	assert_result(BUSY, begin(&slots, pages(0, 1), NOTICE_SLOTS));
	assert_true(keeper_page(&one, page(0))->there);
	notice_end(&other);
	assert_result(OK, begin(&slots, pages(0, 1), NOTICE_SLOTS));
	assert_false(keeper_page(&one, page(0))->there);
	assert_result(BUSY, begin(&other, pages(8, 1), NOTICE_TRY));
	assert_result(BUSY, begin(&other, pages(8, 1), NOTICE_SLOTS));
	assert_result(BUSY, drop(page(0), PAGE_SIZE));
	assert_result(OK, begin(&inner, pages(0, 1), NOTICE_NESTED));
	notice_end(&inner);
	assert_result(BUSY, begin(&other, pages(8, 1), NOTICE_TRY)); /* the outer one is still on */
	notice_end(&slots);
	assert_result(OK, begin(&other, pages(8, 1), NOTICE_TRY));
	notice_end(&other);
}

/* N7: the second consumer refuses; the first is rolled back, the notice has never been. */
static void n7_refused_whole(void **state)
{
	struct notice n;
	(void)state;
	keeper_begin(&two); /* is asked first: the list grows at its head */
	one.refuse = WOULD_SLEEP;
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	assert_result(OK, keeper_fault(&two, page(0), ACCESS_WRITE));
	pfn_t pfn_before = pfn_behind(page(0));
	uint64_t seq = one.consumer.seq;
	struct token stale = token_take(&two.consumer);
	assert_result(WOULD_SLEEP, begin(&n, pages(0, 1), NOTICE_TRY));
	assert_int_equal(two.invalidated, 1); /* it was on its way */
	assert_false(notice_active(&world.space.notifier));
	assert_int_equal(world.space.notifier.state, 0);
	assert_int_equal(one.consumer.open, 0);
	assert_int_equal(two.consumer.open, 0);
	assert_int_equal(one.consumer.seq, seq);
	assert_true(keeper_page(&one, page(0))->there);
	assert_false(
		may_install(&two, &stale, page(0))); /* it had begun: what it missed is stale */
	assert_result(OK, keeper_fault(&two, page(0), ACCESS_WRITE));
	/* Whoever wanted the change is refused whole as well. */
	assert_result(WOULD_SLEEP, drop(page(0), PAGE_SIZE));
	assert_result(WOULD_SLEEP, unmap(page(0), PAGE_SIZE));
	assert_result(WOULD_SLEEP, protect(page(0), PAGE_SIZE, ACCESS_READ));
	assert_result(WOULD_SLEEP, move(page(0), PAGE_SIZE, hva(BASE + GIB)));
	assert_int_equal(pfn_behind(page(0)).v, pfn_before.v);
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	/* A caller that can wait is not refused. */
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_WAIT));
	assert_int_equal(one.invalidated, 1);
	notice_end(&n);
	keeper_end(&two);
}

/* N7, N3: what is refused inside another notice leaves that one's range as it was. */
static void n7_refused_inside_another(void **state)
{
	struct notice outer, n;
	(void)state;
	assert_result(OK, begin(&outer, pages(4, 2), NOTICE_TRY));
	one.refuse = WOULD_SLEEP;
	assert_result(WOULD_SLEEP, begin(&n, pages(20, 2), NOTICE_TRY));
	assert_int_equal(one.consumer.open, 1);
	assert_int_equal(one.consumer.hull.start.v, page(4).v);
	assert_int_equal(one.consumer.hull.end.v, page(6).v);
	notice_end(&outer);
	assert_int_equal(one.consumer.open, 0);
}

static enum result always_refuse(struct consumer *c, struct hva_range range, enum notice_mode mode)
{
	(void)c;
	(void)range;
	(void)mode;
	return WOULD_SLEEP;
}

/* N7: only a NOTICE_TRY may be refused by a consumer. */
static void n7_waiting_notices_are_not_refused(void **state)
{
	static const struct consumer_ops ops = { .name = "stubborn", .invalidate = always_refuse };
	static struct consumer stubborn;
	struct notice n;
	(void)state;
	assert_result(OK,
		      consumer_register(&stubborn, &world.space.notifier, &ops, CONSUMER_TABLE));
	EXPECT_BROKEN("mode == NOTICE_TRY", (void)begin(&n, pages(0, 1), NOTICE_WAIT));
	/* It stopped before anybody had begun. */
	assert_int_equal(one.consumer.open, 0);
	world.space.notifier.state = 0;
	assert_result(OK, consumer_unregister(&stubborn));
}

/* N8: who asks for a turn keeps new notices out, and has it when the active ones are over. */
static void n8_a_turn_waits_for_the_active_notices(void **state)
{
	struct notifier *nf = &world.space.notifier;
	struct notice_turn turn = { false, false };
	struct notice a, b;
	(void)state;
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	assert_false(notice_turn_take(nf, &turn));
	assert_result(BUSY, begin(&b, pages(0, 1), NOTICE_TRY));
	assert_result(BUSY, begin(&b, pages(0, 1), NOTICE_SLOTS));
	assert_result(OK, begin(&b, pages(0, 1), NOTICE_NESTED)); /* by whoever has `a` */
	notice_end(&b);
	assert_false(notice_turn_take(nf, &turn));
	unsigned told = one.released;
	notice_end(&a);
	assert_int_equal(one.released, told + 1); /* who waits is told */
	assert_true(notice_turn_take(nf, &turn));
	assert_true(notice_turn_take(nf, &turn)); /* and keeps it */
	assert_result(BUSY, begin(&b, pages(0, 1), NOTICE_TRY));
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	told = one.released;
	notice_turn_done(nf, &turn);
	assert_int_equal(one.released, told + 1);
	assert_result(OK, begin(&b, pages(0, 1), NOTICE_TRY));
	notice_end(&b);
	notice_turn_done(nf, &turn); /* nothing to give back */
	assert_int_equal(nf->state, 0);
}

/* Who is refused is told by the end of what kept it out: once, and nobody else is. */
static void n8_who_was_refused_is_told(void **state)
{
	struct notifier *nf = &world.space.notifier;
	struct notice_turn turn = { false, false };
	struct notice a, b;
	(void)state;
	/* A change of memslots, by a notice; a notice, by a change of memslots. */
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	assert_result(BUSY, begin(&b, pages(0, 1), NOTICE_SLOTS));
	notice_end(&a);
	assert_int_equal(one.released, 1);
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_SLOTS));
	assert_result(BUSY, begin(&b, pages(0, 1), NOTICE_TRY));
	notice_end(&a);
	assert_int_equal(one.released, 2);
	/* A turn, by a notice; a notice, by a turn. */
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	assert_false(notice_turn_take(nf, &turn));
	notice_end(&a);
	assert_int_equal(one.released, 3);
	assert_true(notice_turn_take(nf, &turn));
	assert_result(BUSY, begin(&b, pages(0, 1), NOTICE_TRY));
	notice_turn_done(nf, &turn);
	assert_int_equal(one.released, 4);
	/* Who goes, by a notice. */
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	assert_result(BUSY, consumer_unregister(&one.consumer));
	notice_end(&a);
	assert_int_equal(one.released, 5);
	/* The first of two ends tells, and the second only who has come back and was refused again.
	 */
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	assert_result(OK, begin(&b, pages(1, 1), NOTICE_TRY));
	assert_false(notice_turn_take(nf, &turn));
	notice_end(&b);
	assert_int_equal(one.released, 6);
	assert_false(notice_turn_take(nf, &turn));
	notice_end(&a);
	assert_int_equal(one.released, 7);
	assert_true(notice_turn_take(nf, &turn));
	notice_turn_done(nf, &turn);
	assert_result(OK, begin(&a, pages(0, 1), NOTICE_TRY));
	notice_end(&a);
	assert_int_equal(one.released, 7);
	assert_int_equal(nf->state, 0);
}

/* The list is held by who looks at it: it stays as it is, and notices go on. */
static void n2_the_list_is_held(void **state)
{
	struct notifier *nf = &world.space.notifier;
	struct notice n;
	(void)state;
	memset(&two, 0, sizeof(two));
	consumers_hold(nf);
	assert_result(RACED, consumer_register(&two.consumer, nf, &keeper_ops, CONSUMER_TABLE));
	assert_result(RACED, consumer_unregister(&one.consumer));
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	notice_end(&n);
	assert_int_equal(one.invalidated, 1);
	consumers_let_go(nf);
	assert_int_equal(nf->state, 0);
	assert_result(OK, consumer_unregister(&one.consumer));
	world.consumer_count = 0;
	keeper_begin(&one);
}

/* N8: turns are had one at a time, and an asker may give up. */
static void n8_turns_one_at_a_time(void **state)
{
	struct notifier *nf = &world.space.notifier;
	struct notice_turn a = { false, false }, b = { false, false }, c = { false, false };
	struct notice n;
	(void)state;
	assert_true(notice_turn_take(nf, &a));
	assert_false(notice_turn_take(nf, &b));
	assert_false(notice_turn_take(nf, &c));
	notice_turn_done(nf, &b); /* gives up, the turn stays a's */
	assert_false(notice_turn_take(nf, &c));
	/* a's own notice: nobody else gets the turn in it. */
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_NESTED));
	assert_false(notice_turn_take(nf, &c));
	notice_end(&n);
	notice_turn_done(nf, &a);
	assert_result(BUSY, begin(&n, pages(0, 1), NOTICE_TRY)); /* c still asks */
	assert_true(notice_turn_take(nf, &c));
	notice_turn_done(nf, &c);
	assert_result(OK, begin(&n, pages(0, 1), NOTICE_TRY));
	notice_end(&n);
}

static unsigned storms, storms_refused;

/* After every lookup somebody manages a whole notice over the page, if he is let. */
static void storm(const char *name, const void *object)
{
	static bool inside;
	struct notice n;
	(void)object;
	if (inside || strcmp(name, "grace_leave") != 0)
		return;
	inside = true;
	enum result r = begin(&n, pages(0, 1), NOTICE_TRY);
	if (r == OK) {
		storms++;
		notice_end(&n);
	} else {
		assert_int_equal(r, BUSY);
		storms_refused++;
	}
	inside = false;
}

/* How many rounds a fault takes in a storm, if it asks for its turn after `patience` losses. */
static unsigned rounds(unsigned patience, unsigned limit, hva_t a, enum access access)
{
	struct notice_turn turn = { false, false };
	enum result r = RACED;
	unsigned round = 0;
	while (r != OK && round < limit) {
		struct token t = token_take(&one.consumer);
		struct follow_request rq = map_request(&t, a, access);
		struct follow_answer answer;
		rq.in_turn = turn.mine;
		round++;
		r = follow_pfn(&rq, &answer);
		if (r == OK)
			r = keeper_install(&one, &t, a, &answer);
		if (r != OK && round >= patience)
			assert_true(notice_turn_take(&world.space.notifier, &turn));
	}
	notice_turn_done(&world.space.notifier, &turn);
	return round;
}

/* N8: under a storm a fault completes within NOTICE_MAX_ROUNDS; without turns it never would. */
static void n8_a_fault_completes_in_a_storm(void **state)
{
	struct region_spec zeros = { .kind = REGION_ANON, .permissions = RW, .share_zero = true };
	(void)state;
	env_step = storm;
	storms = storms_refused = 0;
	assert_int_equal(rounds(1000, 100, page(0), ACCESS_WRITE), 100);
	assert_true(storms >= 100);
	unsigned took = rounds(NOTICE_PATIENCE, 100, page(0), ACCESS_WRITE);
	assert_in_range(took, NOTICE_PATIENCE + 1, NOTICE_MAX_ROUNDS);
	assert_true(storms_refused > 0);
	env_step = NULL;
	/* The worst case: in its turn it has to break a shared page, by a notice of its own (H6).
	 */
	map(hva(BASE + GIB), PAGE_SIZE, zeros);
	assert_result(OK, touch(hva(BASE + GIB), ACCESS_READ));
	one.base = hva(BASE + GIB);
	struct notice_turn turn = { false, false };
	assert_true(notice_turn_take(&world.space.notifier, &turn));
	struct token t = token_take(&one.consumer);
	struct follow_request rq = map_request(&t, hva(BASE + GIB), ACCESS_WRITE);
	struct follow_answer answer;
	assert_result(BUSY, follow_pfn(&rq, &answer)); /* not in its turn: it may not begin one */
	rq.in_turn = true;
	assert_result(OK, follow_pfn(&rq, &answer));
	assert_result(RACED, keeper_install(&one, &t, rq.hva, &answer)); /* its own notice */
	t = token_take(&one.consumer);
	assert_result(OK, follow_pfn(&rq, &answer));
	assert_result(OK, keeper_install(&one, &t, rq.hva, &answer));
	notice_turn_done(&world.space.notifier, &turn);
}

static unsigned census_found;

static void count_census(pfn_t first, uint64_t count)
{
	census_found += one.consumer.ops->reaches(&one.consumer, first, count);
}

/* N2, F8: the census finds a consumer that a change of the host's memory has passed by. */
static void n2_the_census_finds_who_was_not_told(void **state)
{
	(void)state;
	census_found = 0;
	block_census = count_census;
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	assert_result(OK, drop(page(0), PAGE_SIZE));
	assert_int_equal(census_found, 0);
	assert_result(OK, keeper_fault(&one, page(0), ACCESS_WRITE));
	one.base = hva(BASE + GIB); /* so that it overlooks the range */
	assert_result(OK, drop(page(0), PAGE_SIZE));
	assert_int_equal(census_found, 1);
	block_census = world_census;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(n1_nothing_inside_a_notice),
		TEST(n2_consumers_come_and_go_between_notices),
		TEST(n2_nobody_waits_for_what_was_told),
		TEST(n3_a_second_begin_widens),
		TEST(p5_token_checks_both),
		TEST(p5_token_covers_the_whole_leaf),
		TEST(n4_the_order_of_the_steps),
		TEST(n6_memslots_change_alone),
		TEST(n7_refused_whole),
		TEST(n7_refused_inside_another),
		TEST(n7_waiting_notices_are_not_refused),
		TEST(n8_a_turn_waits_for_the_active_notices),
		TEST(n8_who_was_refused_is_told),
		TEST(n2_the_list_is_held),
		TEST(n8_turns_one_at_a_time),
		TEST(n8_a_fault_completes_in_a_storm),
		TEST(n2_the_census_finds_who_was_not_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
