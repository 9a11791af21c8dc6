/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's PCI functions: found once at start-up, with the places and sizes of their BARs; and
 * the moving of a BAR to another free place in the host's address windows. Source: PCI Local Bus
 * Specification 3.0, chapter 6.
 */
#ifndef HV_PCI_H
#define HV_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/result.h"

#define PCI_BARS 6u
#define PCI_MAX_FUNCTIONS 64u

struct pci_bar {
	uint64_t bytes; /* 0: there is none (or it is the upper half of the one before) */
	hpa_t base;	/* 0: it has no place that a window shows */
	uint64_t bus;	/* the same place as the function has it: what stands in the BAR, or 0 */
	bool io;	/* a range of ports; of no use here */
	bool wide;	/* may lie above 4 GiB */
	bool prefetch;	/* reading has no effect: ordinary memory may be behind it */
};

struct pci_function {
	uint32_t bdf; /* segment << 16 | bus << 8 | device << 3 | function */
	uint16_t vendor, device;
	uint32_t class; /* class << 16 | subclass << 8 | interface */
	struct pci_bar bars[PCI_BARS];
};

/* Finds all functions of all segments, behind bridges that the firmware has set up too. Start-up,
 * one CPU. */
void pci_scan(void);

/* Function number `index` in the order of the scan, NULL behind the last. */
struct pci_function *pci_function(unsigned index);
/* The `nth` (from 0) with these numbers, or NULL. */
struct pci_function *pci_find(uint16_t vendor, uint16_t device, unsigned nth);

/*
 * A free place for a memory BAR that overlaps no place in use, its own present one included; behind
 * a bridge in that bridge's window, the prefetchable one only for a prefetchable BAR. NOT_FOUND:
 * the windows have none; UNSUPPORTED: no memory BAR. It remains free only until another BAR is
 * placed: callers take turns.
 */
enum result pci_bar_find_place(const struct pci_function *f, unsigned bar, hpa_t *place);

/*
 * Gives a place to each memory BAR of `f` that has none, as firmware leaves them all where there is
 * none: memory decode, once on, is on for all of them. As pci_bar_find_place; *bar is the one that
 * could not be placed. A BAR that the firmware placed where no window shows it is moved if there is
 * room, else it stays, unless it is the `wanted` one. Decode is on afterwards if anything was
 * placed.
 */
enum result pci_assign(struct pci_function *f, unsigned wanted, unsigned *bar);

/* Puts the BAR there, which pci_bar_find_place gave: memory decode off, both halves written, decode
 * on. No CPU may be using it. */
void pci_bar_place(struct pci_function *f, unsigned bar, hpa_t place);

/* Memory decode of the whole function. */
void pci_decode(const struct pci_function *f, bool on);

/* One line for each function and BAR, to the console. */
void pci_print(void);

#endif
