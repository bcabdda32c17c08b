/*
 * sum.c - two programs of one version, linked in different ways: the other one sums up what this
 * one calls for. install.sh builds and runs them.
 *
 * Usage: sum OTHER: own a pool, whose only worker waits, and start OTHER with the pool's name.
 *        sum /NAME: join the pool and work for it. This program calls no reduction itself.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sheaf_attach.h>
#include <sheaf_reduce.h>

#define N 100000

struct gate {
	_Atomic int arrived, open;
};

static int wait_here(sheaf_task *task, const void *arg, void *result)
{
	struct gate *gate = *(struct gate *const *)arg;

	(void)task, (void)result;
	gate->arrived = 1;
	while (!gate->open)
		usleep(1000);
	return 0;
}

static const sheaf_function functions[] = {{.name = "wait", .task = wait_here}};

static int work(const char *name)
{
	const sheaf_attach_options options = {.functions = functions, .function_count = 1};
	sheaf_pool *pool;
	int code = sheaf_pool_attach(&pool, name, &options);

	if (code < 0)
		return code;
	code = sheaf_pool_work(pool, SHEAF_FOREVER);
	sheaf_pool_destroy(pool);
	return code;
}

#ifndef WORKS_ONLY
static int own(const char *other)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = 1};
	const sheaf_pool_options options = {.workers = 1, .sharing = &sharing};
	sheaf_pool_info info;
	sheaf_batch *batch;
	sheaf_pool *pool;
	void *memory;
	struct gate *gate;
	double *x, sum = 0;
	int code = sheaf_pool_create(&pool, &options), status = 0;

	if (code < 0 || (code = sheaf_pool_get_info(pool, &info)) < 0 ||
	    (code = sheaf_alloc(pool, sizeof(*gate) + N * sizeof(*x), &memory)) < 0)
		return code;
	gate = memory;
	x = (double *)(gate + 1);
	for (int i = 0; i < N; i++)
		x[i] = 2;
	if ((code = sheaf_batch_create(&batch, pool, NULL)) < 0 ||
	    (code = sheaf_submit(batch, 0, wait_here, &gate, sizeof(gate))) < 0)
		return code;
	while (!gate->arrived)
		usleep(1000);
	if (fork() == 0) {
		execl(other, other, info.name, (char *)NULL);
		_exit(127);
	}
	code = sheaf_sum(pool, SHEAF_F64, x, N, &sum, NULL);
	gate->open = 1;
	sheaf_pool_close(pool);
	wait(&status);
	sheaf_pool_destroy(pool);
	printf("%g, %d\n", sum, status);
	return code;
}
#endif

int main(int argc, char **argv)
{
	int code;

	if (argc != 2)
		return 2;
#ifdef WORKS_ONLY
	code = work(argv[1]);
#else
	/* A program that is started has a path with a dot in front. */
	code = argv[1][0] == '/' ? work(argv[1]) : own(argv[1]);
#endif
	if (code < 0)
		fprintf(stderr, "sum: %s\n", sheaf_message());
	return code < 0;
}
