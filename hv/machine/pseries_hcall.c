/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseries board: PAPR's calls. H_CEDE, H_REGISTER_PROC_TBL and H_RANDOM are the processor's own
 * (arch/ppc64/exits.c). Arguments are checked before anything changes.
 */
#include "hv/machine/pseries.h"

#include <string.h>

#include "arch/arch.h"
#include "hv/dev/be.h"

/* LoPAPR 14.5. */
enum {
	H_PAGE_INIT = 0x2c,
	H_GET_TERM_CHAR = 0x54,
	H_PUT_TERM_CHAR = 0x58,
	H_EOI = 0x64,
	H_CPPR = 0x68,
	H_IPI = 0x6c,
	H_IPOLL = 0x70,
	H_XIRR = 0x74,
	H_REGISTER_VPA = 0xdc,
	H_CONFER = 0xe4,
	H_PROD = 0xe8,
	H_VIO_SIGNAL = 0x104,
	H_XIRR_X = 0x2fc,
	H_SET_MODE = 0x31c,
	H_RTAS = 0xf000, /* the stub's own (pseries_load.c) */
};

#define TERMINAL_CHARACTERS 16u
#define EVERYBODY UINT64_MAX

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void accept(struct machine *m, unsigned vcpu, bool with_time, struct machine_answer *out)
{
	uint64_t since = 0;

	spin_lock(&m->lock);
	out->value[1] = xics_accept(&m->interrupts, vcpu, &since);
	(void)pseries_publish(m); /* takes away only */
	spin_unlock(&m->lock);
	out->value[2] = since;
	out->count = with_time ? 3 : 2;
}

static void poll(struct machine *m, uint64_t server, struct machine_answer *out)
{
	if (server >= m->vcpus) {
		out->value[0] = H_PARAMETER;
		return;
	}
	spin_lock(&m->lock);
	out->value[1] = xics_poll(&m->interrupts, (unsigned)server);
	out->value[2] = m->interrupts.server[server].mfrr;
	spin_unlock(&m->lock);
	out->count = 3;
}

/* What comes up for this vCPU itself it finds by looking before it is entered. */
static void set_priority(struct machine *m, unsigned vcpu, uint8_t cppr)
{
	spin_lock(&m->lock);
	xics_set_priority(&m->interrupts, vcpu, cppr);
	(void)pseries_publish(m);
	spin_unlock(&m->lock);
}

/* The end of a level may show it to another server. */
static void end(struct machine *m, unsigned vcpu, uint32_t xirr)
{
	spin_lock(&m->lock);
	xics_end(&m->interrupts, vcpu, xirr);
	uint32_t raised = pseries_publish(m);
	spin_unlock(&m->lock);
	pseries_notify(m, raised, vcpu);
}

static uint64_t send(struct machine *m, unsigned vcpu, uint64_t server, uint64_t mfrr)
{
	spin_lock(&m->lock);
	bool sent = xics_send(&m->interrupts, server, (uint8_t)mfrr, arch_counter());
	uint32_t raised = pseries_publish(m);
	spin_unlock(&m->lock);
	pseries_notify(m, raised, vcpu);
	return sent ? H_SUCCESS : H_PARAMETER;
}

/* ---- The terminal: 16 characters a call, in two registers, the first in the highest byte ------
 */

static bool is_terminal(uint64_t unit)
{
	return unit == 0 || unit == PSERIES_TERMINAL;
}

static uint64_t put_characters(struct machine *m, const uint64_t *arg)
{
	uint64_t count = arg[1];

	if (!is_terminal(arg[0]) || count > TERMINAL_CHARACTERS)
		return H_PARAMETER;
	for (unsigned i = 0; i < count; i++)
		m->host.console_put(m->host.vm, (char)(arg[2 + i / 8] >> (56 - 8 * (i % 8))));
	return H_SUCCESS;
}

static void get_characters(struct machine *m, uint64_t unit, struct machine_answer *out)
{
	if (!is_terminal(unit)) {
		out->value[0] = H_PARAMETER;
		return;
	}
	out->count = 4;
	spin_lock(&m->lock);
	while (m->input_count != 0 && out->value[1] < TERMINAL_CHARACTERS) {
		unsigned i = (unsigned)out->value[1]++;
		uint64_t c = (unsigned char)m->input[m->input_from];

		out->value[2 + i / 8] |= c << (56 - 8 * (i % 8));
		m->input_from = (m->input_from + 1) % sizeof(m->input);
		m->input_count--;
	}
	spin_unlock(&m->lock);
}

/* May the terminal interrupt? */
static uint64_t signal(struct machine *m, uint64_t unit, uint64_t mode)
{
	if (unit != PSERIES_TERMINAL || mode > 1)
		return H_PARAMETER;
	spin_lock(&m->lock);
	m->input_signal = mode == 1;
	spin_unlock(&m->lock);
	return H_SUCCESS;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

#define PAGE_ICACHE_INVALIDATE (UINT64_C(1) << 23)
#define PAGE_ICACHE_SYNCHRONIZE (UINT64_C(1) << 22)
#define PAGE_ZERO (UINT64_C(1) << 15)
#define PAGE_COPY (UINT64_C(1) << 14)
#define PAGE_FLAGS (PAGE_ICACHE_INVALIDATE | PAGE_ICACHE_SYNCHRONIZE | PAGE_ZERO | PAGE_COPY)

/* How a copy ended. */
static void finish(struct machine_answer *out, enum result r)
{
	out->repeat = pseries_passes(r) ? r : OK;
	out->value[0] = r == OK ? H_SUCCESS : H_HARDWARE;
}

static bool is_page_of_ram(const struct machine *m, uint64_t at)
{
	return (at & PAGE_MASK) == 0 && at < m->ram_bytes;
}

/*
 * Fills a page with zeros or another page's bytes. The instruction caches of POWER9 and POWER10 see
 * stores, and the way into the guest synchronises: their flags ask for nothing more. Done again
 * from the start when the memory is on the move.
 */
static void page_init(struct machine *m, const uint64_t *arg, struct machine_answer *out)
{
	uint64_t flags = arg[0], to = arg[1], from = arg[2];
	uint8_t piece[256] = { 0 };
	enum result r = OK;

	if ((flags & ~PAGE_FLAGS) != 0 || !is_page_of_ram(m, to) ||
	    ((flags & PAGE_COPY) != 0 && !is_page_of_ram(m, from))) {
		out->value[0] = H_PARAMETER;
		return;
	}
	if ((flags & (PAGE_COPY | PAGE_ZERO)) == 0)
		return;
	for (uint64_t i = 0; i < PAGE_SIZE && r == OK; i += sizeof(piece)) {
		if ((flags & PAGE_COPY) != 0)
			r = m->host.read(m->host.vm, gpa(from + i), piece, sizeof(piece));
		if (r == OK)
			r = m->host.write(m->host.vm, gpa(to + i), piece, sizeof(piece));
	}
	finish(out, r);
}

/*
 * H_REGISTER_VPA: flags in bits 45..47. Each area holds its length and lies in one page; the others
 * of a processor need its VPA. They are checked and remembered; nothing is written into them.
 */
#define VPA_FUNCTION(flags) ((flags) >> 45 & 7)
#define VPA_OTHER_FLAGS (~(UINT64_C(7) << 45))
#define VPA_GIVE_UP 4u
#define AREA_ALIGN 128u

static enum result area_length(struct machine *m, unsigned area, uint64_t at, uint64_t *bytes)
{
	uint8_t word[4];
	enum result r = m->host.read(m->host.vm, gpa(at + 4), word, sizeof(word));

	*bytes = r != OK ? 0 : area == AREA_VPA ? be16(word) : be32(word);
	return r;
}

static uint64_t check_area(struct machine *m, unsigned area, uint64_t at,
			   struct machine_answer *out)
{
	static const uint64_t least[AREAS] = { 640, 48, 8 };
	uint64_t bytes;

	if (at == 0 || at % AREA_ALIGN != 0 || at >= m->ram_bytes)
		return H_PARAMETER;
	enum result r = area_length(m, area, at, &bytes);
	out->repeat = pseries_passes(r) ? r : OK;
	if (bytes < least[area] || (at & PAGE_MASK) + bytes > PAGE_SIZE)
		return H_PARAMETER;
	return H_SUCCESS;
}

static uint64_t register_area(struct machine *m, const uint64_t *arg, struct machine_answer *out)
{
	unsigned function = (unsigned)VPA_FUNCTION(arg[0]);
	unsigned area = (function & 3) - 1;
	bool give_up = (function & VPA_GIVE_UP) != 0, others;
	uint64_t answer = H_SUCCESS;

	if ((arg[0] & VPA_OTHER_FLAGS) != 0 || (function & 3) == 0 || arg[1] >= m->vcpus)
		return H_PARAMETER;
	if (!give_up && (answer = check_area(m, area, arg[2], out)) != H_SUCCESS)
		return answer;
	spin_lock(&m->lock);
	uint64_t *mine = m->area[arg[1]];
	others = mine[AREA_TRACE] != 0 || mine[AREA_SLB] != 0;
	if (area == AREA_VPA ? give_up && others : !give_up && mine[AREA_VPA] == 0)
		answer = H_RESOURCE;
	else
		mine[area] = give_up ? 0 : arg[2];
	spin_unlock(&m->lock);
	return answer;
}

/* ---- Processors ------------------------------------------------------------------------------ */

#define MODE_INTERRUPTS_AT 3u /* AIL */
#define MODE_ENDIAN 4u
#define ENDIAN_LITTLE 1u

/*
 * Interrupts stay little-endian, and where they are (AIL = 0): with AIL = 3 POWER9 would move the
 * hypervisor's too. Breakpoints (resources 1 and 2) are not there.
 */
static uint64_t set_mode(const uint64_t *arg)
{
	if (arg[1] != MODE_ENDIAN)
		return H_P2;
	if (arg[2] != 0)
		return H_P3;
	if (arg[3] != 0)
		return H_P4;
	return arg[0] == ENDIAN_LITTLE ? H_SUCCESS : H_UNSUPPORTED_FLAG;
}

static uint64_t prod(struct machine *m, uint64_t vcpu)
{
	if (vcpu >= m->vcpus)
		return H_PARAMETER;
	atomic_fetch_or(&m->woken, UINT32_C(1) << vcpu);
	m->host.notify(m->host.vm);
	return H_SUCCESS;
}

void machine_call(struct machine *m, unsigned vcpu, const struct firmware_call *call,
		  struct machine_answer *out)
{
	const uint64_t *arg = call->arg;

	*out = (struct machine_answer){ .count = 1 };
	switch (call->nr) {
	case H_PAGE_INIT: page_init(m, arg, out); break;
	case H_GET_TERM_CHAR: get_characters(m, arg[0], out); break;
	case H_PUT_TERM_CHAR: out->value[0] = put_characters(m, arg); break;
	case H_EOI: end(m, vcpu, (uint32_t)arg[0]); break;
	case H_CPPR: set_priority(m, vcpu, (uint8_t)arg[0]); break;
	case H_IPI: out->value[0] = send(m, vcpu, arg[0], arg[1]); break;
	case H_IPOLL: poll(m, arg[0], out); break;
	case H_XIRR: accept(m, vcpu, false, out); break;
	case H_XIRR_X: accept(m, vcpu, true, out); break;
	case H_REGISTER_VPA: out->value[0] = register_area(m, arg, out); break;
	case H_CONFER:
		out->yield = arg[0] < m->vcpus || arg[0] == EVERYBODY;
		out->value[0] = out->yield ? H_SUCCESS : H_PARAMETER;
		break;
	case H_PROD: out->value[0] = prod(m, arg[0]); break;
	case H_VIO_SIGNAL: out->value[0] = signal(m, arg[0], arg[1]); break;
	case H_SET_MODE: out->value[0] = set_mode(arg); break;
	case H_RTAS: pseries_rtas(m, vcpu, arg[0], out); break;
	default: out->value[0] = H_FUNCTION; break;
	}
}
