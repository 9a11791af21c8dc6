/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's page tables, read by software (APM volume 2, chapter 5): none, two levels of 32-bit
 * entries, three of PAE, four or five of long mode. Accessed and dirty bits are not set: the tables
 * are the guest's, and an instruction that is emulated has been tried by the processor before.
 */
#include "arch/x86/gwalk.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/vcpu.h"

#define P_PRESENT UINT64_C(0x001)
#define P_WRITE UINT64_C(0x002)
#define P_USER UINT64_C(0x004)
#define P_LARGE UINT64_C(0x080)
#define P_NX (UINT64_C(1) << 63)
#define P_ADDRESS UINT64_C(0x000ffffffffff000)

#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_EXEC 16u

struct mode {
	unsigned levels;
	unsigned bits;	/* of an index */
	unsigned bytes; /* of an entry */
	bool large[5];	/* a large page may stand at this level, 0 is the lowest */
};

static struct mode mode_of(const struct vmcb *c)
{
	struct mode m = { 0 };

	if ((c->cr0 & CR0_PG) == 0)
		return m;
	if (c->efer & EFER_LMA) {
		m = (struct mode){ c->cr4 & CR4_LA57 ? 5 : 4, 9, 8, { false, true, true } };
	} else if (c->cr4 & CR4_PAE) {
		m = (struct mode){ 3, 9, 8, { false, true } };
	} else {
		m = (struct mode){ 2, 10, 4, { false, (c->cr4 & CR4_PSE) != 0 } };
	}
	return m;
}

static bool allowed(const struct vmcb *c, enum access access, uint64_t permissions)
{
	bool user = c->cpl == 3;

	if (user && !(permissions & P_USER))
		return false;
	if (access == ACCESS_WRITE && !(permissions & P_WRITE))
		return !user && !(c->cr0 & CR0_WP);
	return access != ACCESS_EXEC || !(c->efer & EFER_NXE) || !(permissions & P_NX);
}

static uint32_t fault_code(const struct vmcb *c, enum access access, bool present)
{
	return (present ? FAULT_PRESENT : 0) | (access == ACCESS_WRITE ? FAULT_WRITE : 0) |
	       (c->cpl == 3 ? FAULT_USER : 0) |
	       (access == ACCESS_EXEC && (c->efer & EFER_NXE) ? FAULT_EXEC : 0);
}

/* What a leaf at `level` adds to: bits 13..20 of a 4 MiB page's entry are the address's
 * bits 32..39. */
static uint64_t leaf_base(const struct mode *m, unsigned level, uint64_t entry)
{
	uint64_t mask = (UINT64_C(1) << (12 + level * m->bits)) - 1;

	if (m->bytes == 4 && level != 0)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return entry & P_ADDRESS & ~mask;
}

enum result gwalk(struct arch_vcpu *v, uint64_t at, enum access access, gpa_t *out, uint32_t *error)
{
	const struct vmcb *c = &v->vmcb;
	struct mode m = mode_of(c);
	uint64_t table = c->cr3 & (m.levels == 3 ? UINT64_C(0xffffffe0) : P_ADDRESS);
	uint64_t permissions = P_WRITE | P_USER; /* and'ed down the way; NX or'ed */

	if ((c->efer & EFER_LMA) == 0)
		at = (uint32_t)at;
	*out = gpa(at);
	for (unsigned level = m.levels; level-- != 0;) {
		unsigned shift = 12 + level * m.bits;
		uint64_t index = at >> shift & ((1u << m.bits) - 1), entry = 0;
		enum result r =
			hv_guest_read(v->owner, gpa(table + index * m.bytes), &entry, m.bytes);
		bool top_of_pae = m.levels == 3 && level == 2; /* it has no permissions */

		if (r != OK)
			return r;
		if ((entry & P_PRESENT) == 0) {
			*error = fault_code(c, access, false);
			return NO_PERMISSION;
		}
		if (!top_of_pae)
			permissions = (permissions & entry & (P_WRITE | P_USER)) |
				      ((permissions | entry) & P_NX);
		table = entry & (m.bytes == 4 ? UINT64_C(0xfffff000) : P_ADDRESS);
		if (level != 0 && !(m.large[level] && (entry & P_LARGE)))
			continue;
		if (!allowed(c, access, permissions)) {
			*error = fault_code(c, access, true);
			return NO_PERMISSION;
		}
		*out = gpa(leaf_base(&m, level, entry) + (at & ((UINT64_C(1) << shift) - 1)));
		return OK;
	}
	return OK;
}

static size_t to_page_end(uint64_t at, size_t bytes)
{
	uint64_t left = PAGE_SIZE - (at & PAGE_MASK);

	return bytes < left ? bytes : (size_t)left;
}

enum result gwalk_read(struct arch_vcpu *v, uint64_t at, void *to, size_t bytes, uint64_t *where,
		       uint32_t *error)
{
	unsigned char *p = to;

	while (bytes != 0) {
		size_t part = to_page_end(at, bytes);
		gpa_t from;
		enum result r;

		*where = at;
		r = gwalk(v, at, ACCESS_READ, &from, error);
		if (r == OK)
			r = hv_guest_read(v->owner, from, p, part);
		if (r != OK)
			return r;
		p += part;
		at += part;
		bytes -= part;
	}
	return OK;
}

enum result gwalk_write(struct arch_vcpu *v, uint64_t at, const void *from, size_t bytes,
			uint64_t *where, uint32_t *error)
{
	size_t first = to_page_end(at, bytes);
	gpa_t to[2];
	enum result r;

	*where = at;
	r = gwalk(v, at, ACCESS_WRITE, &to[0], error);
	if (r == OK && first < bytes) {
		*where = at + first;
		r = gwalk(v, at + first, ACCESS_WRITE, &to[1], error);
	}
	if (r == OK)
		r = hv_guest_write(v->owner, to[0], from, first);
	if (r == OK && first < bytes)
		r = hv_guest_write(v->owner, to[1], (const unsigned char *)from + first,
				   bytes - first);
	return r;
}
