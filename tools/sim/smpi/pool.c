/*
 * pool.c - a stand-in for the library below libsheaf-mpi: a pool whose workers take simulated time.
 *
 * It has what a loop over positions needs. What else the sources of mpi/ call fails.
 */
#include "pool.h"

#include "sheaf.h"
#include "sheaf_adapter.h"

#include "crew.h"

#include <errno.h>
#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct sheaf_pool {
	struct crew crew;
	struct items items;
	uint64_t wake_ns;
	struct pool_work work;
};

struct sheaf_batch {
	sheaf_pool *pool;
	uint64_t n, end_ns;
};

static char message[512];

sheaf_pool *pool_open(unsigned workers, const struct items *items, uint64_t wake_ns)
{
	sheaf_pool *pool = calloc(1, sizeof(*pool));

	if (!pool || !crew_open(&pool->crew, workers)) {
		free(pool);
		return NULL;
	}
	pool->items = *items;
	pool->wake_ns = wake_ns;
	return pool;
}

void pool_close(sheaf_pool *pool)
{
	crew_close(&pool->crew);
	free(pool);
}

struct pool_work pool_get_work(const sheaf_pool *pool)
{
	struct pool_work work = pool->work;

	work.took_ns = pool->crew.work_ns;
	return work;
}

/* ---- time and messages ---- */

uint64_t sheaf_now_ns(void)
{
	return (uint64_t)(MPI_Wtime() * 1e9);
}

int sheaf_message_set(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	return code;
}

const char *sheaf_message(void)
{
	return message;
}

/* ---- memory ---- */

int sheaf_alloc(sheaf_pool *pool, size_t size, void **memory)
{
	(void)pool;
	*memory = calloc(1, size ? size : 1);
	return *memory ? 0 : sheaf_message_set(-ENOMEM, "no memory");
}

int sheaf_alloc_array(sheaf_pool *pool, size_t n, size_t size, void **memory)
{
	return sheaf_alloc(pool, n * size, memory);
}

int sheaf_free(sheaf_pool *pool, void *memory)
{
	(void)pool;
	free(memory);
	return 0;
}

/* ---- a loop ---- */

int sheaf_batch_create(sheaf_batch **batch, sheaf_pool *pool, const sheaf_batch_options *options)
{
	(void)options;
	*batch = calloc(1, sizeof(**batch));
	if (!*batch)
		return sheaf_message_set(-ENOMEM, "no memory");
	(*batch)->pool = pool;
	return 0;
}

void sheaf_batch_retire(sheaf_batch *batch)
{
	free(batch);
}

int sheaf_submit_for(sheaf_batch *batch, sheaf_range_fn *fn, void *context, size_t n, const sheaf_map_options *options)
{
	sheaf_pool *pool = batch->pool;
	struct span chunk = {options->first, options->first + n};

	(void)fn;
	(void)context;
	batch->n = n;
	pool->work.count += n;
	for (uint64_t p = chunk.begin; p < chunk.end; p++)
		pool->work.sum += p;
	batch->end_ns = crew_run(&pool->crew, &pool->items, chunk, sheaf_now_ns());
	return 0;
}

int sheaf_wait(sheaf_batch *const *batches, size_t n, enum sheaf_which which, uint64_t deadline_ns)
{
	uint64_t now_ns = sheaf_now_ns(), end_ns = batches[0]->end_ns, nap_ns;

	(void)n;
	(void)which;
	if (end_ns <= now_ns)
		return 1;
	if (deadline_ns <= now_ns)
		return -EAGAIN;
	/* Until the owner has noticed, or gives up. */
	nap_ns = end_ns < deadline_ns ? end_ns + batches[0]->pool->wake_ns - now_ns : deadline_ns - now_ns;
	nanosleep(&(struct timespec){.tv_nsec = (long)nap_ns}, NULL);
	return end_ns <= sheaf_now_ns() ? 1 : -EAGAIN;
}

/* It only tells whether workers are idle: then a position is left, of those that they run. */
int sheaf_batch_get_progress(sheaf_batch *batch, sheaf_progress *progress)
{
	bool idle = batch->pool->crew.free_ns[0] <= sheaf_now_ns();

	*progress = (sheaf_progress){.total = batch->n, .done = idle ? batch->n - 1 : 0};
	return 0;
}

/* ---- what a loop does not need ---- */

static int fail(void)
{
	return sheaf_message_set(-ENOTSUP, "the stand-in for a pool runs loops alone");
}

int sheaf_map(sheaf_pool *pool, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size, size_t n,
	      const sheaf_map_options *options)
{
	(void)pool, (void)fn, (void)in, (void)in_size, (void)out, (void)out_size, (void)n, (void)options;
	return fail();
}

int sheaf_submit_map(sheaf_batch *batch, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size,
		     size_t n, const sheaf_map_options *options)
{
	(void)batch, (void)fn, (void)in, (void)in_size, (void)out, (void)out_size, (void)n, (void)options;
	return fail();
}

int sheaf_submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size)
{
	(void)batch, (void)position, (void)fn, (void)arg, (void)arg_size;
	return fail();
}

int sheaf_next_done(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	(void)batch, (void)result, (void)deadline_ns;
	return fail();
}

int sheaf_gather(sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns)
{
	(void)batch, (void)results, (void)n, (void)deadline_ns;
	return fail();
}

int sheaf_batch_cancel(sheaf_batch *batch, unsigned flags)
{
	(void)batch, (void)flags;
	return fail();
}
