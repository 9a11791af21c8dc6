/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state in which the hypervisor is entered on arm64, the same from UEFI (boot/efi_arm64.c) and
 * from the direct entry (boot/direct_arm64.c):
 *
 *  - EL2, non-secure, E2H = 1 where the processor has VHE, else 0, TGE = 0, all of DAIF masked, the
 *    boot processor alone, MMU and caches on: 4 KiB granule, 48-bit addresses, MAIR_EL2 =
 *    HANDOVER_MAIR.
 *  - pc = the ELF's e_entry; x0 = struct bootinfo in the linear map; sp = the top of a stack of
 *    HANDOVER_STACK_BYTES in the linear map, aligned to 16.
 *  - the page tables hold four things and nothing else: the image at its link addresses, each
 *    segment with its own permissions in 4 KiB pages, so never writable and executable; the linear
 *    map, the RAM of the memory map rounded outwards to 2 MiB, at HANDOVER_LINEAR_BASE, writable,
 *    not executable, write-back; the PL011 where QEMU's virt machine has it, at HANDOVER_CONSOLE;
 *    and one or two pages at their physical address, executable, where the jump comes from.
 *  - tables, stack, bootinfo, image and modules are BOOT_MEM_LOADER in the memory map; the loader's
 *    own code and data, and UEFI's boot services, are not kept.
 */
#ifndef BOOT_HANDOVER_ARM64_H
#define BOOT_HANDOVER_ARM64_H

#define HANDOVER_LINEAR_BASE 0x0000400000000000
#define HANDOVER_LINEAR_MAX 0x0000200000000000 /* 32 TiB */
#define HANDOVER_CONSOLE 0x0000800000000000
#define HANDOVER_LINK_FLOOR 0x0000c00000000000
#define HANDOVER_LINK_BASE 0x0000c00000200000 /* of the image; arch/arm64/link.ld says the same */
#define HANDOVER_STACK_BYTES 16384

/* By enum memtype: write-back, Normal non-cacheable, Device-nGRE, Device-nGnRE. */
#define HANDOVER_MAIR 0x040844ff

#define BOOT_PL011 0x09000000

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#include "boot/bootinfo.h"

#define HANDOVER_MAX_SEGMENTS 16u

struct handover_segment {
	uint64_t link;	/* page-aligned */
	uint64_t bytes; /* in memory */
	bool write, execute;
};

struct handover {
	/* What to map, set by the caller. */
	uint64_t link_base;  /* the image's first link address, 2 MiB-aligned */
	uint64_t link_end;   /* page-aligned, at most 1 GiB further */
	uint64_t image_base; /* where link_base lies, 2 MiB-aligned */
	uint32_t segment_count;
	struct handover_segment segments[HANDOVER_MAX_SEGMENTS];
	const struct boot_range *ranges;
	uint32_t range_count;

	/*
	 * handover_pages() pages for tables and stack: page-aligned, readable at their physical
	 * address by the caller, in RAM.
	 */
	uint64_t pool;

	/* Where to go, set by the caller: both physical but for the entry. */
	uint64_t entry;
	uint64_t bootinfo;

	/* Set by handover_build(). */
	uint64_t root;
	uint64_t stack; /* initial sp, in the linear map */
	uint64_t used;	/* pages of the pool, while it is being built */
};

/* NULL, or in words why the hypervisor cannot be entered on this processor in this state. */
const char *handover_unfit(void);

/* Asks QEMU's PSCI to power off: by hvc at EL1, by smc at EL2. Returns if nobody does. */
void handover_power_off(void);

/* How many pages handover_build() takes for this image and this memory map. Needs no pool. */
uint64_t handover_pages(const struct handover *h);

/* Writes the tables into the pool. It cannot fail: handover_pages() has said how much it takes. */
void handover_build(struct handover *h);

/* Loads the tables and jumps. The caller must be mapped at its physical address, or run without an
 * MMU. */
_Noreturn void handover_jump(const struct handover *h);

#endif
#endif
