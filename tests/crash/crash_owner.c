/*
 * crash_owner.c - the owner of a pool is killed at any time, also while it makes the pool or takes
 * it down.
 *
 * Usage: crash_owner [SEED [KILLS]]. The owner is a child that creates a pool, works and destroys
 * it, over and over; some have more threads, which end one after the other when the process is
 * killed. All that came from it must end, and its segment's name must go: by its supervisor, or by
 * the next start of a pool if the supervisor was killed with it.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/random_batches.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"
#include "support/tested_host.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_THREADS 4

enum phase { STARTING, CREATING, RUNNING, DESTROYING, PHASES };
static const char *const phase_names[] = {"before", "create", "run", "destroy"};

enum kill_kind { OWNER, OWNER_AND_SUPERVISOR, SUPERVISOR_AND_OWNER, EVERYBODY, KINDS };

/* What the owner tells about itself, in memory of the test. */
struct owner_view {
	_Atomic int phase;
	_Atomic int supervisor;
};

struct owner {
	struct owner_view *view;
	uint64_t seed;
	unsigned threads;
	unsigned flags;
};

static void *help(void *context)
{
	struct random_batches *batches = context;

	for (;;)
		random_batch_run(batches);
	return NULL;
}

/* Never ends: the pool of a helped owner stays. */
static void use(struct owner *owner, sheaf_pool *pool, struct rng *rng)
{
	static struct random_batches thread_batches[MOST_THREADS];
	struct random_batches batches = {.pool = pool, .rng = {rng_next(rng)}};

	for (unsigned i = 0; i < owner->threads; i++) {
		pthread_t thread;

		thread_batches[i] = (struct random_batches){.pool = pool, .rng = {rng_next(rng)}};
		CHECK(!pthread_create(&thread, NULL, help, &thread_batches[i]), "thread");
	}
	do
		random_batch_run(&batches);
	while (owner->threads || rng_below(rng, 3));
}

static int own(void *context)
{
	struct owner *owner = context;
	struct rng rng = {owner->seed};
	sheaf_pool_options options = {.workers = 2,
				      .ring_size = 16,
				      .heap_size = 64 << 20,
				      .max_attempts = SHEAF_MAX_ATTEMPTS,
				      .flags = owner->flags};

	report_nothing(); /* what the owner fails at, the test tells */
	if (!session_begin())
		return 1;
	for (;;) {
		sheaf_pool_info info;
		sheaf_pool *pool;

		atomic_store(&owner->view->phase, CREATING);
		/* It fails if the supervisor is killed while it starts. */
		if (sheaf_pool_create(&pool, &options))
			continue;
		CHECK(sheaf_pool_get_info(pool, &info) == 0, "info");
		atomic_store(&owner->view->supervisor, info.supervisor);
		atomic_store(&owner->view->phase, RUNNING);
		use(owner, pool, &rng);
		atomic_store(&owner->view->phase, DESTROYING);
		sheaf_pool_destroy(pool);
		atomic_store(&owner->view->supervisor, 0);
	}
}

static void kill_all(pid_t session)
{
	pid_t pids[64];
	unsigned count = session_processes(session, pids, 64);

	for (unsigned i = 0; i < count && i < 64; i++)
		kill(pids[i], SIGKILL);
}

/* The supervisor is killed only while it is of the owner's session: a number may be old. */
static void kill_supervisor(pid_t owner, const struct owner_view *view)
{
	pid_t pid = atomic_load(&view->supervisor);

	if (pid && getsid(pid) == owner)
		kill(pid, SIGKILL);
}

static void kill_owner(pid_t pid, enum kill_kind kind, const struct owner_view *view)
{
	if (kind == SUPERVISOR_AND_OWNER)
		kill_supervisor(pid, view);
	if (kind == EVERYBODY)
		kill_all(pid);
	child_signal(pid, SIGKILL);
	if (kind == OWNER_AND_SUPERVISOR)
		kill_supervisor(pid, view);
}

/* Half of the kills come at any time, the others soon after a phase has begun. */
static void wait_for_moment(const struct owner *owner, struct rng *rng)
{
	/* One with more threads never ends its pool. */
	int phase = CREATING + (int)rng_below(rng, owner->threads ? 2 : 3);
	uint64_t deadline = hang_deadline();

	if (rng_below(rng, 2)) {
		sleep_ns(rng_below(rng, 2) ? rng_below(rng, 4000000) : rng_below(rng, 60000000));
		return;
	}
	while (atomic_load(&owner->view->phase) < phase) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the owner does not come to phase %s", phase_names[phase]);
		sleep_ns(20000);
	}
	sleep_ns(rng_below(rng, 1000000));
}

struct totals {
	uint64_t phases[PHASES];
	uint64_t swept;
	uint64_t slowest_ns;
};

static void run(uint64_t seed, struct owner_view *view, struct totals *totals)
{
	struct rng rng = {seed};
	struct owner owner = {.view = view, .seed = rng_next(&rng)};
	enum kill_kind kind = rng_below(&rng, 2) ? OWNER : (enum kill_kind)rng_below(&rng, KINDS);
	uint64_t start;
	int status, phase;
	pid_t pid;

	owner.threads = rng_below(&rng, 2) ? 0 : 1 + (unsigned)rng_below(&rng, MOST_THREADS);
	owner.flags = rng_below(&rng, 4) ? 0 : SHEAF_ANONYMOUS;
	atomic_store(&view->phase, STARTING);
	atomic_store(&view->supervisor, 0);
	pid = child_start(own, &owner);
	CHECK(pid > 0, "child");
	wait_for_moment(&owner, &rng);
	start = sheaf_now_ns();
	kill_owner(pid, kind, view);
	CHECK_AS(HARM_HUNG, child_wait(pid, &status, hang_deadline()) == 0, "the owner does not end");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the owner ended by itself: status %#x", (unsigned)status);
	phase = atomic_load(&view->phase);
	CHECK_AS(HARM_LEAKED, session_ended(pid, hang_deadline()), "killed in phase %s", phase_names[phase]);
	if (sheaf_now_ns() - start > totals->slowest_ns)
		totals->slowest_ns = sheaf_now_ns() - start;
	totals->phases[phase]++;
	report_add(1);
	if (segments_of(pid)) {
		CHECK_AS(HARM_LEAKED, kind != OWNER || phase != RUNNING,
			 "the supervisor left the name of owner %ld, with %u more threads", (long)pid, owner.threads);
		totals->swept++;
		sweep_names();
		CHECK_AS(HARM_LEAKED, segments_of(pid) == 0, "the next start left the name of owner %ld", (long)pid);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), kills = amount_argument(argc, argv, 2, 120);
	struct totals totals = {0};
	struct owner_view *view;

	report_begin("guest", "cases", seed);
	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return 77;
	}
	view = mmap(NULL, sizeof(*view), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(view != MAP_FAILED, "mmap");
	for (uint64_t i = 0; i < kills; i++)
		run(seed + i, view, &totals);
	printf("kills=%llu (", (unsigned long long)kills);
	for (unsigned i = 0; i < PHASES; i++)
		printf("%s%s=%llu", i ? " " : "", phase_names[i], (unsigned long long)totals.phases[i]);
	printf(") swept=%llu slowest=%.1fms\n", (unsigned long long)totals.swept, (double)totals.slowest_ns / 1e6);
	report_end();
	return 0;
}
