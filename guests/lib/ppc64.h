/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ppc64: the processor's instructions that guests use by name, and PAPR's calls. The small guests
 * run in guest real mode, little-endian; no device of the pseries board has an address.
 */
#ifndef GUESTS_LIB_PPC64_H
#define GUESTS_LIB_PPC64_H

#include <stdbool.h>
#include <stdint.h>

#define RAM_BASE 0ull
#define NOTHING_THERE 0x200 /* what catch_trap says of an access to nothing: a machine check */

#define H_CPPR 0x68ull
#define H_PUT_TERM_CHAR 0x58ull
#define H_CEDE 0xe0ull
#define H_REGISTER_PROC_TBL 0x37cull

static inline void pause(void)
{
	__asm__ volatile("or 27, 27, 27" : : : "memory");
}

/* A call of PAPR: its status. */
static inline int64_t papr(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t r3 __asm__("r3") = nr;
	register uint64_t r4 __asm__("r4") = a;
	register uint64_t r5 __asm__("r5") = b;
	register uint64_t r6 __asm__("r6") = c;
	register uint64_t r7 __asm__("r7") = d;

	__asm__ volatile("sc 1" : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7) : : "memory");
	return (int64_t)r3;
}

/* The same without arguments, and the value that it answers in r4. */
static inline int64_t papr_get(uint64_t nr, uint64_t *value)
{
	register uint64_t r3 __asm__("r3") = nr;
	register uint64_t r4 __asm__("r4");

	__asm__ volatile("sc 1" : "+r"(r3), "=r"(r4) : : "r5", "r6", "r7", "memory");
	*value = r4;
	return (int64_t)r3;
}

/* A cell of the tree's /rtas by its name, a token for instance; 0: there is none. */
uint32_t rtas_property(const char *name);

/*
 * A call of RTAS, which runs big-endian, by the name of the property that holds its token: up to
 * three arguments, one result besides the status. INT64_MIN if the device tree does not name it.
 */
#define RTAS_ARGUMENTS 3u
int64_t rtas(const char *name, unsigned arguments, const uint32_t *argument, uint32_t *result);

/* ---- What every architecture has under one name ------------------------------------------------
 */

/*
 * Executed instructions, where a plugin of QEMU counts them (tests/bench/plugin): the store behind
 * the marker shows it where the count is to be written. Without it the timebase.
 */
uint64_t cycles(void);

/* A page that the hypervisor keeps a clock in: x86 alone has it. */
static inline void clock_page(uint64_t gpa, bool stay)
{
	(void)gpa, (void)stay;
}

/* FP registers of this vCPU: a value in two of them, and is it there still? */
void fp_set(uint64_t mark);
int fp_is(uint64_t mark);

/* No device has an address: a call that the board serves instead (the interrupt priority that it
 * has already), and one that it does not know. */
#define REGISTER_NAME "unknown_papr_call"
static inline void device_write(void)
{
	(void)papr(H_CPPR, 0, 0, 0, 0);
}

static inline void register_read(void)
{
	(void)papr(0xfffc, 0, 0, 0, 0);
}

#endif
