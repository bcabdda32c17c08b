/*
 * measure.h - what a measurement uses, inside its own process.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench.h"

/*
 * * bench_fail() - say why the measurement failed, or that a result was wrong. Return: -1, for the
 * measurement to return.
 */
int bench_fail(const char *format, ...) SHEAF_PRINTF(1, 2);

/*
 * * bench_skip() - say why this contender cannot run here. Return: 1, for the measurement to
 * return.
 */
int bench_skip(const char *format, ...) SHEAF_PRINTF(1, 2);

/** bench_reason() - the text of the last bench_fail() or bench_skip(). */
const char *bench_reason(void);

/*
 * * bench_sheaf_failed() - bench_fail() with the name of the call that returned @r and the
 * library's own message.
 */
int bench_sheaf_failed(const char *call, int r);

/*
 * * bench_run_fn - one run of job->n operations: *@ns is the time of all of them. Return: 0, or as
 * a measurement.
 */
typedef int bench_run_fn(const struct bench_job *job, void *context, uint64_t *ns);

/**
 * bench_repeat() - one run to warm up, then job->repeats timed ones
 * @ns: out: the median of their times, divided by job->n
 *
 * Return: 0, or what @run returned.
 */
int bench_repeat(const struct bench_job *job, bench_run_fn *run, void *context, double *ns);

/*
 * * bench_check() - -1 and a reason unless @result is what the task at @position had to compute
 * from @argument.
 */
int bench_check(size_t position, uint64_t argument, uint64_t result);

/** bench_check_counts() - -1 and a reason unless each of the @items has run @wanted times. */
int bench_check_counts(const struct bench_count *counts, size_t items, uint64_t wanted);

/** bench_idle() - do nothing for BENCH_IDLE_NS. */
void bench_idle(void);

/*
 * * bench_alloc() - sheaf_alloc(). Return: 0, or as a measurement: a bench_skip() if shared memory
 * is too small.
 */
int bench_alloc(sheaf_pool *pool, size_t size, void **memory);

/*
 * * bench_room() - 0, or a bench_skip(): the machine has less than twice @size bytes of memory
 * left.
 */
int bench_room(size_t size);

/*
 * * bench_await() - sleep until all that was submitted to @batch is done, gathering nothing.
 * Return: 0, or as a measurement.
 */
int bench_await(sheaf_batch *batch);

/*
 * *
 * bench_gather() - sheaf_gather()
 * @size: of each result
 * @results: out: job->n of them, by position
 * @ended_ns: out: when it returned, before any of this was checked
 *
 * Return: 0, or as a measurement: a bench_fail() if a task failed or a result is missing or not of
 * this size.
 */
int bench_gather(const struct bench_job *job, sheaf_batch *batch, size_t size, const sheaf_result **results,
		 uint64_t *ended_ns);

/*
 * * bench_repeat_in_pool() - bench_repeat() with a new pool of job->workers as the context. Return:
 * 0, or as a measurement.
 */
int bench_repeat_in_pool(const struct bench_job *job, bench_run_fn *run, double *ns);

/** bench_median() - sorts @values. */
double bench_median(double *values, size_t n);

/*
 * * bench_percentile() - the least value that is not below @part in a hundred of them; sorts
 * @values.
 */
double bench_percentile(double *values, size_t n, unsigned part);

#endif
