/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's console, shared by the hypervisor, the monitor and the guests' serial lines. With one
 * VM its output passes as it is; with several each line is prefixed with its VM's name, and a line
 * is never torn by another: who finds another's line open begins a new one. Input goes to one VM,
 * or, after Ctrl-], to the monitor.
 *
 * Locks: the console's lock is innermost of all; any context may print, with any lock held.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

struct vm;

/* A character of a guest's serial line. */
void console_guest_put(struct vm *vm, char c);

/*
 * Takes what has been typed: to the VM that has the focus, or to the monitor. Any CPU, often, no
 * locks held; a second CPU that calls it at the same time returns at once.
 */
void console_poll(void);

/* The VM whose line gets the input; Ctrl-] opens the monitor whatever has the focus. */
void console_focus(struct vm *vm);

/* Input goes to the monitor from now on (true), or to the VM with the focus. */
void console_to_monitor(bool yes);

/* Shows whatever is held back; before the machine ends. */
void console_flush(void);

/* A broken host must still speak: from now on locks are ignored. */
void console_break_locks(void);

/*
 * printf, to the console, without a prefix, at most CONSOLE_PRINT_BYTES of it. hv_log of
 * arch/arch.h prints whole lines, each with "tenure: " before it.
 */
#define CONSOLE_PRINT_BYTES 1024
__attribute__((format(printf, 1, 2))) void console_print(const char *format, ...);

/* As after a reset: no line is open, nothing is held back, locks are heeded. For tests. */
void console_reset(void);

#endif
