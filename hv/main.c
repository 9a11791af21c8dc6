/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the loader's hand-over to the last line. Whatever the loader, the firmware, the machine or
 * the configuration does not offer is said in a sentence, and ends the run; nothing of it is
 * believed before it is checked.
 */
#include "hv/main.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "boot/bootinfo.h"
#include "hv/config.h"
#include "hv/console.h"
#include "hv/drv/device_memory.h"
#include "hv/env.h"
#include "hv/explain.h"
#include "hv/memory.h"
#include "hv/monitor.h"
#include "hv/sched.h"
#include "hv/trace.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/block.h"
#include "mm/grace.h"

/* The conformance test of the architecture (tests/conformance.c), in images that hold it. */
int conformance_run(void) __attribute__((weak));

static const struct bootinfo *boot;
static uint64_t frames_before; /* free frames when the first VM was made */
static atomic_flag finishing = ATOMIC_FLAG_INIT;

/* ---- Ends
 * ------------------------------------------------------------------------------------------- */

_Noreturn static void last_line(unsigned status, const char *reason, unsigned exit_value)
{
	console_flush();
	hv_log("end status=%u reason=%s", status, reason);
	arch_machine_end(ARCH_END_POWEROFF, exit_value);
}

/* The run cannot begin: says why. */
__attribute__((format(printf, 2, 3))) _Noreturn static void refuse(unsigned status,
								   const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	hv_log("cannot start: %s", why);
	if (status == MAIN_STATUS_INPUT)
		last_line(status, "bad-input", MAIN_EXIT_INPUT);
	last_line(status, "cannot-start", MAIN_EXIT_STOPPED);
}

static unsigned vm_status(const struct vm *vm)
{
	switch (vm->end_reason) {
	case END_DEBUG_EXIT: return (vm->end_status << 1 | 1) & 0xff;
	case END_UNHANDLED:
	case END_OUT_OF_MEMORY: return MAIN_STATUS_STOPPED;
	case END_BAD_IMAGE: return MAIN_STATUS_INPUT;
	case END_NONE:
	case END_POWERED_OFF:
	case END_RESET:
	case END_TRIPLE_FAULT: /* which is how a PC resets */
	case END_HALTED:
	case END_KILLED: return MAIN_STATUS_GOOD;
	}
	return MAIN_STATUS_STOPPED;
}

/* The VM whose end is the run's: the first of the configuration that did not end well, else the
 * first. */
static const struct vm *spokesman(void)
{
	for (unsigned i = 0; i < vm_count; i++) {
		if (vm_status(vms[i]) != MAIN_STATUS_GOOD)
			return vms[i];
	}
	return vms[0];
}

static void summary(const struct vm *vm)
{
	const struct vm_stats *s = &vm->stats;

	hv_log("vm %s: %s; exits %llu, faults %llu (raced %llu, spurious %llu, most rounds %llu), "
	       "device accesses by address %llu, hypercalls %llu",
	       vm->config->name, vm_end_words(vm->end_reason), (unsigned long long)vm_exits(vm),
	       (unsigned long long)s->faults, (unsigned long long)s->raced,
	       (unsigned long long)s->spurious, (unsigned long long)s->max_rounds,
	       (unsigned long long)s->mmio, (unsigned long long)s->hypercalls);
}

/* Takes apart what the VMs left, and counts (F8, I5): frames that are not back have been lost. */
static void take_back(void)
{
	unsigned count = vm_count;

	vm_count = 0; /* other CPUs find none any more */
	sched_quiesce();
	for (unsigned i = 0; i < count; i++)
		vm_destroy(vms[i]);
	grace_drain();
	block_drain();
	uint64_t now = block_free_frames();
	const char *wrong = block_check();
	if (wrong != NULL)
		hv_log("census: %s", wrong);
	else if (now < frames_before)
		hv_log("census: %llu frames are missing",
		       (unsigned long long)(frames_before - now));
	else
		hv_log("census: every frame is back");
}

_Noreturn void main_finish(void)
{
	/* Two CPUs may come here at once: the second waits to be stopped. */
	while (atomic_flag_test_and_set(&finishing))
		arch_cpu_idle();
	bool all_done = vm_done_count() == vm_count;
	for (unsigned i = 0; i < vm_count; i++)
		vm_end(vms[i], END_KILLED, 0, "the machine ends");
	for (unsigned i = 0; i < vm_count; i++)
		summary(vms[i]);
	if (vm_count == 0)
		last_line(MAIN_STATUS_GOOD, "killed", 0);
	const struct vm *vm = spokesman();
	unsigned status = vm_status(vm), value = 0;
	enum vm_end_reason reason = vm->end_reason;
	if (reason == END_DEBUG_EXIT)
		value = config.host.exit_device ? vm->end_status : 0;
	else if (status != MAIN_STATUS_GOOD)
		value = status == MAIN_STATUS_INPUT ? MAIN_EXIT_INPUT : MAIN_EXIT_STOPPED;
	if (all_done)
		take_back();
	last_line(status, vm_end_token(reason), value);
}

void main_poll(void)
{
	static bool told;

	if (vm_count == 0 || vm_done_count() != vm_count)
		return;
	if (!config.host.prompt)
		main_finish();
	if (!told) {
		told = true;
		hv_log("all VMs have ended");
		monitor_enter();
	}
}

/* ---- The beginning
 * ------------------------------------------------------------------------------------ */

bool main_module(const char *name, struct vm_file *out)
{
	for (unsigned i = 0; i < boot->module_count; i++) {
		const struct boot_module *m = &boot->modules[i];
		if (strcmp(m->name, name) == 0) {
			*out = (struct vm_file){ name, arch_linear(hpa(m->base)), m->size };
			return true;
		}
	}
	return false;
}

static const char *firmware_words(uint32_t firmware)
{
	switch (firmware) {
	case BOOT_UEFI: return "UEFI";
	case BOOT_PVH: return "PVH";
	case BOOT_DIRECT: return "direct";
	case BOOT_OPAL: return "OPAL";
	default: return "unknown";
	}
}

static void check_hand_over(struct bootinfo *given)
{
	if (given->magic != BOOTINFO_MAGIC || given->version != BOOTINFO_VERSION)
		refuse(MAIN_STATUS_STOPPED, "the loader is of another version (0x%x, %u)",
		       given->magic, given->version);
	const char *wrong = memory_check(given);
	if (wrong != NULL)
		refuse(MAIN_STATUS_STOPPED, "the loader's tables: %s", wrong);
	if (given->error[0] != '\0') {
		given->error[BOOT_ERROR_BYTES - 1] = '\0';
		refuse(MAIN_STATUS_INPUT, "the loader: %s", given->error);
	}
}

static void read_config(void)
{
	static char why[320];
	struct vm_file file;

	if (!main_module("config.dtb", &file))
		refuse(MAIN_STATUS_INPUT, "there is no configuration (a module named config.dtb)");
	if (config_parse(file.data, file.bytes, &config, why, sizeof(why)) != OK)
		refuse(MAIN_STATUS_INPUT, "the configuration: %s", why);
	if (config_check_modules(&config, boot, why, sizeof(why)) != OK)
		refuse(MAIN_STATUS_INPUT, "the configuration: %s", why);
}

static void start_services(unsigned cpus)
{
	char why[256] = "";

	atomic_store(&explain_on, config.host.explain);
	if (trace_init(cpus, config.host.trace_events) != OK)
		refuse(MAIN_STATUS_STOPPED, "no memory for the trace");
	enum result r = device_memory_init(&config, why, sizeof(why));
	if (r != OK)
		refuse(r == OUT_OF_MEMORY ? MAIN_STATUS_STOPPED : MAIN_STATUS_INPUT, "%s",
		       why[0] != '\0' ? why : result_words(r));
	sched_init(config.host.quantum_ns);
}

static void create_vms(void)
{
	block_drain();
	frames_before = block_free_frames();
	for (unsigned i = 0; i < config.vm_count; i++) {
		struct vm *vm;
		if (vm_create(&config.vms[i], &vm) != OK)
			refuse(MAIN_STATUS_STOPPED, "no memory for VM %s", config.vms[i].name);
	}
	if (vm_count == 0)
		refuse(MAIN_STATUS_INPUT, "the configuration has no VM");
	console_focus(vms[0]);
}

static void start_cpus(unsigned cpus)
{
	for (unsigned i = 1; i < cpus; i++) {
		if (arch_cpu_start(i) != OK)
			hv_log("CPU %u does not start; going on without it", i);
	}
}

void hv_main(struct bootinfo *given)
{
	env_begin();
	check_hand_over(given);
	boot = given;
	hv_log("Tenure %s, %s, started by %s", TENURE_VERSION, arch_name,
	       firmware_words(boot->firmware));
	const char *missing = arch_init(given);
	if (missing != NULL)
		refuse(MAIN_STATUS_STOPPED, "%s", missing);
	read_config();
	char why[160];
	if (memory_init(boot, config.host.memory_bytes, why, sizeof(why)) != OK)
		refuse(MAIN_STATUS_STOPPED, "%s", why);
	unsigned cpus = arch_cpu_count();
	if (config.host.cpus != 0 && config.host.cpus < cpus)
		cpus = config.host.cpus;
	hv_log("%u of %u CPUs, %llu MiB of RAM free", cpus, arch_cpu_count(),
	       (unsigned long long)(block_free_frames() >> (20 - PAGE_SHIFT)));
	start_services(cpus);
	if (config.host.selftest) {
		if (conformance_run == NULL)
			refuse(MAIN_STATUS_INPUT, "this image holds no self-test");
		int failed = conformance_run();
		last_line(failed == 0 ? MAIN_STATUS_GOOD : MAIN_STATUS_STOPPED, "selftest",
			  failed == 0 ? 0 : MAIN_EXIT_STOPPED);
	}
	start_cpus(cpus);
	create_vms();
	for (unsigned i = 0; i < vm_count; i++)
		vm_start(vms[i]);
	main_poll(); /* nobody wakes this CPU for a VM that could not be started */
	sched_loop(arch_cpu_id());
}

void hv_cpu_main(unsigned cpu)
{
	sched_loop(cpu);
}
