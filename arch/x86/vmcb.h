/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine control block (APM volume 2, appendix B) and the numbers that stand in it.
 * The processor reads and writes it at VMRUN and #VMEXIT; C code sees it only outside the guest.
 */
#ifndef ARCH_X86_VMCB_H
#define ARCH_X86_VMCB_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes; /* bits 0..7: of the descriptor's byte 5, 8..11: of its byte 6 */
	uint32_t limit;
	uint64_t base;
};

#define SEGMENT_LONG 0x200u    /* L */
#define SEGMENT_DEFAULT 0x400u /* D/B */

struct vmcb {
	/* Control area. */
	uint16_t cr_read, cr_write, dr_read,
		dr_write; /* 0x000: intercepts, a bit for each register */
	uint32_t exceptions;
	uint32_t intercept1, intercept2, intercept3;
	uint8_t reserved018[0x03c - 0x018];
	uint16_t pause_threshold, pause_count;
	uint64_t iopm, msrpm;
	uint64_t tsc_offset;
	uint32_t asid; /* 0x058 */
	uint8_t tlb_control, reserved05d[3];
	uint64_t virtual_interrupt; /* 0x060 */
	uint64_t interrupt_state;   /* 0x068: bit 0, the interrupt shadow */
	uint64_t exit_code;
	uint64_t exit_info_1, exit_info_2;
	uint64_t exit_interrupt_info; /* 0x088 */
	uint64_t nested_control;
	uint8_t reserved098[0x0a8 - 0x098];
	uint64_t event_injection; /* 0x0a8 */
	uint64_t nested_cr3;
	uint64_t lbr_control;
	uint64_t clean;
	uint64_t next_rip; /* 0x0c8: only where CPUID says NRIPS */
	uint8_t reserved0d0[0x400 - 0x0d0];

	/* State save area. */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved4a0[0x4cb - 0x4a0];
	uint8_t cpl;
	uint8_t reserved4cc[4];
	uint64_t efer; /* 0x4d0 */
	uint8_t reserved4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved580[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t reserved5e0[0x5f8 - 0x5e0];
	uint64_t rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base; /* 0x600, VMLOAD and VMSAVE */
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2;
	uint8_t reserved648[0x668 - 0x648];
	uint64_t g_pat;
	uint64_t debug_control;
	uint8_t reserved678[0x1000 - 0x678];
};

_Static_assert(offsetof(struct vmcb, pause_threshold) == 0x03c, "APM appendix B");
_Static_assert(offsetof(struct vmcb, asid) == 0x058, "APM appendix B");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x070, "APM appendix B");
_Static_assert(offsetof(struct vmcb, event_injection) == 0x0a8, "APM appendix B");
_Static_assert(offsetof(struct vmcb, next_rip) == 0x0c8, "APM appendix B");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "APM appendix B");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "APM appendix B");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "APM appendix B");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "APM appendix B");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "APM appendix B");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "APM appendix B");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "APM appendix B");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "APM appendix B");
_Static_assert(sizeof(struct vmcb) == 0x1000, "one page");

/* cr_write: */
#define INTERCEPT_CR8 (1u << 8)
/* exceptions: */
#define INTERCEPT_MC (1u << 18)
/* intercept1: */
#define INTERCEPT_INTR (1u << 0)
#define INTERCEPT_NMI (1u << 1)
#define INTERCEPT_INIT (1u << 3)
#define INTERCEPT_VINTR (1u << 4)
#define INTERCEPT_RDPMC (1u << 15)
#define INTERCEPT_CPUID (1u << 18)
#define INTERCEPT_INVD (1u << 22)
#define INTERCEPT_HLT (1u << 24)
#define INTERCEPT_INVLPGA (1u << 26)
#define INTERCEPT_IOIO (1u << 27)
#define INTERCEPT_MSR (1u << 28)
#define INTERCEPT_SHUTDOWN (1u << 31)
/* intercept2: */
#define INTERCEPT_VMRUN (1u << 0)
#define INTERCEPT_VMMCALL (1u << 1)
#define INTERCEPT_VMLOAD (1u << 2)
#define INTERCEPT_VMSAVE (1u << 3)
#define INTERCEPT_STGI (1u << 4)
#define INTERCEPT_CLGI (1u << 5)
#define INTERCEPT_SKINIT (1u << 6)
#define INTERCEPT_MONITOR (1u << 10)
#define INTERCEPT_MWAIT (1u << 11)

/* tlb_control (APM volume 2, 15.16.2): */
#define TLB_NOTHING 0u
#define TLB_FLUSH_ALL 1u
#define TLB_FLUSH_ASID 3u /* only where CPUID says FlushByAsid */

/* virtual_interrupt: */
#define V_TPR_MASK UINT64_C(0xff)
#define V_IRQ (UINT64_C(1) << 8)
#define V_PRIORITY_HIGHEST (UINT64_C(15) << 16)
#define V_IGNORE_TPR (UINT64_C(1) << 20)
#define V_INTR_MASKING (UINT64_C(1) << 24)

#define INTERRUPT_SHADOW UINT64_C(1)
#define NESTED_PAGING UINT64_C(1)

/* event_injection and exit_interrupt_info (APM volume 2, 15.20): */
#define EVENT_VECTOR(e) ((unsigned)((e)&0xff))
#define EVENT_TYPE(e) ((unsigned)((e) >> 8 & 7))
#define EVENT_INTERRUPT 0u
#define EVENT_NMI 2u
#define EVENT_EXCEPTION 3u
#define EVENT_SOFTWARE 4u
#define EVENT_HAS_ERROR (UINT64_C(1) << 11)
#define EVENT_VALID (UINT64_C(1) << 31)
#define EVENT(type, vector) (EVENT_VALID | (uint64_t)(type) << 8 | (vector))

/* exit_code (APM volume 2, appendix C), its low 32 bits. */
#define VMEXIT_CR8_WRITE 0x018u
#define VMEXIT_EXCEPTION 0x040u /* + vector */
#define VMEXIT_INTR 0x060u
#define VMEXIT_NMI 0x061u
#define VMEXIT_INIT 0x063u
#define VMEXIT_VINTR 0x064u
#define VMEXIT_RDPMC 0x06fu
#define VMEXIT_CPUID 0x072u
#define VMEXIT_INVD 0x076u
#define VMEXIT_HLT 0x078u
#define VMEXIT_INVLPGA 0x07au
#define VMEXIT_IOIO 0x07bu
#define VMEXIT_MSR 0x07cu
#define VMEXIT_SHUTDOWN 0x07fu
#define VMEXIT_VMRUN 0x080u
#define VMEXIT_VMMCALL 0x081u
#define VMEXIT_VMLOAD 0x082u
#define VMEXIT_VMSAVE 0x083u
#define VMEXIT_STGI 0x084u
#define VMEXIT_CLGI 0x085u
#define VMEXIT_SKINIT 0x086u
#define VMEXIT_MONITOR 0x08au
#define VMEXIT_MWAIT 0x08bu
#define VMEXIT_NPF 0x400u
#define VMEXIT_INVALID 0xffffffffu

/* exit_info_1 of an NPF: a page fault's error code, and where it happened. */
#define NPF_PRESENT (UINT64_C(1) << 0)
#define NPF_WRITE (UINT64_C(1) << 1)
#define NPF_RESERVED (UINT64_C(1) << 3)
#define NPF_EXEC (UINT64_C(1) << 4)
#define NPF_TABLE_WALK (UINT64_C(1) << 33)

/* exit_info_1 of an IOIO. */
#define IOIO_IN (UINT64_C(1) << 0)
#define IOIO_STRING (UINT64_C(1) << 2)
#define IOIO_REP (UINT64_C(1) << 3)
#define IOIO_BYTES(info) ((unsigned)((info) >> 4 & 7)) /* 1, 2 or 4 */
#define IOIO_PORT(info) ((info) >> 16 & 0xffff)

#endif
