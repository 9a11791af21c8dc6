/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations on a host space against a naive model of it (tests/unit/mm_model.h), with a
 * consumer that keeps translations as a stage-2 does, pfn caches, pins, owners that take and move
 * their memory, notices left open for a while, and memory that runs out. After each step what was
 * touched is compared, now and then everything; whatever becomes free is looked for among all
 * translations at that moment (I1-I5, F8).
 * RANDOM_OPS and RANDOM_SEED in the environment choose how many operations, and which.
 */
#include <stdlib.h>

#include "mm/pfn_cache.h"
#include "tests/unit/mm_keep.h"
#include "tests/unit/mm_model.h"
#include "tests/unit/threads.h" /* threads_random */

#define CHECK_EVERY 512u

static uint64_t seed;

static unsigned any(unsigned below)
{
	return threads_random(&seed) % below;
}

static bool one_in(unsigned n)
{
	return any(n) == 0;
}

/* One allocation in so many fails though there is memory; 0: none. */
static unsigned alloc_fails;
static bool alloc_failed;
static uint64_t alloc_failures;

static bool may_alloc(unsigned order)
{
	(void)order;
	if (alloc_fails == 0 || !one_in(alloc_fails))
		return true;
	alloc_failed = true;
	alloc_failures++;
	return false;
}

/* A refusal for want of memory is believed if there is little, or if we made it so. */
static bool short_of_memory(enum result r)
{
	bool made = alloc_failed;
	alloc_failed = false;
	return r == OUT_OF_MEMORY && (made || block_free_frames() < 1200);
}

static uint64_t answers[RESULT_COUNT], effects[4], raced_installs;

static void expect(enum result wanted, enum result got)
{
	answers[got]++;
	if (got != wanted && !short_of_memory(got))
		fail_msg("%s: \"%s\", not \"%s\"", doing, result_words(got), result_words(wanted));
}

/* ---- Choosing ----------------------------------------------------------------------------- */

static unsigned focus; /* most of what happens, happens near here for a while */

static unsigned any_page(void)
{
	if (one_in(300))
		focus = any(PAGES - 64);
	return one_in(8) ? any(PAGES) : focus + any(48);
}

static void any_range(unsigned *first, unsigned *end)
{
	unsigned size = 1 + any(one_in(8) ? 100 : 12);
	*first = any_page();
	if (one_in(16)) {
		*first &= ~511u;
		size = 512 * (1 + any(2));
	}
	*end = *first + size > PAGES ? PAGES : *first + size;
}

static struct hva_range range_of(unsigned first, unsigned end)
{
	return (struct hva_range){ page_hva(first), page_hva(end) };
}

static enum access any_access(void)
{
	return one_in(8) ? ACCESS_EXEC : one_in(2) ? ACCESS_WRITE : ACCESS_READ;
}

static unsigned any_permissions(void)
{
	static const unsigned sets[] = {
		RW, RW, RW, RW, RWX, RWX, ACCESS_READ, (unsigned)ACCESS_READ | ACCESS_EXEC
	};
	if (one_in(16))
		return one_in(2) ? ACCESS_WRITE : 0;
	return sets[any(8)];
}

static bool has_region(unsigned first, unsigned end)
{
	for (unsigned p = first; p < end; p++)
		if (model[p].region != 0)
			return true;
	return false;
}

static bool all_regions(unsigned first, unsigned end)
{
	for (unsigned p = first; p < end; p++)
		if (model[p].region == 0)
			return false;
	return true;
}

/* ---- Operations --------------------------------------------------------------------------- */

static struct region_spec any_spec(unsigned *source)
{
	struct region_spec spec = anon(any_permissions());

	spec.share_zero = one_in(3);
	*source = any(SOURCES);
	if (one_in(2))
		return spec;
	spec.share_zero = false;
	spec.kind =
		sources[*source].kind == SOURCE_MIXED || one_in(8) ? REGION_MIXED : REGION_PFNMAP;
	spec.type = one_in(2) ? MEM_WRITE_BACK : (enum memtype)any(4);
	spec.ops = &source_ops;
	spec.owner = &sources[*source];
	spec.offset = any(one_in(2) ? 4 : 64) * PAGE_SIZE * (one_in(4) ? 512 : 1);
	return spec;
}

static enum result spec_answer(const struct region_spec *spec)
{
	bool write_back = spec->type == MEM_WRITE_BACK;
	if (!(spec->permissions & ACCESS_READ))
		return BAD_ARGUMENT;
	return !write_back && spec->permissions & ACCESS_EXEC ? BAD_ARGUMENT : OK;
}

/* In step with the source's pfns, so that large leaves fit. */
static void align_offset(struct region_spec *spec, unsigned source, unsigned first)
{
	if (spec->kind != REGION_ANON)
		spec->offset = (first & (source_pages(&sources[source]) - 1)) * PAGE_SIZE;
}

/* Where to map: a few pages, a hole, or whole leaves of 2 MiB that are made free before. */
static void map_range(unsigned *first, unsigned *end)
{
	any_range(first, end);
	if (one_in(6)) {
		*first &= ~511u;
		*end = *first + 512 * (1 + any((PAGES - *first) / 512));
		if (space_unmap(&world.space, range_of(*first, *end), NOTICE_WAIT) == OK)
			model_unmap(*first, *end);
		hull_begin(*first, *end, open_count != 0);
	} else if (one_in(2)) {
		for (*end = *first; *end < PAGES && *end < *first + 600;)
			if (model[(*end)++].region != 0)
				break;
	}
}

static void op_map(void)
{
	unsigned first, end, source;
	struct region_spec spec = any_spec(&source);

	doing = "map";
	map_range(&first, &end);
	if (one_in(2))
		align_offset(&spec, source, first);
	enum result wanted = spec_answer(&spec);
	if (wanted == OK && has_region(first, end))
		wanted = OVERLAPS;
	enum result r = space_map(&world.space, range_of(first, end), &spec);
	expect(wanted, r);
	if (r == OK) {
		model_regions++;
		for (unsigned p = first; p < end; p++)
			model[p] = (struct model_page){
				.region = model_regions,
				.kind = (uint8_t)spec.kind,
				.permissions = (uint8_t)spec.permissions,
				.type = (uint8_t)spec.type,
				.source = (uint8_t)source,
				.zeros = spec.share_zero,
				.offset = (uint32_t)(spec.offset >> PAGE_SHIFT) + p - first,
			};
	}
	check_touched(first, end);
}

static enum result protect_answer(unsigned first, unsigned end, unsigned permissions)
{
	if (!all_regions(first, end))
		return NO_REGION;
	if (permissions == 0)
		return OK;
	if (!(permissions & ACCESS_READ))
		return BAD_ARGUMENT;
	for (unsigned p = first; p < end; p++)
		if (permissions & ACCESS_EXEC && model[p].type != MEM_WRITE_BACK)
			return BAD_ARGUMENT;
	return OK;
}

static enum result move_answer(unsigned first, unsigned end, unsigned to)
{
	if (!all_regions(first, end))
		return NO_REGION;
	if (model[first].region != model[end - 1].region)
		return BAD_ARGUMENT;
	return has_region(to, to + (end - first)) ? OVERLAPS : OK;
}

/* The four changes: each is a notice, which widens the hull of those that are open. */
static void op_change(void)
{
	unsigned first, end, permissions = any_permissions(), which = any(12);
	unsigned to = any(PAGES - 1024);
	if (which == 0 && !one_in(3))
		which = 5;
	enum result wanted = OK, r;

	any_range(&first, &end);
	struct hva_range range = range_of(first, end);
	enum notice_mode mode = one_in(4) ? NOTICE_WAIT : NOTICE_TRY;
	vm.refuse = one_in(50);
	bool refused = vm.refuse && mode == NOTICE_TRY;
	if (!refused)
		hull_begin(first, end, open_count != 0);
	switch (which) {
	case 0:
		doing = "unmap";
		r = space_unmap(&world.space, range, mode);
		break;
	case 1:
	case 2:
		doing = "move";
		if (one_in(4))
			to = (to & ~511u) + (first & 511u);
		wanted = move_answer(first, end, to);
		r = space_move(&world.space, range, page_hva(to), mode);
		break;
	case 3:
	case 4:
		doing = "protect";
		wanted = protect_answer(first, end, permissions);
		r = space_protect(&world.space, range, permissions, mode);
		break;
	default:
		doing = "drop";
		r = space_drop(&world.space, range, mode);
		break;
	}
	vm.refuse = false;
	expect(refused ? WOULD_SLEEP : wanted, r);
	if (r == OK && which == 0)
		model_unmap(first, end);
	else if (r == OK && which <= 2)
		model_move(first, end, to);
	else if (r == OK && which <= 4)
		model_protect(first, end, permissions);
	else if (r == OK)
		model_drop(first, end);
	check_touched(first, end);
	if (which == 1 || which == 2)
		check_touched(to, to + (end - first));
}

/* The leaf around `p`, in pages of the window. */
static void span_of(unsigned p, unsigned *first, unsigned *end)
{
	unsigned level;
	(void)leaf_at(page_hva(p), &level);
	if (level > 1)
		level = 1;
	*first = p & ~((1u << host_order(level)) - 1);
	*end = *first + (1u << host_order(level));
}

static void check_around(unsigned p)
{
	unsigned first, end;
	span_of(p, &first, &end);
	check_touched(first, end);
}

/* P1, H7: what the answer says of the page is what the entry is. */
static void check_answer(unsigned p, const struct follow_answer *a)
{
	const struct model_page *m = &model[p];
	unsigned level;

	(void)leaf_at(page_hva(p), &level);
	if (a->order != host_order(level) || a->executable != ((m->entry & HOST_EXEC) != 0))
		model_fail(p, "wrong about span or execution");
	bool special = m->entry & HOST_SPECIAL;
	if (a->type != (special ? (enum memtype)m->type : MEM_WRITE_BACK))
		model_fail(p, "wrong about the memory type");
	if (a->class != (!special	       ? FRAME_COUNTED
			 : m->entry & HOST_RAM ? FRAME_UNCOUNTED
					       : FRAME_DEVICE))
		model_fail(p, "wrong about the class");
}

/* A round of a stage-2 fault, and what must come of it. */
static void op_fault(void)
{
	unsigned p = any_page();
	enum access access = any_access();
	struct token t = token_take(&vm.consumer);
	struct follow_request rq = map_request(&t, hva(page_hva(p).v + any(PAGE_SIZE)), access);
	struct follow_answer answer;
	enum effect effect = EFFECT_NONE;

	doing = "fault";
	rq.slot_writable = !one_in(10);
	rq.want_writable = one_in(2);
	enum result wanted = OK;
	if (access == ACCESS_WRITE && !rq.slot_writable)
		wanted = READONLY_MEMSLOT;
	else if (!host_allows(model[p].entry, access))
		wanted = predict_fault(p, access, false, &effect);
	enum result r = follow_pfn(&rq, &answer);
	expect(wanted, r);
	effects[r == OK ? effect : EFFECT_NONE]++;
	if (r == OK)
		absorb(p, access, false, effect);
	if (r == OK && effect == EFFECT_BROKEN)
		hull_begin(p, p + 1, open_count != 0);
	if (r == OK) {
		if (answer.pfn.v != model[p].pfn)
			model_fail(p, "another pfn was answered");
		check_answer(p, &answer);
		bool may = (access == ACCESS_WRITE || rq.want_writable) && rq.slot_writable;
		if (answer.writable != (may && model[p].entry & HOST_WRITE))
			model_fail(p, "wrong about writing (P7)");
		bool raced = effect == EFFECT_BROKEN ||
			     (open_count != 0 && p >= hull_first && p < hull_end);
		spin_lock(&vm.consumer.lock);
		bool holds = token_check(&vm.consumer, &t, range_of(p, p + 1));
		if (holds)
			keep_page(&vm.pages[p], &answer);
		spin_unlock(&vm.consumer.lock);
		raced_installs += raced;
		if (holds == raced)
			model_fail(p, raced ? "established in a notice" : "lost for no reason");
	}
	check_around(p);
}

static enum result pin_answer(unsigned p, enum access access, enum effect *effect)
{
	const struct model_page *m = &model[p];

	*effect = EFFECT_NONE;
	if (access == ACCESS_EXEC)
		return BAD_INTENT;
	if (m->region != 0 && m->kind == REGION_PFNMAP)
		return CANNOT_PIN_UNCOUNTED;
	if (!host_allows(m->entry, access) || m->entry & HOST_SHARED) {
		enum result r = predict_fault(p, access, true, effect);
		if (r != OK)
			return r;
	}
	struct region_backing b = { .counted = true };
	if (m->kind == REGION_MIXED && m->entry == 0)
		(void)source_answer(&sources[m->source], m->offset, access, &b);
	bool raw = m->entry != 0 ? m->entry & HOST_SPECIAL : !b.counted;
	return raw ? CANNOT_PIN_UNCOUNTED : OK;
}

static void op_pin(void)
{
	unsigned p = any_page();
	enum access access = any_access();
	struct follow_request rq = map_request(NULL, page_hva(p), access);
	struct follow_answer answer;
	enum effect effect;

	doing = "pin";
	if (pin_count == PINS || one_in(3)) {
		if (pin_count == 0)
			return;
		unsigned i = any(pin_count);
		pfn_t n = pins[i];
		pins[i] = pins[--pin_count];
		frame_unpin(frame_of(n));
		return;
	}
	rq.intent = INTENT_PIN;
	enum result wanted = pin_answer(p, access, &effect);
	enum result r = follow_pfn(&rq, &answer);
	expect(wanted, r);
	if (r == OK || r == CANNOT_PIN_UNCOUNTED)
		absorb(p, access, true, effect);
	if (r == OK && effect == EFFECT_BROKEN)
		hull_begin(p, p + 1, open_count != 0);
	if (r == OK) {
		if (answer.pfn.v != model[p].pfn || answer.hold != HOLD_PINNED)
			model_fail(p, "another page was pinned");
		pins[pin_count++] = answer.pfn;
	}
	check_around(p);
}

/* PREFETCH and PEEK find what is there, and nothing else. */
static void op_look(void)
{
	unsigned p = any_page();
	enum access access = any_access();
	struct token t = token_take(&vm.consumer);
	struct follow_request rq = map_request(&t, page_hva(p), access);
	struct follow_answer answer;

	doing = "prefetch";
	rq.intent = INTENT_PREFETCH;
	bool there = host_allows(model[p].entry, access);
	expect(there ? OK : WOULD_SLEEP, follow_pfn(&rq, &answer));
	if (there && answer.pfn.v != model[p].pfn)
		model_fail(p, "another pfn was answered");
	doing = "peek";
	rq.intent = INTENT_PEEK;
	rq.token = NULL;
	spin_lock(&world.space.lock);
	enum result r = follow_pfn(&rq, &answer);
	spin_unlock(&world.space.lock);
	expect(there ? OK : model[p].entry != 0 ? NO_PERMISSION : NO_BACKING, r);
	check_page(p);
}

/* C1: through a cache; a fault of its own is absorbed like any other. */
static void op_cache(void)
{
	struct pfn_cache *pc = &caches[any(2)];
	unsigned p = cache_page(pc);
	uint64_t value = threads_random(&seed);
	enum access access = one_in(2) ? ACCESS_READ : ACCESS_WRITE;
	enum effect effect = EFFECT_NONE;

	doing = "cache";
	if (one_in(8) && open_count == 0) {
		expect(OK, pfn_cache_destroy(pc));
		expect(OK, pfn_cache_create(pc, &world.space, page_hva(any_page())));
		return;
	}
	bool ready = pc->kept != PFN_CACHE_NOTHING && (access == ACCESS_READ || pc->writable);
	if (!ready && !host_allows(model[p].entry, access))
		(void)predict_fault(p, access, false, &effect);
	enum result r = access == ACCESS_WRITE ? pfn_cache_write(pc, 1024, &value, sizeof(value))
					       : pfn_cache_read(pc, 1024, &value, sizeof(value));
	if (!short_of_memory(r)) {
		absorb(p, access, false, effect);
		if (effect == EFFECT_BROKEN)
			hull_begin(p, p + 1, open_count != 0);
	}
	if (open_count != 0 && !ready && r == OK)
		model_fail(p, "a cache was filled while a notice is active (N5)");
	if (r == OK && memcmp((char *)mm_linear(pfn(model[p].pfn)) + 1024, &value, 8) != 0)
		model_fail(p, "what was copied is not in the page");
	check_around(p);
}

/* A notice that stays open over some steps. */
static void op_notice(void)
{
	unsigned first, end;

	doing = "notice";
	if (open_count == 2 || (open_count != 0 && one_in(2))) {
		unsigned i = any(open_count);
		notice_end(&open_notices[i]);
		open_notices[i] = open_notices[--open_count];
		return;
	}
	any_range(&first, &end);
	struct notice *n = &open_notices[open_count];
	expect(OK, notice_begin(n, &world.space.notifier, range_of(first, end), NOTICE_TRY));
	hull_begin(first, end, open_count++ != 0);
	check_touched(first, end);
}

/* ---- Owners of PFNMAP and MIXED memory (H4) ----------------------------------------------- */

static void source_release(struct source *s)
{
	if (s->kind == SOURCE_POOL && !s->gone)
		assert_result(OK, block_free(s->first, s->order, alice));
	for (unsigned i = 0; s->kind == SOURCE_MIXED && i < 64; i += 2)
		frame_put(frame_of(s->frames[i]));
}

/* New memory behind the source; false: there is none. */
static bool source_renew(struct source *s)
{
	s->read_only_first = one_in(2);
	s->write_order = s->order;
	switch (s->kind) {
	case SOURCE_POOL:
		s->order = 4 + any(6);
		s->write_order = one_in(2) ? s->order : 0;
		s->gone = block_alloc(FRAME_UNCOUNTED, s->order, alice, &s->first) != OK;
		return !s->gone;
	case SOURCE_DEVICE:
		s->first = pfn(DEVICE_PFN + any(16) * 8192);
		s->order = any(3) * 9;
		s->write_order = one_in(2) ? s->order : 0;
		s->gone = one_in(4);
		return true;
	case SOURCE_MIXED:
		s->first = pfn(DEVICE_PFN + any(16) * 8192);
		env_alloc = NULL; /* it is the test that takes these */
		for (unsigned i = 0; i < 64; i += 2)
			assert_result(OK, block_alloc(FRAME_COUNTED, 0, alice, &s->frames[i]));
		env_alloc = may_alloc;
		return true;
	}
	return false;
}

/* The owner takes its memory back, frees it, and offers other memory, all in one notice. */
static void op_owner(void)
{
	unsigned which = any(SOURCES), first = PAGES, end = 0;
	struct source *s = &sources[which];
	struct notice n;
	enum result r = OK;

	doing = "owner";
	if (s->kind == SOURCE_MIXED && block_free_frames() < 200)
		return;
	for (unsigned p = 0; p < PAGES; p++) {
		if (model[p].region == 0 || model[p].kind == REGION_ANON ||
		    model[p].source != which)
			continue;
		first = p < first ? p : first;
		end = p + 1;
	}
	if (first >= end)
		first = 0, end = 1;
	expect(OK, notice_begin(&n, &world.space.notifier, range_of(first, end), NOTICE_TRY));
	hull_begin(first, end, open_count != 0);
	for (unsigned p = first; p < end && r == OK; p++) {
		if (model[p].region == 0 || model[p].kind == REGION_ANON ||
		    model[p].source != which || model[p].entry == 0)
			continue;
		r = space_clear(&world.space, &n, range_of(p, p + 1));
		if (r == OK)
			model_drop(p, p + 1);
	}
	expect(OK, r);
	if (r == OK) {
		source_release(s);
		(void)source_renew(s);
	}
	notice_end(&n);
	check_touched(first, end);
}

static void op_memory(void)
{
	doing = "memory";
	env_alloc = NULL;
	if (hog_count != 0)
		hog_release();
	else if (block_free_frames() > 64)
		hog_leave(any(40));
	env_alloc = may_alloc;
}

/* ---- The run ------------------------------------------------------------------------------ */

static void step(void)
{
	static void (*const operations[])(void) = {
		op_map,	  op_change, op_change, op_pin,	  op_look,  op_cache, op_fault, op_fault,
		op_fault, op_fault,  op_fault,	op_fault, op_fault, op_fault, op_fault, op_fault,
	};
	if (one_in(hog_count != 0 ? 200 : 4000))
		op_memory();
	else if (one_in(200))
		op_owner();
	else if (one_in(24))
		op_notice();
	else
		operations[any(sizeof(operations) / sizeof(operations[0]))]();
	if (one_in(16))
		grace_poll();
	if (one_in(4000))
		world.space.huge = !world.space.huge;
}

static void begin(void)
{
	world_begin(RAM_PAGES, true);
	block_census = census;
	memset(model, 0, sizeof(model));
	memset(&vm, 0, sizeof(vm));
	memset(sources, 0, sizeof(sources));
	model_regions = model_tags = pin_count = open_count = 0;
	sources[0].kind = sources[1].kind = SOURCE_POOL;
	sources[2].kind = sources[3].kind = SOURCE_DEVICE;
	sources[4].kind = SOURCE_MIXED;
	for (unsigned i = 0; i < SOURCES; i++)
		assert_true(source_renew(&sources[i]));
	assert_result(OK, consumer_register(&vm.consumer, &world.space.notifier, &vm_ops,
					    CONSUMER_TABLE));
	for (unsigned i = 0; i < 2; i++)
		assert_result(OK, pfn_cache_create(&caches[i], &world.space, page_hva(100 * i)));
}

static void end(void)
{
	while (open_count > 0)
		notice_end(&open_notices[--open_count]);
	for (unsigned i = 0; i < 2; i++)
		assert_result(OK, pfn_cache_destroy(&caches[i]));
	hog_release();
	assert_result(OK, unmap(page_hva(0), PAGES * PAGE_SIZE));
	assert_result(OK, consumer_unregister(&vm.consumer));
	while (pin_count > 0)
		frame_unpin(frame_of(pins[--pin_count]));
	for (unsigned i = 0; i < SOURCES; i++)
		source_release(&sources[i]);
	world_end();
}

static void say_what_happened(void)
{
	for (unsigned r = 0; r < RESULT_COUNT; r++)
		if (answers[r] != 0)
			print_message("# %10llu %s\n", (unsigned long long)answers[r],
				      result_words((enum result)r));
	print_message("# faults made %llu entries, widened %llu, broke %llu, raced %llu times\n",
		      (unsigned long long)effects[EFFECT_MADE],
		      (unsigned long long)effects[EFFECT_WIDENED],
		      (unsigned long long)effects[EFFECT_BROKEN],
		      (unsigned long long)raced_installs);
}

static void run(uint64_t first_seed, uint64_t count)
{
	print_message("# RANDOM_OPS=%llu RANDOM_SEED=%llu\n", (unsigned long long)count,
		      (unsigned long long)first_seed);
	seed = first_seed;
	begin();
	env_alloc = may_alloc;
	for (uint64_t i = 0; i < count; i++) {
		step();
		if (i % CHECK_EVERY == 0) {
			model_check();
			for (unsigned p = 0; p < PAGES; p++)
				check_kept(p);
		}
	}
	env_alloc = NULL;
	model_check();
	end();
	say_what_happened();
}

static uint64_t number(const char *name, uint64_t other)
{
	return getenv(name) != NULL ? strtoull(getenv(name), NULL, 0) : other;
}

static void random_operations(void **state)
{
	(void)state, alloc_fails = 0;
	run(number("RANDOM_SEED", 20231), number("RANDOM_OPS", 300000));
}

/* What is refused for want of memory has changed nothing, wherever the want begins. */
static void allocations_fail(void **state)
{
	(void)state;
	alloc_fails = 8;
	run(number("RANDOM_SEED", 20232), number("RANDOM_OPS", 300000) / 3);
	assert_true(alloc_failures != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations),
		cmocka_unit_test(allocations_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
