/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own translation of an instruction's address: none in real mode, else the radix tree
 * that its process table names (Power ISA 3.0B, book III, 5.7.5 and 5.7.10). Entries are big-endian
 * whatever the guest is. Permissions are not looked at: the processor has just fetched from there.
 */
#include "arch/ppc64/codec.h"
#include "arch/ppc64/vcpu.h"

#define REAL_MASK ((UINT64_C(1) << 60) - 1)
#define QUADRANT(ea) ((ea) >> 62)
#define QUADRANT_USER 0u   /* of the process in PIDR */
#define QUADRANT_KERNEL 3u /* of process 0 */
#define PROCESS_BYTES 16u

/* The process table's base and size, of a partition's entry. */
#define TABLE_BASE UINT64_C(0x0ffffffffffff000)
#define TABLE_SIZE(dw1) (PAGE_SIZE << ((dw1)&0x1f))

/* A tree's root, and an entry. */
#define TREE_BITS(e) ((unsigned)((e) >> 61 & 3) << 3 | (unsigned)((e) >> 5 & 7))
#define TREE_BITS_LEAST 31u
#define ROOT_BASE UINT64_C(0x0fffffffffffff00)
#define NEXT_BITS(e) ((unsigned)((e)&0x1f))
#define NEXT_BITS_LEAST 5u
#define E_VALID (UINT64_C(1) << 63)
#define E_LEAF (UINT64_C(1) << 62)
#define E_ADDRESS UINT64_C(0x01fffffffffff000)

static enum result read_entry(struct arch_vcpu *v, uint64_t at, uint64_t *entry)
{
	enum result r = hv_guest_read(v->owner, gpa(at), entry, sizeof(*entry));

	if (r == OK)
		*entry = codec_swap(*entry);
	return r;
}

/* From the tree's root; `left` are the bits of `ea` that no level has translated yet. */
static enum result walk(struct arch_vcpu *v, uint64_t root, uint64_t ea, uint64_t *at)
{
	unsigned left = TREE_BITS(root) + TREE_BITS_LEAST, bits = NEXT_BITS(root);
	uint64_t entry = root;

	if (left > 62 || ea >> left != 0)
		return RACED;
	while (bits >= NEXT_BITS_LEAST && bits <= left - PAGE_SHIFT) {
		uint64_t index = ea >> (left - bits) & ((UINT64_C(1) << bits) - 1);
		enum result r = read_entry(v, (entry & ROOT_BASE) + 8 * index, &entry);

		if (r != OK)
			return r;
		if ((entry & E_VALID) == 0)
			return RACED;
		left -= bits;
		if (entry & E_LEAF) {
			uint64_t within = (UINT64_C(1) << left) - 1;
			*at = (entry & E_ADDRESS & ~within) | (ea & within);
			return OK;
		}
		bits = NEXT_BITS(entry);
	}
	return RACED;
}

enum result gwalk(struct arch_vcpu *v, uint64_t ea, uint64_t *at)
{
	uint64_t table, pid, root;

	if ((v->msr & MSR_IR) == 0) {
		*at = ea & REAL_MASK;
		return OK;
	}
	vcpu_space(v, &table, &pid);
	if (QUADRANT(ea) == QUADRANT_KERNEL)
		pid = 0;
	else if (QUADRANT(ea) != QUADRANT_USER)
		return RACED;
	if (pid >= TABLE_SIZE(table) / PROCESS_BYTES)
		return RACED;
	enum result r = read_entry(v, (table & TABLE_BASE) + PROCESS_BYTES * pid, &root);
	return r == OK ? walk(v, root, ea & (UINT64_MAX >> 2), at) : r;
}
