/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_RACE_SELFTEST_H
#define TESTS_RACE_SELFTEST_H

/* Explores small programs of which the answer is known; says each in TAP. 0: all are as known. */
int selftest(void);

#endif
