/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device accesses of arm64: by the syndrome where it says all, else by the instruction; which
 * access comes out, and what the registers are once it is served. What cannot be decoded is
 * refused. And what is pure besides: exceptions taken to EL1, and what identification registers may
 * show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arm64/cpu.h"
#include "tests/unit/arm64_port.h"

#define DEVICE UINT64_C(0x09000010)
#define DABT ((uint64_t)EC_DABT_LOWER << 26 | ESR_IL)
#define TRANSLATION 7u

static struct arch_vcpu vcpu;

static void reset(void)
{
	memset(&vcpu, 0, sizeof vcpu);
	for (unsigned i = 0; i < 31; i++)
		vcpu.x[i] = UINT64_C(0x1122334455667700) + i;
	vcpu.pc = PORT_CODE;
	port_unmapped = false;
	port_sp = 0;
}

static enum result decode(uint64_t esr, uint64_t far, struct io_access *io)
{
	struct s2_fault fault = { .gpa = gpa(far),
				  .access = esr & ISS_WNR ? ACCESS_WRITE : ACCESS_READ };

	vcpu.esr = esr;
	vcpu.far = far;
	return arch_vcpu_decode_io(&vcpu, &fault, io);
}

static uint64_t syndrome(unsigned size, unsigned reg, bool write, uint32_t more)
{
	return DABT | ISS_ISV | size << 22 | reg << 16 | (write ? ISS_WNR : 0) | more | TRANSLATION;
}

/* ---- By the syndrome ------------------------------------------------------------------------- */

static void stores(void **state)
{
	(void)state;
	for (unsigned size = 0; size < 4; size++) {
		struct io_access io;
		uint64_t mask = size == 3 ? UINT64_MAX : (UINT64_C(1) << (8u << size)) - 1;

		reset();
		assert_int_equal(decode(syndrome(size, 5, true, 0), DEVICE, &io), OK);
		assert_true(io.write && !io.port);
		assert_int_equal(io.where, DEVICE);
		assert_int_equal(io.bytes, 1u << size);
		assert_int_equal(io.value & mask, vcpu.x[5] & mask);
		assert_int_equal(vcpu.pc, PORT_CODE);
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
		assert_int_equal(vcpu.pc, PORT_CODE + 4);
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), BAD_ARGUMENT);
	}
	struct io_access io;
	reset();
	assert_int_equal(decode(syndrome(2, 31, true, 0), DEVICE, &io), OK);
	assert_int_equal(io.value, 0); /* xzr */
}

static void loads(void **state)
{
	static const struct {
		unsigned size;
		uint32_t more;
		uint64_t given, expected;
	} cases[] = {
		{ 0, 0, 0xff80, 0x80 },
		{ 0, ISS_SSE, 0x80, 0xffffff80 },
		{ 0, ISS_SSE | ISS_SF, 0x80, UINT64_C(0xffffffffffffff80) },
		{ 1, ISS_SSE, 0x7fff, 0x7fff },
		{ 2, ISS_SSE | ISS_SF, 0x80000000, UINT64_C(0xffffffff80000000) },
		{ 2, 0, UINT64_MAX, 0xffffffff },
		{ 3, ISS_SF, UINT64_MAX - 1, UINT64_MAX - 1 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct io_access io;

		reset();
		assert_int_equal(
			decode(syndrome(cases[i].size, 9, false, cases[i].more), DEVICE, &io), OK);
		assert_false(io.write);
		io.value = cases[i].given;
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
		assert_int_equal(vcpu.x[9], cases[i].expected);
		assert_int_equal(vcpu.pc, PORT_CODE + 4);
	}
	struct io_access io;
	reset();
	assert_int_equal(decode(syndrome(2, 31, false, 0), DEVICE, &io), OK);
	io.value = 1;
	assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
	assert_int_equal(vcpu.x[30], UINT64_C(0x112233445566771e)); /* nobody's register changed */
}

static void cache_maintenance(void **state)
{
	struct io_access io;

	(void)state;
	reset();
	/* Nothing to do: the guest goes on behind it. */
	assert_int_equal(decode(DABT | ISS_CM | ISS_WNR | TRANSLATION, DEVICE, &io), RACED);
	assert_int_equal(vcpu.pc, PORT_CODE + 4);
}

/* ---- By the instruction ---------------------------------------------------------------------- */

#define NO_ISV(write) (DABT | ((write) ? ISS_WNR : 0u) | TRANSLATION)

static void base_moves(void **state)
{
	static const struct {
		uint32_t code;
		bool write;
		int64_t offset, step;
		unsigned bytes;
	} cases[] = {
		{ 0xb8004420, true, 0, 4, 4 },	  /* str w0, [x1], #4 */
		{ 0xf85f8c20, false, -8, -8, 8 }, /* ldr x0, [x1, #-8]! */
		{ 0x38401420, false, 0, 1, 1 },	  /* ldrb w0, [x1], #1 */
		{ 0x78002c20, true, 2, 2, 2 },	  /* strh w0, [x1, #2]! */
		{ 0xb8400420, false, 0, 0, 4 },	  /* ldr w0, [x1], #0 */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct io_access io;

		reset();
		port_code[0] = cases[i].code;
		vcpu.x[1] = DEVICE - (uint64_t)cases[i].offset;
		assert_int_equal(decode(NO_ISV(cases[i].write), DEVICE, &io), OK);
		assert_int_equal(io.write, cases[i].write);
		assert_int_equal(io.bytes, cases[i].bytes);
		assert_int_equal(io.where, DEVICE);
		io.value = 0x5a;
		assert_int_equal(vcpu.x[1], DEVICE - (uint64_t)cases[i].offset);
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
		assert_int_equal(vcpu.x[1],
				 DEVICE - (uint64_t)cases[i].offset + (uint64_t)cases[i].step);
		if (!cases[i].write)
			assert_int_equal(vcpu.x[0], 0x5a);
		assert_int_equal(vcpu.pc, PORT_CODE + 4);
	}
}

/* The second element comes when the guest has faulted on the same instruction again. */
static void pairs(void **state)
{
	struct io_access io;

	(void)state;
	reset();
	port_code[0] = 0xa9400823; /* ldp x3, x2, [x1] */
	vcpu.x[1] = DEVICE;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(decode(NO_ISV(false), DEVICE, &io), OK);
		assert_int_equal(io.where, DEVICE + 8 * i);
		assert_int_equal(io.bytes, 8);
		assert_int_equal(vcpu.pc, PORT_CODE);
		io.value = 100 + i;
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
	}
	assert_int_equal(vcpu.x[3], 100);
	assert_int_equal(vcpu.x[2], 101);
	assert_int_equal(vcpu.pc, PORT_CODE + 4);

	reset();
	port_code[0] = 0x29bf0be1; /* stp w1, w2, [sp, #-8]! */
	port_sp = DEVICE + 8;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(decode(NO_ISV(true), DEVICE, &io), OK);
		assert_int_equal(io.where, DEVICE + 4 * i);
		assert_int_equal(io.bytes, 4);
		assert_int_equal((uint32_t)io.value, 0x55667701 + i);
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
	}
	assert_int_equal(port_sp, DEVICE);

	reset();
	port_code[0] = 0x68c10861; /* ldpsw x1, x2, [x3], #8 */
	vcpu.x[3] = DEVICE;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(decode(NO_ISV(false), DEVICE, &io), OK);
		io.value = 0x80000000 + i;
		assert_int_equal(arch_vcpu_io_done(&vcpu, &io), OK);
	}
	assert_int_equal(vcpu.x[1], UINT64_C(0xffffffff80000000));
	assert_int_equal(vcpu.x[2], UINT64_C(0xffffffff80000001));
	assert_int_equal(vcpu.x[3], DEVICE + 8);
}

static void refused(void **state)
{
	static const uint32_t codes[] = {
		0x3d800020, /* str q0, [x1] */
		0xfd000020, /* str d0, [x1] */
		0xad000420, /* stp q0, q1, [x1] */
		0xc85f7c20, /* ldxr x0, [x1] */
		0xb8200020, /* ldadd w0, w0, [x1] */
		0xd503201f, /* nop */
		0xf8800420, /* a form that is not allocated */
	};
	struct io_access io;

	(void)state;
	for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		reset();
		port_code[0] = codes[i];
		vcpu.x[1] = DEVICE;
		assert_int_equal(decode(NO_ISV(false), DEVICE, &io), UNSUPPORTED);
	}
	/* A base that is not what faulted; a pair across two pages; instructions; table walks. */
	reset();
	port_code[0] = 0xa9400823;
	vcpu.x[1] = DEVICE + 8;
	assert_int_equal(decode(NO_ISV(false), DEVICE, &io), UNSUPPORTED);
	vcpu.x[1] = 0x09000ff8;
	assert_int_equal(decode(NO_ISV(false), 0x09000ff8, &io), UNSUPPORTED);
	assert_int_equal(decode((uint64_t)EC_IABT_LOWER << 26 | TRANSLATION, DEVICE, &io),
			 UNSUPPORTED);
	vcpu.esr = syndrome(2, 0, false, 0);
	assert_int_equal(arch_vcpu_decode_io(&vcpu,
					     &(struct s2_fault){ .gpa = gpa(DEVICE),
								 .access = ACCESS_READ,
								 .table_walk = true },
					     &io),
			 UNSUPPORTED);
}

static void instruction_gone(void **state)
{
	struct io_access io;

	(void)state;
	reset();
	port_unmapped =
		true; /* the guest changed its tables: it faults on its own when it repeats */
	assert_int_equal(decode(NO_ISV(false), DEVICE, &io), RACED);
	port_unmapped = false;
	vcpu.pc = 0x1000; /* no memory there */
	assert_int_equal(decode(NO_ISV(false), DEVICE, &io), NO_MEMSLOT);
}

/* ---- Exceptions to EL1 (D1.3) ------------------------------------------------------------------
 */

static void exceptions(void **state)
{
	(void)state;
	assert_int_equal(inject_offset(PSR_EL0T), 0x400);
	assert_int_equal(inject_offset(PSR_EL1T), 0x000);
	assert_int_equal(inject_offset(PSR_EL1H), 0x200);
	assert_int_equal(inject_offset(PSR_EL0T | PSR_AARCH32), 0x600);
	/* EL1h, all masked, PAN since SPAN is clear; flags and DIT stay; SS, IL, UAO, TCO do not.
	 */
	assert_int_equal(inject_pstate(PSR_EL0T | PSR_NZCV | PSR_DIT | PSR_SS | PSR_IL | PSR_UAO |
					       PSR_TCO | PSR_SSBS,
				       0),
			 PSR_EL1H | PSR_DAIF | PSR_NZCV | PSR_DIT | PSR_PAN);
	assert_int_equal(inject_pstate(PSR_EL1H, SCTLR_EL1_SPAN | SCTLR_EL1_DSSBS),
			 PSR_EL1H | PSR_DAIF | PSR_SSBS);
	assert_int_equal(inject_pstate(PSR_EL1H | PSR_PAN, SCTLR_EL1_SPAN),
			 PSR_EL1H | PSR_DAIF | PSR_PAN);
}

/* ---- Identification registers ------------------------------------------------------------------
 */

static unsigned field(uint64_t value, unsigned shift)
{
	return (unsigned)(value >> shift & 15);
}

static void id_registers(void **state)
{
	const uint64_t all = UINT64_C(0x2222222222222222);
	uint64_t v;

	(void)state;
	v = idreg_allowed(4, 0, all, 42);
	assert_int_equal(v & 0xffff, 0x11); /* EL0 and EL1 in AArch64, no EL2, no EL3 */
	assert_int_equal(field(v, 24), 1);  /* GIC by system registers */
	assert_int_equal(field(v, 28), 0);  /* RAS */
	assert_int_equal(field(v, 32), 0);  /* SVE */
	assert_int_equal(field(v, 56), 1);  /* CSV2, without its context numbers */
	v = idreg_allowed(4, 1, all, 42);
	assert_int_equal(field(v, 8), 0); /* MTE */
	v = idreg_allowed(5, 0, all, 42);
	assert_int_equal(field(v, 8), 0); /* no performance monitor */
	assert_int_equal(field(v, 0), 6);
	v = idreg_allowed(6, 1, all, 42);
	assert_int_equal(field(v, 4) | field(v, 8) | field(v, 24) | field(v, 28), 0); /* PAuth */
	v = idreg_allowed(7, 0, all, 42);
	assert_int_equal(field(v, 0), 3); /* 42 bits */
	assert_int_equal(field(v, 20), 1);
	assert_int_equal(field(v, 28), 0); /* 4 KiB, without 52 bits */
	assert_int_equal(field(idreg_allowed(7, 0, UINT64_C(15) << 28, 32), 28), 15);
	v = idreg_allowed(7, 1, all, 42);
	assert_int_equal(field(v, 8) | field(v, 4) | field(v, 16), 0); /* VHE, VMIDs, LORegions */
	/* What is on no list is absent. */
	for (unsigned crm = 1; crm < 4; crm++)
		for (unsigned op2 = 0; op2 < 8; op2++)
			assert_int_equal(idreg_allowed(crm, op2, UINT64_MAX, 42), 0);
	assert_int_equal(idreg_allowed(4, 4, UINT64_MAX, 42), 0); /* ID_AA64ZFR0_EL1 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores),
		cmocka_unit_test(loads),
		cmocka_unit_test(cache_maintenance),
		cmocka_unit_test(base_moves),
		cmocka_unit_test(pairs),
		cmocka_unit_test(refused),
		cmocka_unit_test(instruction_gone),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(id_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
