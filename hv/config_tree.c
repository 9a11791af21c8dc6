/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed properties out of a flattened device tree. libfdt finds them and checks the blob; this file
 * checks what they hold. Nothing in the blob is believed to be aligned or closed by a NUL.
 */
#include "hv/config_tree.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MODULE_NAME_MAX 63u
#define PATH_BYTES 96
#define SHOWN 40 /* characters of a wrong string that a sentence repeats */

/* One property as it stands in the blob. */
struct value {
	int node;
	const char *name;
	const unsigned char *data;
	uint32_t bytes;
};

/* Everything that is not printable would spoil the console's lines. */
static void make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

bool tree_bad(struct tree *t, int node, const char *property, const char *format, ...)
{
	char path[PATH_BYTES];
	size_t at = 0;
	va_list args;

	t->why[0] = '\0';
	if (node >= 0) {
		if (fdt_get_path(t->fdt, node, path, (int)sizeof(path)) < 0)
			snprintf(path, sizeof(path), "a node deep in the tree");
		if (property != NULL)
			snprintf(t->why, t->why_bytes, "%s: %s: ", path, property);
		else
			snprintf(t->why, t->why_bytes, "%s: ", path);
		at = strlen(t->why);
	}
	va_start(args, format);
	vsnprintf(t->why + at, t->why_bytes - at, format, args);
	va_end(args);
	make_printable(t->why);
	return false;
}

/* As dtc makes them: libfdt itself does not look where the blocks begin. */
static bool aligned(const void *fdt)
{
	return ((uintptr_t)fdt | fdt_off_mem_rsvmap(fdt)) % 8 == 0 &&
	       fdt_off_dt_struct(fdt) % 4 == 0;
}

bool tree_open(struct tree *t, const void *fdt, size_t bytes, char *why, size_t why_bytes)
{
	*t = (struct tree){ .fdt = fdt, .why = why, .why_bytes = why_bytes };
	int error = -FDT_ERR_TRUNCATED;

	if (bytes >= sizeof(struct fdt_header))
		error = aligned(fdt) ? fdt_check_full(fdt, bytes) : -FDT_ERR_BADLAYOUT;
	if (error != 0)
		return tree_bad(t, -1, NULL, "the configuration is not a device tree: %s",
				fdt_strerror(error));
	if (fdt_version(fdt) < 17 || fdt_get_name(fdt, 0, NULL) == NULL)
		return tree_bad(t, -1, NULL,
				"the configuration is not a device tree as dtc makes it");
	return true;
}

bool tree_parse_bytes(const char *text, uint64_t *bytes)
{
	uint64_t n = 0;
	unsigned shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	if (*text == 'K' || *text == 'k')
		shift = 10;
	else if (*text == 'M' || *text == 'm')
		shift = 20;
	else if (*text == 'G' || *text == 'g')
		shift = 30;
	if (shift != 0)
		text++;
	if (*text != '\0' || n > UINT64_MAX >> shift)
		return false;
	*bytes = n << shift;
	return true;
}

/* The length of the string at `at` of the value; 0 for an empty one; -1: not a printable string. */
static int text_length(const struct value *v, uint32_t at)
{
	for (uint32_t i = at; i < v->bytes; i++) {
		if (v->data[i] == '\0')
			return (int)(i - at);
		if (v->data[i] < ' ' || v->data[i] > '~')
			return -1;
	}
	return -1;
}

/* Is the whole value one string? */
static bool is_text(const struct value *v)
{
	int length = text_length(v, 0);

	return length >= 0 && (uint32_t)length + 1 == v->bytes;
}

static uint64_t cells(const struct value *v)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < v->bytes; i++)
		n = n << 8 | v->data[i];
	return n;
}

static bool read_count(struct tree *t, const struct value *v, const struct property *p, void *to)
{
	if (v->bytes != 4)
		return tree_bad(t, v->node, v->name, "it must be one number, as in <1>");
	uint32_t n = (uint32_t)cells(v);
	if (n < p->min || n > p->max)
		return tree_bad(t, v->node, v->name, "%lu is out of its bounds, %llu to %llu",
				(unsigned long)n, (unsigned long long)p->min,
				(unsigned long long)p->max);
	memcpy(to, &n, sizeof(n));
	return true;
}

/*
 * A value of 4 or 8 bytes that reads as a string is one: the number that such bytes would make is
 * never a multiple of a page, since its last byte is 0 and the one before is a character.
 */
static bool read_bytes(struct tree *t, const struct value *v, const struct property *p, void *to)
{
	uint64_t n;

	if (is_text(v) && v->bytes > 1) {
		const char *text = (const char *)v->data;
		if (!tree_parse_bytes(text, &n))
			return tree_bad(t, v->node, v->name, "\"%.*s\" is not a size", SHOWN, text);
	} else if (v->bytes == 4 || v->bytes == 8) {
		n = cells(v);
	} else {
		return tree_bad(
			t, v->node, v->name,
			"it must be a size, as in \"16M\", or a number of one or two cells");
	}
	if (p->align != 0 && n % p->align != 0)
		return tree_bad(t, v->node, v->name, "0x%llx is not a multiple of 0x%llx",
				(unsigned long long)n, (unsigned long long)p->align);
	if (n < p->min || n > p->max)
		return tree_bad(t, v->node, v->name,
				"0x%llx is out of its bounds, 0x%llx to 0x%llx",
				(unsigned long long)n, (unsigned long long)p->min,
				(unsigned long long)p->max);
	memcpy(to, &n, sizeof(n));
	return true;
}

static bool read_text(struct tree *t, const struct value *v, const struct property *p, void *to)
{
	const char *text = (const char *)v->data;

	if (!is_text(v))
		return tree_bad(t, v->node, v->name,
				"it must be one string of printable characters");
	if (v->bytes - 1 < p->min || v->bytes - 1 > p->max)
		return tree_bad(t, v->node, v->name,
				"a string of %lu characters; %llu to %llu are allowed",
				(unsigned long)v->bytes - 1, (unsigned long long)p->min,
				(unsigned long long)p->max);
	memcpy(to, &text, sizeof(text));
	return true;
}

static bool read_texts(struct tree *t, const struct value *v, const struct property *p, char *out)
{
	uint32_t n = 0;

	for (uint32_t at = 0; at < v->bytes; n++) {
		int length = text_length(v, at);
		const char *text = (const char *)v->data + at;
		if (length <= 0 || (unsigned)length > MODULE_NAME_MAX)
			return tree_bad(
				t, v->node, v->name,
				"it must be a list of strings of 1 to %u printable characters",
				MODULE_NAME_MAX);
		if (n == p->max)
			return tree_bad(t, v->node, v->name, "more than %llu strings",
					(unsigned long long)p->max);
		memcpy(out + p->at + n * sizeof(text), &text, sizeof(text));
		at += (uint32_t)length + 1;
	}
	if (n == 0)
		return tree_bad(t, v->node, v->name, "it must be a list of strings");
	memcpy(out + p->count, &n, sizeof(n));
	return true;
}

static bool read_choice(struct tree *t, const struct value *v, const struct property *p, void *to)
{
	char list[96] = "";
	size_t at = 0;

	for (uint32_t i = 0; p->choices[i] != NULL; i++) {
		if (is_text(v) && strcmp((const char *)v->data, p->choices[i]) == 0) {
			memcpy(to, &i, sizeof(i));
			return true;
		}
		snprintf(list + at, sizeof(list) - at, "%s%s", i == 0 ? "" : ", ", p->choices[i]);
		at = strlen(list);
	}
	if (!is_text(v))
		return tree_bad(t, v->node, v->name, "it must be one of: %s", list);
	return tree_bad(t, v->node, v->name, "\"%.*s\" is not one of: %s", SHOWN,
			(const char *)v->data, list);
}

static bool read_reference(struct tree *t, const struct value *v, void *to)
{
	const char *name = (const char *)v->data;

	if (v->bytes < 2 || !is_text(v)) {
		if (v->bytes != 4)
			return tree_bad(t, v->node, v->name,
					"it must be a node's name, or a reference as in <&label>");
		int node = fdt_node_offset_by_phandle(t->fdt, (uint32_t)cells(v));
		name = node < 0 ? NULL : fdt_get_name(t->fdt, node, NULL);
		if (name == NULL)
			return tree_bad(t, v->node, v->name, "no node has the phandle 0x%lx",
					(unsigned long)cells(v));
	}
	memcpy(to, &name, sizeof(name));
	return true;
}

static bool read_value(struct tree *t, const struct value *v, const struct property *p, char *out)
{
	const bool yes = true;

	switch (p->kind) {
	case PROPERTY_FLAG:
		if (v->bytes != 0)
			return tree_bad(t, v->node, v->name, "it takes no value");
		memcpy(out + p->at, &yes, sizeof(yes));
		return true;
	case PROPERTY_COUNT: return read_count(t, v, p, out + p->at);
	case PROPERTY_BYTES: return read_bytes(t, v, p, out + p->at);
	case PROPERTY_TEXT: return read_text(t, v, p, out + p->at);
	case PROPERTY_TEXTS: return read_texts(t, v, p, out);
	case PROPERTY_CHOICE: return read_choice(t, v, p, out + p->at);
	case PROPERTY_REFERENCE: return read_reference(t, v, out + p->at);
	}
	return false;
}

static bool read_property(struct tree *t, const struct value *v, const struct property *table,
			  unsigned count, void *out, uint32_t *given)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(v->name, table[i].name) != 0)
			continue;
		if (*given & 1u << i)
			return tree_bad(t, v->node, v->name, "it is there twice");
		*given |= 1u << i;
		return read_value(t, v, &table[i], out);
	}
	/* dtc's own, for nodes that are referred to. */
	if (strcmp(v->name, "phandle") == 0 || strcmp(v->name, "linux,phandle") == 0)
		return true;
	return tree_bad(t, v->node, v->name, "there is no such property");
}

bool tree_read(struct tree *t, int node, const struct property *table, unsigned count, void *out,
	       uint32_t *given)
{
	int at;

	*given = 0;
	fdt_for_each_property_offset(at, t->fdt, node)
	{
		struct value v = { .node = node };
		int bytes;
		v.data = fdt_getprop_by_offset(t->fdt, at, &v.name, &bytes);
		if (v.data == NULL)
			return tree_bad(t, node, NULL, "a damaged property: %s",
					fdt_strerror(bytes));
		v.bytes = (uint32_t)bytes;
		if (!read_property(t, &v, table, count, out, given))
			return false;
	}
	for (unsigned i = 0; i < count; i++)
		if (table[i].required && !(*given & 1u << i))
			return tree_bad(t, node, table[i].name, "it is missing");
	return true;
}

static bool name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '+' || c == '-';
}

bool tree_name(struct tree *t, int node, char *name, size_t bytes)
{
	const char *full = fdt_get_name(t->fdt, node, NULL);
	size_t length = full == NULL ? 0 : strlen(full);

	if (length == 0 || length >= bytes)
		return tree_bad(t, node, NULL, "its name must have 1 to %lu characters",
				(unsigned long)bytes - 1);
	for (size_t i = 0; i < length; i++)
		if (!name_character(full[i]))
			return tree_bad(t, node, NULL,
					"its name may hold letters, digits and . _ + - only");
	memcpy(name, full, length + 1);
	return true;
}
