/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU and a small guest memory for tests of the x86 port's decoder: 64 KiB from gpa 0, long mode
 * with the first 4 GiB mapped as they are, rip at CODE. Included once by a test program, whose hv
 * it also is.
 */
#ifndef TESTS_UNIT_X86_GUEST_H
#define TESTS_UNIT_X86_GUEST_H

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

static unsigned char guest[GUEST_BYTES];
static enum result memory_says; /* other than OK: what every guest access answers */
static struct arch_vcpu *v;

void arch_cpu_relax(void) {}

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

static inline void put64(uint64_t at, uint64_t value)
{
	memcpy(guest + at, &value, sizeof value);
}

/* 64-bit mode, the first 4 GiB identity-mapped by pages of 1 GiB. */
static inline void mode64(void)
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

static inline void mode32(void)
{
	v->vmcb.cr0 = CR0_PE;
	v->vmcb.cr4 = 0;
	v->vmcb.efer = EFER_SVME;
	v->vmcb.cs.attributes = 0x89b | SEGMENT_DEFAULT;
}

static inline void mode16(void)
{
	v->vmcb.cr0 = 0;
	v->vmcb.cr4 = 0;
	v->vmcb.efer = EFER_SVME;
	v->vmcb.cs = (struct vmcb_segment){ CODE >> 4, 0x9b, 0xffff, CODE };
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	(void)state;
	free(v);
	return 0;
}

static inline unsigned put_code(const char *bytes, unsigned n)
{
	memset(guest + CODE, 0xcc, 64);
	memcpy(guest + CODE, bytes, n);
	return n;
}

static inline enum result decode(gpa_t at, enum access access, struct io_access *io)
{
	struct s2_fault fault = { .gpa = at, .access = access };

	return arch_vcpu_decode_io(v, &fault, io);
}

/* For put_code, and for tables of cases. */
#define CODE_OF(bytes) bytes, sizeof(bytes) - 1

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
