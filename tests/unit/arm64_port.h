/* SPDX-License-Identifier: BSD-2-Clause */
/* What the pure parts of the arm64 port need around them on the host: the processor, and hv. */
#ifndef TESTS_UNIT_ARM64_PORT_H
#define TESTS_UNIT_ARM64_PORT_H

#include <stdint.h>
#include <string.h>

#include "arch/arm64/platform.h"
#include "arch/arm64/stage2.h"
#include "arch/arm64/vcpu.h"
#include "tests/unit/port_stop.h"

__attribute__((unused)) static unsigned port_published;
/* Guest memory: the words at PORT_CODE; where the guest's stage 1 is identity, or nothing. */
#define PORT_CODE UINT64_C(0x40001000)
__attribute__((unused)) static uint32_t port_code[4];
__attribute__((unused)) static bool port_unmapped;
__attribute__((unused)) static uint64_t port_sp;
/* Physical memory for firmware tables, at address 0x1000. */
__attribute__((unused)) static unsigned char port_memory[65536];

enum result hv_guest_read(struct vcpu *v, gpa_t from, void *to, size_t bytes)
{
	(void)v;
	if (from.v < PORT_CODE || from.v + bytes > PORT_CODE + sizeof port_code)
		return NO_MEMSLOT;
	memcpy(to, (const char *)port_code + (from.v - PORT_CODE), bytes);
	return OK;
}

void stage2_published(void)
{
	port_published++;
}

bool gwalk(struct arch_vcpu *v, uint64_t va, uint64_t *at)
{
	(void)v;
	*at = va;
	return !port_unmapped;
}

uint64_t vcpu_sp(const struct arch_vcpu *v)
{
	(void)v;
	return port_sp;
}

void vcpu_sp_set(struct arch_vcpu *v, uint64_t value)
{
	(void)v;
	port_sp = value;
}

const void *platform_memory(uint64_t address, uint64_t bytes)
{
	if (address < 0x1000 || address - 0x1000 > sizeof port_memory ||
	    bytes > sizeof port_memory - (address - 0x1000))
		return NULL;
	return port_memory + (address - 0x1000);
}

#endif
