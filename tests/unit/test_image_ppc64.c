/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF images for the pseries board: a good one lands at its guest-real addresses with RTAS' stub
 * and a device tree that libfdt can read; every field of the file is doubted. */
#include "tests/unit/guest_elf.h"
#include "tests/unit/guest_image.h"

#include <libfdt.h>

#include "hv/dev/be.h"
#include "hv/dev/rtas.h"
#include "hv/machine/pseries.h"

#define RTAS_AT (BOARD_MEMORY - MIB)
#define FDT_AT (RTAS_AT - MIB)
#define INITRD_AT UINT64_C(0x300000) /* the next MiB behind the data */

uint64_t arch_counter(void)
{
	return 0;
}

static int start(void **state)
{
	image_defaults();
	elf_make(true);
	put_le16(elf + 18, 21);
	/* As Linux has it: kernel addresses, of which the highest four bits fall away. */
	for (unsigned i = 0; i < 2; i++)
		elf_put(i, P_PADDR, UINT64_C(0xc000000000000000) + (i == 0 ? ELF_TEXT : ELF_DATA));
	elf_entry(UINT64_C(0xc000000000000000) + ELF_TEXT + 0x10);
	return board_start(state);
}

#define pseries_test(f) cmocka_unit_test_setup_teardown(f, start, board_stop)

/* ---- The device tree ------------------------------------------------------------------------- */

static const void *tree(void)
{
	const void *fdt = board.memory + board.start.arg[0];

	assert_int_equal(fdt_check_full(fdt, PSERIES_FDT_BYTES), 0);
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

static uint32_t cell(const char *path, const char *name, int i)
{
	int length;
	const fdt32_t *value = property(path, name, &length);

	if (length < 4 * (i + 1))
		fail_msg("%s in %s is too short", name, path);
	return fdt32_to_cpu(value[i]);
}

static void the_tree(void **state)
{
	uint64_t at, bytes;
	int length;

	(void)state;
	image_request.cmdline = "console=hvc0";
	image_loads(elf, sizeof(elf));
	assert_int_equal(board.start.arg[0], FDT_AT);
	assert_string_equal(property("/chosen", "bootargs", &length), "console=hvc0");
	assert_int_equal(cell("/memory@0", "reg", 3), BOARD_MEMORY);
	assert_int_equal(fdt_num_mem_rsv(tree()), 1);
	assert_int_equal(fdt_get_mem_rsv(tree(), 0, &at, &bytes), 0);
	assert_int_equal(at, RTAS_AT);
	assert_int_equal(bytes, PSERIES_RTAS_BYTES);
	/* The processor is what the host says it is; there are as many as vCPUs. */
	assert_int_equal(cell("/cpus/PowerPC,POWER9@1", "cpu-version", 0), 0x004e1202);
	assert_int_equal(cell("/cpus/PowerPC,POWER9@1", "timebase-frequency", 0), 512000000);
	assert_int_equal(cell("/cpus/PowerPC,POWER9@1", "ibm,ppc-interrupt-server#s", 0), 1);
	assert_int_equal(cell("/cpus/PowerPC,POWER9@0", "ibm,vmx", 0), 2);
	assert_true(fdt_path_offset(tree(), "/cpus/PowerPC,POWER9@2") < 0);
	/* Every service, by its token. */
	assert_int_equal(cell("/rtas", "linux,rtas-base", 0), RTAS_AT);
	assert_int_equal(cell("/rtas", "linux,rtas-entry", 0), RTAS_AT);
	for (unsigned i = 0; i < rtas_service_count; i++)
		assert_int_equal(cell("/rtas", rtas_services[i].name, 0), rtas_services[i].token);
	assert_int_equal(cell("/vdevice/vty@71000000", "interrupts", 0), XICS_FIRST);
	assert_int_equal(cell("/vdevice", "interrupt-parent", 0),
			 cell("/interrupt-controller@0", "phandle", 0));
	assert_int_equal(cell("/interrupt-controller@0", "ibm,interrupt-server-ranges", 1), 2);
}

static void other_processors(void **state)
{
	(void)state;
	board.machine->host.processor.version = 0x00800200;
	image_loads(elf, sizeof(elf));
	assert_int_equal(cell("/cpus/PowerPC,POWER10@0", "cpu-version", 0), 0x00800200);
	board.machine->host.processor.version = 0x00990000;
	image_loads(elf, sizeof(elf));
	assert_int_equal(cell("/cpus/PowerPC,POWER@0", "cpu-version", 0), 0x00990000);
}

/* As many vCPUs as there may be, and a long command line, fit. */
static void a_large_tree(void **state)
{
	static char line[4096];
	int length;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	image_request.cmdline = line;
	board.machine->vcpus = 16;
	image_loads(elf, sizeof(elf));
	assert_int_equal(strlen(property("/chosen", "bootargs", &length)), sizeof(line) - 1);
	assert_int_equal(cell("/cpus/PowerPC,POWER9@f", "reg", 0), 15);
	/* Not any length. */
	char *endless = calloc(1, PSERIES_FDT_BYTES + 1);
	assert_non_null(endless);
	memset(endless, 'x', PSERIES_FDT_BYTES);
	image_request.cmdline = endless;
	image_refused(elf, sizeof(elf), "the command line is too long");
	free(endless);
}

/* ---- The image ------------------------------------------------------------------------------- */

static void where_it_goes(void **state)
{
	static uint8_t disk[5000];

	(void)state;
	memset(disk, 0x5a, sizeof(disk));
	image_request.initrd = (struct vm_file){ "initrd", disk, sizeof(disk) };
	image_loads(elf, sizeof(elf));
	assert_memory_equal(board.memory + ELF_TEXT, elf + 0x400, 0x100);
	assert_memory_equal(board.memory + ELF_DATA, elf + 0x600, 0x80);
	assert_memory_equal(board.memory + INITRD_AT, disk, sizeof(disk));
	assert_int_equal(cell("/chosen", "linux,initrd-start", 1), INITRD_AT);
	assert_int_equal(cell("/chosen", "linux,initrd-end", 1), INITRD_AT + sizeof(disk));
	assert_int_equal(board.start.mode, VCPU_NATIVE);
	assert_int_equal(board.start.entry.v, ELF_TEXT + 0x10);
	assert_int_equal(board.start.arg[1], 0);
	assert_int_equal(board.machine->ram_bytes, BOARD_MEMORY);
}

/* Both byte orders meet "mr r4, r3 ... sc 1; blr" on their way. */
static void the_stub(void **state)
{
	static const uint32_t code[] = { 0x7c641b78, 0x3c600000, 0x6063f000, 0x44000022,
					 0x4e800020 };
	const uint8_t *p;

	(void)state;
	image_loads(elf, sizeof(elf));
	p = board.memory + RTAS_AT;
	/* Little-endian: a branch. */
	assert_int_equal(le32(p) & 0xfc000003, 0x48000000);
	const uint8_t *little = p + (le32(p) & 0x03fffffc);
	/* Big-endian: tdi with no condition, then a branch. */
	assert_int_equal(be32(p) & 0xffe00000, 0x08000000);
	assert_int_equal(be32(p + 4) & 0xfc000003, 0x48000000);
	const uint8_t *big = p + 4 + (be32(p + 4) & 0x03fffffc);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(le32(little + 4 * i), code[i]);
		assert_int_equal(be32(big + 4 * i), code[i]);
	}
}

static void refusals(void **state)
{
	(void)state;
	image_refused(elf, 3, "no ELF file");
	image_request.format = IMAGE_FLAT;
	image_refused(elf, sizeof(elf), "ELF files only");
	image_request.format = IMAGE_LINUX64;
	image_loads(elf, sizeof(elf));
	image_request.memory_bytes = 4 * MIB;
	image_refused(elf, sizeof(elf), "needs 8 MiB");
	image_request.memory_bytes = BOARD_MEMORY;
	put_le16(elf + 18, 62);
	image_refused(elf, sizeof(elf), "");
	put_le16(elf + 18, 21);
	elf_put(1, P_MEMSZ, FDT_AT - ELF_DATA + 1);
	image_refused(elf, sizeof(elf), "the guest's RAM for it ends at 0x3e00000");
	elf_put(1, P_MEMSZ, FDT_AT - ELF_DATA);
	image_loads(elf, sizeof(elf));
	/* Full to the brim, and below 256 MiB: no room for a disk. */
	image_request.initrd = (struct vm_file){ "initrd", elf, 1 };
	image_refused(elf, sizeof(elf), "no room for the initial RAM disk of 1 bytes");
	image_request.initrd.bytes = 0;
	elf_put(1, P_PADDR, BOARD_MEMORY);
	image_refused(elf, sizeof(elf), "the image needs [0x4000000");
	for (unsigned i = 0; i < 2; i++) {
		elf_put(i, P_FILESZ, 0);
		elf_put(i, P_MEMSZ, 0);
	}
	image_refused(elf, sizeof(elf), "nothing to load");
}

static void a_host_that_refuses(void **state)
{
	(void)state;
	board.fail_at = RTAS_AT + 4;
	assert_int_equal(image_load(elf, sizeof(elf)), OUT_OF_MEMORY);
	assert_non_null(strstr(board.why, "[0x3f00000, 0x3f00030) cannot be written"));
}

static void damage(void **state)
{
	(void)state;
	image_survives_damage(elf, sizeof(elf), 0, 0x80 + 3 * 56);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pseries_test(the_tree),
		pseries_test(other_processors),
		pseries_test(a_large_tree),
		pseries_test(where_it_goes),
		pseries_test(the_stub),
		pseries_test(refusals),
		pseries_test(a_host_that_refuses),
		pseries_test(damage),
	};
	return cmocka_run_group_tests_name("image-ppc64", tests, NULL, NULL);
}
