/* SPDX-License-Identifier: BSD-2-Clause */
/* ppc64: the instruction of a device access found through the guest's translation, decoded, and
 * completed. The encodings are the assembler's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/ppc64/vcpu.h"

/* ---- The guest's memory ---------------------------------------------------------------------- */

#define MEMORY_BYTES 0x20000u
#define PC UINT64_C(0x1000)
#define EA UINT64_C(0x900000123)

static unsigned char memory[MEMORY_BYTES];
static uint64_t process_table, process;
static enum result memory_answer;
static struct arch_vcpu v;

enum result hv_guest_read(struct vcpu *owner, gpa_t from, void *to, size_t bytes)
{
	(void)owner;
	if (memory_answer != OK)
		return memory_answer;
	if (from.v + bytes > MEMORY_BYTES)
		return NO_MEMSLOT;
	memcpy(to, memory + from.v, bytes);
	return OK;
}

void vcpu_space(const struct arch_vcpu *of, uint64_t *table, uint64_t *pid)
{
	(void)of;
	*table = process_table;
	*pid = process;
}

static int begin(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	memset(&v, 0, sizeof(v));
	process_table = process = 0;
	memory_answer = OK;
	v.pc = PC;
	v.msr = MSR_SF | MSR_LE;
	for (unsigned i = 0; i < 32; i++)
		v.r[i] = UINT64_C(0x8899aabbccddee00) + i;
	v.r[5] = EA;
	v.fault_ea = EA;
	return 0;
}

static void put_code(uint32_t instruction)
{
	memcpy(memory + PC, &instruction, 4);
}

static void put_entry(uint64_t at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(memory + at, &value, 8);
}

/* ---- Instructions ---------------------------------------------------------------------------- */

struct form {
	uint32_t code;
	const char *name;
	struct io_plan plan;
};

#define LOAD false
#define STORE true
#define D(bytes, write, sign, update, offset)                             \
	{                                                                 \
		write, sign, false, update, false, bytes, 3, 5, 0, offset \
	}
#define X(bytes, write, sign, reversed, update)                        \
	{                                                              \
		write, sign, reversed, update, true, bytes, 3, 5, 4, 0 \
	}

static const struct form forms[] = {
	{ 0x80650010, "lwz 3,16(5)", D(4, LOAD, false, false, 16) },
	{ 0x8465fffc, "lwzu 3,-4(5)", D(4, LOAD, false, true, -4) },
	{ 0x88650001, "lbz", D(1, LOAD, false, false, 1) },
	{ 0x8c650001, "lbzu", D(1, LOAD, false, true, 1) },
	{ 0x90650010, "stw", D(4, STORE, false, false, 16) },
	{ 0x94650010, "stwu", D(4, STORE, false, true, 16) },
	{ 0x98650001, "stb", D(1, STORE, false, false, 1) },
	{ 0x9c650001, "stbu", D(1, STORE, false, true, 1) },
	{ 0xa0650002, "lhz", D(2, LOAD, false, false, 2) },
	{ 0xa4650002, "lhzu", D(2, LOAD, false, true, 2) },
	{ 0xa8650002, "lha", D(2, LOAD, true, false, 2) },
	{ 0xac650002, "lhau", D(2, LOAD, true, true, 2) },
	{ 0xb0650002, "sth", D(2, STORE, false, false, 2) },
	{ 0xb4650002, "sthu", D(2, STORE, false, true, 2) },
	{ 0xe8650008, "ld", D(8, LOAD, false, false, 8) },
	{ 0xe865fff9, "ldu", D(8, LOAD, false, true, -8) },
	{ 0xe865000a, "lwa", D(4, LOAD, true, false, 8) },
	{ 0xf8650008, "std", D(8, STORE, false, false, 8) },
	{ 0xf865fff9, "stdu", D(8, STORE, false, true, -8) },
	{ 0x7c65202e, "lwzx 3,5,4", X(4, LOAD, false, false, false) },
	{ 0x7c65206e, "lwzux", X(4, LOAD, false, false, true) },
	{ 0x7c6520ae, "lbzx", X(1, LOAD, false, false, false) },
	{ 0x7c65212e, "stwx", X(4, STORE, false, false, false) },
	{ 0x7c6521ee, "stbux", X(1, STORE, false, false, true) },
	{ 0x7c65222e, "lhzx", X(2, LOAD, false, false, false) },
	{ 0x7c6522ae, "lhax", X(2, LOAD, true, false, false) },
	{ 0x7c65232e, "sthx", X(2, STORE, false, false, false) },
	{ 0x7c65202a, "ldx", X(8, LOAD, false, false, false) },
	{ 0x7c65206a, "ldux", X(8, LOAD, false, false, true) },
	{ 0x7c6522aa, "lwax", X(4, LOAD, true, false, false) },
	{ 0x7c65212a, "stdx", X(8, STORE, false, false, false) },
	{ 0x7c65216a, "stdux", X(8, STORE, false, false, true) },
	{ 0x7c65242c, "lwbrx", X(4, LOAD, false, true, false) },
	{ 0x7c65252c, "stwbrx", X(4, STORE, false, true, false) },
	{ 0x7c65262c, "lhbrx", X(2, LOAD, false, true, false) },
	{ 0x7c65272c, "sthbrx", X(2, STORE, false, true, false) },
	{ 0x7c652428, "ldbrx", X(8, LOAD, false, true, false) },
	{ 0x7c652528, "stdbrx", X(8, STORE, false, true, false) },
};

static void instructions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct io_plan *want = &forms[i].plan;
		struct io_plan p;

		if (!decode_instruction(forms[i].code, &p))
			fail_msg("%s is not known", forms[i].name);
		if (p.write != want->write || p.sign != want->sign ||
		    p.reversed != want->reversed || p.update != want->update ||
		    p.indexed != want->indexed || p.bytes != want->bytes || p.reg != 3 ||
		    p.base != 5 || (p.indexed ? p.index != 4 : p.offset != want->offset))
			fail_msg("%s is taken for something else", forms[i].name);
	}
}

static void no_instructions(void **state)
{
	static const uint32_t codes[] = {
		0x60000000, /* nop */
		0x7c652028, /* lwarx */
		0x7c65212d, /* stwcx. */
		0x7c6521ad, /* stdcx. */
		0x7c0527ec, /* dcbz */
		0xb8650000, /* lmw */
		0xbc650000, /* stmw */
		0xc0650000, /* lfs */
		0xf865000a, /* stq */
		0xe865000b, /* ld, form 3 */
		0x7c6524ae, /* lfdx */
		0x7c65246e, /* lfsux */
		0x7c65256c, /* nothing */
		0x7c652628, /* nothing */
		0x84a50000, /* lwzu 5,0(5): the base is read into */
		0x84600000, /* lwzu 3,0(0): no base */
		0x04000000, /* a prefix */
	};
	struct io_plan p;

	(void)state;
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (decode_instruction(codes[i], &p))
			fail_msg("%#x is taken for a load or store", codes[i]);
}

/* ---- Accesses -------------------------------------------------------------------------------- */

static enum result decode(enum access access, struct io_access *io)
{
	const struct s2_fault f = { .gpa = gpa(0x110000000 | (EA & PAGE_MASK)), .access = access };

	return arch_vcpu_decode_io(&v, &f, io);
}

static void reads_and_writes(void **state)
{
	struct io_access io;

	(void)state;
	put_code(0xa8650000); /* lha 3,0(5) */
	assert_int_equal(decode(ACCESS_READ, &io), OK);
	assert_true(!io.write && !io.port && io.bytes == 2);
	assert_int_equal(io.where, 0x110000123);
	io.value = ~UINT64_C(0x7ffe);
	assert_int_equal(arch_vcpu_io_done(&v, &io), OK);
	assert_int_equal(v.r[3], ~UINT64_C(0x7ffe));
	assert_int_equal(v.pc, PC + 4);
	begin(state);
	put_code(0x88650000); /* lbz 3,0(5) */
	assert_int_equal(decode(ACCESS_READ, &io), OK);
	io.value = UINT64_MAX;
	assert_int_equal(arch_vcpu_io_done(&v, &io), OK);
	assert_int_equal(v.r[3], 0xff);
	begin(state);
	v.r[5] = EA + 4;
	put_code(0x9465fffc); /* stwu 3,-4(5) */
	assert_int_equal(decode(ACCESS_WRITE, &io), OK);
	assert_true(io.write && io.bytes == 4);
	assert_int_equal(io.value, 0xccddee03);
	assert_int_equal(arch_vcpu_io_done(&v, &io), OK);
	assert_int_equal(v.r[5], EA);
	assert_int_equal(v.r[3], UINT64_C(0x8899aabbccddee03));
	begin(state);
	v.r[5] = EA - v.r[4];
	put_code(0x7c65242c); /* lwbrx 3,5,4 */
	assert_int_equal(decode(ACCESS_READ, &io), OK);
	io.value = 0x11223344;
	assert_int_equal(arch_vcpu_io_done(&v, &io), OK);
	assert_int_equal(v.r[3], 0x44332211);
	/* No base is zero, not r0; half a register in 32-bit mode. */
	begin(state);
	v.msr = MSR_LE;
	v.r[4] = UINT64_C(0x100000123);
	v.fault_ea = 0x123;
	put_code(0x7c60202e); /* lwzx 3,0,4 */
	assert_int_equal(decode(ACCESS_READ, &io), OK);
}

static void big_endian_guests(void **state)
{
	struct io_access io;

	(void)state;
	v.msr = MSR_SF;
	put_code(__builtin_bswap32(0x90650000)); /* stw 3,0(5) */
	assert_int_equal(decode(ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 0x03eeddcc);
	put_code(__builtin_bswap32(0x7c602d2c)); /* stwbrx 3,0,5 */
	assert_int_equal(decode(ACCESS_WRITE, &io), OK);
	assert_int_equal(io.value, 0xccddee03);
	put_code(__builtin_bswap32(0xa8650000)); /* lha 3,0(5) */
	assert_int_equal(decode(ACCESS_READ, &io), OK);
	io.value = 0x0080;
	assert_int_equal(arch_vcpu_io_done(&v, &io), OK);
	assert_int_equal(v.r[3], ~UINT64_C(0x7fff));
}

static void accesses_refused(void **state)
{
	struct io_access io;

	(void)state;
	put_code(0x90650000); /* stw 3,0(5): not what has faulted */
	assert_int_equal(decode(ACCESS_READ, &io), RACED);
	put_code(0x7c652028); /* lwarx */
	assert_int_equal(decode(ACCESS_READ, &io), UNSUPPORTED);
	put_code(0x80650010); /* lwz 3,16(5): another address */
	assert_int_equal(decode(ACCESS_READ, &io), UNSUPPORTED);
	put_code(0x80650000);
	v.r[5] = v.fault_ea = EA | 0xffd; /* into the next page */
	assert_int_equal(decode(ACCESS_READ, &io), UNSUPPORTED);
	v.r[5] = v.fault_ea = EA | 0xffc;
	assert_int_equal(decode(ACCESS_READ, &io), UNSUPPORTED);
	v.r[5] = v.fault_ea = (EA & ~PAGE_MASK) | 0xffc;
	assert_int_equal(decode(ACCESS_READ, &io), OK);
	memory_answer = BUSY;
	assert_int_equal(decode(ACCESS_READ, &io), BUSY);
	memory_answer = OK;
	v.pc = MEMORY_BYTES;
	assert_int_equal(decode(ACCESS_READ, &io), NO_MEMSLOT);
}

/* ---- The guest's translation ----------------------------------------------------------------- */

#define VALID (UINT64_C(1) << 63)
#define LEAF (UINT64_C(1) << 62)
#define SHAPE (UINT64_C(2) << 61 | UINT64_C(5) << 5) /* 52 bits */
#define KERNEL UINT64_C(0xc000000000000000)

/* 13-9-9-9 bits: process 0's kernel page 5 at 0x6000, process 3's pages from 0x40000000 on at 0. */
static void put_trees(void)
{
	v.msr |= MSR_IR;
	process_table = 0x10000 | 0; /* 4 KiB of entries */
	process = 3;
	put_entry(0x10000, SHAPE | 0x2000 | 13);
	put_entry(0x10030, SHAPE | 0x2000 | 13);
	put_entry(0x2000, VALID | 0x3000 | 9);
	put_entry(0x3000, VALID | 0x4000 | 9);
	put_entry(0x3008, VALID | LEAF);
	put_entry(0x4000, VALID | 0x5000 | 9);
	put_entry(0x5028, VALID | LEAF | 0x6000);
}

static void translation(void **state)
{
	uint64_t at = 0;

	(void)state;
	assert_int_equal(gwalk(&v, KERNEL | 0x123, &at), OK);
	assert_int_equal(at, 0x123); /* real mode: the highest four bits fall away */
	put_trees();
	assert_int_equal(gwalk(&v, KERNEL | 0x5abc, &at), OK);
	assert_int_equal(at, 0x6abc);
	assert_int_equal(gwalk(&v, 0x41234567, &at), OK);
	assert_int_equal(at, 0x1234567);
	assert_int_equal(gwalk(&v, KERNEL | 0x4abc, &at), RACED); /* absent */
	assert_int_equal(gwalk(&v, UINT64_C(0x4000000000005abc), &at), RACED);
	assert_int_equal(gwalk(&v, KERNEL | UINT64_C(0x10000000005abc), &at), RACED); /* 53 bits */
	put_entry(0x3008, VALID | LEAF | 0x4003ff000); /* the bits below a large leaf fall away */
	assert_int_equal(gwalk(&v, 0x40001234, &at), OK);
	assert_int_equal(at, UINT64_C(0x400001234));
	process = 256; /* beyond the table */
	put_entry(0x11000, SHAPE | 0x2000 | 13);
	assert_int_equal(gwalk(&v, 0x41234567, &at), RACED);
	assert_int_equal(gwalk(&v, KERNEL | 0x5abc, &at), OK);
	process_table = MEMORY_BYTES;
	assert_int_equal(gwalk(&v, KERNEL | 0x5abc, &at), NO_MEMSLOT);
}

/* Trees that no processor takes end the walk, whatever they say. */
static void wrong_trees(void **state)
{
	static const unsigned bits[] = { 0, 4, 31 }; /* of a level */
	uint64_t at = 0;

	(void)state;
	put_trees();
	put_entry(0x5000, VALID | LEAF);
	for (unsigned i = 0; i < 3; i++) {
		put_entry(0x4000, VALID | 0x5000 | bits[i]);
		assert_int_equal(gwalk(&v, KERNEL | 0x5abc, &at), RACED);
	}
	put_entry(0x10000, UINT64_C(3) << 61 | UINT64_C(7) << 5 | 0x2000 | 13);
	assert_int_equal(gwalk(&v, KERNEL | 0x5abc, &at), RACED);
	for (uint64_t a = 0x2000; a < 0x3000; a += 8) /* a table of itself */
		put_entry(a, VALID | 0x2000 | 5);
	put_entry(0x10000, SHAPE | 0x2000 | 5);
	assert_int_equal(gwalk(&v, KERNEL | 0x5abc, &at), RACED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(instructions, begin),
		cmocka_unit_test_setup(no_instructions, begin),
		cmocka_unit_test_setup(reads_and_writes, begin),
		cmocka_unit_test_setup(big_endian_guests, begin),
		cmocka_unit_test_setup(accesses_refused, begin),
		cmocka_unit_test_setup(translation, begin),
		cmocka_unit_test_setup(wrong_trees, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
