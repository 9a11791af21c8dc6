/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables (APM volume 2, 15.25): the ordinary long-mode format, read by the processor as
 * user accesses, with accessed and dirty bits set by it. Software bits 9..11 and 52..58 are ours;
 * bit 9 holds COUNTED, bit 11 MAY_WRITE. The memory type stands in PWT and PCD and means what the
 * host's PAT says (percpu.c), so it can be read back from the entry.
 *
 * No emulator shows a wrong memory type, a missing local flush, or an entry remade without being
 * broken: the processor would, some day. Debug builds assert these where entries are written.
 */
#include "arch/x86/npt.h"

#include "arch/arch.h"
#include "arch/x86/assert.h"
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "arch/x86/vmcb.h"

#define E_PRESENT UINT64_C(0x001)
#define E_WRITE UINT64_C(0x002)
#define E_USER UINT64_C(0x004)
#define E_TYPE_SHIFT 3u /* PWT and PCD: the enum of memory types as it stands */
#define E_TYPE_MASK UINT64_C(3)
#define E_ACCESSED UINT64_C(0x020)
#define E_DIRTY UINT64_C(0x040)
#define E_LARGE UINT64_C(0x080) /* above level 0 */
#define E_COUNTED UINT64_C(0x200)
#define E_MAY_WRITE UINT64_C(0x800)
#define E_ADDRESS UINT64_C(0x000ffffffffff000)
#define E_NX (UINT64_C(1) << 63)

/* What may differ between two leaves of which one replaces the other without a break. */
#define E_MAY_DIFFER (E_WRITE | E_MAY_WRITE | E_NX | E_ACCESSED | E_DIRTY)

static const struct s2_geometry tree = {
	.levels = 4,
	.shift = { 0, 9, 18, 27 },
	.bits = { 9, 9, 9, 9 },
	.leaf_levels = 7, /* 4 KiB, 2 MiB, 1 GiB */
	.root_order = 0,
	.hw_young = true,
	.hw_dirty = true,
};

const struct s2_geometry *const arch_s2_geometry = &tree;

static uint32_t asid_count = 2; /* of which 0 is the host's */
static unsigned char flush_command = TLB_FLUSH_ALL;
static _Atomic uint64_t trees_made;

/* Trees differ in the upper bits of their generations, so no two ever show the same one. */
#define GENERATION_SHIFT 40u

unsigned npt_physical_bits(void)
{
	unsigned bits =
		cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;

	return bits < 36 ? 36 : bits > 52 ? 52 : bits;
}

void npt_init(void)
{
	struct cpuid features = cpuid(0x8000000a, 0);

	asid_count = features.ebx < MAX_ASIDS ? features.ebx : MAX_ASIDS;
	if (features.edx >> 6 & 1)
		flush_command = TLB_FLUSH_ASID;
}

unsigned char npt_flush_command(void)
{
	return flush_command;
}

/* ---- Codec ---------------------------------------------------------------------------------- */

_Static_assert(
	MEM_WRITE_BACK == 0 && MEM_WRITE_COMBINING == 1 && MEM_UNCACHED == 2 && MEM_DEVICE == 3,
	"PWT is bit 0 and PCD bit 1 of the memory type; percpu.c's PAT has them in this order");

uint64_t arch_s2_leaf(unsigned level, pfn_t n, uint32_t attrs)
{
	uint64_t e = pfn_to_hpa(n).v | E_PRESENT | E_USER;

	e |= level != 0 ? E_LARGE : 0;
	e |= (uint64_t)S2_TYPE_OF(attrs) << E_TYPE_SHIFT;
	e |= attrs & S2_WRITE ? E_WRITE : 0;
	e |= attrs & S2_EXEC ? 0 : E_NX;
	e |= attrs & S2_YOUNG ? E_ACCESSED : 0;
	e |= attrs & S2_DIRTY ? E_DIRTY : 0;
	e |= attrs & S2_COUNTED ? E_COUNTED : 0;
	e |= attrs & S2_MAY_WRITE ? E_MAY_WRITE : 0;
	return e;
}

uint64_t arch_s2_table(unsigned below, pfn_t table)
{
	(void)below;
	return pfn_to_hpa(table).v | E_PRESENT | E_WRITE | E_USER;
}

struct s2_entry arch_s2_decode(unsigned level, uint64_t entry)
{
	struct s2_entry d = { .kind = S2_NONE };

	if ((entry & E_PRESENT) == 0)
		return d;
	d.pfn = hpa_to_pfn(hpa(entry & E_ADDRESS));
	d.kind = level != 0 && (entry & E_LARGE) == 0 ? S2_TABLE : S2_LEAF;
	if (d.kind == S2_TABLE) {
		d.below = level - 1;
		return d;
	}
	d.attrs = (uint32_t)(entry >> E_TYPE_SHIFT & E_TYPE_MASK) << S2_TYPE_SHIFT;
	d.attrs |= entry & E_WRITE ? S2_WRITE : 0;
	d.attrs |= entry & E_NX ? 0 : S2_EXEC;
	d.attrs |= entry & E_ACCESSED ? S2_YOUNG : 0;
	d.attrs |= entry & E_DIRTY ? S2_DIRTY : 0;
	d.attrs |= entry & E_COUNTED ? S2_COUNTED : 0;
	d.attrs |= entry & E_MAY_WRITE ? S2_MAY_WRITE : 0;
	return d;
}

uint64_t arch_s2_written(uint64_t leaf)
{
	return leaf | E_WRITE | E_ACCESSED | E_DIRTY;
}

/* ---- The two writers ------------------------------------------------------------------------ */

/* S8, and the alignment that the processor would answer with a reserved-bit fault. */
static void check_leaf(unsigned level, uint64_t e)
{
	uint64_t type = e >> E_TYPE_SHIFT & E_TYPE_MASK;

	X86_ASSERT(level < tree.levels && (tree.leaf_levels >> level & 1),
		   "a stage-2 leaf at a level that has none");
	X86_ASSERT((e & E_ADDRESS & ((PAGE_SIZE << tree.shift[level]) - 1)) == 0,
		   "a stage-2 leaf whose frame is not aligned to its size");
	X86_ASSERT(type == MEM_WRITE_BACK || (e & E_NX) != 0,
		   "a stage-2 leaf of device memory that the guest could execute");
	X86_ASSERT(type == MEM_WRITE_BACK || (e & E_COUNTED) == 0,
		   "a stage-2 leaf of device memory that is marked as counted");
	(void)level, (void)e, (void)type;
}

static bool is_leaf(unsigned level, uint64_t e)
{
	return (e & E_PRESENT) != 0 && (level == 0 || (e & E_LARGE) != 0);
}

/* How far writes are let in: not at all, once they are seen, at once. */
static inline __attribute__((unused)) unsigned writes(uint64_t e)
{
	return e & E_WRITE ? 2 : e & E_MAY_WRITE ? 1 : 0;
}

void arch_s2_set(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t old = __atomic_load_n(where, __ATOMIC_RELAXED);

	if (is_leaf(level, entry))
		check_leaf(level, entry);
	if (old == 0) {
		__atomic_store_n(where, entry, __ATOMIC_RELEASE);
		return;
	}
	X86_ASSERT(is_leaf(level, old) && is_leaf(level, entry) &&
			   ((old ^ entry) & ~E_MAY_DIFFER) == 0,
		   "a stage-2 entry was remade without being broken first");
	X86_ASSERT(writes(entry) >= writes(old) && (~old & entry & E_NX) == 0,
		   "a stage-2 entry was narrowed as if it were widened");
	/* The processor may set accessed and dirty while we widen: they must not be lost. */
	while (!__atomic_compare_exchange_n(where, &old, entry | (old & (E_ACCESSED | E_DIRTY)),
					    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

uint64_t arch_s2_swap(uint64_t *where, unsigned level, uint64_t entry)
{
	uint64_t old = __atomic_exchange_n(where, entry, __ATOMIC_SEQ_CST);

	if (entry != 0) {
		check_leaf(level, entry);
		X86_ASSERT(is_leaf(level, old) && ((old ^ entry) & ~E_MAY_DIFFER) == 0,
			   "a stage-2 entry was remade without being broken first");
		X86_ASSERT(writes(entry) <= writes(old) && (old & ~entry & E_NX) == 0,
			   "a stage-2 entry was widened as if it were narrowed");
	}
	return old;
}

/* ---- Trees ---------------------------------------------------------------------------------- */

/*
 * An ASID may serve several trees: a CPU flushes whenever the vCPU that used an ASID last on it
 * was another one (vcpu.c), so sharing costs time and nothing else, and no tree is ever refused.
 */
enum result arch_s2_create(struct arch_s2 *s2, hpa_t root)
{
	uint64_t serial = __c11_atomic_fetch_add(&trees_made, 1, __ATOMIC_RELAXED);

	s2->root = root;
	s2->tag = 1 + serial % (asid_count - 1);
	__c11_atomic_store(&s2->flush_gen, (serial + 1) << GENERATION_SHIFT, __ATOMIC_SEQ_CST);
	return OK;
}

void arch_s2_destroy(struct arch_s2 *s2)
{
	s2->tag = 0;
}

bool arch_s2_flush(struct arch_s2 *s2, struct gfn_range range)
{
	/* No processor flushes nested ranges; whoever enters next empties its TLB of the ASID. */
	(void)range;
	__c11_atomic_fetch_add(&s2->flush_gen, 1, __ATOMIC_SEQ_CST);
	return false;
}
