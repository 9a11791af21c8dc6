/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs write while the host drops, narrows and notices what they write to. Every word must be what
 * its writer left there, or zero where the host has dropped the page (N1, N4, N8, P5, S9). vcpus=N
 * with the first as the host's hand; rounds=N. Needs host-control.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define AREA 0x180000000ull
#define PAGES 32ull
#define MAX_ROUNDS_PROMISED 64

static volatile bool over, dropping;
static uint64_t wrong[MAX_CPUS], turns[MAX_CPUS];

static uint64_t word_at(uint64_t page, uint64_t me)
{
	return AREA + page * PAGE + 64 * me;
}

static void write_and_look(uint64_t me)
{
	uint64_t turn = 0;

	while (!over || turn < 8) {
		for (uint64_t page = 0; page < PAGES; page++) {
			uint64_t is = read64(word_at(page, me));

			wrong[me] += is != turn && !(dropping && is == 0);
			write64(word_at(page, me), turn + 1);
		}
		turn++;
	}
	turns[me] = turn;
}

static void run(const char *name, unsigned vcpus, bool drops, uint64_t rounds)
{
	uint64_t total = 0;

	over = false;
	dropping = drops;
	for (uint64_t page = 0; page < PAGES; page++)
		for (unsigned id = 1; id < vcpus; id++)
			write64(word_at(page, id), 0);
	for (unsigned id = 1; id < vcpus; id++)
		if (cpu_run(id, write_and_look, id) != 0)
			report(false, "a vCPU starts");
	if (!drops)
		report_equal(hc_storm(AREA, PAGES * PAGE, rounds), rounds,
			     "a storm of notices over all of it");
	for (uint64_t round = 0; drops && round < rounds; round++)
		if (hc_drop(AREA + round % PAGES * PAGE, PAGE) != 0)
			report(false, "a page is dropped");
	over = true;
	for (unsigned id = 1; id < vcpus; id++) {
		cpu_wait(id);
		total += wrong[id];
		print("storm: vCPU %u made %lu turns\n", id, (unsigned long)turns[id]);
	}
	report_equal(total, 0, name);
}

void guest_main(const char *cmdline)
{
	unsigned vcpus = (unsigned)argument(cmdline, "vcpus", 2);
	uint64_t rounds = argument(cmdline, "rounds", 1000);
	int64_t free_frames;

	report(hc_slot_create(AREA, PAGES * PAGE, 0, 0) >= 0, "a memslot for the storm");
	free_frames = hc_query(0, TENURE_QUERY_FREE_FRAMES);
	run("no word was lost under notices", vcpus, false, rounds);
	run("no word was strange under drops", vcpus, true, rounds);
	print("storm: %ld faults, %ld notices, %ld raced, %ld spurious, at most %ld rounds\n",
	      (long)hc_query(0, TENURE_QUERY_FAULTS), (long)hc_query(0, TENURE_QUERY_NOTICES),
	      (long)hc_query(0, TENURE_QUERY_RACED), (long)hc_query(0, TENURE_QUERY_SPURIOUS),
	      (long)hc_query(0, TENURE_QUERY_MAX_ROUNDS));
	report(hc_query(0, TENURE_QUERY_MAX_ROUNDS) <= MAX_ROUNDS_PROMISED,
	       "every fault came through (N8)");
	report(hc_query(0, TENURE_QUERY_FREE_FRAMES) + 512 >= free_frames ||
		       has_word(cmdline, "shared"),
	       "the dropped frames are free again");
}
