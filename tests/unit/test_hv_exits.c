/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits that are not faults, and faults that are not served: clock pages, firmware, device accesses
 * whose second half fails, and what is said when a VM ends for one of them.
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#define AREA UINT64_C(0x200000)
#define FAR UINT64_C(0x140000000)
#define SHOWN UINT64_C(0x150000000)
#define KIB4 UINT64_C(0x1000)
#define POOL "gfx: graphics { driver = \"pool\"; order = <2>; };"
#define POOL_SLOT(more) \
	"memslot@150000000 { gpa = /bits/ 64 <0x150000000>; device = <&gfx>; " more " };"
#define SMALL "huge-pages = \"off\";"

#define CLOCK(gpa_, what)                                                                  \
	{                                                                                  \
		.op = { .kind = FAKE_CLOCK, .where = (gpa_), .value = FAKE_CLOCK_##what }, \
		.say = "clock " #gpa_                                                      \
	}

/* ---- Clock pages ----------------------------------------------------------------------------- */

static uint64_t *word(struct vm *vm, uint64_t at)
{
	struct follow_answer a;

	return vm_peek(vm, gpa(at), &a) == OK
		       ? (uint64_t *)((char *)arch_linear(pfn_to_hpa(a.pfn)) + (at & PAGE_MASK))
		       : NULL;
}

static uint64_t noted;

/* The clock's page holds a time that is not before the one noted last. */
static bool clock_goes_on(struct vm *vm)
{
	uint64_t *page = word(vm, AREA + 64);

	if (page == NULL || page[0] != 0 || page[1] <= noted || page[1] > arch_time_ns())
		return false;
	noted = page[1];
	return true;
}

static bool clock_stands(struct vm *vm)
{
	uint64_t *page = word(vm, AREA + 64);

	return page != NULL && page[1] == noted;
}

static bool time_passes(struct vm *vm)
{
	(void)vm;
	fake_time_advance(3000000000);
	return true;
}

#define SLICE DO(time_passes), CALL(yield, 0, 0, 0, 0, 0)

/* C1: the page is written, follows what its gpa shows, and is left alone once it is given up. */
static void a_clock_page(void **state)
{
	static const struct step script[] = {
		DO(time_passes),
		CLOCK(AREA + 64, ON),
		DO(clock_goes_on),
		SLICE,
		DO(clock_goes_on),
		CALL(drop, AREA, KIB4, 0, 0, 0),
		READ(AREA, 8, 0),
		SLICE,
		DO(clock_goes_on),
		CLOCK(AREA + 64, ON), /* again, at the same place */
		SLICE,
		DO(clock_goes_on),
		CLOCK(AREA + 64, OFF),
		SLICE,
		DO(clock_stands),
		CLOCK(AREA + 64, OFF), /* nothing is on */
		CLOCK(AREA + 64, ON),  /* and one is on when the VM ends */
		END,
	};
	(void)state;
	noted = 0;
	run_well(&(struct run){ .script = script, .host = SMALL });
	assert_not_said("no clock page");
}

/* While its memslot is away nothing is written; when it is back the clock goes on. */
static void a_clock_whose_memslot_goes(void **state)
{
	static const struct step script[] = {
		CALL(slot_create, FAR, KIB4, 0, 0, 1),
		WRITE(FAR, 8, 0),
		CLOCK(FAR, ON),
		CALL(slot_delete, 1, 0, 0, 0, 0),
		SLICE,
		CALL(slot_create, FAR, KIB4, 0, 0, 2),
		READ(FAR + 8, 8, 0),
		SLICE,
		DO(time_passes),
		TRY(nop, 0, 0, 0, 0),
		CALL(query, FAR, TENURE_QUERY_YOUNG_DIRTY, 0, 0, 3),
		END,
	};
	(void)state;
	run_well(&(struct run){ .script = script, .host = SMALL });
}

static bool wall_is_written(struct vm *vm)
{
	uint64_t *page = word(vm, AREA);

	return page != NULL && page[0] == 1 && page[1] == 3;
}

static void clocks_refused(void **state)
{
	static const struct step script[] = {
		WRITE(AREA, 8, 0),
		DO(time_passes),
		CLOCK(AREA, WALL),
		DO(wall_is_written),
		CLOCK(FAR, WALL),
		CLOCK(FAR, ON),
		CLOCK(AREA + KIB4 - 8, ON),
		CALL(slot_create, FAR + KIB4, KIB4, 0, 1, 2),
		CLOCK(FAR + KIB4, ON),
		CLOCK(SHOWN, ON),
		CALL(owner_take, 0, 0, 0, 0, 0),
		CLOCK(SHOWN, ON),
		END,
	};
	(void)state;
	run_well(&(struct run){
		.script = script, .devices = POOL, .slots = POOL_SLOT(""), .host = SMALL });
	assert_said("no clock page at gpa 0x140000000: no memslot");
	assert_said("no clock page at gpa 0x200ff8: bad alignment");
	assert_said("no clock page at gpa 0x140001000: the memslot is read-only");
}

/* ---- The board's -------------------------------------------------------------------------------
 */

static void the_board_is_asked(void **state)
{
	static const struct step script[] = {
		{ .op = { .kind = FAKE_FIRMWARE, .where = 0x84000000 },
		  .check = true,
		  .expect = UINT64_MAX, /* a PC has none */
		  .say = "firmware" },
		{ .op = { .kind = FAKE_TIMER, .value = 1 }, .say = "timer" },
		{ .op = { .kind = FAKE_IPI, .value = 1 }, .say = "interrupt to another" },
		END,
	};
	(void)state;
	run_well(&(struct run){ .script = script });
}

static void what_nobody_knows(void **state)
{
	static const struct step script[] = {
		{ .op = { .kind = FAKE_UNKNOWN }, .say = "unknown" },
		END,
	};
	(void)state;
	run(&(struct run){ .script = script });
	assert_said("vm a vcpu 0: an exit cannot be served: the fake guest does what nobody knows");
	assert_ended("status=70 reason=unhandled");
}

/* ---- Device accesses that do not come to their end ----------------------------------------------
 */

static bool done_is_raced(struct vm *vm)
{
	(void)vm;
	fake_refuse_next(FAKE_IO_DONE, RACED);
	return true;
}

static bool decode_is_raced(struct vm *vm)
{
	(void)vm;
	fake_refuse_next(FAKE_DECODE, RACED);
	return true;
}

static bool done_has_no_memory(struct vm *vm)
{
	(void)vm;
	fake_refuse_next(FAKE_IO_DONE, OUT_OF_MEMORY);
	return true;
}

static bool decode_has_no_memory(struct vm *vm)
{
	(void)vm;
	fake_refuse_next(FAKE_DECODE, OUT_OF_MEMORY);
	return true;
}

static bool done_is_refused(struct vm *vm)
{
	(void)vm;
	fake_refuse_next(FAKE_IO_DONE, NO_MEMSLOT);
	return true;
}

static bool decode_is_refused(struct vm *vm)
{
	(void)vm;
	fake_refuse_next(FAKE_DECODE, UNSUPPORTED);
	return true;
}

/* Memory that moved under an access: it is completed later, with the value that was read. */
static void accesses_done_again(void **state)
{
	static const struct step script[] = {
		OUT(0x70, 1, 0x0d), /* CMOS: bit 7 of register D is set at the first read */
		DO(done_is_raced),	  IN(0x71, 1, 0x80),   DO(done_is_raced),
		READ(FAR, 8, UINT64_MAX), DO(decode_is_raced), READ(FAR, 8, UINT64_MAX),
		DO(decode_is_raced),	  WRITE(FAR, 4, 1),    END,
	};
	(void)state;
	run_well(&(struct run){ .script = script });
}

static void ends_with(const struct step *first, const char *words, const char *last)
{
	const struct step script[] = { *first, READ(FAR, 4, 0), END };

	run(&(struct run){ .script = script });
	assert_said(words);
	assert_said(last);
	assert_said("census: every frame is back");
}

static void accesses_that_end_the_vm(void **state)
{
	static const struct step steps[] = { DO(done_has_no_memory), DO(decode_has_no_memory),
					     DO(done_is_refused), DO(decode_is_refused) };
	(void)state;
	ends_with(&steps[0], "out of host memory: ", "end status=70 reason=out-of-memory");
	ends_with(&steps[1], "out of host memory: ", "end status=70 reason=out-of-memory");
	ends_with(&steps[2], "a device access reads or writes guest memory that cannot be reached",
		  "end status=70 reason=unhandled");
	ends_with(&steps[3],
		  "the instruction of a device access: ", "end status=70 reason=unhandled");
	assert_said("no memslot, class unknown: no memslot");
}

/* P8: pc, address, access, memslot and class of a fault that ends a VM. */
static void faults_in_words(void **state)
{
	static const struct step walk[] = {
		{ .op = { .kind = FAKE_READ, .bytes = 8, .where = FAR, .user = true },
		  .say = "a table outside of memory" },
		END,
	};
	static const struct step fetch[] = { EXECUTE(SHOWN), END };
	static const struct step gone[] = { CALL(owner_take, 0, 0, 0, 0, 0), EXECUTE(SHOWN), END };

	(void)state;
	run(&(struct run){ .script = walk });
	assert_said("gpa 0x140000000, read by the guest's page walk, no memslot, class unknown: "
		    "no memslot");
	run(&(struct run){ .script = fetch, .devices = POOL, .slots = POOL_SLOT("read-only;") });
	assert_said("gpa 0x150000000, execute, memslot 1 (gfn 0x150000..0x150004, read-only), "
		    "PFNMAP, class ");
	assert_said("no permission");
	run(&(struct run){ .script = gone, .devices = POOL, .slots = POOL_SLOT("") });
	assert_said("vm a: could not go on: execute at gpa 0x150000000: ");
}

/* What a guest may do for ever is said a few times only. */
static void refusals_are_not_endless(void **state)
{
	static const struct step script[] = {
		CALL(owner_take, 0, 0, 0, 0, 0),
		READ(SHOWN, 8, UINT64_MAX),
		WRITE(SHOWN, 8, 1),
		READ(SHOWN, 8, UINT64_MAX),
		READ(SHOWN, 8, UINT64_MAX),
		READ(SHOWN, 8, UINT64_MAX),
		READ(SHOWN, 8, UINT64_MAX),
		READ(SHOWN, 8, UINT64_MAX),
		READ(SHOWN + 0x1000, 8, UINT64_MAX),
		READ(SHOWN + 0x2000, 8, UINT64_MAX),
		END,
	};
	(void)state;
	run_well(&(struct run){ .script = script, .devices = POOL, .slots = POOL_SLOT("") });
	assert_said("read of gpa 0x150000000 refused: ");
	assert_said("PFNMAP. It reads as all ones.");
	assert_said("The write is dropped.");
	assert_said("(No more of these will be told.)");
	assert_not_said("gpa 0x150002000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_page),
		cmocka_unit_test(a_clock_whose_memslot_goes),
		cmocka_unit_test(clocks_refused),
		cmocka_unit_test(the_board_is_asked),
		cmocka_unit_test(what_nobody_knows),
		cmocka_unit_test(accesses_done_again),
		cmocka_unit_test(accesses_that_end_the_vm),
		cmocka_unit_test(faults_in_words),
		cmocka_unit_test(refusals_are_not_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
