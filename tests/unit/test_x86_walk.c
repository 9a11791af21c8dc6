/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own page tables, read by the port (gwalk): what an upper level forbids no lower one
 * grants, in long mode (APM volume 2, 5.6).
 */
#include "tests/unit/x86_guest.h"

#define LOW (TABLES + 0x2000) /* the directory of the first GiB */
#define AT UINT64_C(0x200123) /* the second page of 2 MiB */
#define ALL UINT64_C(7)	      /* present, write, user */
#define NX (UINT64_C(1) << 63)
#define USER UINT64_C(4)
#define WRITE UINT64_C(2)

/* A page of 2 MiB below two levels, each with these bits. */
static void tables(uint64_t top, uint64_t middle, uint64_t leaf)
{
	put64(TABLES, (TABLES + 0x1000) | top);
	put64(TABLES + 0x1000, LOW | middle);
	put64(LOW + 8, UINT64_C(0x400000) | 0x80 | leaf);
}

static enum result walk(uint64_t at, enum access access, uint32_t *error)
{
	gpa_t out;
	enum result r = gwalk(v, at, access, &out, error);

	if (r == OK)
		assert_int_equal(out.v, 0x400000 + (at & 0x1fffff));
	return r;
}

static void each_level_can_forbid(void **state)
{
	uint32_t error;

	(void)state;
	for (unsigned level = 0; level < 3; level++) {
		uint64_t bits[3] = { ALL, ALL, ALL };

		v->vmcb.cpl = 3;
		tables(ALL, ALL, ALL);
		assert_int_equal(walk(AT, ACCESS_WRITE, &error), OK);
		assert_int_equal(walk(AT, ACCESS_EXEC, &error), OK);

		bits[level] = ALL & ~WRITE;
		tables(bits[0], bits[1], bits[2]);
		assert_int_equal(walk(AT, ACCESS_READ, &error), OK);
		assert_int_equal(walk(AT, ACCESS_WRITE, &error), NO_PERMISSION);
		assert_int_equal(error, 7); /* present, a write, by the user */

		bits[level] = ALL & ~USER;
		tables(bits[0], bits[1], bits[2]);
		assert_int_equal(walk(AT, ACCESS_READ, &error), NO_PERMISSION);
		assert_int_equal(error, 5);
		v->vmcb.cpl = 0;
		assert_int_equal(walk(AT, ACCESS_READ, &error), OK);

		bits[level] = ALL | NX;
		tables(bits[0], bits[1], bits[2]);
		assert_int_equal(walk(AT, ACCESS_READ, &error), OK);
		assert_int_equal(walk(AT, ACCESS_EXEC, &error), NO_PERMISSION);
		assert_int_equal(error, 0x11);

		bits[level] = 0;
		tables(bits[0], bits[1], bits[2]);
		assert_int_equal(walk(AT, ACCESS_READ, &error), NO_PERMISSION);
		assert_int_equal(error, 0);
	}
}

/* The supervisor writes where it may not, unless CR0.WP says that it may not either. */
static void the_supervisor_and_write_protection(void **state)
{
	uint32_t error;

	(void)state;
	tables(ALL, ALL & ~WRITE, ALL);
	assert_int_equal(walk(AT, ACCESS_WRITE, &error), OK);
	v->vmcb.cr0 |= CR0_WP;
	assert_int_equal(walk(AT, ACCESS_WRITE, &error), NO_PERMISSION);
	assert_int_equal(error, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_level_can_forbid),
		TEST(the_supervisor_and_write_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
