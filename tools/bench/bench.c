/*
 * bench.c - the sheaf-bench program: reads its options, runs the cases, reports.
 */
#include "bench.h"
#include "child.h"
#include "report.h"
#include "rounds.h"
#include "save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct bench_case *const cases[] = {
	&case_submit_gather,
	&case_grain_1,
	&case_map_auto,
	&case_apply_idle,
	&case_create,
	&case_kills,
	&case_kills_map,
	&case_metg_bag,
	&case_metg_auto,
	&case_metg_fan,
	&case_metg_stencil,
	&case_imbalance_constant,
	&case_imbalance_exponential,
	&case_imbalance_outliers,
	&case_imbalance_pareto,
	&case_imbalance_rising,
	&case_imbalance_falling,
	&case_scale_tasks,
	&case_scale_grain_1,
	&case_scale_map_auto,
	&case_oversubscribed_workers,
	&case_oversubscribed_idle_pool,
	&case_oversubscribed_busy_pool,
};

#define CASES (sizeof(cases) / sizeof(*cases))

static const char mark_begin[] = "<!-- sheaf-bench --markdown: begin -->";
static const char mark_end[] = "<!-- sheaf-bench --markdown: end -->";

const char *bench_program;

struct options {
	struct bench_settings settings;
	const char *json, *markdown;
	bool chosen[CASES];
	bool help;
};

static void usage(FILE *out)
{
	fputs("usage: sheaf-bench [--quick|--full] [--workers N] [--rounds N] [--json FILE] [--markdown FILE] [CASE...]\n"
	      "\n"
	      "Runs Sheaf and its peers by turns, checks every result, and prints medians with their ranges and ratios.\n"
	      "\n"
	      "  --full           sizes for figures: the default\n"
	      "  --quick          small sizes, to see that everything works: its figures mean nothing\n"
	      "  --workers N      workers of a pool, and threads or processes of a peer; default: the usable CPUs\n"
	      "  --rounds N       rounds, 1 to 99; default: 7, with --quick 3\n"
	      "  --json FILE      also write the medians as JSON\n"
	      "  --markdown FILE  also write the table into FILE, between its two lines \"<!-- sheaf-bench --markdown: ... "
	      "-->\"\n"
	      "  --help           this text\n"
	      "\n"
	      "Cases (default: all):\n",
	      out);
	for (size_t i = 0; i < CASES; i++)
		fprintf(out, "  %-16s %s: %s\n", cases[i]->name, cases[i]->unit, cases[i]->what);
}

static int bad_usage(const char *what, const char *value, const char *advice)
{
	fprintf(stderr, "sheaf-bench: %s%s%s: %s (see --help)\n", what, value[0] ? " " : "", value, advice);
	return -EINVAL;
}

static int read_count(const char *name, const char *text, unsigned most, unsigned *count)
{
	char advice[64], *end;
	unsigned long value;

	snprintf(advice, sizeof(advice), "give a number from 1 to %u", most);
	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < 1 || value > most)
		return bad_usage(name, text, advice);
	*count = (unsigned)value;
	return 0;
}

/* The value of "--name VALUE" or "--name=VALUE" if that is what @at points to; moves @at to its last word. */
static const char *value_of(const char *name, char ***at)
{
	size_t length = strlen(name);

	if (strncmp(**at, name, length) != 0)
		return NULL;
	if ((**at)[length] == '=')
		return **at + length + 1;
	if ((**at)[length])
		return NULL;
	if (!(*at)[1])
		return "";
	return *++*at;
}

static int choose(struct options *options, const char *name)
{
	bool some = false;

	for (size_t i = 0; i < CASES; i++) {
		/* A case stands for all its variants, "case/variant" for one. */
		size_t length = strlen(name);

		if (strncmp(cases[i]->name, name, length) == 0 && (!cases[i]->name[length] || cases[i]->name[length] == '/')) {
			options->chosen[i] = true;
			some = true;
		}
	}
	return some ? 0 : bad_usage("unknown case", name, "choose from the list");
}

static int read_options(char **at, struct options *options)
{
	bool some = false, only_cases = false;
	const char *value;
	int r = 0;

	options->settings.workers = sheaf_usable_cpus();
	options->settings.progress = isatty(STDERR_FILENO);
	for (; *at && r == 0; at++) {
		if (only_cases || (*at)[0] != '-') {
			r = choose(options, *at);
			some = true;
		} else if (strcmp(*at, "--") == 0) {
			only_cases = true;
		} else if (strcmp(*at, "--quick") == 0) {
			options->settings.quick = true;
		} else if (strcmp(*at, "--full") == 0) {
			options->settings.quick = false;
		} else if (strcmp(*at, "--help") == 0) {
			options->help = true;
		} else if ((value = value_of("--workers", &at))) {
			r = read_count("--workers", value, SHEAF_MAX_WORKERS, &options->settings.workers);
		} else if ((value = value_of("--rounds", &at))) {
			r = read_count("--rounds", value, BENCH_MAX_ROUNDS, &options->settings.rounds);
		} else if ((value = value_of("--json", &at))) {
			options->json = value;
		} else if ((value = value_of("--markdown", &at))) {
			options->markdown = value;
		} else {
			r = bad_usage("unknown option", *at, "choose from the list");
		}
	}
	if (r == 0 && options->json && !options->json[0])
		r = bad_usage("--json", "", "give a file name");
	if (r == 0 && options->markdown && !options->markdown[0])
		r = bad_usage("--markdown", "", "give a file name");
	if (options->settings.rounds == 0)
		options->settings.rounds = options->settings.quick ? 3 : 7;
	for (size_t i = 0; !some && i < CASES; i++)
		options->chosen[i] = true;
	return r;
}

static int cannot_write(const char *path, int r)
{
	if (r == -EBADMSG)
		fprintf(stderr,
			"sheaf-bench: %s: not written, because it has not both lines \"%s\" and \"%s\": add them where the "
			"table shall be\n",
			path, mark_begin, mark_end);
	else if (r < 0)
		fprintf(stderr, "sheaf-bench: %s: %s\n", path, strerror(-r));
	return r;
}

static int save(const struct options *options, const struct bench_outcome *outcomes, size_t n, bool markdown)
{
	const char *path = markdown ? options->markdown : options->json;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return cannot_write(path, -errno);
	if (markdown)
		report_markdown(out, &options->settings, outcomes, n);
	else
		report_json(out, outcomes, n);
	if (fclose(out) != 0)
		r = -ENOMEM;
	else if (markdown)
		r = save_between_marks(path, mark_begin, mark_end, text);
	else
		r = save_file(path, text, size);
	free(text);
	return cannot_write(path, r);
}

static int run(const struct options *options, struct bench_outcome *outcomes)
{
	size_t n = 0;
	int r = 0;

	report_heading(stdout, &options->settings);
	for (size_t i = 0; i < CASES; i++) {
		if (!options->chosen[i])
			continue;
		fflush(stdout);
		r = rounds_run(cases[i], &options->settings, &outcomes[n]);
		if (r != 0)
			return r;
		report_table(stdout, &outcomes[n++], 1);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return cannot_write("stdout", -errno);
	if (options->json && save(options, outcomes, n, false) < 0)
		r = -1;
	if (options->markdown && save(options, outcomes, n, true) < 0)
		r = -1;
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct bench_outcome *outcomes;
	int r;

	(void)argc;
	bench_program = argv[0];
	if (read_options(argv + 1, &options) < 0)
		return 2;
	if (options.help) {
		usage(stdout);
		return 0;
	}
	/* Better now than after all the work. */
	if ((options.json && cannot_write(options.json, save_possible(options.json)) < 0) ||
	    (options.markdown && cannot_write(options.markdown, save_possible(options.markdown)) < 0))
		return 1;
	outcomes = calloc(CASES, sizeof(*outcomes));
	if (!outcomes) {
		fputs("sheaf-bench: no memory\n", stderr);
		return 1;
	}
	child_prepare();
	r = run(&options, outcomes);
	free(outcomes);
	if (r > 0)
		child_die();
	return r == 0 ? 0 : 1;
}
