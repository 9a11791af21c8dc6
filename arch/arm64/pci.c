/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration by its memory-mapped form (PCI Express Base 7.2.2): a MiB of addresses a bus,
 * 4 KiB a function. The windows are those that the firmware names for its host bridge.
 */
#include "arch/arm64/start.h"

#include <stddef.h>

#define BUS_SHIFT 20u
#define FUNCTION_SHIFT 12u
#define FUNCTION_BYTES 4096u

static struct acpi_ecam ecam;
static volatile uint8_t *mapped; /* of ecam.first_bus; NULL: there is no PCI */
static struct platform_range windows[PLATFORM_MAX_WINDOWS];
static unsigned window_count;

void pci_init(const struct platform *p)
{
	for (unsigned i = 0; i < p->window_count; i++)
		windows[i] = p->window[i];
	window_count = p->window_count;
	if (p->ecam_count == 0)
		return;
	ecam = p->ecam[0];
	mapped = arch_map_device(hpa(ecam.base + ((uint64_t)ecam.first_bus << BUS_SHIFT)),
				 (uint64_t)(ecam.last_bus - ecam.first_bus + 1) << BUS_SHIFT,
				 MEM_DEVICE);
	if (mapped == NULL)
		hv_log("arm64: the PCI configuration space cannot be mapped\n");
}

static volatile uint8_t *place(uint32_t bdf, uint32_t offset, uint32_t bytes)
{
	uint32_t bus = bdf >> 8;

	if (mapped == NULL || bus < ecam.first_bus || bus > ecam.last_bus ||
	    offset >= FUNCTION_BYTES || (bytes != 1 && bytes != 2 && bytes != 4) ||
	    (offset & (bytes - 1)) != 0)
		return NULL;
	return mapped +
	       (((uint64_t)bdf << FUNCTION_SHIFT) - ((uint64_t)ecam.first_bus << BUS_SHIFT)) +
	       offset;
}

uint32_t arch_pci_read(uint32_t bus_device_function, uint32_t offset, uint32_t bytes)
{
	volatile void *at = place(bus_device_function, offset, bytes);

	if (at == NULL)
		return UINT32_MAX >> (32 - 8 * (bytes & 3 ? bytes & 3 : 4));
	return bytes == 1   ? *(volatile uint8_t *)at
	       : bytes == 2 ? *(volatile uint16_t *)at
			    : *(volatile uint32_t *)at;
}

void arch_pci_write(uint32_t bus_device_function, uint32_t offset, uint32_t bytes, uint32_t value)
{
	volatile void *at = place(bus_device_function, offset, bytes);

	if (at == NULL)
		return;
	if (bytes == 1)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (bytes == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

bool arch_pci_window(unsigned index, struct pci_window *out)
{
	if (index >= window_count)
		return false;
	*out = (struct pci_window){ .base = hpa(windows[index].base),
				    .bus = windows[index].base,
				    .bytes = windows[index].bytes };
	return true;
}
