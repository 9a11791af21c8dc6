/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations over the whole stack - guest accesses on several CPUs, memslots, regions,
 * owners, pins, notices, and each of them in the middle of a fault - against a model that knows
 * only pages: what region each host page is in, what it holds, and which memslot shows it where.
 * Every entry is looked at as it is written (hv_fixture.h, I1-I4), the tree and the marks now and
 * then, and that no frame is lost at the end (I5). RANDOM_OPS and RANDOM_SEED as in test_random.c.
 */
#include "tests/unit/hv_model.h"

#include "tests/unit/hv_host_ops.h"
#include "tests/unit/hv_inject.h"

/* ---- Memslots ------------------------------------------------------------------------------- */

static bool slots_let_in(enum result r)
{
	if (trouble_failed(r))
		return false;
	random_check((r == BUSY) == (turn_asked() || notice_active(&fix.vm.space.notifier)));
	return r != BUSY;
}

static bool overlaps_slot(uint64_t n, uint64_t pages, const struct model_slot *but)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && &slots[i] != but && n < slots[i].gfn + slots[i].pages &&
		    slots[i].gfn < n + pages)
			return true;
	return false;
}

static uint64_t some_gfn(void)
{
	return random_one_in(2) ? random_below(GFNS) : 512 * random_below(GFNS / 512);
}

static void op_slot_create(void)
{
	struct model_slot s = { .used = true, .readonly = random_one_in(5), .gfn = some_gfn() };
	unsigned flags = s.readonly ? SLOT_READONLY : 0;
	if (random_one_in(2))
		flags |= SLOT_TRACK_WRITES;
	struct model_slot *at = &slots[random_below(SLOTS)];
	s.page = random_one_in(2) ? random_below(HOST_PAGES) : 512 * random_below(HOST_PAGES / 512);
	if (random_one_in(2)) /* in step */
		s.page = (s.page & ~UINT64_C(511)) + (s.gfn & 511);
	s.pages = some_pages(s.page, HOST_PAGES);
	if (random_one_in(2))
		s.pages = HOST_PAGES - s.page;
	if (at->used)
		return;
	bool overlaps = overlaps_slot(s.gfn, s.pages, NULL);
	enum result r = slot_create(&fix.vm, (struct gfn_range){ gfn(s.gfn), gfn(s.gfn + s.pages) },
				    fix_hva(s.page), flags, &s.id);
	if (r == OVERLAPS) {
		random_check(overlaps);
		return;
	}
	if (!slots_let_in(r))
		return;
	random_check(r == OK && !overlaps);
	*at = s;
}

static void op_slot_delete(void)
{
	struct model_slot *s = &slots[random_below(SLOTS)];
	enum result r = slot_delete(&fix.vm, s->used ? s->id : UINT32_MAX);
	if (!s->used) {
		random_check(r == NOT_FOUND);
		return;
	}
	if (!slots_let_in(r))
		return;
	random_check(r == OK);
	s->used = false;
}

static void op_slot_move(void)
{
	struct model_slot *s = &slots[random_below(SLOTS)];
	uint64_t to = some_gfn();
	if (!s->used)
		return;
	bool overlaps = overlaps_slot(to, s->pages, s);
	enum result r = slot_move(&fix.vm, s->id, gfn(to));
	if (r == OVERLAPS) {
		random_check(overlaps);
		return;
	}
	if (!slots_let_in(r))
		return;
	random_check(r == OK && !overlaps);
	s->gfn = to;
}

/* ---- Notices and pins ----------------------------------------------------------------------- */

static void op_notice_begin(void)
{
	unsigned i = (unsigned)random_below(OPEN);
	uint64_t page, pages;
	some_range(HOST_PAGES, &page, &pages);
	if (opened[i].used)
		return;
	enum result r = notice_begin(&opened[i].notice, &fix.vm.space.notifier,
				     fix_range(page, pages), NOTICE_TRY);
	if (refused(r))
		return;
	random_check(r == OK);
	opened[i].used = true;
	opened[i].page = page;
	opened[i].pages = pages;
	for (unsigned s = 0; s < SLOTS; s++) /* N1 */
		for (uint64_t p = page; slots[s].used && p < page + pages; p++)
			if (p - slots[s].page < slots[s].pages)
				random_check(!fix_mapped(slots[s].gfn + p - slots[s].page));
}

static void op_notice_end(void)
{
	unsigned i = (unsigned)random_below(OPEN);
	if (!opened[i].used)
		return;
	notice_end(&opened[i].notice);
	opened[i].used = false;
}

static void op_unpin(void)
{
	struct model_pin *p = &pins[random_below(PINS)];
	if (!p->used)
		return;
	random_check(*(uint64_t *)mm_linear(p->pfn) ==
		     (p->attached ? host[p->page].content : p->content)); /* F5 */
	frame_unpin(frame_head(frame_of(p->pfn)));
	p->used = false;
}

static void op_pin(void)
{
	struct model_pin *p = &pins[random_below(PINS)];
	uint64_t page = random_below(HOST_PAGES);
	const struct host_page *h = &host[page];
	struct follow_answer answer;
	if (p->used)
		return;
	struct follow_request rq = { .space = &fix.vm.space,
				     .hva = fix_hva(page),
				     .access = ACCESS_WRITE,
				     .intent = INTENT_PIN,
				     .slot_writable = true,
				     .may_sleep = true };
	enum result r = follow_pfn(&rq, &answer);
	if (trouble_failed(r))
		return;
	if (r == BUSY) {
		random_check(turn_asked());
		return;
	}
	if (h->kind == NONE)
		random_check(r == NO_REGION);
	else if (h->kind != ANON)
		random_check(r == CANNOT_PIN_UNCOUNTED); /* P3 */
	else
		random_check(r == (h->permissions & ACCESS_WRITE ? OK : NO_PERMISSION));
	if (r == OK)
		*p = (struct model_pin){ true, true, answer.pfn, page, 0 };
}

/* ---- The guest ------------------------------------------------------------------------------ */

static void (*const meanwhile[])(void) = {
	op_drop,   op_drop,	   op_protect,	 op_unmap, op_move, op_device,
	op_device, op_slot_delete, op_slot_move, op_map,   op_pool,
};

static void something_happens(void)
{
	meanwhile[random_below(sizeof(meanwhile) / sizeof(meanwhile[0]))]();
}

static void access_ok(uint64_t n, enum access access, uint64_t value, enum result after,
		      uint64_t page)
{
	random_check(after == OK);
	random_check(!is_open(page)); /* N1 */
	if (access == ACCESS_WRITE) {
		*content_of(page) = value;
		host[page].written = true;
	} else {
		random_check(value == *content_of(page));
	}
	random_check(fix_mapped(n));
}

/* `n`, or where there is something. */
static uint64_t somewhere(uint64_t n)
{
	for (unsigned i = 0; i < 12 && slot_at(n) == NULL; i++) {
		const struct model_slot *s = &slots[random_below(SLOTS)];
		if (s->used)
			n = s->gfn +
			    random_below(random_one_in(2) && s->pages > 32 ? 32 : s->pages);
	}
	return n;
}

/*
 * While a notice is open and nothing has changed yet: inside its range nothing is served, outside
 * all is as it was (N1, I3; the entries are looked at as they are written).
 */
static void access_meanwhile(void)
{
	struct vcpu *v = &fix.vcpus[random_below(FIX_CPUS)];
	uint64_t n = somewhere(random_below(GFNS)), page = 0;
	enum access access = random_one_in(2) ? ACCESS_WRITE : ACCESS_READ;
	uint64_t value = access == ACCESS_WRITE ? ++values : 0;

	if (v->fault_pending || v == trouble.faulting)
		return;
	enum result wanted = expected(n, access, &page);
	enum result r = fix_access(v, n << PAGE_SHIFT, access, &value);
	if (r == OK)
		access_ok(n, access, value, wanted, page);
	else if (r == BUSY)
		fault_abandon(v); /* else its turn would keep out the next notices */
	else if (!trouble_failed(r))
		random_check(r == wanted);
}

static void op_access(void)
{
	static const enum access kinds[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_READ, ACCESS_WRITE,
					     ACCESS_EXEC };
	static const char *const steps[] = { "fault_token", "fault_followed", "s2_install",
					     "follow_fault" };
	enum access access = kinds[random_below(5)];
	struct vcpu *v = &fix.vcpus[random_below(FIX_CPUS)];
	uint64_t n = random_below(GFNS), value = access == ACCESS_WRITE ? ++values : 0, page = 0;
	bool crossed = random_one_in(8);

	if (v->fault_pending)
		return;
	n = somewhere(n);
	enum result before = expected(n, access, &page);
	unsigned open_before = open_count();
	env_cpu((unsigned)random_below(FIX_CPUS));
	if (crossed)
		fix_at(steps[random_below(4)], something_happens, (unsigned)random_below(6) + 1);
	trouble.faulting = v;
	enum result r = fix_access(v, n << PAGE_SHIFT, access, &value);
	trouble.faulting = NULL;
	fix_hook.times = 0;
	env_cpu(0);
	enum result after = expected(n, access, &page);
	if (r == OK)
		access_ok(n, access, value, after, page);
	if (r == OK)
		trouble_repeat(v, n, access);
	else if (trouble_failed(r))
		return;
	else if (r == BUSY)
		random_check(open_before != 0); /* N8: without an open notice nobody waits */
	else
		random_check(r == before || r == after);
	if (r == BUSY && random_one_in(2))
		fault_abandon(v);
	grace_poll();
}

/* A fault that had to wait is served again; by now it may be refused. */
static void op_again(void)
{
	struct vcpu *v = &fix.vcpus[random_below(FIX_CPUS)];
	uint64_t page = 0;
	if (!v->fault_pending)
		return;
	enum result wanted = expected(gpa_to_gfn(v->exit.fault.gpa).v, v->exit.fault.access, &page);
	trouble.faulting = v;
	enum result r = fix_again(v);
	trouble.faulting = NULL;
	if (trouble_failed(r))
		return;
	if (r == BUSY) {
		random_check(open_count() != 0);
		if (random_one_in(4))
			fault_abandon(v);
		return;
	}
	random_check(r == wanted);
	if (r == OK && v->exit.fault.access == ACCESS_WRITE)
		host[page].written = true; /* about to be: it is marked already */
}

/* With `leave` frames left. */
static void op_without_memory(void)
{
	static pfn_t hogged[8192];
	unsigned hogs = 0;
	uint64_t leave = random_below(6), n = random_below(GFNS), value = ++values, page = 0;
	if (fix.vcpus[0].fault_pending)
		return;
	while (block_free_frames() > leave &&
	       block_alloc(FRAME_UNCOUNTED, 0, bob, &hogged[hogs]) == OK)
		hogs++;
	enum result wanted = expected(n, ACCESS_WRITE, &page);
	enum result r = fix_access(&fix.vcpus[0], n << PAGE_SHIFT, ACCESS_WRITE, &value);
	if (r == OK)
		access_ok(n, ACCESS_WRITE, value, wanted, page);
	else
		random_check(r == wanted || r == OUT_OF_MEMORY || (r == BUSY && open_count() != 0));
	if (r == BUSY)
		fault_abandon(&fix.vcpus[0]);
	while (hogs > 0)
		random_check(block_free(hogged[--hogs], 0, bob) == OK);
}

/* ---- The layer ------------------------------------------------------------------------------ */

static const struct s2_geometry trees[] = {
	{ 4, { 0, 9, 18, 27 }, { 9, 9, 9, 9 }, 7, 0, true, true, 0 },
	{ 3, { 0, 9, 18 }, { 9, 9, 11 }, 7, 2, true, true, 0 },
	{ 4, { 0, 9, 18, 27 }, { 9, 9, 9, 13 }, 7, 4, false, false, 0 },
	{ 4, { 0, 5, 9, 16 }, { 5, 4, 7, 11 }, 3, 2, true, false, 0 },
	{ 4, { 0, 4, 9, 18 }, { 4, 5, 9, 9 }, 5, 0, false, true, 0 },
	{ 4, { 0, 9, 18, 27, 4 }, { 9, 9, 9, 13, 5 }, 0x17, 4, true, true, 4 },
	{ 4, { 0, 5, 9, 16, 1 }, { 5, 4, 7, 11, 4 }, 0x13, 2, false, true, 4 },
};

static void begin(void)
{
	memset(host, 0, sizeof(host));
	memset(slots, 0, sizeof(slots));
	memset(pins, 0, sizeof(pins));
	memset(opened, 0, sizeof(opened));
	memset(device_content, 0, sizeof(device_content));
	regions = values = 0;
	fix_begin(&(struct fix_options){ .pages = 6144,
					 .small = random_one_in(4),
					 .broadcast = random_one_in(2),
					 .tree = &trees[random_below(7)] });
	device = (struct fix_owner){ .first = FIX_DEVICE, .order = 8, .read_only_first = true };
	pool = (struct fix_owner){ .gone = true, .order = 8 };
	fix_pfnmap(&device, ANON_PAGES, OWNED, MEM_UNCACHED, RW);
	fix_pfnmap(&pool, ANON_PAGES + OWNED, OWNED, MEM_WRITE_BACK, RWX);
	for (uint64_t p = 0; p < OWNED; p++) {
		host[ANON_PAGES + p] = (struct host_page){ DEVICE, RW, UINT32_MAX, 0, false };
		host[ANON_PAGES + OWNED + p] =
			(struct host_page){ POOL, RWX, UINT32_MAX - 1, 0, false };
	}
	trouble_begin();
}

/* Dirty is neither lost (S3, F7) nor made up (I4), as far as one page has a record of its own. */
static void check_marks(uint64_t page)
{
	unsigned level;
	uint64_t leaf = host_lookup(fix.vm.space.root, fix_hva(page), &level);
	uint32_t attrs = 0;
	if (leaf == 0 || leaf & HOST_SHARED) {
		random_check(host[page].content == 0);
		return;
	}
	struct frame *f = frame_of(host_pfn_at(leaf, level, fix_hva(page)));
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && page - slots[i].page < slots[i].pages)
			attrs |= fix_leaf(slots[i].gfn + page - slots[i].page, NULL).attrs;
	bool dirty = frame_head(f)->marks & FRAME_DIRTY || attrs & S2_DIRTY;
	random_check(!host[page].written || dirty);
	random_check(f->order != 0 || host[page].written || !dirty);
}

static void check(void)
{
	fix_check_tree();
	for (uint64_t p = 0; p < ANON_PAGES; p++)
		if (host[p].kind == ANON)
			check_marks(p);
	for (unsigned i = 0; i < PINS; i++)
		if (pins[i].used)
			random_check(frame_pins(frame_of(pins[i].pfn)) != 0 ||
				     frame_head(frame_of(pins[i].pfn)) != frame_of(pins[i].pfn));
}

static void end(void)
{
	trouble_end();
	for (unsigned i = 0; i < OPEN; i++)
		if (opened[i].used)
			notice_end(&opened[i].notice);
	for (unsigned i = 0; i < FIX_CPUS; i++)
		fault_abandon(&fix.vcpus[i]);
	for (unsigned i = 0; i < PINS; i++)
		if (pins[i].used)
			frame_unpin(frame_head(frame_of(pins[i].pfn)));
	if (!pool.gone)
		op_pool();
	fix_end();
}

static const struct random_op ops[] = {
	{ "access", 4000, op_access },
	{ "again", 200, op_again },
	{ "drop", 60, op_drop },
	{ "protect", 30, op_protect },
	{ "unmap", 8, op_unmap },
	{ "map", 150, op_map },
	{ "renew", 30, op_renew },
	{ "move", 40, op_move },
	{ "device", 30, op_device },
	{ "pool", 10, op_pool },
	{ "slot create", 150, op_slot_create },
	{ "slot delete", 8, op_slot_delete },
	{ "slot move", 10, op_slot_move },
	{ "notice begin", 20, op_notice_begin },
	{ "notice end", 90, op_notice_end },
	{ "pin", 30, op_pin },
	{ "unpin", 30, op_unpin },
	{ "without memory", 1, op_without_memory },
};

static const struct random_layer layer = {
	"guest memory", begin, ops, sizeof(ops) / sizeof(ops[0]), check, end,
};
static const struct random_layer *const layers[] = { &layer };

#define DEFAULT_OPS 150000u
#define SEEDS 10u

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	return s ? strtoull(s, NULL, 0) : otherwise;
}

/* Divided among the seeds; the most rounds that a fault has needed go to *rounds. */
static void run_all(uint64_t count, uint64_t *rounds, uint64_t *raced)
{
	uint64_t one = number("RANDOM_SEED", 0);
	for (uint64_t seed = one ? one : 1; seed <= (one ? one : SEEDS); seed++) {
		uint64_t share = one ? count : count / SEEDS;
		print_message("RANDOM_SEED=%llu RANDOM_OPS=%llu\n", (unsigned long long)seed,
			      (unsigned long long)share);
		random_run(seed, share, layers, 1);
		*rounds = *rounds > fix.vm.stats.max_rounds ? *rounds : fix.vm.stats.max_rounds;
		*raced += fix.vm.stats.raced;
	}
	assert_true(*rounds <= NOTICE_MAX_ROUNDS); /* N8 */
}

static void guests_see_what_the_model_says(void **state)
{
	uint64_t rounds = 0, raced = 0;

	(void)state;
	memset(&trouble, 0, sizeof(trouble));
	run_all(number("RANDOM_OPS", DEFAULT_OPS), &rounds, &raced);
	assert_true(raced != 0); /* else it has tried nothing */
}

static void with_trouble(unsigned no_memory, unsigned slow_notice, unsigned repeated_fault)
{
	uint64_t rounds = 0, raced = 0;

	memset(&trouble, 0, sizeof(trouble));
	trouble.no_memory = no_memory;
	trouble.slow_notice = slow_notice;
	trouble.repeated_fault = repeated_fault;
	trouble.meanwhile = access_meanwhile;
	run_all(number("RANDOM_OPS", DEFAULT_OPS) / 3, &rounds, &raced);
	assert_true((trouble.failures != 0) == (no_memory != 0));
	assert_true((trouble.slow != 0) == (slow_notice != 0));
	assert_true((trouble.repeats != 0) == (repeated_fault != 0));
}

/* Any allocation may fail, and then nothing has happened. */
static void allocations_fail(void **state)
{
	(void)state;
	with_trouble(6, 0, 0);
}

static void notices_are_slow(void **state)
{
	(void)state;
	with_trouble(0, 1, 0);
}

static void faults_come_again(void **state)
{
	(void)state;
	with_trouble(0, 0, 2);
}

static void all_of_it(void **state)
{
	(void)state;
	with_trouble(10, 2, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_see_what_the_model_says),
		cmocka_unit_test(allocations_fail),
		cmocka_unit_test(notices_are_slow),
		cmocka_unit_test(faults_come_again),
		cmocka_unit_test(all_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
