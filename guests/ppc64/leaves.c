/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves of 64 KiB: where they stand, what a notice of a page takes, and how they give way to pages
 * (S2, S4). With vcpus=2 the other one writes meanwhile; rounds=N. Needs host-control and 64 MiB of
 * RAM.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define LEAF_NONE 0
#define LEAF_4K 1
#define LEAF_2M 2
#define LEAF_64K 5 /* of the side level, behind the root's */
#define KIB64 (16 * PAGE)
#define PLACE 0x180000000ull
#define SIZE (2 * HUGE)

static int64_t leaf(uint64_t gpa)
{
	return hc_query(gpa, TENURE_QUERY_LEAF);
}

/* In step with its memory, moved on by 64 KiB: out of step for 2 MiB. */
static int64_t shifted(void)
{
	int64_t slot = hc_slot_create(PLACE, SIZE, 0, 0);

	report(slot >= 0, "a memslot of 4 MiB");
	fill(PLACE, SIZE, 1);
	report_equal(leaf(PLACE), LEAF_2M, "has leaves of 2 MiB");
	report_equal(hc_slot_move((uint64_t)slot, PLACE + KIB64), 0, "it is moved by 64 KiB");
	report_equal(leaf(PLACE + KIB64), LEAF_NONE, "no leaf is left");
	int64_t faults = hc_query(0, TENURE_QUERY_FAULTS);
	report_equal(count_wrong(PLACE + KIB64, SIZE, 1 - KIB64), 0, "all of it is as it was");
	faults = hc_query(0, TENURE_QUERY_FAULTS) - faults;
	report_equal(faults, SIZE / KIB64, "by a fault for each 64 KiB");
	uint64_t other = 0;
	for (uint64_t at = PLACE + KIB64; at < PLACE + KIB64 + SIZE; at += PAGE)
		other += leaf(at) != LEAF_64K;
	report_equal((int64_t)other, 0, "all its leaves are of 64 KiB");
	fill(PLACE + KIB64, SIZE, 2);
	report_equal(count_wrong(PLACE + KIB64, SIZE, 2), 0, "all of it can be written");
	return slot;
}

static void cut_by_notice(void)
{
	uint64_t at = PLACE + 8 * KIB64, page = at + 5 * PAGE;

	report_equal(hc_zap(page, PAGE), 0, "a notice over one page that changes nothing");
	report_equal(leaf(page), LEAF_NONE, "takes its leaf (S4)");
	report_equal(leaf(at), LEAF_NONE, "whole");
	report_equal(leaf(at + KIB64), LEAF_64K, "and no other");
	report_equal(count_wrong(at, KIB64, 2), 0, "and no content");
	report_equal(leaf(page), LEAF_64K, "it comes back");
}

/* The host's 2 MiB become pages where one of them goes; leaves beside it stay until one is needed.
 */
static void cut_by_drop(void)
{
	uint64_t at = PLACE + 8 * KIB64, page = at + 5 * PAGE;

	report_equal(hc_drop(page, PAGE), 0, "one page is dropped");
	report_equal(leaf(at), LEAF_NONE, "its leaf is gone");
	report_equal(leaf(at + KIB64), LEAF_64K, "the next is there");
	report(all_zero(page, PAGE), "the page's next touch brings a zero page");
	report_equal(leaf(page), LEAF_4K, "by a leaf of 4 KiB");
	report_equal(leaf(at + KIB64), LEAF_NONE, "which takes the place of the leaves beside it");
	report_equal(count_wrong(at, 5 * PAGE, 2), 0, "what lies before is as it was");
	report_equal(count_wrong(page + PAGE, SIZE - 7 * KIB64 - 6 * PAGE, 2), 0,
		     "what lies behind too");
	report_equal(leaf(at + KIB64), LEAF_4K, "by 4 KiB where the host has them");
	fill(PLACE + KIB64, SIZE, 3);
	report_equal(count_wrong(PLACE + KIB64, SIZE, 3), 0, "all of it can be written");
}

/* ---- To and fro, under a writer ----------------------------------------------------------------
 */

#define WINDOW (PLACE + HUGE) /* 2 MiB that the memslot covers, in two entries of the host */
#define WORDS 32ull

static volatile bool over;
static uint64_t strange;
static volatile uint64_t turns;

static uint64_t word_at(uint64_t i)
{
	return WINDOW + i * KIB64 + i % 16 * PAGE + 64;
}

/* Each word is what was left there, or zero where the page was dropped since. */
static void write_and_look(uint64_t me)
{
	(void)me;
	while (!over || turns < 8) {
		for (uint64_t i = 0; i < WORDS; i++) {
			uint64_t at = word_at(i), is = read64(at);

			strange += is != turns && is != 0;
			write64(at, turns + 1);
		}
		turns++;
	}
}

/* The other vCPU has been everywhere. */
static void a_turn_later(void)
{
	for (uint64_t then = turns; turns < then + 2;)
		hc_yield();
}

static void to_and_fro(uint64_t rounds)
{
	uint64_t large = 0, pages = 0, lost = 0, refused = hc_drop(PLACE + KIB64, SIZE) != 0;

	report_equal(cpu_run(1, write_and_look, 1), 0, "another vCPU writes");
	for (uint64_t round = 0; round < rounds; round++) {
		uint64_t page = WINDOW + round % 512 * PAGE, word = word_at((round + 16) % WORDS);

		refused += hc_drop(PLACE + KIB64, SIZE) != 0;
		(void)read64(page);
		large += leaf(page) == LEAF_64K;
		a_turn_later();
		refused += hc_drop(page, PAGE) != 0;
		(void)read64(page);
		pages += leaf(page) == LEAF_4K;
		/* What the other one has of this page it has by a leaf that is gone, or anew. */
		refused += hc_drop(word & ~(PAGE - 1), PAGE) != 0;
		a_turn_later();
		lost += read64(word) == 0;
	}
	over = true;
	cpu_wait(1);
	print("leaves: %lu turns\n", (unsigned long)turns);
	report_equal(refused, 0, "all is dropped, and a page of it, again and again");
	report_equal(large, rounds, "each time leaves of 64 KiB come back");
	report_equal(pages, rounds, "and give way to pages");
	report_equal(strange, 0, "no word was strange");
	report_equal(lost, 0, "none was written where nobody else sees it");
}

void guest_main(const char *cmdline)
{
	int64_t slot = shifted();
	if (argument(cmdline, "vcpus", 1) > 1)
		to_and_fro(argument(cmdline, "rounds", 100));
	report_equal(hc_drop(PLACE + KIB64, SIZE), 0, "all of it is dropped");
	fill(PLACE + KIB64, SIZE, 2);
	cut_by_notice();
	cut_by_drop();
	report_equal(hc_slot_delete((uint64_t)slot), 0, "the memslot is deleted");
}
