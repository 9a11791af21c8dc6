/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration by the two ports of mechanism 1, which reach 256 bytes of each function. The
 * windows are what the memory map leaves: below 4 GiB between the top of RAM and the I/O APIC,
 * without what is reserved or shows configuration space; above RAM up to the processor's last
 * address.
 */
#include "arch/x86/pci.h"

#include "arch/lock.h"
#include "arch/x86/cpu.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu
#define ADDRESS_ENABLE 0x80000000u

#define BYTES_1M (UINT64_C(1) << 20)
#define BYTES_1G (UINT64_C(1) << 30)
#define BYTES_4G (UINT64_C(1) << 32)
#define LOW_WINDOW_END UINT64_C(0xfec00000)
/* AMD processors of 40 bits give the last 12 GiB to HyperTransport. */
#define HYPERTRANSPORT_BASE UINT64_C(0xfd00000000)
#define HYPERTRANSPORT_END UINT64_C(0x10000000000)

#define MAX_WINDOWS 16u

struct window {
	uint64_t from, to;
};

static struct window windows[MAX_WINDOWS];
static unsigned window_count;
static struct port_lock lock;

static bool reachable(uint32_t bdf, uint32_t offset, uint32_t bytes)
{
	return bdf < 0x10000 && offset < 256 && (bytes == 1 || bytes == 2 || bytes == 4) &&
	       (offset & (bytes - 1)) == 0;
}

uint32_t arch_pci_read(uint32_t bus_device_function, uint32_t offset, uint32_t bytes)
{
	uint16_t data = (uint16_t)(PORT_DATA + (offset & 3));
	uint32_t value;

	if (!reachable(bus_device_function, offset, bytes))
		return UINT32_MAX >> (32 - 8 * (bytes & 3 ? bytes & 3 : 4));
	port_lock(&lock);
	out32(PORT_ADDRESS, ADDRESS_ENABLE | bus_device_function << 8 | (offset & 0xfc));
	value = bytes == 1 ? in8(data) : bytes == 2 ? in16(data) : in32(data);
	port_unlock(&lock);
	return value;
}

void arch_pci_write(uint32_t bus_device_function, uint32_t offset, uint32_t bytes, uint32_t value)
{
	uint16_t data = (uint16_t)(PORT_DATA + (offset & 3));

	if (!reachable(bus_device_function, offset, bytes))
		return;
	port_lock(&lock);
	out32(PORT_ADDRESS, ADDRESS_ENABLE | bus_device_function << 8 | (offset & 0xfc));
	if (bytes == 1)
		out8(data, (uint8_t)value);
	else if (bytes == 2)
		out16(data, (uint16_t)value);
	else
		out32(data, value);
	port_unlock(&lock);
}

/* ---- Windows -------------------------------------------------------------------------------- */

static void window_add(uint64_t from, uint64_t to)
{
	if (from < to && window_count < MAX_WINDOWS)
		windows[window_count++] = (struct window){ from, to };
}

/* Takes [from, to) out of all windows. */
static void window_cut(uint64_t from, uint64_t to)
{
	unsigned count = window_count;

	for (unsigned i = 0; i < count; i++) {
		struct window *w = &windows[i];

		if (to <= w->from || w->to <= from)
			continue;
		if (w->from < from)
			window_add(to, w->to); /* the rest behind the cut */
		if (w->from < from)
			w->to = from;
		else
			w->from = to < w->to ? to : w->to;
	}
}

static uint64_t round_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) & ~(to - 1);
}

static bool is_ram(const struct boot_range *r)
{
	return r->kind != BOOT_MEM_RESERVED;
}

void pci_init(const struct bootinfo *boot, const struct acpi *acpi, unsigned physical_bits)
{
	uint64_t low = BYTES_1M, high = BYTES_4G, last = UINT64_C(1) << physical_bits;

	for (uint32_t i = 0; i < boot->range_count; i++) {
		uint64_t end = boot->ranges[i].base + boot->ranges[i].size;

		if (is_ram(&boot->ranges[i]) && end <= BYTES_4G && end > low)
			low = end;
		if (is_ram(&boot->ranges[i]) && end > high)
			high = end;
	}
	window_count = 0;
	window_add(round_up(low, BYTES_1M), LOW_WINDOW_END);
	window_add(round_up(high, BYTES_1G), last);
	for (uint32_t i = 0; i < boot->range_count; i++)
		if (!is_ram(&boot->ranges[i]))
			window_cut(boot->ranges[i].base,
				   round_up(boot->ranges[i].base + boot->ranges[i].size, BYTES_1M));
	for (unsigned i = 0; i < acpi->ecam_count; i++) {
		const struct acpi_ecam *e = &acpi->ecam[i];

		window_cut(e->base + ((uint64_t)e->first_bus << 20),
			   e->base + ((uint64_t)(e->last_bus + 1) << 20));
	}
	if (physical_bits == 40)
		window_cut(HYPERTRANSPORT_BASE, HYPERTRANSPORT_END);
}

bool arch_pci_window(unsigned index, struct pci_window *out)
{
	for (unsigned i = 0; i < window_count; i++) {
		if (windows[i].from == windows[i].to || index-- != 0)
			continue;
		*out = (struct pci_window){ .base = hpa(windows[i].from),
					    .bus = windows[i].from,
					    .bytes = windows[i].to - windows[i].from };
		return true;
	}
	return false;
}
