/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage-2 translation of arm64 (Arm ARM D8): what the processor offers, the shape of the trees, and
 * the registers that select one. The codec (stage2.c) and the VMIDs (vmid.c) are pure C; what
 * touches the processor stands in tlb.c.
 */
#ifndef ARCH_ARM64_STAGE2_H
#define ARCH_ARM64_STAGE2_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"

/* What a processor can do for stage 2; all CPUs must be alike. */
struct stage2_features {
	unsigned pa_bits;	 /* 32..48 of physical addresses */
	unsigned vmid_bits;	 /* 8 or 16 */
	bool hw_young, hw_dirty; /* FEAT_HAFDBS */
	bool xnx;		 /* execution at EL1 and EL0 are told apart */
	bool fwb;		 /* stage 2 decides the memory type alone (FEAT_S2FWB) */
	bool ranges;		 /* TLBs are emptied by ranges of addresses (FEAT_TLBIRANGE) */
};

extern struct stage2_features stage2;

/* From ID_AA64MMFR0, 1 and 2, and ID_AA64ISAR0 (D17.2). */
struct stage2_features stage2_features(uint64_t mmfr0, uint64_t mmfr1, uint64_t mmfr2,
				       uint64_t isar0);

/* Sets `stage2` and the geometry that goes with it. */
void stage2_configure(struct stage2_features features);

/* Guest physical addresses have this many bits: those of the processor, at most 42, which three
 * levels and up to eight concatenated roots reach. */
unsigned stage2_ipa_bits(void);

/* VTCR_EL2 for these features and this geometry. */
uint64_t stage2_vtcr(void);

/* ---- VMIDs (vmid.c) ---- */

struct vmid_pool {
	uint64_t used[1024]; /* bit n: VMID n belongs to a live tree */
	uint32_t count;	     /* VMIDs that the processor has, 256 or 65536 */
	uint32_t next;	     /* where the search goes on */
	uint32_t live;
};

/* VMID 0 is nobody's: the host's own while no guest is loaded. */
void vmid_pool_init(struct vmid_pool *p, unsigned bits);

/*
 * A VMID that no live tree has, 0: there is none. VMIDs are given out in turn, so one that was
 * given back is not used again before the search has come round; *rollover says that it has, and
 * that all TLBs must be emptied of every guest's entries before the VMID is used.
 */
uint32_t vmid_get(struct vmid_pool *p, bool *rollover);
void vmid_put(struct vmid_pool *p, uint32_t vmid);

/* ---- The processor's side (tlb.c) ---- */

/* A new entry is seen by the processors' walkers from now on. */
void stage2_published(void);

/*
 * FEAT_TLBIRANGE: the operand of an invalidation that begins at page `from` and covers *pages, at
 * least 2 and at most `left` of them; 0: there is none that small. Pure.
 */
uint64_t tlb_range(uint64_t from, uint64_t left, uint64_t *pages);

/* NULL, or what this processor lacks. */
const char *stage2_check(void);
/* On the boot CPU, before the first tree. */
void stage2_init(void);
/* On each CPU. */
void stage2_enable(void);

/* The value of VTTBR_EL2 that selects a tree. */
static inline uint64_t stage2_vttbr(const struct arch_s2 *s2)
{
	return s2->tag << 48 | s2->root.v;
}

/*
 * Empties this CPU's TLB of one guest page of the tree that is loaded: after a permission fault the
 * entry may have been widened in memory while the TLB keeps the narrow one.
 */
void tlb_forget(uint64_t ipa, uint64_t va, bool table_walk);

#endif
