/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseries board inside: a guest of PAPR (the public edition is OpenPOWER's LoPAPR), which has
 * no device at any address. Terminal, interrupt presentation and the firmware (RTAS) are calls.
 */
#ifndef HV_MACHINE_PSERIES_H
#define HV_MACHINE_PSERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/dev/xics.h"
#include "hv/machine/machine.h"
#include "mm/lock.h"

#define PSERIES_TERMINAL 0x71000000u
#define PSERIES_TERMINAL_SOURCE 0u /* of the interrupt controller */
#define PSERIES_FDT_BYTES 16384u
#define PSERIES_RTAS_BYTES 4096u

/* Areas that a processor shares with its hypervisor (H_REGISTER_VPA): gpas; 0: not registered. */
enum pseries_area { AREA_VPA, AREA_TRACE, AREA_SLB, AREAS };

struct machine {
	/* Fixed after machine_init. */
	struct machine_host host;
	unsigned vcpus;
	uint64_t wall_ns;   /* since 1970, at the board's time 0 */
	uint64_t ram_bytes; /* fixed after machine_load */

	struct spinlock lock; /* guards what follows */
	struct xics interrupts;
	uint64_t timer_due[XICS_SERVERS]; /* of halted vCPUs; UINT64_MAX: none */
	uint64_t area[XICS_SERVERS][AREAS];
	char input[64];
	unsigned input_from, input_count;
	bool input_signal; /* the terminal may interrupt (H_VIO_SIGNAL) */

	/*
	 * Bit i: for vCPU i. irq: an interrupt is pending; written under the lock. woken: its wait
	 * is over without one (its decrementer has passed 0, or H_PROD, which also ends the next
	 * wait when it comes before that).
	 */
	_Atomic uint32_t irq, woken;
	_Atomic uint64_t next_event; /* written under the lock */

	uint8_t fdt[PSERIES_FDT_BYTES]; /* machine_load's */
};

/* What others read without the lock follows m->interrupts. Returns the vCPUs that have an interrupt
 * pending now and had none before. With the lock. */
uint32_t pseries_publish(struct machine *m) REQUIRES(m->lock);
/* After the lock: makes vCPUs other than `mine` look. */
void pseries_notify(const struct machine *m, uint32_t raised, unsigned mine);

/* Guest memory cannot be reached now; but the call can be made again. */
bool pseries_passes(enum result r);

/* pseries_rtas.c: H_RTAS, whose block of arguments lies at `block`. */
void pseries_rtas(struct machine *m, unsigned vcpu, uint64_t block, struct machine_answer *out);

/*
 * Writes the device tree (initrd at [initrd, initrd + initrd_bytes), RTAS' stub at `rtas`) into
 * m->fdt. False: it does not fit.
 */
bool pseries_fdt_make(struct machine *m, const struct vm_image *image, uint64_t initrd,
		      uint64_t rtas);

/* PAPR's answers to its calls (LoPAPR 14.2). */
#define H_SUCCESS UINT64_C(0)
#define H_HARDWARE (~UINT64_C(0))	    /* -1 */
#define H_FUNCTION (~UINT64_C(1))	    /* -2 */
#define H_PARAMETER (~UINT64_C(3))	    /* -4 */
#define H_RESOURCE (~UINT64_C(15))	    /* -16 */
#define H_P2 (~UINT64_C(54))		    /* -55 */
#define H_P3 (~UINT64_C(55))		    /* -56 */
#define H_P4 (~UINT64_C(56))		    /* -57 */
#define H_UNSUPPORTED_FLAG (~UINT64_C(255)) /* -256 */

#endif
