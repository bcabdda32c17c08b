/*
 * stream_queues.c - the stream through two bounded queues between two processes, one there and one back: two hops per item.
 *
 * Two kinds of queue stand for what the best ones need. The SPSC ring has one producer and one consumer, each with a copy of
 * the other's index that it renews only when it has to. The MPMC queue is for any number of both: a ticket names a slot, and
 * the slot's own word says whose turn it is, so a push is one fetch_add and a pop one CAS.
 *
 * Who writes what   spsc.tail, mpmc.tail: who pushes. spsc.head, mpmc.head: who pops. A slot's turn: who has its ticket.
 * Invariant         No more than STREAM_WINDOW items are under way, so a push always finds room.
 * Edges             S1 -> S2  a filled slot to who pops. S3 -> S4  an emptied slot to who pushes.
 *                   M1 -> M2, M3 -> M4  the same for the MPMC queue.
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

struct spsc {
	ALONE _Atomic uint64_t tail;
	uint64_t head_seen; /* by who pushes */
	ALONE _Atomic uint64_t head;
	uint64_t tail_seen; /* by who pops */
	ALONE uint64_t slots[STREAM_WINDOW];
};

struct mpmc {
	ALONE _Atomic uint64_t tail;
	ALONE _Atomic uint64_t head;
	struct mpmc_slot {
		_Alignas(64) _Atomic uint64_t turn; /* 2 k: free for the round k. 2 k + 1: filled in it */
		uint64_t value;
	} slots[STREAM_WINDOW];
};

/* Inlined into both loops of each kind. */
typedef void push_fn(void *queue, uint64_t value);
typedef bool pop_fn(void *queue, uint64_t *value);

struct queues {
	void *there, *back;
	size_t n;
	uint64_t *results;
};

static inline void spsc_push(void *queue, uint64_t value)
{
	struct spsc *spsc = queue;
	/* Relaxed: written by this process only. */
	uint64_t tail = atomic_load_explicit(&spsc->tail, memory_order_relaxed);

	while (tail - spsc->head_seen == STREAM_WINDOW)
		spsc->head_seen = atomic_load_explicit(&spsc->head, memory_order_acquire); /* S4 */
	spsc->slots[tail % STREAM_WINDOW] = value;
	atomic_store_explicit(&spsc->tail, tail + 1, memory_order_release); /* S1 */
}

static inline bool spsc_pop(void *queue, uint64_t *value)
{
	struct spsc *spsc = queue;
	/* Relaxed: written by this process only. */
	uint64_t head = atomic_load_explicit(&spsc->head, memory_order_relaxed);

	if (head == spsc->tail_seen) {
		spsc->tail_seen = atomic_load_explicit(&spsc->tail, memory_order_acquire); /* S2 */
		if (head == spsc->tail_seen)
			return false;
	}
	*value = spsc->slots[head % STREAM_WINDOW];
	atomic_store_explicit(&spsc->head, head + 1, memory_order_release); /* S3 */
	return true;
}

static inline void mpmc_push(void *queue, uint64_t value)
{
	struct mpmc *mpmc = queue;
	/* Relaxed: the ticket only names the slot. */
	uint64_t ticket = atomic_fetch_add_explicit(&mpmc->tail, 1, memory_order_relaxed);
	struct mpmc_slot *slot = &mpmc->slots[ticket % STREAM_WINDOW];

	while (atomic_load_explicit(&slot->turn, memory_order_acquire) != ticket / STREAM_WINDOW * 2) /* M4 */
		helpers_relax();
	slot->value = value;
	atomic_store_explicit(&slot->turn, ticket / STREAM_WINDOW * 2 + 1, memory_order_release); /* M1 */
}

static inline bool mpmc_pop(void *queue, uint64_t *value)
{
	struct mpmc *mpmc = queue;
	/* Relaxed: the ticket only names the slot. */
	uint64_t ticket = atomic_load_explicit(&mpmc->head, memory_order_relaxed);

	for (;;) {
		struct mpmc_slot *slot = &mpmc->slots[ticket % STREAM_WINDOW];

		if (atomic_load_explicit(&slot->turn, memory_order_acquire) != ticket / STREAM_WINDOW * 2 + 1) /* M2 */
			return false;
		if (!atomic_compare_exchange_weak_explicit(&mpmc->head, &ticket, ticket + 1, memory_order_relaxed,
							   memory_order_relaxed))
			continue;
		*value = slot->value;
		atomic_store_explicit(&slot->turn, ticket / STREAM_WINDOW * 2 + 2, memory_order_release); /* M3 */
		return true;
	}
}

static inline void wait_to_pop(pop_fn *pop, void *queue, uint64_t *value)
{
	for (unsigned looks = 1; !pop(queue, value); looks++) {
		if (looks % HELPERS_LOOKS == 0)
			sched_yield();
		helpers_relax();
	}
}

static inline void answer(const struct queues *queues, push_fn *push, pop_fn *pop)
{
	sheaf_task_fn *volatile which = bench_task; /* volatile: called by a pointer, as tasks are */
	sheaf_task_fn *fn = which;

	for (;;) {
		uint64_t argument, result;

		wait_to_pop(pop, queues->there, &argument);
		fn(NULL, &argument, &result);
		push(queues->back, result);
	}
}

static inline void ask(const struct queues *queues, push_fn *push, pop_fn *pop)
{
	uint64_t *results = queues->results;

	for (size_t sent = 0, taken = 0; taken < queues->n;) {
		for (; sent < queues->n && sent - taken < STREAM_WINDOW; sent++)
			push(queues->there, sent);
		wait_to_pop(pop, queues->back, &results[taken++]);
		while (taken < sent && pop(queues->back, &results[taken]))
			taken++;
	}
}

static void answer_spsc(void *context, unsigned index)
{
	(void)index;
	answer(context, spsc_push, spsc_pop);
}

static void answer_mpmc(void *context, unsigned index)
{
	(void)index;
	answer(context, mpmc_push, mpmc_pop);
}

static int run_spsc(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct queues *queues = context;
	uint64_t start = sheaf_now_ns();

	ask(queues, spsc_push, spsc_pop);
	*ns = sheaf_now_ns() - start;
	return stream_check(queues->results, job->n);
}

static int run_mpmc(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct queues *queues = context;
	uint64_t start = sheaf_now_ns();

	ask(queues, mpmc_push, mpmc_pop);
	*ns = sheaf_now_ns() - start;
	return stream_check(queues->results, job->n);
}

static int measure(const struct bench_job *job, size_t size, helper_fn *answer_fn, bench_run_fn *run, double *ns)
{
	struct queues queues = {.n = job->n, .results = calloc(job->n, sizeof(*queues.results))};
	struct helpers worker;
	int r;

	if (!queues.results)
		return bench_fail("no memory for %zu results", job->n);
	/* Zeroed memory is an empty queue of either kind. */
	if ((r = crew_memory(2 * size, &queues.there)))
		goto free;
	queues.back = (unsigned char *)queues.there + size;
	if ((r = helpers_start(&worker, 1, answer_fn, &queues)))
		goto unmap;
	r = bench_repeat(job, run, &queues, ns);
	helpers_end(&worker);
unmap:
	munmap(queues.there, 2 * size);
free:
	free(queues.results);
	return r;
}

int stream_spsc(const struct bench_job *job, double *ns)
{
	return measure(job, sizeof(struct spsc), answer_spsc, run_spsc, ns);
}

int stream_mpmc(const struct bench_job *job, double *ns)
{
	return measure(job, sizeof(struct mpmc), answer_mpmc, run_mpmc, ns);
}

int stream_check(uint64_t *results, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = bench_check(i, i, results[i]);
		results[i] = 0; /* no expected value: it would hide a position that the next run forgets */
	}
	return r;
}
