/* SPDX-License-Identifier: BSD-2-Clause */
/* Images and flat binaries of arm64: a good one lands where the boot protocol says, with a device
 * tree that libfdt can read, and every field of the header is doubted. */
#define BOARD_BASE UINT64_C(0x40000000)
#include "tests/unit/guest_image.h"

#include <libfdt.h>

#define KERNEL 8192u
#define SPAN (6 * MIB + 4096) /* image_size: more than the file */
#define LOAD (BOARD_BASE + 2 * MIB)
#define FDT_BYTES 16384u

static uint8_t image[KERNEL];

static int start(void **state)
{
	image_defaults();
	for (unsigned i = 0; i < KERNEL; i++)
		image[i] = (uint8_t)(i * 7 + 1);
	memset(image + 8, 0, 56);
	put_le64(image + 16, SPAN);
	put_le64(image + 24, 0x0a);
	memcpy(image + 56, "ARM\x64", 4);
	return board_start(state);
}

/* ---- The device tree --------------------------------------------------------------------------
 */

static const void *tree(void)
{
	const void *fdt = board.memory + (board.start.arg[0] - BOARD_BASE);

	assert_int_equal(fdt_check_full(fdt, FDT_BYTES), 0);
	return fdt;
}

static const void *property(const char *path, const char *name, int *length)
{
	int node = fdt_path_offset(tree(), path);
	const void *value;

	if (node < 0)
		fail_msg("no node %s", path);
	value = fdt_getprop(tree(), node, name, length);
	if (!value)
		fail_msg("no %s in %s", name, path);
	return value;
}

static void has_string(const char *path, const char *name, const char *wanted)
{
	int length;
	const char *value = property(path, name, &length);

	assert_string_equal(value, wanted);
}

/* `wanted` ends with CELLS_END. */
#define CELLS_END 0xfeedbeefu

static void has_cells(const char *path, const char *name, const uint32_t *wanted)
{
	int length;
	const fdt32_t *value = property(path, name, &length);
	int count = 0;

	for (; wanted[count] != CELLS_END; count++) {
		assert_true(length >= 4 * (count + 1));
		assert_int_equal(fdt32_to_cpu(value[count]), wanted[count]);
	}
	assert_int_equal(length, 4 * count);
}

#define HAS_CELLS(path, name, ...) \
	has_cells(path, name, (const uint32_t[]){ __VA_ARGS__, CELLS_END })

static void test_tree(void **state)
{
	int length;

	(void)state;
	image_request.cmdline = "console=ttyAMA0 quiet";
	image_loads(image, KERNEL);
	has_string("/chosen", "bootargs", "console=ttyAMA0 quiet");
	has_string("/chosen", "stdout-path", "/pl011@9000000");
	has_string("/memory@40000000", "device_type", "memory");
	HAS_CELLS("/memory@40000000", "reg", 0, 0x40000000, 0, (uint32_t)BOARD_MEMORY);
	has_string("/psci", "compatible", "arm,psci-1.0");
	has_string("/psci", "method", "hvc");
	HAS_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	has_string("/intc@8000000", "compatible", "arm,gic-v3");
	HAS_CELLS("/intc@8000000", "reg", 0, 0x08000000, 0, 0x10000, 0, 0x080a0000, 0, 0x40000);
	(void)property("/intc@8000000", "interrupt-controller", &length);
	has_string("/pl011@9000000", "compatible", "arm,pl011");
	HAS_CELLS("/pl011@9000000", "reg", 0, 0x09000000, 0, 0x1000);
	HAS_CELLS("/pl011@9000000", "interrupts", 0, 1, 4);
	HAS_CELLS("/apb-pclk", "clock-frequency", 24000000);
	for (unsigned i = 0; i < 2; i++) {
		const char *path = i ? "/cpus/cpu@1" : "/cpus/cpu@0";

		has_string(path, "enable-method", "psci");
		HAS_CELLS(path, "reg", i);
	}
	assert_true(fdt_path_offset(tree(), "/cpus/cpu@2") < 0); /* the board has two vCPUs */
	assert_null(fdt_getprop(tree(), fdt_path_offset(tree(), "/chosen"), "linux,initrd-start",
				&length));
	/* Whose interrupts, and whose clock. */
	HAS_CELLS("/", "interrupt-parent",
		  fdt_get_phandle(tree(), fdt_path_offset(tree(), "/intc@8000000")));
	HAS_CELLS("/pl011@9000000", "clocks",
		  fdt_get_phandle(tree(), fdt_path_offset(tree(), "/apb-pclk")),
		  fdt_get_phandle(tree(), fdt_path_offset(tree(), "/apb-pclk")));
}

static void test_no_command_line(void **state)
{
	(void)state;
	image_loads(image, KERNEL);
	has_string("/chosen", "bootargs", "");
}

/* ---- Image --------------------------------------------------------------------------------------
 */

static void test_image(void **state)
{
	(void)state;
	image_loads(image, KERNEL);
	assert_int_equal(board.start.mode, VCPU_NATIVE);
	assert_int_equal(board.start.entry.v, LOAD);
	assert_memory_equal(board.memory + (LOAD - BOARD_BASE), image, KERNEL);
	/* Behind what the kernel needs, and on a boundary of 2 MiB. */
	assert_int_equal(board.start.arg[0], LOAD + 8 * MIB);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(board.start.arg[i], 0);
}

static void test_text_offset(void **state)
{
	(void)state;
	put_le64(image + 8, 0x80000);
	image_loads(image, KERNEL);
	assert_int_equal(board.start.entry.v, LOAD + 0x80000);
	assert_memory_equal(board.memory + (LOAD + 0x80000 - BOARD_BASE), image, KERNEL);
	image_request.format = IMAGE_LINUX64;
	image_loads(image, KERNEL);
	assert_int_equal(board.start.entry.v, LOAD + 0x80000);
}

static void test_initrd(void **state)
{
	static uint8_t disk[5000];
	uint64_t at;

	(void)state;
	memset(disk, 0x5a, sizeof(disk));
	image_request.initrd.data = disk;
	image_request.initrd.bytes = sizeof(disk);
	image_loads(image, KERNEL);
	at = board.start.arg[0] + FDT_BYTES;
	assert_memory_equal(board.memory + (at - BOARD_BASE), disk, sizeof(disk));
	HAS_CELLS("/chosen", "linux,initrd-start", 0, (uint32_t)at);
	HAS_CELLS("/chosen", "linux,initrd-end", 0, (uint32_t)(at + sizeof(disk)));
}

static void test_header_refusals(void **state)
{
	(void)state;
	put_le64(image + 8, 0x100);
	image_refused(image, KERNEL, "text offset 0x100");
	put_le64(image + 8, 0x200000);
	image_refused(image, KERNEL, "text offset 0x200000");
	put_le64(image + 8, 0);
	put_le64(image + 16, 0);
	image_refused(image, KERNEL, "does not say its size");
	put_le64(image + 16, 62 * MIB + 1);
	image_refused(image, KERNEL, "RAM ends at 0x44000000 (64 MiB)");
	put_le64(image + 16, UINT64_MAX);
	image_refused(image, KERNEL, "the kernel needs 18446744073709551615 bytes");
	put_le64(image + 16, 62 * MIB);
	image_refused(image, KERNEL, "no room for the device tree");
	put_le64(image + 16, SPAN);
	put_le64(image + 24, 0x0b);
	image_refused(image, KERNEL, "big-endian (flags 0xb)");
	put_le64(image + 24, 0x0a);
	memset(image, 0, 8);
	image_refused(image, KERNEL, "begins with zeros");
	image_request.format = IMAGE_LINUX64;
	image[56] = 'B';
	image_refused(image, KERNEL, "no \"ARM\\x64\" at 56");
	image_refused(image, 63, "63 bytes is shorter than the header");
	image_refused(image, 0, "no kernel image");
}

static void test_other_formats(void **state)
{
	static const struct {
		uint8_t magic[8];
		const char *words;
	} other[] = {
		{ { 0x1f, 0x8b, 8 }, "compressed by gzip" },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, "compressed by xz" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, "compressed by zstd" },
		{ { 0x02, 0x21, 0x4c, 0x18 }, "compressed by lz4" },
		{ { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, "an ELF file" },
		{ { 'M', 'Z', 0, 0, 'z', 'i', 'm', 'g' }, "a compressed EFI application" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		image_refused(other[i].magic, 8, other[i].words);
	image_request.format = IMAGE_MULTIBOOT;
	image_refused(image, KERNEL, "that format is a PC's");
	image_request.format = IMAGE_PVH;
	image_refused(image, KERNEL, "that format is a PC's");
	image_request.format = IMAGE_LINUX32;
	image_refused(image, KERNEL, "that format is a PC's");
}

static void test_what_does_not_fit(void **state)
{
	static uint8_t disk[16];
	static char words[20000];

	(void)state;
	image_request.initrd.data = disk;
	image_request.initrd.bytes = 54 * MIB - FDT_BYTES + 1;
	image_refused(image, KERNEL, "no room for the initial RAM disk");
	image_request.initrd.bytes = UINT64_MAX;
	image_refused(image, KERNEL, "no room for the initial RAM disk");
	image_request.initrd.bytes = 0;
	memset(words, 'x', sizeof(words) - 1);
	image_request.cmdline = words;
	image_refused(image, KERNEL, "the command line has 19999 characters");
	image_request.cmdline = NULL;
	image_request.memory_bytes = MIB;
	image_refused(image, KERNEL, "takes 2 MiB to 256 GiB");
	image_request.memory_bytes = UINT64_C(257) << 30;
	image_refused(image, KERNEL, "takes 2 MiB to 256 GiB");
	image_request.memory_bytes = BOARD_MEMORY;
	image_request.module_count = 1;
	image_refused(image, KERNEL, "no modules");
}

static void test_host_refuses(void **state)
{
	(void)state;
	board.fail_at = LOAD + 100;
	assert_int_equal(image_load(image, KERNEL), OUT_OF_MEMORY);
	assert_non_null(strstr(board.why, "guest memory [0x40200000, 0x40202000)"));
}

/* ---- Flat binaries ------------------------------------------------------------------------------
 */

static void test_flat(void **state)
{
	static uint8_t disk[5000];
	int length;

	(void)state;
	memset(disk, 0x5a, sizeof(disk));
	image[56] = 'x';
	image_request.initrd.data = disk;
	image_request.initrd.bytes = sizeof(disk);
	image_loads(image, KERNEL);
	assert_int_equal(board.start.mode, VCPU_NATIVE);
	assert_int_equal(board.start.entry.v, BOARD_BASE + 0x80000);
	assert_memory_equal(board.memory + 0x80000, image, KERNEL);
	assert_int_equal(board.start.arg[0], BOARD_BASE);
	(void)property("/chosen", "linux,initrd-start", &length);
	HAS_CELLS("/chosen", "linux,initrd-start", 0,
		  (uint32_t)(BOARD_BASE + BOARD_MEMORY - 2 * 4096));
	assert_memory_equal(board.memory + BOARD_MEMORY - 2 * 4096, disk, sizeof(disk));
	image_loads(image, 4);
	image_loads(image, 1);
}

static void test_flat_has_no_header(void **state)
{
	(void)state;
	image_request.format = IMAGE_FLAT;
	image_loads(image, KERNEL); /* an Image's header is not looked at */
	assert_int_equal(board.start.entry.v, BOARD_BASE + 0x80000);
}

static void test_flat_does_not_fit(void **state)
{
	static uint8_t big[4 * MIB];

	(void)state;
	big[0] = 1;
	image_request.memory_bytes = 4 * MIB;
	image_refused(big, sizeof(big), "does not fit");
	image_loads(big, sizeof(big) - 0x80000);
	image_request.initrd.data = big;
	image_request.initrd.bytes = 1;
	image_refused(big, sizeof(big) - 0x80000, "no room for the initial RAM disk");
	image_loads(big, sizeof(big) - 0x80001); /* one byte is left, and it takes it */
}

static void test_damage(void **state)
{
	(void)state;
	image_survives_damage(image, KERNEL, 0, 64);
	image_request.format = IMAGE_LINUX64;
	image_survives_damage(image, KERNEL, 0, 64);
}

#define image_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(test_tree),
		image_test(test_no_command_line),
		image_test(test_image),
		image_test(test_text_offset),
		image_test(test_initrd),
		image_test(test_header_refusals),
		image_test(test_other_formats),
		image_test(test_what_does_not_fit),
		image_test(test_host_refuses),
		image_test(test_flat),
		image_test(test_flat_has_no_header),
		image_test(test_flat_does_not_fit),
		image_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
