/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI by its specification: every call, every architected error, both widths of arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/dev/psci.h"

#define RAM UINT64_C(0x40000000)
#define ENTRY (RAM + 0x1000)
#define BIT64 0x40000000u

/* Two CPUs, of which CPU 0 is on, in a cluster that has room for a third. */
static struct psci_board board;

static int setup(void **state)
{
	(void)state;
	board = (struct psci_board){
		.cpus = 2, .on = 1, .ram_start = RAM, .ram_end = RAM + (64 << 20)
	};
	return 0;
}

static struct psci_answer call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t arg[3] = { a, b, c };

	return psci_call(nr, arg, &board);
}

static int64_t returns(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct psci_answer answer = call(nr, a, b, c);

	assert_int_equal(answer.then, PSCI_RETURN);
	return answer.value;
}

static void test_versions(void **state)
{
	(void)state;
	assert_int_equal(returns(0x84000000, 0, 0, 0), 0x00010001);
	assert_int_equal(returns(0x80000000, 0, 0, 0), 0x00010001);
	assert_int_equal(returns(0x84000006, 0, 0, 0), 2); /* no Trusted OS */
	/* Only w0 is the number. */
	assert_int_equal(returns(0xffffffff84000000, 0, 0, 0), 0x00010001);
}

static void test_unknown_calls(void **state)
{
	static const uint32_t unknown[] = {
		0,	    0x84000005, 0x84000007, 0x8400000b, 0x8400000c, 0x8400000e, 0x84000012,
		0xc4000000, 0xc4000002, 0xc400000e, 0x8600ff01, 0x84000050, 0x80008000, 0xffffffff,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(returns(unknown[i], 0, 0, 0), -1);
		assert_int_equal(returns(0x8400000a, unknown[i], 0, 0), -1);
	}
}

static void test_features(void **state)
{
	static const uint32_t there[] = {
		0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003, 0x84000004,
		0xc4000004, 0x84000006, 0x84000008, 0x84000009, 0x8400000a, 0x80000000,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		assert_int_equal(returns(0x8400000a, there[i], 0, 0), 0);
	assert_int_equal(returns(0x80000001, 0x80000000, 0, 0), 0);
	assert_int_equal(returns(0x80000001, 0x80000001, 0, 0), 0);
	assert_int_equal(returns(0x80000001, 0x80008000, 0, 0), -1); /* WORKAROUND_1 */
}

static void test_cpu_on(void **state)
{
	struct psci_answer a = call(0xc4000003, 1, ENTRY, UINT64_C(0x123456789abcdef0));

	(void)state;
	assert_int_equal(a.then, PSCI_CPU_ON);
	assert_int_equal(a.target, 1);
	assert_int_equal(a.entry, ENTRY);
	assert_int_equal(a.context, UINT64_C(0x123456789abcdef0));
	/* The 32-bit call looks at the lower halves. */
	a = call(0x84000003, UINT64_C(0xff00000001), UINT64_C(0xff00000000) + ENTRY,
		 UINT64_C(0x123456789abcdef0));
	assert_int_equal(a.then, PSCI_CPU_ON);
	assert_int_equal(a.target, 1);
	assert_int_equal(a.entry, ENTRY);
	assert_int_equal(a.context, 0x9abcdef0);
}

static void test_cpu_on_errors(void **state)
{
	(void)state;
	assert_int_equal(returns(0xc4000003, 0, ENTRY, 0), PSCI_ALREADY_ON);
	assert_int_equal(returns(0xc4000003, 2, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000003, 0x100, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000003, UINT64_C(1) << 32 | 1, ENTRY, 0),
			 PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000003, 1, RAM - 4, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(returns(0xc4000003, 1, board.ram_end, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(returns(0xc4000003, 1, ENTRY + 2, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(returns(0xc4000003, 1, UINT64_MAX - 3, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(call(0xc4000003, 1, board.ram_end - 4, 0).then, PSCI_CPU_ON);
}

static void test_affinity_info(void **state)
{
	(void)state;
	assert_int_equal(returns(0xc4000004, 0, 0, 0), 0);
	assert_int_equal(returns(0xc4000004, 1, 0, 0), 1);
	board.on = 3;
	assert_int_equal(returns(0x84000004, 1, 0, 0), 0);
	assert_int_equal(returns(0xc4000004, 2, 0, 0), PSCI_INVALID_PARAMETERS);
	/* From level 1 on the lower fields do not count. */
	for (unsigned level = 1; level <= 3; level++)
		assert_int_equal(returns(0xc4000004, 0x7f, level, 0), 0);
	assert_int_equal(returns(0xc4000004, 0x100, 1, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000004, 0x100, 2, 0), 0);
	assert_int_equal(returns(0xc4000004, 0x10000, 2, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000004, 0xffffff, 3, 0), 0);
	assert_int_equal(returns(0xc4000004, UINT64_C(1) << 32, 3, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000004, 0, 4, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000004, UINT64_C(1) << 31, 0, 0), PSCI_INVALID_PARAMETERS);
}

static void test_suspend(void **state)
{
	struct psci_answer a = call(0xc4000001, 0, 0, 0);

	(void)state;
	assert_int_equal(a.then, PSCI_YIELD);
	assert_int_equal(a.value, PSCI_SUCCESS);
	assert_int_equal(call(0xc4000001, 0x10000, ENTRY, 0).then, PSCI_YIELD);
	assert_int_equal(returns(0xc4000001, 0x10000, 0, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(returns(0xc4000001, 0x10000, ENTRY + 1, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(returns(0xc4000001, 0x20000, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(returns(0xc4000001, 0x80000000, ENTRY, 0), PSCI_INVALID_PARAMETERS);
}

static void test_off_and_reset(void **state)
{
	(void)state;
	assert_int_equal(call(0x84000002, 0, 0, 0).then, PSCI_CPU_OFF);
	assert_int_equal(call(0x84000008, 0, 0, 0).then, PSCI_POWER_OFF);
	assert_int_equal(call(0x84000009, 0, 0, 0).then, PSCI_RESET);
	/* They take no address, so they have no 64-bit form. */
	assert_int_equal(returns(0x84000008 | BIT64, 0, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(returns(0x84000009 | BIT64, 0, 0, 0), PSCI_NOT_SUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_versions, setup),
		cmocka_unit_test_setup(test_unknown_calls, setup),
		cmocka_unit_test_setup(test_features, setup),
		cmocka_unit_test_setup(test_cpu_on, setup),
		cmocka_unit_test_setup(test_cpu_on_errors, setup),
		cmocka_unit_test_setup(test_affinity_info, setup),
		cmocka_unit_test_setup(test_suspend, setup),
		cmocka_unit_test_setup(test_off_and_reset, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
