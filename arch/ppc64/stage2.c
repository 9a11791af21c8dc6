/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The partition table, its entries' writers, and making removed translations unusable.
 *
 * tlbie is broadcast, so by the architecture nobody need be kicked for a notice.
 */
#include "arch/ppc64/stage2.h"

#include <string.h>

#include "arch/lock.h"
#include "arch/ppc64/assert.h"
#include "arch/ppc64/codec.h"
#include "arch/ppc64/cpu.h"
#include "arch/ppc64/percpu.h"

#define TABLE_ORDER 4u /* 64 KiB: what PTCR's size says */
#define LPIDS 256u
#define PATE_RADIX (UINT64_C(1) << 63)
/* Radix tree size 52 bits: RTS = 21 in two fields, 2 << 61 and 5 << 5; root of 2^13 entries. */
#define PATE_SHAPE (UINT64_C(2) << 61 | UINT64_C(5) << 5 | 13)
#define LPCR_GUEST                                                                          \
	(LPCR_VPM1 | LPCR_ILE | LPCR_UPRT | LPCR_EVIRT | LPCR_HR | LPCR_GTSE | LPCR_LPES0 | \
	 LPCR_HEIC | LPCR_HDICE)

static uint64_t *partitions; /* two big-endian words each */
static uint64_t used[LPIDS / 64];
static unsigned next_lpid = 1;
static struct port_lock lpid_lock;

_Alignas(1 << 16) static unsigned char table_bytes[PAGE_SIZE << TABLE_ORDER];

const char *stage2_init(void)
{
	partitions = (uint64_t *)(void *)table_bytes;
	partitions[0] = codec_swap(PATE_RADIX); /* LPID 0: nothing is translated with it */
	used[0] = 1;
	return NULL;
}

void stage2_enable(void)
{
	mtspr(SPR_PTCR, (uint64_t)(uintptr_t)partitions | TABLE_ORDER);
	mtspr(SPR_LPCR, LPCR_GUEST);
	mtspr(SPR_LPIDR, 0);
	mtspr(SPR_HFSCR, ~HFSCR_MSGP);
	mtspr(SPR_AMOR, ~UINT64_C(0));
	this_cpu()->lpid = 0;
	isync();
}

void stage2_published(void)
{
	ptesync();
}

/*
 * The switch: does a notice invalidate by page? It is the form the architecture has for it, and
 * keeps what the guest has of other pages. It is off because QEMU 7.2 and 10.0 drop the
 * translation of the guest-real address only, and not those of effective addresses that led to it:
 * a guest's access through its kernel's 0xc000... goes on to the old frame.
 */
enum { FLUSH_BY_PAGE = 0 };
#define FLUSH_PAGES_MAX 32u /* of more the whole LPID goes */

/* RB of tlbie: bits 52..53 what is invalidated, 56..58 the size of the page. */
#define TLBIE_LPID (UINT64_C(2) << 10)
#define TLBIE_SIZE(ap) ((uint64_t)(ap) << 5)

/* What goes with it: translations, the caches of walks, or these and the process table's too. */
#define TLBIE_TRANSLATIONS 0
#define TLBIE_WALKS 1
#define TLBIE_ALL 2

/* tlbie RB, RS, RIC, PRS = 0, R = 1, with RS in r4 and RB in r5. */
#define TLBIE(ric, rb_value, lpid)                                                           \
	do {                                                                                 \
		register uint64_t rs_ __asm__("r4") = (lpid);                                \
		register uint64_t rb_ __asm__("r5") = (rb_value);                            \
		__asm__ volatile(".long 0x7c000264 | 4 << 21 | %2 << 18 | 1 << 16 | 5 << 11" \
				 :                                                           \
				 : "r"(rs_), "r"(rb_), "i"(ric)                              \
				 : "memory");                                                \
	} while (0)

static void tlbie_done(void)
{
	__asm__ volatile("eieio\n\ttlbsync\n\tptesync" : : : "memory");
}

void stage2_flush_lpid(uint64_t lpid)
{
	ptesync();
	TLBIE(TLBIE_ALL, TLBIE_LPID, lpid);
	tlbie_done();
}

/* A leaf of any size may have covered the range. */
static void flush_pages(uint64_t lpid, struct gfn_range range)
{
	static const struct {
		unsigned ap, shift;
	} sizes[] = { { 0, 0 }, { 5, 4 }, { 1, 9 }, { 2, 18 } };

	ptesync();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t step = UINT64_C(1) << sizes[i].shift, n = range.start.v & ~(step - 1);

		for (; n < range.end.v; n += step)
			TLBIE(TLBIE_TRANSLATIONS, n << PAGE_SHIFT | TLBIE_SIZE(sizes[i].ap), lpid);
	}
	TLBIE(TLBIE_WALKS, TLBIE_LPID, lpid);
	tlbie_done();
}

void stage2_process_table(struct arch_s2 *s2, uint64_t dw1)
{
	__atomic_store_n(&partitions[2 * s2->tag + 1], codec_swap(dw1), __ATOMIC_RELEASE);
	stage2_flush_lpid(s2->tag);
}

uint64_t stage2_process_table_of(const struct arch_s2 *s2)
{
	return codec_swap(__atomic_load_n(&partitions[2 * s2->tag + 1], __ATOMIC_ACQUIRE));
}

/* ---- Trees ---------------------------------------------------------------------------------- */

static unsigned lpid_get(void)
{
	for (unsigned i = 0; i < LPIDS; i++) {
		unsigned lpid = next_lpid;

		next_lpid = (next_lpid + 1) % LPIDS;
		if ((used[lpid / 64] >> lpid % 64 & 1) == 0) {
			used[lpid / 64] |= UINT64_C(1) << lpid % 64;
			return lpid;
		}
	}
	return 0;
}

enum result arch_s2_create(struct arch_s2 *s2, hpa_t root)
{
	port_lock(&lpid_lock);
	unsigned lpid = lpid_get();
	port_unlock(&lpid_lock);
	if (lpid == 0)
		return OUT_OF_MEMORY;
	s2->root = root;
	s2->tag = lpid;
	partitions[2 * lpid + 1] = 0;
	partitions[2 * lpid] = codec_swap(PATE_RADIX | PATE_SHAPE | root.v);
	stage2_flush_lpid(lpid); /* of a guest that had it before */
	return OK;
}

/* The last of its vCPUs has been unloaded; a CPU may still have the LPID in LPIDR. */
void arch_s2_destroy(struct arch_s2 *s2)
{
	partitions[2 * s2->tag] = 0;
	partitions[2 * s2->tag + 1] = 0;
	stage2_flush_lpid(s2->tag);
	port_lock(&lpid_lock);
	used[s2->tag / 64] &= ~(UINT64_C(1) << s2->tag % 64);
	port_unlock(&lpid_lock);
	s2->tag = 0;
}

/*
 * The architecture needs no kick: tlbie is a broadcast, and ptesync waits for all. But QEMU's other
 * processors obey only at the end of their block of instructions, and nobody waits for that: a
 * store through the old translation was seen to arrive in a frame that was free. So whoever is
 * inside the guest is to leave it.
 */
#define BROADCAST_IS_AWAITED false

bool arch_s2_flush(struct arch_s2 *s2, struct gfn_range range)
{
	if (FLUSH_BY_PAGE && range.end.v - range.start.v <= FLUSH_PAGES_MAX)
		flush_pages(s2->tag, range);
	else
		stage2_flush_lpid(s2->tag);
	return BROADCAST_IS_AWAITED;
}

/* ---- The two writers ------------------------------------------------------------------------ */

static void check_leaf(unsigned level, uint64_t entry)
{
#ifdef DEBUG
	const char *wrong = codec_wrong_leaf(level, entry);

	PPC64_ASSERT(wrong == NULL, wrong);
#else
	(void)level, (void)entry;
#endif
}

void arch_s2_set(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t was = __atomic_load_n(where, __ATOMIC_RELAXED);

	check_leaf(level, entry);
	PPC64_ASSERT(was == 0 || codec_same_place(was, entry),
		     "a stage-2 entry that was not broken before it is remade");
	/* The processor may set R and C meanwhile: they are kept. */
	while (!__atomic_compare_exchange_n(where, &was, entry | codec_set_by_processor(was), false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	ptesync();
}

uint64_t arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry)
{
	check_leaf(level, entry);
	return __atomic_exchange_n(where, entry, __ATOMIC_ACQ_REL);
}
