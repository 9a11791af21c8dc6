/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map against a naive model: one byte a page says the strongest kind that covers it.
 * Then what firmware gets wrong: ranges that wrap, that are empty, that have unknown kinds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/bytes.h"
#include "boot/fill.h"
#include "boot/memmap.h"

#define ROOM 64u
#define MODEL_PAGES 256u

#define RANGE(b, s, k)                                \
	{                                             \
		.base = (b), .size = (s), .kind = (k) \
	}

static uint32_t rng_state = 12345;

static uint32_t rng(void)
{
	rng_state = rng_state * 1664525u + 1013904223u;
	return rng_state >> 8;
}

/* What boot/bootinfo.h promises of every map. */
static void check_promises(const struct boot_range *map, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(map[i].base % BOOT_PAGE, 0);
		assert_int_equal(map[i].size % BOOT_PAGE, 0);
		assert_true(map[i].size > 0);
		assert_in_range(map[i].kind, BOOT_MEM_USABLE, BOOT_MEM_RESERVED);
		assert_true(map[i].kind != BOOT_MEM_USABLE || map[i].base > 0);
		if (i == 0)
			continue;
		assert_true(map[i - 1].base + map[i - 1].size <= map[i].base);
		if (map[i - 1].base + map[i - 1].size == map[i].base)
			assert_int_not_equal(map[i - 1].kind, map[i].kind);
	}
}

static void check_map(const struct boot_range *map, uint32_t count,
		      const struct boot_range *expected, uint32_t expected_count)
{
	check_promises(map, count);
	assert_int_equal(count, expected_count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(map[i].base, expected[i].base);
		assert_int_equal(map[i].size, expected[i].size);
		assert_int_equal(map[i].kind, expected[i].kind);
	}
}

static void test_rounds_and_sorts(void **state)
{
	const struct boot_range raw[] = {
		RANGE(0x9fc00, 0x400, BOOT_MEM_RESERVED), RANGE(0x100800, 0x3000, BOOT_MEM_USABLE),
		RANGE(0, 0x9fc00, BOOT_MEM_USABLE),	  RANGE(0x200010, 0x10, BOOT_MEM_ACPI),
		RANGE(0x300001, 0xffe, BOOT_MEM_USABLE), /* less than a whole page */
	};
	const struct boot_range expected[] = {
		RANGE(0x1000, 0x9e000, BOOT_MEM_USABLE), /* page 0 is not usable */
		RANGE(0x9f000, 0x1000, BOOT_MEM_RESERVED),
		RANGE(0x101000, 0x2000, BOOT_MEM_USABLE),
		RANGE(0x200000, 0x1000, BOOT_MEM_ACPI),
	};
	struct boot_range map[ROOM];
	uint32_t count;

	(void)state;
	assert_int_equal(memmap_normalise(raw, 5, map, ROOM, &count), 0);
	check_map(map, count, expected, 4);
}

static void test_the_stronger_kind_wins(void **state)
{
	const struct boot_range raw[] = {
		RANGE(0x200000, 0x4000, BOOT_MEM_LOADER),
		RANGE(0x100000, 0x700000, BOOT_MEM_USABLE),
		RANGE(0x203000, 0x2000, BOOT_MEM_ACPI),
		RANGE(0x204000, 0x2000, BOOT_MEM_RESERVED),
		RANGE(0x100000, 0x1000, BOOT_MEM_USABLE), /* twice the same */
	};
	const struct boot_range expected[] = {
		RANGE(0x100000, 0x100000, BOOT_MEM_USABLE),
		RANGE(0x200000, 0x3000, BOOT_MEM_LOADER),
		RANGE(0x203000, 0x1000, BOOT_MEM_ACPI),
		RANGE(0x204000, 0x2000, BOOT_MEM_RESERVED),
		RANGE(0x206000, 0x5fa000, BOOT_MEM_USABLE),
	};
	struct boot_range map[ROOM];
	uint32_t count;

	(void)state;
	assert_int_equal(memmap_normalise(raw, 5, map, ROOM, &count), 0);
	check_map(map, count, expected, 5);
}

static void test_nonsense_is_made_harmless(void **state)
{
	const struct boot_range raw[] = {
		RANGE(0x1000, UINT64_MAX, BOOT_MEM_USABLE),	       /* wraps */
		RANGE(UINT64_MAX - 0x1000, 0x2000, BOOT_MEM_RESERVED), /* beyond all memory */
		RANGE(0x5000, 0, BOOT_MEM_RESERVED),
		RANGE(0x8000, 0x1000, 77), /* an unknown kind */
		RANGE(0x9000, 0x1000, 0),
	};
	const struct boot_range expected[] = {
		RANGE(0x1000, 0x7000, BOOT_MEM_USABLE),
		RANGE(0x8000, 0x2000, BOOT_MEM_RESERVED),
		RANGE(0xa000, MEMMAP_LIMIT - 0xa000, BOOT_MEM_USABLE),
	};
	struct boot_range map[ROOM];
	uint32_t count;

	(void)state;
	assert_int_equal(memmap_normalise(raw, 5, map, ROOM, &count), 0);
	check_map(map, count, expected, 3);
	assert_int_equal(memmap_normalise(raw, 0, map, ROOM, &count), 0);
	assert_int_equal(count, 0);
}

static void test_without_room_the_least_goes(void **state)
{
	const struct boot_range raw[] = {
		RANGE(0x10000, 0x8000, BOOT_MEM_USABLE), RANGE(0x20000, 0x1000, BOOT_MEM_RESERVED),
		RANGE(0x30000, 0x2000, BOOT_MEM_USABLE), RANGE(0x40000, 0x1000, BOOT_MEM_LOADER),
		RANGE(0x50000, 0x9000, BOOT_MEM_USABLE), RANGE(0x60000, 0x1000, BOOT_MEM_RESERVED),
	};
	const struct boot_range four[] = {
		RANGE(0x10000, 0x8000, BOOT_MEM_USABLE),
		RANGE(0x30000, 0x2000, BOOT_MEM_USABLE),
		RANGE(0x40000, 0x1000, BOOT_MEM_LOADER),
		RANGE(0x50000, 0x9000, BOOT_MEM_USABLE),
	};
	const struct boot_range two[] = {
		RANGE(0x40000, 0x1000, BOOT_MEM_LOADER),
		RANGE(0x50000, 0x9000, BOOT_MEM_USABLE),
	};
	struct boot_range map[ROOM];
	uint32_t count;

	(void)state;
	assert_int_equal(memmap_normalise(raw, 6, map, 4, &count), 0);
	check_map(map, count, four, 4);
	assert_int_equal(memmap_normalise(raw, 6, map, 2, &count), 0xa000);
	check_map(map, count, two, 2);
	assert_int_equal(memmap_normalise(raw, 6, map, 0, &count), 0x13000);
	assert_int_equal(count, 0);
}

static void model_paint(unsigned char *model, const struct boot_range *r)
{
	for (uint64_t page = 0; page < MODEL_PAGES; page++) {
		uint64_t start = page * BOOT_PAGE;
		uint64_t end = start + BOOT_PAGE;
		bool touched = r->size > 0 && r->base < end && r->base + r->size > start;
		bool whole = touched && r->base <= start && r->base + r->size >= end;

		if (r->kind == BOOT_MEM_USABLE ? !whole || page == 0 : !touched)
			continue;
		if (r->kind > model[page])
			model[page] = (unsigned char)r->kind;
	}
}

static void test_agrees_with_the_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		unsigned char model[MODEL_PAGES] = { 0 };
		unsigned char seen[MODEL_PAGES] = { 0 };
		struct boot_range raw[12], map[ROOM];
		uint32_t raw_count = rng() % 12;
		uint32_t count;

		for (uint32_t i = 0; i < raw_count; i++) {
			uint64_t base = rng() % (MODEL_PAGES * BOOT_PAGE);
			uint64_t size = rng() % (MODEL_PAGES * BOOT_PAGE - base);

			if (rng() % 2 == 0)
				base = page_down(base);
			raw[i] = (struct boot_range)RANGE(base, size, 1 + rng() % 5);
			model_paint(model, &raw[i]);
		}
		assert_int_equal(memmap_normalise(raw, raw_count, map, ROOM, &count), 0);
		check_promises(map, count);
		for (uint32_t i = 0; i < count; i++)
			memset(seen + map[i].base / BOOT_PAGE, (int)map[i].kind,
			       (size_t)(map[i].size / BOOT_PAGE));
		assert_memory_equal(seen, model, sizeof(model));
	}
}

static const struct boot_range sample[] = {
	RANGE(0x1000, 0x9e000, BOOT_MEM_USABLE),    RANGE(0x100000, 0x10000, BOOT_MEM_USABLE),
	RANGE(0x110000, 0x10000, BOOT_MEM_LOADER),  RANGE(0x400000, 0x1000, BOOT_MEM_USABLE),
	RANGE(0x800000, 0x1000, BOOT_MEM_RESERVED),
};

static void test_questions(void **state)
{
	(void)state;
	assert_int_equal(memmap_top(sample, 5), 0x401000);
	assert_int_equal(memmap_top(sample, 0), 0);
	assert_int_equal(memmap_bytes(sample, 5, BOOT_MEM_USABLE), 0xaf000);
	assert_int_equal(memmap_bytes(sample, 5, BOOT_MEM_ACPI), 0);

	assert_true(memmap_covers(sample, 5, 0x100000, 0x10000, BOOT_MEM_USABLE));
	assert_true(memmap_covers(sample, 5, 0x10ffff, 1, BOOT_MEM_USABLE));
	assert_false(memmap_covers(sample, 5, 0x100000, 0x10001, BOOT_MEM_USABLE));
	assert_false(memmap_covers(sample, 5, 0x100000, 0, BOOT_MEM_USABLE));
	assert_false(memmap_covers(sample, 5, 0x100000, UINT64_MAX, BOOT_MEM_USABLE));
	assert_false(memmap_covers(sample, 5, 0x110000, 0x1000, BOOT_MEM_USABLE));
	assert_false(memmap_covers(sample, 5, 0x500000, 0x1000, BOOT_MEM_USABLE));
}

static void test_find_high(void **state)
{
	(void)state;
	assert_int_equal(memmap_find_high(sample, 5, 1, UINT64_MAX), 0x400000);
	assert_int_equal(memmap_find_high(sample, 5, 0x1001, UINT64_MAX), 0x10e000);
	assert_int_equal(memmap_find_high(sample, 5, 0x1000, 0x10f800), 0x10e000);
	assert_int_equal(memmap_find_high(sample, 5, 0x10000, 0x10f000), 0x8f000);
	assert_int_equal(memmap_find_high(sample, 5, 0x9e000, UINT64_MAX), 0x1000);
	assert_int_equal(memmap_find_high(sample, 5, 0x9e001, UINT64_MAX), 0);
	assert_int_equal(memmap_find_high(sample, 5, 0x1000, 0x1fff), 0);
	assert_int_equal(memmap_find_high(sample, 5, 0, UINT64_MAX), 0);
	assert_int_equal(memmap_find_high(sample, 5, UINT64_MAX, UINT64_MAX), 0);
}

static void test_lost_memory_is_noted(void **state)
{
	static struct boot_range raw[2 * BOOT_MAX_RANGES];
	static struct bootinfo info;

	(void)state;
	for (uint32_t i = 0; i < 2 * BOOT_MAX_RANGES; i++)
		raw[i] = (struct boot_range)RANGE(0x100000 + i * 0x2000, 0x1000, BOOT_MEM_USABLE);
	fill_init(&info, BOOT_PVH);
	fill_set_memory(&info, raw, BOOT_MAX_RANGES);
	assert_string_equal(info.error, "");
	assert_int_equal(info.range_count, BOOT_MAX_RANGES);
	fill_set_memory(&info, raw, 2 * BOOT_MAX_RANGES);
	assert_int_equal(info.range_count, BOOT_MAX_RANGES);
	check_promises(info.ranges, info.range_count);
	assert_string_equal(info.error, "the memory map: it is in too many pieces, "
					"768 KiB of RAM are not used");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_and_sorts),
		cmocka_unit_test(test_the_stronger_kind_wins),
		cmocka_unit_test(test_nonsense_is_made_harmless),
		cmocka_unit_test(test_without_room_the_least_goes),
		cmocka_unit_test(test_agrees_with_the_model),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_find_high),
		cmocka_unit_test(test_lost_memory_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
