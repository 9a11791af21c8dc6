/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor's line editor, its table of commands, and the commands about VMs. Those that look at
 * memory are in hv/monitor_look.c.
 */
#include "hv/monitor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/config_tree.h"
#include "hv/console.h"
#include "hv/drv/device_memory.h"
#include "hv/explain.h"
#include "hv/main.h"
#include "hv/monitor_look.h"
#include "hv/pci.h"
#include "hv/trace.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/block.h"

#define LINE_BYTES 120u
#define PROMPT "monitor> "
#define TRACE_DEFAULT 20u

enum {
	CONTROL_C = 0x03,
	BACKSPACE = 0x08,
	CONTROL_U = 0x15,
	DELETE = 0x7f,
};

static struct {
	unsigned length;
	bool after_return; /* the line feed of a pair is not a second line */
	char text[LINE_BYTES + 1];
} typed;

/* ---- VMs --------------------------------------------------------------------------------------
 */

static const char *state_words(const struct vm *vm)
{
	switch ((enum vm_state)atomic_load(&vm->state)) {
	case VM_CREATED: return "created";
	case VM_RUNNING: return "running";
	case VM_STOPPED: return "stopped";
	case VM_ENDED: return "ended";
	}
	return "?";
}

static uint64_t pages_present(struct vm *vm)
{
	spin_lock(&vm->space.lock);
	uint64_t pages = vm->space.counted;
	spin_unlock(&vm->space.lock);
	return pages;
}

static void list_vms(const struct monitor_request *rq)
{
	(void)rq;
	for (unsigned i = 0; i < vm_count; i++) {
		struct vm *vm = vms[i];
		console_print("%s: %s", vm->config->name, state_words(vm));
		if (vm_ended(vm))
			console_print(" (%s%s%s)", vm_end_words(vm->end_reason),
				      vm->end_detail[0] != '\0' ? ": " : "", vm->end_detail);
		console_print(", %u vCPU%s, %llu MiB, %llu pages present, %llu faults\n",
			      vm->vcpu_count, vm->vcpu_count == 1 ? "" : "s",
			      (unsigned long long)(vm->config->memory_bytes >> 20),
			      (unsigned long long)pages_present(vm),
			      (unsigned long long)atomic_load(&vm->stats.faults));
	}
}

/* States are the scheduler's, read without its lock: a look. */
static void list_vcpus(const struct monitor_request *rq)
{
	for (unsigned i = 0; i < rq->vm->vcpu_count; i++) {
		const struct vcpu *v = rq->vm->vcpus[i];
		console_print("vCPU %u: %s, CPU %u, pc %#llx at its last exit, %llu exits, "
			      "%llu registers refused%s\n",
			      v->index, vcpu_state_words(v->state), v->last_cpu,
			      (unsigned long long)arch_vcpu_pc(v->arch),
			      (unsigned long long)atomic_load(&v->exits),
			      (unsigned long long)arch_vcpu_refused(v->arch),
			      v->turn.mine    ? ", has its turn"
			      : v->turn.asked ? ", asks for its turn"
					      : "");
	}
}

static void print_stats(const struct monitor_request *rq)
{
	(void)rq;
	console_print("frames: %llu free of %llu; up %llu ms; %u CPUs\n",
		      (unsigned long long)block_free_frames(),
		      (unsigned long long)block_total_frames(),
		      (unsigned long long)(arch_time_ns() / 1000000), arch_cpu_count());
	for (unsigned i = 0; i < vm_count; i++) {
		struct vm *vm = vms[i];
		const struct vm_stats *s = &vm->stats;
		console_print(
			"%s: exits %llu, faults %llu (raced %llu, spurious %llu, widened %llu, "
			"waited %llu, most rounds %llu), device accesses %llu, hypercalls "
			"%llu, notices %llu\n",
			vm->config->name, (unsigned long long)vm_exits(vm),
			(unsigned long long)atomic_load(&s->faults),
			(unsigned long long)atomic_load(&s->raced),
			(unsigned long long)atomic_load(&s->spurious),
			(unsigned long long)atomic_load(&s->widened),
			(unsigned long long)atomic_load(&s->waits),
			(unsigned long long)atomic_load(&s->max_rounds),
			(unsigned long long)atomic_load(&s->mmio),
			(unsigned long long)atomic_load(&s->hypercalls),
			(unsigned long long)consumer_notices(&vm->s2.consumer));
	}
}

static void stop_vm(const struct monitor_request *rq)
{
	vm_stop(rq->vm);
	console_print("%s: %s\n", rq->vm->config->name, state_words(rq->vm));
}

static void start_vm(const struct monitor_request *rq)
{
	vm_resume(rq->vm);
	console_print("%s: %s\n", rq->vm->config->name, state_words(rq->vm));
}

static void kill_vm(const struct monitor_request *rq)
{
	vm_end(rq->vm, END_KILLED, 0, "killed from the console");
}

static void focus_vm(const struct monitor_request *rq)
{
	console_focus(rq->vm);
	console_print("input goes to %s\n", rq->vm->config->name);
}

/* ---- The rest ---------------------------------------------------------------------------------
 */

static void print_trace(const struct monitor_request *rq)
{
	uint64_t count = TRACE_DEFAULT;

	if (rq->count == 1 && strcmp(rq->word[0], "dump") == 0) {
		trace_dump();
		return;
	}
	if (rq->count == 1 && (!tree_parse_bytes(rq->word[0], &count) || count > UINT32_MAX)) {
		console_print("\"%s\" is not a number of events\n", rq->word[0]);
		return;
	}
	trace_print((unsigned)count);
}

static void list_pci(const struct monitor_request *rq)
{
	(void)rq;
	pci_print();
}

static void list_devices(const struct monitor_request *rq)
{
	(void)rq;
	device_memory_print();
}

static void switch_explain(const struct monitor_request *rq)
{
	bool on = rq->count == 1 && strcmp(rq->word[0], "on") == 0;

	if (rq->count == 1 && !on && strcmp(rq->word[0], "off") != 0) {
		console_print("explain is on or off\n");
		return;
	}
	if (rq->count == 1)
		atomic_store(&explain_on, on);
	console_print("explain is %s\n", explain_is_on() ? "on" : "off");
}

static void quit(const struct monitor_request *rq)
{
	(void)rq;
	main_finish();
}

static void help(const struct monitor_request *rq);

/* Which VM a command is about. */
enum subject {
	NO_VM,
	ONE_VM,	  /* named, unless there is only one */
	NAMED_VM, /* always named: it changes the VM's fate */
};

static const struct command {
	const char *name;
	enum subject subject;
	unsigned least, most; /* arguments, without the VM */
	const char *arguments, *help;
	void (*run)(const struct monitor_request *rq); /* NULL: gives the console back */
} commands[] = {
	{ "help", NO_VM, 0, 0, "", "this list", help },
	{ "vms", NO_VM, 0, 0, "", "the VMs and how they are", list_vms },
	{ "vcpus", ONE_VM, 0, 0, "[VM]", "a VM's vCPUs", list_vcpus },
	{ "slots", ONE_VM, 0, 0, "[VM]", "a VM's memslots", monitor_slots },
	{ "why", ONE_VM, 1, 1, "[VM] GFN", "all that is known of a guest's page (hexadecimal)",
	  monitor_why },
	{ "frame", NO_VM, 1, 1, "PFN", "the record of a frame (hexadecimal)", monitor_frame },
	{ "s2", ONE_VM, 1, 1, "[VM] GFN", "the stage-2 entries on the way to a page", monitor_s2 },
	{ "consumers", ONE_VM, 0, 0, "[VM]", "who keeps pfns of a VM's space, by notice",
	  monitor_consumers },
	{ "notices", ONE_VM, 0, 0, "[VM]", "the notifier of a VM's space", monitor_notices },
	{ "stats", NO_VM, 0, 0, "", "counters of the host and of each VM", print_stats },
	{ "trace", NO_VM, 0, 1, "[N|dump]", "the newest N events (20), or all for a program",
	  print_trace },
	{ "pci", NO_VM, 0, 0, "", "the host's PCI functions and BARs", list_pci },
	{ "devices", NO_VM, 0, 0, "", "memory that drivers own, and where it lies", list_devices },
	{ "census", NO_VM, 0, 0, "", "walks all frame records; stop the VMs first",
	  monitor_census },
	{ "stop", NAMED_VM, 0, 0, "VM", "stops a VM", stop_vm },
	{ "start", NAMED_VM, 0, 0, "VM", "lets it go on", start_vm },
	{ "kill", NAMED_VM, 0, 0, "VM", "ends it", kill_vm },
	{ "focus", NAMED_VM, 0, 0, "VM", "what is typed goes to this VM", focus_vm },
	{ "explain", NO_VM, 0, 1, "[on|off]", "says faults and notices as they happen",
	  switch_explain },
	{ "go", NO_VM, 0, 0, "", "back to the guest's console, as Ctrl-]", NULL },
	{ "quit", NO_VM, 0, 0, "", "ends all VMs and powers off", quit },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(const struct monitor_request *rq)
{
	(void)rq;
	for (unsigned i = 0; i < COMMANDS; i++)
		console_print("%-10s%-10s%s\n", commands[i].name, commands[i].arguments,
			      commands[i].help);
}

static struct vm *vm_by_name(const char *name)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (strcmp(vms[i]->config->name, name) == 0)
			return vms[i];
	return NULL;
}

/* Takes the VM's name off the front of the words, if it is there or must be. */
static bool find_subject(const struct command *c, struct monitor_request *rq)
{
	if (c->subject == NO_VM)
		return true;
	if (c->subject == ONE_VM && rq->count <= c->most && vm_count == 1) {
		rq->vm = vms[0];
		return true;
	}
	if (rq->count == 0 || rq->count == c->most) {
		console_print("which VM? %s %s\n", c->name, c->arguments);
		return false;
	}
	rq->vm = vm_by_name(rq->word[0]);
	if (rq->vm == NULL) {
		console_print("there is no VM \"%s\"\n", rq->word[0]);
		return false;
	}
	rq->count--;
	memmove(rq->word, rq->word + 1, rq->count * sizeof(rq->word[0]));
	return true;
}

/* Cuts the line at blanks; returns the number of words, or more than `room`. */
static unsigned cut(char *line, char *words[], unsigned room)
{
	unsigned count = 0;

	for (char *at = line; *at != '\0';) {
		while (*at == ' ' || *at == '\t')
			*at++ = '\0';
		if (*at == '\0')
			break;
		if (count < room)
			words[count] = at;
		count++;
		while (*at != '\0' && *at != ' ' && *at != '\t')
			at++;
	}
	return count;
}

bool monitor_command(const char *line)
{
	struct monitor_request rq = { .vm = NULL };
	char text[LINE_BYTES + 1], *words[MONITOR_WORDS + 1];

	snprintf(text, sizeof(text), "%s", line);
	unsigned count = cut(text, words, MONITOR_WORDS + 1);
	if (count == 0)
		return true;
	const struct command *c = commands;
	while (c != commands + COMMANDS && strcmp(words[0], c->name) != 0)
		c++;
	if (c == commands + COMMANDS) {
		console_print("there is no command \"%s\"; help lists them\n", words[0]);
		return true;
	}
	rq.count = count - 1;
	for (unsigned i = 0; i < rq.count && i < MONITOR_WORDS; i++)
		rq.word[i] = words[i + 1];
	if (rq.count > MONITOR_WORDS || !find_subject(c, &rq))
		return true;
	if (rq.count < c->least || rq.count > c->most)
		console_print("it is used so: %s %s\n", c->name, c->arguments);
	else if (c->run == NULL)
		return false;
	else
		c->run(&rq);
	return true;
}

/* ---- The line ---------------------------------------------------------------------------------
 */

static void prompt(void)
{
	typed.length = 0;
	console_print(PROMPT);
}

void monitor_enter(void)
{
	console_to_monitor(true);
	typed.after_return = false;
	console_print("\nmonitor: help lists the commands, Ctrl-] goes back\n");
	prompt();
}

static bool line_end(char c)
{
	bool pair = c == '\n' && typed.after_return;

	typed.after_return = c == '\r';
	if (pair)
		return true;
	typed.text[typed.length] = '\0';
	console_print("\n");
	if (!monitor_command(typed.text))
		return false;
	prompt();
	return true;
}

bool monitor_input(char c)
{
	if (c == '\r' || c == '\n')
		return line_end(c);
	typed.after_return = false;
	if (c == CONTROL_C || c == CONTROL_U) {
		console_print("\n");
		prompt();
	} else if ((c == BACKSPACE || c == DELETE) && typed.length != 0) {
		typed.length--;
		console_print("\b \b");
	} else if (c >= ' ' && c <= '~' && typed.length < LINE_BYTES) {
		typed.text[typed.length++] = c;
		console_print("%c", c);
	}
	return true;
}
