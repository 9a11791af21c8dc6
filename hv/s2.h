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

struct s2 {
	struct consumer
		consumer; /* its lock guards the tree, the counters and hands out installs */
	struct arch_s2 arch;
	struct vm *vm;
	uint64_t leaves[S2_MAX_LEVELS]; /* present leaves by level */
	uint64_t tables;
	uint64_t flushes;
};

enum result s2_create(struct s2 *s2, struct vm *vm);
/* No vCPU runs any more; frees everything. */
void s2_destroy(struct s2 *s2);

/* Fills the cache so that one install cannot run out. OUT_OF_MEMORY. */
enum result s2_cache_fill(struct s2_cache *cache);
void s2_cache_empty(struct s2_cache *cache);

/* What became of an install. */
enum s2_installed { S2_NEW, S2_WIDENED, S2_SPURIOUS };

/*
 * Puts the answer of a follow into the tree for `n`, at the largest level that the host span, the
 * slot and alignment allow (S2), if the token still holds: else RACED, and nothing has changed.
 * With a leaf there already that allows the access: S2_SPURIOUS (S9). Marks the frame young, and
 * dirty for a write (F7). Takes and leaves the consumer's lock. No flush is needed: nothing is
 * taken away.
 */
enum result s2_install(struct s2 *s2, struct s2_cache *cache, const struct token *token,
		       hva_t address, gfn_t n, struct gfn_range slot,
		       const struct follow_answer *answer, enum access access,
		       enum s2_installed *what);

/*
 * Removes every leaf of [range.start, range.end), whole even where it sticks out (S4), and folds
 * young and dirty (S3). The consumer's lock is held; the caller flushes before it lets go. Returns
 * the number of leaves removed.
 */
uint64_t s2_remove_locked(struct s2 *s2, struct gfn_range range) REQUIRES(s2->consumer.lock);

/* The leaf for `n` at this moment; kind S2_NONE if there is none. Lockless, inside a grace section.
 */
struct s2_entry s2_lookup(struct s2 *s2, gfn_t n, unsigned *level);

/* Entries on the way to `n`, from the root down to the first that is not a table; returns how many.
 * Lockless. */
unsigned s2_walk(struct s2 *s2, gfn_t n, uint64_t entries[S2_MAX_LEVELS],
		 unsigned levels[S2_MAX_LEVELS]);

extern const struct consumer_ops s2_consumer_ops;

#endif
