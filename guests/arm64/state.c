/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers that are not switched at every exit: the 32 vector registers, FPCR and FPSR. vCPUs
 * that share a CPU fill them each with its own, let the others run, and look. vcpus=N turns=N.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

#define REGISTERS 32
#define ROUND_ZERO (3ull << 22) /* FPCR.RMode */
#define CUMULATIVE 0x1full	/* FPSR: what went wrong so far */

struct state {
	uint64_t words[REGISTERS][2];
	uint64_t fpcr, fpsr;
} __attribute__((aligned(16)));

static struct state mine[MAX_CPUS], found[MAX_CPUS];
static uint64_t wrong[MAX_CPUS], turns;

#define EACH_PAIR(op)                                                                            \
	op(0, 1) op(2, 3) op(4, 5) op(6, 7) op(8, 9) op(10, 11) op(12, 13) op(14, 15) op(16, 17) \
		op(18, 19) op(20, 21) op(22, 23) op(24, 25) op(26, 27) op(28, 29) op(30, 31)
#define LOAD(a, b) "ldp q" #a ", q" #b ", [%0, #16 * " #a "]\n\t"
#define SAVE(a, b) "stp q" #a ", q" #b ", [%0, #16 * " #a "]\n\t"

/* The compiler itself uses none of these registers (-mgeneral-regs-only). */
static void load(const struct state *from)
{
	__asm__ volatile(".arch_extension fp\n\t" EACH_PAIR(LOAD) "msr fpcr, %1\n\tmsr fpsr, %2"
			 :
			 : "r"(from), "r"(from->fpcr), "r"(from->fpsr)
			 : "memory");
}

static void save(struct state *to)
{
	uint64_t fpcr, fpsr;

	__asm__ volatile(".arch_extension fp\n\t" EACH_PAIR(SAVE) : : "r"(to) : "memory");
	__asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(fpcr), "=r"(fpsr));
	to->fpcr = fpcr;
	to->fpsr = fpsr;
}

static void keep(uint64_t me)
{
	for (uint64_t turn = 0; turn < turns; turn++) {
		for (unsigned r = 0; r < REGISTERS; r++)
			for (unsigned w = 0; w < 2; w++)
				mine[me].words[r][w] = (me << 48) + (turn << 16) + r * 16 + w;
		mine[me].fpcr = me & 1 ? ROUND_ZERO : 0;
		mine[me].fpsr = (me + turn) & CUMULATIVE;
		load(&mine[me]);
		for (unsigned i = 0; i < 20; i++)
			(void)hc_yield();
		save(&found[me]);
		for (unsigned r = 0; r < REGISTERS; r++)
			for (unsigned w = 0; w < 2; w++)
				wrong[me] += found[me].words[r][w] != mine[me].words[r][w];
		wrong[me] += found[me].fpcr != mine[me].fpcr;
		wrong[me] += found[me].fpsr != mine[me].fpsr;
	}
}

void guest_main(const char *cmdline)
{
	unsigned vcpus = (unsigned)argument(cmdline, "vcpus", 2);
	uint64_t sum = 0;

	print("state: vector registers of %u vCPUs\n", vcpus);
	turns = argument(cmdline, "turns", 500);
	for (unsigned id = 1; id < vcpus; id++)
		report_equal(cpu_run(id, keep, id), 0, "a vCPU is started");
	keep(0);
	for (unsigned id = 1; id < vcpus; id++)
		cpu_wait(id);
	for (unsigned id = 0; id < vcpus; id++)
		sum += wrong[id];
	report_equal(sum, 0, "every register is its vCPU's own");
}
