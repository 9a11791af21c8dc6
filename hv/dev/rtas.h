/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run-time services of a PAPR guest (LoPAPR, chapter 7): a call is a block of big-endian words
 * in guest memory: token, counts of arguments and of results, the arguments, and room for the
 * results, of which the first is the status. Pure: a block and what is known of the board go in,
 * the results and what is to be done come out.
 */
#ifndef HV_DEV_RTAS_H
#define HV_DEV_RTAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/dev/xics.h"

/* Statuses. */
#define RTAS_SUCCESS 0
#define RTAS_HARDWARE_ERROR (-1)
#define RTAS_PARAMETER_ERROR (-3)

#define RTAS_WORDS 16u /* of arguments and results together */
#define RTAS_RESULTS 8u
#define RTAS_HEAD_BYTES 12u

/* What a service is called in the device tree, and the token that calls it. */
struct rtas_service {
	const char *name;
	uint32_t token;
	uint8_t arguments, results;
};
extern const struct rtas_service rtas_services[];
extern const unsigned rtas_service_count;

struct rtas_call {
	uint32_t token, arguments, results;
	uint32_t arg[RTAS_WORDS];
};

/* The three words at the block's start. False: the counts are more than a block has. */
bool rtas_head(const uint8_t bytes[RTAS_HEAD_BYTES], struct rtas_call *out);
/* The arguments, 4 * call->arguments bytes behind the head. */
void rtas_arguments(const uint8_t *bytes, struct rtas_call *call);

/* What the services know. CPU i is server i. */
struct rtas_board {
	unsigned cpus;
	uint32_t on;	      /* bit i: CPU i is on, or on its way; at most 32 */
	uint64_t ram_bytes;   /* from 0: where code may begin */
	uint64_t seconds;     /* since 1970 */
	uint32_t nanoseconds; /* of this second */
	struct xics *interrupts;
};

enum rtas_then {
	RTAS_RETURN,
	RTAS_SAY, /* `character` on the terminal, then return */
	RTAS_POWER_OFF,
	RTAS_REBOOT,
	RTAS_START_CPU, /* `target` at `entry` with r3 = `context`, then return */
	RTAS_STOP_SELF, /* does not return */
};

struct rtas_answer {
	enum rtas_then then;
	int32_t result[RTAS_RESULTS]; /* the status first */
	char character;
	unsigned target;
	uint64_t entry, context;
};

/*
 * Serves a call. A token that is none, other counts than the service's, or an argument out of its
 * range: RTAS_PARAMETER_ERROR, and nothing has changed. Changes the board's interrupts only.
 */
struct rtas_answer rtas_serve(const struct rtas_call *call, const struct rtas_board *b);

/* The results as the block holds them: 4 * call->results bytes; beyond RTAS_RESULTS zeros. */
void rtas_results(const struct rtas_call *call, const struct rtas_answer *a, uint8_t *bytes);

#endif
