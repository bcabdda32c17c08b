/*
 * waiting_fixed.c - the least pool of forked workers there can be, with one fixed way to wait:
 * spin, yield or sleep.
 *
 * The items of all fan-outs are numbered on. The caller raises the limit; a worker that finds a
 * number below it takes it by a CAS and runs that item; the caller waits until as many are done.
 *
 * Writers           limit: the caller. next: the worker that takes an item. done: the one that has
 *                   run it.
 * Edges             F1 -> F2  the arguments to the worker. F3 -> F4  the results to the caller.
 * Sleep             One token of `call` per item, posted after the limit was raised; the last
 *                   item's worker posts `ended`.
 */
#include "crew.h"
#include "helpers.h"
#include "measure.h"
#include "waiting.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct shared {
	_Alignas(128) _Atomic uint64_t limit;
	_Alignas(128) _Atomic uint64_t next;
	_Alignas(128) _Atomic uint64_t done;
	_Alignas(128) sem_t call;
	_Alignas(128) sem_t ended;
	_Alignas(128) uint64_t items[]; /* arguments, then results */
};

struct fixed {
	int way;
	struct shared *shared;
	size_t size;
	unsigned workers;
	struct helpers helpers;
};

static void wait_a_little(int way, sem_t *bell)
{
	if (way == WAITING_SPIN)
		helpers_relax();
	else if (way == WAITING_YIELD)
		sched_yield();
	else
		sem_wait(bell);
}

static bool take(struct shared *shared, uint64_t *item)
{
	uint64_t limit = atomic_load_explicit(&shared->limit, memory_order_acquire); /* F2 */

	/* Relaxed, both: decides only which worker runs the item. */
	*item = atomic_load_explicit(&shared->next, memory_order_relaxed);
	while (*item < limit)
		if (atomic_compare_exchange_weak_explicit(&shared->next, item, *item + 1, memory_order_relaxed,
							  memory_order_relaxed))
			return true;
	return false;
}

static void work(void *context, unsigned index)
{
	const struct fixed *fixed = context;
	struct shared *shared = fixed->shared;
	uint64_t item;

	(void)index;
	for (;;) {
		if (!take(shared, &item)) {
			wait_a_little(fixed->way, &shared->call);
			continue;
		}
		item %= fixed->workers;
		bench_long_task(NULL, &shared->items[item], &shared->items[fixed->workers + item]);
		/* F3. Release and acquire: the last one hands over what the others have done. */
		item = atomic_fetch_add_explicit(&shared->done, 1, memory_order_acq_rel) + 1;
		if (fixed->way == WAITING_SLEEP && item % fixed->workers == 0)
			sem_post(&shared->ended);
	}
}

static int fan_out(struct waiting_pool *pool)
{
	struct fixed *fixed = pool->own;
	struct shared *shared = fixed->shared;
	/* Relaxed: written by this process only. */
	uint64_t limit = atomic_load_explicit(&shared->limit, memory_order_relaxed) + fixed->workers;

	atomic_store_explicit(&shared->limit, limit, memory_order_release); /* F1 */
	for (unsigned i = 0; fixed->way == WAITING_SLEEP && i < fixed->workers; i++)
		sem_post(&shared->call);
	while (atomic_load_explicit(&shared->done, memory_order_acquire) < limit) /* F4 */
		wait_a_little(fixed->way, &shared->ended);
	return 0;
}

static int open_fixed(struct waiting_pool *pool, unsigned workers)
{
	struct fixed *fixed = pool->own;
	void *memory;
	int r;

	fixed->workers = workers;
	fixed->size = sizeof(*fixed->shared) + (size_t)2 * workers * sizeof(uint64_t);
	if ((r = crew_memory(fixed->size, &memory)))
		return r;
	fixed->shared = memory;
	pool->in = fixed->shared->items;
	pool->out = fixed->shared->items + workers;
	if (sem_init(&fixed->shared->call, 1, 0) != 0 || sem_init(&fixed->shared->ended, 1, 0) != 0)
		r = bench_fail("sem_init: %s", strerror(errno));
	else
		r = helpers_start(&fixed->helpers, workers, work, fixed);
	if (r)
		munmap(memory, fixed->size);
	return r;
}

static void close_fixed(struct waiting_pool *pool)
{
	struct fixed *fixed = pool->own;

	helpers_end(&fixed->helpers);
	munmap(fixed->shared, fixed->size);
}

int waiting_fixed(const struct bench_job *job, double *ns)
{
	struct fixed fixed = {.way = job->way};
	struct waiting_pool pool = {.open = open_fixed, .fan_out = fan_out, .close = close_fixed, .own = &fixed};

	return waiting_measure(job, &pool, ns);
}
