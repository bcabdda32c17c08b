/*
 * crash_news.c - workers and supervisors are killed while one thread sleeps in sheaf_wait() and
 * another in poll().
 *
 * Usage: crash_news [SEED [KILLS]]. Each of the two threads runs rounds of a few batches at once,
 * and takes each result when it is told of it. The one that polls has no timeout that a lost byte
 * could hide behind: a poll() that ends by time is a failure. The spares are left alone, because a
 * pool that has lost both is looked after by calls only.
 */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/proc.h"
#include "support/random_batches.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 3
#define BATCHES 4
#define MOST 40 /* positions of a batch */
#define LONGEST_TASK_NS 300000
#define LONGEST_PAUSE_NS 3000000
#define HANG_MS 120000

static _Atomic bool over;

struct round {
	sheaf_pool *pool;
	sheaf_batch *batches[BATCHES];
	unsigned left[BATCHES]; /* results */
	bool seen[BATCHES][MOST];
	unsigned open; /* batches with results left */
};

struct player {
	sheaf_pool *pool;
	struct rng rng;
	void (*play)(struct round *round);
	uint64_t results;
	pthread_t thread;
};

/* ---- tasks ---- */

static int spin(sheaf_task *task, const void *arg, void *result)
{
	uint64_t until, ns;

	(void)task;
	(void)result;
	memcpy(&ns, arg, sizeof(ns));
	until = sheaf_now_ns() + ns;
	while (sheaf_now_ns() < until)
		;
	return 0;
}

static int nothing(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	return 0;
}

/* ---- one round ---- */

static void begin(struct round *round, struct rng *rng)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		unsigned count = round->left[i] = 1 + (unsigned)rng_below(rng, MOST);
		int r = sheaf_batch_create(&round->batches[i], round->pool, NULL);

		if (!r && rng_below(rng, 3) == 0)
			r = sheaf_submit_for(round->batches[i], nothing, NULL, count, NULL);
		else
			for (unsigned p = 0; p < count && !r; p++) {
				uint64_t ns = rng_below(rng, LONGEST_TASK_NS);

				r = sheaf_submit(round->batches[i], p, spin, &ns, sizeof(ns));
			}
		CHECK(r == 0, "batch %u: %d", i, r);
	}
	round->open = BATCHES;
}

/* Take what is done of one batch. */
static void take(struct round *round, unsigned i)
{
	sheaf_result result;
	int r;

	while ((r = sheaf_next_done(round->batches[i], &result, 0)) == 1) {
		CHECK(result.position < MOST && result.status == 0, "position %llu: %d, %s",
		      (unsigned long long)result.position, result.status, result.message);
		CHECK_AS(HARM_DUPLICATED, !round->seen[i][result.position], "position %llu",
			 (unsigned long long)result.position);
		round->seen[i][result.position] = true;
		round->left[i]--;
	}
	CHECK(r == 0 || r == -EAGAIN, "sheaf_next_done: %d", r);
	CHECK_AS(HARM_LOST, r != 0 || round->left[i] == 0, "%u results are missing", round->left[i]);
	round->open -= r == 0;
}

static void play_wait(struct round *round)
{
	while (round->open) {
		int i = sheaf_wait(round->batches, BATCHES, SHEAF_FIRST_DONE, hang_deadline());

		CHECK_AS(i == -ETIMEDOUT ? HARM_HUNG : HARM_OTHER, i >= 0 && i < BATCHES, "sheaf_wait: %d", i);
		take(round, (unsigned)i);
	}
}

static void play_poll(struct round *round)
{
	struct pollfd news = {.fd = sheaf_pool_fd(round->pool), .events = POLLIN};
	sheaf_batch *batch;
	int r;

	for (unsigned i = 0; i < BATCHES; i++)
		CHECK((r = sheaf_batch_arm(round->batches[i])) == 0, "sheaf_batch_arm: %d", r);
	while (round->open) {
		r = poll(&news, 1, HANG_MS);
		CHECK_AS(HARM_HUNG, r > 0, "poll: %d, and %u batches are not done", r, round->open);
		while ((r = sheaf_pool_news(round->pool, &batch)) == 1) {
			unsigned i = 0;

			while (i < BATCHES && round->batches[i] != batch)
				i++;
			CHECK(i < BATCHES, "news of a batch that is not armed");
			take(round, i);
			if (round->left[i])
				CHECK((r = sheaf_batch_arm(batch)) == 0, "sheaf_batch_arm: %d", r);
		}
		CHECK(r == 0, "sheaf_pool_news: %d", r);
	}
}

static void *play(void *context)
{
	struct player *player = context;

	while (!atomic_load(&over)) {
		struct round round = {.pool = player->pool};

		begin(&round, &player->rng);
		for (unsigned i = 0; i < BATCHES; i++)
			player->results += round.left[i];
		player->play(&round);
		for (unsigned i = 0; i < BATCHES; i++)
			sheaf_batch_retire(round.batches[i]);
	}
	return NULL;
}

/* ---- the kills ---- */

/* Kill a worker, or now and then the supervisor. True: it was alive. */
static bool strike(sheaf_pool *pool, struct rng *rng)
{
	pid_t pid = sheaf_pool_worker_pid(pool, (unsigned)rng_below(rng, WORKERS));
	sheaf_pool_info info;

	if (rng_below(rng, 10))
		return pid > 0 && kill(pid, SIGKILL) == 0;
	/* The call waits for the spare. */
	CHECK(sheaf_pool_get_info(pool, &info) == 0, "info");
	return info.supervisor > 0 && kill(info.supervisor, SIGKILL) == 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), wanted = amount_argument(argc, argv, 2, 200), kills = 0;
	const sheaf_pool_options options = {
		.workers = WORKERS, .ring_size = 64, .heap_size = 64 << 20, .max_attempts = SHEAF_MAX_ATTEMPTS};
	struct player players[] = {{.play = play_wait, .rng = {seed + 1}}, {.play = play_poll, .rng = {seed + 2}}};
	int files = count_open_files();
	struct rng rng = {seed};
	sheaf_pool *pool;

	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return 77;
	}
	CHECK(sheaf_pool_create(&pool, &options) == 0, "pool");
	for (unsigned i = 0; i < 2; i++) {
		players[i].pool = pool;
		CHECK(!pthread_create(&players[i].thread, NULL, play, &players[i]), "thread");
	}
	while (kills < wanted) {
		sleep_ns(rng_below(&rng, LONGEST_PAUSE_NS));
		kills += strike(pool, &rng);
	}
	atomic_store(&over, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(players[i].thread, NULL);
	check_pool_is_empty(pool);
	sheaf_pool_destroy(pool);
	CHECK_AS(HARM_LEAKED, count_open_files() == files, "%d open files, %d before", count_open_files(), files);
	CHECK_AS(HARM_LEAKED, count_children() == 0, "%d children are left", count_children());
	printf("kills=%llu results=%llu by waiting, %llu by polling, lost=0 duplicated=0\n", (unsigned long long)kills,
	       (unsigned long long)players[0].results, (unsigned long long)players[1].results);
	return 0;
}
