/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor and the board: the one place where guests choose between them. */
#ifndef GUESTS_LIB_ARCH_H
#define GUESTS_LIB_ARCH_H

#ifdef __aarch64__
#include "guests/lib/arm64.h"
#elif defined(__powerpc64__)
#include "guests/lib/ppc64.h"
#else
#include "guests/lib/x86.h"
#endif

#endif
