/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a VM is made, in order: space and stage-2, RAM, device memory, board, vCPUs, image. Each step
 * may refuse with a sentence; then the VM has ended before it began, with that sentence as its
 * reason.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/console.h"
#include "hv/drv/device_memory.h"
#include "hv/env.h"
#include "hv/fault.h"
#include "hv/main.h"
#include "hv/sched.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

#define WHY_BYTES 200u
#define ALL_PERMISSIONS ((unsigned)ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC)

struct build {
	struct vm *vm;
	char why[WHY_BYTES];
};

__attribute__((format(printf, 3, 4))) static enum result refuse(struct build *b, enum result r,
								const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(b->why, sizeof(b->why), format, args);
	va_end(args);
	return r;
}

/* ---- Memory
 * ------------------------------------------------------------------------------------------ */

static enum result make_space(struct build *b)
{
	struct vm *vm = b->vm;

	enum result r = space_create(&vm->space, config.host.huge_pages);
	if (r != OK)
		return refuse(b, r, "no host space: %s", result_words(r));
	vm->has_space = true;
	r = s2_create(&vm->s2, vm);
	if (r != OK)
		return refuse(b, r, "no stage-2 tree: %s", result_words(r));
	vm->has_s2 = true;
	return OK;
}

/* An ANON region, and nothing else yet: memory comes with the first touch. */
static enum result make_anon(struct vm *vm, gpa_t at, uint64_t bytes, hva_t *place)
{
	const struct region_spec spec = {
		.kind = REGION_ANON,
		.type = MEM_WRITE_BACK,
		.permissions = ALL_PERMISSIONS,
	};

	enum result r = vm_find_room(vm, at, bytes, place);
	return r == OK ? space_map(&vm->space, hva_range(*place, bytes), &spec) : r;
}

static enum result make_slot(struct vm *vm, gpa_t at, uint64_t bytes, hva_t place, bool readonly,
			     uint32_t *id)
{
	gfn_t first = gpa_to_gfn(at);
	struct gfn_range gfns = { first, gfn(first.v + (bytes >> PAGE_SHIFT)) };
	return slot_create(vm, gfns, place, readonly ? SLOT_READONLY : 0, id);
}

static enum result make_ram(struct build *b)
{
	struct vm *vm = b->vm;
	struct machine_ram ram[MACHINE_RAM_RANGES];
	unsigned count = machine_ram(vm->config->memory_bytes, ram);
	uint32_t id;

	for (unsigned i = 0; i < count; i++) {
		hva_t place = hva(0);
		enum result r = make_anon(vm, ram[i].start, ram[i].bytes, &place);
		if (r == OK)
			r = make_slot(vm, ram[i].start, ram[i].bytes, place, false, &id);
		if (r != OK)
			return refuse(b, r, "no RAM at 0x%llx: %s",
				      (unsigned long long)ram[i].start.v, result_words(r));
	}
	return OK;
}

/* A memslot of the configuration over ordinary memory. */
static enum result make_memory_slot(struct build *b, const struct config_slot *c)
{
	hva_t place = hva(0);
	uint32_t id;

	enum result r = make_anon(b->vm, c->gpa, c->bytes, &place);
	if (r == OK)
		r = make_slot(b->vm, c->gpa, c->bytes, place, c->readonly, &id);
	return r == OK ? OK
		       : refuse(b, r, "memslot@%llx: %s", (unsigned long long)c->gpa.v,
				result_words(r));
}

/* A memslot of the configuration over device or pool memory; `absent`: mapped, not shown yet. */
static enum result make_device_slot(struct build *b, const struct config_slot *c)
{
	struct vm *vm = b->vm;
	struct vm_device_slot *d = &vm->devices[vm->device_count];

	d->config = c;
	d->memory = device_memory_find(c->device);
	if (d->memory == NULL)
		return refuse(b, NOT_FOUND, "memslot@%llx: there is no device %s",
			      (unsigned long long)c->gpa.v, c->device->name);
	uint64_t all = device_memory_bytes(d->memory);
	if (c->offset >= all || c->bytes > all - c->offset)
		return refuse(
			b, BAD_ARGUMENT,
			"memslot@%llx: offset 0x%llx and size 0x%llx are beyond the 0x%llx bytes "
			"of %s",
			(unsigned long long)c->gpa.v, (unsigned long long)c->offset,
			(unsigned long long)c->bytes, (unsigned long long)all, c->device->name);
	d->bytes = c->bytes != 0 ? c->bytes : all - c->offset;
	enum result r = vm_find_room(vm, c->gpa, d->bytes, &d->hva);
	if (r == OK)
		r = device_memory_map(d->memory, &vm->space, hva_range(d->hva, d->bytes), c->offset,
				      c->has_memtype ? c->memtype : device_memory_type(d->memory),
				      c->readonly, c->readonly_first);
	if (r == OK && !c->absent) {
		r = make_slot(vm, c->gpa, d->bytes, d->hva, c->readonly, &d->slot);
		d->present = r == OK;
	}
	if (r != OK)
		return refuse(b, r, "memslot@%llx over %s: %s", (unsigned long long)c->gpa.v,
			      c->device->name, result_words(r));
	vm->device_count++;
	return OK;
}

static enum result make_slots(struct build *b)
{
	const struct config_vm *c = b->vm->config;

	for (unsigned i = 0; i < c->slot_count; i++) {
		const struct config_slot *s = &c->slots[i];
		enum result r = s->device != NULL ? make_device_slot(b, s)
				: s->absent	  ? OK
						  : make_memory_slot(b, s);
		if (r != OK)
			return r;
	}
	b->vm->first_call_slot = b->vm->next_slot_id;
	return OK;
}

/* ---- The board and the vCPUs
 * ----------------------------------------------------------------------------- */

static void board_power_off(struct vm *vm)
{
	vm_end(vm, END_POWERED_OFF, 0, "by its board");
}

static void board_reset(struct vm *vm)
{
	vm_end(vm, END_RESET, 0, "by its board");
}

static void board_debug_exit(struct vm *vm, uint32_t value)
{
	vm_end(vm, END_DEBUG_EXIT, value, "by its board");
}

static uint64_t board_wall_seconds(struct vm *vm)
{
	(void)vm;
	return arch_wall_seconds();
}

/* Off at its next look, which is before the guest is entered again. */
static void board_vcpu_off(struct vm *vm, unsigned vcpu)
{
	struct vcpu *v = vm->vcpus[vcpu];

	v->off = true;
	atomic_store_explicit(&v->attention, true, memory_order_relaxed);
}

static bool board_vcpu_is_on(struct vm *vm, unsigned vcpu)
{
	return atomic_load_explicit(&vm->vcpus[vcpu]->claimed, memory_order_acquire);
}

static enum result make_board(struct build *b)
{
	struct vm *vm = b->vm;
	struct env_block block;

	vm->machine_order = env_order(machine_size());
	enum result r = env_block_get(vm->machine_order, &block);
	if (r != OK)
		return refuse(b, r, "no board: %s", result_words(r));
	vm->machine = block.memory;
	vm->machine_frame = block.first;
	vm->board = (struct machine_host){
		.vm = vm,
		.notify = sched_wake_irq,
		.console_put = console_guest_put,
		.power_off = board_power_off,
		.reset = board_reset,
		.debug_exit = board_debug_exit,
		.vcpu_start = vm_vcpu_start,
		.vcpu_off = board_vcpu_off,
		.vcpu_is_on = board_vcpu_is_on,
		.read = vm_read,
		.write = vm_write,
		.wall_seconds = board_wall_seconds,
		.processor = arch_processor(),
	};
	machine_init(vm->machine, &vm->board, vm->config->vcpus);
	return OK;
}

static enum result make_vcpus(struct build *b)
{
	struct vm *vm = b->vm;

	while (vm->vcpu_count < vm->config->vcpus) {
		unsigned i = vm->vcpu_count;
		enum result r = vcpu_create(vm, i, &vm->vcpus[i]);
		if (r != OK)
			return refuse(b, r, "no vCPU %u: %s", i, result_words(r));
		vm->vcpu_count++;
	}
	return OK;
}

/* ---- The image
 * ------------------------------------------------------------------------------------------- */

static enum result find_file(struct build *b, const char *name, struct vm_file *out)
{
	*out = (struct vm_file){ .name = name };
	if (name == NULL || main_module(name, out))
		return OK;
	return refuse(b, NOT_FOUND, "there is no file %s", name);
}

static enum result load(struct build *b)
{
	struct vm *vm = b->vm;
	const struct config_vm *c = vm->config;
	struct vm_file modules[CONFIG_MAX_MODULES];
	struct vm_image image = {
		.modules = modules,
		.module_count = c->module_count,
		.cmdline = c->cmdline,
		.format = c->format,
		.memory_bytes = c->memory_bytes,
		.vcpus = c->vcpus,
	};

	enum result r = find_file(b, c->kernel, &image.kernel);
	if (r == OK)
		r = find_file(b, c->initrd, &image.initrd);
	for (unsigned i = 0; r == OK && i < c->module_count; i++)
		r = find_file(b, c->modules[i], &modules[i]);
	if (r != OK)
		return r;
	r = machine_load(vm->machine, &image, &vm->start, b->why, sizeof(b->why));
	if (r == OK)
		arch_vcpu_start(vm->vcpus[0]->arch, &vm->start);
	else if (b->why[0] == '\0')
		return refuse(b, r, "its image: %s", result_words(r));
	return r;
}

/*
 * All of the RAM backed and mapped, as if the first vCPU had written to each page: its frames and
 * tables are the VM's from now on, whatever its neighbours use up.
 */
static enum result populate(struct build *b)
{
	struct vm *vm = b->vm;
	struct machine_ram ram[MACHINE_RAM_RANGES];
	unsigned count = vm->config->populate ? machine_ram(vm->config->memory_bytes, ram) : 0;

	for (unsigned i = 0; i < count; i++) {
		gfn_t n = gpa_to_gfn(ram[i].start);
		gfn_t end = gfn(n.v + (ram[i].bytes >> PAGE_SHIFT));
		while (n.v < end.v) {
			struct s2_fault fault = { .gpa = gfn_to_gpa(n), .access = ACCESS_WRITE };
			unsigned level = 0;

			enum result r = fault_serve(vm->vcpus[0], &fault);
			if (r != OK)
				return refuse(b, r, "its RAM at 0x%llx: %s",
					      (unsigned long long)fault.gpa.v, result_words(r));
			grace_enter();
			(void)s2_lookup(&vm->s2, n, &level);
			grace_leave();
			n.v = (n.v | ((1ull << arch_s2_geometry->shift[level]) - 1)) + 1;
		}
	}
	return OK;
}

enum result vm_create(const struct config_vm *c, struct vm **out)
{
	static enum result (*const steps[])(struct build *) = {
		make_space, make_ram, make_slots, make_board, make_vcpus, load, populate,
	};
	struct env_block block;
	struct build b = { .why = "" };

	enum result r = env_block_get(env_order(sizeof(struct vm)), &block);
	if (r != OK)
		return r;
	struct vm *vm = block.memory;
	vm->frame = block.first;
	vm->config = c;
	vm->id = vm_count;
	b.vm = vm;
	for (unsigned i = 0; r == OK && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](&b);
	vms[vm->id] = vm;
	vm_count = vm->id + 1;
	if (r != OK) {
		vm_end(vm, r == OUT_OF_MEMORY ? END_OUT_OF_MEMORY : END_BAD_IMAGE, 0, "%s", b.why);
		vm_reclaim(vm);
	}
	*out = vm;
	return OK;
}
