/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assertions of the port: what no emulator would catch. A broken one stops the machine with the
 * sentence; release builds do not look.
 */
#ifndef ARCH_ARM64_ASSERT_H
#define ARCH_ARM64_ASSERT_H

#include "arch/arch.h"

#ifdef DEBUG
#define ARM64_ASSERT(e, words) \
	((e) ? (void)0 : hv_stop(words, (uint64_t)(uintptr_t)__builtin_return_address(0), __LINE__))
#else
#define ARM64_ASSERT(e, words) ((void)sizeof(!(e)))
#endif

#endif
