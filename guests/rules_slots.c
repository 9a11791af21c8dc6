/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memslots from the guest's side: made, shown, moved, deleted, read-only, tracked, and each refusal
 * (N6, P7, P8, H3). Needs host-control, and 4 GiB upward free.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define A 0x180000000ull
#define B 0x190000000ull
#define BYTES (64 * PAGE)

static void created_moved_deleted(void)
{
	int64_t slot = hc_slot_create(A, BYTES, 0, 0), other;

	report(slot >= 0, "a memslot is created");
	report(all_zero(A, BYTES), "its memory is zero");
	fill(A, BYTES, 7);
	report_equal(hc_slot_move((uint64_t)slot, B), 0, "it is moved");
	report_equal(hc_query(A, TENURE_QUERY_LEAF), 0, "no leaf is left at the old place");
	report_equal(hc_query(A, TENURE_QUERY_CLASS), -TENURE_NO_MEMSLOT, "and no memslot");
	report_equal(count_wrong(B, BYTES, 7 + A - B), 0, "its content came along");
	other = hc_slot_create(A, BYTES, 0, 0);
	report(other >= 0 && other != slot, "another one takes the old place");
	report(all_zero(A, BYTES), "with memory of its own");
	report_equal(count_wrong(B, BYTES, 7 + A - B), 0, "the first is as it was");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
	report_equal(hc_slot_delete((uint64_t)other), 0, "and the other");
	report_equal(hc_query(B, TENURE_QUERY_CLASS), -TENURE_NO_MEMSLOT, "nothing is there");
}

static volatile uint64_t value;

static void read_nothing(void)
{
	value = read64(B);
}

static void write_nothing(void)
{
	write64(B, 1);
}

/* A PC's bus floats: reads are all ones. On arm64 it is an external abort, a data abort's class. */
static void nothing_is_there(void)
{
	value = 0;
	report_equal(catch_trap(read_nothing), NOTHING_THERE, "a read of nothing");
	report(NOTHING_THERE >= 0 || value == 0 || value == ~0ull,
	       "ends as the board says, and the guest goes on");
	report_equal(catch_trap(write_nothing), NOTHING_THERE, "a write to nothing as well");
	report_equal(hc_query(B, TENURE_QUERY_CLASS), -TENURE_NO_MEMSLOT, "nothing is there");
}

static void refusals(void)
{
	int64_t slot = hc_slot_create(A, BYTES, 0, 0);

	report(slot >= 0, "a memslot for the refusals");
	report_equal(hc_slot_create(A + BYTES - PAGE, BYTES, 0, 0), -TENURE_OVERLAPS,
		     "one that overlaps it");
	report_equal(hc_slot_create(RAM_BASE, BYTES, 0, 0), -TENURE_OVERLAPS,
		     "one that overlaps the RAM");
	report(hc_slot_create(B + 1, BYTES, 0, 0) < 0, "one that is not aligned");
	report(hc_slot_create(B, 100, 0, 0) < 0, "a size that is not pages");
	report(hc_slot_create(B, 0, 0, 0) < 0, "an empty one");
	report(hc_slot_create(~0ull << 12, 2 * PAGE, 0, 0) < 0, "one that wraps around");
	report(hc_slot_create(B, BYTES, 99, 0) < 0, "a device that is not there");
	report_equal(hc_slot_move((uint64_t)slot, RAM_BASE + PAGE), -TENURE_OVERLAPS,
		     "a move onto the RAM");
	report(hc_slot_move((uint64_t)slot, B + 8) < 0, "a move that is not aligned");
	report(hc_slot_delete(4711) < 0, "a deletion of what is not there");
	report(hc_slot_move(4711, B) < 0, "a move of what is not there");
	fill(A, BYTES, 3);
	report_equal(count_wrong(A, BYTES, 3), 0, "after them it is whole");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
}

static void read_only(void)
{
	int64_t slot = hc_slot_create(A, BYTES, 0, 1);

	report(slot >= 0, "a read-only memslot");
	report(all_zero(A, BYTES), "can be read");
	report_equal(hc_query(A, TENURE_QUERY_WRITABLE), 0, "its leaf is not writable (P7)");
	write64(A, 42);
	report_equal(read64(A), 0, "a write to it is lost, and the guest goes on");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
}

static void protected(void)
{
	int64_t slot = hc_slot_create(A, BYTES, 0, 0);

	report(slot >= 0, "a memslot to protect");
	fill(A, BYTES, 9);
	report_equal(hc_query(A, TENURE_QUERY_WRITABLE), 1, "it is writable");
	report_equal(hc_protect(A, BYTES, 1), 0, "the host narrows it to reading (H5)");
	report(hc_query(A, TENURE_QUERY_WRITABLE) != 1, "no writable leaf is left");
	report_equal(count_wrong(A, BYTES, 9), 0, "its content can be read");
	report_equal(hc_query(A, TENURE_QUERY_WRITABLE), 0, "by a leaf that is not writable");
	report_equal(hc_protect(A, BYTES, 3), 0, "the host widens it");
	fill(A, BYTES, 10);
	report_equal(count_wrong(A, BYTES, 10), 0, "and it can be written");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
}

/* P7, S10, F7: read-only until it is written, so that the first write to each page is seen, once.
 */
static void tracked(void)
{
	int64_t slot = hc_slot_create(A, BYTES, 0, TENURE_SLOT_TRACK_WRITES), before;

	report(slot >= 0, "a memslot whose writes are tracked");
	report(all_zero(A, BYTES), "can be read");
	report_equal(hc_query(A, TENURE_QUERY_WRITABLE), 0, "by a leaf that is not writable");
	report_equal(hc_query(A, TENURE_QUERY_YOUNG_DIRTY) & 2, 0, "its frame is not dirty");
	before = hc_query(0, TENURE_QUERY_WIDENED);
	fill(A, BYTES, 11);
	report_equal(hc_query(0, TENURE_QUERY_WIDENED) - before, BYTES / PAGE,
		     "the first write to each page is seen");
	report_equal(hc_query(A, TENURE_QUERY_WRITABLE), 1, "and its leaf is writable");
	report_equal(hc_query(A, TENURE_QUERY_YOUNG_DIRTY) & 2, 2, "its frame is dirty");
	fill(A, BYTES, 12);
	report_equal(hc_query(0, TENURE_QUERY_WIDENED) - before, BYTES / PAGE,
		     "further ones are not");
	report_equal(hc_zap(A, BYTES), 0, "a notice takes the leaves");
	report_equal(count_wrong(A, BYTES, 12), 0, "its content is read");
	report_equal(hc_query(A, TENURE_QUERY_WRITABLE), 0, "by new ones that are not writable");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
}

/* Frames come and go in CPUs' caches; a leak would be of all rounds. */
static void many_times(uint64_t rounds, bool alone)
{
	int64_t before = hc_query(0, TENURE_QUERY_FREE_FRAMES), wrong = 0;

	for (uint64_t round = 0; round < rounds; round++) {
		int64_t slot = hc_slot_create(A, 8 * PAGE, 0, 0);

		fill(A, 8 * PAGE, round);
		wrong += hc_slot_move((uint64_t)slot, B) != 0;
		wrong += count_wrong(B, 8 * PAGE, round + A - B) != 0;
		wrong += hc_slot_delete((uint64_t)slot) != 0;
	}
	report_equal(wrong, 0, "memslots made, moved and deleted many times");
	if (alone)
		report(hc_query(0, TENURE_QUERY_FREE_FRAMES) >= before - (int64_t)rounds,
		       "no frame was lost by it");
}

void guest_main(const char *cmdline)
{
	created_moved_deleted();
	nothing_is_there();
	refusals();
	read_only();
	protected();
	tracked();
	many_times(argument(cmdline, "rounds", 200), !has_word(cmdline, "shared"));
}
