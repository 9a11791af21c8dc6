/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls: guests/abi.h has the one list, from which the table here is made. A call is a
 * function call_<name>; what it refuses it has not done, and what meets a notice is left pending
 * and done again before the guest goes on, so that no guest ever sees "busy".
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include <stdint.h>

#include "guests/abi.h"
#include "hv/vcpu.h"
#include "mm/result.h"

/* Serves (or serves again) the hypercall in v->exit. As exit_serve. */
enum vcpu_state hypercall_serve(struct vcpu *v);

/*
 * One call. arg: HYPERCALL_ARGS words. OK: `answer` (0 unless set, below 2^63) goes to the guest.
 * RACED, WOULD_SLEEP, BUSY: the same call is made again later; v->call, zero at the first time,
 * tells how far it had come. Any other result goes to the guest as -result.
 */
typedef enum result hypercall_fn(struct vcpu *v, const uint64_t *arg, uint64_t *answer);

#define X(nr, name, arguments, doc) hypercall_fn call_##name;
HYPERCALL_LIST(X)
#undef X

#endif
