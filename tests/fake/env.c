/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm's environment on the host: RAM is one mapping, a CPU is a thread that says its number, a
 * broken invariant stops the program unless a test waits for it.
 */
#define _GNU_SOURCE
#include "tests/fake/env.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void (*env_broken)(const char *file, int line, const char *what);
void (*env_step)(const char *name, const void *object);
bool (*env_alloc)(unsigned order);

static unsigned char *ram;
static uint64_t ram_first;
static uint64_t ram_pages;
static _Thread_local unsigned cpu_number;

void *env_ram(pfn_t first, uint64_t pages)
{
	if (ram != NULL)
		munmap(ram, ram_pages * PAGE_SIZE);
	ram = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED) {
		perror("env_ram");
		abort();
	}
	ram_first = first.v;
	ram_pages = pages;
	return ram;
}

pfn_t env_ram_first(void)
{
	return pfn(ram_first);
}

uint64_t env_ram_pages(void)
{
	return ram_pages;
}

void env_cpu(unsigned n)
{
	if (n >= MM_MAX_CPUS) {
		fprintf(stderr, "env_cpu: %u is no CPU\n", n);
		abort();
	}
	cpu_number = n;
}

unsigned env_cpu_number(void)
{
	return cpu_number;
}

__attribute__((weak)) unsigned mm_cpu(void)
{
	return cpu_number;
}

__attribute__((weak)) void mm_relax(void)
{
	sched_yield();
}

void *env_linear(pfn_t n)
{
	if (n.v < ram_first || n.v - ram_first >= ram_pages) {
		fprintf(stderr, "env_linear: frame %#llx is not RAM\n", (unsigned long long)n.v);
		abort();
	}
	return ram + (n.v - ram_first) * PAGE_SIZE;
}

__attribute__((weak)) void *mm_linear(pfn_t n)
{
	return env_linear(n);
}

__attribute__((weak)) void mm_page_clear(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

__attribute__((weak)) _Noreturn void mm_broken(const char *file, int line, const char *what)
{
	if (env_broken != NULL)
		env_broken(file, line, what);
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
	abort();
}

#ifdef HOST_TEST
__attribute__((weak)) void mm_step(const char *name, const void *object)
{
	if (env_step != NULL)
		env_step(name, object);
}

__attribute__((weak)) bool mm_may_alloc(unsigned order)
{
	return env_alloc == NULL || env_alloc(order);
}
#endif
