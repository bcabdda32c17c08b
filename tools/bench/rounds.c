/*
 * rounds.c - the contenders take turns, so that a busy minute of the machine meets all of them
 * alike: only figures of the same round are ever divided by each other.
 */
#include "rounds.h"
#include "child.h"
#include "measure.h"

#include "base/printable.h"

#include <stdio.h>
#include <string.h>

static void show(const struct bench_settings *settings, const struct bench_case *what, unsigned round, const char *contender)
{
	if (settings->progress)
		fprintf(stderr, "\r\033[Kcase %u of %u, %s: round %u of %u, %s", settings->place, settings->cases, what->name,
			round + 1, settings->rounds, contender);
}

static void clear(const struct bench_settings *settings)
{
	if (settings->progress)
		fputs("\r\033[K", stderr);
}

/* Measure the contender of @job once and note it in @series. Return: as rounds_run(). */
static int take_turn(const struct bench_job *job, const struct bench_settings *settings, unsigned round,
		     const struct bench_case *what, struct bench_series *series)
{
	bool whole_group = job->contender->kind != BENCH_SHEAF && job->contender->kind != BENCH_VARIANT;
	struct child_answer answer = {0};
	char shown[sizeof(answer.reason)]; /* a reason may quote what others wrote */

	if (series->absent[0])
		return 0;
	show(settings, what, round, job->contender->name);
	child_run(job, whole_group, &answer);
	printable(shown, sizeof(shown), answer.reason, strlen(answer.reason));
	switch (answer.kind) {
	case CHILD_OK:
		series->ns[round] = answer.ns;
		return 0;
	case CHILD_SKIPPED:
		memcpy(series->absent, shown, sizeof(shown));
		return 0;
	case CHILD_STOPPED:
		clear(settings);
		return child_signal();
	default:
		clear(settings);
		fprintf(stderr, "sheaf-bench: %s, %s: %s\n", what->name, job->contender->name, shown);
		return -1;
	}
}

size_t rounds_contenders(const struct bench_case *what, const struct bench_settings *settings)
{
	size_t n = 1;

	while (!settings->alone && n < BENCH_MAX_CONTENDERS && what->contenders[n].measure)
		n++;
	return n;
}

int rounds_run(const struct bench_case *what, const struct bench_settings *settings, struct bench_series *series)
{
	const struct bench_size *size = settings->quick ? &what->quick : &what->full;
	size_t n = rounds_contenders(what, settings);
	int r = 0;

	memset(series, 0, n * sizeof(*series));
	for (unsigned round = 0; r == 0 && round < settings->rounds; round++) {
		for (size_t i = 0; r == 0 && i < n; i++) {
			struct bench_job job = {.name = what->name,
						.workers = settings->workers,
						.n = size->n,
						.repeats = size->repeats,
						.quick = settings->quick,
						.way = what->contenders[i].way,
						.contender = &what->contenders[i]};

			r = take_turn(&job, settings, round, what, &series[i]);
			if (i > 0 || !series[0].absent[0])
				continue;
			for (size_t k = 1; k < n; k++)
				snprintf(series[k].absent, sizeof(series[k].absent), "Sheaf was not measured");
		}
	}
	clear(settings);
	return r;
}
