/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting the other CPUs; see smp.c. */
#ifndef ARCH_X86_SMP_H
#define ARCH_X86_SMP_H

#include "arch/x86/acpi.h"
#include "boot/bootinfo.h"

/*
 * On the boot CPU, before paging_init: takes a page below 1 MiB out of the memory map for the code
 * that a CPU starts with. NULL, or why other CPUs could not be started.
 */
const char *smp_take_page(struct bootinfo *boot);

/* After paging_init: the CPUs of the MADT, this one first. NULL, or what is missing. */
const char *smp_init(const struct acpi *acpi);

#endif
