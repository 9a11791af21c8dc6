/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the identification registers tell a guest (Arm ARM D17.2): an allow-list of 4-bit fields. A
 * register that is not here reads as zero, which says "absent" in nearly all fields. Left out on
 * purpose: AArch32, EL2 and EL3, SVE, pointer authentication, memory tagging, RAS, activity
 * monitors, the performance monitor, LORegions, everything that needs EL2's help.
 */
#include "arch/arm64/vcpu.h"

#include "arch/arm64/cpu.h"
#include "arch/arm64/stage2.h"

#define F(shift) (UINT64_C(15) << (shift))

/* FP, AdvSIMD, DIT, CSV3. */
#define PFR0_HOST (F(16) | F(20) | F(48) | F(60))
#define PFR0_FIXED (UINT64_C(1) | UINT64_C(1) << 4 | UINT64_C(1) << 24) /* EL0, EL1; GICv3 */
#define PFR0_CSV2_SHIFT 56u
/* BTI, SSBS. */
#define PFR1_HOST (F(0) | F(4))
/* Version 8 debug; two breakpoints, two watchpoints: the least there can be. */
#define DFR0_FIXED (UINT64_C(6) | UINT64_C(1) << 12 | UINT64_C(1) << 20)
/* AES SHA1 SHA2 CRC32 atomics, RDM SHA3 SM3 SM4 DP FHM TS TLB RNDR; not TME. */
#define ISAR0_HOST (~UINT64_C(0) & ~F(0) & ~F(24))
/* DPB JSCVT FCMA LRCPC FRINTTS SB SPECRES BF16 DGH I8MM. */
#define ISAR1_HOST (F(0) | F(12) | F(16) | F(20) | F(32) | F(36) | F(40) | F(44) | F(48) | F(52))
/* ASID size, mixed endianness, EXS. The granules are looked at one by one. */
#define MMFR0_HOST (F(4) | F(8) | F(16) | F(24) | F(44))
#define MMFR0_GRANULE16_SHIFT 20u
#define MMFR0_GRANULE4_SHIFT 28u
/* HAFDBS HPDS PAN ETS. */
#define MMFR1_HOST (F(0) | F(12) | F(20) | F(36))
/* CnP UAO LSM CCIDX ST AT IDS TTL BBM E0PD. */
#define MMFR2_HOST (F(0) | F(4) | F(8) | F(20) | F(28) | F(32) | F(36) | F(48) | F(52) | F(60))

static uint64_t field(uint64_t value, unsigned shift)
{
	return value >> shift & 15;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

/* The guest's physical addresses are as wide as stage 2's input; no 52-bit formats. */
static uint64_t mmfr0(uint64_t host, unsigned ipa_bits)
{
	static const unsigned char bits[] = { 32, 36, 40, 42, 44, 48 };
	uint64_t granule4 = field(host, MMFR0_GRANULE4_SHIFT), range = 0;

	while (bits[range] < ipa_bits)
		range++;
	return range | (host & MMFR0_HOST) |
	       at_most(field(host, MMFR0_GRANULE16_SHIFT), 1) << MMFR0_GRANULE16_SHIFT |
	       (granule4 == 15 ? granule4 : 0) << MMFR0_GRANULE4_SHIFT;
}

uint64_t idreg_allowed(unsigned crm, unsigned op2, uint64_t host, unsigned ipa_bits)
{
	switch (crm << 4 | op2) {
	case 0x40:
		return PFR0_FIXED | (host & PFR0_HOST) |
		       at_most(field(host, PFR0_CSV2_SHIFT), 1) << PFR0_CSV2_SHIFT;
	case 0x41: return host & PFR1_HOST;
	case 0x50: return DFR0_FIXED;
	case 0x60: return host & ISAR0_HOST;
	case 0x61: return host & ISAR1_HOST;
	case 0x70: return mmfr0(host, ipa_bits);
	case 0x71: return host & MMFR1_HOST;
	case 0x72: return host & MMFR2_HOST;
	default: return 0;
	}
}

#ifdef __aarch64__
static uint64_t host_value(unsigned crm, unsigned op2)
{
	switch (crm << 4 | op2) {
	case 0x40: return read_sysreg(id_aa64pfr0_el1);
	case 0x41: return read_sysreg(id_aa64pfr1_el1);
	case 0x60: return read_sysreg(id_aa64isar0_el1);
	case 0x61: return read_sysreg(id_aa64isar1_el1);
	case 0x70: return read_sysreg(id_aa64mmfr0_el1);
	case 0x71: return read_sysreg(id_aa64mmfr1_el1);
	case 0x72: return read_sysreg(s3_0_c0_c7_2);
	default: return 0;
	}
}

uint64_t idreg_value(unsigned crm, unsigned op2)
{
	return idreg_allowed(crm, op2, host_value(crm, op2), stage2_ipa_bits());
}
#endif
