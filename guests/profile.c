/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does one kind of thing very often, for tests/bench/profile, which looks where the hypervisor's
 * instructions go: "fault", "hypercall" or "notice" on the command line. Needs host-control.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

#define AREA 0x140000000ull
#define PAGES 512ull
#define ROUNDS 4

static void touch_all(void)
{
	for (uint64_t page = 0; page < PAGES; page++)
		write64(AREA + page * PAGE, page);
}

void guest_main(const char *cmdline)
{
	bool faults = has_word(cmdline, "fault"), notices = has_word(cmdline, "notice");

	report(hc_slot_create(AREA, PAGES * PAGE, 0, 0) >= 0, "a memslot");
	touch_all();
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (faults || notices) {
			report_equal(hc_zap(AREA, PAGES * PAGE), 0, "its leaves are gone");
			touch_all();
		}
		for (unsigned call = 0; !faults && !notices && call < PAGES; call++)
			(void)hc_nop();
	}
}
