/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions for the fake architecture, whose only window is 256 MiB at FAKE_DEVICE_BASE: BARs
 * there must be wide.
 */
#ifndef TESTS_UNIT_PCI_DEVICES_H
#define TESTS_UNIT_PCI_DEVICES_H

#include "tests/fake/fake.h"

#define MIB (UINT64_C(1) << 20)
#define DISPLAY_BDF 0x10u
#define SHARED_BDF 0x18u
#define FRAMEBUFFER_AT FAKE_DEVICE_BASE
#define FRAMEBUFFER_BYTES (16 * MIB)
#define REGISTERS_AT (FAKE_DEVICE_BASE + 64 * MIB)
#define SHARED_AT (FAKE_DEVICE_BASE + 80 * MIB)
#define SHARED_BYTES (4 * MIB)

/* BARs n and n + 1: 64 bits wide, prefetchable. */
static inline void pci_wide_bar(struct fake_pci *f, unsigned n, uint64_t at, uint64_t bytes)
{
	f->word[4 + n] = (uint32_t)at | 0xc;
	f->word[5 + n] = (uint32_t)(at >> 32);
	f->writable[4 + n] = (uint32_t) ~(bytes - 1);
	f->writable[5 + n] = (uint32_t)(~(bytes - 1) >> 32);
}

static inline struct fake_pci pci_device(uint16_t vendor, uint16_t device, uint32_t class)
{
	struct fake_pci f = { .word = { (uint32_t)device << 16 | vendor, 0x2, class << 8 } };

	f.writable[1] = 0x7;
	return f;
}

static inline void pci_add_display(uint64_t framebuffer)
{
	struct fake_pci f = pci_device(0x1234, 0x1111, 0x030000);

	pci_wide_bar(&f, 0, framebuffer, FRAMEBUFFER_BYTES);
	pci_wide_bar(&f, 2, REGISTERS_AT, PAGE_SIZE);
	*(uint16_t *)fake_device(hpa(REGISTERS_AT + 0x500)) = 0xb0c5; /* it answers as one */
	fake_pci_add(DISPLAY_BDF, &f);
}

static inline void pci_add_shared(void)
{
	struct fake_pci f = pci_device(0x1af4, 0x1110, 0x050000);

	f.word[4] = 0xc0000000; /* BAR 0: 256 bytes of registers, not prefetchable */
	f.writable[4] = 0xffffff00;
	pci_wide_bar(&f, 2, SHARED_AT, SHARED_BYTES);
	fake_pci_add(SHARED_BDF, &f);
}

/* Where a wide BAR is now. */
static inline uint64_t pci_bar_at(uint32_t bdf, unsigned n)
{
	const struct fake_pci *f = fake_pci(bdf);

	return (uint64_t)f->word[5 + n] << 32 | (f->word[4 + n] & ~0xfu);
}

static inline bool pci_decodes(uint32_t bdf)
{
	return (fake_pci(bdf)->word[1] & 0x2) != 0;
}

#endif
