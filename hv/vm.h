/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM: its host space, its memslots, its stage-2, its board and its vCPUs; and its end, which
 * always has a reason.
 *
 * Its life: made (vm_create), running, perhaps stopped for a while, ended (vm_end), its memory
 * taken back (vm_reclaim, when its last vCPU has left). What is needed to look at it stays until
 * vm_destroy.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "hv/config.h"
#include "hv/machine/machine.h"
#include "hv/s2.h"
#include "hv/slot.h"
#include "mm/addr.h"
#include "mm/follow.h"
#include "mm/lock.h"
#include "mm/pfn_cache.h"
#include "mm/space.h"

#define VM_MAX 16u
#define VM_MAX_VCPUS 16u
#define VM_MAX_PINS 64u

enum vm_state {
	VM_CREATED,
	VM_RUNNING,
	VM_STOPPED, /* by the monitor; goes on when told */
	VM_ENDED,
};

enum vm_end_reason {
	END_NONE,
	END_POWERED_OFF,
	END_RESET,
	END_DEBUG_EXIT, /* out 0xf4, or the hypercall `end`: `status` */
	END_TRIPLE_FAULT,
	END_UNHANDLED,	   /* an exit that cannot be served: registers and instruction bytes were
			      printed */
	END_OUT_OF_MEMORY, /* the host's; the host and the other VMs go on */
	END_HALTED,	   /* every vCPU waits for an interrupt that can never come */
	END_KILLED,	   /* by the monitor */
	END_BAD_IMAGE,	   /* it could not be made: its image, or a memslot */
};

/* "powered off", "reset", ... */
const char *vm_end_words(enum vm_end_reason r);
/* One word for the runner's last line: "poweroff", "reset", "exit", ... */
const char *vm_end_token(enum vm_end_reason r);

struct vcpu;

/* Statistics: added to from any CPU, relaxed, and read at any time. */
struct vm_stats {
	_Atomic uint64_t faults, spurious, raced, widened, mmio, hypercalls, waits;
	_Atomic uint64_t max_rounds; /* most rounds one fault needed (N8) */
};

/*
 * Device or pool memory that the VM's configuration names, in its order: the hypercalls slot_create
 * and owner_* count them from 0.
 */
struct vm_device_slot {
	const struct config_slot *config;
	struct device_memory *memory; /* hv/drv/device_memory.h */
	hva_t hva;		      /* where its region lies in the space */
	uint64_t bytes;
	uint32_t slot; /* id of its memslot; valid if `present` */
	bool present;
};

struct vm {
	unsigned id; /* index in vms[] */
	const struct config_vm *config;
	_Atomic uint32_t state; /* enum vm_state */
	_Atomic bool ending;	/* somebody has given the reason of the end */
	struct space space;
	struct spinlock slot_lock; /* one change of memslots at a time; outermost */
	_Atomic(struct slot_table *) slots;
	uint32_t next_slot_id;
	uint32_t first_call_slot; /* memslots from this number on were made by hypercalls */
	struct s2 s2;
	struct machine *machine;
	struct machine_host board; /* what the machine calls back */
	struct vcpu_start start;   /* how vCPU 0 began; the others begin alike */
	struct vcpu *vcpus[VM_MAX_VCPUS];
	unsigned vcpu_count;
	_Atomic unsigned
		live; /* vCPUs started, and not ended or off; written under the scheduler's lock */
	_Atomic unsigned halted_off; /* vCPUs that have halted for good */
	_Atomic unsigned waiting;    /* vCPUs that wait for a notice or a turn to end, or are about
					to; written under the scheduler's lock */
	struct vm_stats stats;
	_Atomic uint32_t refusals_said; /* hv/exit.c */
	uint64_t start_cost;		/* arch_counter's from hv_main to vm_start */

	struct vm_device_slot devices[CONFIG_MAX_SLOTS];
	unsigned device_count;

	struct spinlock cache_lock; /* guards the statistics page; outside the space's lock */
	struct pfn_cache stats_page;
	gpa_t stats_at;
	_Atomic bool stats_on; /* a hint when read without the lock */
	uint64_t stats_updates;

	struct spinlock pin_lock; /* guards the pins that the guest asked for; a leaf */
	pfn_t pins[VM_MAX_PINS];
	unsigned pin_count;

	/* Written once, by who ends it, before state becomes VM_ENDED. */
	enum vm_end_reason end_reason;
	uint32_t end_status;
	char end_detail[192];

	/* The last fault, for the monitor's `why`. */
	struct {
		_Atomic uint64_t gfn;
		_Atomic(enum result) verdict;
	} last_fault;

	/* What exists, for vm_destroy. */
	bool has_space, has_s2;
	pfn_t frame, machine_frame;
	unsigned machine_order;
};

extern struct vm *vms[VM_MAX];
extern _Atomic unsigned vm_count;

/*
 * Makes the next VM by its configuration: space, RAM, memslots, board, vCPUs, image. OK: it is
 * vms[vm_count - 1], CREATED - or ENDED already, with the reason in words, if it could not be made
 * (bad image, no memory): the others can still run. OUT_OF_MEMORY: not even the record of it.
 * Start-up, the boot CPU.
 */
enum result vm_create(const struct config_vm *config, struct vm **out);

/* Its vCPU 0 can run from now on. */
void vm_start(struct vm *vm);

/*
 * Ends it, from any CPU, any number of times: the first reason stays. Its vCPUs leave their guest
 * as soon as they can and never enter it again. Says so on the console. No lock of the scheduler's
 * or the console's.
 */
__attribute__((format(printf, 4, 5))) void vm_end(struct vm *vm, enum vm_end_reason reason,
						  uint32_t status, const char *detail, ...);

static inline bool vm_ended(const struct vm *vm)
{
	return atomic_load_explicit(&vm->state, memory_order_acquire) == VM_ENDED;
}

/*
 * A vCPU other than the first begins, or begins again after it went off. NOT_FOUND: there is none
 * of that number; IN_USE: it is on, or being started. From any vCPU of the VM.
 */
enum result vm_vcpu_start(struct vm *vm, unsigned index, const struct vcpu_start *start);

/* The monitor's stop and start. Nothing if it is not running, or not stopped. */
void vm_stop(struct vm *vm);
void vm_resume(struct vm *vm);

/* A vCPU has halted with interrupts off; true: it was the last that could run. */
bool vm_halted_for_good(struct vm *vm);

/* Its last vCPU has ended: gives the host its memory and pins back. Once, without locks. */
void vm_reclaim(struct vm *vm);
/* Has a VM ended whose memory is still to come back? */
bool vm_reclaim_pending(void);
/* How many VMs have ended and been reclaimed. */
unsigned vm_done_count(void);

/* Takes apart what is left; nobody looks at it any more. Gives back every frame (census). */
void vm_destroy(struct vm *vm);

/* Returns of all its vCPUs from the guest. */
uint64_t vm_exits(const struct vm *vm);

/* A free range of its space for `bytes` that are to be seen at `at`, aligned so that huge entries
 * fit both. */
enum result vm_find_room(struct vm *vm, gpa_t at, uint64_t bytes, hva_t *out);

/* The frames that the guest had pinned: false when the list is full, or the pfn not in it. */
bool vm_pin_note(struct vm *vm, pfn_t n);
bool vm_pin_forget(struct vm *vm, pfn_t n);

/*
 * Guest memory by gpa, any length; OK, or the first refusal (part may have been copied):
 * NO_MEMSLOT, READONLY_MEMSLOT, UNSUPPORTED (device memory), RACED (notices again and again), or
 * the host's. Faults the host's memory in, marks COUNTED frames young and dirty (F7). No lock of
 * mm/ may be held.
 */
enum result vm_read(struct vm *vm, gpa_t from, void *to, uint64_t bytes);
enum result vm_write(struct vm *vm, gpa_t to, const void *from, uint64_t bytes);

/*
 * What the host has behind a gpa at this moment, nothing faulted in: PEEK (P2). NO_MEMSLOT,
 * NO_BACKING (nothing mapped), NO_PERMISSION. vm_peek's answer may be stale at once: for words
 * only. vm_peek_locked: the space's lock is held, and keeps it true.
 */
enum result vm_peek(struct vm *vm, gpa_t at, struct follow_answer *out);
enum result vm_peek_locked(struct vm *vm, gpa_t at, enum access access, struct follow_answer *out)
	REQUIRES(vm->space.lock);

/* Is there a memslot for it that lets it be written? */
bool vm_slot_writable(const struct vm *vm, gfn_t n);

#endif
