/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For each defect whose counterexample is an order of steps: that order. The code as it is goes
 * through it unharmed; with the defect built in it breaks there. "0:s2_install,1:-,0:-": CPU 0
 * until it would take that step, CPU 1 until it has ended, CPU 0 to its end.
 */
#include "tests/race/orders.h"

/* clang-format off */
const struct order orders[] = {
	{ "M1", "fault_notice", "0:fault_followed,1:-,0:-" },
	{ "M2", "fault_notice", "0:s2_install,1:notice_begun,0:-" },
	{ "M3", "fault_notice", "0:s2_install,1:-,0:-" },
	{ "M4", "fault_notice", "0:lock,0:unlock,1:-,0:-" },
	{ "M5", "two_notices", "1:notice_begun,2:notice_begun,0:-" },
	{ "M6", "fault_notice", "0:s2_install,1:s2_removed,1:unlock,0:-,1:-" },
	{ "M7", "mapped_notice", "0:guest_access,0:guest_access,1:notice_begun,0:-" },
	{ "M8", "fault_notice", "0:unlock,1:-,0:-" },
	{ "M9", "cache", "1:notice_active,1:unlock,0:-,1:-" },
	{ "M10", "aging", "0:aging_read,1:-,0:-" },
	{ "M14", "huge_span", "1:-,0:-" },
	{ "M15", "grant", "0:-,1:-" },
	{ "P5_LEAF", "huge_cut", "0:s2_install,1:notice_begun,0:-" },
	{ "S6_EPOCHS", "tables", "2:aging_read,1:-,2:-" },
	{ "S6_GENERATION", "mapped_notice",
	  "1:arch_s2_flush,0:guest_access,0:guest_access,1:notice_begun,0:-" },
	{ "S6_WAIT", "mapped_notice", "0:guest_access,0:guest_access,1:notice_begun,0:-" },
};
/* clang-format on */

const unsigned order_count = sizeof(orders) / sizeof(orders[0]);
