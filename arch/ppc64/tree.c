/* SPDX-License-Identifier: BSD-2-Clause */
/* The processors by the firmware's device tree (skiboot, doc/device-tree/cpus.rst). */
#include <string.h>

#include <libfdt.h>

#include "arch/ppc64/start.h"

/* The processors that share a core are its threads: their PIRs. */
static void threads(const void *t, int node, struct platform *p)
{
	int bytes;
	const fdt32_t *pir = fdt_getprop(t, node, "ibm,ppc-interrupt-server#s", &bytes);

	if (pir == NULL)
		pir = fdt_getprop(t, node, "reg", &bytes);
	for (int left = pir == NULL ? 0 : bytes / 4; left > 0; left--, pir++) {
		if (p->cpu_count == ARCH_MAX_CPUS)
			p->cpus_left_off++;
		else
			p->pir[p->cpu_count++] = fdt32_to_cpu(*pir);
	}
}

/*
 * skiboot names the features of the processor one by one
 * (doc/device-tree/ibm,powerpc-cpu-features). Without it (boot/bios_ppc64.S) there is no such list:
 * then the version counts, by which entry.S has let no other than POWER9 and its successors in.
 */
static bool has_radix(const void *t)
{
	int features = fdt_node_offset_by_compatible(t, -1, "ibm,powerpc-cpu-features");

	return features < 0 || fdt_subnode_offset(t, features, "mmu-radix") >= 0;
}

/* A number of one cell; `otherwise`: there is none. */
static uint32_t cell(const void *t, int node, const char *name, uint32_t otherwise)
{
	int bytes;
	const fdt32_t *value = fdt_getprop(t, node, name, &bytes);

	return value != NULL && bytes == 4 ? fdt32_to_cpu(*value) : otherwise;
}

static void cpu(const void *t, int node, struct platform *p)
{
	const char *type = fdt_getprop(t, node, "device_type", NULL);

	if (type == NULL || strcmp(type, "cpu") != 0)
		return;
	p->timebase_hz = cell(t, node, "timebase-frequency", (uint32_t)p->timebase_hz);
	p->cache_block = cell(t, node, "d-cache-block-size", p->cache_block);
	threads(t, node, p);
}

const char *platform_read(const void *tree, struct platform *out)
{
	int cpus = fdt_check_header(tree) == 0 ? fdt_path_offset(tree, "/cpus") : -1;

	if (cpus < 0)
		return "the device tree names no processors";
	out->radix = has_radix(tree);
	for (int node = fdt_first_subnode(tree, cpus); node >= 0;
	     node = fdt_next_subnode(tree, node))
		cpu(tree, node, out);
	return out->cpu_count != 0 ? NULL : "the device tree names no processors";
}
