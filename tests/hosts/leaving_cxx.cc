/*
 * leaving_cxx.cc - kind D in C++: an exception that a task does not catch ends at the task.
 *
 * Nothing of the owner's is unwound in a worker: no catch, no destructor of a local, static or
 * thread-local object.
 */
#include "host.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <pthread.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

enum { MARK_FOREIGN, MARK_OWN_DESTRUCTORS, MARK_INDEX };

static pid_t owner;

namespace
{
struct guard {
	~guard()
	{
		if (owner && getpid() != owner)
			host_add(MARK_FOREIGN, 1);
	}
};

struct task_local {
	~task_local()
	{
		host_add(MARK_OWN_DESTRUCTORS, 1);
	}
};
} // namespace

static int throw_error(sheaf_task *, const void *, void *)
{
	throw std::runtime_error("bad record");
}

static int throw_number(sheaf_task *, const void *, void *)
{
	throw 7;
}

static int throw_deep(int depth)
{
	std::vector<std::string> strings(3, "some text that does not fit into the object itself");

	if (depth == 0)
		return (int)strings.at((size_t)host_get(MARK_INDEX)).size();
	return throw_deep(depth - 1) + (int)strings.size();
}

static int throw_from_depth(sheaf_task *, const void *, void *)
{
	return throw_deep(50);
}

static int throw_in_noexcept(sheaf_task *, const void *, void *) noexcept
{
	return throw_deep(3);
}

static int throw_in_thread(sheaf_task *, const void *, void *)
{
	std::thread thread([] { throw std::runtime_error("in a thread of a task"); });

	thread.join();
	return 0;
}

static int exit_with_objects(sheaf_task *, const void *, void *)
{
	std::exit(3);
}

static int end_thread(sheaf_task *, const void *, void *)
{
	pthread_exit(nullptr);
}

static int rethrow_nothing(sheaf_task *, const void *, void *)
{
	throw;
}

static int throw_at_seven(sheaf_task *task, const void *, void *result)
{
	uint64_t position = sheaf_task_position(task);

	if (position == 7)
		throw std::bad_alloc();
	std::memcpy(result, &position, sizeof(position));
	return 0;
}

static int throw_in_range(sheaf_task *, size_t begin, size_t end, void *)
{
	if (begin <= 7 && 7 < end)
		throw std::out_of_range("seven");
	return 0;
}

/* What a task catches itself is its own business. */
static int catch_inside(sheaf_task *task, const void *, void *result)
{
	uint64_t position = sheaf_task_position(task);

	try {
		task_local local;

		throw_deep(10);
	} catch (const std::out_of_range &e) {
		std::memcpy(result, &position, sizeof(position));
		if (position == 5)
			return sheaf_task_fail(task, -ERANGE, "%s", e.what());
		return 0;
	}
	return -EBADMSG;
}

static void no_foreign_runs(const char *what)
{
	EXPECT(getpid() == owner, "got the owner's code in a worker after %s, expected none", what);
	EXPECT(host_get(MARK_FOREIGN) == 0, "got %ld destructors of the owner's objects run in workers after %s, expected none",
	       host_get(MARK_FOREIGN), what);
}

static void ends_in(sheaf_pool *pool, sheaf_task_fn *fn, const char *what, int signal_expected)
{
	sheaf_batch_options options = {};
	const sheaf_result *results;
	sheaf_batch *batch;
	int failed, r;

	options.max_attempts = 2;
	options.task_timeout_ns = 10 * SECOND;
	r = sheaf_apply(pool, fn, nullptr, 0, nullptr, 0, nullptr);
	EXPECT(r == -ECHILD, "got %d (%s) from sheaf_apply() of %s, expected -ECHILD", r, sheaf_message(), what);
	no_foreign_runs(what);
	batch = host_batch(pool, &options);
	NEED(sheaf_submit(batch, 3, fn, nullptr, 0));
	results = host_gather(batch, 1, &failed);
	EXPECT(failed == 1 && results[0].status == -ECHILD && results[0].attempts == 2,
	       "got status %d after %u runs of %s, expected -ECHILD after 2", results[0].status, results[0].attempts, what);
	EXPECT(!signal_expected || results[0].signal == signal_expected, "got signal %d of %s, expected %d", results[0].signal, what,
	       signal_expected);
	EXPECT(results[0].message[0], "got no message of %s, expected one", what);
	sheaf_batch_retire(batch);
	no_foreign_runs(what);
	host_works(pool);
}

/*
 * An owner with objects of each kind, which catches everything, makes a pool and plays a part with
 * it.
 */
static int play(void (*part)(sheaf_pool *pool))
{
	static guard static_object;
	static thread_local guard thread_object;
	guard local_object;

	(void)static_object, (void)thread_object;
	owner = getpid();
	host_set(MARK_INDEX, 17);
	try {
		guard inner_object;
		sheaf_pool *pool = host_pool(2);

		part(pool);
		host_kill_supervisor(pool);
		host_works(pool);
		part(pool);
		sheaf_pool_destroy(pool);
	} catch (...) {
		if (getpid() != owner)
			host_verdict(1, "got a worker in the owner's catch, expected none");
		throw;
	}
	return 0;
}

static void throws(sheaf_pool *pool)
{
	ends_in(pool, throw_error, "an exception", SIGABRT);
	ends_in(pool, throw_number, "an exception that is a number", SIGABRT);
	ends_in(pool, throw_from_depth, "an exception from 50 calls deep", SIGABRT);
}

static int tasks_that_throw(void)
{
	return play(throws);
}

static void terminates(sheaf_pool *pool)
{
	ends_in(pool, throw_in_noexcept, "an exception in a noexcept function", SIGABRT);
	ends_in(pool, throw_in_thread, "an exception in a thread", SIGABRT);
	ends_in(pool, rethrow_nothing, "a throw of nothing", SIGABRT);
}

static int tasks_that_terminate(void)
{
	return play(terminates);
}

static void exits(sheaf_pool *pool)
{
	ends_in(pool, exit_with_objects, "std::exit()", 0);
	ends_in(pool, end_thread, "pthread_exit()", 0);
}

static int tasks_that_exit_beside_objects(void)
{
	return play(exits);
}

static void throws_in_items(sheaf_pool *pool)
{
	sheaf_map_options options = {};
	void *out;
	int r;

	options.max_attempts = 2;
	options.grain = 4;
	NEED(sheaf_alloc(pool, 16 * 8, &out));
	std::memset(out, 0, 16 * 8);
	r = sheaf_map(pool, throw_at_seven, nullptr, 0, out, 8, 16, &options);
	EXPECT(r == -ECHILD, "got %d (%s) from a map with an item that throws, expected -ECHILD", r, sheaf_message());
	for (uint64_t i = 0; i < 16; i++)
		EXPECT(i == 7 || static_cast<uint64_t *>(out)[i] == i, "got a wrong result beside an item that throws, expected it right");
	NEED(sheaf_free(pool, out));
	no_foreign_runs("a map");
	r = sheaf_for(pool, throw_in_range, nullptr, 16, &options);
	EXPECT(r == -ECHILD, "got %d (%s) from a loop that throws, expected -ECHILD", r, sheaf_message());
	no_foreign_runs("a loop");
}

static int maps_and_loops_that_throw(void)
{
	return play(throws_in_items);
}

static void catches(sheaf_pool *pool)
{
	sheaf_batch_options options = {};
	const sheaf_result *results;
	uint64_t deaths = host_info(pool).deaths;
	int failed;

	options.result_size = 8;
	sheaf_batch *batch = host_batch(pool, &options);
	for (uint64_t i = 0; i < 10; i++)
		NEED(sheaf_submit(batch, i, catch_inside, nullptr, 0));
	results = host_gather(batch, 10, &failed);
	EXPECT(failed == 1 && results[5].status == -ERANGE, "got %d failures, expected one of a task that says so", failed);
	EXPECT(host_info(pool).deaths == deaths, "got a death of a worker, expected none");
	EXPECT(host_get(MARK_OWN_DESTRUCTORS) >= 10, "got %ld destructors of the tasks' own objects, expected 10",
	       host_get(MARK_OWN_DESTRUCTORS));
	sheaf_batch_retire(batch);
}

static int tasks_that_catch_what_they_throw(void)
{
	return play(catches);
}

HOST_PROGRAM("leaving_cxx", CASE(tasks_that_throw), CASE(tasks_that_terminate), CASE(tasks_that_exit_beside_objects),
	     CASE(maps_and_loops_that_throw), CASE(tasks_that_catch_what_they_throw))
