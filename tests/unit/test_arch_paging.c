/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space (arch/paging.c), with entries that the test can read back:
 * address, and in the low bits what the leaf is for. "Physical" memory that is touched is mapped
 * low in the test's own process, and the linear map adds nothing to its addresses.
 */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/paging.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define POOL_PAGES 64u
#define POOL UINT64_C(0x10000000) /* of the process; below all that it is linked at */
#define IMAGE (8 * GIB + MIB)	  /* where the image lies */

#define LEADS_ON UINT64_C(1)
#define LEAF UINT64_C(2)
#define USE_SHIFT 2u
#define TYPE_SHIFT 4u
#define LARGE UINT64_C(0x40)
#define HUGE UINT64_C(0x80)

#define DEVICES UINT64_C(0x0000500000000000)

const uint64_t paging_linear_base = 0, paging_device_base = DEVICES;

/* The image: a page each of code, constants and data. */
_Alignas(4096) unsigned char image_start[3 * 4096];
__asm__(".globl image_text_start, image_text_end, image_rodata_start, image_rodata_end\n"
	".globl image_data_start, image_data_end\n"
	".set image_text_start, image_start\n"
	".set image_text_end, image_start + 4096\n"
	".set image_rodata_start, image_start + 4096\n"
	".set image_rodata_end, image_start + 8192\n"
	".set image_data_start, image_start + 8192\n"
	".set image_data_end, image_start + 12288\n");

static unsigned largest;
static unsigned announced, later_pages;
static unsigned char *pool;
static struct bootinfo boot;

unsigned paging_largest(void)
{
	return largest;
}

bool paging_leads_on(uint64_t entry)
{
	return entry & LEADS_ON;
}

uint64_t paging_table_entry(hpa_t table)
{
	return table.v | LEADS_ON;
}

hpa_t paging_table_of(uint64_t entry)
{
	return hpa(entry & ~UINT64_C(0xfff));
}

uint64_t paging_leaf(hpa_t to, unsigned shift, enum paging_use use, enum memtype type)
{
	assert_int_equal(to.v & ((UINT64_C(1) << shift) - 1), 0);
	return to.v | LEAF | (uint64_t)use << USE_SHIFT | (uint64_t)type << TYPE_SHIFT |
	       (shift == 21   ? LARGE
		: shift == 30 ? HUGE
			      : 0);
}

void paging_written(void)
{
	announced++;
}

void arch_cpu_relax(void) {}

void *hv_pages(unsigned order)
{
	assert_int_equal(order, 0);
	assert_true(later_pages < POOL_PAGES / 2);
	return memset(pool + later_pages++ * PAGE_SIZE, 0, PAGE_SIZE);
}

/* ---- The map ----------------------------------------------------------------------------------
 */

static void range(uint64_t base, uint64_t size, uint32_t kind)
{
	boot.ranges[boot.range_count++] =
		(struct boot_range){ .base = base, .size = size, .kind = kind };
}

static int setup(void **state)
{
	(void)state;
	memset(&boot, 0, sizeof boot);
	boot.image_base = IMAGE;
	largest = 30;
	announced = later_pages = 0;
	pool = mmap((void *)(uintptr_t)POOL, POOL_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_int_equal((uintptr_t)pool, POOL);
	assert_true(POOL < (uint64_t)(uintptr_t)image_start);
	memset(pool, 0xa5, POOL_PAGES * PAGE_SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	paging_close();
	munmap(pool, POOL_PAGES * PAGE_SIZE);
	return 0;
}

/* The pool as the only range that pages may be cut from. */
static bool begin_in_pool(void)
{
	range(POOL, POOL_PAGES * PAGE_SIZE, BOOT_MEM_USABLE);
	return paging_early_begin(&boot, POOL, POOL + POOL_PAGES * PAGE_SIZE);
}

/* The leaf for va, or 0; its level's shift. */
static uint64_t leaf_at(const uint64_t *root, uint64_t va, unsigned *shift)
{
	const uint64_t *table = root;

	for (unsigned s = 39;; s -= 9) {
		uint64_t entry = table[va >> s & 511];

		*shift = s;
		if (!(entry & LEADS_ON) || s == 12)
			return entry;
		table = (const uint64_t *)(uintptr_t)(entry & ~UINT64_C(0xfff));
	}
}

static void assert_maps(const uint64_t *root, uint64_t va, uint64_t to, unsigned shift,
			enum paging_use use, enum memtype type)
{
	unsigned found;
	uint64_t leaf = leaf_at(root, va, &found);

	assert_true(leaf & LEAF);
	assert_int_equal(found, shift);
	assert_int_equal(leaf & LARGE, shift == 21 ? LARGE : 0);
	assert_int_equal(leaf & HUGE, shift == 30 ? HUGE : 0);
	assert_int_equal(leaf >> USE_SHIFT & 3, use);
	assert_int_equal(leaf >> TYPE_SHIFT & 3, type);
	assert_int_equal(leaf & ~UINT64_C(0xfff), to);
}

static void assert_nothing(const uint64_t *root, uint64_t va)
{
	unsigned shift;

	assert_int_equal(leaf_at(root, va, &shift), 0);
}

/* ---- Early pages ------------------------------------------------------------------------------
 */

static void test_largest_range_within(void **state)
{
	(void)state;
	range(0x1000, 0x4000, BOOT_MEM_USABLE);
	range(0x10000, 64 * MIB, BOOT_MEM_RESERVED);
	range(POOL, 4 * PAGE_SIZE, BOOT_MEM_USABLE);
	range(POOL + 8 * PAGE_SIZE, 3 * PAGE_SIZE, BOOT_MEM_USABLE);
	range(POOL + 1 * GIB, 2 * GIB, BOOT_MEM_USABLE);
	assert_false(paging_early_begin(&boot, 0x2000, 0x4000));
	assert_int_equal(boot.range_count, 5);
	assert_null(paging_early_page());
	assert_true(paging_early_begin(&boot, 0x2000, POOL + 2 * GIB));
	assert_int_equal(boot.range_count, 6);
	assert_int_equal(boot.ranges[3].base, POOL + 4 * PAGE_SIZE);
	assert_int_equal(boot.ranges[3].size, 0);
	assert_int_equal(boot.ranges[3].kind, BOOT_MEM_LOADER);
	assert_int_equal(boot.ranges[4].base, POOL + 8 * PAGE_SIZE);
	assert_int_equal(boot.ranges[5].size, 2 * GIB);
}

static void test_pages_move_the_border(void **state)
{
	unsigned char *first, *second;

	(void)state;
	range(POOL, 3 * PAGE_SIZE, BOOT_MEM_USABLE);
	assert_true(paging_early_begin(&boot, 0, UINT64_MAX));
	first = paging_early_page();
	second = paging_early_page();
	assert_ptr_equal(first, pool + 2 * PAGE_SIZE);
	assert_ptr_equal(second, pool + PAGE_SIZE);
	for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
		assert_int_equal(second[i], 0);
	assert_int_equal(boot.ranges[0].size, PAGE_SIZE);
	assert_int_equal(boot.ranges[1].base, POOL + PAGE_SIZE);
	assert_int_equal(boot.ranges[1].size, 2 * PAGE_SIZE);
	/* One page stays, so that no range is ever empty. */
	assert_null(paging_early_page());
	assert_int_equal(pool[0], 0xa5);
}

static void test_no_room_for_a_range(void **state)
{
	(void)state;
	range(POOL, 2 * PAGE_SIZE, BOOT_MEM_USABLE);
	boot.range_count = BOOT_MAX_RANGES;
	assert_false(paging_early_begin(&boot, 0, UINT64_MAX));
	assert_int_equal(boot.ranges[0].size, 2 * PAGE_SIZE);
}

static void test_closed(void **state)
{
	(void)state;
	assert_true(begin_in_pool());
	assert_non_null(paging_early_page());
	paging_close();
	assert_null(paging_early_page());
}

/* ---- Mapping ----------------------------------------------------------------------------------
 */

static void test_ram_by_largest_pages(void **state)
{
	uint64_t *root;

	(void)state;
	/* [1 GiB - 2 MiB - 4 KiB, 2 GiB + 6 MiB) in two ranges; then a hole; then a page. */
	range(GIB - 2 * MIB - PAGE_SIZE, 2 * MIB, BOOT_MEM_USABLE);
	range(GIB - PAGE_SIZE, GIB + 6 * MIB + PAGE_SIZE, BOOT_MEM_LOADER);
	range(3 * GIB, MIB, BOOT_MEM_RESERVED);
	range(4 * GIB, PAGE_SIZE, BOOT_MEM_USABLE);
	assert_true(begin_in_pool());
	root = paging_build(&boot);
	assert_non_null(root);
	assert_true(announced != 0);
	assert_maps(root, GIB - 2 * MIB - PAGE_SIZE, GIB - 2 * MIB - PAGE_SIZE, 12, PAGING_DATA, 0);
	assert_maps(root, GIB - 2 * MIB, GIB - 2 * MIB, 21, PAGING_DATA, 0);
	assert_maps(root, GIB, GIB, 30, PAGING_DATA, 0);
	assert_maps(root, 2 * GIB + 4 * MIB, 2 * GIB + 4 * MIB, 21, PAGING_DATA, 0);
	assert_maps(root, 4 * GIB, 4 * GIB, 12, PAGING_DATA, 0);
	assert_nothing(root, GIB - 2 * MIB - 2 * PAGE_SIZE);
	assert_nothing(root, 2 * GIB + 6 * MIB);
	assert_nothing(root, 3 * GIB);
	assert_nothing(root, 4 * GIB + PAGE_SIZE);
	assert_nothing(root, 0);
}

static void test_no_gigabyte_pages(void **state)
{
	uint64_t *root;

	(void)state;
	largest = 21;
	range(GIB, GIB, BOOT_MEM_USABLE);
	assert_true(begin_in_pool());
	root = paging_build(&boot);
	assert_non_null(root);
	assert_maps(root, GIB, GIB, 21, PAGING_DATA, 0);
	assert_maps(root, 2 * GIB - 2 * MIB, 2 * GIB - 2 * MIB, 21, PAGING_DATA, 0);
}

/* Code is executable where the image runs, and writable neither there nor in the linear map. */
static void test_image(void **state)
{
	uint64_t at = (uint64_t)(uintptr_t)image_start, *root;

	(void)state;
	range(8 * GIB, 2 * MIB, BOOT_MEM_LOADER);
	assert_true(begin_in_pool());
	root = paging_build(&boot);
	assert_non_null(root);
	assert_maps(root, at, IMAGE, 12, PAGING_CODE, 0);
	assert_maps(root, at + PAGE_SIZE, IMAGE + PAGE_SIZE, 12, PAGING_CONSTANTS, 0);
	assert_maps(root, at + 2 * PAGE_SIZE, IMAGE + 2 * PAGE_SIZE, 12, PAGING_DATA, 0);
	assert_maps(root, IMAGE - PAGE_SIZE, IMAGE - PAGE_SIZE, 12, PAGING_DATA, 0);
	assert_maps(root, IMAGE, IMAGE, 12, PAGING_CONSTANTS, 0);
	assert_maps(root, IMAGE + PAGE_SIZE, IMAGE + PAGE_SIZE, 12, PAGING_CONSTANTS, 0);
	assert_maps(root, IMAGE + 2 * PAGE_SIZE, IMAGE + 2 * PAGE_SIZE, 12, PAGING_DATA, 0);
	assert_int_equal(phys_of(image_start + 5).v, IMAGE + 5);
	assert_int_equal(phys_of(pool + 7).v, POOL + 7);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	range(GIB, GIB, BOOT_MEM_LOADER);
	range(POOL, 3 * PAGE_SIZE, BOOT_MEM_USABLE); /* two pages can be had */
	assert_true(paging_early_begin(&boot, POOL, UINT64_MAX));
	assert_null(paging_build(&boot));
}

static void test_identity(void **state)
{
	uint64_t *root;

	(void)state;
	assert_true(begin_in_pool());
	root = paging_build(&boot);
	assert_non_null(root);
	assert_true(paging_map(root, 0x7000, hpa(0x7000), PAGE_SIZE, PAGING_CODE));
	assert_maps(root, 0x7000, 0x7000, 12, PAGING_CODE, 0);
	assert_nothing(root, 0x6000);
	assert_nothing(root, 0x8000);
}

/* ---- Device memory ----------------------------------------------------------------------------
 */

/* One after the other, since what has been mapped stays so for good. */
static void test_devices(void **state)
{
	uint64_t *root, at, before;

	(void)state;
	assert_true(begin_in_pool());
	root = paging_build(&boot);
	assert_non_null(root);
	paging_close();
	assert_null(arch_map_device(hpa(GIB), 0, MEM_DEVICE));
	assert_null(arch_map_device(hpa(GIB), UINT64_MAX, MEM_DEVICE));
	assert_null(arch_map_device(hpa(GIB), PAGING_DEVICE_BYTES + 1, MEM_DEVICE));

	at = (uint64_t)(uintptr_t)arch_map_device(hpa(0x9000123), 4, MEM_DEVICE);
	assert_int_equal(at & PAGE_MASK, 0x123);
	assert_in_range(at, DEVICES, DEVICES + PAGING_DEVICE_BYTES - 1);
	assert_maps(root, at, 0x9000000, 12, PAGING_DATA, MEM_DEVICE);
	assert_nothing(root, (at & ~PAGE_MASK) + PAGE_SIZE);
	assert_true(later_pages != 0);

	/* Three megabytes at an odd page: large leaves where they fit, and nothing shared. */
	before = at;
	at = (uint64_t)(uintptr_t)arch_map_device(hpa(10 * MIB - PAGE_SIZE), 3 * MIB, MEM_UNCACHED);
	assert_true(at > before);
	assert_maps(root, at, 10 * MIB - PAGE_SIZE, 12, PAGING_DATA, MEM_UNCACHED);
	assert_maps(root, at + PAGE_SIZE, 10 * MIB, 21, PAGING_DATA, MEM_UNCACHED);

	at = (uint64_t)(uintptr_t)arch_map_device(hpa(8 * GIB), GIB, MEM_WRITE_COMBINING);
	assert_maps(root, at, 8 * GIB, 30, PAGING_DATA, MEM_WRITE_COMBINING);

	/* An access that begins on one page and ends on the next. */
	at = (uint64_t)(uintptr_t)arch_map_device(hpa(0xa000ffe), 4, MEM_DEVICE);
	assert_maps(root, at, 0xa000000, 12, PAGING_DATA, MEM_DEVICE);
	assert_maps(root, at + PAGE_SIZE, 0xa001000, 12, PAGING_DATA, MEM_DEVICE);

	/* The room is used up at last, and that is said. */
	assert_null(arch_map_device(hpa(UINT64_C(1) << 40), PAGING_DEVICE_BYTES - GIB, MEM_DEVICE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_largest_range_within, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_move_the_border, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room_for_a_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ram_by_largest_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_gigabyte_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_image, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
