/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's life: made, started in the state a loader asks for, brought onto a CPU, entered. The TLB
 * rule stands here: what a CPU's TLB holds under an ASID belongs to the vCPU that used that ASID
 * last on it, up to the flush generation it saw; anything else is flushed at the entry.
 */
#include "arch/x86/vcpu.h"

#include <string.h>

#include "arch/x86/assert.h"
#include "arch/x86/cpu.h"
#include "arch/x86/exits.h"
#include "arch/x86/fpu.h"
#include "arch/x86/npt.h"
#include "arch/x86/paging.h"
#include "arch/x86/percpu.h"
#include "arch/x86/svm_maps.h"

#define ORDER 1u
const unsigned arch_vcpu_order = ORDER;

_Static_assert(offsetof(struct arch_vcpu, regs) == VCPU_REGS, "svm_run.S uses it");
_Static_assert(offsetof(struct arch_vcpu, vmcb_pa) == VCPU_VMCB_PA, "svm_run.S uses it");
_Static_assert(offsetof(struct vmcb, interrupt_state) == VCPU_INTERRUPT_STATE, "svm_run.S uses it");
_Static_assert(sizeof(struct arch_vcpu) <= PAGE_SIZE << ORDER, "hv gives this many pages");
_Static_assert(offsetof(struct arch_vcpu, fpu) % 64 == 0, "XSAVE asks for it");

#define DR6_RESET UINT64_C(0xffff0ff0)
#define DR7_RESET UINT64_C(0x400)
#define PAT_RESET UINT64_C(0x0007040600070406)

/* Attributes: present, privilege 0, accessed; 4 KiB granules where flat. */
#define CODE16 0x09bu
#define CODE32 (0x89bu | SEGMENT_DEFAULT)
#define CODE64 (0x89bu | SEGMENT_LONG)
#define DATA16 0x093u
#define DATA32 (0x893u | SEGMENT_DEFAULT)
#define TSS_BUSY 0x08bu
#define LDT 0x082u

#define BOOT_CODE 0x10u /* the selectors that the Linux boot protocol wants */
#define BOOT_DATA 0x18u
#define BOOT_GDT_BYTES 32u

void arch_vcpu_init(struct arch_vcpu *v, struct vcpu *owner, unsigned index, struct arch_s2 *s2,
		    bool pv_clock)
{
	struct vmcb *c = &v->vmcb;

	memset(v, 0, sizeof *v);
	v->owner = owner;
	v->index = index;
	v->s2 = s2;
	v->pv_clock = pv_clock;
	v->vmcb_pa = phys_of(v).v;
	v->last_cpu = ARCH_MAX_CPUS;
	c->cr_write = INTERCEPT_CR8;
	c->exceptions = INTERCEPT_MC;
	c->intercept1 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_RDPMC |
			INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_HLT | INTERCEPT_INVLPGA |
			INTERCEPT_IOIO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN;
	c->intercept2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE |
			INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_MONITOR |
			INTERCEPT_MWAIT;
	c->iopm = svm_iopm();
	c->msrpm = svm_msrpm();
	c->asid = (uint32_t)s2->tag;
	c->virtual_interrupt = V_INTR_MASKING;
	c->nested_control = NESTED_PAGING;
	c->nested_cr3 = s2->root.v;
	c->efer = EFER_SVME;
	c->dr6 = DR6_RESET;
	c->dr7 = DR7_RESET;
	c->g_pat = PAT_RESET;
	c->rflags = RFLAGS_FIXED;
	c->cr0 = CR0_ET;
	fpu_reset(v);
}

static struct vmcb_segment segment(unsigned selector, unsigned attributes, uint64_t base)
{
	return (struct vmcb_segment){
		.selector = (uint16_t)selector,
		.attributes = (uint16_t)attributes,
		.limit = attributes & 0x800 ? UINT32_MAX : 0xffff,
		.base = base,
	};
}

static void segments(struct vmcb *c, struct vmcb_segment code, struct vmcb_segment data)
{
	c->cs = code;
	c->ds = c->es = c->ss = c->fs = c->gs = data;
	c->ldtr = segment(0, LDT, 0);
	c->tr = segment(0, TSS_BUSY, 0);
	c->gdtr.limit = c->idtr.limit = 0xffff;
}

void arch_vcpu_start(struct arch_vcpu *v, const struct vcpu_start *start)
{
	struct vmcb *c = &v->vmcb;

	c->rip = start->entry.v;
	switch (start->mode) {
	case VCPU_REAL16:
		c->rip = 0;
		segments(c,
			 segment((unsigned)(start->entry.v >> 4) & 0xffff, CODE16, start->entry.v),
			 segment(0, DATA16, 0));
		break;
	case VCPU_NATIVE:
	case VCPU_FLAT32:
		c->cr0 = CR0_PE | CR0_ET;
		segments(c, segment(BOOT_CODE, CODE32, 0), segment(BOOT_DATA, DATA32, 0));
		break;
	case VCPU_LONG64:
		c->cr0 = CR0_PE | CR0_ET | CR0_PG;
		c->cr4 = CR4_PAE;
		c->cr3 = start->tables.v;
		c->efer = EFER_SVME | EFER_LME | EFER_LMA;
		segments(c, segment(BOOT_CODE, CODE64, 0), segment(BOOT_DATA, DATA32, 0));
		break;
	}
	if (start->gdt.v != 0) {
		c->gdtr.base = start->gdt.v;
		c->gdtr.limit = BOOT_GDT_BYTES - 1;
	}
	c->rax = start->arg[0];
	v->regs[RBX] = start->arg[1];
	v->regs[RSI] = start->arg[2];
	v->regs[RDI] = start->arg[3];
	c->rsp = start->stack;
}

/* ---- On and off a CPU ------------------------------------------------------------------------ */

static void debug_load(const struct arch_vcpu *v)
{
	__asm__ volatile("mov %0, %%dr0" ::"r"(v->dr[0]));
	__asm__ volatile("mov %0, %%dr1" ::"r"(v->dr[1]));
	__asm__ volatile("mov %0, %%dr2" ::"r"(v->dr[2]));
	__asm__ volatile("mov %0, %%dr3" ::"r"(v->dr[3]));
}

static void debug_save(struct arch_vcpu *v)
{
	__asm__ volatile("mov %%dr0, %0" : "=r"(v->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(v->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(v->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(v->dr[3]));
}

void arch_vcpu_load(struct arch_vcpu *v)
{
	struct cpu *c = this_cpu();

	if (c->asid_user[v->vmcb.asid] != v || v->last_cpu != c->id)
		v->seen_gen = 0; /* no tree's generation: the next entry flushes */
	c->asid_user[v->vmcb.asid] = v;
	v->last_cpu = c->id;
	fpu_load(v);
	debug_load(v);
	v->loaded = true;
}

void arch_vcpu_unload(struct arch_vcpu *v)
{
	v->loaded = false;
	fpu_save(v);
	debug_save(v);
}

/* ---- Entry ----------------------------------------------------------------------------------- */

/*
 * No emulator misses a local flush, so debug builds keep their own account: whoever enters without
 * one must find that this CPU flushed for the same vCPU at the same generation.
 */
static inline void account_flush(const struct arch_vcpu *v, uint64_t gen)
{
#ifdef DEBUG
	struct cpu *c = this_cpu();
	uint32_t asid = v->vmcb.asid;

	X86_ASSERT(v->loaded && v->last_cpu == c->id && c->asid_user[asid] == v,
		   "a vCPU is entered on a CPU that it was not loaded on");
	if (v->vmcb.tlb_control != TLB_NOTHING)
		c->asid_gen[asid] = gen;
	X86_ASSERT(c->asid_gen[asid] == gen,
		   "a vCPU is entered without the flush that was asked for");
#else
	(void)v, (void)gen;
#endif
}

/* One entry and exit. svm_run takes v in rdi and keeps rbp and rsp only. */
static inline void enter(struct arch_vcpu *v)
{
	__asm__ volatile("call svm_run"
			 : "+D"(v)
			 :
			 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
			   "r13", "r14", "r15", "cc", "memory");
}

/*
 * Part of hv's loop where the linker can see both: then the loop alone saves the registers that the
 * guest's take the place of. The generation is read anew for each entry, after whatever made the
 * caller's mark visible.
 */
__attribute__((always_inline)) void arch_vcpu_run(struct arch_vcpu *v, struct exit *out)
{
	do {
		uint64_t gen = __c11_atomic_load(&v->s2->flush_gen, __ATOMIC_ACQUIRE);

		if (__builtin_expect(gen != v->seen_gen, false)) {
			v->vmcb.tlb_control = npt_flush_command();
			v->seen_gen = gen;
		}
		account_flush(v, gen);
		enter(v);
		v->vmcb.tlb_control = TLB_NOTHING;
		if (__builtin_expect((v->vmcb.exit_interrupt_info & EVENT_VALID) != 0, false))
			inject_again(v);
	} while (!exit_decode(v, out));
}

/* In 32-bit mode the upper half of a register is nothing that a guest may rely on. */
void arch_vcpu_hypercall_return(struct arch_vcpu *v, uint64_t value)
{
	v->vmcb.rax = value;
}

/* A PC's firmware is not called through the hypervisor. */
void arch_vcpu_firmware_return(struct arch_vcpu *v, const uint64_t *values, unsigned count)
{
	(void)v, (void)values, (void)count;
}

uint64_t arch_vcpu_pc(const struct arch_vcpu *v)
{
	return v->vmcb.rip;
}

uint64_t arch_vcpu_refused(const struct arch_vcpu *v)
{
	return __atomic_load_n(&v->refused, __ATOMIC_RELAXED);
}
