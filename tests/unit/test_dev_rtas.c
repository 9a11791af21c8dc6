/* SPDX-License-Identifier: BSD-2-Clause */
/* hv/dev/rtas.c: the block's bytes, each service, its refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/dev/be.h"
#include "hv/dev/rtas.h"

static struct xics interrupts;
static struct rtas_board board;
static struct rtas_call call;

static int setup(void **state)
{
	(void)state;
	xics_init(&interrupts, 2, 1, 0);
	board = (struct rtas_board){ .cpus = 2,
				     .on = 1,
				     .ram_bytes = 64 << 20,
				     .seconds = 1709209445, /* 2024-02-29 12:24:05 */
				     .nanoseconds = 123456789,
				     .interrupts = &interrupts };
	return 0;
}

static const struct rtas_service *named(const char *name)
{
	for (unsigned i = 0; i < rtas_service_count; i++)
		if (strcmp(rtas_services[i].name, name) == 0)
			return &rtas_services[i];
	fail_msg("there is no service %s", name);
	return NULL;
}

/* The call as its service wants it. */
static struct rtas_answer serve(const char *name, uint32_t a, uint32_t b, uint32_t c)
{
	const struct rtas_service *s = named(name);

	call = (struct rtas_call){ .token = s->token,
				   .arguments = s->arguments,
				   .results = s->results,
				   .arg = { a, b, c } };
	return rtas_serve(&call, &board);
}

static void the_block(void **state)
{
	uint8_t bytes[4 * (3 + RTAS_WORDS)] = { 0 };
	struct rtas_answer a = { .result = { -1, 2, 3, 4, 5, 6, 7, 8 } };

	(void)state;
	put_be32(bytes, 0x12345678);
	put_be32(bytes + 4, 2);
	put_be32(bytes + 8, 3);
	put_be32(bytes + 12, 0xcafe0001);
	put_be32(bytes + 16, 0x80000000);
	assert_true(rtas_head(bytes, &call));
	assert_int_equal(call.token, 0x12345678);
	assert_int_equal(call.arguments, 2);
	assert_int_equal(call.results, 3);
	rtas_arguments(bytes + 12, &call);
	assert_int_equal(call.arg[0], 0xcafe0001);
	assert_int_equal(call.arg[1], 0x80000000);
	rtas_results(&call, &a, bytes);
	assert_int_equal(be32(bytes), UINT32_MAX);
	assert_int_equal(be32(bytes + 8), 3);
	/* More results than there are: zeros. */
	call.results = RTAS_WORDS;
	memset(bytes, 0xee, sizeof(bytes));
	rtas_results(&call, &a, bytes);
	assert_int_equal(be32(bytes + 28), 8);
	assert_int_equal(be32(bytes + 32), 0);
	assert_int_equal(be32(bytes + 60), 0);
	assert_int_equal(bytes[64], 0xee);
}

static void counts_of_the_head(void **state)
{
	static const struct {
		uint32_t arguments, results;
		bool good;
	} cases[] = { { 0, 0, true },
		      { 16, 0, true },
		      { 0, 16, true },
		      { 8, 8, true },
		      { 17, 0, false },
		      { 0, 17, false },
		      { 9, 8, false },
		      { 16, 1, false },
		      { UINT32_MAX, 1, false },
		      { 1, UINT32_MAX, false },
		      { UINT32_MAX, UINT32_MAX, false } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t head[RTAS_HEAD_BYTES] = { 0 };

		put_be32(head + 4, cases[i].arguments);
		put_be32(head + 8, cases[i].results);
		assert_int_equal(rtas_head(head, &call), cases[i].good);
	}
}

/* Every service refuses other counts than its own, and a token of none is refused. */
static void wrong_calls(void **state)
{
	(void)state;
	for (unsigned i = 0; i < rtas_service_count; i++) {
		const struct rtas_service *s = &rtas_services[i];

		for (uint32_t n = 0; n <= 4; n++)
			for (uint32_t r = 0; r <= 9; r++) {
				call = (struct rtas_call){ .token = s->token,
							   .arguments = n,
							   .results = r };
				if (n == s->arguments && r == s->results)
					continue;
				struct rtas_answer a = rtas_serve(&call, &board);
				assert_int_equal(a.then, RTAS_RETURN);
				assert_int_equal(a.result[0], RTAS_PARAMETER_ERROR);
			}
	}
	static const uint32_t none[] = { 0, 0x2000, 0x2000 + 12, UINT32_MAX };
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		call = (struct rtas_call){ .token = none[i], .results = 1 };
		assert_int_equal(rtas_serve(&call, &board).result[0], RTAS_PARAMETER_ERROR);
	}
}

static void ends(void **state)
{
	(void)state;
	assert_int_equal(serve("power-off", UINT32_MAX, UINT32_MAX, 0).then, RTAS_POWER_OFF);
	assert_int_equal(serve("system-reboot", 0, 0, 0).then, RTAS_REBOOT);
	assert_int_equal(serve("stop-self", 0, 0, 0).then, RTAS_STOP_SELF);
}

static void time_of_day(void **state)
{
	struct rtas_answer a = serve("get-time-of-day", 0, 0, 0);
	static const int32_t then[] = { 0, 2024, 2, 29, 12, 24, 5, 123456789 };

	(void)state;
	assert_memory_equal(a.result, then, sizeof(then));
}

static void display(void **state)
{
	struct rtas_answer a = serve("display-character", 0x41, 0, 0);

	(void)state;
	assert_int_equal(a.then, RTAS_SAY);
	assert_int_equal(a.character, 'A');
	assert_int_equal(a.result[0], 0);
}

static void processors(void **state)
{
	struct rtas_answer a = serve("query-cpu-stopped-state", 0, 0, 0);

	(void)state;
	assert_int_equal(a.result[0], 0);
	assert_int_equal(a.result[1], 2);
	a = serve("query-cpu-stopped-state", 1, 0, 0);
	assert_int_equal(a.result[0], 0);
	assert_int_equal(a.result[1], 0);
	assert_int_equal(serve("query-cpu-stopped-state", 2, 0, 0).result[0], RTAS_PARAMETER_ERROR);
	a = serve("start-cpu", 1, 0x4000, 7);
	assert_int_equal(a.then, RTAS_START_CPU);
	assert_int_equal(a.result[0], 0);
	assert_int_equal(a.target, 1);
	assert_int_equal(a.entry, 0x4000);
	assert_int_equal(a.context, 7);
	/* One that is on; none; an entry that is no instruction's; one behind RAM. */
	a = serve("start-cpu", 0, 0x4000, 7);
	assert_int_equal(a.result[0], RTAS_HARDWARE_ERROR);
	assert_int_equal(a.then, RTAS_RETURN);
	assert_int_equal(serve("start-cpu", 2, 0x4000, 7).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("start-cpu", UINT32_MAX, 0x4000, 7).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("start-cpu", 1, 0x4002, 7).result[0], RTAS_PARAMETER_ERROR);
	a = serve("start-cpu", 1, 64 << 20, 7);
	assert_int_equal(a.result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(a.then, RTAS_RETURN);
}

static void sources(void **state)
{
	struct rtas_answer a;

	(void)state;
	assert_int_equal(serve("ibm,set-xive", XICS_FIRST, 1, 5).result[0], 0);
	a = serve("ibm,get-xive", XICS_FIRST, 0, 0);
	assert_int_equal(a.result[0], 0);
	assert_int_equal(a.result[1], 1);
	assert_int_equal(a.result[2], 5);
	assert_int_equal(serve("ibm,int-off", XICS_FIRST, 0, 0).result[0], 0);
	assert_int_equal(serve("ibm,get-xive", XICS_FIRST, 0, 0).result[2], 0xff);
	assert_int_equal(serve("ibm,int-on", XICS_FIRST, 0, 0).result[0], 0);
	assert_int_equal(serve("ibm,get-xive", XICS_FIRST, 0, 0).result[2], 5);
	/* No such source, server, priority. */
	assert_int_equal(serve("ibm,set-xive", XICS_FIRST + 1, 0, 5).result[0],
			 RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("ibm,set-xive", XICS_FIRST, 2, 5).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("ibm,set-xive", XICS_FIRST, 0, 256).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("ibm,get-xive", 2, 0, 0).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("ibm,int-off", 0, 0, 0).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("ibm,int-on", 0, 0, 0).result[0], RTAS_PARAMETER_ERROR);
	assert_int_equal(serve("ibm,get-xive", XICS_FIRST, 0, 0).result[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_block, setup),
		cmocka_unit_test_setup(counts_of_the_head, setup),
		cmocka_unit_test_setup(wrong_calls, setup),
		cmocka_unit_test_setup(ends, setup),
		cmocka_unit_test_setup(time_of_day, setup),
		cmocka_unit_test_setup(display, setup),
		cmocka_unit_test_setup(processors, setup),
		cmocka_unit_test_setup(sources, setup),
	};
	return cmocka_run_group_tests_name("rtas", tests, NULL, NULL);
}
