/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's calls (skiboot, doc/opal-api). Memory arguments are big-endian. A call may be made
 * on any CPU, in real mode; it keeps SRR0 and SRR1, which may be a guest's.
 */
#ifndef ARCH_PPC64_OPAL_H
#define ARCH_PPC64_OPAL_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define OPAL_SUCCESS 0
#define OPAL_BUSY (-2)
#define OPAL_BUSY_EVENT (-12)

#define OPAL_CONSOLE_WRITE 1
#define OPAL_CONSOLE_READ 2
#define OPAL_RTC_READ 3
#define OPAL_CEC_POWER_DOWN 5
#define OPAL_POLL_EVENTS 10
#define OPAL_PCI_CONFIG_READ_BYTE 13
#define OPAL_PCI_CONFIG_READ_HALF_WORD 14
#define OPAL_PCI_CONFIG_READ_WORD 15
#define OPAL_PCI_CONFIG_WRITE_BYTE 16
#define OPAL_PCI_CONFIG_WRITE_HALF_WORD 17
#define OPAL_PCI_CONFIG_WRITE_WORD 18
#define OPAL_PCI_EEH_FREEZE_CLEAR 26
#define OPAL_PCI_PHB_MMIO_ENABLE 27
#define OPAL_PCI_SET_PHB_MEM_WINDOW 28
#define OPAL_PCI_MAP_PE_MMIO_WINDOW 29
#define OPAL_START_CPU 41
#define OPAL_CONSOLE_FLUSH 117

#define OPAL_EEH_ACTION_CLEAR_FREEZE_ALL 3
#define OPAL_M64_WINDOW_TYPE 2
#define OPAL_ENABLE_M64_NON_SPLIT 2

#ifndef __ASSEMBLER__
/* opal.S */
int64_t opal_call(uint64_t token, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
int64_t opal_call6(uint64_t token, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		   uint64_t f);
#endif

#endif
