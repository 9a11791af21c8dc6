/* SPDX-License-Identifier: BSD-2-Clause */
/* Kick whoever is in the guest, then wait until each has been seen outside of it. */
#include "hv/shootdown.h"

#include "hv/vcpu.h"
#include "hv/vm.h"

/* Kicks the vCPU's CPU if it is inside; returns whether to wait, and for which count of exits to
 * pass. */
static bool kick_if_inside(struct vcpu *v, uint64_t *exits)
{
	/* seq_cst: after flush_gen was raised, before in_guest is read; see the header. */
	uint32_t cpu = atomic_load_explicit(&v->in_guest, memory_order_seq_cst);
	if (cpu == 0)
		return false;
	*exits = atomic_load_explicit(&v->exits, memory_order_relaxed);
	arch_cpu_kick(cpu - 1);
	return true;
}

static void wait_outside(struct vcpu *v, uint64_t exits)
{
	/* acquire: its last use of the old translation is over once it is seen outside. */
	while (atomic_load_explicit(&v->in_guest, memory_order_acquire) != 0 &&
	       atomic_load_explicit(&v->exits, memory_order_acquire) == exits)
		arch_cpu_relax();
}

void shootdown(struct s2 *s2, struct gfn_range range)
{
	uint64_t exits[VM_MAX_VCPUS];
	uint32_t inside = 0;
	struct vm *vm = s2->vm;

	s2->flushes++;
	if (arch_s2_flush(&s2->arch, range))
		return;
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (kick_if_inside(vm->vcpus[i], &exits[i]))
			inside |= 1u << i;
	}
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (inside & 1u << i)
			wait_outside(vm->vcpus[i], exits[i]);
	}
}
