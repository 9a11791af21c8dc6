/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The display: bochs-display, or the standard VGA, which share numbers and registers. BAR 0 is the
 * framebuffer; BAR 2 holds the mode registers (the Bochs "dispi" interface). A mode is set here
 * once, so that a guest only draws.
 */
#include <stdio.h>

#include "arch/arch.h"
#include "hv/drv/driver.h"

#define DISPLAY_VENDOR 0x1234u
#define DISPLAY_DEVICE 0x1111u
#define CLASS_VGA 0x0300u
#define REGISTERS_BAR 2u

#define WIDTH 1024u
#define HEIGHT 768u
#define BITS_A_PIXEL 32u

/* In BAR 2: the VGA's ports from 0x3c0 on at 0x400; the dispi registers, 16 bits each, at 0x500. */
#define VGA_ATTRIBUTE 0x400u
#define VGA_UNBLANK 0x20u
#define DISPI 0x500u
enum {
	DISPI_ID,
	DISPI_XRES,
	DISPI_YRES,
	DISPI_BPP,
	DISPI_ENABLE,
	DISPI_BANK,
	DISPI_VIRTUAL_WIDTH,
	DISPI_VIRTUAL_HEIGHT,
	DISPI_X,
	DISPI_Y,
};
#define DISPI_IDENTITY 0xb0c0u /* and its version in the low four bits */
#define DISPI_ENABLED 0x01u
#define DISPI_LINEAR 0x40u

/* The order is the device's: off, the mode, on. */
static const struct {
	uint8_t number;
	uint16_t value;
} mode[] = {
	{ DISPI_ENABLE, 0 },
	{ DISPI_XRES, WIDTH },
	{ DISPI_YRES, HEIGHT },
	{ DISPI_BPP, BITS_A_PIXEL },
	{ DISPI_BANK, 0 },
	{ DISPI_VIRTUAL_WIDTH, WIDTH },
	{ DISPI_VIRTUAL_HEIGHT, HEIGHT },
	{ DISPI_X, 0 },
	{ DISPI_Y, 0 },
	{ DISPI_ENABLE, DISPI_ENABLED | DISPI_LINEAR },
};

/* False: what is there does not answer as a display. */
static bool mode_set(uint8_t *registers, bool vga)
{
	uint8_t *dispi = registers + DISPI;

	if ((arch_device_read(dispi + 2u * DISPI_ID, 2) & 0xfff0) != DISPI_IDENTITY)
		return false;
	for (unsigned i = 0; i < sizeof(mode) / sizeof(mode[0]); i++)
		arch_device_write(dispi + 2u * mode[i].number, 2, mode[i].value);
	if (vga)
		arch_device_write(registers + VGA_ATTRIBUTE, 1, VGA_UNBLANK);
	return true;
}

enum result display_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes)
{
	struct pci_function *f = pci_find(DISPLAY_VENDOR, DISPLAY_DEVICE, nth);

	if (f == NULL) {
		snprintf(why, why_bytes,
			 "/devices/%s: driver: this machine has no%s bochs-display or VGA",
			 m->config->name, nth == 0 ? "" : " further");
		return NOT_FOUND;
	}
	enum result r = bar_bind(m, f, why, why_bytes);
	if (r != OK)
		return r;
	const struct pci_bar *b = &f->bars[REGISTERS_BAR];
	uint8_t *registers = b->bytes == 0 || b->io || b->base.v == 0
				     ? NULL
				     : arch_map_device(b->base, b->bytes, MEM_DEVICE);
	if (registers == NULL || !mode_set(registers, f->class >> 8 == CLASS_VGA)) {
		snprintf(why, why_bytes,
			 "/devices/%s: the display's mode registers cannot be reached",
			 m->config->name);
		return UNSUPPORTED;
	}
	return OK;
}
