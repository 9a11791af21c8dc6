/* SPDX-License-Identifier: BSD-2-Clause */
/* The guests' run-time on ppc64: interrupts, user mode, RTAS, the ways out. */
#include <stddef.h>

#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/run.h"
#include "guests/lib/text.h"
#include "guests/lib/tree.h"

#define VECTOR_PROGRAM 0x700
#define HYPERCALL_BASE 0x7e000000ull
#define CMDLINE_BYTES 1024u
#define TREE_ROOM 32768u

/* Where catch_trap goes on: its stack. One vCPU uses it at a time. */
static uint64_t resume_sp;
static volatile int caught;
static volatile bool armed;
static uint64_t user_call;
static const uint8_t *tree;

_Noreturn void guest_start(const uint8_t *at);
_Noreturn void trap(uint64_t vector);
void catch_at(void (*attempt)(void), uint64_t *sp);
_Noreturn void resume_at(uint64_t sp);
_Noreturn void call_from_user(uint64_t nr, uint64_t msr);
void rtas_enter(void *arguments, uint64_t entry);
uint64_t marked(uint64_t *box);

/* ---- The end -----------------------------------------------------------------------------------
 */

_Noreturn void debug_exit(uint8_t value)
{
	(void)hc_end(value);
	(void)rtas("power-off", 2, (const uint32_t[]){ 0, 0 }, NULL);
	for (;;)
		pause();
}

/* ---- Interrupts ---------------------------------------------------------------------------------
 */

/* The vectors lie where the processor looks for them. */
void traps_init(void) {}

_Noreturn void trap(uint64_t vector)
{
	uint64_t srr0, srr1, dar;

	if (armed) {
		armed = false;
		caught = (int)vector;
		resume_at(resume_sp);
	}
	__asm__ volatile("mfsrr0 %0" : "=r"(srr0));
	__asm__ volatile("mfsrr1 %0" : "=r"(srr1));
	__asm__ volatile("mfdar %0" : "=r"(dar));
	print("guest: interrupt 0x%lx at 0x%lx, srr1 0x%lx, dar 0x%lx\n", (unsigned long)vector,
	      (unsigned long)srr0, (unsigned long)srr1, (unsigned long)dar);
	debug_exit(2);
}

int catch_trap(void (*attempt)(void))
{
	caught = -1;
	armed = true;
	catch_at(attempt, &resume_sp);
	armed = false;
	return caught;
}

/* ---- User mode: it is translated always, so the guest has tables of its own for it ------------
 */

#define TREE_BITS (2ull << 61 | 5ull << 5 | 13ull) /* 52 bits, the root resolves 13 of them */
#define ENTRY_VALID (1ull << 63)
#define ENTRY_LEAF (1ull << 62 | 0x187) /* referenced, changed; user: read, write, execute */
#define GIB (1ull << 30)
#define NEW_RADIX_TABLE 0x1cull
#define MSR_USER ((1ull << 63) | 0xd033) /* SF EE PR ME IR DR RI LE */
#define DECREMENTER 22

static uint64_t root[8192] __attribute__((aligned(65536)));
static uint64_t gibs[512] __attribute__((aligned(4096)));
static uint64_t processes[512] __attribute__((aligned(4096)));

/* The first 8 GiB one to one; entries are big-endian. */
static void map_for_user(void)
{
	for (uint64_t i = 0; i < 8; i++)
		gibs[i] = __builtin_bswap64(ENTRY_VALID | ENTRY_LEAF | i * GIB);
	root[0] = __builtin_bswap64(ENTRY_VALID | (uintptr_t)gibs | 9);
	processes[0] = __builtin_bswap64(TREE_BITS | (uintptr_t)root);
	(void)papr(H_REGISTER_PROC_TBL, NEW_RADIX_TABLE, (uintptr_t)processes, 0, 0);
}

/* Interrupts are on in user mode: the decrementer must not come now. */
static void call_as_user(void)
{
	__asm__ volatile("mtspr %0, %1" : : "i"(DECREMENTER), "r"(0x7fffffffull));
	call_from_user(HYPERCALL_BASE | user_call, MSR_USER);
}

bool refused_to_user(uint64_t nr)
{
	user_call = nr;
	map_for_user();
	return catch_trap(call_as_user) == VECTOR_PROGRAM;
}

/* ---- RTAS: big-endian words, token, counts, arguments, results --------------------------------
 */

uint32_t rtas_property(const char *name)
{
	return tree_property(tree, name) ? tree_cell(tree, name) : 0;
}

int64_t rtas(const char *name, unsigned arguments, const uint32_t *argument, uint32_t *result)
{
	static uint32_t words[3 + RTAS_ARGUMENTS + 2];
	uint32_t entry = tree_cell(tree, "linux,rtas-entry");
	unsigned at = 0;

	if (!entry || !tree_property(tree, name))
		return INT64_MIN;
	words[at++] = __builtin_bswap32(tree_cell(tree, name));
	words[at++] = __builtin_bswap32(arguments);
	words[at++] = __builtin_bswap32(result ? 2 : 1);
	for (unsigned i = 0; i < arguments; i++)
		words[at++] = __builtin_bswap32(argument[i]);
	rtas_enter(words, entry);
	if (result)
		*result = __builtin_bswap32(words[at + 1]);
	return (int32_t)__builtin_bswap32(words[at]);
}

/* ---- Counting ----------------------------------------------------------------------------------
 */

uint64_t cycles(void)
{
	static uint64_t box;
	uint64_t count = marked(&box), ticks;

	if (count != ~0ull)
		return count;
	__asm__ volatile("mftb %0" : "=r"(ticks));
	return ticks;
}

/* ---- Start -------------------------------------------------------------------------------------
 */

/* The tree lies at the end of RAM, which guests may fill: what is needed later is copied. */
_Noreturn void guest_start(const uint8_t *at)
{
	static char cmdline[CMDLINE_BYTES];
	static uint8_t copy[TREE_ROOM];
	const char *given;

	tree = copy;
	if (tree_bytes(at) > sizeof copy)
		debug_exit(3);
	(void)memcpy(copy, at, tree_bytes(at));
	given = tree_bootargs(tree);
	for (unsigned i = 0; i + 1 < sizeof cmdline && given[i]; i++)
		cmdline[i] = given[i];
	guest_begin(cmdline, true);
}
