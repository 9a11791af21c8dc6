/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firmware of one page for QEMU's powernv machines (-bios, instead of skiboot): it starts the ELF
 * file that QEMU has put at 0x20000000 (-kernel) and supplies the few calls of OPAL without which
 * the hypervisor cannot be seen, cannot end and has one CPU. There is no PCI and no calendar.
 * docs/ppc64.md says what differs.
 *
 * Big-endian, real mode, MSR.HV: QEMU lets all CPUs begin at 0x10 with r3 = its device tree. The
 * one of PIR 0 goes on, the others wait for OPAL_START_CPU. The page lies behind the hypervisor's
 * vectors, in memory that it gives to nobody (OPAL_VECTORS_BYTES); nothing here is relocated.
 */
#define PIR 1023
#define ENTRY_BY_QEMU 0x10
#define PAGE_OF_CODE 0x3000
#define IMAGE_HIGH 0x2000 /* 0x20000000 */
#define ELF_MAGIC_HIGH 0x7f45
#define ELF_MAGIC_LOW 0x4c46
#define ELF_ENTRY 24

/* The calls (skiboot, doc/opal-api), and two of their results. */
#define OPAL_CONSOLE_WRITE 1
#define OPAL_CONSOLE_READ 2
#define OPAL_CEC_POWER_DOWN 5
#define OPAL_POLL_EVENTS 10
#define OPAL_START_CPU 41
#define OPAL_CONSOLE_FLUSH 117
#define OPAL_SUCCESS 0
#define OPAL_UNSUPPORTED -7

/* The ports of the LPC bus, at 0x60300d0010000: a 16550, and the BMC's block transfer (IPMI 2.0,
 * 11). */
#define UART 0x3f8
#define UART_STATUS (UART + 5)
#define UART_RECEIVED 0x01
#define UART_ROOM 0x20
#define BT_CONTROL 0xe4
#define BT_BUFFER 0xe5
#define BT_CLEAR_WRITE 1
#define BT_TO_BMC 4
#define IPMI_CHASSIS 0
#define IPMI_CHASSIS_CONTROL 2
#define IPMI_POWER_DOWN 0

	.macro ports reg
	lis \reg, 0x0006
	ori \reg, \reg, 0x0300
	sldi \reg, \reg, 32
	oris \reg, \reg, 0xd001
	.endm

	/* Uses r8 and r9; r10 = ports. */
	.macro put port, value
	li %r8, \port
	li %r9, \value
	stbcix %r9, %r10, %r8
	.endm

	.text
zero:
	.org ENTRY_BY_QEMU
	b start
	.org PAGE_OF_CODE
start:
	mfspr %r4, PIR
	cmpdi %r4, 0
	bne wait
	lis %r5, IMAGE_HIGH
	lwz %r6, 0(%r5)
	lis %r7, ELF_MAGIC_HIGH
	ori %r7, %r7, ELF_MAGIC_LOW
	cmplw %r6, %r7
	bne no_image
	li %r6, ELF_ENTRY
	ldbrx %r6, %r5, %r6	/* the file is little-endian */
	mtctr %r6
	li %r8, 0
	li %r9, opal - zero
	bctr

	/* r4 = PIR: until it is called. The address is written last, and taken away first. */
wait:
	li %r5, calling - zero
1:	ld %r6, 0(%r5)
	cmpdi %r6, 0
	beq 1b
	lwsync
	ld %r7, 8(%r5)
	cmpd %r7, %r4
	bne 1b
	li %r8, 0
	std %r8, 0(%r5)
	mtctr %r6
	mr %r3, %r4
	bctr

	/* r0 = the call, r3.. = its arguments, LR = where to. Keeps r1, r2 and r13 to r31. */
opal:
	ports %r10
	cmpdi %r0, OPAL_CONSOLE_WRITE
	beq console_write
	cmpdi %r0, OPAL_CONSOLE_READ
	beq console_read
	cmpdi %r0, OPAL_START_CPU
	beq start_cpu
	cmpdi %r0, OPAL_CEC_POWER_DOWN
	beq power_down
	li %r3, OPAL_SUCCESS
	cmpdi %r0, OPAL_POLL_EVENTS
	beqlr
	cmpdi %r0, OPAL_CONSOLE_FLUSH
	beqlr
	li %r3, OPAL_UNSUPPORTED
	blr

	/* r4 = where the length is, r5 = the bytes */
console_write:
	ld %r6, 0(%r4)
1:	li %r3, OPAL_SUCCESS
	cmpdi %r6, 0
	beqlr
	li %r8, UART_STATUS
2:	lbzcix %r9, %r10, %r8
	andi. %r9, %r9, UART_ROOM
	beq 2b
	lbz %r9, 0(%r5)
	li %r8, UART
	stbcix %r9, %r10, %r8
	addi %r5, %r5, 1
	addi %r6, %r6, -1
	b 1b

	/* The same; one byte, or a length of none. */
console_read:
	li %r8, UART_STATUS
	lbzcix %r9, %r10, %r8
	andi. %r9, %r9, UART_RECEIVED
	std %r9, 0(%r4)
	li %r3, OPAL_SUCCESS
	beqlr
	li %r8, UART
	lbzcix %r9, %r10, %r8
	stb %r9, 0(%r5)
	blr

	/* r3 = PIR, r4 = where it begins */
start_cpu:
	li %r5, calling - zero
	std %r3, 8(%r5)
	lwsync
	std %r4, 0(%r5)
	li %r3, OPAL_SUCCESS
	blr

	/* A request of four bytes: network function, sequence, command, data. */
power_down:
	put BT_CONTROL, BT_CLEAR_WRITE
	put BT_BUFFER, 4
	put BT_BUFFER, IPMI_CHASSIS << 2
	put BT_BUFFER, 0
	put BT_BUFFER, IPMI_CHASSIS_CONTROL
	put BT_BUFFER, IPMI_POWER_DOWN
	put BT_CONTROL, BT_TO_BMC
	li %r3, OPAL_SUCCESS
	blr

no_image:
	ports %r10
	li %r4, no_image_bytes - zero
	li %r5, no_image_words - zero
	bl console_write
	bl power_down
	b .

	.balign 8
calling:	/* where a CPU is to begin, 0: none; its PIR */
	.quad 0, 0
no_image_bytes:
	.quad no_image_end - no_image_words
no_image_words:
	.ascii "tenure: cannot start: there is no ELF file at 0x20000000 (-kernel)\r\n"
	.ascii "tenure: end status=70 reason=cannot-start\r\n"
no_image_end:
