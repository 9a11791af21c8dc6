/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor's commands on a hypervisor that runs: what they show of a guest's memory must be what
 * is there. A script brings the guest to a point, then types; the guest waits while the commands
 * are obeyed, and the last of them ends it.
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"
#include "tests/unit/pci_devices.h"

#include "hv/monitor.h"
#include "mm/frame.h"
#include "mm/follow.h"
#include "mm/notice.h"

#define AREA UINT64_C(0x200000)
#define SHOWN UINT64_C(0x150000000)
#define POOL "gfx: graphics { driver = \"pool\"; order = <2>; };"
#define POOL_SLOT(more) \
	"memslot@150000000 { gpa = /bits/ 64 <0x150000000>; device = <&gfx>; " more " };"
#define SMALL "huge-pages = \"off\";"

static const char *to_type;

static bool type_now(struct vm *vm)
{
	(void)vm;
	fake_console_type(to_type);
	return true;
}

/* Commands, typed when the guest is at the DO(type_now) of its script; then it waits. */
static void run_typing(const char *text, struct run r)
{
	to_type = text;
	run(&r);
	assert_not_said("script: step");
	assert_int_equal(outcome.status, 0);
}

/* What was said after the command and before the next prompt. */
static const char *answer_to(const char *command)
{
	static char answer[8192];
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "monitor> %s\r\n", command);
	const char *at = strstr(outcome.console, wanted);
	if (at == NULL)
		fail_msg("\"%s\" was not typed:\n%s", command, outcome.console);
	at += strlen(wanted);
	const char *end = strstr(at, "monitor> ");
	size_t bytes = end != NULL ? (size_t)(end - at) : strlen(at);
	if (bytes >= sizeof(answer))
		bytes = sizeof(answer) - 1;
	memcpy(answer, at, bytes);
	answer[bytes] = '\0';
	return answer;
}

#define assert_answer(command, words)                                                        \
	do {                                                                                 \
		if (strstr(answer_to(command), words) == NULL)                               \
			fail_msg("%s: not \"%s\":\n%s", command, words, answer_to(command)); \
	} while (0)

static const struct step touches[] = {
	WRITE(AREA, 8, 1),
	READ(AREA + 0x1000, 8, 0),
	READ(SHOWN, 8, 0),
	TRY(stats_page, AREA + 0x4000, 1, 0, 0),
	DO(type_now),
	HALT,
	HALT,
	END,
};

static void pages_of_a_guest(void **state)
{
	(void)state;
	run_typing("\x1d"
		   "why 200\rwhy 0X201\rwhy 150000\rwhy 150001\rwhy 3ff\rwhy 900000\r"
		   "s2 200\rs2 3fffff\rslots\rconsumers\rnotices\rquit\r",
		   (struct run){ .script = touches,
				 .devices = POOL,
				 .slots = "memslot@160000000 { gpa = /bits/ 64 <0x160000000>; "
					  "device = <&gfx>; absent; };" POOL_SLOT("read-only;"),
				 .host = SMALL });
	assert_answer("why 200", "memslot 0 (memory): gfn 0..0x400 at hva");
	assert_answer("why 200", "region: ANON, hva");
	assert_answer("why 200", "write-back, rwx");
	assert_answer("why 0X201", "memslot 0 (memory)");
	assert_answer("why 200", "host: pfn ");
	assert_answer("why 200", "counted, writable, write-back, span of 2^0 pages");
	assert_answer("why 200", "references 1, pins 0");
	assert_answer("why 200", "hold: the guest's leaf, by notice (it takes no count), 0 pins");
	assert_answer("why 200", "leaf at level 0 (2^0 pages)");
	assert_answer("why 200", "rwx, write-back, counted, young, dirty");
	assert_answer("why 150000", "memslot 1 (graphics): gfn 0x150000..0x150004 at hva");
	assert_answer("why 150000", ", read-only");
	assert_answer("why 150000", "region: PFNMAP of ");
	assert_answer("why 150000", "uncounted, read-only");
	assert_answer("why 150000", "r--, write-back, not counted");
	assert_answer("why 3ff", "host: nothing mapped: ");
	assert_answer("why 3ff", "no leaf: the next access is a fault");
	assert_answer("why 900000", "memslot: none; an access is one of a device");
	assert_answer("why 900000", "last fault of a: gfn 0x150000, done");
	assert_answer("s2 200", "level 3: ");
	assert_answer("s2 200", "table at pfn ");
	assert_answer("s2 200", "level 0: ");
	assert_answer("s2 200", "leaf at level 0");
	assert_answer("s2 3fffff", "nothing");
	assert_answer("slots", "memslot 0 (memory)");
	assert_answer("slots", "memslot 1 (graphics)");
	assert_answer("slots", ", read-only\r\n");
	assert_answer("consumers", "(table): 0 open notices, seq ");
	assert_answer("notices", "0 active; 0 faults ask for their turn");
}

/* What a fault that must wait shows of itself, which no command comes in the middle of. */
static bool look_at_turns(struct vm *vm)
{
	struct vcpu *v = vm->vcpus[1];

	v->turn.asked = true;
	bool good = monitor_command("vcpus");
	v->turn.mine = true;
	good = good && monitor_command("vcpus");
	v->turn.mine = v->turn.asked = false;
	return good;
}

/* ... and of the notifier: a change of memslots, and somebody's turn. */
static bool look_at_notices(struct vm *vm)
{
	struct notice_turn turn = { .mine = false };
	struct notifier *nf = &vm->space.notifier;
	struct notice n;

	bool good = notice_begin(&n, nf, hva_range(hva(0), PAGE_SIZE), NOTICE_SLOTS) == OK &&
		    monitor_command("notices");
	notice_end(&n);
	good = good && notice_turn_take(nf, &turn) && monitor_command("notices");
	notice_turn_done(nf, &turn);
	return good;
}

static void what_waits(void **state)
{
	static const struct step script[] = { DO(look_at_turns), DO(look_at_notices), END };

	(void)state;
	run_well(&(struct run){ .script = script, .vcpus = 2 });
	assert_said(" registers refused, asks for its turn\r\n");
	assert_said(" registers refused, has its turn\r\n");
	assert_said(" 1 active (memslots change); 0 faults ask for their turn\r\n");
	assert_said(" 0 active; 1 faults ask for their turn, one has it\r\n");
}

/* A pinned page that no guest has touched. */
static void an_untouched_page(void **state)
{
	static const struct step script[] = { TRY(pin, AREA, 0, 0, 0), DO(type_now), HALT, END };

	(void)state;
	run_typing("\x1d"
		   "why 200\rquit\r",
		   (struct run){ .script = script, .host = SMALL });
	assert_answer("why 200", "references 2, pins 1\r\n"); /* not young */
}

/* A pinned page without a leaf, one in a large block, and a large leaf. */
static void holds_without_a_leaf(void **state)
{
	static const struct step script[] = {
		WRITE(AREA, 8, 1),
		READ(0x1000, 8, 0),
		TRY(pin, AREA, 0, 0, 0),
		CALL(zap, AREA, 0x1000, 0, 0, 0),
		DO(type_now),
		HALT,
		END,
	};
	(void)state;
	run_typing("\x1d"
		   "why 200\rwhy 201\rwhy 0\rs2 5\rquit\r",
		   (struct run){ .script = script });
	assert_answer("why 0", "leaf at level 1 (2^9 pages)");
	assert_answer("s2 5", "leaf at level 1 (2^9 pages)");
	assert_answer("why 200", "no leaf, 1 pin\r\n");
	assert_answer("why 200", "span of 2^9 pages");
	assert_answer("why 201", "in a block of 2^9, a tail, references 2, pins 1");
}

/* The permissions of a region, and a page whose region is gone. */
static void narrowed_regions(void **state)
{
	static const struct step script[] = {
		WRITE(AREA, 8, 1),
		READ(AREA + 0x1000, 8, 0),
		CALL(protect, AREA, 0x1000, 1, 0, 0),
		CALL(protect, AREA + 0x1000, 0x1000, 0, 0, 0),
		READ(AREA, 8, 1),
		DO(type_now),
		HALT,
		END,
	};
	(void)state;
	run_typing("\x1d"
		   "why 200\rwhy 201\rquit\r",
		   (struct run){ .script = script, .host = SMALL });
	assert_answer("why 200", "write-back, r--\r\n");
	assert_answer("why 200", "counted, read-only, write-back");
	assert_answer("why 200", "leaf at level 0 (2^0 pages), pfn");
	assert_answer("why 200", "r--, write-back, counted");
	assert_answer("why 201", "write-back, ---\r\n");
	assert_answer("why 201", "host: nothing mapped: no permission");
}

/* Many memslots: the first of them, and how many more there are. */
static unsigned slot_step;

static void many_slots_plays(void *context, struct fake_op *op)
{
	(void)context;
	if (slot_step < 80)
		*op = (struct fake_op){ .kind = FAKE_CALL,
					.where = TENURE_slot_create,
					/* of the first one writes are tracked */
					.arg = { SHOWN + slot_step * 0x10000, 0x1000, 0,
						 slot_step == 0 ? 2 : 0 } };
	else
		*op = (struct fake_op){ .kind = FAKE_HALT };
	if (slot_step++ == 80)
		fake_console_type("\x1d"
				  "slots\rquit\r");
}

static void play_many_slots(struct bootinfo *b)
{
	(void)b;
	fake_program(gpa(RUN_ENTRY), many_slots_plays, NULL);
}

static void many_memslots(void **state)
{
	(void)state;
	run(&(struct run){ .meddle = play_many_slots });
	assert_answer("slots", "memslot 0 (memory)");
	assert_answer("slots", ", writes tracked\r\nmemslot 2 (memory)");
	assert_answer("slots", "... and 17 more\r\n");
}

/* Asked for on another CPU, while the guest is between two instructions. */
static bool census_now(struct vm *vm)
{
	return vm->vcpus[0]->state == VCPU_RUNNING && monitor_command("census");
}

static void show_a_display(struct bootinfo *b)
{
	(void)b;
	pci_add_display(FRAMEBUFFER_AT);
}

/* A VM is stopped, looked at, let go on, and ended. */
static void a_vm_s_fate(void **state)
{
	static const struct step script[] = {
		WRITE(AREA, 8, 1), DO(census_now), DO(type_now), HALT, HALT, END,
	};
	(void)state;
	run_typing("\x1d"
		   "vms\rvcpus\rcensus\rstop a\rstop a\rvms\rcensus\rstart a\rstart a\rvms\r"
		   "stats\rtrace\rtrace 1\r"
		   "trace dump\rtrace 5000000000\rpci\rdevices\rexplain\rexplain on\rexplain\r"
		   "kill a\rvms\r\rquit\r",
		   (struct run){ .script = script,
				 .vcpus = 2,
				 .meddle = show_a_display,
				 .host = "prompt;",
				 .devices = POOL,
				 .slots = POOL_SLOT("") });
	assert_said("a vCPU runs, and the frames move under it: stop its VM first\r\n");
	assert_answer("census", "every frame is on one list, or has one owner (I5); ");
	assert_answer("vms", "a: running, 2 vCPUs, 4 MiB, ");
	assert_answer("vcpus", "vCPU 0: ");
	assert_answer("vcpus", "vCPU 1: ");
	assert_answer("stop a", "a: stopped\r\n");
	assert_answer("start a", "a: running\r\n");
	assert_answer("stats", "frames: ");
	assert_answer("stats", "a: exits ");
	assert_answer("trace 1", "\r\n");
	assert_answer("trace dump", "trace end\r\n");
	assert_answer("pci", "00:02.0 1234:1111 class 030000\r\n");
	assert_answer("trace 5000000000", "\"5000000000\" is not a number of events");
	assert_answer("devices", "graphics");
	assert_answer("explain on", "explain is on");
	assert_said("a: ended (ended by the monitor: killed from the console), 2 vCPUs");
}

/* The commands that name a VM, when there are two. */
static void one_of_two(void **state)
{
	static const struct step script[] = { DO(type_now), HALT, HALT, END };

	(void)state;
	run_typing("\x1d"
		   "slots\rslots b\rwhy b 100\rwhy c 100\rwhy b 1 2\rwhy b zz\rvcpus b\r"
		   "focus b\rstop b\rvms x\r"
		   "vms\rkill b\rwhy b\rcensus\rvms \rquit\r",
		   (struct run){ .script = script,
				 .vms = "a { memory = \"4M\"; kernel = \"k\"; }; "
					"b { memory = \"2M\"; kernel = \"k\"; };" });
	assert_answer("slots", "which VM? slots [VM]");
	assert_answer("slots b", "gfn 0..0x200");
	assert_answer("why b 100", "memslot 0 (memory): gfn 0..0x200");
	assert_answer("why c 100", "there is no VM \"c\"");
	assert_answer("why b zz", "\"zz\" is not a page number");
	assert_answer("why b 1 2", "it is used so: why [VM] GFN");
	assert_answer("why b", "which VM? why [VM] GFN");
	assert_answer("vms x", "it is used so: vms ");
	assert_answer("focus b", "input goes to b");
	assert_answer("stop b", "b: stopped");
	assert_answer("vms", "b: stopped, 1 vCPU, 2 MiB, ");
	assert_answer("vms ", "b: ended (ended by the monitor: ");
}

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static void a_line_is_edited(void **state)
{
	static const struct step script[] = { DO(type_now), HALT, HALT, END };

	(void)state;
	run_typing("\x1d"
		   "\x7f\x08vmz\x08s\r\nzz\x15vcq\x7fpus\r\x01notices\r" FIFTY FIFTY FIFTY "\r"
		   "frame ABCDEF\rframe 0123\rframe 0y\rs2 zz\rs2 fffffffffffff\r"
		   "s2 10000000000000\rs2\rwhy 100\rtrace 1k\rtrace 1m\r"
		   "trace 1g\rquit\r",
		   (struct run){ .script = script });
	assert_said("vmz\b \bs\r\na: running");
	assert_not_said("monitor> \r\n"); /* a pair ends one line */
	assert_said("monitor> zz\r\nmonitor> vcq\b \bpus\r\nvCPU 0: ");
	assert_answer("notices", "notices so far");
	assert_answer("s2 fffffffffffff", "level 3: ");
	assert_answer("s2 10000000000000", "\"10000000000000\" is not a page number");
	assert_answer("s2", "it is used so: s2 [VM] GFN");
	assert_said("there is no command \"" FIFTY FIFTY TEN TEN "\"; help lists them");
	assert_answer("frame ABCDEF", "frame 0xabcdef: device memory");
	assert_answer("frame 0123", "frame 0x123: ");
	assert_answer("frame 0y", "\"0y\" is not a page number");
	assert_answer("s2 zz", "\"zz\" is not a page number");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_a_guest),  cmocka_unit_test(holds_without_a_leaf),
		cmocka_unit_test(narrowed_regions),  cmocka_unit_test(many_memslots),
		cmocka_unit_test(a_vm_s_fate),	     cmocka_unit_test(one_of_two),
		cmocka_unit_test(a_line_is_edited),  cmocka_unit_test(what_waits),
		cmocka_unit_test(an_untouched_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
