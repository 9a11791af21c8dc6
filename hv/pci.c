/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI by its configuration space alone. The firmware has given most BARs a place; this file reads
 * what it did, and moves a BAR only into space that no other BAR, bridge or ROM uses.
 *
 * Places are looked for among the addresses that the functions have, which are those of their
 * segment; a window of the host bridge says where the processor sees them. What stands in a BAR
 * and lies in no window cannot be reached, and is no place.
 */
#include "hv/pci.h"

#include <stddef.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/console.h"

#define BUSES 256u
#define BUS_OF(bdf) ((bdf) >> 8 & 0xffu)
#define SEGMENT_OF(bdf) ((bdf) >> 16)
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
	PCI_SUBORDINATE_BUS = 0x1a,
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

/* [from, to) of a segment's addresses that something other than a BAR decodes. */
struct extent {
	uint32_t segment;
	uint32_t first, last; /* a bridge's: the buses behind it; 0, 0: a ROM */
	bool prefetch;
	uint64_t from, to;
};

#define MAX_EXTENTS 64u

static struct pci_function functions[PCI_MAX_FUNCTIONS];
static unsigned function_count;
static struct extent extents[MAX_EXTENTS]; /* bridges' windows, ROMs */
static unsigned extent_count;
static uint32_t last_segment;

static uint32_t read32(uint32_t bdf, uint32_t at)
{
	return arch_pci_read(bdf, at, 4);
}

static uint16_t read16(uint32_t bdf, uint32_t at)
{
	return (uint16_t)arch_pci_read(bdf, at, 2);
}

static void extent_add(const struct extent *e)
{
	if (e->from < e->to && extent_count < MAX_EXTENTS)
		extents[extent_count++] = *e;
}

/* The host's address of `bytes` at an address of the segment; 0: no window shows them all. */
static hpa_t host_of(uint32_t segment, uint64_t bus, uint64_t bytes)
{
	struct pci_window w;

	for (unsigned i = 0; arch_pci_window(i, &w); i++)
		if (w.segment == segment && bus >= w.bus && bus - w.bus < w.bytes &&
		    bytes <= w.bytes - (bus - w.bus))
			return hpa(w.base.v + (bus - w.bus));
	return hpa(0);
}

/* The way back; `place` is what host_of gave for this segment. */
static uint64_t bus_of(uint32_t segment, hpa_t place)
{
	struct pci_window w;

	for (unsigned i = 0; arch_pci_window(i, &w); i++)
		if (w.segment == segment && place.v >= w.base.v && place.v - w.base.v < w.bytes)
			return w.bus + (place.v - w.base.v);
	return 0;
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
		b->bus = value & ~0x3u;
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
	b->bus = (uint64_t)high << 32 | (value & ~0xfu);
	/* A size must be a power of two; a device that says otherwise is left alone. */
	if ((b->bytes & (b->bytes - 1)) != 0 || (b->bus & (b->bytes - 1)) != 0)
		b->bytes = 0;
	b->base = host_of(SEGMENT_OF(f->bdf), b->bus, b->bytes);
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
	struct extent e = { .segment = SEGMENT_OF(f->bdf),
			    .from = rom & ROM_ADDRESS,
			    .to = (rom & ROM_ADDRESS) + (UINT64_C(1) << 24) };
	if (rom & ROM_ON)
		extent_add(&e);
}

/* A bridge's windows, which belong to what is behind it; returns its secondary bus. */
static uint8_t bridge_read(uint32_t bdf)
{
	struct extent e = {
		.segment = SEGMENT_OF(bdf),
		.first = arch_pci_read(bdf, PCI_SECONDARY_BUS, 1),
		.last = arch_pci_read(bdf, PCI_SUBORDINATE_BUS, 1),
		.from = (uint64_t)(read16(bdf, PCI_MEMORY_BASE) & 0xfff0u) << 16,
		.to = (uint64_t)(read16(bdf, PCI_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff,
	};

	e.to++;
	extent_add(&e);
	e.prefetch = true;
	e.from = (uint64_t)read32(bdf, PCI_PREFETCH_BASE_HIGH) << 32 |
		 (uint64_t)(read16(bdf, PCI_PREFETCH_BASE) & 0xfff0u) << 16;
	e.to = (uint64_t)read32(bdf, PCI_PREFETCH_LIMIT_HIGH) << 32 |
	       (uint64_t)(read16(bdf, PCI_PREFETCH_LIMIT) & 0xfff0u) << 16 | 0xfffff;
	e.to++;
	extent_add(&e);
	return (uint8_t)e.first;
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

static void segment_scan(uint32_t segment)
{
	bool wanted[BUSES] = { true };

	/* A bridge's secondary bus has a higher number than its own: one pass upwards meets all. */
	for (uint32_t bus = 0; bus < BUSES; bus++) {
		for (uint32_t slot = 0; wanted[bus] && slot < 32; slot++) {
			uint32_t bdf = segment << 16 | bus << 8 | slot << 3;
			bool many = (arch_pci_read(bdf, PCI_HEADER, 1) & HEADER_MANY) != 0;
			for (uint32_t n = 0; n < (many ? 8u : 1u); n++)
				if (read16(bdf | n, PCI_VENDOR) != 0xffff)
					wanted[function_read(bdf | n)] = true;
		}
	}
}

void pci_scan(void)
{
	struct pci_window w;

	function_count = extent_count = last_segment = 0;
	segment_scan(0);
	for (unsigned i = 0; arch_pci_window(i, &w); i++)
		while (last_segment < w.segment)
			segment_scan(++last_segment);
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

/* The function is behind the bridge whose window this is. */
static bool is_behind(const struct extent *e, uint32_t bdf)
{
	return e->segment == SEGMENT_OF(bdf) && e->first <= BUS_OF(bdf) && BUS_OF(bdf) <= e->last &&
	       BUS_OF(bdf) != 0;
}

/* If [at, at + bytes) meets something in use in the function's segment: the end of that, else 0. */
static uint64_t used_until(uint32_t bdf, uint64_t at, uint64_t bytes)
{
	for (unsigned i = 0; i < extent_count; i++) {
		const struct extent *e = &extents[i];
		if (e->segment == SEGMENT_OF(bdf) && !is_behind(e, bdf) && e->from < at + bytes &&
		    at < e->to)
			return e->to;
	}
	for (unsigned i = 0; i < function_count; i++) {
		for (unsigned n = 0; n < PCI_BARS; n++) {
			const struct pci_bar *b = &functions[i].bars[n];
			if (b->bytes != 0 && b->base.v != 0 &&
			    SEGMENT_OF(functions[i].bdf) == SEGMENT_OF(bdf) &&
			    b->bus < at + bytes && at < b->bus + b->bytes)
				return b->bus + b->bytes;
		}
	}
	return 0;
}

/* The first free place of [from, to), naturally aligned; 0: none. */
static uint64_t free_place(uint32_t bdf, uint64_t from, uint64_t to, uint64_t bytes)
{
	uint64_t at = from;

	for (;;) {
		at = (at + bytes - 1) & ~(bytes - 1);
		if (at < from || at >= to || to - at < bytes)
			return 0;
		uint64_t next = used_until(bdf, at, bytes);
		if (next == 0)
			return at;
		at = next;
	}
}

/* A free place for the BAR in [from, to), which a window shows; 0: none. */
static uint64_t place_within(const struct pci_function *f, const struct pci_bar *b, uint64_t from,
			     uint64_t to)
{
	uint64_t found = 0;

	if (!b->wide && to > LIMIT_32)
		to = LIMIT_32;
	/* Beside where it is, if it is there; else anywhere. */
	if (b->base.v != 0 && from <= b->bus && b->bus < to)
		found = free_place(f->bdf, b->bus, to, b->bytes);
	return found != 0 ? found : free_place(f->bdf, from, to, b->bytes);
}

/* Likewise, where the window is one of the bridge that the function is directly behind. */
static uint64_t place_behind(const struct pci_function *f, const struct pci_bar *b, uint64_t from,
			     uint64_t to)
{
	uint64_t found = 0;

	for (unsigned i = 0; found == 0 && i < extent_count; i++) {
		const struct extent *e = &extents[i];
		if (is_behind(e, f->bdf) && e->first == BUS_OF(f->bdf) &&
		    b->prefetch >= e->prefetch)
			found = place_within(f, b, from > e->from ? from : e->from,
					     to < e->to ? to : e->to);
	}
	return found;
}

enum result pci_bar_find_place(const struct pci_function *f, unsigned bar, hpa_t *place)
{
	const struct pci_bar *b = bar < PCI_BARS ? &f->bars[bar] : NULL;
	uint64_t found = 0;
	struct pci_window w;

	if (b == NULL || b->bytes == 0 || b->io)
		return UNSUPPORTED;
	for (unsigned i = 0; found == 0 && arch_pci_window(i, &w); i++) {
		if (w.segment != SEGMENT_OF(f->bdf))
			continue;
		found = BUS_OF(f->bdf) == 0 ? place_within(f, b, w.bus, w.bus + w.bytes)
					    : place_behind(f, b, w.bus, w.bus + w.bytes);
	}
	if (found == 0)
		return NOT_FOUND;
	*place = host_of(SEGMENT_OF(f->bdf), found, b->bytes);
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
	uint64_t bus = bus_of(SEGMENT_OF(f->bdf), place);
	uint32_t at = PCI_BAR0 + 4 * bar;

	pci_decode(f, false);
	arch_pci_write(f->bdf, at, 4, (uint32_t)bus);
	if (f->bars[bar].wide)
		arch_pci_write(f->bdf, at + 4, 4, (uint32_t)(bus >> 32));
	f->bars[bar].bus = bus;
	f->bars[bar].base = place;
	pci_decode(f, true);
}

enum result pci_assign(struct pci_function *f, unsigned wanted, unsigned *bar)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &f->bars[n];
		hpa_t place;

		if (b->bytes == 0 || b->io || b->base.v != 0)
			continue;
		enum result r = pci_bar_find_place(f, n, &place);
		if (r == OK) {
			pci_bar_place(f, n, place);
		} else if (n == wanted || b->bus == 0) {
			*bar = n;
			return r;
		}
	}
	return OK;
}

void pci_print(void)
{
	for (unsigned i = 0; i < function_count; i++) {
		const struct pci_function *f = &functions[i];
		if (last_segment != 0)
			console_print("%04x:", SEGMENT_OF(f->bdf));
		console_print("%02x:%02x.%u %04x:%04x class %06x\n", BUS_OF(f->bdf),
			      f->bdf >> 3 & 31, f->bdf & 7, f->vendor, f->device, f->class);
		for (unsigned n = 0; n < PCI_BARS; n++) {
			const struct pci_bar *b = &f->bars[n];
			if (b->bytes != 0)
				console_print("  BAR %u: %s at %#llx, %#llx bytes%s%s\n", n,
					      b->io ? "ports" : "memory",
					      (unsigned long long)(b->io ? b->bus : b->base.v),
					      (unsigned long long)b->bytes,
					      b->wide ? ", 64 bit" : "",
					      b->prefetch ? ", prefetchable" : "");
		}
	}
}
