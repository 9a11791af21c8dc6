/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console is a PL011 (DDI 0183), polled: it works from the first instruction, needs no
 * interrupt and no lock, and is what the emulator's -serial shows. The line's speed stays as the
 * firmware has set it.
 */
#include "arch/arm64/console.h"

#include <stdbool.h>
#include <stddef.h>

#include "arch/arch.h"
#include "arch/arm64/cpu.h"
#include "boot/handover_arm64.h"

#define DATA 0x00u
#define FLAGS 0x18u
#define LINE_CONTROL 0x2cu
#define CONTROL 0x30u
#define INTERRUPT_MASK 0x38u
#define FLAG_RX_EMPTY 0x10u
#define FLAG_TX_FULL 0x20u
#define LINE_8_BITS_FIFO 0x70u
#define CONTROL_ON 0x301u /* UART, transmitter, receiver */

static volatile uint8_t *registers;

static volatile uint32_t *at(unsigned offset)
{
	return (volatile uint32_t *)(volatile void *)(registers + offset);
}

static void set_up(volatile uint8_t *where)
{
	registers = where;
	*at(INTERRUPT_MASK) = 0;
	*at(LINE_CONTROL) = LINE_8_BITS_FIFO;
	*at(CONTROL) = CONTROL_ON;
}

void console_early(void)
{
	set_up((volatile uint8_t *)(uintptr_t)HANDOVER_CONSOLE);
}

bool console_init(uint64_t base)
{
	void *where = arch_map_device(hpa(base != 0 ? base : BOOT_PL011), PAGE_SIZE, MEM_DEVICE);

	registers = NULL;
	if (where == NULL)
		return false;
	set_up(where);
	return true;
}

void arch_console_put(char c)
{
	if (registers == NULL)
		return;
	while ((*at(FLAGS) & FLAG_TX_FULL) != 0)
		yield();
	*at(DATA) = (uint8_t)c;
}

int arch_console_get(void)
{
	if (registers == NULL || (*at(FLAGS) & FLAG_RX_EMPTY) != 0)
		return -1;
	return (uint8_t)*at(DATA);
}
