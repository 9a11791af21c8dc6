/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC board: a 16550 on IRQ 4, the pair of 8259s, the 8254 on IRQ 0, the clock on IRQ 8, the
 * keyboard controller on IRQ 1, and the small ports. No APIC, so only vCPU 0 takes interrupts.
 *
 * Every entry has one shape: lock, let the devices work, publish() what others read without the
 * lock, unlock, and only then tell the host what came of it.
 */
#include "hv/machine/pc.h"

#define IRQ_TIMER 0u
#define IRQ_KEYBOARD 1u
#define IRQ_SERIAL 4u
#define IRQ_CLOCK 8u

/* ---- What follows from a change ---------------------------------------------------------------
 */

/* Brings the timers to `now` and their lines to the interrupt controller. */
static void run_timers(struct machine *m, uint64_t now)
{
	if (pit_tick(&m->pit, !pic_requested(&m->pic, IRQ_TIMER), now)) {
		pic_set_line(&m->pic, IRQ_TIMER, false);
		pic_set_line(&m->pic, IRQ_TIMER, true);
	}
	cmos_tick(&m->cmos, now);
	pic_set_line(&m->pic, IRQ_CLOCK, cmos_irq(&m->cmos));
	m->timers_moved = true;
}

static void publish_next_event(struct machine *m, bool free)
{
	uint64_t pit = pit_next_event(&m->pit, free), clock = cmos_next_event(&m->cmos);

	m->irq0_free = free;
	m->timers_moved = false;
	atomic_store_explicit(&m->next_event, pit < clock ? pit : clock, memory_order_release);
}

/* True: an interrupt is pending that was not before. */
static bool publish(struct machine *m)
{
	bool before = atomic_load_explicit(&m->irq, memory_order_relaxed), irq = m->pic.output;
	bool free = !pic_requested(&m->pic, IRQ_TIMER);

	if (m->timers_moved || free != m->irq0_free)
		publish_next_event(m, free);
	if (irq != before)
		atomic_store_explicit(&m->irq, irq, memory_order_release);
	return irq && !before;
}

static struct pc_effects take_effects(struct machine *m)
{
	struct pc_effects e = m->todo;

	if (e.sent || e.reset || e.debug_exit)
		m->todo = (struct pc_effects){ 0 };
	return e;
}

static void tell_host(const struct machine *m, const struct pc_effects *e)
{
	for (unsigned i = 0; i < e->sent; i++)
		m->host.console_put(m->host.vm, e->line[i]);
	if (e->debug_exit)
		m->host.debug_exit(m->host.vm, e->debug_value);
	if (e->reset)
		m->host.reset(m->host.vm);
}

/* ---- The ports --------------------------------------------------------------------------------
 */

static uint64_t read_pic(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)bytes;
	return pic_read(&m->pic, false, (unsigned)offset);
}

static void write_pic(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)bytes;
	pic_write(&m->pic, false, (unsigned)offset, (uint8_t)value);
}

static uint64_t read_pic_slave(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)bytes;
	return pic_read(&m->pic, true, (unsigned)offset);
}

static void write_pic_slave(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)bytes;
	pic_write(&m->pic, true, (unsigned)offset, (uint8_t)value);
}

static uint64_t read_pic_level(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)bytes;
	return pic_level_read(&m->pic, offset == 1);
}

static void write_pic_level(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)bytes;
	pic_level_write(&m->pic, offset == 1, (uint8_t)value);
}

static uint64_t read_pit(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)bytes;
	return pit_read(&m->pit, (unsigned)offset, arch_time_ns());
}

static void write_pit(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;
	uint64_t now = arch_time_ns();

	(void)bytes;
	run_timers(m, now); /* edges that were due before the write */
	pit_write(&m->pit, (unsigned)offset, (uint8_t)value, now);
}

static uint64_t read_control(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	return pit_control_read(&m->pit, arch_time_ns());
}

static void write_control(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	pit_control_write(&m->pit, (uint8_t)value, arch_time_ns());
}

static uint64_t read_keyboard(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;
	uint8_t value;

	(void)offset;
	(void)bytes;
	value = i8042_read_data(&m->keyboard);
	pic_set_line(&m->pic, IRQ_KEYBOARD, i8042_irq(&m->keyboard));
	return value;
}

static void write_keyboard(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	m->todo.reset |= i8042_write_data(&m->keyboard, (uint8_t)value);
	pic_set_line(&m->pic, IRQ_KEYBOARD, i8042_irq(&m->keyboard));
}

static uint64_t read_keyboard_status(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	return i8042_read_status(&m->keyboard);
}

static void write_keyboard_command(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	m->todo.reset |= i8042_write_command(&m->keyboard, (uint8_t)value);
	pic_set_line(&m->pic, IRQ_KEYBOARD, i8042_irq(&m->keyboard));
}

static uint64_t read_cmos(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;
	uint64_t now = arch_time_ns();
	uint8_t value;

	(void)bytes;
	value = cmos_read(&m->cmos, (unsigned)offset, now);
	run_timers(m, now);
	return value;
}

static void write_cmos(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;
	uint64_t now = arch_time_ns();

	(void)bytes;
	cmos_write(&m->cmos, (unsigned)offset, (uint8_t)value, now);
	run_timers(m, now);
}

static uint64_t read_serial(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;
	uint8_t value;

	(void)bytes;
	value = uart_read(&m->uart, (unsigned)offset);
	pic_set_line(&m->pic, IRQ_SERIAL, uart_irq(&m->uart));
	return value;
}

static void write_serial(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)bytes;
	if (uart_write(&m->uart, (unsigned)offset, (uint8_t)value) &&
	    m->todo.sent < sizeof(m->todo.line))
		m->todo.line[m->todo.sent++] = (char)value;
	pic_set_line(&m->pic, IRQ_SERIAL, uart_irq(&m->uart));
}

static uint64_t read_port92(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	return pc_port92_read(&m->small);
}

static void write_port92(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	m->todo.reset |= pc_port92_write(&m->small, (uint8_t)value);
}

static uint64_t read_cf8(void *device, uint64_t offset, unsigned bytes)
{
	struct machine *m = device;

	return pc_cf8_read(&m->small, offset, bytes);
}

static void write_cf8(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	m->todo.reset |= pc_cf8_write(&m->small, offset, bytes, value);
}

static uint64_t read_floating(void *device, uint64_t offset, unsigned bytes)
{
	(void)device;
	(void)offset;
	(void)bytes;
	return UINT64_MAX;
}

static void write_nothing(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	(void)device;
	(void)offset;
	(void)bytes;
	(void)value;
}

static void write_debug_exit(void *device, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct machine *m = device;

	(void)offset;
	(void)bytes;
	m->todo.debug_exit = true;
	m->todo.debug_value = (uint32_t)value;
}

static const struct bus_range pc_ports[] = {
	{ 0x020, 0x022, 1, NULL, read_pic, write_pic },
	{ 0x040, 0x044, 1, NULL, read_pit, write_pit },
	{ 0x060, 0x061, 1, NULL, read_keyboard, write_keyboard },
	{ 0x061, 0x062, 1, NULL, read_control, write_control },
	{ 0x064, 0x065, 1, NULL, read_keyboard_status, write_keyboard_command },
	{ 0x070, 0x072, 1, NULL, read_cmos, write_cmos },
	{ 0x080, 0x081, 4, NULL, read_floating, write_nothing }, /* delays */
	{ 0x092, 0x093, 1, NULL, read_port92, write_port92 },
	{ 0x0a0, 0x0a2, 1, NULL, read_pic_slave, write_pic_slave },
	{ 0x0ed, 0x0ee, 1, NULL, read_floating, write_nothing }, /* delays */
	{ 0x0f4, 0x0f8, 4, NULL, read_floating, write_debug_exit },
	{ 0x3f8, 0x400, 1, NULL, read_serial, write_serial },
	{ 0x4d0, 0x4d2, 1, NULL, read_pic_level, write_pic_level },
	{ 0xcf8, 0xd00, 4, NULL, read_cf8, write_cf8 },
};

#define PC_PORTS (sizeof(pc_ports) / sizeof(pc_ports[0]))

/* bus_attach then cannot fail, as long as the table is sorted. */
_Static_assert(PC_PORTS <= BUS_RANGES, "the PC's port ranges fit on the bus");

/* ---- The machine's interface -------------------------------------------------------------------
 */

size_t machine_size(void)
{
	return sizeof(struct machine);
}

void machine_init(struct machine *m, const struct machine_host *host, unsigned vcpus)
{
	uint64_t now = arch_time_ns();

	m->host = *host;
	m->vcpus = vcpus;
	for (unsigned i = 0; i < PC_PORTS; i++) {
		m->ports.range[i] = pc_ports[i];
		m->ports.range[i].device = m;
	}
	m->ports.count = PC_PORTS;
	pic_init(&m->pic);
	pit_init(&m->pit);
	uart_init(&m->uart);
	cmos_init(&m->cmos, host->wall_seconds(host->vm), now);
	i8042_init(&m->keyboard);
	pc_ports_init(&m->small);
	m->timers_moved = true;
	(void)publish(m);
}

bool machine_io(struct machine *m, unsigned vcpu, struct io_access *io)
{
	struct pc_effects effects;
	bool found, raised;

	if (!io->port) {
		/* Nothing of this board lives in memory space. */
		io->value = io->write ? io->value : UINT64_MAX;
		return false;
	}
	spin_lock(&m->lock);
	found = bus_io(&m->ports, io);
	raised = publish(m);
	effects = take_effects(m);
	spin_unlock(&m->lock);
	tell_host(m, &effects);
	if (raised && vcpu != 0)
		m->host.notify(m->host.vm);
	return found;
}

/* As an ISA bus behaves. */
const bool machine_floating_bus = true;

const gpa_t machine_devices_end = { 0 };

bool machine_answers(struct machine *m, gpa_t at)
{
	(void)m;
	(void)at;
	return false;
}

/* ---- What this board has not: firmware to call, list registers, timers of its processors --- */

void machine_call(struct machine *m, unsigned vcpu, const struct firmware_call *call,
		  struct machine_answer *out)
{
	(void)m;
	(void)vcpu;
	(void)call;
	*out = (struct machine_answer){ .value = { UINT64_MAX }, .count = 1 };
}

void machine_irq_retired(struct machine *m, unsigned vcpu, unsigned irq)
{
	(void)m;
	(void)vcpu;
	(void)irq;
}

void machine_timer_line(struct machine *m, unsigned vcpu, bool high)
{
	(void)m;
	(void)vcpu;
	(void)high;
}

void machine_timer_due(struct machine *m, unsigned vcpu, uint64_t when_ns)
{
	(void)m;
	(void)vcpu;
	(void)when_ns;
}

void machine_ipi(struct machine *m, unsigned vcpu, uint64_t value)
{
	(void)m;
	(void)vcpu;
	(void)value;
}

/* ---- Interrupts --------------------------------------------------------------------------- */

bool machine_irq_pending(const struct machine *m, unsigned vcpu)
{
	return vcpu == 0 && atomic_load_explicit(&m->irq, memory_order_acquire);
}

bool machine_wakes(const struct machine *m, unsigned vcpu)
{
	return machine_irq_pending(m, vcpu);
}

unsigned machine_irq_ack(struct machine *m, unsigned vcpu)
{
	unsigned vector;

	(void)vcpu;
	spin_lock(&m->lock);
	vector = pic_ack(&m->pic);
	(void)publish(m); /* for vCPU 0, which is the caller */
	spin_unlock(&m->lock);
	return vector;
}

uint64_t machine_next_event(const struct machine *m)
{
	return atomic_load_explicit(&m->next_event, memory_order_acquire);
}

void machine_tick(struct machine *m, uint64_t now_ns)
{
	bool raised;

	spin_lock(&m->lock);
	run_timers(m, now_ns);
	raised = publish(m);
	spin_unlock(&m->lock);
	if (raised)
		m->host.notify(m->host.vm);
}

bool machine_console_input(struct machine *m, char c)
{
	bool taken, raised;

	spin_lock(&m->lock);
	taken = uart_receive(&m->uart, (uint8_t)c);
	pic_set_line(&m->pic, IRQ_SERIAL, uart_irq(&m->uart));
	raised = publish(m);
	spin_unlock(&m->lock);
	if (raised)
		m->host.notify(m->host.vm);
	return taken;
}
