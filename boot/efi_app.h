/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the UEFI application share. UEFI's own names are as in its specification
 * (version 2.10), out of the GNU-EFI headers. Strings for the firmware are UCS-2, ours ASCII.
 */
#ifndef BOOT_EFI_APP_H
#define BOOT_EFI_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <efi.h>

#include "boot/bootinfo.h"

extern EFI_SYSTEM_TABLE *efi_system;
extern bool efi_services; /* boot services are there: before ExitBootServices */

/*
 * Says "boot: <what>: <cause>; the machine stops here." on every text console and on the first
 * serial port, once on each, and stops: tells the emulator, then powers off.
 */
_Noreturn void efi_stop(const char *what, const char *cause);

/* An error of the firmware in words. */
const char *efi_words(EFI_STATUS status);

/* `pages` pages of EfiLoaderData, anywhere, not zeroed. Stops, naming `what`, if there are none. */
uint64_t efi_pages(uint64_t pages, const char *what);

/* The same below `end` (bytes), at a multiple of `align`: a power of two, at least a page. */
uint64_t efi_aligned_pages(uint64_t pages, uint64_t align, uint64_t end, const char *what);
void efi_free_pages(uint64_t base, uint64_t pages);

struct efi_file {
	uint64_t base; /* page-aligned; the rest of the last page is zero */
	uint64_t size; /* bytes; may be 0, and has a page even then */
};

/* The root of the file system that the application was loaded from; stops if there is none. */
EFI_FILE_PROTOCOL *efi_volume(EFI_HANDLE application);

/* Reads one file into pages of its own. NULL, or the cause, and then nothing stays allocated. */
const char *efi_read_file(EFI_FILE_PROTOCOL *directory, CHAR16 *path, struct efi_file *file);

/* Adds every file of a directory as a module; what cannot be is noted. None if it is not there. */
void efi_read_modules(EFI_FILE_PROTOCOL *root, CHAR16 *path, struct bootinfo *info);

/* The tables and the screen that the firmware knows of. */
void efi_find_tables(struct bootinfo *info);
void efi_find_framebuffer(struct bootinfo *info);

/*
 * Makes room for the memory map, and answers the end of RAM in it. What is allocated after that
 * must be little: the room has some slack.
 */
uint64_t efi_prepare_memory_map(struct bootinfo *info);

/* Ends the boot services and writes the last memory map to info. Only loads and stores after it. */
void efi_exit(EFI_HANDLE application, struct bootinfo *info);

#endif
