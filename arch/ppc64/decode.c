/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a hypervisor storage interrupt to the contract's terms (Power ISA 3.0B, book III, 6.5.16 and
 * 6.5.17). A guest's own walk that meets no translation says neither load nor store of the entry:
 * it is served as a read, and as a write when the entry was there and refused it. Where the
 * processor does not set R and C itself, the lack of one is a fault of its own kind.
 */
#include "arch/ppc64/vcpu.h"

const char *storage_decode(const struct storage *s, struct s2_fault *out)
{
	bool absent = (s->cause & HDSISR_ABSENT) != 0;
	bool walk = !s->fetch && (s->cause & HDSISR_WALK) != 0;

	if (!s->fetch && (s->cause & HDSISR_SHAPE) != 0)
		return "the processor does not take the shape of the stage-2 tree";
	bool unmarked = (s->cause & (s->fetch ? HISI_RC : HDSISR_RC)) != 0;

	*out = (struct s2_fault){
		.gpa = gpa(s->address),
		.access = ACCESS_READ,
		.present = !absent,
		.table_walk = walk,
		.unmarked = unmarked,
	};
	if (s->fetch)
		out->access = ACCESS_EXEC;
	else if (walk)
		out->access = absent ? ACCESS_READ : ACCESS_WRITE;
	else if ((s->cause & HDSISR_STORE) != 0)
		out->access = ACCESS_WRITE;
	return NULL;
}
