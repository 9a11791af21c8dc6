/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011's registers. Receive interrupts follow from the FIFO's filling, as in the chip, but for
 * ICR, which silences them until the next character comes; the transmit interrupt is an event: the
 * FIFO falling to its trigger level, which here is every character sent.
 */
#include "hv/dev/pl011.h"

enum {
	REG_DR = 0x00,
	REG_RSR = 0x04,
	REG_FR = 0x18,
	REG_ILPR = 0x20,
	REG_IBRD = 0x24,
	REG_FBRD = 0x28,
	REG_LCR = 0x2c,
	REG_CR = 0x30,
	REG_IFLS = 0x34,
	REG_IMSC = 0x38,
	REG_RIS = 0x3c,
	REG_MIS = 0x40,
	REG_ICR = 0x44,
	REG_DMACR = 0x48,
	REG_IDS = 0xfe0, /* UARTPeriphID0..3, UARTPCellID0..3 */
};

#define DR_OVERRUN 0x800u
#define RSR_OVERRUN 0x8u

#define FR_CTS 0x01u
#define FR_DSR 0x02u
#define FR_DCD 0x04u
#define FR_RXFE 0x10u
#define FR_RXFF 0x40u
#define FR_TXFE 0x80u

#define LCR_FEN 0x10u
#define CR_UARTEN 0x001u
#define CR_LBE 0x080u
#define CR_TXE 0x100u
#define CR_RXE 0x200u

#define INT_RX 0x010u
#define INT_TX 0x020u
#define INT_TIMEOUT 0x040u
#define INT_OVERRUN 0x400u
#define INT_ALL 0x7ffu

void pl011_init(struct pl011 *u)
{
	*u = (struct pl011){ .cr = CR_UARTEN | CR_TXE | CR_RXE, .ifls = 0x12 };
}

static unsigned capacity(const struct pl011 *u)
{
	return u->lcr & LCR_FEN ? PL011_FIFO : 1;
}

/* RXIFLSEL: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO; the reserved values as the last. */
static unsigned trigger_level(const struct pl011 *u)
{
	static const uint8_t level[8] = { 2, 4, 8, 12, 14, 14, 14, 14 };

	return u->lcr & LCR_FEN ? level[u->ifls >> 3 & 7] : 1;
}

static uint32_t raw_interrupts(const struct pl011 *u)
{
	uint32_t raw = u->raw;

	if (u->count >= trigger_level(u)) {
		if (!u->rx_cleared)
			raw |= INT_RX;
	} else if (u->count != 0 && !u->timeout_cleared) {
		raw |= INT_TIMEOUT;
	}
	return raw;
}

bool pl011_irq(const struct pl011 *u)
{
	return (raw_interrupts(u) & u->mask) != 0;
}

static void store_character(struct pl011 *u, uint8_t c)
{
	u->fifo[(u->head + u->count) % PL011_FIFO] = c;
	u->count++;
	u->rx_cleared = u->timeout_cleared = false;
}

static uint32_t take_character(struct pl011 *u)
{
	uint32_t c;

	if (u->count == 0)
		return 0;
	c = u->fifo[u->head] | (u->overrun ? DR_OVERRUN : 0);
	u->head = (u->head + 1) % PL011_FIFO;
	u->count--;
	/* Fallen below its level, the FIFO asks again when it is reached again. */
	if (u->count < trigger_level(u))
		u->rx_cleared = false;
	return c;
}

static uint32_t flags(const struct pl011 *u)
{
	return FR_CTS | FR_DSR | FR_DCD | FR_TXFE | (u->count == 0 ? FR_RXFE : 0) |
	       (u->count >= capacity(u) ? FR_RXFF : 0);
}

static uint32_t read_id(uint64_t offset)
{
	/* Part 0x011, designer ARM, revision r1p4; a PrimeCell. */
	static const uint8_t ids[8] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return ids[(offset - REG_IDS) / 4];
}

static uint32_t read_register(struct pl011 *u, uint64_t offset)
{
	switch (offset) {
	case REG_DR: return take_character(u);
	case REG_RSR: return u->overrun ? RSR_OVERRUN : 0;
	case REG_FR: return flags(u);
	case REG_ILPR: return u->ilpr;
	case REG_IBRD: return u->ibrd;
	case REG_FBRD: return u->fbrd;
	case REG_LCR: return u->lcr;
	case REG_CR: return u->cr;
	case REG_IFLS: return u->ifls;
	case REG_IMSC: return u->mask;
	case REG_RIS: return raw_interrupts(u);
	case REG_MIS: return raw_interrupts(u) & u->mask;
	case REG_DMACR: return u->dmacr;
	default: return offset >= REG_IDS && offset < PL011_BYTES ? read_id(offset) : 0;
	}
}

uint32_t pl011_read(struct pl011 *u, uint64_t offset)
{
	/* A byte in the middle of DR must not take a character. */
	if ((offset & ~UINT64_C(3)) == REG_DR && offset != REG_DR)
		return 0;
	return read_register(u, offset & ~UINT64_C(3)) >> (8 * (offset & 3));
}

/* True: on the line; false: in loopback it is received instead. */
static bool transmit(struct pl011 *u, uint8_t c)
{
	u->raw |= INT_TX;
	if (!(u->cr & CR_LBE))
		return true;
	if (u->count < capacity(u)) {
		store_character(u, c);
	} else {
		u->overrun = true;
		u->raw |= INT_OVERRUN;
	}
	return false;
}

static void write_lcr(struct pl011 *u, uint32_t value)
{
	/* Switching the FIFOs empties them. */
	if ((u->lcr ^ value) & LCR_FEN)
		u->head = u->count = 0;
	u->lcr = value & 0xff;
}

static void clear_interrupts(struct pl011 *u, uint32_t value)
{
	u->raw &= ~(value & INT_ALL);
	u->rx_cleared |= (value & INT_RX) != 0 && u->count >= trigger_level(u);
	u->timeout_cleared |= (value & INT_TIMEOUT) != 0;
}

bool pl011_write(struct pl011 *u, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case REG_DR: return transmit(u, (uint8_t)value);
	case REG_RSR: u->overrun = false; break; /* any value */
	case REG_ILPR: u->ilpr = value & 0xff; break;
	case REG_IBRD: u->ibrd = value & 0xffff; break;
	case REG_FBRD: u->fbrd = value & 0x3f; break;
	case REG_LCR: write_lcr(u, value); break;
	case REG_CR: u->cr = value & 0xff87; break;
	case REG_IFLS: u->ifls = value & 0x3f; break;
	case REG_IMSC: u->mask = value & INT_ALL; break;
	case REG_ICR: clear_interrupts(u, value); break;
	case REG_DMACR: u->dmacr = value & 7; break;
	default: break; /* read-only, reserved, or no register's beginning */
	}
	return false;
}

bool pl011_receive(struct pl011 *u, uint8_t c)
{
	const uint32_t on = CR_UARTEN | CR_RXE;

	if ((u->cr & CR_LBE) || (u->cr & on) != on || u->count >= capacity(u))
		return false;
	store_character(u, c);
	return true;
}
