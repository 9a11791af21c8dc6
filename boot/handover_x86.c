/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page tables of the hypervisor (AMD64 volume 2, 5.3), in memory that the caller has
 * set aside. The code runs with its physical memory at its physical address, under UEFI and
 * under the PVH entry alike, so a table's address is a pointer.
 */
#include "boot/handover_x86.h"

#include "boot/bytes.h"

#define PRESENT UINT64_C(1)
#define WRITABLE (UINT64_C(1) << 1)
#define LARGE (UINT64_C(1) << 7)
#define NO_EXECUTE (UINT64_C(1) << 63)
#define ADDRESS UINT64_C(0x000ffffffffff000)

#define MIB2 (UINT64_C(1) << 21)
#define GIB (UINT64_C(1) << 30)
#define GIB512 (UINT64_C(1) << 39)

#define STACK_PAGES (HANDOVER_STACK_BYTES / BOOT_PAGE)
#define JUMP_BYTES 64u /* at least as long as jump_code */

/* The jump: the only code that runs under both sets of tables. */
__attribute__((naked, noinline, noreturn, sysv_abi)) static void jump_code(uint64_t root,
									   uint64_t stack,
									   uint64_t entry,
									   uint64_t bootinfo)
{
	__asm__ volatile("mov %rdi, %cr3\n\t"
			 "mov %rsi, %rsp\n\t"
			 "mov %rcx, %rdi\n\t"
			 "xor %ebp, %ebp\n\t"
			 "cld\n\t"
			 "jmp *%rdx");
}

#define CR0_WP (UINT64_C(1) << 16)
#define CR4_PGE (UINT64_C(1) << 7)
#define EFER 0xc0000080u
#define EFER_NXE (UINT64_C(1) << 11)

bool handover_has_gigabyte_pages(void)
{
	uint32_t a = 0x80000001u, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (d >> 26 & 1) != 0;
}

static uint64_t linear_bytes(const struct handover *h)
{
	return h->top > HANDOVER_LINEAR_MIN ? h->top : HANDOVER_LINEAR_MIN;
}

static uint64_t pieces(uint64_t bytes, uint64_t piece)
{
	return (bytes + piece - 1) / piece;
}

uint64_t handover_pages(const struct handover *h)
{
	uint64_t pages = 1;

	pages += pieces(linear_bytes(h), GIB512);
	if (!h->gigabyte_pages)
		pages += pieces(linear_bytes(h), GIB);
	pages += 1 + 2 + pieces(h->link_end - h->link_base, MIB2); /* it may cross a GiB */
	pages += 2 * 3; /* the jump's two pages may lie on either side of any boundary */
	return pages + STACK_PAGES;
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
 * tables above it are made where they are missing. Never asked below a large entry.
 */
static uint64_t *entry_of(struct handover *h, uint64_t at, unsigned shift)
{
	uint64_t table = h->root;
	unsigned level = 39;

	for (;;) {
		uint64_t *entry = (uint64_t *)(uintptr_t)table + (at >> level & 511);

		if (level == shift)
			return entry;
		if ((*entry & PRESENT) == 0)
			*entry = take_pages(h, 1) | WRITABLE | PRESENT;
		table = *entry & ADDRESS;
		level -= 9;
	}
}

static void map_linear(struct handover *h)
{
	unsigned shift = h->gigabyte_pages ? 30 : 21;
	uint64_t bytes = linear_bytes(h);

	for (uint64_t at = 0; at < bytes; at += UINT64_C(1) << shift)
		*entry_of(h, HANDOVER_LINEAR_BASE + at, shift) =
			at | NO_EXECUTE | LARGE | WRITABLE | PRESENT;
}

static void map_segment(struct handover *h, const struct handover_segment *s)
{
	uint64_t flags = PRESENT | (s->write ? WRITABLE : 0) | (s->execute ? 0 : NO_EXECUTE);

	for (uint64_t at = 0; at < s->bytes; at += BOOT_PAGE)
		*entry_of(h, s->link + at, 12) =
			(h->image_base + (s->link - h->link_base) + at) | flags;
}

/* Under the PVH entry jump_code is part of the image and mapped already. */
static void map_jump(struct handover *h)
{
	uint64_t start = page_down((uintptr_t)jump_code);
	uint64_t end = page_up((uintptr_t)jump_code + JUMP_BYTES);

	if (start >= HANDOVER_LINK_FLOOR)
		return;
	for (uint64_t at = start; at < end; at += BOOT_PAGE)
		*entry_of(h, at, 12) = at | PRESENT;
}

void handover_build(struct handover *h)
{
	h->used = 0;
	h->root = take_pages(h, 1);
	h->stack = HANDOVER_LINEAR_BASE + take_pages(h, STACK_PAGES) + HANDOVER_STACK_BYTES;
	map_linear(h);
	for (uint32_t i = 0; i < h->segment_count; i++)
		map_segment(h, &h->segments[i]);
	map_jump(h);
}

static void enable_no_execute(void)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(EFER));
	low |= (uint32_t)EFER_NXE;
	__asm__ volatile("wrmsr" : : "a"(low), "d"(high), "c"(EFER));
}

/*
 * NXE first, or the no-execute bits of the new tables would be reserved ones. PGE off, or global
 * entries of the firmware's tables would outlive the change of CR3.
 */
_Noreturn void handover_jump(const struct handover *h)
{
	uint64_t v;

	enable_no_execute();
	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	__asm__ volatile("mov %0, %%cr0" : : "r"(v | CR0_WP) : "memory");
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	__asm__ volatile("mov %0, %%cr4" : : "r"(v & ~CR4_PGE) : "memory");
	jump_code(h->root, h->stack, h->entry, HANDOVER_LINEAR_BASE + h->bootinfo);
}
