/*
 * steps.h - what many paths do. Each call is made with faults, and judged; what it made is NULL if
 * it failed twice.
 */
#ifndef SHEAF_TESTS_FAULTS_STEPS_H
#define SHEAF_TESTS_FAULTS_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "judge.h"
#include "sheaf.h"

#define HEAP ((size_t)32 << 20)

/* The segment's name of this process. */
const char *my_name(void);

/* Pools of two workers and a ring of 8; of my_name(), if no options are given. */
sheaf_pool *step_create_with(sheaf_pool_options options);
sheaf_pool *step_create(void);
void step_destroy(sheaf_pool *pool);

void *step_alloc(sheaf_pool *pool, size_t size);
void step_free(sheaf_pool *pool, void *memory);

sheaf_batch *step_open(sheaf_pool *pool, size_t result_size, unsigned attempts);
sheaf_batch *step_open_with(sheaf_pool *pool, const sheaf_batch_options *options);
void step_retire(sheaf_batch *batch);

/* A task: the value of the number that is its argument. */
int value_of(sheaf_task *task, const void *arg, void *result);

/* A position that failed though its task did not: a worker had no memory. */
void check_failed(const sheaf_result *result);

/* The value of its position, or check_failed(). */
void check_value(const sheaf_result *result);

/* The first positions rise, those behind RISING lie between them. */
#define RISING 70
#define MOST_TASKS 80

struct tasks {
	bool accepted[MOST_TASKS], seen[MOST_TASKS];
	unsigned count;
};

/* @fn: computes as value_of(). */
void step_submit(sheaf_batch *batch, struct tasks *tasks, unsigned count, sheaf_task_fn *fn);

/* Take the first @ordered results by position, the others as they come, and then all at once. */
void step_gather(sheaf_batch *batch, struct tasks *tasks, unsigned ordered);

#endif
