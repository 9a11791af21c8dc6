/* SPDX-License-Identifier: BSD-2-Clause */
/* From the processor's exit to the contract's; see exits.c. */
#ifndef ARCH_X86_EXITS_H
#define ARCH_X86_EXITS_H

#include <stdbool.h>

struct arch_vcpu;
struct exit;

/*
 * After each svm_run. true: *out says what is to be done; false: it was the port's own business
 * (CPUID, most MSRs) and is done, the guest may go on.
 */
bool exit_decode(struct arch_vcpu *v, struct exit *out);

#endif
