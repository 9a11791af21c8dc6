/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A GICv3 (Arm IHI 0069) as a guest sees it: the distributor and one redistributor for each vCPU,
 * with affinity routing only, one security state (GICD_CTLR.DS = 1), no LPIs and no message-based
 * SPIs. Its CPU interface is the processor's: an interrupt is taken out of this model
 * (gic_take), held by a list register of the processor, and comes back when the guest has done with
 * it (gic_retired). Between the two it is "listed".
 *
 * What follows from the list registers' keeping the state of a listed interrupt: it reads as
 * active here; disabling it, clearing its pending or active state, or changing its priority takes
 * effect only when it has come back. An interrupt of higher priority does not drive a
 * lower one out of a full set of list registers.
 *
 * Not modelled: 1-of-N routing (GICD_TYPER.No1N = 1), GICR_WAKER's effect (it reads as written; a
 * sleeping redistributor signals nonetheless), an end of interrupt that the guest
 * signals for an interrupt which it made active through GICD_ISACTIVER.
 *
 * vCPU i has affinity 0.0.0.i. No function takes a lock: the board has one.
 */
#ifndef HV_DEV_GICV3_H
#define HV_DEV_GICV3_H

#include <stdbool.h>
#include <stdint.h>

#define GIC_CPUS 16u
#define GIC_BANKS 3u		     /* of 32 interrupts: one private, the others shared */
#define GIC_INTIDS (GIC_BANKS * 32u) /* 0..15 SGIs, 16..31 PPIs, 32..95 SPIs */
#define GIC_FIRST_SPI 32u

#define GIC_DIST_BYTES UINT64_C(0x10000)
#define GIC_REDIST_BYTES UINT64_C(0x20000) /* of each vCPU: RD frame, SGI frame */

/* 32 interrupts; bit i of a word is interrupt i of the bank. */
struct gic_bank {
	uint32_t group; /* 1: group 1 */
	uint32_t enabled;
	uint32_t pending; /* latched, by an edge, an SGI or software */
	uint32_t line;	  /* the inputs as they stand */
	uint32_t edge;	  /* 1: edge-triggered */
	uint32_t active;  /* made so by software */
	uint32_t listed;
	uint8_t priority[32];
};

struct gic_cpu {
	struct gic_bank own;
	uint32_t routed[GIC_BANKS]; /* shared interrupts whose target it is; [0] unused */
	uint32_t holds[GIC_BANKS];  /* interrupts that its list registers hold */
	uint32_t waker;
};

struct gic {
	unsigned cpus;
	uint32_t forwarded; /* private interrupts whose line comes from the processor itself */
	uint32_t ctlr;
	struct gic_bank shared[GIC_BANKS]; /* [0] unused */
	uint64_t router[GIC_INTIDS];
	struct gic_cpu cpu[GIC_CPUS];
};

/*
 * Reset: nothing enabled, group 0, priority 0, SPIs routed to vCPU 0. 1 <= cpus <= GIC_CPUS.
 * `forwarded`: bits of PPIs that the processor signals anew after the guest has ended them, so
 * their line is taken to be low as soon as they are taken, and a rise means nothing until they are
 * back.
 */
void gic_init(struct gic *g, unsigned cpus, uint32_t forwarded);

/*
 * The register frames. bytes 1, 2, 4, 8. What the architecture leaves unpredictable (an offset
 * that is not aligned to the size, parts of a register that has no byte access) reads as zero or as
 * the part, and is not written.
 */
uint64_t gic_dist_read(const struct gic *g, uint64_t offset, unsigned bytes);
void gic_dist_write(struct gic *g, uint64_t offset, unsigned bytes, uint64_t value);
uint64_t gic_redist_read(const struct gic *g, unsigned cpu, uint64_t offset, unsigned bytes);
void gic_redist_write(struct gic *g, unsigned cpu, uint64_t offset, unsigned bytes, uint64_t value);

/* An SPI's input (GIC_FIRST_SPI <= intid < GIC_INTIDS), a PPI's input (16 <= intid < 32). */
void gic_set_spi(struct gic *g, unsigned intid, bool high);
void gic_set_ppi(struct gic *g, unsigned cpu, unsigned intid, bool high);

/* vCPU `from` writes ICC_SGI1R_EL1. */
void gic_send_sgi(struct gic *g, unsigned from, uint64_t value);

/* Is there an interrupt to be taken for `cpu`? */
bool gic_pending(const struct gic *g, unsigned cpu);

/*
 * Takes the one of highest priority: it is now listed at `cpu`. An edge-triggered one may be taken
 * again while it is listed there: it is then pending behind the active one. False: none.
 */
struct gic_taken {
	unsigned intid;
	uint8_t priority;
	bool group1;
	bool level; /* its line is to be sampled again when it is back */
};
bool gic_take(struct gic *g, unsigned cpu, struct gic_taken *out);

/* The list registers of `cpu` do not hold it any more. Another number than a listed one: nothing.
 */
void gic_retired(struct gic *g, unsigned cpu, unsigned intid);

/* `cpu` goes off: what its list registers held is lost. */
void gic_cpu_off(struct gic *g, unsigned cpu);

#endif
