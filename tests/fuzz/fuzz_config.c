/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: any bytes as a flattened tree are refused in words or read into limits. */
#include "boot/bootinfo.h"
#include "hv/config.h"
#include "tests/fuzz/fuzz.h"

/* The board is linked for machine_ram alone. */
uint64_t arch_time_ns(void)
{
	return 0;
}

static struct config parsed;
static struct bootinfo boot;

static void check_vm(const struct config_vm *vm)
{
	fuzz_check(vm->vcpus >= 1 && vm->vcpus <= 16);
	fuzz_check(vm->slot_count <= CONFIG_MAX_SLOTS);
	fuzz_check(vm->module_count <= CONFIG_MAX_MODULES);
	fuzz_check(memchr(vm->name, 0, sizeof(vm->name)) != NULL && vm->name[0] != '\0');
	fuzz_check((vm->memory_bytes & PAGE_MASK) == 0 && vm->memory_bytes != 0);
	for (unsigned i = 0; i < vm->slot_count; i++) {
		const struct config_slot *s = &vm->slots[i];
		fuzz_check((s->gpa.v & PAGE_MASK) == 0 && (s->bytes & PAGE_MASK) == 0);
		fuzz_check(s->gpa.v + s->bytes >= s->gpa.v);
		fuzz_check(s->device == NULL || (s->device >= parsed.devices &&
						 s->device < parsed.devices + parsed.device_count));
	}
	/* Strings end inside the tree: ASan looks. */
	if (vm->kernel != NULL)
		(void)strlen(vm->kernel);
	if (vm->initrd != NULL)
		(void)strlen(vm->initrd);
	if (vm->cmdline != NULL)
		(void)strlen(vm->cmdline);
	for (unsigned i = 0; i < vm->module_count; i++)
		(void)strlen(vm->modules[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[128];
	/* A block of its own exact size, aligned as a module is. */
	void *tree = aligned_alloc(8, size + 8 - size % 8);
	fuzz_check(tree != NULL);
	memcpy(tree, data, size);
	memset(why, 0x55, sizeof(why));
	enum result r = config_parse(tree, size, &parsed, why, sizeof(why));
	if (r != OK) {
		fuzz_check(r == BAD_ARGUMENT);
		fuzz_check(memchr(why, 0, sizeof(why)) != NULL && strlen(why) > 4);
	} else {
		fuzz_check(parsed.vm_count <= CONFIG_MAX_VMS);
		fuzz_check(parsed.device_count <= CONFIG_MAX_DEVICES);
		for (unsigned i = 0; i < parsed.vm_count; i++)
			check_vm(&parsed.vms[i]);
		(void)config_check_modules(&parsed, &boot, why, sizeof(why));
	}
	free(tree);
	return 0;
}
