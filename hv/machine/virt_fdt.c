/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree of the virt board: what the kernel would find out by trying, were there a way to
 * try. Written in one pass by libfdt; the bindings are those of the Devicetree Specification and of
 * the devices (arm,gic-v3; arm,pl011; arm,psci; arm,armv8-timer).
 */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "hv/machine/virt.h"

#define PHANDLE_GIC 1u
#define PHANDLE_CLOCK 2u

/* Interrupt specifiers: kind, number within the kind, trigger. */
#define SPI 0u
#define PPI 1u
#define LEVEL_HIGH 4u

/* PPIs of the four timers: secure, non-secure, virtual, hypervisor. */
#define PPI_NUMBER(intid) ((intid)-16u)
#define TIMER_SECURE 29u
#define TIMER_PHYSICAL 30u
#define TIMER_HYPERVISOR 26u

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

static void cell(struct tree *t, const char *name, uint32_t value)
{
	cells(t, name, &value, 1);
}

/* ---- Nodes -------------------------------------------------------------------------------------
 */

static void chosen(struct tree *t, const struct virt_load *l)
{
	uint64_t last = l->initrd + l->initrd_bytes;

	begin(t, "chosen");
	string(t, "bootargs", l->image->cmdline ? l->image->cmdline : "");
	string(t, "stdout-path", "/pl011@9000000");
	if (l->initrd_bytes != 0) {
		CELLS(t, "linux,initrd-start", HIGH(l->initrd), LOW(l->initrd));
		CELLS(t, "linux,initrd-end", HIGH(last), LOW(last));
	}
	end(t);
}

static void memory(struct tree *t, const struct virt_load *l)
{
	uint64_t size = l->ram_end - VIRT_RAM;

	begin(t, "memory@40000000");
	string(t, "device_type", "memory");
	CELLS(t, "reg", HIGH(VIRT_RAM), LOW(VIRT_RAM), HIGH(size), LOW(size));
	end(t);
}

static void cpus(struct tree *t, unsigned count)
{
	char name[16];

	begin(t, "cpus");
	cell(t, "#address-cells", 1);
	cell(t, "#size-cells", 0);
	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "cpu@%x", i);
		begin(t, name);
		string(t, "device_type", "cpu");
		string(t, "compatible", "arm,armv8");
		string(t, "enable-method", "psci");
		cell(t, "reg", i);
		end(t);
	}
	end(t);
}

static void psci(struct tree *t)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	begin(t, "psci");
	bytes(t, "compatible", compatible, sizeof(compatible));
	string(t, "method", "hvc");
	end(t);
}

static void timer(struct tree *t)
{
	begin(t, "timer");
	string(t, "compatible", "arm,armv8-timer");
	CELLS(t, "interrupts", PPI, PPI_NUMBER(TIMER_SECURE), LEVEL_HIGH, PPI,
	      PPI_NUMBER(TIMER_PHYSICAL), LEVEL_HIGH, PPI, PPI_NUMBER(VIRT_TIMER_PPI), LEVEL_HIGH,
	      PPI, PPI_NUMBER(TIMER_HYPERVISOR), LEVEL_HIGH);
	bytes(t, "always-on", "", 0);
	end(t);
}

static void gic(struct tree *t, unsigned count)
{
	const uint64_t redists = count * GIC_REDIST_BYTES;

	begin(t, "intc@8000000");
	string(t, "compatible", "arm,gic-v3");
	bytes(t, "interrupt-controller", "", 0);
	cell(t, "#interrupt-cells", 3);
	cell(t, "#address-cells", 2);
	cell(t, "#size-cells", 2);
	bytes(t, "ranges", "", 0);
	cell(t, "#redistributor-regions", 1);
	CELLS(t, "reg", HIGH(VIRT_GICD), LOW(VIRT_GICD), HIGH(GIC_DIST_BYTES), LOW(GIC_DIST_BYTES),
	      HIGH(VIRT_GICR), LOW(VIRT_GICR), HIGH(redists), LOW(redists));
	cell(t, "phandle", PHANDLE_GIC);
	end(t);
}

static void uart(struct tree *t)
{
	static const char compatible[] = "arm,pl011\0arm,primecell";
	static const char clocks[] = "uartclk\0apb_pclk";

	begin(t, "apb-pclk");
	string(t, "compatible", "fixed-clock");
	cell(t, "#clock-cells", 0);
	cell(t, "clock-frequency", VIRT_UART_HZ);
	string(t, "clock-output-names", "clk24mhz");
	cell(t, "phandle", PHANDLE_CLOCK);
	end(t);
	begin(t, "pl011@9000000");
	bytes(t, "compatible", compatible, sizeof(compatible));
	CELLS(t, "reg", HIGH(VIRT_UART), LOW(VIRT_UART), HIGH(PL011_BYTES), LOW(PL011_BYTES));
	CELLS(t, "interrupts", SPI, VIRT_UART_SPI - GIC_FIRST_SPI, LEVEL_HIGH);
	CELLS(t, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	bytes(t, "clock-names", clocks, sizeof(clocks));
	end(t);
}

enum result virt_fdt_make(struct virt_load *l, uint64_t *size)
{
	struct machine *m = l->machine;
	struct tree t = { .fdt = m->fdt };

	t.error = fdt_create(t.fdt, VIRT_FDT_BYTES);
	if (!t.error)
		t.error = fdt_finish_reservemap(t.fdt);
	begin(&t, "");
	cell(&t, "#address-cells", 2);
	cell(&t, "#size-cells", 2);
	string(&t, "compatible", "linux,dummy-virt");
	string(&t, "model", "tenure-virt");
	cell(&t, "interrupt-parent", PHANDLE_GIC);
	chosen(&t, l);
	memory(&t, l);
	cpus(&t, m->vcpus);
	psci(&t);
	timer(&t);
	gic(&t, m->vcpus);
	uart(&t);
	end(&t);
	if (!t.error)
		t.error = fdt_finish(t.fdt);
	if (t.error)
		return virt_refuse(
			l,
			"the device tree does not fit into %u bytes (%s): the command "
			"line has %llu characters",
			VIRT_FDT_BYTES, fdt_strerror(t.error),
			(unsigned long long)(l->image->cmdline ? strlen(l->image->cmdline) : 0));
	*size = fdt_totalsize(t.fdt);
	return OK;
}
