/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions between a device and guest memory, string port access, and the walk of the
 * guest's own page tables that finds the memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/x86_guest.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(store_string),	     TEST(load_string_backwards),
		TEST(move_string_to_device), TEST(move_string_from_device),
		TEST(segment_base_counts),   TEST(string_page_fault),
		TEST(string_ports),	     TEST(walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
