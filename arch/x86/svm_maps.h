/* SPDX-License-Identifier: BSD-2-Clause */
/* The two permission maps that all guests share: every port exits, and every MSR but svm.c's list.
 */
#ifndef ARCH_X86_SVM_MAPS_H
#define ARCH_X86_SVM_MAPS_H

#include <stdalign.h>
#include <stdint.h>

#define IOPM_BYTES (3u * 4096u)
#define MSRPM_BYTES (2u * 4096u)

/* Their physical addresses, after svm_init. */
uint64_t svm_iopm(void);
uint64_t svm_msrpm(void);

#endif
