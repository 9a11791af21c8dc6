/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseries board inside: a guest of PAPR (Power Architecture Platform Reference), which has no
 * device at any address. Terminal, interrupt presentation and the firmware (RTAS) are calls.
 */
#ifndef HV_MACHINE_PSERIES_H
#define HV_MACHINE_PSERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/machine/machine.h"
#include "mm/lock.h"

#define PSERIES_CPUS 32u
#define PSERIES_TERMINAL 0x71000000u
#define PSERIES_TIMEBASE_HZ 512000000u
#define PSERIES_FDT_BYTES 8192u
#define PSERIES_RTAS_BYTES 4096u

/* Tokens that the tree gives out and the stub brings back. */
enum pseries_rtas {
	RTAS_POWER_OFF = 0x2001,
	RTAS_REBOOT,
	RTAS_START_CPU,
	RTAS_STOP_SELF,
	RTAS_QUERY_STOPPED
};

/* A processor's interrupt presentation (PAPR 14.5.4.7): only other processors' messages come. */
struct pseries_icp {
	uint8_t cppr; /* below which priority it takes interrupts */
	uint8_t mfrr; /* of the message that waits; 0xff: none */
};

struct machine {
	/* Fixed after machine_init. */
	struct machine_host host;
	unsigned vcpus;

	struct spinlock lock; /* guards what follows */
	struct pseries_icp icp[PSERIES_CPUS];
	uint64_t timer_due[PSERIES_CPUS]; /* of halted vCPUs; UINT64_MAX: none */
	char input[64];
	unsigned input_from, input_count;

	/* Written under the lock, read without. */
	_Atomic uint32_t irq, prod; /* bit i: for vCPU i */
	_Atomic uint64_t next_event;

	uint8_t fdt[PSERIES_FDT_BYTES]; /* machine_load's */
};

/*
 * Writes the device tree (initrd at [initrd, initrd + initrd_bytes), RTAS' stub at `rtas`) into
 * m->fdt. False: it does not fit.
 */
bool pseries_fdt_make(struct machine *m, const struct vm_image *image, uint64_t initrd,
		      uint64_t rtas);

#endif
