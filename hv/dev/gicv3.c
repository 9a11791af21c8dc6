/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All registers are made of words of 32 bits: an access of 64 bits is two of them, and one of bytes
 * reaches only the priorities. What is signalled follows from the state (ready()), so
 * nothing can forget to raise or to lower it.
 */
#include "hv/dev/gicv3.h"

#include <stddef.h>
#include <string.h>

/* Distributor (12.9) and redistributor (12.11). */
enum {
	GICD_CTLR = 0x0000,
	GICD_TYPER = 0x0004,
	GIC_IGROUPR = 0x0080, /* from here to BITS_END 32 words each: see enum bits */
	GIC_BITS_END = 0x0400,
	GIC_IPRIORITYR = 0x0400,
	GIC_PRIORITY_END = 0x0800,
	GIC_ICFGR = 0x0c00,
	GIC_ICFGR_END = 0x0d00,
	GICD_IROUTER = 0x6000,
	GICD_IROUTER_END = 0x8000,
	GICR_TYPER = 0x0008,
	GICR_WAKER = 0x0014,
	GIC_IDS = 0xffd0, /* PIDR4..7, PIDR0..3, CIDR0..3 */
	GICR_SGI_FRAME = 0x10000,
};

/* Offset / 0x80 of the registers with a bit for each interrupt. */
enum bits { IGROUPR = 1, ISENABLER, ICENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER };

#define CTLR_GROUP0 0x01u
#define CTLR_GROUP1 0x02u
#define CTLR_ARE 0x10u
#define CTLR_DS 0x40u

#define TYPER_IDBITS (9u << 19) /* INTIDs of 10 bits */
#define TYPER_NO1N (1u << 25)

#define REDIST_LAST 0x10u

#define WAKER_SLEEP 0x02u
#define WAKER_ASLEEP 0x04u

#define ROUTER_AFFINITY UINT64_C(0xff00ffffff)

#define PRIORITY_BITS 0xf8u /* 32 levels */

#define SGIS 0x0000ffffu
#define SGI_EDGE 0xaaaaaaaau

/* ---- State -------------------------------------------------------------------------------------
 */

static void route(struct gic *g, unsigned intid, uint64_t value)
{
	uint32_t bit = UINT32_C(1) << (intid & 31);

	g->router[intid] = value & ROUTER_AFFINITY;
	for (unsigned i = 0; i < g->cpus; i++) {
		g->cpu[i].routed[intid / 32] &= ~bit;
		if (g->router[intid] == i)
			g->cpu[i].routed[intid / 32] |= bit;
	}
}

void gic_init(struct gic *g, unsigned cpus, uint32_t forwarded)
{
	memset(g, 0, sizeof(*g));
	g->cpus = cpus;
	g->forwarded = forwarded;
	for (unsigned i = 0; i < cpus; i++) {
		g->cpu[i].own.edge = SGIS;
		g->cpu[i].waker = WAKER_SLEEP | WAKER_ASLEEP;
	}
	for (unsigned i = GIC_FIRST_SPI; i < GIC_INTIDS; i++)
		route(g, i, 0);
}

/* The interrupts of bank n that `c` is to be interrupted by. */
static uint32_t ready(const struct gic *g, const struct gic_cpu *c, unsigned n)
{
	const struct gic_bank *b = n == 0 ? &c->own : &g->shared[n];
	uint32_t asking = b->pending | (b->line & ~b->edge & ~b->listed);

	if (asking == 0)
		return 0;
	asking &= b->enabled & ~b->active & ~(b->listed & ~c->holds[n]);
	if (!(g->ctlr & CTLR_GROUP1))
		asking &= ~b->group;
	if (!(g->ctlr & CTLR_GROUP0))
		asking &= b->group;
	return n == 0 ? asking : asking & c->routed[n];
}

bool gic_pending(const struct gic *g, unsigned cpu)
{
	const struct gic_cpu *c = &g->cpu[cpu];

	for (unsigned n = 0; n < GIC_BANKS; n++)
		if (ready(g, c, n) != 0)
			return true;
	return false;
}

static void take(struct gic *g, struct gic_cpu *c, unsigned intid, struct gic_taken *out)
{
	unsigned n = intid / 32;
	uint32_t bit = UINT32_C(1) << (intid & 31);
	struct gic_bank *b = n == 0 ? &c->own : &g->shared[n];

	b->pending &= ~bit;
	b->listed |= bit;
	c->holds[n] |= bit;
	*out = (struct gic_taken){ .intid = intid,
				   .priority = b->priority[intid & 31],
				   .group1 = (b->group & bit) != 0,
				   .level = (b->edge & bit) == 0 };
	if (n == 0 && (g->forwarded & bit)) {
		b->line &= ~bit;
		out->level = false;
	}
}

bool gic_take(struct gic *g, unsigned cpu, struct gic_taken *out)
{
	struct gic_cpu *c = &g->cpu[cpu];
	unsigned best = GIC_INTIDS, lowest = 0x100;

	for (unsigned n = 0; n < GIC_BANKS; n++) {
		const struct gic_bank *b = n == 0 ? &c->own : &g->shared[n];

		for (uint32_t left = ready(g, c, n); left != 0; left &= left - 1) {
			unsigned i = (unsigned)__builtin_ctz(left);

			if (b->priority[i] < lowest) {
				lowest = b->priority[i];
				best = n * 32 + i;
			}
		}
	}
	if (best == GIC_INTIDS)
		return false;
	take(g, c, best, out);
	return true;
}

void gic_retired(struct gic *g, unsigned cpu, unsigned intid)
{
	struct gic_cpu *c = &g->cpu[cpu];
	unsigned n = intid / 32;
	uint32_t bit = UINT32_C(1) << (intid & 31);

	if (n >= GIC_BANKS || !(c->holds[n] & bit))
		return;
	c->holds[n] &= ~bit;
	(n == 0 ? &c->own : &g->shared[n])->listed &= ~bit;
}

void gic_cpu_off(struct gic *g, unsigned cpu)
{
	struct gic_cpu *c = &g->cpu[cpu];

	for (unsigned n = 0; n < GIC_BANKS; n++) {
		(n == 0 ? &c->own : &g->shared[n])->listed &= ~c->holds[n];
		c->holds[n] = 0;
	}
}

/* ---- Inputs ------------------------------------------------------------------------------------
 */

static void set_line(struct gic_bank *b, uint32_t bit, bool high)
{
	if (high && !(b->line & bit))
		b->pending |= bit & b->edge;
	b->line = high ? b->line | bit : b->line & ~bit;
}

void gic_set_spi(struct gic *g, unsigned intid, bool high)
{
	set_line(&g->shared[intid / 32], UINT32_C(1) << (intid & 31), high);
}

void gic_set_ppi(struct gic *g, unsigned cpu, unsigned intid, bool high)
{
	struct gic_bank *b = &g->cpu[cpu].own;
	uint32_t bit = UINT32_C(1) << intid;

	if (high && (b->listed & g->forwarded & bit))
		return;
	set_line(b, bit, high);
}

/* 12.2.20 ICC_SGI1R_EL1. */
void gic_send_sgi(struct gic *g, unsigned from, uint64_t value)
{
	const uint64_t other_clusters = UINT64_C(0x00ff00ff00ff0000); /* Aff3, Aff2, Aff1 */
	bool all_others = value >> 40 & 1;
	unsigned first = (unsigned)(value >> 44 & 15) * 16;
	uint32_t bit = UINT32_C(1) << (value >> 24 & 15);

	if (!all_others && (value & other_clusters) != 0)
		return;
	for (unsigned i = 0; i < g->cpus; i++) {
		struct gic_bank *b = &g->cpu[i].own;
		bool meant = all_others
				     ? i != from
				     : i >= first && i < first + 16 && (value >> (i - first) & 1);

		if (meant)
			b->pending |= bit & b->group; /* one of group 0 is not sent by SGI1R */
	}
}

/* ---- Registers of both -------------------------------------------------------------------------
 */

static uint32_t read_bits(const struct gic_bank *b, unsigned which)
{
	switch ((enum bits)which) {
	case IGROUPR: return b->group;
	case ISENABLER:
	case ICENABLER: return b->enabled;
	case ISPENDR:
	case ICPENDR: return b->pending | (b->line & ~b->edge);
	case ISACTIVER:
	case ICACTIVER: return b->active | b->listed;
	}
	return 0;
}

static void write_bits(struct gic_bank *b, unsigned which, uint32_t value)
{
	switch ((enum bits)which) {
	case IGROUPR: b->group = value; break;
	case ISENABLER: b->enabled |= value; break;
	case ICENABLER: b->enabled &= ~value; break;
	case ISPENDR: b->pending |= value; break;
	case ICPENDR: b->pending &= ~value; break;
	case ISACTIVER: b->active |= value & ~b->listed; break;
	case ICACTIVER: b->active &= ~value; break;
	}
}

/* Two bits an interrupt, of which the upper one says "edge". */
static uint32_t read_config(const struct gic_bank *b, unsigned half)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 16; i++)
		value |= (b->edge >> (half * 16 + i) & 1) << (2 * i + 1);
	return value;
}

static void write_config(struct gic_bank *b, unsigned half, uint32_t value)
{
	for (unsigned i = 0; i < 16; i++) {
		uint32_t bit = UINT32_C(1) << (half * 16 + i);

		b->edge = value >> (2 * i + 1) & 1 ? b->edge | bit : b->edge & ~bit;
	}
}

/* What distributor and SGI frame have alike, for bank `n`: offset below GIC_ICFGR_END. */
static uint32_t read_bank(const struct gic_bank *b, unsigned n, uint32_t offset)
{
	uint32_t priorities = 0;

	if (offset >= GIC_IGROUPR && offset < GIC_BITS_END)
		return read_bits(b, offset / 0x80);
	if (offset >= GIC_IPRIORITYR && offset < GIC_PRIORITY_END) {
		for (unsigned i = 0; i < 4; i++)
			priorities |= (uint32_t)b->priority[(offset + i) & 31] << (8 * i);
		return priorities;
	}
	if (offset >= GIC_ICFGR && offset < GIC_ICFGR_END)
		return n == 0 && (offset & 4) == 0 ? SGI_EDGE : read_config(b, offset / 4 & 1);
	return 0;
}

static void write_bank(struct gic_bank *b, unsigned n, uint32_t offset, unsigned bytes,
		       uint32_t value)
{
	if (offset >= GIC_IPRIORITYR && offset < GIC_PRIORITY_END) {
		for (unsigned i = 0; i < bytes; i++)
			b->priority[(offset + i) & 31] =
				(uint8_t)(value >> (8 * i) & PRIORITY_BITS);
		return;
	}
	if (bytes != 4)
		return;
	if (offset >= GIC_IGROUPR && offset < GIC_BITS_END)
		write_bits(b, offset / 0x80, value);
	else if (offset >= GIC_ICFGR && offset < GIC_ICFGR_END && (n != 0 || (offset & 4)))
		write_config(b, offset / 4 & 1, value);
}

/* Which bank such an offset is about. */
static unsigned bank_of(uint32_t offset)
{
	if (offset < GIC_BITS_END)
		return (offset & 0x7f) / 4;
	if (offset < GIC_PRIORITY_END)
		return (offset - GIC_IPRIORITYR) / 32;
	return (offset & 0xff) / 8;
}

static uint32_t read_id(uint32_t offset)
{
	/* PIDR2: architecture revision 3. CIDR: a component of class 15, as all have. */
	static const uint8_t ids[12] = { 0, 0, 0, 0, 0, 0, 0x30, 0, 0x0d, 0xf0, 0x05, 0xb1 };

	return ids[(offset - GIC_IDS) / 4];
}

/* ---- The distributor ---------------------------------------------------------------------------
 */

static uint32_t read_dist_word(const struct gic *g, uint32_t offset)
{
	unsigned n;

	if (offset == GICD_CTLR)
		return g->ctlr | CTLR_ARE | CTLR_DS;
	if (offset == GICD_TYPER)
		return TYPER_NO1N | TYPER_IDBITS | (GIC_BANKS - 1);
	if (offset >= GIC_IDS)
		return read_id(offset);
	if (offset >= GICD_IROUTER && offset < GICD_IROUTER_END) {
		n = (offset - GICD_IROUTER) / 8;
		if (n < GIC_FIRST_SPI || n >= GIC_INTIDS)
			return 0;
		return (uint32_t)(offset & 4 ? g->router[n] >> 32 : g->router[n]);
	}
	if (offset < GIC_IGROUPR || offset >= GIC_ICFGR_END)
		return 0;
	/* With affinity routing the private interrupts are at the redistributors only. */
	n = bank_of(offset);
	return n == 0 || n >= GIC_BANKS ? 0 : read_bank(&g->shared[n], n, offset);
}

static void write_router(struct gic *g, uint32_t offset, uint32_t value)
{
	unsigned intid = (offset - GICD_IROUTER) / 8;
	uint64_t old;

	if (intid < GIC_FIRST_SPI || intid >= GIC_INTIDS)
		return;
	old = g->router[intid];
	if (offset & 4)
		route(g, intid, (old & UINT32_MAX) | (uint64_t)value << 32);
	else
		route(g, intid, (old & ~(uint64_t)UINT32_MAX) | value);
}

static void write_dist_part(struct gic *g, uint32_t offset, unsigned bytes, uint32_t value)
{
	unsigned n;

	if (offset == GICD_CTLR && bytes == 4) {
		g->ctlr = value & (CTLR_GROUP0 | CTLR_GROUP1);
		return;
	}
	if (offset >= GICD_IROUTER && offset < GICD_IROUTER_END && bytes == 4) {
		write_router(g, offset, value);
		return;
	}
	if (offset < GIC_IGROUPR || offset >= GIC_ICFGR_END)
		return;
	n = bank_of(offset);
	if (n != 0 && n < GIC_BANKS)
		write_bank(&g->shared[n], n, offset, bytes, value);
}

/* ---- The redistributors ------------------------------------------------------------------------
 */

static uint32_t read_redist_word(const struct gic *g, unsigned cpu, uint32_t offset)
{
	const struct gic_cpu *c = &g->cpu[cpu];
	uint32_t in_frame = offset & 0xffff;

	if (in_frame >= GIC_IDS)
		return read_id(in_frame);
	if (offset >= GICR_SGI_FRAME)
		return in_frame >= GIC_ICFGR_END || bank_of(in_frame) != 0
			       ? 0
			       : read_bank(&c->own, 0, in_frame);
	if (offset == GICR_TYPER)
		return cpu << 8 | (cpu + 1 == g->cpus ? REDIST_LAST : 0);
	if (offset == GICR_TYPER + 4)
		return cpu; /* its affinity */
	if (offset == GICR_WAKER)
		return c->waker;
	return 0;
}

static void write_redist_part(struct gic *g, unsigned cpu, uint32_t offset, unsigned bytes,
			      uint32_t value)
{
	struct gic_cpu *c = &g->cpu[cpu];
	uint32_t in_frame = offset & 0xffff;

	if (offset == GICR_WAKER && bytes == 4)
		c->waker = value & WAKER_SLEEP ? WAKER_SLEEP | WAKER_ASLEEP : 0;
	else if (offset >= GICR_SGI_FRAME && in_frame >= GIC_IGROUPR && in_frame < GIC_ICFGR_END &&
		 bank_of(in_frame) == 0)
		write_bank(&c->own, 0, in_frame, bytes, value);
}

/* ---- Accesses ----------------------------------------------------------------------------------
 */

static bool aligned(uint64_t offset, unsigned bytes)
{
	return (offset & (bytes - 1)) == 0;
}

uint64_t gic_dist_read(const struct gic *g, uint64_t offset, unsigned bytes)
{
	uint32_t at = (uint32_t)offset;
	uint64_t value;

	if (!aligned(offset, bytes) || offset >= GIC_DIST_BYTES)
		return 0;
	value = read_dist_word(g, at & ~3u);
	if (bytes == 8)
		return value | (uint64_t)read_dist_word(g, at + 4) << 32;
	return value >> (8 * (at & 3));
}

void gic_dist_write(struct gic *g, uint64_t offset, unsigned bytes, uint64_t value)
{
	uint32_t at = (uint32_t)offset;

	if (!aligned(offset, bytes) || offset >= GIC_DIST_BYTES)
		return;
	write_dist_part(g, at, bytes == 8 ? 4 : bytes, (uint32_t)value);
	if (bytes == 8)
		write_dist_part(g, at + 4, 4, (uint32_t)(value >> 32));
}

uint64_t gic_redist_read(const struct gic *g, unsigned cpu, uint64_t offset, unsigned bytes)
{
	uint32_t at = (uint32_t)offset;
	uint64_t value;

	if (!aligned(offset, bytes) || offset >= GIC_REDIST_BYTES || cpu >= g->cpus)
		return 0;
	value = read_redist_word(g, cpu, at & ~3u);
	if (bytes == 8)
		return value | (uint64_t)read_redist_word(g, cpu, at + 4) << 32;
	return value >> (8 * (at & 3));
}

void gic_redist_write(struct gic *g, unsigned cpu, uint64_t offset, unsigned bytes, uint64_t value)
{
	uint32_t at = (uint32_t)offset;

	if (!aligned(offset, bytes) || offset >= GIC_REDIST_BYTES || cpu >= g->cpus)
		return;
	write_redist_part(g, cpu, at, bytes == 8 ? 4 : bytes, (uint32_t)value);
	if (bytes == 8)
		write_redist_part(g, cpu, at + 4, 4, (uint32_t)(value >> 32));
}
