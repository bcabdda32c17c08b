/*
 * report.c - the three forms of the outcomes. Names and reasons are text of our own or of the system.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#if defined(__clang__)
#define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__)
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

#ifdef __OPTIMIZE__
#define OPTIMIZED ""
#else
#define OPTIMIZED ", not optimized"
#endif

static const char no_value[] = "not measured";

/* The file exists on Linux only, and names no model on some of its machines. */
static void cpu_model(char *model, size_t size)
{
	static const char key[] = "model name";
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[512];

	snprintf(model, size, "unknown CPU");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		colon[strcspn(colon, "\n")] = '\0';
		if (colon[0])
			snprintf(model, size, "%s", colon);
		break;
	}
	if (file)
		fclose(file);
}

static void machine(FILE *out)
{
	struct utsname system;
	char model[256];

	cpu_model(model, sizeof(model));
	if (uname(&system) >= 0)
		fprintf(out, "%s %s %s, ", system.sysname, system.release, system.machine);
	fprintf(out, "%s%s, %s, %ld CPUs (%u usable)", COMPILER, OPTIMIZED, model, sysconf(_SC_NPROCESSORS_ONLN),
		sheaf_usable_cpus());
}

static void setup(FILE *out, const struct bench_settings *settings)
{
	fprintf(out, "Sheaf %s, %u worker%s, %u round%s%s", sheaf_version(), settings->workers,
		settings->workers == 1 ? "" : "s", settings->rounds, settings->rounds == 1 ? "" : "s",
		settings->quick ? ", quick: correctness only" : "");
}

void report_heading(FILE *out, const struct bench_settings *settings)
{
	setup(out, settings);
	fputs("\n", out);
	machine(out);
	fputs("\n\n", out);
	fprintf(out, "%-14s %-8s %-28s %10s %10s %10s   %s\n", "case", "unit", "contender", "median", "min", "max",
		"Sheaf / this (min .. max)");
}

/* Three significant digits, and no exponent. */
static const char *number(char text[32], double value)
{
	int digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : value >= 0.1 ? 3 : 4;

	snprintf(text, 32, "%.*f", digits, value);
	return text;
}

static const char *ratio(char text[32], double value)
{
	if (value <= 0 || value >= 0.01)
		return number(text, value);
	snprintf(text, 32, "1/%.0f", 1 / value);
	return text;
}

static void table_row(FILE *out, const char *what, const char *unit, const char *prefix, const struct bench_series *series,
		      bool with_ratio)
{
	const struct bench_summary *values = &series->in_units;
	char name[64], a[32], b[32], c[32];

	if (!series->name)
		return;
	snprintf(name, sizeof(name), "%s%s", prefix, series->name);
	fprintf(out, "%-14s %-8s %-28s ", what, unit, name);
	if (series->absent[0]) {
		fprintf(out, "%s: %s\n", no_value, series->absent);
		return;
	}
	fprintf(out, "%10s %10s %10s", number(a, values->median), number(b, values->min), number(c, values->max));
	if (with_ratio)
		fprintf(out, "   %s (%s .. %s)", ratio(a, values->ratio), ratio(b, values->ratio_min),
			ratio(c, values->ratio_max));
	fputs("\n", out);
}

void report_table(FILE *out, const struct bench_outcome *outcomes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct bench_outcome *outcome = &outcomes[i];

		table_row(out, outcome->what->name, outcome->what->unit, "", &outcome->sheaf, false);
		for (size_t k = 0; k < BENCH_MAX_PEERS; k++)
			table_row(out, "", "", "", &outcome->peers[k], true);
		for (size_t k = 0; k < BENCH_MAX_LIMITS; k++)
			table_row(out, "", "", "limit: ", &outcome->limits[k], true);
	}
}

static void markdown_row(FILE *out, const struct bench_outcome *outcome, const char *prefix, const struct bench_series *series,
			 bool with_ratio)
{
	const struct bench_summary *values = &series->in_units;
	char a[32], b[32], c[32];

	if (!series->name)
		return;
	fprintf(out, "| `%s` | %s | %s%s | ", outcome->what->name, outcome->what->unit, prefix, series->name);
	if (series->absent[0]) {
		fprintf(out, "%s | | %s |\n", no_value, series->absent);
		return;
	}
	fprintf(out, "%s | %s .. %s | ", number(a, values->median), number(b, values->min), number(c, values->max));
	if (with_ratio)
		fprintf(out, "%s (%s .. %s)", ratio(a, values->ratio), ratio(b, values->ratio_min),
			ratio(c, values->ratio_max));
	fputs(" |\n", out);
}

void report_markdown(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n)
{
	fputs("Machine: ", out);
	machine(out);
	fputs(".\n", out);
	setup(out, settings);
	fputs(".\n\n| case | unit | contender | median | range | Sheaf / this (range) |\n|---|---|---|---:|---:|---:|\n", out);
	for (size_t i = 0; i < n; i++) {
		const struct bench_outcome *outcome = &outcomes[i];

		markdown_row(out, outcome, "", &outcome->sheaf, false);
		for (size_t k = 0; k < BENCH_MAX_PEERS; k++)
			markdown_row(out, outcome, "", &outcome->peers[k], true);
		for (size_t k = 0; k < BENCH_MAX_LIMITS; k++)
			markdown_row(out, outcome, "limit: ", &outcome->limits[k], true);
	}
}

void report_json(FILE *out, const struct bench_outcome *outcomes, size_t n)
{
	fputs("[", out);
	for (size_t i = 0; i < n; i++) {
		const struct bench_outcome *outcome = &outcomes[i];
		const struct bench_series *limit = &outcome->limits[0];
		const char *comma = "";

		/* No name holds a character that JSON would want escaped. */
		fprintf(out, "%s\n\t{\"case\": \"%s\", \"unit\": \"%s\", \"sheaf\": %.6g, \"limit\": ", i ? "," : "",
			outcome->what->name, outcome->what->unit, outcome->sheaf.in_units.median);
		if (limit->name && !limit->absent[0])
			fprintf(out, "%.6g", limit->in_units.median);
		else
			fputs("null", out);
		fputs(", \"peers\": [", out);
		for (size_t k = 0; k < BENCH_MAX_PEERS; k++) {
			const struct bench_series *peer = &outcome->peers[k];

			if (!peer->name || peer->absent[0])
				continue;
			fprintf(out, "%s\n\t\t{\"name\": \"%s\", \"value\": %.6g, \"ratio\": %.6g}", comma, peer->name,
				peer->in_units.median, peer->in_units.ratio);
			comma = ",";
		}
		fputs("]}", out);
	}
	fputs("\n]\n", out);
}
