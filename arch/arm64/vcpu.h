/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU as this port sees it. Its general registers move at each entry and exit; everything of EL1
 * and EL0 else (system registers, FP/SIMD, the virtual timer, the list registers) stays in the
 * processor from arch_vcpu_load to arch_vcpu_unload, since the hypervisor itself uses none of it.
 */
#ifndef ARCH_ARM64_VCPU_H
#define ARCH_ARM64_VCPU_H

#include <stdalign.h>

#include "arch/arch.h"
#include "arch/arm64/vcpu_offsets.h"

/* The EL1 and EL0 state. These registers have one name, whichever way EL2 runs. */
#define EL1_REGISTERS(X) \
	X(par_el1)       \
	X(sp_el0)        \
	X(sp_el1)        \
	X(tpidr_el0)     \
	X(tpidrro_el0)   \
	X(tpidr_el1)     \
	X(csselr_el1)    \
	X(mdscr_el1)

/* The names of these end in _EL1, or with VHE in _EL12 (see cpu.h). */
#define EL1_RENAMED(X) \
	X(sctlr)       \
	X(cpacr)       \
	X(ttbr0)       \
	X(ttbr1)       \
	X(tcr)         \
	X(mair)        \
	X(amair)       \
	X(vbar)        \
	X(contextidr)  \
	X(esr)         \
	X(afsr0)       \
	X(afsr1)       \
	X(far)         \
	X(elr)         \
	X(spsr)        \
	X(cntkctl)

struct el1_state {
#define X(name) uint64_t name;
	EL1_REGISTERS(X)
#undef X
#define X(name) uint64_t name##_el1;
	EL1_RENAMED(X)
#undef X
};

/* fp.S has this layout. */
struct fp_state {
	alignas(16) unsigned char q[32][16];
	uint64_t fpcr, fpsr;
};

#define MAX_LIST_REGISTERS 16u

/* The virtual CPU interface. */
struct vgic_state {
	uint64_t lr[MAX_LIST_REGISTERS]; /* while unloaded; the processor's while loaded */
	uint64_t vmcr, ap0r, ap1r;	 /* likewise */
	uint32_t intid[MAX_LIST_REGISTERS];
	uint32_t used;	  /* bit i: list register i holds an interrupt */
	uint32_t retired; /* bit i: it held one whose end hv is to be told */
	bool window;	  /* hv wants to know when list registers are free */
};

enum timer_tell { TELL_NOTHING, TELL_HIGH, TELL_LOW };

/* The guest's virtual timer, and what hv knows of its line. */
struct vtimer_state {
	uint64_t ctl, cval; /* while unloaded */
};

/* An access that hv has been told of and has not completed. */
struct io_plan {
	bool open;
	bool write;
	bool sign;	/* extended with the sign */
	bool wide;	/* the register is written with 64 bits */
	bool pair;	/* two elements */
	bool second;	/* it is the second of them */
	bool writeback; /* the base register moves */
	uint8_t bytes;	/* of an element */
	uint8_t reg, reg2, base;
	int16_t offset; /* bytes of the address from the base register */
	int16_t step;	/* bytes that the base moves by */
};

/* Between the two elements of a pair the guest is entered and faults again. */
struct io_half {
	bool due;
	uint64_t pc;
	uint64_t value; /* that the first read */
};

struct arch_vcpu {
	uint64_t x[31]; /* up to esr: vcpu_offsets.h */
	uint64_t pc, pstate;
	uint64_t esr;	     /* of the last exit */
	uint64_t far, hpfar; /* of the last abort */

	struct vcpu *owner;
	struct arch_s2 *s2;
	unsigned index;
	bool loaded;
	unsigned last_cpu; /* where it was loaded last, + 1; 0: nowhere yet */
	uint64_t fault_ipa;

	uint64_t undefined;	 /* system registers that the guest was refused */
	uint32_t last_undefined; /* the ISS of the last */

	/* What is to be looked at before the next entry; `attend` is all of it. */
	union {
		struct {
			bool forget; /* the last exit was a permission fault: see tlb_forget */
			bool timer_active;  /* its physical interrupt is: it does not come again */
			uint8_t timer_tell; /* enum timer_tell */
			uint8_t unused;
		};
		uint32_t attend;
	};

	struct io_plan io;
	struct io_half half;
	struct vtimer_state timer;
	struct vgic_state vgic;
	struct el1_state el1; /* while unloaded */
	struct fp_state fp;   /* while unloaded */
};

/* Register 31 is the zero register. */
static inline uint64_t vcpu_x(const struct arch_vcpu *v, unsigned n)
{
	return n < 31 ? v->x[n] : 0;
}

static inline void vcpu_x_set(struct arch_vcpu *v, unsigned n, uint64_t value)
{
	if (n < 31)
		v->x[n] = value;
}

/* switch.c: the stack pointer that the guest uses now; register 31 of an address. */
uint64_t vcpu_sp(const struct arch_vcpu *v);
void vcpu_sp_set(struct arch_vcpu *v, uint64_t value);

/* inject.c: the guest takes an exception to its EL1 at the next entry. Only while loaded. */
void inject_undefined(struct arch_vcpu *v);
/* A synchronous external abort for the access of the last exit. */
void inject_external_abort(struct arch_vcpu *v, bool instruction);
/* inject.c: pstate and vector offset of an exception to EL1 taken from `pstate`; pure. */
uint64_t inject_pstate(uint64_t pstate, uint64_t sctlr);
uint64_t inject_offset(uint64_t pstate);

/*
 * sysreg.c: the trapped MSR, MRS or SYS of the last exit. true: served, or refused to the guest;
 * false: *out says what it asks of hv.
 */
bool sysreg_serve(struct arch_vcpu *v, struct exit *out);

/* idregs.c: what an identification register of op1 = 0, CRn = 0 shows a guest: an allow-list. */
uint64_t idreg_value(unsigned crm, unsigned op2);
/* The same for a known value of the processor's; pure. */
uint64_t idreg_allowed(unsigned crm, unsigned op2, uint64_t host, unsigned ipa_bits);

/*
 * decode.c: what a load or store instruction does, as far as the syndrome does not say it. false:
 * it is none that can be served.
 */
bool decode_instruction(uint32_t instruction, struct io_plan *plan);

/* gwalk.c: the guest's stage 1, asked of the processor; false: it does not translate. */
bool gwalk(struct arch_vcpu *v, uint64_t va, uint64_t *gpa);

/* exits.c: of each kind: true: *out is for hv; false: served, the guest goes on. */
__attribute__((noinline)) bool exit_abort(struct arch_vcpu *v, uint64_t esr, struct exit *out);
__attribute__((noinline, cold)) bool exit_other(struct arch_vcpu *v, unsigned how,
						struct exit *out);

/* traps.S */
void guest_enter(void); /* not by C's conventions: see enter() in vcpu.c */
/* fp.S */
void fp_save(struct fp_state *to);
void fp_load(const struct fp_state *from);

#endif
