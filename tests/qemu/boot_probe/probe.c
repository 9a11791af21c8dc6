/* SPDX-License-Identifier: BSD-2-Clause */
/* What is the same on every architecture: the structure, the memory map, modules, the image. */
#include "tests/qemu/boot_probe/probe.h"

#include "boot/bytes.h"
#include "boot/memmap.h"
#include "boot/words.h"

static volatile uint64_t initialised = 0x1122334455667788;
static volatile unsigned char zeroed[100000];
static bool all_good = true;

void check(const char *name, bool good)
{
	port_write(good ? "ok " : "not ok ");
	port_write(name);
	port_write("\r\n");
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
	port_write(text);
}

const void *linear(uint64_t physical)
{
	return (const void *)(uintptr_t)(HANDOVER_LINEAR_BASE + physical);
}

bool loaders(const struct bootinfo *info, uint64_t base, uint64_t size)
{
	return memmap_covers(info->ranges, info->range_count, base, size, BOOT_MEM_LOADER);
}

uint64_t address(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

/* ---- The tables ---- */

void see_image(struct seen *s, const struct bootinfo *info, uint64_t at, uint64_t to, bool write,
	       bool execute)
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

void see_linear(struct seen *s, uint64_t at, uint64_t to, uint64_t bytes, bool write, bool execute)
{
	s->linear_bytes += bytes;
	s->wrong_linear = s->wrong_linear || to != at - HANDOVER_LINEAR_BASE || !write;
	s->executable_linear = s->executable_linear || execute;
}

void check_seen(const struct seen *s)
{
	uint64_t image_pages = (address(image_end) - address(image_start)) / BOOT_PAGE;

	check("nothing is writable and executable", !s->writable_code);
	check("nothing in the linear map is executable", !s->executable_linear);
	check("linear addresses lead to their place", !s->wrong_linear);
	check("the image has its place and permissions", !s->wrong_image);
	check("the image is whole", s->image_pages == image_pages);
	check("only the jump is mapped low", s->low_pages <= 2);
	check("nothing else is mapped", !s->stray);
	check("the tables are the loader's", !s->table_not_loaders);
}

/* ---- The rest of the state, and the structure ---- */

static void check_places(const struct bootinfo *info, uint64_t stack)
{
	uint64_t here = (uint64_t)(uintptr_t)info;
	uint64_t base = stack - HANDOVER_STACK_BYTES;
	bool zero = true;

	check("the stack is aligned", stack % 16 == 0);
	check("the stack is the loader's",
	      stack > HANDOVER_LINEAR_BASE &&
		      loaders(info, base - HANDOVER_LINEAR_BASE, HANDOVER_STACK_BYTES));
	check("bootinfo is the loader's",
	      here > HANDOVER_LINEAR_BASE &&
		      loaders(info, here - HANDOVER_LINEAR_BASE, sizeof(*info)));
	check("the image is the loader's", loaders(info, info->image_base, info->image_size));
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
	port_write("error ");
	port_write(info->error);
	port_write("\r\n");
}

_Noreturn void probe_main(const struct bootinfo *info, uint64_t stack, uint64_t flags)
{
	port_write("\r\nprobe\r\n");
	check("the magic number", info->magic == BOOTINFO_MAGIC);
	check("the version", info->version == BOOTINFO_VERSION);
	check_ranges(info);
	check_places(info, stack);
	port_state(info, flags);
	port_tables(info);
	check_modules(info);
	tell(info);
	port_write(all_good ? "all good\r\n" : "not all good\r\n");
	port_end();
}
