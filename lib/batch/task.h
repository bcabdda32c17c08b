/*
 * task.h - what runs tasks: a worker's private state, and the task that its function sees.
 */
#ifndef SHEAF_BATCH_TASK_H
#define SHEAF_BATCH_TASK_H

#include "base/atomic.h"
#include "batch/region.h"
#include "os/forks.h"
#include "os/output.h"
#include "os/patience.h"
#include "queue/ring.h"

#include <assert.h>

#define FAIL_TEXT 512
#define RUNNER_REGIONS 4

/* A worker, seen from inside. Private to its process or thread. */
struct runner {
	struct segment *segment;
	unsigned worker;
	unsigned generation;
	int32_t pid;
	unsigned forks;       /* forks_count() of its process */
	void *forks_private;  /* in a process of its own; NULL in a thread among others */
	bool looking;         /* others know that it looks for a task */
	uint64_t patience_ns; /* how long to look for a task before sleeping */
	struct patience patience;
	uint64_t tail;     /* of the ring, as far as this worker knows */
	unsigned looks;    /* at the ring, to look at its tail now and then */
	uint64_t clock_ns; /* when the last task ended, if the next began at once; else 0 */
	unsigned victim;   /* region to reuse next */
	struct region regions[RUNNER_REGIONS];
};

struct sheaf_task {
	struct runner *runner;
	struct shared_batch *batch;
	uint64_t position;
	unsigned attempt;
	bool of_map;
	uint64_t data; /* offset of sheaf_task_result(); 0: the result is where the batch has it */
	unsigned text_size;
	uint64_t size;
	char text[FAIL_TEXT];
};

/*
 * Tells the supervisor since when there is a task in hand, and until when there may be one. Relaxed, as a kill cuts the process's own
 * order, and the supervisor judges by what it finds after the death.
 */
static inline void task_hold(struct shared_worker *self, uint64_t started_ns, uint64_t limit_ns)
{
	store_relaxed(&self->started, started_ns);
	store_relaxed(&self->deadline, limit_ns ? started_ns + limit_ns : 0);
}

static inline void task_let_go(struct shared_worker *self)
{
	store_relaxed(&self->deadline, 0);
}

/* Private: end a child that a task has forked. */
_Noreturn void task_end_child(void);

/*
 * Before anything is told of a task that has returned. In a child that it forked, which has returned as well, nothing is to be told: that
 * ends. What the task printed is written first, so that it is there when the result is.
 */
static inline void task_returned(unsigned forks)
{
	if (forks_count() != forks)
		task_end_child();
	if (output_pending())
		output_flush(false);
}

/* Frees the slot of a task that is over. */
static inline void task_give_back(struct shared_slot *slot, uint64_t word)
{
	bool ours = ring_release(slot, word);

	assert(ours && "nobody takes a slot from a living worker");
	(void)ours;
}

/* The runner's region for this batch. */
struct region *runner_region(struct runner *runner, const struct shared_batch *batch);

/* The code to publish for what a task returned; fills in a text if it is not a negative errno. */
int task_status(struct sheaf_task *task, int returned);

#endif
