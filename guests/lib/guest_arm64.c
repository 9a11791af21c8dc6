/* SPDX-License-Identifier: BSD-2-Clause */
/* The guests' run-time on arm64: exceptions, the ways out.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/run.h"
#include "guests/lib/tree.h"

#define CLASS_SHIFT 26
#define CLASS_UNKNOWN 0 /* an instruction that is undefined */

/* Where catch_trap goes on. One vCPU uses it at a time. */
struct resume {
	uint64_t pc, sp;
};

static struct resume resume;
static volatile int caught;
static volatile bool armed;
static uint64_t user_call;

_Noreturn void guest_start(const uint8_t *tree);
_Noreturn void trap(uint64_t vector);
extern char vectors[];
void catch_at(void (*attempt)(void), struct resume *where);
_Noreturn void resume_at(uint64_t pc, uint64_t sp);
_Noreturn void call_from_user(uint64_t nr);

/* ---- The end -----------------------------------------------------------------------------------
 */

_Noreturn void debug_exit(uint8_t value)
{
	(void)hc_end(value);
	(void)firmware(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

/* ---- Exceptions ---------------------------------------------------------------------------------
 */

void traps_init(void)
{
	__asm__ volatile("msr vbar_el1, %0\n\tisb" : : "r"(vectors));
}

_Noreturn void trap(uint64_t vector)
{
	uint64_t esr, elr, far;

	__asm__ volatile("mrs %0, esr_el1" : "=r"(esr));
	if (armed) {
		armed = false;
		caught = (int)(esr >> CLASS_SHIFT & 63);
		resume_at(resume.pc, resume.sp);
	}
	__asm__ volatile("mrs %0, elr_el1" : "=r"(elr));
	__asm__ volatile("mrs %0, far_el1" : "=r"(far));
	print("guest: exception at vector %lu, esr 0x%lx at 0x%lx, far 0x%lx\n",
	      (unsigned long)vector, (unsigned long)esr, (unsigned long)elr, (unsigned long)far);
	debug_exit(2);
}

int catch_trap(void (*attempt)(void))
{
	caught = -1;
	armed = true;
	catch_at(attempt, &resume);
	armed = false;
	return caught;
}

static void call_as_user(void)
{
	call_from_user(user_call);
}

bool refused_to_user(uint64_t nr)
{
	user_call = nr;
	return catch_trap(call_as_user) == CLASS_UNKNOWN;
}

/* ---- Start --------------------------------------------------------------------------------------
 */

_Noreturn void guest_start(const uint8_t *tree)
{
	guest_begin(tree_bootargs(tree), true);
}
