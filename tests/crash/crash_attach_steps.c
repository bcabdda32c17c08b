/*
 * crash_attach_steps.c - single-steps a program that joins a pool through one call of the API, and
 * kills it between two instructions.
 *
 * Usage: crash_attach_steps [SEED [POINTS [PATH]]]. Each path is played once to its end and
 * recorded. Then it is played again and again, with a kill after every k-th instruction. There are
 * about POINTS kills on each path; 0: one after every instruction. PATH: the number of the only
 * path to play.
 *
 * On the last path a program is killed while it has a batch of its own and runs a task of the
 * owner's, and it is the supervisor that is stepped, while it repairs what the program has left.
 *
 * The pool's owner is another process, which was forked before and lives on. After each kill it
 * checks that the tasks that were in the pool are all done, that nothing of the heap is used, that
 * all places are free again, and that the pool works.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "pool/pool.h"
#include "sheaf_attach.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"
#include "support/step.h"
#include "support/stepped_call.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDE 4096 /* more than a slot of the ring, or of the batch's own table, holds */
#define TASKS 4
#define ITEMS 8

/* What the owner is asked to do. */
enum { NOTHING, BEGIN, HOLD, HOLD_NESTED, HOLD_BOTH, CHECK_ALL };

/* Between the test, the owner, the program and the workers. */
static struct shared_page {
	char name[64];
	_Atomic int order; /* back to NOTHING when it is done */
	_Atomic bool go;   /* those that are held may go on */
	_Atomic int held;  /* so many are */
	_Atomic pid_t supervisor;
} * page;

/* ---- tasks ---- */

static int answer(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value = distinct_value(sheaf_task_position(task));

	(void)arg;
	memcpy(result, &value, sizeof(value));
	return 0;
}

static int answer_item(sheaf_task *task, const void *in, void *out)
{
	(void)in;
	(void)out;
	return sheaf_task_position(task) < ITEMS ? 0 : -EINVAL;
}

/* Run a map inside of the task. */
static int answer_nested(sheaf_task *task, const void *arg, void *result)
{
	int r = sheaf_map(sheaf_task_pool(task), answer_item, NULL, 0, NULL, 0, ITEMS, NULL);

	return r ? r : answer(task, arg, result);
}

static int hold(sheaf_task *task, const void *arg, void *result)
{
	atomic_fetch_add(&page->held, 1);
	while (!atomic_load(&page->go))
		sleep_ns(50000);
	return answer(task, arg, result);
}

static const sheaf_function functions[] = {{.name = "answer", .task = answer},
					   {.name = "item", .task = answer_item},
					   {.name = "nested", .task = answer_nested},
					   {.name = "hold", .task = hold}};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static const sheaf_attach_options joining = {.functions = functions, .function_count = FUNCTIONS};

/* ---- the owner ---- */

static struct {
	sheaf_pool *pool;
	sheaf_batch *batch; /* of tasks for the program, behind one that holds the worker */
} owner;

/* The first task holds the worker. @first: what the next one does. */
static void hold_worker(sheaf_task_fn *first)
{
	const sheaf_batch_options options = {.result_size = 8, .max_attempts = first == hold ? SHEAF_MAX_ATTEMPTS : 2};
	int r;

	CHECK((r = sheaf_batch_create(&owner.batch, owner.pool, &options)) == 0, "sheaf_batch_create: %d", r);
	CHECK((r = sheaf_submit(owner.batch, 0, hold, NULL, 0)) == 0, "sheaf_submit: %d", r);
	while (!atomic_load(&page->held))
		sleep_ns(50000);
	for (uint64_t i = 1; i <= TASKS; i++)
		CHECK((r = sheaf_submit(owner.batch, i, i == 1 ? first : answer, NULL, 0)) == 0, "sheaf_submit: %d", r);
}

static void gather_held(void)
{
	const sheaf_result *results;
	size_t n;
	int r;

	if (!owner.batch)
		return;
	atomic_store(&page->go, true);
	r = sheaf_gather(owner.batch, &results, &n, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 0 && n == TASKS + 1, "sheaf_gather: %d", r);
	for (size_t i = 0; i < n; i++) {
		uint64_t value = distinct_value(i);

		CHECK_AS(HARM_LOST, !results[i].status && !memcmp(results[i].data, &value, sizeof(value)), "position %zu: %s",
			 i, results[i].message);
	}
	sheaf_batch_retire(owner.batch);
	owner.batch = NULL;
}

static bool is_clean(void)
{
	const struct segment *segment = &owner.pool->segment;
	sheaf_pool_info info;

	for (unsigned seat = segment->crew_count; seat < segment->worker_count; seat++)
		if (atomic_load(&segment->seats[seat].pid))
			return false;
	return sheaf_pool_get_info(owner.pool, &info) == 0 && info.heap_used == 0;
}

static void check_all(void)
{
	uint64_t deadline = hang_deadline(), value = 0;
	int r;

	gather_held();
	while (!is_clean()) {
		CHECK_AS(HARM_LEAKED, sheaf_now_ns() < deadline, "a place or memory of the heap is not free");
		sleep_ns(50000);
	}
	CHECK((r = sheaf_apply(owner.pool, answer, NULL, 0, &value, 8, NULL)) == 0 && value == distinct_value(0),
	      "sheaf_apply: %d", r);
}

static void obey(int what)
{
	sheaf_pool_info info;

	if (what == CHECK_ALL)
		check_all();
	else
		hold_worker(what == HOLD_NESTED ? answer_nested : what == HOLD_BOTH ? hold : answer);
	CHECK(sheaf_pool_get_info(owner.pool, &info) == 0, "sheaf_pool_get_info");
	atomic_store(&page->supervisor, info.supervisor);
	atomic_store(&page->order, NOTHING);
}

/* The process that owns the pool, and does as it is told. */
static int own(void *unused)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = FUNCTIONS, .places = 2};
	const sheaf_pool_options options = {
		.workers = 1, .ring_size = 16, .max_batches = 8, .heap_size = 8 << 20, .sharing = &sharing};
	sheaf_pool_info info;

	(void)unused;
	CHECK(sheaf_pool_create(&owner.pool, &options) == 0, "sheaf_pool_create");
	CHECK(sheaf_pool_get_info(owner.pool, &info) == 0, "sheaf_pool_get_info");
	snprintf(page->name, sizeof(page->name), "%s", info.name);
	atomic_store(&page->order, NOTHING);
	for (;;) {
		int what = atomic_load(&page->order);

		if (what)
			obey(what);
		sleep_ns(50000);
	}
}

static pid_t owner_pid;

static void order(int what)
{
	uint64_t deadline = hang_deadline();
	int status;

	atomic_store(&page->order, what);
	while (atomic_load(&page->order)) {
		CHECK(child_wait(owner_pid, &status, 0) == -ETIMEDOUT, "the owner has ended: see above");
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the owner does not do its order");
		sleep_ns(50000);
	}
}

/* ---- the program ---- */

static struct {
	sheaf_pool *pool;
	sheaf_batch *batch;
} program;

static void done(int r, const char *call)
{
	CHECK(r >= 0, "%s: %d", call, r);
}

static void nothing(void)
{
}

static void join(void)
{
	done(sheaf_pool_attach(&program.pool, page->name, &joining), "sheaf_pool_attach");
}

static void join_and_open(void)
{
	join();
	done(sheaf_batch_create(&program.batch, program.pool, &(sheaf_batch_options){.result_size = 8}), "sheaf_batch_create");
}

static void join_and_submit(void)
{
	static const unsigned char bytes[WIDE];

	join_and_open();
	for (uint64_t i = 0; i < TASKS; i++)
		done(sheaf_submit(program.batch, i, answer, bytes, sizeof(bytes)), "sheaf_submit");
}

static void leave(void)
{
	sheaf_pool_destroy(program.pool);
}

static void open_batch(void)
{
	done(sheaf_batch_create(&program.batch, program.pool, &(sheaf_batch_options){.result_size = WIDE}),
	     "sheaf_batch_create");
}

static void submit(void)
{
	static const unsigned char bytes[WIDE];

	done(sheaf_submit(program.batch, 0, answer, bytes, sizeof(bytes)), "sheaf_submit");
}

static void gather(void)
{
	const sheaf_result *results;
	size_t n;

	done(sheaf_gather(program.batch, &results, &n, hang_deadline()), "sheaf_gather");
}

static void retire(void)
{
	sheaf_batch_retire(program.batch);
}

static void apply(void)
{
	uint64_t value;

	done(sheaf_apply(program.pool, answer, NULL, 0, &value, 8, NULL), "sheaf_apply");
}

static void map(void)
{
	done(sheaf_map(program.pool, answer_item, NULL, 0, NULL, 0, ITEMS, NULL), "sheaf_map");
}

static void work(void)
{
	int r = sheaf_pool_work(program.pool, 0);

	CHECK(r == -EAGAIN, "sheaf_pool_work: %d", r);
}

static const struct path {
	const char *name;
	void (*prepare)(void);
	void (*call)(void);
	int order; /* for the owner before the program begins */
} paths[] = {
	{"a program joins", nothing, join, NOTHING},
	{"a program opens a batch", join, open_batch, NOTHING},
	{"a program submits", join_and_open, submit, NOTHING},
	{"a program gathers", join_and_submit, gather, NOTHING},
	{"a program retires a batch", join_and_submit, retire, NOTHING},
	{"a program applies", join, apply, NOTHING},
	{"a program maps", join, map, NOTHING},
	{"a program works", join, work, HOLD},
	{"a program works on a task that makes tasks", join, work, HOLD_NESTED},
	{"a program leaves", join_and_submit, leave, NOTHING},
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* ---- one life ---- */

static void prepare_child(void *context)
{
	const struct path *path = context;

	atomic_store(&page->go, false);
	atomic_store(&page->held, 0);
	if (path->order)
		order(path->order);
}

static int child_main(void *context)
{
	const struct path *path = context;

	path->prepare();
	if (!stepped_call_begin())
		return 1;
	path->call();
	stepped_call_end();
}

static void wake(void *context)
{
	(void)context;
}

static void check_left(void *context, pid_t pid, uint64_t point)
{
	(void)context;
	(void)pid;
	(void)point;
	order(CHECK_ALL);
}

static void run(const struct path *path, struct rng *rng, uint64_t wanted)
{
	struct stepped_call call = {
		.name = path->name,
		.context = (void *)(uintptr_t)path,
		.prepare = prepare_child,
		.child = child_main,
		.wake = wake,
		.check = check_left,
	};

	stepped_call_kill(&call, rng, wanted);
}

/* ---- the supervisor ---- */

static const struct path work_for_ever = {"the supervisor repairs a program", join_and_submit, NULL, HOLD_BOTH};

static int run_program(void *context)
{
	(void)context;
	work_for_ever.prepare();
	return sheaf_pool_work(program.pool, SHEAF_FOREVER) < 0;
}

/* Have a program die with a batch of its own and a task in hand. Return the supervisor, traced. */
static pid_t lose_program(void)
{
	uint64_t deadline = hang_deadline();
	pid_t pid, supervisor;
	int status;

	prepare_child((void *)(uintptr_t)&work_for_ever);
	pid = child_start(run_program, NULL);
	CHECK(pid > 0, "child_start: %d", (int)pid);
	while (atomic_load(&page->held) < 2) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the program does not begin the task");
		sleep_ns(50000);
	}
	supervisor = atomic_load(&page->supervisor);
	CHECK(seize(supervisor), "the supervisor cannot be traced");
	child_signal(pid, SIGKILL);
	CHECK(child_wait(pid, &status, hang_deadline()) == 0, "the program does not die");
	return supervisor;
}

/* Lose a program, and kill the supervisor at the point. False: it went another way, and lives. */
static bool kill_supervisor_at(const struct trace *trace, uint64_t point)
{
	pid_t supervisor = lose_program();
	enum outcome outcome;
	bool reached = step_to(supervisor, trace, point, &outcome);

	CHECK(outcome != ENDED, "the supervisor has ended");
	if (reached)
		kill_traced(supervisor, false);
	else
		detach(supervisor, outcome);
	order(CHECK_ALL);
	return reached;
}

static void run_supervisor(struct rng *rng, uint64_t wanted)
{
	struct trace trace = {0};
	pid_t supervisor = lose_program();
	uint64_t stride, count = 0, missed = 0;
	enum outcome outcome = step_and_record(supervisor, &trace, NULL, NULL);

	CHECK(outcome == BLOCKED, "the supervisor does not sleep again");
	detach(supervisor, outcome);
	order(CHECK_ALL);
	stride = wanted && trace.length > wanted ? trace.length / wanted : 1;
	for (uint64_t n = wanted ? rng_below(rng, stride) : 0; n < trace.length; n += stride) {
		/* A process that was held up may go another way. */
		if (kill_supervisor_at(&trace, n) || kill_supervisor_at(&trace, n))
			count++;
		else
			missed++;
	}
	printf("%s: %llu points, %llu kills, %llu missed\n", work_for_ever.name, (unsigned long long)trace.length,
	       (unsigned long long)count, (unsigned long long)missed);
	report_add(count);
	trace_free(&trace);
}

/* In a child, because this process must never join: the first call finds nothing that is new. */
static int warm_up(void *context)
{
	const struct path *path = context;

	path->prepare();
	path->call();
	if (path->call != leave)
		leave();
	return 0;
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t points = amount_argument(argc, argv, 2, 3), only = amount_argument(argc, argv, 3, PATHS + 1);
	int status;

	if (!session_visible() || !stepped_call_possible()) {
		puts("skipped: no /proc, or processes may not be traced here");
		return 77;
	}
	report_begin("steps", "points", rng.state);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED, "mmap: errno %d", errno);
	atomic_store(&page->order, BEGIN);
	owner_pid = child_start(own, NULL);
	CHECK(owner_pid > 0, "child_start: %d", (int)owner_pid);
	while (atomic_load(&page->order))
		sleep_ns(50000);
	for (unsigned i = 0; i < PATHS; i++) {
		pid_t pid;

		if (only <= PATHS && i != only)
			continue;
		prepare_child((void *)(uintptr_t)&paths[i]);
		pid = child_start(warm_up, (void *)(uintptr_t)&paths[i]);
		CHECK(child_wait(pid, &status, hang_deadline()) == 0 && status == 0, "%s: status %#x", paths[i].name,
		      (unsigned)status);
		order(CHECK_ALL);
		run(&paths[i], &rng, points);
	}
	if (only >= PATHS)
		run_supervisor(&rng, points);
	report_end();
	child_end_all();
	return 0;
}
