/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virt board of arm64: a GICv3, a PL011 on SPI 1, the processors' own timers on PPI 27, and
 * PSCI for firmware.
 *
 * Every entry has one shape: lock, let the devices work, publish() what others read without the
 * lock, unlock, and only then tell the host what came of it.
 */
#include "hv/machine/virt.h"

#include "hv/dev/psci.h"

#define NEVER UINT64_MAX

/* As a processor's bus does: an external abort. */
const bool machine_floating_bus = false;

const gpa_t machine_devices_end = { VIRT_RAM };

/* ---- What follows from a change ---------------------------------------------------------------
 */

/* The vCPUs that have an interrupt pending now and had none before. */
static __attribute__((noinline)) uint32_t publish(struct machine *m)
{
	uint32_t before = atomic_load_explicit(&m->irq, memory_order_relaxed), irq = 0;

	for (unsigned i = 0; i < m->vcpus; i++)
		if (gic_pending(&m->gic, i))
			irq |= UINT32_C(1) << i;
	if (irq != before)
		atomic_store_explicit(&m->irq, irq, memory_order_release);
	m->moved = false;
	return irq & ~before;
}

static void publish_next_event(struct machine *m)
{
	uint64_t next = NEVER;

	for (unsigned i = 0; i < m->vcpus; i++)
		if (m->timer_due[i] < next)
			next = m->timer_due[i];
	atomic_store_explicit(&m->next_event, next, memory_order_release);
}

/* `mine`: the vCPU that looks by itself. */
static void notify_others(const struct machine *m, uint32_t raised, unsigned mine)
{
	if (raised & ~(UINT32_C(1) << mine))
		m->host.notify(m->host.vm);
}

/* The serial line's interrupt, where it has changed. */
static void run_uart(struct machine *m)
{
	bool high = pl011_irq(&m->uart);

	if (high == m->uart_high)
		return;
	m->uart_high = high;
	m->moved = true;
	gic_set_spi(&m->gic, VIRT_UART_SPI, high);
}

/* ---- The registers ----------------------------------------------------------------------------
 */

static uint64_t read_dist(void *device, uint64_t offset, unsigned bytes)
{
	const struct machine *m = device;

	return gic_dist_read(&m->gic, offset, bytes);
}

static void write_dist(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	m->moved = true;
	gic_dist_write(&m->gic, offset, bytes, value);
}

static uint64_t read_redist(void *device, uint64_t offset, unsigned bytes)
{
	const struct virt_redist *r = device;

	return gic_redist_read(&r->machine->gic, r->cpu, offset, bytes);
}

static void write_redist(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct virt_redist *r = device;

	r->machine->moved = true;
	gic_redist_write(&r->machine->gic, r->cpu, offset, bytes, value);
}

static uint64_t read_uart(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;
	uint64_t value;

	(void)bytes;
	value = pl011_read(&m->uart, offset);
	run_uart(m);
	return value;
}

static void write_uart(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)bytes;
	if (pl011_write(&m->uart, offset, (uint32_t)value) && m->todo.sent < sizeof(m->todo.line))
		m->todo.line[m->todo.sent++] = (char)value;
	run_uart(m);
}

/* ---- The machine's interface -------------------------------------------------------------------
 */

_Static_assert(GIC_CPUS + 2 <= BUS_RANGES, "the board's ranges fit on the bus");

size_t machine_size(void)
{
	return sizeof(struct machine);
}

/* In the order of their addresses, so bus_attach's search is not needed. */
static void attach(struct machine *m, const struct bus_range *r)
{
	m->bus.range[m->bus.count++] = *r;
}

void machine_init(struct machine *m, const struct machine_host *host, unsigned vcpus)
{
	m->host = *host;
	m->vcpus = vcpus;
	attach(m, &(struct bus_range){ VIRT_GICD, VIRT_GICD + GIC_DIST_BYTES, 8, m, read_dist,
				       write_dist });
	for (unsigned i = 0; i < vcpus; i++) {
		uint64_t at = VIRT_GICR + i * GIC_REDIST_BYTES;

		m->redist[i] = (struct virt_redist){ m, i };
		m->timer_due[i] = NEVER;
		attach(m, &(struct bus_range){ at, at + GIC_REDIST_BYTES, 8, &m->redist[i],
					       read_redist, write_redist });
	}
	attach(m, &(struct bus_range){ VIRT_UART, VIRT_UART + PL011_BYTES, 4, m, read_uart,
				       write_uart });
	gic_init(&m->gic, vcpus, UINT32_C(1) << VIRT_TIMER_PPI);
	pl011_init(&m->uart);
	publish_next_event(m);
}

bool machine_answers(struct machine *m, gpa_t at)
{
	return bus_find(&m->bus, at.v) != NULL;
}

/* What an access has left to be done, out of line: publishes, unlocks, tells the host. */
static __attribute__((noinline)) void follow_up(struct machine *m, unsigned vcpu) RELEASES(m->lock)
{
	uint32_t raised = m->moved ? publish(m) : 0;
	struct virt_effects effects = m->todo;

	m->todo.sent = 0;
	spin_unlock(&m->lock);
	for (unsigned i = 0; i < effects.sent; i++)
		m->host.console_put(m->host.vm, effects.line[i]);
	notify_others(m, raised, vcpu);
}

bool machine_io(struct machine *m, unsigned vcpu, struct io_access *io)
{
	bool found;

	if (__builtin_expect(io->port, false)) {
		io->value = io->write ? io->value : UINT64_MAX;
		return false;
	}
	spin_lock(&m->lock);
	found = bus_io(&m->bus, io);
	if (m->moved || m->todo.sent != 0)
		follow_up(m, vcpu);
	else
		spin_unlock(&m->lock);
	return found;
}

/* ---- Interrupts --------------------------------------------------------------------------------
 */

bool machine_irq_pending(const struct machine *m, unsigned vcpu)
{
	return atomic_load_explicit(&m->irq, memory_order_acquire) >> vcpu & 1;
}

bool machine_wakes(const struct machine *m, unsigned vcpu)
{
	return machine_irq_pending(m, vcpu);
}

unsigned machine_irq_ack(struct machine *m, unsigned vcpu)
{
	struct gic_taken taken;
	bool found;

	spin_lock(&m->lock);
	found = gic_take(&m->gic, vcpu, &taken);
	(void)publish(m); /* takes away only */
	spin_unlock(&m->lock);
	if (!found)
		return MACHINE_NO_IRQ;
	return taken.intid | (taken.group1 ? 0 : ARCH_IRQ_GROUP0) |
	       (taken.level ? ARCH_IRQ_LEVEL : 0) |
	       (unsigned)taken.priority << ARCH_IRQ_PRIORITY_SHIFT;
}

void machine_irq_retired(struct machine *m, unsigned vcpu, unsigned irq)
{
	uint32_t raised;

	spin_lock(&m->lock);
	gic_retired(&m->gic, vcpu, irq);
	raised = publish(m);
	spin_unlock(&m->lock);
	/* A shared one may have been routed elsewhere meanwhile. */
	notify_others(m, raised, vcpu);
}

void machine_timer_line(struct machine *m, unsigned vcpu, bool high)
{
	spin_lock(&m->lock);
	gic_set_ppi(&m->gic, vcpu, VIRT_TIMER_PPI, high);
	(void)publish(m); /* of the vCPU's own, whose exit this is */
	spin_unlock(&m->lock);
}

void machine_timer_due(struct machine *m, unsigned vcpu, uint64_t when_ns)
{
	spin_lock(&m->lock);
	m->timer_due[vcpu] = when_ns;
	publish_next_event(m);
	spin_unlock(&m->lock);
}

void machine_ipi(struct machine *m, unsigned vcpu, uint64_t value)
{
	uint32_t raised;

	spin_lock(&m->lock);
	gic_send_sgi(&m->gic, vcpu, value);
	raised = publish(m);
	spin_unlock(&m->lock);
	notify_others(m, raised, vcpu);
}

uint64_t machine_next_event(const struct machine *m)
{
	return atomic_load_explicit(&m->next_event, memory_order_acquire);
}

void machine_tick(struct machine *m, uint64_t now_ns)
{
	uint32_t raised;

	spin_lock(&m->lock);
	for (unsigned i = 0; i < m->vcpus; i++) {
		if (m->timer_due[i] > now_ns)
			continue;
		m->timer_due[i] = NEVER;
		gic_set_ppi(&m->gic, i, VIRT_TIMER_PPI, true);
	}
	publish_next_event(m);
	raised = publish(m);
	spin_unlock(&m->lock);
	if (raised)
		m->host.notify(m->host.vm);
}

bool machine_console_input(struct machine *m, char c)
{
	uint32_t raised;
	bool taken;

	spin_lock(&m->lock);
	taken = pl011_receive(&m->uart, (uint8_t)c);
	run_uart(m);
	raised = publish(m);
	spin_unlock(&m->lock);
	if (raised)
		m->host.notify(m->host.vm);
	return taken;
}

/* ---- Firmware ----------------------------------------------------------------------------------
 */

static int64_t cpu_on(struct machine *m, const struct psci_answer *a)
{
	const struct vcpu_start start = { .mode = VCPU_NATIVE,
					  .entry = gpa(a->entry),
					  .arg = { a->context } };
	enum result r = m->host.vcpu_start(m->host.vm, a->target, &start);

	/* Between our look and the start another vCPU may have been faster. */
	return r == OK ? PSCI_SUCCESS : r == IN_USE ? PSCI_ALREADY_ON : PSCI_INTERNAL_FAILURE;
}

static void cpu_off(struct machine *m, unsigned vcpu)
{
	uint32_t raised;

	spin_lock(&m->lock);
	gic_cpu_off(&m->gic, vcpu);
	raised = publish(m);
	spin_unlock(&m->lock);
	notify_others(m, raised, vcpu);
	m->host.vcpu_off(m->host.vm, vcpu);
}

static struct psci_answer ask_psci(const struct machine *m, const struct firmware_call *call)
{
	struct psci_board board = { .cpus = m->vcpus,
				    .ram_start = VIRT_RAM,
				    .ram_end = VIRT_RAM + m->ram_bytes };

	for (unsigned i = 0; i < m->vcpus; i++)
		if (m->host.vcpu_is_on(m->host.vm, i))
			board.on |= UINT32_C(1) << i;
	return psci_call(call->nr, call->arg, &board);
}

void machine_call(struct machine *m, unsigned vcpu, const struct firmware_call *call,
		  struct machine_answer *out)
{
	struct psci_answer a = ask_psci(m, call);

	*out = (struct machine_answer){ .yield = a.then == PSCI_YIELD };
	switch (a.then) {
	case PSCI_CPU_ON: a.value = cpu_on(m, &a); break;
	case PSCI_CPU_OFF: cpu_off(m, vcpu); return;
	case PSCI_POWER_OFF: m->host.power_off(m->host.vm); return;
	case PSCI_RESET: m->host.reset(m->host.vm); return;
	case PSCI_RETURN:
	case PSCI_YIELD: break;
	}
	out->value[0] = (uint64_t)a.value;
	out->count = 1;
}
