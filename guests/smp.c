/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several vCPUs, on as many CPUs as there are: each starts with its argument, all count up one word
 * under a lock, and nobody starves. vcpus=N turns=N.
 */
#include <stdatomic.h>

#include "guests/lib/hypercall.h"
#include "guests/lib/guest.h"

static _Atomic uint64_t atomic_sum;
static atomic_flag lock = ATOMIC_FLAG_INIT;
static volatile uint64_t locked_sum;
static uint64_t turns, seen_id[MAX_CPUS];

static void count(uint64_t me)
{
	seen_id[me] = (uint64_t)hc_vcpu_id();
	for (uint64_t turn = 0; turn < turns; turn++) {
		atomic_fetch_add(&atomic_sum, 1);
		while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
			(void)hc_yield();
		locked_sum = locked_sum + 1;
		atomic_flag_clear_explicit(&lock, memory_order_release);
	}
}

void guest_main(const char *cmdline)
{
	unsigned vcpus = (unsigned)argument(cmdline, "vcpus", 2);
	uint64_t wrong = 0;

	turns = argument(cmdline, "turns", 2000);
	report_equal(hc_vcpu_id(), 0, "the first vCPU's number");
	for (unsigned id = 1; id < vcpus; id++)
		report_equal(cpu_run(id, count, id), 0, "a vCPU is started");
	count(0);
	for (unsigned id = 1; id < vcpus; id++) {
		uint64_t rax, rdi;

		cpu_wait(id);
		cpu_registers(id, &rax, &rdi);
		wrong += seen_id[id] != id;
		report(rax == id || rdi == id, "it found its argument in a register");
	}
	report_equal(wrong, 0, "each knows its number");
	report_equal(atomic_sum, turns * vcpus, "atomic additions");
	report_equal(locked_sum, turns * vcpus, "additions under a lock");
	report(hc_vcpu_start(vcpus, RAM_BASE + MIB, 0) < 0, "a vCPU that the VM does not have");
	report(vcpus < 2 || hc_vcpu_start(1, RAM_BASE + MIB, 0) < 0, "a vCPU that runs already");
}
