/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Installing: a leaf comes into a VM's stage-2 tree, or is widened, if its token still holds (P5).
 * The consumer's lock is held by whoever writes (hv/s2.c).
 */
#include "hv/s2_tree.h"

#include "hv/shootdown.h"

/* A table of level `below`, for the entry of `level` at `at`. */
static uint64_t *table_add(struct s2 *s2, struct s2_cache *cache, uint64_t *at, unsigned level,
			   unsigned below)
{
	MM_ASSERT(cache->count > 0);
	pfn_t page = cache->pages[--cache->count];
	arch_s2_set(at, level, arch_s2_table(below, page));
	s2->tables++;
	return mm_linear(page);
}

/* S2, H7: does a leaf of `level` stay inside the host's span and the memslot, and in step with the
 * pfn? What one level does not fit, no larger one does. */
static bool level_fits(const struct s2_map *map, unsigned level)
{
	uint64_t within = level_pages(level) - 1, first = map->gfn.v & ~within;

	return arch_s2_geometry->shift[level] <= map->answer.order &&
	       ((map->gfn.v ^ map->answer.pfn.v) & within) == 0 && first >= map->slot->start.v &&
	       first + within < map->slot->end.v;
}

/* The level of the largest leaf that fits, of the levels up to `most` and the one beside level 0.
 */
static unsigned level_choose(const struct s2_map *map, unsigned most)
{
	const unsigned side = arch_s2_geometry->side;
	unsigned best = 0;

	for (unsigned l = 1; l <= most && level_fits(map, l); l++)
		best = arch_s2_geometry->leaf_levels & 1u << l ? l : best;
	return best == 0 && side != 0 && level_fits(map, side) ? side : best;
}

/* Is `level`, 0 or 1, what level_choose would choose? false: perhaps not. */
static bool level_is(const struct s2_map *map, unsigned level)
{
	const struct s2_geometry *g = arch_s2_geometry;

	if (level == 0)
		return map->answer.order == 0;
	return (g->leaf_levels & 1u << level) != 0 && map->answer.order < g->shift[level + 1] &&
	       level_fits(map, level);
}

static uint32_t leaf_attrs(const struct s2_map *map)
{
	const struct follow_answer *a = &map->answer;

	return S2_YOUNG | (a->writable ? S2_WRITE : 0) |
	       (a->may_write != a->writable ? S2_MAY_WRITE : 0) | (a->executable ? S2_EXEC : 0) |
	       (map->access & ACCESS_WRITE ? S2_DIRTY : 0) |
	       (a->class == FRAME_COUNTED ? S2_COUNTED : 0) | S2_TYPE(a->type);
}

/* Can the guest go on with this leaf? Not, where software notes the use (S10), before it is noted.
 */
static bool leaf_allows(uint32_t attrs, enum access access, bool unmarked)
{
	if ((!arch_s2_geometry->hw_young || unmarked) && !(attrs & S2_YOUNG))
		return false;
	if (unmarked && access == ACCESS_WRITE && !(attrs & S2_DIRTY))
		return false;
	if (access == ACCESS_WRITE)
		return (attrs & S2_WRITE) != 0;
	return access == ACCESS_READ || (attrs & S2_EXEC) != 0;
}

/* An entry, and the level of its table. */
struct place {
	uint64_t *at;
	unsigned level;
};

/* On the way down to `level`, from one above it: what comes after `from`. */
static inline unsigned level_next(unsigned from, unsigned level)
{
	return from > 1 ? from - 1 : level; /* 0, or the level beside it */
}

/*
 * The entry for `n` at `level`, or what is in the way above it: a leaf, nothing, or, at level 1, a
 * table of the other kind, of level 0 or beside it.
 */
static struct place walk(struct s2 *s2, gfn_t n, unsigned level)
{
	uint64_t *table = root_of(s2);
	unsigned l = top_level();

	for (;;) {
		uint64_t *at = &table[entry_index(l, n)];
		if (l == level)
			return (struct place){ at, l };
		struct s2_entry e = arch_s2_decode(l, entry_load(at));
		if (e.kind != S2_TABLE || e.below != level_next(l, level))
			return (struct place){ at, l };
		table = mm_linear(e.pfn);
		l = e.below;
	}
}

/* Adds the tables that are missing at `p`, down to `level`; the entry there. */
static uint64_t *tables_add(struct s2 *s2, struct s2_cache *cache, gfn_t n, struct place p,
			    unsigned level)
{
	while (p.level != level) {
		unsigned below = level_next(p.level, level);
		uint64_t *table = table_add(s2, cache, p.at, p.level, below);
		p.level = below;
		p.at = &table[entry_index(p.level, n)];
	}
	return p.at;
}

static void leaf_new(struct s2 *s2, const struct s2_map *map, uint64_t *at, unsigned level,
		     uint32_t attrs)
{
	pfn_t first = pfn(map->answer.pfn.v & ~(level_pages(level) - 1));

	arch_s2_set(at, level, arch_s2_leaf(level, first, attrs));
	s2->leaves[level]++;
}

/* What it allows it keeps: a notice would have removed what the host narrowed. */
static void leaf_widen(struct place p, struct s2_entry old, uint32_t attrs)
{
	attrs |= old.attrs & (S2_WRITE | S2_MAY_WRITE | S2_EXEC | S2_YOUNG | S2_DIRTY);
	arch_s2_set(p.at, p.level, arch_s2_leaf(p.level, old.pfn, attrs));
}

/*
 * A leaf is there and does not allow the access. Of the same span or a smaller one it is widened in
 * place; a larger one than the host's span must not be (M15: the host allowed this page only), so
 * it goes.
 */
static enum s2_outcome leaf_change_locked(struct s2 *s2, struct s2_cache *cache,
					  const struct s2_map *map, unsigned level, struct place p,
					  struct s2_entry old) REQUIRES(s2->consumer.lock)
{
	pfn_t first = pfn(map->answer.pfn.v & ~(level_pages(p.level) - 1));
	bool same = first.v == old.pfn.v;

	if (same && arch_s2_geometry->shift[p.level] <= map->answer.order) {
		leaf_widen(p, old, leaf_attrs(map));
		return S2_WIDENED;
	}
	/* H5: another pfn without a notice would be somebody's error. */
	MM_ASSERT(pfn(old.pfn.v + (map->gfn.v & (level_pages(p.level) - 1))).v ==
		  map->answer.pfn.v);
	gfn_t start = gfn(map->gfn.v & ~(level_pages(p.level) - 1));
	leaf_remove(s2, p.at, p.level);
	shootdown(s2, (struct gfn_range){ start, gfn(start.v + level_pages(p.level)) });
	leaf_new(s2, map, tables_add(s2, cache, map->gfn, p, level), level, leaf_attrs(map));
	return S2_NEW;
}

/* F7: the lock that is held keeps out the notice that would free the frame. */
static inline void mark_locked(const struct s2_map *map)
{
	if (map->answer.class == FRAME_COUNTED)
		frame_mark(frame_counted(map->answer.pfn),
			   FRAME_YOUNG | (map->access & ACCESS_WRITE ? FRAME_DIRTY : 0));
}

/*
 * A page needs a leaf of its own where a table of larger ones stands, beside level 0. That goes
 * whole, as by a notice; what else the guest uses of it faults again and joins the pages.
 */
static void side_remove(struct s2 *s2, gfn_t n) REQUIRES(s2->consumer.lock)
{
	gfn_t start = gfn(n.v & ~(level_pages(1) - 1));

	(void)s2_remove_locked(s2, (struct gfn_range){ start, gfn(start.v + level_pages(1)) });
}

/*
 * The entry for a leaf of *level, or the missing table or larger leaf above it. Where smaller
 * leaves stand already *level becomes theirs: the new one joins them.
 */
static struct place place_for(struct s2 *s2, const struct s2_map *map, unsigned *level,
			      struct s2_entry *e) REQUIRES(s2->consumer.lock)
{
	for (;;) {
		struct place p = walk(s2, map->gfn, *level);
		*e = arch_s2_decode(p.level, entry_load(p.at));
		if (e->kind != S2_TABLE)
			return p;
		if (p.level > 1) {
			*level = level_choose(map, p.level - 1);
		} else if (*level != 0) {
			*level = e->below;
		} else { /* larger leaves, beside level 0 */
			p = walk(s2, map->gfn, e->below);
			*e = arch_s2_decode(p.level, entry_load(p.at));
			if (e->kind == S2_LEAF && leaf_allows(e->attrs, map->access, map->unmarked))
				return p; /* S9: another CPU's, by what the host had then */
			side_remove(s2, map->gfn);
		}
	}
}

static void install_locked(struct s2 *s2, struct s2_cache *cache, const struct s2_map *map,
			   unsigned level, struct s2_installed *out) REQUIRES(s2->consumer.lock)
{
	struct s2_entry e;
	struct place p = place_for(s2, map, &level, &e);

	if (e.kind == S2_NONE) {
		leaf_new(s2, map, tables_add(s2, cache, map->gfn, p, level), level,
			 leaf_attrs(map));
		*out = (struct s2_installed){ S2_NEW, level };
	} else if (leaf_allows(e.attrs, map->access, map->unmarked)) {
		*out = (struct s2_installed){ S2_SPURIOUS, p.level };
	} else {
		enum s2_outcome what = leaf_change_locked(s2, cache, map, level, p, e);
		*out = (struct s2_installed){ what, what == S2_NEW ? level : p.level };
	}
	mark_locked(map);
}

/* Where in the host space the leaf of `level` for `map` comes from. */
static struct hva_range leaf_hvas(const struct s2_map *map, unsigned level)
{
	uint64_t before = map->gfn.v & (level_pages(level) - 1);
	hva_t start = hva(hva_page(map->hva).v - (before << PAGE_SHIFT));

	return hva_range(start, level_pages(level) << PAGE_SHIFT);
}

enum result s2_install(struct s2 *s2, struct s2_cache *cache, const struct s2_map *map,
		       struct s2_installed *out)
{
	unsigned level = level_choose(map, top_level());

	mm_step("s2_install", s2);
	spin_lock(&s2->consumer.lock);
	/* All of the leaf, not only the page: a notice may be open beside it. */
	bool holds = token_check(&s2->consumer, &map->token, leaf_hvas(map, level));
	if (holds)
		install_locked(s2, cache, map, level, out);
	spin_unlock(&s2->consumer.lock);
	return holds ? OK : RACED;
}

/* The entry of `level` for `n`, and its table at hand for the next. NULL: a larger leaf is there.
 */
static __attribute__((noinline)) uint64_t *near_walk(struct s2 *s2, struct s2_cache *cache, gfn_t n,
						     unsigned level)
{
	struct place p = walk(s2, n, level);

	if (p.level != level && entry_load(p.at) != 0)
		return NULL;
	uint64_t *at = tables_add(s2, cache, n, p, level);
	s2->near[level] = (struct s2_near){ table_number(n, level), at - entry_index(level, n) };
	return at;
}

/*
 * A leaf of level 0 is there: enough already (S9), or widened. Most often a write finds what a read
 * has left, a leaf that lacks nothing but the write: it need not be decoded to be seen.
 */
static inline enum s2_outcome page_change(uint64_t *at, pfn_t n, uint32_t attrs, enum access access,
					  bool unmarked)
{
	const uint32_t by_write = S2_WRITE | S2_DIRTY;
	uint64_t old = entry_load(at);

	if (access == ACCESS_WRITE && attrs & S2_WRITE &&
	    old == arch_s2_leaf(0, n, attrs & ~by_write)) {
		arch_s2_set(at, 0, arch_s2_leaf(0, n, attrs));
		return S2_WIDENED;
	}
	struct s2_entry e = arch_s2_decode(0, old);
	if (e.pfn.v != n.v)
		return S2_OTHER;
	if (leaf_allows(e.attrs, access, unmarked))
		return S2_SPURIOUS;
	leaf_widen((struct place){ at, 0 }, e, attrs);
	return S2_WIDENED;
}

/*
 * A leaf that says itself that it may be written, and is not writable, becomes so. F7: marked under
 * the lock.
 */
static inline __attribute__((always_inline)) struct s2_widened widen_at(struct place p, gfn_t n)
{
	uint64_t old = entry_load(p.at);
	struct s2_entry e = arch_s2_decode(p.level, old);

	if (e.kind != S2_LEAF || (e.attrs & (S2_WRITE | S2_MAY_WRITE)) != S2_MAY_WRITE)
		return (struct s2_widened){ .done = false };
	arch_s2_set(p.at, p.level, arch_s2_written(old));
	pfn_t page = pfn(e.pfn.v + (n.v & (level_pages(p.level) - 1)));
	if (__builtin_expect(!(e.attrs & S2_COUNTED), false)) /* S3 */
		return (struct s2_widened){ page,
					    frame_of(page) != NULL ? FRAME_UNCOUNTED : FRAME_DEVICE,
					    p.level, true };
	frame_mark(frame_counted(page), FRAME_YOUNG | FRAME_DIRTY);
	return (struct s2_widened){ page, FRAME_COUNTED, p.level, true };
}

/* The same where no table is at hand, or the leaf is a larger one. */
static __attribute__((noinline)) struct s2_widened widen_far(struct s2 *s2, gfn_t n)
{
	if (table_number(n, top_level()) != 0)
		return (struct s2_widened){ .done = false };
	struct place p = walk(s2, n, 0);

	if (p.level == 0)
		s2->near[0] = (struct s2_near){ table_number(n, 0), p.at - entry_index(0, n) };
	return widen_at(p, n);
}

/* Part of the fault's way where the linker can see both. */
__attribute__((always_inline)) struct s2_widened s2_widen(struct s2 *s2, gfn_t n,
							  const struct token *token)
{
	const struct s2_near *near = &s2->near[0];
	struct s2_widened leaf = { .done = false };

	mm_step("s2_widen", s2);
	spin_lock(&s2->consumer.lock);
	/*
	 * P5, M15. That the leaf stands already proves that nothing was narrowed since it was made,
	 * for a notice takes the leaf away before it begins; but in an open notice's hull nothing
	 * is given (I3), and who changes that argument finds the check where it is asked.
	 */
	if (token_quiet(&s2->consumer, token)) {
		if (__builtin_expect(table_number(n, 0) == near->number, true))
			leaf = widen_at((struct place){ &near->table[entry_index(0, n)], 0 }, n);
		else
			leaf = widen_far(s2, n);
	}
	spin_unlock(&s2->consumer.lock);
	return leaf;
}

static inline __attribute__((always_inline)) enum s2_outcome install_near_locked(
	struct s2 *s2, struct s2_cache *cache, const struct s2_map *map, uint32_t attrs,
	unsigned level, bool present) REQUIRES(s2->consumer.lock)
{
	const struct s2_near *near = &s2->near[level];
	enum s2_outcome outcome = S2_NEW;

	/* All of the leaf, as in s2_install. */
	if (!token_check(&s2->consumer, &map->token, leaf_hvas(map, level)))
		return S2_RACED;
	/* Pages that follow each other are mostly in one table. */
	uint64_t *at;
	if (__builtin_expect(table_number(map->gfn, level) == near->number, true)) {
		at = &near->table[entry_index(level, map->gfn)];
	} else {
		at = near_walk(s2, cache, map->gfn, level);
		if (at == NULL)
			return S2_OTHER;
	}
	if (__builtin_expect((entry_load(at) != 0) != present, false))
		return S2_OTHER;
	if (present) {
		outcome = page_change(at, map->answer.pfn, attrs, map->access, map->unmarked);
		if (outcome == S2_OTHER)
			return outcome;
	} else {
		leaf_new(s2, map, at, level, attrs);
	}
	mark_locked(map);
	return outcome;
}

/* Part of the fault's way where the linker can see both. */
__attribute__((always_inline)) enum s2_outcome s2_install_near(struct s2 *s2,
							       struct s2_cache *cache,
							       const struct s2_map *map,
							       unsigned level, bool present)
{
	uint32_t attrs = leaf_attrs(map);

	MM_ASSERT(level < S2_NEAR_LEVELS && (level == 0 || !present));
	if (__builtin_expect(!level_is(map, level), false))
		return S2_OTHER;
	mm_step("s2_install", s2);
	spin_lock(&s2->consumer.lock);
	enum s2_outcome outcome = install_near_locked(s2, cache, map, attrs, level, present);
	spin_unlock(&s2->consumer.lock);
	return outcome;
}
