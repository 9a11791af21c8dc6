/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's board: its interrupt controller, timers, serial line, and the way its kernel image is
 * brought into memory and started. One implementation an architecture (hv/machine/pc.c, ...), made
 * of the device models of hv/dev; the linker picks it. Everything else in hv/ knows boards by
 * these functions only.
 *
 * Locks: every function but machine_load takes the machine's own lock, a leaf lock, for itself, and
 * calls its host (struct machine_host) only after dropping it. Times are nanoseconds of
 * arch_time_ns.
 */
#ifndef HV_MACHINE_MACHINE_H
#define HV_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mm/addr.h"
#include "mm/result.h"

struct vm;
struct machine;

/* What a board asks of the VM it belongs to. Called without the machine's lock. */
struct machine_host {
	struct vm *vm;
	/*
	 * An interrupt became pending for a vCPU other than the one whose access or tick this is:
	 * make the vCPUs look (kick, or wake). The caller itself looks again in any case: whoever
	 * called a function of the machine reads machine_irq_pending and machine_next_event before
	 * it enters the guest or sleeps.
	 */
	void (*notify)(struct vm *vm);
	/* A character of the guest's serial line. */
	void (*console_put)(struct vm *vm, char c);
	/* The guest ended its machine. */
	void (*power_off)(struct vm *vm);
	void (*reset)(struct vm *vm);
	void (*debug_exit)(struct vm *vm, uint32_t value); /* out 0xf4, value */
	/*
	 * vCPUs that the guest starts and stops through its firmware. start: IN_USE when it is on
	 * already, or being started. off: of the vCPU whose call this is; it executes nothing more.
	 * is_on: on, or being started.
	 */
	enum result (*vcpu_start)(struct vm *vm, unsigned vcpu, const struct vcpu_start *start);
	void (*vcpu_off)(struct vm *vm, unsigned vcpu);
	bool (*vcpu_is_on)(struct vm *vm, unsigned vcpu);
	/* Guest memory, for image loaders and firmware calls: any length, crossing pages; or why
	 * not (part may have been copied). */
	enum result (*read)(struct vm *vm, gpa_t from, void *to, uint64_t bytes);
	enum result (*write)(struct vm *vm, gpa_t to, const void *from, uint64_t bytes);
	uint64_t (*wall_seconds)(
		struct vm *vm);		 /* since 1970, for the CMOS clock; asked in machine_init */
	struct arch_processor processor; /* what the board's tables say of the vCPUs */
};

/* Bytes of state; hv allocates them zeroed. */
size_t machine_size(void);
void machine_init(struct machine *m, const struct machine_host *host, unsigned vcpus);

/* The ranges of guest physical memory that are RAM for a guest of `memory_bytes`: where its
 * memslots go. */
#define MACHINE_RAM_RANGES 2u
struct machine_ram {
	gpa_t start;
	uint64_t bytes; /* whole pages */
};
unsigned machine_ram(uint64_t memory_bytes, struct machine_ram out[MACHINE_RAM_RANGES]);

/* Serves a device access; false: nothing answers there (a read has been given the bus's floating
 * value). */
bool machine_io(struct machine *m, unsigned vcpu, struct io_access *io);

/*
 * What an address of no memslot is on this board where no device answers: true, a bus that floats
 * (reads are all ones, writes are lost); false, an access that the processor reports to the guest.
 */
extern const bool machine_floating_bus;
/* Does a device answer at `at`? Without the lock. */
bool machine_answers(struct machine *m, gpa_t at);

/*
 * Guest physical addresses below this are the board's: its devices, and what nobody answers. No
 * memslot is there (slot_create refuses it), so a fault there need not look for one. 0: all
 * addresses are for memslots.
 */
extern const gpa_t machine_devices_end;

/* The guest calls its firmware (arm64: SMCCC; ppc64: hcalls). */
#define MACHINE_ANSWERS 4u
struct machine_answer {
	uint64_t value[MACHINE_ANSWERS];
	unsigned count; /* of values; 0: the call does not return */
	bool yield;	/* the vCPU lets its CPU go to others before it goes on */
	/* RACED, BUSY, WOULD_SLEEP, OUT_OF_MEMORY: guest memory was not to be had; nothing has
	 * been done that may not be done twice, and the call is to be made again. OK: it is over.
	 */
	enum result repeat;
};
void machine_call(struct machine *m, unsigned vcpu, const struct firmware_call *call,
		  struct machine_answer *out);

/*
 * Where the processor holds interrupts for the guest (list registers): the interrupt `irq`, once
 * acknowledged, has been served by the guest, or withdrawn. Its line is looked at again.
 */
void machine_irq_retired(struct machine *m, unsigned vcpu, unsigned irq);
/* The guest's own timer of `vcpu` drives its line high or low. */
void machine_timer_line(struct machine *m, unsigned vcpu, bool high);
/* `vcpu` has halted, and its own timer, which stands still meanwhile, will fire at when_ns;
 * UINT64_MAX: never, or it goes on. */
void machine_timer_due(struct machine *m, unsigned vcpu, uint64_t when_ns);
/* The guest sends an interrupt between its vCPUs; arm64: the value written to ICC_SGI1R_EL1. */
void machine_ipi(struct machine *m, unsigned vcpu, uint64_t value);

/* Is an interrupt asserted for vCPU `vcpu`? Cheap: asked before every entry, without the lock. */
bool machine_irq_pending(const struct machine *m, unsigned vcpu);
/*
 * Does something end the wait of vCPU `vcpu`, if it has halted with interrupts on? An interrupt
 * does, and on ppc64 its own decrementer and H_PROD. Cheap and without the lock, as above.
 */
bool machine_wakes(const struct machine *m, unsigned vcpu);
/*
 * Acknowledges it: what arch_vcpu_irq_inject is to be given. x86: the vector, a spurious one is
 * possible. arm64: the INTID with the bits of arch.h. MACHINE_NO_IRQ: it went away meanwhile.
 */
#define MACHINE_NO_IRQ UINT32_MAX
unsigned machine_irq_ack(struct machine *m, unsigned vcpu);

/* When the board next wants machine_tick, UINT64_MAX: never. Without the lock. */
uint64_t machine_next_event(const struct machine *m);
/* Lets the board's timers catch up with now_ns; early and repeated calls do no harm. */
void machine_tick(struct machine *m, uint64_t now_ns);

/* A character for the guest's serial line; false: its buffer is full, give it again later. */
bool machine_console_input(struct machine *m, char c);

struct vm_file {
	const char *name;
	const void *data; /* NULL: not given */
	uint64_t bytes;
};

enum image_format {
	IMAGE_AUTO,
	IMAGE_LINUX64,
	IMAGE_LINUX32,
	IMAGE_PVH,
	IMAGE_MULTIBOOT,
	IMAGE_FLAT
};

struct vm_image {
	struct vm_file kernel, initrd;
	const struct vm_file *modules; /* Multiboot, PVH: after the initrd */
	unsigned module_count;
	const char *cmdline;
	enum image_format format;
	uint64_t memory_bytes; /* RAM in all; machine_ram says where it lies */
	unsigned vcpus;
};

/*
 * Checks the image wholly, then writes it into guest memory and fills `start` for vCPU 0. The
 * guest's memory must still be all zeros: an image's zero-filled parts are not written.
 * BAD_ARGUMENT with the cause in words in `why` when the image is damaged, too large, or of a
 * format that the board does not know; nothing of the guest has run then. Another result is the
 * host's refusal to write guest memory, in words too.
 */
enum result machine_load(struct machine *m, const struct vm_image *image, struct vcpu_start *start,
			 char *why, size_t why_bytes);

#endif
