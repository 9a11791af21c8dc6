/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that touch a device, given as bytes in a small guest memory: which access comes out,
 * and what the registers are once it is served. What cannot be decoded is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/x86_guest.h"

/* ---- Moves ----------------------------------------------------------------------------------- */

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

/* ---- CR8 */

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
		TEST(cr8),
		TEST(refused),
		TEST(refused_for_other_reasons),
		TEST(nothing_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
