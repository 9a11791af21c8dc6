/* SPDX-License-Identifier: BSD-2-Clause */
/* The guests' hypercalls: made by tools/hypercalls from guests/abi.h. */
#ifndef GUESTS_LIB_HYPERCALL_H
#define GUESTS_LIB_HYPERCALL_H

#include <stdint.h>

#include "guests/abi.h"
#include "guests/lib/call.h"

/* Does nothing. Returns 0. */
static inline int64_t hc_nop(void)
{
	return hypercall(TENURE_nop, 0, 0, 0, 0);
}

/* The version of this list (TENURE_ABI_VERSION). */
static inline int64_t hc_version(void)
{
	return hypercall(TENURE_version, 0, 0, 0, 0);
}

/* Prints text of the guest's memory, at most 1024 bytes. */
static inline int64_t hc_console(uint64_t gpa, uint64_t bytes)
{
	return hypercall(TENURE_console, gpa, bytes, 0, 0);
}

/* Ends the VM; the runner's status becomes (status << 1) | 1, or 0 for 0. */
static inline int64_t hc_end(uint64_t status)
{
	return hypercall(TENURE_end, status, 0, 0, 0);
}

/* Nanoseconds since the hypervisor started. */
static inline int64_t hc_time(void)
{
	return hypercall(TENURE_time, 0, 0, 0, 0);
}

/* Lets another vCPU of this CPU run. */
static inline int64_t hc_yield(void)
{
	return hypercall(TENURE_yield, 0, 0, 0, 0);
}

/* Keeps a page up to date with struct tenure_stats (rule C1), or stops doing so. */
static inline int64_t hc_stats_page(uint64_t gpa, uint64_t on)
{
	return hypercall(TENURE_stats_page, gpa, on, 0, 0);
}

/* Starts another vCPU of this VM in the state in which the first one began, with the argument
 * in its first register. */
static inline int64_t hc_vcpu_start(uint64_t vcpu, uint64_t entry_gpa, uint64_t argument)
{
	return hypercall(TENURE_vcpu_start, vcpu, entry_gpa, argument, 0);
}

/* The number of the calling vCPU. */
static inline int64_t hc_vcpu_id(void)
{
	return hypercall(TENURE_vcpu_id, 0, 0, 0, 0);
}

/* T. The host takes the pages' backing away inside a notice; the next touch brings new zeroed
 * memory. */
static inline int64_t hc_drop(uint64_t gpa, uint64_t bytes)
{
	return hypercall(TENURE_drop, gpa, bytes, 0, 0);
}

/* T. Narrows or widens what the host space allows: bit 0 read, 1 write, 2 execute. */
static inline int64_t hc_protect(uint64_t gpa, uint64_t bytes, uint64_t permissions)
{
	return hypercall(TENURE_protect, gpa, bytes, permissions, 0);
}

/* T. A memslot over new ANON memory (backing 0), or over device or pool memory number backing
 * - 1 of the VM's node; flags bit 0: read-only; bit 1: writes are tracked: a leaf is read-
 * only until it is written. Not over another memslot, or the board's devices (arm64: below
 * 0x40000000). Returns its number. */
static inline int64_t hc_slot_create(uint64_t gpa, uint64_t bytes, uint64_t backing, uint64_t flags)
{
	return hypercall(TENURE_slot_create, gpa, bytes, backing, flags);
}

/* T. Deletes a memslot. */
static inline int64_t hc_slot_delete(uint64_t slot)
{
	return hypercall(TENURE_slot_delete, slot, 0, 0, 0);
}

/* T. Moves a memslot to another gpa. */
static inline int64_t hc_slot_move(uint64_t slot, uint64_t gpa)
{
	return hypercall(TENURE_slot_move, slot, gpa, 0, 0);
}

/* T. The owner of device or pool memory number `device` takes it away. */
static inline int64_t hc_owner_take(uint64_t device)
{
	return hypercall(TENURE_owner_take, device, 0, 0, 0);
}

/* T. ... and gives it again, at the same place. */
static inline int64_t hc_owner_give(uint64_t device)
{
	return hypercall(TENURE_owner_give, device, 0, 0, 0);
}

/* T. ... moves it to another place (a BAR is reprogrammed, a pool block copied). */
static inline int64_t hc_owner_move(uint64_t device)
{
	return hypercall(TENURE_owner_move, device, 0, 0, 0);
}

/* T. Pins the frame behind a page, as a device would; returns its pfn, or why not. */
static inline int64_t hc_pin(uint64_t gpa)
{
	return hypercall(TENURE_pin, gpa, 0, 0, 0);
}

/* T. Releases such a pin. */
static inline int64_t hc_unpin(uint64_t pfn)
{
	return hypercall(TENURE_unpin, pfn, 0, 0, 0);
}

/* T. That many notices over the range, one after another, while the other vCPUs run. Returns
 * the notices given. */
static inline int64_t hc_storm(uint64_t gpa, uint64_t bytes, uint64_t rounds)
{
	return hypercall(TENURE_storm, gpa, bytes, rounds, 0);
}

/* T. Facts of a page: enum tenure_query. */
static inline int64_t hc_query(uint64_t gpa, uint64_t what)
{
	return hypercall(TENURE_query, gpa, what, 0, 0);
}

/* T. The tour begins a step: the hypervisor explains the faults and notices that follow.
 * expected is the guest's own number: it judges. */
static inline int64_t hc_step(uint64_t number, uint64_t expected)
{
	return hypercall(TENURE_step, number, expected, 0, 0);
}

/* T. The tour ends a step. */
static inline int64_t hc_step_end(uint64_t number, uint64_t as_expected)
{
	return hypercall(TENURE_step_end, number, as_expected, 0, 0);
}

/* T. A notice over the range that changes nothing: the leaves go, the backing stays. */
static inline int64_t hc_zap(uint64_t gpa, uint64_t bytes)
{
	return hypercall(TENURE_zap, gpa, bytes, 0, 0);
}

#endif
