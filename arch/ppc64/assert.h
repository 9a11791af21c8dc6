/* SPDX-License-Identifier: BSD-2-Clause */
/* Assertions of the port: what no emulator would catch. Release builds do not look. */
#ifndef ARCH_PPC64_ASSERT_H
#define ARCH_PPC64_ASSERT_H

#include "arch/arch.h"

#ifdef DEBUG
#define PPC64_ASSERT(e, words) \
	((e) ? (void)0 : hv_stop(words, (uint64_t)(uintptr_t)__builtin_return_address(0), __LINE__))
#else
#define PPC64_ASSERT(e, words) ((void)sizeof(!(e)))
#endif

#endif
