/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI by its configuration space alone. The firmware has given most BARs a place; this file reads
 * what it did, and moves a BAR only into space that no other BAR, bridge or ROM uses.
 */
#include "hv/pci.h"

#include <stddef.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/console.h"

#define BUSES 256u
#define LIMIT_32 (UINT64_C(1) << 32)

/* Configuration registers, bytes. */
enum {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_CLASS = 0x08, /* revision in the low byte */
	PCI_HEADER = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SECONDARY_BUS = 0x19, /* of a bridge, as those below */
	PCI_MEMORY_BASE = 0x20,
	PCI_MEMORY_LIMIT = 0x22,
	PCI_PREFETCH_BASE = 0x24,
	PCI_PREFETCH_LIMIT = 0x26,
	PCI_PREFETCH_BASE_HIGH = 0x28,
	PCI_PREFETCH_LIMIT_HIGH = 0x2c,
	PCI_ROM = 0x30,
};

#define COMMAND_IO 0x1u
#define COMMAND_MEMORY 0x2u
#define HEADER_KIND 0x7fu
#define HEADER_BRIDGE 1u
#define HEADER_MANY 0x80u
#define CLASS_HOST_BRIDGE 0x0600u
#define BAR_IO 0x1u
#define BAR_KIND 0x6u
#define BAR_WIDE 0x4u
#define BAR_PREFETCH 0x8u
#define ROM_ON 0x1u
#define ROM_ADDRESS 0xfffff800u

/* [from, to) of host addresses that something other than a BAR decodes. */
struct extent {
	uint64_t from, to;
};

#define MAX_EXTENTS 64u

static struct pci_function functions[PCI_MAX_FUNCTIONS];
static unsigned function_count;
static struct extent extents[MAX_EXTENTS]; /* bridges' windows, ROMs */
static unsigned extent_count;

static uint32_t read32(uint32_t bdf, uint32_t at)
{
	return arch_pci_read(bdf, at, 4);
}

static uint16_t read16(uint32_t bdf, uint32_t at)
{
	return (uint16_t)arch_pci_read(bdf, at, 2);
}

static void extent_add(uint64_t from, uint64_t to)
{
	if (from < to && extent_count < MAX_EXTENTS)
		extents[extent_count++] = (struct extent){ from, to };
}

/* ---- The scan ---------------------------------------------------------------------------------
 */

/* What stays of all ones is the size; the value is put back. Decode is off meanwhile. */
static uint32_t bar_probe(uint32_t bdf, uint32_t at, uint32_t *value)
{
	*value = read32(bdf, at);
	arch_pci_write(bdf, at, 4, UINT32_MAX);
	uint32_t mask = read32(bdf, at);
	arch_pci_write(bdf, at, 4, *value);
	return mask;
}

/* Reads BAR `i`; returns how many of the six words it takes. */
static unsigned bar_read(struct pci_function *f, unsigned i)
{
	struct pci_bar *b = &f->bars[i];
	uint32_t at = PCI_BAR0 + 4 * i, value, high = 0;
	uint32_t mask = bar_probe(f->bdf, at, &value);

	if (mask == 0 || mask == UINT32_MAX)
		return 1;
	if (mask & BAR_IO) {
		b->io = true;
		b->bytes = (~mask | 0x3u) + 1u;
		b->bytes &= 0xffff;
		b->base = hpa(value & ~0x3u);
		return 1;
	}
	b->wide = (mask & BAR_KIND) == BAR_WIDE && i + 1 < PCI_BARS;
	b->prefetch = (mask & BAR_PREFETCH) != 0;
	uint64_t whole = mask & ~0xfu;
	if (b->wide)
		whole |= (uint64_t)bar_probe(f->bdf, at + 4, &high) << 32;
	else
		whole |= ~UINT64_C(0) << 32;
	b->bytes = ~whole + 1;
	b->base = hpa((uint64_t)high << 32 | (value & ~0xfu));
	/* A size must be a power of two; a device that says otherwise is left alone. */
	if ((b->bytes & (b->bytes - 1)) != 0 || (b->base.v & (b->bytes - 1)) != 0)
		b->bytes = 0;
	return b->wide ? 2 : 1;
}

static void bars_read(struct pci_function *f)
{
	uint16_t command = read16(f->bdf, PCI_COMMAND);

	arch_pci_write(f->bdf, PCI_COMMAND, 2, command & ~(COMMAND_IO | COMMAND_MEMORY));
	for (unsigned i = 0; i < PCI_BARS;)
		i += bar_read(f, i);
	arch_pci_write(f->bdf, PCI_COMMAND, 2, command);
	uint32_t rom = read32(f->bdf, PCI_ROM);
	if (rom & ROM_ON)
		extent_add(rom & ROM_ADDRESS, (rom & ROM_ADDRESS) + (UINT64_C(1) << 24));
}

/* A bridge's windows, which belong to what is behind it; returns its secondary bus. */
static uint8_t bridge_read(uint32_t bdf)
{
	uint64_t from = (uint64_t)(read16(bdf, PCI_MEMORY_BASE) & 0xfff0u) << 16;
	uint64_t last = (uint64_t)(read16(bdf, PCI_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff;

	extent_add(from, last + 1);
	from = (uint64_t)read32(bdf, PCI_PREFETCH_BASE_HIGH) << 32 |
	       (uint64_t)(read16(bdf, PCI_PREFETCH_BASE) & 0xfff0u) << 16;
	last = (uint64_t)read32(bdf, PCI_PREFETCH_LIMIT_HIGH) << 32 |
	       (uint64_t)(read16(bdf, PCI_PREFETCH_LIMIT) & 0xfff0u) << 16 | 0xfffff;
	extent_add(from, last + 1);
	return (uint8_t)arch_pci_read(bdf, PCI_SECONDARY_BUS, 1);
}

/* Notes the function; returns the bus behind it, 0: none. */
static uint8_t function_read(uint32_t bdf)
{
	uint32_t header = arch_pci_read(bdf, PCI_HEADER, 1);

	if (function_count == PCI_MAX_FUNCTIONS)
		return 0;
	struct pci_function *f = &functions[function_count++];
	*f = (struct pci_function){
		.bdf = bdf,
		.vendor = read16(bdf, PCI_VENDOR),
		.device = read16(bdf, PCI_DEVICE),
		.class = read32(bdf, PCI_CLASS) >> 8,
	};
	if ((header & HEADER_KIND) == HEADER_BRIDGE)
		return bridge_read(bdf);
	/* The host bridge's decode is the way to memory itself: it is not turned off to look. */
	if ((header & HEADER_KIND) == 0 && f->class >> 8 != CLASS_HOST_BRIDGE)
		bars_read(f);
	return 0;
}

void pci_scan(void)
{
	bool wanted[BUSES] = { true };

	function_count = extent_count = 0;
	/* A bridge's secondary bus has a higher number than its own: one pass upwards meets all. */
	for (uint32_t bus = 0; bus < BUSES; bus++) {
		for (uint32_t slot = 0; wanted[bus] && slot < 32; slot++) {
			uint32_t bdf = bus << 8 | slot << 3;
			bool many = (arch_pci_read(bdf, PCI_HEADER, 1) & HEADER_MANY) != 0;
			for (uint32_t n = 0; n < (many ? 8u : 1u); n++)
				if (read16(bdf | n, PCI_VENDOR) != 0xffff)
					wanted[function_read(bdf | n)] = true;
		}
	}
}

struct pci_function *pci_function(unsigned index)
{
	return index < function_count ? &functions[index] : NULL;
}

struct pci_function *pci_find(uint16_t vendor, uint16_t device, unsigned nth)
{
	for (unsigned i = 0; i < function_count; i++)
		if (functions[i].vendor == vendor && functions[i].device == device && nth-- == 0)
			return &functions[i];
	return NULL;
}

/* ---- Places -----------------------------------------------------------------------------------
 */

/* If [at, at + bytes) meets something in use: the end of that, else 0. */
static uint64_t used_until(uint64_t at, uint64_t bytes)
{
	for (unsigned i = 0; i < extent_count; i++)
		if (extents[i].from < at + bytes && at < extents[i].to)
			return extents[i].to;
	for (unsigned i = 0; i < function_count; i++) {
		for (unsigned n = 0; n < PCI_BARS; n++) {
			const struct pci_bar *b = &functions[i].bars[n];
			if (b->bytes != 0 && !b->io && b->base.v != 0 && b->base.v < at + bytes &&
			    at < b->base.v + b->bytes)
				return b->base.v + b->bytes;
		}
	}
	return 0;
}

/* The first free place of [from, to), naturally aligned; 0: none. */
static uint64_t free_place(uint64_t from, uint64_t to, uint64_t bytes)
{
	uint64_t at = from;

	for (;;) {
		at = (at + bytes - 1) & ~(bytes - 1);
		if (at < from || at >= to || to - at < bytes)
			return 0;
		uint64_t next = used_until(at, bytes);
		if (next == 0)
			return at;
		at = next;
	}
}

enum result pci_bar_find_place(const struct pci_function *f, unsigned bar, hpa_t *place)
{
	const struct pci_bar *b = bar < PCI_BARS ? &f->bars[bar] : NULL;
	uint64_t bytes, found = 0;
	hpa_t base;

	if (b == NULL || b->bytes == 0 || b->io || f->bdf >> 8 != 0)
		return UNSUPPORTED;
	for (unsigned i = 0; found == 0 && arch_pci_window(i, &base, &bytes); i++) {
		uint64_t end = base.v + bytes;
		if (!b->wide && end > LIMIT_32)
			end = LIMIT_32;
		/* Beside where it is, if it is there; else anywhere in the window. */
		if (base.v <= b->base.v && b->base.v < end)
			found = free_place(b->base.v, end, b->bytes);
		if (found == 0)
			found = free_place(base.v, end, b->bytes);
	}
	if (found == 0)
		return NOT_FOUND;
	*place = hpa(found);
	return OK;
}

void pci_decode(const struct pci_function *f, bool on)
{
	uint32_t command = read16(f->bdf, PCI_COMMAND);

	command = on ? command | COMMAND_MEMORY : command & ~COMMAND_MEMORY;
	arch_pci_write(f->bdf, PCI_COMMAND, 2, command);
}

void pci_bar_place(struct pci_function *f, unsigned bar, hpa_t place)
{
	uint32_t at = PCI_BAR0 + 4 * bar;

	pci_decode(f, false);
	arch_pci_write(f->bdf, at, 4, (uint32_t)place.v);
	if (f->bars[bar].wide)
		arch_pci_write(f->bdf, at + 4, 4, (uint32_t)(place.v >> 32));
	f->bars[bar].base = place;
	pci_decode(f, true);
}

enum result pci_assign(struct pci_function *f, unsigned *bar)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &f->bars[n];
		hpa_t place;

		if (b->bytes == 0 || b->io || b->base.v != 0)
			continue;
		enum result r = pci_bar_find_place(f, n, &place);
		if (r != OK) {
			*bar = n;
			return r;
		}
		pci_bar_place(f, n, place);
	}
	return OK;
}

void pci_print(void)
{
	for (unsigned i = 0; i < function_count; i++) {
		const struct pci_function *f = &functions[i];
		console_print("%02x:%02x.%u %04x:%04x class %06x\n", f->bdf >> 8, f->bdf >> 3 & 31,
			      f->bdf & 7, f->vendor, f->device, f->class);
		for (unsigned n = 0; n < PCI_BARS; n++) {
			const struct pci_bar *b = &f->bars[n];
			if (b->bytes != 0)
				console_print(
					"  BAR %u: %s at %#llx, %#llx bytes%s%s\n", n,
					b->io ? "ports" : "memory", (unsigned long long)b->base.v,
					(unsigned long long)b->bytes, b->wide ? ", 64 bit" : "",
					b->prefetch ? ", prefetchable" : "");
		}
	}
}
