/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot images, by ELF headers and by addresses: where they land, what they are told, what is
 * refused. */
#include "tests/unit/guest_image.h"
#include "tests/unit/guest_elf.h"

#define HEADER 0x300u /* in both images */
#define FLAT 0x2000u
#define FLAT_AT 0x180000u /* the flat image's byte 0x200 goes there */

static uint8_t flat[FLAT];

static void put_header(uint8_t *image, uint32_t flags)
{
	put_le32(image + HEADER, 0x1badb002);
	put_le32(image + HEADER + 4, flags);
	put_le32(image + HEADER + 8, 0u - 0x1badb002u - flags);
}

static void put_addresses(uint32_t header, uint32_t load, uint32_t load_end, uint32_t bss_end,
			  uint32_t entry)
{
	put_le32(flat + HEADER + 12, header);
	put_le32(flat + HEADER + 16, load);
	put_le32(flat + HEADER + 20, load_end);
	put_le32(flat + HEADER + 24, bss_end);
	put_le32(flat + HEADER + 28, entry);
}

static void make_flat(void)
{
	for (unsigned i = 0; i < FLAT; i++)
		flat[i] = (uint8_t)(i * 11 + 3);
	put_header(flat, 0x10003);
	put_addresses(FLAT_AT + 0x100, FLAT_AT, FLAT_AT + 0x1000, FLAT_AT + 0x8000,
		      FLAT_AT + 0x200);
}

static int start(void **state)
{
	image_defaults();
	elf_make(false);
	put_header(elf, 0x00003);
	make_flat();
	return board_start(state);
}

static void test_elf(void **state)
{
	(void)state;
	image_loads(elf, ELF_FILE);
	assert_int_equal(board.start.mode, VCPU_FLAT32);
	assert_int_equal(board.start.entry.v,
			 ELF_TEXT + 0x10); /* physical, though the header's is virtual */
	assert_int_equal(board.start.arg[0], 0x2badb002);
	assert_memory_equal(board.memory + ELF_TEXT, elf + 0x400, 0x100);
	assert_memory_equal(board.memory + ELF_DATA, elf + 0x600, 0x80);
	elf_entry(ELF_TEXT + 0x30); /* a physical entry is taken as it is */
	image_loads(elf, ELF_FILE);
	assert_int_equal(board.start.entry.v, ELF_TEXT + 0x30);
	elf_make(true);
	put_header(elf, 0);
	image_request.format = IMAGE_MULTIBOOT;
	image_loads(elf, ELF_FILE);
	assert_int_equal(board.start.entry.v, ELF_TEXT + 0x10);
}

static void test_addresses(void **state)
{
	(void)state;
	image_loads(flat, FLAT);
	assert_int_equal(board.start.entry.v, FLAT_AT + 0x200);
	assert_memory_equal(board.memory + FLAT_AT, flat + 0x200, 0x1000);
	assert_int_equal(board.memory[FLAT_AT + 0x1000], 0);
	/* No end: all of the file; no zeros. */
	put_addresses(FLAT_AT + 0x100, FLAT_AT, 0, 0, FLAT_AT);
	image_loads(flat, FLAT);
	assert_memory_equal(board.memory + FLAT_AT, flat + 0x200, FLAT - 0x200);
}

static void test_information(void **state)
{
	uint64_t info, map;
	uint32_t map_bytes;

	(void)state;
	image_request.cmdline = "a=1 b";
	image_loads(elf, ELF_FILE);
	info = board.start.arg[1];
	assert_int_equal(guest32(info), 0x245); /* memory, command line, map, loader's name */
	assert_int_equal(guest32(info + 4), 639);
	assert_int_equal(guest32(info + 8), (BOARD_MEMORY - MIB) >> 10);
	assert_string_equal((char *)board.memory + guest32(info + 16), "kernel a=1 b");
	assert_int_equal(guest32(info + 20), 0);
	assert_string_equal((char *)board.memory + guest32(info + 64), "Tenure");
	map_bytes = guest32(info + 44);
	map = guest32(info + 48);
	assert_int_equal(map_bytes, 4 * 24);
	assert_int_equal(guest32(map), 20);
	assert_int_equal(guest64(map + 4), 0);
	assert_int_equal(guest64(map + 12), 0x9fc00);
	assert_int_equal(guest32(map + 20), 1);
	assert_int_equal(guest32(map + 24 + 20), 2);
	assert_int_equal(guest64(map + 72 + 4), MIB);
	assert_int_equal(guest64(map + 72 + 12), BOARD_MEMORY - MIB);
	image_request.memory_bytes = 4096 * MIB;
	image_loads(elf, ELF_FILE);
	info = board.start.arg[1];
	assert_int_equal(guest32(info + 8), 3071 * 1024);
	assert_int_equal(guest32(info + 44), 5 * 24);
	assert_int_equal(guest64(guest32(info + 48) + 96 + 4), 4096 * MIB);
}

static void test_modules(void **state)
{
	static uint8_t one[5000], two[1];
	struct vm_file modules[2] = { { "two x", two, sizeof(two) }, { NULL, two, sizeof(two) } };
	uint64_t info, list;

	(void)state;
	memset(one, 0x31, sizeof(one));
	two[0] = 0x32;
	image_request.initrd = (struct vm_file){ "one", one, sizeof(one) };
	image_request.modules = modules;
	image_request.module_count = 2;
	image_loads(elf, ELF_FILE);
	info = board.start.arg[1];
	assert_int_equal(guest32(info), 0x24d);
	assert_int_equal(guest32(info + 20), 3);
	list = guest32(info + 24);
	assert_int_equal(guest32(list), ELF_DATA + 0x10000); /* behind the kernel and its zeros */
	assert_int_equal(guest32(list + 4), ELF_DATA + 0x10000 + sizeof(one));
	assert_memory_equal(board.memory + guest32(list), one, sizeof(one));
	assert_string_equal((char *)board.memory + guest32(list + 8), "one");
	assert_int_equal(guest32(list + 16), ELF_DATA + 0x12000); /* a page of its own */
	assert_int_equal(board.memory[guest32(list + 16)], 0x32);
	assert_string_equal((char *)board.memory + guest32(list + 24), "two x");
	assert_int_equal(guest32(list + 32), ELF_DATA + 0x13000);
	assert_string_equal((char *)board.memory + guest32(list + 40), "");
}

static void test_low_kernel_and_our_tables(void **state)
{
	uint64_t info;

	(void)state;
	/* A kernel over most of low memory: what we make goes beside it. */
	elf_put(1, P_PADDR, 0x2000);
	elf_put(1, P_MEMSZ, 0x8e000);
	image_loads(elf, ELF_FILE);
	info = board.start.arg[1];
	assert_in_range(info, 0x1000, 0x1fff - 120);
	elf_put(1, P_PADDR, 0x1000);
	elf_put(1, P_MEMSZ, 0x8f000);
	image_refused(elf, ELF_FILE, "no room for the Multiboot information");
}

static void test_header_place(void **state)
{
	static uint8_t image[16384];

	(void)state;
	image_request.format = IMAGE_MULTIBOOT;
	memcpy(image, elf, ELF_FILE);
	memset(image + HEADER, 0, 12);
	memcpy(image + 8192 - 12, elf + HEADER, 12);
	image_loads(image, sizeof(image));
	memset(image + 8192 - 12, 0, 12);
	memcpy(image + 8192 - 8, elf + HEADER, 12); /* not wholly in the first 8 KiB */
	image_refused(image, sizeof(image), "no Multiboot header in its first 8 KiB");
	memset(image + 8192 - 8, 0, 12);
	memcpy(image + 0x302, elf + HEADER, 12); /* not aligned */
	image_refused(image, sizeof(image), "no Multiboot header");
	/* A stray magic number before the header is passed over. */
	memcpy(image, elf, ELF_FILE);
	put_le32(image + 0x200, 0x1badb002);
	image_loads(image, sizeof(image));
}

static void test_header_refusals(void **state)
{
	(void)state;
	put_le32(elf + HEADER + 8, 1);
	image_refused(elf, ELF_FILE, "the Multiboot header at 0x300 is damaged");
	put_header(elf, 0x0b);
	image_refused(elf, ELF_FILE, "requires features 0xb, of which 0x8 are unknown");
	put_header(elf, 0x8000);
	image_refused(elf, ELF_FILE, "of which 0x8000 are unknown");
	put_header(elf, 0x20007); /* a video mode is not met, an optional flag not known: both go */
	image_loads(elf, ELF_FILE);
	image_refused(flat, HEADER + 31, "cut off by the file's end");
	put_header(flat, 0x3);
	image_refused(flat, FLAT, "is no ELF file, and its header (flags 0x3) gives no addresses");
}

static void test_address_refusals(void **state)
{
	(void)state;
	put_addresses(FLAT_AT - 1, FLAT_AT, 0, 0, FLAT_AT);
	image_refused(flat, FLAT, "says address 0x17ffff, with the load address 0x180000");
	put_addresses(FLAT_AT + 0x301, FLAT_AT, 0, 0, FLAT_AT); /* before the file's start */
	image_refused(flat, FLAT, "it lies at 0x300 in the file");
	put_addresses(FLAT_AT + 0x100, FLAT_AT, FLAT_AT - 1, 0, FLAT_AT);
	image_refused(flat, FLAT, "load addresses 0x180000 to 0x17ffff");
	put_addresses(FLAT_AT + 0x100, FLAT_AT, FLAT_AT + 0x1e01, 0, FLAT_AT);
	image_refused(flat, FLAT, "of a file that has 7680 bytes from there");
	put_addresses(FLAT_AT + 0x100, FLAT_AT, FLAT_AT + 0x1000, FLAT_AT + 0xfff, FLAT_AT);
	image_refused(flat, FLAT, "its zeros end at 0x180fff");
	put_addresses(FLAT_AT + 0x100, FLAT_AT, FLAT_AT + 0x1000, 0, FLAT_AT + 0x1000);
	image_refused(flat, FLAT, "entry 0x181000 lies in nothing that is loaded");
	put_addresses(FLAT_AT + 0x100, FLAT_AT, 0, 0xfffffff0, FLAT_AT);
	image_refused(flat, FLAT, "which is not RAM");
	put_addresses(0xa0100, 0xa0000, 0, 0, 0xa0000);
	image_refused(flat, FLAT, "which is not RAM");
}

static void test_elf_refusals(void **state)
{
	(void)state;
	elf_put(0, P_FILESZ, ELF_FILE);
	image_refused(elf, ELF_FILE, "reach past the end of the file");
	elf_make(false);
	put_header(elf, 0);
	elf_entry(ELF_TEXT - 1);
	image_refused(elf, ELF_FILE, "entry 0xfffff lies in nothing");
	elf_make(true);
	put_header(elf, 0);
	elf_put(1, P_PADDR, 4096 * MIB);
	image_request.format = IMAGE_MULTIBOOT;
	image_refused(elf, ELF_FILE, "a segment at 0x100000000, above 4 GiB");
}

static void test_module_refusals(void **state)
{
	static uint8_t byte[1];
	static struct vm_file modules[34];

	(void)state;
	for (unsigned i = 0; i < 34; i++)
		modules[i] = (struct vm_file){ "m", byte, 1 };
	image_request.modules = modules;
	image_request.module_count = 34;
	image_refused(elf, ELF_FILE, "34 modules are too many; 33 can be given");
	image_request.module_count = 33;
	image_loads(elf, ELF_FILE);
	image_request.memory_bytes = ELF_DATA + 0x10000 + 32 * 4096;
	image_refused(elf, ELF_FILE, "no room for a module");
}

static void test_any_damage(void **state)
{
	(void)state;
	image_request.format = IMAGE_MULTIBOOT;
	image_survives_damage(elf, ELF_FILE, 0, 0x130);
	image_survives_damage(flat, FLAT, HEADER, HEADER + 32);
	for (unsigned at = 12; at < 32; at += 4) /* whole words, with the checksum right */
		for (unsigned bit = 0; bit < 32; bit++) {
			make_flat();
			put_le32(flat + HEADER + at, le32(flat + HEADER + at) ^ 1u << bit);
			if (image_load(flat, FLAT) != OK)
				assert_true(strlen(board.why) > 10);
		}
}

#define image_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(test_elf),
		image_test(test_addresses),
		image_test(test_information),
		image_test(test_modules),
		image_test(test_low_kernel_and_our_tables),
		image_test(test_header_place),
		image_test(test_header_refusals),
		image_test(test_address_refusals),
		image_test(test_elf_refusals),
		image_test(test_module_refusals),
		image_test(test_any_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
