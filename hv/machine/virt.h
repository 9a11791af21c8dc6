/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virt board inside: its addresses, its state, and what its image loaders share. The addresses
 * are those of QEMU's machine of that name, so what runs there finds its devices here.
 */
#ifndef HV_MACHINE_VIRT_H
#define HV_MACHINE_VIRT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/dev/bus.h"
#include "hv/dev/gicv3.h"
#include "hv/dev/pl011.h"
#include "hv/machine/machine.h"
#include "mm/lock.h"

/* ---- Where things are ---------------------------------------------------------------------- */

#define VIRT_GICD UINT64_C(0x08000000)
#define VIRT_GICR UINT64_C(0x080a0000) /* GIC_REDIST_BYTES for each vCPU */
#define VIRT_UART UINT64_C(0x09000000)
#define VIRT_RAM UINT64_C(0x40000000)

#define VIRT_TIMER_PPI 27u /* INTIDs */
#define VIRT_UART_SPI 33u
#define VIRT_UART_HZ 24000000u

#define VIRT_FDT_BYTES 16384u

/* ---- The board ----------------------------------------------------------------------------- */

/* What an access asks of the host; done after the lock is dropped. */
struct virt_effects {
	uint8_t sent; /* characters in `line` */
	char line[8]; /* an access has 8 bytes at most */
};

/* What bus_range.device points to for a redistributor. */
struct virt_redist {
	struct machine *machine;
	unsigned cpu;
};

struct machine {
	/* Fixed after machine_init. */
	struct machine_host host;
	struct bus bus;
	struct virt_redist redist[GIC_CPUS];
	unsigned vcpus;
	uint64_t ram_bytes; /* fixed after machine_load */

	struct spinlock lock; /* guards the devices and `todo` */
	struct gic gic;
	struct pl011 uart;
	struct virt_effects todo;
	bool uart_high; /* what the interrupt controller was told last */
	bool moved;	/* something of the interrupt controller, since the last publish() */
	uint64_t timer_due[GIC_CPUS]; /* of halted vCPUs; UINT64_MAX: none */

	/* Written under the lock, read without. */
	_Atomic uint32_t irq; /* bit i: one is pending for vCPU i */
	_Atomic uint64_t next_event;

	uint8_t fdt[VIRT_FDT_BYTES]; /* machine_load's */
};

/* ---- Loading ------------------------------------------------------------------------------- */

/* A load in progress: where things go (gpas; bytes 0: there is none), and where a refusal goes. */
struct virt_load {
	struct machine *machine;
	const struct vm_image *image;
	char *why;
	size_t why_bytes;
	uint64_t ram_end;
	uint64_t initrd, initrd_bytes;
	uint64_t fdt;
};

/* Writes the sentence and returns BAD_ARGUMENT. */
__attribute__((format(printf, 2, 3))) enum result virt_refuse(struct virt_load *l,
							      const char *format, ...);

/*
 * Writes the device tree of the board, with l->initrd and the command line, into machine->fdt; its
 * size in `bytes`.
 */
enum result virt_fdt_make(struct virt_load *l, uint64_t *bytes);

#endif
