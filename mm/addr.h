/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses that cannot be mixed up: one one-member structure for each kind. They compile to
 * the same instructions as integers do; a gfn where a pfn is meant does not compile.
 */
#ifndef MM_ADDR_H
#define MM_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT 12u
#define PAGE_SIZE (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

#define ADDRESS_TYPE(name)                      \
	typedef struct {                        \
		uint64_t v;                     \
	} name##_t;                             \
	static inline name##_t name(uint64_t v) \
	{                                       \
		return (name##_t){ v };         \
	}

ADDRESS_TYPE(gpa) /* guest physical address, bytes */
ADDRESS_TYPE(gfn) /* guest physical page number */
ADDRESS_TYPE(hpa) /* host physical address, bytes */
ADDRESS_TYPE(pfn) /* host physical page number: of a frame, or of device memory */
ADDRESS_TYPE(hva) /* address in a host space, bytes */

#undef ADDRESS_TYPE

static inline gfn_t gpa_to_gfn(gpa_t a)
{
	return gfn(a.v >> PAGE_SHIFT);
}

static inline gpa_t gfn_to_gpa(gfn_t n)
{
	return gpa(n.v << PAGE_SHIFT);
}

static inline pfn_t hpa_to_pfn(hpa_t a)
{
	return pfn(a.v >> PAGE_SHIFT);
}

static inline hpa_t pfn_to_hpa(pfn_t n)
{
	return hpa(n.v << PAGE_SHIFT);
}

static inline hva_t hva_page(hva_t a)
{
	return hva(a.v & ~PAGE_MASK);
}

/* [start, end) of a host space, bytes; page-aligned where a function says so. */
struct hva_range {
	hva_t start, end;
};

/* [start, end) of guest page numbers. */
struct gfn_range {
	gfn_t start, end;
};

static inline struct hva_range hva_range(hva_t start, uint64_t bytes)
{
	return (struct hva_range){ start, hva(start.v + bytes) };
}

static inline bool hva_range_covers(struct hva_range r, hva_t a)
{
	return r.start.v <= a.v && a.v < r.end.v;
}

static inline bool hva_range_overlaps(struct hva_range a, struct hva_range b)
{
	return a.start.v < b.end.v && b.start.v < a.end.v;
}

/* What an access does, or what a permission allows: one of them, or a set. */
enum access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXEC = 4,
};

/*
 * How the processor may reach memory (H2). The order is from the freest to the strictest. Only
 * MEM_WRITE_BACK is ordinary cacheable memory; everything else is never executable (S8).
 */
enum memtype {
	MEM_WRITE_BACK,
	MEM_WRITE_COMBINING,
	MEM_UNCACHED,
	MEM_DEVICE,
};

#endif
