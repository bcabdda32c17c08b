/*
 * kernel.h - what only the kernel of Linux tells. Elsewhere kernel_none.c takes the place of
 * kernel_linux.c, and skips.
 */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include "bench.h"

/*
 * * kernel_counted_fn - what is run in a process of its own. What it calls between kernel_begin()
 * and kernel_end() is counted.
 */
typedef int kernel_counted_fn(const struct bench_job *job);

void kernel_begin(void);
void kernel_end(void);

/*
 * * kernel_count_calls() - the system calls that @counted makes @calls: out: the median over its
 * begins. The sleep in which it waits for an answer is not counted, any further one is
 *
 * Return: as a measurement.
 */
int kernel_count_calls(const struct bench_job *job, kernel_counted_fn *counted, double *calls);

/*
 * * kernel_one_cpu() - keep this process, and those that it forks, on one of its CPUs. Return: as a
 * measurement.
 */
int kernel_one_cpu(void);

/** kernel_death_notice() - from kill() of a sleeping child until poll() says so of its pidfd. */
int kernel_death_notice(uint64_t *ns);

#endif
