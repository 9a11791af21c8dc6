/* SPDX-License-Identifier: BSD-2-Clause */
/* The scan of PCI functions, the sizes of BARs, and the search for free places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/console.h"
#include "hv/pci.h"
#include "tests/unit/pci_devices.h"

static int begin(void **state)
{
	(void)state;
	fake_reset(&(struct fake_config){ .cpus = 1 });
	console_reset();
	return 0;
}

static void what_is_there(void **state)
{
	(void)state;
	pci_add_display(FRAMEBUFFER_AT);
	pci_add_shared();
	pci_scan();
	assert_non_null(pci_function(1));
	assert_null(pci_function(2));
	struct pci_function *f = pci_find(0x1234, 0x1111, 0);
	assert_ptr_equal(f, pci_function(0));
	assert_null(pci_find(0x1234, 0x1111, 1));
	assert_null(pci_find(0x1234, 0x1110, 0));
	assert_int_equal(f->bdf, DISPLAY_BDF);
	assert_int_equal(f->class, 0x030000);
	assert_int_equal(f->bars[0].bytes, FRAMEBUFFER_BYTES);
	assert_int_equal(f->bars[0].base.v, FRAMEBUFFER_AT);
	assert_true(f->bars[0].wide && f->bars[0].prefetch && !f->bars[0].io);
	assert_int_equal(f->bars[1].bytes, 0);
	assert_int_equal(f->bars[2].bytes, PAGE_SIZE);
	f = pci_find(0x1af4, 0x1110, 0);
	assert_int_equal(f->bars[0].bytes, 256);
	assert_false(f->bars[0].wide || f->bars[0].prefetch);
	assert_int_equal(f->bars[2].bytes, SHARED_BYTES);
	/* Sizing has left everything as it was. */
	assert_int_equal(pci_bar_at(DISPLAY_BDF, 0), FRAMEBUFFER_AT);
	assert_true(pci_decodes(DISPLAY_BDF));
	pci_print();
	assert_non_null(strstr(fake_console(), "00:02.0 1234:1111 class 030000\r\n"
					       "  BAR 0: memory at 0x4000000000, 0x1000000 bytes, "
					       "64 bit, prefetchable\r\n"));
}

static void ports_and_huge_bars(void **state)
{
	struct fake_pci f = pci_device(1, 2, 0x020000);

	(void)state;
	f.word[4] = 0xc001;
	f.writable[4] = 0xffc0; /* 64 ports */
	pci_wide_bar(&f, 1, UINT64_C(1) << 40, UINT64_C(1) << 33);
	f.word[8] = 0x10000008; /* the fifth, 32 bits */
	f.writable[8] = 0xfff00000;
	fake_pci_add(0x20, &f);
	pci_scan();
	const struct pci_bar *b = pci_function(0)->bars;
	pci_print();
	assert_non_null(strstr(fake_console(), "BAR 0: ports at 0xc000, 0x40 bytes\r\n"));
	assert_true(b[0].io);
	assert_int_equal(b[0].bytes, 64);
	assert_int_equal(b[0].bus, 0xc000);
	assert_int_equal(b[1].bytes, UINT64_C(1) << 33);
	assert_int_equal(b[1].bus, UINT64_C(1) << 40);
	assert_int_equal(b[1].base.v, 0); /* no window shows it */
	assert_int_equal(b[4].bytes, 1 << 20);
	assert_int_equal(b[4].bus, 0x10000000);
	hpa_t place;
	assert_int_equal(pci_bar_find_place(pci_function(0), 0, &place), UNSUPPORTED);
	assert_int_equal(pci_bar_find_place(pci_function(0), 3, &place), UNSUPPORTED);
	assert_int_equal(pci_bar_find_place(pci_function(0), 6, &place), UNSUPPORTED);
	assert_int_equal(pci_bar_find_place(pci_function(0), 1, &place), NOT_FOUND); /* too large */
	assert_int_equal(pci_bar_find_place(pci_function(0), 4, &place), NOT_FOUND); /* not wide */
}

static void functions_and_bridges(void **state)
{
	struct fake_pci bridge = pci_device(3, 4, 0x060400), f = pci_device(5, 6, 0x010000);
	struct fake_pci host = pci_device(7, 8, 0x060000);
	hpa_t place;

	(void)state;
	host.writable[4] = 0xfffff000; /* is not probed */
	fake_pci_add(0, &host);
	bridge.word[3] = 0x00010000; /* header: a bridge */
	bridge.word[6] = 0x00050500; /* bus 5 is behind it */
	bridge.word[8] = 0x0000fff0; /* no memory window: limit below base */
	/* Prefetchable: the first 128 MiB of the window. */
	bridge.word[9] = 0x07f10001;
	bridge.word[10] = bridge.word[11] = 0x40;
	fake_pci_add(0x08, &bridge);
	f.word[3] = 0x00800000; /* several functions */
	pci_wide_bar(&f, 0, FAKE_DEVICE_BASE + 32 * MIB, MIB);
	fake_pci_add(0x500, &f);
	fake_pci_add(0x503, &f);
	pci_add_display(FAKE_DEVICE_BASE + 128 * MIB);
	pci_scan();
	assert_int_equal(pci_function(0)->bars[0].bytes, 0);
	assert_int_equal(pci_find(5, 6, 0)->bdf, 0x500);
	assert_int_equal(pci_find(5, 6, 1)->bdf, 0x503);
	assert_null(pci_function(5));
	/* What is behind a bridge stays in its window; what is not stays out of it. */
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 33 * MIB);
	assert_int_equal(pci_bar_find_place(pci_find(0x1234, 0x1111, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 144 * MIB);
}

/* A prefetchable window is for prefetchable BARs, and a bridge behind a bridge has its part. */
static void windows_behind_bridges(void **state)
{
	struct fake_pci bridge = pci_device(3, 4, 0x060400), f = pci_device(5, 6, 0x010000);
	hpa_t place;

	(void)state;
	bridge.word[3] = 0x00010000;
	bridge.word[6] = 0x00020100; /* buses 1 to 2 */
	bridge.word[8] = 0x0000fff0; /* no memory window */
	bridge.word[9] = 0x00310001; /* prefetchable: 4 MiB */
	bridge.word[10] = bridge.word[11] = 0x40;
	fake_pci_add(0x08, &bridge);
	bridge.word[6] = 0x00020201; /* behind it, bus 2: its first 2 MiB */
	bridge.word[9] = 0x00110001;
	fake_pci_add(0x100, &bridge);
	pci_wide_bar(&f, 0, 0, MIB);
	pci_wide_bar(&f, 2, 0, MIB);
	f.word[6] &= ~0x8u; /* reading has an effect */
	fake_pci_add(0x108, &f);
	fake_pci_add(0x200, &f);
	pci_scan();
	struct pci_function *outer = pci_find(5, 6, 0), *inner = pci_find(5, 6, 1);
	assert_int_equal(outer->bdf, 0x108);
	assert_int_equal(pci_bar_find_place(outer, 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 2 * MIB);
	assert_int_equal(pci_bar_find_place(outer, 2, &place), NOT_FOUND);
	assert_int_equal(pci_bar_find_place(inner, 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE);
	pci_bar_place(inner, 0, place);
	assert_int_equal(pci_bar_find_place(inner, 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + MIB);
	pci_bar_place(inner, 0, place);
	assert_int_equal(pci_bar_find_place(inner, 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE); /* round again, not out of its window */
}

/* Bridges beside each other, one that nobody has numbered, and one that says more than it has. */
static void bridges_beside_each_other(void **state)
{
	struct fake_pci bridge = pci_device(3, 4, 0x060400), f = pci_device(5, 6, 0x010000);
	hpa_t place;

	(void)state;
	bridge.word[3] = 0x00010000;
	bridge.word[6] = 0x00010100; /* bus 1: 16 MiB at 64 MiB */
	bridge.word[8] = 0x0000fff0;
	bridge.word[9] = 0x04f10401;
	bridge.word[10] = bridge.word[11] = 0x40;
	fake_pci_add(0x20, &bridge);
	bridge.word[6] = 0x00020200; /* bus 2: the first 16 MiB */
	bridge.word[9] = 0x00f10001;
	fake_pci_add(0x28, &bridge);
	bridge.word[6] = 0; /* 16 MiB at 128 MiB */
	bridge.word[9] = 0x08f10801;
	fake_pci_add(0x30, &bridge);
	bridge.word[6] = 0x00030300; /* bus 3: from below the window of the host's to beyond it */
	bridge.word[9] = 0x1ff1fff1;
	bridge.word[10] = 0x3f;
	pci_wide_bar(&f, 0, FAKE_DEVICE_BASE, MIB);
	fake_pci_add(0x200, &f);
	pci_wide_bar(&f, 0, FAKE_DEVICE_BASE + 79 * MIB, MIB);
	fake_pci_add(0x100, &f);
	pci_add_display(FAKE_DEVICE_BASE + 112 * MIB);
	pci_scan();
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 1), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + MIB);
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 65 * MIB); /* behind the registers */
	/* What no bus number says to be behind a bridge is not. */
	assert_int_equal(pci_bar_find_place(pci_find(0x1234, 0x1111, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 144 * MIB);

	fake_reset(&(struct fake_config){ .cpus = 1 });
	fake_pci_add(0x20, &bridge);
	pci_wide_bar(&f, 0, FAKE_DEVICE_BASE + FAKE_DEVICE_BYTES - MIB, MIB);
	fake_pci_add(0x300, &f);
	pci_scan();
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE);
}

/* Two windows of one segment: what has no room in the one goes to the other, and back. */
static void two_windows(void **state)
{
	struct fake_pci low = pci_device(1, 1, 0x040000), high = pci_device(2, 2, 0x040000);
	struct fake_pci all = pci_device(3, 3, 0x040000);
	hpa_t place;

	(void)state;
	fake_reset(&(struct fake_config){ .cpus = 1, .more_bridges = true });
	low.word[4] = (uint32_t)FAKE_LOW_BUS;
	low.writable[4] = ~((uint32_t)FAKE_SMALL_BYTES - 1);
	low.word[5] = (uint32_t)FAKE_OTHER_BUS; /* 128 MiB stick out of the window */
	low.writable[5] = 0xf8000000;
	fake_pci_add(0x10008, &low);
	pci_wide_bar(&high, 0, FAKE_HIGH_BUS, FAKE_SMALL_BYTES);
	pci_wide_bar(&high, 2, 0, MIB);
	fake_pci_add(0x20008, &high);
	pci_scan();
	struct pci_function *f = pci_find(1, 1, 0), *g = pci_find(2, 2, 0);
	assert_int_equal(f->bars[0].base.v, FAKE_LOW_BASE);
	assert_int_equal(f->bars[1].base.v, 0);
	assert_int_equal(pci_bar_find_place(f, 0, &place), OK);
	assert_int_equal(place.v, FAKE_SECOND_BASE);
	pci_bar_place(f, 0, place);
	assert_int_equal(fake_pci(0x10008)->word[4], FAKE_OTHER_BUS);
	assert_int_equal(pci_bar_find_place(f, 0, &place), OK);
	assert_int_equal(place.v, FAKE_LOW_BASE);

	assert_int_equal(g->bars[0].base.v, FAKE_HIGH_BASE);
	assert_int_equal(pci_bar_find_place(g, 0, &place), OK);
	assert_int_equal(place.v, FAKE_THIRD_BASE);
	pci_bar_place(g, 0, place);
	assert_int_equal(pci_bar_at(0x20008, 0) & ~UINT64_C(0xf), FAKE_OTHER_BUS);
	pci_bar_place(g, 0, hpa(FAKE_HIGH_BASE));
	assert_int_equal(pci_bar_at(0x20008, 0) & ~UINT64_C(0xf), FAKE_HIGH_BUS);
	/* Nothing is left, nor behind the last address. */
	pci_wide_bar(&all, 0, FAKE_OTHER_BUS, FAKE_OTHER_BYTES);
	fake_pci_add(0x20010, &all);
	pci_scan();
	assert_int_equal(pci_bar_find_place(pci_find(2, 2, 0), 2, &place), NOT_FOUND);
}

/* Of its own segment a ROM and a bridge are in the way, of no other. */
static void in_the_way_in_a_segment(void **state)
{
	struct fake_pci bridge = pci_device(3, 4, 0x060400), f = pci_device(5, 6, 0x010000);
	struct fake_pci rom = pci_device(7, 8, 0x030000);
	hpa_t place;

	(void)state;
	fake_reset(&(struct fake_config){ .cpus = 1, .more_bridges = true });
	bridge.word[3] = 0x00010000;
	bridge.word[6] = 0x00010100;
	bridge.word[8] = 0x81108110; /* 1 MiB from 17 MiB on */
	bridge.word[9] = 0x0000fff1;
	fake_pci_add(0x08, &bridge);
	bridge.word[8] = 0x82108210; /* ... from 33 MiB on */
	fake_pci_add(0x10008, &bridge);
	rom.word[12] = (uint32_t)FAKE_OTHER_BUS | 1;
	fake_pci_add(0x10010, &rom);
	f.writable[4] = 0xfff00000;
	fake_pci_add(0x10018, &f);
	fake_pci_add(0x10100, &f); /* behind the bridge */
	fake_pci_add(0x20018, &f);
	pci_scan();
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_SECOND_BASE + 16 * MIB);
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 1), 0, &place), OK);
	assert_int_equal(place.v, FAKE_SECOND_BASE + 33 * MIB);
	assert_int_equal(pci_bar_find_place(pci_find(5, 6, 2), 0, &place), OK);
	assert_int_equal(place.v, FAKE_THIRD_BASE);
}

/* What a device cannot mean is left alone. */
static void broken_devices(void **state)
{
	struct fake_pci f = pci_device(1, 2, 0x020000), card = pci_device(1, 3, 0x060700);

	(void)state;
	f.word[4] = 0x10000000;
	f.writable[4] = 0xfff0f000; /* no power of two */
	f.word[5] = 0x20000000;
	f.writable[5] = 0xffffffff; /* all ones: nobody answers */
	f.word[9] = 0x30000004;
	f.writable[9] = 0xfff00000; /* the last says that another half follows */
	fake_pci_add(0x20, &f);
	card.word[3] = 0x00020000; /* a CardBus bridge: its header is another */
	card.word[4] = 0x10000000;
	card.writable[4] = 0xfffff000;
	fake_pci_add(0x28, &card);
	pci_scan();
	const struct pci_bar *b = pci_function(0)->bars;
	assert_int_equal(b[0].bytes, 0);
	assert_int_equal(b[1].bytes, 0);
	assert_int_equal(b[5].bytes, MIB);
	assert_false(b[5].wide);
	assert_int_equal(pci_find(1, 3, 0)->bars[0].bytes, 0);
}

/* More functions than there is room for, and more windows of bridges. */
static void too_many(void **state)
{
	struct fake_pci bridge = pci_device(3, 4, 0x060400);
	hpa_t place;

	(void)state;
	bridge.word[3] = 0x00810000; /* of several functions */
	bridge.word[6] = 0x00010100;
	bridge.word[8] = 0x10001000;
	bridge.word[9] = 0x00010001; /* its first MiB */
	bridge.word[10] = bridge.word[11] = 0x40;
	pci_add_display(FAKE_DEVICE_BASE + 128 * MIB);
	for (uint32_t i = 0; i < 71; i++)
		fake_pci_add(0x18 + i, &bridge);
	pci_scan();
	assert_non_null(pci_function(PCI_MAX_FUNCTIONS - 1));
	assert_null(pci_function(PCI_MAX_FUNCTIONS));
	assert_int_equal(pci_bar_find_place(pci_function(0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 144 * MIB);
}

/* A host bridge of its own: its functions have other addresses than the host has for them. */
static void another_segment(void **state)
{
	struct fake_pci f = pci_device(9, 9, 0x040000);
	unsigned bar;
	hpa_t place;

	(void)state;
	fake_reset(&(struct fake_config){ .cpus = 1, .more_bridges = true });
	pci_add_display(FRAMEBUFFER_AT);
	f.word[4] = (uint32_t)FAKE_OTHER_BUS + 0x100000;
	f.writable[4] = 0xfff00000; /* 32 bits, 1 MiB, placed by firmware */
	f.word[5] = 0x10000000;	    /* placed where no window shows it: as good as not */
	f.writable[5] = 0xfff00000;
	fake_pci_add(0x10010, &f);
	pci_scan();
	struct pci_function *g = pci_find(9, 9, 0);
	assert_non_null(g);
	assert_int_equal(g->bdf, 0x10010);
	assert_int_equal(g->bars[0].base.v, FAKE_SECOND_BASE + MIB);
	assert_int_equal(g->bars[0].bus, FAKE_OTHER_BUS + MIB);
	assert_int_equal(g->bars[1].base.v, 0);
	assert_int_equal(pci_assign(g, 1, &bar), OK);
	assert_int_equal(g->bars[1].base.v, FAKE_SECOND_BASE);
	assert_int_equal(fake_pci(0x10010)->word[5], FAKE_OTHER_BUS);
	/* Its own segment's places are in use, no other's. */
	fake_pci_add(0x20010, &f);
	pci_scan();
	g = pci_find(9, 9, 1);
	assert_non_null(g);
	assert_int_equal(g->bars[0].base.v, FAKE_THIRD_BASE + MIB);
	assert_int_equal(pci_bar_find_place(g, 1, &place), OK);
	assert_int_equal(place.v, FAKE_THIRD_BASE);
	g = pci_find(9, 9, 0);
	assert_int_equal(pci_bar_find_place(g, 0, &place), OK);
	assert_int_equal(place.v, FAKE_SECOND_BASE + 2 * MIB);
	assert_int_equal(pci_bar_find_place(pci_find(0x1234, 0x1111, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 16 * MIB);
	pci_print();
	assert_non_null(strstr(fake_console(), "0001:00:02.0 0009:0009 class 040000"));
	assert_non_null(strstr(fake_console(), "BAR 1: memory at 0x6000000000"));
}

static void bars_move(void **state)
{
	uint64_t other = FAKE_DEVICE_BASE + 16 * MIB;
	hpa_t place;

	(void)state;
	pci_add_display(FRAMEBUFFER_AT);
	pci_scan();
	struct pci_function *f = pci_function(0);
	assert_int_equal(pci_bar_find_place(f, 0, &place), OK);
	assert_int_equal(place.v, other);
	pci_bar_place(f, 0, place);
	assert_int_equal(pci_bar_at(DISPLAY_BDF, 0), other);
	assert_int_equal(f->bars[0].base.v, other);
	assert_true(pci_decodes(DISPLAY_BDF));
	pci_decode(f, false);
	assert_false(pci_decodes(DISPLAY_BDF));
	/* The registers are at 64 MiB: those 16 MiB are not free, wherever the search begins. */
	pci_bar_place(f, 0, hpa(FAKE_DEVICE_BASE + 48 * MIB));
	assert_int_equal(pci_bar_find_place(f, 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 80 * MIB);
	/* From the last place it goes on at the beginning of the window. */
	pci_bar_place(f, 0, hpa(FAKE_DEVICE_BASE + FAKE_DEVICE_BYTES - 16 * MIB));
	assert_int_equal(pci_bar_find_place(f, 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE);
}

static void a_full_window(void **state)
{
	struct fake_pci f = pci_device(9, 9, 0x040000);
	hpa_t place;

	(void)state;
	pci_add_display(FRAMEBUFFER_AT);
	pci_wide_bar(&f, 0, FAKE_DEVICE_BASE + 128 * MIB, 128 * MIB);
	fake_pci_add(0x40, &f);
	pci_scan();
	assert_int_equal(pci_bar_find_place(pci_find(9, 9, 0), 0, &place), NOT_FOUND);
	assert_int_equal(pci_bar_find_place(pci_find(0x1234, 0x1111, 0), 0, &place), OK);
	assert_int_equal(place.v, FAKE_DEVICE_BASE + 16 * MIB);
}

/* Where no firmware was, all BARs of a function get places before its decode goes on. */
static void bars_without_a_place(void **state)
{
	struct fake_pci f = pci_device(9, 9, 0x040000), narrow = pci_device(8, 8, 0x040000);
	unsigned bar = 9;

	(void)state;
	pci_wide_bar(&f, 0, 0, 16 * MIB);
	pci_wide_bar(&f, 2, 0, MIB);
	pci_wide_bar(&f, 4, FAKE_DEVICE_BASE, 4 * MIB);
	f.word[1] = 0;
	fake_pci_add(0x40, &f);
	narrow.writable[4] = 0xfff00000; /* 32 bits, and the window lies above */
	narrow.word[5] = 0xc001;	 /* ports have a place, or none, of their own */
	narrow.writable[5] = 0xffc0;
	fake_pci_add(0x48, &narrow);
	pci_scan();
	assert_int_equal(pci_assign(pci_find(9, 9, 0), 0, &bar), OK);
	assert_int_equal(bar, 9);
	assert_int_equal(pci_bar_at(0x40, 0), FAKE_DEVICE_BASE + 16 * MIB);
	assert_int_equal(pci_bar_at(0x40, 2), FAKE_DEVICE_BASE + 4 * MIB);
	assert_int_equal(pci_bar_at(0x40, 4), FAKE_DEVICE_BASE); /* it had one, and keeps it */
	assert_true(pci_decodes(0x40));
	assert_int_equal(pci_assign(pci_find(8, 8, 0), 0, &bar), NOT_FOUND);
	assert_int_equal(bar, 0);
	bar = 9; /* nobody wants it, but its decode cannot go on without a place for it */
	assert_int_equal(pci_assign(pci_find(8, 8, 0), 1, &bar), NOT_FOUND);
	assert_int_equal(bar, 0);
	/* What firmware placed where no window shows it may stay there, if nobody wants it. */
	narrow.word[4] = 0x10000000;
	fake_pci_add(0x50, &narrow);
	pci_scan();
	bar = 9;
	assert_int_equal(pci_assign(pci_find(8, 8, 1), 1, &bar), OK);
	assert_int_equal(bar, 9);
	assert_int_equal(pci_assign(pci_find(8, 8, 1), 0, &bar), NOT_FOUND);
	assert_int_equal(bar, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_there, begin),
		cmocka_unit_test_setup(ports_and_huge_bars, begin),
		cmocka_unit_test_setup(functions_and_bridges, begin),
		cmocka_unit_test_setup(windows_behind_bridges, begin),
		cmocka_unit_test_setup(bridges_beside_each_other, begin),
		cmocka_unit_test_setup(two_windows, begin),
		cmocka_unit_test_setup(in_the_way_in_a_segment, begin),
		cmocka_unit_test_setup(broken_devices, begin),
		cmocka_unit_test_setup(too_many, begin),
		cmocka_unit_test_setup(another_segment, begin),
		cmocka_unit_test_setup(bars_move, begin),
		cmocka_unit_test_setup(a_full_window, begin),
		cmocka_unit_test_setup(bars_without_a_place, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
