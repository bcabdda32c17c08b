/*
 * metg.h - METG(50 %), the minimum effective task granularity of Task Bench: how long a task has to
 * take for half of the peak rate.
 *
 * The granularity of a run is its wall time times the workers, divided by the tasks.
 */
#ifndef BENCH_METG_H
#define BENCH_METG_H

#include "busy.h"

/*
 * A run of tasks: @fn is called for each of @n items and results. For a stencil, n / width steps.
 */
struct metg_run {
	sheaf_task_fn *fn;
	const struct busy_item *items;
	uint64_t *results;
	size_t n;
};

typedef int metg_run_fn(const struct bench_job *job, void *context, const struct metg_run *run);

struct metg {
	size_t tasks; /* in one run, at most; a multiple of the workers, or of the width */
	/* steps of one task per worker that depend on the step before: see metg_point() */
	bool stencil;
	size_t width; /* of a stencil: tasks in a step; 0: as many as workers */
	metg_run_fn *run;
	void *context;
	struct busy_item *items; /* metg_room() of each, where the workers can reach them */
	uint64_t *results;
};

/** metg_room() - how many items and results a search needs. */
size_t metg_room(const struct bench_job *job, size_t tasks);

/*
 * * metg_search() - shrink the tasks until half of the peak rate is lost @ns: out: the granularity
 * at 50 %; where even tasks of milliseconds lose more, the granularity of those
 *
 * Checks every result. job->repeats: runs per size of task, of which the median counts.
 *
 * Return: 0, or what run() or bench_fail() returned.
 */
int metg_search(const struct bench_job *job, const struct metg *metg, double *ns);

/**
 * metg_step() - what a step of a stencil takes beyond the work of its tasks
 * @iterations: of each task
 * @ns: out: the median of job->repeats runs, not below 0
 *
 * The work is that of the worker that has most tasks of the step, at the peak rate. Checks every
 * result.
 *
 * Return: as metg_search().
 */
int metg_step(const struct bench_job *job, const struct metg *metg, uint64_t iterations, double *ns);

/*
 * * metg_search_own() - metg_search() with items and results in this process's own memory, as
 * threads have it.
 */
int metg_search_own(const struct bench_job *job, struct metg metg, double *ns);

/*
 * * metg_point() - point @i of @step of a stencil on a ring of @width points: its seed is made of
 * three of the step before.
 */
void metg_point(const struct metg_run *run, size_t width, size_t step, size_t i);

#endif
