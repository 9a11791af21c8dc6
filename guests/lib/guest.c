/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64-bit guests' run-time: checks, memory, other vCPUs, the end; guest_ARCH.c has what is the
 * processor's.
 */
#include "guests/lib/guest.h"

#include <stdatomic.h>
#include <stddef.h>

#include "guests/lib/hypercall.h"
#include "guests/lib/run.h"
#include "guests/lib/text.h"

struct cpu {
	void (*work)(uint64_t);
	uint64_t argument;
	uint64_t first, second;
	_Atomic bool busy;
	bool started;
};

static struct cpu cpus[MAX_CPUS];
static _Atomic unsigned passed, failed;
static atomic_flag text_lock = ATOMIC_FLAG_INIT;
static bool below_tenure;

/* ---- Text and checks --------------------------------------------------------------------------
 */

/*
 * By hypercall where there is a hypervisor, a whole piece of text at once: so no other line comes
 * between. By the serial port without one, or if it refuses.
 */
static void say(const char *text, size_t bytes)
{
	while (atomic_flag_test_and_set_explicit(&text_lock, memory_order_acquire))
		pause();
	if (!below_tenure || hc_console((uintptr_t)text, bytes) < 0)
		put_text(text, bytes);
	atomic_flag_clear_explicit(&text_lock, memory_order_release);
}

void print(const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	va_start(args, format);
	say(text, format_text(text, sizeof text, format, args));
	va_end(args);
}

void report_at(bool ok, const char *name, const char *file, int line)
{
	atomic_fetch_add(ok ? &passed : &failed, 1);
	if (ok)
		print("report: %s ok\n", name);
	else
		print("report: %s FAIL (%s:%d)\n", name, file, line);
}

void report_equal_at(uint64_t is, uint64_t expected, const char *name, const char *file, int line)
{
	if (is != expected)
		print("report: is %ld (0x%lx), expected %ld (0x%lx)\n", (long)is, (unsigned long)is,
		      (long)expected, (unsigned long)expected);
	report_at(is == expected, name, file, line);
}

unsigned checks_failed(void)
{
	return failed;
}

/* ---- The end -----------------------------------------------------------------------------------
 */

_Noreturn void finish(void)
{
	print("report: %u passed, %u failed\n", passed, failed);
	if (below_tenure && !failed && passed)
		(void)hc_end(0);
	debug_exit(passed && !failed ? 0 : 1);
}

/* ---- Memory -------------------------------------------------------------------------------------
 */

static uint64_t word_of(uint64_t gpa, uint64_t seed)
{
	return (gpa + seed) * 0x9e3779b97f4a7c15ull;
}

void fill(uint64_t gpa, uint64_t bytes, uint64_t seed)
{
	for (uint64_t at = gpa; at < gpa + bytes; at += 8)
		write64(at, word_of(at, seed));
}

uint64_t count_wrong(uint64_t gpa, uint64_t bytes, uint64_t seed)
{
	uint64_t wrong = 0;

	for (uint64_t at = gpa; at < gpa + bytes; at += 8)
		wrong += read64(at) != word_of(at, seed);
	return wrong;
}

bool all_zero(uint64_t gpa, uint64_t bytes)
{
	for (uint64_t at = gpa; at < gpa + bytes; at += 8)
		if (read64(at))
			return false;
	return true;
}

/* ---- The command line
 * ----------------------------------------------------------------------------- */

bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* The rest of the word of the line that begins with `head`; NULL: there is none. */
static const char *find_word(const char *line, const char *head)
{
	while (*line) {
		const char *h = head, *at = line;

		while (*h && *h == *at)
			h++, at++;
		if (!*h)
			return at;
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	return NULL;
}

bool has_word(const char *cmdline, const char *word)
{
	const char *rest = find_word(cmdline, word);

	return rest && (*rest == ' ' || !*rest);
}

uint64_t argument(const char *cmdline, const char *name, uint64_t otherwise)
{
	const char *rest = find_word(cmdline, name);
	uint64_t value = 0;

	if (!rest || *rest++ != '=' || *rest < '0' || *rest > '9')
		return otherwise;
	for (; *rest >= '0' && *rest <= '9'; rest++)
		value = value * 10 + (uint64_t)(*rest - '0');
	return value;
}

/* ---- vCPUs
 * ---------------------------------------------------------------------------------------- */

int64_t cpu_run(unsigned id, void (*work)(uint64_t), uint64_t value)
{
	struct cpu *cpu = &cpus[id];
	int64_t answer = 0;

	cpu->work = work;
	cpu->argument = value;
	atomic_store_explicit(&cpu->busy, true, memory_order_release);
	if (!cpu->started) {
		answer = hc_vcpu_start(id, (uintptr_t)secondary_entry, value);
		cpu->started = answer == 0;
		if (answer)
			atomic_store(&cpu->busy, false);
	}
	return answer;
}

bool cpu_idle(unsigned id)
{
	return !atomic_load_explicit(&cpus[id].busy, memory_order_acquire);
}

void cpu_wait(unsigned id)
{
	while (!cpu_idle(id))
		pause();
}

void cpu_registers(unsigned id, uint64_t *first, uint64_t *second)
{
	*first = cpus[id].first;
	*second = cpus[id].second;
}

_Noreturn void secondary_start(uint64_t first, uint64_t second)
{
	struct cpu *cpu = &cpus[(uint64_t)hc_vcpu_id() % MAX_CPUS];

	traps_init();
	cpu->first = first;
	cpu->second = second;
	for (;;) {
		while (!atomic_load_explicit(&cpu->busy, memory_order_acquire))
			pause();
		cpu->work(cpu->argument);
		atomic_store_explicit(&cpu->busy, false, memory_order_release);
	}
}

_Noreturn void guest_begin(const char *cmdline, bool hypervisor)
{
	traps_init();
	below_tenure = hypervisor;
	guest_main(cmdline);
	finish();
}
