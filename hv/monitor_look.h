/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor's commands that look at memory: the table of commands in hv/monitor.c runs them. */
#ifndef HV_MONITOR_LOOK_H
#define HV_MONITOR_LOOK_H

#define MONITOR_WORDS 4u

struct vm;

/* A command's line, cut into words. */
struct monitor_request {
	struct vm *vm;			 /* of commands that take one */
	unsigned count;			 /* arguments without the command and the VM */
	const char *word[MONITOR_WORDS]; /* these */
};

void monitor_slots(const struct monitor_request *rq);
void monitor_why(const struct monitor_request *rq);
void monitor_frame(const struct monitor_request *rq);
void monitor_s2(const struct monitor_request *rq);
void monitor_consumers(const struct monitor_request *rq);
void monitor_notices(const struct monitor_request *rq);
void monitor_census(const struct monitor_request *rq);

#endif
