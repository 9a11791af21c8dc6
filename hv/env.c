/* SPDX-License-Identifier: BSD-2-Clause */
/* What mm/ asks of its surroundings (mm/env.h), answered by the architecture; and the last words.
 */
#include "hv/env.h"

#include <stdatomic.h>
#include <stdio.h>

#include "arch/arch.h"
#include "hv/console.h"
#include "hv/main.h"
#include "mm/block.h"
#include "mm/env.h"

_Static_assert(MM_MAX_CPUS >= ARCH_MAX_CPUS, "mm/ has room for every CPU");

static uint64_t began; /* arch_counter when the hypervisor was entered */

void env_begin(void)
{
	began = arch_counter();
}

uint64_t env_age(void)
{
	return arch_counter() - began;
}

unsigned mm_cpu(void)
{
	return arch_cpu_id();
}

void mm_relax(void)
{
	arch_cpu_relax();
}

void *mm_linear(pfn_t n)
{
	return arch_linear(pfn_to_hpa(n));
}

void mm_page_clear(void *page)
{
	arch_page_clear(page);
}

void mm_broken(const char *file, int line, const char *what)
{
	static char text[160]; /* the caller's stack may be what is broken */

	snprintf(text, sizeof(text), "%s:%d: broken: %s", file, line, what);
	hv_stop(text, (uint64_t)(uintptr_t)__builtin_return_address(0), 0);
}

void hv_stop(const char *what, uint64_t pc, uint64_t detail)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	/* The first CPU speaks and ends the machine; another that comes here meanwhile just stops.
	 */
	if (atomic_flag_test_and_set(&said))
		arch_machine_end(ARCH_END_HALT, MAIN_EXIT_STOPPED);
	console_break_locks();
	console_print("\ntenure: the hypervisor stops: %s (CPU %u, pc 0x%llx, detail 0x%llx)\n",
		      what, arch_cpu_id(), (unsigned long long)pc, (unsigned long long)detail);
	console_print("tenure: end status=%u reason=stopped\n", MAIN_STATUS_STOPPED);
	arch_machine_end(ARCH_END_POWEROFF, MAIN_EXIT_STOPPED);
}

unsigned env_order(uint64_t bytes)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

enum result env_block_get(unsigned order, struct env_block *out)
{
	enum result r = block_alloc(FRAME_TABLE, order, OWNER_HYPERVISOR, &out->first);
	if (r != OK)
		return r;
	out->memory = mm_linear(out->first);
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
		arch_page_clear((char *)out->memory + i * PAGE_SIZE);
	return OK;
}

void env_block_put(pfn_t first, unsigned order)
{
	enum result r = block_free(first, order, OWNER_HYPERVISOR);
	MM_CHECK(r == OK);
}

void *hv_pages(unsigned order)
{
	struct env_block block;
	return env_block_get(order, &block) == OK ? block.memory : NULL;
}
