/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an instruction that touched a device to the one access it makes. Zydis takes the bytes
 * apart; this file knows what the common instructions mean. The processor has already said where
 * memory was touched (the gpa of the fault), so no address is computed but for the other side of a
 * string instruction. What is not understood is refused, never guessed.
 */
#include <string.h>

#include <Zydis/Zydis.h>

#include "arch/x86/cpu.h"
#include "arch/x86/gwalk.h"
#include "arch/x86/vcpu.h"

#define MAX_INSTRUCTION 15u

static uint64_t mask_of(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

/* ---- Taking it apart ------------------------------------------------------------------------- */

/* As many bytes at rip as there are, up to `room`; *r says why it is not all. */
static size_t fetch(struct arch_vcpu *v, unsigned char *bytes, size_t room, enum result *r)
{
	uint64_t at = v->vmcb.rip + (vcpu_long64(v) ? 0 : v->vmcb.cs.base);
	size_t done = 0;

	*r = OK;
	while (done < room) {
		uint64_t left = PAGE_SIZE - (at & PAGE_MASK);
		size_t part = room - done < left ? room - done : (size_t)left;
		uint32_t error;
		gpa_t from;

		*r = gwalk(v, at, ACCESS_EXEC, &from, &error);
		if (*r == OK)
			*r = hv_guest_read(v->owner, from, bytes + done, part);
		if (*r != OK)
			break;
		done += part;
		at += part;
	}
	return done;
}

size_t decode_fetch(struct arch_vcpu *v, unsigned char *bytes, size_t room)
{
	enum result r;

	return fetch(v, bytes, room, &r);
}

/* The instruction at rip. What hv_guest_read says passes; UNSUPPORTED: it is none. */
static enum result take_apart(struct arch_vcpu *v, ZydisDecodedInstruction *i)
{
	unsigned char bytes[MAX_INSTRUCTION];
	ZydisMachineMode mode = ZYDIS_MACHINE_MODE_LONG_64;
	ZydisStackWidth width = ZYDIS_STACK_WIDTH_64;
	ZydisDecoder decoder;
	enum result r;
	size_t n;

	if (!vcpu_long64(v)) {
		bool big = v->vmcb.cs.attributes & SEGMENT_DEFAULT;

		width = big ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
		mode = big ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LEGACY_16;
		if ((v->vmcb.cr0 & CR0_PE) == 0)
			mode = ZYDIS_MACHINE_MODE_REAL_16;
	}
	n = fetch(v, bytes, sizeof bytes, &r);
	if (n == 0 && r != OK)
		return r == NO_PERMISSION ? UNSUPPORTED : r;
	if (ZYAN_FAILED(ZydisDecoderInit(&decoder, mode, width)))
		return UNSUPPORTED;
	if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, n, i)))
		/* Perhaps only because its end could not be read just now. */
		return r == RACED || r == OUT_OF_MEMORY || r == BUSY ? r : UNSUPPORTED;
	return OK;
}

static bool has_prefix(const ZydisDecodedInstruction *i, uint8_t value)
{
	for (unsigned n = 0; n < i->raw.prefix_count; n++)
		if (i->raw.prefixes[n].value == value)
			return true;
	return false;
}

static bool has_memory(const ZydisDecodedInstruction *i)
{
	return (i->attributes & ZYDIS_ATTRIB_HAS_MODRM) && i->raw.modrm.mod != 3;
}

/* The register named by ModRM.reg, in a plan of `bytes` bytes. */
static void plan_register(struct io_plan *p, const ZydisDecodedInstruction *i, uint8_t bytes)
{
	bool rex = i->attributes & ZYDIS_ATTRIB_HAS_REX;

	p->reg = (uint8_t)(i->raw.modrm.reg + (rex && i->raw.rex.R ? 8 : 0));
	p->register_bytes = bytes;
	p->high_byte = bytes == 1 && !rex && p->reg >= 4;
	if (p->high_byte)
		p->reg = (uint8_t)(p->reg - 4);
}

static uint64_t plan_register_value(const struct arch_vcpu *v, const struct io_plan *p)
{
	return (vcpu_reg(v, p->reg) >> (p->high_byte ? 8 : 0)) & mask_of(p->register_bytes);
}

static uint64_t immediate(const ZydisDecodedInstruction *i)
{
	unsigned unused = 64u - i->raw.imm[0].size;

	return unused >= 64 ? 0 : (uint64_t)((int64_t)(i->raw.imm[0].value.u << unused) >> unused);
}

/* ---- Plans by kind of instruction ------------------------------------------------------------ */

/* The width of what the opcode moves: its lowest bit says byte or operand size. */
static uint8_t width_by_opcode(const ZydisDecodedInstruction *i)
{
	return i->opcode & 1 ? i->operand_width / 8 : 1;
}

static enum result plan_mov(struct arch_vcpu *v, const ZydisDecodedInstruction *i,
			    struct io_access *out)
{
	struct io_plan *p = &v->io;

	p->bytes = p->register_bytes = width_by_opcode(i);
	out->write = true;
	p->way = IO_WRITTEN;
	switch (i->opcode) {
	case 0x88:
	case 0x89: /* mov m, r */
		plan_register(p, i, p->bytes);
		out->value = plan_register_value(v, p);
		return OK;
	case 0xa2:
	case 0xa3: /* mov moffs, rAX */ out->value = v->vmcb.rax; return OK;
	case 0xc6:
	case 0xc7: /* mov m, imm */ out->value = immediate(i); return OK;
	case 0x8a:
	case 0x8b: /* mov r, m */ plan_register(p, i, p->bytes); break;
	case 0xa0:
	case 0xa1: /* mov rAX, moffs */ p->reg = RAX; break;
	default: return UNSUPPORTED; /* segment, control and debug registers */
	}
	out->write = false;
	p->way = IO_TO_REGISTER;
	return OK;
}

static enum result plan_extend(struct arch_vcpu *v, const ZydisDecodedInstruction *i, bool sign)
{
	struct io_plan *p = &v->io;

	plan_register(p, i, i->operand_width / 8);
	p->high_byte = false;
	p->bytes = i->mnemonic == ZYDIS_MNEMONIC_MOVSXD ? 4 : i->opcode & 1 ? 2 : 1;
	p->sign = sign;
	p->way = IO_TO_REGISTER;
	return OK;
}

static bool operation_of(ZydisMnemonic m, enum io_operation *op)
{
	static const struct {
		ZydisMnemonic mnemonic;
		enum io_operation op;
	} table[] = {
		{ ZYDIS_MNEMONIC_AND, OP_AND },	  { ZYDIS_MNEMONIC_OR, OP_OR },
		{ ZYDIS_MNEMONIC_XOR, OP_XOR },	  { ZYDIS_MNEMONIC_ADD, OP_ADD },
		{ ZYDIS_MNEMONIC_ADC, OP_ADC },	  { ZYDIS_MNEMONIC_SUB, OP_SUB },
		{ ZYDIS_MNEMONIC_SBB, OP_SBB },	  { ZYDIS_MNEMONIC_CMP, OP_CMP },
		{ ZYDIS_MNEMONIC_TEST, OP_TEST }, { ZYDIS_MNEMONIC_XCHG, OP_XCHG },
		{ ZYDIS_MNEMONIC_NOT, OP_NOT },	  { ZYDIS_MNEMONIC_NEG, OP_NEG },
		{ ZYDIS_MNEMONIC_INC, OP_INC },	  { ZYDIS_MNEMONIC_DEC, OP_DEC },
		{ ZYDIS_MNEMONIC_BT, OP_BT },	  { ZYDIS_MNEMONIC_BTS, OP_BTS },
		{ ZYDIS_MNEMONIC_BTR, OP_BTR },	  { ZYDIS_MNEMONIC_BTC, OP_BTC },
	};

	for (unsigned n = 0; n < sizeof table / sizeof table[0]; n++)
		if (table[n].mnemonic == m) {
			*op = table[n].op;
			return true;
		}
	return false;
}

static bool writes(enum io_operation op)
{
	return op != OP_CMP && op != OP_TEST && op != OP_BT;
}

/* An operation between memory and a register, an immediate, or nothing. */
static enum result plan_operation(struct arch_vcpu *v, const ZydisDecodedInstruction *i)
{
	bool bits, one, map0 = i->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
	struct io_plan *p = &v->io;

	if (!operation_of(i->mnemonic, &p->operation))
		return UNSUPPORTED;
	bits = p->operation >= OP_BT;
	one = p->operation >= OP_NOT && p->operation <= OP_DEC;
	p->way = IO_COMPUTE;
	p->bytes = bits ? i->operand_width / 8 : width_by_opcode(i);
	if (one)
		return OK;
	/* F6, F7, 80..83 and 0F BA take an immediate, everything else ModRM.reg. */
	if (map0 ? (i->opcode >= 0x80 && i->opcode <= 0x83) || (i->opcode & 0xfe) == 0xf6
		 : i->opcode == 0xba) {
		p->operand = immediate(i) & mask_of(p->bytes);
		return OK;
	}
	plan_register(p, i, p->bytes);
	p->operand = plan_register_value(v, p);
	/* 02, 03 of each eight below 40: the register is on the left. */
	p->to_register = map0 && i->opcode < 0x40 && (i->opcode & 2);
	return OK;
}

/* ---- String instructions --------------------------------------------------------------------- */

static uint64_t string_address(const struct arch_vcpu *v, const struct vmcb_segment *segment,
			       unsigned reg, unsigned address_bytes)
{
	uint64_t at = vcpu_reg(v, reg) & mask_of(address_bytes);
	bool based = !vcpu_long64(v) || segment == &v->vmcb.fs || segment == &v->vmcb.gs;

	at += based ? segment->base : 0;
	return vcpu_long64(v) ? at : (uint32_t)at;
}

static const struct vmcb_segment *source_segment(const struct arch_vcpu *v,
						 const ZydisDecodedInstruction *i)
{
	const struct vmcb *c = &v->vmcb;

	return has_prefix(i, 0x64)   ? &c->fs
	       : has_prefix(i, 0x65) ? &c->gs
	       : has_prefix(i, 0x2e) ? &c->cs
	       : has_prefix(i, 0x36) ? &c->ss
	       : has_prefix(i, 0x26) ? &c->es
				     : &c->ds;
}

static void plan_string(struct arch_vcpu *v, const ZydisDecodedInstruction *i)
{
	v->io.bytes = v->io.register_bytes = width_by_opcode(i);
	v->io.address_bytes = i->address_width / 8;
	v->io.repeat = has_prefix(i, 0xf3) || has_prefix(i, 0xf2);
}

/* Memory that a string instruction reads or writes is not there for the guest itself: its #PF. */
static enum result string_fault(struct arch_vcpu *v, enum result r, uint64_t where, uint32_t error)
{
	if (r != NO_PERMISSION)
		return r;
	inject_page_fault(v, where, error);
	return RACED;
}

/* MOVS: the side that faulted is the device, the other is memory. */
static enum result plan_movs(struct arch_vcpu *v, const ZydisDecodedInstruction *i,
			     const struct s2_fault *fault, struct io_access *out)
{
	uint64_t from = string_address(v, source_segment(v, i), RSI, i->address_width / 8), where;
	uint64_t to = string_address(v, &v->vmcb.es, RDI, i->address_width / 8);
	bool write = fault->access == ACCESS_WRITE;
	uint32_t error = 0;
	enum result r;
	gpa_t at;

	plan_string(v, i);
	v->io.moves_both = true;
	v->io.way = write ? IO_STRING_OUT : IO_STRING_IN;
	out->write = write;
	where = write ? to : from;
	r = gwalk(v, where, fault->access, &at, &error);
	if (r == OK && at.v != fault->gpa.v)
		return UNSUPPORTED;
	if (r == OK && write)
		r = gwalk_read(v, from, &out->value, v->io.bytes, &where, &error);
	else if (r == OK)
		r = gwalk(v, where = to, ACCESS_WRITE, &at, &error);
	return string_fault(v, r, where, error);
}

static enum result plan_stos(struct arch_vcpu *v, const ZydisDecodedInstruction *i,
			     struct io_access *out)
{
	plan_string(v, i);
	v->io.way = IO_STRING_OUT;
	v->io.reg = RDI; /* the one index that moves */
	out->write = true;
	out->value = v->vmcb.rax;
	return OK;
}

static enum result plan_lods(struct arch_vcpu *v, const ZydisDecodedInstruction *i)
{
	plan_string(v, i);
	v->io.way = IO_STRING_LOAD;
	v->io.reg = RSI;
	return OK;
}

/* ---- The contract ---------------------------------------------------------------------------- */

static enum result plan(struct arch_vcpu *v, const ZydisDecodedInstruction *i,
			const struct s2_fault *fault, struct io_access *out)
{
	bool moffs = i->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (i->opcode & 0xfc) == 0xa0;

	switch ((unsigned)i->mnemonic) {
	case ZYDIS_MNEMONIC_MOVSB:
	case ZYDIS_MNEMONIC_MOVSW:
	case ZYDIS_MNEMONIC_MOVSQ: return plan_movs(v, i, fault, out);
	case ZYDIS_MNEMONIC_MOVSD: /* SSE2 has one of that name */
		return i->opcode == 0xa5 ? plan_movs(v, i, fault, out) : UNSUPPORTED;
	case ZYDIS_MNEMONIC_STOSB:
	case ZYDIS_MNEMONIC_STOSW:
	case ZYDIS_MNEMONIC_STOSD:
	case ZYDIS_MNEMONIC_STOSQ: return plan_stos(v, i, out);
	case ZYDIS_MNEMONIC_LODSB:
	case ZYDIS_MNEMONIC_LODSW:
	case ZYDIS_MNEMONIC_LODSD:
	case ZYDIS_MNEMONIC_LODSQ: return plan_lods(v, i);
	default: break;
	}
	if (!moffs && !has_memory(i))
		return UNSUPPORTED;
	switch ((unsigned)i->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return i->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT ? plan_mov(v, i, out)
								 : UNSUPPORTED;
	case ZYDIS_MNEMONIC_MOVNTI:
		v->io.way = IO_WRITTEN;
		v->io.bytes = i->operand_width / 8;
		plan_register(&v->io, i, v->io.bytes);
		out->write = true;
		out->value = plan_register_value(v, &v->io);
		return OK;
	case ZYDIS_MNEMONIC_MOVZX: return plan_extend(v, i, false);
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD: return plan_extend(v, i, true);
	default: return plan_operation(v, i);
	}
}

/* The write half of a read-modify-write whose read half is done. */
static bool second_half(struct arch_vcpu *v, const struct s2_fault *fault, struct io_access *out)
{
	if (!v->second.due)
		return false;
	v->second.due = v->second.rip == v->vmcb.rip && v->second.gpa == fault->gpa.v;
	if (!v->second.due)
		return false;
	v->io.way = IO_SECOND;
	out->write = true;
	out->bytes = v->io.bytes;
	out->value = v->second.value;
	return true;
}

enum result arch_vcpu_decode_io(struct arch_vcpu *v, const struct s2_fault *fault,
				struct io_access *out)
{
	ZydisDecodedInstruction i;
	enum result r;

	*out = (struct io_access){ .where = fault->gpa.v };
	if (second_half(v, fault, out))
		return OK;
	v->io = (struct io_plan){ .way = IO_NOTHING };
	/* rip is not at an instruction that made this access: an event was being delivered. */
	if (v->vmcb.event_injection & EVENT_VALID)
		return UNSUPPORTED;
	r = take_apart(v, &i);
	if (r == OK)
		r = plan(v, &i, fault, out);
	if (r == OK && (fault->gpa.v & PAGE_MASK) + v->io.bytes > PAGE_SIZE)
		r = UNSUPPORTED;
	if (r == OK && v->io.way == IO_COMPUTE && !v->io.to_register && writes(v->io.operation) &&
	    fault->present) {
		/* It may be read: only the write is the device's (a read-only memslot). */
		uint64_t value = 0;

		r = hv_guest_read(v->owner, fault->gpa, &value, v->io.bytes);
		if (r == OK) {
			io_compute(v, fault->gpa.v, value);
			v->io.next_rip = v->vmcb.rip + i.length;
			return second_half(v, fault, out) ? OK : UNSUPPORTED;
		}
	}
	if (r != OK) {
		v->io.way = IO_NOTHING;
		return r;
	}
	v->io.next_rip = v->vmcb.rip + i.length;
	out->bytes = v->io.bytes;
	out->value &= mask_of(v->io.bytes);
	return OK;
}

/* ---- Ports, CR8 ------------------------------------------------------------------------------ */

static enum result string_port(struct arch_vcpu *v, const ZydisDecodedInstruction *i,
			       struct exit *out)
{
	bool in = v->vmcb.exit_info_1 & IOIO_IN;
	unsigned address_bytes = i->address_width / 8u;
	const struct vmcb_segment *segment = in ? &v->vmcb.es : source_segment(v, i);
	uint64_t at = string_address(v, segment, in ? RDI : RSI, address_bytes), where = at;
	uint64_t value = 0;
	uint32_t error = 0;
	enum result r;
	gpa_t memory;

	plan_string(v, i);
	v->io.bytes = v->io.register_bytes = (uint8_t)IOIO_BYTES(v->vmcb.exit_info_1);
	v->io.way = in ? IO_STRING_IN : IO_STRING_OUT;
	v->io.reg = in ? RDI : RSI;
	v->io.next_rip = v->vmcb.rip + i->length;
	if (v->io.repeat && (vcpu_reg(v, RCX) & mask_of(address_bytes)) == 0) {
		vcpu_go_on_at(v, v->io.next_rip);
		return RACED;
	}
	/* Memory first: a port that was read cannot be read again. */
	r = in ? gwalk(v, at, ACCESS_WRITE, &memory, &error)
	       : gwalk_read(v, at, &value, v->io.bytes, &where, &error);
	r = string_fault(v, r, where, error);
	out->io = (struct io_access){
		.port = true,
		.write = !in,
		.bytes = v->io.bytes,
		.where = IOIO_PORT(v->vmcb.exit_info_1),
		.value = value,
	};
	return r;
}

__attribute__((noinline)) void decode_port_string(struct arch_vcpu *v, struct exit *out)
{
	ZydisDecodedInstruction i;
	enum result r = take_apart(v, &i);

	v->io = (struct io_plan){ .way = IO_NOTHING };
	if (r == OK)
		r = string_port(v, &i, out);
	switch ((unsigned)r) {
	case OK: out->kind = EXIT_IO; return;
	case RACED:
	case WOULD_SLEEP:
	case BUSY: out->kind = EXIT_HOST; break; /* the guest repeats the instruction */
	default:
		out->kind = EXIT_UNHANDLED;
		out->why = "a string port access whose instruction or memory cannot be reached";
		break;
	}
	v->io.way = IO_NOTHING;
}

bool decode_cr8_write(struct arch_vcpu *v, uint64_t *value, unsigned *bytes)
{
	ZydisDecodedInstruction i;

	if (take_apart(v, &i) != OK || i.mnemonic != ZYDIS_MNEMONIC_MOV ||
	    i.opcode_map != ZYDIS_OPCODE_MAP_0F || i.opcode != 0x22)
		return false;
	*value = vcpu_reg(v, i.raw.modrm.rm + (i.raw.rex.B ? 8u : 0u));
	*bytes = i.length;
	return true;
}
