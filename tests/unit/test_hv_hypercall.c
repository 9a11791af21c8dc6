/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every hypercall: what it does, and each refusal with its reason. The guests are scripts on the
 * whole hypervisor; a slot's number follows from the order of making: RAM is 0.
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#include "mm/block.h"
#include "mm/frame.h"

#define FAR UINT64_C(0x140000000)
#define AREA UINT64_C(0x200000) /* in RAM */
#define KIB4 UINT64_C(0x1000)
#define NO_CALL(nr)                                                                    \
	{                                                                              \
		.op = { .kind = FAKE_CALL, .where = (nr) }, .check = true,             \
		.expect = (uint64_t)REFUSED(UNSUPPORTED), .say = "a call of no number" \
	}
#define POOL "gfx: graphics { driver = \"pool\"; order = <2>; };"
#define POOL_SLOT "memslot@150000000 { gpa = /bits/ 64 <0x150000000>; device = <&gfx>; };"
#define SHOWN UINT64_C(0x150000000)

static void plain_calls(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(nop, 0, 0, 0, 0, 0),
		CALL(version, 0, 0, 0, 0, TENURE_ABI_VERSION),
		CALL(vcpu_id, 0, 0, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0),
		TRY(time, 0, 0, 0, 0),
		NO_CALL(9),
		NO_CALL(31),
		NO_CALL(UINT64_MAX),
		{ .op = { .kind = FAKE_CALL, .where = TENURE_end, .user = true },
		  .check = true,
		  .expect = (uint64_t)REFUSED(NO_PERMISSION),
		  .say = "a call of user mode" },
		END,
	};
	run_well(&(struct run){ .script = script });
	assert_said("hypercalls 10");
}

#define FILLED 300

static bool fill(struct vm *vm)
{
	char text[FILLED];

	memset(text, 'x', sizeof(text));
	text[FILLED - 2] = 'y';
	text[FILLED - 1] = '\n';
	return vm_write(vm, gpa(AREA), text, sizeof(text)) == OK;
}

static void console_call(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(AREA + 0xffc, 4, 0x6c6c6568),  /* "hell" on both sides of a page's end */
		WRITE(AREA + 0x1000, 4, 0x0a21216f), /* "o!!\n" */
		CALL(console, AREA + 0xffc, 8, 0, 0, 0),
		CALL(console, AREA, 0, 0, 0, 0),
		DO(fill),
		CALL(console, AREA, FILLED, 0, 0, 0), /* in pieces */
		CALL(console, AREA, 1025, 0, 0, REFUSED(BAD_ARGUMENT)),
		CALL(console, FAR, 1, 0, 0, REFUSED(NO_MEMSLOT)),
		END,
	};
	run_well(&(struct run){ .script = script });
	assert_said("hello!!\n");
	assert_said("xxy\n");
}

static void end_call(void **state)
{
	(void)state;
	static const struct step script[] = { CALL(end, 3, 0, 0, 0, 0) };
	run(&(struct run){ .script = script });
	assert_ended("status=7 reason=exit");
}

/* Without host-control every call marked T is refused, and no other. */
static void without_host_control(void **state)
{
	(void)state;
	static struct step script[] = {
#define X(nr, name, arguments, doc)                            \
	{ .op = { .kind = FAKE_CALL, .where = TENURE_##name }, \
	  .check = true,                                       \
	  .expect = (uint64_t)REFUSED(UNSUPPORTED),            \
	  .say = #name },
		HYPERCALL_LIST(X)
#undef X
			END,
	};
	/* Those of the first sixteen numbers are everybody's: left out here. */
	unsigned kept = 0, count = sizeof(script) / sizeof(script[0]);
	for (unsigned i = 0; i < count; i++)
		if (i == count - 1 || script[i].op.where >= TENURE_drop)
			script[kept++] = script[i];
	assert_true(kept >= 15);
	run_well(&(struct run){ .script = script,
				.vms = "a { memory = \"4M\"; kernel = \"k\"; };" });
}

/* ---- vCPUs -------------------------------------------------------------------------------------
 */

static void starts_of_vcpus(void **state)
{
	(void)state;
	static const struct step second[] = { CALL(vcpu_id, 0, 0, 0, 0, 1), WRITE(AREA, 8, 1), HALT,
					      HALT };
	static const struct step script[] = {
		CALL(vcpu_start, 0, RUN_SECOND, 0, 0, REFUSED(IN_USE)),
		CALL(vcpu_start, 2, RUN_SECOND, 0, 0, REFUSED(NOT_FOUND)),
		CALL(vcpu_start, UINT64_MAX, RUN_SECOND, 0, 0, REFUSED(NOT_FOUND)),
		CALL(vcpu_start, 1, RUN_SECOND, 7, 0, 0),
		CALL(vcpu_start, 1, RUN_SECOND, 7, 0, REFUSED(IN_USE)),
		CALL(yield, 0, 0, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0),
		READ(AREA, 8, 1),
		END,
	};
	run_well(&(struct run){ .script = script, .second = second, .vcpus = 2 });
}

/* ---- Waiting ------------------------------------------------------------------------------------
 */

static struct notice_turn kept;

static bool notices_kept_out(struct vm *vm)
{
	return atomic_load(&vm->waiting) == 0 && notice_turn_take(&vm->space.notifier, &kept);
}

static bool it_waits(struct vm *vm)
{
	return vm->vcpus[0]->state == VCPU_WAITING && atomic_load(&vm->waiting) == 1;
}

/* It was refused once, is counted, and is to look again before it sleeps: nothing is lost then. */
static bool it_is_about_to_wait(struct vm *vm)
{
	return vm->vcpus[0]->state == VCPU_READY && atomic_load(&vm->waiting) == 1;
}

static bool notices_let_in(struct vm *vm)
{
	notice_turn_done(&vm->space.notifier, &kept);
	return vm->vcpus[0]->state == VCPU_READY;
}

static bool nobody_waits(struct vm *vm)
{
	return atomic_load(&vm->waiting) == 0;
}

/* N7, N8: who is refused while a fault has its turn waits, and is woken when the turn is over. */
static void a_refused_call_waits_and_is_woken(void **state)
{
	(void)state;
	static const struct step second[] = {
		DO(it_is_about_to_wait),
		CALL(yield, 0, 0, 0, 0, 0),
		DO(it_waits),
		DO(notices_let_in),
		CALL(yield, 0, 0, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0),
		/* Once more, and the turn is over before it has looked again. */
		DO(it_is_about_to_wait),
		DO(notices_let_in),
		HALT,
	};
	static const struct step script[] = {
		CALL(vcpu_start, 1, RUN_SECOND, 0, 0, 0),
		DO(notices_kept_out),
		CALL(zap, AREA, KIB4, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0),
		DO(notices_kept_out),
		CALL(zap, AREA, KIB4, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0),
		DO(nobody_waits),
		END,
	};
	run_well(&(struct run){ .script = script, .second = second, .vcpus = 2 });
}

/* ---- Ranges -------------------------------------------------------------------------------------
 */

static void drops(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(AREA, 8, 1),
		WRITE(AREA + KIB4, 8, 2),
		CALL(drop, AREA, KIB4, 0, 0, 0),
		CALL(query, AREA, TENURE_QUERY_CLASS, 0, 0, REFUSED(NO_BACKING)),
		READ(AREA, 8, 0),
		READ(AREA + KIB4, 8, 2),
		CALL(drop, AREA + 1, KIB4, 0, 0, REFUSED(BAD_ALIGNMENT)),
		CALL(drop, AREA, 1, 0, 0, REFUSED(BAD_ALIGNMENT)),
		CALL(drop, AREA, 0, 0, 0, REFUSED(BAD_ARGUMENT)),
		CALL(drop, AREA, ~PAGE_MASK, 0, 0, REFUSED(BAD_ARGUMENT)),
		/* Beyond the RAM's end: refused before anything is dropped. */
		CALL(drop, AREA, 1 << 30, 0, 0, REFUSED(NO_MEMSLOT)),
		READ(AREA + KIB4, 8, 2),
		CALL(drop, FAR, KIB4, 0, 0, REFUSED(NO_MEMSLOT)),
		END,
	};
	run_well(&(struct run){ .script = script, .host = "huge-pages = \"off\";" });
}

/* A range over two memslots that touch. */
static void over_two_memslots(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(slot_create, FAR, KIB4, 0, 0, 1),
		CALL(slot_create, FAR + KIB4, KIB4, 0, 0, 2),
		WRITE(FAR, 8, 1),
		WRITE(FAR + KIB4, 8, 2),
		CALL(zap, FAR, 2 * KIB4, 0, 0, 0),
		CALL(query, FAR, TENURE_QUERY_LEAF, 0, 0, 0),
		CALL(query, FAR + KIB4, TENURE_QUERY_LEAF, 0, 0, 0),
		READ(FAR, 8, 1),
		CALL(drop, FAR, 2 * KIB4, 0, 0, 0),
		READ(FAR, 8, 0),
		READ(FAR + KIB4, 8, 0),
		END,
	};
	run_well(&(struct run){ .script = script });
}

static void protects(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(AREA, 8, 5),
		CALL(query, AREA, TENURE_QUERY_WRITABLE, 0, 0, 1),
		CALL(protect, AREA, KIB4, 1, 0, 0),
		READ(AREA, 8, 5),
		CALL(query, AREA, TENURE_QUERY_WRITABLE, 0, 0, 0),
		CALL(protect, AREA, KIB4, 8, 0, REFUSED(BAD_ARGUMENT)),
		CALL(protect, FAR, KIB4, 1, 0, REFUSED(NO_MEMSLOT)),
		CALL(protect, AREA, KIB4, 7, 0, 0),
		WRITE(AREA, 8, 6),
		READ(AREA, 8, 6),
		END,
	};
	run_well(&(struct run){ .script = script });
}

static void storms(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(AREA, 8, 3),
		CALL(query, AREA, TENURE_QUERY_LEAF, 0, 0, 1),
		CALL(storm, AREA, KIB4, 100, 0, 100),
		CALL(query, AREA, TENURE_QUERY_LEAF, 0, 0, 0),
		READ(AREA, 8, 3),
		CALL(storm, AREA, KIB4, 0, 0, 0),
		CALL(storm, FAR, KIB4, 1, 0, REFUSED(NO_MEMSLOT)),
		CALL(storm, AREA + 8, KIB4, 1, 0, REFUSED(BAD_ALIGNMENT)),
		END,
	};
	run_well(&(struct run){ .script = script, .host = "huge-pages = \"off\";" });
}

/* ---- Memslots
 * ------------------------------------------------------------------------------------- */

static void memslots(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(slot_create, FAR, 2 * KIB4, 0, 0, 1),
		WRITE(FAR, 8, 1),
		CALL(slot_create, FAR + KIB4, KIB4, 0, 0, REFUSED(OVERLAPS)),
		CALL(slot_create, FAR + 1, KIB4, 0, 0, REFUSED(BAD_ALIGNMENT)),
		CALL(slot_create, FAR, 0, 0, 0, REFUSED(BAD_ARGUMENT)),
		CALL(slot_create, FAR, KIB4, 0, 4, REFUSED(BAD_ARGUMENT)),
		CALL(slot_create, FAR, KIB4, 1, 0, REFUSED(NOT_FOUND)),
		CALL(slot_create, FAR, KIB4, UINT64_MAX, 0, REFUSED(NOT_FOUND)),
		CALL(slot_move, 1, FAR + 1, 0, 0, REFUSED(BAD_ALIGNMENT)),
		CALL(slot_move, 9, FAR, 0, 0, REFUSED(NOT_FOUND)),
		CALL(slot_move, UINT64_C(1) << 32 | 1, FAR, 0, 0, REFUSED(NOT_FOUND)),
		CALL(slot_move, 1, AREA, 0, 0, REFUSED(OVERLAPS)),
		CALL(slot_move, 1, FAR + 0x10000, 0, 0, 0),
		READ(FAR + 0x10000, 8, 1),
		READ(FAR, 8, UINT64_MAX),
		CALL(slot_delete, 1, 0, 0, 0, 0),
		CALL(slot_delete, 1, 0, 0, 0, REFUSED(NOT_FOUND)),
		CALL(slot_delete, UINT64_MAX, 0, 0, 0, REFUSED(NOT_FOUND)),
		READ(FAR + 0x10000, 8, UINT64_MAX),
		CALL(slot_create, FAR, KIB4, 0, 0, 2),
		END,
	};
	run_well(&(struct run){ .script = script });
}

/* Where writes are tracked a leaf is read-only until the first, which is counted. */
static void tracked_writes(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(slot_create, FAR, KIB4, 0, 2, 1),
		READ(FAR, 8, 0),
		CALL(query, FAR, TENURE_QUERY_WRITABLE, 0, 0, 0),
		CALL(query, 0, TENURE_QUERY_WIDENED, 0, 0, 0),
		WRITE(FAR, 8, 7),
		CALL(query, FAR, TENURE_QUERY_WRITABLE, 0, 0, 1),
		CALL(query, 0, TENURE_QUERY_WIDENED, 0, 0, 1),
		WRITE(FAR + 8, 8, 8),
		CALL(query, 0, TENURE_QUERY_WIDENED, 0, 0, 1),
		READ(FAR, 8, 7),
		END,
	};
	run_well(&(struct run){ .script = script });
}

static uint64_t regions_before;

static bool regions_note(struct vm *vm)
{
	regions_before = vm->space.region_count;
	return true;
}

static bool regions_same(struct vm *vm)
{
	return vm->space.region_count == regions_before;
}

static void memslots_leave_nothing(void **state)
{
	(void)state;
	static const struct step script[] = {
		DO(regions_note), CALL(slot_create, AREA, KIB4, 0, 0, REFUSED(OVERLAPS)),
		DO(regions_same), CALL(slot_create, FAR, KIB4, 0, 0, 1),
		WRITE(FAR, 8, 1), CALL(slot_delete, 1, 0, 0, 0, 0),
		DO(regions_same), END,
	};
	run_well(&(struct run){ .script = script });
}

/* ---- Owners
 * --------------------------------------------------------------------------------------- */

static void owners(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(SHOWN, 8, 4),
		CALL(query, SHOWN, TENURE_QUERY_CLASS, 0, 0, TENURE_CLASS_UNCOUNTED),
		CALL(owner_move, 0, 0, 0, 0, 0),
		READ(SHOWN, 8, 4),
		CALL(owner_take, 0, 0, 0, 0, 0),
		READ(SHOWN, 8, UINT64_MAX), /* as an unplugged device */
		WRITE(SHOWN, 8, 5),
		CALL(owner_give, 0, 0, 0, 0, 0),
		WRITE(SHOWN, 8, 6),
		READ(SHOWN, 8, 6),
		CALL(owner_take, 1, 0, 0, 0, REFUSED(NOT_FOUND)),
		CALL(owner_give, 1, 0, 0, 0, REFUSED(NOT_FOUND)),
		CALL(owner_move, UINT64_MAX, 0, 0, 0, REFUSED(NOT_FOUND)),
		/* The same memory at a second place. */
		CALL(slot_create, FAR, 0, 1, 0, 2),
		READ(FAR, 8, 6),
		CALL(slot_create, FAR + 0x100000, 1 << 20, 1, 0, REFUSED(BAD_ARGUMENT)),
		CALL(slot_delete, 2, 0, 0, 0, 0),
		READ(SHOWN, 8, 6),
		END,
	};
	run_well(&(struct run){ .script = script, .devices = POOL, .slots = POOL_SLOT });
	assert_said("gpa 0x150000000 refused: ");
}

/* P3: no pin of what is not counted, in words. F5, P6: a pin of counted memory outlives its
 * mapping. */
static pfn_t pinned;

static bool pinned_is_kept(struct vm *vm)
{
	if (vm->pin_count != 1)
		return false;
	pinned = vm->pins[0];
	return frame_class(pinned) == FRAME_COUNTED && frame_pins(frame_of(pinned)) == 1;
}

static bool pinned_is_free(struct vm *vm)
{
	return vm->pin_count == 0 && frame_class(pinned) == FRAME_FREE;
}

static void pins(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(AREA, 8, 1),
		CALL(pin, SHOWN, 0, 0, 0, REFUSED(CANNOT_PIN_UNCOUNTED)),
		CALL(pin, FAR, 0, 0, 0, REFUSED(NO_MEMSLOT)),
		CALL(unpin, 12345, 0, 0, 0, REFUSED(NOT_FOUND)),
		CALL(unpin, UINT64_MAX, 0, 0, 0, REFUSED(NOT_FOUND)),
		TRY(pin, AREA, 0, 0, 0),
		DO(pinned_is_kept),
		CALL(query, AREA, TENURE_QUERY_PINS, 0, 0, 1),
		CALL(drop, AREA, KIB4, 0, 0, 0),
		READ(AREA, 8, 0),
		DO(pinned_is_kept),
		CALL(query, AREA, TENURE_QUERY_PINS, 0, 0, 0),
		/* The pin is still there when the VM ends: it is taken back with the VM. */
		END,
	};
	run_well(&(struct run){ .script = script,
				.devices = POOL,
				.slots = POOL_SLOT,
				.host = "huge-pages = \"off\";" });
}

/* Of three pins the first goes first. */
static bool three_pins(struct vm *vm)
{
	pinned = vm->pins[0];
	return vm->pin_count == 3 && vm_pin_forget(vm, pinned) && !vm_pin_forget(vm, pinned) &&
	       vm->pin_count == 2 && vm_pin_note(vm, pinned);
}

static void pins_in_any_order(void **state)
{
	(void)state;
	static const struct step script[] = {
		TRY(pin, AREA, 0, 0, 0),
		TRY(pin, AREA + KIB4, 0, 0, 0),
		TRY(pin, AREA + 2 * KIB4, 0, 0, 0),
		DO(three_pins),
		END,
	};
	run_well(&(struct run){ .script = script, .host = "huge-pages = \"off\";" });
}

/* A memslot of a GiB; one over a device where RAM is. */
static void memslots_large_and_misplaced(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(slot_create, 4 * FAR, 1 << 30, 0, 0, 2),
		WRITE(4 * FAR + (1 << 29), 8, 1),
		CALL(slot_create, AREA, 0, 1, 0, REFUSED(OVERLAPS)),
		CALL(slot_create, FAR + 1, 0, 1, 0, REFUSED(BAD_ALIGNMENT)),
		CALL(slot_delete, 2, 0, 0, 0, 0),
		END,
	};
	run_well(&(struct run){ .script = script, .devices = POOL, .slots = POOL_SLOT });
}

static unsigned unpin_step;

static void unpin_it(void *context, struct fake_op *op)
{
	unsigned *step = context;

	switch ((*step)++) {
	case 0:
		*op = (struct fake_op){ .kind = FAKE_WRITE, .bytes = 8, .where = AREA, .value = 1 };
		return;
	case 1:
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_pin, .arg = { AREA } };
		return;
	case 2:
		*op = (struct fake_op){ .kind = FAKE_CALL,
					.where = TENURE_drop,
					.arg = { AREA, KIB4 } };
		pinned_is_kept(vms[0]);
		return;
	case 3:
		*op = (struct fake_op){ .kind = FAKE_CALL,
					.where = TENURE_unpin,
					.arg = { pinned.v } };
		return;
	default:
		*op = (struct fake_op){ .kind = FAKE_CALL,
					.where = TENURE_end,
					.arg = { op->value == 0 && pinned_is_free(vms[0]) ? 0
											  : 77 } };
	}
}

static void play_unpin(struct bootinfo *boot)
{
	(void)boot;
	fake_program(gpa(RUN_ENTRY), unpin_it, &unpin_step);
}

static void unpins(void **state)
{
	(void)state;
	run_well(&(struct run){ .meddle = play_unpin, .host = "huge-pages = \"off\";" });
}

/* One more pin than the VM's list holds is refused, and nothing stays pinned by it. */
static bool list_full(struct vm *vm)
{
	return vm->pin_count == VM_MAX_PINS;
}

static unsigned pin_count;

static void pin_many(void *context, struct fake_op *op)
{
	unsigned *n = context;

	if (*n == VM_MAX_PINS + 1)
		*op = (struct fake_op){
			.kind = FAKE_CALL,
			.where = TENURE_end,
			.arg = { list_full(vms[0]) && op->value == (uint64_t)REFUSED(OUT_OF_MEMORY)
					 ? 0
					 : 77 }
		};
	else
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_pin, .arg = { AREA } };
	(*n)++;
}

static void play_pin_many(struct bootinfo *boot)
{
	(void)boot;
	fake_program(gpa(RUN_ENTRY), pin_many, &pin_count);
}

static void too_many_pins(void **state)
{
	(void)state;
	run_well(&(struct run){ .meddle = play_pin_many });
}

/* ---- Queries and pages kept up to date
 * ---------------------------------------------------------------- */

static void queries(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(query, AREA, TENURE_QUERY_CLASS, 0, 0, REFUSED(NO_BACKING)),
		CALL(query, FAR, TENURE_QUERY_CLASS, 0, 0, REFUSED(NO_MEMSLOT)),
		CALL(query, FAR, TENURE_QUERY_WRITABLE, 0, 0, REFUSED(NO_BACKING)),
		CALL(query, FAR, TENURE_QUERY_MEMTYPE, 0, 0, REFUSED(NO_BACKING)),
		WRITE(AREA, 8, 1),
		CALL(query, AREA, TENURE_QUERY_CLASS, 0, 0, TENURE_CLASS_COUNTED),
		CALL(query, AREA, TENURE_QUERY_LEAF, 0, 0, 1),
		CALL(query, AREA, TENURE_QUERY_REFS, 0, 0, 1),
		CALL(query, AREA, TENURE_QUERY_PINS, 0, 0, 0),
		CALL(query, AREA, TENURE_QUERY_MEMTYPE, 0, 0, MEM_WRITE_BACK),
		CALL(query, AREA, TENURE_QUERY_YOUNG_DIRTY, 0, 0, 3),
		CALL(query, 0, TENURE_QUERY_RACED, 0, 0, 0),
		CALL(query, 0, TENURE_QUERY_SPURIOUS, 0, 0, 0),
		CALL(query, 0, 1000, 0, 0, REFUSED(BAD_ARGUMENT)),
		TRY(query, AREA, TENURE_QUERY_PFN, 0, 0),
		TRY(query, 0, TENURE_QUERY_FREE_FRAMES, 0, 0),
		END,
	};
	run_well(&(struct run){ .script = script, .host = "huge-pages = \"off\";" });
}

/* C1: the page shows what the VM has done, and follows when its backing is dropped. */
static bool stats_good(struct vm *vm)
{
	struct tenure_stats s;
	return vm_read(vm, gpa(AREA), &s, sizeof(s)) == OK && s.version == TENURE_ABI_VERSION &&
	       (s.seq & 1) == 0 && s.updates == vm->stats_updates && s.updates > 0 && s.exits > 0;
}

static bool stats_gone(struct vm *vm)
{
	return !vm->stats_on && vm->space.notifier.consumers == &vm->s2.consumer;
}

static void statistics_page(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(stats_page, AREA + 8, 1, 0, 0, REFUSED(BAD_ALIGNMENT)),
		CALL(stats_page, FAR, 1, 0, 0, REFUSED(NO_MEMSLOT)),
		CALL(stats_page, 0, 0, 0, 0, 0),
		CALL(stats_page, AREA, 1, 0, 0, 0),
		DO(stats_good),
		CALL(drop, AREA, KIB4, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0), /* a new slice brings it anew */
		DO(stats_good),
		CALL(stats_page, AREA + KIB4, 1, 0, 0, 0), /* another replaces it */
		CALL(stats_page, 0, 0, 0, 0, 0),
		DO(stats_gone),
		CALL(stats_page, AREA, 1, 0, 0, 0), /* and one is on when the VM ends */
		END,
	};
	run_well(&(struct run){ .script = script, .host = "huge-pages = \"off\";" });
}

static uint64_t updates_at(struct vm *vm, uint64_t at)
{
	struct tenure_stats s = { 0 };
	enum result r = vm_read(vm, gpa(at), &s, sizeof(s));
	return r == OK ? s.updates : 0;
}

/* The page is told by its gpa: another memslot comes there, and is written, the old one is not. */
static bool stats_in_new_slot(struct vm *vm)
{
	return updates_at(vm, FAR) == vm->stats_updates && updates_at(vm, FAR + 4 * KIB4) != 0 &&
	       updates_at(vm, FAR + 4 * KIB4) < vm->stats_updates;
}

/* Nothing is shown at its gpa: nothing is written. */
static bool stats_rest(struct vm *vm)
{
	return vm->stats_on && updates_at(vm, FAR + 4 * KIB4) == vm->stats_updates;
}

static void statistics_follow_memslots(void **state)
{
	(void)state;
	static const struct step script[] = {
		CALL(slot_create, FAR, KIB4, 0, 0, 1),
		CALL(stats_page, FAR, 1, 0, 0, 0),
		CALL(slot_move, 1, FAR + 4 * KIB4, 0, 0, 0),
		CALL(yield, 0, 0, 0, 0, 0),
		DO(stats_rest),
		CALL(slot_create, FAR, KIB4, 0, 0, 2),
		CALL(yield, 0, 0, 0, 0, 0),
		DO(stats_in_new_slot),
		END,
	};
	run_well(&(struct run){ .script = script });
}

static void tour_steps(void **state)
{
	(void)state;
	static const struct step script[] = { CALL(step, 1, 1, 0, 0, 0), WRITE(AREA, 8, 1),
					      CALL(step_end, 1, 1, 0, 0, 0), END };
	run_well(&(struct run){ .script = script });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_calls),
		cmocka_unit_test(console_call),
		cmocka_unit_test(end_call),
		cmocka_unit_test(without_host_control),
		cmocka_unit_test(starts_of_vcpus),
		cmocka_unit_test(a_refused_call_waits_and_is_woken),
		cmocka_unit_test(drops),
		cmocka_unit_test(over_two_memslots),
		cmocka_unit_test(protects),
		cmocka_unit_test(storms),
		cmocka_unit_test(memslots),
		cmocka_unit_test(tracked_writes),
		cmocka_unit_test(memslots_leave_nothing),
		cmocka_unit_test(owners),
		cmocka_unit_test(pins),
		cmocka_unit_test(pins_in_any_order),
		cmocka_unit_test(memslots_large_and_misplaced),
		cmocka_unit_test(unpins),
		cmocka_unit_test(too_many_pins),
		cmocka_unit_test(queries),
		cmocka_unit_test(statistics_page),
		cmocka_unit_test(statistics_follow_memslots),
		cmocka_unit_test(tour_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
