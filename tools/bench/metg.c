/*
 * metg.c - the search for the size of task at which a contender reaches half of the peak rate.
 *
 * The *peak* is that of the machine: all workers compute and nothing else counts. It is taken from
 * tasks so long that each can measure its own time; a worker that has nothing to do makes the peak
 * no lower. Each run of a size has such a run right before it, so that a slow moment of the machine
 * meets both, and so that the workers are awake.
 *
 * The *loss* of a size is its granularity less twice the time of its iterations at the peak rate,
 * in the median of the pairs: positive where less than half of the peak is reached. The size
 * shrinks by four until the loss is positive, then the interval is halved (on a logarithmic scale)
 * until it is narrow, and the straight line between its ends gives the granularity where the loss
 * is zero.
 */
#include "metg.h"
#include "measure.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST BUSY_10_US
#define LARGEST (FIRST << 8)
#define LEAST 8 /* tasks per worker in a run, however long they are */
#define NARROW 1.2

/* The runs that tell the peak: iterations of a task, and tasks per worker. */
struct peak {
	uint64_t iterations;
	size_t each;
};

struct point {
	uint64_t iterations;
	double granularity, loss; /* in ns */
};

static struct peak peak_of(const struct bench_job *job)
{
	return job->quick ? (struct peak){FIRST, LEAST} : (struct peak){(uint64_t)20 * FIRST, 32};
}

size_t metg_room(const struct bench_job *job, size_t tasks)
{
	return tasks + peak_of(job).each * job->workers;
}

static size_t width_of(const struct bench_job *job, const struct metg *metg)
{
	return metg->width ? metg->width : job->workers;
}

/* So many tasks, or a few less or more: whole steps. */
static size_t whole(size_t tasks, size_t width)
{
	return tasks < width ? width : tasks - tasks % width;
}

/* Long tasks need not be as many to fill the time. */
static size_t tasks_of(const struct bench_job *job, const struct metg *metg, uint64_t iterations)
{
	struct peak peak = peak_of(job);
	size_t each = peak.iterations * peak.each / (iterations ? iterations : 1);

	each = each < LEAST ? LEAST : each;
	return each < metg->tasks / job->workers ? whole(each * job->workers, width_of(job, metg)) : metg->tasks;
}

static uint64_t stencil_seed(const uint64_t *before, size_t width, size_t i)
{
	return before[(i + width - 1) % width] + 3 * before[i] + 5 * before[(i + 1) % width];
}

void metg_point(const struct metg_run *run, size_t width, size_t step, size_t i)
{
	size_t at = step * width + i;
	struct busy_item item = run->items[at];

	if (step > 0)
		item.seed = stencil_seed(&run->results[at - i - width], width, i);
	run->fn(NULL, &item, &run->results[at]);
}

static int check_stencil(const struct metg_run *run, size_t width)
{
	/* The step before was checked when its values are used here. */
	for (size_t at = 0; at < run->n; at++) {
		size_t i = at % width;
		uint64_t seed = at < width ? run->items[at].seed : stencil_seed(&run->results[at - i - width], width, i);
		uint64_t expected = busy_expected(seed, run->items[at].iterations);

		if (run->results[at] != expected)
			return bench_fail("wrong result at point %zu of step %zu: %" PRIu64 " instead of %" PRIu64, i,
					  at / width, run->results[at], expected);
	}
	return 0;
}

/* The mean: what others take away of the CPUs is in it as it is in the run that follows. */
static int check_peak(const struct metg_run *run, double *ns)
{
	double sum = 0;

	for (size_t i = 0; i < run->n; i++) {
		if (run->results[i] == 0)
			return bench_fail("wrong or no result at position %zu", i);
		sum += (double)run->results[i];
	}
	*ns = sum / (double)run->n;
	return 0;
}

static struct metg_run prepare(const struct metg *metg, sheaf_task_fn *fn, size_t first, size_t n, uint64_t iterations)
{
	struct busy_item *items = metg->items + first;
	uint64_t *results = metg->results + first;

	for (size_t i = 0; i < n; i++)
		items[i] = (struct busy_item){.seed = i + 1, .iterations = iterations};
	/* What the run before left would hide a position that this one forgets. */
	memset(results, 0, n * sizeof(*results));
	return (struct metg_run){.fn = fn, .items = items, .results = results, .n = n};
}

static int measure_pair(const struct bench_job *job, const struct metg *metg, struct point *point)
{
	struct peak peak = peak_of(job);
	size_t n = tasks_of(job, metg, point->iterations), width = width_of(job, metg);
	size_t timed = whole(peak.each * job->workers, width);
	struct metg_run best = prepare(metg, busy_timed_task, metg->tasks, timed, peak.iterations);
	struct metg_run run = prepare(metg, busy_task, 0, n, point->iterations);
	double peak_ns = 0;
	uint64_t start;
	int r = metg->run(job, metg->context, &best);

	if (r != 0)
		return r;
	start = sheaf_now_ns();
	r = metg->run(job, metg->context, &run);
	point->granularity = (double)(sheaf_now_ns() - start) * job->workers / (double)n;
	if (r == 0)
		r = check_peak(&best, &peak_ns);
	if (r == 0)
		r = metg->stencil ? check_stencil(&run, width) : busy_check(run.items, run.results, n);
	point->loss = point->granularity - 2 * peak_ns * (double)point->iterations / (double)peak.iterations;
	return r;
}

static int measure(const struct bench_job *job, const struct metg *metg, uint64_t iterations, struct point *point)
{
	double granularities[BENCH_MAX_ROUNDS], losses[BENCH_MAX_ROUNDS];
	unsigned repeats = job->repeats < BENCH_MAX_ROUNDS ? job->repeats : BENCH_MAX_ROUNDS;
	int r = 0;

	point->iterations = iterations;
	for (unsigned i = 0; r == 0 && i < repeats; i++) {
		r = measure_pair(job, metg, point);
		granularities[i] = point->granularity;
		losses[i] = point->loss;
	}
	if (r == 0) {
		point->granularity = bench_median(granularities, repeats);
		point->loss = bench_median(losses, repeats);
	}
	return r;
}

/*
 * In the end @small loses more than half of the peak, and @large does not unless it is the LARGEST.
 */
static int bracket(const struct bench_job *job, const struct metg *metg, struct point *small, struct point *large)
{
	uint64_t iterations = FIRST;
	int r = measure(job, metg, iterations, large);

	if (r == 0 && large->loss > 0) {
		do {
			*small = *large;
			r = measure(job, metg, iterations *= 4, large);
		} while (r == 0 && large->loss > 0 && iterations < LARGEST);
		return r;
	}
	/* Ends at 0 iterations at the latest: such a run is all loss. */
	while (r == 0 && (r = measure(job, metg, iterations /= 4, small)) == 0 && small->loss <= 0)
		*large = *small;
	return r;
}

static uint64_t between(uint64_t small, uint64_t large)
{
	uint64_t middle = (uint64_t)sqrt((double)small * (double)large);

	return middle > small ? middle : (small + large) / 2;
}

int metg_search(const struct bench_job *job, const struct metg *metg, double *ns)
{
	struct point small, large, middle = {.iterations = FIRST};
	int r = measure_pair(job, metg, &middle); /* to warm up */

	if (r == 0)
		r = bracket(job, metg, &small, &large);
	if (r == 0 && large.loss > 0) {
		/* Where others take the CPUs: the answer is at least this. */
		*ns = large.granularity;
		return 0;
	}
	while (r == 0 && large.iterations - small.iterations > 1 &&
	       (double)large.iterations > NARROW * (double)small.iterations) {
		r = measure(job, metg, between(small.iterations, large.iterations), &middle);
		*(middle.loss > 0 ? &small : &large) = middle;
	}
	if (r == 0)
		*ns = small.granularity + (large.granularity - small.granularity) * small.loss / (small.loss - large.loss);
	return r;
}

int metg_step(const struct bench_job *job, const struct metg *metg, uint64_t iterations, double *ns)
{
	size_t width = width_of(job, metg), most = (width + job->workers - 1) / job->workers;
	unsigned repeats = job->repeats < BENCH_MAX_ROUNDS ? job->repeats : BENCH_MAX_ROUNDS;
	struct point point = {.iterations = iterations};
	double times[BENCH_MAX_ROUNDS];
	int r = measure_pair(job, metg, &point); /* to warm up */

	for (unsigned i = 0; r == 0 && i < repeats; i++) {
		r = measure_pair(job, metg, &point);
		/* The wall time of a step less its work, of which the loss lacks twice a task's. */
		times[i] = point.granularity * (double)width / job->workers -
			   (point.granularity - point.loss) / 2 * (double)most;
	}
	if (r == 0) {
		*ns = bench_median(times, repeats);
		*ns = *ns > 0 ? *ns : 0;
	}
	return r;
}

int metg_search_own(const struct bench_job *job, struct metg metg, double *ns)
{
	size_t room = metg_room(job, metg.tasks);
	int r = -1;

	metg.items = malloc(room * sizeof(*metg.items));
	metg.results = malloc(room * sizeof(*metg.results));
	if (metg.items && metg.results)
		r = metg_search(job, &metg, ns);
	else
		bench_fail("no memory for %zu items", room);
	free(metg.items);
	free(metg.results);
	return r;
}
