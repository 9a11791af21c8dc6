/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct entry on QEMU's virt machine, for counted runs and fast tests: no firmware, the ELF
 * file itself as -kernel. QEMU leaves the device tree at the base of RAM, and whoever starts it
 * puts the archive of modules (cpio, "newc") at DIRECT_ARCHIVE:
 *   -device loader,file=archive.cpio,addr=0x41000000,force-raw=on
 * Without an archive there, there are no modules.
 */
#ifndef BOOT_DIRECT_ARM64_H
#define BOOT_DIRECT_ARM64_H

#include <stdint.h>

#define DIRECT_RAM UINT64_C(0x40000000)
#define DIRECT_ARCHIVE UINT64_C(0x41000000)

/* From direct_arm64.S, MMU off, on its stack. */
_Noreturn void direct_main(void);

#endif
