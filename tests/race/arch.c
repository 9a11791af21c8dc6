/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mm/ and hv/ need besides the fake's entries: the environment (mm/env.h), the few functions
 * of the contract that a fault and a notice call, and stand-ins for the parts of hv/ that have no
 * say in the protocol (the trace is off, the voice is off, a woken vCPU is a number that grows).
 *
 * The linker lets calls of some functions pass through here (--wrap): writers of entries and the
 * flush become steps, and the ends of notices are noted, for I3.
 */
#include "arch/arch.h"

#include <stdio.h>
#include <string.h>

#include "hv/console.h"
#include "hv/drv/driver.h"
#include "hv/explain.h"
#include "hv/pci.h"
#include "hv/sched.h"
#include "hv/trace.h"
#include "tests/race/world.h"

const char arch_name[] = "race";

/* ---- mm/env.h ---------------------------------------------------------------------------------
 */

unsigned mm_cpu(void)
{
	return race_self();
}

void mm_relax(void)
{
	race_relax();
}

void mm_broken(const char *file, int line, const char *what)
{
	race_broken(world_words("%s:%d: %s", file, line, what));
}

/* Want of memory is the random tests' trouble (tests/unit/hv_inject.h). */
bool mm_may_alloc(unsigned order)
{
	(void)order;
	return true;
}

void mm_step(const char *name, const void *object)
{
	race_step(name, object);
}

void mm_page_clear(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

/* ---- The contract ------------------------------------------------------------------------------
 */

unsigned arch_cpu_id(void)
{
	return race_self();
}

unsigned env_cpu_number(void);
unsigned env_cpu_number(void)
{
	return race_self();
}

void arch_cpu_relax(void)
{
	race_relax();
}

void arch_cpu_kick(unsigned cpu)
{
	(void)cpu; /* a guest leaves at its next point anyhow */
}

void *arch_linear(hpa_t address)
{
	return (unsigned char *)mm_linear(hpa_to_pfn(address)) + (address.v & PAGE_MASK);
}

void arch_page_clear(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

uint64_t arch_counter(void)
{
	return 0;
}

uint64_t arch_stamp(void)
{
	return 0;
}

unsigned char *fake_memory(hpa_t at, size_t bytes);
unsigned char *fake_memory(hpa_t at, size_t bytes)
{
	(void)bytes;
	return arch_linear(at);
}

/* ---- hv/ ---------------------------------------------------------------------------------------
 */

struct trace_ring trace_rings[ARCH_MAX_CPUS]; /* no records: the trace is off */
_Atomic bool explain_on;

void explain_say_fault(struct vm *vm, gpa_t at, enum access access, const struct slot *slot,
		       const struct follow_answer *answer, unsigned order, enum result verdict)
{
	(void)vm, (void)at, (void)access, (void)slot, (void)answer, (void)order, (void)verdict;
}

void explain_say_notice(struct vm *vm, struct hva_range range, uint64_t leaves)
{
	(void)vm, (void)range, (void)leaves;
}

void explain_say_owner(const char *owner, const char *did, hpa_t place, uint64_t bytes,
		       enum result verdict)
{
	(void)owner, (void)did, (void)place, (void)bytes, (void)verdict;
}

void sched_wake_waiting(struct vm *vm)
{
	(void)vm;
	atomic_fetch_add_explicit(&world.wakes, 1, memory_order_release);
}

void console_print(const char *format, ...)
{
	(void)format;
}

void hv_log(const char *format, ...)
{
	(void)format;
}

const char *config_driver_words(enum config_driver d)
{
	return d == CONFIG_POOL ? "pool" : "a device";
}

void pci_scan(void) {}

enum result display_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes)
{
	(void)m, (void)nth, (void)why, (void)why_bytes;
	return UNSUPPORTED;
}

enum result ivshmem_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes)
{
	(void)m, (void)nth, (void)why, (void)why_bytes;
	return UNSUPPORTED;
}

/* ---- Through here ------------------------------------------------------------------------------
 */

void __real_arch_s2_set(uint64_t *where, unsigned level, uint64_t entry);
void __wrap_arch_s2_set(uint64_t *where, unsigned level, uint64_t entry);
void __wrap_arch_s2_set(uint64_t *where, unsigned level, uint64_t entry)
{
	race_step("arch_s2_set", where);
	memory_wrote(where);
	__real_arch_s2_set(where, level, entry);
	race_wrote(where);
}

uint64_t __real_arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry);
uint64_t __wrap_arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry);
uint64_t __wrap_arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry)
{
	race_step("arch_s2_swap", where);
	memory_wrote(where);
	uint64_t old = __real_arch_s2_swap(where, level, entry);
	race_wrote(where);
	return old;
}

/* A broadcast waits for the walks that are under way and the accesses that use them, as DVM and
 * tlbie do with their barriers. */
static void tlb_invalidate(struct world_tlb *t, struct gfn_range range)
{
	while (atomic_load_explicit(&t->walking, memory_order_acquire))
		race_relax();
	for (unsigned i = 0; i < WORLD_TLB; i++)
		if (range.start.v <= t->at[i].gfn && t->at[i].gfn < range.end.v)
			t->at[i].valid = false;
}

bool __real_arch_s2_flush(struct arch_s2 *s2, struct gfn_range range);
bool __wrap_arch_s2_flush(struct arch_s2 *s2, struct gfn_range range);
bool __wrap_arch_s2_flush(struct arch_s2 *s2, struct gfn_range range)
{
	race_step("arch_s2_flush", s2);
	if (!world.broadcast)
		return __real_arch_s2_flush(s2, range);
	for (unsigned c = 0; c < WORLD_CPUS; c++)
		tlb_invalidate(&world.tlbs[c], range);
	race_stale_all_know(); /* walks that begin after it see what was stored before it */
	return true;
}

/* No guest here has its caches off. */
void arch_guest_sync(const void *at, size_t bytes, bool written)
{
	(void)at, (void)bytes, (void)written;
}

enum result __real_notice_begin(struct notice *n, struct notifier *nf, struct hva_range range,
				enum notice_mode mode);
enum result __wrap_notice_begin(struct notice *n, struct notifier *nf, struct hva_range range,
				enum notice_mode mode);
enum result __wrap_notice_begin(struct notice *n, struct notifier *nf, struct hva_range range,
				enum notice_mode mode)
{
	enum result r = __real_notice_begin(n, nf, range, mode);

	if (r == OK) {
		world.open[race_self()] = range;
		race_step("notice_begun", nf);
	}
	return r;
}

void __real_notice_end(struct notice *n);
void __wrap_notice_end(struct notice *n);
void __wrap_notice_end(struct notice *n)
{
	race_step("notice_ending", n->notifier);
	world.open[race_self()] = (struct hva_range){ hva(0), hva(0) };
	__real_notice_end(n);
}
