/*
 * kernel_none.c - for systems whose kernel does not tell what kernel.h asks.
 */
#include "kernel.h"
#include "measure.h"

void kernel_begin(void)
{
}

void kernel_end(void)
{
}

int kernel_count_calls(const struct bench_job *job, kernel_counted_fn *counted, double *calls)
{
	(void)job;
	(void)counted;
	(void)calls;
	return bench_skip("counting system calls needs Linux");
}

int kernel_one_cpu(void)
{
	return bench_skip("keeping processes on one CPU needs Linux");
}

int kernel_death_notice(uint64_t *ns)
{
	(void)ns;
	return bench_skip("pidfd_open() needs Linux");
}
