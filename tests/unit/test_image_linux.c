/* SPDX-License-Identifier: BSD-2-Clause */
/* bzImages: a good one lands where the boot protocol says, and every field of its header is
 * doubted. */
#include "tests/unit/guest_image.h"

#define SETUP 1024u /* boot sector and one more */
#define KERNEL 4096u
#define IMAGE (SETUP + KERNEL)
#define PREFERRED (16 * MIB)

static uint8_t bz[IMAGE];

static int start(void **state)
{
	image_defaults();
	memset(bz, 0, sizeof(bz));
	bz[0x1f1] = 1;
	put_le32(bz + 0x1f4, KERNEL / 16);
	put_le16(bz + 0x1fe, 0xaa55);
	bz[0x200] = 0xeb;
	bz[0x201] = 0x6a;
	memcpy(bz + 0x202, "HdrS", 4);
	put_le16(bz + 0x206, 0x20f);
	bz[0x211] = 0x01;
	put_le32(bz + 0x214, 0x100000);
	put_le32(bz + 0x22c, 0x7fffffff);
	put_le32(bz + 0x230, 0x200000);
	bz[0x234] = 1;
	bz[0x235] = 21;
	put_le16(bz + 0x236, 0x003f);
	put_le32(bz + 0x238, 2047);
	put_le32(bz + 0x248, 0x100);
	put_le32(bz + 0x24c, KERNEL - 0x100);
	put_le64(bz + 0x250, 0xdeadbeef);
	put_le64(bz + 0x258, PREFERRED);
	put_le32(bz + 0x260, 0x100000);
	for (unsigned i = 0; i < KERNEL; i++)
		bz[SETUP + i] = (uint8_t)(i * 7 + 1);
	return board_start(state);
}

static void assert_kernel_at(uint64_t at)
{
	assert_memory_equal(board.memory + at, bz + SETUP, KERNEL);
}

static void test_64_bit_entry(void **state)
{
	uint64_t params, tables, gdt, cmdline;

	(void)state;
	image_request.cmdline = "console=ttyS0 quiet";
	image_loads(bz, IMAGE);
	assert_int_equal(board.start.mode, VCPU_LONG64);
	assert_int_equal(board.start.entry.v, PREFERRED + 0x200);
	assert_kernel_at(PREFERRED);
	params = board.start.arg[2];
	assert_int_equal(params % 4096, 0);
	assert_memory_equal(board.memory + params + 0x202, "HdrS", 4);
	assert_int_equal(board.memory[params + 0x1ef], 0); /* the sentinel */
	assert_int_equal(board.memory[params + 0x210], 0xff);
	assert_int_equal(guest32(params + 0x214), PREFERRED);
	assert_int_equal(guest32(params + 0x218), 0); /* no RAM disk */
	assert_int_equal(guest32(params + 0x21c), 0);
	assert_int_equal(guest64(params + 0x250), 0); /* no setup_data */
	cmdline = guest32(params + 0x228);
	assert_string_equal((char *)board.memory + cmdline, "console=ttyS0 quiet");
	/* CR3: an identity map of 4 GiB. */
	tables = board.start.tables.v;
	for (uint64_t at = 0; at < UINT64_C(1) << 32; at += 2 * MIB) {
		uint64_t third = guest64(tables) & ~UINT64_C(0xfff);
		uint64_t second = guest64(third + 8 * (at >> 30)) & ~UINT64_C(0xfff);

		assert_int_equal(guest64(second + 8 * (at >> 21 & 511)), at | 0x83);
	}
	assert_int_equal(guest64(tables) & 0xfff, 0x03);
	assert_int_equal(guest64(tables + 8), 0);
	gdt = board.start.gdt.v;
	assert_int_equal(guest64(gdt), 0);
	assert_int_equal(guest64(gdt + 0x10), UINT64_C(0x00af9b000000ffff));
	assert_int_equal(guest64(gdt + 0x18), UINT64_C(0x00cf93000000ffff));
}

static void assert_e820(uint64_t params, unsigned i, uint64_t base, uint64_t bytes, uint32_t type)
{
	uint64_t at = params + 0x2d0 + i * UINT64_C(20);

	assert_int_equal(guest64(at), base);
	assert_int_equal(guest64(at + 8), bytes);
	assert_int_equal(guest32(at + 16), type);
}

static void test_memory_map(void **state)
{
	uint64_t params;

	(void)state;
	image_loads(bz, IMAGE);
	params = board.start.arg[2];
	assert_int_equal(board.memory[params + 0x1e8], 4);
	assert_e820(params, 0, 0, 0x9fc00, 1);
	assert_e820(params, 1, 0x9fc00, 0x400, 2);
	assert_e820(params, 2, 0xf0000, 0x10000, 2);
	assert_e820(params, 3, 0x100000, BOARD_MEMORY - MIB, 1);
	assert_int_equal(guest32(params + 0x1e0), (BOARD_MEMORY - MIB) >> 10);
	image_request.memory_bytes = 5120 * MIB;
	image_loads(bz, IMAGE);
	params = board.start.arg[2];
	assert_int_equal(board.memory[params + 0x1e8], 5);
	assert_e820(params, 3, 0x100000, 3071 * MIB, 1);
	assert_e820(params, 4, 4096 * MIB, 2048 * MIB, 1);
}

static void test_initrd(void **state)
{
	static uint8_t disk[10000];
	uint64_t params, at;

	(void)state;
	memset(disk, 0x5d, sizeof(disk));
	image_request.initrd = (struct vm_file){ "initrd", disk, sizeof(disk) };
	image_loads(bz, IMAGE);
	params = board.start.arg[2];
	at = guest32(params + 0x218);
	assert_int_equal(at, BOARD_MEMORY - 12288); /* as high as pages allow */
	assert_int_equal(guest32(params + 0x21c), sizeof(disk));
	assert_memory_equal(board.memory + at, disk, sizeof(disk));
	/* Not above what the header says, and not in the memory the kernel decompresses into. */
	put_le32(bz + 0x22c, 0x2ffffff);
	image_loads(bz, IMAGE);
	assert_int_equal(guest32(board.start.arg[2] + 0x218), 0x3000000 - 12288);
	put_le32(bz + 0x22c, PREFERRED + 0x80000);
	image_loads(bz, IMAGE);
	assert_int_equal(guest32(board.start.arg[2] + 0x218), PREFERRED - 12288);
	put_le32(bz + 0x22c, 0x100fff);
	image_refused(bz, IMAGE, "no room for the initial RAM disk: 10000 bytes");
}

static void test_32_bit_entry(void **state)
{
	(void)state;
	image_request.format = IMAGE_LINUX32;
	image_loads(bz, IMAGE);
	assert_int_equal(board.start.mode, VCPU_FLAT32);
	assert_int_equal(board.start.entry.v, PREFERRED);
	assert_int_equal(board.start.tables.v, 0);
	assert_int_equal(guest32(board.start.arg[2] + 0x214), PREFERRED);
	assert_int_equal(guest64(board.start.gdt.v + 0x10), UINT64_C(0x00cf9b000000ffff));
	assert_kernel_at(PREFERRED);
}

static void test_auto_takes_the_entry_there_is(void **state)
{
	(void)state;
	put_le16(bz + 0x236, 0);
	image_loads(bz, IMAGE);
	assert_int_equal(board.start.mode, VCPU_FLAT32);
	put_le16(bz + 0x236, 1);
	put_le16(bz + 0x206, 0x20b); /* xloadflags mean nothing yet */
	image_loads(bz, IMAGE);
	assert_int_equal(board.start.mode, VCPU_FLAT32);
}

static void test_not_relocatable(void **state)
{
	(void)state;
	bz[0x234] = 0;
	image_request.format = IMAGE_LINUX32;
	put_le32(bz + 0x214, 0x100040);
	image_loads(bz, IMAGE); /* loaded at 1 MiB; moves itself to where it wants to run */
	assert_kernel_at(MIB);
	assert_int_equal(board.start.entry.v, 0x100040);
	put_le32(bz + 0x214, 0x400000); /* the header's way of naming a load address */
	image_loads(bz, IMAGE);
	assert_kernel_at(0x400000);
	assert_int_equal(board.start.entry.v, 0x400000);
	put_le32(bz + 0x214, 0);
	image_loads(bz, IMAGE);
	assert_int_equal(board.start.entry.v, 0x100000);
}

static void test_old_protocol(void **state)
{
	(void)state;
	put_le16(bz + 0x206, 0x206);
	bz[0x201] = 0x3c - 0x02;
	bz[0x234] = 1;
	image_loads(bz, IMAGE); /* no pref_address: the first aligned place */
	assert_kernel_at(2 * MIB);
	assert_int_equal(board.start.entry.v, 2 * MIB);
	put_le32(bz + 0x230, 0);
	image_loads(bz, IMAGE);
	assert_kernel_at(MIB);
}

static void test_four_setup_sectors_by_default(void **state)
{
	static uint8_t image[5 * 512 + KERNEL];

	(void)state;
	bz[0x1f1] = 0;
	memcpy(image, bz, SETUP);
	memcpy(image + sizeof(image) - KERNEL, bz + SETUP, KERNEL);
	image_loads(image, sizeof(image));
	assert_kernel_at(PREFERRED);
}

static void test_header_refusals(void **state)
{
	(void)state;
	image_request.format = IMAGE_LINUX64;
	image_refused(bz, 0x28f, "shorter than a Linux setup header");
	bz[0x202] = 'X';
	image_refused(bz, IMAGE, "no \"HdrS\"");
	bz[0x202] = 'H';
	put_le16(bz + 0x1fe, 0x55aa);
	image_refused(bz, IMAGE, "boot flag 0x55aa");
	put_le16(bz + 0x1fe, 0xaa55);
	put_le16(bz + 0x206, 0x20b);
	image_refused(bz, IMAGE, "boot protocol 2.11; the 64-bit entry needs 2.12");
	image_request.format = IMAGE_LINUX32;
	put_le16(bz + 0x206, 0x205);
	image_refused(bz, IMAGE, "boot protocol 2.05; the 32-bit entry needs 2.06");
	put_le16(bz + 0x206, 0x20f);
	bz[0x201] = 0x10;
	image_refused(bz, IMAGE, "its setup header ends at 0x212");
	bz[0x201] = 0x6a;
	bz[0x211] = 0;
	image_refused(bz, IMAGE, "zImage");
	bz[0x211] = 1;
	image_request.format = IMAGE_LINUX64;
	put_le16(bz + 0x236, 0x3e);
	image_refused(bz, IMAGE, "no 64-bit entry (xloadflags 0x3e)");
}

static void test_size_refusals(void **state)
{
	(void)state;
	image_refused(bz, SETUP, "its kernel begins at byte 1024, the file has 1024");
	image_refused(bz, IMAGE - 1, "its kernel has 4096 bytes, the file holds 4095");
	put_le32(bz + 0x1f4, 0xffffffff);
	image_refused(bz, IMAGE, "cut off");
	put_le32(bz + 0x1f4, 0); /* not said: all of it */
	put_le32(bz + 0x24c, KERNEL);
	image_refused(bz, IMAGE, "its payload of 4096 bytes at 0x100 reaches past");
	put_le32(bz + 0x24c, 0xffffffff);
	image_refused(bz, IMAGE, "payload");
	put_le32(bz + 0x24c, 0);
	image_loads(bz, IMAGE);
	image_refused(bz, SETUP + 0x200, "no room for an entry");
}

static void test_placement_refusals(void **state)
{
	(void)state;
	put_le32(bz + 0x230, 0x300000);
	image_refused(bz, IMAGE, "kernel alignment 0x300000 is no power of two");
	put_le32(bz + 0x230, 0x200000);
	put_le64(bz + 0x258, 0x80000);
	image_refused(bz, IMAGE, "wants to run at 0x80000");
	put_le64(bz + 0x258, BOARD_MEMORY);
	image_refused(bz, IMAGE, "the guest's RAM ends at 0x4000000 (64 MiB)");
	put_le64(bz + 0x258, UINT64_MAX - 0xfff);
	image_refused(bz, IMAGE, "needs memory at");
	put_le64(bz + 0x258, PREFERRED);
	put_le32(bz + 0x260, (uint32_t)(48 * MIB));
	image_loads(bz, IMAGE);
	put_le32(bz + 0x260, (uint32_t)(48 * MIB) + 1);
	image_refused(bz, IMAGE, "needs memory at [0x1000000, 0x4000001)");
	bz[0x234] = 0;
	put_le32(bz + 0x260, 0);
	put_le32(bz + 0x214, 0x1000);
	image_refused(bz, IMAGE, "code32_start 0x1000 is below 1 MiB");
	put_le32(bz + 0x214, 0xfffff000);
	image_refused(bz, IMAGE, "needs memory at");
}

static void test_command_line_length(void **state)
{
	char line[2049];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[2047] = '\0';
	image_request.cmdline = line;
	image_loads(bz, IMAGE);
	line[2047] = 'x';
	line[2048] = '\0';
	image_refused(bz, IMAGE, "the command line has 2048 characters; the kernel takes 2047");
	put_le32(bz + 0x238, 0);
	line[256] = '\0';
	image_refused(bz, IMAGE, "256 characters; the kernel takes 255");
	line[255] = '\0';
	image_loads(bz, IMAGE);
}

static void test_request_refusals(void **state)
{
	(void)state;
	image_refused(bz, 0, "there is no kernel image");
	image_request.memory_bytes = 2 * MIB - 1;
	image_refused(bz, IMAGE, "2097151 bytes of memory; a PC needs 2 MiB");
	image_request.memory_bytes = UINT64_MAX;
	image_refused(bz, IMAGE, "above 64 TiB");
	image_request.memory_bytes = BOARD_MEMORY;
	image_request.format = IMAGE_FLAT;
	image_refused(bz, IMAGE, "a flat image says neither");
	image_request.format = IMAGE_AUTO;
	memset(bz, 0x90, sizeof(bz));
	image_refused(bz, IMAGE, "the image of 5120 bytes is of no format this board knows");
}

static void test_host_without_memory(void **state)
{
	(void)state;
	board.fail_at = PREFERRED + 5;
	assert_int_equal(image_load(bz, IMAGE), OUT_OF_MEMORY);
	assert_non_null(strstr(board.why, "guest memory [0x1000000, 0x1001000) cannot be written"));
}

static void test_short_sentence_buffer(void **state)
{
	char why[8];
	uint8_t byte = 0;

	(void)state;
	image_request.kernel = (struct vm_file){ "k", &byte, 1 };
	memset(why, 'x', sizeof(why));
	assert_int_equal(
		machine_load(board.machine, &image_request, &board.start, why, sizeof(why)),
		BAD_ARGUMENT);
	assert_string_equal(why, "the ima");
	assert_int_equal(machine_load(board.machine, &image_request, &board.start, NULL, 0),
			 BAD_ARGUMENT);
}

static void test_any_damage_to_the_header(void **state)
{
	(void)state;
	image_survives_damage(bz, IMAGE, 0x1f1, 0x290);
	image_request.format = IMAGE_LINUX32;
	image_survives_damage(bz, IMAGE, 0x1f1, 0x290);
}

#define image_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(test_64_bit_entry),
		image_test(test_memory_map),
		image_test(test_initrd),
		image_test(test_32_bit_entry),
		image_test(test_auto_takes_the_entry_there_is),
		image_test(test_not_relocatable),
		image_test(test_old_protocol),
		image_test(test_four_setup_sectors_by_default),
		image_test(test_header_refusals),
		image_test(test_size_refusals),
		image_test(test_placement_refusals),
		image_test(test_command_line_length),
		image_test(test_request_refusals),
		image_test(test_host_without_memory),
		image_test(test_short_sentence_buffer),
		image_test(test_any_damage_to_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
