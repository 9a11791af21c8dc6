/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest virtual memory as the guest's own page tables have it: for the instruction bytes at rip,
 * and for the memory side of string instructions.
 */
#ifndef ARCH_X86_GWALK_H
#define ARCH_X86_GWALK_H

#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

struct arch_vcpu;

/*
 * Where linear address `at` lies. OK; NO_PERMISSION: the guest's tables do not allow it, *error is
 * the error code of the #PF that the guest must get; else what hv_guest_read said.
 */
enum result gwalk(struct arch_vcpu *v, uint64_t at, enum access access, gpa_t *out,
		  uint32_t *error);

/*
 * `bytes` bytes at linear address `at`, which may cross a page. As gwalk; *error as there, and
 * *where the address of the first byte that could not be reached. A write is done whole or not at
 * all but for a refusal by hv_guest_write of its second page.
 */
enum result gwalk_read(struct arch_vcpu *v, uint64_t at, void *to, size_t bytes, uint64_t *where,
		       uint32_t *error);
enum result gwalk_write(struct arch_vcpu *v, uint64_t at, const void *from, size_t bytes,
			uint64_t *where, uint32_t *error);

#endif
