/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware that an arm64 guest calls by `hvc #0`: PSCI 1.1 (Arm DEN 0022) and the discovery
 * calls of the SMC calling convention 1.1 (Arm DEN 0028). Pure: a call and what is known of
 * the board go in, an answer and what is to be done come out.
 *
 * CPU_SUSPEND is what PSCI lets it be: a standby that ends at once. SYSTEM_SUSPEND, CPU_FREEZE,
 * SYSTEM_RESET2, STAT_* and the others that are optional are not there, and PSCI_FEATURES says so.
 */
#ifndef HV_DEV_PSCI_H
#define HV_DEV_PSCI_H

#include <stdbool.h>
#include <stdint.h>

/* Answers (PSCI 5.2.2). */
#define PSCI_SUCCESS 0
#define PSCI_NOT_SUPPORTED (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED (-3)
#define PSCI_ALREADY_ON (-4)
#define PSCI_ON_PENDING (-5)
#define PSCI_INTERNAL_FAILURE (-6)
#define PSCI_INVALID_ADDRESS (-9)

/* What the firmware knows. CPU i has affinity 0.0.0.i. */
struct psci_board {
	unsigned cpus;		     /* at most 32 */
	uint32_t on;		     /* bit i: CPU i is on, or on its way */
	uint64_t ram_start, ram_end; /* [start, end): where code may begin */
};

enum psci_then {
	PSCI_RETURN,	/* with `value` */
	PSCI_YIELD,	/* with `value`, after others have had this CPU */
	PSCI_CPU_ON,	/* start `target` at `entry` with x0 = `context` */
	PSCI_CPU_OFF,	/* this one; no return */
	PSCI_POWER_OFF, /* the board; no return */
	PSCI_RESET,
};

struct psci_answer {
	enum psci_then then;
	int64_t value;
	unsigned target;
	uint64_t entry, context;
};

/* nr: x0 (w0 counts), arg: x1.. (at least three). A call that nobody knows: NOT_SUPPORTED. */
struct psci_answer psci_call(uint64_t nr, const uint64_t *arg, const struct psci_board *board);

#endif
