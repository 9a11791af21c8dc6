/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that drivers own, seen by a guest: taken away, given, moved under it, evicted from the
 * pool; and what happens when a notice cannot begin. The fixture checks every stage-2 entry as it
 * is written, and that no frame becomes free that anything reaches (H3, H4, N1, N7, F3, F8, I2).
 */
#include "tests/unit/hv_fixture.h"
#include "tests/unit/pci_devices.h"

#include "hv/config.h"
#include "hv/console.h"
#include "hv/drv/device_memory.h"

#define SLOT_GFN UINT64_C(0x100000)
#define BLOCK_PAGES UINT64_C(512)

static struct config machine;
static char why[256];

/* Three devices: the display's framebuffer, the shared memory, a pool's block of 2 MiB. */
static void configure(void)
{
	memset(&machine, 0, sizeof(machine));
	machine.host.pool_bytes = 4 * MIB;
	machine.device_count = 3;
	machine.devices[0] = (struct config_device){ "fb", CONFIG_DISPLAY, 0, 0 };
	machine.devices[1] = (struct config_device){ "shared", CONFIG_IVSHMEM, 2, 0 };
	machine.devices[2] = (struct config_device){ "pool", CONFIG_POOL, 0, 9 };
}

static uint64_t frames_in_use; /* by the pool, at the end of a test */

static void begin_with(const struct fix_options *options)
{
	fix_begin(options);
	console_reset();
	pci_add_display(FRAMEBUFFER_AT);
	pci_add_shared();
	configure();
	assert_result(OK, device_memory_init(&machine, why, sizeof(why)));
	frames_in_use = BLOCK_PAGES;
}

static void begin(void)
{
	begin_with(&(struct fix_options){ .pages = 8192 });
}

/* The pool keeps its block when a VM goes. */
static void end(void)
{
	device_memory_forget(&fix.vm.space);
	fix.frames -= frames_in_use;
	fix_end();
}

static struct device_memory *memory(unsigned i)
{
	return device_memory_find(&machine.devices[i]);
}

/* Shows the whole of device `i` at page SLOT_GFN of the guest. */
static struct device_memory *show(unsigned i, bool readonly, bool readonly_first)
{
	struct device_memory *m = memory(i);
	uint64_t bytes = device_memory_bytes(m);

	assert_result(OK, device_memory_map(m, &fix.vm.space, hva_range(fix_hva(0), bytes), 0,
					    device_memory_type(m), readonly, readonly_first));
	fix_slot(SLOT_GFN, bytes >> PAGE_SHIFT, 0, 0);
	return m;
}

static uint64_t place(struct device_memory *m)
{
	hpa_t base = hpa(0);

	assert_true(device_memory_place(m, &base));
	return base.v;
}

static void drivers_find_their_devices(void **state)
{
	(void)state;
	begin();
	assert_int_equal(device_memory_bytes(memory(0)), FRAMEBUFFER_BYTES);
	assert_int_equal(device_memory_type(memory(0)), MEM_WRITE_COMBINING);
	assert_int_equal(place(memory(0)), FRAMEBUFFER_AT);
	assert_int_equal(device_memory_bytes(memory(1)), SHARED_BYTES);
	assert_int_equal(device_memory_bytes(memory(2)), 2 * MIB);
	assert_int_equal(device_memory_type(memory(2)), MEM_WRITE_BACK);
	assert_string_equal(device_memory_name(memory(2)), "pool");
	/* The display's mode: 1024 by 768, 32 bits, on, linear; unblanked, since it is a VGA. */
	const uint16_t *dispi = fake_device(hpa(REGISTERS_AT + 0x500));
	assert_int_equal(dispi[1], 1024);
	assert_int_equal(dispi[2], 768);
	assert_int_equal(dispi[3], 32);
	assert_int_equal(dispi[4], 0x41);
	assert_int_equal(*(uint8_t *)fake_device(hpa(REGISTERS_AT + 0x400)), 0x20);
	device_memory_print();
	assert_non_null(strstr(fake_console(),
			       "fb: display, 0x1000000 bytes, at 0x4000000000, shown at 0 places"));
	end();
}

static void what_is_missing_is_said(void **state)
{
	static const struct {
		struct config_device device;
		enum result answer;
		const char *sentence;
	} cases[] = {
		{ { "d", CONFIG_DISPLAY, 0, 0 },
		  NOT_FOUND,
		  "/devices/d: driver: this machine has no bochs-display or VGA" },
		{ { "s", CONFIG_IVSHMEM, 2, 0 },
		  NOT_FOUND,
		  "/devices/s: driver: this machine has no ivshmem device" },
		{ { "p", CONFIG_POOL, 0, 9 },
		  OUT_OF_MEMORY,
		  "/devices/p: order: the pool has no room for a block of 2097152 bytes" },
	};

	(void)state;
	fix_begin(&(struct fix_options){ 0 });
	for (unsigned i = 0; i < 3; i++) {
		memset(&machine, 0, sizeof(machine));
		machine.host.pool_bytes = MIB;
		machine.device_count = 1;
		machine.devices[0] = cases[i].device;
		assert_result(cases[i].answer, device_memory_init(&machine, why, sizeof(why)));
		assert_string_equal(why, cases[i].sentence);
		assert_null(device_memory_find(&machine.devices[0]));
	}
	pci_add_display(FRAMEBUFFER_AT);
	configure();
	machine.devices[1] = machine.devices[0];
	machine.device_count = 2;
	assert_result(NOT_FOUND, device_memory_init(&machine, why, sizeof(why)));
	assert_string_equal(
		why, "/devices/fb: driver: this machine has no further bochs-display or VGA");
	machine.device_count = 1;
	machine.devices[0].bar = 4;
	assert_result(NOT_FOUND, device_memory_init(&machine, why, sizeof(why)));
	assert_string_equal(why, "/devices/fb: bar: the device 1234:1111 has no memory BAR 4");
	machine.devices[0].bar = 0;
	*(uint16_t *)fake_device(hpa(REGISTERS_AT + 0x500)) = 0xffff;
	assert_result(UNSUPPORTED, device_memory_init(&machine, why, sizeof(why)));
	assert_string_equal(why, "/devices/fb: the display's mode registers cannot be reached");
	fix_end();
}

/* What stands in it is an address that no window shows, and the window has none of 32 bits. */
static void a_bar_out_of_reach(void **state)
{
	struct fake_pci f = pci_device(0x1af4, 0x1110, 0x050000);

	(void)state;
	fix_begin(&(struct fix_options){ 0 });
	f.word[6] = 0xc0000000;
	f.writable[6] = 0xfff00000;
	fake_pci_add(SHARED_BDF, &f);
	configure();
	machine.devices[0] = machine.devices[1];
	machine.device_count = 1;
	assert_result(NOT_FOUND, device_memory_init(&machine, why, sizeof(why)));
	assert_string_equal(why, "/devices/shared: bar: there is no free address for the 1048576 "
				 "bytes of BAR 2");
	fix_end();
}

/* A BAR to which the firmware gave no place gets one. */
static void a_bar_without_place(void **state)
{
	(void)state;
	fix_begin(&(struct fix_options){ 0 });
	pci_add_display(0);
	configure();
	machine.device_count = 1;
	assert_result(OK, device_memory_init(&machine, why, sizeof(why)));
	assert_int_equal(place(memory(0)), FAKE_DEVICE_BASE);
	assert_int_equal(pci_bar_at(DISPLAY_BDF, 0), FAKE_DEVICE_BASE);
	fix_end();
}

static void maps_are_checked(void **state)
{
	(void)state;
	begin();
	struct device_memory *fb = memory(0), *pool = memory(2);
	struct space *s = &fix.vm.space;
	struct hva_range page = fix_range(0, 1);
	assert_result(BAD_ARGUMENT, device_memory_map(fb, s, page, FRAMEBUFFER_BYTES,
						      MEM_WRITE_COMBINING, false, false));
	assert_result(BAD_ARGUMENT,
		      device_memory_map(fb, s, fix_range(0, 2), FRAMEBUFFER_BYTES - PAGE_SIZE,
					MEM_WRITE_COMBINING, false, false));
	assert_result(BAD_ARGUMENT,
		      device_memory_map(fb, s, page, 0, MEM_WRITE_BACK, false, false)); /* S8 */
	assert_result(BAD_ARGUMENT,
		      device_memory_map(pool, s, page, 0, MEM_UNCACHED, false, false));
	assert_result(BAD_ALIGNMENT,
		      device_memory_map(fb, s, page, 512, MEM_UNCACHED, false, false));
	assert_result(OK, device_memory_map(fb, s, page, 0, MEM_UNCACHED, false, false));
	assert_result(OVERLAPS, device_memory_map(fb, s, page, 0, MEM_UNCACHED, false, false));
	for (unsigned i = 1; i < 32; i++)
		assert_result(OK, device_memory_map(fb, s, fix_range(i, 1), 0, MEM_UNCACHED, false,
						    false));
	assert_result(OUT_OF_MEMORY,
		      device_memory_map(fb, s, fix_range(32, 1), 0, MEM_UNCACHED, false, false));
	end();
}

static void a_bar_is_shown_by_huge_leaves(void **state)
{
	unsigned level;

	(void)state;
	begin();
	show(0, false, false);
	assert_result(OK, fix_write(SLOT_GFN + 700, 0x1234));
	assert_int_equal(*(uint64_t *)fake_device(hpa(FRAMEBUFFER_AT + 700 * PAGE_SIZE)), 0x1234);
	struct s2_entry e = fix_leaf(SLOT_GFN + 700, &level);
	assert_int_equal(e.kind, S2_LEAF);
	assert_int_equal(level, 1);
	assert_int_equal(S2_TYPE_OF(e.attrs), MEM_WRITE_COMBINING);
	assert_false(e.attrs & S2_COUNTED);
	end();
}

static void a_bar_is_taken_and_given(void **state)
{
	(void)state;
	begin();
	struct device_memory *fb = show(0, false, false);
	hpa_t base;
	assert_result(OK, fix_write(SLOT_GFN, 1));
	assert_result(IN_USE, device_memory_give(fb));
	assert_result(OK, device_memory_take(fb));
	assert_false(pci_decodes(DISPLAY_BDF));
	assert_false(device_memory_place(fb, &base));
	assert_false(fix_mapped(SLOT_GFN)); /* N1 */
	assert_result(NO_BACKING, fix_write(SLOT_GFN, 2));
	assert_result(NO_BACKING, device_memory_take(fb));
	assert_result(NO_BACKING, device_memory_move(fb));
	assert_result(OK, device_memory_give(fb));
	assert_true(pci_decodes(DISPLAY_BDF));
	assert_result(OK, fix_write(SLOT_GFN, 3));
	assert_int_equal(*(uint64_t *)fake_device(hpa(FRAMEBUFFER_AT)), 3);
	end();
}

static void a_bar_moves_under_the_guest(void **state)
{
	(void)state;
	begin();
	struct device_memory *fb = show(0, false, false);
	for (uint64_t i = 1; i < 20; i++) {
		uint64_t before = place(fb);
		assert_result(OK, fix_write(SLOT_GFN + 5, i));
		assert_result(OK, device_memory_move(fb));
		assert_false(fix_mapped(SLOT_GFN + 5));
		uint64_t after = place(fb);
		assert_true(after + FRAMEBUFFER_BYTES <= before ||
			    before + FRAMEBUFFER_BYTES <= after);
		assert_int_equal(pci_bar_at(DISPLAY_BDF, 0), after);
		assert_result(OK, fix_write(SLOT_GFN + 5, i + 100));
		assert_int_equal(*(uint64_t *)fake_device(hpa(after + 5 * PAGE_SIZE)), i + 100);
		assert_int_equal(*(uint64_t *)fake_device(hpa(before + 5 * PAGE_SIZE)), i);
	}
	end();
}

/* Two memslots' regions, one with an offset: the notices go to both. */
static void every_view_is_told(void **state)
{
	uint64_t value = 0;

	(void)state;
	begin();
	struct device_memory *fb = show(0, false, false);
	uint64_t page = FRAMEBUFFER_BYTES >> PAGE_SHIFT;
	assert_result(OK, device_memory_map(fb, &fix.vm.space, fix_range(page, 4), 3 * PAGE_SIZE,
					    MEM_UNCACHED, true, false));
	fix_slot(SLOT_GFN + page, 4, page, SLOT_READONLY);
	assert_result(OK, fix_write(SLOT_GFN + 3, 77));
	assert_result(OK, fix_read(SLOT_GFN + page, &value));
	assert_int_equal(value, 77);
	assert_result(READONLY_MEMSLOT, fix_write(SLOT_GFN + page, 1));
	assert_result(OK, device_memory_move(fb));
	assert_false(fix_mapped(SLOT_GFN + 3) || fix_mapped(SLOT_GFN + page));
	assert_result(OK, fix_write(SLOT_GFN + 3, 78));
	assert_result(OK, fix_read(SLOT_GFN + page, &value));
	assert_int_equal(value, 78);
	end();
}

static void read_only_first(void **state)
{
	uint64_t value = 0;

	(void)state;
	begin();
	struct device_memory *shared = show(1, false, true);
	*(uint64_t *)fake_device(hpa(SHARED_AT)) = 5;
	assert_result(OK, fix_read(SLOT_GFN, &value));
	assert_int_equal(value, 5);
	assert_false(fix_leaf(SLOT_GFN, NULL).attrs & S2_WRITE);
	assert_result(OK, fix_write(SLOT_GFN, 6)); /* H3 */
	assert_true(fix_leaf(SLOT_GFN, NULL).attrs & S2_WRITE);
	assert_int_equal(*(uint64_t *)fake_device(hpa(SHARED_AT)), 6);
	/* After a move it begins anew. */
	assert_result(OK, device_memory_move(shared));
	assert_result(OK, fix_read(SLOT_GFN, &value));
	assert_false(fix_leaf(SLOT_GFN, NULL).attrs & S2_WRITE);
	end();
}

static void a_region_that_is_read_only(void **state)
{
	(void)state;
	begin();
	show(1, true, false);
	assert_result(OK, fix_read(SLOT_GFN, NULL));
	assert_result(NO_PERMISSION, fix_write(SLOT_GFN, 1));
	end();
}

static void a_pool_block_is_evicted(void **state)
{
	uint64_t value = 1;

	(void)state;
	begin();
	struct device_memory *pool = show(2, false, false);
	assert_result(OK, fix_read(SLOT_GFN + 511, &value));
	assert_int_equal(value, 0);
	assert_result(OK, fix_write(SLOT_GFN + 511, 9));
	pfn_t tail = pfn((place(pool) >> PAGE_SHIFT) + 511);
	assert_int_equal(frame_class(tail), FRAME_UNCOUNTED); /* F3 */
	assert_int_equal(frame_refs(frame_of(tail)), 0);
	uint64_t free_before = block_free_frames();
	assert_result(OK, device_memory_take(pool));
	assert_int_equal(frame_class(tail), FRAME_FREE);
	assert_int_equal(block_free_frames() - free_before, BLOCK_PAGES);
	assert_result(NO_BACKING, fix_read(SLOT_GFN + 511, &value));
	assert_result(OK, device_memory_give(pool));
	assert_result(OK, fix_read(SLOT_GFN + 511, &value));
	assert_int_equal(value, 0); /* what it held is lost, and nothing else shows */
	end();
}

static void a_pool_block_moves(void **state)
{
	uint64_t value;

	(void)state;
	begin();
	struct device_memory *pool = show(2, false, false);
	for (uint64_t i = 0; i < BLOCK_PAGES; i++)
		assert_result(OK, fix_write(SLOT_GFN + i, 1000 + i));
	uint64_t before = place(pool);
	assert_result(OK, device_memory_move(pool));
	assert_true(place(pool) != before);
	assert_int_equal(frame_class(pfn(before >> PAGE_SHIFT)), FRAME_FREE);
	for (uint64_t i = 0; i < BLOCK_PAGES; i++) {
		assert_result(OK, fix_read(SLOT_GFN + i, &value));
		assert_int_equal(value, 1000 + i);
	}
	end();
}

/* The sum of all blocks has a limit, the one a move needs meanwhile included. */
static void the_pool_has_a_limit(void **state)
{
	(void)state;
	fix_begin(&(struct fix_options){ .pages = 8192 });
	configure();
	machine.host.pool_bytes = 3 * MIB;
	machine.devices[0] = machine.devices[2];
	machine.device_count = 1;
	assert_result(OK, device_memory_init(&machine, why, sizeof(why)));
	struct device_memory *pool = memory(0);
	uint64_t before = place(pool);
	assert_result(OUT_OF_MEMORY, device_memory_move(pool));
	assert_int_equal(place(pool), before);
	assert_result(OK, device_memory_take(pool));
	assert_result(OK, device_memory_give(pool));
	fix.frames -= BLOCK_PAGES;
	fix_end();
}

/* N7: a fault's turn keeps the notice out: nothing of the act has happened. */
static void an_act_that_is_refused(void **state)
{
	struct notice_turn turn = { false, false };

	(void)state;
	begin();
	struct device_memory *fb = show(0, false, false), *pool = memory(2);
	uint64_t page = FRAMEBUFFER_BYTES >> PAGE_SHIFT;
	assert_result(OK, device_memory_map(pool, &fix.vm.space, fix_range(page, BLOCK_PAGES), 0,
					    MEM_WRITE_BACK, false, false));
	assert_result(OK, fix_write(SLOT_GFN, 1));
	uint64_t at = place(fb), block = place(pool), free_before = block_free_frames();
	assert_true(notice_turn_take(&fix.vm.space.notifier, &turn));
	assert_result(BUSY, device_memory_take(fb));
	assert_result(BUSY, device_memory_move(fb));
	assert_result(BUSY, device_memory_move(pool));
	assert_result(BUSY, device_memory_take(pool));
	assert_true(fix_mapped(SLOT_GFN));
	assert_true(pci_decodes(DISPLAY_BDF));
	assert_int_equal(pci_bar_at(DISPLAY_BDF, 0), at);
	assert_int_equal(place(fb), at);
	assert_int_equal(place(pool), block);
	assert_int_equal(block_free_frames(), free_before);
	notice_turn_done(&fix.vm.space.notifier, &turn);
	assert_result(OK, device_memory_move(fb));
	assert_result(OK, device_memory_move(pool));
	end();
}

static struct device_memory *meddled;
static enum result meddled_answer[4];

static void meddle(void)
{
	meddled_answer[0] = device_memory_take(meddled);
	meddled_answer[1] = device_memory_move(memory(1)); /* places are chosen one at a time */
	meddled_answer[2] = device_memory_map(meddled, &fix.vm.space, fix_range(100000, 1), 0,
					      MEM_UNCACHED, false, false);
	/* The notice has not come so far: the guest still gets the old place, for the last time. */
	meddled_answer[3] = fix_fault(&fix.vcpus[1], SLOT_GFN + 600, ACCESS_WRITE);
}

/* One act at a time: a second one in the middle of it changes nothing. */
static void acts_exclude_each_other(void **state)
{
	(void)state;
	begin();
	meddled = show(0, false, false);
	assert_result(OK, fix_write(SLOT_GFN, 1));
	fix_at("notice_active", meddle, 1);
	assert_result(OK, device_memory_move(meddled));
	assert_int_equal(meddled_answer[0], BUSY);
	assert_int_equal(meddled_answer[1], BUSY);
	assert_int_equal(meddled_answer[2], BUSY);
	assert_int_equal(meddled_answer[3], OK);
	assert_false(fix_mapped(SLOT_GFN) || fix_mapped(SLOT_GFN + 600));
	assert_result(OK, device_memory_move(memory(1)));
	assert_result(OK, fix_write(SLOT_GFN, 2));
	end();
}

/*
 * The pattern of CVE-2021-22543: tails mapped, all of them, and dropped, and never a count moves
 * (P4, I1). With small leaves each tail is followed and installed for itself.
 */
static void tails_are_mapped(bool small, unsigned rounds)
{
	begin_with(&(struct fix_options){ .pages = 8192, .small = small });
	struct device_memory *pool = show(2, false, false);
	uint64_t first = place(pool) >> PAGE_SHIFT, free_before = block_free_frames();
	for (unsigned round = 0; round < rounds; round++) {
		for (uint64_t i = 1; i < BLOCK_PAGES; i++)
			assert_result(OK, fix_write(SLOT_GFN + i, i));
		assert_result(OK, space_drop(&fix.vm.space, fix_range(0, BLOCK_PAGES), NOTICE_TRY));
	}
	assert_true(fix.vm.stats.faults >= (small ? rounds * (BLOCK_PAGES - 1) : rounds));
	grace_drain();
	assert_true(free_before - block_free_frames() < 16); /* tables of the trees */
	for (uint64_t i = 0; i < BLOCK_PAGES; i++) {
		struct frame *f = frame_of(pfn(first + i));
		assert_int_equal(frame_class(pfn(first + i)), FRAME_UNCOUNTED);
		assert_int_equal(frame_refs(f), 0);
		assert_int_equal(f->marks, 0);
	}
	end();
}

static void tails_are_never_counted(void **state)
{
	(void)state;
	tails_are_mapped(true, 200); /* 102,200 tails */
	tails_are_mapped(false, 200);
}

static void a_space_is_forgotten(void **state)
{
	struct space gone;

	(void)state;
	begin();
	struct device_memory *fb = memory(0);
	assert_result(OK, space_create(&gone, true));
	assert_result(
		OK, device_memory_map(fb, &gone, fix_range(0, 16), 0, MEM_UNCACHED, false, false));
	device_memory_forget(&gone);
	space_destroy(&gone);
	memset(&gone, 0xa5, sizeof(gone));
	assert_result(OK, device_memory_move(fb));
	assert_result(OK, device_memory_take(fb));
	end();
}

/* N7: of two views one cannot let go, so neither does, and the memory stays where it is. */
static void an_act_is_refused_whole(void **state)
{
	struct notice_turn turn = { false, false };
	struct space other;

	(void)state;
	begin();
	struct device_memory *m = show(1, false, false);
	uint64_t before = place(m);
	assert_result(OK, space_create(&other, true));
	assert_result(OK, device_memory_map(m, &other, hva_range(fix_hva(0), SHARED_BYTES), 0,
					    device_memory_type(m), false, false));
	assert_result(OK, fix_fault(&fix.vcpus[0], SLOT_GFN, ACCESS_WRITE));
	assert_true(notice_turn_take(&other.notifier, &turn));
	assert_result(BUSY, device_memory_move(m));
	assert_result(BUSY, device_memory_take(m));
	assert_false(notice_active(&fix.vm.space.notifier));
	assert_int_equal(fix.vm.s2.consumer.open, 0);
	assert_int_equal(place(m), before);
	notice_turn_done(&other.notifier, &turn);
	assert_result(OK, device_memory_move(m));
	assert_int_not_equal(place(m), before);
	device_memory_forget(&other);
	space_destroy(&other);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers_find_their_devices),
		cmocka_unit_test(an_act_is_refused_whole),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(a_bar_out_of_reach),
		cmocka_unit_test(a_bar_without_place),
		cmocka_unit_test(maps_are_checked),
		cmocka_unit_test(a_bar_is_shown_by_huge_leaves),
		cmocka_unit_test(a_bar_is_taken_and_given),
		cmocka_unit_test(a_bar_moves_under_the_guest),
		cmocka_unit_test(every_view_is_told),
		cmocka_unit_test(read_only_first),
		cmocka_unit_test(a_region_that_is_read_only),
		cmocka_unit_test(a_pool_block_is_evicted),
		cmocka_unit_test(a_pool_block_moves),
		cmocka_unit_test(the_pool_has_a_limit),
		cmocka_unit_test(an_act_that_is_refused),
		cmocka_unit_test(acts_exclude_each_other),
		cmocka_unit_test(tails_are_never_counted),
		cmocka_unit_test(a_space_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
