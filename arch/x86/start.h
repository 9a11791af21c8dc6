/* SPDX-License-Identifier: BSD-2-Clause */
/* Where C begins on each CPU; see start.c. */
#ifndef ARCH_X86_START_H
#define ARCH_X86_START_H

#include <stdbool.h>
#include <stdint.h>

/* From entry.S, before hv_main: the boot CPU's tables and the console. */
void start_early(void);

/* From entry.S, on another CPU, on its own stack; hv_cpu_main is next. */
void start_other(unsigned cpu);

/* entry.S: where trampoline.S goes. edi = the CPU's number. */
extern const unsigned char entry_other[];

/* entry.S: goes on on another processor; see there. */
bool smp_switch(uint64_t *rsp, bool (*start)(void));
extern const unsigned char entry_switched[];

#endif
