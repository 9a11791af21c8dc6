/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI by the firmware's calls (skiboot, doc/opal-api: OPAL_PCI_CONFIG_*, OPAL_PCI_EEH_*). Each host
 * bridge is a segment; skiboot has trained the links and numbered the buses, and gives no BAR a
 * place.
 *
 * All functions are in the bridge's reserved error domain (PE), for nobody gave them another. An
 * error freezes the domain: every load reads as ones and every store is dropped until it is
 * cleared. Asking for a function that is absent is such an error.
 */
#include "arch/ppc64/opal.h"
#include "arch/ppc64/phb.h"

#define FUNCTION_BYTES 4096u

/* Of a root port: the PCI-to-PCI Bridge Architecture Specification 1.2, 3.2. */
#define REG_COMMAND 0x04u
#define REG_MEMORY 0x20u   /* base in the low half, limit in the high one: bits 20..31 */
#define REG_PREFETCH 0x24u /* likewise; the lowest bit of each: 64 bits */
#define REG_PREFETCH_BASE_HIGH 0x28u
#define REG_PREFETCH_LIMIT_HIGH 0x2cu
#define PREFETCH_64 0x00010001u
#define PREFETCH_SHUT 0x0000fff0u /* the limit lies below the base */
#define COMMAND_MEMORY 0x2u
#define COMMAND_MASTER 0x4u

static struct phb phbs[MAX_PHBS];
static unsigned phb_count;

static const struct phb *reachable(uint32_t bdf, uint32_t offset, uint32_t bytes)
{
	if (bdf >> 16 >= phb_count || offset >= FUNCTION_BYTES ||
	    (bytes != 1 && bytes != 2 && bytes != 4) || (offset & (bytes - 1)) != 0)
		return NULL;
	return &phbs[bdf >> 16];
}

uint32_t arch_pci_read(uint32_t bus_device_function, uint32_t offset, uint32_t bytes)
{
	static const uint64_t call[5] = { 0, OPAL_PCI_CONFIG_READ_BYTE,
					  OPAL_PCI_CONFIG_READ_HALF_WORD, 0,
					  OPAL_PCI_CONFIG_READ_WORD };
	const struct phb *p = reachable(bus_device_function, offset, bytes);
	uint32_t ones = UINT32_MAX >> (32 - 8 * (bytes & 3 ? bytes & 3 : 4)), value;
	uint32_t word = 0; /* big-endian, in its first bytes */

	if (p == NULL)
		return ones;
	if (opal_call(call[bytes], p->id, bus_device_function & 0xffff, offset,
		      (uint64_t)(uintptr_t)&word) != OPAL_SUCCESS)
		return ones;
	value = __builtin_bswap32(word) >> (32 - 8 * bytes);
	if (value == ones)
		(void)opal_call(OPAL_PCI_EEH_FREEZE_CLEAR, p->id, p->reserved_pe,
				OPAL_EEH_ACTION_CLEAR_FREEZE_ALL, 0);
	return value;
}

void arch_pci_write(uint32_t bus_device_function, uint32_t offset, uint32_t bytes, uint32_t value)
{
	static const uint64_t call[5] = { 0, OPAL_PCI_CONFIG_WRITE_BYTE,
					  OPAL_PCI_CONFIG_WRITE_HALF_WORD, 0,
					  OPAL_PCI_CONFIG_WRITE_WORD };
	const struct phb *p = reachable(bus_device_function, offset, bytes);

	if (p != NULL)
		(void)opal_call(call[bytes], p->id, bus_device_function & 0xffff, offset, value);
}

bool arch_pci_window(unsigned index, struct pci_window *out)
{
	for (uint32_t segment = 0; segment < phb_count; segment++) {
		const struct phb *p = &phbs[segment];

		if (index-- == 0) {
			*out = (struct pci_window){ hpa(p->host), p->bus, p->bytes, segment };
			return true;
		}
		if (p->bytes_64 != 0 && index-- == 0) {
			*out = (struct pci_window){ hpa(p->host_64), p->bus_64, p->bytes_64,
						    segment };
			return true;
		}
	}
	return false;
}

/* The whole of it is given to the one domain. */
static bool window_64_open(const struct phb *p)
{
	return opal_call6(OPAL_PCI_SET_PHB_MEM_WINDOW, p->id, OPAL_M64_WINDOW_TYPE, p->number_64,
			  p->host_64, p->bus_64, p->bytes_64) == OPAL_SUCCESS &&
	       opal_call6(OPAL_PCI_MAP_PE_MMIO_WINDOW, p->id, p->reserved_pe, OPAL_M64_WINDOW_TYPE,
			  p->number_64, 0, 0) == OPAL_SUCCESS &&
	       opal_call(OPAL_PCI_PHB_MMIO_ENABLE, p->id, OPAL_M64_WINDOW_TYPE, p->number_64,
			 OPAL_ENABLE_M64_NON_SPLIT) == OPAL_SUCCESS;
}

static void prefetch_write(uint32_t port, const struct phb *p)
{
	uint64_t last = p->bus_64 + p->bytes_64 - 1;
	uint32_t low = (uint32_t)(p->bus_64 >> 16) & 0xfff0u;
	uint32_t high = (uint32_t)(last >> 16) & 0xfff0u;

	if (p->bytes_64 == 0) {
		arch_pci_write(port, REG_PREFETCH, 4, PREFETCH_SHUT);
		return;
	}
	arch_pci_write(port, REG_PREFETCH, 4, high << 16 | low | PREFETCH_64);
	arch_pci_write(port, REG_PREFETCH_BASE_HIGH, 4, (uint32_t)(p->bus_64 >> 32));
	arch_pci_write(port, REG_PREFETCH_LIMIT_HIGH, 4, (uint32_t)(last >> 32));
}

/*
 * A PHB4's root port passes on all that its host bridge's window shows. Its own windows are
 * registers that the firmware keeps and nobody obeys; they are given the truth, so that what is
 * behind the port is placed by the rules of any bridge.
 */
static void root_port_open(uint32_t segment)
{
	const struct phb *p = &phbs[segment];
	uint32_t first = (uint32_t)(p->bus >> 16), last = (uint32_t)((p->bus + p->bytes - 1) >> 16);
	uint32_t port = segment << 16;
	uint32_t command = arch_pci_read(port, REG_COMMAND, 2);

	arch_pci_write(port, REG_MEMORY, 4, (last & 0xfff0u) << 16 | (first & 0xfff0u));
	prefetch_write(port, p);
	arch_pci_write(port, REG_COMMAND, 2, command | COMMAND_MEMORY | COMMAND_MASTER);
}

void pci_init(const void *tree)
{
	phb_count = phb_read(tree, phbs);
	for (uint32_t segment = 0; segment < phb_count; segment++) {
		struct phb *p = &phbs[segment];

		if (p->bytes_64 != 0 && !window_64_open(p)) {
			hv_log("ppc64: the firmware does not open the window of 64 bits of host "
			       "bridge %u\n",
			       segment);
			p->bytes_64 = 0;
		}
		root_port_open(segment);
	}
}
