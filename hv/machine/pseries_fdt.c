/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree of the pseries board, as PAPR (annex B) and Linux want it: processors, memory,
 * the terminal, the interrupt presentation and RTAS; written in one pass by libfdt.
 */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "hv/dev/rtas.h"
#include "hv/machine/pseries.h"

/* A tree being written: after the first error nothing more is. */
struct tree {
	void *fdt;
	int error;
};

static void begin(struct tree *t, const char *name)
{
	if (!t->error)
		t->error = fdt_begin_node(t->fdt, name);
}

static void end(struct tree *t)
{
	if (!t->error)
		t->error = fdt_end_node(t->fdt);
}

static void bytes(struct tree *t, const char *name, const void *value, size_t size)
{
	if (!t->error)
		t->error = fdt_property(t->fdt, name, value, (int)size);
}

static void string(struct tree *t, const char *name, const char *value)
{
	bytes(t, name, value, strlen(value) + 1);
}

static void cells(struct tree *t, const char *name, const uint32_t *value, size_t count)
{
	fdt32_t big[16];

	for (size_t i = 0; i < count; i++)
		big[i] = cpu_to_fdt32(value[i]);
	bytes(t, name, big, count * sizeof(big[0]));
}

#define CELLS(t, name, ...)                               \
	cells(t, name, (const uint32_t[]){ __VA_ARGS__ }, \
	      sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
#define HIGH(v) ((uint32_t)((v) >> 32))
#define LOW(v) ((uint32_t)(v))

static void chosen(struct tree *t, const struct vm_image *image, uint64_t initrd)
{
	/* ibm,architecture-vec-5: radix, and guest translation shootdown. */
	static const uint8_t vec5[28] = { [0] = 26, [24] = 0x40, [26] = 0x40 };
	uint64_t last = initrd + image->initrd.bytes;

	begin(t, "chosen");
	string(t, "bootargs", image->cmdline ? image->cmdline : "");
	string(t, "stdout-path", "/vdevice/vty@71000000");
	bytes(t, "ibm,architecture-vec-5", vec5, sizeof(vec5));
	if (image->initrd.bytes != 0) {
		CELLS(t, "linux,initrd-start", HIGH(initrd), LOW(initrd));
		CELLS(t, "linux,initrd-end", HIGH(last), LOW(last));
	}
	end(t);
}

/* PVR, upper half. */
#define POWER9 0x4eu
#define POWER10 0x80u

static void cpu(struct tree *t, const struct arch_processor *p, unsigned i)
{
	uint32_t kind = p->version >> 16;
	char name[24];

	(void)snprintf(name, sizeof(name), "PowerPC,%s@%x",
		       kind == POWER9	 ? "POWER9"
		       : kind == POWER10 ? "POWER10"
					 : "POWER",
		       i);
	begin(t, name);
	string(t, "device_type", "cpu");
	CELLS(t, "reg", i);
	CELLS(t, "cpu-version", p->version);
	string(t, "status", "okay");
	CELLS(t, "timebase-frequency", LOW(p->counter_hz));
	CELLS(t, "clock-frequency", 1000000000);
	CELLS(t, "d-cache-block-size", 128);
	CELLS(t, "d-cache-line-size", 128);
	CELLS(t, "d-cache-size", 0x8000);
	CELLS(t, "i-cache-block-size", 128);
	CELLS(t, "i-cache-line-size", 128);
	CELLS(t, "i-cache-size", 0x8000);
	CELLS(t, "ibm,vmx", 2); /* VSX too */
	CELLS(t, "ibm,dfp", 1);
	CELLS(t, "ibm,ppc-interrupt-server#s", i);
	CELLS(t, "ibm,ppc-interrupt-gserver#s", i, 0);
	/* log2 of the page size, and the encoding for tlbie in the highest three bits. */
	CELLS(t, "ibm,processor-radix-AP-encodings", 0x0000000c, 0xa0000010, 0x20000015,
	      0x4000001e);
	end(t);
}

static void memory(struct tree *t, const struct vm_image *image)
{
	uint64_t size = image->memory_bytes & ~PAGE_MASK;

	begin(t, "memory@0");
	string(t, "device_type", "memory");
	CELLS(t, "reg", 0, 0, HIGH(size), LOW(size));
	end(t);
}

static void rtas(struct tree *t, uint64_t at)
{
	static const char sets[] = "hcall-term\0hcall-interrupt\0hcall-vio\0hcall-set-mode\0"
				   "hcall-copy\0hcall-poll-pending";

	begin(t, "rtas");
	bytes(t, "ibm,hypertas-functions", sets, sizeof(sets));
	CELLS(t, "linux,rtas-base", LOW(at));
	CELLS(t, "linux,rtas-entry", LOW(at));
	CELLS(t, "rtas-size", PSERIES_RTAS_BYTES);
	for (unsigned i = 0; i < rtas_service_count; i++)
		CELLS(t, rtas_services[i].name, rtas_services[i].token);
	end(t);
}

#define INTERRUPTS_PHANDLE 1u
#define EDGE 0u /* second cell of an interrupt */

static void devices(struct tree *t, unsigned vcpus)
{
	begin(t, "interrupt-controller@0");
	string(t, "device_type", "PowerPC-External-Interrupt-Presentation");
	string(t, "compatible", "IBM,ppc-xicp");
	bytes(t, "interrupt-controller", "", 0);
	CELLS(t, "reg", 0, 0, 0, 0);
	CELLS(t, "ibm,interrupt-server-ranges", 0, vcpus);
	CELLS(t, "#interrupt-cells", 2);
	CELLS(t, "phandle", INTERRUPTS_PHANDLE);
	end(t);
	/* H_RANDOM. */
	begin(t, "ibm,platform-facilities");
	string(t, "device_type", "ibm,platform-facilities");
	begin(t, "ibm,random-v1");
	string(t, "compatible", "ibm,random");
	end(t);
	end(t);
	begin(t, "vdevice");
	string(t, "device_type", "vdevice");
	string(t, "compatible", "IBM,vdevice");
	CELLS(t, "interrupt-parent", INTERRUPTS_PHANDLE);
	CELLS(t, "#address-cells", 1);
	CELLS(t, "#size-cells", 0);
	begin(t, "vty@71000000");
	string(t, "device_type", "serial");
	string(t, "compatible", "hvterm1");
	CELLS(t, "reg", PSERIES_TERMINAL);
	CELLS(t, "interrupts", XICS_FIRST + PSERIES_TERMINAL_SOURCE, EDGE);
	end(t);
	end(t);
}

bool pseries_fdt_make(struct machine *m, const struct vm_image *image, uint64_t initrd,
		      uint64_t rtas_at)
{
	struct tree t = { .fdt = m->fdt };

	t.error = fdt_create(m->fdt, sizeof(m->fdt));
	if (!t.error)
		t.error = fdt_add_reservemap_entry(m->fdt, rtas_at, PSERIES_RTAS_BYTES);
	if (!t.error)
		t.error = fdt_finish_reservemap(m->fdt);
	begin(&t, "");
	string(&t, "device_type", "chrp");
	string(&t, "model", "IBM pSeries (Tenure)");
	string(&t, "compatible", "IBM,pSeries");
	CELLS(&t, "#address-cells", 2);
	CELLS(&t, "#size-cells", 2);
	chosen(&t, image, initrd);
	memory(&t, image);
	begin(&t, "cpus");
	CELLS(&t, "#address-cells", 1);
	CELLS(&t, "#size-cells", 0);
	for (unsigned i = 0; i < m->vcpus; i++)
		cpu(&t, &m->host.processor, i);
	end(&t);
	rtas(&t, rtas_at);
	devices(&t, m->vcpus);
	end(&t);
	return !t.error && fdt_finish(m->fdt) == 0;
}
