/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Huge leaves: where they stand, and what is left when a notice cuts one (S2, S4). Needs
 * host-control and 64 MiB of RAM.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define LEAF_4K 1
#define LEAF_2M 2
#define PLACE (RAM_BASE + 32 * MIB)

static void is_huge(void)
{
	fill(PLACE, HUGE, 1);
	report_equal(hc_query(PLACE, TENURE_QUERY_LEAF), LEAF_2M,
		     "aligned RAM gets a leaf of 2 MiB");
	report_equal(hc_query(PLACE + HUGE - PAGE, TENURE_QUERY_LEAF), LEAF_2M, "over all of it");
}

static void cut_by_drop(void)
{
	uint64_t hole = PLACE + 100 * PAGE;

	report_equal(hc_drop(hole, PAGE), 0, "one page of it is dropped");
	report(hc_query(hole, TENURE_QUERY_LEAF) <= 0, "the page has no leaf (S4)");
	report(all_zero(hole, PAGE), "its next touch brings a zero page");
	report_equal(hc_query(hole, TENURE_QUERY_LEAF), LEAF_4K, "by a leaf of 4 KiB");
	report_equal(count_wrong(PLACE, 100 * PAGE, 1), 0, "what lies before is as it was");
	report_equal(count_wrong(hole + PAGE, HUGE - 101 * PAGE, 1), 0, "what lies behind too");
	fill(PLACE, HUGE, 2);
	report_equal(count_wrong(PLACE, HUGE, 2), 0, "all of it can be used");
}

static void cut_by_protect(void)
{
	uint64_t place = PLACE + HUGE;

	fill(place, HUGE, 3);
	report_equal(hc_query(place, TENURE_QUERY_LEAF), LEAF_2M, "a second leaf of 2 MiB");
	report_equal(hc_protect(place + 7 * PAGE, PAGE, 1), 0, "one page is made read-only");
	report_equal(count_wrong(place, HUGE, 3), 0, "all of it can be read");
	report_equal(hc_query(place + 7 * PAGE, TENURE_QUERY_WRITABLE), 0,
		     "the page is not writable");
	write64(place + 8 * PAGE, 8);
	write64(place + 6 * PAGE, 6);
	report(read64(place + 8 * PAGE) == 8 && read64(place + 6 * PAGE) == 6,
	       "its neighbours are");
	report_equal(hc_protect(place + 7 * PAGE, PAGE, 3), 0, "it is made writable again");
	fill(place, HUGE, 4);
	report_equal(count_wrong(place, HUGE, 4), 0, "all of it can be written");
}

static void cut_by_notice(void)
{
	fill(PLACE + 2 * HUGE, HUGE, 5);
	report_equal(hc_zap(PLACE + 2 * HUGE + 300 * PAGE, PAGE), 0,
		     "a notice over one page that changes nothing");
	report(hc_query(PLACE + 2 * HUGE + 300 * PAGE, TENURE_QUERY_LEAF) <= 0, "takes its leaf");
	report_equal(count_wrong(PLACE + 2 * HUGE, HUGE, 5), 0, "and no content");
}

/* A memslot whose gpa and backing are not aligned alike can have no huge leaf (M14). */
static void askew(void)
{
	uint64_t gpa = 0x180000000ull + 3 * PAGE;
	int64_t slot = hc_slot_create(gpa, 2 * HUGE, 0, 0);

	report(slot >= 0, "a memslot of 4 MiB at an odd page");
	fill(gpa, 2 * HUGE, 6);
	report_equal(count_wrong(gpa, 2 * HUGE, 6), 0, "all of it is right");
	report_equal(hc_slot_move((uint64_t)slot, gpa + 4 * PAGE), 0, "it is moved by four pages");
	report_equal(count_wrong(gpa + 4 * PAGE, 2 * HUGE, 6 - 4 * PAGE), 0,
		     "and all of it is right");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
}

void guest_main(const char *cmdline)
{
	if (!has_word(cmdline, "small")) {
		is_huge();
		cut_by_drop();
		cut_by_protect();
	} else {
		fill(PLACE, HUGE, 1);
		report_equal(hc_query(PLACE, TENURE_QUERY_LEAF), LEAF_4K,
			     "huge pages are off: a leaf of 4 KiB");
	}
	cut_by_notice();
	askew();
}
