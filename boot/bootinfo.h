/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a loader hands to the hypervisor, whatever the firmware: one structure, in memory that
 * the memory map marks as BOOT_MEM_LOADER. All addresses are host physical, all sizes bytes,
 * all integers in the processor's byte order. The hypervisor checks every field before it
 * believes it (arch_init, hv_main).
 *
 * State at the hand-over is the architecture's (boot/handover_<name>.h says it): one CPU,
 * interrupts off, the hypervisor's image mapped at its link address, RAM reachable.
 */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include <stdint.h>

#define BOOTINFO_MAGIC 0x544e5552u /* "TNUR" */
#define BOOTINFO_VERSION 1u
#define BOOT_MAX_RANGES 192u
#define BOOT_MAX_MODULES 32u
#define BOOT_NAME_BYTES 64u
#define BOOT_ERROR_BYTES 160u

/*
 * A loader that cannot go on says why in one sentence, on the firmware's console and on the first
 * serial port, and stops. On x86 it first writes this value to QEMU's isa-debug-exit device at
 * BOOT_EXIT_PORT, if there is one, so that whoever started QEMU sees the process end with status
 * (BOOT_EXIT_FAILED << 1) | 1 = 69; under UEFI it then powers the machine off.
 */
#define BOOT_EXIT_PORT 0xf4u
#define BOOT_EXIT_FAILED 0x22u

enum boot_firmware {
	BOOT_UEFI = 1, /* entered from boot/efi.c after ExitBootServices */
	BOOT_PVH = 2,  /* entered directly by QEMU's -kernel (x86) */
	BOOT_DIRECT = 3,
	BOOT_OPAL = 4,
};

enum boot_mem_kind {
	BOOT_MEM_USABLE = 1,   /* RAM that nobody uses */
	BOOT_MEM_LOADER = 2,   /* RAM holding this structure, the image, the modules */
	BOOT_MEM_FIRMWARE = 3, /* RAM the firmware keeps at run time */
	BOOT_MEM_ACPI = 4,     /* RAM holding ACPI tables */
	BOOT_MEM_RESERVED = 5, /* not RAM, or not to be touched */
};

/*
 * [base, base + size): page-aligned, sorted by base, not overlapping, never empty; neighbours of
 * one kind are one range. What no range covers is not RAM. Page 0 is never usable, so that the
 * address 0 can mean "none" everywhere.
 */
struct boot_range {
	uint64_t base;
	uint64_t size;
	uint32_t kind; /* enum boot_mem_kind */
	uint32_t reserved;
};

/*
 * A file that came with the hypervisor. The configuration is the module named "config.dtb"; every
 * other name is what the configuration's kernel, initrd and modules properties refer to.
 */
struct boot_module {
	char name[BOOT_NAME_BYTES]; /* NUL-terminated */
	uint64_t base;		    /* page-aligned; the rest of the last page is zero */
	uint64_t size;		    /* bytes of the file; may be 0 */
};

struct boot_framebuffer {
	uint64_t base; /* 0: there is none */
	uint64_t size;
	uint32_t width, height; /* pixels */
	uint32_t stride;	/* bytes a line */
	uint32_t bpp;		/* bits a pixel */
};

struct bootinfo {
	uint32_t magic;
	uint32_t version;
	uint32_t firmware; /* enum boot_firmware */
	uint32_t boot_flags;
	uint64_t rsdp;	     /* ACPI root pointer; 0: none */
	uint64_t fdt;	     /* the firmware's device tree; 0: none */
	uint64_t image_base; /* where the image's first link address lies */
	uint64_t image_size;
	struct boot_framebuffer framebuffer;
	uint32_t range_count;
	uint32_t module_count;
	struct boot_range ranges[BOOT_MAX_RANGES];
	struct boot_module modules[BOOT_MAX_MODULES];
	char error[BOOT_ERROR_BYTES]; /* what the loader could not do (a file it could not read); ""
					 if nothing */
};

_Static_assert(sizeof(struct boot_range) == 24, "the loaders and the hypervisor agree on it");
_Static_assert(sizeof(struct boot_module) == 80, "the loaders and the hypervisor agree on it");

#endif
