/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs that their guest switches off and on again, as a board's firmware has it done. */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#include "hv/vcpu.h"

#define WORD UINT64_C(0x200000)

static bool first_off(struct vm *vm)
{
	vm->board.vcpu_off(vm, 0);
	return true;
}

static bool second_off(struct vm *vm)
{
	vm->board.vcpu_off(vm, 1);
	return true;
}

static bool second_is_on(struct vm *vm)
{
	return vm->board.vcpu_is_on(vm, 1);
}

static bool second_is_off(struct vm *vm)
{
	return !vm->board.vcpu_is_on(vm, 1) && vm->vcpus[1]->state == VCPU_OFF && vm->live == 1;
}

static bool start_is_refused(struct vm *vm)
{
	const struct vcpu_start start = { .entry = gpa(RUN_SECOND) };

	return vm->board.vcpu_start(vm, 0, &start) == IN_USE &&
	       vm->board.vcpu_start(vm, 2, &start) == NOT_FOUND;
}

static bool start_second(struct vm *vm)
{
	const struct vcpu_start start = { .entry = gpa(RUN_SECOND) };

	return vm->board.vcpu_start(vm, 1, &start) == OK &&
	       vm->board.vcpu_start(vm, 1, &start) == IN_USE;
}

#define NOP CALL(nop, 0, 0, 0, 0, 0)
#define YIELD CALL(yield, 0, 0, 0, 0, 0)

/* It leaves its guest, and begins again where it is told to. */
static void goes_off_and_on_again(void **state)
{
	static const struct step script[] = {
		DO(start_is_refused),
		DO(start_second),
		DO(second_is_on),
		YIELD,
		READ(WORD, 8, 1),
		DO(second_is_off),
		DO(start_second),
		YIELD,
		READ(WORD, 8, 2),
		DO(second_is_off),
		CALL(vcpu_start, 1, RUN_SECOND, 0, 0, 0),
		YIELD,
		HALT,
	};
	static const struct step second[] = { WRITE(WORD, 8, 1),
					      DO(second_off),
					      NOP,
					      WRITE(WORD, 8, 2),
					      DO(second_off),
					      NOP,
					      WRITE(WORD, 8, 3),
					      END };
	(void)state;
	run_well(&(struct run){ .script = script, .second = second, .vcpus = 2 });
}

/* Nobody could ever start one again: that is the VM's end. */
static void all_off(void **state)
{
	static const struct step script[] = { DO(start_second), YIELD, READ(WORD, 8, 1),
					      DO(first_off),	NOP,   END };
	static const struct step second[] = { WRITE(WORD, 8, 1), DO(second_off), NOP, END };

	(void)state;
	run(&(struct run){ .script = script, .second = second, .vcpus = 2 });
	assert_said("every vCPU is off");
	assert_ended("status=0 reason=halted");
}

/* One that is off does not hold up the end of its VM. */
static void ends_with_one_off(void **state)
{
	static const struct step script[] = { DO(start_second), YIELD, DO(second_is_off), END };
	static const struct step second[] = { DO(second_off), NOP, END };

	(void)state;
	run_well(&(struct run){ .script = script, .second = second, .vcpus = 2 });
}

/* On two CPUs, over and over: each start finds it off wholly, or is refused. */
static bool start_if_off(struct vm *vm)
{
	const struct vcpu_start start = { .entry = gpa(RUN_SECOND) };

	while (vm->board.vcpu_start(vm, 1, &start) != OK)
		arch_cpu_relax();
	return true;
}

#define STARTS DO(start_if_off), NOP, DO(start_if_off), NOP, DO(start_if_off), NOP
#define TURNS DO(second_off), NOP, DO(second_off), NOP, DO(second_off), NOP

static void races_of_on_and_off(void **state)
{
	static const struct step script[] = { STARTS, STARTS, STARTS, STARTS, STARTS, STARTS, END };
	static const struct step second[] = { TURNS, TURNS, TURNS, TURNS, TURNS, TURNS, HALT };

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		run_well(
			&(struct run){ .script = script, .second = second, .vcpus = 2, .cpus = 2 });
}

static bool second_interrupts_off(struct vm *vm)
{
	fake_irqs_enable(vm->vcpus[1]->arch, false);
	return true;
}

static bool second_sleeps(struct vm *vm)
{
	return vm->vcpus[1]->state == VCPU_HALTED && vm->vcpus[1]->halted_off;
}

static bool type_stop(struct vm *vm)
{
	(void)vm;
	fake_console_type("\x1dstop a\r");
	fake_time_advance(1000000000);
	return true;
}

/* The operator goes on when the VM has stopped. */
static void start_when_stopped(const char *name, const void *object)
{
	static bool typed;

	(void)name, (void)object;
	if (typed || vm_count != 1 || vms[0]->vcpus[0]->state != VCPU_STOPPED)
		return;
	typed = true;
	fake_console_type("vms\rstart a\rvms\r");
}

static void watch_for_stop(struct bootinfo *boot)
{
	(void)boot;
	env_step = start_when_stopped;
}

/* Stopped, it runs not one instruction; a vCPU that waits for no interrupt is not woken by it. */
static void stops_and_goes_on(void **state)
{
	static const struct step script[] = {
		DO(start_second),  YIELD, DO(second_sleeps), DO(type_stop), YIELD,
		WRITE(WORD, 8, 1), YIELD, DO(second_sleeps), END,
	};
	static const struct step second[] = { DO(second_interrupts_off), HALT, END };

	(void)state;
	run_well(&(struct run){
		.script = script, .second = second, .vcpus = 2, .meddle = watch_for_stop });
	assert_said("a: stopped, 2 vCPUs");
	assert_said("a: running, 2 vCPUs");
}

static bool type_census(struct vm *vm)
{
	(void)vm;
	fake_console_type("\x1d"
			  "census\r\x1d");
	fake_time_advance(1000000000);
	return true;
}

/* Frames that move are not counted. */
static void no_census_while_a_vcpu_runs(void **state)
{
	static const struct step script[] = { DO(type_census), WRITE(WORD, 8, 1), NOP, END };

	(void)state;
	run_well(&(struct run){ .script = script });
	assert_said("a vCPU runs, and the frames move under it: stop its VM first");
}

/* The operator answers the prompt that comes when all VMs have ended. */
static void quit_when_ended(const char *name, const void *object)
{
	static bool typed;

	(void)name, (void)object;
	if (typed || vm_count != 1 || !vm_ended(vms[0]) || vm_done_count() != 1)
		return;
	typed = true;
	fake_console_type("vms\rquit\r");
}

static void watch_for_end(struct bootinfo *boot)
{
	(void)boot;
	env_step = quit_when_ended;
}

static void a_prompt_stays(void **state)
{
	static const struct step script[] = { WRITE(WORD, 8, 1), END };

	(void)state;
	run_well(&(struct run){ .script = script, .host = "prompt;", .meddle = watch_for_end });
	assert_said("all VMs have ended");
	assert_said("a: ended (powered off: by hypercall), 1 vCPU, ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_off_and_on_again),
		cmocka_unit_test(all_off),
		cmocka_unit_test(stops_and_goes_on),
		cmocka_unit_test(no_census_while_a_vcpu_runs),
		cmocka_unit_test(a_prompt_stays),
		cmocka_unit_test(ends_with_one_off),
		cmocka_unit_test(races_of_on_and_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
