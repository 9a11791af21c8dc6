/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real BAR under a running guest: moved while another vCPU writes through it, taken away, given
 * back (H3, H4, N1, P3, S8). The ivshmem device's memory is device memory number 0. vcpus=2
 * rounds=N.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define BAR 0x110000000ull
#define BYTES (16 * MIB)

static volatile bool over;
static uint64_t lost, turns;

static void write_through(uint64_t me)
{
	uint64_t turn = 0;

	while (!over || turn < 8) {
		for (uint64_t at = BAR; at < BAR + BYTES; at += HUGE) {
			lost += read64(at + 8 * me) != turn;
			write64(at + 8 * me, turn + 1);
		}
		turn++;
	}
	turns = turn;
}

static void moved(uint64_t rounds)
{
	uint64_t refused = 0, stayed = 0;

	for (uint64_t at = BAR; at < BAR + BYTES; at += HUGE)
		write64(at + 8, 0);
	report_equal(cpu_run(1, write_through, 1), 0, "another vCPU writes");
	for (uint64_t round = 0; round < rounds; round++) {
		int64_t before;

		(void)read64(BAR);
		before = hc_query(BAR, TENURE_QUERY_PFN);
		refused += hc_owner_move(0) != 0;
		(void)read64(BAR);
		stayed += hc_query(BAR, TENURE_QUERY_PFN) == before;
	}
	over = true;
	cpu_wait(1);
	print("bar: %lu moves, %lu turns of the writer\n", (unsigned long)rounds,
	      (unsigned long)turns);
	report_equal(refused, 0, "every move was done");
	report_equal(stayed, 0, "each to another place");
	report_equal(lost, 0, "no word was lost");
}

static void taken(void)
{
	uint64_t value;

	fill(BAR, 4 * PAGE, 1);
	report_equal(hc_owner_take(0), 0, "the owner takes it away");
	report_equal(hc_query(BAR, TENURE_QUERY_LEAF), 0, "no leaf is left");
	report_equal(hc_query(BAR, TENURE_QUERY_CLASS), -TENURE_NO_BACKING,
		     "the host has nothing there");
	value = read64(BAR);
	report(value == 0 || value == ~0ull, "a read floats, and the guest goes on");
	write64(BAR, 5);
	report(hc_owner_take(0) < 0 || hc_owner_give(0) == 0,
	       "taking it twice is refused, or does no harm");
	(void)hc_owner_give(0);
	report_equal(count_wrong(BAR, 4 * PAGE, 1), 0, "given back, its content is there");
	report_equal(hc_query(BAR, TENURE_QUERY_CLASS), TENURE_CLASS_DEVICE,
		     "and it is device memory");
}

void guest_main(const char *cmdline)
{
	report_equal(hc_pin(BAR), -TENURE_CANNOT_PIN_UNCOUNTED, "it cannot be pinned (P3)");
	fill(BAR, BYTES, 3);
	report_equal(hc_query(BAR, TENURE_QUERY_CLASS), TENURE_CLASS_DEVICE,
		     "a pfn without a record (F1)");
	report_equal(count_wrong(BAR, BYTES, 3), 0, "all of its words can be written and read");
	report(hc_query(BAR, TENURE_QUERY_MEMTYPE) > 0 || has_word(cmdline, "cached"),
	       "it is not write-back (S8)");
	moved(argument(cmdline, "rounds", 20));
	taken();
}
