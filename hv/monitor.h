/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor: looks into the running system from the console, and stops, starts and ends VMs. It
 * changes nothing that it looks at, faults nothing in, and never waits: what it shows is a look at
 * things that move, and may be older than the line that shows it. docs/monitor.md lists the
 * commands.
 */
#ifndef HV_MONITOR_H
#define HV_MONITOR_H

#include <stdbool.h>

/* Ctrl-] was typed, or all VMs have ended: takes the console's input and prints the prompt. */
void monitor_enter(void);

/*
 * A character while the monitor has the console; false: it gives the console back (the command
 * `go`). Backspace, Ctrl-U and Ctrl-C edit the line. One CPU at a time, no locks held.
 */
bool monitor_input(char c);

/* One command line; false: it gives the console back. */
bool monitor_command(const char *line);

#endif
