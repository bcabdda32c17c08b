/*
 * pools.h - what the tests of pools share: one pool per test, of which nothing may be left at the
 * end.
 */
#ifndef SHEAF_TESTS_UNIT_POOLS_H
#define SHEAF_TESTS_UNIT_POOLS_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "sheaf.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"

static sheaf_pool *pool;
static struct {
	int files, mappings, children;
} before;

/* How messages write SIZE_MAX, and a half of it. */
#if SIZE_MAX > UINT32_MAX
#define SIZE_MAX_TEXT "18446744073709551615"
#define SIZE_HALF_TEXT "9223372036854775808"
#else
#define SIZE_MAX_TEXT "4294967295"
#define SIZE_HALF_TEXT "2147483648"
#endif

/* ---- the fixture ---- */

static inline void begin(void)
{
	/* Tests kill processes on purpose. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	before.files = count_open_files();
	before.mappings = count_segment_mappings();
	before.children = count_children();
}

static inline void start(const sheaf_pool_options *options)
{
	cr_assert_eq(sheaf_pool_create(&pool, options), 0, "%s", sheaf_message());
}

static inline void start_workers(unsigned workers)
{
	start(&(sheaf_pool_options){.workers = workers, .heap_size = 64 << 20});
}

/* Destroy the pool. No process, descriptor, mapping or name of it may be left. */
static inline void end(void)
{
	sheaf_pool_info info;
	char name[256] = "";

	if (pool) {
		cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
		snprintf(name, sizeof(name), "%s", info.name);
	}
	sheaf_pool_destroy(pool);
	pool = NULL;
	child_end_all();
	cr_assert_eq(count_children(), before.children, "%d children left", count_children() - before.children);
	cr_assert_eq(count_open_files(), before.files, "%d files left open", count_open_files() - before.files);
	cr_assert_eq(count_segment_mappings(), before.mappings);
	cr_assert(!name[0] || segment_name_exists(name) <= 0, "%s is left", name);
}

/* A skipped test does not get to its end. */
static inline void skip(const char *reason)
{
	end();
	cr_skip_test("%s", reason);
}

/* ---- expectations ---- */

static inline void expect_done(int code)
{
	cr_assert_eq(code, 0, "%d instead of 0: %s", code, sheaf_message());
}

/* The call failed with this code, and its message holds the text. */
static inline void expect_failure(int code, int wanted, const char *text)
{
	cr_assert_eq(code, wanted, "%d instead of %d: %s", code, wanted, sheaf_message());
	cr_assert_not_null(strstr(sheaf_message(), text), "the message \"%s\" lacks \"%s\"", sheaf_message(), text);
}

/* In a task: fail with a code and what the library says. */
static inline int report(sheaf_task *task, int code)
{
	return sheaf_task_fail(task, code < 0 ? code : -EPROTO, "%d: %s", code, sheaf_message());
}

/* In a task: end its function if the call fails. */
#define DO(call)                                   \
	do {                                       \
		int code = (call);                 \
		if (code)                          \
			return report(task, code); \
	} while (0)

/* For children, which must not use cr_assert: ends the function that a child runs. */
#define CHILD_SKIPS 77
#define child_check(condition)                                                                                                 \
	do {                                                                                                                   \
		if (!(condition)) {                                                                                            \
			fprintf(stderr, "%s:%d: not %s; last message: %s\n", __FILE__, __LINE__, #condition, sheaf_message()); \
			return 1;                                                                                              \
		}                                                                                                              \
	} while (0)

/* Run @fn in a child, and expect it to return 0. The test is skipped if it returns CHILD_SKIPS. */
static inline void in_child(child_fn *fn, void *context)
{
	pid_t pid = child_start(fn, context);
	int status;

	cr_assert_gt(pid, 0);
	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPS)
		skip("this system does not let us try");
	cr_assert(WIFEXITED(status), "the child was killed by signal %d", WTERMSIG(status));
	cr_assert_eq(WEXITSTATUS(status), 0);
}

/* ---- waiting, without relying on time ---- */

static inline void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* In shared memory: tasks stop at it until the owner opens it. */
struct gate {
	_Atomic int arrived;
	_Atomic int open;
};

static inline struct gate *new_gate(void)
{
	void *memory;

	expect_done(sheaf_alloc(pool, sizeof(struct gate), &memory));
	return memory;
}

static inline void gate_pass(struct gate *gate)
{
	atomic_fetch_add(&gate->arrived, 1);
	while (!atomic_load(&gate->open))
		nap();
}

/* Wait until so many tasks have come to the gate. */
static inline void gate_await(struct gate *gate, int count)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&gate->arrived) < count && sheaf_now_ns() < deadline)
		nap();
	cr_assert_geq(atomic_load(&gate->arrived), count);
}

static inline void gate_open(struct gate *gate)
{
	atomic_store(&gate->open, 1);
}

/* A task whose argument is a pointer to a gate. Its result, if it has one, is its position. */
static inline int wait_at_gate(sheaf_task *task, const void *arg, void *result)
{
	struct gate *gate;

	memcpy(&gate, arg, sizeof(gate));
	gate_pass(gate);
	if (result)
		*(uint64_t *)result = sheaf_task_position(task);
	return 0;
}

/* ---- tasks ---- */

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}

/* Result: mix() of the position. */
static inline int mix_position(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	*(uint64_t *)result = mix(sheaf_task_position(task));
	return 0;
}

/* Of a map: out = mix(in). */
static inline int mix_item(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = mix(*(const uint64_t *)arg);
	return 0;
}

static inline int do_nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 0;
}

/* A map of @n items that checks every result: the pool works. */
static inline void expect_pool_works(size_t n)
{
	void *in, *out;

	expect_done(sheaf_alloc_array(pool, n, 8, &in));
	expect_done(sheaf_alloc_array(pool, n, 8, &out));
	for (size_t i = 0; i < n; i++)
		((uint64_t *)in)[i] = i * 3 + 1;
	expect_done(sheaf_map(pool, mix_item, in, 8, out, 8, n, NULL));
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(((uint64_t *)out)[i], mix(i * 3 + 1), "item %zu", i);
	expect_done(sheaf_free(pool, in));
	expect_done(sheaf_free(pool, out));
}

static inline sheaf_batch *new_batch(const sheaf_batch_options *options)
{
	sheaf_batch *batch;

	expect_done(sheaf_batch_create(&batch, pool, options));
	return batch;
}

static inline uint64_t value_of(const sheaf_result *result)
{
	cr_assert_not_null(result->data);
	return *(const uint64_t *)result->data;
}

#endif
