/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv3 by its architecture: registers, lines and latches, routing, groups, priorities, SGIs,
 * and what the list registers hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/dev/gicv3.h"

#define CPUS 3u
#define SPI 33u
#define TIMER 27u
#define PPI 20u
#define BIT(intid) (1u << ((intid)&31))

#define SGI_FRAME 0x10000u
enum { GROUP = 0x80, SET = 0x100, CLEAR = 0x180, SET_PENDING = 0x200, CLEAR_PENDING = 0x280 };
enum { SET_ACTIVE = 0x300, CLEAR_ACTIVE = 0x380, PRIORITY = 0x400, CONFIG = 0xc00 };
#define ROUTER 0x6000u

static struct gic gic;

static uint32_t dist(uint64_t offset)
{
	return (uint32_t)gic_dist_read(&gic, offset, 4);
}

static void set_dist(uint64_t offset, uint32_t value)
{
	gic_dist_write(&gic, offset, 4, value);
}

static uint32_t redist(unsigned cpu, uint64_t offset)
{
	return (uint32_t)gic_redist_read(&gic, cpu, offset, 4);
}

static void set_redist(unsigned cpu, uint64_t offset, uint32_t value)
{
	gic_redist_write(&gic, cpu, offset, 4, value);
}

/* As Linux leaves it: everything in group 1, that group on, nothing enabled. */
static int setup(void **state)
{
	(void)state;
	gic_init(&gic, CPUS, BIT(TIMER));
	set_dist(0, 2);
	for (unsigned n = 1; n < GIC_BANKS; n++)
		set_dist(GROUP + 4 * n, 0xffffffff);
	for (unsigned i = 0; i < CPUS; i++)
		set_redist(i, SGI_FRAME + GROUP, 0xffffffff);
	return 0;
}

static void enable_spi(unsigned intid)
{
	set_dist(SET + intid / 32 * 4, BIT(intid));
}

static void enable_private(unsigned cpu, unsigned intid)
{
	set_redist(cpu, SGI_FRAME + SET, BIT(intid));
}

static void make_edge(unsigned intid)
{
	uint64_t at = CONFIG + intid / 16 * 4;

	set_dist(at, dist(at) | 2u << intid % 16 * 2);
}

static struct gic_taken taken;

static unsigned take(unsigned cpu)
{
	assert_true(gic_pending(&gic, cpu));
	assert_true(gic_take(&gic, cpu, &taken));
	return taken.intid;
}

static void assert_nothing(unsigned cpu)
{
	assert_false(gic_pending(&gic, cpu));
	assert_false(gic_take(&gic, cpu, &taken));
}

static void test_identification(void **state)
{
	(void)state;
	assert_int_equal(dist(0x4) & 0x1f, GIC_BANKS - 1);
	assert_int_equal(dist(0x4) >> 19 & 0x1f, 9);
	assert_int_equal(dist(0x4) & (1u << 10 | 1u << 16 | 1u << 17),
			 0); /* no security, MBIs, LPIs */
	assert_int_equal(dist(0xffe8), 0x30);
	assert_int_equal(redist(1, 0xffe8), 0x30);
	assert_int_equal(dist(0xfff0), 0x0d);
	assert_int_equal(dist(0xfffc), 0xb1);
	for (unsigned i = 0; i < CPUS; i++) {
		uint64_t typer = gic_redist_read(&gic, i, 8, 8);

		assert_int_equal(typer >> 32, i);	  /* its affinity */
		assert_int_equal(typer >> 8 & 0xffff, i); /* its number */
		assert_int_equal(typer >> 4 & 1, i == CPUS - 1);
		assert_int_equal(redist(i, 8), typer & 0xffffffff);
		assert_int_equal(redist(i, 12), i);
	}
}

static void test_control(void **state)
{
	(void)state;
	assert_int_equal(dist(0), 0x52); /* DS, ARE, group 1 */
	set_dist(0, 0);
	assert_int_equal(dist(0), 0x50);
	set_dist(0, 0xffffffff);
	assert_int_equal(dist(0), 0x53);
	assert_int_equal(redist(0, 0x14), 6); /* asleep */
	set_redist(0, 0x14, 0);
	assert_int_equal(redist(0, 0x14), 0);
	set_redist(0, 0x14, 2);
	assert_int_equal(redist(0, 0x14), 6);
}

static void test_reset_state(void **state)
{
	(void)state;
	gic_init(&gic, CPUS, 0);
	for (unsigned at = GROUP; at < 0xd00; at += 4)
		assert_int_equal(dist(at), 0);
	for (unsigned at = GROUP; at < 0xc00; at += 4)
		assert_int_equal(redist(0, SGI_FRAME + at), 0);
	assert_int_equal(redist(0, SGI_FRAME + CONFIG), 0xaaaaaaaa);
	assert_int_equal(redist(0, SGI_FRAME + CONFIG + 4), 0);
	gic_set_spi(&gic, SPI, true);
	assert_nothing(0);
}

static void test_set_and_clear_registers(void **state)
{
	static const unsigned pairs[][2] = { { SET, CLEAR },
					     { SET_PENDING, CLEAR_PENDING },
					     { SET_ACTIVE, CLEAR_ACTIVE } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		set_dist(pairs[i][0] + 4, 0x0f0f0f0f);
		set_dist(pairs[i][0] + 4, 0x10);
		assert_int_equal(dist(pairs[i][0] + 4), 0x0f0f0f1f);
		set_dist(pairs[i][1] + 4, 0x0f00);
		assert_int_equal(dist(pairs[i][0] + 4), 0x0f0f001f);
		assert_int_equal(dist(pairs[i][1] + 4), 0x0f0f001f);
		assert_int_equal(dist(pairs[i][0] + 8), 0);
		set_dist(pairs[i][0] + 4 * GIC_BANKS, 0xffffffff); /* beyond the last */
		assert_int_equal(dist(pairs[i][0] + 4 * GIC_BANKS), 0);
		set_redist(1, SGI_FRAME + pairs[i][0], 0x80000001);
		assert_int_equal(redist(1, SGI_FRAME + pairs[i][1]), 0x80000001);
		assert_int_equal(redist(0, SGI_FRAME + pairs[i][0]), 0);
		/* With affinity routing the distributor has no private interrupts. */
		set_dist(pairs[i][0], 0xffffffff);
		assert_int_equal(dist(pairs[i][0]), 0);
	}
}

static void test_priorities_have_bytes(void **state)
{
	(void)state;
	gic_dist_write(&gic, PRIORITY + 33, 1, 0xa7);
	assert_int_equal(dist(PRIORITY + 32), 0xa000); /* 5 bits each */
	set_dist(PRIORITY + 36, 0x01f81020);
	assert_int_equal(dist(PRIORITY + 36), 0x00f81020);
	assert_int_equal(gic_dist_read(&gic, PRIORITY + 37, 1) & 0xff, 0x10);
	assert_int_equal(gic_dist_read(&gic, PRIORITY + 38, 2) & 0xffff, 0x00f8);
	gic_redist_write(&gic, 2, SGI_FRAME + PRIORITY + 27, 1, 0x80);
	assert_int_equal(redist(2, SGI_FRAME + PRIORITY + 24), 0x80000000);
	assert_int_equal(dist(PRIORITY), 0);
	/* The others have none. */
	gic_dist_write(&gic, SET + 4, 1, 0xff);
	gic_dist_write(&gic, SET + 4, 2, 0xffff);
	assert_int_equal(dist(SET + 4), 0);
}

static void test_configuration(void **state)
{
	(void)state;
	set_dist(CONFIG + 8, 0xffffffff);
	assert_int_equal(dist(CONFIG + 8), 0xaaaaaaaa); /* the lower bits are reserved */
	assert_int_equal(dist(CONFIG + 12), 0);
	set_redist(0, SGI_FRAME + CONFIG, 0);
	assert_int_equal(redist(0, SGI_FRAME + CONFIG), 0xaaaaaaaa); /* SGIs are edges */
	set_redist(0, SGI_FRAME + CONFIG + 4, 2);
	assert_int_equal(redist(0, SGI_FRAME + CONFIG + 4), 2);
}

static void test_level(void **state)
{
	(void)state;
	gic_set_spi(&gic, SPI, true);
	assert_int_equal(dist(SET_PENDING + 4), BIT(SPI));
	assert_nothing(0);
	enable_spi(SPI);
	assert_int_equal(take(0), SPI);
	assert_true(taken.level);
	assert_true(taken.group1);
	assert_int_equal(dist(SET_ACTIVE + 4), BIT(SPI));
	assert_nothing(0); /* listed */
	gic_retired(&gic, 0, SPI);
	assert_int_equal(take(0), SPI); /* the line is still high */
	gic_set_spi(&gic, SPI, false);
	gic_retired(&gic, 0, SPI);
	assert_nothing(0);
	assert_int_equal(dist(SET_ACTIVE + 4), 0);
	gic_set_spi(&gic, SPI, true);
	gic_set_spi(&gic, SPI, false); /* a level leaves no trace */
	assert_nothing(0);
}

static void test_level_made_pending_by_software(void **state)
{
	(void)state;
	enable_spi(SPI);
	set_dist(SET_PENDING + 4, BIT(SPI));
	assert_int_equal(take(0), SPI);
	gic_retired(&gic, 0, SPI);
	assert_nothing(0);
	set_dist(SET_PENDING + 4, BIT(SPI));
	set_dist(CLEAR_PENDING + 4, BIT(SPI));
	assert_nothing(0);
	gic_set_spi(&gic, SPI, true);
	set_dist(CLEAR_PENDING + 4, BIT(SPI)); /* the line stays */
	assert_int_equal(take(0), SPI);
}

static void test_edge(void **state)
{
	(void)state;
	make_edge(SPI);
	enable_spi(SPI);
	gic_set_spi(&gic, SPI, true);
	gic_set_spi(&gic, SPI, true);
	assert_int_equal(take(0), SPI);
	assert_false(taken.level);
	assert_nothing(0);
	gic_retired(&gic, 0, SPI);
	assert_nothing(0); /* once for each rise */
	gic_set_spi(&gic, SPI, false);
	gic_set_spi(&gic, SPI, true);
	gic_set_spi(&gic, SPI, false); /* the rise is latched */
	assert_int_equal(dist(CLEAR_PENDING + 4), BIT(SPI));
	assert_int_equal(take(0), SPI);
	/* Another while the first is with the guest: pending behind the active one. */
	gic_set_spi(&gic, SPI, true);
	assert_int_equal(take(0), SPI);
	gic_retired(&gic, 0, SPI);
	assert_nothing(0);
}

static void test_disabled_and_active_ones_wait(void **state)
{
	(void)state;
	enable_spi(SPI);
	gic_set_spi(&gic, SPI, true);
	set_dist(CLEAR + 4, BIT(SPI));
	assert_nothing(0);
	enable_spi(SPI);
	set_dist(SET_ACTIVE + 4, BIT(SPI));
	assert_nothing(0);
	set_dist(CLEAR_ACTIVE + 4, BIT(SPI));
	assert_int_equal(take(0), SPI);
}

static void test_routing(void **state)
{
	(void)state;
	enable_spi(SPI);
	assert_int_equal(gic_dist_read(&gic, ROUTER + 8 * SPI, 8), 0);
	gic_set_spi(&gic, SPI, true);
	gic_dist_write(&gic, ROUTER + 8 * SPI, 8, 2);
	assert_nothing(0);
	assert_int_equal(take(2), SPI);
	/* Moved while CPU 2 holds it: the next one goes to CPU 1, after CPU 2 has done. */
	set_dist(ROUTER + 8 * SPI, 1);
	assert_nothing(1);
	gic_retired(&gic, 1, SPI); /* it is not CPU 1's to give back */
	assert_nothing(1);
	gic_retired(&gic, 2, SPI);
	assert_nothing(2);
	assert_int_equal(take(1), SPI);
	gic_retired(&gic, 1, SPI);
	gic_dist_write(&gic, ROUTER + 8 * SPI, 8, CPUS); /* nobody */
	for (unsigned i = 0; i < CPUS; i++)
		assert_nothing(i);
	set_dist(ROUTER + 8 * SPI + 4, 0xffffffff);
	assert_int_equal(gic_dist_read(&gic, ROUTER + 8 * SPI, 8), (UINT64_C(0xff) << 32) + CPUS);
	/* 1 of N is not there: the bit reads as zero, the affinity counts. */
	gic_dist_write(&gic, ROUTER + 8 * SPI, 8, UINT64_C(0x80000001));
	assert_int_equal(gic_dist_read(&gic, ROUTER + 8 * SPI, 8), 1);
	assert_int_equal(take(1), SPI);
	gic_dist_write(&gic, ROUTER + 8 * 31, 8, 1);
	assert_int_equal(gic_dist_read(&gic, ROUTER + 8 * 31, 8), 0);
	gic_dist_write(&gic, ROUTER + 8 * GIC_INTIDS, 8, 1);
	assert_int_equal(gic_dist_read(&gic, ROUTER + 8 * GIC_INTIDS, 8), 0);
}

static void test_edge_moves_with_its_route(void **state)
{
	(void)state;
	make_edge(SPI);
	enable_spi(SPI);
	gic_set_spi(&gic, SPI, true);
	assert_int_equal(take(0), SPI);
	gic_dist_write(&gic, ROUTER + 8 * SPI, 8, 1);
	gic_set_spi(&gic, SPI, false);
	gic_set_spi(&gic, SPI, true);
	assert_nothing(0);
	assert_nothing(1); /* one interrupt is not active twice */
	gic_retired(&gic, 0, SPI);
	assert_int_equal(take(1), SPI);
}

static void test_groups(void **state)
{
	(void)state;
	enable_spi(SPI);
	gic_set_spi(&gic, SPI, true);
	set_dist(0, 1); /* group 0 only */
	assert_nothing(0);
	set_dist(GROUP + 4, 0xffffffff & ~BIT(SPI));
	assert_int_equal(take(0), SPI);
	assert_false(taken.group1);
	gic_retired(&gic, 0, SPI);
	set_dist(0, 2);
	assert_nothing(0);
	set_dist(0, 0);
	assert_nothing(0);
}

static void test_highest_priority_first(void **state)
{
	static const uint8_t priority[] = { 0xa0, 0x80, 0xa0, 0x20 };
	static const unsigned intid[] = { 40, 70, 33, 20 }, order[] = { 20, 70, 33, 40 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		if (intid[i] < 32) {
			gic_redist_write(&gic, 0, SGI_FRAME + PRIORITY + intid[i], 1, priority[i]);
			enable_private(0, intid[i]);
			gic_set_ppi(&gic, 0, intid[i], true);
		} else {
			gic_dist_write(&gic, PRIORITY + intid[i], 1, priority[i]);
			enable_spi(intid[i]);
			gic_set_spi(&gic, intid[i], true);
		}
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(take(0), order[i]);
	assert_int_equal(taken.priority, 0xa0);
	assert_nothing(0);
}

static uint64_t sgi(unsigned intid, uint64_t targets)
{
	return (uint64_t)intid << 24 | targets;
}

static void test_sgis(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		enable_private(i, 5);
	gic_send_sgi(&gic, 0, sgi(5, 0xfff6)); /* 1, 2, and twelve that do not exist */
	assert_nothing(0);
	assert_int_equal(take(1), 5);
	assert_int_equal(take(2), 5);
	assert_false(taken.level);
	/* The same once more, before CPU 1 is through. */
	gic_send_sgi(&gic, 0, sgi(5, 2));
	assert_int_equal(take(1), 5);
	gic_retired(&gic, 1, 5);
	gic_retired(&gic, 2, 5);
	gic_send_sgi(&gic, 1, sgi(5, UINT64_C(1) << 40)); /* all but oneself */
	assert_int_equal(take(0), 5);
	assert_nothing(1);
	assert_int_equal(take(2), 5);
	gic_send_sgi(&gic, 1, sgi(5, 2)); /* to oneself */
	assert_int_equal(take(1), 5);
}

static void test_sgis_that_reach_nobody(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		enable_private(i, 3);
	gic_send_sgi(&gic, 0, sgi(3, 0x10000 | 7));	      /* Aff1 */
	gic_send_sgi(&gic, 0, sgi(3, UINT64_C(1) << 32 | 7)); /* Aff2 */
	gic_send_sgi(&gic, 0, sgi(3, UINT64_C(1) << 48 | 7)); /* Aff3 */
	gic_send_sgi(&gic, 0, sgi(3, UINT64_C(1) << 44 | 7)); /* affinities 16, 17, 18 */
	gic_send_sgi(&gic, 0, sgi(3, 0));
	set_redist(0, SGI_FRAME + GROUP, 0);
	gic_send_sgi(&gic, 0, sgi(3, 1)); /* of group 0 */
	set_redist(0, SGI_FRAME + GROUP, 0xffffffff);
	for (unsigned i = 0; i < CPUS; i++)
		assert_nothing(i);
}

static void test_private_interrupts(void **state)
{
	(void)state;
	enable_private(1, PPI);
	gic_set_ppi(&gic, 0, PPI, true);
	assert_nothing(0);
	gic_set_ppi(&gic, 1, PPI, true);
	assert_int_equal(take(1), PPI);
	assert_true(taken.level);
	gic_retired(&gic, 1, PPI);
	assert_int_equal(take(1), PPI);
	gic_set_ppi(&gic, 1, PPI, false);
	gic_retired(&gic, 1, PPI);
	assert_nothing(1);
}

static void test_forwarded_line(void **state)
{
	(void)state;
	enable_private(0, TIMER);
	gic_set_ppi(&gic, 0, TIMER, true);
	gic_set_ppi(&gic, 0, TIMER, false); /* withdrawn before it was taken */
	assert_nothing(0);
	gic_set_ppi(&gic, 0, TIMER, true);
	assert_int_equal(take(0), TIMER);
	assert_false(taken.level);
	gic_set_ppi(&gic, 0, TIMER, true); /* means nothing while it is listed */
	gic_retired(&gic, 0, TIMER);
	assert_nothing(0); /* the processor will say it anew */
	gic_set_ppi(&gic, 0, TIMER, true);
	assert_int_equal(take(0), TIMER);
}

static void test_cpu_off(void **state)
{
	(void)state;
	enable_private(0, 1);
	enable_spi(SPI);
	gic_send_sgi(&gic, 1, sgi(1, 1));
	gic_set_spi(&gic, SPI, true);
	assert_int_equal(take(0), 1);
	assert_int_equal(take(0), SPI);
	gic_cpu_off(&gic, 0);
	assert_int_equal(dist(SET_ACTIVE + 4), 0);
	assert_int_equal(redist(0, SGI_FRAME + SET_ACTIVE), 0);
	set_dist(ROUTER + 8 * SPI, 1);
	assert_int_equal(take(1), SPI);
	gic_retired(&gic, 0, SPI); /* a late one changes nothing */
	assert_nothing(1);
	assert_int_equal(dist(SET_ACTIVE + 4), BIT(SPI));
}

static void test_odd_accesses(void **state)
{
	(void)state;
	set_dist(SET + 4, 0x12345678);
	assert_int_equal(gic_dist_read(&gic, SET + 5, 1) & 0xff, 0x56);
	assert_int_equal(gic_dist_read(&gic, SET + 5, 4), 0); /* not aligned */
	gic_dist_write(&gic, SET + 6, 4, 0xffffffff);
	assert_int_equal(dist(SET + 8), 0);
	gic_dist_write(&gic, SET + 4, 8, UINT64_C(0x1ffffffff)); /* not aligned to 8 */
	assert_int_equal(dist(SET + 4), 0x12345678);
	gic_dist_write(&gic, SET + 8, 8, UINT64_C(0xf00000000f));
	assert_int_equal(dist(SET + 8), 0xf);
	assert_int_equal(gic_redist_read(&gic, CPUS, 8, 8), 0); /* there is none */
	gic_redist_write(&gic, CPUS, SGI_FRAME + SET, 4, 1);
	gic_retired(&gic, 0, 1023);
	gic_retired(&gic, 0, 8191);
}

static uint64_t seed = 88172645463325252u;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Any guest may do anything: what is taken was asked for, and is given back once. */
static void test_random_accesses(void **state)
{
	uint64_t value;

	(void)state;
	for (unsigned i = 0; i < 400000; i++) {
		uint64_t r = random_number();
		unsigned cpu = (unsigned)(r >> 8) % CPUS, bytes = 1u << (r >> 4 & 3);
		uint64_t offset = (r >> 16) % (r & 8 ? 0x20000 : 0x1000);

		value = random_number();
		if (r & 1)
			gic_dist_write(&gic, offset, bytes, value);
		else
			gic_redist_write(&gic, cpu, offset | (r & 2 ? SGI_FRAME : 0), bytes, value);
		(void)gic_dist_read(&gic, offset, bytes);
		(void)gic_redist_read(&gic, cpu, offset, bytes);
		gic_set_spi(&gic, 32 + (unsigned)(value % 64), value >> 20 & 1);
		gic_set_ppi(&gic, cpu, 16 + (unsigned)(value % 16), value >> 21 & 1);
		gic_send_sgi(&gic, cpu, value);
		assert_int_equal(gic_pending(&gic, cpu), gic_take(&gic, cpu, &taken));
		gic_retired(&gic, (unsigned)(value >> 24) % CPUS, (unsigned)(value >> 30) % 128);
	}
	for (unsigned n = 0; n < GIC_BANKS; n++)
		for (unsigned i = 1; n != 0 && i < CPUS; i++)
			assert_int_equal(gic.cpu[0].holds[n] & gic.cpu[i].holds[n], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_identification, setup),
		cmocka_unit_test_setup(test_control, setup),
		cmocka_unit_test_setup(test_reset_state, setup),
		cmocka_unit_test_setup(test_set_and_clear_registers, setup),
		cmocka_unit_test_setup(test_priorities_have_bytes, setup),
		cmocka_unit_test_setup(test_configuration, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_level_made_pending_by_software, setup),
		cmocka_unit_test_setup(test_edge, setup),
		cmocka_unit_test_setup(test_disabled_and_active_ones_wait, setup),
		cmocka_unit_test_setup(test_routing, setup),
		cmocka_unit_test_setup(test_edge_moves_with_its_route, setup),
		cmocka_unit_test_setup(test_groups, setup),
		cmocka_unit_test_setup(test_highest_priority_first, setup),
		cmocka_unit_test_setup(test_sgis, setup),
		cmocka_unit_test_setup(test_sgis_that_reach_nobody, setup),
		cmocka_unit_test_setup(test_private_interrupts, setup),
		cmocka_unit_test_setup(test_forwarded_line, setup),
		cmocka_unit_test_setup(test_cpu_off, setup),
		cmocka_unit_test_setup(test_odd_accesses, setup),
		cmocka_unit_test_setup(test_random_accesses, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
