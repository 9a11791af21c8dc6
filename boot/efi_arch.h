/* SPDX-License-Identifier: BSD-2-Clause */
/* What the UEFI application asks of the processor: boot/efi_<arch>.c. */
#ifndef BOOT_EFI_ARCH_H
#define BOOT_EFI_ARCH_H

#include <stdint.h>

#include "boot/elf.h"

struct efi_entry {
	const struct elf_image *image;
	uint64_t image_base; /* where image->link_base lies */
	uint64_t top;	     /* the end of RAM */
	uint64_t pool;	     /* efi_arch_pages() pages */
	uint64_t bootinfo;   /* physical */
};

extern const uint32_t efi_arch_machine;	   /* e_machine of the hypervisor's ELF */
extern const uint64_t efi_arch_top_max;	   /* how far the linear map can reach, bytes */
extern const uint64_t efi_arch_image_end;  /* the image must lie below, bytes */
extern const uint64_t efi_arch_link_floor; /* segments linked below are not for UEFI */

/* NULL, or in words why the hypervisor cannot be entered on this processor in this state. */
const char *efi_arch_unfit(void);

/* Pages for tables and stack, for this image and this much RAM. */
uint64_t efi_arch_pages(const struct efi_entry *e);

/* After the boot services: builds the tables and enters the hypervisor. */
_Noreturn void efi_arch_enter(const struct efi_entry *e);

/* The first serial port, past the firmware; callable at any time. */
void efi_arch_write(const char *text);

/* Tells the emulator, if it listens, that the loader failed (boot/bootinfo.h). */
void efi_arch_exit_failed(void);

/* Waits for ever: for a machine that cannot be powered off. */
_Noreturn void efi_arch_halt(void);

#endif
