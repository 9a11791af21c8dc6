/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake architecture keeps the contract (tests/conformance.c runs on it), and is as unforgiving
 * as it says: a TLB goes on using what was removed until a flush that it was told of and has
 * obeyed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/fake.h"
#include "tests/unit/broken.h"

#define RAM_PAGES 1024u
#define CODE UINT64_C(0x10000)
#define DATA UINT64_C(0x20000)

int conformance_run(void);

static uint64_t next_page;

/* ---- What hv/ would supply ---------------------------------------------------------------------
 */

void *hv_pages(unsigned order)
{
	uint64_t pages = UINT64_C(1) << order;

	next_page = (next_page + pages - 1) & ~(pages - 1);
	if (next_page + pages > RAM_PAGES)
		return NULL;
	next_page += pages;
	return env_linear(pfn(next_page - pages));
}

void hv_log(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
}

_Noreturn void hv_cpu_main(unsigned cpu)
{
	(void)cpu;
	for (;;)
		arch_cpu_idle();
}

/* ---- The guest of the conformance test ---------------------------------------------------------
 */

static void conformance_guest(void *context, struct fake_op *op)
{
	unsigned *step = context;
	static uint64_t loaded, result;
	static const struct fake_op steps[] = {
		{ .kind = FAKE_EXEC, .where = CODE },
		{ .kind = FAKE_WRITE, .where = DATA, .bytes = 8, .value = 0x1234 },
		{ .kind = FAKE_READ, .where = DATA, .bytes = 8 },
		{ .kind = FAKE_CALL, .where = 7, .arg = { 1, 2, 3, 4 } },
		{ .kind = FAKE_WRITE, .where = DATA + 8, .bytes = 8 },
		{ .kind = FAKE_CALL, .where = 8 },
		{ .kind = FAKE_HALT },
	};

	if (*step == 3)
		loaded = op->value;
	if (*step == 4)
		result = op->value;
	*op = steps[*step];
	if (*step == 4)
		op->value = result;
	if (*step == 5)
		op->arg[0] = loaded;
	*step = *step == 6 ? 1 : *step + 1;
}

static unsigned guest_step;

static void start(const struct fake_config *config)
{
	next_page = 1;
	guest_step = 0;
	env_cpu(0);
	env_ram(pfn(0), RAM_PAGES);
	fake_reset(config);
	fake_program(gpa(CODE), conformance_guest, &guest_step);
}

static void keeps_the_contract(void **state)
{
	static const struct s2_geometry three_levels = {
		.levels = 3,
		.shift = { 0, 9, 18 },
		.bits = { 9, 9, 10 },
		.leaf_levels = 3,
		.root_order = 1,
	};
	static const struct s2_geometry five_levels = {
		.levels = 5,
		.shift = { 0, 5, 14, 23, 32 },
		.bits = { 5, 9, 9, 9, 4 },
		.leaf_levels = 3,
		.hw_young = true,
	};
	static const struct fake_config configs[] = {
		{ .cpus = 1, .auto_time = true },
		{ .cpus = 4, .auto_time = true, .broadcast = true },
		{ .cpus = 2, .auto_time = true, .tree = &three_levels },
		{ .cpus = 2, .auto_time = true, .tree = &five_levels },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof configs / sizeof configs[0]; i++) {
		start(&configs[i]);
		assert_int_equal(conformance_run(), 0);
	}
}

/* ---- TLBs
 * ------------------------------------------------------------------------------------------ */

static struct arch_s2 tree;

static uint64_t *one_leaf(uint64_t page, uint32_t attrs)
{
	uint64_t *table = hv_pages(0), *e;
	uint64_t root = next_page - 1;

	assert_int_equal(arch_s2_create(&tree, hpa(root << PAGE_SHIFT)), OK);
	for (unsigned l = arch_s2_geometry->levels - 1; l > 0; l--) {
		uint64_t *below = hv_pages(0);

		arch_s2_set(&table[0], l, arch_s2_table(l - 1, pfn(next_page - 1)));
		table = below;
	}
	e = &table[DATA >> PAGE_SHIFT];
	arch_s2_set(e, 0, arch_s2_leaf(0, pfn(page), attrs));
	return e;
}

static bool touch(enum access access)
{
	uint64_t value = 1;
	struct s2_fault fault;

	return fake_access(&tree, gpa(DATA), access, &value, sizeof value, &fault);
}

static void stale_until_flushed(void **state)
{
	struct gfn_range range = { gfn(DATA >> PAGE_SHIFT), gfn((DATA >> PAGE_SHIFT) + 1) };
	uint64_t *e;

	(void)state;
	start(&(struct fake_config){ .cpus = 2 });
	e = one_leaf(5, S2_WRITE | S2_COUNTED);
	fake_tlb_enter(&tree);
	assert_true(touch(ACCESS_WRITE));
	assert_int_equal(fake_tlb_reaches(pfn(5)), 1);
	(void)arch_s2_swap(e, 0, 0);
	assert_true(touch(ACCESS_WRITE)); /* stale, and used */
	assert_false(arch_s2_flush(&tree, range));
	assert_true(touch(ACCESS_READ)); /* told, but still inside */
	fake_tlb_enter(&tree);
	assert_int_equal(fake_tlb_reaches(pfn(5)), 0);
	assert_false(touch(ACCESS_READ));
}

static void broadcast_reaches_all(void **state)
{
	struct gfn_range range = { gfn(0), gfn(DATA >> PAGE_SHIFT) };
	uint64_t *e;

	(void)state;
	start(&(struct fake_config){ .cpus = 2, .broadcast = true });
	e = one_leaf(5, S2_COUNTED);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		env_cpu(cpu);
		fake_tlb_enter(&tree);
		assert_true(touch(ACCESS_READ));
	}
	env_cpu(0);
	assert_int_equal(fake_tlb_reaches(pfn(5)), 2);
	(void)arch_s2_swap(e, 0, 0);
	assert_true(arch_s2_flush(&tree, range)); /* half-open: DATA itself is not in it */
	assert_int_equal(fake_tlb_reaches(pfn(5)), 2);
	range.end.v++;
	assert_true(arch_s2_flush(&tree, range));
	assert_int_equal(fake_tlb_reaches(pfn(5)), 0);
	assert_int_equal(fake_tlb_used(0), 0);
}

/* A clean translation does not let a write through: the dirty bit must be set in the entry. */
static void dirty_needs_a_walk(void **state)
{
	uint64_t *e;

	(void)state;
	start(&(struct fake_config){ .cpus = 1 });
	e = one_leaf(5, S2_WRITE | S2_COUNTED);
	fake_tlb_enter(&tree);
	assert_true(touch(ACCESS_READ));
	assert_int_equal(arch_s2_decode(0, *e).attrs & (S2_YOUNG | S2_DIRTY), S2_YOUNG);
	assert_true(touch(ACCESS_WRITE));
	assert_true(arch_s2_decode(0, *e).attrs & S2_DIRTY);
}

static void software_young(void **state)
{
	static const struct s2_geometry tree_of_software = {
		.levels = 4,
		.shift = { 0, 9, 18, 27 },
		.bits = { 9, 9, 9, 9 },
		.leaf_levels = 1,
	};
	struct s2_fault fault;
	uint64_t value, *e;

	(void)state;
	start(&(struct fake_config){ .cpus = 1, .tree = &tree_of_software });
	e = one_leaf(5, S2_COUNTED);
	fake_tlb_enter(&tree);
	assert_false(fake_access(&tree, gpa(DATA), ACCESS_READ, &value, 8, &fault));
	assert_true(fault.present);
	arch_s2_set(e, 0, arch_s2_leaf(0, pfn(5), S2_YOUNG | S2_COUNTED));
	assert_true(fake_access(&tree, gpa(DATA), ACCESS_READ, &value, 8, &fault));
}

/* ---- The writers -------------------------------------------------------------------------------
 */

static unsigned entries_seen;

static void count_entry(uint64_t *where, unsigned level, uint64_t old, uint64_t now)
{
	(void)level;
	assert_true(*where == now && old != now);
	entries_seen++;
}

static void every_write_is_seen(void **state)
{
	uint64_t *e;

	(void)state;
	start(&(struct fake_config){ .cpus = 1 });
	fake_on_entry = count_entry;
	entries_seen = 0;
	e = one_leaf(5, S2_COUNTED);
	assert_int_equal(entries_seen, 4);
	(void)arch_s2_swap(e, 0, 0);
	assert_int_equal(entries_seen, 5);
	fake_on_entry = NULL;
}

static void broken_contracts_are_told(void **state)
{
	uint64_t *e;

	(void)state;
	start(&(struct fake_config){ .cpus = 1 });
	e = one_leaf(5, S2_WRITE | S2_COUNTED);
	EXPECT_BROKEN("same_leaf",
		      arch_s2_set(e, 0, arch_s2_leaf(0, pfn(6), S2_WRITE | S2_COUNTED)));
	EXPECT_BROKEN("attrs", arch_s2_set(e, 0, arch_s2_leaf(0, pfn(5), S2_COUNTED)));
	EXPECT_BROKEN("S2_NONE", arch_s2_set(e, 0, 0));
	(void)arch_s2_swap(e, 0, 0);
	EXPECT_BROKEN("MEM_WRITE_BACK",
		      arch_s2_set(e, 0, arch_s2_leaf(0, pfn(5), S2_EXEC | S2_TYPE(MEM_DEVICE))));
	EXPECT_BROKEN("shift", (void)arch_s2_leaf(1, pfn(5), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_contract),
		cmocka_unit_test(stale_until_flushed),
		cmocka_unit_test(broadcast_reaches_all),
		cmocka_unit_test(dirty_needs_a_walk),
		cmocka_unit_test(software_young),
		cmocka_unit_test(every_write_is_seen),
		cmocka_unit_test(broken_contracts_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
