/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: one lock for the output, one gate for the input. Output belongs to a speaker - the
 * host or a VM - and the console remembers whose line is open, so that another speaker begins a new
 * one.
 */
#include "hv/console.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/config.h"
#include "hv/machine/machine.h"
#include "hv/monitor.h"
#include "hv/vm.h"
#include "mm/lock.h"

#define LINE_BYTES 240
#define LATER_BYTES 2048
#define TYPED_BYTES 256u
#define ESCAPE 0x1d /* Ctrl-] */
/* A guest that has been silent for so long in the middle of a line has perhaps shown a prompt. One
 * that shares its CPU may be long about a line, which is not to be torn. */
#define LINGER_NS UINT64_C(500000000)

#define SPEAKER_NONE (-1)
#define SPEAKER_HOST VM_MAX

/* What a VM has said of its line so far and the console has not shown yet; several VMs only. */
struct pending {
	unsigned bytes;
	uint64_t last_ns; /* when it said the last of it */
	char text[LINE_BYTES];
};

static struct {
	struct spinlock lock; /* guards the device and what follows */
	int open;	      /* whose line is open: SPEAKER_NONE, SPEAKER_HOST, or a VM's id */
	struct pending pending[VM_MAX];
	uint64_t guest_ns; /* when the guest whose line is open last said something */
	unsigned later_bytes;
	char later[LATER_BYTES]; /* the host's lines, until that line is ended */
} output = { .open = SPEAKER_NONE };

static struct {
	atomic_flag gate; /* held by the CPU that is in console_poll; guards what follows */
	unsigned first, count;
	char typed[TYPED_BYTES]; /* for the VM with the focus, whose own buffer is full */
} input = { .gate = ATOMIC_FLAG_INIT };

static struct vm *_Atomic focus;
static _Atomic bool to_monitor, broken;

static void output_lock(void) NO_LOCK_ANALYSIS
{
	if (!atomic_load_explicit(&broken, memory_order_relaxed))
		spin_lock(&output.lock);
}

static void output_unlock(void) NO_LOCK_ANALYSIS
{
	if (!atomic_load_explicit(&broken, memory_order_relaxed))
		spin_unlock(&output.lock);
}

void console_break_locks(void)
{
	atomic_store(&broken, true);
}

void console_reset(void)
{
	memset(&output, 0, sizeof(output));
	output.open = SPEAKER_NONE;
	atomic_flag_clear(&input.gate);
	input.first = input.count = 0;
	atomic_store(&focus, NULL);
	atomic_store(&to_monitor, false);
	atomic_store(&broken, false);
}

/* ---- Output ---------------------------------------------------------------------------------- */

/* Of a time noted by any CPU, whose clock may be a little ahead of this one's. Lock held. */
static bool is_ago(uint64_t since_ns, uint64_t age_ns)
{
	uint64_t now = arch_time_ns();

	return (now > since_ns ? now - since_ns : 0) >= age_ns;
}

static void put_newline(void)
{
	arch_console_put('\r');
	arch_console_put('\n');
	output.open = SPEAKER_NONE;
}

/* From now on `speaker` has the line. true: it is a new one. */
static bool take_line(int speaker)
{
	if (output.open == speaker)
		return false;
	if (output.open != SPEAKER_NONE)
		put_newline();
	output.open = speaker;
	return true;
}

static void put_host(const char *text, const char *prefix)
{
	for (; *text != '\0'; text++) {
		if (take_line(SPEAKER_HOST))
			for (const char *p = prefix; *p != '\0'; p++)
				arch_console_put(*p);
		if (*text == '\n')
			put_newline();
		else
			arch_console_put(*text);
	}
}

#define LOG_PREFIX "tenure: "

/* The host's lines that have waited for a guest's line to end, or wait no longer. */
static void put_later(void)
{
	if (output.later_bytes == 0)
		return;
	output.later[output.later_bytes] = '\0';
	output.later_bytes = 0;
	if (output.open != SPEAKER_NONE)
		put_newline();
	put_host(output.later, LOG_PREFIX);
}

/* May the host's line wait, so that it does not cut the guest's in two? */
static bool keep_for_later(const char *text)
{
	size_t bytes = strlen(text);

	if (output.open == SPEAKER_NONE || output.open == SPEAKER_HOST ||
	    is_ago(output.guest_ns, LINGER_NS) || bytes + 1 >= LATER_BYTES - output.later_bytes)
		return false;
	memcpy(output.later + output.later_bytes, text, bytes);
	output.later_bytes += (unsigned)bytes;
	if (bytes != 0 && text[bytes - 1] != '\n')
		output.later[output.later_bytes++] = '\n';
	return true;
}

/* Shows what is held back of a VM's line, and leaves the line open. */
static void flush_pending(const struct vm *vm)
{
	struct pending *p = &output.pending[vm->id];

	if (take_line((int)vm->id)) {
		arch_console_put('[');
		for (const char *name = vm->config->name; *name != '\0'; name++)
			arch_console_put(*name);
		arch_console_put(']');
		arch_console_put(' ');
	}
	for (unsigned i = 0; i < p->bytes; i++)
		arch_console_put(p->text[i]);
	p->bytes = 0;
	output.guest_ns = arch_time_ns();
}

static void put_line_wise(const struct vm *vm, char c)
{
	struct pending *p = &output.pending[vm->id];

	if (c == '\r')
		return;
	if (c == '\n') {
		flush_pending(vm);
		put_newline();
		put_later();
		return;
	}
	if (p->bytes == LINE_BYTES)
		flush_pending(vm);
	p->last_ns = arch_time_ns();
	p->text[p->bytes++] = c;
}

/* One VM alone: its bytes as they are; the column matters only to the host's lines. */
static void put_raw(const struct vm *vm, char c)
{
	if (output.open == SPEAKER_HOST)
		put_newline();
	arch_console_put(c);
	output.guest_ns = arch_time_ns();
	if (c == '\n') {
		output.open = SPEAKER_NONE;
		put_later();
	} else if (c != '\r' || output.open != SPEAKER_NONE) {
		output.open = (int)vm->id;
	}
}

void console_guest_put(struct vm *vm, char c)
{
	output_lock();
	if (config.vm_count > 1)
		put_line_wise(vm, c);
	else
		put_raw(vm, c);
	output_unlock();
}

void console_print(const char *format, ...)
{
	char text[CONSOLE_PRINT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	output_lock();
	put_later();
	put_host(text, "");
	output_unlock();
}

void hv_log(const char *format, ...)
{
	char text[CONSOLE_PRINT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	output_lock();
	if (!keep_for_later(text)) {
		put_later();
		if (output.open != SPEAKER_NONE)
			put_newline();
		put_host(text, LOG_PREFIX);
		if (output.open != SPEAKER_NONE)
			put_newline();
	}
	output_unlock();
}

/* What waits for a line's end is shown when the guest has said nothing more for a while. */
static void flush_older(uint64_t age_ns)
{
	output_lock();
	if (is_ago(output.guest_ns, age_ns))
		put_later();
	for (unsigned i = 0; i < vm_count; i++)
		if (output.pending[i].bytes != 0 && is_ago(output.pending[i].last_ns, age_ns))
			flush_pending(vms[i]);
	output_unlock();
}

void console_flush(void)
{
	flush_older(0);
}

/* ---- Input ----------------------------------------------------------------------------------- */

void console_focus(struct vm *vm)
{
	atomic_store(&focus, vm);
}

void console_to_monitor(bool yes)
{
	atomic_store(&to_monitor, yes);
}

/* The VM chosen, or the first that still runs. */
static struct vm *focused(void)
{
	struct vm *vm = atomic_load(&focus);

	for (unsigned i = 0; (vm == NULL || vm_ended(vm)) && i < vm_count; i++)
		vm = vms[i];
	return vm;
}

static void deliver(void)
{
	struct vm *vm = focused();

	if (vm == NULL || vm->machine == NULL)
		return;
	while (input.count != 0 && machine_console_input(vm->machine, input.typed[input.first])) {
		input.first = (input.first + 1) % TYPED_BYTES;
		input.count--;
	}
}

static void take_character(char c)
{
	if (atomic_load_explicit(&to_monitor, memory_order_relaxed)) {
		if (c == ESCAPE || !monitor_input(c))
			console_to_monitor(false);
	} else if (c == ESCAPE) {
		monitor_enter();
	} else if (input.count < TYPED_BYTES) { /* else it is lost, as on a serial line */
		input.typed[(input.first + input.count++) % TYPED_BYTES] = c;
	}
}

void console_poll(void)
{
	int c;

	if (atomic_flag_test_and_set_explicit(&input.gate, memory_order_acquire))
		return;
	while ((c = arch_console_get()) >= 0)
		take_character((char)c);
	if (input.count != 0)
		deliver();
	atomic_flag_clear_explicit(&input.gate, memory_order_release);
	flush_older(LINGER_NS);
}
