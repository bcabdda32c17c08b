/*
 * wild_writes.c - tasks that write over the words of their pool, and die: the supervisor goes on or
 * gives the pool up, and no other process is harmed.
 *
 * Usage: fuzz_wild_writes [SEED [ROUNDS]]. In each round a host has a pool. Its tasks write random
 * words over header, control area, ring, workers' places, batches and heap map, and get killed. The
 * host submits and gathers meanwhile, and ends its pool at last. It must live. Then nothing of the
 * pool may be left, its supervisor must not have crashed, and a bystander, which is a process of
 * the same user, must live. tests/intruders/wild_words.c writes over each word, one by one.
 *
 * A supervisor that believed a pid in the segment could kill any process. So each round has a
 * namespace of processes of its own. Where there can be none, the test is skipped.
 *
 * Some libraries abort a process that posts a semaphore of impossible content. So only some rounds
 * write over semaphores. In these a supervisor may end by SIGABRT, as may its successors, until the
 * pool is lost. The owner must live in every round.
 */
#define _GNU_SOURCE /* unshare() */
#include "sheaf.h"

#include "work/task.h"
#include "pool/pool.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/report.h"
#include "support/rng.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 12
#define BATCHES 3

/* In memory that all processes of a round share. */
static struct notes {
	bool bells; /* semaphores are written over, too */
	_Atomic uint64_t writes;
	/* of a supervisor that did not end by order: its signal, or 256 + its exit code */
	_Atomic int supervisor_end;
	_Atomic bool broken; /* the pool was given up */
	_Atomic bool owner_crashed;
	_Atomic unsigned left; /* processes that had to be ended */
	_Atomic bool hurt;     /* the bystander is dead */
} * notes;

static sheaf_pool *pool; /* of the host */
/* Does not begin with "sheaf-", so that sweeps of other programs leave it alone. */
static char name[64];

/* ---- tasks ---- */

static uint64_t some_word(struct rng *rng, const struct segment *segment)
{
	static const uint64_t values[] = {0, 1, 2, 3, 4, 7, 255, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 63};

	switch (rng_below(rng, 4)) {
	case 0:
		return values[rng_below(rng, sizeof(values) / sizeof(values[0]))];
	case 1:
		return rng_below(rng, segment->size / 64 + 64) * 64;
	case 2: /* a word of a task, of some worker */
		return word_pack((struct word){.state = (enum word_state)rng_below(rng, 8),
					       .attempt = (unsigned)rng_below(rng, 32),
					       .seat = (unsigned)rng_below(rng, 5),
					       .generation = (unsigned)rng_below(rng, 4),
					       .payload = rng_below(rng, 3)});
	default:
		return rng_next(rng) >> rng_below(rng, 64);
	}
}

static bool is_semaphore(const struct segment *segment, const unsigned char *at)
{
	const unsigned char *room = (unsigned char *)segment->control->room, *seats = (unsigned char *)segment->seats;
	const unsigned char *batches = (unsigned char *)segment->batches;
	size_t in_seat = (size_t)(at - seats) % sizeof(*segment->seats);
	size_t in_batch = (size_t)(at - batches) % sizeof(*segment->batches);

	if (at < seats)
		return at >= room && at < room + sizeof(segment->control->room);
	if (at < (unsigned char *)segment->slots)
		return in_seat >= offsetof(struct shared_seat, bell) &&
		       in_seat < offsetof(struct shared_seat, bell) + sizeof(segment->seats->bell);
	return at >= batches && at < (unsigned char *)segment->heap_map && in_batch >= offsetof(struct shared_batch, bell) &&
	       in_batch < offsetof(struct shared_batch, bell) + sizeof(segment->batches->bell);
}

static void write_wild_word(struct rng *rng, const struct segment *segment)
{
	const struct {
		unsigned char *at;
		uint64_t size;
	} parts[] = {
		{(unsigned char *)segment->header, sizeof(*segment->header)},
		{(unsigned char *)segment->control, sizeof(*segment->control)},
		{(unsigned char *)segment->control, LINE},
		{(unsigned char *)segment->seats, segment->seat_count * sizeof(*segment->seats)},
		{(unsigned char *)segment->slots, segment->rings[SHEAF_NORMAL].size * sizeof(*segment->slots)},
		{(unsigned char *)segment->slots, segment->rings[SHEAF_NORMAL].size * sizeof(*segment->slots)},
		{(unsigned char *)segment->batches, offsetof(struct shared_batch, table)},
		{(unsigned char *)(segment->batches + 1), offsetof(struct shared_batch, table)},
		{(unsigned char *)segment->batches, 2 * sizeof(*segment->batches)},
		{(unsigned char *)segment->heap_map, 64},
	};
	size_t part = rng_below(rng, sizeof(parts) / sizeof(parts[0]));
	uint64_t word = some_word(rng, segment);
	unsigned char *at = parts[part].at + rng_below(rng, parts[part].size / 8) * 8;

	if (is_semaphore(segment, at) && !notes->bells)
		return;
	memcpy(at, &word, 8);
	atomic_fetch_add(&notes->writes, 1);
}

static void run_wild(const sheaf_task *task, uint64_t seed)
{
	struct rng rng = {seed + sheaf_task_position(task) + 1000 * sheaf_task_attempt(task)};

	for (uint64_t i = rng_below(&rng, 4); i; i--)
		write_wild_word(&rng, task->member->segment);
	/* Whatever was scribbled, the supervisor has to look at it now. */
	if (rng_below(&rng, 4))
		raise(SIGKILL);
}

static int wild_task(sheaf_task *task, const void *arg, void *result)
{
	uint64_t seed;

	(void)result;
	memcpy(&seed, arg, sizeof(seed));
	run_wild(task, seed);
	return 0;
}

static int wild_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)end;
	run_wild(task, *(uint64_t *)context);
	return begin % 5 ? 0 : -EDOM;
}

/* ---- the host ---- */

static void try_batch(struct rng *rng)
{
	sheaf_batch_options options = {.result_size = rng_below(rng, 3) * 64, .flags = SHEAF_NONBLOCK};
	sheaf_map_options how = {.context_size = sizeof(uint64_t), .grain = 1};
	sheaf_batch *tasks = NULL, *loop = NULL;
	uint64_t seed = rng_next(rng);
	sheaf_result result;

	if (!sheaf_batch_create(&tasks, pool, &options))
		for (uint64_t i = 0; i < TASKS && !sheaf_submit(tasks, i, wild_task, &seed, sizeof(seed)); i++)
			;
	if (!sheaf_batch_create(&loop, pool, &options))
		sheaf_submit_for(loop, wild_range, &seed, TASKS, &how);
	/*
	 * A task whose word was overwritten may never end: the deadline is no measure of anything.
	 */
	if (tasks)
		while (sheaf_next_done(tasks, &result, sheaf_now_ns() + 20000000) > 0)
			;
	sheaf_batch_retire(tasks);
	sheaf_batch_retire(loop);
}

/* The host's only child is its supervisor. */
static void note_end(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	if (info->si_code != CLD_EXITED)
		atomic_store(&notes->supervisor_end, info->si_status);
	else if (info->si_status)
		atomic_store(&notes->supervisor_end, 256 + info->si_status);
}

static void host(struct rng *rng)
{
	sheaf_pool_options options = {
		.workers = 3, .ring_size = 16, .max_batches = 2, .max_attempts = 2, .heap_size = 1 << 20, .name = name};
	struct sigaction action = {.sa_sigaction = note_end, .sa_flags = SA_SIGINFO | SA_RESTART};

	sigaction(SIGCHLD, &action, NULL);
	CHECK(!sheaf_pool_create(&pool, &options), "no pool");
	for (unsigned i = 0; i < BATCHES; i++)
		try_batch(rng);
	atomic_store(&notes->broken, atomic_load(&pool->segment.control->state) == POOL_BROKEN);
	signal(SIGCHLD, SIG_DFL); /* from here on it may be killed by order */
	sheaf_pool_destroy(pool);
}

/* ---- a round ---- */

static pid_t fork_or_fail(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	return pid;
}

/* The first process of the namespace: orphans become its children. */
static int first_process(struct rng *rng)
{
	pid_t bystander, owner, pid;
	int status;

	bystander = fork_or_fail();
	if (!bystander)
		for (;;)
			pause();
	owner = fork_or_fail();
	if (!owner) {
		host(rng);
		fflush(NULL);
		_exit(0);
	}
	while ((pid = waitpid(-1, &status, 0)) > 0) {
		if (pid == bystander) {
			atomic_store(&notes->hurt, true);
			return 0;
		}
		if (pid != owner)
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status))
			return 1;
		atomic_store(&notes->owner_crashed, WIFSIGNALED(status));
		break;
	}
	/* All that is left ends by itself; if it does not, the round hangs. */
	if (waitpid(bystander, &status, WNOHANG)) {
		atomic_store(&notes->hurt, true);
		return 0;
	}
	kill(bystander, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}

#define NO_NAMESPACE 77

static int play(void *context)
{
	struct rng *rng = context;
	pid_t first;
	int status;

	if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
		return NO_NAMESPACE;
	first = fork_or_fail();
	if (!first) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(first_process(rng));
	}
	CHECK(waitpid(first, &status, 0) == first, "waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int run_round(struct rng *rng, bool bells)
{
	pid_t pid;
	int status, r;

	memset(notes, 0, sizeof(*notes));
	notes->bells = bells;
	pid = child_start(play, rng);
	CHECK(pid > 0, "no child: %s", strerror(-pid));
	r = child_wait(pid, &status, hang_deadline());
	if (r == -ETIMEDOUT) {
		child_end(pid);
		shm_unlink(name);
	}
	CHECK_AS(HARM_HUNG, r == 0, "after %llu wild writes something hangs", (unsigned long long)atomic_load(&notes->writes));
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NAMESPACE)
		return NO_NAMESPACE;
	if (segment_name_exists(name) == 1) {
		shm_unlink(name);
		CHECK_AS(HARM_LEAKED, atomic_load(&notes->owner_crashed), "%s is left", name);
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
	CHECK(!atomic_load(&notes->owner_crashed), "the owner crashed");
	CHECK(!atomic_load(&notes->hurt), "a process that has nothing to do with the pool was killed");
	CHECK(!atomic_load(&notes->supervisor_end) || (bells && atomic_load(&notes->supervisor_end) == SIGABRT),
	      "a supervisor ended by signal %d (from 256 on: with that exit code)", atomic_load(&notes->supervisor_end));
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, 20);
	uint64_t crashed = 0, broken = 0, writes = 0;

	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(notes != MAP_FAILED, "mmap: %s", strerror(errno));
	snprintf(name, sizeof(name), "/wild-%ld", (long)getpid());
	report_begin("segments", "cases", seed);
	for (uint64_t round = 0; round < rounds; round++) {
		struct rng rng = {distinct_value(seed + round)};

		if (run_round(&rng, round % 4 == 3) == NO_NAMESPACE) {
			printf("skipped: no namespace of processes can be had here: %s\n", strerror(errno));
			return 77;
		}
		report_add(1);
		writes += atomic_load(&notes->writes);
		broken += atomic_load(&notes->broken);
		crashed += atomic_load(&notes->owner_crashed);
	}
	printf("%llu wild writes; %llu pools of %llu were given up, %llu owners crashed\n", (unsigned long long)writes,
	       (unsigned long long)broken, (unsigned long long)rounds, (unsigned long long)crashed);
	report_end();
	return 0;
}
