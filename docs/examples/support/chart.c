/*
 * chart.c - a horizontal bar chart, drawn twice from the same numbers.
 */
#include "chart.h"

#include <errno.h>
#include <langinfo.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BAR 40

/* Of the picture, in its own units. */
#define WIDTH 720
#define BAR_LEFT 110
#define BAR_LENGTH 400
#define BAR_HEIGHT 24
#define ROW_HEIGHT 36
#define TOP 56

static double largest(const struct chart *chart)
{
	double most = 0;

	for (size_t i = 0; i < chart->count; i++)
		if (chart->bars[i].value > most)
			most = chart->bars[i].value;
	return most > 0 ? most : 1;
}

static int widest(const struct chart *chart, bool notes)
{
	size_t most = 0;

	for (size_t i = 0; i < chart->count; i++) {
		size_t length = strlen(notes ? chart->bars[i].note : chart->bars[i].label);

		if (length > most)
			most = length;
	}
	return (int)most;
}

void chart_print(const struct chart *chart, FILE *out)
{
	bool blocks = isatty(fileno(out)) && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int labels = widest(chart, false);
	int notes = widest(chart, true);
	double scale = TEXT_BAR / largest(chart);

	fprintf(out, "%s\n", chart->title);
	for (size_t i = 0; i < chart->count; i++) {
		const struct chart_bar *bar = &chart->bars[i];

		fprintf(out, "%-*s  %*s  ", labels, bar->label, notes, bar->note);
		for (int k = 0; k < (int)(bar->value * scale + 0.5); k++)
			fputs(blocks ? "\u2588" : "#", out);
		fputc('\n', out);
	}
	fprintf(out, "%s\n", chart->footer);
}

static void put_escaped(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else
			fputc(*text, out);
	}
}

static void put_text(FILE *out, double x, double y, const char *attributes, const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, attributes);
	put_escaped(text, out);
	fputs("</text>\n", out);
}

int chart_write_svg(const struct chart *chart, const char *path)
{
	double height = TOP + (double)chart->count * ROW_HEIGHT + 40;
	double scale = BAR_LENGTH / largest(chart);
	FILE *out = fopen(path, "w");
	int error = 0;

	if (out == NULL)
		return -errno;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
		"font-family=\"sans-serif\" font-size=\"14\">\n",
		WIDTH, height, WIDTH, height);
	fputs("<title>", out);
	put_escaped(chart->title, out);
	fputs("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n", out);
	put_text(out, 20, 30, " font-size=\"16\"", chart->title);
	for (size_t i = 0; i < chart->count; i++) {
		const struct chart_bar *bar = &chart->bars[i];
		double y = TOP + (double)i * ROW_HEIGHT;
		double length = bar->value * scale;

		put_text(out, BAR_LEFT - 10, y + 17, " text-anchor=\"end\"", bar->label);
		fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"#4878a8\"/>\n", BAR_LEFT, y, length,
			BAR_HEIGHT);
		put_text(out, BAR_LEFT + length + 10, y + 17, "", bar->note);
	}
	put_text(out, 20, height - 18, " font-size=\"12\" fill=\"#555\"", chart->footer);
	fputs("</svg>\n", out);

	if (ferror(out))
		error = errno;
	if (fclose(out) != 0)
		error = errno;
	return -error;
}
