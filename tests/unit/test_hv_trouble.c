/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole hypervisor, and one thing that goes wrong: the n-th allocation fails, or all from the
 * n-th on; the n-th notice is refused, because a fault has asked for its turn at that moment; a
 * notice over everything comes in the middle of the n-th lookup, or comes there and stays. A script
 * that uses all there is runs again for each n, until there is no n-th. Whatever happens, the run
 * ends in words, and every frame comes back (P8, N7, I5).
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#include <sys/mman.h>

#include "mm/notice.h"

#define AREA UINT64_C(0x200000) /* in RAM */
#define FAR UINT64_C(0x140000000)
#define SHOWN UINT64_C(0x150000000) /* the pool's block */
#define KIB4 UINT64_C(0x1000)
#define MIB2 UINT64_C(0x200000)
#define TURN_STEPS 60u	  /* so long somebody else has asked for its turn */
#define NOTICE_STEPS 200u /* ... or has a notice open */

#define CLOCK(gpa_, what)                                                                  \
	{                                                                                  \
		.op = { .kind = FAKE_CLOCK, .where = (gpa_), .value = FAKE_CLOCK_##what }, \
		.say = "clock " #gpa_                                                      \
	}
/* What it reads is not looked at: the write before may have come to nothing. */
#define LOOK(gpa_)                                                                      \
	{                                                                               \
		.op = { .kind = FAKE_READ, .bytes = 8, .where = (gpa_) }, .say = "look" \
	}

/* ---- What goes wrong ------------------------------------------------------------------------- */

enum trouble { ONE_ALLOCATION, NO_MORE_MEMORY, TURN_ASKED, NOTICE_COMES, NOTICE_STAYS };

/* Shared with the hypervisor's process. */
static struct {
	unsigned at;   /* which allocation, notice or lookup; from 1 */
	unsigned seen; /* how many there were */
} * wrong;

static struct {
	enum trouble what;
	bool inside; /* in what this file does itself */
	unsigned locks;
	unsigned left; /* steps until the turn or the notice is over; 0: there is none */
	struct notifier *nf;
	struct notice_turn turn;
	struct notice notice;
} here;

static bool fails(unsigned order)
{
	unsigned n = ++wrong->seen;

	(void)order;
	return here.what == ONE_ALLOCATION ? n != wrong->at : n < wrong->at;
}

static struct vm *vm_of_notifier(const void *nf)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (vms[i]->has_space && nf == &vms[i]->space.notifier)
			return vms[i];
	return NULL;
}

/* Is it time for what goes wrong to be over? Not before its locks can be taken. */
static bool is_over(void)
{
	if (here.left > 1)
		here.left--;
	else if (here.left == 1 && here.locks == 0)
		return here.left = 0, true;
	return false;
}

/* Another fault asks for its turn as somebody comes to the notifier, and has done a while later. */
static void turn_step(const char *name, const void *object)
{
	struct vm *vm = strcmp(name, "notifier") == 0 ? vm_of_notifier(object) : NULL;

	if (vm != NULL && here.locks == 0 && ++wrong->seen == wrong->at) {
		here.nf = &vm->space.notifier;
		here.left = TURN_STEPS;
		(void)notice_turn_take(here.nf, &here.turn);
	} else if (is_over()) {
		notice_turn_done(here.nf, &here.turn);
	}
}

/* Between a lookup and its use: under a token, or before the host is asked. */
static void notice_step(const char *name)
{
	static const struct hva_range all = { { 0 }, { UINT64_C(1) << SPACE_BITS } };

	if (is_over())
		notice_end(&here.notice);
	if ((strcmp(name, "fault_followed") != 0 && strcmp(name, "cache_followed") != 0 &&
	     strcmp(name, "follow_fault") != 0) ||
	    ++wrong->seen != wrong->at || !vms[0]->has_space ||
	    notice_begin(&here.notice, &vms[0]->space.notifier, all, NOTICE_TRY) != OK)
		return;
	if (here.what == NOTICE_STAYS)
		here.left = NOTICE_STEPS;
	else
		notice_end(&here.notice);
}

static void step(const char *name, const void *object)
{
	if (here.inside)
		return;
	here.inside = true;
	if (here.what == TURN_ASKED)
		turn_step(name, object);
	else
		notice_step(name);
	here.inside = false;
	if (strcmp(name, "lock") == 0)
		here.locks++;
	if (strcmp(name, "unlock") == 0)
		here.locks--;
}

/* In the hypervisor's process, before it starts. */
static void arm(struct bootinfo *boot)
{
	(void)boot;
	if (here.what == ONE_ALLOCATION || here.what == NO_MORE_MEMORY)
		env_alloc = fails;
	else
		env_step = step;
}

/* ---- What the guest does --------------------------------------------------------------------- */

static const struct step second[] = { WRITE(AREA + 5 * KIB4, 8, 1), TRY(yield, 0, 0, 0, 0),
				      LOOK(AREA + 5 * KIB4), HALT, HALT };

static struct step script[] = {
	WRITE(AREA, 8, 1),
	EXECUTE(AREA),
	CALL(stats_page, AREA + KIB4, 1, 0, 0, 0),
	CLOCK(AREA + 2 * KIB4, ON),
	CALL(vcpu_start, 1, RUN_SECOND, 0, 0, 0),
	CALL(yield, 0, 0, 0, 0, 0),
	CALL(drop, AREA + 3 * KIB4, KIB4, 0, 0, 0),
	CALL(protect, AREA + 4 * KIB4, KIB4, 1, 0, 0),
	WRITE(AREA + 4 * KIB4, 8, 1),
	CALL(protect, AREA + 4 * KIB4, KIB4, 7, 0, 0),
	WRITE(AREA + 4 * KIB4, 8, 1),
	CALL(slot_create, FAR, 2 * MIB2, 0, 0, 2),
	WRITE(FAR, 8, 1),
	WRITE(FAR + MIB2, 8, 1),
	LOOK(FAR + KIB4),
	CALL(drop, FAR + KIB4, MIB2, 0, 0, 0),
	LOOK(FAR + KIB4),
	CALL(slot_move, 2, 4 * FAR, 0, 0, 0),
	LOOK(4 * FAR),
	CALL(slot_delete, 2, 0, 0, 0, 0),
	CALL(slot_delete, 3, 0, 0, 0, REFUSED(NOT_FOUND)),
	CALL(slot_create, AREA, KIB4, 0, 0,
	     REFUSED(OVERLAPS)), /* overlaps: the memory made for it goes again */
	LOOK(SHOWN),
	WRITE(SHOWN, 8, 1),
	CALL(owner_move, 0, 0, 0, 0, 0),
	WRITE(SHOWN, 8, 2),
	CALL(owner_take, 0, 0, 0, 0, 0),
	LOOK(SHOWN),
	CALL(owner_give, 0, 0, 0, 0, 0),
	LOOK(SHOWN),
	CALL(slot_create, FAR, 0, 1, 0, 3),
	LOOK(FAR),
	TRY(pin, AREA, 0, 0, 0),
	CALL(pin, SHOWN, 0, 0, 0, REFUSED(CANNOT_PIN_UNCOUNTED)),
	TRY(pin, AREA + 7 * KIB4, 0, 0, 0),
	CALL(drop, AREA + 7 * KIB4, KIB4, 0, 0, 0),
	CALL(storm, AREA, 4 * KIB4, 2, 0, 2),
	CALL(zap, AREA, 4 * KIB4, 0, 0, 0),
	CALL(query, AREA, TENURE_QUERY_CLASS, 0, 0, TENURE_CLASS_COUNTED),
	TRY(query, AREA, TENURE_QUERY_CLEAR_COST, 0, 0),
	WRITE(AREA + 9 * KIB4, 4, 0x6c6c6568), /* "hell" */
	CALL(console, AREA + 9 * KIB4, 4, 0, 0, 0),
	CALL(zap, AREA + 9 * KIB4, KIB4, 0, 0, 0),
	CALL(console, AREA + 9 * KIB4, 4, 0, 0, 0),
	CALL(slot_create, 8 * FAR, KIB4, 0, 0, 4), /* two that touch */
	CALL(slot_create, 8 * FAR + KIB4, KIB4, 0, 0, 5),
	WRITE(8 * FAR, 8, 1),
	WRITE(8 * FAR + KIB4, 8, 1),
	CALL(drop, 8 * FAR, 2 * KIB4, 0, 0, 0),
	CALL(step, 1, 1, 0, 0, 0),
	WRITE(AREA + 8 * KIB4, 8, 1),
	CALL(drop, AREA + 8 * KIB4, KIB4, 0, 0, 0),
	CALL(step_end, 1, 1, 0, 0, 0),
	CLOCK(AREA + 2 * KIB4, OFF),
	CALL(stats_page, AREA + KIB4, 0, 0, 0, 0),
	END,
};

/* Want of memory is told to the guest; of all else it must not notice anything. */
static void answers_matter(bool yes)
{
	static bool checked[sizeof(script) / sizeof(script[0])], noted;

	for (unsigned i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
		if (!noted)
			checked[i] = script[i].check;
		script[i].check = yes && checked[i];
	}
	noted = true;
}

/* Every n, until there is no n-th. Returns how many there were. */
static unsigned each(enum trouble what, const struct run *r)
{
	struct run one = *r;
	unsigned well = 0, raced = 0, n;

	here.what = what;
	answers_matter(what != ONE_ALLOCATION && what != NO_MORE_MEMORY);
	one.script = script;
	one.second = second;
	one.vcpus = 2;
	one.meddle = arm;
	wrong = mmap(NULL, sizeof(*wrong), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(wrong != MAP_FAILED);
	for (n = 1;; n++) {
		wrong->at = n;
		wrong->seen = 0;
		run(&one);
		if (outcome.status == -1 || !said("\ntenure: end status=") || said("broken") ||
		    said("stops") || said("missing") || said("script: step"))
			fail_msg("trouble %u at %u: status %d\n%s", (unsigned)what, n,
				 outcome.status, outcome.console);
		if (!said("cannot start"))
			assert_said("census: every frame is back");
		well += said("tenure: end status=0 reason=poweroff");
		raced += !said("most rounds 0)");
		if (wrong->seen < n)
			break;
	}
	assert_true(n > 10);   /* it has tried something */
	assert_true(well > 0); /* ... of which the last at least went well */
	assert_int_equal(outcome.status, 0);
	if (what == NOTICE_COMES || what == NOTICE_STAYS)
		assert_true(raced > n / 4); /* some were lookups of the hypervisor's own */
	print_message("%u times, %u to a good end, %u with faults that lost\n", n, well, raced);
	munmap(wrong, sizeof(*wrong));
	return well == n ? 0 : n;
}

static const struct run small = { .devices = "gfx: graphics { driver = \"pool\"; order = <2>; };",
				  .slots = "memslot@150000000 { gpa = /bits/ 64 <0x150000000>; "
					   "device = <&gfx>; read-only-first; };" };

/* P8: the VM that needs it ends, or is told; a start that cannot be is refused. */
static void each_allocation_fails(void **state)
{
	(void)state;
	assert_int_not_equal(each(ONE_ALLOCATION, &small), 0);
}

static void memory_is_used_up(void **state)
{
	(void)state;
	assert_int_not_equal(each(NO_MORE_MEMORY, &small), 0);
}

/* N7, N8: refused whole, and done later; nobody but the guest's time is the poorer for it. */
static void each_notice_is_refused(void **state)
{
	(void)state;
	assert_int_equal(each(TURN_ASKED, &small), 0);
}

/* P5: what was looked up before it is not used. */
static void a_notice_in_each_lookup(void **state)
{
	(void)state;
	assert_int_equal(each(NOTICE_COMES, &small), 0);
}

/* N8: what cannot be done while the notice is open waits for its end, and is woken. */
static void a_notice_stays(void **state)
{
	(void)state;
	assert_int_equal(each(NOTICE_STAYS, &small), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails),  cmocka_unit_test(memory_is_used_up),
		cmocka_unit_test(each_notice_is_refused), cmocka_unit_test(a_notice_in_each_lookup),
		cmocka_unit_test(a_notice_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
