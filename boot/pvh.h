/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The "x86/HVM direct boot ABI" (PVH): what its loader leaves in ebx, and the step from
 * boot/pvh.S to boot/pvh.c. All addresses are physical.
 */
#ifndef BOOT_PVH_H
#define BOOT_PVH_H

#include <stdint.h>

#define PVH_MAGIC 0x336ec578u

struct pvh_start {
	uint32_t magic;
	uint32_t version; /* the memory map is there from version 1 */
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules; /* struct pvh_module[module_count] */
	uint64_t command_line;
	uint64_t rsdp;
	uint64_t ranges; /* struct pvh_range[range_count] */
	uint32_t range_count;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t base, size, command_line, reserved;
};

struct pvh_range {
	uint64_t base, size;
	uint32_t type; /* as in ACPI's table of INT 15h E820h types */
	uint32_t reserved;
};

_Static_assert(sizeof(struct pvh_start) == 56, "start_info, version 1");
_Static_assert(sizeof(struct pvh_range) == 24, "memory map entry");

/*
 * From pvh.S: in long mode on its stack, interrupts off. The low 4 GiB are mapped, writable and
 * executable, at their physical address, and the low 2 GiB of them also at the image's link
 * address.
 */
_Noreturn void pvh_main(uint32_t start);

#endif
