/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the host fault handler share: a world, a supplier, and the pages from `base`
 * on. */
#ifndef TESTS_UNIT_HOST_FAULT_H
#define TESTS_UNIT_HOST_FAULT_H

#include "tests/unit/world.h"

static struct supplier supplier;

static const hva_t base = { BASE };

static inline hva_t page(uint64_t n)
{
	return hva(BASE + n * PAGE_SIZE);
}

static int setup(void **state)
{
	(void)state;
	world_begin(4096, true);
	memset(&supplier, 0, sizeof(supplier));
	supplier.first = pfn(DEVICE_PFN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_step = NULL;
	hog_release();
	world_end();
	return 0;
}

#endif
