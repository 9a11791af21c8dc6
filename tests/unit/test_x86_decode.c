/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that touch a device, given as bytes in a small guest memory: which access comes out,
 * and what the registers are once it is served. The arithmetic is compared with the processor that
 * the test runs on. What cannot be decoded is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpu.h"
#include "arch/x86/gwalk.h"
#include "arch/x86/vcpu.h"

#define GUEST_BYTES 0x10000u
#define TABLES 0x1000u
#define CODE 0x4000u
#define DATA 0x5000u
#define DEVICE UINT64_C(0xfe000000)
#define NOT_MAPPED UINT64_C(0x8000000000)

#define FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static unsigned char guest[GUEST_BYTES];
static enum result memory_says; /* other than OK: what every guest access answers */
static struct arch_vcpu *v;

enum result hv_guest_read(struct vcpu *owner, gpa_t from, void *to, size_t bytes)
{
	(void)owner;
	if (memory_says != OK)
		return memory_says;
	if (from.v >= GUEST_BYTES || bytes > GUEST_BYTES - from.v)
		return NO_MEMSLOT;
	assert_true((from.v & PAGE_MASK) + bytes <= PAGE_SIZE);
	memcpy(to, guest + from.v, bytes);
	return OK;
}

enum result hv_guest_write(struct vcpu *owner, gpa_t to, const void *from, size_t bytes)
{
	(void)owner;
	if (memory_says != OK)
		return memory_says;
	if (to.v >= GUEST_BYTES || bytes > GUEST_BYTES - to.v)
		return NO_MEMSLOT;
	memcpy(guest + to.v, from, bytes);
	return OK;
}

_Noreturn void hv_stop(const char *what, uint64_t pc, uint64_t detail)
{
	(void)pc, (void)detail;
	fprintf(stderr, "%s\n", what);
	abort();
}

const void *acpi_memory(uint64_t address, uint64_t bytes);
const void *acpi_memory(uint64_t address, uint64_t bytes)
{
	(void)address, (void)bytes;
	return NULL;
}

static void put64(uint64_t at, uint64_t value)
{
	memcpy(guest + at, &value, sizeof value);
}

/* 64-bit mode, the first 4 GiB identity-mapped by pages of 1 GiB. */
static void mode64(void)
{
	put64(TABLES, (TABLES + 0x1000) | 7);
	for (uint64_t i = 0; i < 4; i++)
		put64(TABLES + 0x1000 + 8 * i, i << 30 | 0x87);
	v->vmcb.cr0 = CR0_PE | CR0_PG;
	v->vmcb.cr3 = TABLES;
	v->vmcb.cr4 = CR4_PAE;
	v->vmcb.efer = EFER_SVME | EFER_LME | EFER_LMA | EFER_NXE;
	v->vmcb.cs.attributes = 0x89b | SEGMENT_LONG;
}

static void mode32(void)
{
	v->vmcb.cr0 = CR0_PE;
	v->vmcb.cr4 = 0;
	v->vmcb.efer = EFER_SVME;
	v->vmcb.cs.attributes = 0x89b | SEGMENT_DEFAULT;
}

static void mode16(void)
{
	v->vmcb.cr0 = 0;
	v->vmcb.cr4 = 0;
	v->vmcb.efer = EFER_SVME;
	v->vmcb.cs = (struct vmcb_segment){ CODE >> 4, 0x9b, 0xffff, CODE };
}

static int set_up(void **state)
{
	(void)state;
	memset(guest, 0, sizeof guest);
	memory_says = OK;
	v = aligned_alloc(4096, (sizeof *v + 4095) & ~4095ul);
	memset(v, 0, sizeof *v);
	v->vmcb.rip = CODE;
	v->vmcb.rax = UINT64_C(0x1112131415161718);
	v->vmcb.rflags = RFLAGS_FIXED;
	for (unsigned i = 1; i < 16; i++)
		v->regs[i] = i * UINT64_C(0x0101010101010101);
	v->regs[RCX] = DEVICE;
	v->regs[RDX] = UINT64_C(0xd0d1d2d3d4d5d6d7);
	v->regs[RBX] = UINT64_MAX;
	mode64();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(v);
	return 0;
}

static unsigned put_code(const char *bytes, unsigned n)
{
	memset(guest + CODE, 0xcc, 64);
	memcpy(guest + CODE, bytes, n);
	return n;
}

static enum result decode(gpa_t at, enum access access, struct io_access *io)
{
	struct s2_fault fault = { .gpa = at, .access = access };

	return arch_vcpu_decode_io(v, &fault, io);
}

/* ---- Moves ----------------------------------------------------------------------------------- */

#define CODE_OF(bytes) bytes, sizeof(bytes) - 1

static void stores(void **state)
{
	static const struct {
		const char *code;
		unsigned n;
		unsigned bytes;
		uint64_t value;
	} cases[] = {
		{ CODE_OF("\x89\x01"), 4, 0x15161718 },				    /* mov %eax,m */
		{ CODE_OF("\x4c\x89\x09"), 8, UINT64_C(0x0909090909090909) },	    /* mov %r9,m */
		{ CODE_OF("\x88\x21"), 1, 0x17 },				    /* mov %ah,m */
		{ CODE_OF("\x40\x88\x31"), 1, 0x06 },				    /* mov %sil,m */
		{ CODE_OF("\xc7\x01\x01\x00\x00\x80"), 4, 0x80000001 },		    /* movl $ */
		{ CODE_OF("\x48\xc7\x41\x08\xfe\xff\xff\xff"), 8, UINT64_MAX - 1 }, /* movq $-2 */
		{ CODE_OF("\xc6\x01\x7f"), 1, 0x7f },				    /* movb $ */
		{ CODE_OF("\xa3\x00\x00\x00\xfe\x00\x00\x00\x00"), 4, 0x15161718 }, /* movabs */
		{ CODE_OF("\x48\x0f\xc3\x11"), 8, UINT64_C(0xd0d1d2d3d4d5d6d7) },   /* movnti */
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned n = (tear_down(state), set_up(state), put_code(cases[i].code, cases[i].n));
		struct io_access io;

		assert_int_equal(decode(gpa(DEVICE + 8), ACCESS_WRITE, &io), OK);
		assert_false(io.port);
		assert_true(io.write);
		assert_int_equal(io.where, DEVICE + 8);
		assert_int_equal(io.bytes, cases[i].bytes);
		assert_int_equal(io.value, cases[i].value);
		assert_int_equal(v->vmcb.rip, CODE);
		assert_int_equal(arch_vcpu_io_done(v, &io), OK);
		assert_int_equal(v->vmcb.rip, CODE + n);
	}
}

static void loads(void **state)
{
	static const struct {
		const char *code;
		unsigned n;
		unsigned bytes, reg;
		uint64_t expected;
	} cases[] = {
		{ CODE_OF("\x8b\x01"), 4, RAX, 0x84838281 },
		{ CODE_OF("\x48\xa1\x00\x00\x00\xfe\x00\x00\x00\x00"), 8, RAX,
		  UINT64_C(0x8887868584838281) },
		{ CODE_OF("\x8a\x19"), 1, RBX, UINT64_C(0xffffffffffffff81) },
		{ CODE_OF("\x8a\x39"), 1, RBX, UINT64_C(0xffffffffffff81ff) },
		{ CODE_OF("\x66\x44\x8b\x11"), 2, R10, UINT64_C(0x0a0a0a0a0a0a8281) },
		{ CODE_OF("\x0f\xb6\x19"), 1, RBX, 0x81 },
		{ CODE_OF("\x48\x0f\xb7\x19"), 2, RBX, 0x8281 },
		{ CODE_OF("\x0f\xbe\x19"), 1, RBX, 0xffffff81 },
		{ CODE_OF("\x48\x0f\xbf\x19"), 2, RBX, UINT64_C(0xffffffffffff8281) },
		{ CODE_OF("\x48\x63\x19"), 4, RBX, UINT64_C(0xffffffff84838281) },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned n = (tear_down(state), set_up(state), put_code(cases[i].code, cases[i].n));
		struct io_access io;

		v->vmcb.interrupt_state = INTERRUPT_SHADOW;
		assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
		assert_false(io.write);
		assert_int_equal(io.bytes, cases[i].bytes);
		io.value = UINT64_C(0x8887868584838281); /* more than was asked for */
		assert_int_equal(arch_vcpu_io_done(v, &io), OK);
		assert_int_equal(vcpu_reg(v, cases[i].reg), cases[i].expected);
		assert_int_equal(v->vmcb.rip, CODE + n);
		assert_int_equal(v->vmcb.interrupt_state, 0);
	}
}

static void other_modes(void **state)
{
	struct io_access io;

	(void)state;
	mode32();
	put_code(CODE_OF("\xa3\x00\x00\x00\xfe")); /* mov %eax,0xfe000000 */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.bytes, 4);
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->vmcb.rip, CODE + 5);

	v->vmcb.rip = CODE;
	put_code(CODE_OF("\x66\x8b\x11")); /* mov (%ecx),%dx */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	assert_int_equal(io.bytes, 2);

	mode16();
	v->vmcb.rip = 0;
	put_code(CODE_OF("\x89\x07")); /* mov %ax,(%bx) */
	assert_int_equal(decode(gpa(0xb8000), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.bytes, 2);
	assert_int_equal(io.value, 0x1718);
	put_code(CODE_OF("\x66\x8b\x07")); /* mov (%bx),%eax */
	assert_int_equal(decode(gpa(0xb8000), ACCESS_READ, &io), OK);
	assert_int_equal(io.bytes, 4);
	put_code(CODE_OF("\x26\xc6\x06\x10\x00\x01")); /* movb $1,%es:0x10 */
	assert_int_equal(decode(gpa(0xb8000), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 1);
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->vmcb.rip, 6);
}

/* ---- Read, compute, write -------------------------------------------------------------------- */

/* Serves the read with `value`; then, the instruction having faulted again, returns the write. */
static struct io_access two_turns(const char *code, unsigned n, uint64_t value)
{
	struct io_access io;

	put_code(code, n);
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	assert_false(io.write);
	io.value = value;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->vmcb.rip, CODE);
	/* An interrupt now would have the device read twice. */
	v->vmcb.rflags |= RFLAGS_IF;
	assert_false(arch_vcpu_irq_open(v));
	v->vmcb.rflags &= ~RFLAGS_IF;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	assert_true(io.write);
	assert_int_equal(io.where, DEVICE);
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->vmcb.rip, CODE + n);
	return io;
}

static void read_modify_write(void **state)
{
	static const struct {
		const char *code;
		unsigned n;
		unsigned bytes;
		uint64_t read, written;
	} cases[] = {
		{ CODE_OF("\x83\x21\x0f"), 4, 0x123456ff, 0x0f },	/* andl $15 */
		{ CODE_OF("\x80\x09\x80"), 1, 0x01, 0x81 },		/* orb $0x80 */
		{ CODE_OF("\x31\x11"), 4, 0xffffffff, 0x2b2a2928 },	/* xorl %edx */
		{ CODE_OF("\x66\x83\x01\xff"), 2, 0x1000, 0x0fff },	/* addw $-1 */
		{ CODE_OF("\xf0\x83\x09\x01"), 4, 2, 3 },		/* lock orl $1 */
		{ CODE_OF("\xf7\x11"), 4, 0xf0f0f0f0, 0x0f0f0f0f },	/* notl */
		{ CODE_OF("\xf7\x19"), 4, 1, 0xffffffff },		/* negl */
		{ CODE_OF("\xff\x01"), 4, 0xffffffff, 0 },		/* incl */
		{ CODE_OF("\xfe\x09"), 1, 0, 0xff },			/* decb */
		{ CODE_OF("\x0f\xba\x29\x03"), 4, 0, 8 },		/* btsl $3 */
		{ CODE_OF("\x0f\xb3\x11"), 4, 0xffffffff, 0xff7fffff }, /* btrl %edx: bit 23 */
		{ CODE_OF("\x48\x0f\xba\x39\x28"), 8, 0, UINT64_C(1) << 40 }, /* btcq $40 */
		{ CODE_OF("\x83\x11\x00"), 4, 7, 7 },			      /* adcl $0 */
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct io_access io;

		tear_down(state);
		set_up(state);
		io = two_turns(cases[i].code, cases[i].n, cases[i].read);
		assert_int_equal(io.bytes, cases[i].bytes);
		assert_int_equal(io.value, cases[i].written);
	}
}

static void exchange(void **state)
{
	struct io_access io = two_turns(CODE_OF("\x87\x11"), 0xaabbccdd);

	assert_int_equal(io.value, 0xd4d5d6d7);
	assert_int_equal(v->regs[RDX], 0xaabbccdd);
	tear_down(state);
	set_up(state);
	io = two_turns(CODE_OF("\x86\x31"), 0x99); /* xchg %dh,m */
	assert_int_equal(io.value, 0xd6);
	assert_int_equal(v->regs[RDX], UINT64_C(0xd0d1d2d3d4d599d7));
}

/* The register is on the left, or nothing is written: one turn. */
static void one_turn(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\x03\x11")); /* add m,%edx */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 1;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->regs[RDX], 0xd4d5d6d8);
	assert_int_equal(v->vmcb.rip, CODE + 2);

	v->vmcb.rip = CODE;
	put_code(CODE_OF("\x83\x39\x05")); /* cmpl $5,m */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 5;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_true(v->vmcb.rflags & RFLAGS_ZF);
	assert_int_equal(v->vmcb.rip, CODE + 3);

	v->vmcb.rip = CODE;
	v->regs[RDX] = 4;
	put_code(CODE_OF("\x3b\x11")); /* cmp m,%edx: 4 - 5 borrows */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 5;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_true(v->vmcb.rflags & RFLAGS_CF);

	v->vmcb.rip = CODE;
	put_code(CODE_OF("\x39\x11")); /* cmp %edx,m: 5 - 4 does not */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 5;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_false(v->vmcb.rflags & RFLAGS_CF);

	v->vmcb.rip = CODE;
	put_code(CODE_OF("\xf6\x01\x01")); /* testb $1,m */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 2;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_true(v->vmcb.rflags & RFLAGS_ZF);
	assert_int_equal(io.bytes, 1);

	v->vmcb.rip = CODE;
	put_code(CODE_OF("\x0f\xba\x21\x03")); /* btl $3,m */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 8;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_true(v->vmcb.rflags & RFLAGS_CF);
	assert_int_equal(v->vmcb.rip, CODE + 4);
}

/* A leaf that may be read but not written: what is there is read from memory, only the write comes
 * out. */
static void write_to_readonly_memory(void **state)
{
	struct s2_fault fault = { .gpa = gpa(DATA), .access = ACCESS_WRITE, .present = true };
	struct io_access io;

	(void)state;
	put64(DATA, 0x30);
	put_code(CODE_OF("\x83\x09\x01")); /* orl $1,m */
	assert_int_equal(arch_vcpu_decode_io(v, &fault, &io), OK);
	assert_true(io.write);
	assert_int_equal(io.value, 0x31);
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->vmcb.rip, CODE + 3);
}

/* The guest went elsewhere between the two turns: the kept result is forgotten. */
static void second_turn_forgotten(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\xff\x01\x89\x01")); /* incl m; mov %eax,m */
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	io.value = 1;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	v->vmcb.rip += 2;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 0x15161718);
	v->vmcb.rflags |= RFLAGS_IF;
	assert_true(arch_vcpu_irq_open(v));
}

/* ---- Arithmetic, against this processor ------------------------------------------------------ */

#define HOST2(name, type, suffix)                                                         \
	static uint64_t host_##suffix##_##name(uint64_t a, uint64_t b, uint64_t *f)       \
	{                                                                                 \
		type x = (type)a, y = (type)b;                                            \
		__asm__ volatile("push %1; popf; " #name #suffix " %2, %0; pushf; pop %1" \
				 : "+r"(x), "+r"(*f)                                      \
				 : "r"(y)                                                 \
				 : "cc");                                                 \
		return x;                                                                 \
	}
#define HOST1(name, type, suffix)                                                     \
	static uint64_t host_##suffix##_##name(uint64_t a, uint64_t b, uint64_t *f)   \
	{                                                                             \
		type x = (type)a;                                                     \
		(void)b;                                                              \
		__asm__ volatile("push %1; popf; " #name #suffix " %0; pushf; pop %1" \
				 : "+r"(x), "+r"(*f)                                  \
				 :                                                    \
				 : "cc");                                             \
		return x;                                                             \
	}
#define HOST_WIDTHS(kind, name)                                                \
	kind(name, uint8_t, b) kind(name, uint16_t, w) kind(name, uint32_t, l) \
		kind(name, uint64_t, q)
HOST_WIDTHS(HOST2, and)
HOST_WIDTHS(HOST2, or)
HOST_WIDTHS(HOST2, xor)
HOST_WIDTHS(HOST2, add)
HOST_WIDTHS(HOST2, adc)
HOST_WIDTHS(HOST2, sub)
HOST_WIDTHS(HOST2, sbb)
HOST_WIDTHS(HOST1, neg)
HOST_WIDTHS(HOST1, not )
HOST_WIDTHS(HOST1, inc)
HOST_WIDTHS(HOST1, dec)

typedef uint64_t (*host_operation)(uint64_t, uint64_t, uint64_t *);

static const struct {
	enum io_operation op;
	uint64_t compared; /* flags that the manual defines */
	host_operation by_width[4];
} host_operations[] = {
#define ROW(op, name, flags)                                                       \
	{                                                                          \
		op, flags,                                                         \
		{                                                                  \
			host_b_##name, host_w_##name, host_l_##name, host_q_##name \
		}                                                                  \
	}
	ROW(OP_AND, and, FLAGS & ~RFLAGS_AF),
	ROW(OP_OR, or, FLAGS & ~RFLAGS_AF),
	ROW(OP_XOR, xor, FLAGS & ~RFLAGS_AF),
	ROW(OP_ADD, add, FLAGS),
	ROW(OP_ADC, adc, FLAGS),
	ROW(OP_SUB, sub, FLAGS),
	ROW(OP_SBB, sbb, FLAGS),
	ROW(OP_NEG, neg, FLAGS),
	ROW(OP_NOT, not, FLAGS),
	ROW(OP_INC, inc, FLAGS),
	ROW(OP_DEC, dec, FLAGS),
};

static uint64_t random64(void)
{
	static uint64_t x = UINT64_C(0x9e3779b97f4a7c15);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	/* Edges more often than chance has them. */
	switch (x >> 60) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return UINT64_C(0x8080808080808080);
	case 3: return UINT64_C(0x7f7f7f7f7f7f7f7f);
	default: return x;
	}
}

static void arithmetic_as_the_processor(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof host_operations / sizeof host_operations[0]; i++)
		for (unsigned w = 0; w < 4; w++)
			for (unsigned n = 0; n < 3000; n++) {
				uint64_t mask =
					w == 3 ? UINT64_MAX : (UINT64_C(1) << (8u << w)) - 1;
				uint64_t a = random64() & mask, b = random64() & mask;
				uint64_t theirs = RFLAGS_FIXED | (random64() & FLAGS),
					 ours = theirs;
				uint64_t flags = host_operations[i].compared;
				uint64_t x = host_operations[i].by_width[w](a, b, &theirs) & mask;
				uint64_t y =
					io_operate(host_operations[i].op, a, b, 1u << w, &ours);

				assert_int_equal(y & mask, x);
				assert_int_equal(ours & flags, theirs & flags);
			}
}

/* ---- String instructions --------------------------------------------------------------------- */

static void store_string(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\xf3\xaa")); /* rep stosb */
	v->regs[RDI] = DEVICE;
	v->regs[RCX] = 3;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(v->vmcb.rip, CODE);
		assert_int_equal(decode(gpa(DEVICE + i), ACCESS_WRITE, &io), OK);
		assert_int_equal(io.bytes, 1);
		assert_int_equal(io.value, 0x18);
		assert_int_equal(arch_vcpu_io_done(v, &io), OK);
		assert_int_equal(v->regs[RCX], 2 - i);
	}
	assert_int_equal(v->regs[RDI], DEVICE + 3);
	assert_int_equal(v->vmcb.rip, CODE + 2);
}

static void load_string_backwards(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\x66\xad")); /* lodsw */
	v->regs[RSI] = DEVICE;
	v->vmcb.rflags |= RFLAGS_DF;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	io.value = 0xabcd;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->regs[RSI], DEVICE - 2);
	assert_int_equal(v->vmcb.rax, UINT64_C(0x111213141516abcd));
	assert_int_equal(v->vmcb.rip, CODE + 2);
}

static void move_string_to_device(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\xf3\xa5")); /* rep movsl */
	put64(DATA, UINT64_C(0x8877665544332211));
	v->regs[RSI] = DATA;
	v->regs[RDI] = DEVICE;
	v->regs[RCX] = 2;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 0x44332211);
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(decode(gpa(DEVICE + 4), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 0x88776655);
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	assert_int_equal(v->regs[RSI], DATA + 8);
	assert_int_equal(v->regs[RDI], DEVICE + 8);
	assert_int_equal(v->regs[RCX], 0);
	assert_int_equal(v->vmcb.rip, CODE + 2);
}

static void move_string_from_device(void **state)
{
	uint64_t stored;
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\x48\xa5")); /* movsq, its memory across two pages */
	v->regs[RSI] = DEVICE;
	v->regs[RDI] = DATA + 0xffc;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), OK);
	assert_false(io.write);
	assert_int_equal(io.bytes, 8);
	io.value = UINT64_C(0x1020304050607080);
	memory_says = RACED; /* nothing happens, and it is done again */
	assert_int_equal(arch_vcpu_io_done(v, &io), RACED);
	assert_int_equal(v->vmcb.rip, CODE);
	memory_says = OK;
	assert_int_equal(arch_vcpu_io_done(v, &io), OK);
	memcpy(&stored, guest + DATA + 0xffc, 8);
	assert_int_equal(stored, UINT64_C(0x1020304050607080));
	assert_int_equal(v->vmcb.rip, CODE + 2);
}

static void segment_base_counts(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\x65\xa5")); /* gs movsl */
	put64(DATA, 0x12345678);
	v->vmcb.gs.base = 0x1000;
	v->regs[RSI] = DATA - 0x1000;
	v->regs[RDI] = DEVICE;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 0x12345678);
}

/* The memory side is missing in the guest's own tables: that is the guest's page fault. */
static void string_page_fault(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\xa4")); /* movsb */
	v->regs[RSI] = NOT_MAPPED;
	v->regs[RDI] = DEVICE;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), RACED);
	assert_int_equal(v->vmcb.cr2, NOT_MAPPED);
	assert_int_equal(EVENT_VECTOR(v->vmcb.event_injection), VECTOR_PF);
	assert_int_equal(v->vmcb.event_injection >> 32, 0);
	assert_int_equal(v->vmcb.rip, CODE);
	/* A write to a page that is read-only for it, at CPL 3: present, write, user. */
	v->vmcb.event_injection = 0;
	put64(TABLES + 0x1000, 0x85);
	v->vmcb.cpl = 3;
	v->regs[RSI] = DEVICE;
	v->regs[RDI] = DATA;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_READ, &io), RACED);
	assert_int_equal(v->vmcb.event_injection >> 32, 7);
	assert_int_equal(v->vmcb.cr2, DATA);
}

/* ---- String port access ---------------------------------------------------------------------- */

static void string_ports(void **state)
{
	struct exit e;

	(void)state;
	put_code(CODE_OF("\xf3\x66\x6d")); /* rep insw */
	v->vmcb.exit_info_1 = 0x1f0u << 16 | IOIO_STRING | IOIO_REP | 2u << 4 | IOIO_IN;
	v->regs[RDI] = DATA;
	v->regs[RCX] = 2;
	for (unsigned i = 0; i < 2; i++) {
		decode_port_string(v, &e);
		assert_int_equal(e.kind, EXIT_IO);
		assert_true(e.io.port && !e.io.write);
		assert_int_equal(e.io.where, 0x1f0);
		assert_int_equal(e.io.bytes, 2);
		e.io.value = 0x1111 * (i + 1);
		assert_int_equal(arch_vcpu_io_done(v, &e.io), OK);
	}
	assert_memory_equal(guest + DATA, "\x11\x11\x22\x22", 4);
	assert_int_equal(v->vmcb.rip, CODE + 3);

	v->vmcb.rip = CODE;
	put_code(CODE_OF("\xf3\x6f")); /* rep outsl */
	v->vmcb.exit_info_1 = 0x80u << 16 | IOIO_STRING | IOIO_REP | 4u << 4;
	v->regs[RSI] = DATA;
	v->regs[RCX] = 1;
	decode_port_string(v, &e);
	assert_int_equal(e.kind, EXIT_IO);
	assert_true(e.io.write);
	assert_int_equal(e.io.value, 0x22221111);
	assert_int_equal(arch_vcpu_io_done(v, &e.io), OK);
	assert_int_equal(v->regs[RSI], DATA + 4);
	assert_int_equal(v->vmcb.rip, CODE + 2);

	/* A count of zero is no access. */
	v->vmcb.rip = CODE;
	decode_port_string(v, &e);
	assert_int_equal(e.kind, EXIT_HOST);
	assert_int_equal(v->vmcb.rip, CODE + 2);

	/* Memory that is late: nothing is lost, the guest repeats. */
	v->vmcb.rip = CODE;
	v->regs[RCX] = 1;
	memory_says = RACED;
	decode_port_string(v, &e);
	assert_int_equal(e.kind, EXIT_HOST);
	assert_int_equal(v->vmcb.rip, CODE);
	memory_says = NO_MEMSLOT;
	decode_port_string(v, &e);
	assert_int_equal(e.kind, EXIT_UNHANDLED);
}

static void cr8(void **state)
{
	uint64_t value;
	unsigned bytes;

	(void)state;
	put_code(CODE_OF("\x45\x0f\x22\xc2")); /* mov %r10,%cr8 */
	assert_true(decode_cr8_write(v, &value, &bytes));
	assert_int_equal(value, UINT64_C(0x0a0a0a0a0a0a0a0a));
	assert_int_equal(bytes, 4);
	put_code(CODE_OF("\x89\x01"));
	assert_false(decode_cr8_write(v, &value, &bytes));
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void refused(void **state)
{
	static const struct {
		const char *code;
		unsigned n;
	} cases[] = {
		{ CODE_OF("\x0f\x11\x01") },	 /* movups */
		{ CODE_OF("\xf2\x0f\x10\x01") }, /* movsd of SSE2 */
		{ CODE_OF("\xff\x31") },	 /* push m */
		{ CODE_OF("\x8c\x19") },	 /* mov %ds,m */
		{ CODE_OF("\x0f\xb1\x11") },	 /* cmpxchg */
		{ CODE_OF("\x89\xd0") },	 /* mov %edx,%eax: no memory at all */
		{ CODE_OF("\xff\x11") },	 /* call *m */
		{ CODE_OF("\x0f\xff\xff") },	 /* ud0, and its operand */
		{ CODE_OF("\x06") },		 /* not in 64-bit mode */
	};
	struct io_access io;

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		tear_down(state);
		set_up(state);
		put_code(cases[i].code, cases[i].n);
		assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), UNSUPPORTED);
		assert_int_equal(v->vmcb.rip, CODE);
		assert_int_equal(arch_vcpu_io_done(v, &io), BAD_ARGUMENT);
	}
}

static void refused_for_other_reasons(void **state)
{
	struct io_access io;

	(void)state;
	put_code(CODE_OF("\x89\x01"));
	/* Across the end of a page. */
	assert_int_equal(decode(gpa(DEVICE + 0xffe), ACCESS_WRITE, &io), UNSUPPORTED);
	/* While an event was being delivered rip names another instruction. */
	v->vmcb.event_injection = EVENT(EVENT_INTERRUPT, 0x30);
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), UNSUPPORTED);
	v->vmcb.event_injection = 0;
	memory_says = RACED;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), RACED);
	memory_says = OK;
	v->vmcb.rip = NOT_MAPPED;
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), UNSUPPORTED);
	/* The last bytes of the page before one that is not there. */
	v->vmcb.rip = GUEST_BYTES - 2;
	memcpy(guest + GUEST_BYTES - 2, "\x89\x01", 2);
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), OK);
	memcpy(guest + GUEST_BYTES - 2, "\xc7\x01", 2);
	assert_int_equal(decode(gpa(DEVICE), ACCESS_WRITE, &io), UNSUPPORTED);
}

static void nothing_answers(void **state)
{
	struct s2_fault fault = { .gpa = gpa(DEVICE), .access = ACCESS_READ };

	(void)state;
	put_code(CODE_OF("\x8b\x01"));
	arch_vcpu_bad_access(v, &fault);
	assert_int_equal(v->vmcb.rax, 0xffffffff);
	assert_int_equal(v->vmcb.rip, CODE + 2);
	assert_int_equal(v->vmcb.event_injection, 0);
	v->vmcb.rip = CODE;
	put_code(CODE_OF("\x0f\x11\x01"));
	arch_vcpu_bad_access(v, &fault);
	assert_int_equal(EVENT_VECTOR(v->vmcb.event_injection), VECTOR_GP);
}

/* ---- The guest's own page tables ------------------------------------------------------------- */

static void walks(void **state)
{
	uint32_t error = 0;
	gpa_t at;

	(void)state;
	assert_int_equal(gwalk(v, DATA + 5, ACCESS_READ, &at, &error), OK);
	assert_int_equal(at.v, DATA + 5);
	assert_int_equal(gwalk(v, NOT_MAPPED, ACCESS_WRITE, &at, &error), NO_PERMISSION);
	assert_int_equal(error, 2);

	/* 32-bit tables: a 4 MiB page whose high address bits are in the entry, and a 4 KiB page.
	 */
	v->vmcb.efer = EFER_SVME;
	v->vmcb.cr4 = CR4_PSE;
	v->vmcb.cs.attributes = 0x89b | SEGMENT_DEFAULT;
	memset(guest + TABLES, 0, 0x2000);
	memcpy(guest + TABLES, "\x83\x20\xc0\x00", 4);	   /* bit 13: address bit 32; base 12 MiB */
	memcpy(guest + TABLES + 4, "\x03\x20\x00\x00", 4); /* a table at 0x2000 */
	memcpy(guest + 0x2000 + 4 * 5, "\x01\x90\x00\x00", 4);
	assert_int_equal(gwalk(v, 0x123456, ACCESS_READ, &at, &error), OK);
	assert_int_equal(at.v, UINT64_C(0x100d23456));
	assert_int_equal(gwalk(v, 0x405678, ACCESS_READ, &at, &error), OK);
	assert_int_equal(at.v, 0x9678);
	/* Read-only: the kernel may write while WP is clear. */
	assert_int_equal(gwalk(v, 0x405678, ACCESS_WRITE, &at, &error), OK);
	v->vmcb.cr0 |= CR0_WP;
	assert_int_equal(gwalk(v, 0x405678, ACCESS_WRITE, &at, &error), NO_PERMISSION);
	assert_int_equal(error, 3);
	v->vmcb.cr4 = 0; /* without PSE the first entry names a table, which lies outside memory */
	assert_int_equal(gwalk(v, 0x123456, ACCESS_READ, &at, &error), NO_MEMSLOT);

	/* PAE: the top entries have no permissions, NX counts if it is on. */
	v->vmcb.cr4 = CR4_PAE;
	v->vmcb.efer = EFER_SVME | EFER_NXE;
	v->vmcb.cr3 = 0x1020;
	put64(0x1020, 0x2001);
	put64(0x2000 + 8, UINT64_C(0x8000000000600083));
	assert_int_equal(gwalk(v, 0x200123, ACCESS_WRITE, &at, &error), OK);
	assert_int_equal(at.v, 0x600123);
	assert_int_equal(gwalk(v, 0x200123, ACCESS_EXEC, &at, &error), NO_PERMISSION);
	assert_int_equal(error, 17);
	v->vmcb.cpl = 3;
	assert_int_equal(gwalk(v, 0x200123, ACCESS_READ, &at, &error), NO_PERMISSION);
	assert_int_equal(error, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stores),
		TEST(loads),
		TEST(other_modes),
		TEST(read_modify_write),
		TEST(exchange),
		TEST(one_turn),
		TEST(write_to_readonly_memory),
		TEST(second_turn_forgotten),
		TEST(arithmetic_as_the_processor),
		TEST(store_string),
		TEST(load_string_backwards),
		TEST(move_string_to_device),
		TEST(move_string_from_device),
		TEST(segment_base_counts),
		TEST(string_page_fault),
		TEST(string_ports),
		TEST(cr8),
		TEST(refused),
		TEST(refused_for_other_reasons),
		TEST(nothing_answers),
		TEST(walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
