/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's answer to mm/env.h: how a test program lends mm/ its memory, its CPU numbers and its
 * ears. One area of the program's memory plays all of RAM. Every setting may be changed between
 * tests; none while another thread runs mm's code.
 *
 * The definitions in env.c are weak: a program that links hv/'s own environment gets that one.
 */
#ifndef TESTS_FAKE_ENV_H
#define TESTS_FAKE_ENV_H

#include "mm/env.h"

/*
 * RAM from now on: `pages` pages of zeros, the first of which has frame number `first`. Replaces
 * the RAM of before, whose pointers die. Returns where frame `first` lies, 4 KiB-aligned.
 */
void *env_ram(pfn_t first, uint64_t pages);

/* The area of env_ram. */
pfn_t env_ram_first(void);
uint64_t env_ram_pages(void);

/* The calling thread is CPU `n` from now on. A thread that never says so is CPU 0. */
void env_cpu(unsigned n);
unsigned env_cpu_number(void);

/* Where a frame of the area lies; a frame outside it stops the program. */
void *env_linear(pfn_t n);

/*
 * Called by mm_broken instead of printing and abort(). It must not return: a test that expects a
 * broken invariant leaves by longjmp. NULL: print and abort.
 */
extern void (*env_broken)(const char *file, int line, const char *what);

/* Called at each mm_step; NULL: none. The place where race tests choose who goes on. */
extern void (*env_step)(const char *name, const void *object);

/* Asked at each allocation: false, and it fails. NULL: none does but for want of memory. */
extern bool (*env_alloc)(unsigned order);

#endif
