/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way a VM can end, chosen by the command line's first word; "exit=V" and "end=V" take a
 * value.
 */
#include "guests/lib/ends.h"
#include "guests/lib/guest.h"

/* No IDT, then an exception: the processor gives up. */
static void triple_fault(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void halt_for_ever(void)
{
	__asm__ volatile("cli; hlt");
}

/* A reserved bit of CR4: the processor refuses the state the next time it enters the guest. */
static void bad_state(void)
{
	uint64_t cr4;

	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | 1ull << 30));
}

/* A far jump into memory that is not there. */
static void lost(void)
{
	void (*nowhere)(void) = (void (*)(void))(uintptr_t)0x1c0000000ull;

	nowhere();
}

static void reset_cf9(void)
{
	out8(0xcf9, 0x02);
	out8(0xcf9, 0x06);
}

static void reset_keyboard(void)
{
	out8(0x64, 0xfe);
}

static void reset_port_92(void)
{
	out8(0x92, 0x01);
}

/* An instruction on memory without backing that no device model decodes. */
static void strange_access(void)
{
	__asm__ volatile("fxsave (%0)" : : "r"(0x1c0000000ull) : "memory");
}

static const struct way ways[] = {
	{ "triple", triple_fault },  { "halt", halt_for_ever },
	{ "state", bad_state },	     { "lost", lost },
	{ "cf9", reset_cf9 },	     { "keyboard", reset_keyboard },
	{ "port92", reset_port_92 }, { "strange", strange_access },
};

void guest_main(const char *cmdline)
{
	uint64_t value = argument(cmdline, "exit", 256);

	print("ends: %s\n", cmdline);
	if (value < 256)
		debug_exit((uint8_t)value);
	ends_by(cmdline, ways, sizeof ways / sizeof ways[0]);
}
