/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the firmware's device tree (Devicetree Specification 0.4, and the bindings named by each
 * "compatible"). Only nodes of the root and of /cpus are looked at: a machine whose interrupt
 * controller hides behind a bus is not served.
 */
#include <string.h>

#include <libfdt.h>

#include "arch/arm64/platform.h"

#define TREE_MAX (UINT64_C(2) << 20)

static uint64_t number(const fdt32_t *cells, int count)
{
	uint64_t n = 0;

	while (count-- > 0)
		n = n << 32 | fdt32_to_cpu(*cells++);
	return n;
}

/* Entry `index` of a root node's reg; false: there is none. */
static bool reg(const void *t, int node, int index, struct platform_range *out)
{
	int address = fdt_address_cells(t, 0), size = fdt_size_cells(t, 0), bytes;
	const fdt32_t *cells = fdt_getprop(t, node, "reg", &bytes);

	if (cells == NULL || address < 1 || address > 2 || size < 1 || size > 2 ||
	    bytes / 4 < (index + 1) * (address + size))
		return false;
	cells += index * (address + size);
	*out = (struct platform_range){ number(cells, address), number(cells + address, size) };
	return true;
}

static bool is(const void *t, int node, const char *compatible)
{
	return fdt_node_check_compatible(t, node, compatible) == 0;
}

static void gic(const void *t, int node, struct platform *p)
{
	struct platform_range r;

	if (!reg(t, node, 0, &r))
		return;
	p->gicd = r.base;
	for (int i = 1; i <= (int)PLATFORM_MAX_REDISTRIBUTORS && reg(t, node, i, &r); i++)
		/* Behind the redistributors GICv3 may name a GICv2's parts, which are small. */
		if (r.bytes >= 0x20000)
			platform_add_gicr(p, r.base, r.bytes);
}

/* PCI Bus Binding: ranges of 3 + 2 + 2 cells; the space code is in bits 24..25 of the first. */
static void ecam(const void *t, int node, struct platform *p)
{
	int bytes;
	const fdt32_t *buses = fdt_getprop(t, node, "bus-range", &bytes);
	struct acpi_ecam e = { .last_bus = 255 };
	struct platform_range r;

	if (buses != NULL && bytes == 8) {
		e.first_bus = fdt32_to_cpu(buses[0]) & 255;
		e.last_bus = fdt32_to_cpu(buses[1]) & 255;
	}
	if (reg(t, node, 0, &r) && e.first_bus <= e.last_bus && p->ecam_count < PLATFORM_MAX_ECAM) {
		e.base = r.base - ((uint64_t)e.first_bus << 20);
		p->ecam[p->ecam_count++] = e;
	}
	const fdt32_t *cells = fdt_getprop(t, node, "ranges", &bytes);
	for (int left = cells == NULL ? 0 : bytes / 4; left >= 7; left -= 7, cells += 7)
		if ((fdt32_to_cpu(cells[0]) >> 24 & 2) != 0 &&
		    number(cells + 1, 2) == number(cells + 3, 2))
			platform_add_window(p, number(cells + 3, 2), number(cells + 5, 2));
}

static void psci(const void *t, int node, struct platform *p)
{
	int bytes;
	const char *method = fdt_getprop(t, node, "method", &bytes);

	p->psci = method != NULL && bytes == 4;
	p->psci_hvc = p->psci && memcmp(method, "hvc", 4) == 0;
}

static void cpus(const void *t, int parent, struct platform *p)
{
	int cells = fdt_address_cells(t, parent);

	if (cells < 1 || cells > 2)
		return;
	for (int node = fdt_first_subnode(t, parent); node >= 0; node = fdt_next_subnode(t, node)) {
		int bytes;
		const char *type = fdt_getprop(t, node, "device_type", &bytes);
		const fdt32_t *at;

		if (type == NULL || bytes != 4 || memcmp(type, "cpu", 4) != 0)
			continue;
		at = fdt_getprop(t, node, "reg", &bytes);
		if (at != NULL && bytes == 4 * cells)
			platform_add_cpu(p, number(at, cells), 0);
	}
}

static void root_node(const void *t, int node, struct platform *p)
{
	struct platform_range r;

	if (is(t, node, "arm,gic-v3"))
		gic(t, node, p);
	else if (is(t, node, "arm,psci-0.2") || is(t, node, "arm,psci-1.0"))
		psci(t, node, p);
	else if (is(t, node, "pci-host-ecam-generic"))
		ecam(t, node, p);
	else if (p->console == 0 && is(t, node, "arm,pl011") && reg(t, node, 0, &r))
		p->console = r.base;
	else if (p->clock == 0 && is(t, node, "arm,pl031") && reg(t, node, 0, &r))
		p->clock = r.base;
}

const char *platform_read_tree(uint64_t tree, struct platform *out)
{
	const void *t = platform_memory(tree, sizeof(struct fdt_header));
	uint64_t bytes;

	if (t == NULL || fdt_check_header(t) != 0)
		return "the device tree is damaged";
	bytes = fdt_totalsize(t);
	if (bytes > TREE_MAX || (t = platform_memory(tree, bytes)) == NULL)
		return "the device tree is too large";
	for (int node = fdt_first_subnode(t, 0); node >= 0; node = fdt_next_subnode(t, node))
		root_node(t, node, out);
	int parent = fdt_path_offset(t, "/cpus");
	if (parent >= 0)
		cpus(t, parent, out);
	return NULL;
}
