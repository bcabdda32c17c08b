/*
 * stream_queue.c - the stream through two bounded queues between two processes, one there and one
 * back: two hops per item.
 *
 * The queue is for any number of producers and consumers. A ticket names a slot, and the slot's own
 * word says whose turn it is, so a push is one fetch_add and a pop one CAS.
 *
 * Writers           tail: producers. head: consumers. A slot's turn: the process that has its
 *                   ticket.
 * Invariant         No more than STREAM_WINDOW items are under way, so a push always finds room.
 * Edges             M1 -> M2 a filled slot to the consumer. M3 -> M4 an emptied slot to the
 *                   producer.
 */
#include "crew.h"
#include "helpers.h"
#include "measure.h"
#include "stream.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* 128: the CPU fetches lines in pairs. */
#define ALONE _Alignas(128)

struct mpmc {
	ALONE _Atomic uint64_t tail;
	ALONE _Atomic uint64_t head;
	struct mpmc_slot {
		/* 2 k: free for the round k. 2 k + 1: filled in it */
		_Alignas(64) _Atomic uint64_t turn;
		uint64_t value;
	} slots[STREAM_WINDOW];
};

struct queues {
	struct mpmc *there, *back;
	size_t n;
	uint64_t *results;
};

static inline void push(struct mpmc *mpmc, uint64_t value)
{
	/* Relaxed: the ticket only names the slot. */
	uint64_t ticket = atomic_fetch_add_explicit(&mpmc->tail, 1, memory_order_relaxed);
	struct mpmc_slot *slot = &mpmc->slots[ticket % STREAM_WINDOW];

	/* M4 */
	while (atomic_load_explicit(&slot->turn, memory_order_acquire) != ticket / STREAM_WINDOW * 2)
		helpers_relax();
	slot->value = value;
	/* M1 */
	atomic_store_explicit(&slot->turn, ticket / STREAM_WINDOW * 2 + 1, memory_order_release);
}

static inline bool pop(struct mpmc *mpmc, uint64_t *value)
{
	/* Relaxed: the ticket only names the slot. */
	uint64_t ticket = atomic_load_explicit(&mpmc->head, memory_order_relaxed);

	for (;;) {
		struct mpmc_slot *slot = &mpmc->slots[ticket % STREAM_WINDOW];

		/* M2 */
		if (atomic_load_explicit(&slot->turn, memory_order_acquire) != ticket / STREAM_WINDOW * 2 + 1)
			return false;
		if (!atomic_compare_exchange_weak_explicit(&mpmc->head, &ticket, ticket + 1, memory_order_relaxed,
							   memory_order_relaxed))
			continue;
		*value = slot->value;
		/* M3 */
		atomic_store_explicit(&slot->turn, ticket / STREAM_WINDOW * 2 + 2, memory_order_release);
		return true;
	}
}

static inline void wait_to_pop(struct mpmc *queue, uint64_t *value)
{
	for (unsigned polls = 1; !pop(queue, value); polls++) {
		if (polls % HELPERS_POLLS == 0)
			sched_yield();
		helpers_relax();
	}
}

static void answer(void *context, unsigned index)
{
	const struct queues *queues = context;
	/* volatile: called by a pointer, as tasks are */
	sheaf_task_fn *volatile which = bench_task;
	sheaf_task_fn *fn = which;

	(void)index;
	for (;;) {
		uint64_t argument, result;

		wait_to_pop(queues->there, &argument);
		fn(NULL, &argument, &result);
		push(queues->back, result);
	}
}

static void ask(const struct queues *queues)
{
	uint64_t *results = queues->results;

	for (size_t sent = 0, taken = 0; taken < queues->n;) {
		for (; sent < queues->n && sent - taken < STREAM_WINDOW; sent++)
			push(queues->there, sent);
		wait_to_pop(queues->back, &results[taken++]);
		while (taken < sent && pop(queues->back, &results[taken]))
			taken++;
	}
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct queues *queues = context;
	uint64_t start = sheaf_now_ns();

	ask(queues);
	*ns = sheaf_now_ns() - start;
	return stream_check(queues->results, job->n);
}

int stream_mpmc(const struct bench_job *job, double *ns)
{
	struct queues queues = {.n = job->n, .results = calloc(job->n, sizeof(*queues.results))};
	size_t size = 2 * sizeof(*queues.there);
	struct helpers worker;
	void *memory;
	int r;

	if (!queues.results)
		return bench_fail("no memory for %zu results", job->n);
	/* Zeroed memory is an empty queue. */
	if ((r = crew_memory(size, &memory)))
		goto free;
	queues.there = memory;
	queues.back = queues.there + 1;
	if ((r = helpers_start(&worker, 1, answer, &queues)))
		goto unmap;
	r = bench_repeat(job, run, &queues, ns);
	helpers_end(&worker);
unmap:
	munmap(memory, size);
free:
	free(queues.results);
	return r;
}

int stream_check(uint64_t *results, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = bench_check(i, i, results[i]);
		/* no expected value: it would hide a position that the next run forgets */
		results[i] = 0;
	}
	return r;
}
