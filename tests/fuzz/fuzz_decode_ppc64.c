/* SPDX-License-Identifier: BSD-2-Clause */
/* ppc64: storage interrupts, and the codec of stage-2 entries. */
#include "arch/ppc64/codec.h"
#include "arch/ppc64/vcpu.h"
#include "tests/fuzz/fuzz.h"

static void storage(struct fuzz *f)
{
	struct storage s = { .fetch = fuzz_take(f, 1) & 1 };
	struct s2_fault out = { 0 };

	s.cause = fuzz_take(f, 4);
	s.address = fuzz_number(f);
	const char *why = storage_decode(&s, &out);
	fuzz_check(why != NULL || out.gpa.v == s.address);
	fuzz_check(why != NULL || !s.fetch || out.access == ACCESS_EXEC);
}

static void entries(struct fuzz *f)
{
	static const unsigned levels[] = { 0, 1, 2, 4 }; /* which have leaves */
	unsigned level = levels[fuzz_below(f, 4)];
	pfn_t n = pfn(fuzz_take(f, 4) & ~((UINT64_C(1) << arch_s2_geometry->shift[level]) - 1));
	uint32_t attrs = (uint32_t)fuzz_take(f, 1) & 0x3f;
	uint64_t any = fuzz_take(f, 8);

	attrs |= S2_TYPE(fuzz_take(f, 1) & 3);
	uint64_t leaf = arch_s2_leaf(level, n, attrs);
	struct s2_entry e = arch_s2_decode(level, leaf);
	fuzz_check(e.kind == S2_LEAF && e.pfn.v == n.v);
	fuzz_check(((e.attrs ^ attrs) & (S2_WRITE | S2_COUNTED | S2_MAY_WRITE)) == 0);
	fuzz_check(codec_same_place(leaf, leaf));
	fuzz_check(codec_same_place(leaf, arch_s2_leaf(level, n, attrs ^ S2_WRITE)));
	e = arch_s2_decode(1, arch_s2_table(level == 4 ? level : 0, n));
	fuzz_check(e.kind == S2_TABLE && e.below == (level == 4 ? level : 0));
	(void)arch_s2_decode(level, any);
	(void)codec_wrong_leaf(level, any);
	fuzz_check((codec_set_by_processor(any) & ~any) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };

	if (fuzz_take(&f, 1) & 1)
		storage(&f);
	else
		entries(&f);
	return 0;
}
