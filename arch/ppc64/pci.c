/* SPDX-License-Identifier: BSD-2-Clause */
/* No PCI: the host bridge (PHB4) is not driven, and so there is no function and no window. */
#include "arch/arch.h"

uint32_t arch_pci_read(uint32_t bus_device_function, uint32_t offset, uint32_t bytes)
{
	(void)bus_device_function, (void)offset;
	return bytes >= 4 ? UINT32_MAX : (UINT32_C(1) << 8 * bytes) - 1;
}

void arch_pci_write(uint32_t bus_device_function, uint32_t offset, uint32_t bytes, uint32_t value)
{
	(void)bus_device_function, (void)offset, (void)bytes, (void)value;
}

bool arch_pci_window(unsigned index, hpa_t *base, uint64_t *bytes)
{
	(void)index, (void)base, (void)bytes;
	return false;
}
