/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's small ports: 0x92 (fast A20 and reset), 0xcf9 (reset control), the PCI configuration
 * mechanism at 0xcf8 with an empty bus behind it, the emulators' debug exit at 0xf4, and the
 * ports that software writes to only to waste a microsecond (0x80, 0xed).
 */
#ifndef HV_DEV_PC_PORTS_H
#define HV_DEV_PC_PORTS_H

#include <stdbool.h>
#include <stdint.h>

struct pc_ports {
	uint8_t port92;
	uint8_t reset_control;
};

/* A20 open. */
void pc_ports_init(struct pc_ports *p);

uint8_t pc_port92_read(const struct pc_ports *p);
/* True: reset (a rising bit 0). A20 cannot be closed: bit 1 reads as 1. */
bool pc_port92_write(struct pc_ports *p, uint8_t value);

/*
 * Ports 0xcf8..0xcff, `offset` from 0xcf8. Reads are all ones: the mechanism is not there, and
 * probes for it end at once. A byte to 0xcf9 is the reset control register.
 */
uint64_t pc_cf8_read(const struct pc_ports *p, uint64_t offset, unsigned bytes);
/* True: reset (a rising bit 2 of 0xcf9). */
bool pc_cf8_write(struct pc_ports *p, uint64_t offset, unsigned bytes, uint64_t value);

#endif
