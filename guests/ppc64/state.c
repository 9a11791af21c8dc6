/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers that are not switched at every exit: 64 VSX registers (FP and AltiVec are among
 * them), FPSCR and VRSAVE. vCPUs that share a CPU fill them each with its own, let the others run,
 * and look. vcpus=N turns=N.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"

#define REGISTERS 64
#define ROUND_ZERO 1ull /* FPSCR.RN */
#define ENABLES_SHIFT 3 /* FPSCR: XE, ZE, UE, OE: exceptions stay off, MSR.FE0 and FE1 are 0 */

/* guests/lib/vectors_ppc64.S has this layout. */
struct vectors {
	uint64_t words[REGISTERS][2];
	uint64_t fpscr, vrsave;
} __attribute__((aligned(16)));

void vectors_load(const struct vectors *from);
void vectors_save(struct vectors *to);

static struct vectors mine[MAX_CPUS], found[MAX_CPUS];
static uint64_t wrong[MAX_CPUS], turns;

static void keep(uint64_t me)
{
	for (uint64_t turn = 0; turn < turns; turn++) {
		for (unsigned r = 0; r < REGISTERS; r++)
			for (unsigned w = 0; w < 2; w++)
				mine[me].words[r][w] = (me << 48) + (turn << 16) + r * 16 + w;
		mine[me].fpscr = (me & 1 ? ROUND_ZERO : 0) | ((me + turn) & 15) << ENABLES_SHIFT;
		mine[me].vrsave = (me << 16) + (turn & 0xffff);
		vectors_load(&mine[me]);
		for (unsigned i = 0; i < 20; i++)
			(void)hc_yield();
		vectors_save(&found[me]);
		for (unsigned r = 0; r < REGISTERS; r++)
			for (unsigned w = 0; w < 2; w++)
				wrong[me] += found[me].words[r][w] != mine[me].words[r][w];
		wrong[me] += found[me].fpscr != mine[me].fpscr;
		wrong[me] += found[me].vrsave != mine[me].vrsave;
	}
}

void guest_main(const char *cmdline)
{
	unsigned vcpus = (unsigned)argument(cmdline, "vcpus", 2);
	uint64_t sum = 0;

	turns = argument(cmdline, "turns", 500);
	print("state: the VSX registers, FPSCR and VRSAVE\n");
	for (unsigned id = 1; id < vcpus; id++)
		report_equal(cpu_run(id, keep, id), 0, "a vCPU is started");
	keep(0);
	for (unsigned id = 1; id < vcpus; id++)
		cpu_wait(id);
	for (unsigned id = 0; id < vcpus; id++)
		sum += wrong[id];
	report_equal(sum, 0, "every register is its vCPU's own");
}
