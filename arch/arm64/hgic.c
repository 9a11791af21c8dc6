/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's side of the interrupt controller. Register numbers: IHI 0069, chapter 12. */
#include "arch/arm64/hgic.h"

#include <stddef.h>

#include "arch/arch.h"
#include "arch/arm64/clock.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/percpu.h"

#define GICD_BYTES 0x10000u
#define GICD_CTLR 0x0000u
#define GICD_CTLR_GROUPS_ARE 0x12u /* EnableGrp1 (or its secure alias), ARE */
#define GICD_CTLR_RWP (1u << 31)
#define GICD_PIDR2 0xffe8u

#define GICR_BYTES 0x20000u /* two frames; four where there are virtual LPIs */
#define GICR_VLPI_BYTES 0x40000u
#define GICR_TYPER 0x0008u
#define GICR_TYPER_VLPIS (1u << 1)
#define GICR_TYPER_LAST (1u << 4)
#define GICR_WAKER 0x0014u
#define GICR_WAKER_SLEEP (1u << 1)
#define GICR_WAKER_ASLEEP (1u << 2)
#define SGI_FRAME 0x10000u
#define GICR_IGROUPR0 (SGI_FRAME + 0x0080u)
#define GICR_ISENABLER0 (SGI_FRAME + 0x0100u)
#define GICR_ICENABLER0 (SGI_FRAME + 0x0180u)
#define GICR_ICPENDR0 (SGI_FRAME + 0x0280u)
#define GICR_ISACTIVER0 (SGI_FRAME + 0x0300u)
#define GICR_ICACTIVER0 (SGI_FRAME + 0x0380u)
#define GICR_IPRIORITYR (SGI_FRAME + 0x0400u)
#define PRIORITY_ALL 0xa0a0a0a0u
#define PATIENCE 1000000u

#define ENABLED                                                                                \
	(1u << HGIC_KICK | 1u << HGIC_STOP | 1u << HGIC_MAINTENANCE | 1u << TIMER_HOST_INTID | \
	 1u << TIMER_GUEST_INTID)

#define ICC_SRE_EL2 s3_4_c12_c9_5
#define ICC_SRE_EL1 s3_0_c12_c12_5
#define ICC_PMR_EL1 s3_0_c4_c6_0
#define ICC_CTLR_EL1 s3_0_c12_c12_4
#define ICC_IGRPEN1_EL1 s3_0_c12_c12_7
#define ICC_BPR1_EL1 s3_0_c12_c12_3
#define ICC_IAR1_EL1 s3_0_c12_c12_0
#define ICC_EOIR1_EL1 s3_0_c12_c12_1
#define ICC_DIR_EL1 s3_0_c12_c11_1
#define ICC_SGI1R_EL1 s3_0_c12_c11_5
#define ICC_CTLR_EOIMODE (1u << 1)
#define SRE_ENABLE 0xfu

static volatile uint32_t *reg32(volatile uint8_t *base, unsigned offset)
{
	return (volatile uint32_t *)(volatile void *)(base + offset);
}

static uint64_t typer(volatile uint8_t *gicr)
{
	return *(volatile uint64_t *)(volatile void *)(gicr + GICR_TYPER);
}

/* GICR_TYPER has Aff3..Aff0 in bits 63..32, MPIDR Aff3 in 39..32 and the rest in 23..0. */
static uint64_t typer_mpidr(uint64_t t)
{
	return (t >> 56 & 0xff) << 32 | (t >> 32 & 0xffffff);
}

static void found(uint64_t at, volatile uint8_t *mapped)
{
	uint64_t mpidr = typer_mpidr(typer(mapped));

	for (unsigned i = 0; i < arch_cpu_count(); i++)
		if (cpus[i].mpidr == mpidr && cpus[i].gicr == NULL) {
			cpus[i].gicr_at = at;
			cpus[i].gicr = mapped;
		}
}

/* Redistributors stand one behind the other until one says that it is the last. */
static const char *scan(const struct platform_range *range)
{
	volatile uint8_t *mapped = arch_map_device(hpa(range->base), range->bytes, MEM_DEVICE);
	uint64_t at = 0;

	if (mapped == NULL)
		return "the interrupt controller's redistributors cannot be mapped";
	while (at + GICR_BYTES <= range->bytes) {
		uint64_t t = typer(mapped + at);

		found(range->base + at, mapped + at);
		if (t & GICR_TYPER_LAST)
			break;
		at += t & GICR_TYPER_VLPIS ? GICR_VLPI_BYTES : GICR_BYTES;
	}
	return NULL;
}

static const char *find_redistributors(const struct platform *p)
{
	for (unsigned i = 0; i < p->gicr_count; i++) {
		const char *why = scan(&p->gicr[i]);
		if (why != NULL)
			return why;
	}
	for (unsigned i = 0; i < p->cpu_count; i++)
		if (p->gicr_count == 0 && p->cpu[i].gicr != 0) {
			void *mapped = arch_map_device(hpa(p->cpu[i].gicr), GICR_BYTES, MEM_DEVICE);
			if (mapped == NULL)
				return "the interrupt controller's redistributors cannot be mapped";
			found(p->cpu[i].gicr, mapped);
		}
	for (unsigned i = 0; i < arch_cpu_count(); i++)
		if (cpus[i].gicr == NULL)
			return "a processor has no redistributor of the interrupt controller";
	return NULL;
}

const char *hgic_init(const struct platform *p)
{
	volatile uint8_t *gicd;
	const char *why;

	if ((read_sysreg(id_aa64pfr0_el1) >> 24 & 15) == 0 || p->gicd == 0)
		return "there is no GICv3 (under QEMU: -M virt,gic-version=3)";
	gicd = arch_map_device(hpa(p->gicd), GICD_BYTES, MEM_DEVICE);
	if (gicd == NULL)
		return "the interrupt controller cannot be mapped";
	if ((*reg32(gicd, GICD_PIDR2) >> 4 & 15) < 3)
		return "the interrupt controller is older than GICv3";
	why = find_redistributors(p);
	if (why != NULL)
		return why;
	*reg32(gicd, GICD_CTLR) = GICD_CTLR_GROUPS_ARE;
	for (unsigned i = 0; i < PATIENCE && (*reg32(gicd, GICD_CTLR) & GICD_CTLR_RWP) != 0; i++)
		yield();
	return NULL;
}

static void redistributor_enable(volatile uint8_t *gicr)
{
	*reg32(gicr, GICR_WAKER) &= ~GICR_WAKER_SLEEP;
	for (unsigned i = 0; i < PATIENCE && (*reg32(gicr, GICR_WAKER) & GICR_WAKER_ASLEEP) != 0;
	     i++)
		yield();
	*reg32(gicr, GICR_ICENABLER0) = UINT32_MAX;
	*reg32(gicr, GICR_ICACTIVER0) = UINT32_MAX;
	*reg32(gicr, GICR_ICPENDR0) = UINT32_MAX;
	*reg32(gicr, GICR_IGROUPR0) = UINT32_MAX;
	for (unsigned i = 0; i < 32; i += 4)
		*reg32(gicr, GICR_IPRIORITYR + i) = PRIORITY_ALL;
	*reg32(gicr, GICR_ISENABLER0) = ENABLED;
}

void hgic_enable(void)
{
	redistributor_enable(this_cpu()->gicr);
	write_sysreg(ICC_SRE_EL2, SRE_ENABLE);
	isb();
	write_sysreg(ICC_SRE_EL1, 7);
	isb();
	write_sysreg(ICC_PMR_EL1, 0xff);
	write_sysreg(ICC_BPR1_EL1, 0);
	write_sysreg(ICC_CTLR_EL1, ICC_CTLR_EOIMODE);
	write_sysreg(ICC_IGRPEN1_EL1, 1);
	isb();
}

void hgic_send(unsigned cpu, unsigned sgi)
{
	uint64_t m = cpus[cpu].mpidr;
	uint64_t value = (m >> 32 & 0xff) << 48 | (m >> 16 & 0xff) << 32 | (m >> 8 & 0xff) << 16 |
			 (m >> 4 & 15) << 44 | UINT64_C(1) << (m & 15) | (uint64_t)sgi << 24;

	dsb(ish); /* what the other is to see was written before */
	write_sysreg(ICC_SGI1R_EL1, value);
	isb();
}

static _Noreturn void stop_here(void)
{
	this_cpu()->stopped = true;
	for (;;)
		wfi();
}

struct hgic_taken hgic_take_all(void)
{
	struct hgic_taken taken = { .others = false };

	for (;;) {
		uint32_t intid = (uint32_t)read_sysreg(ICC_IAR1_EL1) & 0xffffffu;

		dsb(sy);
		if (intid >= HGIC_SPURIOUS)
			return taken;
		if (intid == TIMER_HOST_INTID)
			clock_timer_fired();
		write_sysreg(ICC_EOIR1_EL1, intid);
		if (intid == TIMER_GUEST_INTID) {
			taken.guest_timer = true;
			isb();
			continue;
		}
		if (intid == HGIC_MAINTENANCE)
			taken.maintenance = true;
		else
			taken.others = true;
		if (intid == HGIC_STOP)
			stop_here();
		if (intid == HGIC_MAINTENANCE) {
			/* The cause is still there: the caller takes it away, and lets it go on. */
			write_sysreg(s3_4_c12_c11_0, read_sysreg(s3_4_c12_c11_0) & ~UINT64_C(1));
			isb();
		}
		write_sysreg(ICC_DIR_EL1, intid);
		isb();
	}
}

void hgic_timer_active(bool active)
{
	*reg32(this_cpu()->gicr, active ? GICR_ISACTIVER0 : GICR_ICACTIVER0) = 1u
									       << TIMER_GUEST_INTID;
	dsb(sy);
}
