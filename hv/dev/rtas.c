/* SPDX-License-Identifier: BSD-2-Clause */
/* One list makes the device tree's tokens, the check of the counts, and the switch's numbers. */
#include "hv/dev/rtas.h"

#include <string.h>

#include "hv/dev/be.h"
#include "hv/dev/calendar.h"

/* name in C, in the tree, arguments, results (LoPAPR 7.3) */
#define SERVICES(X)                                       \
	X(POWER_OFF, "power-off", 2, 1)                   \
	X(REBOOT, "system-reboot", 0, 1)                  \
	X(TIME_OF_DAY, "get-time-of-day", 0, 8)           \
	X(DISPLAY, "display-character", 1, 1)             \
	X(QUERY_STOPPED, "query-cpu-stopped-state", 1, 2) \
	X(START, "start-cpu", 3, 1)                       \
	X(STOP, "stop-self", 0, 1)                        \
	X(SET_XIVE, "ibm,set-xive", 3, 1)                 \
	X(GET_XIVE, "ibm,get-xive", 1, 3)                 \
	X(INT_OFF, "ibm,int-off", 1, 1)                   \
	X(INT_ON, "ibm,int-on", 1, 1)

/* No token is small: a block of zeros, or of counts, is no call. */
enum token {
	TOKEN_BASE = 0x2000,
#define X(name, words, arguments, results) TOKEN_##name,
	SERVICES(X)
#undef X
};

const struct rtas_service rtas_services[] = {
#define X(name, words, arguments, results) { words, TOKEN_##name, arguments, results },
	SERVICES(X)
#undef X
};
const unsigned rtas_service_count = sizeof(rtas_services) / sizeof(rtas_services[0]);

/* query-cpu-stopped-state. */
#define CPU_STOPPED 0
#define CPU_RUNS 2

/* ---- The block --------------------------------------------------------------------------------
 */

bool rtas_head(const uint8_t bytes[RTAS_HEAD_BYTES], struct rtas_call *out)
{
	*out = (struct rtas_call){ .token = be32(bytes),
				   .arguments = be32(bytes + 4),
				   .results = be32(bytes + 8) };
	return out->arguments <= RTAS_WORDS && out->results <= RTAS_WORDS - out->arguments;
}

void rtas_arguments(const uint8_t *bytes, struct rtas_call *call)
{
	for (uint32_t i = 0; i < call->arguments; i++)
		call->arg[i] = be32(bytes + 4 * i);
}

void rtas_results(const struct rtas_call *call, const struct rtas_answer *a, uint8_t *bytes)
{
	for (uint32_t i = 0; i < call->results; i++)
		put_be32(bytes + 4 * i, i < RTAS_RESULTS ? (uint32_t)a->result[i] : 0);
}

/* ---- The services -----------------------------------------------------------------------------
 */

static void time_of_day(const struct rtas_board *b, struct rtas_answer *a)
{
	struct date d = calendar_date(b->seconds);
	const int32_t now[RTAS_RESULTS] = { RTAS_SUCCESS,      (int32_t)d.year,
					    (int32_t)d.month,  (int32_t)d.day,
					    (int32_t)d.hour,   (int32_t)d.minute,
					    (int32_t)d.second, (int32_t)b->nanoseconds };

	memcpy(a->result, now, sizeof(now));
}

static int32_t start_cpu(const struct rtas_call *c, const struct rtas_board *b,
			 struct rtas_answer *a)
{
	if (c->arg[0] >= b->cpus || (c->arg[1] & 3) != 0 || c->arg[1] >= b->ram_bytes)
		return RTAS_PARAMETER_ERROR;
	if (b->on >> c->arg[0] & 1)
		return RTAS_HARDWARE_ERROR;
	a->then = RTAS_START_CPU;
	a->target = c->arg[0];
	a->entry = c->arg[1];
	a->context = c->arg[2];
	return RTAS_SUCCESS;
}

static int32_t query_stopped(const struct rtas_call *c, const struct rtas_board *b,
			     struct rtas_answer *a)
{
	if (c->arg[0] >= b->cpus)
		return RTAS_PARAMETER_ERROR;
	a->result[1] = b->on >> c->arg[0] & 1 ? CPU_RUNS : CPU_STOPPED;
	return RTAS_SUCCESS;
}

static int32_t get_xive(const struct rtas_call *c, const struct rtas_board *b,
			struct rtas_answer *a)
{
	uint32_t server, priority;

	if (!xics_configured(b->interrupts, c->arg[0], &server, &priority))
		return RTAS_PARAMETER_ERROR;
	a->result[1] = (int32_t)server;
	a->result[2] = (int32_t)priority;
	return RTAS_SUCCESS;
}

static int32_t status_of(bool done)
{
	return done ? RTAS_SUCCESS : RTAS_PARAMETER_ERROR;
}

static const struct rtas_service *service_of(const struct rtas_call *c)
{
	for (unsigned i = 0; i < rtas_service_count; i++)
		if (rtas_services[i].token == c->token)
			return &rtas_services[i];
	return NULL;
}

struct rtas_answer rtas_serve(const struct rtas_call *c, const struct rtas_board *b)
{
	const struct rtas_service *s = service_of(c);
	struct rtas_answer a = { .result = { RTAS_PARAMETER_ERROR } };
	int32_t status = RTAS_SUCCESS;

	if (s == NULL || c->arguments != s->arguments || c->results != s->results)
		return a;
	switch ((enum token)c->token) {
	case TOKEN_POWER_OFF: a.then = RTAS_POWER_OFF; break;
	case TOKEN_REBOOT: a.then = RTAS_REBOOT; break;
	case TOKEN_TIME_OF_DAY: time_of_day(b, &a); break;
	case TOKEN_DISPLAY:
		a.then = RTAS_SAY;
		a.character = (char)c->arg[0];
		break;
	case TOKEN_QUERY_STOPPED: status = query_stopped(c, b, &a); break;
	case TOKEN_START: status = start_cpu(c, b, &a); break;
	case TOKEN_STOP: a.then = RTAS_STOP_SELF; break;
	case TOKEN_SET_XIVE:
		status = status_of(xics_configure(b->interrupts, c->arg[0], c->arg[1], c->arg[2]));
		break;
	case TOKEN_GET_XIVE: status = get_xive(c, b, &a); break;
	case TOKEN_INT_OFF: status = status_of(xics_mask(b->interrupts, c->arg[0])); break;
	case TOKEN_INT_ON: status = status_of(xics_unmask(b->interrupts, c->arg[0])); break;
	case TOKEN_BASE: break;
	}
	a.result[0] = status;
	return a;
}
