/*
 * refused.c - kind B: a call that fails changes nothing.
 *
 * Each case makes many calls that are refused, and then compares what the heap has committed, what
 * the process holds, and whether what was there before still works.
 */
#include "host.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { MARK_GO, MARK_RUNS };

static int wait_for_go(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	host_add(MARK_RUNS, 1);
	host_await(MARK_GO, 1, "the end of the case");
	return 0;
}

/* A refusal must not cost more than the stock that the library may keep. */
static void same_heap(sheaf_pool *pool, size_t before, const char *what)
{
	size_t after = host_info(pool).heap_used;

	EXPECT(after <= before + MIB / 4, "got %zu KiB more of the heap after refusals of %s, expected none",
	       (after - before) / 1024, what);
}

/*
 * A pool of one worker that is held in a task, whose ring is full; @batch has SHEAF_NONBLOCK. The
 * next free position.
 */
static uint64_t fill(sheaf_pool **pool, sheaf_batch **batch)
{
	uint64_t position = 0;
	int r;

	*pool = host_pool_with(&(sheaf_pool_options){.workers = 1, .ring_size = 2, .heap_size = 1024 * MIB});
	*batch = host_batch(*pool, &(sheaf_batch_options){.flags = SHEAF_NONBLOCK, .result_size = 8});
	NEED(sheaf_submit(*batch, position++, wait_for_go, NULL, 0));
	host_await(MARK_RUNS, 1, "the first task");
	while (!(r = sheaf_submit(*batch, position, host_position, NULL, 0)))
		position++;
	EXPECT(r == -EAGAIN, "got %d (%s) of a full ring, expected -EAGAIN", r, sheaf_message());
	return position;
}

/* The refused position can be submitted as soon as there is room. */
static void drain(sheaf_pool *pool, sheaf_batch *batch, uint64_t position)
{
	int r;

	host_set(MARK_GO, 1);
	while ((r = sheaf_submit(batch, position, host_position, NULL, 0)) == -EAGAIN)
		host_nap(1);
	EXPECT(r == 0, "got %d (%s) for a position that was refused before, expected 0", r, sheaf_message());
	host_gather(batch, position + 1, NULL);
	sheaf_batch_retire(batch);
	host_works(pool);
	sheaf_pool_destroy(pool);
}

static int nonblocking_submits_of_large_arguments(void)
{
	static char arg[65536];
	sheaf_pool *pool;
	sheaf_batch *batch;
	uint64_t position = fill(&pool, &batch);
	size_t before = host_info(pool).heap_used;

	for (int i = 0; i < 5000; i++) {
		int r = sheaf_submit(batch, position, host_position, arg, i % 2 ? 4096 : sizeof(arg));

		EXPECT(r == -EAGAIN, "got %d (%s) of a full ring, expected -EAGAIN", r, sheaf_message());
	}
	same_heap(pool, before, "large arguments");
	drain(pool, batch, position);
	return 0;
}

static int nonblocking_submits_at_many_positions(void)
{
	char arg[200] = "";
	sheaf_pool *pool;
	sheaf_batch *batch;
	uint64_t position = fill(&pool, &batch);
	size_t before = host_info(pool).heap_used;

	for (uint64_t i = 0; i < 20000; i++) {
		int r = sheaf_submit(batch, position + i * 1000, host_position, arg, sizeof(arg));

		EXPECT(r == -EAGAIN, "got %d (%s) of a full ring, expected -EAGAIN", r, sheaf_message());
	}
	same_heap(pool, before, "many positions");
	drain(pool, batch, position);
	return 0;
}

static int nonblocking_submits_with_a_limit(void)
{
	static char arg[4096];
	sheaf_task_options limit = {.timeout_ns = 100 * SECOND};
	sheaf_pool *pool;
	sheaf_batch *batch;
	uint64_t position = fill(&pool, &batch);
	size_t before = host_info(pool).heap_used;

	for (int i = 0; i < 5000; i++) {
		int r = sheaf_submit_with(batch, position, host_position, arg, sizeof(arg), &limit);

		EXPECT(r == -EAGAIN, "got %d (%s) of a full ring, expected -EAGAIN", r, sheaf_message());
	}
	same_heap(pool, before, "tasks with a limit");
	drain(pool, batch, position);
	return 0;
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)begin, (void)end, (void)context;
	return 0;
}

static int nonblocking_maps_while_the_ring_is_full(void)
{
	static char context[8192];
	sheaf_map_options copied = {.context_size = sizeof(context)};
	sheaf_pool *pool;
	sheaf_batch *batch, *map, *loop;
	uint64_t position = fill(&pool, &batch);
	sheaf_batch_options options = {.flags = SHEAF_NONBLOCK};
	size_t before;
	int r;

	map = host_batch(pool, &options);
	loop = host_batch(pool, &options);
	before = host_info(pool).heap_used;
	for (int i = 0; i < 1000; i++) {
		r = sheaf_submit_map(map, host_nothing, NULL, 0, NULL, 0, 1000, NULL);
		EXPECT(r == -EAGAIN, "got %d (%s) of a map and a full ring, expected -EAGAIN", r, sheaf_message());
		r = sheaf_submit_for(loop, range, context, 1000, &copied);
		EXPECT(r == -EAGAIN, "got %d (%s) of a loop and a full ring, expected -EAGAIN", r, sheaf_message());
	}
	same_heap(pool, before, "maps and loops");
	host_set(MARK_GO, 1);
	while ((r = sheaf_submit_map(map, host_nothing, NULL, 0, NULL, 0, 1000, NULL)) == -EAGAIN)
		host_nap(1);
	EXPECT(r == 0, "got %d (%s) of the map that was refused before, expected 0", r, sheaf_message());
	host_gather(map, 1000, NULL);
	while ((r = sheaf_submit_for(loop, range, context, 1000, &copied)) == -EAGAIN)
		host_nap(1);
	EXPECT(r == 0, "got %d (%s) of the loop that was refused before, expected 0", r, sheaf_message());
	host_gather(loop, 1000, NULL);
	drain(pool, batch, position);
	return 0;
}

static int positions_that_are_taken(void)
{
	static char arg[65536];
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 1024});
	size_t before;

	NEED(sheaf_submit(batch, 7, host_position, arg, 16));
	host_gather(batch, 1, NULL);
	before = host_info(pool).heap_used;
	for (int i = 0; i < 2000; i++) {
		int r = sheaf_submit(batch, 7, host_position, arg, sizeof(arg));

		EXPECT(r == -EEXIST, "got %d (%s) for a position that is taken, expected -EEXIST", r, sheaf_message());
	}
	same_heap(pool, before, "a position that is taken");
	NEED(sheaf_submit(batch, 8, host_position, arg, sizeof(arg)));
	host_gather(batch, 2, NULL);
	sheaf_pool_destroy(pool);
	return 0;
}

static int arguments_that_the_heap_cannot_hold(void)
{
	size_t size = 96 * MIB, before;
	char *arg = calloc(1, size);
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);
	void *memory = &size;
	int r;

	EXPECT(arg != NULL, "got no memory, expected some");
	NEED(sheaf_submit(batch, 0, host_nothing, arg, 4096));
	host_gather(batch, 1, NULL);
	before = host_info(pool).heap_used;
	for (uint64_t i = 0; i < 100; i++) {
		r = sheaf_submit(batch, 1 + i, host_nothing, arg, size);
		EXPECT(r == -ENOMEM, "got %d (%s) for an argument of 96 MiB, expected -ENOMEM", r, sheaf_message());
		r = sheaf_apply(pool, host_nothing, arg, size, NULL, 0, NULL);
		EXPECT(r == -ENOMEM, "got %d (%s) for an argument of 96 MiB, expected -ENOMEM", r, sheaf_message());
		r = sheaf_for(pool, range, arg, 10, &(sheaf_map_options){.context_size = size});
		EXPECT(r == -ENOMEM, "got %d (%s) for a context of 96 MiB, expected -ENOMEM", r, sheaf_message());
		r = sheaf_alloc(pool, size, &memory);
		EXPECT(r == -ENOMEM && memory == &size, "got %d (%s) for 96 MiB, expected -ENOMEM", r, sheaf_message());
	}
	same_heap(pool, before, "what the heap cannot hold");
	NEED(sheaf_submit(batch, 1, host_nothing, arg, 4096));
	host_gather(batch, 2, NULL);
	host_works(pool);
	sheaf_pool_destroy(pool);
	free(arg);
	return 0;
}

static int results_that_the_heap_cannot_hold(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 40 * MIB});
	size_t before;

	/* One fits, two do not. */
	NEED(sheaf_submit(batch, 0, host_nothing, NULL, 0));
	before = host_info(pool).heap_used;
	for (uint64_t i = 1; i < 200; i++) {
		int r = sheaf_submit(batch, i, host_nothing, "argument that is longer than what a slot can take", 50);

		EXPECT(r == -ENOMEM, "got %d (%s) for a second result of 40 MiB, expected -ENOMEM", r, sheaf_message());
	}
	host_gather(batch, 1, NULL);
	same_heap(pool, before, "results that the heap cannot hold");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int ask_too_much(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r;

	(void)arg, (void)result;
	for (int i = 0; i < 20; i++)
		if ((r = sheaf_task_result(task, 96 * MIB, &memory)) != -ENOMEM)
			return sheaf_task_fail(task, -EBADMSG, "got %d, expected -ENOMEM", r);
	return -ENOMEM;
}

static int tasks_that_ask_for_too_much(void)
{
	sheaf_pool *pool = host_pool(2);
	size_t before = 0;
	int r;

	for (int i = 0; i < 200; i++) {
		r = sheaf_apply(pool, ask_too_much, NULL, 0, NULL, 0, NULL);
		EXPECT(r == -ENOMEM, "got %d (%s), expected -ENOMEM of the task", r, sheaf_message());
		if (i == 20)
			before = host_info(pool).heap_used;
	}
	same_heap(pool, before, "results of tasks");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int arrays_that_are_not_shared(void)
{
	static uint64_t in[1000], out[1000];
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL), *loop = host_batch(pool, NULL);
	size_t before;
	void *small;
	int r;

	NEED(sheaf_alloc(pool, 65536, &small));
	before = host_info(pool).heap_used;
	for (int i = 0; i < 1000; i++) {
		r = sheaf_map(pool, host_position, in, 8, out, 8, 1000, NULL);
		EXPECT(r == -EFAULT, "got %d (%s) for arrays of the host's own, expected -EFAULT", r, sheaf_message());
		r = sheaf_map(pool, host_position, NULL, 0, small, 8, 100000, NULL);
		EXPECT(r == -EFAULT, "got %d (%s) for an array that is too short, expected -EFAULT", r, sheaf_message());
		r = sheaf_submit_map(batch, host_position, in, 8, NULL, 0, 1000, NULL);
		EXPECT(r == -EFAULT, "got %d (%s) for arrays of the host's own, expected -EFAULT", r, sheaf_message());
		r = sheaf_for(pool, range, in, 1000, NULL);
		EXPECT(r == -EFAULT, "got %d (%s) for a context of the host's own, expected -EFAULT", r, sheaf_message());
		r = sheaf_submit_for(loop, range, in, SIZE_MAX, &(sheaf_map_options){.context_size = 8});
		EXPECT(r == -EOVERFLOW, "got %d (%s) for 2^64 positions, expected -EOVERFLOW", r, sheaf_message());
		r = sheaf_map(pool, host_position, NULL, 0, small, SIZE_MAX / 2, 16, NULL);
		EXPECT(r == -EOVERFLOW, "got %d (%s) for 2^67 bytes, expected -EOVERFLOW", r, sheaf_message());
	}
	same_heap(pool, before, "arrays that are not shared");
	/* The batches are as new. */
	NEED(sheaf_submit_map(batch, host_position, NULL, 0, small, 8, 1000, NULL));
	NEED(sheaf_submit_for(loop, range, NULL, 1000, NULL));
	host_gather(batch, 1000, NULL);
	host_gather(loop, 1000, NULL);
	sheaf_pool_destroy(pool);
	return 0;
}

static int more_batches_than_may_be_open(void)
{
	sheaf_pool *pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 64 * MIB, .max_batches = 4});
	sheaf_batch *batches[4], *other = NULL;
	size_t before;
	int r;

	for (int i = 0; i < 4; i++)
		batches[i] = host_batch(pool, NULL);
	before = host_info(pool).heap_used;
	for (int i = 0; i < 1000; i++) {
		r = sheaf_batch_create(&other, pool, NULL);
		EXPECT(r == -ENOSPC && !other, "got %d (%s) for a fifth batch, expected -ENOSPC", r, sheaf_message());
		r = sheaf_apply(pool, host_nothing, "an argument that is too long to lie in the slot itself", 54, NULL, 0,
				NULL);
		EXPECT(r == -ENOSPC, "got %d (%s) from sheaf_apply(), expected -ENOSPC", r, sheaf_message());
	}
	same_heap(pool, before, "batches");
	sheaf_batch_retire(batches[2]);
	batches[2] = host_batch(pool, NULL);
	for (int i = 0; i < 4; i++) {
		NEED(sheaf_submit(batches[i], 0, host_nothing, NULL, 0));
		host_gather(batches[i], 1, NULL);
	}
	sheaf_pool_destroy(pool);
	return 0;
}

static int submits_of_another_kind(void)
{
	static char arg[65536];
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *map = host_batch(pool, NULL), *tasks = host_batch(pool, NULL);
	size_t before;
	int r;

	NEED(sheaf_submit_map(map, host_nothing, NULL, 0, NULL, 0, 100, NULL));
	NEED(sheaf_submit(tasks, 0, host_nothing, NULL, 0));
	host_gather(map, 100, NULL);
	host_gather(tasks, 1, NULL);
	before = host_info(pool).heap_used;
	for (uint64_t i = 1; i <= 1000; i++) {
		r = sheaf_submit(map, 1000 + i, host_nothing, arg, sizeof(arg));
		EXPECT(r == -EBUSY, "got %d (%s) for a task in a map's batch, expected -EBUSY", r, sheaf_message());
		r = sheaf_submit_map(tasks, host_nothing, NULL, 0, NULL, 0, 100, NULL);
		EXPECT(r == -EBUSY, "got %d (%s) for a map in a batch of tasks, expected -EBUSY", r, sheaf_message());
		r = sheaf_submit_for(tasks, range, arg, 100, &(sheaf_map_options){.context_size = sizeof(arg)});
		EXPECT(r == -EBUSY, "got %d (%s) for a loop in a batch of tasks, expected -EBUSY", r, sheaf_message());
	}
	same_heap(pool, before, "tasks of another kind");
	sheaf_pool_close(pool);
	for (uint64_t i = 1; i <= 1000; i++) {
		r = sheaf_submit(tasks, i, host_nothing, arg, sizeof(arg));
		EXPECT(r == -EPIPE, "got %d (%s) for a task in a closed pool, expected -EPIPE", r, sheaf_message());
	}
	same_heap(pool, before, "a closed pool");
	host_gather(tasks, 1, NULL);
	sheaf_pool_destroy(pool);
	return 0;
}

static int frees_of_what_is_not_allocated(void)
{
	sheaf_pool *pool = host_pool(2);
	char *memory, local;
	void *got;
	size_t before;
	int r;

	NEED(sheaf_alloc(pool, 200000, &got));
	memory = got;
	memset(memory, 7, 200000);
	before = host_info(pool).heap_used;
	for (int i = 0; i < 100; i++) {
		r = sheaf_free(pool, &local);
		EXPECT(r == -EINVAL, "got %d from sheaf_free() of a local variable, expected -EINVAL", r);
		r = sheaf_free(pool, memory + 65536);
		EXPECT(r == -EINVAL, "got %d from sheaf_free() of the middle of an allocation, expected -EINVAL", r);
	}
	EXPECT(host_info(pool).heap_used == before, "got another heap after refused frees, expected the same");
	for (int i = 0; i < 200000; i++)
		EXPECT(memory[i] == 7, "got byte %d changed, expected all kept", i);
	NEED(sheaf_free(pool, memory));
	r = sheaf_free(pool, memory);
	EXPECT(r == -EINVAL, "got %d from a second sheaf_free(), expected -EINVAL", r);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int pools_with_wrong_options(void)
{
	static const sheaf_pool_options wrong[] = {
		{.workers = SHEAF_MAX_WORKERS + 1},
		{.workers = 1, .ring_size = 1u << 30},
		{.workers = 1, .max_attempts = 1000},
		{.workers = 1, .max_batches = 100000},
		{.workers = 1, .name = "no-slash"},
		{.workers = 1, .name = "/"},
		{.workers = 1, .name = ""},
		{.workers = 1, .name = "/a/b"},
		{.workers = 1, .name = "/.."},
		{.workers = 1, .flags = 1u << 20},
		{.workers = 1, .heap_size = SIZE_MAX},
	};
	int files = host_open_files();
	pid_t pids[4];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		sheaf_pool *pool = NULL;
		int r = sheaf_pool_create(&pool, &wrong[i]);

		EXPECT(r < 0 && !pool, "got %d for wrong options %zu, expected an error and no pool", r, i);
		EXPECT(sheaf_message()[0], "got no message for wrong options %zu, expected one", i);
	}
	EXPECT(host_open_files() == files, "got %d open files after refused creations, expected %d", host_open_files(), files);
	EXPECT(host_processes(pids, 4) <= 0, "got a process after refused creations, expected none");
	return 0;
}

HOST_PROGRAM("refused", CASE(nonblocking_submits_of_large_arguments), CASE(nonblocking_submits_at_many_positions),
	     CASE(nonblocking_submits_with_a_limit), CASE(nonblocking_maps_while_the_ring_is_full),
	     CASE(positions_that_are_taken), CASE(arguments_that_the_heap_cannot_hold), CASE(results_that_the_heap_cannot_hold),
	     CASE(tasks_that_ask_for_too_much), CASE(arrays_that_are_not_shared), CASE(more_batches_than_may_be_open),
	     CASE(submits_of_another_kind), CASE(frees_of_what_is_not_allocated), CASE(pools_with_wrong_options))
