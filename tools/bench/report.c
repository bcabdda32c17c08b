/*
 * report.c - the tables.
 *
 * A bound stands in the line of the contender that it compares with; one that compares with several or with nobody
 * stands in Sheaf's line, with what was reached.
 */
#include "report.h"
#include "bounds.h"
#include "machine.h"
#include "text.h"

static const char no_value[] = "not measured";

void report_heading(FILE *out, const struct bench_settings *settings)
{
	machine_write_run(out, settings);
	fputs("\n", out);
	machine_write(out);
	fputs("\n\n", out);
	fprintf(out, "%-32s %10s %10s %10s   %-28s %s\n", "case, unit", "median", "min", "max", "Sheaf / this (min .. max)",
		"bounds");
}

void report_verdicts(FILE *out, const struct bench_outcome *outcomes, size_t n)
{
	fprintf(out, "%u bounds met, %u missed, %u not judged", bounds_count(outcomes, n, BENCH_MET),
		bounds_count(outcomes, n, BENCH_MISSED), bounds_count(outcomes, n, BENCH_NOT_JUDGED));
}

static bool has_bounds(const struct bench_case *what, const char *contender)
{
	for (size_t i = 0; i < bounds_number(what); i++)
		if (bounds_is_about(&what->bounds[i], contender))
			return true;
	return false;
}

/* @contender: NULL: Sheaf itself. */
static void write_bounds(FILE *out, const struct bench_outcome *outcome, const char *contender)
{
	const char *separator = "";
	char text[TEXT_SIZE];

	for (size_t i = 0; i < bounds_number(outcome->what); i++) {
		const struct bench_bound *bound = &outcome->what->bounds[i];
		const struct bench_judged *judged = &outcome->judged[i];

		if (!bounds_is_about(bound, contender))
			continue;
		fputs(separator, out);
		separator = "; ";
		if (contender) {
			fputs("<= ", out);
			bounds_write_most(out, bound);
		} else {
			bounds_write(out, outcome->what, bound);
			if (judged->verdict != BENCH_NOT_JUDGED)
				fprintf(out, ": %s", bounds_reached(text, bound, judged));
		}
		fprintf(out, " %s", bounds_name(judged->verdict));
	}
}

static void write_ratio(char *text, size_t size, const struct bench_summary *values)
{
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];

	snprintf(text, size, "%s (%s .. %s)", text_ratio(a, values->ratio), text_ratio(b, values->ratio_min),
		 text_ratio(c, values->ratio_max));
}

/* ---- the table on the terminal ---- */

static void table_row(FILE *out, const struct bench_outcome *outcome, const char *prefix, const struct bench_series *series)
{
	const struct bench_summary *values = &series->in_units;
	bool is_sheaf = series == &outcome->sheaf;
	char name[64], a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], ratio[4 * TEXT_SIZE] = "";

	if (!series->name)
		return;
	snprintf(name, sizeof(name), "%s%s", prefix, series->name);
	fprintf(out, "  %-30s ", name);
	if (series->absent[0]) {
		fprintf(out, "%s: %s\n", no_value, series->absent);
		return;
	}
	fprintf(out, "%10s %10s %10s", text_number(a, values->median), text_number(b, values->min),
		text_number(c, values->max));
	if (!is_sheaf)
		write_ratio(ratio, sizeof(ratio), values);
	if (has_bounds(outcome->what, is_sheaf ? NULL : series->name))
		fprintf(out, "   %-28s ", ratio);
	else if (!is_sheaf)
		fprintf(out, "   %s", ratio);
	write_bounds(out, outcome, is_sheaf ? NULL : series->name);
	fputs("\n", out);
}

void report_table(FILE *out, const struct bench_outcome *outcome)
{
	fprintf(out, "%s, %s\n", outcome->what->name, outcome->what->unit);
	table_row(out, outcome, "", &outcome->sheaf);
	for (size_t k = 0; k < BENCH_MAX_PEERS; k++)
		table_row(out, outcome, "", &outcome->peers[k]);
	for (size_t k = 0; k < BENCH_MAX_LIMITS; k++)
		table_row(out, outcome, "limit: ", &outcome->limits[k]);
}

/* ---- Markdown ---- */

static void markdown_row(FILE *out, const struct bench_outcome *outcome, const char *prefix, const struct bench_series *series)
{
	const struct bench_summary *values = &series->in_units;
	bool is_sheaf = series == &outcome->sheaf;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], ratio[4 * TEXT_SIZE] = "";

	if (!series->name)
		return;
	if (is_sheaf)
		fprintf(out, "| `%s` | %s ", outcome->what->name, outcome->what->unit);
	else
		fputs("| | ", out);
	fprintf(out, "| %s%s | ", prefix, series->name);
	if (series->absent[0]) {
		fprintf(out, "%s | | %s | |\n", no_value, series->absent);
		return;
	}
	if (!is_sheaf)
		write_ratio(ratio, sizeof(ratio), values);
	fprintf(out, "%s | %s .. %s | %s | ", text_number(a, values->median), text_number(b, values->min),
		text_number(c, values->max), ratio);
	write_bounds(out, outcome, is_sheaf ? NULL : series->name);
	fputs(" |\n", out);
}

void report_markdown(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n)
{
	fputs("Machine: ", out);
	machine_write(out);
	fputs(".\n", out);
	machine_write_run(out, settings);
	fputs(".\n", out);
	report_verdicts(out, outcomes, n);
	fputs(".\n\n| case | unit | contender | median | range | Sheaf / this (range) | bounds "
	      "|\n|---|---|---|---:|---:|---:|---|\n",
	      out);
	for (size_t i = 0; i < n; i++) {
		const struct bench_outcome *outcome = &outcomes[i];

		markdown_row(out, outcome, "", &outcome->sheaf);
		for (size_t k = 0; k < BENCH_MAX_PEERS; k++)
			markdown_row(out, outcome, "", &outcome->peers[k]);
		for (size_t k = 0; k < BENCH_MAX_LIMITS; k++)
			markdown_row(out, outcome, "limit: ", &outcome->limits[k]);
	}
}

void report_cases(FILE *out, const struct bench_case *const *cases, size_t n)
{
	fputs("| case | what is measured | unit | bounds |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "| `%s` | %s | %s | ", cases[i]->name, cases[i]->what, cases[i]->unit);
		bounds_write_all(out, cases[i]);
		fputs(" |\n", out);
	}
}
