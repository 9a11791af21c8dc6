/* SPDX-License-Identifier: BSD-2-Clause */
/* The host bridges (PHB4 of POWER9, PHB5 of POWER10) by the firmware's device tree. */
#ifndef ARCH_PPC64_PHB_H
#define ARCH_PPC64_PHB_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"

#define MAX_PHBS 64u

/* A host bridge is a segment of its own: buses 0 (its root port alone) to 255. */
struct phb {
	uint64_t id;	      /* what the firmware's calls name it by */
	uint64_t reserved_pe; /* the error domain of all functions that nobody gave another */
	uint64_t host, bus;   /* the window of 32 bits: the processor's address, the functions' */
	uint64_t bytes;
	uint64_t host_64, bus_64; /* the one of 64 bits likewise */
	uint64_t bytes_64;	  /* 0: there is none, or it could not be opened */
	uint64_t number_64;	  /* what the firmware's calls name it by */
};

/*
 * Reads the tree's host bridges into phb[0..MAX_PHBS); returns how many. One that is not "okay", or
 * whose window of 32 bits is missing, empty or beyond 4 GiB, is left out; a window of 64 bits that
 * is no power of two, not aligned to its size or not above 4 GiB counts as missing. Sources:
 * skiboot, doc/device-tree/pci.rst; IEEE 1275's PCI bus binding 2.1 for "ranges".
 */
unsigned phb_read(const void *tree, struct phb phb[MAX_PHBS]);

/* pci.c, after the tree has been checked: finds the bridges, opens their root ports. */
void pci_init(const void *tree);

#endif
