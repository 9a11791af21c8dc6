/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world and what must hold in it. world_check runs after every step that wrote: every leaf,
 * every translation that a TLB may still use, and what the pfn cache keeps agree with the memslots
 * and the host's table of this moment; none of them reaches a FREE frame (I2); none lies in the
 * range of a notice that has begun (I3). That is more than the invariants ask, and right: a host
 * entry changes only inside a notice, when nobody has a translation of it any more.
 */
#include "tests/race/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/machine/machine.h"
#include "hv/s2.h"
#include "hv/slot.h"
#include "mm/block.h"
#include "mm/grace.h"
#include "mm/host_table.h"
#include "tests/fake/fake.h"

struct world world;

const gpa_t machine_devices_end = { 0 };

static struct frame records[WORLD_FIRST + WORLD_FRAMES + 1]; /* the last: room for the chunks */
static struct s2_geometry tree;

const char *world_words(const char *format, ...)
{
	static char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

void world_must(enum result r, const char *what)
{
	if (r != OK)
		race_broken(world_words("%s: %s", what, result_words(r)));
}

/* ---- What must hold ---------------------------------------------------------------------------
 */

/* What the host has at `n` at this moment: the leaf's flags and the pfn of the page. */
struct shown {
	bool slot, writable_slot;
	uint64_t host;
	pfn_t pfn;
	hva_t hva;
};

static struct shown shown_at(uint64_t n)
{
	const struct slot_table *t = __c11_atomic_load(&world.vm.slots, __ATOMIC_RELAXED);
	struct shown s = { .slot = false };

	for (uint32_t i = 0; t != NULL && i < t->count; i++) {
		const struct slot *slot = &t->slots[i];
		if (n < slot->gfns.start.v || n >= slot->gfns.end.v)
			continue;
		unsigned level;
		s.slot = true;
		s.writable_slot = !slot->readonly;
		s.hva = slot_hva(slot, gfn(n));
		s.host = host_lookup(world.vm.space.root, s.hva, &level);
		s.pfn = host_pfn_at(s.host, level, s.hva);
	}
	return s;
}

static const char *check_notices(const char *who, uint64_t n, hva_t a)
{
	for (unsigned c = 0; c < WORLD_CPUS; c++)
		if (hva_range_covers(world.open[c], a))
			return world_words("I3: %s of page %llu in the range of an open notice",
					   who, (unsigned long long)n);
	return NULL;
}

static const char *check_frame(const char *who, uint64_t n, pfn_t p)
{
	if (frame_class(p) == FRAME_FREE)
		return world_words("I2: %s of page %llu reaches the free frame %llu", who,
				   (unsigned long long)n, (unsigned long long)p.v);
	return NULL;
}

/* A translation of page `n` to `p` agrees with memslots and host. */
static const char *check_page(const char *who, uint64_t n, pfn_t p, uint32_t attrs)
{
	struct shown s = shown_at(n);
	const char *wrong = check_frame(who, n, p);

	if (wrong != NULL)
		return wrong;
	if (!s.slot)
		return world_words("%s of page %llu, where no memslot is", who,
				   (unsigned long long)n);
	wrong = check_notices(who, n, s.hva);
	if (wrong != NULL)
		return wrong;
	if (!(s.host & HOST_LEAF) || s.pfn.v != p.v)
		return world_words("N1: %s of page %llu shows %#llx, the host has %#llx", who,
				   (unsigned long long)n, (unsigned long long)p.v,
				   (unsigned long long)(s.host & HOST_LEAF ? s.pfn.v : 0));
	if (attrs & S2_WRITE && (!(s.host & HOST_WRITE) || !s.writable_slot))
		return world_words("P7: %s of page %llu can be written, the host's entry cannot",
				   who, (unsigned long long)n);
	if (!(attrs & S2_COUNTED) != !!(s.host & HOST_SPECIAL))
		return world_words("S3: %s of page %llu: counted or not", who,
				   (unsigned long long)n);
	return NULL;
}

static const char *check_table(const uint64_t *table, unsigned level, uint64_t base)
{
	const struct s2_geometry *g = arch_s2_geometry;
	const char *wrong = NULL;

	for (unsigned i = 0; i < 1u << g->bits[level] && wrong == NULL; i++) {
		struct s2_entry e = arch_s2_decode(level, table[i]);
		uint64_t first = base + ((uint64_t)i << g->shift[level]);
		if (e.kind == S2_TABLE) {
			if (frame_class(e.pfn) != FRAME_TABLE)
				return world_words("S6: a table of stage-2, frame %llu, is %s",
						   (unsigned long long)e.pfn.v,
						   frame_class_words(frame_class(e.pfn)));
			wrong = check_table(mm_linear(e.pfn), e.below, first);
		}
		for (uint64_t n = 0; e.kind == S2_LEAF && wrong == NULL; n++) {
			if (n == UINT64_C(1) << g->shift[level])
				break;
			wrong = check_page("a leaf", first + n, pfn(e.pfn.v + n), e.attrs);
		}
	}
	return wrong;
}

static const char *check_tlb(const struct world_tlb *t)
{
	uint64_t gen = __c11_atomic_load(&world.vm.s2.arch.flush_gen, __ATOMIC_RELAXED);
	const char *wrong = NULL;

	if (!t->inside && t->gen != gen)
		return NULL; /* all of it goes before the next entry */
	for (unsigned i = 0; i < WORLD_TLB && wrong == NULL; i++)
		if (t->at[i].valid)
			wrong = check_page("a TLB entry", t->at[i].gfn, pfn(t->at[i].pfn),
					   t->at[i].attrs);
	return wrong;
}

static const char *check_cache(const struct pfn_cache *pc)
{
	uint64_t kept = __c11_atomic_load(&pc->kept, __ATOMIC_RELAXED);
	uint64_t page = (pc->page.v - WORLD_BASE) >> PAGE_SHIFT;
	unsigned level;

	if (kept == PFN_CACHE_NOTHING)
		return NULL;
	const char *wrong = check_frame("the pfn cache", page, pfn(kept));
	if (wrong == NULL)
		wrong = check_notices("the pfn cache", page, pc->page);
	uint64_t host = host_lookup(world.vm.space.root, pc->page, &level);
	if (wrong == NULL && host_pfn_at(host, level, pc->page).v != kept)
		wrong = world_words("N5: the pfn cache keeps %#llx, the host has %#llx",
				    (unsigned long long)kept,
				    (unsigned long long)host_pfn_at(host, level, pc->page).v);
	return wrong;
}

const char *world_check(void)
{
	const char *wrong =
		check_table(mm_linear(world.vm.s2.root), arch_s2_geometry->levels - 1, 0);

	for (unsigned c = 0; c < WORLD_CPUS && wrong == NULL; c++)
		wrong = check_tlb(&world.tlbs[c]);
	if (wrong == NULL && world.has_cache)
		wrong = check_cache(&world.cache);
	return wrong;
}

/* No atomic operation, and so no walk through a table, meets memory that is free (S6, I2). */
void world_access(const void *at, enum race_access what)
{
	pfn_t n;

	if (!memory_frame(at, &n))
		return;
	if (what != RACE_READ)
		memory_wrote(at);
	if (frame_class(n) == FRAME_FREE)
		race_broken(world_words("S6: frame %llu is free, and somebody is in it",
					(unsigned long long)n.v));
}

/* F8: what becomes free is reached by nobody. */
static const char *census_words(pfn_t first, uint64_t count)
{
	const char *wrong = world_check();

	for (uint64_t page = 0; page < WORLD_PAGES && wrong == NULL; page++) {
		unsigned level;
		uint64_t host = host_lookup(world.vm.space.root, world_hva(page), &level);
		if (host & HOST_LEAF &&
		    host_pfn_at(host, level, world_hva(page)).v - first.v < count)
			wrong = world_words(
				"F8: the host's entry %llu reaches the freed frame %llu",
				(unsigned long long)page, (unsigned long long)first.v);
	}
	return wrong;
}

static void census(pfn_t first, uint64_t count)
{
	race_hold(true);
	const char *wrong = census_words(first, count);
	race_hold(false);
	if (wrong != NULL)
		race_broken(wrong);
	for (uint64_t i = 0; i < count; i++)
		world.written[first.v + i - WORLD_FIRST] = false;
}

/* ---- The end ----------------------------------------------------------------------------------
 */

/* Nothing that was written is forgotten: the mark is in the leaf, or in the record (S3, F7). */
static const char *check_dirty(void)
{
	for (uint64_t n = 0; n < WORLD_PAGES; n++) {
		struct shown s = shown_at(n);
		unsigned level;
		if (!s.slot || !(s.host & HOST_LEAF) || s.host & HOST_SPECIAL ||
		    !world.written[s.pfn.v - WORLD_FIRST])
			continue;
		struct s2_entry e = s2_lookup(&world.vm.s2, gfn(n), &level);
		if (!(frame_of(s.pfn)->marks & FRAME_DIRTY) &&
		    !(e.kind == S2_LEAF && e.attrs & S2_DIRTY))
			return world_words("S3: page %llu was written, and nothing says so",
					   (unsigned long long)n);
	}
	return NULL;
}

static const char *check_counts(void)
{
	const struct notifier *nf = &world.vm.space.notifier;
	const struct consumer *c = &world.vm.s2.consumer;

	if ((nf->state & ~NOTIFIER_TELL) != 0)
		return "the notifier counts notices or turns that are over";
	if (c->open != 0)
		return "the consumer counts notices that are over";
	for (uint64_t n = WORLD_FIRST; n < WORLD_FIRST + WORLD_FRAMES; n++) {
		struct frame *f = &frame_table[n];
		const char *wrong = f->class == FRAME_FREE ? NULL : frame_check(f);
		if (wrong != NULL)
			return world_words("I1: frame %llu: %s", (unsigned long long)n, wrong);
	}
	return NULL;
}

/* All is taken apart; not a frame is lost (I5). */
static const char *take_apart(void)
{
	for (unsigned i = 0; i < WORLD_CPUS; i++) {
		if (world.vcpus[i].turn.asked)
			return "N8: a turn was not given back";
		s2_cache_empty(&world.vcpus[i].s2_cache);
	}
	if (world.has_cache)
		MUST(pfn_cache_destroy(&world.cache));
	world.has_cache = false;
	MUST(s2_destroy(&world.vm.s2));
	slot_destroy_all(&world.vm);
	block_census = NULL; /* it looks at what is gone now */
	space_destroy(&world.vm.space);
	grace_drain();
	const char *wrong = block_check();
	if (wrong == NULL && block_free_frames() != world.frames)
		wrong = world_words("I5: %llu frames were free, now %llu are",
				    (unsigned long long)world.frames,
				    (unsigned long long)block_free_frames());
	return wrong;
}

const char *world_finish(void)
{
	const char *wrong = world_check();

	if (wrong == NULL)
		wrong = check_counts();
	if (wrong == NULL)
		wrong = check_dirty();
	return wrong != NULL ? wrong : take_apart();
}

/* ---- Names ------------------------------------------------------------------------------------
 */

#define NAME(object, name)                                    \
	{                                                     \
		(const char *)&(object), sizeof(object), name \
	}

static bool describe_known(const void *object, char *text, size_t bytes)
{
	const struct {
		const char *at;
		size_t bytes;
		const char *name;
	} known[] = {
		NAME(world.vm.space.lock, "the space's lock"),
		NAME(world.vm.space.notifier.state, "the notifier's state"),
		NAME(world.vm.space.notifier, "the notifier"),
		NAME(world.vm.s2.consumer.lock, "stage-2's lock"),
		NAME(world.vm.s2.consumer.seq, "stage-2's seq"),
		NAME(world.vm.s2.arch.flush_gen, "flush_gen"),
		NAME(world.vm.s2, "stage-2"),
		NAME(world.vm.slots, "the memslots"),
		NAME(world.vm.slot_lock, "the slot lock"),
		NAME(world.vm.space, "the space"),
		NAME(world.cache.consumer.lock, "the cache's lock"),
		NAME(world.cache.consumer.seq, "the cache's seq"),
		NAME(world.cache.kept, "the cache's kept"),
		NAME(world.cache, "the cache"),
		NAME(world.wakes, "wakes"),
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if ((const char *)object - known[i].at < (ptrdiff_t)known[i].bytes &&
		    (const char *)object >= known[i].at) {
			snprintf(text, bytes, "%s", known[i].name);
			return true;
		}
	}
	return false;
}

/* Where in the tree the entry stands: "the leaf of page 5", "a table's entry of page 4". */
static bool describe_s2(const uint64_t *table, unsigned level, uint64_t base, const void *entry,
			char *text, size_t bytes)
{
	const struct s2_geometry *g = arch_s2_geometry;

	for (unsigned i = 0; i < 1u << g->bits[level]; i++) {
		struct s2_entry e = arch_s2_decode(level, table[i]);
		uint64_t first = base + ((uint64_t)i << g->shift[level]);
		if (&table[i] == entry) {
			snprintf(text, bytes, "stage-2's entry %llu, level %u",
				 (unsigned long long)first, level);
			return true;
		}
		if (e.kind == S2_TABLE &&
		    describe_s2(mm_linear(e.pfn), e.below, first, entry, text, bytes))
			return true;
	}
	return false;
}

static bool describe_host(const void *entry, char *text, size_t bytes)
{
	for (uint64_t page = 0; page < WORLD_PAGES; page++) {
		const uint64_t *table = world.vm.space.root;
		for (unsigned l = HOST_LEVELS - 1;; l--) {
			const uint64_t *at = &table[host_index(l, world_hva(page))];
			if (at == entry) {
				snprintf(text, bytes, "the host's entry %llu, level %u",
					 (unsigned long long)page, l);
				return true;
			}
			if (!host_is_table(*at))
				break;
			table = mm_linear(host_pfn(*at));
		}
	}
	return false;
}

void world_describe(const void *object, char *text, size_t bytes)
{
	uintptr_t in_records = (uintptr_t)object - (uintptr_t)records;
	pfn_t n;

	text[0] = '\0';
	if (describe_known(object, text, bytes))
		return;
	for (unsigned i = 0; i < WORLD_CPUS; i++) {
		uintptr_t within = (uintptr_t)object - (uintptr_t)&world.vcpus[i];
		if (within < sizeof(world.vcpus[i]))
			snprintf(text, bytes, "vCPU %u", i);
		within = (uintptr_t)object - (uintptr_t)&world.tlbs[i];
		if (within < sizeof(world.tlbs[i]))
			snprintf(text, bytes, "CPU %u's TLB", i);
	}
	if (in_records < sizeof(records)) {
		static const char *const fields[] = {
			"refs",	 0, 0, 0, "pins",  0,	    0,	     0,
			"owner", 0, 0, 0, "class", "order", "place", "marks",
		};
		snprintf(text, bytes, "frame %llu's %s",
			 (unsigned long long)(in_records / sizeof(records[0])),
			 fields[in_records % sizeof(records[0])]);
	} else if (memory_frame(object, &n)) {
		if (!describe_host(object, text, bytes) &&
		    !describe_s2(mm_linear(world.vm.s2.root), arch_s2_geometry->levels - 1, 0,
				 object, text, bytes))
			snprintf(text, bytes, "a word of frame %llu", (unsigned long long)n.v);
	}
}

/* ---- Set-up -----------------------------------------------------------------------------------
 */

/* Each CPU has frames at hand, each vCPU its table pages: a run need not begin with that. */
static void caches_fill(void)
{
	for (unsigned i = 0; i < WORLD_CPUS; i++) {
		pfn_t n;
		race_be(i);
		MUST(block_alloc(FRAME_TABLE, 0, OWNER_HYPERVISOR, &n));
		MUST(block_free(n, 0, OWNER_HYPERVISOR));
		MUST(s2_cache_fill(&world.vcpus[i].s2_cache));
	}
	race_be(0);
}

void world_begin(const struct world_options *o)
{
	MUST(block_table_bytes(WORLD_FIRST + WORLD_FRAMES) <= sizeof(records) ? OK : OUT_OF_MEMORY);
	block_init(records, WORLD_FIRST + WORLD_FRAMES);
	block_add(pfn(WORLD_FIRST), WORLD_FRAMES);
	tree = (struct s2_geometry){
		.levels = 3,
		.shift = { 0, 2, 4 },
		.bits = { 2, 2, 2 },
		.leaf_levels = 3,
		.hw_young = !o->soft,
		.hw_dirty = !o->soft,
	};
	if (o->side) {
		tree.side = tree.levels;
		tree.shift[tree.side] = 1;
		tree.bits[tree.side] = 1;
		tree.leaf_levels |= 1u << tree.side;
	}
	fake_tlb_reset(&tree, 1, o->broadcast);
	world.broadcast = o->broadcast;
	world.frames = block_free_frames();
	MUST(space_create(&world.vm.space, o->huge));
	MUST(s2_create(&world.vm.s2, &world.vm));
	for (unsigned i = 0; i < WORLD_CPUS; i++) {
		world.vcpus[i].vm = &world.vm;
		world.vcpus[i].index = i;
		world.vm.vcpus[i] = &world.vcpus[i];
	}
	world.vm.vcpu_count = WORLD_CPUS;
	caches_fill();
	block_census = census;
	race_quiet(NULL, 0);
	race_quiet(&records[WORLD_FIRST + WORLD_FRAMES], sizeof(records[0])); /* all are ready */
	race_quiet(&world.vm.stats, sizeof(world.vm.stats));
	race_quiet(&world.vm.last_fault, sizeof(world.vm.last_fault));
}

void world_anon(uint64_t page, uint64_t pages, unsigned permissions, bool share_zero)
{
	struct region_spec spec = { .kind = REGION_ANON,
				    .permissions = permissions,
				    .share_zero = share_zero };
	MUST(space_map(&world.vm.space, world_range(page, pages), &spec));
}

uint32_t world_slot(uint64_t n, uint64_t pages, uint64_t page, unsigned flags)
{
	struct gfn_range gfns = { gfn(n), gfn(n + pages) };
	uint32_t id = 0;

	MUST(slot_create(&world.vm, gfns, world_hva(page), flags, &id));
	return id;
}

void world_keep(void)
{
	memory_keep();
}

void world_restore(void)
{
	memory_restore();
}
