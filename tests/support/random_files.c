/*
 * random_files.c - mapped files that workers fill, and whose bytes are known.
 */
#include "random_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "children.h"
#include "deadline.h"
#include "sheaf_file.h"

#define MOST_NUMBERS 40000

struct file_context {
	uint64_t *numbers;
	uint64_t salt;
};

static int write_numbers(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct file_context *file = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		file->numbers[i] = distinct_value(file->salt + i);
	/* Some ranges take a while, so that kills hit them. */
	if (begin % 3 == 1)
		sleep_ns(begin % 20000);
	return 0;
}

static int read_numbers(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct file_context *file = context;

	for (size_t i = begin; i < end; i++)
		if (file->numbers[i] != distinct_value(file->salt + i))
			return sheaf_task_fail(task, -EILSEQ, "number %zu is not that of this file", i);
	return 0;
}

static void check_run(int r, const char *what)
{
	CHECK_AS(r == -ETIME ? HARM_HUNG : HARM_LOST, r == 0, "%s a mapped file: %d, \"%s\"", what, r, sheaf_message());
}

/* Check the bytes of the file itself. */
static void check_file(int fd, const struct file_context *file, size_t n)
{
	for (size_t i = 0; i < n; i += 97) {
		uint64_t number;

		CHECK_AS(HARM_LOST,
			 pread(fd, &number, sizeof(number), (off_t)(i * sizeof(number))) == sizeof(number) &&
				 number == distinct_value(file->salt + i),
			 "number %zu of %zu in the file is wrong", i, n);
	}
}

void random_file_run(struct random_batches *batches)
{
	size_t n = 1 + rng_below(&batches->rng, rng_below(&batches->rng, 2) ? 2000 : MOST_NUMBERS);
	const sheaf_layout layout = {.type = SHEAF_U64, .dimensions = 1, .shape = {n}};
	const sheaf_file_options options = {.access = SHEAF_READ_WRITE, .layout = &layout};
	struct file_context file = {.salt = rng_next(&batches->rng) >> 8};
	sheaf_map_options how = {.deadline_ns = hang_deadline(), .context_size = sizeof(file)};
	char path[] = "/tmp/sheaf-random-XXXXXX", shown[40];
	sheaf_array array;
	int fd, r;

	if (access("/proc/thread-self/fd", R_OK))
		return;
	CHECK((fd = mkstemp(path)) >= 0, "mkstemp: %s", strerror(errno));
	/* At once, because this process may be killed. */
	unlink(path);
	CHECK(!ftruncate(fd, (off_t)(n * sizeof(uint64_t))), "ftruncate: %s", strerror(errno));
	snprintf(shown, sizeof(shown), "/proc/thread-self/fd/%d", fd);
	r = sheaf_array_map(&array, batches->pool, shown, &options);
	if (r == -EPERM) {
		close(fd);
		return;
	}
	CHECK(r == 0, "sheaf_array_map: %d, \"%s\"", r, sheaf_message());
	file.numbers = array.data;
	r = sheaf_for(batches->pool, write_numbers, &file, n, &how);
	/* A pool that other programs may join knows these functions by no name. */
	if (r != -ENOENT) {
		check_run(r, "writing");
		check_run(sheaf_for(batches->pool, read_numbers, &file, n, &how), "reading");
		check_file(fd, &file, n);
		batches->results++;
	}
	CHECK((r = sheaf_array_free(&array, batches->pool)) == 0, "sheaf_array_free: %d", r);
	close(fd);
}
