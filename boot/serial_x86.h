/* SPDX-License-Identifier: BSD-2-Clause */
/* The loaders' last word on x86: the first serial port, by hand, and the end of the machine. */
#ifndef BOOT_SERIAL_X86_H
#define BOOT_SERIAL_X86_H

/*
 * Writes to COM1 as the firmware has set it up (8 bits; QEMU needs no speed). Waits a bounded time
 * for each character, so a port that is not there costs a moment and no more.
 */
void serial_write(const char *text);

/* Tells isa-debug-exit, if there is one, that the loader failed (boot/bootinfo.h). */
void serial_exit_failed(void);

#endif
