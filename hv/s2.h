/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's stage-2 tree: the one table walker of all architectures (S1), installing and removing
 * leaves, and the consumer of notices that goes with it. Entries are made and read only through the
 * architecture's codec (arch_s2_*).
 */
#ifndef HV_S2_H
#define HV_S2_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mm/addr.h"
#include "mm/follow.h"
#include "mm/notice.h"
#include "mm/result.h"

struct vm;

/* Pages put by before the lock is taken, so that an install cannot fail half way (S2). One a vCPU.
 */
struct s2_cache {
	unsigned count;
	pfn_t pages[S2_MAX_LEVELS];
};

#define S2_NEAR_LEVELS 2u
#define S2_NO_TABLE UINT64_MAX

struct s2 {
	struct consumer consumer; /* its lock guards the tree and the counters */
	struct arch_s2 arch;
	pfn_t root;
	struct vm *vm;
	/* Where the last leaf of level 0 came or went, and of level 1: its table, and the number of
	 * that (gfn >> what the whole table covers). S2_NO_TABLE once any table goes. */
	struct s2_near {
		uint64_t number;
		uint64_t *table;
	} near[S2_NEAR_LEVELS];
	uint64_t leaves[S2_MAX_LEVELS]; /* present leaves by level */
	uint64_t tables;		/* table pages below the root */
	uint64_t flushes;
};

/* `s2` is all zero. OUT_OF_MEMORY; BUSY, RACED (notices are about in the space); registers the
 * consumer with vm->space. */
enum result s2_create(struct s2 *s2, struct vm *vm);
/* No vCPU runs any more: removes all leaves, frees all tables. BUSY, RACED: notices are about,
 * call it again. No lock is held, and no grace section: it waits for those who read the tree. */
enum result s2_destroy(struct s2 *s2);

/* Fills the cache so that one install cannot run out. OUT_OF_MEMORY. */
enum result s2_cache_refill(struct s2_cache *cache);
static inline enum result s2_cache_fill(struct s2_cache *cache)
{
	return cache->count >= arch_s2_geometry->levels - 1 ? OK : s2_cache_refill(cache);
}
void s2_cache_empty(struct s2_cache *cache);

/* What is to be installed: the answer of a follow for one page of a memslot. */
struct s2_map {
	gfn_t gfn;
	const struct gfn_range *slot; /* the memslot: no leaf reaches beyond it */
	hva_t hva;		      /* of the page, which the token is checked for */
	enum access access;
	struct token token;
	struct follow_answer answer;
	bool unmarked; /* s2_fault.unmarked */
};

enum s2_outcome {
	S2_NEW,
	S2_WIDENED,
	S2_SPURIOUS,
	/* s2_install_near only; nothing has changed: */
	S2_RACED, /* the token does not hold */
	S2_OTHER, /* it is not as the caller says, or a larger leaf: s2_install knows what to do */
};

struct s2_installed {
	enum s2_outcome outcome;
	unsigned level; /* of the leaf */
};

/*
 * Puts a leaf into the tree, at the largest level that the host span, the memslot and alignment
 * allow (S2, H7), if the token still holds: else RACED, and nothing has changed. A leaf that lacks
 * only a permission, or a mark that the processor asks for (S10), is widened; one that allows the
 * access already is left alone (S9). Marks a
 * COUNTED frame young, and dirty by a write, before the lock is left (F7). Takes and leaves the
 * consumer's lock. The cache must be full. Flushes only if a leaf larger than the host's span had
 * to go.
 */
enum result s2_install(struct s2 *s2, struct s2_cache *cache, const struct s2_map *map,
		       struct s2_installed *out);

/*
 * The same by a short way, said in one word: for a leaf of `level`, 0 or 1, which is a constant.
 * present: one is there already, as the fault says, else none is; of level 0 only. S2_OTHER: that
 * is not so, or another level is s2_install's choice.
 */
enum s2_outcome s2_install_near(struct s2 *s2, struct s2_cache *cache, const struct s2_map *map,
				unsigned level, bool present);

/* What s2_widen has done; fits two registers. */
struct s2_widened {
	pfn_t pfn; /* of the page */
	enum frame_class class : 8;
	unsigned level : 8; /* of the leaf */
	bool done;	    /* else the rest means nothing */
};

/*
 * For a write to a leaf that does not permit it: if the leaf may be written (S2_MAY_WRITE), it is
 * made writable, young and dirty as it stands, whatever its size, and a COUNTED frame is marked
 * (F7, S3). Neither memslot nor host entry is looked at: that both allow it is what the leaf says,
 * and a notice would have removed it. Not done: the leaf is another one, or a notice is open or has
 * ended since the token was taken; nothing has changed, and the whole way knows what to do. Takes
 * and leaves the consumer's lock; flushes nothing.
 */
struct s2_widened s2_widen(struct s2 *s2, gfn_t n, const struct token *token);

/*
 * Removes every leaf of the range, whole even where it sticks out (S4), and folds young and dirty
 * (S3); then makes their translations unusable everywhere. Returns the number of leaves removed.
 */
uint64_t s2_remove_locked(struct s2 *s2, struct gfn_range range) REQUIRES(s2->consumer.lock);

/* The leaf for `n` at this moment and its level; S2_NONE: there is none. Lockless, inside a grace
 * section. */
struct s2_entry s2_lookup(struct s2 *s2, gfn_t n, unsigned *level);

/* One step of a walk. */
struct s2_step {
	unsigned level;
	uint64_t raw;
	struct s2_entry entry;
};

/* The entries on the way to `n`, from the root to the first that is not a table; how many.
 * Lockless, as above. */
unsigned s2_walk(struct s2 *s2, gfn_t n, struct s2_step steps[S2_MAX_LEVELS]);

#endif
