/*
 * test_patience.c - how long calls wait, and what ends them: a signal of the host, a deadline for
 * room in the ring, the grace time of retiring; and how a host that waits by poll() learns of
 * deaths.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waiter.h"
#include "sheaf_data.h"

#define MS UINT64_C(1000000)

static _Atomic int handled, asked, ends_now;
static sheaf_batch *_Atomic used; /* the host uses it when it is asked */

/* A host that ends a wait once a handler has run, as an interpreter does. */
static bool has_handled(void *context)
{
	cr_assert_eq(context, &handled);
	atomic_fetch_add(&asked, 1);
	return atomic_exchange(&handled, 0);
}

static void handle(int signal)
{
	(void)signal;
	atomic_store(&handled, 1);
}

static void catch_signal(int flags)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = flags};

	sigaction(SIGUSR1, &action, NULL);
}

static void start_host(sheaf_pool_options options)
{
	options.heap_size = 64 << 20;
	if (!options.interrupted) {
		options.interrupted = has_handled;
		options.interrupted_context = &handled;
	}
	start(&options);
	atomic_store(&handled, 0);
	atomic_store(&asked, 0);
}

static void end_host(void)
{
	signal(SIGUSR1, SIG_DFL);
	end();
}

TestSuite(patience, .init = begin, .fini = end_host);

/* ---- signals: each call that waits ---- */

static int wait_next_done(struct waiter *waiter)
{
	sheaf_result result;

	return sheaf_next_done(waiter->batch, &result, hang_deadline());
}

static int wait_for_first(struct waiter *waiter)
{
	return sheaf_wait(&waiter->batch, 1, SHEAF_FIRST_DONE, SHEAF_FOREVER);
}

static int wait_for_all(struct waiter *waiter)
{
	return sheaf_wait(&waiter->batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER);
}

static int wait_apply(struct waiter *waiter)
{
	return sheaf_apply(pool, wait_at_gate, &waiter->gate, sizeof(waiter->gate), NULL, 0,
			   &(sheaf_map_options){.grace_ns = 1});
}

static int wait_for_loop(struct waiter *waiter)
{
	return sheaf_for(pool, range_at_gate, waiter->gate, 100, &(sheaf_map_options){.grain = 1, .grace_ns = 1});
}

static int item_at_gate(sheaf_task *task, const void *in, void *out)
{
	(void)in;
	(void)out;
	gate_pass((struct gate *)(uintptr_t)sheaf_task_context(task));
	return 0;
}

static int wait_map(struct waiter *waiter)
{
	sheaf_map_options options = {.grain = 1, .grace_ns = 1, .context = waiter->gate};

	return sheaf_map(pool, item_at_gate, NULL, 0, NULL, 0, 100, &options);
}

static int wait_load(struct waiter *waiter)
{
	sheaf_array array;

	return sheaf_array_load(&array, pool, waiter->path, NULL);
}

static wait_fn *const made_again[] = {wait_next, wait_next_done, wait_gather, wait_for_first, wait_for_all, wait_submit};
static wait_fn *const gives_up[] = {wait_apply, wait_for_loop, wait_map};

/* The pool's workers are at the gate, and a thread waits. */
static void start_waiting(struct waiter *waiter, wait_fn *fn)
{
	*waiter = (struct waiter){.fn = fn, .code = 1000, .gate = new_gate(), .batch = new_batch(NULL)};
	for (int i = 0; i < 2; i++)
		expect_done(sheaf_submit(waiter->batch, waiter->position++, wait_at_gate, &waiter->gate, sizeof(waiter->gate)));
	gate_await(waiter->gate, 2);
	cr_assert_eq(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), 0);
}

/* Wait until the host was asked so often more: the call sleeps. */
static void await_questions(int count)
{
	uint64_t deadline = hang_deadline();
	int begin = atomic_load(&asked);

	while (atomic_load(&asked) < begin + count && sheaf_now_ns() < deadline)
		nap();
	cr_assert_geq(atomic_load(&asked), begin + count, "the host was not asked");
}

static void expect_ended(struct waiter *waiter)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&waiter->code) == 1000 && sheaf_now_ns() < deadline)
		nap();
	cr_assert_eq(atomic_load(&waiter->code), -EINTR, "%d: %s", atomic_load(&waiter->code), waiter->message);
	cr_assert_not_null(strstr(waiter->message, "options.interrupted"), "%s", waiter->message);
	cr_assert_eq(pthread_join(waiter->thread, NULL), 0);
}

static void expect_nothing_lost(struct waiter *waiter)
{
	const sheaf_result *results;
	size_t count;

	gate_open(waiter->gate);
	cr_assert_eq(sheaf_gather(waiter->batch, &results, &count, hang_deadline()), 0, "%s", sheaf_message());
	cr_assert_eq(count, waiter->position);
	sheaf_batch_retire(waiter->batch);
}

Test(patience, a_signal_handler_ends_each_wait_and_nothing_is_lost)
{
	/* With SA_RESTART, too: an interpreter may use either. */
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		start_host((sheaf_pool_options){.workers = 2, .ring_size = 4});
		for (size_t i = 0; i < sizeof(made_again) / sizeof(made_again[0]); i++) {
			struct waiter waiter;

			catch_signal(flags);
			start_waiting(&waiter, made_again[i]);
			await_questions(2);
			cr_assert_eq(atomic_load(&waiter.code), 1000, "a host that says no ends no wait: %s", waiter.message);
			cr_assert_eq(pthread_kill(waiter.thread, SIGUSR1), 0);
			expect_ended(&waiter);
			expect_nothing_lost(&waiter);
		}
		end();
	}
}

Test(patience, calls_that_fan_out_give_up_what_is_not_done)
{
	start_host((sheaf_pool_options){.workers = 2});
	catch_signal(0);
	for (size_t i = 0; i < sizeof(gives_up) / sizeof(gives_up[0]); i++) {
		struct waiter waiter = {.fn = gives_up[i], .code = 1000, .gate = new_gate()};

		cr_assert_eq(pthread_create(&waiter.thread, NULL, wait_in_thread, &waiter), 0);
		gate_await(waiter.gate, 1);
		await_questions(1);
		cr_assert_eq(pthread_kill(waiter.thread, SIGUSR1), 0);
		expect_ended(&waiter);
		expect_pool_works(100);
	}
}

Test(patience, so_does_a_join_which_can_be_made_again)
{
	struct waiter waiter;

	start_host((sheaf_pool_options){.workers = 2});
	catch_signal(0);
	waiter = (struct waiter){.fn = wait_join, .code = 1000, .gate = new_gate(), .batch = new_batch(NULL)};
	expect_done(sheaf_submit(waiter.batch, waiter.position++, wait_at_gate, &waiter.gate, sizeof(waiter.gate)));
	expect_done(sheaf_pool_close(pool));
	cr_assert_eq(pthread_create(&waiter.thread, NULL, wait_in_thread, &waiter), 0);
	await_questions(2);
	cr_assert_eq(pthread_kill(waiter.thread, SIGUSR1), 0);
	expect_ended(&waiter);
	gate_open(waiter.gate);
	expect_done(sheaf_pool_join(pool, hang_deadline()));
	expect_nothing_lost(&waiter);
}

Test(patience, and_a_load_that_waits_for_a_writer)
{
	struct waiter waiter = {.fn = wait_load, .code = 1000};
	char path[] = "/tmp/sheaf-patience-XXXXXX", fifo[64];
	int fd;

	cr_assert_not_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR); /* a writer that says nothing */
	waiter.path = fifo;
	start_host((sheaf_pool_options){.workers = 1});
	catch_signal(0);
	cr_assert_eq(pthread_create(&waiter.thread, NULL, wait_in_thread, &waiter), 0);
	await_questions(2);
	cr_assert_eq(pthread_kill(waiter.thread, SIGUSR1), 0);
	expect_ended(&waiter);
	close(fd);
	unlink(fifo);
	rmdir(path);
}

/* A handler may have run between the last check and the sleep, or in another thread. */
Test(patience, a_handler_that_ran_unseen_ends_the_wait_within_a_moment)
{
	start_host((sheaf_pool_options){.workers = 2, .ring_size = 4});
	for (size_t i = 0; i < sizeof(made_again) / sizeof(made_again[0]); i++) {
		struct waiter waiter;

		start_waiting(&waiter, made_again[i]);
		if (i % 2)
			await_questions(1);
		atomic_store(&handled, 1);
		expect_ended(&waiter);
		expect_nothing_lost(&waiter);
	}
}

/* ---- while the caller runs tasks ---- */

static int short_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	for (int i = 0; i < 5; i++)
		nap();
	return 0;
}

static int short_task(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return short_range(task, 0, 0, NULL);
}

static bool ends_if_told(void *context)
{
	(void)context;
	atomic_fetch_add(&asked, 1);
	return atomic_load(&ends_now);
}

Test(patience, a_caller_that_works_asks_between_two_tasks)
{
	sheaf_batch_options works = {.caller_works = true};

	start_host((sheaf_pool_options){.workers = 1, .ring_size = 1 << 14, .interrupted = ends_if_told});
	for (int kind = 0; kind < 4; kind++) {
		sheaf_batch *batch = new_batch(&works);
		const sheaf_result *results;
		size_t n = 0;

		atomic_store(&ends_now, 1);
		if (kind == 0) {
			sheaf_map_options options = {.grain = 1, .caller_works = true};

			cr_assert_eq(sheaf_for(pool, short_range, NULL, 10000000, &options), -EINTR, "%s", sheaf_message());
		} else if (kind == 1) {
			expect_done(sheaf_submit_for(batch, short_range, NULL, 3000, &(sheaf_map_options){.grain = 1}));
		}
		for (uint64_t i = 0; kind > 1 && i < 3000; i++)
			expect_done(sheaf_submit(batch, i, short_task, NULL, 0));
		if (kind == 3)
			cr_assert_eq(sheaf_wait(&batch, 1, SHEAF_FIRST_FAILED, SHEAF_FOREVER), -EINTR, "%s", sheaf_message());
		else if (kind)
			cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), -EINTR, "%s", sheaf_message());
		atomic_store(&ends_now, 0);
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
		cr_assert_eq(n, kind ? 3000 : 0);
		sheaf_batch_retire(batch);
	}
	cr_assert_gt(atomic_load(&asked), 3);
}

/* An interpreter runs any code in its handlers, also such that uses the pool. */
static bool uses_the_pool(void *context)
{
	static _Atomic uint64_t position = 1000;
	sheaf_batch *batch = atomic_load(&used), *own;
	uint64_t value = 0;
	int r = sheaf_apply(pool, mix_position, NULL, 0, &value, sizeof(value), NULL);

	(void)context;
	cr_assert(r == 0 && value == mix(0), "%d: %s", r, sheaf_message());
	r = sheaf_submit(batch, atomic_fetch_add(&position, 1), do_nothing, NULL, 0);
	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
	r = sheaf_batch_create(&own, pool, NULL);
	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
	sheaf_batch_retire(own);
	atomic_fetch_add(&asked, 1);
	return false;
}

Test(patience, the_host_may_use_the_pool_when_it_is_asked)
{
	for (int works = 0; works < 3; works++) {
		sheaf_batch *batch;
		const sheaf_result *results;
		size_t n;

		start_host((sheaf_pool_options){.workers = 2, .ring_size = 1 << 12, .interrupted = uses_the_pool});
		batch = new_batch(&(sheaf_batch_options){.caller_works = works});
		atomic_store(&used, new_batch(NULL));
		if (works == 2)
			expect_done(sheaf_submit_for(batch, short_range, NULL, 1000, &(sheaf_map_options){.grain = 1}));
		for (uint64_t i = 0; works < 2 && i < 1000; i++)
			expect_done(sheaf_submit(batch, i, short_task, NULL, 0));
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
		cr_assert_gt(atomic_load(&asked), 0);
		sheaf_batch_retire(batch);
		sheaf_batch_retire(atomic_load(&used));
		end();
	}
}

/* ---- room in the ring ---- */

Test(patience, a_submit_waits_for_room_until_its_deadline)
{
	start_host((sheaf_pool_options){.workers = 1, .ring_size = 2});
	for (unsigned flags = 0; flags <= SHEAF_NONBLOCK; flags++) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.flags = flags});
		struct gate *gate = new_gate();
		sheaf_task_options soon = {0}, late = {.deadline_ns = hang_deadline()};
		const sheaf_result *results;
		uint64_t begin;
		size_t n;

		expect_done(sheaf_submit(batch, 0, wait_at_gate, &gate, sizeof(gate)));
		expect_done(sheaf_submit(batch, 1, wait_at_gate, &gate, sizeof(gate)));
		if (flags)
			expect_failure(sheaf_submit(batch, 2, do_nothing, NULL, 0), -EAGAIN, "the ring is full: 2 tasks wait");
		begin = sheaf_now_ns();
		soon.deadline_ns = begin + 30 * MS;
		expect_failure(sheaf_submit_with(batch, 2, do_nothing, NULL, 0, &soon), -ETIMEDOUT,
			       "the deadline passed while the ring is full: 2 tasks wait or run");
		cr_assert_geq(sheaf_now_ns() - begin, 30 * MS);
		soon.deadline_ns = 1; /* long ago */
		expect_failure(sheaf_submit_with(batch, 2, do_nothing, NULL, 0, &soon), -ETIMEDOUT, "the deadline passed");
		gate_open(gate);
		expect_done(sheaf_submit_with(batch, 2, do_nothing, NULL, 0, &late));
		expect_done(sheaf_submit_with(batch, 3, do_nothing, NULL, 0, &late));
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
		cr_assert_eq(n, 4);
		sheaf_batch_retire(batch);
	}
}

struct climb {
	unsigned flags;
	bool map;
	uint64_t deadline_ns; /* 0: none */
	unsigned depth;
};

static int climb_item(sheaf_task *task, const void *in, void *out)
{
	(void)task;
	(void)in;
	(void)out;
	return 0;
}

/* Submit one of its own, as long as it is refused again and again, and wait for that. */
static int climb(sheaf_task *task, const void *arg, void *result)
{
	struct climb way = *(const struct climb *)arg;
	sheaf_batch_options options = {.flags = way.flags};
	sheaf_task_options with = {.deadline_ns = way.deadline_ns};
	uint64_t deadline = hang_deadline();
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;
	int r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options);

	(void)result;
	if (r || !way.depth--)
		return r;
	do {
		if (way.map)
			r = sheaf_submit_map(batch, climb_item, NULL, 0, NULL, 0, 100, &(sheaf_map_options){.grain = 1});
		else
			r = sheaf_submit_with(batch, 0, climb, &way, sizeof(way), &with);
	} while ((r == -EAGAIN || r == -ETIMEDOUT) && sheaf_now_ns() < deadline);
	if (!r)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	return r ? sheaf_task_fail(task, r < 0 ? r : -EPROTO, "%s", sheaf_message()) : 0;
}

/* All slots are held by tasks that wait, or poll: each of them must get on. */
Test(patience, a_task_gets_on_in_a_ring_full_of_tasks_that_wait)
{
	for (int kind = 0; kind < 8; kind++)
		for (unsigned workers = 1; workers <= 3; workers++) {
			struct climb way = {
				.flags = kind & 1 ? SHEAF_NONBLOCK : 0, .map = kind & 2, .depth = kind & 2 ? 1 : 12};
			const sheaf_result *results;
			sheaf_batch *batch;
			size_t n;

			if (kind & 4 && kind & 2)
				continue;
			way.deadline_ns = kind & 4 ? sheaf_now_ns() + MS : 0;
			start_host((sheaf_pool_options){.workers = workers, .ring_size = 2});
			batch = new_batch(NULL);
			for (uint64_t i = 0; i < 6; i++)
				expect_done(sheaf_submit(batch, i, climb, &way, sizeof(way)));
			cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%d: %s", kind, sheaf_message());
			cr_assert_eq(n, 6);
			sheaf_batch_retire(batch);
			end();
		}
}

/* ---- the grace time ---- */

/* In shared memory: a task that takes its time. */
struct stay {
	_Atomic int begun, ended;
	uint64_t ns;
};

static int stay_for(sheaf_task *task, const void *arg, void *result)
{
	struct stay *stay = *(struct stay *const *)arg;
	uint64_t until;

	(void)task;
	(void)result;
	until = sheaf_now_ns() + stay->ns;
	atomic_store(&stay->begun, 1);
	while (sheaf_now_ns() < until)
		nap();
	atomic_store(&stay->ended, 1);
	return 0;
}

/* How long it takes to retire a batch with such a task. */
static uint64_t retire_with_grace(uint64_t grace_ns, uint64_t ns, bool *ended)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.grace_ns = grace_ns});
	struct stay *stay;
	uint64_t begin;
	void *memory;

	expect_done(sheaf_alloc(pool, sizeof(*stay), &memory));
	stay = memory;
	stay->ns = ns;
	expect_done(sheaf_submit(batch, 0, stay_for, &stay, sizeof(stay)));
	while (!atomic_load(&stay->begun))
		nap();
	begin = sheaf_now_ns();
	sheaf_batch_retire(batch);
	*ended = atomic_load(&stay->ended);
	begin = sheaf_now_ns() - begin;
	expect_done(sheaf_free(pool, memory));
	return begin;
}

Test(patience, retiring_kills_after_the_grace_time)
{
	uint64_t shortest = UINT64_MAX;
	sheaf_pool_info info;
	bool ended;

	start_host((sheaf_pool_options){.workers = 1});
	cr_assert_geq(retire_with_grace(150 * MS, 600000 * MS, &ended), 150 * MS);
	cr_assert_not(ended);
	/* At once. A busy machine may be slow, but not each time. */
	for (int i = 0; i < 5; i++) {
		uint64_t took = retire_with_grace(1, 600000 * MS, &ended);

		cr_assert_not(ended);
		shortest = took < shortest ? took : shortest;
	}
	cr_assert_lt(shortest, 500 * MS);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.deaths, 0, "on request");
	expect_pool_works(100);
}

Test(patience, retiring_waits_for_ever_if_asked_to)
{
	bool ended;
	pid_t pid;

	start_host((sheaf_pool_options){.workers = 1});
	expect_pool_works(1);
	pid = sheaf_pool_worker_pid(pool, 0);
	(void)retire_with_grace(SHEAF_FOREVER, 1600 * MS, &ended);
	cr_assert(ended);
	(void)retire_with_grace(SHEAF_FOREVER - 1, 1600 * MS, &ended);
	cr_assert(ended);
	cr_assert_eq(sheaf_pool_worker_pid(pool, 0), pid);
}

Test(patience, a_call_that_gives_up_has_a_grace_time)
{
	struct stay *stay;
	void *memory;

	start_host((sheaf_pool_options){.workers = 1});
	expect_done(sheaf_alloc(pool, sizeof(*stay), &memory));
	stay = memory;
	stay->ns = 1300 * MS;
	cr_assert_eq(sheaf_apply(pool, stay_for, &stay, sizeof(stay), NULL, 0,
				 &(sheaf_map_options){.deadline_ns = sheaf_now_ns() + 10 * MS, .grace_ns = SHEAF_FOREVER}),
		     -ETIME);
	/* Unless it had not begun before the deadline. */
	cr_assert_eq(atomic_load(&stay->ended), atomic_load(&stay->begun));
}

/* ---- deaths ---- */

static bool is_readable(int timeout_ms)
{
	struct pollfd news = {.fd = sheaf_pool_fd(pool), .events = POLLIN};

	return poll(&news, 1, timeout_ms) > 0;
}

/* Kill a worker, and wait until its death is counted. */
static void kill_worker(unsigned worker)
{
	uint64_t deadline = hang_deadline();
	sheaf_pool_info info;
	uint64_t deaths;
	pid_t pid;

	expect_done(sheaf_pool_get_info(pool, &info));
	deaths = info.deaths;
	while ((pid = sheaf_pool_worker_pid(pool, worker)) <= 0)
		nap();
	cr_assert_eq(kill(pid, SIGKILL), 0);
	do {
		nap();
		expect_done(sheaf_pool_get_info(pool, &info));
	} while (info.deaths == deaths && sheaf_now_ns() < deadline);
	cr_assert_eq(info.deaths, deaths + 1);
}

static void expect_deaths_told(void)
{
	sheaf_batch *batch = (sheaf_batch *)&batch;

	cr_assert(is_readable(120000));
	cr_assert_eq(sheaf_pool_news(pool, &batch), 1, "%s", sheaf_message());
	cr_assert_null(batch);
	cr_assert_eq(sheaf_pool_news(pool, &batch), 0);
}

Test(patience, deaths_make_the_descriptor_readable_and_are_told)
{
	sheaf_batch *batch, *found = NULL;

	start_host((sheaf_pool_options){.workers = 2, .flags = SHEAF_TELL_DEATHS});
	cr_assert_eq(sheaf_pool_news(pool, &found), 0);
	cr_assert(!is_readable(0));
	for (int i = 0; i < 10; i++) {
		kill_worker((unsigned)i % 2);
		expect_deaths_told();
		cr_assert(!is_readable(0));
	}
	/* Several count as one, and an armed batch has news, too. */
	kill_worker(0);
	kill_worker(1);
	batch = new_batch(NULL);
	expect_done(sheaf_batch_arm(batch));
	expect_deaths_told();
	kill_worker(0);
	cr_assert_eq(sheaf_pool_news(pool, &found), 1);
	cr_assert_null(found);
	cr_assert_eq(sheaf_pool_news(pool, &found), 1);
	cr_assert_eq(found, batch);
	cr_assert_eq(sheaf_pool_news(pool, &found), 0);
	sheaf_batch_retire(batch);
}

/* poll() wakes while the death is being counted: nothing told then is told later. */
Test(patience, a_death_is_told_however_early_the_owner_asks)
{
	start_host((sheaf_pool_options){.workers = 1, .flags = SHEAF_TELL_DEATHS});
	for (int i = 0; i < 30; i++) {
		uint64_t deadline = hang_deadline();
		sheaf_batch *batch = (sheaf_batch *)&batch;
		pid_t pid;
		int told = 0;

		while ((pid = sheaf_pool_worker_pid(pool, 0)) <= 0)
			nap();
		cr_assert_eq(kill(pid, SIGKILL), 0);
		while (!told && sheaf_now_ns() < deadline) {
			cr_assert(is_readable(120000), "asleep, and a death is not told");
			told = sheaf_pool_news(pool, &batch);
		}
		cr_assert_eq(told, 1);
		cr_assert_null(batch);
	}
}

Test(patience, a_pool_that_did_not_ask_is_told_of_no_deaths)
{
	sheaf_batch *found = NULL;

	start_host((sheaf_pool_options){.workers = 1});
	kill_worker(0);
	cr_assert_eq(sheaf_pool_news(pool, &found), 0);
	cr_assert_null(found);
	/* What was asked for is no death. */
	end();
	start_host((sheaf_pool_options){.workers = 1, .flags = SHEAF_TELL_DEATHS});
	{
		bool ended;

		(void)retire_with_grace(1, 600000 * MS, &ended);
	}
	expect_pool_works(10);
	cr_assert_eq(sheaf_pool_news(pool, &found), 0);
}

/* ---- a task of the caller that waits for itself ---- */

static int gather_own(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch *const *batches = *(sheaf_batch *const *const *)arg;
	const sheaf_result *results;
	sheaf_result one;
	size_t n;

	(void)result;
	if (!sheaf_task_pool(task))
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		sheaf_batch *batch = batches[i];

		if (sheaf_next(batch, &one, SHEAF_FOREVER) != -EDEADLK || sheaf_next_done(batch, &one, 0) != -EDEADLK ||
		    sheaf_gather(batch, &results, &n, SHEAF_FOREVER) != -EDEADLK ||
		    sheaf_wait(&batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER) != -EDEADLK || sheaf_batch_arm(batch) != -EDEADLK)
			return sheaf_task_fail(task, -EPROTO, "batch %d: %s", i, sheaf_message());
		if (!strstr(sheaf_message(), "a task may not wait for its own position"))
			return sheaf_task_fail(task, -EPROTO, "%s", sheaf_message());
	}
	return 0;
}

Test(patience, a_task_of_the_caller_that_waits_for_its_own_position_is_told)
{
	sheaf_batch *batches[2], **list = batches, *busy;
	struct gate *gate;
	sheaf_result result;

	start_host((sheaf_pool_options){.workers = 1});
	gate = new_gate();
	busy = new_batch(NULL);
	expect_done(sheaf_submit(busy, 0, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	/* In sheaf_wait() for two batches; then in sheaf_next() for one of them. */
	batches[0] = new_batch(&(sheaf_batch_options){.caller_works = true});
	batches[1] = new_batch(NULL);
	expect_done(sheaf_submit(batches[1], 0, wait_at_gate, &gate, sizeof(gate)));
	expect_done(sheaf_submit(batches[0], 0, gather_own, &list, sizeof(list)));
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_DONE, hang_deadline()), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_next(batches[0], &result, 0), 1);
	cr_assert_eq(result.status, 0, "%s", result.message);
	cr_assert_eq(result.worker, -1, "the caller was to run it");
	/* For all of both; the second one waits for the gate, so until the deadline. */
	expect_done(sheaf_submit(batches[0], 1, gather_own, &list, sizeof(list)));
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_ALL_DONE, sheaf_now_ns() + 20 * MS), -ETIMEDOUT);
	cr_assert_eq(sheaf_next(batches[0], &result, hang_deadline()), 1);
	cr_assert_eq(result.status, 0, "%s", result.message);
	sheaf_batch_retire(batches[1]);
	batches[1] = batches[0];
	expect_done(sheaf_submit(batches[0], 2, gather_own, &list, sizeof(list)));
	cr_assert_eq(sheaf_next(batches[0], &result, hang_deadline()), 1);
	cr_assert_eq(result.status, 0, "%s", result.message);
	gate_open(gate); /* the worker was busy until here: the tasks were the caller's */
	sheaf_batch_retire(batches[0]);
	sheaf_batch_retire(busy);
}
