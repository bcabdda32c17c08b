/*
 * binding.c - how another language uses a pool. The language is a toy: its programs and values are
 * texts, its errors are objects of its own, and its signal handlers are run by its interpreter.
 *
 * Run: build/docs/examples/binding
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sheaf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { PROGRAMS = 500, TRACE = 2000 };

/* ---- the language ---- */

struct interpreter {
	const char *greeting;
	volatile sig_atomic_t signalled; /* its C handler only notes that a signal came */
	unsigned handled;
};

/* A value, or an error with a trace that no message has room for. */
struct object {
	bool raised;
	size_t size;
	char text[TRACE + 1];
};

static struct interpreter language = {.greeting = "hello"};

static void note_signal(int signal)
{
	(void)signal;
	language.signalled = 1;
}

/* Run a program of so many bytes: "greet NAME", "repeat N", "divide A B", "sleep", "crash". */
static void run(const struct interpreter *self, unsigned attempt, const char *program, size_t size, struct object *value)
{
	char text[64] = "", *name = text + 6;
	unsigned a = 0, b = 0;

	memset(value, 0, sizeof(*value));
	memcpy(text, program, size < sizeof(text) ? size : sizeof(text) - 1);
	if (!strcmp(text, "crash") && attempt == 1)
		raise(SIGKILL);
	if (!strcmp(text, "sleep"))
		nanosleep(&(struct timespec){.tv_sec = 600}, NULL);
	if (sscanf(text, "repeat %u", &a) == 1)
		memset(value->text, 'x', value->size = a < TRACE ? a : TRACE);
	else if (sscanf(text, "divide %u %u", &a, &b) == 2 && b)
		value->size = (size_t)snprintf(value->text, TRACE, "%u", a / b);
	else if (!strncmp(text, "greet ", 6))
		value->size = (size_t)snprintf(value->text, TRACE, "%s, %s", self->greeting, name);
	else if (!strncmp(text, "divide", 6))
		*value = (struct object){.raised = true, .size = TRACE, .text = "ZeroDivisionError in line 1 of: divide"};
}

/* ---- the binding: in a worker ---- */

/* Run the program that is the argument, in the interpreter that is the batch's context. */
static int evaluate(sheaf_task *task, const void *arg, void *result)
{
	const struct interpreter *self = sheaf_task_context(task);
	struct object value;
	void *memory;
	int r;

	(void)result;
	run(self, sheaf_task_attempt(task), arg, sheaf_task_arg_size(task), &value);
	/* A value or an error object, of any size. */
	r = sheaf_task_result(task, value.size, &memory);
	if (r == 0 && value.size)
		memcpy(memory, value.text, value.size);
	return value.raised ? sheaf_task_fail(task, -EDOM, "%.80s", value.text) : r;
}

/* ---- the binding: in the owner ---- */

/* Asked by calls that wait: run the language's handlers. True: one of them has raised. */
static bool run_handlers(void *context)
{
	struct interpreter *self = context;

	if (!self->signalled)
		return false;
	self->signalled = 0;
	self->handled++;
	return true;
}

/* One call of the language: the value, or its error object. The task runs once. */
static int apply(sheaf_pool *pool, const char *program)
{
	size_t size;
	void *bytes;
	sheaf_map_options options = {.context = &language, .left = &bytes, .left_size = &size};
	int r = sheaf_apply(pool, evaluate, program, strlen(program), NULL, 0, &options);

	if (r == 0 || bytes)
		printf("%s -> %s of %zu bytes: %.*s\n", program, r ? "an error" : "a value", size, size < 20 ? (int)size : 20,
		       (char *)bytes);
	else
		/* Not the program's error. */
		fprintf(stderr, "binding: %s: %s\n", program, sheaf_message());
	free(bytes);
	return r == -EDOM ? 0 : r;
}

static int hand_out(sheaf_batch *batch, size_t *count, size_t *sum)
{
	sheaf_result result;
	int r;

	while ((r = sheaf_next_done(batch, &result, 0)) == 1) {
		*count += 1;
		*sum += result.size;
	}
	return r < 0 && r != -EAGAIN ? r : sheaf_batch_arm(batch);
}

/* Wait in an event loop for so many results, and for news of the worker that crashes. */
static int await_results(sheaf_pool *pool, sheaf_batch *batch, size_t wanted, size_t *count, size_t *sum)
{
	struct pollfd news = {.fd = sheaf_pool_fd(pool), .events = POLLIN};
	sheaf_batch *found;
	bool died = false;
	int r = hand_out(batch, count, sum);

	while (r >= 0 && (*count < wanted || !died)) {
		poll(&news, 1, 1000);
		while (r >= 0 && (r = sheaf_pool_news(pool, &found)) == 1) {
			died |= !found;
			if (found)
				r = hand_out(batch, count, sum);
			else
				printf("a worker has died\n");
		}
	}
	return r;
}

/* A stream that never blocks the language's threads for longer than 10 ms. */
static int submit_all(sheaf_pool *pool, sheaf_batch *batch)
{
	size_t count = 0, sum = 0;
	int r = 0;

	for (uint64_t i = 0; r >= 0 && i < PROGRAMS; i++) {
		char program[32];

		snprintf(program, sizeof(program), i == PROGRAMS / 2 ? "crash" : "repeat %" PRIu64, i);
		do {
			sheaf_task_options wait = {.deadline_ns = sheaf_now_ns() + 10000000};

			r = sheaf_submit_with(batch, i, evaluate, program, strlen(program), &wait);
			if (r == -ETIMEDOUT && hand_out(batch, &count, &sum) < 0)
				return -1;
		} while (r == -ETIMEDOUT); /* here the language would let its other threads run */
	}
	if (r >= 0)
		r = await_results(pool, batch, PROGRAMS, &count, &sum);
	printf("%zu values of %zu bytes\n", count, sum);
	return r;
}

/* A signal in a wait: the language runs its handler, which raises, so the wait ends. */
static int be_interrupted(sheaf_pool *pool)
{
	const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
	const sheaf_batch_options options = {.context = &language, .grace_ns = 1};
	sheaf_result result;
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r || (r = sheaf_submit(batch, 0, evaluate, "sleep", 5)))
		return r;
	signal(SIGALRM, note_signal);
	setitimer(ITIMER_REAL, &soon, NULL);
	r = sheaf_next(batch, &result, SHEAF_FOREVER);
	printf("%s, %u handler has run\n", r == -EINTR ? "interrupted" : "not interrupted", language.handled);
	sheaf_batch_retire(batch); /* at once: the grace time is 1 ns */
	return r == -EINTR ? 0 : -1;
}

int main(void)
{
	const sheaf_pool_options options = {.workers = 2,
					    .ring_size = 16,
					    .flags = SHEAF_TELL_DEATHS,
					    .interrupted = run_handlers,
					    .interrupted_context = &language};
	const sheaf_batch_options stream = {.context = &language, .flags = SHEAF_NONBLOCK};
	sheaf_pool *pool = NULL;
	sheaf_batch *batch;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0 && (r = apply(pool, "greet reader")) == 0 && (r = apply(pool, "repeat 1500")) == 0)
		r = apply(pool, "divide 1 0");
	if (r == 0 && (r = sheaf_batch_create(&batch, pool, &stream)) == 0)
		r = submit_all(pool, batch);
	if (r >= 0)
		r = be_interrupted(pool);
	if (r < 0)
		fprintf(stderr, "binding: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
