/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers that are not switched at every exit: vs0 to vs63 hold those of FP and the vectors.
 * Moved together, r3 = 64 times 16 bytes, FPSCR, VRSAVE.
 */
#define WORDS (64 * 16)

	.macro facilities_on
	mfmsr %r4
	oris %r4, %r4, 0x0280	/* VEC, VSX */
	ori %r4, %r4, 0x2000	/* FP */
	mtmsrd %r4
	isync
	.endm

	.macro each_vs op
	.set n, 0
	li %r4, 0
	.rept 64
	\op n, %r3, %r4
	addi %r4, %r4, 16
	.set n, n + 1
	.endr
	.endm

	/* void vectors_load(const struct vectors *) */
	.text
	.globl vectors_load
vectors_load:
	facilities_on
	lfd %f0, WORDS(%r3)
	.long 0xfffe058e	/* mtfsf 255, f0, 1, 0: all of FPSCR */
	ld %r4, WORDS + 8(%r3)
	mtspr 256, %r4		/* VRSAVE */
	each_vs lxvd2x
	blr

	/* void vectors_save(struct vectors *) */
	.globl vectors_save
vectors_save:
	facilities_on
	each_vs stxvd2x
	mffs %f0
	stfd %f0, WORDS(%r3)
	mfspr %r4, 256
	std %r4, WORDS + 8(%r3)
	blr

	/* void fp_set(uint64_t mark): in vs3, an FP register, and in vs63, a vector register. */
	.globl fp_set
fp_set:
	facilities_on
	mtvsrd %vs3, %r3
	mtvsrd %vs63, %r3
	blr

	/* int fp_is(uint64_t mark) */
	.globl fp_is
fp_is:
	facilities_on
	mfvsrd %r5, %vs3
	mfvsrd %r6, %vs63
	cmpld %r5, %r3
	li %r4, 0
	bne 1f
	cmpld %r6, %r3
	bne 1f
	li %r4, 1
1:	mr %r3, %r4
	blr
