/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that the hypervisor keeps up to date for the guest (rule C1): a paravirtual clock for each
 * vCPU, in the form that the guest's kernel knows, and one page of statistics. Each is a pfn cache:
 * the page may be dropped, moved or refused by the host at any time, and is written again when it
 * is there.
 */
#ifndef HV_CLOCK_H
#define HV_CLOCK_H

#include <stdbool.h>

#include "mm/addr.h"
#include "mm/result.h"

struct vcpu;
struct vm;

/*
 * Serves EXIT_CLOCK. On the vCPU's CPU, without locks. BUSY, RACED: a notice is in the way, nothing
 * has changed; NO_MEMSLOT, READONLY_MEMSLOT and follow's refusals.
 */
enum result clock_request(struct vcpu *v);

/* Writes the pages that are on; called when a vCPU begins a slice. What cannot be written now is
 * left. */
void clock_refresh(struct vcpu *v);

/*
 * The statistics page: on, at a page-aligned gpa (a second one replaces the first), or off. As
 * clock_request; BAD_ALIGNMENT.
 */
enum result clock_stats_page(struct vcpu *v, gpa_t at, bool on);

/* The vCPU, the VM, do not run any more: no page is kept. */
void clock_give_up(struct vcpu *v);
void clock_give_up_stats(struct vm *vm);

#endif
