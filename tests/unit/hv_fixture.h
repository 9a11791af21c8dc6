/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM made by hand: a host space, memslots, a stage-2 tree and vCPUs, on the fake architecture;
 * no board, no scheduler. A vCPU of it touches guest memory through a TLB and the tree, and faults.
 *
 * Every entry that is written is looked at as it is written: a new leaf must agree with the memslot
 * and the host entry of that very moment (P5, P7, S2, S3, S8, H7), no open notice may cover it
 * (I3), a table that goes must be empty, and what a removed leaf noted must be in the frame's
 * record before the flush (S3, F7). What becomes free is reached by nobody (I2, F8).
 */
#ifndef TESTS_UNIT_HV_FIXTURE_H
#define TESTS_UNIT_HV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/fault.h"
#include "hv/s2.h"
#include "hv/slot.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/follow.h"
#include "mm/grace.h"
#include "mm/host_table.h"
#include "tests/fake/fake.h"
#include "tests/unit/ram.h"

#define FIX_CPUS 4u
#define FIX_FIRST UINT64_C(512)	     /* first frame of RAM */
#define FIX_BASE (UINT64_C(8) << 30) /* where the tests map, 1 GiB-aligned */
#define FIX_DEVICE pfn(FAKE_DEVICE_BASE >> PAGE_SHIFT)
#define MIB2_PAGES UINT64_C(512)
#define RW ((unsigned)ACCESS_READ | ACCESS_WRITE)
#define RWX (RW | (unsigned)ACCESS_EXEC)

#define assert_result(wanted, call)                                                   \
	do {                                                                          \
		enum result got_ = (call);                                            \
		if (got_ != (wanted))                                                 \
			fail_msg("%s: \"%s\", not \"%s\"", #call, result_words(got_), \
				 result_words(wanted));                               \
	} while (0)

/* What is wrong in the middle of something: it may be said by a thread, with locks held. */
#define fix_check(e) ((e) ? (void)0 : mm_broken(__FILE__, __LINE__, #e))

struct fix_options {
	uint64_t pages; /* of RAM; 0: 4096 */
	bool small;	/* host entries of 4 KiB only */
	bool broadcast; /* flushes reach CPUs in their guests */
	const struct s2_geometry *tree;
};

struct fix_table {
	bool used;
	unsigned level;
	uint64_t base; /* gfn of its first entry */
};

static struct fix {
	struct vm vm;
	struct vcpu vcpus[FIX_CPUS];
	bool tree;		  /* there is one */
	bool broadcast;		  /* as in the options */
	uint64_t frames;	  /* free before anything was made */
	struct fix_table *tables; /* by frame number */
	uint64_t entries;	  /* written so far */
	struct {		  /* leaves that went and are not flushed yet */
		pfn_t pfn;
		uint32_t attrs;
	} gone[2048];
	unsigned gone_count;
} fix;

/* ---- Looking at entries -------------------------------------------------------------------- */

static inline uint64_t fix_level_pages(unsigned level)
{
	return UINT64_C(1) << arch_s2_geometry->shift[level];
}

static inline struct fix_table *fix_table_of(const uint64_t *where)
{
	const unsigned char *ram = mm_linear(pfn(FIX_FIRST));
	uint64_t n = FIX_FIRST + (uint64_t)((const unsigned char *)where - ram) / PAGE_SIZE;
	uint64_t root = fix.vm.s2.root.v;

	if (n - root < UINT64_C(1) << arch_s2_geometry->root_order)
		n = root;
	fix_check(fix.tables[n].used);
	return &fix.tables[n];
}

static inline uint64_t fix_gfn_of(const uint64_t *where, const struct fix_table *t)
{
	const unsigned char *ram = mm_linear(pfn(FIX_FIRST));
	uint64_t n = FIX_FIRST + (uint64_t)((const unsigned char *)where - ram) / PAGE_SIZE;
	uint64_t first = n - fix.vm.s2.root.v < UINT64_C(1) << arch_s2_geometry->root_order
				 ? fix.vm.s2.root.v
				 : n;
	const uint64_t *table = mm_linear(pfn(first));
	return t->base + (uint64_t)(where - table) * fix_level_pages(t->level);
}

/* The leaf says no more than the memslot and the host entries of this moment do. */
static inline void fix_check_leaf(uint64_t first, unsigned level, struct s2_entry e)
{
	const struct slot *slot = slot_find(&fix.vm, gfn(first));
	uint64_t pages = fix_level_pages(level);

	fix_check(slot != NULL && slot->gfns.start.v <= first);
	fix_check(first + pages <= slot->gfns.end.v);			      /* S2 */
	fix_check(!(e.attrs & (S2_WRITE | S2_MAY_WRITE)) || !slot->readonly); /* P7 */
	if (slot->track_writes || !arch_s2_geometry->hw_dirty)
		fix_check(!(e.attrs & S2_WRITE) || e.attrs & S2_DIRTY); /* seen as written (S10) */
	for (uint64_t i = 0; i < pages;) {
		hva_t a = slot_hva(slot, gfn(first + i));
		unsigned host_level;
		uint64_t host = host_lookup(fix.vm.space.root, a, &host_level);
		pfn_t n = pfn(e.pfn.v + i);
		fix_check(host & HOST_LEAF && host & HOST_READ);
		fix_check(host_pfn_at(host, host_level, a).v == n.v); /* P5 */
		if (e.attrs & (S2_WRITE | S2_MAY_WRITE))
			fix_check(host & HOST_WRITE);				       /* P7, M15 */
		fix_check(!(e.attrs & S2_EXEC) || host & HOST_EXEC);		       /* S8 */
		fix_check(S2_TYPE_OF(e.attrs) == host_type(host));		       /* S8 */
		fix_check(((e.attrs & S2_COUNTED) != 0) == !(host & HOST_SPECIAL));    /* S3 */
		fix_check(!(e.attrs & S2_COUNTED) || frame_class(n) == FRAME_COUNTED); /* I2 */
		uint64_t span = UINT64_C(1) << host_order(host_level);
		i += span - ((a.v >> PAGE_SHIFT) & (span - 1));
	}
}

static inline void fix_leaf_set(uint64_t first, unsigned level, struct s2_entry from,
				struct s2_entry e)
{
	const struct consumer *c = &fix.vm.s2.consumer;
	const struct slot *slot = slot_find(&fix.vm, gfn(first));
	unsigned host_level;

	fix_check_leaf(first, level, e);
	hva_t a = slot_hva(slot, gfn(first));
	(void)host_lookup(fix.vm.space.root, a, &host_level);
	/* H7, M14, M15; where each page may be written already, the host may have split them since.
	 */
	fix_check(host_order(host_level) >= arch_s2_geometry->shift[level] ||
		  from.attrs & S2_MAY_WRITE);
	fix_check(spin_is_locked(&c->lock));
	fix_check(c->open == 0 ||
		  !hva_range_overlaps(c->hull,
				      hva_range(a, fix_level_pages(level) << PAGE_SHIFT))); /* I3 */
}

static inline void fix_table_goes(pfn_t table, unsigned level)
{
	const uint64_t *at = mm_linear(table);

	for (unsigned i = 0; i < 1u << arch_s2_geometry->bits[level]; i++)
		fix_check(at[i] == 0);
	fix.tables[table.v].used = false;
}

static inline void fix_on_entry(uint64_t *where, unsigned level, uint64_t old, uint64_t now)
{
	struct s2_entry from = arch_s2_decode(level, old), to = arch_s2_decode(level, now);
	struct fix_table *t = fix_table_of(where);
	uint64_t first = fix_gfn_of(where, t);

	fix.entries++; /* under the consumer's lock, as all here */
	fix_check(t->level == level);
	fix_check(spin_is_locked(&fix.vm.s2.consumer.lock));
	if (to.kind == S2_TABLE) {
		fix_check(from.kind == S2_NONE); /* S5 */
		fix.tables[to.pfn.v] = (struct fix_table){ true, to.below, first };
	} else if (to.kind == S2_LEAF) {
		fix_leaf_set(first, level, from, to);
	}
	if (from.kind == S2_TABLE)
		fix_table_goes(from.pfn, from.below);
	if (from.kind == S2_LEAF && to.kind == S2_NONE && fix.gone_count < 2048) {
		fix.gone[fix.gone_count].pfn = from.pfn;
		fix.gone[fix.gone_count++].attrs = from.attrs;
	}
}

/* Before the flush: young and dirty of every leaf that went are in the records (S3, F7). */
static inline void fix_check_folded(void)
{
	for (unsigned i = 0; i < fix.gone_count; i++) {
		uint32_t attrs = fix.gone[i].attrs;
		if (!(attrs & S2_COUNTED))
			continue;
		struct frame *f = frame_head(frame_of(fix.gone[i].pfn));
		fix_check(frame_refs(f) != 0); /* F7: alive */
		fix_check(!(attrs & S2_YOUNG) || f->marks & FRAME_YOUNG);
		fix_check(!(attrs & S2_DIRTY) || f->marks & FRAME_DIRTY);
	}
	fix.gone_count = 0;
}

static inline uint64_t fix_check_table(const uint64_t *table, unsigned level, uint64_t base,
				       uint64_t leaves[S2_MAX_LEVELS])
{
	uint64_t tables = 0;

	for (unsigned i = 0; i < 1u << arch_s2_geometry->bits[level]; i++) {
		struct s2_entry e = arch_s2_decode(level, table[i]);
		uint64_t first = base + i * fix_level_pages(level);
		if (e.kind == S2_LEAF) {
			fix_check_leaf(first, level, e);
			leaves[level]++;
		} else if (e.kind == S2_TABLE) {
			tables += 1 + fix_check_table(mm_linear(e.pfn), e.below, first, leaves);
		}
	}
	return tables;
}

/* The whole tree agrees with the host, and is counted rightly. No notice is open. */
static inline void fix_check_tree(void)
{
	uint64_t leaves[S2_MAX_LEVELS] = { 0 };
	uint64_t tables =
		fix_check_table(mm_linear(fix.vm.s2.root), arch_s2_geometry->levels - 1, 0, leaves);

	fix_check(tables == fix.vm.s2.tables);
	for (unsigned l = 0; l < S2_MAX_LEVELS; l++)
		fix_check(leaves[l] == fix.vm.s2.leaves[l]);
}

/* Each CPU as it would enter the guest now: what it then still has in its TLB it could use. */
static inline unsigned fix_tlb_reaches(pfn_t n)
{
	unsigned here = mm_cpu();

	for (unsigned c = 0; c < FIX_CPUS; c++) {
		env_cpu(c);
		fake_tlb_enter(&fix.vm.s2.arch);
	}
	env_cpu(here);
	return fake_tlb_reaches(n);
}

/* I2, F8: one thread plays all CPUs, none is inside its guest. */
static inline void fix_census(pfn_t first, uint64_t count)
{
	const struct consumer *c = &fix.vm.s2.consumer;

	if (!fix.tree)
		return;
	fix_check(!c->ops->reaches(&fix.vm.s2.consumer, first, count));
	/* Of a large block some: the TLBs are searched for one frame at a time. */
	for (uint64_t n = first.v; n<first.v + count; n += count> 16 ? 41 : 1)
		fix_check(fix_tlb_reaches(pfn(n)) == 0);
}

/* ---- Steps: what another CPU does in the middle ---------------------------------------------- */

static struct fix_hook {
	const char *name;
	void (*run)(void);
	unsigned times;
	bool inside;
} fix_hook;

static inline void fix_step(const char *name, const void *object)
{
	(void)object;
	if (strcmp(name, "s2_removed") == 0)
		fix_check_folded();
	if (fix_hook.inside || fix_hook.times == 0 || strcmp(name, fix_hook.name) != 0)
		return;
	unsigned here = mm_cpu();
	fix_hook.times--;
	fix_hook.inside = true;
	env_cpu((here + 1) % FIX_CPUS);
	fix_hook.run();
	env_cpu(here);
	fix_hook.inside = false;
}

/* The next `times` times that the step is about to be taken, another CPU runs `run` before it. */
static inline void fix_at(const char *name, void (*run)(void), unsigned times)
{
	fix_hook = (struct fix_hook){ name, run, times, false };
}

/* ---- The VM ---------------------------------------------------------------------------------- */

static inline void fix_begin(const struct fix_options *o)
{
	uint64_t pages = o->pages != 0 ? o->pages : 4096;

	alarm(600); /* a test that failed with a lock held must not hang in its end */
	memset(&fix, 0, sizeof(fix));
	memset(&fix_hook, 0, sizeof(fix_hook));
	ram_begin(FIX_FIRST, pages, FIX_FIRST + pages);
	block_add(pfn(FIX_FIRST), pages);
	fake_reset(&(struct fake_config){
		.cpus = FIX_CPUS, .tree = o->tree, .broadcast = o->broadcast });
	fix.frames = block_free_frames();
	fix.tables = calloc(FIX_FIRST + pages, sizeof(*fix.tables));
	fix_check(fix.tables != NULL);
	fix_check(space_create(&fix.vm.space, !o->small) == OK);
	fix_check(s2_create(&fix.vm.s2, &fix.vm) == OK);
	fix.tree = true;
	fix.broadcast = o->broadcast;
	fix.tables[fix.vm.s2.root.v] = (struct fix_table){ true, arch_s2_geometry->levels - 1, 0 };
	for (unsigned i = 0; i < FIX_CPUS; i++) {
		fix.vcpus[i].vm = &fix.vm;
		fix.vcpus[i].index = i;
		fix.vm.vcpus[i] = &fix.vcpus[i];
	}
	fix.vm.vcpu_count = FIX_CPUS;
	block_census = fix_census;
	fake_on_entry = fix_on_entry;
	env_step = fix_step;
}

/* Ends it: not a frame is lost (I5). */
static inline void fix_end(void)
{
	alarm(60);
	fix_check_tree();
	for (unsigned i = 0; i < FIX_CPUS; i++) {
		fix_check(!fix.vcpus[i].turn.asked);
		s2_cache_empty(&fix.vcpus[i].s2_cache);
	}
	fix_check(s2_destroy(&fix.vm.s2) == OK);
	fix.tree = false;
	slot_destroy_all(&fix.vm);
	space_destroy(&fix.vm.space);
	grace_drain();
	env_step = NULL;
	fake_on_entry = NULL;
	const char *wrong = block_check();
	if (wrong != NULL)
		fail_msg("%s", wrong);
	assert_int_equal(block_free_frames(), fix.frames);
	block_census = NULL;
	free(fix.tables);
	ram_end();
	alarm(0);
}

/* ---- Host memory and memslots ---------------------------------------------------------------- */

static inline hva_t fix_hva(uint64_t page)
{
	return hva(FIX_BASE + (page << PAGE_SHIFT));
}

/* Pages [page, page + pages) counted from FIX_BASE. */
static inline struct hva_range fix_range(uint64_t page, uint64_t pages)
{
	return hva_range(fix_hva(page), pages << PAGE_SHIFT);
}

static inline void fix_anon(uint64_t page, uint64_t pages, unsigned permissions, bool share_zero)
{
	struct region_spec spec = { .kind = REGION_ANON,
				    .permissions = permissions,
				    .share_zero = share_zero };
	assert_result(OK, space_map(&fix.vm.space, fix_range(page, pages), &spec));
}

static inline uint32_t fix_slot(uint64_t n, uint64_t pages, uint64_t page, unsigned flags)
{
	struct gfn_range gfns = { gfn(n), gfn(n + pages) };
	uint32_t id = UINT32_MAX;
	assert_result(OK, slot_create(&fix.vm, gfns, fix_hva(page), flags, &id));
	return id;
}

/* Who supplies pfns to a PFNMAP region: a device, or a pool of UNCOUNTED frames. */
struct fix_owner {
	pfn_t first; /* of offset 0 */
	unsigned order;
	bool gone;	      /* it has taken its memory away */
	bool read_only_first; /* H3 */
	unsigned write_order; /* how far a granted write reaches */
	uint64_t page, pages; /* where it is mapped, from FIX_BASE */
};

static inline enum result fix_owner_fault(void *owner, uint64_t offset, enum access access,
					  struct region_backing *out)
{
	const struct fix_owner *o = owner;

	if (o->gone)
		return NO_BACKING;
	out->pfn = pfn(o->first.v + (offset >> PAGE_SHIFT));
	out->order = access == ACCESS_WRITE && o->read_only_first ? o->write_order : o->order;
	out->writable = !o->read_only_first || access == ACCESS_WRITE;
	out->counted = false;
	return OK;
}

static const struct region_ops fix_owner_ops = { "owner", fix_owner_fault };

static inline void fix_pfnmap(struct fix_owner *o, uint64_t page, uint64_t pages, enum memtype type,
			      unsigned permissions)
{
	struct region_spec spec = { .kind = REGION_PFNMAP,
				    .type = type,
				    .permissions = permissions,
				    .ops = &fix_owner_ops,
				    .owner = o };
	o->page = page;
	o->pages = pages;
	assert_result(OK, space_map(&fix.vm.space, fix_range(page, pages), &spec));
}

/* H4: the owner's memory is elsewhere from now on (`to`), or nowhere. */
static inline enum result fix_owner_change(struct fix_owner *o, const pfn_t *to)
{
	struct hva_range all = fix_range(o->page, o->pages);
	struct notice n;

	enum result r = notice_begin(&n, &fix.vm.space.notifier, all, NOTICE_TRY);
	if (r != OK)
		return r;
	spin_lock(&fix.vm.space.lock); /* its fault function is called under it */
	o->gone = to == NULL;
	if (to != NULL)
		o->first = *to;
	spin_unlock(&fix.vm.space.lock);
	r = space_clear(&fix.vm.space, &n, all);
	notice_end(&n);
	return r;
}

/* ---- The guest ------------------------------------------------------------------------------- */

/* One access, in and out again. true: done; false: the fault. */
static inline bool fix_enter(struct vcpu *v, uint64_t at, enum access access, uint64_t *value,
			     struct s2_fault *fault)
{
	atomic_store_explicit(&v->in_guest, mm_cpu() + 1, memory_order_seq_cst);
	fake_tlb_enter(&v->vm->s2.arch);
	bool done = fake_access(&v->vm->s2.arch, gpa(at), access, value, sizeof(*value), fault);
	uint64_t exits = atomic_load_explicit(&v->exits, memory_order_relaxed);
	atomic_store_explicit(&v->exits, exits + 1, memory_order_release);
	atomic_store_explicit(&v->in_guest, 0, memory_order_release);
	return done;
}

/* The access, faulting as often as it must. OK, or why a fault was not served; BUSY: fix_again. */
static inline enum result fix_access(struct vcpu *v, uint64_t at, enum access access,
				     uint64_t *value)
{
	for (unsigned i = 0; i < 16; i++) {
		if (fix_enter(v, at, access, value, &v->exit.fault))
			return OK;
		enum result r = fault_serve(v, &v->exit.fault);
		if (r != OK)
			return r;
	}
	mm_broken(__FILE__, __LINE__, "a fault is served again and again, and stays");
}

/* The fault that had to wait, once more. */
static inline enum result fix_again(struct vcpu *v)
{
	return fault_serve(v, &v->exit.fault);
}

/* The same of page `n`, on CPU 0 by vCPU 0. */
static inline enum result fix_write(uint64_t n, uint64_t value)
{
	return fix_access(&fix.vcpus[0], n << PAGE_SHIFT, ACCESS_WRITE, &value);
}

static inline enum result fix_read(uint64_t n, uint64_t *value)
{
	uint64_t unused;
	return fix_access(&fix.vcpus[0], n << PAGE_SHIFT, ACCESS_READ,
			  value != NULL ? value : &unused);
}

static inline enum result fix_exec(uint64_t n)
{
	uint64_t unused;
	return fix_access(&fix.vcpus[0], n << PAGE_SHIFT, ACCESS_EXEC, &unused);
}

static inline enum result fix_fault(struct vcpu *v, uint64_t n, enum access access)
{
	v->exit.fault = (struct s2_fault){ .gpa = gpa(n << PAGE_SHIFT), .access = access };
	return fault_serve(v, &v->exit.fault);
}

/* The leaf over page `n`; its level in *level if wanted. */
static inline struct s2_entry fix_leaf(uint64_t n, unsigned *level)
{
	unsigned unused;
	return s2_lookup(&fix.vm.s2, gfn(n), level != NULL ? level : &unused);
}

/* The level of the leaf that is there. */
static inline unsigned fix_level(uint64_t n)
{
	unsigned level;

	fix_check(fix_leaf(n, &level).kind == S2_LEAF);
	return level;
}

static inline bool fix_mapped(uint64_t n)
{
	return fix_leaf(n, NULL).kind == S2_LEAF;
}

#endif
