/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor and its guests agree on: one list of hypercalls, from which come the numbers
 * (here), the guests' stubs (guests/lib/hypercall.h), the hypervisor's dispatch (hv/hypercall.c)
 * and the manual (tools/hypercalls makes docs/hypercalls.md).
 *
 * A call gives a number and up to four 64-bit arguments and returns one 64-bit value: 0 or more is
 * the answer, below 0 is -(enum result): a refusal with a reason. Registers are the architecture's:
 * x86 vmmcall, nr rax, arguments rdi rsi rdx r8 (32-bit mode: nr eax, ebx ecx edx esi), answer rax
 * (eax); arm64 hvc #1, nr x0, arguments x1 to x4, answer x0; ppc64 sc 1, r3 = 0x7e000000 + nr,
 * arguments r4 to r7, answer r3. Calls from the guest's user mode are refused with NO_PERMISSION
 * (on arm64 the processor refuses them, on ppc64 they are program interrupts). Addresses are gpas
 * and sizes bytes, page-aligned where the list says pages.
 *
 * Calls marked T steer the host on the guest's behalf, as a device driver or an administrator
 * would; they are refused (UNSUPPORTED) unless the VM's node has the property "host-control".
 */
#ifndef GUESTS_ABI_H
#define GUESTS_ABI_H

#define TENURE_ABI_VERSION 1

/*        nr  name           arguments                 what it does and returns */
#define HYPERCALL_LIST(X)                                                                      \
	X(0, nop, "", "Does nothing. Returns 0.")                                              \
	X(1, version, "", "The version of this list (TENURE_ABI_VERSION).")                    \
	X(2, console, "gpa, bytes", "Prints text of the guest's memory, at most 1024 bytes.")  \
	X(3, end, "status",                                                                    \
	  "Ends the VM; the runner's status becomes (status << 1) | 1, or 0 for 0.")           \
	X(4, time, "", "Nanoseconds since the hypervisor started.")                            \
	X(5, yield, "", "Lets another vCPU of this CPU run.")                                  \
	X(6, stats_page, "gpa, on",                                                            \
	  "Keeps a page up to date with struct tenure_stats (rule C1), or stops "              \
	  "doing so.")                                                                         \
	X(7, vcpu_start, "vcpu, entry gpa, argument",                                          \
	  "Starts another vCPU of this VM in the state in which the first one "                \
	  "began, with the argument in its first register.")                                   \
	X(8, vcpu_id, "", "The number of the calling vCPU.")                                   \
	X(16, drop, "gpa, bytes",                                                              \
	  "T. The host takes the pages' backing away inside a notice; the next "               \
	  "touch brings new zeroed memory.")                                                   \
	X(17, protect, "gpa, bytes, permissions",                                              \
	  "T. Narrows or widens what the host space allows: bit 0 read, 1 write, 2 "           \
	  "execute.")                                                                          \
	X(18, slot_create, "gpa, bytes, backing, flags",                                       \
	  "T. A memslot over new ANON memory (backing 0), or over device or pool "             \
	  "memory number backing - 1 of the VM's node; flags bit 0: read-only; bit 1: writes " \
	  "are tracked: a leaf is read-only until it is written. Not over "                    \
	  "another memslot, or the board's devices (arm64: below 0x40000000). Returns "        \
	  "its number.")                                                                       \
	X(19, slot_delete, "slot", "T. Deletes a memslot.")                                    \
	X(20, slot_move, "slot, gpa", "T. Moves a memslot to another gpa.")                    \
	X(21, owner_take, "device",                                                            \
	  "T. The owner of device or pool memory number `device` takes it away.")              \
	X(22, owner_give, "device", "T. ... and gives it again, at the same place.")           \
	X(23, owner_move, "device",                                                            \
	  "T. ... moves it to another place (a BAR is reprogrammed, a pool block "             \
	  "copied).")                                                                          \
	X(24, pin, "gpa",                                                                      \
	  "T. Pins the frame behind a page, as a device would; returns its pfn, or "           \
	  "why not.")                                                                          \
	X(25, unpin, "pfn", "T. Releases such a pin.")                                         \
	X(26, storm, "gpa, bytes, rounds",                                                     \
	  "T. That many notices over the range, one after another, while the other "           \
	  "vCPUs run. Returns the notices given.")                                             \
	X(27, query, "gpa, what", "T. Facts of a page: enum tenure_query.")                    \
	X(28, step, "number, expected",                                                        \
	  "T. The tour begins a step: the hypervisor explains the faults and "                 \
	  "notices that follow. expected is the guest's own number: it judges.")               \
	X(29, step_end, "number, as_expected", "T. The tour ends a step.")                     \
	X(30, zap, "gpa, bytes",                                                               \
	  "T. A notice over the range that changes nothing: the leaves go, the "               \
	  "backing stays.")

enum tenure_hypercall {
#define X(nr, name, arguments, doc) TENURE_##name = nr,
	HYPERCALL_LIST(X)
#undef X
};

/* Reasons of refusals that guests look for: -answer. The hypervisor's enum result has the same
 * values. */
enum tenure_reason {
	TENURE_RACED = 1,
	TENURE_NO_MEMSLOT = 4,
	TENURE_READONLY_MEMSLOT = 5,
	TENURE_NO_PERMISSION = 7,
	TENURE_NO_BACKING = 8,
	TENURE_OUT_OF_MEMORY = 9,
	TENURE_CANNOT_PIN_UNCOUNTED = 11,
	TENURE_BAD_ARGUMENT = 13,
	TENURE_BAD_ALIGNMENT = 14,
	TENURE_OVERLAPS = 15,
	TENURE_NOT_FOUND = 19,
	TENURE_UNSUPPORTED = 20,
};

/* flags of the call slot_create. */
#define TENURE_SLOT_READONLY 1
#define TENURE_SLOT_TRACK_WRITES 2

/* Answers of the query CLASS. */
enum tenure_class {
	TENURE_CLASS_FREE = 0,
	TENURE_CLASS_COUNTED,
	TENURE_CLASS_UNCOUNTED,
	TENURE_CLASS_TABLE,
	TENURE_CLASS_RESERVED,
	TENURE_CLASS_DEVICE,
};

/* The mode that the display's driver sets: 32 bits a pixel (blue lowest), lines without gaps. */
#define TENURE_DISPLAY_WIDTH 1024
#define TENURE_DISPLAY_HEIGHT 768

/* what of the call `query`. Answers: see each. */
enum tenure_query {
	TENURE_QUERY_CLASS = 0, /* enum tenure_class; nothing there: NO_BACKING, NO_MEMSLOT */
	TENURE_QUERY_PFN = 1,	/* the pfn that the host has for it */
	TENURE_QUERY_LEAF = 2,	/* level of the stage-2 leaf + 1, 0: no leaf; ppc64's 64 KiB: 5 */
	TENURE_QUERY_REFS = 3,	/* references of the frame */
	TENURE_QUERY_PINS = 4,	/* pins of the frame */
	TENURE_QUERY_WRITABLE = 5,     /* does the leaf permit writing */
	TENURE_QUERY_MEMTYPE = 6,      /* of the leaf: enum memtype */
	TENURE_QUERY_YOUNG_DIRTY = 7,  /* of the frame's record: bit 0 young, bit 1 dirty */
	TENURE_QUERY_FAULTS = 8,       /* stage-2 faults of the VM so far; gpa is not looked at */
	TENURE_QUERY_NOTICES = 9,      /* notices of its space so far */
	TENURE_QUERY_RACED = 10,       /* lookups lost to a notice so far */
	TENURE_QUERY_MAX_ROUNDS = 11,  /* most rounds that one fault has needed so far (N8) */
	TENURE_QUERY_FREE_FRAMES = 12, /* frames on free lists */
	TENURE_QUERY_SPURIOUS = 13,    /* faults that another CPU had mended (S9) */
	TENURE_QUERY_TABLES = 14, /* table pages of the VM's stage-2 tree, the root not counted */
	TENURE_QUERY_OWN_FRAMES =
		15, /* frames in use that are no guest's memory: tables, objects */
	TENURE_QUERY_START_COST =
		16, /* instructions from the hypervisor's entry to this VM's start */
	TENURE_QUERY_CLEAR_COST =
		17,		   /* instructions to fill a page with zeros, tried on the spot */
	TENURE_QUERY_WIDENED = 18, /* faults so far that found a leaf and gave it a permission */
};

/* The page that stats_page keeps up to date. seq is odd while it is being written. */
struct tenure_stats {
	unsigned int seq;
	unsigned int version;
	unsigned long long updates;
	unsigned long long time_ns;
	unsigned long long exits;
	unsigned long long faults;
	unsigned long long notices;
	unsigned long long raced;
	unsigned long long spurious;
};

#endif
