/*
 * samples.c - see samples.h.
 */
#include "samples.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

void samples_begin(struct samples *samples, const char *x, const struct figure *figures, unsigned count, const char *path)
{
	CHECK(count <= MOST_FIGURES, "%u figures", count);
	samples->figures = figures;
	samples->figure_count = count;
	samples->count = 0;
	samples->file = path ? fopen(path, "w") : NULL;
	CHECK(!path || samples->file, "cannot write %s", path);
	if (!samples->file)
		return;
	fputs(x, samples->file);
	for (unsigned i = 0; i < count; i++)
		fprintf(samples->file, ",%s [%s]", figures[i].name, figures[i].unit);
	fputc('\n', samples->file);
}

void samples_add(struct samples *samples, double x, const double *row)
{
	if (samples->count == MOST_SAMPLES)
		return;
	memcpy(samples->rows[samples->count++], row, samples->figure_count * sizeof(*row));
	if (!samples->file)
		return;
	fprintf(samples->file, "%.6g", x);
	for (unsigned i = 0; i < samples->figure_count; i++)
		fprintf(samples->file, ",%.6g", row[i]);
	fputc('\n', samples->file);
	fflush(samples->file);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double high_of(const struct samples *samples, unsigned figure, unsigned from, unsigned to)
{
	double sorted[MOST_SAMPLES];
	unsigned n = to - from;

	for (unsigned i = 0; i < n; i++)
		sorted[i] = samples->rows[from + i][figure];
	qsort(sorted, n, sizeof(*sorted), by_size);
	return n ? sorted[(n - 1) * 9 / 10] : 0;
}

double samples_high(const struct samples *samples, unsigned figure)
{
	return high_of(samples, figure, 0, samples->count);
}

void samples_end(struct samples *samples)
{
	unsigned half = samples->count / 2;

	if (samples->file)
		fclose(samples->file);
	for (unsigned f = 0; f < samples->figure_count; f++) {
		const struct figure *figure = &samples->figures[f];
		double before = high_of(samples, f, samples->count / 10, half),
		       after = high_of(samples, f, half, samples->count);

		CHECK_AS(HARM_LEAKED, after <= before * 1.25 + figure->slack, "%s: %.2f %s, later %.2f", figure->name, before,
			 figure->unit, after);
	}
}

double status_mib(pid_t pid, const char *line)
{
	char path[64], text[256];
	double mib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	file = fopen(path, "r");
	while (file && fgets(text, sizeof(text), file))
		if (!strncmp(text, line, strlen(line)))
			mib = strtod(text + strlen(line), NULL) / 1024;
	if (file)
		fclose(file);
	return mib;
}
