/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device accesses of the ports whose processors know what is a device by its mapping: a plain load
 * or store of that width, which the compiler neither leaves out, nor moves among others of the
 * kind, nor splits. arch_device_read and arch_device_write (arch/arch.h) are made of these there.
 */
#ifndef ARCH_DEVICE_H
#define ARCH_DEVICE_H

#include <stdint.h>

/* bytes: 1, 2 or 4; `at` is aligned to it and mapped as a device. The value is little-endian. */
static inline uint32_t device_load(const void *at, uint32_t bytes)
{
	return bytes == 1   ? *(const volatile uint8_t *)at
	       : bytes == 2 ? *(const volatile uint16_t *)at
			    : *(const volatile uint32_t *)at;
}

/* The upper bytes of `value` are not looked at. */
static inline void device_store(void *at, uint32_t bytes, uint32_t value)
{
	if (bytes == 1)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (bytes == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

#endif
