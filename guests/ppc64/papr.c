/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseries board and the processor as a guest sees them: waiting (H_CEDE, which must cost no
 * exits while it lasts), H_PROD before and after it, a vCPU that never leaves its guest by itself,
 * and the calls of RTAS and PAPR that Linux makes. Two vCPUs, on one CPU or more. With
 * "drops" only RTAS, whose arguments the host takes away meanwhile (needs host-control).
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

#define H_PAGE_INIT 0x2cull
#define H_IPOLL 0x70ull
#define H_IPI 0x6cull
#define H_PROD 0xe8ull
#define H_RANDOM 0x300ull
#define H_SET_MODE 0x31cull
#define H_RTAS 0xf000ull
#define H_FUNCTION (-2)
#define H_PARAMETER (-4)
#define H_P2 (-55)

#define DECREMENTER 22
#define VECTOR_DECREMENTER 0x900
#define FAR 0x7fffffffull /* four seconds of the timebase */
#define WAIT 51200000ull  /* a tenth of one */
#define PAGE_ZERO 0x8000ull

static struct {
	struct tenure_stats stats;
} page __attribute__((aligned(4096)));
static uint8_t target[PAGE] __attribute__((aligned(4096)));
static volatile uint64_t flag, turns, came_back;

static uint64_t timebase(void)
{
	uint64_t ticks;

	__asm__ volatile("mftb %0" : "=r"(ticks));
	return ticks;
}

static void decrementer(uint64_t ticks)
{
	__asm__ volatile("mtspr %0, %1" : : "i"(DECREMENTER), "r"(ticks));
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static uint64_t exits_of_wait, ticks_of_wait;

/* The page is as old as the vCPU's last return to the guest: a yield brings it up to date. */
static uint64_t exits(void)
{
	uint64_t updates = ((volatile struct tenure_stats *)&page.stats)->updates;

	while (((volatile struct tenure_stats *)&page.stats)->updates == updates)
		(void)hc_yield();
	return ((volatile struct tenure_stats *)&page.stats)->exits;
}

static void wait_for_decrementer(void)
{
	ticks_of_wait = timebase();
	decrementer(WAIT);
	(void)papr(H_CEDE, 0, 0, 0, 0);
	(void)papr(H_CEDE, 0, 0, 0, 0); /* not reached: the interrupt comes first */
}

static void waiting(void)
{
	uint64_t page_at = (uintptr_t)&page.stats, before;

	report_equal(hc_stats_page(page_at, 1), 0, "a statistics page");
	before = exits();
	report_equal(catch_trap(wait_for_decrementer), VECTOR_DECREMENTER,
		     "H_CEDE ends with the decrementer's interrupt");
	ticks_of_wait = timebase() - ticks_of_wait;
	decrementer(FAR);
	exits_of_wait = exits() - before;
	report(ticks_of_wait >= WAIT, "and not before it");
	print("papr: %lu exits for %lu ticks of waiting\n", (unsigned long)exits_of_wait,
	      (unsigned long)ticks_of_wait);
	/* One to wait, those that bring the page up to date; none for the time that passed. */
	report(exits_of_wait < 100, "waiting makes no exits");
	report_equal(hc_stats_page(page_at, 0), 0, "the page is given up");
}

static void cede(void)
{
	(void)papr(H_CEDE, 0, 0, 0, 0);
}

static void prod_first(void)
{
	uint64_t start = timebase();

	decrementer(FAR);
	report_equal(papr(H_PROD, 0, 0, 0, 0), 0, "H_PROD of itself");
	report_equal(catch_trap(cede), -1, "the next H_CEDE comes back");
	report(timebase() - start < FAR / 2, "at once");
	report_equal(papr(H_PROD, 99, 0, 0, 0), H_PARAMETER, "H_PROD of nobody");
}

/* ---- Another vCPU ---------------------------------------------------------------------------- */

/* Its interrupts stay away: its priority is 0, its decrementer far. */
static void waits(uint64_t times)
{
	for (uint64_t i = 0; i < times; i++) {
		decrementer(FAR);
		(void)papr(H_CEDE, 0, 0, 0, 0);
		came_back = i + 1;
		while (turns == i)
			(void)hc_yield();
	}
}

static void prod_another(void)
{
	uint64_t times = 20, start = timebase();

	report_equal(cpu_run(1, waits, times), 0, "a vCPU that waits");
	for (uint64_t i = 0; i < times; i++) {
		/* Now before its H_CEDE, now after it. */
		for (uint64_t until = timebase() + (i % 4) * 100000; timebase() < until;)
			(void)hc_yield();
		(void)papr(H_PROD, 1, 0, 0, 0);
		while (came_back != i + 1 && timebase() - start < times * FAR)
			(void)hc_yield();
		turns = i + 1;
	}
	cpu_wait(1);
	report(timebase() - start < times * FAR / 2, "is woken each time");
}

/* Without an exit of its own, with interrupts off. */
static void spins(uint64_t unused)
{
	(void)unused;
	while (flag == 0)
		pause();
	flag = 2;
}

static void preemption(void)
{
	report_equal(cpu_run(1, spins, 0), 0, "a vCPU that never leaves its guest");
	for (uint64_t until = timebase() + WAIT / 2; timebase() < until;)
		(void)hc_yield();
	flag = 1;
	while (flag == 1)
		(void)hc_yield();
	cpu_wait(1);
	report(true, "does not keep the CPU");
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static uint32_t block[12];

static void set_block(uint32_t token, uint32_t arguments, uint32_t results)
{
	block[0] = __builtin_bswap32(token);
	block[1] = __builtin_bswap32(arguments);
	block[2] = __builtin_bswap32(results);
	for (unsigned i = 3; i < 12; i++)
		block[i] = 0;
}

static void services(void)
{
	uint32_t entry;
	int64_t year;

	/* The token of power-off is the first; the clock's is not far. */
	report_equal(rtas("get-time-of-day", 0, 0, 0), -3, "a service with too few results");
	set_block(0x7777, 0, 1);
	report_equal(papr(H_RTAS, (uintptr_t)block, 0, 0, 0), 0, "RTAS by the hypercall");
	report_equal(__builtin_bswap32(block[3]), (uint32_t)-3, "a token of nobody");
	report_equal(papr(H_RTAS, 0x1c0000000ull, 0, 0, 0), H_PARAMETER, "a block that is nowhere");
	entry = rtas_property("linux,rtas-entry");
	set_block(rtas_property("get-time-of-day"), 0, 8);
	((void (*)(void *))(uintptr_t)entry)(block);
	report_equal(block[3], 0, "RTAS by its entry, little-endian");
	year = __builtin_bswap32(block[4]);
	report(year > 2020 && year < 2200, "the year");
	report(__builtin_bswap32(block[10]) < 1000000000, "the nanoseconds");
}

static void calls(void)
{
	uint64_t first = 0, second = 0;

	report_equal(papr_get(H_RANDOM, &first), 0, "H_RANDOM");
	(void)papr_get(H_RANDOM, &second);
	report(first != second, "twice the same would be no chance");
	for (unsigned i = 0; i < PAGE; i++)
		target[i] = 0xaa;
	report_equal(papr(H_PAGE_INIT, PAGE_ZERO, (uintptr_t)target, 0, 0), 0, "H_PAGE_INIT");
	report(all_zero((uintptr_t)target, PAGE), "a page of zeros");
	report_equal(papr(H_SET_MODE, 1, 4, 0, 0), 0, "little-endian interrupts");
	report_equal(papr(H_SET_MODE, 3, 3, 0, 0), H_P2, "interrupts elsewhere: refused");
	report_equal(papr(H_REGISTER_PROC_TBL, 0x1c, 0x1000, 1, 0), -56, "a page size");
	report_equal(papr(H_REGISTER_PROC_TBL, 0x1c, 0x1000, 0, 25), -57, "a table too long");
	report_equal(papr(H_REGISTER_PROC_TBL, 0x1c, 0x1000, 0, 4), H_P2, "a crooked table");
	report_equal(papr(H_REGISTER_PROC_TBL, 0x15c, 0x1000, 0, 0), H_PARAMETER, "unknown flags");
	report_equal(papr(0xfffc, 0, 0, 0, 0), H_FUNCTION, "a call that is none");
}

/* ---- Memory on the move -----------------------------------------------------------------------
 */

#define DROPS 10000

static void drops(uint64_t at)
{
	for (unsigned i = 0; i < DROPS; i++)
		(void)hc_drop(at, PAGE);
}

/*
 * The page of a call's arguments is taken away all the time: it may be found full of zeros, but it
 * is always found.
 */
static void services_under_drops(void)
{
	uint64_t calls_made = 0, refused = 0, at = (uintptr_t)target;

	report_equal(cpu_run(1, drops, at), 0, "a vCPU that has the arguments dropped");
	while (!cpu_idle(1)) {
		refused += papr(H_RTAS, at, 0, 0, 0) != 0;
		calls_made++;
	}
	print("papr: %lu calls under drops\n", (unsigned long)calls_made);
	report_equal(refused, 0, "no call was refused for that");
}

void guest_main(const char *cmdline)
{
	if (has_word(cmdline, "drops")) {
		services_under_drops();
		return;
	}
	waiting();
	prod_first();
	prod_another();
	preemption();
	services();
	calls();
}
