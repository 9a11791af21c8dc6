/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RTAS on this board: the block of a call is read from guest memory, served by hv/dev/rtas.c, and
 * the results are written back.
 *
 * A refusal before the service leaves nothing behind: memory that is on the move makes the whole
 * call be done again. So that this cannot happen after the service has worked, the results are
 * first filled with an error; if the last write cannot be done, that is what the guest finds.
 */
#include "hv/machine/pseries.h"

#include <string.h>

#include "arch/arch.h"
#include "hv/dev/rtas.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define WRITE_TRIES 64u
#define BLOCK_LIMIT (UINT64_C(1) << 32)

/* A call at work. */
struct work {
	struct machine *machine;
	unsigned vcpu;
	uint64_t results; /* where they go: a gpa */
	struct rtas_call call;
};

static enum result read_block(struct work *w, uint64_t block)
{
	const struct machine_host *host = &w->machine->host;
	uint8_t head[RTAS_HEAD_BYTES], words[4 * RTAS_WORDS];
	enum result r = host->read(host->vm, gpa(block), head, sizeof(head));

	if (r != OK)
		return r;
	if (!rtas_head(head, &w->call))
		return BAD_ARGUMENT;
	uint64_t at = block + RTAS_HEAD_BYTES, bytes = UINT64_C(4) * w->call.arguments;
	if (bytes != 0)
		r = host->read(host->vm, gpa(at), words, bytes);
	if (r == OK)
		rtas_arguments(words, &w->call);
	w->results = at + bytes;
	return r;
}

static enum result write_results(const struct work *w, const struct rtas_answer *a)
{
	const struct machine_host *host = &w->machine->host;
	uint8_t bytes[4 * RTAS_WORDS];
	uint64_t count = UINT64_C(4) * w->call.results;

	rtas_results(&w->call, a, bytes);
	return count == 0 ? OK : host->write(host->vm, gpa(w->results), bytes, count);
}

static struct rtas_answer serve(struct work *w)
{
	struct machine *m = w->machine;
	uint64_t now = m->wall_ns + arch_time_ns();
	struct rtas_board board = {
		.cpus = m->vcpus,
		.ram_bytes = m->ram_bytes,
		.seconds = now / NS_PER_SECOND,
		.nanoseconds = (uint32_t)(now % NS_PER_SECOND),
		.interrupts = &m->interrupts,
	};

	for (unsigned i = 0; i < m->vcpus; i++)
		if (m->host.vcpu_is_on(m->host.vm, i))
			board.on |= UINT32_C(1) << i;
	spin_lock(&m->lock);
	struct rtas_answer a = rtas_serve(&w->call, &board);
	uint32_t raised = pseries_publish(m);
	spin_unlock(&m->lock);
	pseries_notify(m, raised, w->vcpu);
	return a;
}

static int32_t start_cpu(struct machine *m, const struct rtas_answer *a)
{
	const struct vcpu_start start = { .mode = VCPU_NATIVE,
					  .entry = gpa(a->entry),
					  .arg = { a->context } };
	enum result r = m->host.vcpu_start(m->host.vm, a->target, &start);

	return r == OK ? RTAS_SUCCESS : RTAS_HARDWARE_ERROR;
}

/* Its server takes no more interrupts, and nothing is shared with it any longer. */
static void stop_self(struct machine *m, unsigned vcpu)
{
	spin_lock(&m->lock);
	xics_set_priority(&m->interrupts, vcpu, 0);
	memset(m->area[vcpu], 0, sizeof(m->area[vcpu]));
	(void)pseries_publish(m);
	spin_unlock(&m->lock);
	m->host.vcpu_off(m->host.vm, vcpu);
}

/* What the service asks of the host. False: the call does not return. */
static bool follow(struct work *w, struct rtas_answer *a)
{
	struct machine *m = w->machine;

	switch (a->then) {
	case RTAS_RETURN: break;
	case RTAS_SAY: m->host.console_put(m->host.vm, a->character); break;
	case RTAS_POWER_OFF: m->host.power_off(m->host.vm); break;
	case RTAS_REBOOT: m->host.reset(m->host.vm); break;
	case RTAS_START_CPU: a->result[0] = start_cpu(m, a); break;
	case RTAS_STOP_SELF: stop_self(m, w->vcpu); return false;
	}
	return true;
}

void pseries_rtas(struct machine *m, unsigned vcpu, uint64_t block, struct machine_answer *out)
{
	const struct rtas_answer unwritten = { .result = { RTAS_HARDWARE_ERROR } };
	struct work w = { .machine = m, .vcpu = vcpu };
	enum result r = block < BLOCK_LIMIT ? read_block(&w, block) : BAD_ARGUMENT;

	if (r == OK)
		r = write_results(&w, &unwritten);
	if (r != OK) {
		out->repeat = pseries_passes(r) ? r : OK;
		out->value[0] = H_PARAMETER;
		return;
	}
	struct rtas_answer a = serve(&w);
	if (!follow(&w, &a)) {
		out->count = 0;
		return;
	}
	do
		r = write_results(&w, &a);
	while (pseries_passes(r) && ++out->value[1] < WRITE_TRIES);
	out->value[0] = r == OK ? H_SUCCESS : H_HARDWARE;
}
