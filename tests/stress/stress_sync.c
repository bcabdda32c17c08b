/*
 * stress_sync.c - many tasks use all objects of sheaf_sync.h at once, in any order.
 *
 * Usage: stress_sync [SEED [TASKS]]. First the workers are threads, which sanitizers can watch.
 * Then they are processes, and some tasks kill their workers while they hold something. In the end
 * the objects must be free, and what they guard must add up.
 */
#include "sheaf.h"
#include "sheaf_sync.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/deadline.h"
#include "support/rng.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#define WORKERS 4
#define PERMITS 2
#define CAPACITY 3
#define WIDTH 5
#define LATE hang_deadline()

struct objects {
	sheaf_mutex mutex;
	sheaf_once once;
	sheaf_event event;
	sheaf_semaphore *semaphore;
	sheaf_queue *queue;
	sheaf_value *value;
	sheaf_counter *counter;
	uint64_t seed;
	bool kills;
	/* Guarded by the mutex: always equal outside of it. */
	uint64_t left, right;
	_Atomic unsigned inside, set_up;
};

static int set_up(void *context)
{
	struct objects *o = context;

	o->set_up++;
	return 0;
}

/* Die now and then, in the first attempt. */
static void risk(struct objects *o, sheaf_task *task, struct rng *rng)
{
	if (o->kills && sheaf_task_attempt(task) == 1 && rng_below(rng, 300) == 0)
		raise(SIGKILL);
}

static int use_mutex(struct objects *o, sheaf_task *task, struct rng *rng)
{
	int r = sheaf_mutex_lock(&o->mutex, LATE);

	if (r == -EOWNERDEAD) {
		o->right = o->left;
		r = sheaf_mutex_mend(&o->mutex);
	}
	if (r)
		return r;
	if (o->left != o->right)
		return -EIO;
	o->left++;
	risk(o, task, rng);
	o->right++;
	return sheaf_mutex_unlock(&o->mutex);
}

static int use_permit(struct objects *o, sheaf_task *task, struct rng *rng)
{
	int r = sheaf_semaphore_acquire(o->semaphore, LATE);

	if (r)
		return r;
	risk(o, task, rng);
	if (++o->inside > PERMITS)
		return -ERANGE;
	o->inside--;
	return sheaf_semaphore_release(o->semaphore);
}

/* Put two, get two: so the queue never ends up full of what nobody gets. */
static int use_queue(struct objects *o, sheaf_task *task, struct rng *rng)
{
	uint64_t item = 7;
	int r = 0;

	for (int i = 0; i < 2; i++) {
		r = sheaf_queue_put(o->queue, &item, 0);
		if (r && r != -EAGAIN)
			return r;
	}
	risk(o, task, rng);
	for (int i = 0; i < 2; i++) {
		r = sheaf_queue_get(o->queue, &item, 0);
		if ((r != 1 && r != -EAGAIN) || item != 7)
			return r < 0 ? r : -EIO;
	}
	return 0;
}

static int use_value(struct objects *o, sheaf_task *task, struct rng *rng)
{
	uint64_t words[WIDTH], version;
	int r = sheaf_value_get(o->value, words, &version);

	for (int i = 1; i < WIDTH && !r; i++)
		r = words[i] == words[0] ? 0 : -EIO;
	if (r || rng_below(rng, 4))
		return r;
	for (int i = 0; i < WIDTH; i++)
		words[i] = sheaf_task_position(task);
	risk(o, task, rng);
	r = sheaf_value_replace(o->value, version, words, LATE);
	return r == -ESTALE ? 0 : r;
}

/* Somebody sets the event sooner or later, if not another one, then this one. */
static int use_event(struct objects *o, sheaf_task *task, struct rng *rng)
{
	int r = 0;

	(void)task;
	switch (rng_below(rng, 3)) {
	case 0:
		return sheaf_event_set(&o->event);
	case 1:
		return sheaf_event_clear(&o->event);
	default:
		r = sheaf_event_wait(&o->event, sheaf_now_ns() + 200000);
		return r == -ETIMEDOUT ? 0 : r;
	}
}

static int use(sheaf_task *task, size_t begin, size_t end, void *context)
{
	static int (*const uses[])(struct objects *, sheaf_task *, struct rng *) = {use_mutex, use_permit, use_queue, use_value,
										    use_event};
	struct objects *o = context;

	for (size_t i = begin; i < end; i++) {
		struct rng rng = {o->seed + i};
		int r = sheaf_once_run(&o->once, set_up, o, LATE);

		for (unsigned n = 0; n < 4 && !r; n++)
			r = uses[rng_below(&rng, sizeof(uses) / sizeof(uses[0]))](o, task, &rng);
		if (r)
			return r;
		sheaf_counter_add(o->counter, 1);
	}
	return 0;
}

static void play(enum sheaf_backend backend, uint64_t seed, size_t tasks)
{
	sheaf_pool_options options = {.workers = WORKERS, .backend = backend, .heap_size = 64 << 20};
	static const uint64_t zeros[WIDTH];
	struct objects *o;
	sheaf_pool_info info;
	sheaf_pool *pool;
	void *memory;
	uint64_t item;
	int r;

	CHECK(!sheaf_pool_create(&pool, &options) && !sheaf_alloc(pool, sizeof(*o), &memory), "%s", sheaf_message());
	o = memory;
	o->seed = seed;
	o->kills = backend == SHEAF_PROCESSES;
	CHECK(!sheaf_mutex_init(pool, &o->mutex) && !sheaf_once_init(pool, &o->once) && !sheaf_event_init(pool, &o->event) &&
		      !sheaf_semaphore_create(pool, PERMITS, &o->semaphore) &&
		      !sheaf_queue_create(pool, CAPACITY, sizeof(uint64_t), &o->queue) &&
		      !sheaf_value_create(pool, sizeof(zeros), zeros, &o->value) && !sheaf_counter_create(pool, &o->counter),
	      "%s", sheaf_message());
	r = sheaf_for(pool, use, o, tasks, &(sheaf_map_options){.grain = 10});
	CHECK(!r, "%d: %s", r, sheaf_message());
	r = sheaf_mutex_lock(&o->mutex, LATE);
	CHECK_AS(HARM_HUNG, !r || r == -EOWNERDEAD, "the mutex: %d", r);
	CHECK(r || o->left == o->right, "%llu and %llu", (unsigned long long)o->left, (unsigned long long)o->right);
	for (int i = 0; i < PERMITS; i++)
		CHECK_AS(HARM_LEAKED, !sheaf_semaphore_acquire(o->semaphore, LATE), "permit %d is gone", i);
	while ((r = sheaf_queue_get(o->queue, &item, 0)) == 1)
		;
	CHECK_AS(HARM_HUNG, r == -EAGAIN, "the queue: %d", r);
	CHECK_AS(HARM_LOST, sheaf_counter_sum(o->counter) >= (int64_t)tasks, "%lld of %zu",
		 (long long)sheaf_counter_sum(o->counter), tasks);
	CHECK(o->kills || (o->set_up == 1 && sheaf_counter_sum(o->counter) == (int64_t)tasks), "%u", o->set_up);
	for (int i = 0; i < PERMITS; i++)
		sheaf_semaphore_release(o->semaphore);
	sheaf_mutex_mend(&o->mutex);
	sheaf_mutex_unlock(&o->mutex);
	CHECK(!sheaf_pool_get_info(pool, &info), "%s", sheaf_message());
	printf("%s: %zu tasks, %llu deaths\n", o->kills ? "processes" : "threads", tasks, (unsigned long long)info.deaths);
	sheaf_pool_destroy(pool);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), tasks = SCALED_AMOUNT(amount_argument(argc, argv, 2, 20000));

	play(SHEAF_THREADS, seed, tasks);
	if (!THREAD_SANITIZER)
		play(SHEAF_PROCESSES, seed, tasks);
	return 0;
}
