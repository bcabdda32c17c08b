/*
 * bench.c - the program that sheaf-bench runs: it measures cases and writes one line of JSON for
 * each, see json.c.
 *
 * 	measure [-l] [-q] [-a] [-p] [-w WORKERS] [-r ROUNDS] [CASE...]
 *
 * 	-l  measure nothing; only tell what the cases are	-q  quick: small sizes
 * 	-a  alone: Sheaf itself, without peers and limits	-p  progress on stderr
 *
 * CASE is the whole name of a case; default: all. Exit status: 0; 1: a measurement failed, which is
 * said on stderr, and its case has no line; 2: the command line was wrong.
 */
#include "bench.h"
#include "child.h"
#include "json.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order in which they are run and reported. */
static const struct bench_case *const tables[] = {
	cases_metg,       cases_array,       cases_map,         cases_imbalance, cases_submit,         cases_stream,
	cases_apply,      cases_small_batch, cases_fork_join,   cases_waiting,   cases_idle_cpu,       cases_results,
	cases_handover,   cases_create,      cases_terminate,   cases_attach,    cases_first_touch,    cases_kills,
	cases_recover,    cases_big_owner,   cases_scale,       cases_growth,    cases_oversubscribed, cases_cancel,
	cases_cluster,    cases_steps,       cases_priorities,  cases_nested,    cases_reduce,         cases_data_csv,
	cases_data_group, cases_data_sort,   cases_data_resume, cases_data_npy,  cases_data_copy,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

const char *bench_program;

static bool is_chosen(const struct bench_case *what, char *const *names)
{
	bool chosen = !names[0];

	for (; !chosen && *names; names++)
		chosen = strcmp(*names, what->name) == 0;
	return chosen;
}

/* Run one case and write its line. Return: as rounds_run(). */
static int run(const struct bench_case *what, const struct bench_settings *settings)
{
	static struct bench_series series[BENCH_MAX_CONTENDERS];
	int r;

	if (what->prepare)
		what->prepare(what, settings->quick);
	r = rounds_run(what, settings, series);
	if (what->finish)
		what->finish();
	if (r == 0)
		json_case(stdout, what, settings, series);
	return r;
}

/*
 * A case that fails does not take the others with it. Return: how many have failed; a signal's
 * number, negative.
 */
static int run_all(struct bench_settings *settings, char *const *names, bool list)
{
	int failed = 0;

	for (size_t i = 0; i < TABLES; i++) {
		for (const struct bench_case *what = tables[i]; what->name; what++) {
			int r = 0;

			if (!is_chosen(what, names))
				continue;
			settings->place++;
			if (list)
				json_case(stdout, what, settings, NULL);
			else
				r = run(what, settings);
			if (r > 0)
				return -r;
			failed += r < 0 || fflush(stdout) != 0;
		}
	}
	return failed;
}

static unsigned count_cases(char *const *names)
{
	unsigned n = 0;

	for (size_t i = 0; i < TABLES; i++)
		for (const struct bench_case *what = tables[i]; what->name; what++)
			n += is_chosen(what, names);
	return n;
}

/* 0: it is no number from 1 to @most, which is said on stderr. */
static unsigned read_count(const char *name, const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end == '\0' && value >= 1 && value <= most)
		return (unsigned)value;
	fprintf(stderr, "sheaf-bench: --%s: give a number from 1 to %lu (see --help)\n", name, most);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench_settings settings = {.workers = sheaf_usable_cpus(), .rounds = 1};
	bool list = false;
	int option, r;

	bench_program = argv[0];
	while ((option = getopt(argc, argv, "lqapw:r:")) != -1) {
		list |= option == 'l';
		settings.quick |= option == 'q';
		settings.alone |= option == 'a';
		settings.progress |= option == 'p';
		if (option == 'w')
			settings.workers = read_count("workers", optarg, SHEAF_MAX_WORKERS);
		else if (option == 'r')
			settings.rounds = read_count("rounds", optarg, BENCH_MAX_ROUNDS);
		if (option == '?' || settings.workers == 0 || settings.rounds == 0)
			return 2;
	}
	settings.cases = count_cases(argv + optind);
	if (settings.cases == 0) {
		fputs("sheaf-bench: there is no such case\n", stderr);
		return 2;
	}
	child_prepare();
	r = run_all(&settings, argv + optind, list);
	if (r < 0)
		child_die();
	return r == 0 ? 0 : 1;
}
