/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every small guest has: text on the serial port, checks that are reported one line each,
 * memory by its address, other vCPUs, and an end whose status tells whether all checks held.
 */
#ifndef GUESTS_LIB_GUEST_H
#define GUESTS_LIB_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "guests/abi.h"
#include "guests/lib/arch.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define HUGE (2 * MIB)

/* Supplied by each guest. What it returns from its last check on: guest_start calls finish(). */
void guest_main(const char *cmdline);

/* ---- Text: %s %c %d %u %x, each with l (a long) or without; a width with 0; %% ----------------
 */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);

/* ---- Checks ---------------------------------------------------------------------------------- */

/* One line: "report: NAME ok", or "report: NAME FAIL" with where. Any vCPU. */
void report_at(bool ok, const char *name, const char *file, int line);
#define report(ok, name) report_at((ok), (name), __FILE__, __LINE__)

/* As report, and both numbers are shown when they differ. */
void report_equal_at(uint64_t is, uint64_t expected, const char *name, const char *file, int line);
#define report_equal(is, expected, name) \
	report_equal_at((uint64_t)(is), (uint64_t)(expected), (name), __FILE__, __LINE__)

/* Checks that failed so far. */
unsigned checks_failed(void);

/* The sums of all checks, then the end of the VM: status 0 if none failed, else (1 << 1) | 1. */
_Noreturn void finish(void);

/*
 * x86: out 0xf4, value: the runner's status becomes (value << 1) | 1. arm64, ppc64: by hypercall,
 * where 0 is the status 0.
 */
_Noreturn void debug_exit(uint8_t value);

/* ---- Memory ---------------------------------------------------------------------------------- */

static inline uint64_t read64(uint64_t gpa)
{
	return *(volatile uint64_t *)(uintptr_t)gpa;
}

static inline void write64(uint64_t gpa, uint64_t value)
{
	*(volatile uint64_t *)(uintptr_t)gpa = value;
}

static inline uint8_t read8(uint64_t gpa)
{
	return *(volatile uint8_t *)(uintptr_t)gpa;
}

static inline void write8(uint64_t gpa, uint8_t value)
{
	*(volatile uint8_t *)(uintptr_t)gpa = value;
}

void fill(uint64_t gpa, uint64_t bytes, uint64_t seed); /* words that tell where they belong */
uint64_t count_wrong(uint64_t gpa, uint64_t bytes,
		     uint64_t seed); /* words that fill() did not put there */
bool all_zero(uint64_t gpa, uint64_t bytes);

/* ---- The command line: the number behind "NAME=", or `otherwise` ------------------------------
 */
uint64_t argument(const char *cmdline, const char *name, uint64_t otherwise);
bool has_word(const char *cmdline, const char *word);
bool same(const char *a, const char *b);

/* ---- Other vCPUs ------------------------------------------------------------------------------
 */

#define MAX_CPUS 16u

/* Runs work(argument) on vCPU `id`, 1.., once. Returns what the hypervisor answered, 0: started. */
int64_t cpu_run(unsigned id, void (*work)(uint64_t), uint64_t argument);
/* Waits until its work has returned. */
void cpu_wait(unsigned id);
/* Has it, or was it never started? */
bool cpu_idle(unsigned id);
/*
 * What the vCPU found when it was started in the two registers in which its argument may be. x86:
 * rdi and rax, arm64: x0 and 0, ppc64: r3 and 0.
 */
void cpu_registers(unsigned id, uint64_t *first, uint64_t *second);

/* ---- Exceptions --------------------------------------------------------------------------------
 */

/*
 * Runs `attempt`; if it raises an exception, gives it up there and returns the vector (arm64:
 * ESR_EL1's class), else -1. This vCPU only, not nested.
 */
int catch_trap(void (*attempt)(void));

/*
 * Makes a hypercall from user mode. x86: is the answer NO_PERMISSION? arm64: is HVC undefined
 * there? ppc64: is it a program interrupt?
 */
bool refused_to_user(uint64_t nr);

#endif
