/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's line discipline, with one VM and with two; where input goes; the monitor's line
 * editor and its refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/config.h"
#include "hv/console.h"
#include "hv/machine/machine.h"
#include "hv/monitor.h"
#include "hv/vm.h"
#include "tests/fake/fake.h"

#define SERIAL 0x3f8u

static struct vm vm[2];
static size_t seen; /* of the console, by `fresh` */

static void nothing(struct vm *v)
{
	(void)v;
}

static uint64_t wall(struct vm *v)
{
	(void)v;
	return 0;
}

static void begin(unsigned vms_wanted)
{
	static const char *const names[] = { "one", "two" };

	fake_reset(&(struct fake_config){ .cpus = 1 });
	console_reset();
	memset(vm, 0, sizeof(vm));
	memset(&config, 0, sizeof(config));
	config.vm_count = vms_wanted;
	vm_count = vms_wanted;
	for (unsigned i = 0; i < vms_wanted; i++) {
		strcpy(config.vms[i].name, names[i]);
		vm[i].id = i;
		vm[i].config = &config.vms[i];
		atomic_store(&vm[i].state, VM_RUNNING);
		vms[i] = &vm[i];
	}
	seen = 0;
}

static int end(void **state)
{
	(void)state;
	vm_count = 0;
	config.vm_count = 0;
	return 0;
}

/* What the console has shown since the last call. */
static const char *fresh(void)
{
	const char *text = fake_console() + seen;

	seen += strlen(text);
	return text;
}

static void guest(unsigned i, const char *text)
{
	for (; *text != '\0'; text++)
		console_guest_put(&vm[i], *text);
}

static void one_vm_is_raw(void **state)
{
	(void)state;
	begin(1);
	guest(0, "\x1b[1mlogin: ");
	assert_string_equal(fresh(), "\x1b[1mlogin: ");
	guest(0, "x\r\n\r\n");
	assert_string_equal(fresh(), "x\r\n\r\n");
}

static void a_log_line_tears_no_line(void **state)
{
	(void)state;
	begin(1);
	hv_log("one %d", 1);
	assert_string_equal(fresh(), "tenure: one 1\r\n");
	guest(0, "half");
	hv_log("two\nlines\n"); /* wait for the line's end */
	hv_log("three");
	assert_string_equal(fresh(), "half");
	guest(0, " a line\r\n");
	assert_string_equal(fresh(),
			    " a line\r\ntenure: two\r\ntenure: lines\r\ntenure: three\r\n");
	/* A prompt: nothing more comes, and the host speaks on a line of its own. */
	guest(0, "$ ");
	hv_log("four");
	console_poll();
	assert_string_equal(fresh(), "$ ");
	fake_time_advance(UINT64_C(600000000));
	console_poll();
	assert_string_equal(fresh(), "\r\ntenure: four\r\n");
	guest(0, "$ ");
	fake_time_advance(UINT64_C(600000000));
	hv_log("five");
	assert_string_equal(fresh(), "$ \r\ntenure: five\r\n");
	/* The last words of all do not wait. */
	guest(0, "x");
	hv_log("six");
	console_flush();
	assert_string_equal(fresh(), "x\r\ntenure: six\r\n");
	guest(0, "y");
	hv_log("seven");
	console_break_locks();
	console_print("stop\n");
	assert_string_equal(fresh(), "y\r\ntenure: seven\r\nstop\r\n");
	/* A carriage return alone at the beginning of a line opens none. */
	guest(0, "\r");
	hv_log("four");
	assert_string_equal(fresh(), "\rtenure: four\r\n");
}

/* What waits has room for a few lines; then the guest's is cut all the same. */
static void too_much_to_wait(void **state)
{
	(void)state;
	begin(1);
	guest(0, "half");
	for (unsigned i = 0; i < 1000; i++)
		hv_log("line %u", i);
	guest(0, " a line\n");
	const char *text = fresh();
	for (unsigned i = 0; i < 1000; i++) {
		char line[32];
		snprintf(line, sizeof(line), "tenure: line %u\r\n", i);
		text = strstr(text, line);
		assert_non_null(text);
	}
}

static void text_that_is_too_long_is_cut(void **state)
{
	static char text[2 * CONSOLE_PRINT_BYTES];

	(void)state;
	begin(1);
	memset(text, 'x', sizeof(text) - 1);
	hv_log("%s", text);
	assert_int_equal(strlen(fresh()), 8 + CONSOLE_PRINT_BYTES - 1 + 2);
}

static void lines_of_several_vms(void **state)
{
	(void)state;
	begin(2);
	guest(0, "from");
	guest(1, "from two\r\n");
	assert_string_equal(fresh(), "[two] from two\r\n");
	guest(0, " one\r\n\n");
	assert_string_equal(fresh(), "[one] from one\r\n[one] \r\n");
	guest(0, "held back");
	hv_log("the host");
	assert_string_equal(fresh(), "tenure: the host\r\n");
	console_flush();
	assert_string_equal(fresh(), "[one] held back");
	guest(1, "next\n");
	assert_string_equal(fresh(), "\r\n[two] next\r\n");
	guest(0, " and on\n");
	assert_string_equal(fresh(), "[one]  and on\r\n");
}

/* A prompt is shown when its VM is silent for a while; its line then stays open. */
static void prompts_appear(void **state)
{
	(void)state;
	begin(2);
	guest(0, "$ ");
	console_poll();
	assert_string_equal(fresh(), "");
	fake_time_advance(UINT64_C(600000000));
	console_poll();
	assert_string_equal(fresh(), "[one] $ ");
	guest(0, "ls\n");
	assert_string_equal(fresh(), "ls\r\n");
}

/* The CPU that looks has read its clock a moment before the line's last character came. */
static void a_clock_behind_tears_no_line(void **state)
{
	(void)state;
	begin(2);
	fake_time_advance(1000);
	guest(0, "half");
	fake_time_advance(-UINT64_C(1));
	console_poll();
	assert_string_equal(fresh(), "");
	guest(0, " a line\n");
	assert_string_equal(fresh(), "[one] half a line\r\n");
	begin(1);
	fake_time_advance(1000);
	guest(0, "half");
	fake_time_advance(-UINT64_C(1));
	hv_log("the host");
	console_poll();
	assert_string_equal(fresh(), "half");
	guest(0, " a line\n");
	assert_string_equal(fresh(), " a line\ntenure: the host\r\n");
}

static void a_line_without_end(void **state)
{
	(void)state;
	begin(2);
	for (unsigned i = 0; i < 1000; i++)
		guest(0, "y");
	guest(0, "\n");
	const char *text = fresh();
	assert_int_equal(strlen(text), strlen("[one] ") + 1000 + 2);
	assert_null(strstr(text + 1, "["));
}

static struct machine *board(struct vm *v)
{
	static const struct machine_host host = { .notify = nothing, .wall_seconds = wall };
	struct machine *m = calloc(1, machine_size());

	machine_init(m, &host, 1);
	v->machine = m;
	return m;
}

/* The next character of a guest's serial line, 0: none. */
static char serial_read(struct machine *m)
{
	struct io_access status = { true, false, 1, SERIAL + 5, 0 };
	struct io_access data = { true, false, 1, SERIAL, 0 };

	assert_true(machine_io(m, 0, &status));
	if (!(status.value & 1))
		return '\0';
	assert_true(machine_io(m, 0, &data));
	return (char)data.value;
}

static void input_goes_to_the_focus(void **state)
{
	(void)state;
	begin(2);
	struct machine *first = board(&vm[0]), *second = board(&vm[1]);
	fake_console_type("a");
	console_poll();
	assert_int_equal(serial_read(first), 'a');
	assert_true(monitor_command("focus two"));
	fake_console_type("b");
	console_poll();
	assert_int_equal(serial_read(second), 'b');
	assert_int_equal(serial_read(first), 0);
	/* The one with the focus ends: the first takes over. */
	atomic_store(&vm[1].state, VM_ENDED);
	fake_console_type("c");
	console_poll();
	assert_int_equal(serial_read(first), 'c');
	free(first);
	free(second);
}

static void what_is_typed_ahead_is_kept(void **state)
{
	char text[101] = "";

	(void)state;
	begin(1);
	struct machine *m = board(&vm[0]);
	for (unsigned i = 0; i < 100; i++)
		text[i] = (char)('a' + i % 26);
	fake_console_type(text);
	for (unsigned i = 0; i < 100; i++) {
		console_poll();
		assert_int_equal(serial_read(m), text[i]);
	}
	console_poll();
	assert_int_equal(serial_read(m), 0);
	free(m);
}

/* As on a serial line, what has no room is lost: beyond the UART's and the console's own. */
static void what_is_typed_too_early_is_lost(void **state)
{
	char text[1001];
	unsigned heard = 0;

	(void)state;
	begin(0);
	fake_console_type("a"); /* there is no VM yet */
	console_poll();
	begin(1);
	fake_console_type("b"); /* it has no board yet */
	console_poll();
	struct machine *m = board(&vm[0]);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fake_console_type(text);
	do
		console_poll();
	while (serial_read(m) != '\0' && heard++ < 1000);
	assert_in_range(heard, 256, 300);
	fake_console_type("y"); /* it hears again */
	console_poll();
	assert_int_equal(serial_read(m), 'y');
	atomic_store(&vm[0].state, VM_ENDED);
	fake_console_type("z"); /* nobody is left, and nobody is harmed */
	console_poll();
	free(m);
}

static void the_monitor_has_the_input(void **state)
{
	(void)state;
	begin(1);
	struct machine *m = board(&vm[0]);
	fake_console_type("\x1d");
	console_poll();
	assert_non_null(strstr(fresh(), "monitor> "));
	fake_console_type("vmx\x7fs\r\n");
	console_poll();
	assert_string_equal(
		fresh(), "vmx\b \bs\r\none: running, 0 vCPUs, 0 MiB, 0 pages present, 0 faults\r\n"
			 "monitor> ");
	assert_int_equal(serial_read(m), 0);
	fake_console_type("go\rg");
	console_poll();
	assert_int_equal(serial_read(m), 'g');
	fake_console_type("\x1d\x1dh"); /* there and back */
	console_poll();
	assert_int_equal(serial_read(m), 'h');
	(void)fresh();
	fake_console_type("\x1d"
			  "kill one\x15\x03vms\r");
	console_poll();
	assert_non_null(strstr(fresh(), "one: running"));
	free(m);
}

static void commands(unsigned vms_wanted, const char *line, const char *answer)
{
	begin(vms_wanted);
	assert_true(monitor_command(line));
	const char *said = fresh();
	if (strstr(said, answer) == NULL)
		fail_msg("%s: \"%s\", not \"%s\"", line, said, answer);
}

static void commands_refuse(void **state)
{
	(void)state;
	commands(1, "", "");
	commands(1, "   \t ", "");
	commands(1, "halp", "there is no command \"halp\"; help lists them");
	commands(1, "vms x", "it is used so: vms");
	commands(1, "why", "it is used so: why [VM] GFN");
	commands(2, "why 1", "which VM? why [VM] GFN");
	commands(2, "why three 1", "there is no VM \"three\"");
	commands(1, "why one zz", "\"zz\" is not a page number (hexadecimal)");
	commands(1, "frame 0x", "\"0x\" is not a page number (hexadecimal)");
	commands(1, "frame 10000000000000", "is not a page number");
	commands(1, "frame -1", "is not a page number");
	commands(1, "kill", "which VM? kill VM");
	commands(1, "stop two", "there is no VM \"two\"");
	commands(1, "trace x", "\"x\" is not a number of events");
	commands(1, "explain maybe", "explain is on or off");
	commands(1, "s2 one 1 2 3 4 5 6", "");
	commands(1, "help", "quit");
	assert_false(monitor_command("go"));
}

static void commands_look(void **state)
{
	(void)state;
	commands(1, "why 5", "memslot: none; an access is one of a device");
	commands(1, "why one 0x5", "no leaf: the next access is a fault");
	commands(1, "why 5", "last fault of one: gfn 0, none yet");
	commands(2, "vms", "two: running");
	commands(1, "frame 12345", "frame 0x12345: device memory, it has no record (F1)");
	commands(1, "notices", "0 notices so far, 0 active; 0 faults ask for their turn");
	commands(1, "focus one", "input goes to one");
	commands(1, "explain on", "explain is on");
	commands(1, "explain off", "explain is off");
	commands(1, "slots", "");
	commands(1, "why\t5", "memslot: none; an access is one of a device");
	commands(1, "consumers", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_vm_is_raw, end),
		cmocka_unit_test_teardown(a_log_line_tears_no_line, end),
		cmocka_unit_test_teardown(too_much_to_wait, end),
		cmocka_unit_test_teardown(text_that_is_too_long_is_cut, end),
		cmocka_unit_test_teardown(lines_of_several_vms, end),
		cmocka_unit_test_teardown(prompts_appear, end),
		cmocka_unit_test_teardown(a_clock_behind_tears_no_line, end),
		cmocka_unit_test_teardown(a_line_without_end, end),
		cmocka_unit_test_teardown(input_goes_to_the_focus, end),
		cmocka_unit_test_teardown(what_is_typed_too_early_is_lost, end),
		cmocka_unit_test_teardown(what_is_typed_ahead_is_kept, end),
		cmocka_unit_test_teardown(the_monitor_has_the_input, end),
		cmocka_unit_test_teardown(commands_refuse, end),
		cmocka_unit_test_teardown(commands_look, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
