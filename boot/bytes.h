/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three functions of <string.h> that the loaders use, and that the compiler itself may call.
 * The UEFI application has no C library (boot/efi_lib.c supplies them); the hypervisor has one.
 */
#ifndef BOOT_BYTES_H
#define BOOT_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define BOOT_PAGE UINT64_C(4096)

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

static inline uint64_t page_down(uint64_t a)
{
	return a & ~(BOOT_PAGE - 1);
}

/* The next page boundary, wrapping to 0 in the last page of the address space: check first. */
static inline uint64_t page_up(uint64_t a)
{
	return page_down(a + BOOT_PAGE - 1);
}

#endif
