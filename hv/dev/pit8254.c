/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 as arithmetic on ticks. elapsed() is how many ticks a channel has counted; count_now()
 * and output_at() are the data sheet's wave forms as functions of it.
 */
#include "hv/dev/pit8254.h"

typedef unsigned __int128 u128;

#define NS_PER_SECOND UINT64_C(1000000000)
#define ONE_SHOT_GONE UINT64_MAX

/* floor(PIT_HZ * 2^64 / 10^9), and ceil(10^9 * 2^32 / PIT_HZ). */
#define TICKS_PER_NS ((uint64_t)(((u128)PIT_HZ << 64) / NS_PER_SECOND))
#define NS_PER_TICK (((NS_PER_SECOND << 32) + PIT_HZ - 1) / PIT_HZ)

static uint64_t ticks_of(uint64_t ns)
{
	return (uint64_t)(((u128)ns * TICKS_PER_NS) >> 64);
}

/* A time at which `tick` has begun: ticks_of(ns_of(t)) >= t. Late by 2 ns, and one more an hour. */
static uint64_t ns_of(uint64_t tick)
{
	return (uint64_t)(((u128)tick * NS_PER_TICK) >> 32) + 2;
}

void pit_init(struct pit *p)
{
	*p = (struct pit){ 0 };
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		p->channel[i] = (struct pit_channel){
			.mode = 3, .access = 3, .gate = i != 2, .count = 65536
		};
}

static bool periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 count from a rising gate, the others while the gate is high. */
static bool triggered(const struct pit_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static uint64_t elapsed(const struct pit_channel *c, uint64_t tick)
{
	if (!c->running)
		return c->held;
	return tick > c->start ? tick - c->start : 0;
}

/* Moves the start of a periodic channel to the period that holds `tick`; returns the periods
 * passed. */
static uint64_t advance(struct pit_channel *c, uint64_t tick)
{
	uint64_t gone = elapsed(c, tick), periods;

	if (!periodic(c) || !c->running || c->count == 0 || gone < c->count)
		return 0; /* a count is never 0: set_count */
	if (!c->next_count && gone < 2 * (uint64_t)c->count) {
		c->start += c->count; /* the common case, without a division */
		return 1;
	}
	periods = 1;
	c->start += c->count;
	gone -= c->count;
	if (c->next_count) {
		c->count = c->next_count;
		c->next_count = 0;
	}
	periods += gone / c->count;
	c->start += gone / c->count * c->count;
	return periods;
}

static uint16_t to_bcd(uint32_t v)
{
	return (uint16_t)((v / 1000 % 10) << 12 | (v / 100 % 10) << 8 | (v / 10 % 10) << 4 |
			  v % 10);
}

static uint32_t from_bcd(uint32_t v)
{
	return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

/* What the counter shows. A periodic channel has been advanced, so gone < count. */
static uint16_t count_now(const struct pit_channel *c, uint64_t tick)
{
	uint64_t gone = elapsed(c, tick);
	uint32_t value, half;

	switch (c->mode) {
	case 2: value = c->count - (uint32_t)gone; break;
	case 3: /* steps of two, over each half; an odd count's first half is the longer */
		half = (c->count + 1) / 2;
		if (gone >= half)
			gone -= half;
		value = (c->count & ~1u) - 2 * (uint32_t)gone;
		break;
	default: /* goes on below zero */
		value = c->bcd ? (uint32_t)((c->count + 10000 - gone % 10000) % 10000)
			       : (uint32_t)(c->count - gone);
	}
	return c->bcd ? to_bcd(value) : (uint16_t)value;
}

static bool output_at(const struct pit_channel *c, uint64_t tick)
{
	uint64_t gone = elapsed(c, tick);

	switch (c->mode) {
	case 0: return c->armed && gone >= c->count;
	case 1: /* high until triggered */ return !c->running || gone >= c->count;
	case 2: return !c->running || gone + 1 != c->count;
	case 3: return !c->running || gone < (c->count + 1) / 2;
	default: /* 4 and 5: low for the one tick of the strobe */
		return !c->running || gone != c->count;
	}
}

/*
 * The channel as it stands at `tick`. A copy: channel 0 itself is advanced by pit_tick alone, which
 * counts its edges.
 */
static struct pit_channel channel_at(const struct pit *p, unsigned channel, uint64_t tick)
{
	struct pit_channel c = p->channel[channel];

	(void)advance(&c, tick);
	return c;
}

bool pit_output(const struct pit *p, unsigned channel, uint64_t now_ns)
{
	uint64_t tick = ticks_of(now_ns);
	struct pit_channel c = channel_at(p, channel, tick);

	return output_at(&c, tick);
}

/* The count is loaded with the next tick and counts from there. */
static void load(struct pit_channel *c, uint64_t tick)
{
	if (c->next_count) {
		c->count = c->next_count;
		c->next_count = 0;
	}
	c->running = true;
	c->start = tick + 1;
	c->held = 0;
	c->edge_done = false;
}

static void set_count(struct pit_channel *c, uint32_t raw, uint64_t tick)
{
	uint32_t count = c->bcd ? from_bcd(raw) : raw;

	if (count == 0)
		count = c->bcd ? 10000 : 65536;
	/* The data sheet's smallest count of modes 2 and 3 is 2. */
	if (count == 1 && periodic(c))
		count = 2;
	/* A period, or a shot, that is under way ends as it began. */
	if (c->running && (periodic(c) || triggered(c))) {
		c->next_count = count;
		return;
	}
	c->armed = true;
	c->count = count;
	if (triggered(c))
		return; /* waits for the gate */
	c->held = 0;
	if (c->gate)
		load(c, tick);
}

static void write_counter(struct pit_channel *c, uint8_t value, uint64_t tick)
{
	switch (c->access) {
	case 1: set_count(c, value, tick); return;
	case 2: set_count(c, (uint32_t)value << 8, tick); return;
	default: break;
	}
	if (!c->half_write) {
		c->low = value;
		c->half_write = true;
		if (c->mode == 0) { /* the first byte stops mode 0 and lowers its output */
			c->running = c->armed = false;
			c->held = 0;
		}
		return;
	}
	c->half_write = false;
	set_count(c, (uint32_t)value << 8 | c->low, tick);
}

static void latch_count(struct pit *p, unsigned channel, uint64_t tick)
{
	struct pit_channel *c = &p->channel[channel], now = channel_at(p, channel, tick);

	if (c->latched)
		return; /* the first latch stands until it is read */
	c->latch = count_now(&now, tick);
	c->latched = c->access == 3 ? 2 : 1;
}

static void latch_status(struct pit *p, unsigned channel, uint64_t tick)
{
	struct pit_channel *c = &p->channel[channel], now = channel_at(p, channel, tick);
	bool null = !now.armed || now.next_count || (now.running && tick < now.start);

	if (c->status_latched)
		return;
	c->status = (uint8_t)((output_at(&now, tick) ? 0x80 : 0) | (null ? 0x40 : 0) |
			      c->access << 4 | c->mode << 1 | (c->bcd ? 1 : 0));
	c->status_latched = true;
}

static void read_back(struct pit *p, uint8_t value, uint64_t tick)
{
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		if (!(value & (2u << i)))
			continue;
		if (!(value & 0x20))
			latch_count(p, i, tick);
		if (!(value & 0x10))
			latch_status(p, i, tick);
	}
}

static void write_control(struct pit *p, uint8_t value, uint64_t tick)
{
	unsigned which = value >> 6;
	struct pit_channel *c;

	if (which == 3) {
		read_back(p, value, tick);
		return;
	}
	c = &p->channel[which];
	if (!(value & 0x30)) {
		latch_count(p, which, tick);
		return;
	}
	*c = (struct pit_channel){ .mode = value >> 1 & 7,
				   .access = value >> 4 & 3,
				   .bcd = value & 1,
				   .gate = c->gate,
				   .count = c->count };
	if (c->mode > 5)
		c->mode &= 3; /* 6 and 7 mean 2 and 3 */
	if (which == 0)
		p->owed = 0;
}

uint8_t pit_read(struct pit *p, unsigned offset, uint64_t now_ns)
{
	uint64_t tick = ticks_of(now_ns);
	struct pit_channel *c;
	uint16_t value;
	bool high;

	if (offset >= PIT_CHANNELS)
		return 0xff; /* the control word cannot be read */
	c = &p->channel[offset];
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latched) {
		high = c->access == 2 || (c->access == 3 && c->latched == 1);
		c->latched--;
		return (uint8_t)(high ? c->latch >> 8 : c->latch);
	}
	if (offset == 0) {
		struct pit_channel now = channel_at(p, 0, tick);

		value = count_now(&now, tick);
	} else {
		(void)advance(c, tick);
		value = count_now(c, tick);
	}
	high = c->access == 2;
	if (c->access == 3) {
		high = c->half_read;
		c->half_read = !c->half_read;
	}
	return (uint8_t)(high ? value >> 8 : value);
}

void pit_write(struct pit *p, unsigned offset, uint8_t value, uint64_t now_ns)
{
	uint64_t tick = ticks_of(now_ns);

	if (offset < PIT_CHANNELS)
		write_counter(&p->channel[offset], value, tick);
	else
		write_control(p, value, tick);
}

static void set_gate(struct pit_channel *c, bool gate, uint64_t tick)
{
	bool rises = gate && !c->gate;

	if (gate == c->gate)
		return;
	(void)advance(c, tick);
	c->gate = gate;
	if (!c->armed)
		return;
	if (triggered(c)) {
		if (rises)
			load(c, tick);
	} else if (!rises) {
		c->held = periodic(c) ? 0 : elapsed(c, tick);
		c->running = false;
	} else if (periodic(c)) {
		load(c, tick); /* the gate restarts the period */
	} else {
		c->start = tick - c->held;
		c->running = true;
	}
}

uint8_t pit_control_read(struct pit *p, uint64_t now_ns)
{
	struct pit_channel *c = &p->channel[2];
	uint64_t tick = ticks_of(now_ns);

	(void)advance(c, tick);
	return (uint8_t)(p->control | (tick / 18 & 1) << 4 | (output_at(c, tick) ? 0x20 : 0));
}

void pit_control_write(struct pit *p, uint8_t value, uint64_t now_ns)
{
	p->control = value & 0x0f;
	set_gate(&p->channel[2], value & 1, ticks_of(now_ns));
}

/* The tick of channel 0's next rising edge that has not been reported. */
static uint64_t next_edge(const struct pit_channel *c)
{
	if (!c->armed || !c->running || triggered(c))
		return ONE_SHOT_GONE; /* channel 0's gate never rises */
	if (periodic(c))
		return c->start + c->count;
	if (c->edge_done)
		return ONE_SHOT_GONE;
	return c->start + c->count + (c->mode == 4 ? 1 : 0);
}

/* Edges of channel 0 since the last call. */
static uint64_t take_edges(struct pit_channel *c, uint64_t tick)
{
	if (tick < next_edge(c))
		return 0;
	if (periodic(c))
		return advance(c, tick);
	c->edge_done = true;
	return 1;
}

bool pit_tick(struct pit *p, bool free, uint64_t now_ns)
{
	struct pit_channel *c = &p->channel[0];
	uint64_t tick = ticks_of(now_ns), edges = take_edges(c, tick);
	bool give = false;

	if (free && edges && !p->owed) {
		edges--; /* the newest is on time; what came before it is owed */
		give = true;
	} else if (free && p->owed && tick >= p->next_owed) {
		p->owed--;
		give = true;
	}
	if (edges > PIT_BACKLOG - p->owed) {
		p->dropped += edges - (PIT_BACKLOG - p->owed);
		edges = PIT_BACKLOG - p->owed;
	}
	p->owed += (unsigned)edges;
	if (give)
		p->next_owed = tick + (c->count >> 1);
	return give;
}

uint64_t pit_next_event(const struct pit *p, bool free)
{
	uint64_t next = next_edge(&p->channel[0]);

	if (!free)
		return UINT64_MAX;
	if (p->owed)
		next = p->next_owed;
	return next == ONE_SHOT_GONE ? UINT64_MAX : ns_of(next);
}
