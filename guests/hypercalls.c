/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercalls that every VM has, and the refusals: from user mode, unknown numbers, wild
 * arguments, and those marked T for a VM without host-control ("plain" on the command line).
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

/* The page is dropped on the way: it holds nothing else. */
static union {
	struct tenure_stats stats;
	uint8_t page[4096];
} own __attribute__((aligned(4096)));

static void plain_calls(void)
{
	static const char text[] = "hypercalls: this line came by the call `console`\n";
	int64_t before, after;

	report_equal(hc_nop(), 0, "nop");
	report_equal(hc_version(), TENURE_ABI_VERSION, "version");
	report_equal(hc_vcpu_id(), 0, "vcpu_id");
	report(hc_console((uintptr_t)text, sizeof text - 1) >= 0, "console");
	report(hc_console(0x1c0000000ull, 10) < 0, "console of memory that is not there");
	report(hc_console((uintptr_t)text, 1 << 20) < 0, "console of too much");
	before = hc_time();
	report(hc_yield() >= 0, "yield");
	after = hc_time();
	report(before > 0 && after > before, "time goes on");
	report(hypercall(999, 0, 0, 0, 0) < 0, "an unknown number");
	report(hypercall(~0ull, ~0ull, ~0ull, ~0ull, ~0ull) < 0, "a wild number");
	report(refused_to_user(TENURE_nop), "from user mode");
	report(refused_to_user(TENURE_end), "an end from user mode");
}

static void stats_page(bool control)
{
	volatile struct tenure_stats *s = &own.stats;
	uint64_t updates, page = (uintptr_t)&own.stats;

	report(hc_stats_page(page + 8, 1) < 0, "a statistics page that is not aligned");
	report(hc_stats_page(0x1c0000000ull, 1) < 0, "a statistics page that is not there");
	report_equal(hc_stats_page(page, 1), 0, "a statistics page (C1)");
	updates = s->updates;
	for (int64_t until = hc_time() + 200000000; hc_time() < until && s->updates == updates;)
		(void)hc_yield();
	report(s->updates > updates, "it is kept up to date");
	report((s->seq & 1) == 0 && s->exits > 0 && s->faults > 0 && s->time_ns > 0, "and filled");
	if (control) {
		report_equal(hc_drop(page, PAGE), 0, "its page is dropped");
		for (int64_t until = hc_time() + 500000000;
		     hc_time() < until && s->updates <= updates;)
			(void)hc_yield();
		report(s->updates > updates, "it is kept up to date in the new one (N5)");
	}
	report_equal(hc_stats_page(page, 0), 0, "it is given up");
	updates = s->updates;
	for (int64_t until = hc_time() + 50000000; hc_time() < until;)
		(void)hc_yield();
	report_equal(s->updates, updates, "and left alone");
}

/* Small numbers may name what the VM lives on: its own memslots are not offered to deletion. */
static bool would_hurt(uint64_t nr, uint64_t first)
{
	bool slot = nr == TENURE_slot_delete || nr == TENURE_slot_move;

	return nr == TENURE_step || nr == TENURE_step_end || (slot && first < PAGE);
}

static void wild_arguments(void)
{
	static const uint64_t wild[] = { 1,	     0xfff, 0x1c0000000ull, 1ull << 51,
					 1ull << 63, ~0ull, ~0xfffull };
	const unsigned count = sizeof wild / sizeof wild[0];

	for (uint64_t nr = TENURE_drop; nr <= TENURE_zap; nr++)
		for (unsigned i = 0; i < count; i++)
			if (!would_hurt(nr, wild[i]))
				(void)hypercall(nr, wild[i], wild[(i + 3) % count],
						wild[(i + 5) % count], ~wild[i]);
	for (unsigned i = 0; i < count; i++) {
		report(hc_query(wild[i], 1000) < 0, "a query of nothing known");
		report(hc_drop(wild[i], PAGE) < 0, "a drop of what is not there");
		report(hc_drop(PAGE, wild[i]) < 0, "a drop of too much, or of no whole pages");
		report(hc_zap(wild[i], ~0ull) < 0, "a notice that wraps around");
		report(hc_owner_take(wild[i] + 9) < 0, "a device that is not there");
	}
}

static void without_control(void)
{
	uint64_t wrong = 0;

	for (uint64_t nr = TENURE_drop; nr <= TENURE_zap; nr++)
		wrong += hypercall(nr, RAM_BASE + HUGE, PAGE, 1, 0) != -TENURE_UNSUPPORTED;
	report_equal(wrong, 0, "the calls marked T are refused without host-control");
}

void guest_main(const char *cmdline)
{
	bool plain = has_word(cmdline, "plain");

	plain_calls();
	stats_page(!plain);
	if (plain)
		without_control();
	else
		wild_arguments();
}
