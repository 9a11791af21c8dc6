/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting, marking and owning frames. All of it works on single records with single atomic
 * operations and takes no lock, so it may be called anywhere; what must hold around each call is
 * said in frame.h. A count is read to decide whether a frame is still held, never to decide
 * what the frame is: that is the class (F2).
 */
#include "mm/frame.h"

#include <stddef.h>

#include "mm/block.h"

struct frame *frame_table;
uint64_t frame_limit;
_Atomic uint8_t *frame_chunks;

static _Atomic uint32_t next_owner = OWNER_FIRST_DYNAMIC;

const char *frame_class_words(enum frame_class c)
{
	switch (c) {
	case FRAME_FREE: return "free";
	case FRAME_COUNTED: return "counted";
	case FRAME_UNCOUNTED: return "uncounted";
	case FRAME_TABLE: return "table";
	case FRAME_RESERVED: return "reserved";
	case FRAME_DEVICE: return "device";
	}
	return "of no known class";
}

owner_t owner_new(void)
{
	/* relaxed: the number must be new, nothing else hangs on it. */
	uint32_t v = atomic_fetch_add_explicit(&next_owner, 1, memory_order_relaxed);
	MM_CHECK(v >= OWNER_FIRST_DYNAMIC && v != OWNER_MOVING.v);
	return (owner_t){ v };
}

/* ---- Chunks -------------------------------------------------------------------------------- */

/* What each frame of a chunk is that is in this state. */
static struct frame chunk_record(enum frame_chunk state)
{
	switch (state) {
	case CHUNK_FREE: break;
	case CHUNK_HYPERVISOR:
		return (struct frame){ .class = FRAME_RESERVED,
				       .tail = FRAME_HEAD,
				       .owner = OWNER_HYPERVISOR.v };
	case CHUNK_FIRMWARE:
		return (struct frame){ .class = FRAME_RESERVED,
				       .tail = FRAME_HEAD,
				       .owner = OWNER_FIRMWARE.v };
	case CHUNK_DEVICE:
	case CHUNK_RISING:
	case CHUNK_READY: return (struct frame){ .class = FRAME_DEVICE };
	}
	return (struct frame){ .class = FRAME_FREE, .tail = FRAME_PART };
}

_Static_assert(FRAME_FREE == 0 && FRAME_PART == 0,
	       "the record of a frame that was never handed out is all zero");
_Static_assert(FRAME_CHUNK * sizeof(struct frame) == PAGE_SIZE, "a chunk's records are a page");

/* Nobody reads the records yet, so each is written as a whole. */
static void chunk_write(uint64_t first, enum frame_chunk state)
{
	struct frame record = chunk_record(state);

	if (state == CHUNK_FREE) { /* all of it is below frame_limit */
		mm_page_clear(&frame_table[first]);
		return;
	}
	for (uint64_t n = first; n < first + FRAME_CHUNK && n < frame_limit; n++)
		__builtin_memcpy(&frame_table[n], &record, sizeof(record));
}

static _Atomic uint8_t *chunk_of(pfn_t n)
{
	return &frame_chunks[n.v >> FRAME_CHUNK_ORDER];
}

/* The chunk's state, once nobody is writing its records. */
static uint8_t chunk_settled(pfn_t n)
{
	uint8_t state = atomic_load_explicit(chunk_of(n), memory_order_acquire);

	while (state == CHUNK_RISING) {
		mm_relax();
		state = atomic_load_explicit(chunk_of(n), memory_order_acquire);
	}
	return state;
}

void frame_bring_up(pfn_t n)
{
	uint8_t state = chunk_settled(n);

	if (state == CHUNK_READY)
		return;
	mm_step("frame_bring_up", chunk_of(n));
	/* Of all who find it so, one writes. acquire: whoever made it so has done with it. */
	if (!atomic_compare_exchange_strong_explicit(chunk_of(n), &state, CHUNK_RISING,
						     memory_order_acquire, memory_order_acquire)) {
		(void)chunk_settled(n);
		return;
	}
	chunk_write(n.v & ~(FRAME_CHUNK - 1), (enum frame_chunk)state);
	/* release: who finds it ready finds the records. */
	atomic_store_explicit(chunk_of(n), CHUNK_READY, memory_order_release);
}

enum frame_class frame_class_unready(pfn_t n)
{
	uint8_t state = chunk_settled(n);

	if (state == CHUNK_READY)
		return (enum frame_class)atomic_load_explicit(&frame_table[n.v].class,
							      memory_order_relaxed);
	struct frame each = chunk_record((enum frame_chunk)state);
	return (enum frame_class)each.class;
}

struct frame *frame_of_unready(pfn_t n)
{
	if (frame_class_unready(n) == FRAME_DEVICE)
		return NULL;
	frame_bring_up(n);
	return &frame_table[n.v];
}

/* ---- Counts -------------------------------------------------------------------------------- */

static inline bool is_counted(const struct frame *f)
{
	return atomic_load_explicit(&f->class, memory_order_relaxed) == FRAME_COUNTED;
}

bool frame_try_get(struct frame *f)
{
	struct frame *head = frame_head(f);
	if (!is_counted(head))
		return false;

	uint32_t n = atomic_load_explicit(&head->refs, memory_order_relaxed);
	do {
		/* A free frame's link is above the limit, so this refuses it as well (frame.h). */
		if (n == 0 || n >= FRAME_REFS_LIMIT)
			return false;
		mm_step("frame_get", head);
		/* acquire: pairs with the release that set the count to one, see block_alloc. */
	} while (!atomic_compare_exchange_weak_explicit(
		&head->refs, &n, n + 1, memory_order_acquire, memory_order_relaxed));
	return true;
}

void frame_get_many(struct frame *f, uint32_t n)
{
	struct frame *head = frame_head(f);
	MM_CHECK(is_counted(head) && n <= FRAME_REFS_LIMIT);
	/* relaxed: the caller's reference already keeps the frame as it is. */
	uint32_t before = atomic_fetch_add_explicit(&head->refs, n, memory_order_relaxed);
	MM_CHECK(before != 0 && before <= FRAME_REFS_LIMIT - n);
}

void frame_put_many(struct frame *f, uint32_t n)
{
	struct frame *head = frame_head(f);
	MM_CHECK(is_counted(head) && n != 0);
	mm_step("frame_put", head);
	/*
	 * release: everything the holder did to the frame comes before its reference is gone. If it
	 * takes the count below zero, the value left behind is far above the limit, so that nobody
	 * gets a reference from it before the host stops.
	 */
	uint32_t before = atomic_fetch_sub_explicit(&head->refs, n, memory_order_release);
	MM_CHECK(before >= n && before <= FRAME_REFS_LIMIT);
	if (before != n)
		return;
	/*
	 * acquire: reads the zero that ends the chain of puts, each of which released, and so
	 * comes after all that any former holder did. Only the last put needs it.
	 */
	MM_CHECK(atomic_load_explicit(&head->refs, memory_order_acquire) == 0);
	block_free_counted(head);
}

void frame_put(struct frame *f)
{
	frame_put_many(f, 1);
}

enum result frame_pin(struct frame *f)
{
	if (!is_counted(frame_head(f)))
		return CANNOT_PIN_UNCOUNTED;
	if (!frame_try_get(f))
		return IN_USE;
	/*
	 * After the reference, so that pins never exceed references (and never their limit).
	 * relaxed: who must see a pin looks under the lock that pinning goes through.
	 */
	atomic_fetch_add_explicit(&frame_head(f)->pins, 1, memory_order_relaxed);
	return OK;
}

void frame_unpin(struct frame *f)
{
	struct frame *head = frame_head(f);
	/* release: who sees the frame without pins sees what was done to it through the pin. */
	uint32_t before = atomic_fetch_sub_explicit(&head->pins, 1, memory_order_release);
	MM_CHECK(before != 0 && before <= FRAME_REFS_LIMIT);
	frame_put(head);
}

uint32_t frame_refs(struct frame *f)
{
	struct frame *head = frame_head(f);
	return is_counted(head) ? atomic_load_explicit(&head->refs, memory_order_relaxed) : 0;
}

uint32_t frame_pins(struct frame *f)
{
	struct frame *head = frame_head(f);
	/* acquire: pairs with frame_unpin. */
	return is_counted(head) ? atomic_load_explicit(&head->pins, memory_order_acquire) : 0;
}

void frame_mark(struct frame *f, uint32_t marks)
{
	struct frame *head = frame_head(f);
	MM_ASSERT((marks & ~(FRAME_YOUNG | FRAME_DIRTY)) == 0);
	MM_ASSERT(frame_refs(head) != 0); /* counted, and held: I4 */
	/*
	 * Never skipped when the mark is set already: it could be cleared in between, and then the
	 * writes that this mark stands for would be lost. release: see frame_test_and_clear.
	 */
	atomic_fetch_or_explicit(&head->marks, (uint8_t)marks, memory_order_release);
}

uint32_t frame_test_and_clear(struct frame *f, uint32_t marks)
{
	struct frame *head = frame_head(f);
	MM_ASSERT((marks & ~(FRAME_YOUNG | FRAME_DIRTY)) == 0);
	MM_ASSERT(frame_refs(head) != 0); /* counted, and held: I4 */
	/* acquire: who clears "dirty" and then copies the page sees what made it dirty. */
	return marks &
	       atomic_fetch_and_explicit(&head->marks, (uint8_t)~marks, memory_order_acquire);
}

owner_t frame_owner(struct frame *f)
{
	return (owner_t){ atomic_load_explicit(&f->owner, memory_order_acquire) };
}

/*
 * Frames are claimed one by one under a number that nobody can name as the old owner, so a claim
 * that must be undone can be undone. All claims go upwards: of two that meet, the one that is
 * ahead is not stopped by the other, and so they never refuse each other.
 */
enum result frame_claim(pfn_t first, uint64_t count, owner_t from)
{
	if (first.v > frame_limit || count > frame_limit - first.v)
		return NOT_OWNER;
	struct frame *f = &frame_table[first.v];
	for (uint64_t i = 0; i < count; i++) {
		uint32_t expected = from.v;
		if (!frame_is_ready(pfn(first.v + i)))
			frame_bring_up(pfn(first.v + i));
		mm_step("frame_claim", &f[i]);
		/* acquire: what the old owner did comes before what the new one does. */
		if (atomic_compare_exchange_strong_explicit(&f[i].owner, &expected, OWNER_MOVING.v,
							    memory_order_acquire,
							    memory_order_relaxed))
			continue;
		while (i-- > 0)
			atomic_store_explicit(&f[i].owner, from.v, memory_order_release);
		return NOT_OWNER;
	}
	return OK;
}

static inline bool may_own(owner_t o)
{
	return o.v != OWNER_NONE.v && o.v != OWNER_MOVING.v;
}

enum result frame_change_owner(pfn_t first, uint64_t count, owner_t from, owner_t to)
{
	if (!may_own(from) || !may_own(to))
		return BAD_ARGUMENT;
	enum result r = frame_claim(first, count, from);
	if (r != OK)
		return r;
	for (uint64_t i = 0; i < count; i++)
		atomic_store_explicit(&frame_table[first.v + i].owner, to.v, memory_order_release);
	return OK;
}

static const char *check_counted(struct frame *f)
{
	struct frame *head = frame_head(f);
	if (!is_counted(head))
		return "a counted frame whose head is not counted";
	if (head->order != f->order || head->tail != FRAME_HEAD)
		return "a counted frame whose head is not the head of its block";
	if (head->refs == 0 || head->refs > FRAME_REFS_LIMIT)
		return "a counted frame without a reference";
	if (head->pins > head->refs)
		return "more pins than references";
	if (f != head && (f->refs != 0 || f->pins != 0 || f->marks != 0))
		return "a tail that counts or is marked";
	return NULL;
}

const char *frame_check(struct frame *f)
{
	enum frame_class c = frame_class(frame_pfn(f));
	if (c == FRAME_FREE || c >= FRAME_DEVICE)
		return "not a frame in use";
	if (f->owner == OWNER_NONE.v)
		return "a frame in use without an owner";
	if (f->tail >= FRAME_LISTED)
		return "a frame in use that is on a free list";
	if (c == FRAME_COUNTED)
		return check_counted(f);
	if (f->tail == FRAME_TAIL)
		return "a compound tail that is not counted";
	if (f->marks != 0)
		return "a mark on a frame that is not counted";
	if (c != FRAME_TABLE && (f->refs != 0 || f->pins != 0))
		return "a count in a frame that is not counted";
	return NULL;
}
