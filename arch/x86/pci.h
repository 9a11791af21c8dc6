/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI's configuration space, and the addresses that reach PCI memory; see pci.c. */
#ifndef ARCH_X86_PCI_H
#define ARCH_X86_PCI_H

#include "arch/x86/acpi.h"
#include "boot/bootinfo.h"

/* Finds the windows: the holes of the memory map. physical_bits: of the processor's addresses. */
void pci_init(const struct bootinfo *boot, const struct acpi *acpi, unsigned physical_bits);

#endif
