/* SPDX-License-Identifier: BSD-2-Clause */
/* The counterexamples of the models (tests/model/traces), as schedules of the real code. */
#ifndef TESTS_RACE_ORDERS_H
#define TESTS_RACE_ORDERS_H

struct order {
	const char *defect;   /* the name of its trace */
	const char *scenario; /* the same race in the code */
	const char *line;     /* for race_follow: by the same steps */
};

extern const struct order orders[];
extern const unsigned order_count;

#endif
