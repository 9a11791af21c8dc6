/* SPDX-License-Identifier: BSD-2-Clause */
/* Kick whoever is in the guest, then wait until each has been seen outside of it. */
#include "hv/shootdown.h"

#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/env.h"

/* Where a vCPU was seen inside its guest, and at which of its stays there. */
struct stay {
	uint32_t in_guest; /* the CPU + 1; 0: it was outside */
	uint64_t exits;
};

/* Kicks the vCPU's CPU if it is inside. */
static struct stay kick_if_inside(struct vcpu *v)
{
	/* seq_cst: flush_gen was raised before in_guest is read; see the header. */
	struct stay s = { atomic_load_explicit(&v->in_guest, memory_order_seq_cst), 0 };
	if (s.in_guest == 0)
		return s;
	mm_step("shootdown_seen", v);
	/* Read after in_guest: an older count would let a later stay pass that still uses what the
	 * kick is to end. */
	s.exits = atomic_load_explicit(&v->exits, memory_order_relaxed);
	arch_cpu_kick(s.in_guest - 1);
	return s;
}

/* On another CPU it is a new stay, which obeys the flush: nobody has kicked that CPU. */
static void wait_outside(struct vcpu *v, struct stay s)
{
	/* acquire: its last use of the old translation is over once it is seen to have left. */
	while (atomic_load_explicit(&v->in_guest, memory_order_acquire) == s.in_guest &&
	       atomic_load_explicit(&v->exits, memory_order_acquire) == s.exits)
		arch_cpu_relax();
}

/* All are kicked before any is waited for. */
__attribute__((noinline)) void shootdown_inside(struct s2 *s2)
{
	const struct vm *vm = s2->vm;
	struct stay stays[VM_MAX_VCPUS];

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		stays[i] = kick_if_inside(vm->vcpus[i]);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (stays[i].in_guest != 0)
			wait_outside(vm->vcpus[i], stays[i]);
	}
}

/* Part of a removal where the linker can see both. */
__attribute__((always_inline)) bool shootdown_flush(struct s2 *s2, struct gfn_range range)
{
	const struct vm *vm = s2->vm;

	s2->flushes++;
	if (arch_s2_flush(&s2->arch, range))
		return true;
	/* seq_cst: as in kick_if_inside. An only vCPU is mostly the one that gives the notice. */
	return vm->vcpu_count == 1 &&
	       atomic_load_explicit(&vm->vcpus[0]->in_guest, memory_order_seq_cst) == 0;
}

void shootdown(struct s2 *s2, struct gfn_range range)
{
	if (!shootdown_flush(s2, range))
		shootdown_inside(s2);
}
