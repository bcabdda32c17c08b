/*
 * line.c - puts the parts of a line together as far as they fit.
 */
#include "bar/line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SHORTEST_BAR 10u
#define LONGEST_BAR 40u
#define DAY 86400u

size_t line_time(double seconds, char *text, size_t size)
{
	/* The comparison is true of NaN, too. */
	unsigned long s = !(seconds < 1e9) ? 1000000000ul : seconds < 0 ? 0 : (unsigned long)(seconds + 0.5);

	if (s >= DAY)
		return (size_t)snprintf(text, size, "%lu d %02lu h", s / DAY, s % DAY / 3600);
	if (s >= 3600)
		return (size_t)snprintf(text, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	return (size_t)snprintf(text, size, "%lu:%02lu", s / 60, s % 60);
}

/* The parts of a line, in their order. */
enum part { LABEL, COUNT, BAR, PERCENT, RATE, LEFT, FAILED, DEATHS, PARTS };

/* Which part goes first, if not all fit. The count stays. */
static const enum part least[] = {BAR, RATE, DEATHS, PERCENT, LEFT, LABEL, FAILED};

#define PART_MOST 80

static void write_rate(double rate, char *text)
{
	if (rate >= 1e9)
		snprintf(text, PART_MOST, "%.3g G/s", rate / 1e9);
	else if (rate >= 1e6)
		snprintf(text, PART_MOST, "%.3g M/s", rate / 1e6);
	else if (rate >= 1000)
		snprintf(text, PART_MOST, "%.0f/s", rate);
	else
		snprintf(text, PART_MOST, "%.3g/s", rate);
}

static void write_parts(const struct line *line, char parts[PARTS][PART_MOST])
{
	char time[32];

	memset(parts, 0, (size_t)PARTS * PART_MOST);
	snprintf(parts[LABEL], PART_MOST, "%s", line->label);
	if (line->total) {
		double part = (double)line->done / (double)line->total;

		snprintf(parts[COUNT], PART_MOST, "%llu/%llu", (unsigned long long)line->done, (unsigned long long)line->total);
		snprintf(parts[PERCENT], PART_MOST, "%u %%", part >= 1 ? 100u : (unsigned)(part * 100));
	} else {
		snprintf(parts[COUNT], PART_MOST, "%llu", (unsigned long long)line->done);
	}
	if (line->rate > 0)
		write_rate(line->rate, parts[RATE]);
	if (line->total && line->left >= 0 && line->done < line->total) {
		line_time(line->left, time, sizeof(time));
		snprintf(parts[LEFT], PART_MOST, "%s left", time);
	}
	if (line->failed)
		snprintf(parts[FAILED], PART_MOST, "%llu failed", (unsigned long long)line->failed);
	if (line->deaths)
		snprintf(parts[DEATHS], PART_MOST, "%llu died", (unsigned long long)line->deaths);
}

/* Columns of a text in UTF-8: bytes that begin a character. */
static unsigned columns(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* Columns of all parts, with two spaces between them. */
static unsigned width_of(char parts[PARTS][PART_MOST])
{
	unsigned width = 0;

	for (unsigned i = 0; i < PARTS; i++)
		if (parts[i][0])
			width += columns(parts[i]) + (width ? 2 : 0);
	return width;
}

static void write_bar(const struct line *line, unsigned room, char *text)
{
	unsigned inside = room - 2, full;
	double part = (double)line->done / (double)line->total;

	full = part >= 1 ? inside : (unsigned)(part * inside);
	text[0] = '[';
	for (unsigned i = 0; i < inside; i++)
		text[1 + i] = ' ';
	memset(text + 1, '=', full);
	if (full < inside)
		text[1 + full] = '>';
	text[1 + inside] = ']';
	text[2 + inside] = 0;
}

static void put_together(char parts[PARTS][PART_MOST], char text[LINE_MOST])
{
	size_t length = 0;

	text[0] = 0;
	for (unsigned i = 0; i < PARTS; i++)
		if (parts[i][0])
			length += (size_t)snprintf(text + length, LINE_MOST - length, "%s%s", length ? "  " : "", parts[i]);
}

void line_fit(const struct line *line, unsigned width, char text[LINE_MOST])
{
	char parts[PARTS][PART_MOST];
	unsigned used;

	write_parts(line, parts);
	for (unsigned i = 0; width_of(parts) >= width && i < sizeof(least) / sizeof(least[0]); i++)
		parts[least[i]][0] = 0;
	used = width_of(parts);
	if (line->total && used + 2 + SHORTEST_BAR < width) {
		unsigned room = width - 1 - used - 2;

		write_bar(line, room < LONGEST_BAR ? room : LONGEST_BAR, parts[BAR]);
	}
	put_together(parts, text);
	/* The count is all digits and a slash. */
	if (columns(text) >= width)
		text[width ? width - 1 : 0] = 0;
}

void line_plain(const struct line *line, char text[LINE_MOST])
{
	char parts[PARTS][PART_MOST], time[32];
	size_t length;

	write_parts(line, parts);
	put_together(parts, text);
	length = strlen(text);
	line_time(line->elapsed, time, sizeof(time));
	snprintf(text + length, LINE_MOST - length, "  after %s", time);
}
