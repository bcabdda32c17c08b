/*
 * json.c - writes a case as one line of JSON: its words, its contenders with their nanoseconds in
 * each round, its bounds, the run.
 */
#include "json.h"
#include "machine.h"

static void write_text(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\": \"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			fprintf(out, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, out);
	}
	fputs("\"", out);
}

static void write_contender(FILE *out, const struct bench_contender *contender, const struct bench_settings *settings,
			    const struct bench_series *series)
{
	static const char *const kinds[] = {"sheaf", "variant", "peer", "limit"};

	fputs("{", out);
	write_text(out, "name", contender->name);
	fputs(", ", out);
	write_text(out, "kind", kinds[contender->kind]);
	if (series && series->absent[0]) {
		fputs(", ", out);
		write_text(out, "absent", series->absent);
	} else if (series) {
		fputs(", \"ns\": [", out);
		for (unsigned i = 0; i < settings->rounds; i++)
			fprintf(out, "%s%.9g", i ? ", " : "", series->ns[i]);
		fputs("]", out);
	}
	fputs("}", out);
}

static void write_bound(FILE *out, const struct bench_bound *bound)
{
	fprintf(out, "{\"most\": %.9g, \"of\": [", bound->most);
	for (size_t i = 0; i < BENCH_MAX_OF && bound->of[i]; i++)
		/* The names of contenders have nothing to escape. */
		fprintf(out, "%s\"%s\"", i ? ", " : "", bound->of[i]);
	fputs("]}", out);
}

void json_case(FILE *out, const struct bench_case *what, const struct bench_settings *settings,
	       const struct bench_series *series)
{
	size_t n = rounds_contenders(what, settings);
	char machine[512];

	fputs("{", out);
	write_text(out, "case", what->name);
	fputs(", ", out);
	write_text(out, "unit", what->unit);
	fprintf(out, ", \"unit_ns\": %.9g, ", what->unit_ns);
	write_text(out, "what", what->what);
	fputs(", \"contenders\": [", out);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		write_contender(out, &what->contenders[i], settings, series ? &series[i] : NULL);
	}
	fputs("], \"bounds\": [", out);
	for (size_t i = 0; i < BENCH_MAX_BOUNDS && what->bounds[i].most > 0; i++) {
		fputs(i ? ", " : "", out);
		write_bound(out, &what->bounds[i]);
	}
	fprintf(out, "], \"workers\": %u, \"rounds\": %u, \"quick\": %s, ", settings->workers, settings->rounds,
		settings->quick ? "true" : "false");
	write_text(out, "version", sheaf_version());
	fputs(", ", out);
	write_text(out, "machine", machine_name(machine, sizeof(machine)));
	fputs("}\n", out);
}
