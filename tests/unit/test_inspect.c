/*
 * test_inspect.c - the figures that an inspection gives are those of the pool, and looking changes
 * nothing. What it makes of damaged segments is tests/fuzz/segments.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/printable.h"
#include "os/os.h"
#include "pools.h"
#include "segment/layout.h"
#include "sheaf_inspect.h"
#include "sheaf_workers.h"
#include "support/deadline.h"

static sheaf_inspect *inspect;
static char own_name[64]; /* no start of "sheaf-": other programs' sweeps leave it alone */

static void prepare(void)
{
	begin();
	snprintf(own_name, sizeof(own_name), "/unit-inspect-%ld", (long)getpid());
}

static void stop(void)
{
	sheaf_inspect_close(inspect);
	inspect = NULL;
	end();
	shm_unlink(own_name);
}

TestSuite(inspect, .init = prepare, .fini = stop);

static const char *name_of_pool(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info.name;
}

static void open_inspection(void)
{
	expect_done(sheaf_inspect_open(&inspect, name_of_pool()));
}

static sheaf_inspect_pool look(void)
{
	sheaf_inspect_pool figures;

	expect_done(sheaf_inspect_look(inspect, &figures));
	cr_assert_eq(figures.damaged, 0);
	return figures;
}

/* ---- rights to inspect ---- */

struct found {
	const char *name;
	int count;
};

static void find(const char *name, void *context)
{
	struct found *found = context;

	found->count += !strcmp(name, found->name);
}

Test(inspect, lists_a_pool_until_it_is_destroyed)
{
	struct found found = {0};
	char name[256];
	int r;

	start_workers(1);
	snprintf(name, sizeof(name), "%s", name_of_pool());
	found.name = name;
	r = sheaf_inspect_list(find, &found);
	if (r == -ENOENT)
		skip("this system does not list its shared memory");
	cr_assert_geq(r, 1);
	cr_assert_eq(found.count, 1);
	sheaf_pool_destroy(pool);
	pool = NULL;
	found.count = 0;
	cr_assert_geq(sheaf_inspect_list(find, &found), 0);
	cr_assert_eq(found.count, 0);
	expect_failure(sheaf_inspect_list(NULL, NULL), -EINVAL, "visit is NULL");
}

static void expect_printable(const char *name, void *context)
{
	(void)context;
	cr_assert(printable_already(name), "listed: %s", name);
}

/* A file beside the segments that no pool made. Printed, its name would set a terminal's title. */
Test(inspect, lists_no_name_that_commands_a_terminal)
{
	char strange[64];
	int fd;

	snprintf(strange, sizeof(strange), "/sheaf-%ld-\x1b]0;x\x07", (long)getpid());
	fd = shm_open(strange, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		skip("no shared memory by that name");
	close(fd);
	sheaf_inspect_list(expect_printable, NULL);
	expect_failure(sheaf_inspect_open(&inspect, strange), -EINVAL, "-\\x1b]0;x\\x07\" must be a slash");
	shm_unlink(strange);
}

struct other {
	char name[256];
	pid_t owner;
};

static int look_from_another_process(void *context)
{
	const struct other *other = context;
	sheaf_inspect_worker workers[2];
	sheaf_inspect_pool figures;
	sheaf_inspect *own;

	child_check(sheaf_inspect_open(&own, other->name) == 0);
	child_check(sheaf_inspect_look(own, &figures) == 0);
	child_check(figures.owner_lives == 1 && figures.owner == other->owner && figures.state == SHEAF_POOL_OPEN);
	child_check(sheaf_inspect_workers(own, workers, 2) == 2);
	child_check(workers[0].pid > 0 && workers[1].pid > 0 && workers[0].pid != workers[1].pid);
	sheaf_inspect_close(own);
	return 0;
}

Test(inspect, may_be_done_by_another_process)
{
	struct other other = {.owner = getpid()};

	start_workers(2);
	snprintf(other.name, sizeof(other.name), "%s", name_of_pool());
	in_child(look_from_another_process, &other);
}

/* To open and close the file would drop the lock by which others know that the owner lives. */
Test(inspect, by_the_owner_itself_leaves_its_lock_in_place)
{
	struct other other = {.owner = getpid()};
	sheaf_inspect *wrong = NULL;

	start_workers(2);
	snprintf(other.name, sizeof(other.name), "%s", name_of_pool());
	for (int i = 0; i < 3; i++) {
		open_inspection();
		cr_assert_eq(look().owner, getpid());
		cr_assert_eq(look().owner_lives, 1);
		sheaf_inspect_close(inspect);
		inspect = NULL;
	}
	expect_failure(sheaf_inspect_open(&wrong, "/sheaf-no-such-pool"), -ENOENT, "/sheaf-no-such-pool");
	in_child(look_from_another_process, &other);
}

static int look_in_task(sheaf_task *task, const void *arg, void *result)
{
	struct other other;

	(void)task;
	memcpy(&other, arg, sizeof(other));
	*(int *)result = look_from_another_process(&other);
	return 0;
}

Test(inspect, may_be_done_by_a_task)
{
	struct other other = {.owner = getpid()};
	int result = -1;

	start_workers(2);
	snprintf(other.name, sizeof(other.name), "%s", name_of_pool());
	expect_done(sheaf_apply(pool, look_in_task, &other, sizeof(other), &result, sizeof(result), NULL));
	cr_assert_eq(result, 0);
}

static int use_inherited(void *context)
{
	sheaf_inspect_pool figures;

	(void)context;
	child_check(sheaf_inspect_look(inspect, &figures) == -EPERM);
	child_check(sheaf_inspect_workers(inspect, NULL, 0) == -EPERM);
	child_check(sheaf_inspect_batches(inspect, NULL, 0) == -EPERM);
	sheaf_inspect_close(inspect);
	return 0;
}

Test(inspect, does_not_outlive_a_fork)
{
	start_workers(1);
	open_inspection();
	in_child(use_inherited, NULL);
	look();
}

Test(inspect, refuses_what_is_no_name)
{
	static const char *const names[] = {"", "/", "sheaf-x", "/sheaf/x", "/../x"};
	sheaf_inspect_pool figures;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_failure(sheaf_inspect_open(&inspect, names[i]), -EINVAL, "segment name");
	expect_failure(sheaf_inspect_open(&inspect, NULL), -EINVAL, "name is NULL");
	expect_failure(sheaf_inspect_open(NULL, "/x"), -EINVAL, "inspect is NULL");
	expect_failure(sheaf_inspect_look(NULL, &figures), -EINVAL, "inspect is NULL");
	expect_failure(sheaf_inspect_workers(NULL, NULL, 0), -EINVAL, "inspect is NULL");
	expect_failure(sheaf_inspect_batches(NULL, NULL, 0), -EINVAL, "inspect is NULL");
	sheaf_inspect_close(NULL);
	start_workers(1);
	open_inspection();
	expect_failure(sheaf_inspect_look(inspect, NULL), -EINVAL, "NULL");
	expect_failure(sheaf_inspect_workers(inspect, NULL, 1), -EINVAL, "NULL");
	expect_failure(sheaf_inspect_batches(inspect, NULL, 1), -EINVAL, "NULL");
}

/* ---- the pool ---- */

Test(inspect, tells_what_the_pool_was_created_with)
{
	sheaf_inspect_pool figures;

	start(&(sheaf_pool_options){.workers = 3, .ring_size = 100, .max_batches = 5, .max_attempts = 7, .heap_size = 1 << 20});
	open_inspection();
	figures = look();
	cr_assert_eq(figures.state, SHEAF_POOL_OPEN);
	cr_assert_eq(figures.workers, 3);
	cr_assert_eq(figures.ring_size, 128);
	cr_assert_eq(figures.max_batches, 5);
	cr_assert_eq(figures.max_attempts, 7);
	cr_assert_eq(figures.heap_size, 1 << 20);
	cr_assert_gt(figures.size, figures.heap_size);
	cr_assert_eq(figures.supervisors, 1);
	cr_assert_eq(figures.deaths + figures.given_up + figures.completed, 0);
	cr_assert_eq(figures.batches + figures.filling + figures.ready + figures.running, 0);
}

Test(inspect, tells_the_memory_that_is_used)
{
	sheaf_inspect_pool before_use, figures;
	void *memory;

	start_workers(1);
	open_inspection();
	before_use = look();
	cr_assert_eq(before_use.heap_used, 0);
	expect_done(sheaf_alloc(pool, 300000, &memory));
	figures = look();
	cr_assert_eq(figures.heap_used, 5 * 65536);
	cr_assert_geq(figures.committed, before_use.committed + 5 * 65536);
	expect_done(sheaf_free(pool, memory));
	cr_assert_eq(look().heap_used, 0);
}

Test(inspect, commits_no_memory)
{
	sheaf_inspect_worker workers[1];
	sheaf_inspect_batch batches[4096];
	uint64_t committed;

	start_workers(1);
	open_inspection();
	committed = look().committed;
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(sheaf_inspect_workers(inspect, workers, 1), 1);
		cr_assert_eq(sheaf_inspect_batches(inspect, batches, 4096), 4096);
		cr_assert_eq(look().committed, committed);
	}
}

Test(inspect, tells_each_state)
{
	sheaf_inspect_worker workers[2];

	start_workers(1);
	open_inspection();
	cr_assert_eq(look().state, SHEAF_POOL_OPEN);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, hang_deadline()));
	cr_assert_eq(look().state, SHEAF_POOL_FINISHED);
	sheaf_inspect_close(inspect);
	inspect = NULL;
	sheaf_pool_destroy(pool);
	pool = NULL;

	start_workers(2);
	open_inspection();
	expect_done(sheaf_pool_terminate(pool));
	cr_assert_eq(look().state, SHEAF_POOL_TERMINATED);
	cr_assert_eq(sheaf_inspect_workers(inspect, workers, 2), 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(workers[i].state, SHEAF_WORKER_GONE);
		cr_assert_eq(workers[i].pid, 0);
	}
}

Test(inspect, says_when_the_pool_is_gone)
{
	sheaf_inspect_pool figures;
	sheaf_inspect_worker workers[1];

	start_workers(1);
	open_inspection();
	sheaf_pool_destroy(pool);
	pool = NULL;
	expect_failure(sheaf_inspect_look(inspect, &figures), -ESTALE, "is gone");
	expect_failure(sheaf_inspect_workers(inspect, workers, 1), -ESTALE, "is gone");
	/* Another pool is another one, also of the same name. */
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .name = own_name});
	sheaf_inspect_close(inspect);
	inspect = NULL;
	open_inspection();
	sheaf_pool_destroy(pool);
	pool = NULL;
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .name = own_name});
	expect_failure(sheaf_inspect_look(inspect, &figures), -ESTALE, "is gone");
}

Test(inspect, works_with_threads)
{
	sheaf_inspect_worker workers[2];
	struct gate *gate;
	sheaf_batch *batch;

	start(&(sheaf_pool_options){.workers = 2, .heap_size = 1 << 20, .backend = SHEAF_THREADS});
	open_inspection();
	gate = new_gate();
	batch = new_batch(NULL);
	expect_done(sheaf_submit(batch, 17, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	cr_assert_eq(look().supervisors, 0);
	cr_assert_eq(look().running, 1);
	cr_assert_eq(sheaf_inspect_workers(inspect, workers, 2), 2);
	cr_assert_eq((workers[0].state == SHEAF_WORKER_RUNS) + (workers[1].state == SHEAF_WORKER_RUNS), 1);
	cr_assert_neq(workers[0].state, SHEAF_WORKER_GONE);
	cr_assert_neq(workers[1].state, SHEAF_WORKER_GONE);
	gate_open(gate);
	sheaf_batch_retire(batch);
}

/* ---- workers and batches ---- */

/* Wait until a worker is in that state, and return its number. */
static unsigned await_state(sheaf_inspect_worker *workers, unsigned count, enum sheaf_worker_state state)
{
	uint64_t deadline = hang_deadline();

	for (;;) {
		cr_assert_eq(sheaf_inspect_workers(inspect, workers, count), (int)count);
		for (unsigned i = 0; i < count; i++)
			if (workers[i].state == state)
				return i;
		cr_assert_lt(sheaf_now_ns(), deadline, "no worker comes to state %d", (int)state);
		nap();
	}
}

Test(inspect, tells_which_task_a_worker_runs)
{
	sheaf_inspect_worker workers[2];
	sheaf_inspect_batch batches[4];
	struct gate *gate;
	sheaf_batch *batch;
	uint64_t seen = 0;

	start(&(sheaf_pool_options){.workers = 2, .max_batches = 4, .heap_size = 1 << 20});
	open_inspection();
	gate = new_gate();
	batch = new_batch(NULL);
	for (uint64_t i = 0; i < 5; i++)
		expect_done(sheaf_submit(batch, 1000 + i, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 2);
	cr_assert_eq(look().running, 2);
	cr_assert_eq(look().ready, 3);
	cr_assert_eq(look().batches, 1);
	/* More room than workers, and less. */
	cr_assert_eq(sheaf_inspect_workers(inspect, NULL, 0), 2);
	cr_assert_eq(sheaf_inspect_workers(inspect, workers, 2), 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(workers[i].state, SHEAF_WORKER_RUNS);
		cr_assert_eq(workers[i].pid, sheaf_pool_worker_pid(pool, (unsigned)i));
		cr_assert_eq(workers[i].generation, 1);
		cr_assert_eq(workers[i].attempt, 1);
		cr_assert_eq(workers[i].positioned, 1);
		cr_assert(workers[i].position == 1000 || workers[i].position == 1001);
		seen |= workers[i].position - 999;
	}
	cr_assert_eq(seen, 3);
	cr_assert_eq(workers[0].batch, workers[1].batch);
	cr_assert_eq(sheaf_inspect_batches(inspect, batches, 4), 4);
	cr_assert_eq(batches[workers[0].batch].state, SHEAF_BATCH_OPEN);
	cr_assert_eq(batches[workers[0].batch].kind, SHEAF_BATCH_TASKS);
	cr_assert_eq(batches[workers[0].batch].ready, 3);
	cr_assert_eq(batches[workers[0].batch].running, 2);
	cr_assert_eq(batches[1].state, SHEAF_BATCH_FREE);
	expect_done(sheaf_batch_cancel(batch, 0));
	cr_assert_eq(sheaf_inspect_batches(inspect, batches, 4), 4);
	cr_assert_eq(batches[workers[0].batch].state, SHEAF_BATCH_CANCELLED);
	cr_assert_eq(look().batches, 1);
	gate_open(gate);
	sheaf_batch_retire(batch);
	await_state(workers, 2, SHEAF_WORKER_ASLEEP);
	cr_assert_eq(look().batches, 0);
	cr_assert_eq(look().running, 0);
}

struct halt {
	_Atomic uint64_t at; /* the position that waits, or none */
	struct gate *gate;
};

static int halt_at(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct halt *halt = context;

	(void)task;
	if (atomic_load(&halt->at) >= begin && atomic_load(&halt->at) < end)
		gate_pass(halt->gate);
	return 0;
}

/* Tasks of a priority are in a ring of their own. */
Test(inspect, counts_tasks_of_all_priorities)
{
	sheaf_inspect_worker worker;
	sheaf_batch *batches[3];
	struct gate *gate;

	start_workers(1);
	open_inspection();
	gate = new_gate();
	for (int p = 0; p < 3; p++)
		batches[p] = new_batch(&(sheaf_batch_options){.priority = (enum sheaf_priority)p});
	expect_done(sheaf_submit(batches[SHEAF_LOW], 42, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	for (uint64_t i = 0; i < 6; i++)
		expect_done(sheaf_submit(batches[i % 3], i, do_nothing, NULL, 0));
	cr_assert_eq(look().ready, 6);
	cr_assert_eq(look().running, 1);
	cr_assert_eq(sheaf_inspect_workers(inspect, &worker, 1), 1);
	cr_assert_eq(worker.state, SHEAF_WORKER_RUNS);
	cr_assert(worker.positioned);
	cr_assert_eq(worker.position, 42);
	gate_open(gate);
}

Test(inspect, tells_where_a_stream_is_stalled)
{
	sheaf_inspect_batch batches[4096];
	sheaf_result result;
	struct gate *gate;
	sheaf_batch *batch;

	start_workers(1);
	open_inspection();
	gate = new_gate();
	batch = new_batch(&(sheaf_batch_options){.window = 4, .flags = SHEAF_NONBLOCK});
	for (uint64_t i = 5; i < 7; i++) {
		expect_done(sheaf_submit(batch, i, do_nothing, NULL, 0));
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	}
	expect_done(sheaf_submit(batch, 7, wait_at_gate, &gate, sizeof(gate)));
	for (uint64_t i = 8; i < 11; i++)
		expect_done(sheaf_submit(batch, i, do_nothing, NULL, 0));
	gate_await(gate, 1);
	cr_assert_eq(sheaf_inspect_batches(inspect, batches, 4096), 4096);
	cr_assert(batches[0].windowed && batches[0].kind == SHEAF_BATCH_TASKS);
	cr_assert_eq(batches[0].accepted, 6);
	cr_assert_eq(batches[0].given, 2);
	cr_assert_eq(batches[0].head, 7);
	cr_assert_eq(batches[0].running, 1);
	gate_open(gate);
	for (uint64_t i = 7; i < 11; i++)
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	sheaf_batch_retire(batch);
	cr_assert_eq(sheaf_inspect_batches(inspect, batches, 4096), 4096);
	cr_assert(!batches[0].windowed);
}

Test(inspect, tells_how_far_a_loop_is)
{
	/* A table in the batch's own slot, and one in the heap. */
	static const size_t sizes[] = {50, 5000};
	sheaf_inspect_worker workers[1];
	sheaf_inspect_batch batches[4096];
	void *memory;
	struct halt *halt;

	start_workers(1);
	open_inspection();
	expect_done(sheaf_alloc(pool, sizeof(*halt), &memory));
	halt = memory;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = 2 * sizes[i];
		sheaf_batch *batch = new_batch(NULL);

		halt->gate = new_gate();
		atomic_store(&halt->at, n / 2);
		/* One worker claims the chunks in their order. */
		expect_done(sheaf_submit_for(batch, halt_at, halt, n, &(sheaf_map_options){.grain = 2}));
		gate_await(halt->gate, 1);
		cr_assert_eq(sheaf_inspect_batches(inspect, batches, 4096), 4096);
		cr_assert_eq(batches[0].state, SHEAF_BATCH_OPEN);
		cr_assert_eq(batches[0].kind, SHEAF_BATCH_LOOP);
		cr_assert_eq(batches[0].n, n);
		cr_assert_eq(batches[0].chunk, 2);
		cr_assert_eq(batches[0].chunks, n / 2);
		cr_assert_eq(batches[0].chunks_done, n / 4);
		cr_assert_eq(batches[0].running, 1);
		cr_assert_eq(sheaf_inspect_workers(inspect, workers, 1), 1);
		cr_assert_eq(workers[0].state, SHEAF_WORKER_RUNS);
		cr_assert_eq(workers[0].batch, 0);
		cr_assert_eq(workers[0].positioned, 1);
		cr_assert_eq(workers[0].position, n / 2);
		cr_assert_geq(workers[0].completed, n / 4);
		gate_open(halt->gate);
		sheaf_batch_retire(batch);
	}
}

Test(inspect, counts_deaths_and_generations)
{
	sheaf_inspect_worker workers[1];
	uint64_t deadline = hang_deadline();
	sheaf_inspect_pool figures;
	pid_t first;

	start_workers(1);
	open_inspection();
	first = sheaf_pool_worker_pid(pool, 0);
	kill(first, SIGKILL);
	do {
		cr_assert_eq(sheaf_inspect_workers(inspect, workers, 1), 1);
		cr_assert_lt(sheaf_now_ns(), deadline);
	} while (workers[0].generation != 2 || !workers[0].pid);
	cr_assert_neq(workers[0].pid, first);
	do {
		figures = look();
		cr_assert_lt(sheaf_now_ns(), deadline);
	} while (!figures.deaths);
	cr_assert_eq(figures.deaths, 1);
	expect_pool_works(100);
	cr_assert_geq(look().completed, 1);
}

/* ---- owners that are dead ---- */

static int own_a_pool(void *context)
{
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 1 << 20, .name = context});
	raise(SIGSTOP);
	return 0;
}

Test(inspect, tells_that_the_owner_is_dead)
{
	sheaf_inspect_worker workers[2];
	sheaf_inspect_pool figures;
	uint64_t deadline = hang_deadline();
	pid_t owner;
	int status;

	owner = child_start(own_a_pool, own_name);
	cr_assert_gt(owner, 0);
	while (waitpid(owner, &status, WUNTRACED | WNOHANG) != owner)
		cr_assert_lt(sheaf_now_ns(), deadline);
	cr_assert(WIFSTOPPED(status));
	expect_done(sheaf_inspect_open(&inspect, own_name));
	figures = look();
	cr_assert_eq(figures.owner, owner);
	cr_assert_eq(figures.owner_lives, 1);
	child_end(owner);
	do {
		figures = look();
		cr_assert_lt(sheaf_now_ns(), deadline, "the lock is held by %ld", (long)figures.owner);
		nap();
	} while (figures.owner_lives || segment_name_exists(own_name));
	cr_assert_eq(figures.owner, owner);
	cr_assert_eq(sheaf_inspect_workers(inspect, workers, 2), 2);
	cr_assert_eq(workers[0].state, SHEAF_WORKER_GONE);
	cr_assert_eq(workers[1].state, SHEAF_WORKER_GONE);
}

static int open_what_is_locked(void *context)
{
	(void)context;
	child_check(sheaf_inspect_open(&inspect, own_name) == -EAGAIN);
	child_check(strstr(sheaf_message(), "is not ready yet"));
	return 0;
}

Test(inspect, tells_a_creator_at_work_from_a_dead_one)
{
	int fd;

	expect_done(os_shm_create(own_name, &fd));
	expect_failure(sheaf_inspect_open(&inspect, own_name), -ESTALE, "its creator is dead");
	cr_assert_eq(ftruncate(fd, 1 << 20), 0);
	expect_failure(sheaf_inspect_open(&inspect, own_name), -ESTALE, "its creator is dead");
	expect_done(os_lock(fd, OS_LOCK_OWNER));
	in_child(open_what_is_locked, NULL);
	close(fd);
}

Test(inspect, tells_which_workers_are_not_there)
{
	const sheaf_worker_options options = {.max_workers = 3, .on_demand = true, .min_workers = 1};
	sheaf_inspect_worker workers[3];

	start(&(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20, .worker_options = &options});
	open_inspection();
	cr_assert_eq(look().workers, 3);
	cr_assert_eq(sheaf_inspect_workers(inspect, workers, 3), 3);
	cr_assert_neq(workers[0].state, SHEAF_WORKER_GONE);
	cr_assert_gt(workers[0].pid, 0);
	for (unsigned i = 1; i < 3; i++) {
		cr_assert_eq(workers[i].state, SHEAF_WORKER_GONE);
		cr_assert_eq(workers[i].pid, 0);
		cr_assert_eq(workers[i].generation, 0);
	}
}
