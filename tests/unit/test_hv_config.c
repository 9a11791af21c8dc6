/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: what a right one yields, and for each mistake the sentence that names its node
 * and its property. The trees are text, compiled by dtc as a user's would be; damaged blobs are
 * made of a right one.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "boot/bootinfo.h"
#include "hv/config.h"
#include "hv/config_tree.h"
#include "tests/unit/dtc.h"

#define BLOB_BYTES 16384
#define DT "/dts-v1/;\n/ { compatible = \"tenure,config-1\";\n"
#define VM(properties) DT "vms { a { memory = \"1M\"; kernel = \"k\"; " properties " }; }; };"
#define HOST(properties) \
	DT "host { " properties " }; vms { a { memory = \"1M\"; kernel = \"k\"; }; }; };"
#define DEVICES(nodes) \
	DT "devices { " nodes " }; vms { a { memory = \"1M\"; kernel = \"k\"; }; }; };"
#define SLOT(properties)                                                                 \
	DT "devices { fb: framebuffer { driver = \"display\"; }; };"                     \
	   " vms { a { memory = \"1M\"; kernel = \"k\"; memslot@100000000 { " properties \
	   " }; }; }; };"
#define GPA "gpa = /bits/ 64 <0x100000000>; "

static _Alignas(8) unsigned char blob[BLOB_BYTES];
static struct config c;
static char why[256];

/* Compiles `text` into blob; returns its bytes. */
static size_t compile(const char *text)
{
	size_t bytes = dtc_compile(text, blob, sizeof(blob));

	assert_true(bytes != 0);
	return bytes;
}

static enum result parse(const char *text)
{
	size_t bytes = compile(text);

	why[0] = '\0';
	return config_parse(blob, bytes, &c, why, sizeof(why));
}

static void whole_tree(void **state)
{
	(void)state;
	static const char text[] = DT
		"host { cpus = <2>; memory = \"256M\"; quantum-us = <5000>; huge-pages = \"off\";"
		" trace-events = <64>; prompt; explain; exit-device; pool = \"4M\"; };"
		"devices { fb: framebuffer { driver = \"display\"; };"
		" shm: shared { driver = \"ivshmem\"; }; gfx: graphics { driver = \"pool\"; "
		"order = <9>; }; };"
		"vms { linux { memory = \"256M\"; vcpus = <3>; kernel = \"vmlinuz\"; initrd = "
		"\"i\";"
		" modules = \"a\", \"b\"; cmdline = \"console=ttyS0\"; format = \"pvh\"; "
		"host-control; no-clock; populate;"
		" memslot@100000000 { " GPA "size = \"16M\"; device = <&fb>; offset = <0x1000>;"
		" memtype = \"write-combining\"; read-only-first; };"
		" memslot@140000000 { gpa = <0x1 0x40000000>; device = \"graphics\"; read-only; };"
		" memslot { size = <0x2000>; absent; }; };"
		" small { memory = <0x100000>; kernel = \"k\"; }; }; };";
	assert_int_equal(parse(text), OK);
	assert_string_equal(why, "");
	assert_int_equal(c.host.cpus, 2);
	assert_int_equal(c.host.memory_bytes, 256 << 20);
	assert_int_equal(c.host.quantum_ns, 5000000);
	assert_false(c.host.huge_pages);
	assert_int_equal(c.host.trace_events, 64);
	assert_true(c.host.prompt && c.host.explain && c.host.exit_device && !c.host.selftest);
	assert_int_equal(c.host.pool_bytes, 4 << 20);
	assert_int_equal(c.device_count, 3);
	assert_int_equal(c.devices[0].driver, CONFIG_DISPLAY);
	assert_int_equal(c.devices[0].bar, 0);
	assert_int_equal(c.devices[1].bar, 2);
	assert_int_equal(c.devices[2].order, 9);
	assert_int_equal(c.vm_count, 2);
	const struct config_vm *vm = &c.vms[0];
	assert_string_equal(vm->name, "linux");
	assert_int_equal(vm->memory_bytes, 256 << 20);
	assert_int_equal(vm->vcpus, 3);
	assert_string_equal(vm->kernel, "vmlinuz");
	assert_string_equal(vm->modules[1], "b");
	assert_int_equal(vm->module_count, 2);
	assert_string_equal(vm->cmdline, "console=ttyS0");
	assert_int_equal(vm->format, IMAGE_PVH);
	assert_true(vm->host_control);
	assert_false(vm->clock);
	assert_true(vm->populate);
	assert_false(c.vms[1].populate);
	assert_int_equal(vm->slot_count, 3);
	assert_ptr_equal(vm->slots[0].device, &c.devices[0]);
	assert_int_equal(vm->slots[0].offset, 0x1000);
	assert_true(vm->slots[0].has_memtype && vm->slots[0].readonly_first);
	assert_int_equal(vm->slots[0].memtype, MEM_WRITE_COMBINING);
	assert_int_equal(vm->slots[1].gpa.v, 0x140000000);
	assert_ptr_equal(vm->slots[1].device, &c.devices[2]);
	assert_int_equal(vm->slots[1].bytes, 0);
	assert_true(vm->slots[1].readonly);
	assert_true(vm->slots[2].absent);
	assert_int_equal(vm->slots[2].bytes, 0x2000);
	assert_int_equal(c.vms[1].memory_bytes, 1 << 20);
}

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(VM("")), OK);
	assert_int_equal(c.host.cpus, 0);
	assert_int_equal(c.host.memory_bytes, 0);
	assert_int_equal(c.host.quantum_ns, 10000000);
	assert_true(c.host.huge_pages);
	assert_int_equal(c.host.trace_events, 1024);
	assert_int_equal(c.vms[0].vcpus, 1);
	assert_int_equal(c.vms[0].format, IMAGE_AUTO);
	assert_true(c.vms[0].clock);
	assert_null(c.vms[0].initrd);
	assert_null(c.vms[0].cmdline);
	assert_int_equal(parse(DT "host { selftest; }; };"), OK);
	assert_int_equal(parse(VM("clock;")), OK);
	assert_true(c.vms[0].clock);
	assert_int_equal(parse(DT "vms { a_1 { memory = \"1M\"; kernel = \"k\"; }; }; };"), OK);
	assert_string_equal(c.vms[0].name, "a_1");
	assert_int_equal(parse(DEVICES("s { driver = \"ivshmem\"; bar = <3>; };")), OK);
	assert_int_equal(c.devices[0].bar, 3);
}

static const struct mistake {
	const char *text, *sentence;
} mistakes[] = {
	/* The tree. */
	{ "/dts-v1/; / { };", "/: compatible: it is missing" },
	{ "/dts-v1/; / { compatible = \"x\"; };",
	  "/: compatible: \"x\" is not \"tenure,config-1\"" },
	{ DT "};", "/: vms: there is no VM" },
	{ DT "vms { }; };", "/: vms: there is no VM" },
	{ DT "memory { }; };", "/memory: there is no such node" },
	{ DT "colour; };", "/: colour: there is no such property" },
	{ DT "vms { colour; }; };", "/vms: colour: there is no such property" },
	{ HOST("a { };"), "/host/a: there is no such node" },
	/* The host. */
	{ HOST("cpu = <1>;"), "/host: cpu: there is no such property" },
	{ HOST("cpus = <0>;"), "/host: cpus: 0 is out of its bounds, 1 to 64" },
	{ HOST("cpus = <65>;"), "/host: cpus: 65 is out of its bounds, 1 to 64" },
	{ HOST("cpus = \"2\";"), "/host: cpus: it must be one number, as in <1>" },
	{ HOST("memory = \"12X\";"), "/host: memory: \"12X\" is not a size" },
	{ HOST("memory = \"\";"),
	  "/host: memory: it must be a size, as in \"16M\", or a number of one or two cells" },
	{ HOST("memory = \"99999999999999999999G\";"),
	  "/host: memory: \"99999999999999999999G\" is not a size" },
	{ HOST("memory = \"17179869184G\";"), "/host: memory: \"17179869184G\" is not a size" },
	{ HOST("memory = \"4K\";"),
	  "/host: memory: 0x1000 is out of its bounds, 0x100000 to 0x1000000000000" },
	{ HOST("memory = \"5000000\";"), "/host: memory: 0x4c4b40 is not a multiple of 0x1000" },
	{ HOST("memory = <1 2 3>;"),
	  "/host: memory: it must be a size, as in \"16M\", or a number of one or two cells" },
	{ HOST("quantum-us = <1>;"), "/host: quantum-us: 1 is out of its bounds, 100 to 1000000" },
	{ HOST("huge-pages = \"yes\";"), "/host: huge-pages: \"yes\" is not one of: off, on" },
	{ HOST("huge-pages;"), "/host: huge-pages: it must be one of: off, on" },
	{ HOST("trace-events = <100>;"), "/host: trace-events: 100 is not a power of two" },
	{ HOST("trace-events = <8>;"), "/host: trace-events: 8 is out of its bounds, 16 to 65536" },
	{ HOST("prompt = <1>;"), "/host: prompt: it takes no value" },
	{ HOST("pool = \"2G\";"),
	  "/host: pool: 0x80000000 is out of its bounds, 0x1000 to 0x40000000" },
	/* Devices. */
	{ DEVICES("d { };"), "/devices/d: driver: it is missing" },
	{ DEVICES("d { driver = \"disk\"; };"),
	  "/devices/d: driver: \"disk\" is not one of: display, ivshmem, pool" },
	{ DEVICES("d { driver = \"display\"; bar = <6>; };"),
	  "/devices/d: bar: 6 is out of its bounds, 0 to 5" },
	{ DEVICES("d { driver = \"display\"; order = <1>; };"),
	  "/devices/d: order: only a pool has it" },
	{ DEVICES("d { driver = \"pool\"; };"),
	  "/devices/d: order: it is missing: a pool's block has 2^order frames" },
	{ DEVICES("d { driver = \"pool\"; order = <10>; };"),
	  "/devices/d: order: 10 is out of its bounds, 0 to 9" },
	{ DEVICES("d { driver = \"pool\"; order = <1>; bar = <0>; };"),
	  "/devices/d: bar: a pool has no BAR" },
	{ DEVICES("d@1 { driver = \"display\"; };"),
	  "/devices/d@1: its name may hold letters, digits and . _ + - only" },
	{ DEVICES("d { driver = \"display\"; e { }; };"), "/devices/d/e: there is no such node" },
	{ DEVICES("a1 { driver = \"display\"; }; a2 { driver = \"display\"; }; a3 { driver = "
		  "\"display\"; };"
		  "a4 { driver = \"display\"; }; a5 { driver = \"display\"; }; a6 { driver = "
		  "\"display\"; };"
		  "a7 { driver = \"display\"; }; a8 { driver = \"display\"; }; a9 { driver = "
		  "\"display\"; };"),
	  "/devices/a9: more than 8 devices" },
	/* VMs. */
	{ DT "vms { a { kernel = \"k\"; }; }; };", "/vms/a: memory: it is missing" },
	{ DT "vms { a { memory = \"1M\"; }; }; };", "/vms/a: kernel: it is missing" },
	{ DT "vms { a@1 { memory = \"1M\"; kernel = \"k\"; }; }; };",
	  "/vms/a@1: its name may hold letters, digits and . _ + - only" },
	{ VM("vcpus = <0>;"), "/vms/a: vcpus: 0 is out of its bounds, 1 to 16" },
	{ VM("vcpus = <17>;"), "/vms/a: vcpus: 17 is out of its bounds, 1 to 16" },
	{ VM("vcpus = [01];"), "/vms/a: vcpus: it must be one number, as in <1>" },
	{ VM("initrd = <1>;"), "/vms/a: initrd: it must be one string of printable characters" },
	{ VM("initrd = \"\";"), "/vms/a: initrd: a string of 0 characters; 1 to 63 are allowed" },
	{ VM("initrd = \"a\", \"b\";"),
	  "/vms/a: initrd: it must be one string of printable characters" },
	{ VM("cmdline = \"a\\nb\";"),
	  "/vms/a: cmdline: it must be one string of printable characters" },
	{ VM("modules;"), "/vms/a: modules: it must be a list of strings" },
	{ VM("modules = \"a\", \"\";"),
	  "/vms/a: modules: it must be a list of strings of 1 to 63 printable characters" },
	{ VM("modules = <1>;"),
	  "/vms/a: modules: it must be a list of strings of 1 to 63 printable characters" },
	{ VM("modules = \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\";"),
	  "/vms/a: modules: more than 8 strings" },
	{ VM("format = \"elf\";"),
	  "/vms/a: format: \"elf\" is not one of: auto, linux64, linux32, pvh, multiboot, flat" },
	{ VM("modules = \"a123456789b123456789c123456789d123456789e123456789f123456789gggg\";"),
	  "/vms/a: modules: it must be a list of strings of 1 to 63 printable characters" },
	{ DEVICES("p { driver = \"pool\"; order = <1>; bar = <2>; };"),
	  "/devices/p: bar: a pool has no BAR" },
	{ SLOT(GPA "device;"),
	  "/vms/a/memslot@100000000: device: it must be a node's name, or a reference as in "
	  "<&label>" },
	{ VM("clock; no-clock;"), "/vms/a: no-clock: clock is there too" },
	{ VM("disk { };"), "/vms/a/disk: there is no such node" },
	/* Memslots. */
	{ SLOT("size = \"4K\";"), "/vms/a/memslot@100000000: gpa: it is missing" },
	{ SLOT(GPA),
	  "/vms/a/memslot@100000000: size: it is missing: ordinary memory has no size of its own" },
	{ SLOT("gpa = <0x200000>; size = \"4K\";"),
	  "/vms/a/memslot@100000000: gpa: 0x200000 is not what the node's name says" },
	{ SLOT("gpa = <0x200010>; size = \"4K\";"),
	  "/vms/a/memslot@100000000: gpa: 0x200010 is not a multiple of 0x1000" },
	{ SLOT(GPA "size = \"5000\";"),
	  "/vms/a/memslot@100000000: size: 0x1388 is not a multiple of 0x1000" },
	{ SLOT(GPA "size = <0>;"),
	  "/vms/a/memslot@100000000: size: 0x0 is out of its bounds, 0x1000 to 0x1000000000000" },
	{ SLOT(GPA "size = /bits/ 64 <0x1000000000000>;"),
	  "/vms/a/memslot@100000000: size: the memslot ends beyond 2^48" },
	{ SLOT(GPA "device = \"disk\";"),
	  "/vms/a/memslot@100000000: device: /devices has no \"disk\"" },
	{ SLOT(GPA "device = <77>;"),
	  "/vms/a/memslot@100000000: device: no node has the phandle 0x4d" },
	{ SLOT(GPA "device = <1 2 3>;"),
	  "/vms/a/memslot@100000000: device: it must be a node's name, or a reference as in "
	  "<&label>" },
	{ SLOT(GPA "device = <&fb>; offset = <5>;"),
	  "/vms/a/memslot@100000000: offset: 0x5 is not a multiple of 0x1000" },
	{ SLOT(GPA "device = <&fb>; read-only; read-only-first;"),
	  "/vms/a/memslot@100000000: read-only-first: the memslot is read-only for ever" },
	{ SLOT(GPA "device = <&fb>; memtype = \"cached\";"),
	  "/vms/a/memslot@100000000: memtype: \"cached\" is not one of: write-back, "
	  "write-combining, uncached, device" },
	{ SLOT(GPA "size = \"4K\"; offset = <0>;"),
	  "/vms/a/memslot@100000000: offset: only device memory has it" },
	{ SLOT(GPA "size = \"4K\"; memtype = \"uncached\";"),
	  "/vms/a/memslot@100000000: memtype: only device memory has it" },
	{ SLOT(GPA "size = \"4K\"; read-only-first;"),
	  "/vms/a/memslot@100000000: read-only-first: only device memory has it" },
	{ SLOT(GPA "size = \"4K\"; a { };"), "/vms/a/memslot@100000000/a: there is no such node" },
	{ VM("memslot@80000 { gpa = <0x80000>; size = \"4K\"; };"),
	  "/vms/a/memslot@80000: gpa: 0x80000 lies in the VM's RAM, which ends at 0x100000" },
	{ VM("memslot@200000 { gpa = <0x200000>; size = \"8K\"; }; memslot@201000 { gpa = "
	     "<0x201000>; size = \"4K\"; };"),
	  "/vms/a/memslot@201000: gpa: the memslot overlaps that at 0x200000" },
	{ VM("memslots { gpa = <0x200000>; size = \"8K\"; };"),
	  "/vms/a/memslots: there is no such node" },
};

static void each_mistake_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		assert_int_equal(parse(mistakes[i].text), BAD_ARGUMENT);
		assert_string_equal(why, mistakes[i].sentence);
	}
}

static void names_have_a_limit(void **state)
{
	(void)state;
	assert_int_equal(parse(DT
			       "vms { a012345678901234567890123456789 { memory = \"1M\"; kernel = "
			       "\"k\"; }; }; };"),
			 OK);
	assert_int_equal(parse(DT
			       "vms { a0123456789012345678901234567890 { memory = \"1M\"; kernel = "
			       "\"k\"; }; }; };"),
			 BAD_ARGUMENT);
	assert_non_null(strstr(why, "its name must have 1 to 31 characters"));
}

static void a_long_command_line(void **state)
{
	(void)state;
	static char text[4096];
	char line[2100];

	for (int length = 2047; length <= 2048; length++) {
		memset(line, 'x', (size_t)length);
		line[length] = '\0';
		snprintf(text, sizeof(text),
			 DT "vms { a { memory = \"1M\"; kernel = \"k\"; cmdline = \"%s\"; }; }; };",
			 line);
		assert_int_equal(parse(text), length == 2047 ? OK : BAD_ARGUMENT);
	}
	assert_string_equal(why,
			    "/vms/a: cmdline: a string of 2048 characters; 0 to 2047 are allowed");
}

static void too_many(void **state)
{
	(void)state;
	static char text[8192];
	size_t at = (size_t)snprintf(text, sizeof(text), "%s", DT "vms { ");

	for (int i = 0; i < 17; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "v%d { memory = \"1M\"; kernel = \"k\"; }; ", i);
	snprintf(text + at, sizeof(text) - at, "}; };");
	assert_int_equal(parse(text), BAD_ARGUMENT);
	assert_string_equal(why, "/vms/v16: more than 16 VMs");

	at = (size_t)snprintf(text, sizeof(text), "%s",
			      DT "vms { a { memory = \"1M\"; kernel = \"k\"; ");
	for (int i = 0; i < 9; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "memslot@%d00000 { gpa = <0x%d00000>; size = \"4K\"; }; ",
				       i + 1, i + 1);
	snprintf(text + at, sizeof(text) - at, "}; }; };");
	assert_int_equal(parse(text), BAD_ARGUMENT);
	assert_string_equal(why, "/vms/a/memslot@900000: more than 8 memslots");
}

/* dtc merges nodes of one name; a blob can be made otherwise. */
static void names_are_unique(void **state)
{
	(void)state;
	size_t bytes = compile(
		DT "devices { d1 { driver = \"display\"; }; d2 { driver = \"display\"; }; };"
		   "vms { v1 { memory = \"1M\"; kernel = \"k\"; }; v2 { memory = \"1M\"; kernel "
		   "= \"k\"; }; }; };");
	unsigned char *device = memmem(blob, bytes, "d2\0\0", 4),
		      *vm = memmem(blob, bytes, "v2\0\0", 4);

	vm[1] = '1';
	assert_int_equal(config_parse(blob, bytes, &c, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/vms/v1: there is another VM of this name");
	device[1] = '1';
	assert_int_equal(config_parse(blob, bytes, &c, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/devices/d1: there is another device of this name");
}

static void sections_are_unique(void **state)
{
	(void)state;
	size_t bytes = compile(DT "host { }; hosd { }; };");
	unsigned char *node = memmem(blob, bytes, "hosd", 5);

	node[3] = 't';
	assert_int_equal(config_parse(blob, bytes, &c, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/host: it is there twice");
}

/* Older trees have no sizes of their parts; and dtc may be told to write the older phandle too. */
static void trees_of_other_versions(void **state)
{
	(void)state;
	size_t bytes = compile(VM("linux,phandle = <7>;"));

	assert_int_equal(config_parse(blob, bytes, &c, why, sizeof(why)), OK);
	blob[23] = 16; /* the version, big-endian at 20 */
	assert_int_equal(config_parse(blob, bytes, &c, why, sizeof(why)), BAD_ARGUMENT);
	assert_non_null(strstr(why, "the configuration is not a device tree"));
}

static void properties_are_unique(void **state)
{
	(void)state;
	size_t bytes = compile(HOST("cpus = <1>; quantum-us = <1000>;"));
	unsigned char *strings =
		blob + (blob[12] << 24 | blob[13] << 16 | blob[14] << 8 | blob[15]);
	unsigned char *name = memmem(strings, bytes - (size_t)(strings - blob), "quantum-us", 10);

	memcpy(name, "cpus", 5);
	assert_int_equal(config_parse(blob, bytes, &c, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/host: cpus: it is there twice");
}

/* Whatever a blob holds, nothing outside of it is read (ASan looks) and every refusal is a
 * sentence. */
static void damaged_blobs(void **state)
{
	(void)state;
	static unsigned char right[BLOB_BYTES];
	size_t bytes = compile(SLOT(GPA "device = <&fb>; memtype = \"device\";"));
	uint32_t seed = 1;

	memcpy(right, blob, bytes);
	for (size_t length = 0; length < bytes; length++) {
		unsigned char *exact = malloc(length + 1);
		memcpy(exact, right, length);
		assert_int_equal(config_parse(exact, length, &c, why, sizeof(why)), BAD_ARGUMENT);
		assert_non_null(strstr(why, "not a device tree"));
		free(exact);
	}
	for (int round = 0; round < 20000; round++) {
		unsigned char *exact = malloc(bytes);
		memcpy(exact, right, bytes);
		for (int n = 0; n < 1 + round % 4; n++) {
			seed = seed * 1664525u + 1013904223u;
			exact[(seed >> 8) % bytes] = (unsigned char)(seed >> 24);
		}
		why[0] = '\0';
		enum result r = config_parse(exact, bytes, &c, why, sizeof(why));
		assert_true(r == OK || (r == BAD_ARGUMENT && why[0] != '\0'));
		free(exact);
	}
}

static void sizes(void **state)
{
	(void)state;
	uint64_t n = 0;

	assert_true(tree_parse_bytes("0", &n) && n == 0);
	assert_true(tree_parse_bytes("12K", &n) && n == 12288);
	assert_true(tree_parse_bytes("17179869183G", &n) && n == 17179869183ull << 30);
	assert_true(tree_parse_bytes("18446744073709551609", &n));
	assert_false(tree_parse_bytes("", &n));
	assert_false(tree_parse_bytes("K", &n));
	assert_false(tree_parse_bytes("-1", &n));
	assert_false(tree_parse_bytes("1MB", &n));
	assert_false(tree_parse_bytes("1 M", &n));
	assert_false(tree_parse_bytes("18446744073709551616", &n));
}

static void modules_must_be_there(void **state)
{
	(void)state;
	static struct bootinfo boot = { .module_count = 2 };

	strcpy(boot.modules[0].name, "k");
	strcpy(boot.modules[1].name, "m");
	assert_int_equal(parse(VM("modules = \"m\";")), OK);
	assert_int_equal(config_check_modules(&c, &boot, why, sizeof(why)), OK);
	assert_int_equal(parse(VM("modules = \"m\", \"n\";")), OK);
	assert_int_equal(config_check_modules(&c, &boot, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/vms/a: modules: there is no module \"n\"");
	assert_int_equal(parse(VM("initrd = \"i\";")), OK);
	assert_int_equal(config_check_modules(&c, &boot, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/vms/a: initrd: there is no module \"i\"");
	boot.module_count = 0;
	assert_int_equal(parse(VM("")), OK);
	assert_int_equal(config_check_modules(&c, &boot, why, sizeof(why)), BAD_ARGUMENT);
	assert_string_equal(why, "/vms/a: kernel: there is no module \"k\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_tree),
		cmocka_unit_test(defaults),
		cmocka_unit_test(each_mistake_is_named),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(a_long_command_line),
		cmocka_unit_test(too_many),
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(properties_are_unique),
		cmocka_unit_test(sections_are_unique),
		cmocka_unit_test(trees_of_other_versions),
		cmocka_unit_test(damaged_blobs),
		cmocka_unit_test(sizes),
		cmocka_unit_test(modules_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
