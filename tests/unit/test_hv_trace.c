/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace's rings: the newest events win, all CPUs are merged by time, times become nanoseconds.
 * And the explaining voice: what it says, and how much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/config.h"
#include "hv/console.h"
#include "hv/env.h"
#include "hv/explain.h"
#include "hv/slot.h"
#include "hv/trace.h"
#include "hv/vm.h"
#include "tests/fake/fake.h"
#include "tests/unit/ram.h"

#define FIRST UINT64_C(512)
#define PAGES UINT64_C(1024)
#define EVENTS 64u

static struct vm vm, other;
static struct slot slot = { .id = 2 };

static int begin(void **state)
{
	(void)state;
	ram_begin(FIRST, PAGES, FIRST + PAGES);
	block_add(pfn(FIRST), PAGES);
	fake_reset(&(struct fake_config){ .cpus = 2 });
	console_reset();
	memset(&config, 0, sizeof(config));
	memset(&vm, 0, sizeof(vm));
	memset(&other, 0, sizeof(other));
	strcpy(config.vms[0].name, "one");
	strcpy(config.vms[1].name, "two");
	vm.config = &config.vms[0];
	other.config = &config.vms[1];
	vms[0] = &vm;
	config.vm_count = 1;
	vm_count = 1;
	env_cpu(0);
	assert_int_equal(trace_init(2, EVENTS), OK);
	atomic_store(&explain_on, true);
	fake_time_advance(UINT64_C(100) * 1000000000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	memset(trace_rings, 0, sizeof(trace_rings));
	atomic_store(&explain_on, false);
	config.vm_count = 0;
	vm_count = 0;
	env_cpu(0);
	ram_end();
	return 0;
}

static void event(unsigned cpu, uint64_t n)
{
	env_cpu(cpu);
	fake_time_advance(1000000);
	trace(TRACE_FAULT, 0, gfn(n), pfn(n + 1), FRAME_COUNTED, 9, OK);
	env_cpu(0);
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void merged_by_time(void **state)
{
	(void)state;
	event(0, 0xa0);
	event(1, 0xa1);
	event(1, 0xa2);
	event(0, 0xa3);
	trace_print(3);
	const char *text = fake_console();
	assert_int_equal(lines(text), 3);
	const char *a1 = strstr(text, "gfn 0xa1"), *a2 = strstr(text, "gfn 0xa2");
	const char *a3 = strstr(text, "gfn 0xa3");
	assert_null(strstr(text, "gfn 0xa0"));
	assert_true(a1 != NULL && a2 != NULL && a3 != NULL && a1 < a2 && a2 < a3);
	assert_non_null(strstr(text, "   100.002000 cpu 1 one      fault    gfn 0xa1 pfn 0xa2 "
				     "counted, 2^9 pages: "));
}

/* A CPU's records come in its order, whatever another's clock says; and old ones keep their time.
 */
static void of_two_cpus_the_older_comes_first(void **state)
{
	(void)state;
	event(0, 0xb0);
	event(1, 0xb1);
	event(0, 0xb2);
	fake_time_advance(UINT64_C(10) << 32);
	event(1, 0xb3);
	trace_print(10);
	const char *text = fake_console();
	const char *at = text;
	for (unsigned i = 0; i < 4; i++) {
		char gfn[16];
		snprintf(gfn, sizeof(gfn), "gfn %#x ", 0xb0 + i);
		const char *next = strstr(text, gfn);
		assert_true(next != NULL && next > at);
		at = next;
	}
	assert_int_equal(strncmp(text, "   100.00", 9), 0);
}

static void the_newest_win(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3 * EVENTS + 5; i++)
		event(0, 0x1000 + i);
	trace_print(10 * EVENTS);
	const char *text = fake_console();
	char last[32];
	assert_int_equal(lines(text), EVENTS);
	snprintf(last, sizeof(last), "gfn %#x ", 0x1000 + 3 * EVENTS + 4);
	assert_non_null(strstr(text, last));
	snprintf(last, sizeof(last), "gfn %#x ", 0x1000 + 2 * EVENTS + 5);
	assert_non_null(strstr(text, last));
	snprintf(last, sizeof(last), "gfn %#x ", 0x1000 + 2 * EVENTS + 4);
	assert_null(strstr(text, last));
}

static void the_dump_is_for_programs(void **state)
{
	(void)state;
	event(1, 7);
	fake_time_advance(1000);
	trace(TRACE_OWNER, TRACE_NO_VM, gfn(1), pfn(2), FRAME_DEVICE, 0, BUSY);
	trace_dump();
	assert_string_equal(
		fake_console(),
		"tenure: trace begin\r\n"
		"tenure: trace ns=100001000000 cpu=1 vm=one event=fault gfn=0x7 pfn=0x8 "
		"class=counted order=9 verdict=0\r\n"
		"tenure: trace ns=100001001000 cpu=0 vm=- event=owner gfn=0x1 pfn=0x2 "
		"class=device order=0 verdict=3\r\n"
		"tenure: trace end\r\n");
}

static void it_can_be_without_memory(void **state)
{
	(void)state;
	memset(trace_rings, 0, sizeof(trace_rings));
	event(0, 1); /* before trace_init: nothing happens */
	trace_print(5);
	assert_string_equal(fake_console(), "");
	assert_int_equal(trace_init(2, 3), BAD_ARGUMENT);
	assert_int_equal(trace_init(2, 0), BAD_ARGUMENT);
	assert_int_equal(trace_init(ARCH_MAX_CPUS + 1, 64), BAD_ARGUMENT);
	assert_int_equal(trace_init(2, 1u << 20), OUT_OF_MEMORY);
}

static void every_event_has_a_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACE_EVENTS; i++)
		assert_non_null(trace_event_words((enum trace_event)i));
	assert_string_equal(trace_event_words(TRACE_EVENTS), "?");
}

/* ---- The voice --------------------------------------------------------------------------------
 */

static const struct follow_answer device = {
	.pfn = { 0x80000 },
	.class = FRAME_DEVICE,
	.writable = true,
	.type = MEM_WRITE_COMBINING,
	.order = 9,
};

static void fault(struct vm *v)
{
	explain_fault(v, gpa(0x100000000), ACCESS_WRITE, &slot, &device, 9, OK);
}

static void a_fault_in_words(void **state)
{
	static const struct config_device fb = { .name = "framebuffer" };
	static const struct config_slot cs = { .device = &fb };

	(void)state;
	vm.device_count = 1;
	vm.devices[0].config = &cs;
	vm.devices[0].present = true;
	vm.devices[0].slot = 2;
	explain_step(&vm, 3, 0);
	fault(&vm);
	explain_fault(&vm, gpa(0x1000), ACCESS_READ, &slot, NULL, 0, NO_BACKING);
	explain_pin(&vm, gpa(0x2000), pfn(0), CANNOT_PIN_UNCOUNTED);
	explain_notice(&vm, hva_range(hva(0x200000), 0x200000), 1);
	explain_owner("framebuffer", "moved", hpa(0x90000000), 16 << 20, OK);
	explain_step_end(&vm, 3, true);
	const char *text = fake_console();
	assert_non_null(strstr(
		text, "tenure: [3] fault gpa 0x100000000 write -> memslot 2 (framebuffer) -> "
		      "device pfn 0x80000, write-combining, writable, span 2 MiB -> "
		      "leaf of 2 MiB (F1, H1, S8)\r\n"));
	assert_non_null(strstr(
		text, "tenure: [3] fault gpa 0x1000 read -> memslot 2 (framebuffer) -> refused: "));
	assert_non_null(strstr(text, "(P8)\r\n"));
	assert_non_null(strstr(text, "pin gpa 0x2000 -> refused: "));
	assert_non_null(strstr(text, "(P3, P8)\r\n"));
	assert_non_null(strstr(text, "tenure: [3] notice hva 0x200000, 2 MiB: 1 leaf removed"));
	assert_non_null(strstr(
		text, "tenure: [3] framebuffer: moved, 16 MiB; it lies at 0x90000000 now (H4)"));
	assert_non_null(strstr(text,
			       "tenure: [3] the framebuffer's BAR: 1 fault, 2 refusals, 1 notice, "
			       "1 act of an owner; as expected\r\n"));
}

static void a_step_says_the_first_few(void **state)
{
	(void)state;
	explain_step(&vm, 10, 0);
	for (unsigned i = 0; i < 1000; i++)
		fault(&vm);
	fault(&other); /* not of this step */
	explain_step_end(&vm, 10, false);
	const char *text = fake_console();
	assert_int_equal(lines(text), 4 + 1);
	assert_non_null(strstr(text, "1000 faults; NOT AS EXPECTED"));
	explain_step_end(&vm, 10, true); /* no step runs: nothing */
	assert_int_equal(lines(fake_console()), 5);
}

static void outside_a_few_a_second(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		fault(&vm);
	assert_int_equal(lines(fake_console()), 8);
	assert_non_null(strstr(fake_console(), "tenure: [one] fault gpa"));
	fake_time_advance(1000000000);
	fault(&vm);
	assert_int_equal(lines(fake_console()), 10);
	assert_non_null(strstr(fake_console(), "tenure: ... and 92 more\r\n"));
}

static void off_it_is_silent(void **state)
{
	(void)state;
	atomic_store(&explain_on, false);
	explain_step(&vm, 1, 0);
	fault(&vm);
	explain_step_end(&vm, 1, true);
	assert_string_equal(fake_console(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(merged_by_time, begin, end),
		cmocka_unit_test_setup_teardown(of_two_cpus_the_older_comes_first, begin, end),
		cmocka_unit_test_setup_teardown(the_newest_win, begin, end),
		cmocka_unit_test_setup_teardown(the_dump_is_for_programs, begin, end),
		cmocka_unit_test_setup_teardown(it_can_be_without_memory, begin, end),
		cmocka_unit_test_setup_teardown(every_event_has_a_word, begin, end),
		cmocka_unit_test_setup_teardown(a_fault_in_words, begin, end),
		cmocka_unit_test_setup_teardown(a_step_says_the_first_few, begin, end),
		cmocka_unit_test_setup_teardown(outside_a_few_a_second, begin, end),
		cmocka_unit_test_setup_teardown(off_it_is_silent, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
