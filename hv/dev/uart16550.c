/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A's registers. The interrupt line is a function of the state (uart_irq), so nothing can
 * forget to raise or lower it; only "transmitter empty" needs a flag of its own, since reading IIR
 * clears it.
 */
#include "hv/dev/uart16550.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX 0x01u
#define IER_THR 0x02u
#define IER_LINE 0x04u
#define IER_MODEM 0x08u

#define IIR_NONE 0x01u
#define IIR_MODEM 0x00u
#define IIR_THR 0x02u
#define IIR_RX 0x04u
#define IIR_LINE 0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFO_ON 0xc0u

#define FCR_ENABLE 0x01u
#define FCR_CLEAR_RX 0x02u

#define LCR_DLAB 0x80u
#define MCR_DTR 0x01u
#define MCR_RTS 0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u

#define LSR_READY 0x01u
#define LSR_OVERRUN 0x02u
#define LSR_EMPTY 0x60u /* holding register and shift register */

#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI 0x40u
#define MSR_DCD 0x80u

void uart_init(struct uart *u)
{
	*u = (struct uart){ .divisor = 1 };
}

static unsigned capacity(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static unsigned trigger_level(const struct uart *u)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The modem inputs: a cable that is always ready, or in loopback the chip's own outputs. */
static uint8_t modem_inputs(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
			 (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

/* The cause of the interrupt, highest priority first (data sheet, table of IIR). */
static uint8_t cause(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->lsr_errors)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->count)
		return u->count >= trigger_level(u) ? IIR_RX : IIR_TIMEOUT;
	if ((u->ier & IER_THR) && u->thr_pending)
		return IIR_THR;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

bool uart_irq(const struct uart *u)
{
	if ((u->mcr & (MCR_OUT2 | MCR_LOOP)) != MCR_OUT2)
		return false;
	return cause(u) != IIR_NONE;
}

static uint8_t take_character(struct uart *u)
{
	uint8_t c;

	if (!u->count)
		return 0;
	c = u->fifo[u->head];
	u->head = (u->head + 1) % UART_FIFO;
	u->count--;
	return c;
}

static void store_character(struct uart *u, uint8_t c)
{
	u->fifo[(u->head + u->count) % UART_FIFO] = c;
	u->count++;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t iir = cause(u);

	if (iir == IIR_THR)
		u->thr_pending = false;
	return iir | (u->fcr & FCR_ENABLE ? IIR_FIFO_ON : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = (uint8_t)(LSR_EMPTY | u->lsr_errors | (u->count ? LSR_READY : 0));

	u->lsr_errors = 0;
	return lsr;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t msr = modem_inputs(u) | u->msr_delta;

	u->msr_delta = 0;
	return msr;
}

uint8_t uart_read(struct uart *u, unsigned reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA: return dlab ? (uint8_t)u->divisor : take_character(u);
	case REG_IER: return dlab ? (uint8_t)(u->divisor >> 8) : u->ier;
	case REG_IIR_FCR: return read_iir(u);
	case REG_LCR: return u->lcr;
	case REG_MCR: return u->mcr;
	case REG_LSR: return read_lsr(u);
	case REG_MSR: return read_msr(u);
	default: return u->scr;
	}
}

/* Writes THR. The character leaves at once, so the register is empty again. */
static bool transmit(struct uart *u, uint8_t c)
{
	u->thr_pending = true;
	if (!(u->mcr & MCR_LOOP))
		return true;
	if (u->count < capacity(u)) {
		store_character(u, c);
	} else {
		u->lsr_errors |= LSR_OVERRUN;
		/* Without a FIFO the newer character replaces the older one. */
		if (!(u->fcr & FCR_ENABLE))
			u->fifo[u->head] = c;
	}
	return false;
}

static void write_ier(struct uart *u, uint8_t value)
{
	/* Enabling the interrupt while the register is empty raises it. */
	if (!(u->ier & IER_THR) && (value & IER_THR))
		u->thr_pending = true;
	u->ier = value & 0x0f;
}

static void write_fcr(struct uart *u, uint8_t value)
{
	/* Switching the FIFOs on or off empties them; the other bits count only while they are on.
	 */
	if (((u->fcr ^ value) & FCR_ENABLE) || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX)))
		u->head = u->count = 0;
	u->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
}

static void write_mcr(struct uart *u, uint8_t value)
{
	uint8_t before = modem_inputs(u), changed;

	u->mcr = value & 0x1f;
	changed = before ^ modem_inputs(u);
	/* RI reports its falling edge only. */
	if (!(before & MSR_RI))
		changed &= (uint8_t)~MSR_RI;
	u->msr_delta |= changed >> 4;
}

bool uart_write(struct uart *u, unsigned reg, uint8_t value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (!dlab)
			return transmit(u, value);
		u->divisor = (uint16_t)((u->divisor & 0xff00) | value);
		break;
	case REG_IER:
		if (dlab)
			u->divisor = (uint16_t)((u->divisor & 0x00ff) | (value << 8));
		else
			write_ier(u, value);
		break;
	case REG_IIR_FCR: write_fcr(u, value); break;
	case REG_LCR: u->lcr = value; break;
	case REG_MCR: write_mcr(u, value); break;
	case REG_SCR: u->scr = value; break;
	default: break; /* LSR and MSR are read-only to software */
	}
	return false;
}

bool uart_receive(struct uart *u, uint8_t c)
{
	if ((u->mcr & MCR_LOOP) || u->count >= capacity(u))
		return false;
	store_character(u, c);
	return true;
}
