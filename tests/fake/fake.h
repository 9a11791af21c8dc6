/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake architecture: arch/arch.h filled on the host, so that hv/ runs inside a test program.
 * It is also the contract's executable form: where arch.h leaves a choice, the fake takes the
 * one that forgives least. Its entries are stored byte-swapped and mean nothing in the order
 * of any processor; its TLBs keep a removed translation for as long as the contract lets them.
 *
 * A CPU is a thread (env_cpu says which), RAM is the area of env_ram, a guest is a step function
 * that names one access at a time, time is a number that the test moves.
 */
#ifndef TESTS_FAKE_FAKE_H
#define TESTS_FAKE_FAKE_H

#include "arch/arch.h"
#include "tests/fake/env.h"

/* ---- Set-up ------------------------------------------------------------------------------- */

struct fake_config {
	unsigned cpus; /* 1..ARCH_MAX_CPUS */
	const struct s2_geometry
		*tree;	     /* NULL: 4 levels of 9 bits, leaves at 0, 1 and 2, hw bits */
	bool broadcast;	     /* arch_s2_flush reaches CPUs inside their guests */
	bool auto_time;	     /* arch_cpu_idle moves time to its timer instead of waiting */
	bool more_bridges;   /* segments 1 and 2 are there */
	unsigned late_kicks; /* a CPU overlooks a kick so often before it takes it */
	unsigned dead_cpu;   /* not 0: this one does not start */
	const char *missing; /* what arch_init says; NULL: nothing is */
};

/* Everything as after a reset. Call it first in each test; RAM is env_ram's and is not touched. */
void fake_reset(const struct fake_config *config);

/* ---- Entries and TLBs ---------------------------------------------------------------------- */

/*
 * Called after each entry is written, on the CPU that wrote it, with what stood there and what
 * stands there now; the place to check invariants in the middle of an operation. NULL: none.
 */
extern void (*fake_on_entry)(uint64_t *where, unsigned level, uint64_t old, uint64_t now);

/* How many translations to `n` the TLBs of all CPUs hold (I2), whether or not they may be used. */
unsigned fake_tlb_reaches(pfn_t n);

/* How many translations CPU `cpu` holds. */
unsigned fake_tlb_used(unsigned cpu);

/* ---- Guests -------------------------------------------------------------------------------- */

enum fake_kind {
	FAKE_READ,
	FAKE_WRITE,
	FAKE_EXEC,
	FAKE_CALL,
	FAKE_PORT,
	FAKE_HALT,
	FAKE_TRIPLE,
	FAKE_CLOCK,    /* asks for a clock page: value is enum fake_clock */
	FAKE_FIRMWARE, /* where: its number */
	FAKE_TIMER,    /* its own timer's line: value */
	FAKE_IPI,      /* value */
	FAKE_UNKNOWN,  /* what no port serves */
};

enum fake_clock { FAKE_CLOCK_OFF, FAKE_CLOCK_ON, FAKE_CLOCK_WALL };

/* One thing that a guest does. */
struct fake_op {
	enum fake_kind kind;
	uint8_t bytes;		      /* READ, WRITE, PORT: 1, 2, 4, 8; inside one page */
	bool write;		      /* PORT */
	bool user;		      /* CALL; READ, WRITE: by the guest's own page walk */
	uint64_t where;		      /* READ, WRITE, EXEC, CLOCK: gpa; PORT: port; CALL: number */
	uint64_t value;		      /* written, or read; CALL, FIRMWARE: what it returned */
	uint64_t arg[HYPERCALL_ARGS]; /* CALL */
	int irq;		      /* the interrupt delivered before this step, -1: none */
};

/*
 * A guest: called when its operation is complete (results in *op) for the next one. The first
 * call gets an op of zeros. Runs on the vCPU's CPU, between two instructions as it were.
 */
typedef void (*fake_guest)(void *context, struct fake_op *op);

/* A vCPU that starts at `entry` (vcpu_start.entry) runs `guest`. At most 16 programs. */
void fake_program(gpa_t entry, fake_guest guest, void *context);

/* The next call of the kind, on any vCPU, does nothing and answers `r`. */
enum fake_refused { FAKE_DECODE, FAKE_IO_DONE }; /* arch_vcpu_decode_io, arch_vcpu_io_done */
void fake_refuse_next(enum fake_refused what, enum result r);

/* Whether the guest takes interrupts (as after sti or cli). At the start it does. */
void fake_irqs_enable(struct arch_vcpu *v, bool on);

/*
 * The guest's own access, through CPU env_cpu's TLB and the tree: true and the data in `data`, or
 * false and the fault. What arch_vcpu_run does for READ and WRITE; tests may call it alone.
 */
bool fake_access(struct arch_s2 *s2, gpa_t at, enum access access, void *data, size_t bytes,
		 struct s2_fault *fault);

/* ---- The rest of the machine ---------------------------------------------------------------- */

/* Moves time on; CPUs that idle look at their timers. */
void fake_time_advance(uint64_t ns);

/* What this CPU's timer is set to (arch_timer_set); 0: it is not. */
uint64_t fake_timer(void);

/* Bytes that arch_guest_sync was told of since the program began, before reads and after writes. */
extern struct fake_sync {
	uint64_t read, written;
} fake_sync;

/* Everything written to the console since the reset, NUL-terminated (the last 64 KiB). */
const char *fake_console(void);
/* What arch_console_get will return next. */
void fake_console_type(const char *text);

/*
 * Device memory: 256 MiB at FAKE_DEVICE_BASE, the PCI window of segment 0. arch_map_device of it
 * and guest accesses reach the same bytes. fake_device gives them to the test. The windows of
 * segments 1 and 2 have no memory behind them, and their functions see them at another address.
 */
#define FAKE_DEVICE_BASE UINT64_C(0x4000000000)
#define FAKE_DEVICE_BYTES (UINT64_C(256) << 20)
#define FAKE_SECOND_BASE UINT64_C(0x6000000000)
#define FAKE_THIRD_BASE UINT64_C(0x6004000000)
#define FAKE_OTHER_BUS UINT64_C(0x80000000) /* of both */
#define FAKE_OTHER_BYTES (UINT64_C(64) << 20)
/* A second window of each, small: one below the other, with a gap; one near the last address. */
#define FAKE_LOW_BASE UINT64_C(0x5f00000000)
#define FAKE_LOW_BUS UINT64_C(0x7ffe0000)
#define FAKE_HIGH_BASE UINT64_C(0x5e00000000)
#define FAKE_HIGH_BUS (UINT64_MAX - 0x1ffff)
#define FAKE_SMALL_BYTES UINT64_C(0x10000)
void *fake_device(hpa_t at);

/* A PCI function: 64 words, and which of their bits can be written (so BAR sizes). At most 72. */
struct fake_pci {
	uint32_t word[64];
	uint32_t writable[64];
};
void fake_pci_add(uint32_t bus_device_function, const struct fake_pci *function);
/* The words as they stand, NULL when there is no such function. */
const struct fake_pci *fake_pci(uint32_t bus_device_function);

/* Called by arch_machine_end, must not return; NULL: exit(status). */
extern void (*fake_end)(enum arch_end how, unsigned status);

/* Between the two files of the fake. */
unsigned char *fake_memory(hpa_t at, size_t bytes);
void fake_tlb_enter(struct arch_s2 *s2);
void fake_tlb_reset(const struct s2_geometry *tree, unsigned cpus, bool broadcast);

#endif
