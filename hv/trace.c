/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the trace: the rings of all CPUs merged by time. Times are counters while they are
 * recorded and become nanoseconds here, by the rate that the two clocks have had since the start.
 */
#include "hv/trace.h"

#include "hv/console.h"
#include "hv/vm.h"

struct trace_ring trace_rings[ARCH_MAX_CPUS];

static unsigned cpu_count;
static uint64_t start_counter, start_ns;

static const char *const words[TRACE_EVENTS] = {
	[TRACE_FAULT] = "fault",   [TRACE_WIDEN] = "widen", [TRACE_SPURIOUS] = "spurious",
	[TRACE_NOTICE] = "notice", [TRACE_WAIT] = "wait",   [TRACE_MMIO] = "mmio",
	[TRACE_SLOT] = "slot",	   [TRACE_PIN] = "pin",	    [TRACE_HYPERCALL] = "call",
	[TRACE_OWNER] = "owner",   [TRACE_END] = "end",
};

const char *trace_event_words(enum trace_event e)
{
	return (unsigned)e < TRACE_EVENTS ? words[e] : "?";
}

enum result trace_init(unsigned cpus, uint32_t events)
{
	unsigned order = 0;

	if (cpus > ARCH_MAX_CPUS || events == 0 || (events & (events - 1)) != 0)
		return BAD_ARGUMENT;
	while (PAGE_SIZE << order < events * sizeof(struct trace_record))
		order++;
	start_counter = arch_stamp();
	start_ns = arch_time_ns();
	cpu_count = cpus;
	for (unsigned i = 0; i < cpus; i++) {
		unsigned char *records = hv_pages(order);
		if (records == NULL)
			return OUT_OF_MEMORY;
		trace_rings[i].mask = (uint64_t)(events - 1) * sizeof(struct trace_record);
		atomic_store(&trace_rings[i].next, 0);
		trace_rings[i].records = records;
	}
	return OK;
}

/* Which part of each ring is printed, and how counters become times. */
struct reader {
	uint64_t first[ARCH_MAX_CPUS], end[ARCH_MAX_CPUS]; /* [first, end) */
	uint64_t now_counter, now_ns;
	uint64_t rate_ns, rate_counter; /* so many ns passed in so many counts; below 2^31 */
};

/* The event of number `at`. */
static const struct trace_record *record_at(unsigned cpu, uint64_t at)
{
	const struct trace_ring *ring = &trace_rings[cpu];
	uint64_t place = at * sizeof(struct trace_record) & ring->mask;

	return (const struct trace_record *)(ring->records + place);
}

static uint64_t time_at(unsigned cpu, uint64_t at)
{
	return atomic_load_explicit(&record_at(cpu, at)->time, memory_order_relaxed);
}

/* The rings hold still enough: what is written from now on may replace the oldest records. */
static void reader_open(struct reader *r, uint64_t count)
{
	uint64_t oldest[ARCH_MAX_CPUS];

	r->now_counter = arch_stamp();
	r->now_ns = arch_time_ns();
	r->rate_ns = r->now_ns - start_ns;
	r->rate_counter = r->now_counter - start_counter;
	while ((r->rate_ns | r->rate_counter) >> 31 != 0) {
		r->rate_ns >>= 1;
		r->rate_counter >>= 1;
	}
	if (r->rate_counter == 0)
		r->rate_counter = 1;
	for (unsigned i = 0; i < cpu_count; i++) {
		const struct trace_ring *ring = &trace_rings[i];
		uint64_t records = ring->mask / sizeof(struct trace_record) + 1;
		uint64_t end = atomic_load_explicit(&ring->next, memory_order_relaxed) /
			       sizeof(struct trace_record);
		oldest[i] = end > records ? end - records : 0;
		r->first[i] = r->end[i] = end;
	}
	for (; count != 0; count--) {
		unsigned newest = cpu_count;
		for (unsigned i = 0; i < cpu_count; i++)
			if (r->first[i] > oldest[i] &&
			    (newest == cpu_count ||
			     time_at(i, r->first[i] - 1) > time_at(newest, r->first[newest] - 1)))
				newest = i;
		if (newest == cpu_count)
			return;
		r->first[newest]--;
	}
}

/* The next record, oldest first; NULL at the end. */
static const struct trace_record *reader_next(struct reader *r, unsigned *cpu)
{
	*cpu = cpu_count;
	for (unsigned i = 0; i < cpu_count; i++)
		if (r->first[i] < r->end[i] &&
		    (*cpu == cpu_count || time_at(i, r->first[i]) < time_at(*cpu, r->first[*cpu])))
			*cpu = i;
	return *cpu == cpu_count ? NULL : record_at(*cpu, r->first[*cpu]++);
}

/* Counted back from now: recent events lose nothing by the scaling of old ones. */
static uint64_t to_ns(const struct reader *r, uint64_t counter)
{
	uint64_t age = r->now_counter > counter ? r->now_counter - counter : 0;
	unsigned shift = 0;

	while (age >> 32 != 0) {
		age >>= 1;
		shift++;
	}
	age = age * r->rate_ns / r->rate_counter << shift;
	return r->now_ns > age ? r->now_ns - age : 0;
}

/* A record, unpacked. */
struct event {
	uint64_t ns, gfn, pfn;
	unsigned vm, event, order;
	enum frame_class class;
	enum result verdict;
};

static struct event unpack(const struct reader *r, const struct trace_record *t)
{
	uint64_t what = atomic_load_explicit(&t->what, memory_order_relaxed);

	return (struct event){
		.ns = to_ns(r, atomic_load_explicit(&t->time, memory_order_relaxed)),
		.gfn = atomic_load_explicit(&t->gfn, memory_order_relaxed),
		.pfn = atomic_load_explicit(&t->pfn, memory_order_relaxed),
		.vm = what & 0xffff,
		.event = what >> 16 & 0xff,
		.class = (enum frame_class)(what >> 24 & 0xff),
		.verdict = (enum result)(what >> 32 & 0xff),
		.order = what >> 40 & 0xff,
	};
}

static const char *vm_name(unsigned id)
{
	return id < vm_count ? vms[id]->config->name : "-";
}

void trace_print(unsigned count)
{
	static struct reader r; /* the monitor's alone: too large for the stack */
	const struct trace_record *t;
	unsigned cpu;

	reader_open(&r, count);
	while ((t = reader_next(&r, &cpu)) != NULL) {
		struct event e = unpack(&r, t);
		console_print(
			"%6llu.%06llu cpu %u %-8s %-8s gfn %#llx pfn %#llx %s, 2^%u pages: %s\n",
			(unsigned long long)(e.ns / 1000000000),
			(unsigned long long)(e.ns / 1000 % 1000000), cpu, vm_name(e.vm),
			trace_event_words((enum trace_event)e.event), (unsigned long long)e.gfn,
			(unsigned long long)e.pfn, frame_class_words(e.class), e.order,
			result_words(e.verdict));
	}
}

void trace_dump(void)
{
	static struct reader r; /* as above */
	const struct trace_record *t;
	unsigned cpu;

	reader_open(&r, UINT64_MAX);
	hv_log("trace begin");
	while ((t = reader_next(&r, &cpu)) != NULL) {
		struct event e = unpack(&r, t);
		hv_log("trace ns=%llu cpu=%u vm=%s event=%s gfn=%#llx pfn=%#llx class=%s order=%u "
		       "verdict=%u",
		       (unsigned long long)e.ns, cpu, vm_name(e.vm),
		       trace_event_words((enum trace_event)e.event), (unsigned long long)e.gfn,
		       (unsigned long long)e.pfn, frame_class_words(e.class), e.order,
		       (unsigned)e.verdict);
	}
	hv_log("trace end");
}
