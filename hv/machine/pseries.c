/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseries board of ppc64: PAPR's calls. H_CEDE and H_REGISTER_PROC_TBL are the processor's own
 * (arch/ppc64/exits.c). The decrementer interrupts by itself; a halted vCPU's is waited for here.
 */
#include "hv/machine/pseries.h"

#include <string.h>

#define NEVER UINT64_MAX
#define XISR_MESSAGE 2u /* the interrupt source number of a message */

/* PAPR 14.5, table of calls. */
enum {
	H_GET_TERM_CHAR = 0x54,
	H_PUT_TERM_CHAR = 0x58,
	H_EOI = 0x64,
	H_CPPR = 0x68,
	H_IPI = 0x6c,
	H_XIRR = 0x74,
	H_REGISTER_VPA = 0xdc,
	H_CONFER = 0xe4,
	H_PROD = 0xe8,
	H_SET_MODE = 0x31c,
	H_RTAS = 0xf000,
};

#define H_SUCCESS UINT64_C(0)
#define H_FUNCTION (~UINT64_C(1))  /* -2 */
#define H_PARAMETER (~UINT64_C(3)) /* -4 */
#define H_P2 (~UINT64_C(54))	   /* -55 */
#define RTAS_ERROR (~UINT64_C(0))  /* -1 */
#define RTAS_BAD (~UINT64_C(2))	   /* -3 */
#define SET_MODE_ENDIAN 4u

const bool machine_floating_bus = false;

size_t machine_size(void)
{
	return sizeof(struct machine);
}

void machine_init(struct machine *m, const struct machine_host *host, unsigned vcpus)
{
	m->host = *host;
	m->vcpus = vcpus < PSERIES_CPUS ? vcpus : PSERIES_CPUS;
	for (unsigned i = 0; i < PSERIES_CPUS; i++) {
		m->icp[i] = (struct pseries_icp){ .cppr = 0, .mfrr = 0xff };
		m->timer_due[i] = NEVER;
	}
	atomic_store(&m->next_event, NEVER);
}

unsigned machine_ram(uint64_t memory_bytes, struct machine_ram out[MACHINE_RAM_RANGES])
{
	uint64_t bytes = memory_bytes & ~PAGE_MASK;

	if (bytes == 0)
		return 0;
	out[0] = (struct machine_ram){ gpa(0), bytes };
	return 1;
}

/* ---- No device has an address, no interrupt is held by the processor ---------------------------
 */

bool machine_io(struct machine *m, unsigned vcpu, struct io_access *io)
{
	(void)m, (void)vcpu, (void)io;
	return false;
}

bool machine_answers(const struct machine *m, gpa_t at)
{
	(void)m, (void)at;
	return false;
}

void machine_irq_retired(struct machine *m, unsigned vcpu, unsigned irq)
{
	(void)m, (void)vcpu, (void)irq;
}

void machine_timer_line(struct machine *m, unsigned vcpu, bool high)
{
	(void)m, (void)vcpu, (void)high;
}

void machine_ipi(struct machine *m, unsigned vcpu, uint64_t value)
{
	(void)m, (void)vcpu, (void)value;
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void publish(struct machine *m, unsigned vcpu)
{
	const struct pseries_icp *icp = &m->icp[vcpu];
	uint32_t bit = UINT32_C(1) << vcpu;

	if (icp->mfrr < icp->cppr)
		atomic_fetch_or(&m->irq, bit);
	else
		atomic_fetch_and(&m->irq, ~bit);
}

bool machine_irq_pending(const struct machine *m, unsigned vcpu)
{
	uint32_t all = atomic_load_explicit(&m->irq, memory_order_acquire) |
		       atomic_load_explicit(&m->prod, memory_order_acquire);

	return all >> vcpu & 1;
}

/* It stays asserted until the guest takes it by H_XIRR. */
unsigned machine_irq_ack(struct machine *m, unsigned vcpu)
{
	atomic_fetch_and(&m->prod, ~(UINT32_C(1) << vcpu));
	return atomic_load(&m->irq) >> vcpu & 1 ? XISR_MESSAGE : MACHINE_NO_IRQ;
}

static void publish_next_event(struct machine *m)
{
	uint64_t next = NEVER;

	for (unsigned i = 0; i < m->vcpus; i++)
		next = m->timer_due[i] < next ? m->timer_due[i] : next;
	atomic_store_explicit(&m->next_event, next, memory_order_release);
}

void machine_timer_due(struct machine *m, unsigned vcpu, uint64_t when_ns)
{
	spin_lock(&m->lock);
	m->timer_due[vcpu] = when_ns;
	publish_next_event(m);
	spin_unlock(&m->lock);
}

uint64_t machine_next_event(const struct machine *m)
{
	return atomic_load_explicit(&m->next_event, memory_order_acquire);
}

/* A decrementer that has passed 0 ends its vCPU's wait as H_PROD does; then it interrupts itself.
 */
void machine_tick(struct machine *m, uint64_t now_ns)
{
	bool woken = false;

	spin_lock(&m->lock);
	for (unsigned i = 0; i < m->vcpus; i++) {
		if (m->timer_due[i] > now_ns)
			continue;
		m->timer_due[i] = NEVER;
		atomic_fetch_or(&m->prod, UINT32_C(1) << i);
		woken = true;
	}
	publish_next_event(m);
	spin_unlock(&m->lock);
	if (woken)
		m->host.notify(m->host.vm);
}

/* H_XIRR takes the interrupt; H_EOI gives back the priority it interrupted. */
static uint64_t accept(struct machine *m, unsigned vcpu)
{
	struct pseries_icp *icp = &m->icp[vcpu];
	uint64_t xirr = (uint64_t)icp->cppr << 24;

	spin_lock(&m->lock);
	if (icp->mfrr < icp->cppr) {
		xirr |= XISR_MESSAGE;
		icp->cppr = icp->mfrr;
	}
	publish(m, vcpu);
	spin_unlock(&m->lock);
	return xirr;
}

static void set_priority(struct machine *m, unsigned vcpu, uint8_t cppr)
{
	spin_lock(&m->lock);
	m->icp[vcpu].cppr = cppr;
	publish(m, vcpu);
	spin_unlock(&m->lock);
}

static uint64_t send(struct machine *m, uint64_t server, uint64_t mfrr)
{
	if (server >= m->vcpus)
		return H_PARAMETER;
	spin_lock(&m->lock);
	m->icp[server].mfrr = (uint8_t)mfrr;
	publish(m, (unsigned)server);
	spin_unlock(&m->lock);
	m->host.notify(m->host.vm);
	return H_SUCCESS;
}

/* ---- The terminal: 16 characters a call, in two registers, the first in the highest byte
 * --------- */

static uint64_t put_characters(struct machine *m, const uint64_t *arg)
{
	uint64_t count = arg[1];

	if (arg[0] != 0 && arg[0] != PSERIES_TERMINAL)
		return H_PARAMETER;
	if (count > 16)
		return H_P2;
	for (unsigned i = 0; i < count; i++)
		m->host.console_put(m->host.vm, (char)(arg[2 + i / 8] >> (56 - 8 * (i % 8))));
	return H_SUCCESS;
}

static void get_characters(struct machine *m, struct machine_answer *out)
{
	*out = (struct machine_answer){ .count = 4 };
	spin_lock(&m->lock);
	while (m->input_count != 0 && out->value[1] < 16) {
		unsigned i = (unsigned)out->value[1]++;
		uint64_t c = (unsigned char)m->input[m->input_from];

		out->value[2 + i / 8] |= c << (56 - 8 * (i % 8));
		m->input_from = (m->input_from + 1) % sizeof(m->input);
		m->input_count--;
	}
	spin_unlock(&m->lock);
}

/* The terminal has no interrupt: the guest asks. */
bool machine_console_input(struct machine *m, char c)
{
	bool taken;

	spin_lock(&m->lock);
	taken = m->input_count < sizeof(m->input);
	if (taken)
		m->input[(m->input_from + m->input_count++) % sizeof(m->input)] = c;
	spin_unlock(&m->lock);
	return taken;
}

/* ---- RTAS: the stub in guest memory hands over token and three arguments (pseries_load.c)
 * -------- */

static uint64_t start_cpu(struct machine *m, const uint64_t *arg)
{
	const struct vcpu_start start = { .mode = VCPU_NATIVE,
					  .entry = gpa(arg[1]),
					  .arg = { arg[2] } };

	if (arg[0] >= m->vcpus)
		return RTAS_BAD;
	return m->host.vcpu_start(m->host.vm, (unsigned)arg[0], &start) == OK ? 0 : RTAS_ERROR;
}

static void rtas(struct machine *m, unsigned vcpu, const uint64_t *arg, struct machine_answer *out)
{
	*out = (struct machine_answer){ .count = 2 };
	switch (arg[0]) {
	case RTAS_POWER_OFF: m->host.power_off(m->host.vm); break;
	case RTAS_REBOOT: m->host.reset(m->host.vm); break;
	case RTAS_START_CPU: out->value[0] = start_cpu(m, arg + 1); break;
	case RTAS_STOP_SELF:
		m->host.vcpu_off(m->host.vm, vcpu);
		out->count = 0;
		break;
	case RTAS_QUERY_STOPPED:
		if (arg[1] >= m->vcpus)
			out->value[0] = RTAS_BAD;
		else
			out->value[1] = m->host.vcpu_is_on(m->host.vm, (unsigned)arg[1]) ? 2 : 0;
		break;
	default: out->value[0] = RTAS_BAD; break;
	}
}

static uint64_t prod(struct machine *m, uint64_t vcpu)
{
	if (vcpu >= m->vcpus)
		return H_PARAMETER;
	atomic_fetch_or(&m->prod, UINT32_C(1) << vcpu);
	m->host.notify(m->host.vm);
	return H_SUCCESS;
}

void machine_call(struct machine *m, unsigned vcpu, const struct firmware_call *call,
		  struct machine_answer *out)
{
	const uint64_t *arg = call->arg;

	*out = (struct machine_answer){ .count = 1 };
	switch (call->nr) {
	case H_GET_TERM_CHAR: get_characters(m, out); break;
	case H_PUT_TERM_CHAR: out->value[0] = put_characters(m, arg); break;
	case H_CPPR: set_priority(m, vcpu, (uint8_t)arg[0]); break;
	case H_EOI: set_priority(m, vcpu, (uint8_t)(arg[0] >> 24)); break;
	case H_IPI: out->value[0] = send(m, arg[0], arg[1]); break;
	case H_XIRR:
		out->value[1] = accept(m, vcpu);
		out->count = 2;
		break;
	case H_REGISTER_VPA: break; /* it is never written to */
	case H_CONFER: out->yield = true; break;
	case H_PROD: out->value[0] = prod(m, arg[0]); break;
	/* Interrupts stay little-endian and where they are (AIL = 0). */
	case H_SET_MODE:
		out->value[0] = arg[1] == SET_MODE_ENDIAN && arg[0] == 1 ? H_SUCCESS : H_P2;
		break;
	case H_RTAS: rtas(m, vcpu, arg, out); break;
	default: out->value[0] = H_FUNCTION; break;
	}
}
