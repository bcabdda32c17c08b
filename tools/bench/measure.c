/*
 * measure.c - repeating, checking and explaining, for all measurements.
 */
#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A measurement is alone in its process, so one text is enough. */
static char reason[512];

int bench_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return -1;
}

int bench_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return 1;
}

const char *bench_reason(void)
{
	return reason;
}

int bench_sheaf_failed(const char *call, int r)
{
	return bench_fail("%s: %s %s", call, sheaf_strerror(r), sheaf_message());
}

int bench_repeat(const struct bench_job *job, bench_run_fn *run, void *context, double *ns)
{
	double *times = malloc(job->repeats * sizeof(*times));
	uint64_t time = 0;
	int r;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	r = run(job, context, &time);
	for (unsigned i = 0; r == 0 && i < job->repeats; i++) {
		r = run(job, context, &time);
		times[i] = (double)time;
	}
	if (r == 0)
		*ns = bench_median(times, job->repeats) / (double)job->n;
	free(times);
	return r;
}

int bench_check(size_t position, uint64_t argument, uint64_t result)
{
	if (result == bench_expected(argument))
		return 0;
	return bench_fail("wrong result at position %zu: %" PRIu64 " instead of %" PRIu64, position, result,
			  bench_expected(argument));
}

int bench_check_counts(const struct bench_count *counts, size_t items, uint64_t wanted)
{
	for (size_t i = 0; i < items; i++)
		if (counts[i].n != wanted)
			return bench_fail("item %zu has run %" PRIu64 " times instead of %" PRIu64, i, counts[i].n, wanted);
	return 0;
}

void bench_idle(void)
{
	struct timespec rest = {.tv_nsec = BENCH_IDLE_NS};

	while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
		;
}

int bench_alloc(sheaf_pool *pool, size_t size, void **memory)
{
	int r = sheaf_alloc(pool, size, memory);

	if (r == -ENOSPC)
		return bench_skip("%s", sheaf_message());
	return r < 0 ? bench_sheaf_failed("sheaf_alloc", r) : 0;
}

/*
 * Shared memory that was granted may still be more than the machine has; only Linux tells how much
 * that is.
 */
int bench_room(size_t size)
{
	unsigned long long kib;
	char line[128];
	FILE *in = fopen("/proc/meminfo", "r");
	int r = 0;

	if (!in)
		return 0;
	while (r == 0 && fgets(line, sizeof(line), in))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1 && kib / 2 < size / 1024)
			r = bench_skip("needs twice %zu MiB of memory, and the machine has %llu MiB left", size >> 20,
				       kib >> 10);
	fclose(in);
	return r;
}

int bench_await(sheaf_batch *batch)
{
	struct timespec rest = {.tv_nsec = 1000000};
	sheaf_progress progress;
	int r;

	while ((r = sheaf_batch_get_progress(batch, &progress)) == 0 && progress.done < progress.total)
		nanosleep(&rest, NULL);
	return r < 0 ? bench_sheaf_failed("sheaf_batch_get_progress", r) : 0;
}

int bench_gather(const struct bench_job *job, sheaf_batch *batch, size_t size, const sheaf_result **results, uint64_t *ended_ns)
{
	size_t n;
	int r = sheaf_gather(batch, results, &n, SHEAF_FOREVER);

	*ended_ns = sheaf_now_ns();
	if (r < 0)
		return bench_sheaf_failed("sheaf_gather", r);
	if (r > 0)
		return bench_fail("%d of %zu tasks failed", r, job->n);
	if (n != job->n)
		return bench_fail("%zu results instead of %zu", n, job->n);
	for (size_t i = 0; i < n; i++)
		if ((*results)[i].position != i || (*results)[i].size != size)
			return bench_fail("result %zu has another position or size", i);
	return 0;
}

int bench_repeat_in_pool(const struct bench_job *job, bench_run_fn *run, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_repeat(job, run, pool, ns);
	sheaf_pool_destroy(pool);
	return r;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double bench_percentile(double *values, size_t n, unsigned part)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[(n * part + 99) / 100 - 1];
}
