/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a run and its VMs begin when something is missing: memory at any point, a device, a file; and
 * the tour's words for what a guest does.
 */
#define _GNU_SOURCE
#include "mm/block.h"
#include "tests/unit/hv_run.h"
#include "tests/unit/pci_devices.h"

#define AREA UINT64_C(0x200000)
#define SHOWN UINT64_C(0x150000000)
#define WHOLE UINT64_C(0x180000000)
#define POOL "gfx: graphics { driver = \"pool\"; order = <2>; };"
#define SLOT(more) "memslot@150000000 { gpa = /bits/ 64 <0x150000000>; device = <&gfx>; " more " };"

/* ---- Want of memory -----------------------------------------------------------------------------
 */

static unsigned allocations_left;
static bool refused_one;

static bool count_down(unsigned order)
{
	(void)order;
	if (allocations_left != 0) {
		allocations_left--;
		return true;
	}
	refused_one = true;
	return false;
}

static void fail_later(struct bootinfo *b)
{
	(void)b;
	env_alloc = count_down;
}

static bool memory_is_back(struct vm *vm)
{
	(void)vm;
	env_alloc = NULL;
	return true;
}

/*
 * From some allocation on there is no memory, until the guest runs: wherever that is, the run ends
 * in words, and what was taken is back.
 */
static void memory_ends_at_any_point(void **state)
{
	static const struct step script[] = { DO(memory_is_back), WRITE(AREA, 8, 1), END };
	static const char *const causes[] = {
		"cannot start: no memory for the trace",
		"the pool has no room for a block of 16384 bytes",
		"cannot start: no memory for VM a",
		"no host space: out of memory",
		"no stage-2 tree: out of memory",
		"no RAM at 0x0: out of memory",
		"memslot@10000000: out of memory",
		"memslot@150000000 over graphics: out of memory",
		"no board: out of memory",
		"no vCPU 0: out of memory",
		"no vCPU 1: out of memory",
	};
	bool heard[sizeof(causes) / sizeof(causes[0])] = { false };
	unsigned n = 0, began = 0, refused = 0;

	(void)state;
	for (bool whole = false; !whole; n++) {
		assert_true(n < 400);
		allocations_left = n;
		run(&(struct run){ .script = script,
				   .meddle = fail_later,
				   .vcpus = 2,
				   .devices = POOL,
				   .slots = SLOT("") " memslot@10000000 { gpa = <0x10000000>; "
						     "size = \"64K\"; };" });
		whole = said("tenure: end status=0 reason=poweroff");
		if (whole)
			continue;
		assert_true(outcome.status == MAIN_EXIT_STOPPED);
		for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
			heard[i] = heard[i] || said(causes[i]);
		if (said("cannot start: ")) {
			refused++;
			continue;
		}
		began++;
		assert_ended("status=70 reason=out-of-memory");
		assert_said("out of memory");
	}
	assert_true(refused >= 3 && began >= 10);
	for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (!heard[i])
			fail_msg("never said: \"%s\"", causes[i]);
}

/* ---- What a VM names
 * ------------------------------------------------------------------------------ */

static void refuses(const char *slots, const char *words)
{
	static const struct step script[] = { END };

	run(&(struct run){ .script = script, .devices = POOL, .slots = slots });
	assert_said(words);
	assert_ended("status=65 reason=bad-image");
}

static void device_memory_that_is_too_small(void **state)
{
	(void)state;
	refuses(SLOT("offset = \"16K\";"),
		"memslot@150000000: offset 0x4000 and size 0x0 are beyond the 0x4000 bytes of "
		"graphics");
	refuses(SLOT("offset = \"4K\"; size = \"16K\";"),
		"offset 0x1000 and size 0x4000 are beyond the 0x4000 bytes of graphics");
}

static void slots_of_every_kind(void **state)
{
	static const struct step script[] = {
		READ(SHOWN, 8, 0),
		WRITE(SHOWN, 8, 7),
		READ(SHOWN, 8, 7),
		CALL(query, SHOWN, TENURE_QUERY_MEMTYPE, 0, 0, MEM_WRITE_BACK),
		READ(SHOWN + 0x2000, 8, UINT64_MAX), /* beyond its two pages */
		READ(WHOLE, 8, 0),
		READ(WHOLE + 0x1000, 8, 7), /* where the other's offset says */
		CALL(query, WHOLE, TENURE_QUERY_MEMTYPE, 0, 0, MEM_WRITE_BACK),
		CALL(slot_create, SHOWN + 0x200000, 0x1000, 0, 0, 3),
		CALL(slot_delete, 3, 0, 0, 0, 0), /* no device's, shown or not */
		CALL(slot_create, SHOWN + 0x100000, 0, 2, 0, 4),
		READ(SHOWN + 0x100000, 8, 7),
		END,
	};
	(void)state;
	run_well(&(struct run){
		.script = script,
		.devices = POOL,
		.slots = SLOT(
			"offset = \"4K\"; size = \"8K\"; memtype = \"write-back\"; "
			"read-only-first;") "memslot@160000000 { gpa = /bits/ 64 <0x160000000>; "
					    "device = <&gfx>; "
					    "absent; offset = \"4K\"; };"
					    "memslot@180000000 { gpa = /bits/ 64 <0x180000000>; "
					    "device = <&gfx>; };"
					    "memslot@170000000 { gpa = /bits/ 64 <0x170000000>; "
					    "size = \"4K\"; absent; };" });
}

static void show_a_display(struct bootinfo *b)
{
	(void)b;
	pci_add_display(FRAMEBUFFER_AT);
}

/* H2: the device's memory type, or the one that the configuration gives. */
static void slots_of_a_memory_type(void **state)
{
	static const struct step script[] = {
		READ(SHOWN, 8, 0),
		READ(WHOLE, 8, 0),
		CALL(query, SHOWN, TENURE_QUERY_MEMTYPE, 0, 0, MEM_WRITE_COMBINING),
		CALL(query, WHOLE, TENURE_QUERY_MEMTYPE, 0, 0, MEM_UNCACHED),
		END,
	};
	(void)state;
	run_well(&(struct run){ .script = script,
				.meddle = show_a_display,
				.devices = "fb: framebuffer { driver = \"display\"; };",
				.slots = "memslot@150000000 { gpa = /bits/ 64 <0x150000000>; "
					 "device = <&fb>; };"
					 "memslot@180000000 { gpa = /bits/ 64 <0x180000000>; "
					 "device = <&fb>; memtype = \"uncached\"; };" });
}

/* The loader's memory in two ranges, and a file of no bytes. */
static void in_two_ranges(struct bootinfo *b)
{
	b->ranges[2] = b->ranges[1];
	b->ranges[0].size = RUN_KERNEL / 2;
	b->ranges[1] =
		run_range(RUN_BASE + RUN_KERNEL / 2, RUN_LOADER - RUN_KERNEL / 2, BOOT_MEM_LOADER);
	b->range_count = 3;
	b->modules[b->module_count++] = (struct boot_module){ "nothing", 0, 0 };
}

static void files_anywhere_in_the_loader_s_memory(void **state)
{
	static const struct step script[] = { WRITE(AREA, 8, 1), END };

	(void)state;
	run_well(&(struct run){ .script = script, .meddle = in_two_ranges });
	run(&(struct run){
		.vms = "a { memory = \"4M\"; kernel = \"k\"; modules = \"k\", \"l\", \"k\"; };"
		       "b { memory = \"4M\"; kernel = \"k\"; };" });
	assert_said("/vms/a: modules: there is no module \"l\"");
	assert_int_equal(outcome.status, MAIN_EXIT_INPUT);
}

static void no_self_test(void **state)
{
	(void)state;
	run(&(struct run){ .host = "selftest;" });
	assert_said("cannot start: this image holds no self-test");
	assert_int_equal(outcome.status, MAIN_EXIT_INPUT);
}

static void no_vm(void **state)
{
	(void)state;
	run(&(struct run){ .vms = " " });
	assert_said("cannot start: the configuration: /: vms: there is no VM");
	assert_int_equal(outcome.status, MAIN_EXIT_INPUT);
}

static uint32_t firmware;

static void by_firmware(struct bootinfo *b)
{
	b->firmware = firmware;
}

static void started_by(void **state)
{
	static const struct step script[] = { END };
	static const char *const words[] = {
		"unknown", "UEFI", "PVH", "direct", "OPAL", "unknown"
	};

	(void)state;
	for (firmware = 0; firmware < 6; firmware++) {
		char line[64];
		run(&(struct run){ .script = script, .meddle = by_firmware });
		snprintf(line, sizeof(line), "fake, started by %s\r\n", words[firmware]);
		assert_said(line);
	}
}

/* Memory of every kind, in pieces; of the usable only so much as is allowed. */
static void in_pieces(struct bootinfo *b)
{
	const uint64_t mib = RUN_MIB, at = RUN_BASE + RUN_LOADER;
	const struct boot_range pieces[] = {
		{ at, 18 * mib, BOOT_MEM_USABLE, 0 },
		{ at + 18 * mib, mib, BOOT_MEM_FIRMWARE, 0 },
		{ at + 19 * mib, mib, BOOT_MEM_ACPI, 0 },
		{ at + 20 * mib, mib, BOOT_MEM_RESERVED, 0 },
		{ at + 21 * mib, 20 * mib, BOOT_MEM_USABLE, 0 },
		{ at + 42 * mib, mib, BOOT_MEM_USABLE, 0 },
	};

	memcpy(&b->ranges[1], pieces, sizeof(pieces));
	b->range_count = 1 + sizeof(pieces) / sizeof(pieces[0]);
}

static void memory_in_pieces(void **state)
{
	static const struct step script[] = { WRITE(AREA, 8, 1), READ(AREA, 8, 1), END };
	const uint64_t pages = (RUN_LOADER + 43 * RUN_MIB) / PAGE_SIZE;

	(void)state;
	run_well(&(struct run){ .script = script, .meddle = in_pieces, .pages = pages });
	assert_said("38 MiB of RAM free");
	run_well(&(struct run){ .script = script,
				.meddle = in_pieces,
				.pages = pages,
				.cpus = 2,
				.host = "memory = \"19M\"; cpus = <1>;" });
	assert_said("1 of 2 CPUs, 19 MiB of RAM free");
	run_well(&(struct run){
		.script = script, .cpus = 2, .host = "cpus = <5>; memory = \"100M\";" });
	assert_said("2 of 2 CPUs, ");
}

static uint32_t word_at(struct vm *vm, uint64_t at)
{
	uint32_t word = 0;

	assert_int_equal(vm_read(vm, gpa(at), &word, sizeof(word)), OK);
	return word;
}

/* The initrd and the two modules stand in the Multiboot information, and are what they should be:
 * each begins as the kernel does, with its magic. */
static bool files_are_there(struct vm *vm)
{
	uint64_t info = vm->start.arg[1], list = word_at(vm, info + 24);
	bool good = word_at(vm, info + 20) == 3;

	for (unsigned i = 0; good && i < 3; i++) {
		uint32_t start = word_at(vm, list + 16 * i), end = word_at(vm, list + 16 * i + 4);
		good = end - start == 0x100 && word_at(vm, start) == 0x1badb002;
	}
	return good;
}

/* RAM so far away that the records of all below it have no room. */
static void far_away(struct bootinfo *b)
{
	b->ranges[b->range_count++] = run_range(UINT64_C(1) << 40, 32 * RUN_MIB, BOOT_MEM_USABLE);
}

static void a_machine_that_lacks_something(void **state)
{
	static const struct step script[] = { END };

	(void)state;
	run(&(struct run){ .script = script, .missing = "no pages of 4 KiB" });
	assert_said("cannot start: no pages of 4 KiB\r\n");
	assert_said("tenure: end status=70 reason=cannot-start\r\n");
	run(&(struct run){ .script = script,
			   .devices = "fb: framebuffer { driver = \"display\"; };" });
	assert_said("cannot start: /devices/framebuffer: ");
	assert_said("tenure: end status=65 reason=bad-input\r\n");
	run(&(struct run){ .script = script, .meddle = far_away });
	assert_said("cannot start: too little memory: ");
	run_well(&(struct run){ .script = script, .cpus = 3, .dead_cpu = 2 });
	assert_said("CPU 2 does not start; going on without it");
}

static void files_of_a_vm(void **state)
{
	static const struct step script[] = { DO(files_are_there), END };

	(void)state;
	run_well(&(struct run){ .script = script,
				.vms = "a { memory = \"4m\"; kernel = \"k\"; initrd = \"k\"; "
				       "modules = \"k\", \"k\"; host-control; };" });
}

/* ---- What is lost ------------------------------------------------------------------------- */

static bool lose_two_frames(struct vm *vm)
{
	pfn_t n;

	(void)vm;
	return block_alloc(FRAME_TABLE, 1, OWNER_HYPERVISOR, &n) == OK;
}

static bool damage_a_record(struct vm *vm)
{
	pfn_t n;

	(void)vm;
	if (block_alloc(FRAME_TABLE, 0, OWNER_HYPERVISOR, &n) != OK)
		return false;
	frame_of(n)->owner = 0;
	return true;
}

/* F8, I5: the census at the end says what is wrong with the frames. */
static void the_census_sees_what_is_lost(void **state)
{
	static const struct step lost[] = { DO(lose_two_frames), END };
	static const struct step damaged[] = { DO(damage_a_record), END };

	(void)state;
	run(&(struct run){ .script = lost });
	assert_said("tenure: census: 2 frames are missing\r\n");
	assert_not_said("every frame is back");
	run(&(struct run){ .script = damaged });
	assert_said("tenure: census: a frame in use without an owner\r\n");
}

/* All of the RAM is there before the guest runs; if it cannot be, the guest does not run. */
static void populated(void **state)
{
	static const struct step script[] = {
		CALL(query, AREA, TENURE_QUERY_LEAF, 0, 0, 1),
		CALL(query, AREA + 0x5000, TENURE_QUERY_WRITABLE, 0, 0, 1),
		CALL(query, AREA + 0x6000, TENURE_QUERY_YOUNG_DIRTY, 0, 0, 3), /* as by a write */
		CALL(query, 0, TENURE_QUERY_FAULTS, 0, 0, 1024),
		END,
	};
	(void)state;
	run_well(&(struct run){
		.script = script, .slots = "populate;", .host = "huge-pages = \"off\";" });
	run(&(struct run){ .script = script,
			   .vms = "a { memory = \"64M\"; kernel = \"k\"; populate; };",
			   .host = "huge-pages = \"off\";" });
	assert_said("its RAM at 0x");
	assert_ended("status=70 reason=out-of-memory");
}

/* ---- What a guest may ask ------------------------------------------------------------------ */

static void counts(void **state)
{
	static const struct step script[] = {
		CALL(query, 0, TENURE_QUERY_FAULTS, 0, 0, 0),
		WRITE(AREA, 8, 1),
		CALL(query, 0, TENURE_QUERY_FAULTS, 0, 0, 1),
		CALL(query, 0, TENURE_QUERY_MAX_ROUNDS, 0, 0, 0),
		CALL(query, 0, TENURE_QUERY_RACED, 0, 0, 0),
		CALL(query, 0, TENURE_QUERY_SPURIOUS, 0, 0, 0),
		CALL(query, 0, TENURE_QUERY_TABLES, 0, 0, 3),
		TRY(query, 0, TENURE_QUERY_NOTICES, 0, 0),
		TRY(query, 0, TENURE_QUERY_OWN_FRAMES, 0, 0),
		TRY(query, 0, TENURE_QUERY_START_COST, 0, 0),
		TRY(query, 0, TENURE_QUERY_CLEAR_COST, 0, 0),
		CALL(query, 0, 1000, 0, 0, REFUSED(BAD_ARGUMENT)),
		READ(SHOWN, 8, 0),
		CALL(query, SHOWN, TENURE_QUERY_REFS, 0, 0, 0),
		CALL(query, SHOWN, TENURE_QUERY_PINS, 0, 0, 0),
		CALL(query, SHOWN, TENURE_QUERY_YOUNG_DIRTY, 0, 0, 0),
		CALL(stats_page, AREA, 1, 0, 0, 0),
		CALL(stats_page, AREA, 1, 0, 0, 0),
		CALL(slot_delete, 1, 0, 0, 0, 0), /* of the configuration: its region stays */
		READ(SHOWN, 8, UINT64_MAX),
		CALL(slot_create, SHOWN, 0, 1, 0, 2),
		READ(SHOWN, 8, 0),
		CALL(slot_delete, 2, 0, 0, 0, 0),
		END,
	};
	(void)state;
	run_well(&(struct run){ .script = script,
				.devices = POOL,
				.slots = SLOT(""),
				.host = "huge-pages = \"off\";" });
}

/* ---- The tour's words
 * ------------------------------------------------------------------------------ */

static void explained(void **state)
{
	static const struct step script[] = {
		CALL(step, 1, 0, 0, 0, 0),
		WRITE(AREA, 8, 1),
		CALL(drop, AREA, 0x1000, 0, 0, 0),
		CALL(step_end, 1, 1, 0, 0, 0),
		CALL(step, 9, 0, 0, 0, 0),
		READ(SHOWN, 8, 0),
		WRITE(SHOWN, 8, 1),
		CALL(step_end, 9, 1, 0, 0, 0),
		CALL(step, 6, 0, 0, 0, 0),
		CALL(owner_take, 0, 0, 0, 0, 0),
		READ(SHOWN, 8, UINT64_MAX),
		CALL(owner_give, 0, 0, 0, 0, 0),
		READ(SHOWN + 0x1000, 8, 0),
		CALL(step_end, 6, 0, 0, 0, 0),
		CALL(step, 8, 0, 0, 0, 0),
		TRY(pin, AREA, 0, 0, 0),
		TRY(pin, SHOWN, 0, 0, 0),
		EXECUTE(AREA + 0x1000),
		CALL(step_end, 8, 1, 0, 0, 0),
		CALL(step, 99, 0, 0, 0, 0),
		CALL(step_end, 99, 1, 0, 0, 0),
		WRITE(AREA + 0x3000, 8, 1),
		CALL(owner_move, 0, 0, 0, 0, 0),
		END,
	};
	(void)state;
	run_well(&(struct run){ .script = script,
				.devices = POOL,
				.slots = SLOT("read-only-first;"),
				.host = "explain; huge-pages = \"off\";" });
	assert_said("[1] fault gpa 0x200000 write -> memslot 0 (memory) -> counted pfn ");
	assert_said("(S2, H1, P4)");
	assert_said("[1] notice hva ");
	assert_said("[9] fault gpa 0x150000000 read -> memslot 1 (graphics) -> uncounted pfn ");
	assert_said("read-only, span 4 KiB -> leaf of 4 KiB (H3)");
	assert_said("(H3, P7)");
	assert_said("[6] graphics: taken away, 16 KiB; nothing stands behind it now (H4)");
	assert_said("-> refused: the region has nothing to show here now (P8)");
	assert_said("NOT AS EXPECTED");
	assert_said("[8] pin gpa 0x200000 -> pfn ");
	assert_said("held by a pin of its own (F5, P6)");
	assert_said("[8] pin gpa 0x150000000 -> refused: cannot pin what is not counted (P3, P8)");
	assert_said("[8] fault gpa 0x201000 execute");
	assert_said("[99] a step: 0 faults; as expected");
	assert_said("[a] fault gpa 0x203000 write");
	assert_said("graphics: moved, 16 KiB; it lies at ");
}

/* How often. */
static unsigned said_times(const char *words)
{
	unsigned times = 0;

	for (const char *at = outcome.console; (at = strstr(at, words)) != NULL; at++)
		times++;
	return times;
}

static void explained_otherwise(void **state)
{
	static const struct step script[] = {
		WRITE(AREA, 8, 1),
		READ(SHOWN, 8, 0),
		CALL(drop, AREA + 0x10000, 0x1000, 0, 0, 0), /* cuts the leaf of 2 MiB */
		CALL(drop, 0x3f0000, 0x1000, 0, 0, 0),
		CALL(drop, 0x3f0000, 0x1000, 0, 0, 0),
		CALL(step, 2, 0, 0, 0, 0),
		CALL(drop, 0x3f0000, 0x1000, 0, 0, 0),
		CALL(slot_create, 0x140000000, 0x1000, 0, 1, 2),
		TRY(pin, 0x140000000, 0, 0, 0),
		TRY(pin, AREA, 0, 0, 0),
		TRY(pin, AREA, 0, 0, 0),
		TRY(pin, AREA, 0, 0, 0),
		TRY(pin, AREA, 0, 0, 0),
		TRY(pin, AREA, 0, 0, 0),
		CALL(owner_move, 0, 0, 0, 0, 0),
		CALL(owner_move, 0, 0, 0, 0, 0),
		CALL(owner_move, 0, 0, 0, 0, 0),
		CALL(owner_move, 0, 0, 0, 0, 0),
		CALL(owner_move, 0, 0, 0, 0, 0),
		CALL(step_end, 2, 1, 0, 0, 0),
		CALL(step, 3, 0, 0, 0, 0),
		READ(0x160000000, 8,
		     UINT64_MAX), /* a device access, which is no fault to be told */
		CALL(protect, AREA + 0x20000, 0x1000, 0, 0, 0),
		CALL(pin, AREA + 0x20000, 0, 0, 0, REFUSED(NO_PERMISSION)),
		CALL(owner_take, 0, 0, 0, 0, 0),
		CALL(owner_take, 0, 0, 0, 0, REFUSED(NO_BACKING)),
		CALL(step_end, 3, 1, 0, 0, 0),
		CALL(step, 4, 0, 0, 0, 0),
		CALL(step_end, 4, 1, 0, 0, 0),
		CALL(step, 5, 0, 0, 0, 0),
		CALL(step_end, 0, 1, 0, 0, 0),
		END,
	};
	(void)state;
	run_well(&(struct run){
		.script = script,
		.devices = POOL,
		.slots = SLOT("") "memslot@170000000 { gpa = /bits/ 64 <0x170000000>; "
				  "device = <&gfx>; absent; };",
		.host = "explain;" });
	assert_not_said("[3] fault");
	assert_said("[0] a step: 0 faults; as expected");
	assert_said("[3] pin gpa 0x220000 -> refused: no permission (P8)");
	assert_said(
		"[3] graphics: could not be taken away: the region has nothing to show here now");
	assert_said("[a] fault gpa 0x200000 write -> memslot 0 (memory) -> counted pfn ");
	assert_said("span 2 MiB -> leaf of 2 MiB (S2, H7, P4)");
	assert_said("(F3, H1, S3)");
	assert_said("[2] notice hva ");
	assert_said("no leaf is there (N1)");
	assert_int_equal(said_times("[a] notice hva "), 1); /* nothing is there, nothing is said */
	assert_int_equal(said_times("[2] pin gpa "), 4);
	assert_said("6 pins");
	assert_said("5 acts of owners; as expected");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_ends_at_any_point),
		cmocka_unit_test(device_memory_that_is_too_small),
		cmocka_unit_test(slots_of_every_kind),
		cmocka_unit_test(slots_of_a_memory_type),
		cmocka_unit_test(files_anywhere_in_the_loader_s_memory),
		cmocka_unit_test(no_self_test),
		cmocka_unit_test(no_vm),
		cmocka_unit_test(started_by),
		cmocka_unit_test(explained),
		cmocka_unit_test(explained_otherwise),
		cmocka_unit_test(memory_in_pieces),
		cmocka_unit_test(files_of_a_vm),
		cmocka_unit_test(populated),
		cmocka_unit_test(a_machine_that_lacks_something),
		cmocka_unit_test(the_census_sees_what_is_lost),
		cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
