/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What things cost, in executed instructions: under QEMU's -icount a counter of the processor
 * counts them. Each line is "bench: NAME VALUE", the mean from guest to guest, the loop around it
 * subtracted. Its configuration is guests/bench.dts: 4 KiB leaves only, one vCPU, device memory
 * number 0 an ivshmem BAR.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define BAR 0x110000000ull
#define BAR_BYTES (16 * MIB)
#define AREA 0x140000000ull
#define AREA_BYTES (64 * MIB)
#define CALLS 4096ull

static volatile uint64_t sink;

static void result(const char *name, uint64_t instructions, uint64_t of)
{
	uint64_t tenths = (instructions * 10 + of / 2) / of;

	print("bench: %s %lu.%lu\n", name, (unsigned long)(tenths / 10),
	      (unsigned long)(tenths % 10));
}

static __attribute__((noinline)) uint64_t touch(uint64_t gpa, uint64_t bytes, bool write)
{
	uint64_t before = cycles();

	for (uint64_t at = gpa; at < gpa + bytes; at += PAGE) {
		if (write)
			write64(at, at);
		else
			sink = read64(at);
	}
	return cycles() - before;
}

/* What the touches alone cost, with all leaves there. */
static uint64_t touch_again(uint64_t gpa, uint64_t bytes, bool write)
{
	return touch(gpa, bytes, write);
}

static void faults(const char *name, uint64_t gpa, uint64_t bytes, bool write)
{
	uint64_t cost;

	(void)touch(gpa, bytes, true);
	report_equal(hc_zap(gpa, bytes), 0, "the leaves are gone");
	cost = touch(gpa, bytes, write);
	result(name, cost - touch_again(gpa, bytes, write), bytes / PAGE);
}

static void first_touches(const char *name, uint64_t gpa, uint64_t bytes, bool write)
{
	uint64_t cost;

	report_equal(hc_drop(gpa, bytes), 0, "the pages are gone");
	cost = touch(gpa, bytes, write);
	result(name, cost - touch_again(gpa, bytes, write), bytes / PAGE);
}

static void calls(void)
{
	uint64_t before, empty, cost;

	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		__asm__ volatile("" : : : "memory");
	empty = cycles() - before;
	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		(void)hc_nop();
	cost = cycles() - before;
	result("hypercall", cost - empty, CALLS);
	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		device_write();
	cost = cycles() - before;
	result(DEVICE_WRITE_NAME, cost - empty, CALLS);
	before = cycles();
	for (uint64_t i = 0; i < CALLS; i++)
		register_read();
	cost = cycles() - before;
	result(REGISTER_NAME, cost - empty, CALLS);
}

static void notices(void)
{
	uint64_t before;

	(void)touch(AREA, AREA_BYTES, true);
	before = cycles();
	(void)hc_zap(AREA, AREA_BYTES);
	result("notice_64m_per_page", cycles() - before, AREA_BYTES / PAGE);
	(void)touch(AREA, AREA_BYTES, true);
	before = cycles();
	for (uint64_t at = AREA; at < AREA + AREA_BYTES; at += PAGE)
		(void)hc_zap(at, PAGE);
	result("notice_page_by_page", cycles() - before, AREA_BYTES / PAGE);
	(void)touch(AREA, AREA_BYTES, true);
	before = cycles();
	(void)hc_drop(AREA, AREA_BYTES);
	result("drop_64m_per_page", cycles() - before, AREA_BYTES / PAGE);
}

void guest_main(const char *cmdline)
{
	int64_t slot = hc_slot_create(AREA, AREA_BYTES, 0, 0);
	uint64_t before;

	(void)cmdline;
	report(slot >= 0, "a memslot of 64 MiB");
	calls();
	faults("fault_4k_present", AREA, AREA_BYTES, true);
	faults("fault_4k_present_read", AREA, AREA_BYTES, false);
	report_equal(hc_query(AREA, TENURE_QUERY_LEAF), 1, "its leaves are of 4 KiB");
	first_touches("fault_4k_absent", AREA, AREA_BYTES, true);
	first_touches("fault_4k_absent_read", AREA, AREA_BYTES, false);
	faults("fault_pfnmap_4k", BAR, BAR_BYTES, true);
	report_equal(hc_query(BAR, TENURE_QUERY_LEAF), 1, "the BAR's leaves are of 4 KiB");
	notices();
	(void)touch(AREA, AREA_BYTES, true);
	before = cycles();
	report_equal(hc_slot_delete((uint64_t)slot), 0, "the memslot is deleted");
	result("slot_delete_per_page", cycles() - before, AREA_BYTES / PAGE);
}
