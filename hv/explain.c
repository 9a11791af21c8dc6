/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hooks say, and how much of it: the tour must be readable, and a guest that boots must
 * not drown the console.
 */
#include "hv/explain.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/config.h"
#include "hv/slot.h"
#include "hv/vm.h"

#define SAID_IN_A_STEP 4u   /* of each kind */
#define SAID_IN_A_SECOND 8u /* outside of steps, of all kinds */
#define SECOND_NS UINT64_C(1000000000)
#define STEPS 10u

_Atomic bool explain_on;

static const char *const titles[STEPS + 1] = {
	[1] = "first touch of ordinary memory",
	[2] = "a leaf of 2 MiB",
	[3] = "the framebuffer's BAR",
	[4] = "drawing a picture",
	[5] = "the BAR moved under it",
	[6] = "a non-counted block mapped, evicted, mapped again",
	[7] = "a pin of it refused",
	[8] = "a pin of counted memory outlives its mapping",
	[9] = "a write to a BAR that is read-only first",
	[10] = "two vCPUs under a storm of notices",
};

enum kind { FAULT, REFUSAL, NOTICE, PIN, OWNER, KINDS };

static const char *const kind_words[KINDS][2] = {
	{ "fault", "faults" },
	{ "refusal", "refusals" },
	{ "notice", "notices" },
	{ "pin", "pins" },
	{ "act of an owner", "acts of owners" },
};

/* All relaxed: counters for lines of text, which nothing else depends on. */
static struct {
	_Atomic uint64_t step; /* 0: none runs */
	struct vm *_Atomic vm; /* whose step */
	_Atomic uint64_t count[KINDS];
	_Atomic uint64_t second; /* when the second began in which `said` lines were said */
	_Atomic uint64_t said, unsaid;
} now;

/* ---- How much is said ---------------------------------------------------------------------------
 */

static bool in_step(const struct vm *vm)
{
	return atomic_load(&now.step) != 0 && (vm == NULL || vm == atomic_load(&now.vm));
}

static bool worth_saying(const struct vm *vm, enum kind kind)
{
	if (in_step(vm))
		return atomic_fetch_add(&now.count[kind], 1) < SAID_IN_A_STEP;
	if (atomic_load(&now.step) != 0)
		return false; /* another VM's step is being shown */
	uint64_t time = arch_time_ns(), second = atomic_load(&now.second);
	if (time - second >= SECOND_NS &&
	    atomic_compare_exchange_strong(&now.second, &second, time)) {
		uint64_t unsaid = atomic_exchange(&now.unsaid, 0);
		atomic_store(&now.said, 0);
		if (unsaid != 0)
			hv_log("... and %llu more", (unsigned long long)unsaid);
	}
	if (atomic_fetch_add(&now.said, 1) < SAID_IN_A_SECOND)
		return true;
	atomic_fetch_add(&now.unsaid, 1);
	return false;
}

/* "[3]" in a step, "[linux]" outside. */
static void say(const struct vm *vm, const char *text)
{
	if (in_step(vm))
		hv_log("[%llu] %s", (unsigned long long)atomic_load(&now.step), text);
	else if (vm != NULL)
		hv_log("[%s] %s", vm->config->name, text);
	else
		hv_log("%s", text);
}

void explain_step(struct vm *vm, uint64_t number, uint64_t expected)
{
	(void)expected; /* a number of the guest's own; it is the guest that judges */
	for (unsigned i = 0; i < KINDS; i++)
		atomic_store(&now.count[i], 0);
	atomic_store(&now.vm, vm);
	atomic_store(&now.step, number);
}

void explain_step_end(struct vm *vm, uint64_t number, bool as_expected)
{
	char text[200] = "";
	size_t at = 0;

	if (!in_step(vm))
		return;
	for (unsigned i = 0; i < KINDS; i++) {
		uint64_t n = atomic_load(&now.count[i]);
		if (n == 0 && i != FAULT)
			continue;
		snprintf(text + at, sizeof(text) - at, "%s%llu %s", at == 0 ? "" : ", ",
			 (unsigned long long)n, kind_words[i][n != 1]);
		at = strlen(text);
	}
	const char *title = number <= STEPS && titles[number] != NULL ? titles[number] : "a step";
	if (explain_is_on())
		hv_log("[%llu] %s: %s; %s", (unsigned long long)number, title, text,
		       as_expected ? "as expected" : "NOT AS EXPECTED");
	atomic_store(&now.step, 0);
}

/* ---- What is said -------------------------------------------------------------------------------
 */

#define SIZE_BYTES 24

/* "4 KiB", "2 MiB": the largest unit that divides it. */
static const char *size_words(uint64_t bytes, char *text)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;

	while (unit < 4 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, SIZE_BYTES, "%llu %s", (unsigned long long)bytes, units[unit]);
	return text;
}

static const char *access_words(enum access access)
{
	switch (access) {
	case ACCESS_READ: return "read";
	case ACCESS_WRITE: return "write";
	case ACCESS_EXEC: return "execute";
	}
	return "access";
}

/* The device memory that a memslot shows, or NULL. */
static const struct config_slot *device_of(const struct vm *vm, const struct slot *slot)
{
	for (unsigned i = 0; i < vm->device_count; i++)
		if (vm->devices[i].present && vm->devices[i].slot == slot->id)
			return vm->devices[i].config;
	return NULL;
}

/* The rules that a served fault shows. */
static const char *fault_rules(const struct follow_answer *a, const struct config_slot *device,
			       enum access access, unsigned order)
{
	if (device != NULL && device->readonly_first && access == ACCESS_WRITE)
		return "H3, P7";
	if (device != NULL && device->readonly_first && !a->writable)
		return "H3";
	switch (a->class) {
	case FRAME_COUNTED: return order != 0 ? "S2, H7, P4" : "S2, H1, P4";
	case FRAME_UNCOUNTED: return "F3, H1, S3";
	case FRAME_DEVICE: return "F1, H1, S8";
	case FRAME_FREE:
	case FRAME_TABLE:
	case FRAME_RESERVED: break;
	}
	return "S2";
}

void explain_say_fault(struct vm *vm, gpa_t at, enum access access, const struct slot *slot,
		       const struct follow_answer *answer, unsigned order, enum result verdict)
{
	const struct config_slot *device = slot != NULL ? device_of(vm, slot) : NULL;
	char text[240], span[SIZE_BYTES], leaf[SIZE_BYTES];

	if (verdict == NO_MEMSLOT || !worth_saying(vm, answer == NULL ? REFUSAL : FAULT))
		return; /* without a memslot it is a device access */
	int n = snprintf(text, sizeof(text), "fault gpa %#llx %s -> memslot %u (%s) -> ",
			 (unsigned long long)at.v, access_words(access),
			 slot != NULL ? (unsigned)slot->id : 0u,
			 device != NULL && device->device != NULL ? device->device->name
								  : "memory");
	size_t room = sizeof(text) - (size_t)n;
	if (answer == NULL)
		snprintf(text + n, room, "refused: %s (P8)", result_words(verdict));
	else
		snprintf(text + n, room, "%s pfn %#llx, %s, %s, span %s -> leaf of %s (%s)",
			 frame_class_words(answer->class), (unsigned long long)answer->pfn.v,
			 config_memtype_words(answer->type),
			 answer->writable ? "writable" : "read-only",
			 size_words(PAGE_SIZE << answer->order, span),
			 size_words(PAGE_SIZE << order, leaf),
			 fault_rules(answer, device, access, order));
	say(vm, text);
}

void explain_say_notice(struct vm *vm, struct hva_range range, uint64_t leaves)
{
	char text[160], size[SIZE_BYTES];

	if ((leaves == 0 && !in_step(vm)) || !worth_saying(vm, NOTICE))
		return;
	int n = snprintf(text, sizeof(text),
			 "notice hva %#llx, %s: ", (unsigned long long)range.start.v,
			 size_words(range.end.v - range.start.v, size));
	size_t room = sizeof(text) - (size_t)n;
	if (leaves == 0)
		snprintf(text + n, room, "no leaf is there (N1)");
	else
		snprintf(text + n, room, "%llu %s removed, no CPU can use %s (N1, N4)",
			 (unsigned long long)leaves, leaves == 1 ? "leaf" : "leaves",
			 leaves == 1 ? "it" : "them");
	say(vm, text);
}

void explain_say_pin(struct vm *vm, gpa_t at, pfn_t p, enum result verdict)
{
	char text[160];

	if (!worth_saying(vm, verdict == OK ? PIN : REFUSAL))
		return;
	if (verdict == OK)
		snprintf(text, sizeof(text),
			 "pin gpa %#llx -> pfn %#llx, held by a pin of its own (F5, P6)",
			 (unsigned long long)at.v, (unsigned long long)p.v);
	else
		snprintf(text, sizeof(text), "pin gpa %#llx -> refused: %s (%s)",
			 (unsigned long long)at.v, result_words(verdict),
			 verdict == CANNOT_PIN_UNCOUNTED ? "P3, P8" : "P8");
	say(vm, text);
}

void explain_say_owner(const char *owner, const char *did, hpa_t place, uint64_t bytes,
		       enum result verdict)
{
	char text[160], size[SIZE_BYTES];

	if (!worth_saying(NULL, OWNER))
		return;
	if (verdict != OK)
		snprintf(text, sizeof(text), "%s: could not be %s: %s", owner, did,
			 result_words(verdict));
	else if (place.v == 0)
		snprintf(text, sizeof(text), "%s: %s, %s; nothing stands behind it now (H4)", owner,
			 did, size_words(bytes, size));
	else
		snprintf(text, sizeof(text), "%s: %s, %s; it lies at %#llx now (H4)", owner, did,
			 size_words(bytes, size), (unsigned long long)place.v);
	say(NULL, text);
}
