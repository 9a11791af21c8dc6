/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end of the whole: from the loader's hand-over to the VMs, and from the last
 * VM's end to the machine's. How a run ended is said by the console's last line,
 *
 *	tenure: end status=<N> reason=<word>
 *
 * which the runner takes as its own exit status (docs/runner.md).
 */
#ifndef HV_MAIN_H
#define HV_MAIN_H

#include <stdbool.h>

struct vm_file;

#define TENURE_VERSION "0.1"

/* The N of the last line. A VM that ended itself by `out 0xf4, v` or by the call `end` gives (v <<
 * 1) | 1, of which a process' status keeps eight bits. */
#define MAIN_STATUS_GOOD 0u	/* powered off, reset, halted for good, ended by the monitor */
#define MAIN_STATUS_INPUT 65u	/* a bad image or configuration */
#define MAIN_STATUS_STOPPED 70u /* the hypervisor, or a VM, could not go on */

/*
 * What the exit device is told (arch_machine_end) where the run did not end well, for who has
 * no console: the emulator's process ends with (value << 1) | 1. The loaders use 0x22.
 */
#define MAIN_EXIT_INPUT 0x20u	/* process status 65 */
#define MAIN_EXIT_STOPPED 0x24u /* process status 73 */

/*
 * Ends the machine: VMs that still run are ended as killed, each VM's summary and the last line are
 * printed, what the VMs held is taken back and counted. Any CPU, no locks.
 */
_Noreturn void main_finish(void);

/* Have all VMs ended? Asked by CPU 0 between two vCPUs; does not return if so, but for `prompt`. */
void main_poll(void);

/* The file that the configuration calls `name`; false: the loader brought none. */
bool main_module(const char *name, struct vm_file *out);

#endif
