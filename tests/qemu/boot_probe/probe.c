/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the hypervisor's place behind the loaders and looks whether what they hand over is what
 * boot/bootinfo.h and boot/handover_x86.h promise. One line a check; then what it was given, for
 * tests/qemu/test_boot.py to compare with what it put in.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/bootinfo.h"
#include "boot/bytes.h"
#include "boot/handover_x86.h"
#include "boot/memmap.h"
#include "boot/serial_x86.h"
#include "boot/words.h"

#define PRESENT 1u
#define WRITABLE 2u
#define LARGE 0x80u
#define NO_EXECUTE (UINT64_C(1) << 63)
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define EXIT_DONE 0x10u

extern char image_start[], image_end[], image_text_start[], image_text_end[];
extern char image_rodata_start[], image_rodata_end[], image_data_start[], image_data_end[];

_Noreturn void probe_main(const struct bootinfo *info, uint64_t stack, uint64_t flags);

static volatile uint64_t initialised = 0x1122334455667788;
static volatile unsigned char zeroed[100000];
static bool all_good = true;

static void check(const char *name, bool good)
{
	serial_write(good ? "ok " : "not ok ");
	serial_write(name);
	serial_write("\r\n");
	all_good = all_good && good;
}

static void say(const char *what, const char *name, const uint64_t *numbers, unsigned count)
{
	char text[256];
	struct words w = words_in(text, sizeof(text));

	words_add(&w, what);
	words_add(&w, " ");
	words_add(&w, name);
	for (unsigned i = 0; i < count; i++) {
		words_add(&w, " ");
		words_add_number(&w, numbers[i]);
	}
	words_add(&w, "\r\n");
	serial_write(text);
}

static const void *linear(uint64_t physical)
{
	return (const void *)(uintptr_t)(HANDOVER_LINEAR_BASE + physical);
}

static bool loaders(const struct bootinfo *info, uint64_t base, uint64_t size)
{
	return memmap_covers(info->ranges, info->range_count, base, size, BOOT_MEM_LOADER);
}

static uint64_t address(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

/* ---- The tables ---- */

struct seen {
	bool writable_code;	/* a page both writable and executable */
	bool executable_linear; /* anything executable in the linear map */
	bool wrong_linear;	/* a linear address that leads elsewhere */
	bool wrong_image;	/* an image page at a wrong place or with wrong permissions */
	bool stray;		/* a page that no promise names */
	bool table_not_loaders; /* a table outside BOOT_MEM_LOADER */
	uint64_t linear_bytes, image_pages, low_pages;
};

static void see_image(struct seen *s, const struct bootinfo *info, uint64_t at, uint64_t to,
		      bool write, bool execute)
{
	bool text = at >= address(image_text_start) && at < address(image_text_end);
	bool data = at >= address(image_data_start) && at < address(image_data_end);

	s->image_pages++;
	if (at < address(image_start) || at >= address(image_end))
		s->stray = true;
	if (to != info->image_base + (at - address(image_start)) || execute != text ||
	    write != data)
		s->wrong_image = true;
}

static void see_page(struct seen *s, const struct bootinfo *info, uint64_t at, uint64_t entry,
		     uint64_t bytes, bool write, bool execute)
{
	uint64_t to = entry & ADDRESS & ~(bytes - 1);

	if (write && execute)
		s->writable_code = true;
	if (at < UINT64_C(1) << 47) {
		s->low_pages += bytes / BOOT_PAGE;
		s->stray = s->stray || to != at || !execute;
	} else if (at >= HANDOVER_LINK_FLOOR) {
		see_image(s, info, at, to, write, execute);
	} else if (at - HANDOVER_LINEAR_BASE < HANDOVER_LINEAR_MAX) {
		s->linear_bytes += bytes;
		s->wrong_linear = s->wrong_linear || to != at - HANDOVER_LINEAR_BASE || !write;
		s->executable_linear = s->executable_linear || execute;
	} else {
		s->stray = true;
	}
}

/* Every present entry of the four levels, top down; permissions are the path's. */
static void see_table(struct seen *s, const struct bootinfo *info, uint64_t table, uint64_t base,
		      unsigned shift, bool write, bool execute)
{
	const uint64_t *entries = linear(table);

	s->table_not_loaders = s->table_not_loaders || !loaders(info, table, BOOT_PAGE);
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t e = entries[i];
		uint64_t at = base + (i << shift);
		bool w = write && (e & WRITABLE) != 0;
		bool x = execute && (e & NO_EXECUTE) == 0;

		if ((e & PRESENT) == 0)
			continue;
		if (shift == 39 && i >= 256)
			at |= UINT64_C(0xffff) << 48;
		if (shift == 12 || (shift < 39 && (e & LARGE) != 0))
			see_page(s, info, at, e, UINT64_C(1) << shift, w, x);
		else
			see_table(s, info, e & ADDRESS, at, shift - 9, w, x);
	}
}

static void check_tables(const struct bootinfo *info)
{
	uint64_t top = memmap_top(info->ranges, info->range_count);
	uint64_t image_pages = (address(image_end) - address(image_start)) / BOOT_PAGE;
	struct seen s = { .writable_code = false };
	uint64_t root;

	__asm__ volatile("mov %%cr3, %0" : "=r"(root));
	see_table(&s, info, root & ADDRESS, 0, 39, true, true);
	check("nothing is writable and executable", !s.writable_code);
	check("nothing in the linear map is executable", !s.executable_linear);
	check("linear addresses lead to their place", !s.wrong_linear);
	check("the linear map reaches the end of RAM", s.linear_bytes >= top);
	check("the linear map has 4 GiB at least", s.linear_bytes >= HANDOVER_LINEAR_MIN);
	check("the image has its place and permissions", !s.wrong_image);
	check("the image is whole", s.image_pages == image_pages);
	check("only the jump is mapped low", s.low_pages <= 2);
	check("nothing else is mapped", !s.stray);
	check("the tables are the loader's", !s.table_not_loaders);
}

/* ---- The rest of the state, and the structure ---- */

static void check_state(const struct bootinfo *info, uint64_t stack, uint64_t flags)
{
	uint64_t here = (uint64_t)(uintptr_t)info;
	uint64_t base = stack - HANDOVER_STACK_BYTES;
	uint32_t low, high;
	uint64_t cr0;
	bool zero = true;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080u));
	check("write protection is on", (cr0 >> 16 & 1) != 0);
	check("no-execute and long mode are on", (low & 0xc00) == 0xc00);
	check("interrupts are off", (flags & 0x200) == 0);
	check("the direction is up", (flags & 0x400) == 0);
	check("the stack is aligned", stack % 16 == 0);
	check("the stack is the loader's",
	      stack > HANDOVER_LINEAR_BASE &&
		      loaders(info, base - HANDOVER_LINEAR_BASE, HANDOVER_STACK_BYTES));
	check("bootinfo is the loader's",
	      here > HANDOVER_LINEAR_BASE &&
		      loaders(info, here - HANDOVER_LINEAR_BASE, sizeof(*info)));
	check("the image is the loader's", loaders(info, info->image_base, info->image_size));
	check("the image is within reach",
	      info->image_base < HANDOVER_IMAGE_END - info->image_size);
	for (size_t i = 0; i < sizeof(zeroed); i++)
		zero = zero && zeroed[i] == 0;
	check("data is loaded", initialised == 0x1122334455667788);
	check("the rest is zero", zero);
}

static void check_ranges(const struct bootinfo *info)
{
	bool aligned = true, sorted = true, known = true, merged = true;

	for (uint32_t i = 0; i < info->range_count && i < BOOT_MAX_RANGES; i++) {
		const struct boot_range *r = &info->ranges[i];
		uint64_t end = r->base + r->size;

		aligned = aligned && r->base % BOOT_PAGE == 0 && r->size % BOOT_PAGE == 0;
		sorted = sorted && end > r->base && (i == 0 || r[-1].base + r[-1].size <= r->base);
		merged = merged &&
			 (i == 0 || r[-1].kind != r->kind || r[-1].base + r[-1].size != r->base);
		known = known && r->kind >= BOOT_MEM_USABLE && r->kind <= BOOT_MEM_RESERVED &&
			(r->kind != BOOT_MEM_USABLE || r->base != 0);
	}
	check("there is a memory map",
	      info->range_count > 0 && info->range_count <= BOOT_MAX_RANGES);
	check("ranges are whole pages", aligned);
	check("ranges are sorted and do not overlap", sorted);
	check("neighbours of one kind are one range", merged);
	check("kinds are known and page 0 is not usable", known);
}

static void check_modules(const struct bootinfo *info)
{
	bool placed = true, padded = true;

	for (uint32_t i = 0; i < info->module_count && i < BOOT_MAX_MODULES; i++) {
		const struct boot_module *m = &info->modules[i];
		const unsigned char *data = linear(m->base);
		uint64_t end = page_up(m->size == 0 ? 1 : m->size);

		placed = placed && m->base % BOOT_PAGE == 0 && loaders(info, m->base, end);
		for (uint64_t at = m->size; at < end; at++)
			padded = padded && data[at] == 0;
	}
	check("modules are in the loader's pages", placed);
	check("modules end in zeros", padded);
}

static void tell(const struct bootinfo *info)
{
	const struct boot_framebuffer *fb = &info->framebuffer;
	uint64_t screen[] = { fb->base != 0, fb->width, fb->height, fb->stride, fb->bpp };
	uint64_t firmware = info->firmware;

	for (uint32_t i = 0; i < info->module_count; i++) {
		const unsigned char *data = linear(info->modules[i].base);
		uint64_t numbers[2] = { info->modules[i].size, 0 };

		for (uint64_t at = 0; at < numbers[0]; at++)
			numbers[1] = (numbers[1] * 31 + data[at]) & 0xffffffff;
		say("module", info->modules[i].name, numbers, 2);
	}
	say("firmware", "is", &firmware, 1);
	say("screen", "is", screen, 5);
	for (uint32_t kind = BOOT_MEM_USABLE; kind <= BOOT_MEM_RESERVED; kind++) {
		uint64_t numbers[2] = { kind, memmap_bytes(info->ranges, info->range_count,
							   (enum boot_mem_kind)kind) };

		say("memory", "kind", numbers, 2);
	}
	serial_write("error ");
	serial_write(info->error);
	serial_write("\r\n");
}

_Noreturn void probe_main(const struct bootinfo *info, uint64_t stack, uint64_t flags)
{
	serial_write("\r\nprobe\r\n");
	check("the magic number", info->magic == BOOTINFO_MAGIC);
	check("the version", info->version == BOOTINFO_VERSION);
	check_ranges(info);
	check_state(info, stack, flags);
	check_tables(info);
	check_modules(info);
	check("the RSDP is one", info->rsdp != 0 && memcmp(linear(info->rsdp), "RSD PTR ", 8) == 0);
	tell(info);
	serial_write(all_good ? "all good\r\n" : "not all good\r\n");
	__asm__ volatile("outl %0, %1" : : "a"(EXIT_DONE), "Nd"((uint16_t)BOOT_EXIT_PORT));
	for (;;)
		__asm__ volatile("cli; hlt");
}
