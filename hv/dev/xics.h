/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupts of a PAPR guest (LoPAPR, "Interrupt Controller"): sources, each with the server
 * that takes it and a priority, and for each server a presentation controller. A server takes what
 * is more favoured (a lower number) than its current priority; 0xff is the least favoured, at
 * which a source is masked and a message is none.
 *
 * What is presented is worked out anew whenever it is asked for, so nothing is rejected and sent
 * again: a source keeps its request until a server takes it. An edge is a request once; a level is
 * one as long as the line is high, but not between its acceptance and its end (H_EOI).
 *
 * The board's lock guards it all. Server numbers are vCPU numbers, and below `servers`.
 */
#ifndef HV_DEV_XICS_H
#define HV_DEV_XICS_H

#include <stdbool.h>
#include <stdint.h>

#define XICS_SERVERS 32u
#define XICS_SOURCES 4u
#define XICS_IPI 2u	   /* the interrupt number of a message between servers; 0: none */
#define XICS_FIRST 0x1000u /* the first source's; the others follow */
#define XICS_LEAST 0xffu

struct xics_server {
	uint8_t cppr; /* current processor priority */
	uint8_t mfrr; /* priority of the message that waits; XICS_LEAST: none */
	uint64_t since;
};

struct xics_source {
	bool level, line;
	bool asked;  /* by an edge */
	bool served; /* a level that was accepted, and not ended */
	unsigned server;
	uint8_t priority; /* XICS_LEAST: masked */
	uint8_t saved;	  /* what int-on brings back */
	uint64_t since;	  /* of the request: in the clock of who raised it */
};

struct xics {
	unsigned servers, sources;
	struct xics_server server[XICS_SERVERS];
	struct xics_source source[XICS_SOURCES];
};

/* All sources masked, all servers at priority 0, as PAPR hands them over. levels: bit i: source i
 * is a level. servers, sources: at most XICS_SERVERS, XICS_SOURCES. */
void xics_init(struct xics *x, unsigned servers, unsigned sources, uint32_t levels);

/* The line of source `i` (its index) goes high or low, at `now`. */
void xics_line(struct xics *x, unsigned i, bool high, uint64_t now);

/* Is there an interrupt that `server` would take? */
bool xics_pending(const struct xics *x, unsigned server);

/*
 * H_XIRR: takes the most favoured; the current priority in bits 24..31 and the number in bits
 * 0..23, which is 0 when there is none. The priority becomes the interrupt's. *since: when it was
 * asked for; unchanged if there is none.
 */
uint32_t xics_accept(struct xics *x, unsigned server, uint64_t *since);
/* H_IPOLL: what xics_accept would return, and nothing changes. */
uint32_t xics_poll(const struct xics *x, unsigned server);
/* H_EOI: the interrupt of `xirr` has been served, the priority in it comes back. */
void xics_end(struct xics *x, unsigned server, uint32_t xirr);
/* H_CPPR. */
void xics_set_priority(struct xics *x, unsigned server, uint8_t cppr);
/* H_IPI: the message to `server` has this priority from now on. False: there is no such server. */
bool xics_send(struct xics *x, uint64_t server, uint8_t mfrr, uint64_t now);

/*
 * RTAS' ibm,set-xive, ibm,get-xive, ibm,int-off and ibm,int-on, by interrupt number. False: there
 * is no such source or server, or the priority is none.
 */
bool xics_configure(struct xics *x, uint32_t number, uint32_t server, uint32_t priority);
bool xics_configured(const struct xics *x, uint32_t number, uint32_t *server, uint32_t *priority);
bool xics_mask(struct xics *x, uint32_t number);
bool xics_unmask(struct xics *x, uint32_t number);

#endif
