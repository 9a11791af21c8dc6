/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's inter-VM shared memory device (ivshmem-plain): BAR 2 is the shared memory, and that is all
 * there is to it.
 */
#include <stdio.h>

#include "hv/drv/driver.h"

#define IVSHMEM_VENDOR 0x1af4u
#define IVSHMEM_DEVICE 0x1110u

enum result ivshmem_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes)
{
	struct pci_function *f = pci_find(IVSHMEM_VENDOR, IVSHMEM_DEVICE, nth);

	if (f == NULL) {
		snprintf(why, why_bytes,
			 "/devices/%s: driver: this machine has no%s ivshmem device",
			 m->config->name, nth == 0 ? "" : " further");
		return NOT_FOUND;
	}
	return bar_bind(m, f, why, why_bytes);
}
