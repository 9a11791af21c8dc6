/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image loaders of one board (linked once with each): any bytes as a kernel, an initrd and
 * modules. What is refused is refused in words before anything is written, and what is written
 * lies in the guest's RAM.
 */
#include "tests/fuzz/board.h"

#define MIB (UINT64_C(1) << 20)

static const uint64_t memory_sizes[] = { PAGE_SIZE, MIB,       4 * MIB,	   16 * MIB,
					 64 * MIB,  512 * MIB, 3072 * MIB, 5000 * MIB };

/* A part of the input in a block of its own size; the caller frees it. */
static struct vm_file file_of(struct fuzz *f, const char *name, uint64_t bytes)
{
	struct vm_file file = { name, NULL, 0 };

	if (bytes > f->left)
		bytes = f->left;
	void *data = malloc(bytes != 0 ? bytes : 1);
	fuzz_check(data != NULL);
	if (bytes != 0)
		memcpy(data, f->at, bytes);
	f->at += bytes;
	f->left -= bytes;
	file.data = data;
	file.bytes = bytes;
	return file;
}

static void load(const struct vm_image *image)
{
	struct vcpu_start start = { 0 };
	char why[256];

	memset(why, 0x55, sizeof(why));
	board.ranges = machine_ram(image->memory_bytes, board.ram);
	fuzz_check(board.ranges <= MACHINE_RAM_RANGES);
	enum result r = machine_load(board.machine, image, &start, why, sizeof(why));
	if (r != OK)
		fuzz_check(memchr(why, 0, sizeof(why)) != NULL && strlen(why) > 10);
	if (r == BAD_ARGUMENT)
		fuzz_check(board.written == 0);
	else
		fuzz_check(r == OK || board.refuse != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	struct vm_file modules[2];
	char cmdline[300];
	struct vm_image image = { .modules = modules, .cmdline = cmdline };
	unsigned how = (unsigned)fuzz_take(&f, 1), sizes = (unsigned)fuzz_take(&f, 1);

	image.format = (enum image_format)fuzz_below(&f, IMAGE_FLAT + 1u);
	image.memory_bytes = memory_sizes[sizes & 7];
	image.vcpus = 1 + (sizes >> 3 & 1);
	uint64_t line = sizes >> 4 == 15 ? sizeof(cmdline) - 1 : (sizes >> 4) * 8u;
	memset(cmdline, 'c', line);
	cmdline[line] = '\0';
	board_begin(image.vcpus);
	board.refuse = how >> 4;
	board.loading = true;
	if (how & 1)
		image.initrd = file_of(&f, "initrd", fuzz_take(&f, 1));
	image.module_count = (how >> 1 & 3) < 3 ? how >> 1 & 3 : 2;
	for (unsigned i = 0; i < image.module_count; i++)
		modules[i] = file_of(&f, "module", fuzz_take(&f, 1));
	image.kernel = file_of(&f, "kernel", f.left);
	load(&image);
	free((void *)(uintptr_t)image.kernel.data);
	free((void *)(uintptr_t)image.initrd.data);
	for (unsigned i = 0; i < image.module_count; i++)
		free((void *)(uintptr_t)modules[i].data);
	board_end();
	return 0;
}
