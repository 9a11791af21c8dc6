/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers that are not switched at every exit: x87, SSE and, if the processor has it, AVX.
 * vCPUs that share a CPU fill them each with its own, wait to be preempted, and look. vcpus=N
 * turns=N.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

#define REGISTERS 16
#define CR4_OSXSAVE (1ull << 18)

struct vector {
	uint64_t words[4];
} __attribute__((aligned(32)));

static struct vector mine[MAX_CPUS][REGISTERS], found[MAX_CPUS][REGISTERS];
static uint64_t wrong[MAX_CPUS], turns;
static bool has_avx;

#define EACH(op)                                                                                \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) \
		op(14) op(15)
#define STRING(x) #x
#define LOAD_SSE(n) "movdqa " STRING(n) "*32(%0), %%xmm" STRING(n) "\n\t"
#define SAVE_SSE(n) "movdqa %%xmm" STRING(n) ", " STRING(n) "*32(%0)\n\t"
#define LOAD_AVX(n) "vmovdqa " STRING(n) "*32(%0), %%ymm" STRING(n) "\n\t"
#define SAVE_AVX(n) "vmovdqa %%ymm" STRING(n) ", " STRING(n) "*32(%0)\n\t"

static void enable_avx(void)
{
	uint64_t cr4;

	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	__asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
}

static void load(const struct vector *from, uint32_t mxcsr, uint64_t number)
{
	if (has_avx)
		__asm__ volatile(EACH(LOAD_AVX) : : "r"(from) : "memory");
	else
		__asm__ volatile(EACH(LOAD_SSE) : : "r"(from) : "memory");
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fninit\n\tfildll %0" : : "m"(number));
}

static void save(struct vector *to, uint32_t *mxcsr, uint64_t *number)
{
	__asm__ volatile("fistpll %0" : "=m"(*number));
	__asm__ volatile("stmxcsr %0" : "=m"(*mxcsr));
	if (has_avx)
		__asm__ volatile(EACH(SAVE_AVX) : : "r"(to) : "memory");
	else
		__asm__ volatile(EACH(SAVE_SSE) : : "r"(to) : "memory");
}

static void keep(uint64_t me)
{
	uint32_t mxcsr = me & 1 ? 0x1f80 : 0x7f80, mxcsr_found = 0;
	unsigned words = has_avx ? 4 : 2;

	if (has_avx)
		enable_avx();
	for (uint64_t turn = 0; turn < turns; turn++) {
		uint64_t number = me * 1000003 + turn, number_found = 0;

		for (unsigned r = 0; r < REGISTERS; r++)
			for (unsigned w = 0; w < words; w++)
				mine[me][r].words[w] = (me << 48) + (turn << 16) + r * 16 + w;
		load(mine[me], mxcsr, number);
		for (unsigned i = 0; i < 20; i++)
			(void)hc_yield();
		save(found[me], &mxcsr_found, &number_found);
		for (unsigned r = 0; r < REGISTERS; r++)
			for (unsigned w = 0; w < words; w++)
				wrong[me] += found[me][r].words[w] != mine[me][r].words[w];
		wrong[me] += mxcsr_found != mxcsr;
		wrong[me] += number_found != number;
	}
}

void guest_main(const char *cmdline)
{
	unsigned vcpus = (unsigned)argument(cmdline, "vcpus", 2);
	uint64_t sum = 0;

	turns = argument(cmdline, "turns", 500);
	has_avx = (cpuid(1).ecx & (1u << 26 | 1u << 28)) == (1u << 26 | 1u << 28);
	print("state: %s\n", has_avx ? "x87, SSE and AVX" : "x87 and SSE");
	for (unsigned id = 1; id < vcpus; id++)
		report_equal(cpu_run(id, keep, id), 0, "a vCPU is started");
	keep(0);
	for (unsigned id = 1; id < vcpus; id++)
		cpu_wait(id);
	for (unsigned id = 0; id < vcpus; id++)
		sum += wrong[id];
	report_equal(sum, 0, "every register is its vCPU's own");
}
