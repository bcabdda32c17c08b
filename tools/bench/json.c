/*
 * json.c - everything that a run measured. The first fields of each object are those that programs need, the others tell more.
 */
#include "json.h"
#include "bounds.h"
#include "text.h"

static bool is_measured(const struct bench_series *series)
{
	return series->name && !series->absent[0];
}

static void json_numbers(FILE *out, const char *const *names, const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fprintf(out, ", \"%s\": ", names[i]);
		text_json_number(out, values[i]);
	}
}

/* Those that were measured, as an array. */
static void json_series(FILE *out, const struct bench_series *series, size_t n)
{
	static const char *const names[] = {"value", "min", "max", "ratio", "ratio_min", "ratio_max"};
	const char *comma = "";

	fputs("[", out);
	for (size_t i = 0; i < n; i++) {
		const struct bench_summary *in = &series[i].in_units;
		const double values[] = {in->median, in->min, in->max, in->ratio, in->ratio_min, in->ratio_max};

		if (!is_measured(&series[i]))
			continue;
		fprintf(out, "%s\n\t\t\t{\"name\": ", comma);
		text_json(out, series[i].name);
		json_numbers(out, names, values, sizeof(values) / sizeof(*values));
		fputs("}", out);
		comma = ",";
	}
	fputs("]", out);
}

static const char *absent_before(FILE *out, const char *comma, const struct bench_series *series, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!series[i].name || !series[i].absent[0])
			continue;
		fprintf(out, "%s\n\t\t\t{\"name\": ", comma);
		text_json(out, series[i].name);
		fputs(", \"why\": ", out);
		text_json(out, series[i].absent);
		fputs("}", out);
		comma = ",";
	}
	return comma;
}

static const char *json_verdict(enum bench_verdict verdict)
{
	return verdict == BENCH_MET ? "true" : verdict == BENCH_MISSED ? "false" : "null";
}

static void json_bounds(FILE *out, const struct bench_outcome *outcome)
{
	fputs("[", out);
	for (size_t i = 0; i < bounds_number(outcome->what); i++) {
		const struct bench_bound *bound = &outcome->what->bounds[i];
		const struct bench_judged *judged = &outcome->judged[i];

		fprintf(out, "%s\n\t\t\t{\"of\": [", i ? "," : "");
		for (size_t k = 0; k < BENCH_MAX_OF && bound->of[k]; k++) {
			fputs(k ? ", " : "", out);
			text_json(out, bound->of[k]);
		}
		fputs("], \"most\": ", out);
		text_json_number(out, bound->most);
		fputs(", \"reached\": ", out);
		if (judged->verdict == BENCH_NOT_JUDGED)
			fputs("null", out);
		else
			text_json_number(out, judged->reached);
		fprintf(out, ", \"ok\": %s}", json_verdict(judged->verdict));
	}
	fputs("]", out);
}

/* The readable text of all bounds, or null. */
static void json_bound(FILE *out, const struct bench_case *what)
{
	char text[1024];
	FILE *in;

	if (bounds_number(what) == 0 || !(in = fmemopen(text, sizeof(text), "w"))) {
		fputs("null", out);
		return;
	}
	bounds_write_all(in, what);
	fclose(in);
	text[sizeof(text) - 1] = '\0';
	text_json(out, text);
}

static void json_case(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcome)
{
	static const char *const names[] = {"sheaf", "sheaf_min", "sheaf_max"};
	const struct bench_summary *in = &outcome->sheaf.in_units;
	const double values[] = {in->median, in->min, in->max};
	const char *comma;

	fputs("\t{\"case\": ", out);
	text_json(out, outcome->what->name);
	fputs(", \"unit\": ", out);
	text_json(out, outcome->what->unit);
	if (is_measured(&outcome->sheaf))
		json_numbers(out, names, values, sizeof(values) / sizeof(*values));
	else
		fputs(", \"sheaf\": null", out);
	fputs(", \"limit\": ", out);
	if (is_measured(&outcome->limits[0]))
		text_json_number(out, outcome->limits[0].in_units.median);
	else
		fputs("null", out);
	fputs(",\n\t\t\"peers\": ", out);
	json_series(out, outcome->peers, BENCH_MAX_PEERS);
	fputs(",\n\t\t\"limits\": ", out);
	json_series(out, outcome->limits, BENCH_MAX_LIMITS);
	fputs(",\n\t\t\"absent\": [", out);
	comma = absent_before(out, "", &outcome->sheaf, 1);
	comma = absent_before(out, comma, outcome->peers, BENCH_MAX_PEERS);
	absent_before(out, comma, outcome->limits, BENCH_MAX_LIMITS);
	fputs("],\n\t\t\"bound\": ", out);
	json_bound(out, outcome->what);
	fprintf(out, ", \"ok\": %s,\n\t\t\"bounds\": ", json_verdict(bounds_verdict(outcome)));
	json_bounds(out, outcome);
	fprintf(out, ",\n\t\t\"workers\": %u, \"rounds\": %u, \"quick\": %s}", settings->workers, outcome->rounds,
		settings->quick ? "true" : "false");
}

void json_write(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n)
{
	fputs("[", out);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ",\n" : "\n", out);
		json_case(out, settings, &outcomes[i]);
	}
	fputs("\n]\n", out);
}
