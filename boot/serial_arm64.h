/* SPDX-License-Identifier: BSD-2-Clause */
/* The loaders' last word on arm64: the PL011 of QEMU's virt machine, by hand. */
#ifndef BOOT_SERIAL_ARM64_H
#define BOOT_SERIAL_ARM64_H

/* Waits a bounded time for each character. The device must be reachable at its physical address. */
void serial_write(const char *text);

#endif
