/* SPDX-License-Identifier: BSD-2-Clause */
/* Two resets and an empty PCI bus. */
#include "hv/dev/pc_ports.h"

#define PORT92_RESET 0x01u
#define PORT92_A20 0x02u
#define RESET_CPU 0x04u
#define RESET_HARD 0x02u

void pc_ports_init(struct pc_ports *p)
{
	*p = (struct pc_ports){ .port92 = PORT92_A20 };
}

uint8_t pc_port92_read(const struct pc_ports *p)
{
	return p->port92;
}

bool pc_port92_write(struct pc_ports *p, uint8_t value)
{
	bool reset = (value & PORT92_RESET) && !(p->port92 & PORT92_RESET);

	p->port92 = value | PORT92_A20;
	return reset;
}

uint64_t pc_cf8_read(const struct pc_ports *p, uint64_t offset, unsigned bytes)
{
	if (offset == 1 && bytes == 1)
		return p->reset_control;
	return UINT64_MAX;
}

bool pc_cf8_write(struct pc_ports *p, uint64_t offset, unsigned bytes, uint64_t value)
{
	bool reset;

	if (offset != 1 || bytes != 1)
		return false;
	reset = (value & RESET_CPU) && !(p->reset_control & RESET_CPU);
	p->reset_control = value & (RESET_CPU | RESET_HARD);
	return reset;
}
