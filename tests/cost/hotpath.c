/*
 * hotpath.c - the hot paths, each in a function of its own, one after the other in one thread, for
 * an instruction counter.
 *
 * Usage: hotpath ROUNDS. Each round submits TASKS tasks of 8 bytes and 8 bytes of result
 * (submit_tasks), claims, runs and publishes them (run_tasks), hands out the results by position
 * (hand_out), then claims and runs a map of ITEMS empty items in chunks of 1 (run_singles) and of
 * 64 (run_chunks). No process and no thread: nobody sleeps, so no path waits or calls the kernel.
 */
#include "batch/open.h"
#include "batch/retire.h"
#include "os/forks.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "support/arguments.h"
#include "support/check.h"
#include "work/call.h"
#include "work/share.h"

#include <string.h>
#include <unistd.h>

#define TASKS 512
#define ITEMS 8192

static struct segment segment;
static struct member owner;
static struct openings openings;
static struct member worker;

static int look(struct member *member)
{
	(void)member;
	return 0;
}

static bool ended(struct member *member)
{
	(void)member;
	return true;
}

static const struct member_ops ops = {.look = look, .ended = ended};

static int add_one(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value;

	(void)task;
	memcpy(&value, arg, sizeof(value));
	value++;
	memcpy(result, &value, sizeof(value));
	return 0;
}

static int do_nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 0;
}

/* Do what a worker does with what it finds in the ring: see work_step(). */
static void work(unsigned slots)
{
	struct claim claim;

	for (unsigned i = 0; i < slots; i++) {
		CHECK(claim_oldest(&worker, SHEAF_NORMAL, &claim), "nothing to claim");
		/* relaxed: as there */
		store_relaxed(&worker.seat->hand, segment_offset(&segment, claim.slot));
		if (claim.slot->kind == TASK_SHARE)
			share_run(&worker, &claim);
		else
			call_run(&worker, claim.slot, claim.word);
	}
}

/* Not static and not inlined: the counter finds them by name. */
void submit_tasks(sheaf_batch *batch);
void run_tasks(void);
void hand_out(sheaf_batch *batch);
void run_singles(void);
void run_chunks(void);

__attribute__((noinline)) void submit_tasks(sheaf_batch *batch)
{
	for (uint64_t i = 0; i < TASKS; i++)
		CHECK(!sheaf_submit(batch, i, add_one, &i, sizeof(i)), "submit");
}

__attribute__((noinline)) void run_tasks(void)
{
	work(TASKS);
}

__attribute__((noinline)) void hand_out(sheaf_batch *batch)
{
	sheaf_result result;

	for (uint64_t i = 0; i < TASKS; i++)
		CHECK(sheaf_next(batch, &result, 0) == 1 && result.position == i && *(uint64_t *)result.data == i + 1,
		      "position %llu", (unsigned long long)i);
}

__attribute__((noinline)) void run_singles(void)
{
	work(1);
}

__attribute__((noinline)) void run_chunks(void)
{
	work(1);
}

static void map(size_t grain, void (*run)(void))
{
	sheaf_map_options options = {.grain = grain};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	CHECK(!batch_open(&batch, &owner, NULL), "batch");
	CHECK(!sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, ITEMS, &options), "map");
	run();
	CHECK(sheaf_gather(batch, &results, &n, 0) == 0 && n == ITEMS, "gather");
	batch_free(batch, false);
}

int main(int argc, char **argv)
{
	struct segment_options options = {
		.anonymous = true, .workers = 1, .ring_size = 1024, .batches = 1, .max_attempts = 3, .heap_size = 64 << 20};
	uint64_t rounds = amount_argument(argc, argv, 1, 3);

	CHECK(!segment_create(&segment, &options), "segment");
	owner.ops = &ops;
	owner.openings = &openings;
	pthread_mutex_init(&openings.lock, NULL);
	member_sit(&owner, &segment, segment_owner_seat(&segment), 1, (int32_t)getpid(), NULL);
	member_sit(&worker, &segment, 0, 1, (int32_t)getpid(), NULL);
	for (uint64_t i = 0; i < rounds; i++) {
		sheaf_batch_options eight = {.result_size = 8, .flags = SHEAF_NO_TIMES};
		sheaf_batch *batch;

		CHECK(!batch_open(&batch, &owner, &eight), "batch");
		submit_tasks(batch);
		run_tasks();
		hand_out(batch);
		batch_free(batch, false);
		map(1, run_singles);
		map(64, run_chunks);
	}
	segment_destroy(&segment);
	return 0;
}
