/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseries board of ppc64: its interrupts, its terminal's input and what a halted vCPU waits
 * for. The decrementer interrupts by itself; a halted vCPU's is waited for here. The calls are in
 * pseries_hcall.c and pseries_rtas.c.
 *
 * Every entry has one shape: lock, change, publish what others read without the lock, unlock, and
 * only then tell the host what came of it.
 */
#include "hv/machine/pseries.h"

#include "arch/arch.h"

#define NEVER UINT64_MAX
#define NS_PER_SECOND UINT64_C(1000000000)
#define NO_LEVELS 0u

/* What no memslot and no device answers is a machine check of the guest's. */
const bool machine_floating_bus = false;

size_t machine_size(void)
{
	return sizeof(struct machine);
}

void machine_init(struct machine *m, const struct machine_host *host, unsigned vcpus)
{
	m->host = *host;
	m->vcpus = vcpus < XICS_SERVERS ? vcpus : XICS_SERVERS;
	m->wall_ns = host->wall_seconds(host->vm) * NS_PER_SECOND - arch_time_ns();
	m->input_signal = true; /* Linux's driver relies on it, and never calls H_VIO_SIGNAL */
	xics_init(&m->interrupts, m->vcpus, PSERIES_TERMINAL_SOURCE + 1, NO_LEVELS);
	for (unsigned i = 0; i < XICS_SERVERS; i++)
		m->timer_due[i] = NEVER;
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

/* ---- No device has an address, no interrupt is held by the processor ------------------------- */

bool machine_io(struct machine *m, unsigned vcpu, struct io_access *io)
{
	(void)m, (void)vcpu, (void)io;
	return false;
}

const gpa_t machine_devices_end = { 0 };

bool machine_answers(struct machine *m, gpa_t at)
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

uint32_t pseries_publish(struct machine *m)
{
	uint32_t before = atomic_load_explicit(&m->irq, memory_order_relaxed), irq = 0;

	for (unsigned i = 0; i < m->vcpus; i++)
		if (xics_pending(&m->interrupts, i))
			irq |= UINT32_C(1) << i;
	if (irq != before)
		atomic_store_explicit(&m->irq, irq, memory_order_release);
	return irq & ~before;
}

bool pseries_passes(enum result r)
{
	return r == RACED || r == BUSY || r == WOULD_SLEEP || r == OUT_OF_MEMORY;
}

void pseries_notify(const struct machine *m, uint32_t raised, unsigned mine)
{
	if (raised & ~(UINT32_C(1) << mine))
		m->host.notify(m->host.vm);
}

bool machine_irq_pending(const struct machine *m, unsigned vcpu)
{
	return atomic_load_explicit(&m->irq, memory_order_acquire) >> vcpu & 1;
}

bool machine_wakes(const struct machine *m, unsigned vcpu)
{
	return machine_irq_pending(m, vcpu) ||
	       (atomic_load_explicit(&m->woken, memory_order_acquire) >> vcpu & 1);
}

/* It stays asserted until the guest takes it by H_XIRR, which also says which it is. */
unsigned machine_irq_ack(struct machine *m, unsigned vcpu)
{
	return machine_irq_pending(m, vcpu) ? XICS_IPI : MACHINE_NO_IRQ;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void publish_next_event(struct machine *m) REQUIRES(m->lock)
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
	/* It goes on: what ended its wait has been used up. */
	if (when_ns == NEVER)
		atomic_fetch_and(&m->woken, ~(UINT32_C(1) << vcpu));
	spin_unlock(&m->lock);
}

uint64_t machine_next_event(const struct machine *m)
{
	return atomic_load_explicit(&m->next_event, memory_order_acquire);
}

/* A decrementer that has passed 0 ends its vCPU's wait; then it interrupts by itself. */
void machine_tick(struct machine *m, uint64_t now_ns)
{
	uint32_t due = 0;

	spin_lock(&m->lock);
	for (unsigned i = 0; i < m->vcpus; i++) {
		if (m->timer_due[i] > now_ns)
			continue;
		m->timer_due[i] = NEVER;
		due |= UINT32_C(1) << i;
	}
	publish_next_event(m);
	atomic_fetch_or(&m->woken, due);
	spin_unlock(&m->lock);
	if (due != 0)
		m->host.notify(m->host.vm);
}

/* ---- The terminal's input -------------------------------------------------------------------- */

bool machine_console_input(struct machine *m, char c)
{
	uint32_t raised = 0;
	bool taken;

	spin_lock(&m->lock);
	taken = m->input_count < sizeof(m->input);
	if (taken)
		m->input[(m->input_from + m->input_count++) % sizeof(m->input)] = c;
	if (taken && m->input_signal) {
		xics_line(&m->interrupts, PSERIES_TERMINAL_SOURCE, true, arch_counter());
		xics_line(&m->interrupts, PSERIES_TERMINAL_SOURCE, false, 0);
		raised = pseries_publish(m);
	}
	spin_unlock(&m->lock);
	if (raised)
		m->host.notify(m->host.vm);
	return taken;
}
