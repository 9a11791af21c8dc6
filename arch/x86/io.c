/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completing an access: the value that was read goes where the instruction wants it, registers
 * move, rip advances. An instruction that reads a device and writes it again is completed in two
 * turns: after the read its result is kept, the guest is entered, faults on the same instruction,
 * and is told the write.
 */
#include "arch/x86/vcpu.h"

#include "arch/x86/cpu.h"
#include "arch/x86/gwalk.h"

static uint64_t mask_of(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

/* A register write as the processor does it: 32 bits clear the upper half, fewer keep the rest. */
static void register_write(struct arch_vcpu *v, const struct io_plan *p, uint64_t value)
{
	uint64_t mask = mask_of(p->register_bytes), old = vcpu_reg(v, p->reg);
	unsigned shift = p->high_byte ? 8 : 0;

	if (p->register_bytes == 4)
		vcpu_reg_set(v, p->reg, (uint32_t)value);
	else
		vcpu_reg_set(v, p->reg, (old & ~(mask << shift)) | (value & mask) << shift);
}

static void register_add(struct arch_vcpu *v, unsigned reg, unsigned address_bytes, uint64_t step)
{
	uint64_t mask = mask_of(address_bytes), old = vcpu_reg(v, reg), now = (old + step) & mask;

	vcpu_reg_set(v, reg, address_bytes >= 4 ? now : (old & ~mask) | now);
}

/* One element of a string instruction is done. */
static void string_advance(struct arch_vcpu *v)
{
	const struct io_plan *p = &v->io;
	uint64_t step = v->vmcb.rflags & RFLAGS_DF ? UINT64_C(0) - p->bytes : p->bytes;

	if (p->moves_both) {
		register_add(v, RSI, p->address_bytes, step);
		register_add(v, RDI, p->address_bytes, step);
	} else {
		register_add(v, p->reg, p->address_bytes, step);
	}
	if (p->repeat) {
		register_add(v, RCX, p->address_bytes, UINT64_MAX);
		if (vcpu_reg(v, RCX) & mask_of(p->address_bytes)) {
			v->vmcb.interrupt_state &= ~INTERRUPT_SHADOW;
			return;
		}
	}
	vcpu_go_on_at(v, p->next_rip);
}

/* ---- Operations ------------------------------------------------------------------------------ */

#define ARITHMETIC_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static uint64_t result_flags(uint64_t result, unsigned bytes)
{
	uint64_t flags = 0;

	flags |= (result & mask_of(bytes)) == 0 ? RFLAGS_ZF : 0;
	flags |= result >> (8 * bytes - 1) & 1 ? RFLAGS_SF : 0;
	flags |= __builtin_popcountll(result & 0xff) % 2 == 0 ? RFLAGS_PF : 0;
	return flags;
}

/* left + right + carry; a subtraction adds the complement, and its carry and half carry are
 * borrows. */
static uint64_t add(uint64_t left, uint64_t right, uint64_t carry, unsigned bytes, uint64_t *flags)
{
	uint64_t mask = mask_of(bytes), result = (left + right + carry) & mask;
	uint64_t carries = (left & right) | ((left | right) & ~result);
	unsigned top = 8 * bytes - 1;

	*flags = result_flags(result, bytes);
	*flags |= carries >> top & 1 ? RFLAGS_CF : 0;
	*flags |= carries >> 3 & 1 ? RFLAGS_AF : 0;
	*flags |= ((left ^ result) & (right ^ result)) >> top & 1 ? RFLAGS_OF : 0;
	return result;
}

static uint64_t subtract(uint64_t left, uint64_t right, uint64_t borrow, unsigned bytes,
			 uint64_t *flags)
{
	uint64_t result = add(left, ~right & mask_of(bytes), 1 - borrow, bytes, flags);

	*flags ^= RFLAGS_CF | RFLAGS_AF;
	return result;
}

static uint64_t bit_operation(enum io_operation op, uint64_t left, uint64_t right, unsigned bytes,
			      uint64_t *rflags)
{
	uint64_t bit = UINT64_C(1) << (right & (8 * bytes - 1));

	*rflags = (*rflags & ~RFLAGS_CF) | (left & bit ? RFLAGS_CF : 0);
	return op == OP_BTS   ? left | bit
	       : op == OP_BTR ? left & ~bit
	       : op == OP_BTC ? left ^ bit
			      : left;
}

uint64_t io_operate(enum io_operation op, uint64_t left, uint64_t right, unsigned bytes,
		    uint64_t *rflags)
{
	uint64_t carry = *rflags & RFLAGS_CF ? 1 : 0, changed = ARITHMETIC_FLAGS, flags = 0,
		 result = 0;

	switch (op) {
	case OP_AND:
	case OP_TEST: flags = result_flags(result = left & right, bytes); break;
	case OP_OR: flags = result_flags(result = left | right, bytes); break;
	case OP_XOR: flags = result_flags(result = left ^ right, bytes); break;
	case OP_ADD: result = add(left, right, 0, bytes, &flags); break;
	case OP_ADC: result = add(left, right, carry, bytes, &flags); break;
	case OP_SUB:
	case OP_CMP: result = subtract(left, right, 0, bytes, &flags); break;
	case OP_SBB: result = subtract(left, right, carry, bytes, &flags); break;
	case OP_NEG: result = subtract(0, left, 0, bytes, &flags); break;
	case OP_INC:
		result = add(left, 1, 0, bytes, &flags);
		changed &= ~RFLAGS_CF;
		break;
	case OP_DEC:
		result = subtract(left, 1, 0, bytes, &flags);
		changed &= ~RFLAGS_CF;
		break;
	case OP_NOT: return ~left & mask_of(bytes);
	case OP_XCHG: return right;
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC: return bit_operation(op, left, right, bytes, rflags);
	}
	*rflags = (*rflags & ~changed) | (flags & changed);
	return result;
}

void io_compute(struct arch_vcpu *v, uint64_t gpa, uint64_t value)
{
	const struct io_plan *p = &v->io;
	uint64_t flags = v->vmcb.rflags;
	uint64_t memory = value & mask_of(p->bytes), operand = p->operand;
	uint64_t result = io_operate(p->operation, p->to_register ? operand : memory,
				     p->to_register ? memory : operand, p->bytes, &flags);

	v->second = (struct io_second){
		.due = true,
		.rip = v->vmcb.rip,
		.gpa = gpa,
		.value = result & mask_of(p->bytes),
		.rflags = flags,
		.reg = memory,
	};
}

/* The read of an operation is served. What writes no memory is complete. */
static void operation_read(struct arch_vcpu *v, const struct io_access *io)
{
	const struct io_plan *p = &v->io;
	enum io_operation op = p->operation;
	bool compares = op == OP_CMP || op == OP_TEST || op == OP_BT;

	io_compute(v, io->where, io->value);
	if (!compares && !p->to_register)
		return;
	v->second.due = false;
	v->vmcb.rflags = v->second.rflags;
	if (!compares)
		register_write(v, p, v->second.value);
	vcpu_go_on_at(v, p->next_rip);
}

static void operation_written(struct arch_vcpu *v)
{
	v->second.due = false;
	v->vmcb.rflags = v->second.rflags;
	if (v->io.operation == OP_XCHG)
		register_write(v, &v->io, v->second.reg);
	vcpu_go_on_at(v, v->io.next_rip);
}

/* ---- The contract ---------------------------------------------------------------------------- */

static uint64_t extended(const struct io_plan *p, uint64_t value)
{
	unsigned unused = 64u - 8u * p->bytes;

	value &= mask_of(p->bytes);
	return p->sign ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

static enum result string_in(struct arch_vcpu *v, const struct io_access *io)
{
	uint64_t base = vcpu_long64(v) ? 0 : v->vmcb.es.base, where = 0;
	uint64_t to = base + (vcpu_reg(v, RDI) & mask_of(v->io.address_bytes));
	uint32_t error = 0;
	enum result r = gwalk_write(v, to, &io->value, v->io.bytes, &where, &error);

	if (r == NO_PERMISSION) {
		inject_page_fault(v, where, error);
		return OK;
	}
	if (r == OK)
		string_advance(v);
	return r;
}

enum result arch_vcpu_io_done(struct arch_vcpu *v, const struct io_access *io)
{
	enum result r = OK;

	switch (v->io.way) {
	case IO_NOTHING: return BAD_ARGUMENT;
	case IO_TO_REGISTER:
		register_write(v, &v->io, extended(&v->io, io->value));
		vcpu_go_on_at(v, v->io.next_rip);
		break;
	case IO_WRITTEN: vcpu_go_on_at(v, v->io.next_rip); break;
	case IO_STRING_IN: r = string_in(v, io); break;
	case IO_STRING_OUT: string_advance(v); break;
	case IO_STRING_LOAD:
		v->io.register_bytes = v->io.bytes;
		v->io.reg = RAX;
		register_write(v, &v->io, io->value);
		v->io.reg = RSI;
		string_advance(v);
		break;
	case IO_COMPUTE: operation_read(v, io); break;
	case IO_SECOND: operation_written(v); break;
	}
	/* The plan of a read-modify-write is still needed for its second half. */
	if (r == OK && !v->second.due)
		v->io.way = IO_NOTHING;
	return r;
}

/* Nothing answers on a PC's bus: a read gives all ones, a write is lost. */
void arch_vcpu_bad_access(struct arch_vcpu *v, const struct s2_fault *fault)
{
	struct io_access io;
	enum result r = arch_vcpu_decode_io(v, fault, &io);

	if (r == OK) {
		io.value = UINT64_MAX;
		r = arch_vcpu_io_done(v, &io);
	}
	/* What is only late is tried again by the guest's repeating the instruction. */
	if (r != OK && r != RACED && r != BUSY && r != WOULD_SLEEP)
		inject_exception_error(v, VECTOR_GP, 0);
}
