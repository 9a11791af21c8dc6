/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making removed translations unusable (Arm ARM D8.13). By address the stage-2 entries of the
 * intermediate address go first, then all entries that combine the two stages, since nobody knows
 * the virtual addresses; both are broadcast within the inner shareable domain, and the DSB waits
 * for every processor to have done it. The instructions work on the VMID of VTTBR_EL2, which is
 * changed for them where another guest's is loaded.
 */
#include "arch/arm64/stage2.h"

#include "arch/arm64/cpu.h"
#include "arch/arm64/paging.h"
#include "arch/lock.h"

/* Beyond this all of a guest's translations go: it costs less than naming each page, or range. */
#define NAMED_PAGES_MAX 32u
#define RANGED_PAGES_MAX (UINT64_C(1) << 18)

static struct vmid_pool vmids;
static struct port_lock vmid_lock;
static bool data_to_memory, instructions_stale; /* what arch_guest_sync has to do */

const char *stage2_check(void)
{
	uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	unsigned granule = mmfr0 >> 40 & 15; /* TGran4_2: 0 means "as stage 1" */

	if (granule == 1 || (granule == 0 && (mmfr0 >> 28 & 15) == 15))
		return "this processor has no stage-2 translation with 4 KiB pages";
	return NULL;
}

void stage2_init(void)
{
	uint64_t ctr = read_sysreg(ctr_el0);

	stage2_configure(
		stage2_features(read_sysreg(id_aa64mmfr0_el1), read_sysreg(id_aa64mmfr1_el1),
				read_sysreg(id_aa64mmfr2_el1), read_sysreg(id_aa64isar0_el1)));
	vmid_pool_init(&vmids, stage2.vmid_bits);
	data_to_memory = !stage2.fwb;
	instructions_stale = (ctr >> 29 & 1) == 0; /* CTR_EL0.DIC */
}

void stage2_enable(void)
{
	write_sysreg(vttbr_el2, 0);
	write_sysreg(vtcr_el2, stage2_vtcr());
	isb();
	__asm__ volatile("tlbi alle1\n\tdsb nsh\n\tisb" : : : "memory");
}

void stage2_published(void)
{
	dsb(ishst);
}

/*
 * Without FEAT_S2FWB a guest goes past the caches with its MMU off, or where its own tables say so,
 * which it may do at any time. So whatever the hypervisor writes goes to memory when it is written,
 * not when it is shown: no line of ours is left that would hide what lies there, or fall on what a
 * guest wrote later. Lines are invalidated as well, so that a read finds what the guest wrote.
 */
void arch_guest_sync(const void *at, size_t bytes, bool written)
{
	if (data_to_memory)
		cache_clean(at, bytes);
	if (written && instructions_stale)
		__asm__ volatile("ic ialluis\n\tdsb ish" : : : "memory");
}

/* ---- Trees ---------------------------------------------------------------------------------- */

enum result arch_s2_create(struct arch_s2 *s2, hpa_t root)
{
	bool rollover;

	port_lock(&vmid_lock);
	uint32_t vmid = vmid_get(&vmids, &rollover);
	if (rollover)
		__asm__ volatile("dsb ishst\n\ttlbi alle1is\n\tdsb ish\n\tisb" : : : "memory");
	port_unlock(&vmid_lock);
	if (vmid == 0)
		return OUT_OF_MEMORY;
	s2->root = root;
	s2->tag = vmid;
	dsb(ishst); /* the root's zeros */
	return OK;
}

void arch_s2_destroy(struct arch_s2 *s2)
{
	port_lock(&vmid_lock);
	vmid_put(&vmids, (uint32_t)s2->tag);
	port_unlock(&vmid_lock);
	s2->tag = 0;
}

/* Runs with s2's VMID in VTTBR_EL2; gives back what stood there. */
static uint64_t select(const struct arch_s2 *s2)
{
	uint64_t was = read_sysreg(vttbr_el2), want = stage2_vttbr(s2);

	if (was != want) {
		write_sysreg(vttbr_el2, want);
		isb();
	}
	return was;
}

static void select_back(const struct arch_s2 *s2, uint64_t was)
{
	if (was != stage2_vttbr(s2)) {
		write_sysreg(vttbr_el2, was);
		isb();
	}
}

/* The stage-2 entries of `pages` pages from `n` on, by as few instructions as there can be. */
static void forget_pages(uint64_t n, uint64_t pages)
{
	while (pages != 0) {
		uint64_t done = 1, range = stage2.ranges ? tlb_range(n, pages, &done) : 0;

		if (range != 0)
			__asm__ volatile("sys #4, c8, c0, #2, %0" /* TLBI RIPAS2E1IS */
					 :
					 : "r"(range)
					 : "memory");
		else
			__asm__ volatile("tlbi ipas2e1is, %0" : : "r"(n) : "memory");
		n += done;
		pages -= done;
	}
}

/* Several pages, or the guest's VMID is not the loaded one. */
static __attribute__((noinline)) void flush(const struct arch_s2 *s2, struct gfn_range range)
{
	uint64_t was = select(s2), pages = range.end.v - range.start.v;

	if (pages > (stage2.ranges ? RANGED_PAGES_MAX : NAMED_PAGES_MAX)) {
		__asm__ volatile("tlbi vmalls12e1is" : : : "memory");
	} else {
		forget_pages(range.start.v, pages);
		dsb(ish);
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
	}
	dsb(ish);
	isb();
	select_back(s2, was);
}

/* One page of the guest that runs here is the most frequent, and little enough to be inlined. */
bool arch_s2_flush(struct arch_s2 *s2, struct gfn_range range)
{
	dsb(ishst); /* the entries' removal is seen by every walker */
	if (range.end.v - range.start.v == 1 && read_sysreg(vttbr_el2) == stage2_vttbr(s2)) {
		__asm__ volatile("tlbi ipas2e1is, %0" : : "r"(range.start.v) : "memory");
		dsb(ish);
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
		dsb(ish);
		isb();
	} else {
		flush(s2, range);
	}
	return true;
}

void tlb_forget(uint64_t ipa, uint64_t va, bool table_walk)
{
	__asm__ volatile("tlbi ipas2e1, %0" : : "r"(ipa >> PAGE_SHIFT) : "memory");
	dsb(nsh);
	if (table_walk)
		__asm__ volatile("tlbi vmalle1" : : : "memory");
	else
		__asm__ volatile("tlbi vaae1, %0"
				 :
				 : "r"(va >> PAGE_SHIFT & ((UINT64_C(1) << 44) - 1))
				 : "memory");
	dsb(nsh);
	isb();
}
