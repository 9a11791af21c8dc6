/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rest of the fake architecture: CPUs that are threads, guests that are step functions, a clock
 * that the test moves. Waiting and waking go through one lock and one condition, since clarity
 * counts here and speed does not.
 */
#define _GNU_SOURCE
#include "tests/fake/fake.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/device.h"
#include "boot/bootinfo.h"

#define MAX_PROGRAMS 16u
#define MAX_PCI 72
#define CONSOLE_BYTES 65536u

const char arch_name[] = "fake";
void (*fake_end)(enum arch_end how, unsigned status);

static struct fake_config config = { .cpus = 1 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t event = PTHREAD_COND_INITIALIZER;
static _Atomic uint64_t now_ns;

static struct {
	_Atomic bool kicked, up;
	unsigned overlooked; /* its own: how often it has, a kick that is late */
	_Atomic uint64_t timer_ns;
} cpus[ARCH_MAX_CPUS];

static struct {
	gpa_t entry;
	fake_guest guest;
	void *context;
} programs[MAX_PROGRAMS];
static unsigned program_count;

static struct {
	uint32_t where;
	struct fake_pci function;
} pci[MAX_PCI];
static unsigned pci_count;

static enum result refuse_next[2];

static char console[CONSOLE_BYTES];
static size_t console_length;
static const char *typed = "";
static unsigned char *device;

/* ---- Set-up ---------------------------------------------------------------------------------- */

void fake_reset(const struct fake_config *c)
{
	config = *c;
	fake_tlb_reset(c->tree, c->cpus, c->broadcast);
	memset(cpus, 0, sizeof cpus);
	now_ns = 0;
	program_count = 0;
	pci_count = 0;
	console_length = 0;
	console[0] = '\0';
	typed = "";
	fake_end = NULL;
	refuse_next[FAKE_DECODE] = refuse_next[FAKE_IO_DONE] = OK;
	if (device != NULL)
		munmap(device, FAKE_DEVICE_BYTES);
	device = mmap(NULL, FAKE_DEVICE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (device == MAP_FAILED)
		abort();
}

const char *arch_init(struct bootinfo *boot)
{
	return boot->magic == BOOTINFO_MAGIC ? config.missing
					     : "the hand-over is not of this version";
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

unsigned arch_cpu_count(void)
{
	return config.cpus;
}

unsigned arch_cpu_id(void)
{
	return env_cpu_number();
}

static void *cpu_thread(void *number)
{
	unsigned cpu = (unsigned)(uintptr_t)number;

	env_cpu(cpu);
	cpus[cpu].up = true;
	hv_cpu_main(cpu);
}

enum result arch_cpu_start(unsigned cpu)
{
	pthread_t thread;

	if (cpu == 0 || cpu >= config.cpus)
		return BAD_ARGUMENT;
	if (cpu == config.dead_cpu)
		return NOT_FOUND;
	if (cpus[cpu].up)
		return OK;
	if (pthread_create(&thread, NULL, cpu_thread, (void *)(uintptr_t)cpu) != 0)
		return NOT_FOUND;
	pthread_detach(thread);
	while (!cpus[cpu].up)
		sched_yield();
	return OK;
}

void arch_cpu_kick(unsigned cpu)
{
	pthread_mutex_lock(&lock);
	cpus[cpu].kicked = true;
	pthread_cond_broadcast(&event);
	pthread_mutex_unlock(&lock);
}

void arch_cpu_relax(void)
{
	sched_yield();
}

/* A kick or the timer; both are taken by looking. */
static bool interrupt_taken(void)
{
	unsigned cpu = env_cpu_number();
	uint64_t when = cpus[cpu].timer_ns;
	bool taken = false;

	if (cpus[cpu].kicked && cpus[cpu].overlooked++ >= config.late_kicks) {
		cpus[cpu].overlooked = 0;
		taken = atomic_exchange(&cpus[cpu].kicked, false);
	}

	if (when != 0 && when <= now_ns) {
		cpus[cpu].timer_ns = 0;
		taken = true;
	}
	return taken;
}

void arch_cpu_idle(void)
{
	pthread_mutex_lock(&lock);
	while (!interrupt_taken()) {
		uint64_t when = cpus[env_cpu_number()].timer_ns;

		if (config.auto_time && when != 0)
			now_ns = when;
		else if (!cpus[env_cpu_number()].kicked)
			pthread_cond_wait(&event, &lock);
	}
	pthread_mutex_unlock(&lock);
}

_Noreturn void arch_machine_end(enum arch_end how, unsigned status)
{
	if (fake_end != NULL)
		fake_end(how, status);
	exit((int)status);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

void *arch_linear(hpa_t address)
{
	return (unsigned char *)env_linear(hpa_to_pfn(address)) + (address.v & PAGE_MASK);
}

void *fake_device(hpa_t at)
{
	return fake_memory(at, 1);
}

unsigned char *fake_memory(hpa_t at, size_t bytes)
{
	if (at.v >= FAKE_DEVICE_BASE && at.v + bytes <= FAKE_DEVICE_BASE + FAKE_DEVICE_BYTES)
		return device + (at.v - FAKE_DEVICE_BASE);
	return arch_linear(at);
}

void *arch_map_device(hpa_t base, uint64_t bytes, enum memtype type)
{
	(void)type;
	if (base.v < FAKE_DEVICE_BASE || base.v + bytes > FAKE_DEVICE_BASE + FAKE_DEVICE_BYTES)
		return NULL;
	return device + (base.v - FAKE_DEVICE_BASE);
}

uint32_t arch_device_read(const void *at, uint32_t bytes)
{
	return device_load(at, bytes);
}

void arch_device_write(void *at, uint32_t bytes, uint32_t value)
{
	device_store(at, bytes, value);
}

struct fake_sync fake_sync;

void arch_guest_sync(const void *at, size_t bytes, bool written)
{
	(void)at;
	__atomic_fetch_add(written ? &fake_sync.written : &fake_sync.read, bytes, __ATOMIC_RELAXED);
}

void arch_page_clear(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

/* ---- Console, time, PCI ---------------------------------------------------------------------- */

void arch_console_put(char c)
{
	pthread_mutex_lock(&lock);
	if (console_length == CONSOLE_BYTES - 1) {
		memmove(console, console + CONSOLE_BYTES / 2, CONSOLE_BYTES / 2 - 1);
		console_length -= CONSOLE_BYTES / 2;
	}
	console[console_length++] = c;
	console[console_length] = '\0';
	pthread_mutex_unlock(&lock);
}

const char *fake_console(void)
{
	return console;
}

void fake_console_type(const char *text)
{
	typed = text;
}

int arch_console_get(void)
{
	return *typed != '\0' ? (unsigned char)*typed++ : -1;
}

uint64_t arch_time_ns(void)
{
	return now_ns;
}

uint64_t arch_wall_seconds(void)
{
	return now_ns / 1000000000;
}

uint64_t arch_counter(void)
{
	return now_ns;
}

uint64_t arch_stamp(void)
{
	return now_ns;
}

void fake_time_advance(uint64_t ns)
{
	pthread_mutex_lock(&lock);
	now_ns += ns;
	pthread_cond_broadcast(&event);
	pthread_mutex_unlock(&lock);
}

void arch_timer_set(uint64_t when_ns)
{
	cpus[env_cpu_number()].timer_ns = when_ns;
}

uint64_t fake_timer(void)
{
	return cpus[env_cpu_number()].timer_ns;
}

void fake_pci_add(uint32_t bus_device_function, const struct fake_pci *function)
{
	if (pci_count == MAX_PCI)
		abort();
	pci[pci_count].where = bus_device_function;
	pci[pci_count++].function = *function;
}

static struct fake_pci *find_pci(uint32_t where)
{
	for (unsigned i = 0; i < pci_count; i++)
		if (pci[i].where == where)
			return &pci[i].function;
	return NULL;
}

const struct fake_pci *fake_pci(uint32_t bus_device_function)
{
	return find_pci(bus_device_function);
}

uint32_t arch_pci_read(uint32_t bus_device_function, uint32_t offset, uint32_t bytes)
{
	const struct fake_pci *f = find_pci(bus_device_function);
	uint32_t mask = UINT32_MAX >> (32 - 8 * bytes);

	return f == NULL || offset >= 256 ? mask : f->word[offset / 4] >> 8 * (offset & 3) & mask;
}

void arch_pci_write(uint32_t bus_device_function, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct fake_pci *f = find_pci(bus_device_function);
	unsigned shift = 8 * (offset & 3);
	uint32_t mask;

	if (f == NULL || offset >= 256)
		return;
	mask = (UINT32_MAX >> (32 - 8 * bytes) << shift) & f->writable[offset / 4];
	f->word[offset / 4] = (f->word[offset / 4] & ~mask) | (value << shift & mask);
}

bool arch_pci_window(unsigned index, struct pci_window *out)
{
	static const struct pci_window windows[] = {
		{ { FAKE_DEVICE_BASE }, FAKE_DEVICE_BASE, FAKE_DEVICE_BYTES, 0 },
		{ { FAKE_LOW_BASE }, FAKE_LOW_BUS, FAKE_SMALL_BYTES, 1 },
		{ { FAKE_SECOND_BASE }, FAKE_OTHER_BUS, FAKE_OTHER_BYTES, 1 },
		{ { FAKE_THIRD_BASE }, FAKE_OTHER_BUS, FAKE_OTHER_BYTES, 2 },
		{ { FAKE_HIGH_BASE }, FAKE_HIGH_BUS, FAKE_SMALL_BYTES, 2 },
	};

	if (index > (config.more_bridges ? 4u : 0u))
		return false;
	*out = windows[index];
	return true;
}

/* ---- vCPUs ----------------------------------------------------------------------------------- */

enum open { OPEN_NOTHING, OPEN_STEP, OPEN_CALL, OPEN_IO };

struct arch_vcpu {
	struct vcpu *owner;
	struct arch_s2 *s2;
	fake_guest guest;
	void *context;
	struct fake_op op;
	enum open open; /* what of op is still to be done */
	bool irqs_enabled, window, loaded;
	int irq; /* to be delivered, -1: none */
	uint64_t steps;
};

const unsigned arch_vcpu_order = 0;
_Static_assert(sizeof(struct arch_vcpu) <= PAGE_SIZE, "hv gives one page");

void arch_vcpu_init(struct arch_vcpu *v, struct vcpu *owner, unsigned index, struct arch_s2 *s2,
		    bool pv_clock)
{
	(void)pv_clock;
	(void)index;
	*v = (struct arch_vcpu){ .owner = owner, .s2 = s2, .irq = -1, .irqs_enabled = true };
}

void fake_program(gpa_t entry, fake_guest guest, void *context)
{
	if (program_count == MAX_PROGRAMS)
		abort();
	programs[program_count].entry = entry;
	programs[program_count].guest = guest;
	programs[program_count++].context = context;
}

void arch_vcpu_start(struct arch_vcpu *v, const struct vcpu_start *start)
{
	for (unsigned i = 0; i < program_count; i++)
		if (programs[i].entry.v == start->entry.v) {
			v->guest = programs[i].guest;
			v->context = programs[i].context;
		}
}

void arch_vcpu_load(struct arch_vcpu *v)
{
	MM_CHECK(!v->loaded);
	v->loaded = true;
}

void arch_vcpu_unload(struct arch_vcpu *v)
{
	MM_CHECK(v->loaded);
	v->loaded = false;
}

void fake_refuse_next(enum fake_refused what, enum result r)
{
	refuse_next[what] = r;
}

static enum result refused(enum fake_refused what)
{
	enum result r = refuse_next[what];

	refuse_next[what] = OK;
	return r;
}

void fake_irqs_enable(struct arch_vcpu *v, bool on)
{
	v->irqs_enabled = on;
}

/* READ, WRITE, EXEC: true when it is done, false with the fault in *out. */
static bool memory_step(struct arch_vcpu *v, struct exit *out)
{
	struct fake_op *op = &v->op;
	enum access access = op->kind == FAKE_READ    ? ACCESS_READ
			     : op->kind == FAKE_WRITE ? ACCESS_WRITE
						      : ACCESS_EXEC;
	size_t bytes = op->kind == FAKE_EXEC ? 1 : op->bytes;

	out->kind = EXIT_S2_FAULT;
	if (op->kind == FAKE_READ)
		op->value = 0;
	bool done = fake_access(v->s2, gpa(op->where), access, &op->value, bytes, &out->fault);
	out->fault.table_walk = !done && op->user;
	return done;
}

/* CLOCK, FIRMWARE, TIMER, IPI: complete for the guest but for FIRMWARE, which has an answer. */
static void board_step(struct arch_vcpu *v, struct exit *out)
{
	const struct fake_op *op = &v->op;

	v->open = op->kind == FAKE_FIRMWARE ? OPEN_CALL : OPEN_NOTHING;
	switch ((unsigned)op->kind) {
	case FAKE_CLOCK:
		out->kind = EXIT_CLOCK;
		out->clock.gpa = gpa(op->where);
		out->clock.on = op->value == FAKE_CLOCK_ON;
		out->clock.wall = op->value == FAKE_CLOCK_WALL;
		return;
	case FAKE_FIRMWARE:
		out->kind = EXIT_FIRMWARE;
		out->firmware = (struct firmware_call){ .nr = op->where };
		return;
	case FAKE_TIMER:
		out->kind = EXIT_TIMER;
		out->timer.level = op->value != 0;
		return;
	default:
		out->kind = EXIT_IPI;
		out->ipi.value = op->value;
		return;
	}
}

/* Does what op says. true: it is complete; false: *out says why the guest stops. */
static bool step(struct arch_vcpu *v, struct exit *out)
{
	struct fake_op *op = &v->op;

	switch (op->kind) {
	case FAKE_READ:
	case FAKE_WRITE:
	case FAKE_EXEC: return memory_step(v, out);
	case FAKE_CALL:
		v->open = OPEN_CALL;
		out->kind = EXIT_HYPERCALL;
		out->hypercall.nr = op->where;
		out->hypercall.user = op->user;
		memcpy(out->hypercall.arg, op->arg, sizeof op->arg);
		return false;
	case FAKE_PORT:
		v->open = OPEN_IO;
		out->kind = EXIT_IO;
		out->io = (struct io_access){ true, op->write, op->bytes, op->where, op->value };
		return false;
	case FAKE_HALT:
		v->open = OPEN_NOTHING;
		out->kind = EXIT_HALT;
		out->halt.irqs_off = !v->irqs_enabled;
		out->halt.timer_ns = UINT64_MAX;
		return false;
	case FAKE_TRIPLE: out->kind = EXIT_SHUTDOWN; return false;
	case FAKE_CLOCK:
	case FAKE_FIRMWARE:
	case FAKE_TIMER:
	case FAKE_IPI: board_step(v, out); return false;
	case FAKE_UNKNOWN: break;
	}
	out->kind = EXIT_UNHANDLED;
	out->why = "the fake guest does what nobody knows";
	return false;
}

void arch_vcpu_run(struct arch_vcpu *v, struct exit *out)
{
	MM_CHECK(v->loaded && v->guest != NULL && v->open != OPEN_IO);
	fake_tlb_enter(v->s2);
	for (;;) {
		if (interrupt_taken()) {
			out->kind = EXIT_HOST;
			return;
		}
		if (v->window && v->irqs_enabled && v->irq < 0 && v->open != OPEN_STEP) {
			v->window = false;
			out->kind = EXIT_IRQ_READY;
			return;
		}
		if (v->open != OPEN_STEP) {
			v->op.irq = v->irq;
			v->irq = -1;
			v->guest(v->context, &v->op);
			v->steps++;
			v->open = OPEN_STEP;
		}
		if (!step(v, out))
			return;
		v->open = OPEN_NOTHING;
	}
}

void arch_vcpu_hypercall_return(struct arch_vcpu *v, uint64_t value)
{
	MM_CHECK(v->open == OPEN_CALL);
	v->op.value = value;
	v->open = OPEN_NOTHING;
}

void arch_vcpu_firmware_return(struct arch_vcpu *v, const uint64_t *values, unsigned count)
{
	MM_CHECK(v->open == OPEN_CALL && count != 0);
	v->op.value = values[0];
	v->open = OPEN_NOTHING;
}

enum result arch_vcpu_decode_io(struct arch_vcpu *v, const struct s2_fault *fault,
				struct io_access *out)
{
	const struct fake_op *op = &v->op;
	enum result r = refused(FAKE_DECODE);

	if (r != OK)
		return r;
	if (v->open != OPEN_STEP || op->kind == FAKE_EXEC || op->where != fault->gpa.v)
		return UNSUPPORTED;
	v->open = OPEN_IO;
	*out = (struct io_access){ false, op->kind == FAKE_WRITE, op->bytes, op->where,
				   op->kind == FAKE_WRITE ? op->value : 0 };
	return OK;
}

enum result arch_vcpu_io_done(struct arch_vcpu *v, const struct io_access *io)
{
	enum result r = refused(FAKE_IO_DONE);

	if (r != OK)
		return r;
	if (v->open != OPEN_IO)
		return BAD_ARGUMENT;
	if (!io->write)
		v->op.value = io->value;
	v->open = OPEN_NOTHING;
	return OK;
}

bool arch_vcpu_irq_open(const struct arch_vcpu *v)
{
	return v->irqs_enabled && v->irq < 0 && v->open == OPEN_NOTHING;
}

void arch_vcpu_irq_inject(struct arch_vcpu *v, unsigned irq)
{
	v->irq = (int)irq;
}

int arch_vcpu_irq_retired(struct arch_vcpu *v)
{
	(void)v;
	return -1;
}

void arch_vcpu_irq_window(struct arch_vcpu *v, bool wanted)
{
	v->window = wanted;
}

void arch_vcpu_bad_access(struct arch_vcpu *v, const struct s2_fault *fault)
{
	(void)fault;
	if (v->op.kind == FAKE_READ)
		v->op.value = UINT64_MAX;
	v->open = OPEN_NOTHING;
}

uint64_t arch_vcpu_pc(const struct arch_vcpu *v)
{
	return v->steps;
}

uint64_t arch_vcpu_refused(const struct arch_vcpu *v)
{
	(void)v;
	return 0;
}

size_t arch_vcpu_describe(struct arch_vcpu *v, char *text, size_t bytes)
{
	int n = snprintf(text, bytes, "fake guest, step %llu\n", (unsigned long long)v->steps);

	return bytes == 0 ? 0 : (size_t)n < bytes ? (size_t)n : bytes - 1;
}

size_t arch_clock_fill(struct arch_vcpu *v, bool wall, uint64_t wall_seconds, void *out,
		       size_t room)
{
	uint64_t page[2] = { wall, wall ? wall_seconds : now_ns };

	(void)v;
	if (room < sizeof page)
		return 0;
	memcpy(out, page, sizeof page);
	return sizeof page;
}

struct arch_processor arch_processor(void)
{
	return (struct arch_processor){ 0 };
}
