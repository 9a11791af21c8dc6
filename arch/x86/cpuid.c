/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID tells a guest (APM volume 3, appendix E): an allow-list. A leaf that is not here reads
 * as zeros, a feature whose bit is not here is absent. Left out on purpose: the APIC and all that
 * needs it, MTRRs, machine checks, SVM, monitoring, TSC_AUX (RDTSCP, RDPID), topology beyond one
 * thread.
 */
#include "arch/x86/vcpu.h"

#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "arch/x86/npt.h"

#define BIT(n) (1u << (n))

/* Leaf 1. ECX: SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C
 * RDRAND. */
#define L1_ECX                                                                                  \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) | BIT(20) | BIT(22) | \
	 BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define L1_ECX_OSXSAVE BIT(27)
#define L1_ECX_HYPERVISOR BIT(31)
/* EDX: FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2. */
#define L1_EDX_COMMON /* the same bits in leaf 8000_0001 */                                \
	(BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(13) | \
	 BIT(15) | BIT(16) | BIT(17) | BIT(23) | BIT(24))
#define L1_EDX (L1_EDX_COMMON | BIT(11) | BIT(19) | BIT(25) | BIT(26))

/* Leaf 7. EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. */
#define L7_EBX                                                                               \
	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(18) | BIT(19) | \
	 BIT(20) | BIT(23) | BIT(24) | BIT(29))
/* ECX: UMIP PKU VAES VPCLMULQDQ. EDX: FSRM. */
#define L7_ECX (BIT(2) | BIT(3) | BIT(9) | BIT(10))
#define L7_ECX_OSPKE BIT(4)
#define L7_EDX BIT(4)

/* Leaf D, sub-leaf 1, EAX: XSAVEOPT XSAVEC XGETBV1. */
#define LD1_EAX (BIT(0) | BIT(1) | BIT(2))

/* Leaf 8000_0001. ECX: LAHF CR8 ABM SSE4A MISALIGN PREFETCH XOP FMA4 TBM. */
#define E1_ECX (BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) | BIT(16) | BIT(21))
/* EDX: SYSCALL NX MMXEXT FFXSR 1GB LM 3DNOWEXT 3DNOW. */
#define E1_EDX                                                                                 \
	(L1_EDX_COMMON | BIT(11) | BIT(20) | BIT(22) | BIT(25) | BIT(26) | BIT(29) | BIT(30) | \
	 BIT(31))
#define E7_EDX BIT(8)		 /* the TSC's rate never changes */
#define E8_EBX (BIT(0) | BIT(2)) /* CLZERO, XSAVEERPTR */

/* Documentation/virt/kvm/x86/cpuid.rst: the signature, and features of leaf 4000_0001. */
#define CLOCK_SOURCE2 BIT(3)
#define CLOCK_STABLE BIT(24)

#define MAX_BASIC 0xdu
#define MAX_EXTENDED 0x80000008u
#define PV_SIGNATURE 0x40000000u
#define PV_FEATURES 0x40000001u

static struct cpuid leaf_1(const struct arch_vcpu *v)
{
	struct cpuid r = cpuid(1, 0);

	/* The cache line's size; one logical processor; the number that an APIC would have. */
	r.ebx = (r.ebx & 0xff00) | 1u << 16 | (uint32_t)v->index << 24;
	r.ecx = (r.ecx & L1_ECX) | L1_ECX_HYPERVISOR;
	if (v->vmcb.cr4 & CR4_OSXSAVE)
		r.ecx |= L1_ECX_OSXSAVE;
	r.edx &= L1_EDX;
	return r;
}

static struct cpuid leaf_7(const struct arch_vcpu *v, uint32_t sub)
{
	struct cpuid r = cpuid(7, 0);

	if (sub != 0)
		return (struct cpuid){ 0 };
	r.eax = 0; /* the last sub-leaf */
	r.ebx &= L7_EBX;
	r.ecx &= L7_ECX;
	if (v->vmcb.cr4 & CR4_PKE)
		r.ecx |= L7_ECX_OSPKE;
	r.edx &= L7_EDX;
	return r;
}

/* XCR0 is the guest's while it is loaded, so the size in sub-leaf 0's EBX is its own. */
static struct cpuid leaf_d(uint32_t sub)
{
	struct cpuid r;

	if (fpu_components() == 0 || sub >= 63)
		return (struct cpuid){ 0 };
	r = cpuid(0xd, sub);
	if (sub == 1)
		return (struct cpuid){ .eax = r.eax & LD1_EAX };
	if (sub >= 2 && (fpu_components() >> sub & 1) == 0)
		return (struct cpuid){ 0 };
	return r;
}

static struct cpuid leaf_basic(const struct arch_vcpu *v, uint32_t leaf, uint32_t sub)
{
	struct cpuid r = { 0 };

	switch (leaf) {
	case 0:
		r = cpuid(0, 0);
		r.eax = r.eax < MAX_BASIC ? r.eax : MAX_BASIC;
		return r;
	case 1: return leaf_1(v);
	case 7: return leaf_7(v, sub);
	case 0xd: return leaf_d(sub);
	default: return r;
	}
}

static struct cpuid leaf_extended(uint32_t leaf)
{
	struct cpuid r = cpuid(leaf, 0);

	switch (leaf) {
	case 0x80000000: r.eax = r.eax < MAX_EXTENDED ? r.eax : MAX_EXTENDED; return r;
	case 0x80000001:
		r.ebx = 0;
		r.ecx &= E1_ECX;
		r.edx &= E1_EDX;
		return r;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004: /* the name */
	case 0x80000005:
	case 0x80000006: return r; /* caches and TLBs */
	case 0x80000007: return (struct cpuid){ .edx = r.edx & E7_EDX };
	case 0x80000008:
		return (struct cpuid){ .eax = 48u << 8 | npt_physical_bits(),
				       .ebx = r.ebx & E8_EBX };
	default: return (struct cpuid){ 0 };
	}
}

void cpuid_serve(struct arch_vcpu *v)
{
	uint32_t leaf = (uint32_t)v->vmcb.rax, sub = (uint32_t)v->regs[RCX];
	struct cpuid r = { 0 };

	if (leaf == PV_SIGNATURE && v->pv_clock)
		r = (struct cpuid){ PV_FEATURES, 0x4b4d564b, 0x564b4d56, 0x4d };
	else if (leaf == PV_FEATURES && v->pv_clock)
		r.eax = CLOCK_SOURCE2 | CLOCK_STABLE;
	else if (leaf <= MAX_BASIC)
		r = leaf_basic(v, leaf, sub);
	else if (leaf >= 0x80000000 && leaf <= MAX_EXTENDED)
		r = leaf_extended(leaf);
	v->vmcb.rax = r.eax;
	v->regs[RBX] = r.ebx;
	v->regs[RCX] = r.ecx;
	v->regs[RDX] = r.edx;
}
