/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs, vCPUs and their ends, the scheduler, start-up and the last line: the whole hypervisor with
 * guests that are scripts. What must be refused is refused in a sentence, and the host goes on or
 * ends in order.
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#include "arch/arch.h"
#include "hv/config.h"
#include "hv/sched.h"

#define FAR UINT64_C(0x140000000) /* no memory there */

/* The PC's interrupt controller with vectors from 0x20 and IRQ 0 open, the timer at about 1 kHz. */
#define PIC_AND_PIT                                                               \
	OUT(0x20, 1, 0x11), OUT(0x21, 1, 0x20), OUT(0x21, 1, 4), OUT(0x21, 1, 1), \
		OUT(0x21, 1, 0xfe), OUT(0x43, 1, 0x34), OUT(0x40, 1, 0xa9), OUT(0x40, 1, 0x04)
#define PIC_EOI OUT(0x20, 1, 0x20)

/* ---- Ends ------------------------------------------------------------------------------------ */

static void powers_off(void **state)
{
	(void)state;
	static const struct step script[] = { WRITE(0x200000, 8, 0x1234), READ(0x200000, 8, 0x1234),
					      READ(0x300000, 4, 0), END };
	run_well(&(struct run){ .script = script });
	assert_said("tenure: vm a: powered off");
}

static void exits_with_a_value(void **state)
{
	(void)state;
	static const struct step script[] = { OUT(0xf4, 1, 5), HALT };
	run(&(struct run){ .script = script });
	assert_ended("status=11 reason=exit");
	assert_int_equal(outcome.status, 0); /* without exit-device the machine just powers off */
	run(&(struct run){ .script = script, .host = "exit-device;" });
	assert_int_equal(outcome.status, 5);
}

static void resets(void **state)
{
	(void)state;
	static const struct step keyboard[] = { OUT(0x64, 1, 0xfe), HALT };
	static const struct step triple[] = { TRIPLE };
	run(&(struct run){ .script = keyboard });
	assert_ended("status=0 reason=reset");
	run(&(struct run){ .script = triple });
	assert_ended("status=0 reason=triple-fault");
}

static bool irqs_off(struct vm *vm)
{
	fake_irqs_enable(vm->vcpus[0]->arch, false);
	return true;
}

static void halts_for_good(void **state)
{
	(void)state;
	static const struct step script[] = { DO(irqs_off), HALT, END };
	run(&(struct run){ .script = script });
	assert_ended("status=0 reason=halted");
}

/* With interrupts off a pending interrupt does not end the halt either. */
static void halts_for_good_under_interrupts(void **state)
{
	(void)state;
	static const struct step script[] = { PIC_AND_PIT, DO(irqs_off), HALT, END };
	run(&(struct run){ .script = script });
	assert_ended("status=0 reason=halted");
}

/* Whatever the interrupt was, the timer is set again for what was due, the slice's end at last. */
static bool interrupted_early(struct vm *vm)
{
	(void)vm;
	uint64_t due = fake_timer();
	arch_timer_set(0); /* it fires once */
	return due > arch_time_ns() && !sched_interrupted() && fake_timer() == due;
}

static bool interrupted_late(struct vm *vm)
{
	(void)vm;
	fake_time_advance(UINT64_C(1000000000));
	return sched_interrupted() && fake_timer() != 0;
}

static void an_interrupt_sets_the_timer_again(void **state)
{
	(void)state;
	static const struct step script[] = { DO(interrupted_early), DO(interrupted_late), END };
	run_well(&(struct run){ .script = script });
}

/* P8: pc, gpa, access, memslot, class, verdict, and the registers; the VM ends, the host does not.
 */
static void cannot_execute_nothing(void **state)
{
	(void)state;
	static const struct step script[] = { EXECUTE(FAR), END };
	run(&(struct run){ .script = script });
	assert_said("a fault cannot be served: pc 0x1, gpa 0x140000000, execute, no memslot, class "
		    "unknown: no memslot");
	assert_said("tenure:   fake guest, step 1\r\n");
	assert_ended("status=70 reason=unhandled");
	assert_int_equal(outcome.status, MAIN_EXIT_STOPPED);
}

/* ---- Device accesses ----------------------------------------------------------------------------
 */

static void nothing_floats(void **state)
{
	(void)state;
	static const struct step script[] = { READ(FAR, 8, UINT64_MAX),
					      READ(FAR + 64, 8, UINT64_MAX),
					      WRITE(FAR, 8, 1),
					      IN(0x1234, 1, 0xff),
					      IN(0x1234, 2, 0xffff),
					      OUT(0x1234, 4, 1),
					      END };
	run_well(&(struct run){ .script = script });
	assert_said("device accesses by address 3");
}

/* P7: a write to a read-only memslot may be MMIO: it is lost, and the guest goes on. */
static void read_only_memslot(void **state)
{
	(void)state;
	static const struct step script[] = { CALL(slot_create, FAR, 4096, 0, 1, 1),
					      READ(FAR, 8, 0),
					      WRITE(FAR, 8, 7),
					      READ(FAR, 8, 0),
					      CALL(query, FAR, TENURE_QUERY_WRITABLE, 0, 0, 0),
					      END };
	run_well(&(struct run){ .script = script });
}

/* What the host forbids reads as all ones and is told, but not for ever. */
static void refused_in_words(void **state)
{
	(void)state;
	static const struct step script[] = {
		WRITE(0x200000, 8, 9),
		CALL(protect, 0x200000, 4096, 1, 0, 0),
		READ(0x200000, 8, 9),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		WRITE(0x200000, 8, 10),
		READ(0x200000, 8, 9),
		CALL(protect, 0x200000, 4096, 3, 0, 0),
		WRITE(0x200000, 8, 11),
		READ(0x200000, 8, 11),
		END,
	};
	run_well(&(struct run){ .script = script });
	assert_said("write of gpa 0x200000 refused: ");
	assert_said("(No more of these will be told.)");
}

/* ---- Interrupts, time, the scheduler
 * -------------------------------------------------------------- */

static void timer_interrupts(void **state)
{
	(void)state;
	static const struct step script[] = { PIC_AND_PIT, HALT_UNTIL(0x20),
					      PIC_EOI,	   HALT_UNTIL(0x20),
					      PIC_EOI,	   HALT_UNTIL(0x20),
					      END };
	run_well(&(struct run){ .script = script });
}

/* While the guest has interrupts off the interrupt waits, and the window tells when it is open. */
static bool irqs_on(struct vm *vm)
{
	fake_irqs_enable(vm->vcpus[0]->arch, true);
	return true;
}

static bool a_while(struct vm *vm)
{
	(void)vm;
	fake_time_advance(5000000);
	return true;
}

static void interrupt_window(void **state)
{
	(void)state;
	static const struct step script[] = {
		DO(irqs_off),
		PIC_AND_PIT,
		DO(a_while),
		IN(0x1234, 1, 0xff), /* the hypervisor sees the time */
		DO(irqs_on),
		{ .op = { .kind = FAKE_PORT, .bytes = 1, .where = 0x1234 },
		  .irq = 0x20,
		  .say = "in with interrupts on" },
		END,
	};
	run_well(&(struct run){ .script = script });
}

/* Two vCPUs hand a word back and forth; on one CPU each has to make room for the other. */
#define WORD UINT64_C(0x200000)
static bool wait_for(struct vm *vm, uint64_t value)
{
	uint64_t now;
	return vm_read(vm, gpa(WORD), &now, sizeof(now)) == OK && now == value;
}

static void second_plays(void *context, struct fake_op *op)
{
	(void)context;
	if (wait_for(vms[0], 1))
		*op = (struct fake_op){ .kind = FAKE_WRITE, .bytes = 8, .where = WORD, .value = 2 };
	else if (wait_for(vms[0], 3))
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_end };
	else
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_yield };
}

static void first_plays(void *context, struct fake_op *op)
{
	unsigned *step = context;

	switch (*step) {
	case 0:
		*op = (struct fake_op){ .kind = FAKE_CALL,
					.where = TENURE_vcpu_start,
					.arg = { 1, RUN_SECOND, 0 } };
		break;
	case 1:
		*op = (struct fake_op){ .kind = FAKE_WRITE, .bytes = 8, .where = WORD, .value = 1 };
		break;
	default:
		if (wait_for(vms[0], 2))
			*op = (struct fake_op){
				.kind = FAKE_WRITE, .bytes = 8, .where = WORD, .value = 3
			};
		else
			*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_yield };
	}
	(*step)++;
}

static unsigned first_step;

static void play_two(struct bootinfo *boot)
{
	(void)boot;
	fake_program(gpa(RUN_ENTRY), first_plays, &first_step);
	fake_program(gpa(RUN_SECOND), second_plays, NULL);
}

static void two_vcpus(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= 3; cpus++)
		run_well(&(struct run){ .vcpus = 2, .cpus = cpus, .meddle = play_two });
}

/* VMs that end differently: each is told, and the first that did not end well speaks for the run.
 */
static void several_vms(void **state)
{
	(void)state;
	static const struct step script[] = { OUT(0xf4, 1, 1), HALT };
	run(&(struct run){ .vms = "a { memory = \"4M\"; kernel = \"k\"; }; "
				  "b { memory = \"4M\"; kernel = \"nothing\"; };",
			   .script = script });
	assert_said("nothing");
	assert_said("reason=bad-input");
	run(&(struct run){ .vms = "a { memory = \"4M\"; kernel = \"k\"; }; "
				  "b { memory = \"4M\"; kernel = \"config.dtb\"; };",
			   .script = script });
	assert_said("tenure: vm b: could not be started: ");
	assert_said("tenure: vm a: ended itself with 1");
	assert_ended("status=3 reason=exit");
}

static void only_bad_images(void **state)
{
	(void)state;
	run(&(struct run){ .vms = "b { memory = \"4M\"; kernel = \"config.dtb\"; };" });
	assert_ended("status=65 reason=bad-image");
	assert_int_equal(outcome.status, MAIN_EXIT_INPUT);
}

/* The host's memory runs out under one VM; its memory comes back, and the other goes on. */
#define HOG_PAGES 6000u
static void hog_plays(void *context, struct fake_op *op)
{
	unsigned *page = context;

	*op = (struct fake_op){ .kind = FAKE_WRITE,
				.bytes = 8,
				.where = 0x200000 + (uint64_t)(*page)++ * PAGE_SIZE };
	if (*page == HOG_PAGES)
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_end, .arg = { 1 } };
}

static unsigned hog_page;

static void play_hog(struct bootinfo *boot)
{
	(void)boot;
	fake_program(gpa(RUN_ENTRY), hog_plays, &hog_page);
}

static void memory_runs_out(void **state)
{
	(void)state;
	run(&(struct run){ .vms = "a { memory = \"64M\"; kernel = \"k\"; };",
			   .host = "memory = \"20M\"; huge-pages = \"off\";",
			   .meddle = play_hog });
	assert_said("tenure: vm a: out of host memory: ");
	assert_ended("status=70 reason=out-of-memory");
}

/* ---- The monitor's stop, start and end
 * -------------------------------------------------------------- */

static bool stop_and_go(struct vm *vm)
{
	vm_stop(vm);
	if (atomic_load(&vm->state) != VM_STOPPED || !atomic_load(&vm->vcpus[0]->attention))
		return false;
	vm_resume(vm);
	return atomic_load(&vm->state) == VM_RUNNING;
}

static void stopped_and_resumed(void **state)
{
	(void)state;
	static const struct step script[] = { WRITE(WORD, 8, 1), DO(stop_and_go), READ(WORD, 8, 1),
					      END };
	run_well(&(struct run){ .script = script });
}

/* A stopped VM stays stopped, whatever comes, until somebody ends it. */
static void killed_while_stopped(void **state)
{
	(void)state;
	static const struct step script[] = {
		PIC_AND_PIT,	  DO(a_while), HALT_UNTIL(0x20), PIC_EOI, HALT_UNTIL(0x20), PIC_EOI,
		HALT_UNTIL(0x20), PIC_EOI,     HALT_UNTIL(0x20), PIC_EOI, HALT_UNTIL(0x20), PIC_EOI,
		HALT_UNTIL(0x20), PIC_EOI,     HALT_UNTIL(0x20), PIC_EOI, HALT_UNTIL(0x20), PIC_EOI,
		HALT_UNTIL(0x20), PIC_EOI,     HALT_UNTIL(0x20), PIC_EOI, HALT_UNTIL(0x20), PIC_EOI,
		HALT_UNTIL(0x20), PIC_EOI,     HALT_UNTIL(0x20), PIC_EOI, HALT_UNTIL(0x20), PIC_EOI,
		HALT_UNTIL(0x20), PIC_EOI,     HALT_UNTIL(0x20), PIC_EOI, HALT_UNTIL(0x20), PIC_EOI,
		OUT(0xf4, 1, 9)
	};
	run(&(struct run){ .script = script, .type = "\x1dstop a\nkill a\n" });
	assert_ended("status=0 reason=killed");
}

/* The first reason stays. */
static bool end_twice(struct vm *vm)
{
	vm_end(vm, END_RESET, 0, "first");
	vm_end(vm, END_KILLED, 0, "second");
	return vm->end_reason == END_RESET && vm_ended(vm);
}

static void ends_once(void **state)
{
	(void)state;
	static const struct step script[] = { DO(end_twice), END };
	run(&(struct run){ .script = script });
	assert_ended("status=0 reason=reset");
	assert_not_said("second");
}

static void words(void **state)
{
	(void)state;
	for (unsigned i = END_NONE; i <= END_BAD_IMAGE; i++) {
		assert_true(vm_end_words((enum vm_end_reason)i)[0] != '\0');
		assert_null(strchr(vm_end_token((enum vm_end_reason)i), ' '));
	}
	for (unsigned i = VCPU_OFF; i <= VCPU_ENDED; i++)
		assert_true(strlen(vcpu_state_words((enum vcpu_state)i)) > 2);
}

/* ---- What the loader hands over
 * ---------------------------------------------------------------------- */

static void bad_magic(struct bootinfo *b)
{
	b->magic++;
}
static void bad_version(struct bootinfo *b)
{
	b->version++;
}
static void empty_range(struct bootinfo *b)
{
	b->ranges[1].size = 0;
}
static void no_kind(struct bootinfo *b)
{
	b->ranges[1].kind = 0;
}
static void module_before(struct bootinfo *b)
{
	b->modules[0].base = 0x1000;
}
static void loader_error(struct bootinfo *b)
{
	strcpy(b->error, "the file \"x\" cannot be read");
}
static void no_config(struct bootinfo *b)
{
	strcpy(b->modules[0].name, "other");
}
static void no_ranges(struct bootinfo *b)
{
	b->range_count = 0;
}
static void too_many_ranges(struct bootinfo *b)
{
	b->range_count = BOOT_MAX_RANGES + 1;
}
static void odd_range(struct bootinfo *b)
{
	b->ranges[1].size -= 1;
}
static void unsorted(struct bootinfo *b)
{
	b->ranges[0].size += PAGE_SIZE;
}
static void wild_kind(struct bootinfo *b)
{
	b->ranges[1].kind = 99;
}
static void wrapping(struct bootinfo *b)
{
	b->ranges[1].size = UINT64_MAX & ~PAGE_MASK;
}
static void many_modules(struct bootinfo *b)
{
	b->module_count = BOOT_MAX_MODULES + 1;
}
static void endless_name(struct bootinfo *b)
{
	memset(b->modules[1].name, 'x', BOOT_NAME_BYTES);
}
static void module_outside(struct bootinfo *b)
{
	b->modules[1].base = RUN_BASE + RUN_LOADER - 16;
}
static void little_memory(struct bootinfo *b)
{
	b->ranges[1].size = 4 * RUN_MIB;
}
static void no_usable(struct bootinfo *b)
{
	b->ranges[1].kind = BOOT_MEM_FIRMWARE;
}

static void bad_hand_overs(void **state)
{
	(void)state;
	static const struct {
		void (*meddle)(struct bootinfo *b);
		const char *words;
		unsigned status;
	} cases[] = {
		{ bad_magic, "another version", 70 },
		{ bad_version, "another version", 70 },
		{ empty_range, "is empty, or not of whole pages", 70 },
		{ no_kind, "no known kind", 70 },
		{ module_before, "does not lie in the loader's memory", 70 },
		{ loader_error, "the loader: the file \"x\" cannot be read", 65 },
		{ no_config, "a module named config.dtb", 65 },
		{ no_ranges, "no ranges, or too many", 70 },
		{ too_many_ranges, "no ranges, or too many", 70 },
		{ odd_range, "not of whole pages", 70 },
		{ unsorted, "overlap, or are not sorted", 70 },
		{ wild_kind, "no known kind", 70 },
		{ wrapping, "overlap, or are not sorted", 70 },
		{ many_modules, "too many modules", 70 },
		{ endless_name, "name does not end", 70 },
		{ module_outside, "does not lie in the loader's memory", 70 },
		{ little_memory, "too little memory: ", 70 },
		{ no_usable, "too little memory: ", 70 },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char last[64];
		run(&(struct run){ .meddle = cases[i].meddle });
		assert_said("tenure: cannot start: ");
		assert_said(cases[i].words);
		snprintf(last, sizeof(last), "tenure: end status=%u reason=", cases[i].status);
		assert_said(last);
		assert_int_equal(outcome.status,
				 cases[i].status == 65 ? MAIN_EXIT_INPUT : MAIN_EXIT_STOPPED);
	}
}

static void bad_configuration(void **state)
{
	(void)state;
	run(&(struct run){ .host = "colour = \"green\";" });
	assert_said("tenure: cannot start: the configuration: ");
	assert_said("colour");
	assert_said("end status=65 reason=bad-input");
}

static void a_vm_too_large(void **state)
{
	(void)state;
	run(&(struct run){ .host = "memory = \"8M\";" });
	assert_said("too little memory: ");
	assert_said("end status=70 reason=cannot-start");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interrupt_sets_the_timer_again),
		cmocka_unit_test(powers_off),
		cmocka_unit_test(exits_with_a_value),
		cmocka_unit_test(resets),
		cmocka_unit_test(halts_for_good),
		cmocka_unit_test(halts_for_good_under_interrupts),
		cmocka_unit_test(cannot_execute_nothing),
		cmocka_unit_test(nothing_floats),
		cmocka_unit_test(read_only_memslot),
		cmocka_unit_test(refused_in_words),
		cmocka_unit_test(timer_interrupts),
		cmocka_unit_test(interrupt_window),
		cmocka_unit_test(two_vcpus),
		cmocka_unit_test(several_vms),
		cmocka_unit_test(only_bad_images),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(stopped_and_resumed),
		cmocka_unit_test(killed_while_stopped),
		cmocka_unit_test(ends_once),
		cmocka_unit_test(words),
		cmocka_unit_test(bad_hand_overs),
		cmocka_unit_test(bad_configuration),
		cmocka_unit_test(a_vm_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
