/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libfdt asks of its environment: the C types and string functions, and the order of bytes in
 * a device tree (big-endian).
 */
#ifndef TOOLS_LIBC_LIBFDT_ENV_H
#define TOOLS_LIBC_LIBFDT_ENV_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint16_t fdt16_t;
typedef uint32_t fdt32_t;
typedef uint64_t fdt64_t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define fdt16_to_cpu(x) __builtin_bswap16(x)
#define fdt32_to_cpu(x) __builtin_bswap32(x)
#define fdt64_to_cpu(x) __builtin_bswap64(x)
#else
#define fdt16_to_cpu(x) (x)
#define fdt32_to_cpu(x) (x)
#define fdt64_to_cpu(x) (x)
#endif
#define cpu_to_fdt16(x) fdt16_to_cpu(x)
#define cpu_to_fdt32(x) fdt32_to_cpu(x)
#define cpu_to_fdt64(x) fdt64_to_cpu(x)

/* libfdt trusts nothing in the blob: every offset and length is checked before it is used. */
#define FDT_ASSUME_MASK 0

#endif
