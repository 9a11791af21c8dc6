/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tour's picture: a night sky, the name, and what it stands for: a pin holds a frame by
 * reference, a mapping holds any pfn by notice.
 */
#include "guests/lib/drawing.h"

#include <stdbool.h>

#define SKY_TOP 0x0b1026u
#define SKY_BOTTOM 0x1f5673u
#define GOLD 0xffd27fu
#define WHITE 0xf2f5f7u
#define GREY 0x9fb4c4u
#define SHADOW 0x060913u
#define GREEN 0x7bd389u
#define BLUE 0x6fb7ffu
#define GLYPH_ROWS 7
#define GLYPH_COLUMNS 5

/* 5 x 7, a row a number, the leftmost column in bit 4; the letters that the picture needs. */
static const struct glyph {
	char letter;
	unsigned char rows[GLYPH_ROWS];
} glyphs[] = {
	{ 'T', { 31, 4, 4, 4, 4, 4, 4 } },	 { 'a', { 0, 0, 14, 1, 15, 17, 15 } },
	{ 'b', { 16, 16, 22, 25, 17, 17, 30 } }, { 'c', { 0, 0, 14, 16, 16, 17, 14 } },
	{ 'd', { 1, 1, 13, 19, 17, 17, 15 } },	 { 'e', { 0, 0, 14, 17, 31, 16, 14 } },
	{ 'f', { 6, 9, 8, 28, 8, 8, 8 } },	 { 'g', { 0, 15, 17, 17, 15, 1, 14 } },
	{ 'h', { 16, 16, 22, 25, 17, 17, 17 } }, { 'i', { 4, 0, 12, 4, 4, 4, 14 } },
	{ 'l', { 12, 4, 4, 4, 4, 4, 14 } },	 { 'm', { 0, 0, 26, 21, 21, 17, 17 } },
	{ 'n', { 0, 0, 22, 25, 17, 17, 17 } },	 { 'o', { 0, 0, 14, 17, 17, 17, 14 } },
	{ 'p', { 0, 0, 30, 17, 30, 16, 16 } },	 { 'r', { 0, 0, 22, 25, 16, 16, 16 } },
	{ 's', { 0, 0, 14, 16, 14, 1, 30 } },	 { 't', { 8, 8, 28, 8, 8, 9, 6 } },
	{ 'u', { 0, 0, 17, 17, 17, 19, 13 } },	 { 'v', { 0, 0, 17, 17, 17, 10, 4 } },
	{ 'w', { 0, 0, 17, 17, 21, 21, 10 } },	 { 'y', { 0, 0, 17, 17, 15, 1, 14 } },
	{ '-', { 0, 0, 0, 31, 0, 0, 0 } },	 { '2', { 14, 17, 1, 2, 4, 8, 31 } },
};

struct box {
	uint32_t x, y, width, height;
};

static uint32_t mix(uint32_t a, uint32_t b, uint32_t part, uint32_t whole)
{
	uint32_t out = 0;

	for (unsigned shift = 0; shift <= 16; shift += 8) {
		uint32_t from = (a >> shift) & 255, to = (b >> shift) & 255;

		out |= (from * (whole - part) + to * part) / whole << shift;
	}
	return out;
}

static void put(uint32_t *canvas, uint32_t x, uint32_t y, uint32_t colour)
{
	if (x < DRAWING_WIDTH && y < DRAWING_HEIGHT)
		canvas[y * DRAWING_WIDTH + x] = colour;
}

static void sky(uint32_t *canvas)
{
	uint32_t seed = 2023;

	for (uint32_t y = 0; y < DRAWING_HEIGHT; y++)
		for (uint32_t x = 0; x < DRAWING_WIDTH; x++)
			put(canvas, x, y,
			    mix(SKY_TOP, SKY_BOTTOM, y * 3 + x / 4,
				DRAWING_HEIGHT * 3 + DRAWING_WIDTH / 4));
	for (unsigned star = 0; star < 240; star++) {
		uint32_t x, y;

		seed = seed * 1664525u + 1013904223u;
		x = (seed >> 8) % DRAWING_WIDTH;
		seed = seed * 1664525u + 1013904223u;
		y = (seed >> 8) % (DRAWING_HEIGHT / 2);
		put(canvas, x, y, mix(SKY_TOP, WHITE, 1 + (seed >> 28) % 8, 9));
	}
}

static void fill_box(uint32_t *canvas, struct box b, uint32_t colour)
{
	for (uint32_t y = b.y; y < b.y + b.height; y++)
		for (uint32_t x = b.x; x < b.x + b.width; x++)
			put(canvas, x, y, colour);
}

static void letter(uint32_t *canvas, char c, uint32_t x, uint32_t y, uint32_t scale,
		   uint32_t colour)
{
	uint32_t gap = scale > 8 ? 2 : 0;

	for (unsigned i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++) {
		if (glyphs[i].letter != c)
			continue;
		for (uint32_t at = 0; at < GLYPH_ROWS * GLYPH_COLUMNS; at++) {
			uint32_t row = at / GLYPH_COLUMNS, column = at % GLYPH_COLUMNS;

			if (glyphs[i].rows[row] >> (GLYPH_COLUMNS - 1 - column) & 1)
				fill_box(canvas,
					 (struct box){ x + column * scale, y + row * scale,
						       scale - gap, scale - gap },
					 colour);
		}
	}
}

static void text(uint32_t *canvas, const char *words, uint32_t x, uint32_t y, uint32_t scale,
		 uint32_t colour)
{
	for (; *words; words++, x += (GLYPH_COLUMNS + 1) * scale)
		letter(canvas, *words, x, y, scale, colour);
}

static uint32_t text_width(const char *words, uint32_t scale)
{
	uint32_t width = 0;

	for (; *words; words++)
		width += (GLYPH_COLUMNS + 1) * scale;
	return width - scale;
}

static void labelled(uint32_t *canvas, struct box b, const char *words, uint32_t colour)
{
	fill_box(canvas, (struct box){ b.x + 5, b.y + 5, b.width, b.height }, SHADOW);
	fill_box(canvas, b, colour);
	fill_box(canvas, (struct box){ b.x + 3, b.y + 3, b.width - 6, b.height - 6 }, SKY_TOP);
	text(canvas, words, b.x + (b.width - text_width(words, 3)) / 2, b.y + (b.height - 21) / 2,
	     3, colour);
}

/* A line from the left box to the right one, with a head; dashed: held by notice. */
static void arrow(uint32_t *canvas, uint32_t from, uint32_t to, uint32_t y, uint32_t colour,
		  bool dashed)
{
	for (uint32_t x = from; x < to; x++)
		if (!dashed || (x - from) % 20 < 12)
			fill_box(canvas, (struct box){ x, y - 1, 1, 4 }, colour);
	for (uint32_t i = 0; i < 12; i++)
		fill_box(canvas, (struct box){ to - i, y - i / 2, 1, i + 2 }, colour);
}

void drawing_compose(uint32_t *canvas)
{
	const char *motto = "how one holds what one uses";
	uint32_t left = (DRAWING_WIDTH - text_width("Tenure", 24)) / 2;

	sky(canvas);
	text(canvas, "Tenure", left + 6, 126, 24, SHADOW);
	text(canvas, "Tenure", left, 120, 24, GOLD);
	text(canvas, motto, (DRAWING_WIDTH - text_width(motto, 4)) / 2, 332, 4, WHITE);

	labelled(canvas, (struct box){ 80, 460, 190, 70 }, "a pin", WHITE);
	labelled(canvas, (struct box){ 754, 460, 190, 70 }, "a frame", GREEN);
	arrow(canvas, 280, 744, 494, GREEN, false);
	text(canvas, "by reference", 404, 462, 3, GREEN);
	labelled(canvas, (struct box){ 80, 600, 190, 70 }, "a mapping", WHITE);
	labelled(canvas, (struct box){ 754, 600, 190, 70 }, "any pfn", BLUE);
	arrow(canvas, 280, 744, 634, BLUE, true);
	text(canvas, "by notice", 431, 602, 3, BLUE);
	text(canvas, "never by a guess", 368, 716, 3, GREY);
}

uint32_t drawing_crc32(const uint32_t *canvas)
{
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < DRAWING_WIDTH * DRAWING_HEIGHT; i++)
		for (int shift = 16; shift >= 0; shift -= 8) {
			crc ^= (canvas[i] >> shift) & 255;
			for (int bit = 0; bit < 8; bit++)
				crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
		}
	return ~crc;
}
