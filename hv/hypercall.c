/* SPDX-License-Identifier: BSD-2-Clause */
/* The dispatch of hypercalls, and those that every guest may make. */
#include "hv/hypercall.h"

#include <string.h>

#include "arch/arch.h"
#include "hv/clock.h"
#include "hv/console.h"
#include "hv/sched.h"
#include "hv/trace.h"
#include "hv/vm.h"

#define CONSOLE_BYTES 1024u

/* A call whose text begins with "T." steers the host, and needs the VM's `host-control`. */
static const struct entry {
	hypercall_fn *serve;
	bool host;
} table[] = {
#define X(nr, name, arguments, doc) [nr] = { call_##name, (doc)[0] == 'T' && (doc)[1] == '.' },
	HYPERCALL_LIST(X)
#undef X
};

/* The calls that steer the host: allowed or not, each leaves a trace. */
__attribute__((noinline)) static enum result host_call(struct vcpu *v, const struct entry *e,
						       uint64_t *answer)
{
	const uint64_t *arg = v->exit.hypercall.arg;
	enum result r = UNSUPPORTED;

	if (v->vm->config->host_control)
		r = e->serve(v, arg, answer);
	trace(TRACE_HYPERCALL, v->vm->id, gfn(v->exit.hypercall.nr), pfn(arg[0]), FRAME_FREE, 0, r);
	return r;
}

static enum result dispatch(struct vcpu *v, uint64_t *answer)
{
	uint64_t nr = v->exit.hypercall.nr;

	if (__builtin_expect(v->exit.hypercall.user, 0))
		return NO_PERMISSION;
	if (__builtin_expect(nr >= sizeof(table) / sizeof(table[0]), 0) ||
	    __builtin_expect(table[nr].serve == NULL, 0))
		return UNSUPPORTED;
	if (__builtin_expect(table[nr].host, 0))
		return host_call(v, &table[nr], answer);
	return table[nr].serve(v, v->exit.hypercall.arg, answer);
}

/* The call is over: nothing of it may be found by the next one. */
static inline enum vcpu_state finish(struct vcpu *v, uint64_t answer)
{
	atomic_fetch_add_explicit(&v->vm->stats.hypercalls, 1, memory_order_relaxed);
	arch_vcpu_hypercall_return(v->arch, answer);
	if (__builtin_expect(v->call.done == 0, 1))
		return VCPU_RUNNING;
	bool yield = v->call.yield;
	v->call.done = 0; /* the others mean nothing */
	v->call.yield = false;
	return yield ? VCPU_READY : VCPU_RUNNING;
}

/* It was refused, or cannot be done at this moment. */
__attribute__((noinline)) static enum vcpu_state not_done(struct vcpu *v, enum result r)
{
	if (r == BUSY || r == RACED || r == WOULD_SLEEP)
		return exit_defer(v, PENDING_CALL, r);
	return finish(v, (uint64_t) - (int64_t)r);
}

/* Part of the loop around the guest where the linker can see both. */
__attribute__((always_inline)) enum vcpu_state hypercall_serve(struct vcpu *v)
{
	uint64_t answer = 0;
	enum result r = dispatch(v, &answer);

	return __builtin_expect(r == OK, 1) ? finish(v, answer) : not_done(v, r);
}

enum result call_nop(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)v, (void)arg, (void)answer;
	return OK;
}

enum result call_version(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)v, (void)arg;
	*answer = TENURE_ABI_VERSION;
	return OK;
}

enum result call_console(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	char text[128];

	(void)answer;
	if (arg[1] > CONSOLE_BYTES)
		return BAD_ARGUMENT;
	while (v->call.done < arg[1]) {
		uint64_t n = arg[1] - v->call.done;
		if (n > sizeof(text))
			n = sizeof(text);
		enum result r = vm_read(v->vm, gpa(arg[0] + v->call.done), text, n);
		if (r != OK)
			return r;
		for (uint64_t i = 0; i < n; i++)
			console_guest_put(v->vm, text[i]);
		v->call.done += n;
	}
	return OK;
}

enum result call_end(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	if (arg[0] == 0)
		vm_end(v->vm, END_POWERED_OFF, 0, "by hypercall");
	else
		vm_end(v->vm, END_DEBUG_EXIT, (uint32_t)arg[0], "by hypercall");
	return OK;
}

enum result call_time(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)v, (void)arg;
	*answer = arch_time_ns();
	return OK;
}

enum result call_yield(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)arg, (void)answer;
	v->call.yield = true;
	v->call.done = 1;
	return OK;
}

enum result call_stats_page(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)answer;
	return clock_stats_page(v, gpa(arg[0]), arg[1] != 0);
}

/* The other vCPU begins as vCPU 0 did, but for the place and the first register. */
enum result call_vcpu_start(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	struct vm *vm = v->vm;

	(void)answer;
	if (arg[0] >= vm->vcpu_count)
		return NOT_FOUND;
	struct vcpu_start start = vm->start;
	start.entry = gpa(arg[1]);
	start.stack = 0;
	memset(start.arg, 0, sizeof(start.arg));
	start.arg[0] = arg[2];
	return vm_vcpu_start(vm, (unsigned)arg[0], &start);
}

enum result call_vcpu_id(struct vcpu *v, const uint64_t *arg, uint64_t *answer)
{
	(void)arg;
	*answer = v->index;
	return OK;
}
