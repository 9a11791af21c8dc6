/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts for the guest (IHI 0069, chapter 6): hv's model of the distributor decides what is
 * pending and hands it to a list register; from there on the processor delivers it, and the guest
 * acknowledges and ends it without an exit. Which list registers have become empty is looked at
 * after each exit.
 *
 * The guest's timer is a real interrupt of this CPU, INTID 27. It is taken at EL2 and stays active,
 * which silences it; the list register is tied to it (HW), so that the guest's own end of
 * interrupt deactivates it, and if the line is high still it comes again.
 */
#include "arch/arm64/vgic.h"

#include "arch/arm64/clock.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/hgic.h"

#define ICH_HCR_EL2 s3_4_c12_c11_0
#define ICH_VTR_EL2 s3_4_c12_c11_1
#define ICH_EISR_EL2 s3_4_c12_c11_3
#define ICH_ELRSR_EL2 s3_4_c12_c11_5
#define ICH_VMCR_EL2 s3_4_c12_c11_7
#define ICH_AP0R0_EL2 s3_4_c12_c8_0
#define ICH_AP1R0_EL2 s3_4_c12_c9_0

#define HCR_EN UINT64_C(1)
#define VMCR_GROUPS UINT64_C(3) /* VENG0, VENG1 */
#define HCR_UIE UINT64_C(2)
#define LR_PENDING (UINT64_C(1) << 62)
#define LR_ACTIVE (UINT64_C(1) << 63)
#define LR_HW (UINT64_C(1) << 61)
#define LR_GROUP1 (UINT64_C(1) << 60)
#define LR_EOI_MAINTENANCE (UINT64_C(1) << 41)
#define LR_PRIORITY_SHIFT 48u
#define LR_PHYSICAL_SHIFT 32u
#define VTR_LIST_REGISTERS(vtr) (((vtr)&31) + 1)
#define TIMER_LINE(ctl) (((ctl)&7) == 5) /* enabled, not masked, met */
#define TIMER_ON(ctl) (((ctl)&3) == 1)
#define INTID_MASK 0xffffu

static unsigned count = 4; /* list registers of the processor */

void vgic_enable(void)
{
	count = (unsigned)VTR_LIST_REGISTERS(read_sysreg(ICH_VTR_EL2));
	write_sysreg(ICH_HCR_EL2, 0);
	write_sysreg(ICH_VMCR_EL2, 0);
	isb();
}

static uint64_t lr_read(unsigned i)
{
	switch (i) {
#define LR(i, name) \
	case i:     \
		return read_sysreg(name);
#define LIST_REGISTERS(LR)     \
	LR(0, s3_4_c12_c12_0)  \
	LR(1, s3_4_c12_c12_1)  \
	LR(2, s3_4_c12_c12_2)  \
	LR(3, s3_4_c12_c12_3)  \
	LR(4, s3_4_c12_c12_4)  \
	LR(5, s3_4_c12_c12_5)  \
	LR(6, s3_4_c12_c12_6)  \
	LR(7, s3_4_c12_c12_7)  \
	LR(8, s3_4_c12_c13_0)  \
	LR(9, s3_4_c12_c13_1)  \
	LR(10, s3_4_c12_c13_2) \
	LR(11, s3_4_c12_c13_3) \
	LR(12, s3_4_c12_c13_4) \
	LR(13, s3_4_c12_c13_5) \
	LR(14, s3_4_c12_c13_6) \
	LR(15, s3_4_c12_c13_7)
		LIST_REGISTERS(LR)
#undef LR
	default: return 0;
	}
}

static void lr_write(unsigned i, uint64_t value)
{
	switch (i) {
#define LR(i, name) \
	case i: write_sysreg(name, value); break;
		LIST_REGISTERS(LR)
#undef LR
	default: break;
	}
}

void vgic_reset(struct arch_vcpu *v)
{
	v->vgic = (struct vgic_state){ .used = 0 };
	v->timer = (struct vtimer_state){ .ctl = 0 };
	v->timer_active = false;
	v->timer_tell = TELL_NOTHING;
}

/* ---- On and off a CPU ------------------------------------------------------------------------ */

static uint64_t hcr_of(const struct arch_vcpu *v)
{
	return HCR_EN | (v->vgic.window ? HCR_UIE : 0);
}

void vgic_load(struct arch_vcpu *v)
{
	struct vgic_state *g = &v->vgic;

	for (unsigned i = 0; i < count; i++)
		lr_write(i, g->used >> i & 1 ? g->lr[i] : 0);
	write_sysreg(ICH_VMCR_EL2, g->vmcr);
	write_sysreg(ICH_AP0R0_EL2, g->ap0r);
	write_sysreg(ICH_AP1R0_EL2, g->ap1r);
	write_sysreg(ICH_HCR_EL2, hcr_of(v));
	if (v->timer_active)
		hgic_timer_active(true);
	write_el0(cntv_cval, v->timer.cval);
	write_el0(cntv_ctl, v->timer.ctl);
}

void vgic_unload(struct arch_vcpu *v)
{
	struct vgic_state *g = &v->vgic;

	v->timer.ctl = read_el0(cntv_ctl) & 3;
	v->timer.cval = read_el0(cntv_cval);
	write_el0(cntv_ctl, 0);
	isb();
	if (v->timer_active)
		hgic_timer_active(false);
	for (unsigned i = 0; i < count; i++)
		if (g->used >> i & 1)
			g->lr[i] = lr_read(i);
	g->vmcr = read_sysreg(ICH_VMCR_EL2);
	g->ap0r = read_sysreg(ICH_AP0R0_EL2);
	g->ap1r = read_sysreg(ICH_AP1R0_EL2);
	write_sysreg(ICH_HCR_EL2, 0);
	isb();
}

/* ---- The timer's line ------------------------------------------------------------------------ */

static bool line_high(void)
{
	return TIMER_LINE(read_el0(cntv_ctl));
}

/* The line has fallen, or the guest has ended the interrupt: the CPU may signal it anew. */
static void timer_over(struct arch_vcpu *v)
{
	if (v->timer_active) {
		hgic_timer_active(false);
		v->timer_active = false;
	}
	v->timer_tell = TELL_LOW;
}

void vtimer_fired(struct arch_vcpu *v)
{
	v->timer_active = true;
	v->timer_tell = TELL_HIGH;
}

static bool holds_timer(const struct arch_vcpu *v)
{
	for (uint32_t left = v->vgic.used; left != 0; left &= left - 1)
		if (v->vgic.intid[__builtin_ctz(left)] == TIMER_GUEST_INTID)
			return true;
	return false;
}

bool vtimer_changed(struct arch_vcpu *v, bool *level)
{
	/* Active and in no list register: the guest keeps it disabled, and may have stopped it. */
	if (v->timer_active && v->timer_tell == TELL_NOTHING && !line_high() && !holds_timer(v))
		timer_over(v);
	if (v->timer_tell == TELL_NOTHING)
		return false;
	*level = v->timer_tell == TELL_HIGH;
	v->timer_tell = TELL_NOTHING;
	return true;
}

uint64_t vtimer_next(const struct arch_vcpu *v)
{
	if (v->timer_active || !TIMER_ON(read_el0(cntv_ctl)))
		return UINT64_MAX;
	return clock_guest_ns(read_el0(cntv_cval));
}

bool vtimer_due(const struct arch_vcpu *v)
{
	return v->timer_tell != TELL_NOTHING || (!v->timer_active && line_high());
}

/* ---- List registers -------------------------------------------------------------------------- */

static void lr_done(struct arch_vcpu *v, unsigned i)
{
	struct vgic_state *g = &v->vgic;

	lr_write(i, 0);
	g->used &= ~(1u << i);
	g->retired |= 1u << i;
	if (g->intid[i] == TIMER_GUEST_INTID)
		timer_over(v);
}

/* The timer's interrupt that waits in list register i for a line that has fallen is withdrawn. */
static bool withdrawn(const struct arch_vcpu *v, unsigned i)
{
	return v->vgic.intid[i] == TIMER_GUEST_INTID && !line_high() &&
	       (lr_read(i) & (LR_PENDING | LR_ACTIVE)) == LR_PENDING;
}

void vgic_sync(struct arch_vcpu *v)
{
	uint32_t left = v->vgic.used, empty;

	if (left == 0)
		return;
	empty = (uint32_t)(read_sysreg(ICH_ELRSR_EL2) | read_sysreg(ICH_EISR_EL2));
	for (; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		if ((empty >> i & 1) != 0 || withdrawn(v, i))
			lr_done(v, i);
	}
}

void vgic_maintained(struct arch_vcpu *v)
{
	write_sysreg(ICH_HCR_EL2, hcr_of(v));
}

bool vgic_pending(const struct arch_vcpu *v)
{
	for (uint32_t left = v->vgic.used; left != 0; left &= left - 1)
		if (lr_read((unsigned)__builtin_ctz(left)) & LR_PENDING)
			return true;
	return false;
}

bool vgic_off(void)
{
	return (read_sysreg(ICH_VMCR_EL2) & VMCR_GROUPS) == 0;
}

/* A list register is reserved until hv has been told of the end of what it held. */
static uint32_t taken(const struct arch_vcpu *v)
{
	return v->vgic.used | v->vgic.retired;
}

bool arch_vcpu_irq_open(const struct arch_vcpu *v)
{
	return (~taken(v) & ((1u << count) - 1)) != 0;
}

/* An edge that comes while the guest is at its predecessor becomes pending behind it. */
static bool pending_again(const struct arch_vcpu *v, unsigned intid)
{
	for (uint32_t left = v->vgic.used; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		if (v->vgic.intid[i] != intid)
			continue;
		lr_write(i, lr_read(i) | LR_PENDING);
		return true;
	}
	return false;
}

void arch_vcpu_irq_inject(struct arch_vcpu *v, unsigned irq)
{
	unsigned i = (unsigned)__builtin_ctz(~taken(v)), intid = irq & INTID_MASK;
	uint64_t lr = LR_PENDING | (irq & ARCH_IRQ_GROUP0 ? 0 : LR_GROUP1) | intid |
		      (uint64_t)(irq >> ARCH_IRQ_PRIORITY_SHIFT) << LR_PRIORITY_SHIFT;

	if (i >= count || pending_again(v, intid))
		return; /* hv asks arch_vcpu_irq_open first */
	v->vgic.intid[i] = intid;
	if (intid == TIMER_GUEST_INTID) {
		if (!line_high()) {
			v->vgic.retired |= 1u << i;
			timer_over(v);
			return;
		}
		if (!v->timer_active)
			hgic_timer_active(true);
		v->timer_active = true;
		lr |= LR_HW | (uint64_t)TIMER_GUEST_INTID << LR_PHYSICAL_SHIFT;
	} else if (irq & ARCH_IRQ_LEVEL) {
		/* A device's line is sampled again as soon as the guest has ended it. */
		lr |= LR_EOI_MAINTENANCE;
	}
	v->vgic.used |= 1u << i;
	lr_write(i, lr);
}

void arch_vcpu_irq_window(struct arch_vcpu *v, bool wanted)
{
	if (v->vgic.window == wanted)
		return;
	v->vgic.window = wanted;
	if (v->loaded)
		write_sysreg(ICH_HCR_EL2, hcr_of(v));
}

int arch_vcpu_irq_retired(struct arch_vcpu *v)
{
	unsigned i;

	if (__builtin_expect(v->vgic.retired == 0, true))
		return -1;
	i = (unsigned)__builtin_ctz(v->vgic.retired);
	v->vgic.retired &= ~(1u << i);
	return (int)v->vgic.intid[i];
}
