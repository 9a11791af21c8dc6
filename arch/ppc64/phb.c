/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which host bridges there are: nodes of the firmware's tree that are compatible with
 * "ibm,ioda3-phb". "ranges" has entries of seven cells: the kind of space and the functions'
 * address, the processor's address, the size. The window of 64 bits stands apart
 * (ibm,opal-m64-window: the functions' address, the processor's, the size), since it is shut until
 * it is given to an error domain.
 */
#include "arch/ppc64/phb.h"

#include <string.h>

#include <libfdt.h>

#define RANGE_CELLS 7
#define SPACE_MASK 0x03000000u
#define SPACE_MEMORY_32 0x02000000u
#define LIMIT_32 (UINT64_C(1) << 32)
#define BYTES_1M (UINT64_C(1) << 20)

static uint64_t number(const fdt32_t *cells, int count)
{
	uint64_t n = 0;

	while (count-- > 0)
		n = n << 32 | fdt32_to_cpu(*cells++);
	return n;
}

static bool property_number(const void *tree, int node, const char *name, uint64_t *out)
{
	int bytes;
	const fdt32_t *cells = fdt_getprop(tree, node, name, &bytes);

	if (cells == NULL || (bytes != 4 && bytes != 8))
		return false;
	*out = number(cells, bytes / 4);
	return true;
}

/* Whole mebibytes of the window, since a root port's registers know no less. */
static bool window_take(const fdt32_t *range, struct phb *p)
{
	uint64_t bus = number(range + 1, 2), host = number(range + 3, 2);
	uint64_t bytes = number(range + 5, 2), skip = -bus & (BYTES_1M - 1);

	if ((number(range, 1) & SPACE_MASK) != SPACE_MEMORY_32 || bytes > LIMIT_32 ||
	    bus > LIMIT_32 - bytes || host + bytes < host || host == 0 || bytes <= skip)
		return false;
	p->bus = bus + skip;
	p->host = host + skip;
	p->bytes = (bytes - skip) & ~(BYTES_1M - 1);
	return p->bytes != 0;
}

static bool window_read(const void *tree, int node, struct phb *p)
{
	int bytes;
	const fdt32_t *range = fdt_getprop(tree, node, "ranges", &bytes);
	int left = range == NULL ? 0 : bytes / 4;

	for (; left >= RANGE_CELLS; left -= RANGE_CELLS, range += RANGE_CELLS)
		if (window_take(range, p))
			return true;
	return false;
}

static void window_64_read(const void *tree, int node, struct phb *p)
{
	int bytes, numbers;
	const fdt32_t *window = fdt_getprop(tree, node, "ibm,opal-m64-window", &bytes);
	const fdt32_t *number_64 =
		fdt_getprop(tree, node, "ibm,opal-available-m64-ranges", &numbers);

	p->bytes_64 = 0;
	if (window == NULL || bytes != 24 || number_64 == NULL || numbers < 4)
		return;
	uint64_t bus = number(window, 2), host = number(window + 2, 2);
	uint64_t size = number(window + 4, 2);
	if (size < BYTES_1M || (size & (size - 1)) != 0 || ((bus | host) & (size - 1)) != 0 ||
	    bus < LIMIT_32 || host == 0)
		return;
	p->bus_64 = bus;
	p->host_64 = host;
	p->bytes_64 = size;
	p->number_64 = number(number_64, 1);
}

static bool bridge_read(const void *tree, int node, struct phb *p)
{
	int bytes;
	const char *status = fdt_getprop(tree, node, "status", &bytes);

	if (status != NULL && (bytes != 5 || memcmp(status, "okay", 5) != 0))
		return false;
	window_64_read(tree, node, p);
	return property_number(tree, node, "ibm,opal-phbid", &p->id) &&
	       property_number(tree, node, "ibm,opal-reserved-pe", &p->reserved_pe) &&
	       window_read(tree, node, p);
}

unsigned phb_read(const void *tree, struct phb phb[MAX_PHBS])
{
	unsigned count = 0;

	for (int node = fdt_node_offset_by_compatible(tree, -1, "ibm,ioda3-phb");
	     node >= 0 && count < MAX_PHBS;
	     node = fdt_node_offset_by_compatible(tree, node, "ibm,ioda3-phb"))
		if (bridge_read(tree, node, &phb[count]))
			count++;
	return count;
}
