/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC board inside: its state, and what its image loaders share.
 *
 * Guest physical memory: RAM from 0, at most 3 GiB of it below 4 GiB, the rest from 4 GiB. The
 * kernel is told of RAM at [0, 0x9fc00) and from 1 MiB; what lies between is memory too, without a
 * device behind it, which a firmware's scan or a text screen's writer finds to be plain zeros.
 */
#ifndef HV_MACHINE_PC_H
#define HV_MACHINE_PC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/dev/bus.h"
#include "hv/dev/cmos_rtc.h"
#include "hv/dev/i8042.h"
#include "hv/dev/pc_ports.h"
#include "hv/dev/pic8259.h"
#include "hv/dev/pit8254.h"
#include "hv/dev/uart16550.h"
#include "hv/machine/machine.h"
#include "mm/lock.h"

/* What an access asks of the host; done after the lock is dropped. */
struct pc_effects {
	uint8_t sent; /* characters in `line` */
	char line[8]; /* an access has 8 bytes at most */
	bool reset, debug_exit;
	uint32_t debug_value;
};

struct machine {
	/* Fixed after machine_init. */
	struct machine_host host;
	struct bus ports;
	unsigned vcpus;

	struct spinlock lock; /* guards the devices and `todo` */
	struct pic pic;
	struct pit pit;
	struct uart uart;
	struct cmos cmos;
	struct i8042 keyboard;
	struct pc_ports small;
	struct pc_effects todo;
	bool timers_moved; /* next_event is to be computed again */
	bool irq0_free;	   /* the request of IRQ 0 was not waiting when next_event was computed */

	/* Written under the lock, read without. */
	_Atomic bool irq;
	_Atomic uint64_t next_event;
};

/* ---- Loaders ------------------------------------------------------------------------------- */

#define PC_LOW_RAM_END UINT64_C(0x9fc00)
#define PC_HIGH_RAM UINT64_C(0x100000)
#define PC_BELOW_4G UINT64_C(0xc0000000)
#define PC_4G UINT64_C(0x100000000)

/*
 * What a loader makes for the kernel lies in [PC_TABLES, PC_TABLES_END): above the real mode's
 * vectors, and below the pages under 640 KiB that Linux uses as its trampoline while it still runs
 * on our page tables.
 */
#define PC_TABLES UINT64_C(0x1000)
#define PC_TABLES_END UINT64_C(0x90000)

#define PC_RAM_USABLE 1u
#define PC_RAM_RESERVED 2u
#define PC_MAP_ENTRIES 5u
#define PC_CLAIMS 96u

struct pc_map_entry {
	uint64_t base, bytes;
	uint32_t type; /* the e820 numbers: 1 usable, 2 reserved */
};

/* A load in progress: what it is of, which guest memory is taken, and where a refusal goes. */
struct pc_load {
	struct machine *machine;
	const struct vm_image *image;
	char *why;
	size_t why_bytes;
	uint64_t ram_end;    /* of RAM below 3 GiB */
	uint64_t high_bytes; /* of RAM from 4 GiB */
	unsigned claims;
	struct {
		uint64_t start, end;
		const char *what;
	} claim[PC_CLAIMS];
};

/* Writes the sentence and returns BAD_ARGUMENT. */
__attribute__((format(printf, 2, 3))) enum result pc_refuse(struct pc_load *l, const char *format,
							    ...);

/* Takes [start, start + bytes) for `what`: RAM that is not taken yet, or a refusal. */
enum result pc_claim(struct pc_load *l, uint64_t start, uint64_t bytes, const char *what);

/*
 * Finds and takes the highest free place of `bytes` in [low, high) that is RAM, aligned (a power of
 * two). Refuses with the figures when there is none.
 */
enum result pc_place(struct pc_load *l, uint64_t bytes, uint64_t align, uint64_t low, uint64_t high,
		     const char *what, uint64_t *out);

/* As pc_place, but the lowest free place. */
enum result pc_place_low(struct pc_load *l, uint64_t bytes, uint64_t align, uint64_t low,
			 uint64_t high, const char *what, uint64_t *out);

/* Writes guest memory that has been claimed. The host's refusal becomes the sentence. */
enum result pc_put(struct pc_load *l, uint64_t to, const void *from, uint64_t bytes);

/* The memory map as the kernel is told it; returns how many entries. */
unsigned pc_memory_map(const struct pc_load *l, struct pc_map_entry out[PC_MAP_ENTRIES]);

/* The command line, never NULL. */
const char *pc_cmdline(const struct pc_load *l);

/*
 * A GDT of flat segments: selector 0x10 code (64-bit if `wide`), 0x18 data; its limit is 31. As
 * both Linux boot protocols ask.
 */
#define PC_GDT_BYTES 32u
void pc_gdt(uint8_t gdt[PC_GDT_BYTES], bool wide);

/* Each checks the whole image, places it, writes it, and fills `start`. */
enum result pc_load_linux(struct pc_load *l, bool wide, struct vcpu_start *start);
enum result pc_load_pvh(struct pc_load *l, struct vcpu_start *start);
enum result pc_load_multiboot(struct pc_load *l, struct vcpu_start *start);

/* Is it one, by its magic numbers only? */
bool pc_is_linux(const struct vm_file *f, bool *wide);
bool pc_is_pvh(const struct vm_file *f);
bool pc_is_multiboot(const struct vm_file *f);

#endif
