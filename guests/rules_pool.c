/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pattern of CVE-2021-22543: tail frames of a non-compound block, mapped into a guest and
 * dropped again, very often. No count moves, no frame is freed, the content stays (F2, F3, P3, P4,
 * M11). The block is device memory number 0 of the VM; pages=N rounds=N.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define BLOCK 0x120000000ull

static int64_t sum_of(uint64_t pages, enum tenure_query what)
{
	int64_t sum = 0;

	for (uint64_t page = 0; page < pages; page++)
		sum += hc_query(BLOCK + page * PAGE, what);
	return sum;
}

static void refused(uint64_t pages)
{
	uint64_t wrong = 0;

	for (uint64_t page = 0; page < pages; page++)
		wrong += hc_pin(BLOCK + page * PAGE) != -TENURE_CANNOT_PIN_UNCOUNTED;
	report_equal(wrong, 0, "a pin is refused for the head and for every tail");
}

static void map_and_drop(uint64_t pages, uint64_t rounds)
{
	uint64_t wrong = 0;

	for (uint64_t round = 0; round < rounds; round++) {
		for (uint64_t page = 0; page < pages; page++)
			wrong += read64(BLOCK + page * PAGE) != page + 1;
		wrong += hc_zap(BLOCK, pages * PAGE) != 0;
	}
	report_equal(wrong, 0, "every frame of the block is mapped and dropped");
}

void guest_main(const char *cmdline)
{
	uint64_t pages = argument(cmdline, "pages", 8), rounds = argument(cmdline, "rounds", 1000);
	int64_t refs, free_frames, faults;

	for (uint64_t page = 0; page < pages; page++)
		write64(BLOCK + page * PAGE, page + 1);
	report_equal(sum_of(pages, TENURE_QUERY_CLASS), pages * TENURE_CLASS_UNCOUNTED,
		     "head and tails are UNCOUNTED");
	map_and_drop(pages, 2); /* all tables are there, and the store of new ones is full */
	refs = sum_of(pages, TENURE_QUERY_REFS);
	report_equal(sum_of(pages, TENURE_QUERY_PINS), 0, "there is no pin");
	refused(pages);
	free_frames = hc_query(0, TENURE_QUERY_FREE_FRAMES);
	faults = hc_query(0, TENURE_QUERY_FAULTS);
	map_and_drop(pages, rounds);
	print("pool: %lu rounds, %ld faults\n", (unsigned long)rounds,
	      (long)(hc_query(0, TENURE_QUERY_FAULTS) - faults));
	report(hc_query(0, TENURE_QUERY_FAULTS) - faults >= (int64_t)rounds, "every round faulted");
	report_equal(sum_of(pages, TENURE_QUERY_REFS), refs, "no count has moved (I1)");
	report_equal(sum_of(pages, TENURE_QUERY_PINS), 0, "no pin has come");
	report_equal(sum_of(pages, TENURE_QUERY_YOUNG_DIRTY), 0, "no frame was marked (S3, I4)");
	report_equal(hc_query(0, TENURE_QUERY_FREE_FRAMES), free_frames,
		     "the free lists are as they were (I5)");
	report_equal(hc_owner_move(0), 0, "the pool moves the block");
	for (uint64_t page = 0; page < pages; page++)
		if (read64(BLOCK + page * PAGE) != page + 1)
			report(false, "the content came along");
	report_equal(hc_query(0, TENURE_QUERY_FREE_FRAMES), free_frames, "its old frames are free");
}
