/*
 * crew.h - a few processes with memory in common that start a piece of work together: for the
 * limits of the machine.
 *
 * The caller is one of them, so that a crew of as many as there are CPUs leaves none of them to a
 * mere onlooker. Helpers end by themselves if their caller is gone: child.c kills them with it, and
 * an alarm ends what is left.
 *
 * Writers           go: the caller. ready, done: each process, by addition. word, call, answer: as
 *                   each limit says.
 * Edges             go (release -> acquire) hands the start to the helpers; done (release ->
 *                   acquire) ends the run.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "bench.h"

#include <semaphore.h>
#include <stdatomic.h>

struct crew_page {
	_Alignas(128) atomic_uint ready;
	_Alignas(128) atomic_uint go;
	_Alignas(128) atomic_uint done;
	_Alignas(128) atomic_ulong word;
	_Alignas(128) sem_t call;
	sem_t answer;
};

struct crew {
	struct crew_page *page;
	unsigned size; /* processes, the caller among them */
	void (*work)(const struct crew *crew, unsigned index, const struct bench_job *job);
	/* of work; helpers have a copy of all that the caller had when the run began */
	void *context;
	/* each has done its work once, untimed, before the run begins: its memory is mapped */
	bool warm;
};

/*
 * * crew_memory() - zeroed memory that only this process and those that it forks see; munmap()
 * frees it
 *
 * Return: 0, or as a measurement: a bench_skip() if shared memory is too small.
 */
int crew_memory(size_t size, void **memory);

/*
 * * crew_run() - one run, *@ns long, of @crew's work by all of it. Return: 0, or as a measurement.
 */
int crew_run(const struct crew *crew, const struct bench_job *job, uint64_t *ns);

/** crew_measure() - bench_repeat() of runs, on a page of their own. */
int crew_measure(const struct bench_job *job, struct crew crew, double *ns);

/*
 * * crew_share() - how many of @n things are for the process @index, and *@first, the first of
 * them.
 */
size_t crew_share(const struct crew *crew, unsigned index, size_t n, size_t *first);

#endif
