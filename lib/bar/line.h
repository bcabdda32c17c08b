/*
 * line.h - the text of a bar.
 */
#ifndef SHEAF_BAR_LINE_H
#define SHEAF_BAR_LINE_H

#include <stddef.h>
#include <stdint.h>

#define LINE_LABEL 64 /* bytes, with the 0 at its end */
#define LINE_MOST 512 /* bytes of a line, with the 0 */

struct line {
	char label[LINE_LABEL]; /* printable */
	uint64_t done, total;   /* total 0: not known */
	uint64_t failed, deaths;
	double rate;    /* per second */
	double left;    /* seconds; < 0: not known */
	double elapsed; /* seconds */
};

/*
 * Write the line for a terminal of @width columns, at most LINE_MOST - 1: it is shorter than that.
 * What matters least is left out if it does not fit: first the bar, then rate, deaths, percent,
 * time.
 */
void line_fit(const struct line *line, unsigned width, char text[LINE_MOST]);

/* Write the line in full, without a bar, with the time so far. */
void line_plain(const struct line *line, char text[LINE_MOST]);

/* Write a time as people read it: 0:07, 3:25, 1:02:09, 4 d 03 h. Returns its length. */
size_t line_time(double seconds, char *text, size_t size);

#endif
