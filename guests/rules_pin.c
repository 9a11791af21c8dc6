/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins: counted apart, outliving mappings, refused where they cannot be (F4, F5, P3, P6, M13).
 * Needs host-control.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define AREA 0x180000000ull
#define PAGES 64ull

static int64_t pfns[PAGES];

static void outlive(void)
{
	int64_t free_frames;
	uint64_t same_frame = 0, wrong = 0;

	for (uint64_t page = 0; page < PAGES; page++) {
		write64(AREA + page * PAGE, page);
		pfns[page] = hc_pin(AREA + page * PAGE);
		wrong += pfns[page] <= 0;
	}
	report_equal(wrong, 0, "every page is pinned");
	report_equal(hc_drop(AREA, PAGES * PAGE), 0, "the host drops them all");
	for (uint64_t page = 0; page < PAGES; page++) {
		wrong += read64(AREA + page * PAGE) != 0;
		for (uint64_t other = 0; other < PAGES; other++)
			same_frame += hc_query(AREA + page * PAGE, TENURE_QUERY_PFN) == pfns[other];
	}
	report_equal(wrong, 0, "the next touch brings zero pages");
	report_equal(same_frame, 0, "none of them is a pinned frame (F4)");
	free_frames = hc_query(0, TENURE_QUERY_FREE_FRAMES);
	for (uint64_t page = 0; page < PAGES; page++)
		wrong += hc_unpin((uint64_t)pfns[page]) != 0;
	report_equal(wrong, 0, "every pin is released");
	report_equal(hc_query(0, TENURE_QUERY_FREE_FRAMES) - free_frames, PAGES,
		     "and the frames are free");
}

static void twice(void)
{
	int64_t first = hc_pin(AREA), second = hc_pin(AREA);

	report(first > 0 && first == second, "two pins of a page are of one frame");
	report_equal(hc_query(AREA, TENURE_QUERY_PINS), 2, "and counted");
	report_equal(hc_unpin((uint64_t)first), 0, "one is released");
	report_equal(hc_query(AREA, TENURE_QUERY_PINS), 1, "one is left");
	report_equal(hc_unpin((uint64_t)second), 0, "and the other");
	report_equal(hc_query(AREA, TENURE_QUERY_PINS), 0, "none is left");
	report(hc_unpin((uint64_t)first) < 0, "one more is refused");
}

static void refusals(void)
{
	report(hc_pin(0x1c0000000ull) == -TENURE_NO_MEMSLOT, "a pin of no memslot");
	report(hc_unpin(0) < 0, "an unpin of a frame that was never pinned");
	report(hc_unpin(~0ull) < 0, "an unpin of no frame");
	report(hc_unpin(1ull << 50) < 0, "an unpin far beyond memory");
}

void guest_main(const char *cmdline)
{
	(void)cmdline;
	report(hc_slot_create(AREA, PAGES * PAGE, 0, 0) >= 0, "a memslot for pins");
	outlive();
	twice();
	refusals();
}
