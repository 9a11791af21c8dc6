/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page tables of the hypervisor (Arm ARM DDI 0487, D8.3), in memory that the caller has
 * set aside. The code runs with its physical memory at its physical address, under UEFI and
 * under the direct entry alike, so a table's address is a pointer.
 */
#include "boot/handover_arm64.h"

#include "boot/bytes.h"

#define VALID UINT64_C(1)
#define TABLE UINT64_C(2)  /* a table, or at the last level a page */
#define MEMORY UINT64_C(0) /* index into MAIR_EL2, in bits 4:2 */
#define DEVICE (UINT64_C(3) << 2)
#define RES1 (UINT64_C(1) << 6) /* AP[1] without VHE; with VHE it is 0: not for EL0 */
#define READ_ONLY (UINT64_C(1) << 7)
#define INNER_SHAREABLE (UINT64_C(3) << 8)
#define ACCESSED (UINT64_C(1) << 10)
#define PRIVILEGED_NO_EXECUTE (UINT64_C(1) << 53) /* with VHE; RES0 without */
#define NO_EXECUTE (UINT64_C(1) << 54)
#define ADDRESS UINT64_C(0x0000fffffffff000)

#define MIB2 (UINT64_C(1) << 21)
#define GIB (UINT64_C(1) << 30)
#define STACK_PAGES (HANDOVER_STACK_BYTES / BOOT_PAGE)

#define EL2 (UINT64_C(2) << 2) /* CurrentEL */
#define PSCI_SYSTEM_OFF 0x84000008
#define SCTLR_RES1 0x30c50830
#define HCR_RW (UINT64_C(1) << 31)
#define HCR_E2H (UINT64_C(1) << 34)
/* T0SZ 16, 4 KiB, walks write-back, inner shareable; and RES1, or with VHE no upper range: EPD1. */
#define TCR_FIXED UINT64_C(0x80803510)
#define TCR_FIXED_VHE UINT64_C(0x80903510)
#define TCR_PS_SHIFT 16u
#define TCR_PS_SHIFT_VHE 32u
#define PS_MAX 5u /* 48 bits: more takes other table formats */

/*
 * The jump: the only code that runs under both sets of tables, and without any in between, since
 * neither MAIR nor TCR may change under a live translation. x0 root, x1 stack, x2 entry, x3
 * bootinfo, x4 MAIR, x5 TCR, x6 SCTLR with the MMU off, x7 HCR.
 */
extern const char jump_code[], jump_code_end[];
__asm__(".text\n\t"
	".balign 64\n"
	"jump_code:\n\t"
	"msr daifset, #15\n\t"
	"msr sctlr_el2, x6\n\t"
	"isb\n\t"
	"msr hcr_el2, x7\n\t"
	"isb\n\t"
	"msr mair_el2, x4\n\t"
	"msr tcr_el2, x5\n\t"
	"msr ttbr0_el2, x0\n\t"
	"isb\n\t"
	"ic iallu\n\t"
	"tlbi alle2\n\t"
	"dsb sy\n\t"
	"isb\n\t"
	"mov x8, #0x1005\n\t" /* I, C, M */
	"orr x6, x6, x8\n\t"
	"msr sctlr_el2, x6\n\t"
	"isb\n\t"
	"mov sp, x1\n\t"
	"mov x29, xzr\n\t"
	"mov x30, xzr\n\t"
	"mov x0, x3\n\t"
	"br x2\n"
	"jump_code_end:");

static uint64_t current_el(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, CurrentEL" : "=r"(v));
	return v;
}

static uint64_t memory_features(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(v));
	return v;
}

/* EL2 runs with VHE wherever it can: there are processors that cannot run it without. */
static bool with_vhe(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, id_aa64mmfr1_el1" : "=r"(v));
	return (v >> 8 & 15) != 0;
}

/* What all leaves have; flags as without VHE. */
static uint64_t leaf(uint64_t flags)
{
	flags |= ACCESSED | VALID;
	if (!with_vhe())
		return flags | RES1;
	return (flags & NO_EXECUTE) != 0 ? flags | PRIVILEGED_NO_EXECUTE : flags;
}

const char *handover_unfit(void)
{
	if (current_el() < EL2)
		return "it was entered at EL1, so a hypervisor cannot run on it; under QEMU "
		       "-M virt,virtualization=on is missing";
	if (current_el() > EL2)
		return "it was entered at EL3; the hypervisor is made for EL2";
	if ((memory_features() >> 28 & 15) == 15)
		return "it has no 4 KiB translation granule";
	return NULL;
}

void handover_power_off(void)
{
	register uint64_t x0 __asm__("x0") = PSCI_SYSTEM_OFF;

	if (current_el() < EL2)
		__asm__ volatile("hvc #0" : "+r"(x0) : : "memory");
	else
		__asm__ volatile("smc #0" : "+r"(x0) : : "memory");
}

static uint64_t pieces(uint64_t bytes, uint64_t piece)
{
	return (bytes + piece - 1) / piece;
}

static bool is_ram(const struct boot_range *r)
{
	return r->kind != BOOT_MEM_RESERVED;
}

uint64_t handover_pages(const struct handover *h)
{
	uint64_t pages = 1 + STACK_PAGES;

	for (uint32_t i = 0; i < h->range_count; i++)
		if (is_ram(&h->ranges[i]))
			/* Tables of level 2, and those of level 1 that they may need. */
			pages += pieces(h->ranges[i].size, GIB) + 1 +
				 pieces(h->ranges[i].size, GIB * 512) + 1;
	pages += 1 + 2 + pieces(h->link_end - h->link_base, MIB2) + 1; /* it may cross a GiB */
	pages += 3;						       /* the console */
	pages += 2 * 3; /* the jump's two pages may lie on either side of any boundary */
	return pages;
}

static uint64_t take_pages(struct handover *h, uint64_t pages)
{
	uint64_t at = h->pool + h->used * BOOT_PAGE;

	memset((void *)(uintptr_t)at, 0, (size_t)(pages * BOOT_PAGE));
	h->used += pages;
	return at;
}

/*
 * The entry that maps `at` on the level whose entries cover 2^shift bytes (39, 30, 21 or 12). The
 * tables above it are made where they are missing. Never asked below a block.
 */
static uint64_t *entry_of(struct handover *h, uint64_t at, unsigned shift)
{
	uint64_t table = h->root;
	unsigned level = 39;

	for (;;) {
		uint64_t *entry = (uint64_t *)(uintptr_t)table + (at >> level & 511);

		if (level == shift)
			return entry;
		if ((*entry & VALID) == 0)
			*entry = take_pages(h, 1) | TABLE | VALID;
		table = *entry & ADDRESS;
		level -= 9;
	}
}

static void map_linear(struct handover *h, const struct boot_range *r)
{
	uint64_t end = r->base + r->size;

	for (uint64_t at = r->base & ~(MIB2 - 1); at < end; at += MIB2)
		*entry_of(h, HANDOVER_LINEAR_BASE + at, 21) =
			at | leaf(NO_EXECUTE | INNER_SHAREABLE | MEMORY);
}

static void map_page(struct handover *h, uint64_t at, uint64_t physical, uint64_t flags)
{
	*entry_of(h, at, 12) = physical | leaf(flags) | TABLE;
}

static void map_segment(struct handover *h, const struct handover_segment *s)
{
	uint64_t flags = INNER_SHAREABLE | MEMORY | (s->write ? 0 : READ_ONLY) |
			 (s->execute ? 0 : NO_EXECUTE);

	for (uint64_t at = 0; at < s->bytes; at += BOOT_PAGE)
		map_page(h, s->link + at, h->image_base + (s->link - h->link_base) + at, flags);
}

static void map_jump(struct handover *h)
{
	uint64_t start = page_down((uintptr_t)jump_code);
	uint64_t end = page_up((uintptr_t)jump_code_end);

	for (uint64_t at = start; at < end; at += BOOT_PAGE)
		map_page(h, at, at, INNER_SHAREABLE | MEMORY | READ_ONLY);
}

void handover_build(struct handover *h)
{
	h->used = 0;
	h->root = take_pages(h, 1);
	h->stack = HANDOVER_LINEAR_BASE + take_pages(h, STACK_PAGES) + HANDOVER_STACK_BYTES;
	for (uint32_t i = 0; i < h->range_count; i++)
		if (is_ram(&h->ranges[i]))
			map_linear(h, &h->ranges[i]);
	for (uint32_t i = 0; i < h->segment_count; i++)
		map_segment(h, &h->segments[i]);
	map_page(h, HANDOVER_CONSOLE, BOOT_PL011, NO_EXECUTE | DEVICE);
	map_jump(h);
}

/* To the point of coherency: the jump is fetched, and the first tables may be read, past the
 * caches. */
static void clean(uint64_t from, uint64_t bytes)
{
	uint64_t ctr, line;

	__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
	line = UINT64_C(4) << (ctr >> 16 & 15);
	for (uint64_t at = from & ~(line - 1); at < from + bytes; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

_Noreturn void handover_jump(const struct handover *h)
{
	uint64_t ps = memory_features() & 15;
	register uint64_t root __asm__("x0") = h->root;
	register uint64_t stack __asm__("x1") = h->stack;
	register uint64_t entry __asm__("x2") = h->entry;
	register uint64_t info __asm__("x3") = HANDOVER_LINEAR_BASE + h->bootinfo;
	register uint64_t mair __asm__("x4") = HANDOVER_MAIR;
	register uint64_t tcr __asm__("x5");
	register uint64_t sctlr __asm__("x6") = SCTLR_RES1;
	register uint64_t hcr __asm__("x7");

	clean((uintptr_t)jump_code, (uint64_t)(jump_code_end - jump_code));
	clean(h->pool, h->used * BOOT_PAGE);
	clean(h->image_base, h->link_end - h->link_base);
	ps = ps > PS_MAX ? PS_MAX : ps;
	tcr = TCR_FIXED | ps << TCR_PS_SHIFT;
	hcr = HCR_RW; /* EL1 is 64-bit; TGE is off */
	if (with_vhe()) {
		tcr = TCR_FIXED_VHE | ps << TCR_PS_SHIFT_VHE;
		hcr |= HCR_E2H;
	}
	__asm__ volatile("br %0"
			 :
			 : "r"(jump_code), "r"(root), "r"(stack), "r"(entry), "r"(info), "r"(mair),
			   "r"(tcr), "r"(sctlr), "r"(hcr)
			 : "memory");
	__builtin_unreachable();
}
