/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tour: ten steps through how a guest page is held. Before each step the guest says what will
 * happen and by which rule; the hypervisor explains the faults and notices as they come; then
 * the guest looks at what it got and judges. Its configuration is guests/tour.dts.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/drawing.h"
#include "guests/lib/guest.h"

#define FRAMEBUFFER 0x100000000ull
#define SHARED 0x110000000ull
#define POOL_BLOCK 0x120000000ull
#define SMALL_SLOT 0x180000000ull /* made by step 1: 16 pages of ordinary memory */
#define SMALL_BYTES (16 * PAGE)
#define UNTOUCHED (RAM_BASE + 96 * MIB)
#define CANVAS (RAM_BASE + 128 * MIB) /* where the picture is composed */
enum device { DEVICE_FRAMEBUFFER, DEVICE_SHARED, DEVICE_POOL };

#define LEAF_NONE 0
#define LEAF_4K 1
#define LEAF_2M 2
#define WRITE_BACK 0
#define STORM_ROUNDS 2000
#define MAX_ROUNDS_PROMISED 64

static int64_t faults(void)
{
	return hc_query(0, TENURE_QUERY_FAULTS);
}

static void first_touch(void)
{
	int64_t before;

	report(hc_slot_create(SMALL_SLOT, SMALL_BYTES, 0, 0) >= 0,
	       "a memslot of 64 KiB is created");
	report_equal(hc_query(SMALL_SLOT, TENURE_QUERY_LEAF), LEAF_NONE,
		     "nothing is mapped before the touch");
	before = faults();
	write64(SMALL_SLOT, 0x7e17e);
	report_equal(faults() - before, 1, "the touch is one stage-2 fault");
	report_equal(hc_query(SMALL_SLOT, TENURE_QUERY_LEAF), LEAF_4K, "it left a leaf of 4 KiB");
	report_equal(hc_query(SMALL_SLOT, TENURE_QUERY_CLASS), TENURE_CLASS_COUNTED,
		     "its frame is COUNTED");
	report_equal(hc_query(SMALL_SLOT, TENURE_QUERY_REFS), 1,
		     "with the host space's reference alone (P4)");
	report_equal(hc_query(SMALL_SLOT, TENURE_QUERY_PINS), 0, "and no pin (P6)");
	report(all_zero(SMALL_SLOT + PAGE, PAGE), "the next page is new and zero");
}

static void huge_leaf(void)
{
	int64_t before = faults();

	for (uint64_t at = UNTOUCHED; at < UNTOUCHED + HUGE; at += PAGE)
		write64(at, at);
	report_equal(faults() - before, 1, "512 pages, one fault");
	report_equal(hc_query(UNTOUCHED, TENURE_QUERY_LEAF), LEAF_2M, "the leaf is of 2 MiB");
	report_equal(hc_query(UNTOUCHED + HUGE - PAGE, TENURE_QUERY_CLASS), TENURE_CLASS_COUNTED,
		     "the last of its frames is COUNTED");
}

static void framebuffer(void)
{
	int64_t before = faults();

	write64(FRAMEBUFFER, 0);
	report_equal(faults() - before, 1, "the touch is one fault");
	report_equal(hc_query(FRAMEBUFFER, TENURE_QUERY_CLASS), TENURE_CLASS_DEVICE,
		     "the host has a pfn without a record");
	report_equal(hc_query(FRAMEBUFFER, TENURE_QUERY_LEAF), LEAF_2M,
		     "the BAR is mapped by a leaf of 2 MiB");
	report(hc_query(FRAMEBUFFER, TENURE_QUERY_MEMTYPE) != WRITE_BACK, "it is not cached (S8)");
}

static uint32_t *const canvas = (uint32_t *)(uintptr_t)CANVAS;

/* Shows lines [from, to) of the canvas on the display. */
static void show(uint32_t from, uint32_t to)
{
	volatile uint32_t *screen = (volatile uint32_t *)(uintptr_t)FRAMEBUFFER;

	for (uint32_t i = from * DRAWING_WIDTH; i < to * DRAWING_WIDTH; i++)
		screen[i] = canvas[i];
}

static uint32_t pixels_wrong(uint32_t to)
{
	const volatile uint32_t *screen = (const volatile uint32_t *)(uintptr_t)FRAMEBUFFER;
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < to * DRAWING_WIDTH; i++)
		wrong += (screen[i] & 0xffffff) != canvas[i];
	return wrong;
}

static void picture(void)
{
	drawing_compose(canvas);
	show(0, DRAWING_HEIGHT / 2);
	report_equal(pixels_wrong(DRAWING_HEIGHT / 2), 0,
		     "the upper half stands in the framebuffer");
}

static void bar_moved(void)
{
	int64_t before = hc_query(FRAMEBUFFER, TENURE_QUERY_PFN);

	report(before > 0, "the BAR has a place");
	report_equal(hc_owner_move(DEVICE_FRAMEBUFFER), 0, "its owner reprograms it");
	report_equal(hc_query(FRAMEBUFFER, TENURE_QUERY_LEAF), LEAF_NONE,
		     "the notice has removed the leaves (H4, N1)");
	show(DRAWING_HEIGHT / 2, DRAWING_HEIGHT);
	report(hc_query(FRAMEBUFFER, TENURE_QUERY_PFN) != before,
	       "the guest draws on, at the new place");
	report_equal(pixels_wrong(DRAWING_HEIGHT), 0, "and both halves are right");
	print("tour: the picture is complete, crc32 %08x\n", drawing_crc32(canvas));
}

static void pool_block(void)
{
	int64_t first, second;

	fill(POOL_BLOCK, HUGE, 1);
	report_equal(hc_query(POOL_BLOCK, TENURE_QUERY_CLASS), TENURE_CLASS_UNCOUNTED,
		     "a frame with a record, not counted");
	report_equal(hc_query(POOL_BLOCK + 5 * PAGE, TENURE_QUERY_CLASS), TENURE_CLASS_UNCOUNTED,
		     "and so is a tail");
	first = hc_query(POOL_BLOCK, TENURE_QUERY_PFN);
	report_equal(hc_owner_move(DEVICE_POOL), 0, "the pool moves the block");
	report_equal(count_wrong(POOL_BLOCK, HUGE, 1), 0, "its content came along");
	second = hc_query(POOL_BLOCK, TENURE_QUERY_PFN);
	report(first > 0 && second > 0 && first != second, "it lies elsewhere");
	report_equal(hc_owner_take(DEVICE_POOL), 0, "the pool evicts it");
	report_equal(hc_query(POOL_BLOCK, TENURE_QUERY_LEAF), LEAF_NONE, "no leaf is left");
	report_equal(hc_query(POOL_BLOCK, TENURE_QUERY_CLASS), -TENURE_NO_BACKING,
		     "the host has nothing there");
	report_equal(hc_owner_give(DEVICE_POOL), 0, "and gives it again");
	fill(POOL_BLOCK, HUGE, 2);
	report_equal(count_wrong(POOL_BLOCK, HUGE, 2), 0, "the guest uses it again");
}

static void pin_refused(void)
{
	report_equal(hc_pin(POOL_BLOCK), -TENURE_CANNOT_PIN_UNCOUNTED, "the head of the block");
	report_equal(hc_pin(POOL_BLOCK + 5 * PAGE), -TENURE_CANNOT_PIN_UNCOUNTED, "a tail of it");
	report_equal(hc_pin(FRAMEBUFFER), -TENURE_CANNOT_PIN_UNCOUNTED, "the BAR");
	report_equal(count_wrong(POOL_BLOCK, HUGE, 2), 0, "the block is as it was");
}

static void pin_outlives(void)
{
	uint64_t page = SMALL_SLOT + 3 * PAGE;
	int64_t pinned, free_frames;

	write64(page, 0x1234);
	pinned = hc_pin(page);
	report(pinned > 0, "the frame is pinned");
	report_equal(hc_query(page, TENURE_QUERY_PINS), 1, "one pin");
	report_equal(hc_drop(page, PAGE), 0, "the host drops the page");
	report_equal(hc_query(page, TENURE_QUERY_LEAF), LEAF_NONE, "the mapping is gone");
	report_equal(read64(page), 0, "the next touch brings a new page");
	report(hc_query(page, TENURE_QUERY_PFN) != pinned,
	       "another frame: the pinned one is not free");
	free_frames = hc_query(0, TENURE_QUERY_FREE_FRAMES);
	report_equal(hc_unpin((uint64_t)pinned), 0, "the pin is released");
	report_equal(hc_query(0, TENURE_QUERY_FREE_FRAMES) - free_frames, 1,
		     "and the frame is free (F4)");
}

static void read_only_first(void)
{
	uint64_t at = SHARED + 2 * HUGE + 8;

	(void)read64(at);
	report(hc_query(at, TENURE_QUERY_LEAF) > 0, "reading maps it");
	report_equal(hc_query(at, TENURE_QUERY_WRITABLE), 0, "not writable");
	write64(at, 0xb1c0);
	report_equal(hc_query(at, TENURE_QUERY_WRITABLE), 1, "the first write is granted (H3)");
	report_equal(read64(at), 0xb1c0, "and arrives");
}

static volatile bool storm_is_over;
static uint64_t storm_losses[MAX_CPUS], storm_turns[MAX_CPUS];

/* Counts up a word of each page, and looks whether each stands where it was left. */
static void count_in_storm(uint64_t me)
{
	uint64_t turn = 0;

	while (!storm_is_over || turn < 16) {
		for (uint64_t at = SMALL_SLOT; at < SMALL_SLOT + SMALL_BYTES; at += PAGE) {
			storm_losses[me] += read64(at + 1024 + 8 * me) != turn;
			write64(at + 1024 + 8 * me, turn + 1);
		}
		turn++;
	}
	storm_turns[me] = turn;
}

static void storm(void)
{
	report_equal(cpu_run(1, count_in_storm, 1), 0, "vCPU 1 counts");
	report_equal(cpu_run(2, count_in_storm, 2), 0, "vCPU 2 counts");
	report_equal(hc_storm(SMALL_SLOT, SMALL_BYTES, STORM_ROUNDS), STORM_ROUNDS, "2000 notices");
	storm_is_over = true;
	cpu_wait(1);
	cpu_wait(2);
	print("tour: %lu and %lu turns, %ld lookups lost to a notice, at most %ld rounds\n",
	      (unsigned long)storm_turns[1], (unsigned long)storm_turns[2],
	      (long)hc_query(0, TENURE_QUERY_RACED), (long)hc_query(0, TENURE_QUERY_MAX_ROUNDS));
	report_equal(storm_losses[1] + storm_losses[2], 0, "no count was lost");
	report(hc_query(0, TENURE_QUERY_MAX_ROUNDS) <= MAX_ROUNDS_PROMISED,
	       "every fault came through (N8)");
}

static const struct step {
	const char *rules, *title;
	void (*run)(void);
} steps[] = {
	{ "H1 P2 P4 S2", "the first touch of ordinary memory", first_touch },
	{ "H7 S2", "a leaf of 2 MiB", huge_leaf },
	{ "F1 P3 S8", "the framebuffer's BAR: device memory, without a record", framebuffer },
	{ "S3", "a picture is drawn into it", picture },
	{ "H4 H5 N1", "the BAR is moved while the guest draws", bar_moved },
	{ "F3 H1 S3", "a non-counted block: mapped, moved, evicted, mapped again", pool_block },
	{ "P3 P8", "pins of what is not counted are refused", pin_refused },
	{ "F4 F5 P6", "a pin of counted memory outlives its mapping", pin_outlives },
	{ "H3 P7", "a BAR that is read-only until the first write", read_only_first },
	{ "N3 N4 N8 P5 S9", "two vCPUs fault under a storm of notices", storm },
};

void guest_main(const char *cmdline)
{
	unsigned count = sizeof steps / sizeof steps[0], good = 0;

	(void)cmdline;
	for (unsigned i = 0; i < count; i++) {
		unsigned failed = checks_failed();
		bool as_expected;

		print("\ntour: step %u of %u: %s [%s]\n", i + 1, count, steps[i].title,
		      steps[i].rules);
		(void)hc_step(i + 1, 0);
		steps[i].run();
		as_expected = checks_failed() == failed;
		(void)hc_step_end(i + 1, as_expected);
		print("tour: step %u %s\n", i + 1, as_expected ? "as expected" : "NOT AS EXPECTED");
		good += as_expected;
	}
	print("\ntour: %u of %u steps as expected\n", good, count);
}
