/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two priority resolvers, the slave's answer being the master's input 2. Every change of a register
 * or of a line ends in pic_update, which is the only place that computes the outputs.
 */
#include "hv/dev/pic8259.h"

#define CASCADE 2u
#define SPURIOUS 7u

static uint8_t rotate_right(uint8_t v, unsigned by)
{
	return (uint8_t)((v >> by) | (v << ((8 - by) & 7)));
}

/* The input of highest priority among `inputs`, or -1. */
static int first_of(const struct pic_chip *c, uint8_t inputs)
{
	unsigned top = (c->lowest + 1u) & 7;

	if (!inputs)
		return -1;
	return (int)(((unsigned)__builtin_ctz(rotate_right(inputs, top)) + top) & 7);
}

/* The rank of an input: 0 is the highest priority; 8 for "none". */
static unsigned rank(const struct pic_chip *c, int input)
{
	return input < 0 ? 8 : ((unsigned)input - (c->lowest + 1u)) & 7;
}

/* The input that the chip asks to be acknowledged now, or -1. */
static int resolve(const struct pic_chip *c)
{
	uint8_t in_service = c->isr, asking = c->irr & (uint8_t)~c->imr;
	int wanted;

	if (!asking || c->icw)
		return -1;
	wanted = first_of(c, asking);
	if (!in_service)
		return wanted;
	if (c->special_mask)
		in_service &= (uint8_t)~c->imr;
	if (c->nested)
		in_service &= (uint8_t)~c->slaves;
	return rank(c, wanted) < rank(c, first_of(c, in_service)) ? wanted : -1;
}

static void pic_update(struct pic *p)
{
	if (resolve(&p->slave) >= 0)
		p->master.irr |= 1u << CASCADE;
	else
		p->master.irr &= (uint8_t) ~(1u << CASCADE);
	p->output = resolve(&p->master) >= 0;
}

/* Takes the request of `input` into service. */
static void acknowledge(struct pic_chip *c, unsigned input)
{
	uint8_t bit = (uint8_t)(1u << input);

	if (!c->auto_eoi)
		c->isr |= bit;
	else if (c->rotate_auto_eoi)
		c->lowest = (uint8_t)input;
	if (!(c->level & bit))
		c->irr &= (uint8_t)~bit;
}

void pic_init(struct pic *p)
{
	*p = (struct pic){
		.master = { .base = 0x08, .imr = 0xff, .lowest = 7, .slaves = 1u << CASCADE },
		.slave = { .base = 0x70, .imr = 0xff, .lowest = 7 }
	};
}

void pic_set_line(struct pic *p, unsigned irq, bool high)
{
	struct pic_chip *c = irq < 8 ? &p->master : &p->slave;
	uint8_t bit = (uint8_t)(1u << (irq & 7));

	if (high == ((c->line & bit) != 0))
		return;
	c->line ^= bit;
	if (high)
		c->irr |= bit;
	else
		c->irr &= (uint8_t)~bit;
	pic_update(p);
}

unsigned pic_ack(struct pic *p)
{
	int input = resolve(&p->master);
	unsigned vector;

	if (input < 0)
		return p->master.base + SPURIOUS;
	acknowledge(&p->master, (unsigned)input);
	vector = p->master.base + (unsigned)input;
	if (input == (int)CASCADE) {
		/* pic_update keeps the cascade equal to this, so there is an input. */
		unsigned from = (unsigned)resolve(&p->slave) & 7;

		acknowledge(&p->slave, from);
		vector = p->slave.base + from;
	}
	pic_update(p);
	return vector;
}

bool pic_requested(const struct pic *p, unsigned irq)
{
	return irq < 8 ? p->master.irr & (1u << irq) : p->slave.irr & (1u << (irq - 8));
}

static uint8_t poll_read(struct pic_chip *c)
{
	int input = resolve(c);

	c->poll = false;
	if (input < 0)
		return SPURIOUS;
	acknowledge(c, (unsigned)input);
	return (uint8_t)(0x80u | (unsigned)input);
}

uint8_t pic_read(struct pic *p, bool slave, unsigned offset)
{
	struct pic_chip *c = slave ? &p->slave : &p->master;
	uint8_t value;

	if (c->poll) {
		value = poll_read(c);
		pic_update(p);
		return value;
	}
	if (offset == 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static void write_icw1(struct pic_chip *c, uint8_t value)
{
	c->imr = 0;
	c->isr = 0;
	c->irr = c->line & c->level; /* edges seen so far are forgotten */
	c->lowest = 7;
	c->auto_eoi = c->rotate_auto_eoi = false;
	c->special_mask = c->nested = false;
	c->read_isr = c->poll = false;
	c->icw4 = value & 1;
	c->single = value & 2;
	c->icw = 2;
}

/* OCW2: ends of interrupt and rotations. */
static void write_ocw2(struct pic_chip *c, uint8_t value)
{
	bool rotate = value & 0x80, specific = value & 0x40, eoi = value & 0x20;
	uint8_t in_service = c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr;
	int input = specific ? value & 7 : first_of(c, in_service);

	if (!eoi) {
		if (specific && rotate)
			c->lowest = value & 7; /* "set priority" */
		else if (!specific)
			c->rotate_auto_eoi = rotate;
		return;
	}
	if (input < 0)
		return;
	c->isr &= (uint8_t) ~(1u << input);
	if (rotate)
		c->lowest = (uint8_t)input;
}

static void write_ocw3(struct pic_chip *c, uint8_t value)
{
	c->poll = value & 4;
	if (value & 2)
		c->read_isr = value & 1;
	if (value & 0x40)
		c->special_mask = value & 0x20;
}

static void write_data(struct pic_chip *c, uint8_t value)
{
	switch (c->icw) {
	case 2:
		c->base = value & 0xf8;
		c->icw = c->single ? (c->icw4 ? 4 : 0) : 3;
		break;
	case 3: c->icw = c->icw4 ? 4 : 0; break;
	case 4:
		c->nested = value & 0x10;
		c->auto_eoi = value & 2;
		c->icw = 0;
		break;
	default: c->imr = value;
	}
}

void pic_write(struct pic *p, bool slave, unsigned offset, uint8_t value)
{
	struct pic_chip *c = slave ? &p->slave : &p->master;

	if (offset == 1)
		write_data(c, value);
	else if (value & 0x10)
		write_icw1(c, value);
	else if (value & 8)
		write_ocw3(c, value);
	else
		write_ocw2(c, value);
	pic_update(p);
}

uint8_t pic_level_read(const struct pic *p, bool slave)
{
	return slave ? p->slave.level : p->master.level;
}

void pic_level_write(struct pic *p, bool slave, uint8_t value)
{
	struct pic_chip *c = slave ? &p->slave : &p->master;

	c->level = value & (slave ? 0xde : 0xf8);
	/* A level-triggered input that is high asks at once. */
	c->irr |= c->line & c->level;
	pic_update(p);
}
