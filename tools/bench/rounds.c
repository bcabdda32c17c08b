/*
 * rounds.c - the contenders take turns, so that a busy minute of the machine meets all of them alike; only figures of the same
 * round are divided by each other.
 */
#include "rounds.h"
#include "child.h"
#include "measure.h"
#include "text.h"

#include "base/printable.h"

#include <stdio.h>
#include <string.h>

static void show(const struct bench_settings *settings, const struct bench_case *what, unsigned round, const char *who)
{
	if (settings->progress)
		fprintf(stderr, "\r\033[Kcase %u of %u, %s: round %u of %u, %s", settings->place, settings->cases, what->name,
			round + 1, settings->rounds, who);
}

static void clear(const struct bench_settings *settings)
{
	if (settings->progress)
		fputs("\r\033[K", stderr);
}

static int take_turn(const struct bench_contender *who, const struct bench_job *job, const struct bench_settings *settings,
		     unsigned round, const struct bench_case *what, struct bench_series *series)
{
	struct child_answer answer = {0};
	char shown[TEXT_NAME]; /* a reason may quote what others wrote */
	bool is_sheaf = who == &what->sheaf || who->is_sheaf;

	series->name = who->name;
	if (series->absent[0])
		return 0;
	show(settings, what, round, who->name);
	child_run(who, job, !is_sheaf, &answer);
	switch (answer.kind) {
	case CHILD_OK:
		series->ns[round] = answer.ns;
		return 0;
	case CHILD_SKIPPED:
		printable(series->absent, sizeof(series->absent), answer.reason, strlen(answer.reason));
		return 0;
	case CHILD_STOPPED:
		clear(settings);
		return child_signal();
	default:
		clear(settings);
		fprintf(stderr, "sheaf-bench: %s, %s: %s\n", what->name, who->name, text_name(shown, answer.reason));
		return -1;
	}
}

static void min_median_max(double *values, unsigned n, double *min, double *median, double *max)
{
	*median = bench_median(values, n);
	*min = values[0];
	*max = values[n - 1];
}

static void sum_up(struct bench_series *series, const struct bench_series *sheaf, unsigned rounds, double unit_ns)
{
	struct bench_summary *summary = &series->in_units;
	double values[BENCH_MAX_ROUNDS], ratios[BENCH_MAX_ROUNDS];

	if (!series->name || series->absent[0])
		return;
	if (sheaf->absent[0]) {
		snprintf(series->absent, sizeof(series->absent), "Sheaf was not measured");
		return;
	}
	for (unsigned i = 0; i < rounds; i++) {
		values[i] = series->ns[i] / unit_ns;
		ratios[i] = sheaf->ns[i] / series->ns[i];
	}
	min_median_max(values, rounds, &summary->min, &summary->median, &summary->max);
	min_median_max(ratios, rounds, &summary->ratio_min, &summary->ratio, &summary->ratio_max);
}

int rounds_run(const struct bench_case *what, const struct bench_settings *settings, struct bench_outcome *outcome)
{
	const struct bench_size *size = settings->quick ? &what->quick : &what->full;
	struct bench_job job = {.name = what->name,
				.workers = settings->workers,
				.n = size->n,
				.repeats = size->repeats,
				.quick = settings->quick};
	int r = 0;

	memset(outcome, 0, sizeof(*outcome));
	outcome->what = what;
	outcome->rounds = settings->rounds;
	for (unsigned round = 0; r == 0 && round < settings->rounds; round++) {
		r = take_turn(&what->sheaf, &job, settings, round, what, &outcome->sheaf);
		if (outcome->sheaf.absent[0])
			break;
		for (size_t i = 0; r == 0 && i < BENCH_MAX_PEERS && what->peers[i].measure; i++)
			r = take_turn(&what->peers[i], &job, settings, round, what, &outcome->peers[i]);
		for (size_t i = 0; r == 0 && i < BENCH_MAX_LIMITS && what->limits[i].measure; i++)
			r = take_turn(&what->limits[i], &job, settings, round, what, &outcome->limits[i]);
	}
	if (r != 0)
		return r;
	clear(settings);
	sum_up(&outcome->sheaf, &outcome->sheaf, settings->rounds, what->unit_ns);
	for (size_t i = 0; i < BENCH_MAX_PEERS; i++)
		sum_up(&outcome->peers[i], &outcome->sheaf, settings->rounds, what->unit_ns);
	for (size_t i = 0; i < BENCH_MAX_LIMITS; i++)
		sum_up(&outcome->limits[i], &outcome->sheaf, settings->rounds, what->unit_ns);
	return 0;
}
