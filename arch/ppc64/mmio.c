/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction of a device access. The processor says nothing of it but its address and whether
 * it writes, so it is read from guest memory and decoded (Power ISA 3.0B, book I, 3.3.2 to 3.3.5):
 * loads and stores of one general register. What moves several, floating-point or vector registers,
 * reserves, or has a prefix is not served: devices are not accessed by them.
 */
#include "arch/ppc64/vcpu.h"

#define OPCODE(i) ((i) >> 26)
#define RT(i) ((i) >> 21 & 31u)
#define RA(i) ((i) >> 16 & 31u)
#define RB(i) ((i) >> 11 & 31u)
#define XO(i) ((i) >> 1 & 0x3ffu) /* of an X-form; its low five bits tell the family */
#define FAMILY(xo) ((xo)&31u)
#define MEMBER(xo) ((xo) >> 5)

#define OPCODE_FIRST 32u /* lwz, and what follows */
#define OPCODE_X 31u
#define OPCODE_LOAD_DS 58u
#define OPCODE_STORE_DS 62u
#define FAMILY_PLAIN 23u  /* members as the opcodes from OPCODE_FIRST */
#define FAMILY_DOUBLE 21u /* the words among them are doublewords; lwax */
#define FAMILY_REVERSED 22u
#define FAMILY_REVERSED_DOUBLE 20u

/* lwz, lbz, stw, stb, lhz, lha, sth, each followed by its form with update. */
static const struct {
	uint8_t bytes;
	bool write, sign;
} plain[] = { { 4, false, false }, { 1, false, false }, { 4, true, false }, { 1, true, false },
	      { 2, false, false }, { 2, false, true },	{ 2, true, false } };

#define PLAIN_FORMS (2 * sizeof(plain) / sizeof(plain[0]))

static bool plan_plain(uint32_t form, struct io_plan *p)
{
	if (form >= PLAIN_FORMS)
		return false;
	p->bytes = plain[form / 2].bytes;
	p->write = plain[form / 2].write;
	p->sign = plain[form / 2].sign;
	p->update = form & 1;
	return true;
}

/* ldx, ldux, stdx, stdux; lwax, lwaux. */
static bool plan_double(uint32_t member, struct io_plan *p)
{
	if (member / 2 != 0 && member / 2 != 2 && member / 2 != 5)
		return false;
	p->bytes = member / 2 == 5 ? 4 : 8;
	p->write = member / 2 == 2;
	p->sign = member / 2 == 5;
	p->update = member & 1;
	return true;
}

/* lwbrx 16, stwbrx 20, lhbrx 24, sthbrx 28; ldbrx 16, stdbrx 20. */
static bool plan_reversed(uint32_t member, bool wide, struct io_plan *p)
{
	if (member < 16 || (member & 3) != 0 || (wide && member > 20))
		return false;
	p->bytes = wide ? 8 : member < 24 ? 4 : 2;
	p->write = member & 4;
	p->reversed = true;
	return true;
}

static bool plan_indexed(uint32_t xo, struct io_plan *p)
{
	p->indexed = true;
	switch (FAMILY(xo)) {
	case FAMILY_PLAIN: return plan_plain(MEMBER(xo), p);
	case FAMILY_DOUBLE: return plan_double(MEMBER(xo), p);
	case FAMILY_REVERSED: return plan_reversed(MEMBER(xo), false, p);
	case FAMILY_REVERSED_DOUBLE: return plan_reversed(MEMBER(xo), true, p);
	default: return false;
	}
}

/* ld, ldu, lwa; std, stdu: the two low bits are not the offset's. */
static bool plan_ds(uint32_t i, struct io_plan *p)
{
	uint32_t form = i & 3;

	p->write = OPCODE(i) == OPCODE_STORE_DS;
	p->bytes = form == 2 ? 4 : 8;
	p->sign = form == 2;
	p->update = form == 1;
	p->offset &= ~INT64_C(3);
	return form < (p->write ? 2u : 3u);
}

bool decode_instruction(uint32_t i, struct io_plan *p)
{
	bool known;

	*p = (struct io_plan){ .reg = (uint8_t)RT(i),
			       .base = (uint8_t)RA(i),
			       .index = (uint8_t)RB(i),
			       .offset = (int16_t)(i & 0xffff) };
	if (OPCODE(i) == OPCODE_X)
		known = plan_indexed(XO(i), p);
	else if (OPCODE(i) == OPCODE_LOAD_DS || OPCODE(i) == OPCODE_STORE_DS)
		known = plan_ds(i, p);
	else
		known = OPCODE(i) >= OPCODE_FIRST && plan_plain(OPCODE(i) - OPCODE_FIRST, p);
	/* Forms with update and no base, or a base that is read into, are invalid. */
	return known && !(p->update && (p->base == 0 || (!p->write && p->base == p->reg)));
}

static uint64_t address(const struct arch_vcpu *v, const struct io_plan *p)
{
	uint64_t ea = p->base == 0 ? 0 : v->r[p->base];

	ea += p->indexed ? v->r[p->index] : (uint64_t)p->offset;
	return v->msr & MSR_SF ? ea : ea & UINT32_MAX;
}

/* Between a register and a device, which is little-endian. */
static uint64_t turned(const struct arch_vcpu *v, const struct io_plan *p, uint64_t value)
{
	bool big = (v->msr & MSR_LE) == 0;

	return big == p->reversed ? value : __builtin_bswap64(value) >> (64 - 8 * p->bytes);
}

static enum result fetch(struct arch_vcpu *v, uint32_t *instruction)
{
	uint64_t at;
	enum result r = gwalk(v, v->pc, &at);

	if (r == OK)
		r = hv_guest_read(v->owner, gpa(at), instruction, sizeof(*instruction));
	if (r == OK && (v->msr & MSR_LE) == 0)
		*instruction = __builtin_bswap32(*instruction);
	return r;
}

enum result arch_vcpu_decode_io(struct arch_vcpu *v, const struct s2_fault *fault,
				struct io_access *out)
{
	struct io_plan *p = &v->plan;
	uint64_t mask, ea;
	uint32_t instruction;
	enum result r = fetch(v, &instruction);

	if (r != OK)
		return r;
	if (!decode_instruction(instruction, p))
		return UNSUPPORTED;
	ea = address(v, p);
	/* Another access than the one that faulted (the guest has changed its code), or one that
	 * crosses into another page. */
	if (p->write != (fault->access == ACCESS_WRITE))
		return RACED;
	if (ea != v->fault_ea || (ea & PAGE_MASK) + p->bytes > PAGE_SIZE)
		return UNSUPPORTED;
	mask = UINT64_MAX >> (64 - 8 * p->bytes);
	*out = (struct io_access){
		.write = p->write,
		.bytes = p->bytes,
		.where = (fault->gpa.v & ~PAGE_MASK) | (ea & PAGE_MASK),
		.value = p->write ? turned(v, p, v->r[p->reg] & mask) : 0,
	};
	return OK;
}

enum result arch_vcpu_io_done(struct arch_vcpu *v, const struct io_access *io)
{
	const struct io_plan *p = &v->plan;
	uint64_t mask = UINT64_MAX >> (64 - 8 * p->bytes), top = (mask >> 1) + 1,
		 ea = address(v, p);

	if (!p->write) {
		uint64_t value = turned(v, p, io->value & mask);
		v->r[p->reg] = p->sign ? (value ^ top) - top : value;
	}
	if (p->update)
		v->r[p->base] = ea;
	v->pc += 4;
	return OK;
}
