/* SPDX-License-Identifier: BSD-2-Clause */
/* ppc64: host bridges as skiboot's tree names them, and PCI by the firmware's calls; the test is
 * the firmware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "arch/ppc64/opal.h"
#include "arch/ppc64/phb.h"

/* ---- The firmware ---------------------------------------------------------------------------- */

#define BRIDGE 7u /* its number, and that of its reserved error domain */
#define DOMAIN 255u
#define DEVICE 0x100u

static unsigned char port[4096], device[4096];
static unsigned calls, clears, opened; /* opened: the calls for the window of 64 bits, in order */
static int64_t answer;
static uint64_t refused_call;
static char said[128];

void hv_log(const char *format, ...)
{
	(void)snprintf(said, sizeof(said), "%s", format);
}

static unsigned char *space(uint64_t bdf)
{
	return bdf == 0 ? port : bdf == DEVICE ? device : NULL;
}

/* Configuration space is little-endian, an argument in memory big-endian. */
static int64_t access_space(uint64_t bdf, uint64_t at, unsigned bytes, uint64_t d, bool write)
{
	unsigned char *to = (unsigned char *)(uintptr_t)d, *s = space(bdf);

	for (unsigned i = 0; i < bytes; i++) {
		if (write && s != NULL)
			s[at + i] = (unsigned char)(d >> 8 * i);
		else if (!write)
			to[bytes - 1 - i] = s == NULL ? 0xff : s[at + i];
	}
	return answer;
}

/* What skiboot 7.0 says of the window of 64 bits of the first bridge. */
#define BASE_64 UINT64_C(0x6000000000000)
#define BYTES_64 UINT64_C(0x4000000000)

static int64_t window_64(uint64_t token, uint64_t b, uint64_t c, uint64_t d)
{
	assert_int_equal(token == 29 ? c : b, 2);
	assert_int_equal(token == 29 ? d : c, 1);
	assert_int_equal(opened, token == 28 ? 0 : token == 29 ? 1 : 2);
	opened++;
	return token == refused_call ? -1 : 0;
}

int64_t opal_call6(uint64_t token, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		   uint64_t f)
{
	assert_int_equal(a, BRIDGE);
	assert_true(token == 28 || token == 29);
	if (token == 28) {
		assert_true(d == BASE_64 && e == BASE_64 && f == BYTES_64);
	} else {
		assert_int_equal(b, DOMAIN);
		assert_int_equal(e, 0);
	}
	return window_64(token, b, c, d);
}

int64_t opal_call(uint64_t token, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	calls++;
	assert_int_equal(a, BRIDGE);
	switch (token) {
	case 13: return access_space(b, c, 1, d, false);
	case 14: return access_space(b, c, 2, d, false);
	case 15: return access_space(b, c, 4, d, false);
	case 16: return access_space(b, c, 1, d, true);
	case 17: return access_space(b, c, 2, d, true);
	case 18: return access_space(b, c, 4, d, true);
	case 27: assert_int_equal(d, 2); return window_64(token, b, c, d);
	case 26:
		assert_int_equal(b, DOMAIN);
		assert_int_equal(c, 3);
		clears++;
		return 0;
	default: fail_msg("a call of the firmware that nobody expects: %d", (int)token);
	}
	return -1;
}

/* ---- Its tree -------------------------------------------------------------------------------- */

static char tree[8192];

struct range {
	uint32_t kind;
	uint64_t bus, host, bytes;
};

/* What skiboot 7.0 says under QEMU 7.2 of its first bridge. */
static const struct range usual = { 0x02000000, 0x80000000, UINT64_C(0x600c000000000), 0x7fff0000 };

/* Of the next bridge; 0: the property is not there. */
static struct {
	uint64_t bus, host, bytes;
} wide;
static unsigned wide_cells = 6;

static void tree_begin(void)
{
	assert_int_equal(fdt_create(tree, sizeof(tree)), 0);
	assert_int_equal(fdt_finish_reservemap(tree), 0);
	assert_int_equal(fdt_begin_node(tree, ""), 0);
}

static void tree_end(void)
{
	assert_int_equal(fdt_end_node(tree), 0);
	assert_int_equal(fdt_finish(tree), 0);
}

static void pair(uint32_t *cells, uint64_t value)
{
	cells[0] = cpu_to_fdt32((uint32_t)(value >> 32));
	cells[1] = cpu_to_fdt32((uint32_t)value);
}

static void bridge(uint64_t id, const char *status, const struct range *r, unsigned ranges)
{
	static const char compatible[] = "ibm,power9-pciex\0ibm,ioda3-phb";
	uint32_t cells[28];

	for (unsigned i = 0; i < ranges; i++) {
		cells[7 * i] = cpu_to_fdt32(r[i].kind);
		pair(&cells[7 * i + 1], r[i].bus);
		pair(&cells[7 * i + 3], r[i].host);
		pair(&cells[7 * i + 5], r[i].bytes);
	}
	assert_int_equal(fdt_begin_node(tree, "pciex"), 0);
	assert_int_equal(fdt_property(tree, "compatible", compatible, sizeof(compatible)), 0);
	assert_int_equal(fdt_property_u64(tree, "ibm,opal-phbid", id), 0);
	assert_int_equal(fdt_property_u32(tree, "ibm,opal-reserved-pe", DOMAIN), 0);
	assert_int_equal(fdt_property(tree, "ranges", cells, (int)(28 * ranges)), 0);
	if (wide.bytes != 0) {
		pair(&cells[0], wide.bus);
		pair(&cells[2], wide.host);
		pair(&cells[4], wide.bytes);
		assert_int_equal(
			fdt_property(tree, "ibm,opal-m64-window", cells, (int)(4 * wide_cells)), 0);
		pair(cells, UINT64_C(0x10000001f)); /* from 1 to 31 */
		assert_int_equal(fdt_property(tree, "ibm,opal-available-m64-ranges", cells, 8), 0);
	}
	if (status != NULL)
		assert_int_equal(fdt_property_string(tree, "status", status), 0);
	assert_int_equal(fdt_end_node(tree), 0);
}

static void start(void)
{
	memset(port, 0, sizeof(port));
	memset(device, 0, sizeof(device));
	answer = 0;
	opened = 0;
	said[0] = '\0';
	tree_begin();
	bridge(BRIDGE, "okay", &usual, 1);
	tree_end();
	pci_init(tree);
	calls = clears = 0;
}

/* One bridge without a window of 64 bits, and all counters at zero behind pci_init. */
static int begin(void **state)
{
	(void)state;
	wide.bytes = refused_call = 0;
	start();
	return 0;
}

static int begin_wide(void **state)
{
	(void)begin(state);
	wide.bus = wide.host = BASE_64;
	wide.bytes = BYTES_64;
	wide_cells = 6;
	return 0;
}

static unsigned read_one(const struct range *r, unsigned ranges, struct phb *out)
{
	static struct phb phb[MAX_PHBS];

	tree_begin();
	bridge(BRIDGE, NULL, r, ranges);
	tree_end();
	unsigned count = phb_read(tree, phb);
	*out = phb[0];
	return count;
}

static void bridges_of_the_tree(void **state)
{
	static struct phb phb[MAX_PHBS];
	struct range second = usual;

	(void)state;
	second.host += UINT64_C(1) << 31;
	tree_begin();
	bridge(0, "okay", &usual, 1);
	bridge(1, "dead", &usual, 1);
	bridge(4, "disabled", &usual, 1);
	bridge(UINT64_C(0x500000002), NULL, &second, 1);
	tree_end();
	assert_int_equal(phb_read(tree, phb), 2);
	assert_int_equal(phb[0].id, 0);
	assert_int_equal(phb[0].reserved_pe, DOMAIN);
	assert_int_equal(phb[1].id, UINT64_C(0x500000002));
	assert_int_equal(phb[1].host, usual.host + (UINT64_C(1) << 31));
	assert_int_equal(phb[1].bus, 0x80000000);
	assert_int_equal(phb[1].bytes, 0x7ff00000); /* whole MiB */
	tree_begin();
	tree_end();
	assert_int_equal(phb_read(tree, phb), 0);
}

static void windows_are_checked(void **state)
{
	struct range r[3] = { usual, usual, usual };
	struct phb p;

	(void)state;
	r[0].kind = 0x01000000; /* ports */
	r[1].kind = 0x03000000; /* 64 bits */
	assert_int_equal(read_one(r, 2, &p), 0);
	assert_int_equal(read_one(r, 3, &p), 1);
	assert_int_equal(p.host, usual.host);
	r[0] = usual;
	r[0].bus += 0x10000; /* the rest of its first MiB is left out on both sides */
	r[0].bytes -= 0x10000;
	assert_int_equal(read_one(r, 1, &p), 1);
	assert_int_equal(p.bus, 0x80100000);
	assert_int_equal(p.host, usual.host + 0xf0000);
	assert_int_equal(p.bytes, 0x7fe00000);
	r[0].bytes = 0xf0000;
	assert_int_equal(read_one(r, 1, &p), 0);
	r[0] = usual;
	r[0].bytes = 0x80000001;
	assert_int_equal(read_one(r, 1, &p), 0);
	r[0].bytes = ~UINT64_C(0);
	assert_int_equal(read_one(r, 1, &p), 0);
	r[0] = usual;
	r[0].host = ~UINT64_C(0) << 20;
	assert_int_equal(read_one(r, 1, &p), 0);
	assert_int_equal(read_one(r, 0, &p), 0);
}

/* ---- Configuration space --------------------------------------------------------------------- */

static void root_ports_tell_the_truth(void **state)
{
	static const unsigned char window[8] = { 0x00, 0x80, 0xe0, 0xff, 0xf0, 0xff, 0x00, 0x00 };
	struct pci_window w;

	(void)state;
	/* [0x80000000, 0xfff00000), and no prefetchable one: its limit lies below its base. */
	assert_memory_equal(port + 0x20, window, sizeof(window));
	assert_int_equal(port[4], 6); /* memory, and the functions' own accesses */
	assert_true(arch_pci_window(0, &w));
	assert_int_equal(w.base.v, usual.host);
	assert_int_equal(w.bus, usual.bus);
	assert_int_equal(w.bytes, 0x7ff00000);
	assert_int_equal(w.segment, 0);
	assert_false(arch_pci_window(1, &w));
}

static void windows_of_64_bits(void **state)
{
	static const unsigned char window[12] = { 0x01, 0x00, 0xf1, 0xff, 0x00, 0x00,
						  0x06, 0x00, 0x3f, 0x00, 0x06, 0x00 };
	struct pci_window w;

	(void)state;
	start();
	assert_int_equal(opened, 3);
	assert_memory_equal(port + 0x24, window, sizeof(window)); /* prefetchable: all of it */
	assert_true(arch_pci_window(1, &w));
	assert_true(w.base.v == BASE_64 && w.bus == BASE_64 && w.bytes == BYTES_64);
	assert_int_equal(w.segment, 0);
	assert_false(arch_pci_window(2, &w));
	/* The firmware does not want to: it is said, and the other window stands. */
	for (refused_call = 27; refused_call <= 29; refused_call++) {
		start();
		assert_non_null(strstr(said, "64 bits"));
		assert_memory_equal(port + 0x24, "\xf0\xff\0\0", 4);
		assert_true(arch_pci_window(0, &w));
		assert_false(arch_pci_window(1, &w));
	}
}

static void windows_of_64_bits_are_checked(void **state)
{
	struct phb p;

	(void)state;
	assert_int_equal(read_one(&usual, 1, &p), 1);
	assert_true(p.bytes_64 == BYTES_64 && p.host_64 == BASE_64 && p.bus_64 == BASE_64);
	assert_int_equal(p.number_64, 1);
	wide.bus = UINT64_C(1) << 40; /* another address for the functions */
	assert_int_equal(read_one(&usual, 1, &p), 1);
	assert_true(p.bytes_64 == BYTES_64 && p.host_64 == BASE_64 && p.bus_64 == wide.bus);
	wide.bus = 0; /* where the functions have RAM */
	assert_int_equal(read_one(&usual, 1, &p), 1);
	assert_int_equal(p.bytes_64, 0);
	wide.bus = BASE_64 + (BYTES_64 >> 1);
	(void)read_one(&usual, 1, &p);
	assert_int_equal(p.bytes_64, 0);
	wide.bus = BASE_64;
	wide.host = 0;
	(void)read_one(&usual, 1, &p);
	assert_int_equal(p.bytes_64, 0);
	wide.host = BASE_64;
	wide.bytes = BYTES_64 - PAGE_SIZE;
	(void)read_one(&usual, 1, &p);
	assert_int_equal(p.bytes_64, 0);
	wide.bytes = PAGE_SIZE;
	(void)read_one(&usual, 1, &p);
	assert_int_equal(p.bytes_64, 0);
	wide.bytes = BYTES_64;
	wide_cells = 7;
	assert_int_equal(read_one(&usual, 1, &p), 1);
	assert_int_equal(p.bytes_64, 0);
}

static void words_are_turned_round(void **state)
{
	(void)state;
	memcpy(device, "\xf4\x1a\x10\x11\x02\x00\x10\x80", 8);
	assert_int_equal(arch_pci_read(DEVICE, 0, 4), 0x11101af4);
	assert_int_equal(arch_pci_read(DEVICE, 0, 2), 0x1af4);
	assert_int_equal(arch_pci_read(DEVICE, 2, 2), 0x1110);
	assert_int_equal(arch_pci_read(DEVICE, 7, 1), 0x80);
	arch_pci_write(DEVICE, 0x10, 4, 0x12345678);
	arch_pci_write(DEVICE, 0x14, 2, 0x9abc);
	arch_pci_write(DEVICE, 0x17, 1, 0xde);
	assert_memory_equal(device + 0x10, "\x78\x56\x34\x12\xbc\x9a\x00\xde", 8);
	assert_int_equal(clears, 0);
}

static void what_is_absent_reads_as_ones(void **state)
{
	(void)state;
	assert_int_equal(arch_pci_read(0x200, 0, 4), 0xffffffff);
	assert_int_equal(arch_pci_read(0x200, 0, 2), 0xffff);
	assert_int_equal(arch_pci_read(0x200, 0, 1), 0xff);
	assert_int_equal(clears, 3); /* the error that it was is cleared each time */
	answer = -6;
	assert_int_equal(arch_pci_read(DEVICE, 0, 4), 0xffffffff);
	assert_int_equal(calls, 7);
	/* No function, or no access: the firmware is not asked. */
	assert_int_equal(arch_pci_read(0x10000 | DEVICE, 0, 4), 0xffffffff);
	assert_int_equal(arch_pci_read(DEVICE, 4096, 4), 0xffffffff);
	assert_int_equal(arch_pci_read(DEVICE, 2, 4), 0xffffffff);
	assert_int_equal(arch_pci_read(DEVICE, 1, 2), 0xffff);
	assert_int_equal(arch_pci_read(DEVICE, 0, 3), 0xffffff);
	arch_pci_write(0x10000 | DEVICE, 0, 4, 0);
	arch_pci_write(DEVICE, 1, 2, 0);
	assert_int_equal(calls, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges_of_the_tree),
		cmocka_unit_test(windows_are_checked),
		cmocka_unit_test_setup(root_ports_tell_the_truth, begin),
		cmocka_unit_test_setup(windows_of_64_bits, begin_wide),
		cmocka_unit_test_setup(windows_of_64_bits_are_checked, begin_wide),
		cmocka_unit_test_setup(words_are_turned_round, begin),
		cmocka_unit_test_setup(what_is_absent_reads_as_ones, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
