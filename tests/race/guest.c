/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A processor that runs a guest: it obeys the flushes as it enters (hv/shootdown.h says the order),
 * walks the tree step by step, keeps what it finds in its TLB and uses it until it must forget it.
 * Between any two of these another CPU may do as it likes.
 */
#include "arch/arch.h"
#include "hv/fault.h"
#include "mm/frame.h"
#include "tests/race/world.h"

static struct world_tlb *own_tlb(void)
{
	return &world.tlbs[race_self()];
}

static void guest_enter(struct vcpu *v)
{
	struct world_tlb *t = own_tlb();

	atomic_store_explicit(&v->in_guest, mm_cpu() + 1, memory_order_seq_cst);
	uint64_t gen = atomic_load_explicit(&v->vm->s2.arch.flush_gen, memory_order_seq_cst);
	if (t->gen != gen && !world.broadcast)
		for (unsigned i = 0; i < WORLD_TLB; i++)
			t->at[i].valid = false;
	t->gen = gen;
	t->inside = true;
}

static void guest_leave(struct vcpu *v)
{
	own_tlb()->inside = world.broadcast; /* then flushes reach it wherever it is */
	uint64_t exits = atomic_load_explicit(&v->exits, memory_order_relaxed);
	atomic_store_explicit(&v->exits, exits + 1, memory_order_release);
	atomic_store_explicit(&v->in_guest, 0, memory_order_release);
}

static bool permits(uint32_t attrs, enum access access)
{
	if (access == ACCESS_EXEC)
		return attrs & S2_EXEC;
	if (access == ACCESS_READ)
		return true;
	return attrs & S2_WRITE && (!arch_s2_geometry->hw_dirty || attrs & S2_DIRTY);
}

/* The processor sets young and dirty in the leaf by compare-and-swap, and has a translation. It may
 * find the leaf gone as it does. */
static bool leaf_use(uint64_t *at, unsigned level, uint64_t raw, const struct guest_op *op,
		     bool *present)
{
	const struct s2_geometry *g = arch_s2_geometry;
	struct s2_entry e = arch_s2_decode(level, raw);
	struct world_tlb *t = own_tlb();

	*present = e.kind == S2_LEAF;
	if (!*present || (op->access == ACCESS_WRITE && !(e.attrs & S2_WRITE)) ||
	    (op->access == ACCESS_EXEC && !(e.attrs & S2_EXEC)) ||
	    (!g->hw_young && !(e.attrs & S2_YOUNG)))
		return false;
	if (g->hw_young)
		e.attrs |= S2_YOUNG | (op->access == ACCESS_WRITE ? S2_DIRTY : 0);
	uint64_t now = arch_s2_leaf(level, e.pfn, e.attrs);
	if (now != raw &&
	    !atomic_compare_exchange_strong_explicit((_Atomic uint64_t *)at, &raw, now,
						     memory_order_seq_cst, memory_order_seq_cst))
		return leaf_use(at, level, raw, op, present);
	race_step("guest_fill", at);
	unsigned i = op->gfn % WORLD_TLB;
	t->at[i].valid = true;
	t->at[i].gfn = op->gfn;
	t->at[i].pfn = e.pfn.v + (op->gfn & ((UINT64_C(1) << g->shift[level]) - 1));
	t->at[i].attrs = e.attrs;
	return true;
}

/* false: nothing permits it, *present: though a leaf is there. */
static bool tree_walk(struct arch_s2 *s2, const struct guest_op *op, bool *present)
{
	const struct s2_geometry *g = arch_s2_geometry;
	unsigned level = g->levels - 1;
	uint64_t *table = arch_linear(s2->root);

	*present = false;
	for (;;) {
		uint64_t *at =
			&table[op->gfn >> g->shift[level] & ((UINT64_C(1) << g->bits[level]) - 1)];
		uint64_t raw = atomic_load_explicit((_Atomic uint64_t *)at, memory_order_acquire);
		struct s2_entry e = arch_s2_decode(level, raw);
		if (e.kind == S2_LEAF)
			return leaf_use(at, level, raw, op, present);
		if (e.kind == S2_NONE)
			return false;
		table = mm_linear(e.pfn);
		level = e.below;
	}
}

/* The access itself, through the TLB. */
static void guest_use(const struct guest_op *op)
{
	struct world_tlb *t = own_tlb();
	pfn_t n = pfn(t->at[op->gfn % WORLD_TLB].pfn);

	if (frame_of(n) == NULL)
		return; /* a device's register */
	volatile uint64_t *memory = mm_linear(n);
	if (op->access == ACCESS_WRITE) {
		*memory = op->gfn + 1;
		world.written[n.v - WORLD_FIRST] = true;
	} else {
		(void)*memory;
	}
}

/* false: the access faults, *present as tree_walk found it. */
static bool guest_access(struct arch_s2 *s2, const struct guest_op *op, bool *present)
{
	struct world_tlb *t = own_tlb();
	unsigned i = op->gfn % WORLD_TLB;

	race_step("guest_access", NULL);
	if (t->at[i].valid && t->at[i].gfn == op->gfn && permits(t->at[i].attrs, op->access)) {
		guest_use(op);
		return true;
	}
	atomic_store_explicit(&t->walking, true, memory_order_seq_cst);
	bool found = tree_walk(s2, op, present);
	if (found)
		guest_use(op);
	atomic_store_explicit(&t->walking, false, memory_order_release);
	return found;
}

unsigned guest_stay(struct vcpu *v, const struct guest_op *ops, unsigned count)
{
	unsigned done = 0;
	bool present = false;

	guest_enter(v);
	while (done < count && guest_access(&v->vm->s2.arch, &ops[done], &present))
		done++;
	guest_leave(v);
	if (done < count)
		v->exit.fault = (struct s2_fault){ .gpa = gfn_to_gpa(gfn(ops[done].gfn)),
						   .access = ops[done].access,
						   .present = present };
	return done;
}

/* A fault that must wait is served again when its vCPU was woken, as the scheduler would do it. */
static enum result serve(struct vcpu *v)
{
	for (;;) {
		uint64_t seen = atomic_load_explicit(&world.wakes, memory_order_acquire);
		enum result r = fault_serve(v, &v->exit.fault);
		if (r != BUSY)
			return r;
		while (atomic_load_explicit(&world.wakes, memory_order_acquire) == seen)
			race_relax();
	}
}

enum result guest_do(struct vcpu *v, const struct guest_op *ops, unsigned count)
{
	enum result r = OK;
	unsigned done = guest_stay(v, ops, count);

	while (done < count && r == OK) {
		r = serve(v);
		if (r == OK)
			done += guest_stay(v, ops + done, count - done);
	}
	return r;
}
