/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI reader over tables that the test lays into a small physical memory: good ones are
 * understood, and each kind of damage is refused without a byte outside being read (ASan guards
 * the memory's end).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/acpi.h"
#include "arch/x86/pci.h"

#define BASE UINT64_C(0x1000)
#define BYTES 0x4000u
#define RSDP 0x1000u
#define XSDT 0x1100u
#define RSDT 0x1200u
#define MADT 0x1300u
#define MCFG 0x2000u
#define HPET 0x2100u
#define FADT 0x2200u
#define DSDT 0x2400u

static unsigned char *memory; /* exactly BYTES, so that ASan sees the end */
static struct acpi found;

const void *acpi_memory(uint64_t address, uint64_t bytes)
{
	if (address < BASE || bytes > BYTES || address - BASE > BYTES - bytes)
		return NULL;
	return memory + (address - BASE);
}

/* What the linked files call besides. */
_Noreturn void hv_stop(const char *what, uint64_t pc, uint64_t detail)
{
	(void)pc, (void)detail;
	fprintf(stderr, "%s\n", what);
	abort();
}

void arch_cpu_relax(void) {}

enum result hv_guest_read(struct vcpu *v, gpa_t from, void *to, size_t bytes)
{
	(void)v, (void)from, (void)to, (void)bytes;
	return NO_MEMSLOT;
}

enum result hv_guest_write(struct vcpu *v, gpa_t to, const void *from, size_t bytes)
{
	(void)v, (void)to, (void)from, (void)bytes;
	return NO_MEMSLOT;
}

static unsigned char *at(uint64_t address)
{
	return memory + (address - BASE);
}

static void put(uint64_t address, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at(address)[i] = (unsigned char)(value >> 8 * i);
}

static void fix_sum(uint64_t address, unsigned bytes, unsigned where)
{
	unsigned char sum = 0;

	at(address)[where] = 0;
	for (unsigned i = 0; i < bytes; i++)
		sum = (unsigned char)(sum + at(address)[i]);
	at(address)[where] = (unsigned char)(0x100 - sum);
}

/* Writes the header; the body is there already. */
static void table(uint64_t address, const char *name, uint32_t bytes)
{
	memcpy(at(address), name, 4);
	put(address + 4, bytes, 4);
	fix_sum(address, bytes, 9);
}

static void rsdp(unsigned revision)
{
	memcpy(at(RSDP), "RSD PTR ", 8);
	at(RSDP)[15] = (unsigned char)revision;
	put(RSDP + 16, RSDT, 4);
	put(RSDP + 20, 36, 4);
	put(RSDP + 24, XSDT, 8);
	fix_sum(RSDP, 20, 8);
	fix_sum(RSDP, 36, 32);
}

static void madt(void)
{
	static const unsigned char entries[] = {
		0, 8,  0, 0, 1, 0, 0,	 0,		   /* CPU, id 0, enabled */
		0, 8,  1, 4, 1, 0, 0,	 0,		   /* id 4, enabled */
		0, 8,  2, 5, 2, 0, 0,	 0,		   /* id 5, only online-capable */
		1, 12, 0, 0, 0, 0, 0,	 0,    0, 0, 0, 0, /* an I/O APIC */
		9, 16, 0, 0, 0, 1, 0,	 0,    1, 0, 0, 0, 0, 0, 0, 0, /* x2APIC id 256 */
		0, 8,  3, 4, 1, 0, 0,	 0,			       /* id 4 a second time */
		5, 12, 0, 0, 0, 0, 0xe0, 0xfe, 1, 0, 0, 0,	       /* the APIC lies elsewhere */
	};

	put(MADT + 36, 0xfee00000, 4);
	memcpy(at(MADT + 44), entries, sizeof entries);
	table(MADT, "APIC", 44 + sizeof entries);
}

static int set_up(void **state)
{
	static const unsigned char s5[] = { 0x08, '_',	'S',  '5', '_', 0x12, 0x06,
					    0x04, 0x0a, 0x05, 0,   0,	0 };

	(void)state;
	memory = calloc(1, BYTES);
	rsdp(2);
	put(XSDT + 36, MADT, 8);
	put(XSDT + 44, MCFG, 8);
	put(XSDT + 52, HPET, 8);
	put(XSDT + 60, FADT, 8);
	table(XSDT, "XSDT", 68);
	put(RSDT + 36, MADT, 4);
	table(RSDT, "RSDT", 40);
	madt();
	put(MCFG + 44, 0xb0000000, 8);
	put(MCFG + 44 + 10, 0xff00, 2);
	table(MCFG, "MCFG", 60);
	put(HPET + 44, 0xfed00000, 8);
	table(HPET, "HPET", 56);
	put(FADT + 40, DSDT, 4);
	put(FADT + 64, 0x604, 4);
	table(FADT, "FACP", 244);
	memcpy(at(DSDT + 40), s5, sizeof s5);
	table(DSDT, "DSDT", 64);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static void good_tables(void **state)
{
	(void)state;
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.refused, 0);
	assert_int_equal(found.cpu_count, 3);
	assert_int_equal(found.apic_id[0], 0);
	assert_int_equal(found.apic_id[1], 4);
	assert_int_equal(found.apic_id[2], 256);
	assert_int_equal(found.lapic, UINT64_C(0x1fee00000));
	assert_int_equal(found.hpet, 0xfed00000);
	assert_int_equal(found.ecam_count, 1);
	assert_int_equal(found.ecam[0].base, 0xb0000000);
	assert_int_equal(found.ecam[0].last_bus, 255);
	assert_true(found.power_off);
	assert_int_equal(found.pm1a_control, 0x604);
	assert_int_equal(found.sleep_type, 5);
}

static void old_root_pointer_leads_to_rsdt(void **state)
{
	(void)state;
	rsdp(0);
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.cpu_count, 3);
	assert_int_equal(found.ecam_count, 0);
}

static void root_pointer_refused(void **state)
{
	(void)state;
	assert_non_null(acpi_read(0, &found));
	assert_non_null(acpi_read(BASE + BYTES - 10, &found));
	at(RSDP)[0] ^= 1;
	assert_non_null(acpi_read(RSDP, &found));
	rsdp(2);
	at(RSDP)[8]++; /* the first sum */
	assert_non_null(acpi_read(RSDP, &found));
	rsdp(2);
	at(RSDP)[32]++; /* the second sum */
	assert_non_null(acpi_read(RSDP, &found));
	rsdp(2);
	put(RSDP + 24, BASE + BYTES - 8, 8);
	fix_sum(RSDP, 36, 32);
	assert_non_null(acpi_read(RSDP, &found));
	assert_int_equal(found.cpu_count, 0);
}

static void root_table_refused(void **state)
{
	(void)state;
	at(XSDT)[9]++;
	assert_non_null(acpi_read(RSDP, &found));
	table(XSDT, "XXXX", 68);
	assert_non_null(acpi_read(RSDP, &found));
	table(XSDT, "XSDT", 68);
	put(XSDT + 4, 35, 4); /* shorter than a header */
	assert_non_null(acpi_read(RSDP, &found));
	put(XSDT + 4, 0xffffffff, 4);
	assert_non_null(acpi_read(RSDP, &found));
}

static void damaged_table_left_out(void **state)
{
	(void)state;
	at(MADT)[50]++; /* its sum is wrong now */
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.refused, 1);
	assert_int_equal(found.cpu_count, 0);
	assert_int_equal(found.hpet, 0xfed00000);
	put(XSDT + 36, BASE + BYTES - 4, 8); /* beyond memory */
	table(XSDT, "XSDT", 68);
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.refused, 1);
}

static void madt_entries_bounded(void **state)
{
	(void)state;
	/* An entry of length 0 would be looked at for ever; one too long reaches outside. */
	at(MADT + 52)[1] = 0;
	table(MADT, "APIC", 44 + 76);
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.cpu_count, 1);
	assert_int_equal(found.refused, 1);
	madt();
	at(MADT + 52)[1] = 200;
	table(MADT, "APIC", 44 + 76);
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.cpu_count, 1);
	assert_int_equal(found.refused, 1);
	/* Too short to have a body at all. */
	table(MADT, "APIC", 40);
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.cpu_count, 0);
}

static void more_cpus_than_we_use(void **state)
{
	unsigned n = ARCH_MAX_CPUS + 3;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		put(MADT + 44 + 8 * i, 0x0800, 4);
		at(MADT + 44 + 8 * i)[0] = 0;
		at(MADT + 44 + 8 * i)[1] = 8;
		at(MADT + 44 + 8 * i)[3] = (unsigned char)i;
		put(MADT + 48 + 8 * i, 1, 4);
	}
	table(MADT, "APIC", 44 + 8 * n);
	assert_null(acpi_read(RSDP, &found));
	assert_int_equal(found.cpu_count, ARCH_MAX_CPUS);
	assert_int_equal(found.cpus_left_off, 3);
}

static void no_power_off_without_s5(void **state)
{
	(void)state;
	at(DSDT + 41)[1] = 'X';
	table(DSDT, "DSDT", 64);
	assert_null(acpi_read(RSDP, &found));
	assert_false(found.power_off);
	/* The name at the very end: the package behind it is not there. */
	memcpy(at(DSDT + 58), "\x08_S5_\x12", 6);
	table(DSDT, "DSDT", 64);
	assert_null(acpi_read(RSDP, &found));
	assert_false(found.power_off);
	/* A port that is none. */
	tear_down(state);
	set_up(state);
	put(FADT + 64, 0x12345, 4);
	table(FADT, "FACP", 244);
	assert_null(acpi_read(RSDP, &found));
	assert_false(found.power_off);
}

/* The windows are the memory map's holes without configuration space and what is reserved. */
static void pci_windows(void **state)
{
	static struct bootinfo boot;
	struct pci_window w;
	uint64_t total = 0;

	(void)state;
	assert_null(acpi_read(RSDP, &found));
	boot.range_count = 4;
	boot.ranges[0] = (struct boot_range){ 0x1000, 0x9f000, BOOT_MEM_USABLE, 0 };
	boot.ranges[1] = (struct boot_range){ 0x100000, 0x1ff00000, BOOT_MEM_USABLE, 0 };
	boot.ranges[2] = (struct boot_range){ 0xb0000000, 0x10000000, BOOT_MEM_RESERVED, 0 };
	boot.ranges[3] =
		(struct boot_range){ UINT64_C(0x100000000), 0x40000000, BOOT_MEM_USABLE, 0 };
	pci_init(&boot, &found, 40);
	for (unsigned i = 0; arch_pci_window(i, &w); i++) {
		uint64_t end = w.base.v + w.bytes;

		total += w.bytes;
		assert_true(w.bytes > 0);
		assert_true(w.bus == w.base.v && w.segment == 0);
		assert_false(w.base.v < 0x20000000);
		assert_true(end <= 0xb0000000 || w.base.v >= 0xc0000000);
		assert_true(end <= 0xfec00000 || w.base.v >= UINT64_C(0x140000000));
		assert_true(end <= UINT64_C(0xfd00000000));
	}
	assert_int_equal(total, (0xb0000000 - 0x20000000) + (0xfec00000 - 0xc0000000) +
					(UINT64_C(0xfd00000000) - UINT64_C(0x140000000)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_root_pointer_leads_to_rsdt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(root_pointer_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(root_table_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_table_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(madt_entries_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_cpus_than_we_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_power_off_without_s5, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pci_windows, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
