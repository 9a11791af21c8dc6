/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor in C: system registers, barriers, and the bits of them that the port uses (Arm ARM
 * DDI 0487, chapters D13 and D17 have the encodings).
 */
#ifndef ARCH_ARM64_CPU_H
#define ARCH_ARM64_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Two steps each, so that a register's name may be a macro. */
#define read_sysreg(name) read_sysreg_(name)
#define write_sysreg(name, value) write_sysreg_(name, value)
#define read_sysreg_(name)                                         \
	({                                                         \
		uint64_t value_;                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)); \
		value_;                                            \
	})
#define write_sysreg_(name, value) \
	__asm__ volatile("msr " #name ", %x0" : : "rZ"((uint64_t)(value)) : "memory")

#define isb() __asm__ volatile("isb" : : : "memory")
#define dsb(domain) __asm__ volatile("dsb " #domain : : : "memory")
#define yield() __asm__ volatile("yield" : : : "memory")
#define wfi() __asm__ volatile("wfi" : : : "memory")

/*
 * EL2 runs with VHE (HCR_EL2.E2H) wherever the processor has it; the loaders see to it. The names
 * of EL1's registers that EL2 has one of too mean EL2's own then, and a guest's are called _EL12;
 * so are those of its virtual timer, _EL02. A guest's register is accessed by these, without its
 * suffix: read_el1(sctlr), write_el0(cntv_ctl, 0).
 */
extern bool cpu_vhe;
#define read_el1(name) (cpu_vhe ? read_sysreg(name##_el12) : read_sysreg(name##_el1))
#define read_el0(name) (cpu_vhe ? read_sysreg(name##_el02) : read_sysreg(name##_el0))
#define write_el1(name, value)                            \
	do {                                              \
		if (cpu_vhe)                              \
			write_sysreg(name##_el12, value); \
		else                                      \
			write_sysreg(name##_el1, value);  \
	} while (0)
#define write_el0(name, value)                            \
	do {                                              \
		if (cpu_vhe)                              \
			write_sysreg(name##_el02, value); \
		else                                      \
			write_sysreg(name##_el0, value);  \
	} while (0)

/* HCR_EL2: what is caught, and how a guest's EL1 and EL0 run. */
#define HCR_VM (UINT64_C(1) << 0)
#define HCR_SWIO (UINT64_C(1) << 1)
#define HCR_FMO (UINT64_C(1) << 3)
#define HCR_IMO (UINT64_C(1) << 4)
#define HCR_AMO (UINT64_C(1) << 5)
#define HCR_FB (UINT64_C(1) << 9)
#define HCR_BSU_INNER (UINT64_C(1) << 10)
#define HCR_TWI (UINT64_C(1) << 13)
#define HCR_TID1 (UINT64_C(1) << 16)
#define HCR_TID3 (UINT64_C(1) << 18)
#define HCR_TSC (UINT64_C(1) << 19)
#define HCR_TIDCP (UINT64_C(1) << 20)
#define HCR_TACR (UINT64_C(1) << 21)
#define HCR_TSW (UINT64_C(1) << 22)
#define HCR_TGE (UINT64_C(1) << 27)
#define HCR_RW (UINT64_C(1) << 31)
#define HCR_E2H (UINT64_C(1) << 34)
#define HCR_TERR (UINT64_C(1) << 36)
#define HCR_FWB (UINT64_C(1) << 46)

/* HCR_EL2 while no guest is loaded: only interrupts come to EL2. TGE stays 0. */
static inline uint64_t hcr_host(void)
{
	return HCR_RW | HCR_IMO | HCR_FMO | HCR_AMO | (cpu_vhe ? HCR_E2H : 0);
}

/*
 * CPTR_EL2: FP is the guest's; SVE, SME, trace and activity monitors are caught. Without VHE by TZ,
 * TSM, TTA and TAM, and bits that are 1; with it by FPEN = 3, ZEN = SMEN = 0, TTA and TAM.
 */
#define CPTR_GUEST 0x401033ffu
#define CPTR_GUEST_VHE 0x50300000u
/* MDCR_EL2: TPM, TPMCR; TDA, TDOSA, TDRA: the performance monitor and the debug registers are
 * caught. HPMN, bits 0..4, is added. */
#define MDCR_CAUGHT 0xe60u
/* CNTHCTL_EL2: the guest reads the physical counter (EL1PCTEN), its timer is caught. */
#define CNTHCTL_GUEST 1u
#define CNTHCTL_GUEST_VHE 0x400u

/* PSTATE and SPSR. */
#define PSR_MODE 0xfu
#define PSR_EL0T 0x0u
#define PSR_EL1T 0x4u
#define PSR_EL1H 0x5u
#define PSR_AARCH32 0x10u
#define PSR_DAIF 0x3c0u
#define PSR_I 0x80u
#define PSR_IL (UINT64_C(1) << 20)
#define PSR_SS (UINT64_C(1) << 21)
#define PSR_PAN (UINT64_C(1) << 22)
#define PSR_UAO (UINT64_C(1) << 23)
#define PSR_DIT (UINT64_C(1) << 24)
#define PSR_TCO (UINT64_C(1) << 25)
#define PSR_SSBS (UINT64_C(1) << 12)
#define PSR_NZCV (UINT64_C(15) << 28)

/* SCTLR_EL1. */
#define SCTLR_EL1_RESET 0x30d00800u /* RES1 bits as of ARMv8.0, MMU and caches off */
#define SCTLR_EL1_SPAN (UINT64_C(1) << 23)
#define SCTLR_EL1_DSSBS (UINT64_C(1) << 44)

/* ESR_EL2. */
#define ESR_EC_MASK UINT64_C(0xfc000000)
#define ESR_EC(esr) ((unsigned)((esr) >> 26) & 63u)
#define ESR_ISS(esr) ((esr)&0x1ffffffu)
#define ESR_IL (UINT64_C(1) << 25)
#define EC_UNKNOWN 0x00u
#define EC_WFX 0x01u
#define EC_PAUTH 0x09u
#define EC_HVC64 0x16u
#define EC_SMC64 0x17u
#define EC_SYSREG 0x18u
#define EC_SVE 0x19u
#define EC_IABT_LOWER 0x20u
#define EC_IABT 0x21u
#define EC_DABT_LOWER 0x24u
#define EC_DABT 0x25u
#define EC_BRK64 0x3cu

/* ISS of aborts. */
#define ISS_FSC(iss) ((iss)&0x3fu)
#define ISS_WNR (1u << 6)
#define ISS_S1PTW (1u << 7)
#define ISS_CM (1u << 8)
#define ISS_FNV (1u << 10)
#define ISS_AR (1u << 14)
#define ISS_SF (1u << 15)
#define ISS_SRT(iss) ((iss) >> 16 & 31u)
#define ISS_SSE (1u << 21)
#define ISS_SAS(iss) ((iss) >> 22 & 3u)
#define ISS_ISV (1u << 24)
#define FSC_LEVEL_MASK 0x3cu
#define FSC_ADDRESS 0x00u
#define FSC_TRANSLATION 0x04u
#define FSC_ACCESS_FLAG 0x08u
#define FSC_PERMISSION 0x0cu
#define FSC_EXTERNAL 0x10u

#endif
