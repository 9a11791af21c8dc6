/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations of instructions that compute on device memory, compared with the processor that
 * the test runs on: results and flags, all widths, random operands with many edges among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/x86_guest.h"

#define FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

#define HOST2(name, type, suffix)                                                         \
	static uint64_t host_##suffix##_##name(uint64_t a, uint64_t b, uint64_t *f)       \
	{                                                                                 \
		type x = (type)a, y = (type)b;                                            \
		__asm__ volatile("push %1; popf; " #name #suffix " %2, %0; pushf; pop %1" \
				 : "+r"(x), "+r"(*f)                                      \
				 : "r"(y)                                                 \
				 : "cc");                                                 \
		return x;                                                                 \
	}
#define HOST1(name, type, suffix)                                                     \
	static uint64_t host_##suffix##_##name(uint64_t a, uint64_t b, uint64_t *f)   \
	{                                                                             \
		type x = (type)a;                                                     \
		(void)b;                                                              \
		__asm__ volatile("push %1; popf; " #name #suffix " %0; pushf; pop %1" \
				 : "+r"(x), "+r"(*f)                                  \
				 :                                                    \
				 : "cc");                                             \
		return x;                                                             \
	}
#define HOST_WIDTHS(kind, name)                                                \
	kind(name, uint8_t, b) kind(name, uint16_t, w) kind(name, uint32_t, l) \
		kind(name, uint64_t, q)
HOST_WIDTHS(HOST2, and)
HOST_WIDTHS(HOST2, or)
HOST_WIDTHS(HOST2, xor)
HOST_WIDTHS(HOST2, add)
HOST_WIDTHS(HOST2, adc)
HOST_WIDTHS(HOST2, sub)
HOST_WIDTHS(HOST2, sbb)
HOST_WIDTHS(HOST1, neg)
HOST_WIDTHS(HOST1, not )
HOST_WIDTHS(HOST1, inc)
HOST_WIDTHS(HOST1, dec)

typedef uint64_t (*host_operation)(uint64_t, uint64_t, uint64_t *);

static const struct {
	enum io_operation op;
	uint64_t compared; /* flags that the manual defines */
	host_operation by_width[4];
} host_operations[] = {
#define ROW(op, name, flags)                                                       \
	{                                                                          \
		op, flags,                                                         \
		{                                                                  \
			host_b_##name, host_w_##name, host_l_##name, host_q_##name \
		}                                                                  \
	}
	ROW(OP_AND, and, FLAGS & ~RFLAGS_AF),
	ROW(OP_OR, or, FLAGS & ~RFLAGS_AF),
	ROW(OP_XOR, xor, FLAGS & ~RFLAGS_AF),
	ROW(OP_ADD, add, FLAGS),
	ROW(OP_ADC, adc, FLAGS),
	ROW(OP_SUB, sub, FLAGS),
	ROW(OP_SBB, sbb, FLAGS),
	ROW(OP_NEG, neg, FLAGS),
	ROW(OP_NOT, not, FLAGS),
	ROW(OP_INC, inc, FLAGS),
	ROW(OP_DEC, dec, FLAGS),
};

static uint64_t random64(void)
{
	static uint64_t x = UINT64_C(0x9e3779b97f4a7c15);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	/* Edges more often than chance has them. */
	switch (x >> 60) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return UINT64_C(0x8080808080808080);
	case 3: return UINT64_C(0x7f7f7f7f7f7f7f7f);
	default: return x;
	}
}

static void arithmetic_as_the_processor(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof host_operations / sizeof host_operations[0]; i++)
		for (unsigned w = 0; w < 4; w++)
			for (unsigned n = 0; n < 3000; n++) {
				uint64_t mask =
					w == 3 ? UINT64_MAX : (UINT64_C(1) << (8u << w)) - 1;
				uint64_t a = random64() & mask, b = random64() & mask;
				uint64_t theirs = RFLAGS_FIXED | (random64() & FLAGS),
					 ours = theirs;
				uint64_t flags = host_operations[i].compared;
				uint64_t x = host_operations[i].by_width[w](a, b, &theirs) & mask;
				uint64_t y =
					io_operate(host_operations[i].op, a, b, 1u << w, &ours);

				assert_int_equal(y & mask, x);
				assert_int_equal(ours & flags, theirs & flags);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(arithmetic_as_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
