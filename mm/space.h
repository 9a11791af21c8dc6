/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host space: the map from hva to pfn that memslots point into, and the regions it is made of
 * (rules H1-H7). Its table is a software radix tree, the same on every processor (mm/host_table.h);
 * nothing but follow_pfn and this file's functions ever reads a pfn out of it.
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/frame.h"
#include "mm/host_table.h"
#include "mm/lock.h"
#include "mm/notice.h"
#include "mm/result.h"

#define SPACE_BITS 48u /* hva < 2^48 */

enum region_kind {
	REGION_ANON,   /* COUNTED frames, allocated at the first touch */
	REGION_PFNMAP, /* pfns the owner supplies; a record behind one is not looked at */
	REGION_MIXED,  /* either, entry by entry */
	REGION_GUEST,  /* memory that a VM owns (rules G); space_map refuses it until they are built
			*/
};

/* What the owner of a PFNMAP or MIXED region answers for one page. */
struct region_backing {
	pfn_t pfn;	/* of the page asked for */
	unsigned order; /* 2^order pages around it, aligned both in offset and in pfn, may be mapped
			   as one; of COUNTED frames, within one block */
	bool writable;	/* write is granted now; else a write asks again (H3) */
	bool counted;	/* MIXED only: a COUNTED frame, whose reference the space takes over */
};

struct region_ops {
	const char *name;
	/*
	 * Where is the page at `offset` (bytes into what the owner mapped), for this access? OK, or
	 * NO_BACKING, NO_PERMISSION, OUT_OF_MEMORY, POISONED. Called with the space's lock held, so
	 * it must not wait nor call back; the owner's own lock nests inside. An owner that takes
	 * pages away first begins a notice, then makes this function answer otherwise, then calls
	 * space_clear, then ends the notice: no stale pfn can come in between (H4).
	 */
	enum result (*fault)(void *owner, uint64_t offset, enum access access,
			     struct region_backing *out);
};

struct region_spec {
	enum region_kind kind;
	enum memtype type;
	unsigned permissions; /* set of enum access; ACCESS_EXEC only with MEM_WRITE_BACK (H2) */
	bool share_zero;      /* ANON: reads of untouched pages see one shared frame of zeros */
	const struct region_ops *ops; /* PFNMAP, MIXED */
	void *owner;
	uint64_t offset; /* of the region's first byte in what the owner maps */
};

/* [range.start, range.end), sorted in the space, not overlapping. Guarded by the space's lock. */
struct region {
	struct hva_range range;
	struct region_spec spec;
};

struct space {
	struct spinlock lock; /* regions, the table's structure and entries */
	uint64_t *root;
	pfn_t root_page, region_block; /* where root and regions stand */
	owner_t owner;		       /* of its frames and tables */
	struct region *regions;
	uint32_t region_count, region_room;
	uint32_t region_near;  /* the index of the region found last; a guess */
	unsigned region_order; /* regions stand in a block of this order */
	bool huge;	       /* may use entries of 2 MiB and more */
	struct frame *
		zeros; /* the shared frame of zeros, once there is one; the space has a reference */
	uint64_t counted;	     /* pages mapped to COUNTED frames, the shared one included */
	_Atomic uint64_t fresh_near; /* a guess where memory will be wanted next */
	struct notifier notifier;
};

/* OUT_OF_MEMORY, or a space with nothing in it. */
enum result space_create(struct space *s, bool huge);
/* Everything must be let go by consumers first: unmaps all, frees the tables. */
void space_destroy(struct space *s);

/*
 * Adds a region. BAD_ARGUMENT (kind, permissions, an ops that is missing), BAD_ALIGNMENT (pages),
 * OVERLAPS, OUT_OF_MEMORY, UNSUPPORTED (GUEST). Nothing is mapped yet.
 */
enum result space_map(struct space *s, struct hva_range range, const struct region_spec *spec);

/*
 * The four ways to change what is there; each is a notice of its own (H5), done whole or refused
 * whole: BUSY (mode NOTICE_TRY), BAD_ALIGNMENT, NO_REGION (protect, move: the range is not all
 * mapped), OUT_OF_MEMORY (an entry could not be split), NO_PERMISSION, OVERLAPS (move). Frames
 * whose last reference was the space's entry are freed. unmap    takes the regions of the range
 * away, cutting those that stick out drop     takes only the entries away; the next access asks for
 * backing anew protect  the regions' permissions become `permissions` move     the range, which
 * must lie in one region, appears at `to`, its entries with it
 */
enum result space_unmap(struct space *s, struct hva_range range, enum notice_mode mode)
	EXCLUDES(s->lock);
enum result space_drop(struct space *s, struct hva_range range, enum notice_mode mode)
	EXCLUDES(s->lock);
enum result space_protect(struct space *s, struct hva_range range, unsigned permissions,
			  enum notice_mode mode) EXCLUDES(s->lock);
enum result space_move(struct space *s, struct hva_range range, hva_t to, enum notice_mode mode)
	EXCLUDES(s->lock);

/*
 * For owners of PFNMAP memory, inside their notice: removes the entries of the range. OUT_OF_MEMORY
 * if an entry had to be split and could not: nothing was removed.
 */
enum result space_clear(struct space *s, const struct notice *n, struct hva_range range)
	EXCLUDES(s->lock);

/* A free range of at least `bytes`, aligned to `align` (a power of two), at or above 4 GiB.
 * NOT_FOUND: none. */
enum result space_find_room(struct space *s, uint64_t bytes, uint64_t align, hva_t *out);

/* A copy of the region that covers `a`; false: there is none. */
bool space_region_at(struct space *s, hva_t a, struct region *out);

/*
 * The host fault handler (H3): called when the entry is absent and when it lacks a permission. OK:
 * an entry is there, `out`, that allowed the access while the lock was held: as good as a lookup of
 * that moment, under a token that was taken before. RACED: something changed meanwhile, call again.
 * WOULD_SLEEP/BUSY: a notice is needed (a shared page is to be broken) and not to be had now.
 * Others: refusals. `unshare`: the caller is about to pin, so a shared page is broken by a read too
 * (H6). `in_turn`: the caller holds the notifier's turn.
 */
enum result space_fault(struct space *s, hva_t a, enum access access, bool unshare, bool in_turn,
			struct host_found *out) EXCLUDES(s->lock);

/*
 * For the census (F8): does any host entry reach a frame of [first, first + count)? Takes no lock;
 * any may be held.
 */
bool space_reaches(struct space *s, pfn_t first, uint64_t count);

#endif
