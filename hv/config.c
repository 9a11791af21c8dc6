/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the configuration's nodes mean: one table of properties for each kind of node, and after the
 * tables the checks that look at more than one property. The tree is walked once, devices before
 * VMs, since memslots refer to devices.
 */
#include "hv/config.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "boot/bootinfo.h"
#include "hv/config_tree.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MIB (UINT64_C(1) << 20)
#define GUEST_LIMIT (UINT64_C(1) << 48) /* gpas are below it */
#define NAME_MAX_CHARACTERS (BOOT_NAME_BYTES - 1)
#define CMDLINE_MAX_CHARACTERS 2047

struct config config;

static const char *const on_off[] = { "off", "on", NULL };
static const char *const drivers[] = { "display", "ivshmem", "pool", NULL };
static const char *const formats[] = { "auto",	    "linux64", "linux32", "pvh",
				       "multiboot", "flat",    NULL };
static const char *const memtypes[] = { "write-back", "write-combining", "uncached", "device",
					NULL };

_Static_assert(CONFIG_DISPLAY == 0 && CONFIG_IVSHMEM == 1 && CONFIG_POOL == 2, "order of drivers");
_Static_assert(IMAGE_AUTO == 0 && IMAGE_LINUX64 == 1 && IMAGE_LINUX32 == 2 && IMAGE_PVH == 3 &&
		       IMAGE_MULTIBOOT == 4 && IMAGE_FLAT == 5,
	       "order of formats");
_Static_assert(MEM_WRITE_BACK == 0 && MEM_WRITE_COMBINING == 1 && MEM_UNCACHED == 2 &&
		       MEM_DEVICE == 3,
	       "order of memtypes");

const char *config_memtype_words(enum memtype type)
{
	return memtypes[type];
}

const char *config_driver_words(enum config_driver d)
{
	return drivers[d];
}

/* What the tables fill, before it is checked and takes its place in struct config. */
struct host_words {
	uint32_t cpus, quantum_us, huge_pages, trace_events;
	uint64_t memory, pool;
	bool prompt, explain, selftest, exit_device;
};

struct device_words {
	uint32_t driver, bar, order;
};

struct vm_words {
	uint64_t memory;
	uint32_t vcpus, format, module_count;
	const char *kernel, *initrd, *cmdline;
	const char *modules[CONFIG_MAX_MODULES];
	bool host_control, clock, no_clock, populate;
};

struct slot_words {
	uint64_t gpa, size, offset;
	const char *device;
	uint32_t memtype;
	bool readonly, readonly_first, absent;
};

#define HOST(field) .at = offsetof(struct host_words, field)
#define DEVICE(field) .at = offsetof(struct device_words, field)
#define VM(field) .at = offsetof(struct vm_words, field)
#define SLOT(field) .at = offsetof(struct slot_words, field)

static const struct property root_table[] = {
	{ "compatible", PROPERTY_TEXT, .required = true, .at = 0, .min = 1, .max = 63 },
};

static const struct property host_table[] = {
	{ "cpus", PROPERTY_COUNT, HOST(cpus), .min = 1, .max = ARCH_MAX_CPUS },
	{ "memory", PROPERTY_BYTES, HOST(memory), .min = MIB, .max = GUEST_LIMIT,
	  .align = PAGE_SIZE },
	{ "quantum-us", PROPERTY_COUNT, HOST(quantum_us), .min = 100, .max = 1000000 },
	{ "huge-pages", PROPERTY_CHOICE, HOST(huge_pages), .choices = on_off },
	{ "trace-events", PROPERTY_COUNT, HOST(trace_events), .min = 16, .max = 65536 },
	{ "prompt", PROPERTY_FLAG, HOST(prompt) },
	{ "explain", PROPERTY_FLAG, HOST(explain) },
	{ "selftest", PROPERTY_FLAG, HOST(selftest) },
	{ "exit-device", PROPERTY_FLAG, HOST(exit_device) },
	{ "pool", PROPERTY_BYTES, HOST(pool), .min = PAGE_SIZE, .max = 1024 * MIB,
	  .align = PAGE_SIZE },
};

enum { DEVICE_BAR = 1, DEVICE_ORDER = 2 };
static const struct property device_table[] = {
	{ "driver", PROPERTY_CHOICE, DEVICE(driver), .choices = drivers, .required = true },
	[DEVICE_BAR] = { "bar", PROPERTY_COUNT, DEVICE(bar), .min = 0, .max = 5 },
	[DEVICE_ORDER] = { "order", PROPERTY_COUNT, DEVICE(order), .min = 0, .max = 9 },
};

static const struct property vm_table[] = {
	{ "memory", PROPERTY_BYTES, VM(memory), .min = 64 * 1024, .max = GUEST_LIMIT >> 8,
	  .align = PAGE_SIZE, .required = true },
	{ "vcpus", PROPERTY_COUNT, VM(vcpus), .min = 1, .max = 16 },
	{ "kernel", PROPERTY_TEXT, VM(kernel), .min = 1, .max = NAME_MAX_CHARACTERS,
	  .required = true },
	{ "initrd", PROPERTY_TEXT, VM(initrd), .min = 1, .max = NAME_MAX_CHARACTERS },
	{ "modules", PROPERTY_TEXTS, VM(modules), .count = offsetof(struct vm_words, module_count),
	  .max = CONFIG_MAX_MODULES },
	{ "cmdline", PROPERTY_TEXT, VM(cmdline), .max = CMDLINE_MAX_CHARACTERS },
	{ "format", PROPERTY_CHOICE, VM(format), .choices = formats },
	{ "host-control", PROPERTY_FLAG, VM(host_control) },
	{ "populate", PROPERTY_FLAG, VM(populate) },
	{ "clock", PROPERTY_FLAG, VM(clock) },
	{ "no-clock", PROPERTY_FLAG, VM(no_clock) },
};

enum { SLOT_GPA, SLOT_SIZE, SLOT_DEVICE, SLOT_OFFSET, SLOT_MEMTYPE };
static const struct property slot_table[] = {
	[SLOT_GPA] = { "gpa", PROPERTY_BYTES, SLOT(gpa), .max = GUEST_LIMIT - PAGE_SIZE,
		       .align = PAGE_SIZE },
	[SLOT_SIZE] = { "size", PROPERTY_BYTES, SLOT(size), .min = PAGE_SIZE, .max = GUEST_LIMIT,
			.align = PAGE_SIZE },
	[SLOT_DEVICE] = { "device", PROPERTY_REFERENCE, SLOT(device) },
	[SLOT_OFFSET] = { "offset", PROPERTY_BYTES, SLOT(offset), .max = GUEST_LIMIT,
			  .align = PAGE_SIZE },
	[SLOT_MEMTYPE] = { "memtype", PROPERTY_CHOICE, SLOT(memtype), .choices = memtypes },
	{ "read-only", PROPERTY_FLAG, SLOT(readonly) },
	{ "read-only-first", PROPERTY_FLAG, SLOT(readonly_first) },
	{ "absent", PROPERTY_FLAG, SLOT(absent) },
};

/* A node that holds properties only. */
static bool no_children(struct tree *t, int node)
{
	int child = fdt_first_subnode(t->fdt, node);

	return child < 0 || tree_bad(t, child, NULL, "there is no such node");
}

static bool read_host(struct tree *t, int node, struct config_host *host)
{
	struct host_words w = {
		.quantum_us = 10000, .huge_pages = 1, .trace_events = 1024, .pool = 8 * MIB
	};
	uint32_t given;

	if (node >= 0 && (!no_children(t, node) ||
			  !tree_read(t, node, host_table, COUNT(host_table), &w, &given)))
		return false;
	if ((w.trace_events & (w.trace_events - 1)) != 0)
		return tree_bad(t, node, "trace-events", "%lu is not a power of two",
				(unsigned long)w.trace_events);
	*host = (struct config_host){
		.cpus = w.cpus,
		.memory_bytes = w.memory,
		.quantum_ns = (uint64_t)w.quantum_us * 1000,
		.huge_pages = w.huge_pages != 0,
		.trace_events = w.trace_events,
		.prompt = w.prompt,
		.explain = w.explain,
		.selftest = w.selftest,
		.exit_device = w.exit_device,
		.pool_bytes = w.pool,
	};
	return true;
}

static const struct config_device *find_device(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->device_count; i++)
		if (strcmp(c->devices[i].name, name) == 0)
			return &c->devices[i];
	return NULL;
}

static bool read_device(struct tree *t, int node, struct config *c)
{
	struct config_device *d = &c->devices[c->device_count];
	struct device_words w = { 0 };
	uint32_t given;

	if (c->device_count == CONFIG_MAX_DEVICES)
		return tree_bad(t, node, NULL, "more than %u devices", CONFIG_MAX_DEVICES);
	if (!tree_name(t, node, d->name, sizeof(d->name)) || !no_children(t, node) ||
	    !tree_read(t, node, device_table, COUNT(device_table), &w, &given))
		return false;
	if (find_device(c, d->name) != NULL)
		return tree_bad(t, node, NULL, "there is another device of this name");
	bool pool = w.driver == CONFIG_POOL;
	if (pool && (given & 1u << DEVICE_BAR))
		return tree_bad(t, node, "bar", "a pool has no BAR");
	if (pool && !(given & 1u << DEVICE_ORDER))
		return tree_bad(t, node, "order",
				"it is missing: a pool's block has 2^order frames");
	if (!pool && (given & 1u << DEVICE_ORDER))
		return tree_bad(t, node, "order", "only a pool has it");
	d->driver = (enum config_driver)w.driver;
	d->order = w.order;
	d->bar = given & 1u << DEVICE_BAR ? w.bar : w.driver == CONFIG_IVSHMEM ? 2 : 0;
	c->device_count++;
	return true;
}

/* "memslot" or "memslot@GPA", with the gpa that the property says. */
static bool check_slot_name(struct tree *t, int node, const struct slot_words *w, uint32_t given)
{
	static const char base[] = "memslot";
	const char *name = fdt_get_name(t->fdt, node, NULL);
	char unit[24];

	if (name == NULL || strncmp(name, base, sizeof(base) - 1) != 0)
		return tree_bad(t, node, NULL, "there is no such node");
	name += sizeof(base) - 1;
	if (*name != '\0' && *name != '@')
		return tree_bad(t, node, NULL, "there is no such node");
	snprintf(unit, sizeof(unit), "@%llx", (unsigned long long)w->gpa);
	if (*name == '@' && (given & 1u << SLOT_GPA) && strcmp(name, unit) != 0)
		return tree_bad(t, node, "gpa", "0x%llx is not what the node's name says",
				(unsigned long long)w->gpa);
	return true;
}

/* What goes with device memory only, and what excludes what. */
static bool check_slot_words(struct tree *t, int node, const struct slot_words *w, uint32_t given)
{
	if (!(given & 1u << SLOT_GPA) && !w->absent)
		return tree_bad(t, node, "gpa", "it is missing");
	if (w->size > GUEST_LIMIT - w->gpa)
		return tree_bad(t, node, "size", "the memslot ends beyond 2^48");
	if (w->readonly && w->readonly_first)
		return tree_bad(t, node, "read-only-first", "the memslot is read-only for ever");
	if (w->device != NULL)
		return true;
	if (!(given & 1u << SLOT_SIZE))
		return tree_bad(t, node, "size",
				"it is missing: ordinary memory has no size of its own");
	if (given & 1u << SLOT_OFFSET)
		return tree_bad(t, node, "offset", "only device memory has it");
	if (given & 1u << SLOT_MEMTYPE)
		return tree_bad(t, node, "memtype", "only device memory has it");
	if (w->readonly_first)
		return tree_bad(t, node, "read-only-first", "only device memory has it");
	return true;
}

static uint64_t slot_end(const struct config_slot *s)
{
	return s->gpa.v + (s->bytes != 0 ? s->bytes : PAGE_SIZE); /* the size is not known yet */
}

static bool check_slot_place(struct tree *t, int node, const struct config_vm *vm,
			     const struct config_slot *s)
{
	struct machine_ram ram[MACHINE_RAM_RANGES];
	unsigned ranges = machine_ram(vm->memory_bytes, ram);

	if (s->absent)
		return true;
	if (s->gpa.v < machine_devices_end.v)
		return tree_bad(t, node, "gpa",
				"0x%llx is among the addresses of the board's devices, which end "
				"at 0x%llx",
				(unsigned long long)s->gpa.v,
				(unsigned long long)machine_devices_end.v);
	for (unsigned i = 0; i < ranges; i++) {
		uint64_t start = ram[i].start.v, end = start + ram[i].bytes;
		if (s->gpa.v < end && start < slot_end(s))
			return tree_bad(t, node, "gpa",
					"0x%llx lies in the VM's RAM, which ends at 0x%llx",
					(unsigned long long)s->gpa.v, (unsigned long long)end);
	}
	for (unsigned i = 0; i < vm->slot_count; i++) {
		const struct config_slot *other = &vm->slots[i];
		if (!other->absent && s->gpa.v < slot_end(other) && other->gpa.v < slot_end(s))
			return tree_bad(t, node, "gpa", "the memslot overlaps that at 0x%llx",
					(unsigned long long)other->gpa.v);
	}
	return true;
}

static bool read_slot(struct tree *t, int node, const struct config *c, struct config_vm *vm)
{
	struct slot_words w = { 0 };
	uint32_t given;

	if (vm->slot_count == CONFIG_MAX_SLOTS)
		return tree_bad(t, node, NULL, "more than %u memslots", CONFIG_MAX_SLOTS);
	if (!no_children(t, node) ||
	    !tree_read(t, node, slot_table, COUNT(slot_table), &w, &given) ||
	    !check_slot_name(t, node, &w, given) || !check_slot_words(t, node, &w, given))
		return false;
	struct config_slot s = {
		.gpa = gpa(w.gpa),
		.bytes = w.size,
		.offset = w.offset,
		.has_memtype = (given & 1u << SLOT_MEMTYPE) != 0,
		.memtype = (enum memtype)w.memtype,
		.readonly = w.readonly,
		.readonly_first = w.readonly_first,
		.absent = w.absent,
	};
	if (w.device != NULL) {
		s.device = find_device(c, w.device);
		if (s.device == NULL)
			return tree_bad(t, node, "device", "/devices has no \"%.40s\"", w.device);
	}
	if (!check_slot_place(t, node, vm, &s))
		return false;
	vm->slots[vm->slot_count++] = s;
	return true;
}

static bool read_vm(struct tree *t, int node, struct config *c)
{
	struct config_vm *vm = &c->vms[c->vm_count];
	struct vm_words w = { .vcpus = 1 };
	uint32_t given;
	int child;

	if (c->vm_count == CONFIG_MAX_VMS)
		return tree_bad(t, node, NULL, "more than %u VMs", CONFIG_MAX_VMS);
	if (!tree_name(t, node, vm->name, sizeof(vm->name)) ||
	    !tree_read(t, node, vm_table, COUNT(vm_table), &w, &given))
		return false;
	for (unsigned i = 0; i < c->vm_count; i++)
		if (strcmp(c->vms[i].name, vm->name) == 0)
			return tree_bad(t, node, NULL, "there is another VM of this name");
	if (w.clock && w.no_clock)
		return tree_bad(t, node, "no-clock", "clock is there too");
	vm->memory_bytes = w.memory;
	vm->vcpus = w.vcpus;
	vm->kernel = w.kernel;
	vm->initrd = w.initrd;
	vm->cmdline = w.cmdline;
	memcpy(vm->modules, w.modules, sizeof(vm->modules));
	vm->module_count = w.module_count;
	vm->format = (enum image_format)w.format;
	vm->host_control = w.host_control;
	vm->clock = !w.no_clock;
	vm->populate = w.populate;
	fdt_for_each_subnode(child, t->fdt, node) if (!read_slot(t, child, c, vm)) return false;
	c->vm_count++;
	return true;
}

/* A node that holds nodes only. */
static bool read_children(struct tree *t, int node, struct config *c,
			  bool (*read)(struct tree *t, int node, struct config *c))
{
	uint32_t given;
	int child;

	if (node < 0)
		return true;
	if (!tree_read(t, node, NULL, 0, NULL, &given))
		return false;
	fdt_for_each_subnode(child, t->fdt, node) if (!read(t, child, c)) return false;
	return true;
}

static bool read_root(struct tree *t, struct config *c)
{
	static const char *const nodes[] = { "host", "devices", "vms" };
	int at[COUNT(nodes)] = { -1, -1, -1 };
	const char *compatible = NULL;
	uint32_t given;
	int child;

	if (!tree_read(t, 0, root_table, COUNT(root_table), &compatible, &given))
		return false;
	if (strcmp(compatible, "tenure,config-1") != 0)
		return tree_bad(t, 0, "compatible", "\"%.40s\" is not \"tenure,config-1\"",
				compatible);
	fdt_for_each_subnode(child, t->fdt, 0)
	{
		const char *name = fdt_get_name(t->fdt, child, NULL);
		unsigned i = 0;
		while (i < COUNT(nodes) && (name == NULL || strcmp(name, nodes[i]) != 0))
			i++;
		if (i == COUNT(nodes))
			return tree_bad(t, child, NULL, "there is no such node");
		if (at[i] >= 0)
			return tree_bad(t, child, NULL, "it is there twice");
		at[i] = child;
	}
	if (!read_host(t, at[0], &c->host) || !read_children(t, at[1], c, read_device) ||
	    !read_children(t, at[2], c, read_vm))
		return false;
	if (c->vm_count == 0 && !c->host.selftest)
		return tree_bad(t, 0, "vms", "there is no VM");
	return true;
}

enum result config_parse(const void *fdt, size_t bytes, struct config *c, char *why,
			 size_t why_bytes)
{
	struct tree t;

	memset(c, 0, sizeof(*c));
	if (!tree_open(&t, fdt, bytes, why, why_bytes) || !read_root(&t, c))
		return BAD_ARGUMENT;
	return OK;
}

static bool module_there(const struct bootinfo *boot, const char *name)
{
	for (uint32_t i = 0; i < boot->module_count && i < BOOT_MAX_MODULES; i++)
		if (strncmp(boot->modules[i].name, name, BOOT_NAME_BYTES) == 0)
			return true;
	return false;
}

static enum result check_module(const struct config_vm *vm, const char *property, const char *name,
				const struct bootinfo *boot, char *why, size_t why_bytes)
{
	if (name == NULL || module_there(boot, name))
		return OK;
	snprintf(why, why_bytes, "/vms/%s: %s: there is no module \"%s\"", vm->name, property,
		 name);
	return BAD_ARGUMENT;
}

enum result config_check_modules(const struct config *c, const struct bootinfo *boot, char *why,
				 size_t why_bytes)
{
	enum result r = OK;

	for (unsigned i = 0; i < c->vm_count && r == OK; i++) {
		const struct config_vm *vm = &c->vms[i];
		r = check_module(vm, "kernel", vm->kernel, boot, why, why_bytes);
		if (r == OK)
			r = check_module(vm, "initrd", vm->initrd, boot, why, why_bytes);
		for (unsigned m = 0; m < vm->module_count && r == OK; m++)
			r = check_module(vm, "modules", vm->modules[m], boot, why, why_bytes);
	}
	return r;
}
