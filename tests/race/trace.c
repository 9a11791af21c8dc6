/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of one run: time runs downwards, each thread has a column. Unless all is asked for,
 * reads are left out but where the thread changes: the last one before and the first one after.
 */
#include <stdio.h>
#include <string.h>

#include "tests/race/schedule.h"

#define LINES 8192u
#define PAGE_COLUMNS 126u

struct line {
	unsigned thread;
	bool read;
	char words[100];
};

static struct line lines[LINES];
static unsigned line_count;
static const struct race_program *program; /* NULL: off */
static bool show_all;

void trace_begin(const struct race_program *p, bool all)
{
	program = p;
	line_count = 0;
	show_all = all;
}

bool trace_is_on(void)
{
	return program != NULL;
}

/* A lock, or a count, that stands first in what a step is about stands for the whole. */
static void cut(char *name, const char *end)
{
	size_t length = strlen(name), more = strlen(end);

	if (length > more && strcmp(name + length - more, end) == 0)
		name[length - more] = '\0';
}

void trace_note(unsigned thread, const char *what, const void *object, const char *function)
{
	char name[64] = "";

	if (line_count == LINES)
		return;
	struct line *l = &lines[line_count++];
	l->thread = thread;
	l->read = strcmp(what, "reads") == 0;
	if (object != NULL && program->describe != NULL)
		program->describe(object, name, sizeof(name));
	if (function == NULL && strcmp(what, "lock") != 0 && strcmp(what, "unlock") != 0) {
		cut(name, "'s lock");
		cut(name, "'s refs");
	}
	if (function != NULL)
		snprintf(l->words, sizeof(l->words), "%s: %s %s", function, what, name);
	else
		snprintf(l->words, sizeof(l->words), "%s%s%s", what, name[0] != '\0' ? " " : "",
			 name);
}

static bool is_shown(unsigned i)
{
	return show_all || !lines[i].read || (i > 0 && lines[i - 1].thread != lines[i].thread) ||
	       (i + 1 < line_count && lines[i + 1].thread != lines[i].thread);
}

static void rule(unsigned width)
{
	for (unsigned t = 0; t < program->threads; t++) {
		for (unsigned i = 0; i < width; i++)
			putchar('-');
		putchar(t + 1 < program->threads ? '+' : '\n');
	}
}

void trace_end(void)
{
	unsigned width = PAGE_COLUMNS / program->threads - 1, last = RACE_NOBODY;

	for (unsigned t = 0; t < program->threads; t++)
		printf("%-*.*s%c", (int)width, (int)width, program->column[t],
		       t + 1 < program->threads ? '|' : '\n');
	for (unsigned i = 0; i < line_count; i++) {
		if (!is_shown(i))
			continue;
		if (lines[i].thread != last)
			rule(width);
		last = lines[i].thread;
		for (unsigned t = 0; t < last; t++)
			printf("%*s|", (int)width, "");
		printf("%.*s\n", (int)width, lines[i].words);
	}
	rule(width);
	program = NULL;
}
