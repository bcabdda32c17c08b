/*
 * stress_gather.c - one thread submits to a batch while another gathers from it.
 *
 * Positions come in random order, with gaps. Each must be handed out once, with its value.
 * sheaf_next() must hand out nothing while a lower position waits that was submitted before the
 * call. In every other round a third thread interrupts both again and again, which must lose
 * nothing.
 */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/rng.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 3 /* position = number * GAP + 1 */

enum order { BY_POSITION, BY_COMPLETION, BY_BOTH };
static const char *const order_names[] = {"by position", "by completion", "by both"};

struct round {
	sheaf_batch *batch;
	uint32_t n;
	uint32_t *log;              /* numbers, as submitted */
	_Atomic uint32_t submitted; /* entries of log whose submit has returned */
	/* by number: in the log before the last call, and not handed out */
	bool *known;
	bool *handed;
	uint64_t seed;
};

/* The value of the position, in a result whose size depends on it. */
static int task(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number, *words;
	size_t count;
	void *memory;
	int r;

	(void)result;
	memcpy(&number, arg, sizeof(number));
	if (number != sheaf_task_position(task))
		return -EBADMSG;
	count = 1 + number % 40;
	if ((r = sheaf_task_result(task, count * sizeof(*words), &memory)))
		return r;
	words = memory;
	for (size_t i = 0; i < count; i++)
		words[i] = distinct_value(number + i);
	return 0;
}

static void *submit(void *context)
{
	struct round *round = context;

	for (uint32_t i = 0; i < round->n; i++) {
		uint64_t position = (uint64_t)round->log[i] * GAP + 1;
		int r;

		do
			r = sheaf_submit(round->batch, position, task, &position, sizeof(position));
		while (r == -EINTR);
		CHECK(r == 0, "position %llu: %d", (unsigned long long)position, r);
		atomic_store_explicit(&round->submitted, i + 1, memory_order_release);
	}
	return NULL;
}

/* The lowest number that was submitted and not handed out, or n. */
static uint32_t lowest_known(struct round *round, uint32_t *seen, uint32_t lowest)
{
	uint32_t submitted = atomic_load_explicit(&round->submitted, memory_order_acquire);

	for (; *seen < submitted; ++*seen) {
		uint32_t number = round->log[*seen];

		round->known[number] = !round->handed[number];
		if (number < lowest)
			lowest = number;
	}
	while (lowest < round->n && !round->known[lowest])
		lowest++;
	return lowest;
}

static void check(struct round *round, const sheaf_result *result)
{
	uint32_t number = (uint32_t)(result->position / GAP);
	const uint64_t *words = result->data;

	CHECK(result->position % GAP == 1 && number < round->n, "position %llu", (unsigned long long)result->position);
	CHECK(!round->handed[number], "position %llu was handed out twice", (unsigned long long)result->position);
	CHECK(result->status == 0 && result->attempts == 1, "position %llu: status %d, attempts %u",
	      (unsigned long long)result->position, result->status, result->attempts);
	CHECK(result->size == (1 + result->position % 40) * sizeof(*words), "size %zu", result->size);
	for (size_t i = 0; i < result->size / sizeof(*words); i++)
		CHECK(words[i] == distinct_value(result->position + i), "position %llu, word %zu",
		      (unsigned long long)result->position, i);
	round->handed[number] = true;
	round->known[number] = false;
}

static void gather(struct round *round, enum order order)
{
	struct rng rng = {~round->seed};
	uint32_t handed = 0, seen = 0, lowest = round->n;

	while (handed < round->n) {
		bool by_position = order == BY_POSITION || (order == BY_BOTH && rng_below(&rng, 2));
		uint64_t deadline = rng_below(&rng, 4) ? hang_deadline() : 0;
		sheaf_result result;
		int r;

		lowest = lowest_known(round, &seen, lowest);
		r = by_position ? sheaf_next(round->batch, &result, deadline)
				: sheaf_next_done(round->batch, &result, deadline);
		if ((r == -EAGAIN && !deadline) || r == -EINTR)
			continue;
		if (r == 0) {
			/* Everything submitted so far was handed out. */
			CHECK(lowest == round->n, "nothing left, but number %u waits", lowest);
			sched_yield();
			continue;
		}
		CHECK(r == 1, "%s: %d", order_names[order], r);
		CHECK(!by_position || result.position / GAP <= lowest, "position %llu came before %u",
		      (unsigned long long)result.position, lowest * GAP + 1);
		check(round, &result);
		handed++;
	}
}

/* All results once more, sorted. */
static void check_gathered(struct round *round)
{
	const sheaf_result *results;
	size_t n;
	int r;

	do
		r = sheaf_gather(round->batch, &results, &n, hang_deadline());
	while (r == -EINTR);
	CHECK(r == 0 && n == round->n, "sheaf_gather: %d, %zu results", r, n);
	for (size_t i = 0; i < n; i++) {
		CHECK(results[i].position == i * GAP + 1, "result %zu has position %llu", i,
		      (unsigned long long)results[i].position);
		round->handed[i] = false;
		check(round, &results[i]);
	}
}

static void run_round(sheaf_pool *pool, uint64_t seed, uint32_t n, enum order order)
{
	struct round round = {.n = n, .seed = seed};
	struct rng rng = {seed};
	pthread_t submitter;

	round.log = calloc(n, sizeof(*round.log));
	round.known = calloc(n, sizeof(*round.known));
	round.handed = calloc(n, sizeof(*round.handed));
	CHECK(round.log && round.known && round.handed, "no memory");
	/* Every third round rises, which the batch keeps in another way. */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = seed % 3 ? (uint32_t)rng_below(&rng, i + 1) : i;

		round.log[i] = round.log[j];
		round.log[j] = i;
	}
	CHECK(sheaf_batch_create(&round.batch, pool, NULL) == 0, "batch");
	CHECK(!pthread_create(&submitter, NULL, submit, &round), "thread");
	gather(&round, order);
	pthread_join(submitter, NULL);
	check_gathered(&round);
	sheaf_batch_retire(round.batch);
	free(round.log);
	free(round.known);
	free(round.handed);
}

struct interrupter {
	sheaf_pool *pool;
	_Atomic bool active, over;
	uint64_t count;
};

static void *interrupt(void *context)
{
	struct interrupter *self = context;

	while (!atomic_load(&self->over)) {
		if (atomic_load(&self->active)) {
			CHECK(sheaf_pool_interrupt(self->pool) == 0, "sheaf_pool_interrupt");
			self->count++;
		}
		sleep_ns(50000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, SCALED_AMOUNT(1500));
	sheaf_pool_options options = {.workers = 3, .ring_size = 16, .heap_size = 64 << 20, .backend = SHEAF_THREADS};
	struct rng rng = {seed};
	struct interrupter interrupter = {0};
	uint64_t positions = 0;
	sheaf_pool_info info;
	sheaf_pool *pool;
	pthread_t thread;

	CHECK(sheaf_pool_create(&pool, &options) == 0, "pool");
	interrupter.pool = pool;
	CHECK(!pthread_create(&thread, NULL, interrupt, &interrupter), "thread");
	for (uint64_t i = 0; i < rounds; i++) {
		uint32_t n = 1 + (uint32_t)rng_below(&rng, 2000);

		atomic_store(&interrupter.active, i % 2);
		run_round(pool, seed + i, n, (enum order)(i % 3));
		positions += n;
	}
	atomic_store(&interrupter.over, true);
	pthread_join(thread, NULL);
	CHECK(sheaf_pool_get_info(pool, &info) == 0 && info.heap_used == 0, "%zu bytes are left", info.heap_used);
	sheaf_pool_destroy(pool);
	printf("%llu rounds, %llu positions, interrupted %llu times\n", (unsigned long long)rounds,
	       (unsigned long long)positions, (unsigned long long)interrupter.count);
	return 0;
}
