/* SPDX-License-Identifier: BSD-2-Clause */
/* From the processor's exit to the contract's; see exits.c. */
#ifndef ARCH_X86_EXITS_H
#define ARCH_X86_EXITS_H

struct arch_vcpu;
struct exit;

/* Fills *out from the VMCB; serves what is the port's own (CPUID, most MSRs). After each svm_run.
 */
void exit_decode(struct arch_vcpu *v, struct exit *out);

#endif
