/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Multiboot 1 kernel as users bring it: an ELF32 that finds its memory map, its command line and
 * its modules, checks what it was given, and ends by `out 0xf4`. The command line says what it
 * should find: memory=MiB modules=N exit=V.
 */
#include <stdint.h>

#include "guests/lib/hypercall.h"
#include "guests/lib/text.h"
#include "guests/lib/x86.h"

#define BOOT_MAGIC 0x2badb002u
#define HAS_MEMORY 0x001u
#define HAS_CMDLINE 0x004u
#define HAS_MODULES 0x008u
#define HAS_MAP 0x040u

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, module_count, modules, syms[4];
	uint32_t map_bytes, map;
};

struct module {
	uint32_t start, end, string, reserved;
};

struct map_entry {
	uint32_t size; /* of what follows */
	uint64_t base, bytes;
	uint32_t type;
} __attribute__((packed));

void multiboot_start(uint32_t magic, const struct multiboot_info *info);

static unsigned passed, failed;

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	va_start(args, format);
	put_text(text, format_text(text, sizeof text, format, args));
	va_end(args);
}

static void report(bool ok, const char *name)
{
	print("report: %s %s\n", name, ok ? "ok" : "FAIL");
	if (ok)
		passed++;
	else
		failed++;
}

static uint32_t number_after(const char *line, const char *name, uint32_t otherwise)
{
	for (; *line; line++) {
		const char *at = line, *n = name;
		uint32_t value = 0;

		while (*n && *n == *at)
			n++, at++;
		if (*n || *at++ != '=')
			continue;
		for (; *at >= '0' && *at <= '9'; at++)
			value = value * 10 + (uint32_t)(*at - '0');
		return value;
	}
	return otherwise;
}

/* The map's usable bytes, in KiB; its entries must not overlap. */
static uint32_t check_map(const struct multiboot_info *info)
{
	uint32_t kib = 0;
	bool sound = true;

	for (uint32_t at = info->map; at < info->map + info->map_bytes;) {
		const struct map_entry *e = (const void *)(uintptr_t)at;

		print("map: 0x%08lx%08lx + 0x%08lx type %u\n", (unsigned long)(e->base >> 32),
		      (unsigned long)e->base, (unsigned long)e->bytes, e->type);
		if (e->type == 1)
			kib += (uint32_t)(e->bytes >> 10);
		sound = sound && e->size >= 20 && e->bytes > 0;
		for (uint32_t other = info->map; other < at;) {
			const struct map_entry *o = (const void *)(uintptr_t)other;

			sound = sound &&
				(e->base >= o->base + o->bytes || o->base >= e->base + e->bytes);
			other += o->size + 4;
		}
		at += e->size + 4;
	}
	report(sound, "the map's entries do not overlap");
	return kib;
}

/* A module of the tests holds, byte after byte, its size times the offset; its string is its name.
 */
static void check_modules(const struct multiboot_info *info)
{
	const struct module *modules = (const void *)(uintptr_t)info->modules;
	uint32_t end = 0;

	for (uint32_t i = 0; i < info->module_count; i++) {
		const uint8_t *bytes = (const void *)(uintptr_t)modules[i].start;
		uint32_t size = modules[i].end - modules[i].start;
		bool right = true;

		for (uint32_t at = 0; at < size; at++)
			right = right && bytes[at] == (uint8_t)(at * size + (at >> 8));
		print("module: %s, %u bytes at 0x%x\n", (const char *)(uintptr_t)modules[i].string,
		      size, modules[i].start);
		report(right, "the module's bytes");
		report((modules[i].start & 4095) == 0, "the module is page-aligned");
		report(modules[i].start >= end, "the module overlaps none before it");
		end = modules[i].end;
	}
}

static void check_hypercall(void)
{
	report(hc_version() == TENURE_ABI_VERSION, "a hypercall from 32-bit code");
	report(hc_vcpu_id() == 0, "the vCPU's number");
}

void multiboot_start(uint32_t magic, const struct multiboot_info *info)
{
	const char *cmdline =
		info->flags & HAS_CMDLINE ? (const char *)(uintptr_t)info->cmdline : "";
	uint32_t mib = number_after(cmdline, "memory", 0);

	print("hello: Multiboot, flags 0x%x, '%s'\n", info->flags, cmdline);
	report(magic == BOOT_MAGIC, "the magic in eax");
	report(info->flags & HAS_MEMORY && info->mem_lower >= 512 && info->mem_lower <= 640,
	       "low memory");
	if (mib && mib <= 3072)
		report(info->mem_upper <= (mib - 1) * 1024 && info->mem_upper >= (mib - 2) * 1024,
		       "high memory");
	report(info->flags & HAS_MAP, "there is a memory map");
	if (info->flags & HAS_MAP) {
		uint32_t kib = check_map(info);

		if (mib)
			report(kib <= mib * 1024 && kib >= (mib - 1) * 1024, "the map's sum");
	}
	report(info->module_count == number_after(cmdline, "modules", 0), "the number of modules");
	if (info->flags & HAS_MODULES)
		check_modules(info);
	if (number_after(cmdline, "hypercalls", 1))
		check_hypercall();
	print("report: %u passed, %u failed\n", passed, failed);
	out8(0xf4, failed ? 1 : (uint8_t)number_after(cmdline, "exit", 0));
}
