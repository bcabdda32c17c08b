/*
 * deaths.h - kill a process of a pool, and measure how long until a task runs again.
 */
#ifndef BENCH_DEATHS_H
#define BENCH_DEATHS_H

#include "bench.h"

/* What owner and tasks tell each other; in the pool's memory. */
struct deaths;

/*
 * * deaths_prepare() - what deaths_of_worker() needs; freed with the pool. Return: 0, or as a
 * measurement.
 */
int deaths_prepare(sheaf_pool *pool, struct deaths **deaths);

/*
 * * deaths_of_worker() - kill a worker that runs a task, and wait for the task and for the worker's
 * successor @ns: out: from the kill to the first instructions of the task's second run
 *
 * Return: 0, or as a measurement.
 */
int deaths_of_worker(sheaf_pool *pool, struct deaths *deaths, uint64_t position, double *ns);

/*
 * * deaths_of_supervisor() - kill the supervisor of an idle pool, run a task, and wait for all
 * workers of the successor @ns: out: from the kill to the end of the task
 *
 * Return: 0, or as a measurement.
 */
int deaths_of_supervisor(sheaf_pool *pool, uint64_t position, double *ns);

#endif
