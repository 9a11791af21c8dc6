/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the guest stopped. The frequent exits come first and are decoded here; the rest is served by
 * the port itself, is the guest's own mistake (an exception for it), or ends the VM with a
 * sentence.
 *
 * Instruction lengths are those of the plain encodings: the processor need not tell (NRIPS), and a
 * redundant prefix on one of these instructions harms only the guest that uses it.
 */
#include "arch/x86/exits.h"

#include "arch/x86/cpu.h"
#include "arch/x86/svm.h"
#include "arch/x86/vcpu.h"

#define CPUID_BYTES 2u
#define INVD_BYTES 2u
#define HLT_BYTES 1u
#define VMMCALL_BYTES 3u

static void unhandled(struct exit *out, const char *why)
{
	out->kind = EXIT_UNHANDLED;
	out->why = why;
}

static void s2_fault(const struct arch_vcpu *v, struct exit *out)
{
	uint64_t info = v->vmcb.exit_info_1;

	if (info & NPF_RESERVED) {
		unhandled(out, "a stage-2 entry has a reserved bit set");
		return;
	}
	out->kind = EXIT_S2_FAULT;
	out->fault.gpa = gpa(v->vmcb.exit_info_2);
	out->fault.access = info & NPF_WRITE ? ACCESS_WRITE : ACCESS_READ;
	if (__builtin_expect((info & NPF_EXEC) != 0, false))
		out->fault.access = ACCESS_EXEC;
	out->fault.present = info & NPF_PRESENT;
	out->fault.table_walk = (info & NPF_TABLE_WALK) != 0;
}

/* rax; rdi, rsi, rdx, r8 in 64-bit mode, ebx, ecx, edx, esi elsewhere. */
static void hypercall(struct arch_vcpu *v, struct exit *out)
{
	out->kind = EXIT_HYPERCALL;
	out->hypercall.nr = (uint32_t)v->vmcb.rax;
	out->hypercall.user = v->vmcb.cpl == 3;
	v->vmcb.interrupt_state &= ~INTERRUPT_SHADOW;
	if (vcpu_long64(v)) {
		v->vmcb.rip += VMMCALL_BYTES;
		out->hypercall.arg[0] = v->regs[RDI];
		out->hypercall.arg[1] = v->regs[RSI];
		out->hypercall.arg[2] = v->regs[RDX];
		out->hypercall.arg[3] = v->regs[R8];
	} else {
		v->vmcb.rip = (uint32_t)(v->vmcb.rip + VMMCALL_BYTES);
		out->hypercall.arg[0] = (uint32_t)v->regs[RBX];
		out->hypercall.arg[1] = (uint32_t)v->regs[RCX];
		out->hypercall.arg[2] = (uint32_t)v->regs[RDX];
		out->hypercall.arg[3] = (uint32_t)v->regs[RSI];
	}
}

static void port_access(struct arch_vcpu *v, struct exit *out)
{
	uint64_t info = v->vmcb.exit_info_1;
	uint8_t bytes = (uint8_t)IOIO_BYTES(info);

	if (info & IOIO_STRING) {
		decode_port_string(v, out);
		return;
	}
	v->io = (struct io_plan){
		.way = info & IOIO_IN ? IO_TO_REGISTER : IO_WRITTEN,
		.bytes = bytes,
		.register_bytes = bytes,
		.reg = RAX,
		.next_rip = v->vmcb.exit_info_2,
	};
	out->kind = EXIT_IO;
	out->io = (struct io_access){
		.port = true,
		.write = (info & IOIO_IN) == 0,
		.bytes = bytes,
		.where = IOIO_PORT(info),
		.value = v->vmcb.rax & (UINT32_MAX >> (32 - 8 * bytes)),
	};
}

static void cr8_write(struct arch_vcpu *v, struct exit *out)
{
	uint64_t value;
	unsigned bytes;

	out->kind = EXIT_HOST;
	if (!decode_cr8_write(v, &value, &bytes)) {
		unhandled(out, "a write of CR8 by an instruction that cannot be decoded");
	} else if (value > 15) {
		inject_exception_error(v, VECTOR_GP, 0);
	} else {
		v->vmcb.virtual_interrupt = (v->vmcb.virtual_interrupt & ~V_TPR_MASK) | value;
		vcpu_skip(v, bytes);
	}
}

/* Exits that are seldom. */
static void seldom(struct arch_vcpu *v, struct exit *out, uint32_t code)
{
	out->kind = EXIT_HOST;
	switch (code) {
	case VMEXIT_NMI:
	case VMEXIT_INIT: svm_interrupt_window(); break;
	case VMEXIT_CR8_WRITE: cr8_write(v, out); break;
	case VMEXIT_RDPMC: inject_exception_error(v, VECTOR_GP, 0); break;
	case VMEXIT_INVD: vcpu_skip(v, INVD_BYTES); break; /* nothing of others' may be lost */
	case VMEXIT_INVLPGA:
	case VMEXIT_VMRUN:
	case VMEXIT_VMLOAD:
	case VMEXIT_VMSAVE:
	case VMEXIT_STGI:
	case VMEXIT_CLGI:
	case VMEXIT_SKINIT:
	case VMEXIT_MONITOR:
	case VMEXIT_MWAIT: inject_exception(v, VECTOR_UD); break; /* not in its CPUID */
	case VMEXIT_SHUTDOWN: out->kind = EXIT_SHUTDOWN; break;
	case VMEXIT_EXCEPTION + VECTOR_MC:
		unhandled(out, "a machine check while the guest ran");
		break;
	case VMEXIT_INVALID:
		unhandled(out, "the processor refuses the guest's state "
			       "(a reserved bit of a control register, or the like)");
		break;
	default: unhandled(out, "an exit that was not asked for"); break;
	}
}

/* Out of line, so that the frequent exits stay short. */
static __attribute__((noinline)) bool other(struct arch_vcpu *v, struct exit *out, uint32_t code)
{
	switch (code) {
	case VMEXIT_CPUID:
		cpuid_serve(v);
		vcpu_skip(v, CPUID_BYTES);
		return false;
	case VMEXIT_MSR: return !msr_serve(v, out);
	default: seldom(v, out, code); return true;
	}
}

bool exit_decode(struct arch_vcpu *v, struct exit *out)
{
	uint32_t code = (uint32_t)v->vmcb.exit_code;

	switch (__builtin_expect(code, VMEXIT_NPF)) {
	case VMEXIT_NPF: s2_fault(v, out); return true;
	case VMEXIT_VMMCALL: hypercall(v, out); return true;
	case VMEXIT_INTR:
		svm_interrupt_window();
		out->kind = EXIT_HOST;
		return true;
	case VMEXIT_IOIO: port_access(v, out); return true;
	case VMEXIT_HLT:
		vcpu_skip(v, HLT_BYTES);
		out->kind = EXIT_HALT;
		out->halt.irqs_off = !(v->vmcb.rflags & RFLAGS_IF);
		out->halt.timer_ns = UINT64_MAX;
		return true;
	case VMEXIT_VINTR:
		arch_vcpu_irq_window(v, false);
		out->kind = EXIT_IRQ_READY;
		return true;
	default: return other(v, out, code);
	}
}
