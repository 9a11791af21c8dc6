/* SPDX-License-Identifier: BSD-2-Clause */
/* PVH images of both widths: where they land, what the start info says, and what is refused. */
#include "tests/unit/guest_image.h"
#include "tests/unit/guest_elf.h"

#define ENTRY (ELF_TEXT + 0x20)

static unsigned notes;

static void add_entry_note(uint64_t entry, unsigned bytes)
{
	uint8_t desc[8];

	put_le64(desc, entry);
	notes = elf_add_note(notes, "Xen", 18, desc, bytes);
}

static void make(bool wide)
{
	elf_make(wide);
	notes = elf_add_note(0, "GNU", 3, "0123456789", 10);
	notes = elf_add_note(notes, "Xen", 5, "2.6", 4);
	add_entry_note(ENTRY, wide ? 8 : 4);
}

static int start(void **state)
{
	image_defaults();
	make(true);
	return board_start(state);
}

static void assert_loaded(void)
{
	uint64_t info = board.start.arg[1];

	assert_int_equal(board.start.mode, VCPU_FLAT32);
	assert_int_equal(board.start.entry.v, ENTRY);
	assert_memory_equal(board.memory + ELF_TEXT, elf + 0x400, 0x100);
	assert_int_equal(board.memory[ELF_TEXT + 0x100], 0);
	assert_memory_equal(board.memory + ELF_DATA, elf + 0x600, 0x80);
	assert_int_equal(guest32(info), 0x336ec578);
	assert_int_equal(guest32(info + 4), 1);
	assert_int_equal(guest64(info + 32), 0);
}

static void test_both_widths(void **state)
{
	(void)state;
	image_loads(elf, ELF_FILE);
	assert_loaded();
	make(false);
	image_loads(elf, ELF_FILE);
	assert_loaded();
	image_request.format = IMAGE_PVH;
	image_loads(elf, ELF_FILE);
	assert_loaded();
}

static void test_start_info(void **state)
{
	static uint8_t disk[5000], more[3];
	struct vm_file module = { "more", more, sizeof(more) };
	uint64_t info, list, map;

	(void)state;
	memset(disk, 0x11, sizeof(disk));
	memset(more, 0x22, sizeof(more));
	image_request.cmdline = "console=ttyS0";
	image_request.initrd = (struct vm_file){ "disk", disk, sizeof(disk) };
	image_request.modules = &module;
	image_request.module_count = 1;
	image_loads(elf, ELF_FILE);
	assert_loaded();
	info = board.start.arg[1];
	assert_string_equal((char *)board.memory + guest64(info + 24), "console=ttyS0");
	assert_int_equal(guest32(info + 12), 2);
	list = guest64(info + 16);
	assert_int_equal(guest64(list), BOARD_MEMORY - 8192);
	assert_int_equal(guest64(list + 8), sizeof(disk));
	assert_memory_equal(board.memory + guest64(list), disk, sizeof(disk));
	assert_int_equal(guest64(list + 32), BOARD_MEMORY - 12288);
	assert_memory_equal(board.memory + guest64(list + 32), more, sizeof(more));
	map = guest64(info + 40);
	assert_int_equal(guest32(info + 48), 4);
	assert_int_equal(guest64(map + 8), 0x9fc00);
	assert_int_equal(guest32(map + 16), 1);
	assert_int_equal(guest32(map + 24 + 16), 2);
	assert_int_equal(guest64(map + 3 * 24), MIB);
	assert_int_equal(guest64(map + 3 * 24 + 8), BOARD_MEMORY - MIB);
}

static void test_no_modules(void **state)
{
	(void)state;
	image_loads(elf, ELF_FILE);
	assert_int_equal(guest32(board.start.arg[1] + 12), 0);
	assert_int_equal(guest64(board.start.arg[1] + 16), 0);
	assert_int_equal(board.memory[guest64(board.start.arg[1] + 24)], 0);
}

static void test_note_refusals(void **state)
{
	(void)state;
	elf_make(true);
	image_refused(elf, ELF_FILE, "neither a PVH entry");
	image_request.format = IMAGE_PVH;
	image_refused(elf, ELF_FILE, "no Xen note of type 18");
	notes = 0;
	add_entry_note(ENTRY, 2);
	image_refused(elf, ELF_FILE, "its PVH entry has 2 bytes");
	elf_make(true);
	notes = 0;
	add_entry_note(ELF_TEXT - 1, 8);
	image_refused(elf, ELF_FILE, "the PVH entry 0xfffff lies in no segment");
	elf_make(true);
	notes = 0;
	add_entry_note(ELF_DATA + 0x80, 8); /* in the zeros */
	image_refused(elf, ELF_FILE, "the PVH entry 0x200080");
	elf_make(true);
	notes = elf_add_note(0, "Xfn", 18, "12345678", 8); /* another owner's */
	image_refused(elf, ELF_FILE, "no Xen note");
	elf_make(true);
	notes = 0;
	add_entry_note(ENTRY, 8);
	put_le32(elf + ELF_NOTES + 4, 0xffffffff); /* longer than its segment */
	image_refused(elf, ELF_FILE, "no Xen note");
	image_refused(elf + 1, ELF_FILE - 1, "is no ELF file");
}

static void test_header_refusals(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		const char *piece;
	} damage[] = {
		{ 4, 0, "its class or byte order" },
		{ 4, 3, "its class or byte order" },
		{ 5, 2, "its class or byte order" },
		{ 6, 0, "its class or byte order" },
		{ 16, 1, "it is not an executable" },
		{ 16, 4, "it is not an executable" },
		{ 18, 183, "it is for another processor; its machine, expected: 0xb7" },
	};

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
			make(wide);
			elf[damage[i].at] = damage[i].value;
			image_refused(elf, ELF_FILE, damage[i].piece);
		}
		make(wide);
		image_refused(elf, 51, "no ELF header");
		elf_phentsize(wide ? 55 : 31);
		image_refused(elf, ELF_FILE, "its program headers are too short");
		make(wide);
		elf_phoff(ELF_FILE - 40);
		image_refused(elf, ELF_FILE, "its program headers reach past the end");
		elf_phoff(wide ? UINT64_MAX : UINT32_MAX);
		image_refused(elf, ELF_FILE, "its program headers reach past the end");
		make(wide);
		elf_phnum(65535);
		image_refused(elf, ELF_FILE, "its program headers reach past the end");
		elf_phnum(0);
		image_refused(elf, ELF_FILE, "none of its program headers");
	}
	make(true);
	image_refused(elf, 60, "the header is cut off");
}

static void test_segment_refusals(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		uint64_t most = wide ? UINT64_MAX : UINT32_MAX;

		make(wide);
		elf_put(0, P_OFFSET, ELF_FILE - 0xff);
		image_refused(elf, ELF_FILE, "a segment's offset and size reach past the end");
		elf_put(0, P_OFFSET, most);
		image_refused(elf, ELF_FILE, "a segment's offset and size reach past the end");
		make(wide);
		elf_put(1, P_FILESZ, most);
		image_refused(elf, ELF_FILE, "a segment's offset and size reach past the end");
		make(wide);
		elf_put(2, P_OFFSET, most); /* the notes' */
		image_refused(elf, ELF_FILE, "a segment's offset and size reach past the end");
		make(wide);
		elf_put(1, P_MEMSZ, 0x7f);
		image_refused(elf, ELF_FILE, "its size in memory: 0x80, 0x7f");
		make(wide);
		elf_put(1, P_MEMSZ, most);
		image_refused(elf, ELF_FILE, wide ? "wrap around" : "which is not RAM");
		make(wide);
		elf_put(1, P_PADDR, ELF_TEXT + 0xff);
		image_refused(elf, ELF_FILE,
			      "a segment of the kernel at [0x1000ff, 0x1100ff) overlaps");
		elf_put(1, P_PADDR, 0x9fc00 - 0xffff);
		image_refused(elf, ELF_FILE, "which is not RAM: the guest has [0, 0x9fc00)");
		elf_put(1, P_PADDR, BOARD_MEMORY - 0xffff);
		image_refused(elf, ELF_FILE, "[1 MiB, 0x4000000) and 0 MiB above 4 GiB");
		elf_put(1, P_PADDR, BOARD_MEMORY - 0x10000);
		image_loads(elf, ELF_FILE);
	}
}

static void test_space_refusals(void **state)
{
	static uint8_t disk[1];
	static struct vm_file modules[17];
	static char line[0x90000];

	(void)state;
	image_request.initrd = (struct vm_file){ "disk", disk, sizeof(disk) };
	for (unsigned i = 0; i < 17; i++)
		modules[i] = image_request.initrd;
	image_request.modules = modules;
	image_request.module_count = 17;
	image_refused(elf, ELF_FILE, "17 modules are too many; 16 can be given");
	image_request.module_count = 16;
	image_loads(elf, ELF_FILE);
	memset(line, 'x', sizeof(line) - 1);
	image_request.cmdline = line;
	image_refused(elf, ELF_FILE, "no room for the start information");
	image_request.cmdline = NULL;
	image_request.memory_bytes = 2 * MIB + 0x10000; /* filled by the kernel's two segments */
	elf_put(1, P_PADDR, 0x110000);
	elf_put(1, P_MEMSZ, image_request.memory_bytes - 0x110000);
	image_request.module_count = 0;
	elf_put(0, P_MEMSZ, 0x10000);
	image_refused(elf, ELF_FILE, "no room for a module: 1 bytes");
}

static void test_too_many_parts(void **state)
{
	(void)state;
	elf_phoff(0x1000 - 100 * 32);
	elf_make(false);
	memset(elf + 0x80, 0, ELF_FILE - 0x80);
	for (unsigned i = 0; i < 100; i++)
		elf_segment_at(i, 1, 5, 0, ELF_TEXT + i * 0x1000, 0x10, 0x10);
	elf_segment_at(100, 4, 4, ELF_FILE - 0x40, 0, 0x18, 0);
	elf_phnum(101);
	put_le32(elf + ELF_FILE - 0x40, 4);
	put_le32(elf + ELF_FILE - 0x3c, 4);
	put_le32(elf + ELF_FILE - 0x38, 18);
	memcpy(elf + ELF_FILE - 0x34, "Xen", 4);
	put_le32(elf + ELF_FILE - 0x30, ELF_TEXT);
	image_refused(elf, ELF_FILE,
		      "the image has too many parts: a segment of the kernel is number 97");
}

static void test_host_without_memory(void **state)
{
	(void)state;
	board.fail_at = ELF_DATA;
	assert_int_equal(image_load(elf, ELF_FILE), OUT_OF_MEMORY);
	assert_non_null(strstr(board.why, "guest memory [0x200000, 0x200080) cannot be written"));
}

static void test_any_damage(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		make(wide);
		image_survives_damage(elf, ELF_FILE, 0, 0x130);
		image_survives_damage(elf, ELF_FILE, ELF_NOTES, ELF_NOTES + notes);
	}
}

#define image_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(test_both_widths),	      image_test(test_start_info),
		image_test(test_no_modules),	      image_test(test_note_refusals),
		image_test(test_header_refusals),     image_test(test_segment_refusals),
		image_test(test_space_refusals),      image_test(test_too_many_parts),
		image_test(test_host_without_memory), image_test(test_any_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
