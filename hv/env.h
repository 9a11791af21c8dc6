/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own memory: blocks of frames of class TABLE for its objects. What is needed
 * until the machine ends comes from hv_pages (arch/arch.h).
 */
#ifndef HV_ENV_H
#define HV_ENV_H

#include <stdint.h>

#include "mm/addr.h"
#include "mm/result.h"

/* hv_main's first step; and what arch_counter has counted since. */
void env_begin(void);
uint64_t env_age(void);

struct env_block {
	pfn_t first;
	void *memory; /* zeroed */
};

/* The order of the smallest block that holds `bytes`. */
unsigned env_order(uint64_t bytes);

/* 2^order zeroed pages, the hypervisor's. OUT_OF_MEMORY. */
enum result env_block_get(unsigned order, struct env_block *out);
/* Gives such a block back. */
void env_block_put(pfn_t first, unsigned order);

#endif
