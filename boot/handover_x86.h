/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state in which the hypervisor is entered on x86, the same from UEFI (boot/efi_x86.c) and from
 * the PVH entry (boot/pvh.c):
 *
 *  - long mode with 4-level tables, IF = 0, DF = 0, the boot processor alone. CR0.WP, CR0.PG and
 *    EFER.NXE are set; whether the processor has SVM is not looked at.
 *  - rip = the ELF's e_entry; rdi = struct bootinfo in the linear map; rsp = the top of a stack of
 *    HANDOVER_STACK_BYTES in the linear map, as just before a call instruction (aligned to 16).
 *  - the page tables hold three things and nothing else: the image at its link addresses, each
 *    segment with its own permissions in 4 KiB pages, so never writable and executable; the linear
 *    map, [0, HANDOVER_LINEAR_MIN or the top of RAM, whichever is higher) at
 *    HANDOVER_LINEAR_BASE, writable, not executable, write-back by PAT entry 0 (MTRRs decide for
 *    devices); and one or two pages at their physical address, executable, where the jump comes
 *    from: the hypervisor may forget those at once.
 *  - the image lies below HANDOVER_IMAGE_END, so that another processor, which starts in 16 bits,
 * can load a CR3 that points into it.
 *  - GDTR, IDTR and the hidden segment registers are the loader's: cs is a flat 64-bit code
 *    segment, ss is flat data or null, but the tables themselves are no longer mapped. Load your
 *    own before anything that reads them: a far transfer, an interrupt, a load of a selector.
 *  - tables, stack, bootinfo, image and modules are BOOT_MEM_LOADER in the memory map; the
 *    loader's own code and data, and UEFI's boot services, are not kept.
 */
#ifndef BOOT_HANDOVER_X86_H
#define BOOT_HANDOVER_X86_H

#include <stdbool.h>
#include <stdint.h>

#define HANDOVER_LINEAR_BASE UINT64_C(0xffff800000000000)
#define HANDOVER_LINEAR_MIN (UINT64_C(4) << 30)
#define HANDOVER_LINEAR_MAX (UINT64_C(64) << 40) /* half of the higher half */
#define HANDOVER_IMAGE_END (UINT64_C(4) << 30)
#define HANDOVER_LINK_FLOOR UINT64_C(0xffffffff80000000)
#define HANDOVER_STACK_BYTES UINT64_C(16384)

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
	uint64_t top; /* the first byte after the last RAM */
	bool gigabyte_pages;

	/*
	 * handover_pages() pages for tables and stack: page-aligned, readable at their physical
	 * address by the caller, in RAM below `top`.
	 */
	uint64_t pool;

	/* Where to go, set by the caller: both physical but for the entry. */
	uint64_t entry;
	uint64_t bootinfo;

	/* Set by handover_build(). */
	uint64_t root;
	uint64_t stack; /* initial rsp, in the linear map */
	uint64_t used;	/* pages of the pool, while it is being built */
};

/* CPUID 8000_0001h EDX: 1 GiB pages. Long mode and NX are there, or we should not be in C. */
bool handover_has_gigabyte_pages(void);

/* How many pages handover_build() takes for this image and this much RAM. Needs no pool. */
uint64_t handover_pages(const struct handover *h);

/* Writes the tables into the pool. It cannot fail: handover_pages() has said how much it takes. */
void handover_build(struct handover *h);

/* Loads the tables and jumps. Interrupts must be off, and the caller mapped at its address. */
_Noreturn void handover_jump(const struct handover *h);

#endif
