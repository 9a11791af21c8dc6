/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake's stage-2: an entry codec like no processor's, and a TLB for each CPU that forgets
 * nothing until it must. An entry is read by the "hardware" exactly as arch_s2_leaf wrote it, and
 * young and dirty are set in it by compare-and-swap, as a real table walk does.
 */
#include "tests/fake/fake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Before the byte swap. */
#define E_VALID (UINT64_C(1) << 63)
#define E_LEAF (UINT64_C(1) << 62)
#define E_COUNTED (UINT64_C(1) << 60)
#define E_MAY_WRITE (UINT64_C(1) << 4)
#define E_TYPE_SHIFT 56u
#define E_BELOW_SHIFT 52u /* of a table: its level */
#define E_PFN_SHIFT 8u
#define E_PFN_MASK ((UINT64_C(1) << 44) - 1)
#define E_NOT_EXEC (UINT64_C(1) << 3) /* inverted on purpose */
#define E_WRITE (UINT64_C(1) << 2)
#define E_DIRTY (UINT64_C(1) << 1)
#define E_YOUNG (UINT64_C(1) << 0)

#define TLB_ENTRIES 64u

struct translation {
	bool valid;
	uint64_t tag, gfn, pfn;
	uint32_t attrs;
};

static struct tlb {
	pthread_mutex_t lock;
	struct translation at[TLB_ENTRIES];
	struct { /* per tag: the flush generation this TLB has obeyed */
		const struct arch_s2 *s2;
		uint64_t gen;
	} seen[64];
} tlbs[ARCH_MAX_CPUS];

static const struct s2_geometry default_tree = {
	.levels = 4,
	.shift = { 0, 9, 18, 27 },
	.bits = { 9, 9, 9, 9 },
	.leaf_levels = 7,
	.hw_young = true,
	.hw_dirty = true,
};

static struct s2_geometry tree_in_use;
const struct s2_geometry *const arch_s2_geometry = &tree_in_use;
void (*fake_on_entry)(uint64_t *where, unsigned level, uint64_t old, uint64_t now);
static unsigned tlb_count = 1;
static bool flush_broadcasts;
static _Atomic uint64_t next_tag = 1;

void fake_tlb_reset(const struct s2_geometry *tree, unsigned cpus, bool broadcast)
{
	tree_in_use = tree != NULL ? *tree : default_tree;
	tlb_count = cpus;
	flush_broadcasts = broadcast;
	fake_on_entry = NULL;
	for (unsigned i = 0; i < ARCH_MAX_CPUS; i++) {
		memset(&tlbs[i], 0, sizeof tlbs[i]);
		pthread_mutex_init(&tlbs[i].lock, NULL);
	}
}

/* ---- Codec --------------------------------------------------------------------------------- */

uint64_t arch_s2_leaf(unsigned level, pfn_t n, uint32_t attrs)
{
	uint64_t e = E_VALID | E_LEAF | (n.v & E_PFN_MASK) << E_PFN_SHIFT;

	MM_CHECK(level < S2_MAX_LEVELS && (arch_s2_geometry->leaf_levels >> level & 1));
	MM_CHECK((n.v & ((UINT64_C(1) << arch_s2_geometry->shift[level]) - 1)) == 0);
	e |= (uint64_t)S2_TYPE_OF(attrs) << E_TYPE_SHIFT;
	e |= attrs & S2_WRITE ? E_WRITE : 0;
	e |= attrs & S2_EXEC ? 0 : E_NOT_EXEC;
	e |= attrs & S2_YOUNG ? E_YOUNG : 0;
	e |= attrs & S2_DIRTY ? E_DIRTY : 0;
	e |= attrs & S2_COUNTED ? E_COUNTED : 0;
	e |= attrs & S2_MAY_WRITE ? E_MAY_WRITE : 0;
	return __builtin_bswap64(e);
}

uint64_t arch_s2_table(unsigned below, pfn_t table)
{
	return __builtin_bswap64(E_VALID | (uint64_t)below << E_BELOW_SHIFT |
				 (table.v & E_PFN_MASK) << E_PFN_SHIFT);
}

struct s2_entry arch_s2_decode(unsigned level, uint64_t entry)
{
	uint64_t e = __builtin_bswap64(entry);
	struct s2_entry d = { .kind = S2_NONE };

	(void)level;
	if (!(e & E_VALID))
		return d;
	d.pfn = pfn(e >> E_PFN_SHIFT & E_PFN_MASK);
	d.kind = e & E_LEAF ? S2_LEAF : S2_TABLE;
	if (d.kind == S2_TABLE) {
		d.below = e >> E_BELOW_SHIFT & 7;
		return d;
	}
	d.attrs = S2_TYPE((e >> E_TYPE_SHIFT) & 3u);
	d.attrs |= e & E_WRITE ? S2_WRITE : 0;
	d.attrs |= e & E_NOT_EXEC ? 0 : S2_EXEC;
	d.attrs |= e & E_YOUNG ? S2_YOUNG : 0;
	d.attrs |= e & E_DIRTY ? S2_DIRTY : 0;
	d.attrs |= e & E_COUNTED ? S2_COUNTED : 0;
	d.attrs |= e & E_MAY_WRITE ? S2_MAY_WRITE : 0;
	return d;
}

uint64_t arch_s2_written(uint64_t leaf)
{
	return leaf | __builtin_bswap64(E_WRITE | E_YOUNG | E_DIRTY);
}

/* ---- The two writers ------------------------------------------------------------------------ */

#define PERMISSIONS (S2_WRITE | S2_MAY_WRITE | S2_EXEC | S2_YOUNG | S2_DIRTY)

/* What stands and what shall stand name the same memory in the same way. */
static bool same_leaf(const struct s2_entry *a, const struct s2_entry *b)
{
	return a->kind == S2_LEAF && b->kind == S2_LEAF && a->pfn.v == b->pfn.v &&
	       ((a->attrs ^ b->attrs) & ~PERMISSIONS) == 0;
}

/* A leaf that may be written lacks nothing that one which is to be seen written permits. */
static bool lacks(uint32_t attrs, uint32_t wanted)
{
	if (attrs & S2_WRITE)
		attrs |= S2_MAY_WRITE;
	return (wanted & ~attrs & (S2_WRITE | S2_MAY_WRITE | S2_EXEC)) != 0;
}

static void check_entry(const struct s2_entry *e, unsigned level)
{
	bool side = level == 1 && arch_s2_geometry->side != 0 && e->below == arch_s2_geometry->side;

	MM_CHECK(e->kind != S2_TABLE || e->below + 1 == level || side);
	MM_CHECK(e->kind != S2_LEAF || S2_TYPE_OF(e->attrs) == MEM_WRITE_BACK ||
		 !(e->attrs & (S2_EXEC | S2_COUNTED)));
}

void arch_s2_set(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t old = __atomic_load_n(where, __ATOMIC_RELAXED);
	struct s2_entry to = arch_s2_decode(level, entry);
	uint64_t now;

	MM_CHECK(to.kind != S2_NONE);
	check_entry(&to, level);
	do {
		struct s2_entry from = arch_s2_decode(level, old);

		now = entry;
		if (from.kind != S2_NONE) {
			uint32_t kept = from.attrs & (S2_YOUNG | S2_DIRTY);

			MM_CHECK(same_leaf(&from, &to));
			MM_CHECK(!lacks(to.attrs, from.attrs));
			now = arch_s2_leaf(level, to.pfn, to.attrs | kept);
		}
	} while (!__atomic_compare_exchange_n(where, &old, now, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (fake_on_entry != NULL)
		fake_on_entry(where, level, old, now);
}

uint64_t arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t old = __atomic_exchange_n(where, entry, __ATOMIC_SEQ_CST);
	struct s2_entry from = arch_s2_decode(level, old), to = arch_s2_decode(level, entry);

	if (to.kind != S2_NONE) {
		check_entry(&to, level);
		MM_CHECK(same_leaf(&from, &to));
		MM_CHECK(!lacks(from.attrs, to.attrs));
	}
	if (fake_on_entry != NULL)
		fake_on_entry(where, level, old, entry);
	return old;
}

/* ---- Trees and TLBs ------------------------------------------------------------------------- */

enum result arch_s2_create(struct arch_s2 *s2, hpa_t root)
{
	s2->root = root;
	s2->tag = atomic_fetch_add(&next_tag, 1);
	atomic_store(&s2->flush_gen, 1);
	return OK;
}

void arch_s2_destroy(struct arch_s2 *s2)
{
	s2->tag = 0;
}

static void drop(struct tlb *t, uint64_t tag)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (t->at[i].tag == tag)
			t->at[i].valid = false;
}

bool arch_s2_flush(struct arch_s2 *s2, struct gfn_range range)
{
	MM_CHECK(range.start.v < range.end.v);
	if (!flush_broadcasts) {
		atomic_fetch_add(&s2->flush_gen, 1);
		return false;
	}
	for (unsigned c = 0; c < tlb_count; c++) {
		struct tlb *t = &tlbs[c];

		pthread_mutex_lock(&t->lock);
		for (unsigned i = 0; i < TLB_ENTRIES; i++)
			if (t->at[i].tag == s2->tag && range.start.v <= t->at[i].gfn &&
			    t->at[i].gfn < range.end.v)
				t->at[i].valid = false;
		pthread_mutex_unlock(&t->lock);
	}
	return true;
}

/* What the entry into a guest does: the flushes asked for since the last one are obeyed. */
void fake_tlb_enter(struct arch_s2 *s2)
{
	struct tlb *t = &tlbs[env_cpu_number()];
	unsigned i = (unsigned)(s2->tag % 64);
	uint64_t gen = atomic_load(&s2->flush_gen);

	pthread_mutex_lock(&t->lock);
	if (t->seen[i].s2 != s2 || t->seen[i].gen != gen)
		drop(t, s2->tag);
	t->seen[i].s2 = s2;
	t->seen[i].gen = gen;
	pthread_mutex_unlock(&t->lock);
}

unsigned fake_tlb_reaches(pfn_t n)
{
	unsigned found = 0;

	for (unsigned c = 0; c < tlb_count; c++) {
		pthread_mutex_lock(&tlbs[c].lock);
		for (unsigned i = 0; i < TLB_ENTRIES; i++)
			found += tlbs[c].at[i].valid && tlbs[c].at[i].pfn == n.v;
		pthread_mutex_unlock(&tlbs[c].lock);
	}
	return found;
}

unsigned fake_tlb_used(unsigned cpu)
{
	unsigned found = 0;

	pthread_mutex_lock(&tlbs[cpu].lock);
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		found += tlbs[cpu].at[i].valid;
	pthread_mutex_unlock(&tlbs[cpu].lock);
	return found;
}

/* ---- The guest's access --------------------------------------------------------------------- */

/* Walks to the leaf over `gfn` and sets its young and dirty bits. false: nothing there permits it.
 */
static bool walk(struct arch_s2 *s2, uint64_t gfn, enum access access, struct translation *to,
		 bool *present)
{
	const struct s2_geometry *g = arch_s2_geometry;
	unsigned level = g->levels - 1;
	uint64_t *table = arch_linear(s2->root);

	*present = false;
	for (;;) {
		uint64_t index = gfn >> g->shift[level] & ((UINT64_C(1) << g->bits[level]) - 1);
		uint64_t raw = __atomic_load_n(&table[index], __ATOMIC_ACQUIRE), now;
		struct s2_entry e = arch_s2_decode(level, raw);

		if (e.kind == S2_NONE)
			return false;
		if (e.kind == S2_TABLE) {
			table = arch_linear(pfn_to_hpa(e.pfn));
			level = e.below;
			continue;
		}
		*present = true;
		if ((access == ACCESS_WRITE && !(e.attrs & S2_WRITE)) ||
		    (access == ACCESS_EXEC && !(e.attrs & S2_EXEC)) ||
		    (!g->hw_young && !(e.attrs & S2_YOUNG)))
			return false;
		if (g->hw_young)
			e.attrs |= S2_YOUNG;
		if (g->hw_dirty && access == ACCESS_WRITE)
			e.attrs |= S2_DIRTY;
		now = arch_s2_leaf(level, e.pfn, e.attrs);
		if (now != raw && !__atomic_compare_exchange_n(&table[index], &raw, now, false,
							       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return walk(s2, gfn, access, to, present);
		to->pfn = e.pfn.v + (gfn & ((UINT64_C(1) << g->shift[level]) - 1));
		to->attrs = e.attrs;
		return true;
	}
}

static bool permits(const struct translation *t, enum access access)
{
	if (access == ACCESS_EXEC)
		return t->attrs & S2_EXEC;
	if (access == ACCESS_READ)
		return true;
	return (t->attrs & S2_WRITE) && (!arch_s2_geometry->hw_dirty || (t->attrs & S2_DIRTY));
}

bool fake_access(struct arch_s2 *s2, gpa_t at, enum access access, void *data, size_t bytes,
		 struct s2_fault *fault)
{
	struct tlb *t = &tlbs[env_cpu_number()];
	uint64_t gfn = at.v >> PAGE_SHIFT;
	struct translation *e = &t->at[gfn % TLB_ENTRIES], fresh = { .valid = true };
	unsigned char *memory;
	bool present, good = true;

	pthread_mutex_lock(&t->lock);
	if (!e->valid || e->tag != s2->tag || e->gfn != gfn || !permits(e, access)) {
		good = walk(s2, gfn, access, &fresh, &present);
		fresh.tag = s2->tag;
		fresh.gfn = gfn;
		if (good)
			*e = fresh;
	}
	if (good) {
		memory = fake_memory(hpa((e->pfn << PAGE_SHIFT) + (at.v & PAGE_MASK)), bytes);
		if (access == ACCESS_WRITE)
			memcpy(memory, data, bytes);
		else
			memcpy(data, memory, bytes);
	} else if (fault != NULL) {
		*fault = (struct s2_fault){ .gpa = at, .access = access, .present = present };
	}
	pthread_mutex_unlock(&t->lock);
	return good;
}
