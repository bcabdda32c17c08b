/*
 * test_attach.c - programs that join a pool: they submit, work, leave and die, and nothing is lost.
 *
 * A program here is a child that was forked before the pool was created, so it has nothing of the
 * pool. examples/two_programs.c has one that is executed.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, setresuid() */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pool/pool.h"
#include "pools.h"
#include "sheaf_attach.h"
#include "sheaf_file.h"
#include "sheaf_workers.h"

#define PROGRAMS 4
#define MS UINT64_C(1000000)

/* In memory that all programs of a test share. */
struct desk {
	char name[64];
	void *memory;      /* in the pool */
	_Atomic int stage; /* how far the test has come: programs wait for it */
	_Atomic int said;  /* by programs: so many times they have come to where they say so */
	_Atomic int line;  /* where an expectation of a program failed */
	char message[256]; /* of its last failure */
	_Atomic int runs;  /* of tasks */
	_Atomic int open;  /* tasks that wait go on */
	_Atomic int running;
};

static struct desk *desk;
static pid_t programs[PROGRAMS];

static void set_up(void)
{
	begin();
	desk = mmap(NULL, sizeof(*desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(desk, MAP_FAILED);
}

static void tear_down(void)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (programs[i] > 0) {
			kill(programs[i], SIGKILL);
			waitpid(programs[i], NULL, 0);
		}
	end();
}

TestSuite(attach, .init = set_up, .fini = tear_down);

/* ---- programs ---- */

static void note_line(int line)
{
	snprintf(desk->message, sizeof(desk->message), "%s", sheaf_message());
	atomic_store(&desk->line, line);
	_exit(1);
}

/* As cr_assert(), in a program. */
#define EXPECT(condition) ((condition) ? (void)0 : note_line(__LINE__))

static void await_stage(int stage)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&desk->stage) < stage && sheaf_now_ns() < deadline)
		sleep_ns(100000);
}

static void say(void)
{
	atomic_fetch_add(&desk->said, 1);
}

/* Fork a program. To be called before the pool is created. */
static void program(unsigned number, void (*body)(void))
{
	fflush(stdout);
	programs[number] = fork();
	cr_assert_geq(programs[number], 0);
	if (programs[number])
		return;
	await_stage(1);
	body();
	_exit(0);
}

static void await_said(int times)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&desk->said) < times && !atomic_load(&desk->line) && sheaf_now_ns() < deadline)
		sleep_ns(100000);
	cr_assert_eq(atomic_load(&desk->line), 0, "line %d: %s", atomic_load(&desk->line), desk->message);
	cr_assert_geq(atomic_load(&desk->said), times);
}

static int reap(unsigned number)
{
	int status;

	cr_assert_eq(waitpid(programs[number], &status, 0), programs[number]);
	programs[number] = 0;
	return status;
}

static void expect_end(unsigned number)
{
	int status = reap(number);

	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x, line %d: %s", (unsigned)status,
		  atomic_load(&desk->line), desk->message);
}

static void kill_program(unsigned number)
{
	kill(programs[number], SIGKILL);
	(void)reap(number);
}

/* ---- functions ---- */

static int add_one(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value;

	(void)task;
	memcpy(&value, arg, sizeof(value));
	value++;
	memcpy(result, &value, sizeof(value));
	return 0;
}

/* Tell the process, after a millisecond. */
static int tell_process(sheaf_task *task, const void *arg, void *result)
{
	int pid = getpid();

	(void)task;
	(void)arg;
	atomic_fetch_add(&desk->runs, 1);
	sleep_ns(MS);
	memcpy(result, &pid, sizeof(pid));
	return 0;
}

/* Wait until the desk is open. */
static int wait_at_desk(sheaf_task *task, const void *arg, void *result)
{
	int pid = getpid();

	(void)task;
	(void)arg;
	atomic_fetch_add(&desk->runs, 1);
	atomic_fetch_add(&desk->running, 1);
	while (!atomic_load(&desk->open))
		sleep_ns(100000);
	atomic_fetch_sub(&desk->running, 1);
	memcpy(result, &pid, sizeof(pid));
	return 0;
}

/* Add up 100 numbers by nested tasks. */
static int add_nested(sheaf_task *task, const void *arg, void *result)
{
	uint64_t sum = 0;
	sheaf_pool *mine = sheaf_task_pool(task);
	void *memory;

	(void)arg;
	if (!mine || sheaf_alloc(mine, 1600, &memory))
		return -ENOMEM;
	for (uint64_t i = 0; i < 100; i++)
		((uint64_t *)memory)[i] = i;
	if (sheaf_map(mine, add_one, memory, 8, (uint64_t *)memory + 100, 8, 100, NULL))
		return -EIO;
	for (uint64_t i = 0; i < 100; i++)
		sum += ((uint64_t *)memory)[100 + i];
	sheaf_free(mine, memory);
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

static int leave(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_leave(task);
}

static int tell_state(sheaf_task *task, const void *arg, void *result)
{
	void *state = sheaf_task_state(task);

	(void)arg;
	memcpy(result, &state, sizeof(state));
	return 0;
}

static int count_range(sheaf_task *task, size_t begin_at, size_t end_at, void *context)
{
	(void)task;
	atomic_fetch_add(*(_Atomic uint64_t **)context, end_at - begin_at);
	return 0;
}

/* Read a number of a file, whose address is the argument. Tells the process beside it. */
static int read_mapped(sheaf_task *task, const void *arg, void *result)
{
	const uint64_t *number;
	uint64_t found[2] = {(uint64_t)getpid()};

	(void)task;
	memcpy(&number, arg, sizeof(number));
	found[1] = *number;
	memcpy(result, found, sizeof(found));
	return 0;
}

static int nameless(sheaf_task *task, const void *arg, void *result)
{
	return add_one(task, arg, result);
}

static const sheaf_function functions[] = {
	{.name = "add_one", .task = add_one},           {.name = "tell_process", .task = tell_process},
	{.name = "wait_at_desk", .task = wait_at_desk}, {.name = "leave", .task = leave},
	{.name = "tell_state", .task = tell_state},     {.name = "add_nested", .task = add_nested},
	{.name = "count", .range = count_range},        {.name = "read_mapped", .task = read_mapped},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static const sheaf_attach_options joining = {.functions = functions, .function_count = FUNCTIONS};

static void start_shared(unsigned workers, unsigned places)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = FUNCTIONS, .places = places};
	sheaf_pool_info info;

	start(&(sheaf_pool_options){.workers = workers, .heap_size = 64 << 20, .sharing = &sharing});
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	snprintf(desk->name, sizeof(desk->name), "%s", info.name);
	atomic_store(&desk->stage, 1);
}

static sheaf_pool *joined(void)
{
	sheaf_pool *mine = NULL;

	EXPECT(sheaf_pool_attach(&mine, desk->name, &joining) == 0);
	return mine;
}

static size_t heap_used_now(void)
{
	sheaf_pool_info info;

	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	return info.heap_used;
}

/* Wait until nothing of the heap is used. */
static void await_empty_heap(void)
{
	uint64_t deadline = hang_deadline();

	while (heap_used_now() && sheaf_now_ns() < deadline)
		sleep_ns(MS);
	cr_assert_eq(heap_used_now(), 0);
}

/* ---- submitting ---- */

static void submit_all_kinds(void)
{
	sheaf_pool *mine = joined();
	uint64_t one = 41, two = 0, *numbers;
	_Atomic uint64_t *counted;
	const sheaf_result *results;
	sheaf_batch *batch;
	void *memory;
	size_t n;

	EXPECT(sheaf_apply(mine, add_one, &one, 8, &two, 8, NULL) == 0 && two == 42);
	EXPECT(sheaf_alloc_array(mine, 2000, 8, &memory) == 0);
	numbers = memory;
	for (uint64_t i = 0; i < 1000; i++)
		numbers[i] = i;
	EXPECT(sheaf_map(mine, add_one, numbers, 8, numbers + 1000, 8, 1000, &(sheaf_map_options){.caller_works = true}) == 0);
	for (uint64_t i = 0; i < 1000; i++)
		EXPECT(numbers[1000 + i] == i + 1);
	counted = memory;
	atomic_store(counted, 0);
	EXPECT(sheaf_for(mine, count_range, &counted, 12345, &(sheaf_map_options){.context_size = sizeof(counted)}) == 0);
	EXPECT(atomic_load(counted) == 12345);
	EXPECT(sheaf_free(mine, memory) == 0);
	EXPECT(sheaf_batch_create(&batch, mine, &(sheaf_batch_options){.result_size = 8}) == 0);
	for (uint64_t i = 0; i < 3000; i++)
		EXPECT(sheaf_submit(batch, i, add_one, &i, 8) == 0);
	EXPECT(sheaf_gather(batch, &results, &n, hang_deadline()) == 0 && n == 3000);
	for (uint64_t i = 0; i < n; i++)
		EXPECT(!results[i].status && *(const uint64_t *)results[i].data == i + 1);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(mine);
}

Test(attach, a_program_submits_as_the_owner_does)
{
	program(0, submit_all_kinds);
	start_shared(2, 0);
	expect_end(0);
	await_empty_heap();
}

Test(attach, several_programs_submit_at_once)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		program(i, submit_all_kinds);
	start_shared(2, 0);
	for (unsigned i = 0; i < PROGRAMS; i++)
		expect_end(i);
	await_empty_heap();
}

static void write_into_memory(void)
{
	sheaf_pool *mine = joined();

	strcpy(desk->memory, "from another program");
	EXPECT(sheaf_free(mine, desk->memory) == 0);
	sheaf_pool_destroy(mine);
}

Test(attach, a_pointer_means_the_same_in_each_program)
{
	program(0, write_into_memory);
	start_shared(1, 0);
	atomic_store(&desk->stage, 0);
	cr_assert_eq(sheaf_alloc(pool, 100, &desk->memory), 0);
	atomic_store(&desk->stage, 1);
	expect_end(0);
	cr_assert_eq(heap_used_now(), 0);
}

/* ---- working ---- */

static void work_to_the_end(void)
{
	sheaf_pool *mine = joined();

	say();
	EXPECT(sheaf_pool_work(mine, hang_deadline()) == 0);
	sheaf_pool_destroy(mine);
}

/* Run tasks that tell their process. Return how many ran in that one. */
static unsigned run_and_count(unsigned count, pid_t pid)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	unsigned found = 0;
	size_t n;

	cr_assert_eq(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = sizeof(int)}), 0);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(sheaf_submit(batch, i, tell_process, NULL, 0), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
	cr_assert_eq(n, count);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(results[i].status, 0);
		found += *(const int *)results[i].data == pid;
	}
	sheaf_batch_retire(batch);
	return found;
}

Test(attach, a_program_works_beside_the_workers_until_the_pool_is_closed)
{
	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	cr_assert_gt(run_and_count(200, programs[0]), 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	expect_end(0);
	cr_assert_eq(sheaf_pool_join(pool, hang_deadline()), 0, "%s", sheaf_message());
}

Test(attach, tasks_of_a_closed_pool_are_all_run)
{
	sheaf_batch *batch;
	size_t n;
	const sheaf_result *results;

	program(0, work_to_the_end);
	program(1, work_to_the_end);
	start_shared(1, 0);
	await_said(2);
	cr_assert_eq(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = sizeof(int)}), 0);
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(sheaf_submit(batch, i, tell_process, NULL, 0), 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	cr_assert_eq(sheaf_pool_join(pool, hang_deadline()), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_gather(batch, &results, &n, 0), 0);
	cr_assert_eq(n, 100);
	expect_end(0);
	expect_end(1);
}

Test(attach, tasks_in_a_program_open_batches)
{
	uint64_t sum = 0;

	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(sheaf_apply(pool, add_nested, NULL, 0, &sum, 8, NULL), 0, "%s", sheaf_message());
		cr_assert_eq(sum, 5050);
	}
	cr_assert_eq(sheaf_pool_close(pool), 0);
	expect_end(0);
	await_empty_heap();
}

static void work_with_state(void)
{
	sheaf_attach_options options = joining;
	sheaf_pool *mine;

	options.state = desk;
	EXPECT(sheaf_pool_attach(&mine, desk->name, &options) == 0);
	say();
	EXPECT(sheaf_pool_work(mine, hang_deadline()) == 0);
	sheaf_pool_destroy(mine);
}

Test(attach, tasks_in_a_program_get_its_state)
{
	void *state = NULL;
	uint64_t deadline = hang_deadline();

	program(0, work_with_state);
	start_shared(1, 0);
	await_said(1);
	while (state != desk && sheaf_now_ns() < deadline)
		cr_assert_eq(sheaf_apply(pool, tell_state, NULL, 0, &state, sizeof(state), NULL), 0);
	cr_assert_eq(state, desk);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	expect_end(0);
}

static void *work_too(void *mine)
{
	return (void *)(intptr_t)sheaf_pool_work(mine, hang_deadline());
}

static void end_work_in_each_way(void)
{
	sheaf_pool *mine = joined();
	pthread_t thread;
	void *code;

	EXPECT(sheaf_pool_work(mine, 0) == -EAGAIN);
	EXPECT(sheaf_pool_work(mine, sheaf_now_ns() + 5 * MS) == -ETIMEDOUT);
	EXPECT(sheaf_pool_interrupt(mine) == 0);
	EXPECT(sheaf_pool_work(mine, hang_deadline()) == -EINTR);
	EXPECT(pthread_create(&thread, NULL, work_too, mine) == 0);
	while (!atomic_load(&mine->joined.works))
		sleep_ns(100000);
	EXPECT(sheaf_pool_work(mine, 0) == -EBUSY);
	EXPECT(sheaf_pool_interrupt(mine) == 0);
	pthread_join(thread, &code);
	EXPECT((intptr_t)code == -EINTR);
	EXPECT(pthread_create(&thread, NULL, work_too, mine) == 0);
	while (!atomic_load(&mine->joined.works))
		sleep_ns(100000);
	EXPECT(pthread_cancel(thread) == 0);
	pthread_join(thread, &code);
	EXPECT(code == PTHREAD_CANCELED);
	say();
	EXPECT(sheaf_pool_work(mine, hang_deadline()) == 1);
	sheaf_pool_destroy(mine);
}

Test(attach, work_ends_in_each_way)
{
	uint64_t deadline = hang_deadline();
	int status;

	program(0, end_work_in_each_way);
	start_shared(1, 0);
	await_said(1);
	/* A worker of the pool that leaves is replaced. */
	while (!waitpid(programs[0], &status, WNOHANG) && sheaf_now_ns() < deadline)
		cr_assert_eq(sheaf_apply(pool, leave, NULL, 0, NULL, 0, NULL), 0);
	programs[0] = 0;
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status), "line %d: %s", atomic_load(&desk->line), desk->message);
}

/* Work while the pool has no task, until a stage has come. */
static void work_until_stage(void)
{
	sheaf_pool *mine = joined();

	say();
	while (atomic_load(&desk->stage) < 2)
		(void)sheaf_pool_work(mine, sheaf_now_ns() + MS);
	sheaf_pool_destroy(mine);
	say();
}

Test(attach, a_paused_pool_gives_no_task_to_a_program)
{
	sheaf_result result;
	sheaf_batch *batch;
	int runs;

	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	cr_assert_eq(sheaf_pool_pause(pool), 0);
	cr_assert_eq(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = sizeof(int)}), 0);
	/* The program may have been about to claim one when the pause came, but no second one. */
	cr_assert_eq(sheaf_submit(batch, 0, tell_process, NULL, 0), 0);
	if (sheaf_next(batch, &result, sheaf_now_ns() + 20 * MS) == 1) {
		cr_assert_eq(sheaf_submit(batch, 1, tell_process, NULL, 0), 0);
		cr_assert_eq(sheaf_next(batch, &result, sheaf_now_ns() + 20 * MS), -ETIMEDOUT);
	}
	runs = atomic_load(&desk->runs);
	cr_assert_leq(runs, 1);
	cr_assert_eq(sheaf_next(batch, &result, sheaf_now_ns() + 20 * MS), -ETIMEDOUT);
	cr_assert_eq(atomic_load(&desk->runs), runs);
	cr_assert_eq(sheaf_pool_resume(pool), 0);
	cr_assert_eq(sheaf_gather(batch, &(const sheaf_result *){NULL}, &(size_t){0}, hang_deadline()), 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	expect_end(0);
}

/* ---- coming and going ---- */

static void come_and_go(void)
{
	uint64_t one = 1, two;

	for (unsigned i = 0; i < 50; i++) {
		sheaf_pool *mine = NULL;
		int r;

		while ((r = sheaf_pool_attach(&mine, desk->name, &joining)) == -EAGAIN)
			sleep_ns(100000);
		EXPECT(r == 0);
		EXPECT(sheaf_apply(mine, add_one, &one, 8, &two, 8, NULL) == 0 && two == 2);
		(void)sheaf_pool_work(mine, sheaf_now_ns() + MS / 2);
		sheaf_pool_destroy(mine);
	}
}

Test(attach, programs_come_and_go_more_often_than_there_are_places)
{
	sheaf_pool_info info;

	for (unsigned i = 0; i < PROGRAMS; i++)
		program(i, come_and_go);
	start_shared(1, 2);
	(void)run_and_count(300, 0);
	for (unsigned i = 0; i < PROGRAMS; i++)
		expect_end(i);
	await_empty_heap();
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	cr_assert_eq(info.deaths, 0);
}

static void join_and_wait(void)
{
	sheaf_pool *mine = joined();

	say();
	await_stage(2);
	sheaf_pool_destroy(mine);
}

static void find_no_place(void)
{
	sheaf_pool *mine;

	await_stage(2);
	EXPECT(sheaf_pool_attach(&mine, desk->name, &joining) == -EAGAIN && strstr(sheaf_message(), "all 1 places"));
}

Test(attach, all_places_are_taken)
{
	program(0, join_and_wait);
	program(1, find_no_place);
	start_shared(1, 1);
	await_said(1);
	/* The first one waits for the same stage: kept back. */
	kill(programs[0], SIGSTOP);
	atomic_store(&desk->stage, 2);
	expect_end(1);
	kill(programs[0], SIGCONT);
	expect_end(0);
}

/* One handle goes, and the other one must keep mapping, file and lock. */
static void join_twice(void)
{
	sheaf_pool *first = joined(), *second = joined();
	uint64_t one = 1, two = 0;

	sheaf_pool_destroy(first);
	EXPECT(sheaf_apply(second, add_one, &one, 8, &two, 8, NULL) == 0 && two == 2);
	/* Long enough for the supervisor to ask whether the process still has the memory. */
	EXPECT(sheaf_pool_work(second, sheaf_now_ns() + 1500 * MS) == -ETIMEDOUT);
	EXPECT(sheaf_apply(second, add_one, &one, 8, &two, 8, NULL) == 0 && two == 2);
	sheaf_pool_destroy(second);
}

Test(attach, a_program_joins_twice_and_leaves_once)
{
	sheaf_pool_info info;

	program(0, join_twice);
	start_shared(1, 0);
	expect_end(0);
	await_empty_heap();
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	cr_assert_eq(info.deaths, 0);
}

static void fork_a_child(void)
{
	sheaf_pool *mine = joined();
	uint64_t one = 1, two;
	int status;
	pid_t child;

	child = fork();
	EXPECT(child >= 0);
	if (!child) {
		EXPECT(sheaf_apply(mine, add_one, &one, 8, &two, 8, NULL) == -EPERM);
		EXPECT(sheaf_pool_work(mine, 0) == -EPERM);
		sheaf_pool_destroy(mine);
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	EXPECT(sheaf_apply(mine, add_one, &one, 8, &two, 8, NULL) == 0);
	sheaf_pool_destroy(mine);
}

Test(attach, a_child_of_a_program_has_not_joined)
{
	program(0, fork_a_child);
	start_shared(1, 0);
	expect_end(0);
	await_empty_heap();
}

/* ---- deaths ---- */

static void open_and_wait(void)
{
	sheaf_pool *mine = joined();
	sheaf_batch *batch;
	void *memory;

	EXPECT(sheaf_batch_create(&batch, mine, &(sheaf_batch_options){.result_size = 100000}) == 0);
	for (uint64_t i = 0; i < 100; i++)
		EXPECT(sheaf_submit(batch, i, tell_process, &i, 8) == 0);
	(void)memory;
	say();
	await_stage(2);
}

Test(attach, the_batches_of_a_killed_program_are_freed)
{
	program(0, open_and_wait);
	program(1, submit_all_kinds);
	start_shared(2, 1);
	kill(programs[1], SIGSTOP); /* there is one place */
	await_said(1);
	kill_program(0);
	await_empty_heap();
	kill(programs[1], SIGCONT);
	(void)reap(1);
}

/* Kill a program while it has a task in hand. Return the batch of the task. */
static sheaf_batch *kill_in_task(unsigned max_attempts)
{
	uint64_t deadline = hang_deadline();
	sheaf_batch *batch;

	/* The only worker has one of the two tasks, and the program the other one. */
	cr_assert_eq(sheaf_batch_create(&batch, pool,
					&(sheaf_batch_options){.result_size = sizeof(int), .max_attempts = max_attempts}),
		     0);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(sheaf_submit(batch, i, wait_at_desk, NULL, 0), 0);
	while (atomic_load(&desk->running) < 2 && sheaf_now_ns() < deadline)
		sleep_ns(100000);
	cr_assert_eq(atomic_load(&desk->running), 2);
	kill_program(0);
	atomic_store(&desk->open, 1);
	return batch;
}

Test(attach, the_task_of_a_killed_program_runs_again)
{
	const sheaf_result *results;
	sheaf_pool_info info;
	sheaf_batch *batch;
	size_t n;

	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	batch = kill_in_task(0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
	cr_assert_eq(results[0].attempts + results[1].attempts, 3);
	cr_assert(!results[0].status && !results[1].status);
	cr_assert_eq(atomic_load(&desk->runs), 3);
	/* It is counted when all is repaired. */
	do
		cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	while (!info.deaths);
	cr_assert_eq(info.deaths, 1);
}

Test(attach, a_task_that_has_no_attempt_left_says_where_it_ran)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n, failed;

	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	batch = kill_in_task(1);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 1, "%s", sheaf_message());
	cr_assert(strstr(sheaf_message(), "a program that had joined"), "%s", sheaf_message());
	failed = results[0].status ? 0 : 1;
	cr_assert_eq(results[failed].status, -ECHILD);
	cr_assert_eq(results[1 - failed].status, 0);
	cr_assert(strstr(results[failed].message, "a program that had joined"), "%s", results[failed].message);
}

Test(attach, a_time_limit_ends_a_program_that_works)
{
	sheaf_batch *batch;
	const sheaf_result *results;
	uint64_t deadline = hang_deadline();
	size_t n;

	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	cr_assert_eq(sheaf_batch_create(&batch, pool,
					&(sheaf_batch_options){.result_size = sizeof(int), .task_timeout_ns = 50 * MS}),
		     0);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(sheaf_submit(batch, i, wait_at_desk, NULL, 0), 0);
	while (atomic_load(&desk->running) < 2 && sheaf_now_ns() < deadline)
		sleep_ns(100000);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 2, "%s", sheaf_message());
	cr_assert(results[0].status == -ETIMEDOUT && results[1].status == -ETIMEDOUT);
	cr_assert(WIFSIGNALED(reap(0)));
}

static void submit_until_stage(void)
{
	sheaf_pool *mine = joined();
	uint64_t done = 0;

	for (; atomic_load(&desk->stage) < 2; done++) {
		uint64_t one = done, two = 0;

		EXPECT(sheaf_apply(mine, add_one, &one, 8, &two, 8, &(sheaf_map_options){.max_attempts = SHEAF_MAX_ATTEMPTS}) ==
			       0 &&
		       two == done + 1);
		if (done == 10)
			say();
	}
	sheaf_pool_destroy(mine);
}

Test(attach, programs_outlive_the_supervisor)
{
	sheaf_pool_info info;
	uint64_t deadline = hang_deadline();

	program(0, submit_until_stage);
	program(1, work_until_stage);
	program(2, open_and_wait);
	start_shared(2, 0);
	await_said(3);
	for (unsigned i = 0; i < 5; i++) {
		pid_t killed;

		cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
		killed = info.supervisor;
		kill(killed, SIGKILL);
		while (info.supervisor == killed && sheaf_now_ns() < deadline)
			cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
		(void)run_and_count(20, 0);
	}
	/* The successor notices who is dead that its predecessor knew. */
	kill_program(2);
	atomic_store(&desk->stage, 2);
	expect_end(0);
	expect_end(1);
	await_empty_heap();
}

static void wait_for_the_end(void)
{
	sheaf_pool *mine = joined();
	sheaf_batch *batch;
	sheaf_result result;
	uint64_t deadline = hang_deadline();
	int r;

	EXPECT(sheaf_batch_create(&batch, mine, &(sheaf_batch_options){.result_size = sizeof(int)}) == 0);
	EXPECT(sheaf_submit(batch, 0, wait_at_desk, NULL, 0) == 0);
	say();
	r = sheaf_next(batch, &result, hang_deadline());
	EXPECT(r == (atomic_load(&desk->stage) == 2 ? -ECANCELED : -EOWNERDEAD));
	EXPECT(sheaf_pool_work(mine, hang_deadline()) == r);
	/* This program may have noticed before the supervisor did. */
	while (sheaf_now_ns() < deadline && !sheaf_batch_create(&batch, mine, NULL))
		sheaf_batch_retire(batch);
	EXPECT(sheaf_batch_create(&batch, mine, NULL) == r);
	sheaf_pool_destroy(mine);
}

static void work_for_the_end(void)
{
	sheaf_pool *mine = joined();
	int r;

	say();
	r = sheaf_pool_work(mine, hang_deadline());
	EXPECT(r == (atomic_load(&desk->stage) == 2 ? -ECANCELED : -EOWNERDEAD));
	sheaf_pool_destroy(mine);
}

Test(attach, a_pool_is_destroyed_that_programs_have_joined)
{
	uint64_t deadline = hang_deadline();

	program(0, wait_for_the_end);
	program(1, work_for_the_end);
	start_shared(1, 0);
	await_said(2);
	while (!atomic_load(&desk->running) && sheaf_now_ns() < deadline)
		sleep_ns(100000);
	atomic_store(&desk->stage, 2);
	sheaf_pool_destroy(pool);
	pool = NULL;
	/* Only now: the task that the first one waits for may run in the second one. */
	expect_end(0);
	atomic_store(&desk->open, 1);
	expect_end(1);
}

/* Whatever an attempt finds: the program must not be killed by it. */
static void try_again_and_again(void)
{
	uint64_t one = 1, two;

	for (unsigned times = 0; atomic_load(&desk->stage) < 2; times++) {
		sheaf_pool *mine;

		if (sheaf_pool_attach(&mine, desk->name, &joining) == 0) {
			(void)sheaf_apply(mine, add_one, &one, 8, &two, 8, NULL);
			sheaf_pool_destroy(mine);
		}
		if (times == 10)
			say();
	}
}

Test(attach, pools_are_destroyed_while_programs_join)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = FUNCTIONS};
	const sheaf_pool_options options = {.workers = 1, .heap_size = 16 << 20, .name = desk->name, .sharing = &sharing};

	snprintf(desk->name, sizeof(desk->name), "/test-attach-%ld", (long)getpid());
	program(0, try_again_and_again);
	program(1, try_again_and_again);
	atomic_store(&desk->stage, 1);
	await_said(2);
	for (unsigned i = 0; i < 50; i++) {
		start(&options);
		sleep_ns(i % 5 * MS / 2);
		sheaf_pool_destroy(pool);
		pool = NULL;
	}
	atomic_store(&desk->stage, 2);
	expect_end(0);
	expect_end(1);
}

/* The owner is a program, and is killed. */
static void own_and_wait(void)
{
	start_shared(1, 0);
	for (;;)
		pause();
}

Test(attach, the_owner_is_killed)
{
	program(0, wait_for_the_end);
	program(1, work_for_the_end);
	programs[2] = fork();
	if (!programs[2])
		own_and_wait();
	await_said(2);
	kill_program(2);
	/* Only now: the task that the first one waits for may run in the second one. */
	expect_end(0);
	atomic_store(&desk->open, 1);
	expect_end(1);
}

static void execute_another(void)
{
	sheaf_pool *mine = joined();
	sheaf_batch *batch;

	EXPECT(sheaf_batch_create(&batch, mine, &(sheaf_batch_options){.result_size = 100000}) == 0);
	EXPECT(sheaf_submit(batch, 0, tell_process, NULL, 0) == 0);
	say();
	execl("/bin/sleep", "sleep", "60", (char *)NULL);
}

Test(attach, a_program_that_executes_another_one_has_left)
{
	program(0, execute_another);
	start_shared(1, 1);
	await_said(1);
	await_empty_heap();
	kill_program(0);
}

/* Write the pid of a process that has not joined into a place. @start: when it is to have begun. */
static void name_a_stranger(uint64_t start)
{
	struct shared_seat *seat;
	sheaf_pool_info info;
	int status;

	start_shared(1, 1);
	seat = &pool->segment.seats[pool->segment.crew_count];
	programs[0] = fork();
	if (!programs[0])
		for (;;)
			pause();
	atomic_store(&seat->start, start);
	atomic_store(&seat->space, pool->segment.header->owner_space);
	atomic_fetch_add(&seat->generation, 1);
	atomic_store(&seat->pid, programs[0]);
	/* The supervisor looks at its seats at least once a second. */
	for (uint64_t deadline = hang_deadline(); atomic_load(&seat->pid) && sheaf_now_ns() < deadline;)
		sleep_ns(MS);
	cr_assert_eq(atomic_load(&seat->pid), 0);
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	cr_assert_eq(info.deaths, 1);
	cr_assert_eq(waitpid(programs[0], &status, WNOHANG), 0, "a process was killed that had not joined");
}

/* As if a program had died, and another process had its pid by now. */
Test(attach, a_pid_that_was_used_again_is_not_believed)
{
	name_a_stranger(1); /* long before */
}

Test(attach, a_pid_that_a_wild_task_has_written_is_not_believed)
{
	name_a_stranger(0);
}

/* ---- events, demand ---- */

Test(attach, a_result_of_a_program_makes_the_descriptor_readable)
{
	struct pollfd news = {.events = POLLIN};
	unsigned elsewhere = 0;
	sheaf_batch *batch, *found;
	sheaf_result result;

	program(0, work_to_the_end);
	start_shared(1, 0);
	await_said(1);
	news.fd = sheaf_pool_fd(pool);
	for (unsigned i = 0; i < 1000 && elsewhere < 20; i++) {
		cr_assert_eq(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = sizeof(int)}), 0);
		cr_assert_eq(sheaf_submit(batch, i, tell_process, NULL, 0), 0);
		cr_assert_eq(sheaf_batch_arm(batch), 0);
		do
			cr_assert_eq(poll(&news, 1, 60000), 1);
		while (!sheaf_pool_news(pool, &found));
		cr_assert_eq(found, batch);
		cr_assert_eq(sheaf_next(batch, &result, 0), 1);
		elsewhere += *(const int *)result.data == programs[0];
		sheaf_batch_retire(batch);
	}
	cr_assert_gt(elsewhere, 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	expect_end(0);
}

Test(attach, a_program_calls_workers_of_a_pool_on_demand)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = FUNCTIONS};
	const sheaf_worker_options on_demand = {.on_demand = true};
	sheaf_pool_info info;

	program(0, submit_all_kinds);
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20, .sharing = &sharing, .worker_options = &on_demand});
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	snprintf(desk->name, sizeof(desk->name), "%s", info.name);
	atomic_store(&desk->stage, 1);
	expect_end(0);
}

/* ---- what is refused ---- */

/* Try to join with one function. */
static int join_with(const char *name, sheaf_task_fn *task, sheaf_range_fn *range)
{
	const sheaf_function function = {.name = name, .task = task, .range = range};
	sheaf_pool *mine;

	return sheaf_pool_attach(&mine, desk->name, &(sheaf_attach_options){.functions = &function, .function_count = 1});
}

static void be_refused(void)
{
	const sheaf_function twice[] = {{.name = "add_one", .task = add_one}, {.name = "add_one", .task = leave}};
	sheaf_pool *mine;
	uint64_t one = 1, two;

	EXPECT(sheaf_pool_attach(NULL, desk->name, NULL) == -EINVAL);
	EXPECT(sheaf_pool_attach(&mine, NULL, NULL) == -EINVAL);
	EXPECT(sheaf_pool_attach(&mine, "no slash", NULL) == -EINVAL);
	EXPECT(sheaf_pool_attach(&mine, "/sheaf-no-such-pool", NULL) == -ENOENT);
	EXPECT(join_with("", add_one, NULL) == -EINVAL && strstr(sheaf_message(), "functions[0].name"));
	EXPECT(join_with(NULL, add_one, NULL) == -EINVAL);
	EXPECT(join_with("add_one", NULL, NULL) == -EINVAL && strstr(sheaf_message(), "has 0 pointers"));
	EXPECT(join_with("add_one", add_one, count_range) == -EINVAL && strstr(sheaf_message(), "has 2 pointers"));
	EXPECT(join_with("count", add_one, NULL) == -EINVAL && strstr(sheaf_message(), "it is a range"));
	EXPECT(join_with("unknown", add_one, NULL) == -ENOENT && strstr(sheaf_message(), "\"unknown\""));
	EXPECT(sheaf_pool_attach(&mine, desk->name, &(sheaf_attach_options){.functions = twice, .function_count = 2}) ==
		       -EEXIST &&
	       strstr(sheaf_message(), "functions[0] and to functions[1]"));
	EXPECT(sheaf_pool_attach(&mine, desk->name, &(sheaf_attach_options){.functions = twice, .function_count = 1}) == 0);
	EXPECT(sheaf_pool_work(mine, 0) == -ENOENT && strstr(sheaf_message(), "\"tell_process\""));
	EXPECT(sheaf_apply(mine, leave, NULL, 0, NULL, 0, NULL) == -ENOENT && strstr(sheaf_message(), "no name"));
	EXPECT(sheaf_apply(mine, add_one, &one, 8, &two, 8, NULL) == 0 && two == 2);
	EXPECT(sheaf_pool_close(mine) == -EPERM && strstr(sheaf_message(), "joined"));
	EXPECT(sheaf_pool_terminate(mine) == -EPERM);
	EXPECT(sheaf_pool_resize(mine, 2) == -EPERM);
	EXPECT(sheaf_pool_fd(mine) == -EPERM);
	sheaf_pool_destroy(mine);
	EXPECT(sheaf_pool_work(mine, 0) == -EINVAL);
}

Test(attach, what_a_program_may_not_do_is_refused_with_a_message)
{
	uint64_t one = 1, two;
	sheaf_pool *mine;

	program(0, be_refused);
	start_shared(1, 0);
	expect_end(0);
	cr_assert_eq(sheaf_apply(pool, nameless, &one, 8, &two, 8, NULL), -ENOENT);
	cr_assert(strstr(sheaf_message(), "no name"), "%s", sheaf_message());
	cr_assert_eq(sheaf_for(pool, (sheaf_range_fn *)(void (*)(void))nameless, NULL, 1, NULL), -ENOENT);
	cr_assert_eq(sheaf_pool_attach(&mine, desk->name, &joining), -EINVAL);
	cr_assert(strstr(sheaf_message(), "belongs to this process"), "%s", sheaf_message());
	cr_assert_eq(sheaf_pool_work(pool, 0), -EPERM);
	cr_assert_eq(sheaf_apply(pool, add_one, &one, 8, &two, 8, NULL), 0, "%s", sheaf_message());
}

/* The code that sheaf_pool_attach() must return next, and a word of its message. */
static int wanted;
static const char *word;

static void expect_refusal(void)
{
	sheaf_pool *mine;

	await_stage(2);
	EXPECT(sheaf_pool_attach(&mine, desk->name, &joining) == wanted);
	EXPECT(strstr(sheaf_message(), word));
}

static void wants(int code, const char *text)
{
	wanted = code;
	word = text;
	program(0, expect_refusal);
}

Test(attach, a_pool_that_lets_nobody_in)
{
	sheaf_pool_info info;

	wants(-EPERM, "options.sharing");
	start_workers(1);
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	snprintf(desk->name, sizeof(desk->name), "%s", info.name);
	atomic_store(&desk->stage, 2);
	expect_end(0);
}

Test(attach, a_closed_pool)
{
	sheaf_batch *batch;

	wants(-EPIPE, "closed");
	start_shared(1, 0);
	cr_assert_eq(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = sizeof(int)}), 0);
	cr_assert_eq(sheaf_submit(batch, 0, wait_at_desk, NULL, 0), 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	atomic_store(&desk->stage, 2);
	expect_end(0);
	atomic_store(&desk->open, 1);
}

Test(attach, a_pool_that_is_gone)
{
	wants(-ENOENT, "cannot open");
	start_shared(1, 0);
	cr_assert_eq(sheaf_pool_terminate(pool), 0);
	atomic_store(&desk->stage, 2);
	expect_end(0);
}

/* Change a byte of the header, as another version of the library has it. */
static void change_header(size_t at)
{
	char path[100];
	unsigned char byte;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm%s", desk->name);
	fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x55;
	cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

Test(attach, a_pool_of_another_version)
{
	wants(-EPROTO, "version");
	start_shared(1, 0);
	change_header(8);
	atomic_store(&desk->stage, 2);
	expect_end(0);
	change_header(8);
}

static void join_as_another_user(void)
{
	sheaf_pool *mine;

	await_stage(2);
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT(sheaf_pool_attach(&mine, desk->name, &joining) == -EACCES);
	EXPECT(strstr(sheaf_message(), "user"));
}

Test(attach, a_pool_of_another_user)
{
	if (geteuid())
		cr_skip_test("only root becomes another user");
	program(0, join_as_another_user);
	start_shared(1, 0);
	atomic_store(&desk->stage, 2);
	expect_end(0);
}

static void map_something_there(void)
{
	sheaf_pool *mine;
	void *taken;

	await_stage(2);
	taken = mmap(desk->memory, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	EXPECT(taken == desk->memory);
	EXPECT(sheaf_pool_attach(&mine, desk->name, &joining) == -EADDRINUSE);
	EXPECT(strstr(sheaf_message(), "something else"));
	EXPECT(munmap(taken, 4096) == 0);
	EXPECT(sheaf_pool_attach(&mine, desk->name, &joining) == 0);
	sheaf_pool_destroy(mine);
}

Test(attach, an_address_range_that_is_taken)
{
	program(0, map_something_there);
	start_shared(1, 0);
	cr_assert_eq(sheaf_alloc(pool, 100, &desk->memory), 0);
	atomic_store(&desk->stage, 2);
	expect_end(0);
	cr_assert_eq(sheaf_free(pool, desk->memory), 0);
}

static void expect_option(int code, const sheaf_pool_options *options, const char *text)
{
	cr_assert_eq(sheaf_pool_create(&pool, options), code, "%s", sheaf_message());
	cr_assert(strstr(sheaf_message(), text), "%s", sheaf_message());
}

Test(attach, options_of_the_owner_that_are_refused)
{
	const sheaf_function twice[] = {{.name = "add_one", .task = add_one}, {.name = "add_one", .task = leave}};
	sheaf_sharing sharing = {.functions = functions, .function_count = FUNCTIONS};

	expect_option(-EINVAL, &(sheaf_pool_options){.sharing = &(sheaf_sharing){0}}, "function_count is 0");
	expect_option(-EINVAL, &(sheaf_pool_options){.sharing = &(sheaf_sharing){.function_count = 1}}, "functions is NULL");
	expect_option(-EEXIST, &(sheaf_pool_options){.sharing = &(sheaf_sharing){.functions = twice, .function_count = 2}},
		      "add_one");
	expect_option(-EINVAL, &(sheaf_pool_options){.sharing = &sharing, .flags = SHEAF_ANONYMOUS}, "SHEAF_ANONYMOUS");
	expect_option(-ENOTSUP, &(sheaf_pool_options){.sharing = &sharing, .backend = SHEAF_THREADS}, "SHEAF_PROCESSES");
	sharing.places = SHEAF_MAX_PLACES + 1;
	expect_option(-EINVAL, &(sheaf_pool_options){.sharing = &sharing}, "places is 65");
	pool = NULL;
}

/* ---- files ---- */

/* Work as soon as the only worker waits. */
static void work_beside_it(void)
{
	await_stage(2);
	work_to_the_end();
}

/* The only worker waits, so the program runs these tasks. Each file takes the place of another. */
Test(attach, a_program_has_the_files_that_the_owner_maps)
{
	const sheaf_layout layout = {.type = SHEAF_U64, .dimensions = 1, .shape = {1}};
	uint64_t found[2];
	sheaf_batch *waiting;
	sheaf_array array;
	char path[64];
	FILE *file;

	program(0, work_beside_it);
	start_shared(1, 1);
	cr_assert_eq(sheaf_batch_create(&waiting, pool, &(sheaf_batch_options){.result_size = sizeof(int)}), 0);
	cr_assert_eq(sheaf_submit(waiting, 0, wait_at_desk, NULL, 0), 0);
	while (!atomic_load(&desk->running))
		sleep_ns(100000);
	atomic_store(&desk->stage, 2);
	snprintf(path, sizeof(path), "/tmp/sheaf-attach-%ld", (long)getpid());
	await_said(1);
	for (uint64_t i = 0; i < 20; i++) {
		cr_assert_not_null(file = fopen(path, "wb"));
		cr_assert_eq(fwrite(&i, sizeof(i), 1, file), 1);
		fclose(file);
		cr_assert_eq(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.layout = &layout}), 0, "%s",
			     sheaf_message());
		unlink(path);
		cr_assert_eq(sheaf_apply(pool, read_mapped, &array.data, sizeof(array.data), found, sizeof(found), NULL), 0,
			     "%s", sheaf_message());
		cr_assert(found[0] == (uint64_t)programs[0] && found[1] == i, "process %lu, number %lu", found[0], found[1]);
		cr_assert_eq(sheaf_array_free(&array, pool), 0);
	}
	atomic_store(&desk->open, 1);
	sheaf_batch_retire(waiting);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	cr_assert_eq(sheaf_pool_join(pool, hang_deadline()), 0);
	expect_end(0);
}
