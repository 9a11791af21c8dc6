/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What things cost, in executed instructions: under QEMU's -icount a counter of the processor
 * counts them. Each line is "bench: NAME VALUE", the mean from guest to guest, the loop around it
 * subtracted. The command line's first word says which part runs, for each wants its own machine
 * (tests/bench/run has them all):
 *
 *	pages	4 KiB leaves: faults, notices, memslots, calls, an interrupt; guests/bench.dts
 *	huge	2 MiB leaves
 *	switch	two vCPUs on one CPU
 *	cpus	a vCPU on each CPU: what a notice costs more for each
 *	stay	one of many VMs; the first counts what they take
 *	growth	faults of 4 KiB over mib=64 MiB of slots=1 memslots (at most 512), in a host space
 *		of which consumers=1 hear notices
 *
 * Device memory number 0 is an ivshmem BAR.
 */
#include <stdatomic.h>

#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"
#include "guests/lib/irq.h"

#define BAR 0xc0000000ull
#define BAR_BYTES (16 * MIB)
#define AREA 0x100000000ull
#define AREA_BYTES (64 * MIB)
#define ELSEWHERE 0x180000000ull
#define GIB (1024 * MIB)
#define CALLS 4096ull
#define RW 3ull
#define READ_ONLY 1ull
#define GROWTH_SLOTS_MAX 512u

static volatile uint64_t sink;
static _Atomic bool stop;
static _Atomic unsigned ready;

static void result(const char *name, uint64_t total, uint64_t of)
{
	uint64_t tenths = (total * 10 + of / 2) / of;

	print("bench: %s %lu.%lu\n", name, (unsigned long)(tenths / 10),
	      (unsigned long)(tenths % 10));
}

/* ---- Touching ----------------------------------------------------------------------------------
 */

static __attribute__((noinline)) uint64_t touch(uint64_t gpa, uint64_t bytes, uint64_t step,
						bool write)
{
	uint64_t before = cycles();

	for (uint64_t at = gpa; at < gpa + bytes; at += step) {
		if (write)
			write64(at, at);
		else
			sink = read64(at);
	}
	return cycles() - before;
}

/* What the touches' faults cost: the touches alone, with all leaves there, taken off. */
static uint64_t faulting(uint64_t gpa, uint64_t bytes, uint64_t step, bool write)
{
	uint64_t cost = touch(gpa, bytes, step, write);

	return cost - touch(gpa, bytes, step, write);
}

static void present(const char *name, uint64_t gpa, uint64_t bytes, uint64_t step, bool write)
{
	(void)touch(gpa, bytes, step, true);
	report_equal(hc_zap(gpa, bytes), 0, "the leaves are gone");
	result(name, faulting(gpa, bytes, step, write), bytes / step);
}

/* Less the clearing of what is touched. */
static void absent(const char *name, uint64_t gpa, uint64_t bytes, uint64_t step, bool write)
{
	uint64_t clear = (uint64_t)hc_query(0, TENURE_QUERY_CLEAR_COST) * (bytes / PAGE), cost;

	report_equal(hc_drop(gpa, bytes), 0, "the pages are gone");
	cost = faulting(gpa, bytes, step, write);
	/* A block may be cleared for less than its pages one by one. */
	result(name, cost > clear ? cost - clear : 0, bytes / step);
}

/* Each page zapped by itself: its table stays, as it does when single pages come and go. */
static void refaults(uint64_t gpa, uint64_t bytes)
{
	for (uint64_t at = gpa; at < gpa + bytes; at += PAGE)
		(void)hc_zap(at, PAGE);
	result("refault_4k", faulting(gpa, bytes, PAGE, true), bytes / PAGE);
}

/* A memslot whose writes are tracked: its leaves are read-only so that the first write is seen. */
static void widens(uint64_t gpa, uint64_t bytes)
{
	int64_t slot = hc_slot_create(gpa, bytes, 0, TENURE_SLOT_TRACK_WRITES);
	uint64_t before, wrong = 0;

	report(slot >= 0, "a memslot whose writes are tracked");
	(void)touch(gpa, bytes, PAGE, false);
	for (uint64_t at = gpa; at < gpa + bytes; at += PAGE)
		wrong += hc_query(at, TENURE_QUERY_WRITABLE) != 0;
	report_equal(wrong, 0, "what was read only is read-only");
	before = (uint64_t)hc_query(0, TENURE_QUERY_WIDENED);
	result("widen_4k", faulting(gpa, bytes, PAGE, true), bytes / PAGE);
	report_equal(hc_query(0, TENURE_QUERY_WIDENED) - (int64_t)before, (int64_t)(bytes / PAGE),
		     "each write has found its leaf");
	report_equal(hc_slot_delete((uint64_t)slot), 0, "the memslot goes");
}

/*
 * Leaves that are read-only although the host would have them writable by now: read while the
 * host's entries forbade writing, which a pin for writing has changed since.
 */
static void grants(uint64_t gpa, uint64_t bytes)
{
	uint64_t wrong = 0;

	report_equal(hc_protect(gpa, bytes, READ_ONLY), 0, "the host's entries are read-only");
	report_equal(hc_protect(gpa, bytes, RW), 0, "... and may be widened");
	(void)touch(gpa, bytes, PAGE, false);
	for (uint64_t at = gpa; at < gpa + bytes; at += PAGE) {
		int64_t pin = hc_pin(at);
		wrong += pin < 0 || hc_unpin((uint64_t)pin) != 0;
		wrong += hc_query(at, TENURE_QUERY_WRITABLE) != 0;
	}
	report_equal(wrong, 0, "the leaves are read-only, the host's entries are not");
	result("grant_4k", faulting(gpa, bytes, PAGE, true), bytes / PAGE);
}

/* ---- Calls, devices, interrupts ----------------------------------------------------------------
 */

static uint64_t empty_loop(void)
{
	uint64_t before = cycles();

	for (uint64_t i = 0; i < CALLS; i++)
		__asm__ volatile("" : : : "memory");
	return cycles() - before;
}

static uint64_t nothing(void)
{
	uint64_t before = cycles();

	for (uint64_t i = 0; i < CALLS; i++)
		(void)hc_nop();
	return cycles() - before;
}

static void calls(void)
{
	uint64_t empty = empty_loop(), before;

	result("hypercall", nothing() - empty, CALLS);
	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		device_write();
	result("device_access", cycles() - before - empty, CALLS);
	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		register_read();
	result(REGISTER_NAME, cycles() - before - empty, CALLS);
}

static void interrupts(void)
{
	const uint64_t rounds = 256;
	uint64_t sum = 0, missed = 0;

	irq_prepare();
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t cost = irq_cost();
		sum += cost;
		missed += cost == 0;
	}
	report_equal(missed, 0, "each interrupt came");
	result("irq_inject", sum, rounds);
}

/* ---- Notices, memslots -------------------------------------------------------------------------
 */

/* A notice for each page of the area, less what a hypercall costs. */
static uint64_t each_page(uint64_t pages)
{
	uint64_t call = nothing() * pages / CALLS, before = cycles();

	for (uint64_t page = 0; page < pages; page++)
		(void)hc_zap(AREA + page * PAGE, PAGE);
	return cycles() - before - call;
}

static void notices(void)
{
	uint64_t before;

	(void)touch(AREA, AREA_BYTES, PAGE, true);
	before = cycles();
	(void)hc_zap(AREA, AREA_BYTES);
	result("notice_64m_per_page", cycles() - before, AREA_BYTES / PAGE);
	(void)touch(AREA, AREA_BYTES, PAGE, true);
	result("notice_one_page", each_page(AREA_BYTES / PAGE), AREA_BYTES / PAGE);
	(void)touch(AREA, AREA_BYTES, PAGE, true);
	before = cycles();
	(void)hc_drop(AREA, AREA_BYTES);
	result("drop_64m_per_page", cycles() - before, AREA_BYTES / PAGE);
}

/* Moving a memslot is deleting it and making it elsewhere: its memory stays. */
static void memslots(uint64_t slot)
{
	uint64_t before;

	(void)touch(AREA, AREA_BYTES, PAGE, true);
	before = cycles();
	report_equal(hc_slot_move(slot, ELSEWHERE), 0, "the memslot is moved");
	result("slot_delete_per_page", cycles() - before, AREA_BYTES / PAGE);
	report_equal(hc_query(AREA, TENURE_QUERY_LEAF), 0, "no leaf is left behind");
	report_equal(read64(ELSEWHERE + PAGE), AREA + PAGE, "its memory is at the other place");
	(void)touch(ELSEWHERE, AREA_BYTES, PAGE, true);
	before = cycles();
	report_equal(hc_slot_delete(slot), 0, "the memslot is deleted");
	result("slot_delete_and_drop_per_page", cycles() - before, AREA_BYTES / PAGE);
}

/* Table pages of both trees, the host's and stage-2's, for a memslot of which all is mapped. */
static void tables(const char *name, uint64_t bytes, uint64_t step)
{
	uint64_t before = (uint64_t)hc_query(0, TENURE_QUERY_OWN_FRAMES);
	int64_t slot = hc_slot_create(AREA, bytes, 0, 0);

	report(slot >= 0, "a memslot to count tables for");
	(void)touch(AREA, bytes, step, true);
	result(name, (uint64_t)hc_query(0, TENURE_QUERY_OWN_FRAMES) - before, 1);
	report_equal(hc_slot_delete((uint64_t)slot), 0, "it is deleted");
}

/* ---- The parts ---------------------------------------------------------------------------------
 */

static void part_pages(void)
{
	int64_t slot;

	result("first_guest_insn", (uint64_t)hc_query(0, TENURE_QUERY_START_COST), 1);
	result("page_clear", (uint64_t)hc_query(0, TENURE_QUERY_CLEAR_COST), 1);
	result("own_pages_1_vm", (uint64_t)hc_query(0, TENURE_QUERY_OWN_FRAMES), 1);
	tables("tables_64m", AREA_BYTES, PAGE);
	tables("tables_4g", 4 * GIB, HUGE); /* one page of each table's */
	slot = hc_slot_create(AREA, AREA_BYTES, 0, 0);
	report(slot >= 0, "a memslot of 64 MiB");
	calls();
	interrupts();
	present("fault_4k_present", AREA, AREA_BYTES, PAGE, true);
	present("fault_4k_present_read", AREA, AREA_BYTES, PAGE, false);
	report_equal(hc_query(AREA, TENURE_QUERY_LEAF), 1, "its leaves are of 4 KiB");
	absent("fault_4k_absent", AREA, AREA_BYTES, PAGE, true);
	absent("fault_4k_absent_read", AREA, AREA_BYTES, PAGE, false);
	refaults(AREA, AREA_BYTES);
	grants(AREA, AREA_BYTES);
	widens(ELSEWHERE, AREA_BYTES);
	present("fault_pfnmap_4k", BAR, BAR_BYTES, PAGE, true);
	report_equal(hc_query(BAR, TENURE_QUERY_LEAF), 1, "the BAR's leaves are of 4 KiB");
	notices();
	memslots((uint64_t)slot);
}

static void part_huge(void)
{
	report(hc_slot_create(AREA, 4 * AREA_BYTES, 0, 0) >= 0, "a memslot of 256 MiB");
	present("fault_2m_present", AREA, 4 * AREA_BYTES, HUGE, true);
	report_equal(hc_query(AREA, TENURE_QUERY_LEAF), 2, "its leaves are of 2 MiB");
	absent("fault_2m_absent", AREA, 4 * AREA_BYTES, HUGE, true);
	present("fault_pfnmap_2m", BAR, BAR_BYTES, HUGE, true);
	report_equal(hc_query(BAR, TENURE_QUERY_LEAF), 2, "the BAR's leaves are of 2 MiB");
}

static void yield_until_told(uint64_t mark)
{
	fp_set(mark);
	atomic_fetch_add(&ready, 1);
	while (!stop)
		(void)hc_yield();
	report(fp_is(mark), "its FP registers are its own");
}

static void part_switch(void)
{
	uint64_t before;

	report_equal(cpu_run(1, yield_until_told, 0x1111), 0, "another vCPU on the same CPU");
	while (ready == 0)
		(void)hc_yield();
	fp_set(0x2222);
	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		(void)hc_yield();
	result("vcpu_switch", cycles() - before, 2 * CALLS);
	report(fp_is(0x2222), "so are these");
	stop = true;
	while (!cpu_idle(1))
		(void)hc_yield();
}

static void spin_until_told(uint64_t unused)
{
	(void)unused;
	irq_let_in();
	atomic_fetch_add(&ready, 1);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		pause();
}

/* vCPUs 1, 2 and 3 go into their guest one after another. */
static void part_cpus(unsigned vcpus)
{
	const uint64_t pages = 512;
	uint64_t alone = 0, cost = 0;

	report(hc_slot_create(AREA, AREA_BYTES, 0, 0) >= 0, "a memslot");
	for (unsigned others = 0; others < vcpus; others++) {
		if (others != 0) {
			report_equal(cpu_run(others, spin_until_told, 0), 0, "another CPU");
			while (ready != others)
				pause();
		}
		(void)touch(AREA, AREA_BYTES, PAGE, true);
		cost = each_page(pages);
		if (others == 0)
			alone = cost;
	}
	result("notice_per_cpu", cost > alone ? cost - alone : 0, pages * (vcpus - 1));
	stop = true;
	for (unsigned i = 1; i < vcpus; i++)
		cpu_wait(i);
}

/* VMs that stay a while, by turns; the first one counts when all are there, and ends first. */
static void part_stay(bool first)
{
	for (unsigned turn = 0; turn < 1000; turn++) {
		if (first && turn == 100) {
			result("own_pages_16_vms", (uint64_t)hc_query(0, TENURE_QUERY_OWN_FRAMES),
			       1);
			return;
		}
		(void)hc_yield();
	}
}

/* A page of each memslot in turn, so that each fault is in another one than the last. */
static uint64_t touch_by_turns(uint64_t share, uint64_t bytes)
{
	uint64_t before = cycles();

	for (uint64_t page = 0; page < share; page += PAGE) {
		for (uint64_t at = page; at < bytes; at += share)
			write64(AREA + at, at);
	}
	return cycles() - before;
}

static void other_clock(uint64_t gpa)
{
	clock_page(gpa, false);
}

/* Stage 2 is the first consumer of the VM's host space, the page of statistics the second, and each
 * vCPU's page with a clock, on x86, one more. */
static void consumers(uint64_t count)
{
	static char pages[MAX_CPUS + 1][PAGE] __attribute__((aligned(PAGE)));

	if (count > 1)
		report_equal(hc_stats_page((uint64_t)(uintptr_t)pages[MAX_CPUS], 1), 0,
			     "a page of statistics");
	if (count > 2)
		clock_page((uint64_t)(uintptr_t)pages[0], true);
	for (unsigned id = 1; id + 2 < count; id++) {
		report_equal(cpu_run(id, other_clock, (uint64_t)(uintptr_t)pages[id]), 0,
			     "a vCPU for a clock");
		for (unsigned turn = 0; turn < 16; turn++)
			(void)hc_yield();
	}
}

/* So many memslots, one behind the other; they replace those before them. */
static void growth_slots(uint64_t share, uint64_t slots, uint64_t flags)
{
	static int64_t made[GROWTH_SLOTS_MAX];
	static uint64_t before;
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < before; i++)
		wrong += hc_slot_delete((uint64_t)made[i]) != 0;
	for (uint64_t i = 0; i < slots; i++) {
		made[i] = hc_slot_create(AREA + i * share, share, 0, flags);
		wrong += made[i] < 0;
	}
	before = slots;
	report_equal(wrong, 0, "the memslots are there");
}

static void part_growth(uint64_t bytes, uint64_t slots)
{
	uint64_t share = bytes / slots, cost;
	uint64_t clear = (uint64_t)hc_query(0, TENURE_QUERY_CLEAR_COST) * (bytes / PAGE);

	result("first_guest_insn", (uint64_t)hc_query(0, TENURE_QUERY_START_COST), 1);
	for (unsigned turn = 0; turn < 64; turn++) /* other VMs have begun before it counts */
		(void)hc_yield();
	growth_slots(share, slots, 0);
	result("fault_4k_absent", faulting(AREA, bytes, PAGE, true) - clear, bytes / PAGE);
	report_equal(hc_zap(AREA, bytes), 0, "the leaves are gone");
	result("fault_4k_present", faulting(AREA, bytes, PAGE, true), bytes / PAGE);
	report_equal(hc_zap(AREA, bytes), 0, "again");
	cost = touch_by_turns(share, bytes);
	result("fault_by_turns", cost - touch_by_turns(share, bytes), bytes / PAGE);
	cost = each_page(512);
	result("notice_one_page", cost, 512);
	refaults(AREA, bytes < AREA_BYTES ? bytes : AREA_BYTES);
	growth_slots(share, slots, TENURE_SLOT_TRACK_WRITES);
	(void)touch(AREA, bytes, PAGE, false);
	result("widen_4k", faulting(AREA, bytes, PAGE, true), bytes / PAGE);
}

void guest_main(const char *cmdline)
{
	if (has_word(cmdline, "growth")) {
		consumers(argument(cmdline, "consumers", 1));
		part_growth(argument(cmdline, "mib", 64) * MIB, argument(cmdline, "slots", 1));
	} else if (has_word(cmdline, "huge")) {
		part_huge();
	} else if (has_word(cmdline, "switch")) {
		part_switch();
	} else if (has_word(cmdline, "cpus")) {
		part_cpus(4);
	} else if (has_word(cmdline, "stay")) {
		part_stay(has_word(cmdline, "first"));
	} else {
		part_pages();
	}
	report(true, "this part is over");
}
