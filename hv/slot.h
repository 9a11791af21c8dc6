/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memslots: a VM's map from gfn to hva. The table is an array sorted by gfn that is never changed,
 * but replaced whole: a fault reads it inside a grace section without a lock, a change is a notice
 * to the space's consumers (N6), and a change that would meet an open notice is refused (N4 (1)).
 * Beside it stands its index by hva, by which a notice finds the memslots that show its range: any
 * number of them may show the same page.
 */
#ifndef HV_SLOT_H
#define HV_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/grace.h"
#include "mm/result.h"

struct vm;

/* What a memslot is made with: a set of these. */
enum slot_flag {
	SLOT_READONLY = 1, /* a write is refused: it may be a device's (P7) */
	SLOT_TRACK_WRITES =
		2, /* each leaf is read-only until it is written, so that this is seen */
};

struct slot {
	struct gfn_range gfns;
	hva_t hva; /* of the first page, in the VM's space */
	uint32_t id;
	bool readonly;
	bool track_writes;
	bool alone; /* in a table: no other memslot shows any of the same hvas */
};

#define SLOT_MAX 4096u

/*
 * The memslots of a table by their first hva. Which of them reach beyond an hva is found in a tree
 * of maxima: reach[leaves + i] is the end of the i-th one's range, reach[n] the greater of
 * reach[2 * n] and reach[2 * n + 1].
 */
struct slot_index {
	uint16_t *by_hva; /* indices into slots[], sorted by hva: `count` of them */
	uint64_t *reach;
	uint32_t leaves; /* a power of two, not less than the count */
};

struct slot_table {
	struct grace_item grace; /* first: table_free_item relies on it */
	pfn_t block;
	unsigned order; /* stands in a block of this order */
	uint32_t count;
	_Atomic uint32_t
		last; /* where the last search ended; 0 before it, which is a slot or clear */
	struct slot_index index; /* behind the slots */
	struct slot slots[];	 /* sorted by gfns.start, not overlapping */
};

/*
 * The slot that covers `n`, or NULL. Inside a grace section (grace_enter), where the answer stays
 * valid; O(log slots).
 */
const struct slot *slot_find(const struct vm *vm, gfn_t n);

static inline hva_t slot_hva(const struct slot *s, gfn_t n)
{
	return hva(s->hva.v + ((n.v - s->gfns.start.v) << PAGE_SHIFT));
}

/* What the slot shows of the space. */
static inline struct hva_range slot_hvas(const struct slot *s)
{
	return (struct hva_range){ s->hva, slot_hva(s, s->gfns.end) };
}

/*
 * The memslots of the table that show some of the range, one after the other: *at is 0 at first,
 * and is the function's own from then on. NULL: no more. Inside a grace section or a notice of the
 * space; O(log slots) each.
 */
const struct slot *slot_showing(const struct slot_table *t, struct hva_range range, uint32_t *at);

/*
 * The slot found last, if it is the only one of the table that shows any of the range, and shows
 * all of it; else NULL, which says nothing. As above.
 */
static inline const struct slot *slot_near(const struct slot_table *t, struct hva_range range)
{
	/* relaxed: a slot of this table, whoever wrote it last. */
	const struct slot *s = &t->slots[atomic_load_explicit(&t->last, memory_order_relaxed)];
	struct hva_range shown = slot_hvas(s);

	return s->alone && shown.start.v <= range.start.v && range.end.v <= shown.end.v ? s : NULL;
}

/*
 * Creates (`flags`: a set of enum slot_flag), deletes, moves a memslot. One such change at a time
 * in a VM (the VM's slot lock). BUSY: a notice is active, nothing has changed, try again.
 * BAD_ARGUMENT (empty, beyond the guest's address width), OVERLAPS (another memslot, or the board's
 * devices), OUT_OF_MEMORY, NOT_FOUND. When delete or move returns OK no CPU can use the old place.
 * The host range behind the slot is not touched. The caller holds no lock and is in no grace
 * section.
 */
enum result slot_create(struct vm *vm, struct gfn_range gfns, hva_t at, unsigned flags,
			uint32_t *id);
enum result slot_delete(struct vm *vm, uint32_t id);
enum result slot_move(struct vm *vm, uint32_t id, gfn_t to);

/* At the VM's end: no vCPU runs, no leaf is left. */
void slot_destroy_all(struct vm *vm);

#endif
