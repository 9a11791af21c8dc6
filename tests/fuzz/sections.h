/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before every file of the hypervisor that tests/fuzz/fuzz_hypervisor.c runs: its
 * variables stand together, so that they can all be put back to what they were at the start.
 */
#pragma clang section bss = "hv_zeroed" data = "hv_data"
