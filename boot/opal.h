/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry from skiboot (OPAL): QEMU's -kernel is the hypervisor's ELF file, -initrd the archive
 * of modules (cpio, "newc"), which lies where the device tree says (/chosen, linux,initrd-start).
 */
#ifndef BOOT_OPAL_H
#define BOOT_OPAL_H

#include "boot/bootinfo.h"

/* The processor's vectors: not for anybody else. */
#define OPAL_VECTORS_BYTES UINT64_C(0x4000)

/* From arch/ppc64/entry.S; `tree` as the firmware gives it. What it cannot do it notes in `error`.
 */
struct bootinfo *opal_main(const void *tree);

#endif
