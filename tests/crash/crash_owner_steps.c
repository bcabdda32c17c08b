/*
 * crash_owner_steps.c - single-steps the owner of a pool through one call of the API, and kills it
 * between two instructions.
 *
 * Usage: crash_owner_steps [SEED [POINTS [PATH]]]. Each path is played once to its end and
 * recorded. Then it is played again and again, with a kill after every k-th instruction. There are
 * about POINTS kills on each path; 0: one after every instruction. PATH: the number of the only
 * path to play. A call that sleeps is killed in its sleep as well, and is then let go on. After
 * each kill all that came from the host must end: its processes, the name of its segment, and the
 * memory.
 *
 * Each host is a fork of this program, made when all paths have run once, so that no step goes into
 * loading libraries. It stops itself with a trap in front of the call.
 */
#define _DEFAULT_SOURCE /* ptrace(), MAP_ANONYMOUS */
#include "sheaf.h"
#include "work/task.h"
#include "os/os.h"
#include "pool/pool.h"
#include "sheaf_workers.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/dead_pool.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/stepped_call.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"
#include "support/small_shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDE 4096 /* more than a slot of the ring, or of the batch's own table, holds */
#define ITEMS 4
#define SLOW_KILLS 100 /* where each takes a second */

/* Between the test, the host and its workers. */
static struct shared_page {
	_Atomic bool go;          /* tasks that wait may end */
	_Atomic unsigned waiting; /* tasks that wait */
} * page;

/* In the host. */
static struct {
	sheaf_pool *pool;
	sheaf_batch *batch;
	void *memory;
} host;

/* ---- tasks ---- */

static int answer(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value = distinct_value(sheaf_task_position(task));

	(void)arg;
	memcpy(result, &value, sizeof(value));
	return 0;
}

static int wait_to_go(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	atomic_fetch_add(&page->waiting, 1);
	while (!atomic_load(&page->go))
		sleep_ns(50000);
	return 0;
}

/* Go on for a moment when its batch is retired. */
static int wait_for_retirement(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	atomic_fetch_add(&page->waiting, 1);
	while (BATCH_STATE(atomic_load(&task->batch->word)) == BATCH_OPEN)
		sleep_ns(50000);
	return 0;
}

static int answer_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)context;
	return begin < end ? 0 : -EINVAL;
}

/* ---- what a host has when its call begins ---- */

static void done(int r, const char *call)
{
	CHECK(r >= 0, "%s: %d", call, r);
}

static void create(void)
{
	sheaf_pool_options options = {.workers = 1, .ring_size = 2, .max_batches = 6, .heap_size = 4 << 20};

	done(sheaf_pool_create(&host.pool, &options), "sheaf_pool_create");
}

static void create_growing(void)
{
	const sheaf_worker_options workers = {.max_workers = 3};
	const sheaf_pool_options options = {
		.workers = 2, .ring_size = 2, .max_batches = 6, .heap_size = 4 << 20, .worker_options = &workers};

	done(sheaf_pool_create(&host.pool, &options), "sheaf_pool_create");
}

static void submit(uint64_t position, sheaf_task_fn *fn)
{
	done(sheaf_submit(host.batch, position, fn, NULL, 0), "sheaf_submit");
}

static const char *stale_name(pid_t pid)
{
	static char name[64];

	snprintf(name, sizeof(name), "/sheaf-%ld-stale", (long)pid);
	return name;
}

static bool stale_exists(pid_t pid)
{
	return segment_name_exists(stale_name(pid)) > 0;
}

/* What a dead owner left. */
static void leave_stale(void)
{
	int r = dead_pool_leave(stale_name(getpid()));

	CHECK(!r, "%s: %s", stale_name(getpid()), strerror(-r));
}

static void open_batch_of(size_t result_size)
{
	sheaf_batch_options options = {.result_size = result_size};

	create();
	done(sheaf_batch_create(&host.batch, host.pool, &options), "sheaf_batch_create");
}

static void open_batch(void)
{
	open_batch_of(sizeof(uint64_t));
}

static void open_wide_batch(void)
{
	open_batch_of(WIDE);
}

/* As many as a pool begins with. */
static void open_four(void)
{
	create();
	for (unsigned i = 0; i < 4; i++)
		done(sheaf_batch_create(&host.batch, host.pool, NULL), "sheaf_batch_create");
}

static void open_batch_with_memory(void)
{
	open_batch();
	done(sheaf_alloc(host.pool, ITEMS * sizeof(uint64_t), &host.memory), "sheaf_alloc");
}

static void wait_for_tasks(unsigned count)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&page->waiting) < count) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the task does not run");
		sleep_ns(50000);
	}
}

/* One task runs until it may go. */
static void run_one(void)
{
	open_batch();
	submit(7, wait_to_go);
	wait_for_tasks(1);
}

/* One runs, one waits in the ring, and that is full. */
static void fill_ring(void)
{
	run_one();
	submit(8, answer);
}

static void run_until_retired(void)
{
	open_wide_batch();
	submit(7, wait_for_retirement);
	wait_for_tasks(1);
	submit(8, answer);
}

static void finish_two(void)
{
	sheaf_progress progress = {0};
	uint64_t deadline = hang_deadline();

	open_wide_batch();
	submit(2, answer);
	submit(1, answer);
	while (progress.done < 2) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the tasks do not run");
		sleep_ns(50000);
		done(sheaf_batch_get_progress(host.batch, &progress), "sheaf_batch_get_progress");
	}
}

static void run_map(void)
{
	open_batch_with_memory();
	done(sheaf_submit_map(host.batch, wait_to_go, NULL, 0, host.memory, sizeof(uint64_t), ITEMS, NULL), "sheaf_submit_map");
	wait_for_tasks(1);
}

static void allocate(void)
{
	create();
	done(sheaf_alloc(host.pool, 3 << 16, &host.memory), "sheaf_alloc");
}

static void close_pool(void)
{
	open_batch();
	submit(1, answer);
	done(sheaf_pool_close(host.pool), "sheaf_pool_close");
}

/*
 * A task runs, another waits, some memory is taken, and the supervisor has been killed with its
 * spare.
 */
static void lose_leaders(void)
{
	sheaf_pool_info info;
	pid_t spare;
	int fd;

	fill_ring();
	fd = host.pool->segment.fd;
	done(sheaf_pool_get_info(host.pool, &info), "sheaf_pool_get_info");
	while (os_locked(fd, OS_LOCK_SPARE, OS_LOCK_SPARES, &spare) != 1)
		sched_yield();
	done(kill(info.supervisor, SIGSTOP), "kill"); /* it would fork another */
	done(kill(spare, SIGKILL), "kill");
	done(kill(info.supervisor, SIGKILL), "kill");
	while (os_locked(fd, OS_LOCK_SUPERVISOR, 1 + OS_LOCK_SPARES, &spare) == 1)
		sched_yield();
	atomic_store(&page->go, true);
}

static void fill_all(void)
{
	fill_ring();
	done(sheaf_alloc(host.pool, 3 << 16, &host.memory), "sheaf_alloc");
}

/* ---- the calls ---- */

static void call_submit(void)
{
	submit(1, answer);
}

static void call_submit_wide(void)
{
	static const unsigned char arg[WIDE] = {1};

	done(sheaf_submit(host.batch, 1, answer, arg, sizeof(arg)), "sheaf_submit");
}

static void call_map(void)
{
	done(sheaf_submit_map(host.batch, answer, NULL, 0, host.memory, sizeof(uint64_t), ITEMS, NULL), "sheaf_submit_map");
}

static void call_for(void)
{
	static char context[WIDE];
	sheaf_map_options options = {.context_size = sizeof(context)};

	done(sheaf_submit_for(host.batch, answer_range, context, ITEMS, &options), "sheaf_submit_for");
}

static void call_next(void)
{
	sheaf_result result;

	done(sheaf_next(host.batch, &result, SHEAF_FOREVER), "sheaf_next");
}

static void call_next_done(void)
{
	sheaf_result result;

	done(sheaf_next_done(host.batch, &result, SHEAF_FOREVER), "sheaf_next_done");
}

static void call_gather(void)
{
	const sheaf_result *results;
	size_t n;

	done(sheaf_gather(host.batch, &results, &n, SHEAF_FOREVER), "sheaf_gather");
}

static void call_alloc(void)
{
	done(sheaf_alloc(host.pool, 3 << 16, &host.memory), "sheaf_alloc");
}

static void call_free(void)
{
	done(sheaf_free(host.pool, host.memory), "sheaf_free");
}

static void call_batch_create(void)
{
	done(sheaf_batch_create(&host.batch, host.pool, NULL), "sheaf_batch_create");
}

/* Short enough to have the supervisor woken. */
static void call_batch_create_limited(void)
{
	sheaf_batch_options options = {.task_timeout_ns = 10000000};

	done(sheaf_batch_create(&host.batch, host.pool, &options), "sheaf_batch_create");
}

static void call_retire(void)
{
	sheaf_batch_retire(host.batch);
}

static void call_batch_cancel(void)
{
	done(sheaf_batch_cancel(host.batch, 0), "sheaf_batch_cancel");
	call_gather();
}

/* One that waits. */
static void call_cancel(void)
{
	done(sheaf_cancel(host.batch, 8, 0), "sheaf_cancel");
}

/* One that runs, and does not end. */
static void call_cancel_and_kill(void)
{
	done(sheaf_cancel(host.batch, 7, SHEAF_KILL), "sheaf_cancel");
}

static void call_cancel_map(void)
{
	done(sheaf_cancel(host.batch, 1, 0), "sheaf_cancel");
}

static void call_grow(void)
{
	done(sheaf_pool_resize(host.pool, 3), "sheaf_pool_resize");
}

static void call_shrink(void)
{
	done(sheaf_pool_resize(host.pool, 1), "sheaf_pool_resize");
}

static void call_pause(void)
{
	done(sheaf_pool_pause(host.pool), "sheaf_pool_pause");
	done(sheaf_pool_resume(host.pool), "sheaf_pool_resume");
}

static void call_close(void)
{
	done(sheaf_pool_close(host.pool), "sheaf_pool_close");
}

static void call_join(void)
{
	done(sheaf_pool_join(host.pool, SHEAF_FOREVER), "sheaf_pool_join");
}

static void call_terminate(void)
{
	done(sheaf_pool_terminate(host.pool), "sheaf_pool_terminate");
}

static void call_destroy(void)
{
	sheaf_pool_destroy(host.pool);
	host.pool = NULL;
}

/* What a host may leave, besides a stale segment. */
enum left {
	NOTHING,
	NAME, /* where there may be no supervisor: the next start takes the name away */
};

static const struct path {
	const char *name;
	void (*prepare)(void);
	void (*call)(void);
	enum left left;
	bool stay; /* tasks that wait never go */
	bool slow; /* a second each: the call waits for such a task */
} paths[] = {
	{"create beside a stale segment", leave_stale, create, NOTHING, false, false},
	{"submit", open_batch, call_submit, NOTHING, false, false},
	{"submit much", open_wide_batch, call_submit_wide, NOTHING, false, false},
	{"submit to a full ring", fill_ring, call_submit, NOTHING, false, false},
	{"submit a map", open_batch_with_memory, call_map, NOTHING, false, false},
	{"submit a loop", open_batch, call_for, NOTHING, false, false},
	{"next", finish_two, call_next, NOTHING, false, false},
	{"next, asleep", run_one, call_next, NOTHING, false, false},
	{"next done", finish_two, call_next_done, NOTHING, false, false},
	{"next done, asleep", run_one, call_next_done, NOTHING, false, false},
	{"gather", finish_two, call_gather, NOTHING, false, false},
	{"gather, asleep", fill_ring, call_gather, NOTHING, false, false},
	{"gather a map, asleep", run_map, call_gather, NOTHING, false, false},
	{"alloc", create, call_alloc, NOTHING, false, false},
	{"free", allocate, call_free, NOTHING, false, false},
	{"batch create", create, call_batch_create, NOTHING, false, false},
	{"batch create, beside four", open_four, call_batch_create, NOTHING, false, false},
	{"batch create, with a time limit", create, call_batch_create_limited, NOTHING, false, false},
	{"retire", finish_two, call_retire, NOTHING, false, false},
	{"retire what runs", run_until_retired, call_retire, NOTHING, false, false},
	{"retire what never ends", fill_ring, call_retire, NOTHING, true, true},
	{"cancel a batch", fill_ring, call_batch_cancel, NOTHING, false, false},
	{"cancel what waits", fill_ring, call_cancel, NOTHING, false, false},
	{"cancel and kill", fill_ring, call_cancel_and_kill, NOTHING, true, false},
	{"cancel a map", run_map, call_cancel_map, NOTHING, false, false},
	{"resize up", create_growing, call_grow, NOTHING, false, false},
	{"resize down", create_growing, call_shrink, NOTHING, false, false},
	{"pause and resume", fill_ring, call_pause, NOTHING, false, false},
	{"close", fill_ring, call_close, NOTHING, true, false},
	{"join", close_pool, call_join, NOTHING, false, false},
	{"terminate", fill_ring, call_terminate, NOTHING, true, false},
	{"destroy", fill_all, call_destroy, NOTHING, true, false},
	{"start another family", lose_leaders, call_gather, NAME, false, false},
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* ---- what is left of a host ---- */

static struct {
	/* /dev/shm is this program's alone, so all that is in it may be counted */
	bool own_folder;
	bool late_names;      /* segments get their names when there is a supervisor */
	uint64_t free_before; /* blocks, when the child was prepared */
	uint64_t names_swept;
} shm;

static void look_at_shm(void)
{
	int fd;

	shm.late_names = !os_shm_unnamed(&fd) && !close(fd);
	shm.own_folder = small_shm_enter() && small_shm_mount("mode=1777", 0);
}

static unsigned names_of(pid_t pid)
{
	return shm.own_folder ? (unsigned)count_segment_names() : segments_of(pid);
}

static uint64_t free_memory(void)
{
	struct statvfs status;

	CHECK(!statvfs("/dev/shm", &status), "/dev/shm: errno %d", errno);
	return status.f_bfree;
}

/* The next start of any pool. */
static void start_next(void)
{
	create();
	sheaf_pool_destroy(host.pool);
}

static void check_left(void *context, pid_t pid, uint64_t point)
{
	const struct path *path = context;
	uint64_t deadline = hang_deadline();
	unsigned names;

	CHECK_AS(HARM_LEAKED, session_ended(pid, deadline), "%s, killed at %llu: processes are left", path->name,
		 (unsigned long long)point);
	names = names_of(pid);
	CHECK_AS(HARM_LEAKED, names <= (path->left == NAME || !shm.late_names ? names : stale_exists(pid)),
		 "%s, killed at %llu: the name of a segment is left", path->name, (unsigned long long)point);
	if (names) {
		start_next();
		shm.names_swept += names;
		CHECK_AS(HARM_LEAKED, !names_of(pid), "%s, killed at %llu: the next start leaves the name of a segment",
			 path->name, (unsigned long long)point);
	}
	/* A reader of /proc, such as top, may hold the memory of a dead process for an instant. */
	while (shm.own_folder && free_memory() != shm.free_before) {
		CHECK_AS(HARM_LEAKED, sheaf_now_ns() < deadline, "%s, killed at %llu: %llu of %llu pages are free", path->name,
			 (unsigned long long)point, (unsigned long long)free_memory(), (unsigned long long)shm.free_before);
		sleep_ns(1000000);
	}
}

/* ---- one life ---- */

static void prepare_child(void *context)
{
	(void)context;
	atomic_store(&page->go, false);
	atomic_store(&page->waiting, 0);
	shm.free_before = shm.own_folder ? free_memory() : 0;
}

static int child_main(void *context)
{
	const struct path *path = context;

	if (!session_begin())
		return 1;
	path->prepare();
	if (!stepped_call_begin())
		return 1;
	path->call();
	stepped_call_end();
}

static void let_tasks_go(void *context)
{
	const struct path *path = context;

	if (!path->stay)
		atomic_store(&page->go, true);
}

static void run(const struct path *path, struct rng *rng, uint64_t wanted)
{
	struct stepped_call call = {
		.name = path->name,
		.context = (void *)(uintptr_t)path,
		.prepare = prepare_child,
		.child = child_main,
		.wake = let_tasks_go,
		.check = check_left,
	};

	if (path->slow)
		wanted = SLOW_KILLS;
	stepped_call_kill(&call, rng, wanted);
}

/* So that all functions are bound, and all that libc sets up at its first use is there. */
static void warm_up(void)
{
	for (unsigned i = 0; i < PATHS; i++) {
		prepare_child(NULL);
		paths[i].prepare();
		atomic_store(&page->go, true);
		paths[i].call();
		sheaf_pool_destroy(host.pool);
	}
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t points = amount_argument(argc, argv, 2, 3), only = amount_argument(argc, argv, 3, PATHS);

	if (!session_visible() || !stepped_call_possible()) {
		puts("skipped: no /proc, or processes may not be traced here");
		return 77;
	}
	report_begin("steps", "points", rng.state);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED, "mmap: errno %d", errno);
	look_at_shm();
	warm_up();
	for (unsigned i = 0; i < PATHS; i++) {
		/* The slow ones only when all are wanted. */
		if (only < PATHS ? i != only : paths[i].slow && points)
			continue;
		run(&paths[i], &rng, points);
	}
	report_figure("names_swept", (double)shm.names_swept);
	report_end();
	return 0;
}
