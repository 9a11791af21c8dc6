/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which the port sets itself up, and how it ends the machine. The hypervisor runs in
 * real mode throughout: an effective address is a host physical one, and the linear map the
 * identity.
 */
#include "arch/ppc64/start.h"

#include <stddef.h>
#include <string.h>

#include "arch/ppc64/clock.h"
#include "arch/ppc64/opal.h"
#include "arch/ppc64/percpu.h"
#include "arch/ppc64/phb.h"
#include "arch/ppc64/stage2.h"
#include "boot/bootinfo.h"

#define CACHE_BLOCK 128u /* of dcbz */

const char arch_name[] = "ppc64";

extern unsigned char boot_stack[];
extern const unsigned char host_trap[];

_Static_assert(offsetof(struct cpu, context) == 0, "HSPRG0 points to both");
_Static_assert(offsetof(struct context, r) == CONTEXT_R, "traps.S uses it");
_Static_assert(offsetof(struct context, pc) == CONTEXT_PC, "traps.S uses it");
_Static_assert(offsetof(struct context, msr) == CONTEXT_MSR, "traps.S uses it");
_Static_assert(offsetof(struct context, lr) == CONTEXT_LR, "traps.S uses it");
_Static_assert(offsetof(struct context, ctr) == CONTEXT_CTR, "traps.S uses it");
_Static_assert(offsetof(struct context, cr) == CONTEXT_CR, "traps.S uses it");
_Static_assert(offsetof(struct context, xer) == CONTEXT_XER, "traps.S uses it");
_Static_assert(offsetof(struct context, handler) == CONTEXT_HANDLER, "traps.S uses it");
_Static_assert(offsetof(struct context, cpu) == CONTEXT_CPU, "traps.S uses it");

/* Interrupts little-endian, and where they find struct cpu. */
static void cpu_early(struct cpu *c)
{
	c->context.handler = (uint64_t)(uintptr_t)host_trap;
	c->context.cpu = c;
	mtspr(SPR_HSPRG0, (uint64_t)(uintptr_t)c);
	mtspr(SPR_HID0, mfspr(SPR_HID0) | HID0_HILE);
	isync();
}

void start_early(void)
{
	cpus[0].stack = boot_stack;
	cpus[0].pir = (uint32_t)mfspr(SPR_PIR);
	traps_install();
	cpu_early(&cpus[0]);
}

void cpu_enable(void)
{
	clock_enable();
	stage2_enable();
	mtspr(SPR_PSSCR, 0);
}

static uint64_t msr(void)
{
	uint64_t value;

	__asm__ volatile("mfmsr %0" : "=r"(value));
	return value;
}

const char *arch_init(struct bootinfo *boot)
{
	static struct platform platform;
	const char *why;

	if (boot->magic != BOOTINFO_MAGIC || boot->version != BOOTINFO_VERSION ||
	    boot->range_count > BOOT_MAX_RANGES || boot->fdt == 0)
		return "the loader's hand-over is not of this version";
	if ((msr() & MSR_HV) == 0)
		return "the hypervisor is not in hypervisor mode (under QEMU: -M powernv9)";
	if ((why = platform_read(arch_linear(hpa(boot->fdt)), &platform)) != NULL)
		return why;
	if (!platform.radix)
		return "this processor has no radix translation (POWER9 or later is needed)";
	if (platform.cache_block != CACHE_BLOCK)
		return "the blocks of this processor's data cache are not of 128 bytes";
	if ((why = clock_init(platform.timebase_hz)) != NULL || (why = stage2_init()) != NULL)
		return why;
	if (platform.cpus_left_off != 0)
		hv_log("ppc64: %u processors beyond %u are left off\n", platform.cpus_left_off,
		       ARCH_MAX_CPUS);
	smp_init(&platform);
	pci_init(arch_linear(hpa(boot->fdt)));
	cpu_enable();
	cpus[0].up = true;
	return NULL;
}

unsigned start_other(struct cpu *c)
{
	cpu_early(c);
	cpu_enable();
	c->up = true;
	return c->id;
}

unsigned arch_cpu_id(void)
{
	return this_cpu()->id;
}

/* ---- Memory: real mode ---------------------------------------------------------------------- */

void *arch_linear(hpa_t address)
{
	return (void *)(uintptr_t)address.v;
}

void *arch_map_device(hpa_t base, uint64_t bytes, enum memtype type)
{
	(void)type;
	return bytes == 0 || base.v + bytes < base.v ? NULL : arch_linear(base);
}

/*
 * Loads and stores of real mode are cacheable; a device is reached by the instructions that are
 * caching inhibited and guarded there (Power ISA 3.0B, book III, 4.4.1). They stay in order among
 * themselves; the barrier keeps what was written to RAM before them.
 */
uint32_t arch_device_read(const void *at, uint32_t bytes)
{
	uint64_t value;

	if (bytes == 1)
		__asm__ volatile("sync\n\tlbzcix %0, 0, %1" : "=r"(value) : "r"(at) : "memory");
	else if (bytes == 2)
		__asm__ volatile("sync\n\tlhzcix %0, 0, %1" : "=r"(value) : "r"(at) : "memory");
	else
		__asm__ volatile("sync\n\tlwzcix %0, 0, %1" : "=r"(value) : "r"(at) : "memory");
	return (uint32_t)value;
}

void arch_device_write(void *at, uint32_t bytes, uint32_t value)
{
	if (bytes == 1)
		__asm__ volatile("sync\n\tstbcix %0, 0, %1" : : "r"(value), "r"(at) : "memory");
	else if (bytes == 2)
		__asm__ volatile("sync\n\tsthcix %0, 0, %1" : : "r"(value), "r"(at) : "memory");
	else
		__asm__ volatile("sync\n\tstwcix %0, 0, %1" : : "r"(value), "r"(at) : "memory");
}

/*
 * Data caches are coherent, and the instruction caches of POWER9 and POWER10 see stores. What is
 * left is to put the stores before what a processor may have fetched ahead: the stores first, then
 * one icbi, of any block, for all that was fetched, on this CPU. Any other fetches from there only
 * after its way into the guest, which synchronises (Power ISA 3.0B, book II, 1.8 and 4.3; the
 * general sequence there has a dcbst and an icbi for each block).
 */
void arch_guest_sync(const void *at, size_t bytes, bool written)
{
	if (written && bytes != 0)
		__asm__ volatile("sync\n\ticbi 0, %0\n\tisync" : : "r"(at) : "memory");
}

/* A block at a time (dcbz), without reading it first. */
void arch_page_clear(void *page)
{
	char *at = page;

	for (unsigned i = 0; i < PAGE_SIZE / CACHE_BLOCK; i++, at += CACHE_BLOCK)
		__asm__ volatile("dcbz 0, %0" : : "r"(at) : "memory");
	arch_guest_sync(page, PAGE_SIZE, true);
}

/* ---- Waiting and ending --------------------------------------------------------------------- */

void arch_cpu_relax(void)
{
	__asm__ volatile("or 27, 27, 27" : : : "memory");
}

/*
 * `stop` with PSSCR = 0 ends at any interrupt that is pending, without taking it: also at those
 * that are nobody's here, so it is repeated. A decrementer without its vCPU is put off.
 */
void arch_cpu_idle(void)
{
	struct cpu *c = this_cpu();

	if (c->loaded == NULL)
		mtspr(SPR_DEC, DEC_MAX);
	while (!atomic_load(&c->kicked) && mfspr(SPR_TB) < c->deadline) {
		clock_arm(UINT64_MAX);
		ptesync();
		__asm__ volatile(".long 0x4c0002e4 # stop" : : : "memory");
	}
	atomic_store(&c->kicked, false);
	/* The doorbell has been heard (msgclr, of the server's kind). */
	register uint64_t kind __asm__("r5") = UINT64_C(5) << 27;
	__asm__ volatile(".long 0x7c0001dc | 5 << 11" : : "r"(kind) : "memory");
	clock_due();
	clock_look();
	smp_stop_point();
}

_Noreturn void arch_machine_end(enum arch_end how, unsigned status)
{
	(void)status; /* the firmware has no way to hand it on: the last line says it */
	if (how == ARCH_END_POWEROFF) {
		smp_stop_others();
		(void)opal_call(OPAL_CONSOLE_FLUSH, 0, 0, 0, 0);
		while (opal_call(OPAL_CEC_POWER_DOWN, 0, 0, 0, 0) == OPAL_BUSY_EVENT)
			(void)opal_call(OPAL_POLL_EVENTS, 0, 0, 0, 0);
	}
	/* The firmware ends the machine in this call. */
	for (;;)
		(void)opal_call(OPAL_POLL_EVENTS, 0, 0, 0, 0);
}
