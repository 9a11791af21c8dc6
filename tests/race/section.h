/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Put before every file whose state belongs to the world that is explored: its variables go into
 * two sections, which are copied when the world stands, and copied back before each schedule.
 */
#ifndef TESTS_RACE_SECTION_H
#define TESTS_RACE_SECTION_H

#pragma clang section bss = "race_bss" data = "race_data"

#endif
