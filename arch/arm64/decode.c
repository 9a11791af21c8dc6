/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction of a device access. For a plain load or store of one register the syndrome says
 * all (ISV); pairs, and forms that move their base register, are read from memory and decoded here
 * (Arm ARM C4.1.96, loads and stores). SIMD registers, atomics and exclusives are not served:
 * devices are not accessed by them.
 */
#include "arch/arm64/cpu.h"
#include "arch/arm64/vcpu.h"

#define RN(i) ((i) >> 5 & 31u)
#define RT(i) ((i)&31u)
#define RT2(i) ((i) >> 10 & 31u)

static int16_t signed_field(uint32_t i, unsigned shift, unsigned bits)
{
	return (int16_t)((int32_t)(i << (32 - shift - bits)) >> (32 - bits));
}

/* LDP, STP, LDPSW: opc 101 V index L imm7 Rt2 Rn Rt. */
static bool decode_pair(uint32_t i, struct io_plan *p)
{
	unsigned opc = i >> 30, index = i >> 23 & 7;
	bool load = i >> 22 & 1;
	int16_t step;

	if ((i >> 26 & 1) != 0 || opc == 3 || (opc == 1 && !load) || index > 3)
		return false;
	p->bytes = opc == 2 ? 8 : 4;
	p->pair = true;
	p->write = !load;
	p->sign = opc == 1;
	p->wide = opc != 0;
	p->reg = (uint8_t)RT(i);
	p->reg2 = (uint8_t)RT2(i);
	step = (int16_t)(signed_field(i, 15, 7) * p->bytes);
	p->offset = index == 1 ? 0 : step; /* post-indexed: the old base is the address */
	p->writeback = index == 1 || index == 3;
	p->step = step;
	return true;
}

/* LDR, STR and narrower: size 111 V 00 opc 0 imm9 index Rn Rt. */
static bool decode_single(uint32_t i, struct io_plan *p)
{
	unsigned size = i >> 30, opc = i >> 22 & 3, index = i >> 10 & 3;
	int16_t step = signed_field(i, 12, 9);

	/* A prefetch, or what is not allocated. */
	if ((i >> 26 & 1) != 0 || (size == 3 && opc >= 2) || (size == 2 && opc == 3))
		return false;
	p->bytes = (uint8_t)(1u << size);
	p->write = opc == 0;
	p->sign = opc >= 2;
	p->wide = opc == 2 || size == 3;
	p->reg = (uint8_t)RT(i);
	p->offset = index == 1 ? 0 : step;
	p->writeback = index == 1 || index == 3;
	p->step = step;
	return true;
}

bool decode_instruction(uint32_t i, struct io_plan *plan)
{
	*plan = (struct io_plan){ .base = (uint8_t)RN(i) };
	if ((i & 0x3a000000u) == 0x28000000u)
		return decode_pair(i, plan);
	if ((i & 0x3b200000u) == 0x38000000u)
		return decode_single(i, plan);
	return false;
}

static struct io_plan plan_of_syndrome(uint32_t iss)
{
	return (struct io_plan){
		.open = true,
		.write = (iss & ISS_WNR) != 0,
		.sign = (iss & ISS_SSE) != 0,
		.wide = (iss & ISS_SF) != 0,
		.bytes = (uint8_t)(1u << ISS_SAS(iss)),
		.reg = (uint8_t)ISS_SRT(iss),
	};
}

static uint64_t base_value(const struct arch_vcpu *v, const struct io_plan *p)
{
	return p->base == 31 ? vcpu_sp(v) : v->x[p->base];
}

/* The instruction at pc. RACED: it is not translated any more, and the guest repeats it. */
static enum result fetch(struct arch_vcpu *v, uint32_t *instruction)
{
	uint64_t at;

	if (!gwalk(v, v->pc, &at))
		return RACED;
	return hv_guest_read(v->owner, gpa(at), instruction, sizeof *instruction);
}

static enum result plan_of_instruction(struct arch_vcpu *v, struct io_plan *p)
{
	uint32_t instruction;
	enum result r = fetch(v, &instruction);
	uint64_t last;

	if (r != OK)
		return r;
	/* The fault is the first element's, or this is an access that spans two pages. */
	if (!decode_instruction(instruction, p) || base_value(v, p) + (uint64_t)p->offset != v->far)
		return UNSUPPORTED;
	last = v->far + (p->pair ? 2u : 1u) * p->bytes - 1;
	if ((last ^ v->far) >> PAGE_SHIFT != 0)
		return UNSUPPORTED;
	p->open = true;
	p->second = p->pair && v->half.due && v->half.pc == v->pc;
	return OK;
}

/* The lowest 1, 2, 4 or 8 bytes of a value. */
static uint64_t lowest(uint64_t value, unsigned bytes)
{
	unsigned unused = 64u - 8u * bytes;

	return value << unused >> unused;
}

static inline struct io_access access_of(const struct arch_vcpu *v, const struct io_plan *p,
					 uint64_t gpa)
{
	return (struct io_access){
		.write = p->write,
		.bytes = p->bytes,
		.where = gpa + (p->second ? p->bytes : 0u),
		.value = p->write ? vcpu_x(v, p->second ? p->reg2 : p->reg) : 0,
	};
}

/* The syndrome does not say it all. */
static __attribute__((noinline)) enum result decode_unsaid(struct arch_vcpu *v,
							   const struct s2_fault *fault,
							   struct io_access *out)
{
	if (ESR_EC(v->esr) != EC_DABT_LOWER || fault->table_walk)
		return UNSUPPORTED;
	if (ESR_ISS(v->esr) & ISS_CM) {
		/* There is no cache over a device: nothing to do, and the guest goes on behind it.
		 */
		v->pc += 4;
		return RACED;
	}
	enum result r = plan_of_instruction(v, &v->io);
	if (r == OK)
		*out = access_of(v, &v->io, fault->gpa.v);
	return r;
}

enum result arch_vcpu_decode_io(struct arch_vcpu *v, const struct s2_fault *fault,
				struct io_access *out)
{
	const uint64_t whole = ESR_EC_MASK | ISS_ISV | ISS_CM;
	bool said = (v->esr & whole) == ((uint64_t)EC_DABT_LOWER << 26 | ISS_ISV);

	if (__builtin_expect(!said || fault->table_walk, false))
		return decode_unsaid(v, fault, out);
	const struct io_plan plan = plan_of_syndrome((uint32_t)ESR_ISS(v->esr));
	v->io = plan;
	*out = access_of(v, &plan, fault->gpa.v);
	return OK;
}

/* ---- Completion ------------------------------------------------------------------------------ */

static uint64_t extended(const struct io_plan *p, uint64_t value)
{
	unsigned unused = 64u - 8u * p->bytes;

	value = p->sign ? (uint64_t)((int64_t)(value << unused) >> unused)
			: lowest(value, p->bytes);
	return p->wide ? value : (uint32_t)value;
}

/* The registers change when all of the instruction is done. */
static void finish(struct arch_vcpu *v, uint64_t value)
{
	const struct io_plan *p = &v->io;

	/* The base first: a load into it, which the manual leaves open, then shows the value. */
	if (p->writeback && p->base == 31)
		vcpu_sp_set(v, vcpu_sp(v) + (uint64_t)p->step);
	else if (p->writeback)
		v->x[p->base] += (uint64_t)p->step;
	if (!p->write && p->pair)
		vcpu_x_set(v, p->reg, extended(p, v->half.value));
	if (!p->write)
		vcpu_x_set(v, p->pair ? p->reg2 : p->reg, extended(p, value));
	v->half.due = false;
	v->pc += 4;
}

enum result arch_vcpu_io_done(struct arch_vcpu *v, const struct io_access *io)
{
	struct io_plan *p = &v->io;

	if (!p->open)
		return BAD_ARGUMENT;
	if (p->pair && !p->second)
		v->half = (struct io_half){ .due = true, .pc = v->pc, .value = io->value };
	else
		finish(v, io->value);
	p->open = false;
	return OK;
}
