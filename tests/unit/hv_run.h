/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole hypervisor on the fake architecture: hv_main in a process of its own, with a
 * configuration, a kernel image and guests that are scripts. What it printed, and how the machine
 * ended, is what a test looks at. A script that finds something else than it expects says so and
 * ends its VM with status 77.
 */
#ifndef TESTS_UNIT_HV_RUN_H
#define TESTS_UNIT_HV_RUN_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot/bootinfo.h"
#include "guests/abi.h"
#include "hv/console.h"
#include "hv/main.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "tests/fake/fake.h"
#include "tests/unit/dtc.h"

#define RUN_BASE UINT64_C(0x100000)   /* RAM begins here */
#define RUN_LOADER UINT64_C(0x100000) /* bytes of it that the loader keeps */
#define RUN_KERNEL 0x10000u	      /* bytes from there to the kernel's image */
#define RUN_ENTRY UINT64_C(0x100040)  /* gpa at which vCPU 0 starts */
#define RUN_SECOND UINT64_C(0x100080) /* ... and other vCPUs, where a test has them */
#define RUN_MIB (UINT64_C(1) << 20)
#define RUN_SECONDS 20

/* ---- Scripts -------------------------------------------------------------------------------- */

struct step {
	struct fake_op op;
	bool check; /* op.value must be `expect` afterwards */
	uint64_t expect;
	int irq;		    /* not 0: this interrupt must have ended it */
	bool (*run)(struct vm *vm); /* instead of an op: C code between two instructions */
	const char *say;
};

struct script {
	const struct step *steps;
	unsigned next;
	unsigned vm; /* number of its VM */
};

#define READ(gpa_, n, expect_)                                                             \
	{                                                                                  \
		.op = { .kind = FAKE_READ, .bytes = (n), .where = (gpa_) }, .check = true, \
		.expect = (expect_), .say = "read " #gpa_                                  \
	}
#define WRITE(gpa_, n, value_)                                                                  \
	{                                                                                       \
		.op = { .kind = FAKE_WRITE, .bytes = (n), .where = (gpa_), .value = (value_) }, \
		.say = "write " #gpa_                                                           \
	}
#define EXECUTE(gpa_)                                                                 \
	{                                                                             \
		.op = { .kind = FAKE_EXEC, .where = (gpa_) }, .say = "execute " #gpa_ \
	}
#define IN(port_, n, expect_)                                                               \
	{                                                                                   \
		.op = { .kind = FAKE_PORT, .bytes = (n), .where = (port_) }, .check = true, \
		.expect = (expect_), .say = "in " #port_                                    \
	}
#define OUT(port_, n, value_)                \
	{                                    \
		.op = { .kind = FAKE_PORT,   \
			.bytes = (n),        \
			.write = true,       \
			.where = (port_),    \
			.value = (value_) }, \
		.say = "out " #port_         \
	}
#define CALL(name_, a0, a1, a2, a3, expect_)                                        \
	{                                                                           \
		.op = { .kind = FAKE_CALL,                                          \
			.where = TENURE_##name_,                                    \
			.arg = { (a0), (a1), (a2), (a3) } },                        \
		.check = true, .expect = (uint64_t)(expect_), .say = "call " #name_ \
	}
/* The answer is not looked at. */
#define TRY(name_, a0, a1, a2, a3)                           \
	{                                                    \
		.op = { .kind = FAKE_CALL,                   \
			.where = TENURE_##name_,             \
			.arg = { (a0), (a1), (a2), (a3) } }, \
		.say = "call " #name_                        \
	}
#define REFUSED(r) (-(int64_t)(r))
#define DO(fn)                          \
	{                               \
		.run = (fn), .say = #fn \
	}
/* Halts until the interrupt comes. */
#define HALT_UNTIL(irq_)                                                  \
	{                                                                 \
		.op = { .kind = FAKE_HALT }, .irq = (irq_), .say = "halt" \
	}
#define HALT                                               \
	{                                                  \
		.op = { .kind = FAKE_HALT }, .say = "halt" \
	}
#define TRIPLE                                                       \
	{                                                            \
		.op = { .kind = FAKE_TRIPLE }, .say = "triple fault" \
	}
#define END CALL(end, 0, 0, 0, 0, 0)

static inline void script_fail(const struct step *s, unsigned number, uint64_t got)
{
	console_print("\nscript: step %u (%s): 0x%llx, not 0x%llx\n", number, s->say,
		      (unsigned long long)got, (unsigned long long)s->expect);
}

/* The fake guest that plays a script. */
static inline void script_play(void *context, struct fake_op *op)
{
	struct script *s = context;
	const struct step *before = s->next != 0 ? &s->steps[s->next - 1] : NULL;
	bool good = true;

	if (before != NULL && before->run == NULL && before->check && op->value != before->expect) {
		script_fail(before, s->next - 1, op->value);
		good = false;
	}
	if (good && before != NULL && before->irq != 0 && op->irq != before->irq) {
		script_fail(before, s->next - 1, (uint64_t)op->irq);
		good = false;
	}
	while (good && s->steps[s->next].run != NULL) {
		good = s->steps[s->next].run(vms[s->vm]);
		if (!good)
			script_fail(&s->steps[s->next], s->next, 0);
		else
			s->next++;
	}
	if (!good)
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_end, .arg = { 77 } };
	else
		*op = s->steps[s->next++].op;
}

/* ---- The machine ----------------------------------------------------------------------------- */

struct run {
	const char *host, *devices; /* properties and nodes of the configuration; NULL: none */
	const char *vms;	    /* nodes; NULL: one VM "a" of 4 MiB with host-control */
	const char *slots;	    /* further text of that VM's node */
	unsigned vcpus;		    /* of that VM; 0: 1 */
	unsigned cpus;		    /* of the host; 0: 1 */
	unsigned late_kicks;	    /* as in struct fake_config; so are these */
	unsigned dead_cpu;
	const char *missing;
	uint64_t pages;		   /* of RAM; 0: 16 MiB more than the loader's */
	const struct step *script; /* of vCPU 0 */
	const struct step *second; /* of a vCPU started at RUN_SECOND */
	const char *type;	   /* typed on the console */
	/* A last change to what hv_main is given. */
	void (*meddle)(struct bootinfo *boot);
};

static struct {
	char console[65536];
	int status; /* of arch_machine_end; -1: the process died otherwise */
} outcome;

static int run_pipe = -1;

/* In a build for coverage: a process that ends by _exit has to write its counts itself. */
extern int __llvm_profile_write_file(void) __attribute__((weak));

static inline void run_over(enum arch_end how, unsigned status)
{
	const char *text = fake_console();

	(void)how;
	for (size_t left = strlen(text); left != 0;) {
		ssize_t n = write(run_pipe, text, left);
		if (n <= 0)
			break;
		text += n;
		left -= (size_t)n;
	}
	if (__llvm_profile_write_file != NULL)
		(void)__llvm_profile_write_file();
	_exit((int)status);
}

/* The configuration as it was compiled last, and what of. */
static struct {
	char source[4096];
	unsigned char tree[RUN_KERNEL];
	uint64_t bytes;
} run_config;

/* Compiles it, if it is another one than last time. */
static inline void run_configure(const struct run *r)
{
	char source[sizeof(run_config.source)], node[1024];

	snprintf(node, sizeof(node),
		 "a { memory = \"4M\"; vcpus = <%u>; kernel = \"k\"; host-control; %s };",
		 r->vcpus ? r->vcpus : 1, r->slots ? r->slots : "");
	int length = snprintf(source, sizeof(source),
			      "/dts-v1/;\n/ { compatible = \"tenure,config-1\"; host { %s }; "
			      "devices { %s }; vms { %s }; };\n",
			      r->host ? r->host : "", r->devices ? r->devices : "",
			      r->vms ? r->vms : node);
	assert_in_range(length, 1, sizeof(source) - 1);
	if (strcmp(source, run_config.source) == 0)
		return;
	run_config.bytes = dtc_compile(source, run_config.tree, sizeof(run_config.tree));
	assert_true(run_config.bytes != 0);
	strcpy(run_config.source, source);
}

/* A Multiboot 1 kernel of nothing but its header, with the addresses in it. */
static inline void run_kernel(unsigned char *to)
{
	const uint32_t flags = 1u << 16, magic = 0x1badb002, at = 0x100000;
	const uint32_t header[] = { magic,	flags, 0u - magic - flags, at, at,
				    at + 0x100, 0,     (uint32_t)RUN_ENTRY };
	memset(to, 0x90, 0x100);
	memcpy(to, header, sizeof(header));
}

static inline struct boot_range run_range(uint64_t base, uint64_t size, uint32_t kind)
{
	return (struct boot_range){ .base = base, .size = size, .kind = kind };
}

static struct bootinfo run_boot;

/*
 * What a loader leaves: the configuration of `bytes` bytes, which is at RUN_BASE already, a kernel
 * behind it, and `pages` pages of RAM of which the loader keeps the first.
 */
static inline void run_hand_over(uint64_t bytes, uint64_t pages)
{
	run_kernel((unsigned char *)arch_linear(hpa(RUN_BASE)) + RUN_KERNEL);
	run_boot = (struct bootinfo){ .magic = BOOTINFO_MAGIC,
				      .version = BOOTINFO_VERSION,
				      .firmware = BOOT_DIRECT,
				      .range_count = 2,
				      .module_count = 2 };
	run_boot.ranges[0] = run_range(RUN_BASE, RUN_LOADER, BOOT_MEM_LOADER);
	run_boot.ranges[1] =
		run_range(RUN_BASE + RUN_LOADER, pages * PAGE_SIZE - RUN_LOADER, BOOT_MEM_USABLE);
	run_boot.modules[0] = (struct boot_module){ "config.dtb", RUN_BASE, bytes };
	run_boot.modules[1] = (struct boot_module){ "k", RUN_BASE + RUN_KERNEL, 0x100 };
}

static inline void run_child(const struct run *r)
{
	static struct script first, second;
	uint64_t pages = r->pages ? r->pages : (RUN_LOADER + 24 * RUN_MIB) / PAGE_SIZE;

	alarm(RUN_SECONDS);
	env_ram(hpa_to_pfn(hpa(RUN_BASE)), pages);
	env_cpu(0);
	fake_reset(&(struct fake_config){ .cpus = r->cpus ? r->cpus : 1,
					  .auto_time = true,
					  .late_kicks = r->late_kicks,
					  .dead_cpu = r->dead_cpu,
					  .missing = r->missing });
	fake_end = run_over;
	first.steps = r->script;
	second.steps = r->second;
	if (r->script != NULL)
		fake_program(gpa(RUN_ENTRY), script_play, &first);
	if (r->second != NULL)
		fake_program(gpa(RUN_SECOND), script_play, &second);
	if (r->type != NULL)
		fake_console_type(r->type);
	memcpy(arch_linear(hpa(RUN_BASE)), run_config.tree, run_config.bytes);
	run_hand_over(run_config.bytes, pages);
	if (r->meddle != NULL)
		r->meddle(&run_boot);
	hv_main(&run_boot);
}

/* Runs it to its end; `outcome` tells. */
static inline void run(const struct run *r)
{
	int ends[2], status;
	size_t length = 0;
	ssize_t n;

	run_configure(r);
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		run_pipe = ends[1];
		run_child(r);
		_exit(99);
	}
	close(ends[1]);
	while ((n = read(ends[0], outcome.console + length, sizeof(outcome.console) - 1 - length)) >
	       0)
		length += (size_t)n;
	outcome.console[length] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline bool said(const char *words)
{
	return strstr(outcome.console, words) != NULL;
}

#define assert_said(words)                                                              \
	do {                                                                            \
		if (!said(words))                                                       \
			fail_msg("not said: \"%s\"; but:\n%s", words, outcome.console); \
	} while (0)
#define assert_not_said(words)                                                 \
	do {                                                                   \
		if (said(words))                                               \
			fail_msg("said: \"%s\":\n%s", words, outcome.console); \
	} while (0)

/* It ended as the last line of the console must say, and every frame came back. */
#define assert_ended(last_line)                               \
	do {                                                  \
		assert_said("tenure: end " last_line "\r\n"); \
		assert_said("census: every frame is back");   \
	} while (0)

/* A run whose script ends with END, without anything that it did not expect. */
static inline void run_well(const struct run *r)
{
	run(r);
	assert_not_said("script: step");
	assert_ended("status=0 reason=poweroff");
	assert_int_equal(outcome.status, 0);
}

#endif
