/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does one kind of thing very often, as the last thing before its end, for tests/bench/profile,
 * which looks where the hypervisor's instructions go. The command line's first word says what; each
 * is one exit, PAGES times, but for "notice", which is one exit for PAGES pages, and "large", which
 * is LARGE pages of 2 MiB. Needs host-control.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

#define AREA 0x140000000ull
#define PAGES 512ull
#define LARGE 40ull
#define RW 3ull
#define READ_ONLY 1ull

static volatile uint64_t sink;

static void write_all(void)
{
	for (uint64_t page = 0; page < PAGES; page++)
		write64(AREA + page * PAGE, page);
}

static void read_all(void)
{
	for (uint64_t page = 0; page < PAGES; page++)
		sink = read64(AREA + page * PAGE);
}

static void large(void)
{
	report(hc_slot_create(AREA, LARGE * HUGE, 0, 0) >= 0, "a memslot");
	for (unsigned round = 0; round < 2; round++) {
		(void)hc_zap(AREA, LARGE * HUGE);
		for (uint64_t page = 0; page < LARGE; page++)
			write64(AREA + page * HUGE, page);
	}
}

static void zap_each(void)
{
	for (uint64_t page = 0; page < PAGES; page++)
		(void)hc_zap(AREA + page * PAGE, PAGE);
}

/* Read-only leaves whose host entries are writable by now, as in guests/bench.c. */
static void prepare_granting(void)
{
	report_equal(hc_protect(AREA, PAGES * PAGE, READ_ONLY), 0, "read-only");
	report_equal(hc_protect(AREA, PAGES * PAGE, RW), 0, "... and writable");
	for (uint64_t page = 0; page < PAGES; page++) {
		sink = read64(AREA + page * PAGE);
		(void)hc_unpin((uint64_t)hc_pin(AREA + page * PAGE));
	}
}

static void calls(bool device)
{
	for (uint64_t call = 0; call < PAGES; call++) {
		if (device)
			device_write();
		else
			(void)hc_nop();
	}
}

void guest_main(const char *cmdline)
{
	if (has_word(cmdline, "large")) {
		large();
		return;
	}
	report(hc_slot_create(AREA, PAGES * PAGE, 0,
			      has_word(cmdline, "widen") ? TENURE_SLOT_TRACK_WRITES : 0) >= 0,
	       "a memslot");
	report(true, "what follows is looked at");
	write_all();
	if (has_word(cmdline, "absent"))
		return;
	if (has_word(cmdline, "hypercall") || has_word(cmdline, "device")) {
		calls(has_word(cmdline, "device"));
		return;
	}
	if (has_word(cmdline, "page")) {
		zap_each();
		return;
	}
	if (has_word(cmdline, "grant"))
		prepare_granting();
	else
		(void)hc_zap(AREA, PAGES * PAGE);
	if (has_word(cmdline, "widen"))
		read_all();
	if (!has_word(cmdline, "notice"))
		write_all();
}
