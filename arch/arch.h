/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract: what a processor must supply so that mm/ and hv/ run on it, and the few
 * functions that it may call in return. arch/<name>/ implements it, tests/fake implements it on
 * the host, and tests/conformance.c states it as a test that runs on all of them.
 *
 * Words: "this CPU" is the one that calls. Hypervisor code runs with host interrupts off, and is
 * never preempted; they are taken only inside arch_vcpu_run and arch_cpu_idle. No function here
 * sleeps or takes a lock of hv/ or mm/. Sizes are bytes, times nanoseconds since start-up.
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/result.h"

struct bootinfo;
struct vcpu;	  /* hv's vCPU; opaque here, handed back in upcalls */
struct arch_vcpu; /* the processor's part of a vCPU; opaque to hv */

#define ARCH_MAX_CPUS 64u

/* ---- Start-up and CPUs ------------------------------------------------------------------- */

/* "x86", "arm64", ... */
extern const char arch_name[];

/*
 * First call, on the boot CPU. Checks the processor, builds the final page tables (RAM mapped
 * once, linearly, never writable and executable together), installs traps, finds the CPUs. May
 * take USABLE ranges of the memory map for itself (turning them into LOADER).
 * Returns NULL, or the sentence that says what is missing (no SVM, no nested paging, ...).
 */
const char *arch_init(struct bootinfo *boot);

/* CPUs that exist, 1..ARCH_MAX_CPUS; arch_cpu_id() is below it. Valid after arch_init. */
unsigned arch_cpu_count(void);
unsigned arch_cpu_id(void);

/*
 * Starts CPU `cpu`, which prepares itself and calls hv_cpu_main(cpu). Returns when it has, or
 * NOT_FOUND when it did not come up in a second. hv_pages() must work by now.
 */
enum result arch_cpu_start(unsigned cpu);

/* Makes CPU `cpu` leave its guest, or arch_cpu_idle, as soon as it can; never lost, may merge. */
void arch_cpu_kick(unsigned cpu);

/* In every turn of a waiting loop (PAUSE, YIELD, or 27,27,27). */
void arch_cpu_relax(void);

/* Waits for a host interrupt (a kick, the timer), takes it, returns. At once if one is pending. */
void arch_cpu_idle(void);

enum arch_end {
	ARCH_END_POWEROFF, /* status: what the runner sees, (status << 1) | 1 through debug exit */
	ARCH_END_HALT,	   /* all is lost: this CPU stops for ever, the message is out */
};

/*
 * Ends the machine. POWEROFF with status 0 powers off by the firmware's way; another status goes
 * to the emulator's exit device where there is one. Other CPUs are stopped first.
 */
_Noreturn void arch_machine_end(enum arch_end how, unsigned status);

/* ---- Memory ------------------------------------------------------------------------------ */

/* The linear map of RAM. Valid for every byte of RAM in the memory map after arch_init. */
void *arch_linear(hpa_t address);

/*
 * Maps [base, base + bytes) of device memory for the hypervisor's own use, never executable,
 * cached as `type` says. Never unmapped. NULL if the room for such mappings is used up.
 */
void *arch_map_device(hpa_t base, uint64_t bytes, enum memtype type);

/*
 * One access to what arch_map_device gave as MEM_DEVICE: 1, 2 or 4 bytes, aligned, little-endian.
 * Such accesses stay in the order of the program. Nobody uses plain loads and stores there: a
 * processor may need instructions of their own for it.
 */
uint32_t arch_device_read(const void *at, uint32_t bytes);
void arch_device_write(void *at, uint32_t bytes, uint32_t value);

/* Fills a page with zeros, by the fastest way the processor has; in sync as below, written. */
void arch_page_clear(void *page);

/*
 * Guest memory in the linear map, which its guest may also reach past the caches: called before the
 * hypervisor reads it, and with `written` after it has written it, which also makes it fit to be
 * executed. Nothing where the processor keeps all of that coherent.
 */
void arch_guest_sync(const void *at, size_t bytes, bool written);

/* ---- Console, time, PCI ------------------------------------------------------------------ */

/* Works from the first instruction; waits while the device is full. */
void arch_console_put(char c);

/* The next character, or -1. */
int arch_console_get(void);

uint64_t arch_time_ns(void);

/* Seconds since 1970 (UTC) by the machine's calendar clock; 0: there is none. May be slow. */
uint64_t arch_wall_seconds(void);

/* A counter of executed instructions, or the finest clock there is: only differences mean anything.
 */
uint64_t arch_counter(void);

/* A clock that all CPUs share, by one instruction and in no order with what is around it: for the
 * trace. Only differences mean anything. */
uint64_t arch_stamp(void);

/* One host interrupt on this CPU at or after `when`; 0: none. Replaces the earlier setting. */
void arch_timer_set(uint64_t when_ns);

/*
 * PCI configuration space: bytes 1, 2 or 4, aligned. A function is named by segment << 16 |
 * bus << 8 | device << 3 | function; one that is absent reads as all ones.
 */
uint32_t arch_pci_read(uint32_t bus_device_function, uint32_t offset, uint32_t bytes);
void arch_pci_write(uint32_t bus_device_function, uint32_t offset, uint32_t bytes, uint32_t value);

/* Addresses of the host that a host bridge passes on to PCI memory. */
struct pci_window {
	hpa_t base;	  /* as the processor has them */
	uint64_t bus;	  /* as the functions of the segment have them in their BARs */
	uint64_t bytes;	  /* not 0 */
	uint32_t segment; /* a host bridge's own tree of buses: 0, 1, ... */
};

/* Window `index`, in the order of segments; false: there are no more. Segment 0 needs none. */
bool arch_pci_window(unsigned index, struct pci_window *out);

/* ---- Stage-2: geometry, entry codec, TLB (S1) --------------------------------------------- */

#define S2_MAX_LEVELS 5u

/*
 * Level 0 holds 4 KiB leaves, level `levels - 1` is the root. shift[l] is log2 of the pages that
 * one entry of level l covers, bits[l] log2 of the entries of a table of level l.
 * side: where a table of level 0 may stand, one of this level may stand instead, with fewer and
 * larger leaves: shift[side] + bits[side] == shift[1]. It is the number behind the root's,
 * `levels`; 0: the processor has none such.
 */
struct s2_geometry {
	unsigned levels;
	unsigned char shift[S2_MAX_LEVELS];
	unsigned char bits[S2_MAX_LEVELS];
	unsigned leaf_levels; /* bit l: a leaf may stand at level l */
	unsigned root_order;  /* the root is 2^root_order pages */
	bool hw_young;	      /* the processor sets "young" in entries itself (S10) */
	bool hw_dirty;	      /* and "dirty" */
	unsigned side;	      /* as above */
};

extern const struct s2_geometry *const arch_s2_geometry; /* filled after arch_init */

/* Attributes of a leaf. The memory type stands in bits 8..9 (S2_TYPE). Readable is implied. */
#define S2_WRITE 0x01u
#define S2_EXEC 0x02u
#define S2_YOUNG 0x04u
#define S2_DIRTY 0x08u
#define S2_COUNTED 0x10u /* software: the frame was COUNTED when the leaf was made (S3) */
/* Software: nothing keeps a write out but that it is to be seen; memslot, region and host entry
 * allow it (P7). Beside S2_WRITE, which says so too, it means nothing. */
#define S2_MAY_WRITE 0x20u
#define S2_TYPE_SHIFT 8u
#define S2_TYPE(type) ((uint32_t)(type) << S2_TYPE_SHIFT)
#define S2_TYPE_OF(attrs) ((enum memtype)(((attrs) >> S2_TYPE_SHIFT) & 3u))

enum s2_kind { S2_NONE, S2_TABLE, S2_LEAF };

struct s2_entry {
	enum s2_kind kind;
	union {
		uint32_t attrs; /* of a leaf */
		uint32_t below; /* of a table: its level, that of the entry - 1, or the side's */
	};
	pfn_t pfn; /* of the leaf's first page, or of the table */
};

/*
 * Codec: pure functions. An entry of value 0 is S2_NONE on every architecture. `level` is where the
 * entry stands; `below` is the level of the table that it leads to.
 */
uint64_t arch_s2_leaf(unsigned level, pfn_t n, uint32_t attrs);
uint64_t arch_s2_table(unsigned below, pfn_t table);
struct s2_entry arch_s2_decode(unsigned level, uint64_t entry);
/* The same leaf, of any level, with S2_WRITE, S2_YOUNG and S2_DIRTY. */
uint64_t arch_s2_written(uint64_t leaf);

/*
 * The only two writers of entries in use. Both assert, in debug builds, what no emulator
 * catches: an entry is broken before it is remade (S5), uncached and device memory is never
 * executable (S8), the pfn is aligned to the level.
 * set: publishes `entry` where nothing was, or a leaf of the same pfn with more permissions
 * (widening), of which S2_MAY_WRITE is one. swap: puts `entry` (0, or a narrower leaf of the same
 * pfn) and returns what stood there, with the young and dirty bits that the processor had set by
 * then. No TLB effect: the caller flushes.
 */
void arch_s2_set(uint64_t *where, unsigned level, uint64_t entry);
uint64_t arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry);

/* What the processor needs to know of a stage-2 tree. */
struct arch_s2 {
	hpa_t root;
	uint64_t tag;		    /* ASID, VMID, LPID: the architecture's */
	_Atomic uint64_t flush_gen; /* raised by each flush; the architecture's */
};

/* root: 2^root_order zeroed pages. OUT_OF_MEMORY when no tag is left. */
enum result arch_s2_create(struct arch_s2 *s2, hpa_t root);
void arch_s2_destroy(struct arch_s2 *s2);

/*
 * After the call no CPU that enters the guest anew uses a translation of `range` that was removed
 * before it. true: this holds for the CPUs that are inside the guest too (a broadcast);
 * false: those must be kicked and seen to leave before it does (hv/shootdown.c does it).
 */
bool arch_s2_flush(struct arch_s2 *s2, struct gfn_range range);

/* ---- vCPUs ------------------------------------------------------------------------------- */

/* Pages that hv gives to each arch_vcpu: contiguous, zeroed, 2^arch_vcpu_order of them. */
extern const unsigned arch_vcpu_order;

/*
 * `index` is the number of the vCPU in its VM; pv_clock: it may ask for the clock page of
 * EXIT_CLOCK, where the architecture has one. All guest registers zero, not runnable yet.
 */
void arch_vcpu_init(struct arch_vcpu *v, struct vcpu *owner, unsigned index, struct arch_s2 *s2,
		    bool pv_clock);

enum vcpu_mode {
	VCPU_NATIVE, /* as the architecture's reset or boot protocol has it, MMU off */
	VCPU_FLAT32, /* x86: protected mode, flat 4 GiB segments, paging off */
	VCPU_LONG64, /* x86: long mode, flat segments, CR3 = tables */
	VCPU_REAL16, /* x86: real mode at segment entry >> 4, offset 0 (a started processor) */
};

/* The state in which a vCPU starts. arg: x86 eax/rax, ebx/rbx, esi/rsi, edi/rdi; arm64 x0..x3;
 * ppc64 r3..r6. */
struct vcpu_start {
	enum vcpu_mode mode;
	gpa_t entry;
	uint64_t arg[4];
	uint64_t stack;
	gpa_t tables; /* VCPU_LONG64: an identity page table the loader wrote */
	gpa_t gdt;    /* where the loader put the GDT its protocol asks for; 0: none */
};

void arch_vcpu_start(struct arch_vcpu *v, const struct vcpu_start *start);

/* Brings the state that is not switched at every entry (FPU, extended registers) onto this CPU, and
 * back. */
void arch_vcpu_load(struct arch_vcpu *v);
void arch_vcpu_unload(struct arch_vcpu *v);

/* A device access by port or by address, one element of a string access at a time. */
struct io_access {
	bool port; /* a port number, else a gpa */
	bool write;
	uint8_t bytes;	/* 1, 2, 4, 8 */
	uint64_t where; /* port number, or gpa */
	/* Written by the guest, or to be filled by who serves the read; only `bytes` of it count.
	 */
	uint64_t value;
};

/*
 * A processor that keeps a translation in its TLB which has just refused an access must have
 * forgotten it on this CPU when the guest goes on: hv widens an entry, or finds it widened already
 * (S9), and flushes nothing.
 */
struct s2_fault {
	gpa_t gpa;
	enum access access;
	bool present;	 /* a leaf was there, and did not permit it */
	bool table_walk; /* by the guest's own page-table walk */
	/* The leaf permits it; but this processor leaves it to software to set young in it, and
	 * dirty for a write, though others of its architecture do it themselves (S10). */
	bool unmarked;
};

enum exit_kind {
	EXIT_HOST, /* a host interrupt was taken, or the architecture served the exit itself */
	EXIT_S2_FAULT,
	EXIT_HYPERCALL,
	EXIT_IO,
	EXIT_HALT,	/* waits for an interrupt; pc is behind the instruction */
	EXIT_IRQ_READY, /* the window that arch_vcpu_irq_window asked for is open */
	EXIT_CLOCK,	/* the guest asks for a paravirtual clock page */
	EXIT_FIRMWARE,	/* a call to the platform's firmware (PSCI by SMCCC, ...) */
	EXIT_TIMER,	/* the line of the vCPU's own timer has changed */
	EXIT_IPI,	/* an interrupt to other vCPUs, by a register of the interrupt controller */
	EXIT_SHUTDOWN,	/* triple fault, or the like */
	EXIT_UNHANDLED, /* the architecture does not serve it: `why` */
};

#define HYPERCALL_ARGS 4u
#define FIRMWARE_ARGS 8u

/* arm64: x0 and x1..x8 of hvc #0 or smc. */
struct firmware_call {
	uint64_t nr;
	uint64_t arg[FIRMWARE_ARGS];
};

struct exit {
	enum exit_kind kind;
	union {
		struct s2_fault fault;
		struct io_access io;
		struct {
			uint64_t nr;
			uint64_t arg[HYPERCALL_ARGS];
			bool user; /* made by the guest's user mode */
		} hypercall;
		struct {
			gpa_t gpa;
			bool on;   /* false: give it up */
			bool wall; /* the wall clock, written once, else the running clock */
		} clock;
		struct {
			bool irqs_off; /* the guest has interrupts off: none will ever end the wait
					*/
			/* When the vCPU's own timer, which stands still while the vCPU is not on a
			 * CPU, ends the wait; UINT64_MAX: never. */
			uint64_t timer_ns;
		} halt;
		struct firmware_call firmware;
		struct {
			bool level; /* true: high. arm64: of PPI 27, INTID 27 */
		} timer;
		struct {
			uint64_t value; /* arm64: as written to ICC_SGI1R_EL1 */
		} ipi;
		const char *why;
	};
};

/*
 * Runs the guest until something is to be done, and says what. Between the entry's last check for
 * host interrupts and the guest's first instruction none is lost: a kick that came before makes it
 * leave at once. The pc of a completed exit has been advanced, but for FAULT (the guest
 * repeats the instruction) and IO (arch_vcpu_io_done advances it).
 */
void arch_vcpu_run(struct arch_vcpu *v, struct exit *out);

/* The value a hypercall returns to the guest. */
void arch_vcpu_hypercall_return(struct arch_vcpu *v, uint64_t value);

/* The answer to EXIT_FIRMWARE: the first `count` <= 4 result registers (arm64: x0..x3). */
void arch_vcpu_firmware_return(struct arch_vcpu *v, const uint64_t *values, unsigned count);

/*
 * The instruction behind a stage-2 fault that turned out to be a device access. Reads guest memory
 * through hv_guest_read. UNSUPPORTED: cannot be decoded; RACED, OUT_OF_MEMORY: as hv_guest_read.
 */
enum result arch_vcpu_decode_io(struct arch_vcpu *v, const struct s2_fault *fault,
				struct io_access *out);

/*
 * Completes an EXIT_IO or a decoded access: writes a read's value to its register or memory,
 * advances. RACED etc. (from hv_guest_write): nothing happened, call again with the same access.
 */
enum result arch_vcpu_io_done(struct arch_vcpu *v, const struct io_access *io);

/*
 * Interrupts: can one be delivered at the next entry (x86), or handed to the processor's virtual
 * interrupt controller (arm64: a list register is free)? Ask for a window otherwise. irq: as
 * machine_irq_ack has it; x86 the vector, arm64 the INTID in bits 0..15 and what follows. On arm64
 * an INTID that a list register holds already becomes pending (again) there.
 */
#define ARCH_IRQ_GROUP0 0x10000u /* a virtual FIQ */
#define ARCH_IRQ_LEVEL 0x20000u	 /* its end is to be noticed at once (arch_vcpu_irq_retired) */
#define ARCH_IRQ_PRIORITY_SHIFT 24u
bool arch_vcpu_irq_open(const struct arch_vcpu *v);
void arch_vcpu_irq_inject(struct arch_vcpu *v, unsigned irq);
void arch_vcpu_irq_window(struct arch_vcpu *v, bool wanted);

/*
 * After arch_vcpu_run: the number of an interrupt that the guest has since finished with (it is
 * neither pending nor active any more, so a level line is to be sampled again), until -1. Where
 * the processor keeps no such state, as x86, always -1.
 */
int arch_vcpu_irq_retired(struct arch_vcpu *v);

/* The guest sees an access that nothing answers (#MC-free on x86: all ones, 0; elsewhere an abort).
 */
void arch_vcpu_bad_access(struct arch_vcpu *v, const struct s2_fault *fault);

/* The instruction to be executed next. */
uint64_t arch_vcpu_pc(const struct arch_vcpu *v);

/* How often the guest was refused a register that it may not have (arm64: system registers, x86:
 * MSRs), by an exception of its own; 0 where the processor itself refuses. Any CPU, no lock. */
uint64_t arch_vcpu_refused(const struct arch_vcpu *v);

/*
 * The registers, the mode and the bytes at pc as text of several lines, for a human. At most
 * `bytes` with the closing NUL; returns the length.
 */
size_t arch_vcpu_describe(struct arch_vcpu *v, char *text, size_t bytes);

/*
 * What the firmware of a guest tells it of its processor, where the guest has no other way to know:
 * ppc64. Elsewhere zeros (CPUID, MIDR_EL1 and CNTFRQ_EL0 say it).
 */
struct arch_processor {
	uint32_t version;    /* ppc64: PVR */
	uint64_t counter_hz; /* ppc64: of the timebase */
};
struct arch_processor arch_processor(void);

/* Bytes of a paravirtual clock page (`wall`: of the wall clock) as the guest's kernel expects them;
 * returns how many. */
size_t arch_clock_fill(struct arch_vcpu *v, bool wall, uint64_t wall_seconds, void *out,
		       size_t room);

/* ---- Upcalls: what an architecture may call ------------------------------------------------ */

/* From entry.S, once, with the loader's bootinfo. */
_Noreturn void hv_main(struct bootinfo *boot);
/* On each started CPU. */
_Noreturn void hv_cpu_main(unsigned cpu);
/* A host exception, or a broken assertion: says it with `what` and stops the machine. */
_Noreturn void hv_stop(const char *what, uint64_t pc, uint64_t detail);
/* 2^order zeroed pages in the linear map, never given back; NULL when there are none. */
void *hv_pages(unsigned order);
/*
 * Guest memory by gpa, at most up to the end of the page; faults it in as the guest would. Uses the
 * fault path's own rules; OK, or why not (NO_MEMSLOT, RACED, OUT_OF_MEMORY...).
 */
enum result hv_guest_read(struct vcpu *v, gpa_t from, void *to, size_t bytes);
enum result hv_guest_write(struct vcpu *v, gpa_t to, const void *from, size_t bytes);
/* printf to the hypervisor's console. */
__attribute__((format(printf, 1, 2))) void hv_log(const char *format, ...);

#endif
