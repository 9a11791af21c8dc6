/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of a frame, and all that may be done to it (rules F1-F8). A frame is a page of RAM;
 * its record is found by its number and says what the frame is (class), who has it (owner), and,
 * for a COUNTED frame, how many hold it (references, pins) and whether it was used (young, dirty).
 *
 * The class is set by the allocation and by nothing else (F2):
 *
 *   class      count  pin  follow MAP  who frees it
 *   FREE         -     -       -       -
 *   COUNTED     yes   yes     yes      the last put
 *   UNCOUNTED    no    no     yes      its owner, whole, with block_free
 *   TABLE        no    no      -       its owner, with block_free
 *   RESERVED     no    no      -       nobody
 *   (DEVICE: a pfn without a record; no count, no pin, may be MAPped)
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/env.h"
#include "mm/result.h"

enum frame_class {
	FRAME_FREE = 0,
	FRAME_COUNTED,
	FRAME_UNCOUNTED,
	FRAME_TABLE,
	FRAME_RESERVED,
	FRAME_DEVICE, /* never in a record: the class of a pfn that has none */
};

/* "free", "counted", ... */
const char *frame_class_words(enum frame_class c);

/* Who has a frame (F6). Numbers below OWNER_FIRST_DYNAMIC are fixed; owner_new gives the others. */
typedef struct {
	uint32_t v;
} owner_t;

#define OWNER_NONE ((owner_t){ 0 })	  /* on a free list */
#define OWNER_HYPERVISOR ((owner_t){ 1 }) /* its image, its tables, its own data */
#define OWNER_FIRMWARE ((owner_t){ 2 })
#define OWNER_FIRST_DYNAMIC 16u
#define OWNER_MOVING ((owner_t){ UINT32_MAX }) /* for a moment, while frame_change_owner works */

/* An owner that never was before. Any CPU, any lock. */
owner_t owner_new(void);

/* `marks` of a COUNTED frame (F7). Of a FREE one they say how it is poisoned: mm/poison.h. */
#define FRAME_YOUNG 0x1u
#define FRAME_DIRTY 0x2u

/*
 * `tail`: the place of a frame in its block. Only FRAME_TAIL has a head that answers for it (F3);
 * FRAME_LISTED is set and cleared under the allocator's lock alone, so that whoever holds the lock
 * may believe it of any frame.
 */
enum frame_place {
	FRAME_PART = 0, /* a later frame of a non-compound or of a free block: it stands for itself
			 */
	FRAME_HEAD,	/* first frame of a block that somebody has */
	FRAME_TAIL,	/* a later frame of a compound block */
	FRAME_LISTED,	/* first frame of a free block on one of the buddies' lists */
	FRAME_CACHED,	/* a free frame in a CPU's cache */
};

/*
 * 16 bytes. What each field means depends on the class; who may write it:
 *   class, order, tail   the allocator, while nobody else has the frame
 *   refs, pins           frame_get/put/pin/unpin, COUNTED heads only; 0 in every other frame in use
 *   marks                frame_mark/frame_test_and_clear, COUNTED heads only, atomically, under a
 *                        consumer's lock with the leaf still there, or with a reference (F7)
 *   owner                compare-and-set (F6)
 *   link                 the allocator (FREE), grace periods (TABLE): the record of a frame that
 *                        is on a list has no count
 * Every field is atomic, since a record may be looked at while its frame changes hands; what is
 * decided by such a look is argued where it is decided.
 */
struct frame {
	union {
		struct {
			_Atomic uint32_t refs;
			_Atomic uint32_t pins;
		};
		struct {
			_Atomic uint32_t next,
				prev; /* FRAME_LINK | frame number, or FRAME_NO_LINK */
		} link;
	};
	_Atomic uint32_t owner;
	union {
		struct {
			_Atomic uint8_t class; /* enum frame_class */
			_Atomic uint8_t order; /* of the block it belongs to */
			_Atomic uint8_t tail;  /* enum frame_place */
			_Atomic uint8_t marks;
		};
		_Atomic uint32_t shape; /* the four of them, when a block changes hands */
	};
};

/* A shape without marks. */
static inline uint32_t frame_shape(enum frame_class class, unsigned order, enum frame_place place)
{
	union {
		uint8_t bytes[4];
		uint32_t shape;
	} u = { .bytes = { (uint8_t) class, (uint8_t)order, (uint8_t)place, 0 } };
	return u.shape;
}

/*
 * A link where a count is expected is above every possible count, and is refused like a count at
 * its limit: a try-get that comes too late cannot harm a list (F4).
 */
#define FRAME_REFS_LIMIT (UINT32_C(1) << 30)
#define FRAME_LINK (UINT32_C(1) << 31)
#define FRAME_NO_LINK UINT32_MAX
#define FRAME_LIMIT_MAX \
	((uint64_t)(FRAME_NO_LINK - FRAME_LINK)) /* frame numbers are below: 8 TiB */

_Static_assert(sizeof(struct frame) == 16, "F1: a frame's record is 16 bytes");

/* The table of all records: frame_table[n] for n < frame_limit, of RAM or not. Set by block_init.
 */
extern struct frame *frame_table;
extern uint64_t frame_limit; /* first frame number without a slot */

/*
 * Records are brought up by the chunk, as its first frame is handed out or looked at: at start-up
 * none is written for memory that is alike for a whole chunk, however much there is of it. Until
 * then the chunk's own byte says what all of its frames are, and the records are anything.
 */
#define FRAME_CHUNK_ORDER 8u /* 1 MiB: its records fill a page */
#define FRAME_CHUNK (UINT64_C(1) << FRAME_CHUNK_ORDER)

enum frame_chunk {
	CHUNK_DEVICE = 0, /* no frame has a record */
	CHUNK_FREE,	  /* all are FREE, none has ever been handed out */
	CHUNK_HYPERVISOR, /* all are RESERVED, of OWNER_HYPERVISOR */
	CHUNK_FIRMWARE,	  /* all are RESERVED, of OWNER_FIRMWARE */
	CHUNK_RISING,	  /* some CPU writes the records at this moment */
	CHUNK_READY,	  /* each frame's record says what the frame is */
};

/* An enum frame_chunk for each FRAME_CHUNK frame numbers. Any state goes to RISING and READY by
 * frame_bring_up, once; nothing else changes after start-up. */
extern _Atomic uint8_t *frame_chunks;

static inline bool frame_is_ready(pfn_t n)
{
	/* acquire: the records are seen as they were brought up, or later. */
	return __builtin_expect(atomic_load_explicit(&frame_chunks[n.v >> FRAME_CHUNK_ORDER],
						     memory_order_acquire) == CHUNK_READY,
				true);
}

/*
 * Makes the record of `n` < frame_limit, and those of its chunk, say what the chunk says. Any CPU,
 * any lock; waits for another CPU that is about it. Whose frame is held has a record already.
 */
void frame_bring_up(pfn_t n);

/* The class, and the record, of a frame whose chunk is not ready: RISING ones are waited for. */
enum frame_class frame_class_unready(pfn_t n);
struct frame *frame_of_unready(pfn_t n);

/*
 * The class of a pfn (F2). Relaxed: whoever holds the frame (a reference, ownership, the entry or
 * the leaf that leads to it) came by it after the class was written; for all others it is a hint.
 */
static inline enum frame_class frame_class(pfn_t n)
{
	if (n.v >= frame_limit)
		return FRAME_DEVICE;
	if (!frame_is_ready(n))
		return frame_class_unready(n);
	return (enum frame_class)atomic_load_explicit(&frame_table[n.v].class,
						      memory_order_relaxed);
}

/*
 * The record, or NULL for device memory (F1). RAM that the memory map keeps from the allocator has
 * a record of class RESERVED; a number in a hole of the RAM has none.
 */
static inline struct frame *frame_of(pfn_t n)
{
	if (n.v >= frame_limit)
		return NULL;
	if (!frame_is_ready(n))
		return frame_of_unready(n);
	enum frame_class class = (enum frame_class)atomic_load_explicit(&frame_table[n.v].class,
									memory_order_relaxed);
	return class == FRAME_DEVICE ? NULL : &frame_table[n.v];
}

/* The record of a pfn that must have one: a host entry or a leaf says that it is COUNTED. */
static inline struct frame *frame_counted(pfn_t n)
{
	MM_ASSERT(frame_class(n) == FRAME_COUNTED);
	return &frame_table[n.v];
}

static inline pfn_t frame_pfn(const struct frame *f)
{
	return pfn((uint64_t)(f - frame_table));
}

/* The head that answers for a frame: itself, unless it is a compound tail (F3). */
static inline struct frame *frame_head(struct frame *f)
{
	if (atomic_load_explicit(&f->tail, memory_order_relaxed) != FRAME_TAIL)
		return f;
	unsigned order = atomic_load_explicit(&f->order, memory_order_relaxed);
	return &frame_table[frame_pfn(f).v & ~((UINT64_C(1) << order) - 1)];
}

/*
 * One more reference to a COUNTED frame (any frame of a compound block: its head counts). false,
 * and nothing changed: the count is zero, or at its limit, or the frame is not COUNTED (F4). The
 * frame may be on its way to the free list; a compound block must be kept whole by the caller
 * (it holds the lock of the entry that leads to it). Never waits; any lock may be held.
 */
bool frame_try_get(struct frame *f);

/*
 * `n` more references, where the caller already has one and so cannot be refused. A count beyond
 * FRAME_REFS_LIMIT is an error of accounting, and stops the host.
 */
void frame_get_many(struct frame *f, uint32_t n);

/*
 * Drops a reference, or `n`; the last one frees the block. The caller must hold them (I1): a count
 * below zero stops the host. No lock that the census takes may be held, nor the allocator's.
 */
void frame_put(struct frame *f);
void frame_put_many(struct frame *f, uint32_t n);

/*
 * A pin (F5): a reference that also keeps the frame from being reclaimed, migrated or converted.
 * CANNOT_PIN_UNCOUNTED for every class but COUNTED (P3); IN_USE if the count is zero or at its
 * limit. Nothing has changed if it is refused. frame_unpin drops the pin and its reference.
 */
enum result frame_pin(struct frame *f);
void frame_unpin(struct frame *f);

/* References (pins are among them) and pins of the head; 0 unless COUNTED. A hint, unless frozen by
 * a lock. */
uint32_t frame_refs(struct frame *f);
uint32_t frame_pins(struct frame *f);

/*
 * Sets FRAME_YOUNG and FRAME_DIRTY in the head's record. Only COUNTED frames that are held, which
 * debug builds assert (I4); for the context see `marks`.
 */
void frame_mark(struct frame *f, uint32_t marks);

/* Clears `marks`, returns those that were set. What was written before a mark is seen after its
 * clearing. */
uint32_t frame_test_and_clear(struct frame *f, uint32_t marks);

owner_t frame_owner(struct frame *f);

/*
 * [first, first + count): from owner `from` to `to`, all or none (F6). NOT_OWNER: some frame is not
 * `from`'s, or has no record; nothing has changed then. BAD_ARGUMENT: `from` or `to` is OWNER_NONE
 * or OWNER_MOVING. The caller keeps the frames from being freed meanwhile. Of changes that overlap
 * and run at once, one succeeds. Any lock may be held.
 */
enum result frame_change_owner(pfn_t first, uint64_t count, owner_t from, owner_t to);

/*
 * The first half of a change of owner, for the allocator: all frames become OWNER_MOVING, or none
 * (NOT_OWNER), and are then the caller's alone to give to somebody or to free.
 */
enum result frame_claim(pfn_t first, uint64_t count, owner_t from);

/* What is wrong with the record of a frame that is in use, in words, or NULL (I1, I4, I5). */
const char *frame_check(struct frame *f);

#endif
