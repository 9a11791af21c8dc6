/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's configuration, which its own configure script would write: the C locale alone, a small
 * reentrancy structure, long long and the C99 formats in printf, no floating point, no stdio files.
 */
#ifndef TOOLS_LIBC_NEWLIB_H
#define TOOLS_LIBC_NEWLIB_H

#define _NEWLIB_VERSION "3.3.0"
#define __NEWLIB__ 3
#define __NEWLIB_MINOR__ 3

#define _MB_LEN_MAX 1
#define _WANT_IO_C99_FORMATS 1
#define _WANT_IO_LONG_LONG 1
#define _WANT_REENT_SMALL 1

#endif
