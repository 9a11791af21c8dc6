/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor in C: special purpose registers and the bits of them that the port uses (Power ISA
 * 3.0B, book III). */
#ifndef ARCH_PPC64_CPU_H
#define ARCH_PPC64_CPU_H

#include <stdint.h>

#define SPR_DSCR 3
#define SPR_DSISR 18
#define SPR_DAR 19
#define SPR_DEC 22
#define SPR_SRR0 26
#define SPR_SRR1 27
#define SPR_AMR 29
#define SPR_PIDR 48
#define SPR_IAMR 61
#define SPR_FSCR 153
#define SPR_UAMOR 157
#define SPR_PSPB 159
#define SPR_HFSCR 190
#define SPR_VRSAVE 256
#define SPR_TB 268
#define SPR_SPRG0 272
#define SPR_SPRG1 273
#define SPR_SPRG2 274
#define SPR_SPRG3 275
#define SPR_PVR 287
#define SPR_HSPRG0 304
#define SPR_HDSISR 306
#define SPR_HDAR 307
#define SPR_HDEC 310
#define SPR_HSRR0 314
#define SPR_HSRR1 315
#define SPR_LPCR 318
#define SPR_LPIDR 319
#define SPR_AMOR 349
#define SPR_PTCR 464
#define SPR_BESCR 806
#define SPR_EBBHR 804
#define SPR_EBBRR 805
#define SPR_TAR 815
#define SPR_ASDR 816
#define SPR_PSSCR 855
#define SPR_HID0 1008
#define SPR_PIR 1023

#define mfspr(n)                                                          \
	({                                                                \
		uint64_t value_;                                          \
		__asm__ volatile("mfspr %0, %1" : "=r"(value_) : "i"(n)); \
		value_;                                                   \
	})
#define mtspr(n, value) \
	__asm__ volatile("mtspr %0, %1" : : "i"(n), "r"((uint64_t)(value)) : "memory")

#define isync() __asm__ volatile("isync" : : : "memory")
#define ptesync() __asm__ volatile("ptesync" : : : "memory")

#define MSR_SF (UINT64_C(1) << 63)
#define MSR_HV (UINT64_C(1) << 60)
#define MSR_EE (UINT64_C(1) << 15)
#define MSR_PR (UINT64_C(1) << 14)
#define MSR_ME (UINT64_C(1) << 12)
#define MSR_IR (UINT64_C(1) << 5)
#define MSR_RI (UINT64_C(1) << 1)
#define MSR_LE UINT64_C(1)
/* What an interrupt puts into SRR1 beside the MSR: bits 33..36 and 42..47. */
#define SRR1_CAUSE UINT64_C(0x783f0000)
#define SRR1_ILLEGAL UINT64_C(0x80000)
#define SRR1_PRIVILEGED UINT64_C(0x40000)

/*
 * The supervisor's doorbells stay pending in the thread, not in a vCPU: guests have none, and need
 * none where a vCPU is a core of its own.
 */
#define HFSCR_MSGP (UINT64_C(1) << 10)

#define LPCR_VPM1 (UINT64_C(1) << 62)
#define LPCR_ILE (UINT64_C(1) << 25)
#define LPCR_UPRT (UINT64_C(1) << 22)
#define LPCR_EVIRT (UINT64_C(1) << 21)
#define LPCR_HR (UINT64_C(1) << 20)
#define LPCR_GTSE (UINT64_C(1) << 10)
#define LPCR_LPES0 UINT64_C(0x8)
#define LPCR_HEIC UINT64_C(0x10)
#define LPCR_HDICE UINT64_C(1)

#define DEC_MAX UINT64_C(0x7fffffff) /* with LPCR.LD = 0 */

#define HID0_HILE (UINT64_C(1) << 59)

#define VECTOR_SYSTEM_RESET 0x100u
#define VECTOR_MACHINE_CHECK 0x200u
#define VECTOR_EXTERNAL 0x500u
#define VECTOR_PROGRAM 0x700u
#define VECTOR_HDEC 0x980u
#define VECTOR_SYSTEM_CALL 0xc00u
#define VECTOR_HDSI 0xe00u
#define VECTOR_HISI 0xe20u
#define VECTOR_HEAI 0xe40u
#define VECTOR_HMI 0xe60u
#define VECTOR_DOORBELL 0xe80u
#define VECTOR_HVIRT 0xea0u
#define VECTOR_HFAC 0xf80u

/* HDSISR, and HSRR1 of a hypervisor instruction storage interrupt. */
#define HDSISR_ABSENT UINT64_C(0x40000000)
#define HDSISR_PROTECTED UINT64_C(0x08000000)
#define HDSISR_STORE UINT64_C(0x02000000)
#define HDSISR_SHAPE UINT64_C(0x00080000)
#define HDSISR_RC UINT64_C(0x00040000)
#define HDSISR_WALK UINT64_C(0x00020000)
#define HISI_ABSENT UINT64_C(0x40000000)
#define HISI_RC UINT64_C(0x00040000)

#endif
