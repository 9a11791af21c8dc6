/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU as this port sees it. Its general registers move at each entry and exit; what else of the
 * supervisor's state there is stays in the processor from arch_vcpu_load to arch_vcpu_unload.
 */
#ifndef ARCH_PPC64_VCPU_H
#define ARCH_PPC64_VCPU_H

#include <stdalign.h>

#include "arch/arch.h"
#include "arch/ppc64/cpu.h"
#include "arch/ppc64/percpu.h"

/* Moved by load and unload as they are; the decrementer, which runs on, is not among them. */
#define SUPERVISOR_REGISTERS(X) \
	X(DSCR)                 \
	X(DSISR)                \
	X(DAR)                  \
	X(SRR0)                 \
	X(SRR1)                 \
	X(AMR)                  \
	X(PIDR)                 \
	X(IAMR)                 \
	X(FSCR)                 \
	X(UAMOR)                \
	X(PSPB)                 \
	X(VRSAVE)               \
	X(SPRG0)                \
	X(SPRG1)                \
	X(SPRG2)                \
	X(SPRG3)                \
	X(BESCR)                \
	X(EBBHR)                \
	X(EBBRR)                \
	X(TAR)

struct supervisor_state {
#define X(name) uint64_t name;
	SUPERVISOR_REGISTERS(X)
#undef X
};

/* fp.S has this layout. */
struct fp_state {
	alignas(16) unsigned char vs[64][16];
	uint64_t fpscr;
	alignas(16) unsigned char vscr[16];
};

/* A device access that is under way: what its instruction wants. */
struct io_plan {
	bool write;
	bool sign;     /* a read is sign-extended, else zero-extended */
	bool reversed; /* a byte-reversed form, whatever the guest's byte order */
	bool update;   /* the address goes to the base register */
	bool indexed;  /* the address is base + index, else base + offset */
	uint8_t bytes; /* 1, 2, 4, 8 */
	uint8_t reg, base, index;
	int64_t offset;
};

struct arch_vcpu {
	CONTEXT;			     /* first: percpu.h */
	uint64_t host_sp, host_lr, host_r31; /* traps.S */

	struct vcpu *owner;
	struct arch_s2 *s2;
	unsigned index;
	bool loaded;
	bool window;	   /* hv wants to know when the guest takes interrupts */
	unsigned last_cpu; /* where it was loaded last, + 1; 0: nowhere yet */
	uint64_t fault_ea, fault_cause;
	uint64_t decrementer; /* while unloaded: the timebase at which it passes 0 */
	struct supervisor_state supervisor;
	struct fp_state fp;
	struct io_plan plan;
};

/* What a hypervisor storage interrupt says. */
struct storage {
	bool fetch;
	uint64_t cause;	  /* HDSISR, or HSRR1 */
	uint64_t address; /* ASDR */
};
/* decode.c, pure. NULL, or why it is none that hv can serve. */
const char *storage_decode(const struct storage *s, struct s2_fault *out);

/* mmio.c, pure: a load or store of one general register; false: it is something else. */
bool decode_instruction(uint32_t instruction, struct io_plan *out);
/* gwalk.c: the guest-real address behind the address of an instruction. RACED: it is not translated
 * (any more); and as hv_guest_read. Only while loaded. */
enum result gwalk(struct arch_vcpu *v, uint64_t ea, uint64_t *at);
/* vcpu.c: the guest's process table (as stage2_process_table has it) and process. While loaded. */
void vcpu_space(const struct arch_vcpu *v, uint64_t *table, uint64_t *pid);

/* inject.c: the guest takes an interrupt of its own at the next entry. Only while loaded. */
void inject(struct arch_vcpu *v, unsigned vector, uint64_t cause);

/* traps.S, by its address only. */
extern const unsigned char guest_left[];
/* fp.S */
void fp_save(struct fp_state *to);
void fp_load(const struct fp_state *from);

#endif
