/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole hypervisor with several CPUs as threads: vCPUs that are started, sleep, wake each
 * other, fault while notices storm, and end. TSan looks at every access of the scheduler, the run
 * loop, the fault handler and the notices.
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#define AREA UINT64_C(0x200000)
#define PAGES 8u
#define VCPUS 4u
#define TURNS 200u

/* A race ends the hypervisor's process on the spot, and so the run without its last line. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1";
}

static _Atomic unsigned over; /* vCPUs that are done */

/* A guest that writes and reads its word of each page, and finds what it wrote, or zero after a
 * drop. */
struct writer {
	unsigned index;
	unsigned step;
	uint64_t last[PAGES];
};

static struct writer writers[VCPUS];

static struct fake_op call_of(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return (struct fake_op){ .kind = FAKE_CALL, .where = nr, .arg = { a, b, c } };
}

static struct fake_op end_with(uint64_t status)
{
	return call_of(TENURE_end, status, 0, 0);
}

static void writer_plays(void *context, struct fake_op *op)
{
	struct writer *w = context;
	unsigned page = w->step / 2 % PAGES;
	uint64_t where = AREA + page * PAGE_SIZE + 8 * w->index;

	if (w->step % 2 == 1) {
		/* The write of the step before. */
		*op = (struct fake_op){ .kind = FAKE_READ, .bytes = 8, .where = where };
	} else {
		unsigned before = (page + PAGES - 1) % PAGES;
		if (w->step != 0 && op->value != w->last[before] && op->value != 0) {
			*op = end_with(77);
			return;
		}
		w->last[page] = w->step + 1;
		*op = (struct fake_op){
			.kind = FAKE_WRITE, .bytes = 8, .where = where, .value = w->last[page]
		};
	}
	if (w->step++ == 2 * PAGES * TURNS) {
		atomic_fetch_add(&over, 1);
		*op = (struct fake_op){ .kind = FAKE_HALT };
	}
}

/* vCPU 0: starts the others, then takes memory away and makes storms until they are done. */
static void driver_plays(void *context, struct fake_op *op)
{
	unsigned *step = context, i = (*step)++;

	if (i + 1 < VCPUS)
		*op = call_of(TENURE_vcpu_start, i + 1, RUN_SECOND + i, 0);
	else if (atomic_load(&over) == VCPUS - 1)
		*op = end_with(0);
	else if (i % 3 == 0)
		*op = call_of(TENURE_drop, AREA + i % PAGES * PAGE_SIZE, PAGE_SIZE, 0);
	else if (i % 3 == 1)
		*op = call_of(TENURE_storm, AREA, PAGES * PAGE_SIZE, 20);
	else
		*op = call_of(TENURE_yield, 0, 0, 0);
}

static unsigned driver_step;

static void play(struct bootinfo *boot)
{
	(void)boot;
	fake_program(gpa(RUN_ENTRY), driver_plays, &driver_step);
	for (unsigned i = 1; i < VCPUS; i++) {
		writers[i].index = i;
		fake_program(gpa(RUN_SECOND + i - 1), writer_plays, &writers[i]);
	}
}

static void vcpus_under_a_storm(void **state)
{
	(void)state;
	for (unsigned cpus = 2; cpus <= 4; cpus++)
		run_well(&(struct run){ .vcpus = VCPUS,
					.cpus = cpus,
					.meddle = play,
					.host = "huge-pages = \"off\"; quantum-us = <100>;" });
}

/* A CPU goes on in its guest, or idles, for a while after it was kicked. */
static void kicks_come_late(void **state)
{
	(void)state;
	for (unsigned cpus = 2; cpus <= 4; cpus++)
		run_well(&(struct run){ .vcpus = VCPUS,
					.cpus = cpus,
					.late_kicks = 7,
					.meddle = play,
					.host = "huge-pages = \"off\"; quantum-us = <100>;" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vcpus_under_a_storm),
		cmocka_unit_test(kicks_come_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
