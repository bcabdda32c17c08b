/*
 * parzen_timing.c - how long 100 widths take serially and with 2, 3, 4 and 6 workers, as the
 * publication measured.
 *
 * Each number of workers has a pool of its own, one after the other, and the samples lie once in
 * each. A round is one whole batch: submit, count, gather. The start of the pool is not part of it.
 */
#include "parzen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "support/chart.h"

#define WIDTHS 100
#define FIRST_WIDTH 1.0
#define LAST_WIDTH 1.2
#define MOST_ROUNDS 51
#define LONGEST_NS 500000000u

static const unsigned worker_counts[] = {0, 2, 3, 4, 6}; /* 0: serially */
#define TIMINGS (sizeof(worker_counts) / sizeof(worker_counts[0]))

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

/*
 * Set @median_ns to the median of as many rounds as fit into half a second, but at least 1 and at
 * most MOST_ROUNDS.
 */
static int time_rounds(const struct study *study, unsigned workers, const double *widths, uint64_t *inside, uint64_t *median_ns,
		       struct progress *progress)
{
	uint64_t rounds_ns[MOST_ROUNDS];
	uint64_t spent_ns = 0;
	size_t rounds = 0;

	while (rounds < MOST_ROUNDS && spent_ns < LONGEST_NS) {
		uint64_t started_ns = sheaf_now_ns();
		int status = 0;

		if (workers == 0)
			count_serially(study, widths, WIDTHS, inside);
		else
			status = count_in_pool(study, widths, WIDTHS, inside, progress, 0, WIDTHS);
		if (status != 0)
			return status;
		rounds_ns[rounds] = sheaf_now_ns() - started_ns;
		spent_ns += rounds_ns[rounds++];
	}
	qsort(rounds_ns, rounds, sizeof(rounds_ns[0]), compare);
	*median_ns = rounds_ns[rounds / 2];
	return 0;
}

static int time_all(const struct options *options, uint64_t *medians_ns, struct progress *progress)
{
	uint64_t serial[WIDTHS];
	uint64_t inside[WIDTHS];
	double widths[WIDTHS];

	for (size_t i = 0; i < WIDTHS; i++)
		widths[i] = FIRST_WIDTH + (LAST_WIDTH - FIRST_WIDTH) * (double)i / (WIDTHS - 1);

	for (size_t k = 0; k < TIMINGS; k++) {
		unsigned workers = worker_counts[k];
		struct study study;
		int status;

		progress_show(progress, "timing", k, TIMINGS);
		status = study_open(&study, options, workers > 0 ? workers : 1);
		if (status != 0)
			return status;
		status = time_rounds(&study, workers, widths, workers > 0 ? inside : serial, &medians_ns[k], progress);
		study_close(&study);
		if (status != 0)
			return status;
		if (workers > 0 && memcmp(inside, serial, sizeof(serial)) != 0) {
			fprintf(stderr, "parzen: the counts of %u workers differ from the serial ones\n", workers);
			return EXIT_RUN_FAILED;
		}
	}
	return 0;
}

static void describe_machine(char *text, size_t size)
{
	struct utsname system;

	if (uname(&system) < 0)
		memset(&system, 0, sizeof(system));
#ifdef __clang__
	const char *compiler = __VERSION__;
#else
	const char *compiler = "GCC " __VERSION__;
#endif
	snprintf(text, size, "%s %s %s, %s, %u usable CPUs", system.sysname, system.release, system.machine, compiler,
		 sheaf_usable_cpus());
}

int time_workers(const struct options *options, const char *svg, struct progress *progress)
{
	uint64_t medians_ns[TIMINGS];
	struct chart_bar bars[TIMINGS];
	char labels[TIMINGS][32];
	char notes[TIMINGS][64];
	char machine[512];
	struct chart chart = {
		.title = "Time for 100 widths from 1.0 to 1.2 (median; the start of the workers is not counted)",
		.footer = machine,
		.bars = bars,
		.count = TIMINGS,
	};
	int status = time_all(options, medians_ns, progress);
	int r;

	if (status != 0)
		return status;

	for (size_t k = 0; k < TIMINGS; k++) {
		snprintf(labels[k], sizeof(labels[k]), worker_counts[k] > 0 ? "%u workers" : "serial", worker_counts[k]);
		snprintf(notes[k], sizeof(notes[k]), "%.2f ms, speed-up %.2f", (double)medians_ns[k] / 1e6,
			 (double)medians_ns[0] / (double)medians_ns[k]);
		bars[k] = (struct chart_bar){.label = labels[k], .note = notes[k], .value = (double)medians_ns[k]};
	}
	describe_machine(machine, sizeof(machine));
	progress_end(progress);
	if (!options->csv)
		chart_print(&chart, stdout);

	r = chart_write_svg(&chart, svg);
	if (r < 0) {
		fprintf(stderr, "parzen: cannot write %s: %s; name another file with --svg FILE\n", svg, strerror(-r));
		return EXIT_RUN_FAILED;
	}
	fprintf(stderr, "parzen: the chart is in %s\n", svg);
	return 0;
}
