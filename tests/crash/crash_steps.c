/*
 * crash_steps.c - a process of the pool is single-stepped, and killed or disturbed between two instructions.
 *
 * Usage: crash_steps [SEED [POINTS]]. First each path is counted from its wake-up to its next sleep; then it is run again and again,
 * with a kill after every k-th instruction, k such that there are about POINTS kills per path; 0: after every one. After each, the
 * batch must end with the right values, and leave no word of the ring, no unit of the heap behind. The last path is one without a
 * death: while a worker falls asleep, it gets another task between any two instructions.
 *
 * A kill is no power failure: what other processes see of the dead one is what it did up to some instruction. So these are all the
 * states that a death can leave, for one process and one order of events.
 */
#define _DEFAULT_SOURCE /* ptrace() */
#include "sheaf.h"
#include "pool/pool.h"
#include "segment/heap.h"
#include "support/children.h"
#include "support/load.h"
#include "support/proc.h"
#include "support/session.h"
#include "support/trial.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 30
#define ITEMS 5
#define MOST_STEPS 1000000

/* ---- what is killed ---- */

struct scene {
	sheaf_pool *pool;
	sheaf_batch *batch;
	uint64_t *out; /* ITEMS values */
	struct signs *signs;
	uint64_t salt;
};

/* In shared memory. */
struct signs {
	_Atomic unsigned runs;    /* of submitted tasks */
	_Atomic bool waits;       /* a task waits to be killed */
	_Atomic bool let_it_pass; /* it need not wait any more */
};

struct arg {
	struct signs *signs;
	uint64_t salt;
};

static int call(sheaf_task *task, const void *arg, void *result)
{
	struct arg copy;
	uint64_t *words;
	void *memory;
	int r = sheaf_task_result(task, WORDS * sizeof(*words), &memory);

	(void)result;
	if (r)
		return r;
	memcpy(&copy, arg, sizeof(copy));
	atomic_fetch_add(&copy.signs->runs, 1);
	words = memory;
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = trial_value(copy.salt + i);
	return 0;
}

static int item(sheaf_task *task, const void *in, void *out)
{
	uint64_t value = trial_value(sheaf_task_position(task));

	(void)in;
	memcpy(out, &value, sizeof(value));
	return 0;
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		out[i] = trial_value(i);
	return 0;
}

static int report(sheaf_task *task, const void *in, void *out)
{
	(void)in;
	(void)out;
	return sheaf_task_fail(task, -EDOM, "position %llu", (unsigned long long)sheaf_task_position(task));
}

/* Until it is killed, or may pass. */
static int wait_for_death(sheaf_task *task, const void *arg, void *result)
{
	struct arg copy;

	(void)task;
	(void)result;
	memcpy(&copy, arg, sizeof(copy));
	atomic_store(&copy.signs->waits, true);
	while (!atomic_load(&copy.signs->let_it_pass))
		trial_nap(1000000);
	return 0;
}

static void submit_call(struct scene *scene, uint64_t position)
{
	struct arg arg = {.signs = scene->signs, .salt = scene->salt};
	int r = sheaf_submit(scene->batch, position, call, &arg, sizeof(arg));

	CHECK(r == 0, "sheaf_submit: %d", r);
}

static void start_call(struct scene *scene)
{
	submit_call(scene, 0);
}

static void start_map(struct scene *scene)
{
	sheaf_map_options options = {.grain = 3};
	int r = sheaf_submit_map(scene->batch, item, NULL, 0, scene->out, sizeof(uint64_t), ITEMS, &options);

	CHECK(r == 0, "sheaf_submit_map: %d", r);
}

static void start_for(struct scene *scene)
{
	sheaf_map_options options = {.grain = 3};
	int r = sheaf_submit_for(scene->batch, range, scene->out, ITEMS, &options);

	CHECK(r == 0, "sheaf_submit_for: %d", r);
}

static void start_failing(struct scene *scene)
{
	sheaf_map_options options = {.grain = 2};
	int r = sheaf_submit_map(scene->batch, report, NULL, 0, NULL, 0, ITEMS, &options);

	CHECK(r == 0, "sheaf_submit_map: %d", r);
}

static void start_waiting(struct scene *scene)
{
	struct arg arg = {.signs = scene->signs};
	int r = sheaf_submit(scene->batch, 0, wait_for_death, &arg, sizeof(arg));

	CHECK(r == 0, "sheaf_submit: %d", r);
}

static void check_calls(struct scene *scene, const sheaf_result *results, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t *words = results[i].data;

		CHECK(results[i].position == i && results[i].status == 0, "position %zu: status %d", i, results[i].status);
		CHECK(results[i].attempts <= 2 && results[i].size == WORDS * sizeof(*words), "attempts %u",
		      results[i].attempts);
		for (unsigned w = 0; w < WORDS; w++)
			CHECK(words[w] == trial_value(scene->salt + w), "position %zu: word %u", i, w);
	}
}

static void check_items(struct scene *scene, const sheaf_result *results, size_t n)
{
	CHECK(n == ITEMS, "%zu results", n);
	for (size_t i = 0; i < n; i++)
		CHECK(results[i].position == i && results[i].status == 0 && scene->out[i] == trial_value(i),
		      "position %zu: status %d", i, results[i].status);
}

static void check_failing(struct scene *scene, const sheaf_result *results, size_t n)
{
	(void)scene;
	CHECK(n == ITEMS, "%zu results", n);
	for (size_t i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "position %zu", i);
		CHECK(results[i].status == -EDOM && !strcmp(results[i].message, text), "position %zu: status %d, \"%s\"", i,
		      results[i].status, results[i].message);
	}
}

static void check_waiting(struct scene *scene, const sheaf_result *results, size_t n)
{
	(void)scene;
	CHECK(n == 1 && results[0].status == 0, "status %d, attempts %u", results[0].status, results[0].attempts);
}

/* What is done to a process in the middle of its path. */
enum deed {
	KILL_WORKER,     /* worker 0, while it runs the batch */
	KILL_SUPERVISOR, /* while it buries a worker and replaces it */
	SUBMIT,          /* no death: worker 0 gets another task just then, and must not sleep through it */
};

/* The code that a process runs for one batch. */
static const struct path {
	const char *name;
	enum deed deed;
	unsigned workers;
	void (*start)(struct scene *);
	void (*check)(struct scene *, const sheaf_result *, size_t);
	int failed;
} paths[] = {
	{"submitted task", KILL_WORKER, 2, start_call, check_calls, 0},
	{"map", KILL_WORKER, 1, start_map, check_items, 0},
	{"loop", KILL_WORKER, 1, start_for, check_items, 0},
	{"failing map", KILL_WORKER, 1, start_failing, check_failing, ITEMS},
	{"supervisor", KILL_SUPERVISOR, 1, start_waiting, check_waiting, 0},
	{"falling asleep", SUBMIT, 1, start_call, check_calls, 0},
};

/* ---- stepping ---- */

enum outcome { STEPPED, BLOCKED };

/* Has the traced process stopped? */
static bool stopped(pid_t pid)
{
	int status;
	pid_t found = waitpid(pid, &status, WNOHANG | __WALL);

	CHECK(found >= 0, "waitpid: errno %d", errno);
	CHECK(found == 0 || WIFSTOPPED(status), "process %ld ended: status %#x", (long)pid, (unsigned)status);
	return found > 0;
}

static bool sleeps(pid_t pid)
{
	struct proc proc;

	return proc_read(pid, &proc) && proc.state == 'S';
}

/* Waits until the traced process stops, or sleeps in a system call. */
static enum outcome wait_for_stop(pid_t pid)
{
	uint64_t deadline = patience();

	for (unsigned look = 1; !stopped(pid); look++) {
		if (look % 64 == 0)
			sched_yield();
		if (look % 1024)
			continue;
		/* Twice, as a lock of the kernel may have it sleep for a moment. */
		if (sleeps(pid)) {
			trial_nap(2000000);
			if (stopped(pid))
				return STEPPED;
			if (sleeps(pid))
				return BLOCKED;
		}
		CHECK(sheaf_now_ns() < deadline, "process %ld neither stops nor sleeps", (long)pid);
	}
	return STEPPED;
}

/* False if tracing is not allowed here. */
static bool seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL)) {
		CHECK(errno == EPERM || errno == ENOSYS, "PTRACE_SEIZE: errno %d", errno);
		return false;
	}
	CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0, "PTRACE_INTERRUPT: errno %d", errno);
	CHECK(wait_for_stop(pid) == STEPPED, "process %ld does not stop", (long)pid);
	return true;
}

/* Steps over at most @most instructions; fewer if the process goes to sleep. */
static uint64_t step(pid_t pid, uint64_t most, enum outcome *outcome)
{
	uint64_t steps = 0;

	*outcome = STEPPED;
	while (steps < most && *outcome == STEPPED) {
		CHECK(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0, "PTRACE_SINGLESTEP: errno %d", errno);
		*outcome = wait_for_stop(pid);
		steps++;
	}
	return steps;
}

/* Kills the traced process, and leaves its body to its parent. */
static void kill_traced(pid_t pid, bool ours)
{
	siginfo_t info;

	CHECK(kill(pid, SIGKILL) == 0, "kill: errno %d", errno);
	/* Another's child goes to its parent when its tracer has seen the end. */
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL | (ours ? WNOWAIT : 0)) == 0, "waitid: errno %d", errno);
}

/* Lets it go from where it stands. */
static void let_go(pid_t pid, enum outcome outcome)
{
	/* It may be awake again: it stops then all the same. */
	if (outcome == BLOCKED) {
		CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0, "PTRACE_INTERRUPT: errno %d", errno);
		CHECK(wait_for_stop(pid) == STEPPED, "process %ld does not stop", (long)pid);
	}
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0, "PTRACE_DETACH: errno %d", errno);
}

/* ---- scenes ---- */

static pid_t wait_for_sleeper(sheaf_pool *pool)
{
	uint64_t deadline = patience();

	for (;;) {
		pid_t pid = sheaf_pool_worker_pid(pool, 0);
		struct proc proc;

		if (pid > 0 && atomic_load(&pool->keeper.segment.control->sleepers[0]) & 1 && proc_read(pid, &proc) &&
		    proc.state == 'S')
			return pid;
		CHECK(sheaf_now_ns() < deadline, "worker 0 does not go to sleep");
		trial_nap(100000);
	}
}

/* The supervisor, asleep, with a worker that waits for its death. */
static pid_t wait_for_supervisor(struct scene *scene)
{
	uint64_t deadline = patience();
	sheaf_pool_info info;
	sheaf_result result;
	struct proc proc;
	int r;

	for (;;) {
		/* A call that looks who lives: the last supervisor may have been killed after all was done. */
		CHECK((r = sheaf_next(scene->batch, &result, 0)) == -EAGAIN, "sheaf_next: %d", r);
		CHECK(sheaf_pool_get_info(scene->pool, &info) == 0, "info");
		if (info.supervisor && atomic_load(&scene->signs->waits) && proc_read(info.supervisor, &proc) &&
		    proc.state == 'S')
			return info.supervisor;
		CHECK(sheaf_now_ns() < deadline, "the task does not run");
		trial_nap(100000);
	}
}

/* Plays the path up to its @most-th instruction, and on. @act: what happens there. The instructions; 0: no tracing here. */
static uint64_t play(struct scene *scene, const struct path *path, uint64_t most, bool act)
{
	const sheaf_result *results;
	enum outcome outcome;
	unsigned attempts = 0;
	uint64_t steps;
	pid_t victim, worker;
	size_t n;
	int r;

	CHECK((r = sheaf_batch_create(&scene->batch, scene->pool, NULL)) == 0, "sheaf_batch_create: %d", r);
	scene->salt++;
	memset(scene->out, 0, ITEMS * sizeof(*scene->out));
	atomic_store(&scene->signs->runs, 0);
	atomic_store(&scene->signs->waits, false);
	atomic_store(&scene->signs->let_it_pass, false);
	if (path->deed == KILL_SUPERVISOR) {
		path->start(scene);
		victim = wait_for_supervisor(scene);
		if (!seize(victim))
			return 0;
		CHECK(living_children(victim, &worker, 1) == 1 && kill(worker, SIGKILL) == 0, "supervisor %ld has no worker",
		      (long)victim);
	} else {
		victim = wait_for_sleeper(scene->pool);
		if (!seize(victim))
			return 0;
		path->start(scene);
	}
	steps = step(victim, most, &outcome);
	if (act && path->deed == SUBMIT)
		submit_call(scene, 1);
	if (act && path->deed != SUBMIT)
		kill_traced(victim, path->deed == KILL_SUPERVISOR);
	else
		let_go(victim, outcome);
	atomic_store(&scene->signs->let_it_pass, true);
	r = sheaf_gather(scene->batch, &results, &n, patience());
	CHECK(r == path->failed, "%s, disturbed after instruction %llu: sheaf_gather: %d", path->name,
	      (unsigned long long)steps, r);
	path->check(scene, results, n);
	for (size_t i = 0; i < n; i++)
		attempts += results[i].attempts;
	/* Waits until the last slot is free: by then, a task that runs again though it was published has done so. */
	sheaf_batch_retire(scene->batch);
	CHECK(path->start != start_call || atomic_load(&scene->signs->runs) <= attempts, "%s: %u runs in %u attempts",
	      path->name, atomic_load(&scene->signs->runs), attempts);
	return steps;
}

/* What must be as before when a batch is retired: the heap; and the ring is empty. */
static uint64_t heap_used_by(sheaf_pool *pool)
{
	const struct segment *segment = &pool->keeper.segment;

	for (uint32_t i = 0; i < segment->ring_size; i++)
		CHECK(word_state(atomic_load(&segment->ring[i].word)) == WORD_FREE, "slot %u is not free", i);
	return heap_used(segment);
}

static bool run(const struct path *path, struct chance *chance, uint64_t points)
{
	sheaf_pool_options options = {
		.workers = path->workers, .ring_size = 2, .max_batches = 1, .heap_size = 4 << 20, .max_attempts = 10};
	uint64_t length, stride, count = 0, used;
	struct scene scene = {.salt = chance_next(chance)};
	void *memory;

	CHECK(sheaf_pool_create(&scene.pool, &options) == 0, "pool");
	CHECK(sheaf_alloc(scene.pool, UNIT, &memory) == 0, "memory");
	scene.out = memory;
	scene.signs = (struct signs *)(void *)(scene.out + ITEMS);
	used = heap_used_by(scene.pool);
	length = play(&scene, path, MOST_STEPS, false);
	if (!length) {
		sheaf_pool_destroy(scene.pool);
		return false;
	}
	CHECK(length < MOST_STEPS, "%s does not end", path->name);
	stride = points && length > points ? length / points : 1;
	for (uint64_t n = points ? chance_below(chance, stride) : 0; n <= length; n += stride, count++) {
		play(&scene, path, n, true);
		CHECK(heap_used_by(scene.pool) == used, "%s, disturbed after instruction %llu: heap", path->name,
		      (unsigned long long)n);
	}
	sheaf_pool_destroy(scene.pool);
	printf("%s: %llu instructions, %llu %s, lost=0\n", path->name, (unsigned long long)length, (unsigned long long)count,
	       path->deed == SUBMIT ? "submits" : "kills");
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	struct chance chance = {trial_seed(argc, argv)};
	uint64_t points = trial_amount(argc, argv, 2, 16);

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!session_visible() || !run(&paths[i], &chance, points)) {
			puts("skipped: no /proc, or processes may not be traced here");
			return 77;
		}
	}
	return 0;
}
