/*
 * bench.c - the sheaf-bench program: runs the cases, reports, saves.
 */
#include "bench.h"
#include "bounds.h"
#include "child.h"
#include "json.h"
#include "options.h"
#include "report.h"
#include "save.h"
#include "svg.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct bench_case *const cases[] = {
	&case_metg_bag,
	&case_metg_auto,
	&case_metg_fan,
	&case_metg_stencil,
	&case_map_auto_cube,
	&case_map_auto_copy,
	&case_map_auto_triad,
	&case_map_item,
	&case_grain_1,
	&case_imbalance_constant,
	&case_imbalance_exponential,
	&case_imbalance_outliers,
	&case_imbalance_pareto,
	&case_imbalance_rising,
	&case_imbalance_falling,
	&case_submit_gather,
	&case_stream,
	&case_apply_idle,
	&case_apply_idle_calls,
	&case_fork_join_hot,
	&case_fork_join_parked,
	&case_waiting_hot,
	&case_waiting_gaps,
	&case_waiting_twice,
	&case_waiting_hogs,
	&case_waiting_idle_cpu,
	&case_results_1m,
	&case_handover,
	&case_create,
	&case_create_1gib,
	&case_first_touch,
	&case_safety_tax_1,
	&case_safety_tax_64,
	&case_kills,
	&case_kills_map,
	&case_recover_p50,
	&case_recover_p99,
	&case_big_owner_create,
	&case_big_owner_worker,
	&case_big_owner_supervisor,
	&case_big_owner_destroy,
	&case_scale_tasks,
	&case_scale_grain_1,
	&case_scale_map_auto,
	&case_growth_1e3,
	&case_growth_1e4,
	&case_growth_1e5,
	&case_growth_1e6,
	&case_growth_1e7,
	&case_growth_1e8,
	&case_growth_1e9,
	&case_growth_memory,
	&case_oversubscribed_workers,
	&case_oversubscribed_idle_pool,
	&case_oversubscribed_busy_pool,
};

#define CASES (sizeof(cases) / sizeof(*cases))

_Static_assert(CASES <= OPTIONS_MAX_CASES, "each case can be chosen");

const char *bench_program;

typedef void write_fn(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n);

static int cannot_write(const char *path, int r)
{
	char shown[TEXT_NAME];

	if (r < 0)
		fprintf(stderr, "sheaf-bench: %s: %s\n", text_name(shown, path), strerror(-r));
	return r;
}

static int save_between(const char *path, const char *marks, const char *text)
{
	char begin[128], end[128], shown[TEXT_NAME];
	int r;

	snprintf(begin, sizeof(begin), "<!-- sheaf-bench %s: begin -->", marks);
	snprintf(end, sizeof(end), "<!-- sheaf-bench %s: end -->", marks);
	r = save_between_marks(path, begin, end, text);
	if (r == -EBADMSG)
		fprintf(stderr,
			"sheaf-bench: %s: not written, because it has not both lines \"%s\" and \"%s\": add them where the "
			"table shall be\n",
			text_name(shown, path), begin, end);
	else
		cannot_write(path, r);
	return r;
}

/* @path: NULL: nothing to do. @marks: what the lines say between which the text stands; NULL: it is the whole file. */
static int save(const char *path, const char *marks, write_fn *write, const struct bench_settings *settings,
		const struct bench_outcome *outcomes, size_t n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int r;

	if (!path)
		return 0;
	out = open_memstream(&text, &size);
	if (!out)
		return cannot_write(path, -errno);
	write(out, settings, outcomes, n);
	if (save_close(out) != 0)
		r = cannot_write(path, -ENOMEM);
	else
		r = marks ? save_between(path, marks, text) : cannot_write(path, save_file(path, text, size));
	free(text);
	return r;
}

static void write_cases(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n)
{
	(void)settings;
	(void)outcomes;
	(void)n;
	report_cases(out, cases, CASES);
}

static bool save_all(const struct options *options, const struct bench_outcome *outcomes, size_t n)
{
	const struct bench_settings *settings = &options->settings;
	char marks[OPTIONS_LONGEST_MARK + 16];
	bool ok;

	snprintf(marks, sizeof(marks), "--markdown%s%s", options->mark[0] ? " " : "", options->mark);
	ok = save(options->json, NULL, json_write, settings, outcomes, n) == 0;
	ok &= save(options->svg, NULL, svg_write, settings, outcomes, n) == 0;
	ok &= save(options->markdown, marks, report_markdown, settings, outcomes, n) == 0;
	return ok;
}

/* Better now than after all the work. */
static bool can_save_all(const struct options *options)
{
	const char *const paths[] = {options->json, options->svg, options->markdown};
	bool ok = true;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		ok &= !paths[i] || cannot_write(paths[i], save_possible(paths[i])) == 0;
	return ok;
}

/* Did all that was printed arrive? */
static bool is_printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	cannot_write("stdout", errno ? -errno : -EIO);
	return false;
}

/* A case that fails does not take the others with it. Return: 0; 1: something failed; a signal's number, negative. */
static int run(struct options *options, struct bench_outcome *outcomes)
{
	size_t n = 0, failed = 0;

	report_heading(stdout, &options->settings);
	for (size_t i = 0; i < CASES; i++) {
		int r;

		if (!options->chosen[i])
			continue;
		fflush(stdout);
		options->settings.place++;
		r = rounds_run(cases[i], &options->settings, &outcomes[n]);
		if (r > 0)
			return -r;
		if (r < 0) {
			failed++;
			continue;
		}
		bounds_judge(&outcomes[n]);
		report_table(stdout, &outcomes[n++]);
	}
	fputs("\n", stdout);
	report_verdicts(stdout, outcomes, n);
	fputs("\n", stdout);
	if (!is_printed())
		return 1;
	if (failed > 0)
		fprintf(stderr, "sheaf-bench: %zu case%s failed, and will be missing in every file\n", failed,
			failed == 1 ? "" : "s");
	if (!save_all(options, outcomes, n) || failed > 0)
		return 1;
	return options->strict && bounds_count(outcomes, n, BENCH_MISSED) > 0;
}

int main(int argc, char **argv)
{
	struct bench_outcome *outcomes;
	struct options options;
	bool sound = true;
	int r;

	(void)argc;
	bench_program = argv[0];
	if (options_read(&options, argv + 1, cases, CASES) < 0)
		return 2;
	for (size_t i = 0; i < CASES; i++)
		sound &= bounds_are_sound(cases[i]);
	if (!sound)
		return 1;
	if (options.help)
		options_help(cases, CASES);
	for (size_t i = 0; options.list && i < CASES; i++)
		if (options.chosen[i])
			puts(cases[i]->name);
	if (options.cases && save(options.cases, "--cases", write_cases, NULL, NULL, 0) < 0)
		return 1;
	if (options.help || options.list || options.cases)
		return is_printed() ? 0 : 1;
	if (!can_save_all(&options))
		return 1;
	outcomes = calloc(CASES, sizeof(*outcomes));
	if (!outcomes) {
		fputs("sheaf-bench: no memory\n", stderr);
		return 1;
	}
	child_prepare();
	r = run(&options, outcomes);
	free(outcomes);
	if (r < 0)
		child_die();
	return r == 0 ? 0 : 1;
}
