/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of struct bootinfo that do not depend on who fills it. */
#include "boot/fill.h"

#include "boot/bytes.h"
#include "boot/memmap.h"
#include "boot/words.h"

void fill_init(struct bootinfo *info, enum boot_firmware firmware)
{
	memset(info, 0, sizeof(*info));
	info->magic = BOOTINFO_MAGIC;
	info->version = BOOTINFO_VERSION;
	info->firmware = (uint32_t)firmware;
}

static bool same_name(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const char *fill_add_module(struct bootinfo *info, const char *name, uint64_t base, uint64_t size)
{
	struct boot_module *m;
	struct words w;
	size_t length = 0;

	while (length < BOOT_NAME_BYTES && name[length] != '\0')
		length++;
	if (length == 0)
		return "a module must have a name";
	if (length == BOOT_NAME_BYTES)
		return "the module's name is too long";
	if (info->module_count == BOOT_MAX_MODULES)
		return "there are too many modules";
	for (uint32_t i = 0; i < info->module_count; i++)
		if (same_name(info->modules[i].name, name))
			return "there are two modules of this name";

	m = &info->modules[info->module_count++];
	w = words_in(m->name, sizeof(m->name));
	words_add(&w, name);
	m->base = base;
	m->size = size;
	return NULL;
}

void fill_note(struct bootinfo *info, const char *what, const char *cause)
{
	struct words w;

	if (info->error[0] != '\0')
		return;
	w = words_in(info->error, sizeof(info->error));
	words_add(&w, what);
	words_add(&w, ": ");
	words_add(&w, cause);
}

void fill_set_memory(struct bootinfo *info, const struct boot_range *raw, uint32_t raw_count)
{
	uint64_t lost =
		memmap_normalise(raw, raw_count, info->ranges, BOOT_MAX_RANGES, &info->range_count);
	char text[96];
	struct words w;

	if (lost == 0)
		return;
	w = words_in(text, sizeof(text));
	words_add(&w, "it is in too many pieces, ");
	words_add_number(&w, lost >> 10);
	words_add(&w, " KiB of RAM are not used");
	fill_note(info, "the memory map", text);
}
