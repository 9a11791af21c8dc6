/* SPDX-License-Identifier: BSD-2-Clause */
/* One function finds the most favoured request of a server; all others change what it looks at. */
#include "hv/dev/xics.h"

#include <stddef.h>
#include <string.h>

#define NUMBER_MASK UINT32_C(0xffffff)

void xics_init(struct xics *x, unsigned servers, unsigned sources, uint32_t levels)
{
	memset(x, 0, sizeof(*x));
	x->servers = servers;
	x->sources = sources;
	for (unsigned i = 0; i < servers; i++)
		x->server[i].mfrr = XICS_LEAST;
	for (unsigned i = 0; i < sources; i++)
		x->source[i] = (struct xics_source){ .level = levels >> i & 1,
						     .priority = XICS_LEAST,
						     .saved = XICS_LEAST };
}

/* ---- Requests ---------------------------------------------------------------------------------
 */

static bool asks(const struct xics_source *s)
{
	return s->level ? s->line && !s->served : s->asked;
}

void xics_line(struct xics *x, unsigned i, bool high, uint64_t now)
{
	struct xics_source *s = &x->source[i];

	if (high && !s->line) {
		s->asked = true;
		s->since = now;
	}
	s->line = high;
}

struct request {
	uint8_t priority;
	uint32_t number; /* 0: none that the server would take */
	unsigned source; /* its index, if it is not a message */
	uint64_t since;
};

/* The most favoured request of a server; of equal ones the message, then the lower number. */
static struct request favoured(const struct xics *x, unsigned server)
{
	const struct xics_server *to = &x->server[server];
	struct request best = { .priority = to->cppr };

	if (to->mfrr < best.priority)
		best = (struct request){ to->mfrr, XICS_IPI, 0, to->since };
	for (unsigned i = 0; i < x->sources; i++) {
		const struct xics_source *s = &x->source[i];

		if (s->server == server && s->priority < best.priority && asks(s))
			best = (struct request){ s->priority, XICS_FIRST + i, i, s->since };
	}
	return best;
}

/* ---- What a server does -----------------------------------------------------------------------
 */

static uint32_t xirr_of(const struct xics *x, unsigned server, const struct request *r)
{
	return (uint32_t)x->server[server].cppr << 24 | r->number;
}

bool xics_pending(const struct xics *x, unsigned server)
{
	return favoured(x, server).number != 0;
}

uint32_t xics_poll(const struct xics *x, unsigned server)
{
	struct request r = favoured(x, server);

	return xirr_of(x, server, &r);
}

uint32_t xics_accept(struct xics *x, unsigned server, uint64_t *since)
{
	struct request r = favoured(x, server);
	uint32_t xirr = xirr_of(x, server, &r);

	if (r.number == 0)
		return xirr;
	*since = r.since;
	x->server[server].cppr = r.priority;
	if (r.number != XICS_IPI) {
		x->source[r.source].asked = false;
		x->source[r.source].served = x->source[r.source].level;
	}
	return xirr;
}

/* Its index; not below x->sources: there is no source of that number. */
static uint32_t index_of(uint32_t number)
{
	return number < XICS_FIRST ? UINT32_MAX : number - XICS_FIRST;
}

static struct xics_source *source_of(struct xics *x, uint32_t number)
{
	uint32_t i = index_of(number);

	return i < x->sources ? &x->source[i] : NULL;
}

void xics_end(struct xics *x, unsigned server, uint32_t xirr)
{
	struct xics_source *s = source_of(x, xirr & NUMBER_MASK);

	x->server[server].cppr = (uint8_t)(xirr >> 24);
	if (s != NULL)
		s->served = false;
}

void xics_set_priority(struct xics *x, unsigned server, uint8_t cppr)
{
	x->server[server].cppr = cppr;
}

bool xics_send(struct xics *x, uint64_t server, uint8_t mfrr, uint64_t now)
{
	if (server >= x->servers)
		return false;
	x->server[server].mfrr = mfrr;
	x->server[server].since = now;
	return true;
}

/* ---- How a source is set up -------------------------------------------------------------------
 */

bool xics_configure(struct xics *x, uint32_t number, uint32_t server, uint32_t priority)
{
	struct xics_source *s = source_of(x, number);

	if (s == NULL || server >= x->servers || priority > XICS_LEAST)
		return false;
	s->server = server;
	s->priority = s->saved = (uint8_t)priority;
	return true;
}

bool xics_configured(const struct xics *x, uint32_t number, uint32_t *server, uint32_t *priority)
{
	uint32_t i = index_of(number);

	if (i >= x->sources)
		return false;
	*server = x->source[i].server;
	*priority = x->source[i].priority;
	return true;
}

bool xics_mask(struct xics *x, uint32_t number)
{
	struct xics_source *s = source_of(x, number);

	if (s == NULL)
		return false;
	if (s->priority != XICS_LEAST)
		s->saved = s->priority;
	s->priority = XICS_LEAST;
	return true;
}

bool xics_unmask(struct xics *x, uint32_t number)
{
	struct xics_source *s = source_of(x, number);

	if (s == NULL)
		return false;
	s->priority = s->saved;
	return true;
}
