/*
 * data_npy.c - files of numbers, computed from other ones: data/npy. The input is in the page
 * cache, the output is a new file each time, and nobody waits for the disk.
 */
#include "crew.h"
#include "measure.h"
#include "peers.h"

#include <sheaf_file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "SHEAF_BENCH_NPY"

enum { HEADER = 128, PIECE = 32768, BY_BLOCKS = 0, MAPPED = 1 };

struct npy_test {
	sheaf_pool *pool;
	const char *in;
	char out[600];
};

static char input_name[512];

static double number(size_t i)
{
	return (double)(i % 1000003) / 64;
}

/* ---- the input ---- */

static bool write_numbers(int fd, size_t n)
{
	double piece[PIECE];
	char header[HEADER + 1], text[96];

	snprintf(text, sizeof(text), "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu,), }", n);
	/* The magic bytes, version 1.0, and the length of the rest in two bytes. */
	memcpy(header, "\x93NUMPY\x01\0v\0", 10);
	snprintf(header + 10, sizeof(header) - 10, "%-*s\n", HEADER - 11, text);
	if (write(fd, header, HEADER) != HEADER)
		return false;
	for (size_t i = 0; i < n; i += PIECE) {
		size_t count = n - i < PIECE ? n - i : PIECE, size = count * sizeof(*piece);

		for (size_t k = 0; k < count; k++)
			piece[k] = number(i + k);
		if (write(fd, piece, size) != (ssize_t)size)
			return false;
	}
	return true;
}

static void npy_prepare(const struct bench_case *what, bool quick)
{
	const char *folder = getenv("TMPDIR");
	bool written;
	int fd;

	unsetenv(VARIABLE);
	snprintf(input_name, sizeof(input_name), "%.400s/sheaf-bench-%ld.npy", folder && folder[0] ? folder : "/tmp",
		 (long)getpid());
	fd = open(input_name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return;
	written = write_numbers(fd, quick ? what->quick.n : what->full.n);
	/* On the disk, so that its writing is over when the rounds begin. */
	written = fsync(fd) == 0 && written;
	close(fd);
	if (!written || setenv(VARIABLE, input_name, 1) != 0)
		unlink(input_name);
}

static void npy_finish(void)
{
	if (getenv(VARIABLE))
		unlink(input_name);
	unsetenv(VARIABLE);
}

/* Name the files of this process. 1: there is none, and bench_skip() was called. */
static int name_files(struct npy_test *test)
{
	test->in = getenv(VARIABLE);
	if (!test->in)
		return bench_skip("%s cannot be written: %s", input_name, strerror(errno ? errno : EIO));
	snprintf(test->out, sizeof(test->out), "%s.%ld", test->in, (long)getpid());
	return 0;
}

static int check_output(const struct bench_job *job, const struct npy_test *test)
{
	double piece[PIECE];
	int fd = open(test->out, O_RDONLY), r = fd < 0 ? bench_fail("%s: %s", test->out, strerror(errno)) : 0;

	for (size_t i = 0; i < job->n && !r; i += PIECE) {
		size_t count = job->n - i < PIECE ? job->n - i : PIECE, size = count * sizeof(*piece);

		if (pread(fd, piece, size, (off_t)(HEADER + i * sizeof(*piece))) != (ssize_t)size)
			r = bench_fail("%s is too short", test->out);
		for (size_t k = 0; k < count && !r; k++)
			if (piece[k] != number(i + k) * number(i + k) * number(i + k))
				r = bench_fail("item %zu is %.17g", i + k, piece[k]);
	}
	close(fd);
	return r;
}

/* ---- Sheaf ---- */

static int cube_block(sheaf_task *task, const sheaf_block *block, void *context)
{
	const double *in = block->in.data;
	double *out = block->out.data;

	(void)task;
	(void)context;
	for (size_t i = 0; i < block->shape[0]; i++)
		out[i] = in[i] * in[i] * in[i];
	return 0;
}

static int by_blocks(struct npy_test *test)
{
	return sheaf_map_file(test->pool, cube_block, &(sheaf_file_job){.in = test->in, .out = test->out, .type = SHEAF_F64},
			      NULL);
}

struct cube_job {
	const double *in;
	double *out;
};

static int cube_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct cube_job *job = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		job->out[i] = job->in[i] * job->in[i] * job->in[i];
	return 0;
}

static int by_mapping(struct npy_test *test)
{
	sheaf_array in, out;
	struct cube_job job;
	int r = sheaf_array_map(&in, test->pool, test->in, NULL);

	if (!r)
		r = sheaf_array_create_file(&out, test->pool, test->out, SHEAF_F64, 0, 1, in.shape);
	if (r)
		return r;
	job = (struct cube_job){.in = in.data, .out = out.data};
	if (!(r = sheaf_for(test->pool, cube_range, &job, in.shape[0], &(sheaf_map_options){.context_size = sizeof(job)})) &&
	    !(r = sheaf_array_finish(&out, test->pool, in.shape[0], false)))
		r = sheaf_array_free(&in, test->pool);
	return r;
}

static int compute_file(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct npy_test *test = context;
	uint64_t start;
	int r;

	unlink(test->out);
	start = sheaf_now_ns();
	r = job->way == MAPPED ? by_mapping(test) : by_blocks(test);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed(job->way == MAPPED ? "sheaf_array_create_file" : "sheaf_map_file", r) : 0;
}

static int npy(const struct bench_job *job, double *ns)
{
	struct npy_test test;
	int r = name_files(&test);

	if (r || (r = bench_room(job->n * sizeof(double))))
		return r;
	r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_repeat(job, compute_file, &test, ns);
	if (r == 0)
		r = check_output(job, &test);
	unlink(test.out);
	sheaf_pool_destroy(test.pool);
	return r;
}

/* ---- the limit: the same bytes by bare reads and writes ---- */

/* Copy a part of the input to its place in the output. */
static void copy_part(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	const struct npy_test *test = crew->context;
	int from = open(test->in, O_RDONLY), to = open(test->out, O_WRONLY);
	char *buffer = malloc(PIECE * sizeof(double));
	size_t first, left = crew_share(crew, index, HEADER + job->n * sizeof(double), &first);

	if (from < 0 || to < 0 || !buffer)
		abort();
	while (left > 0) {
		size_t size = left < PIECE * sizeof(double) ? left : PIECE * sizeof(double);

		if (pread(from, buffer, size, (off_t)first) != (ssize_t)size ||
		    pwrite(to, buffer, size, (off_t)first) != (ssize_t)size)
			abort();
		first += size;
		left -= size;
	}
	free(buffer);
	close(from);
	close(to);
}

static int copy_file(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct crew *crew = context;
	const struct npy_test *test = crew->context;
	uint64_t start, took;
	int fd, r;

	unlink(test->out);
	start = sheaf_now_ns();
	fd = open(test->out, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return bench_fail("%s: %s", test->out, strerror(errno));
	r = posix_fallocate(fd, 0, (off_t)(HEADER + job->n * sizeof(double)));
	close(fd);
	took = sheaf_now_ns() - start;
	if (r)
		return bench_skip("no room on the disk: %s", strerror(r));
	r = crew_run(crew, job, ns);
	*ns += took;
	return r;
}

static int limit_npy(const struct bench_job *job, double *ns)
{
	struct npy_test test;
	struct crew crew = {.size = job->workers, .work = copy_part, .context = &test};
	void *page = NULL;
	int r = name_files(&test);

	if (r || (r = crew_memory(sizeof(*crew.page), &page)))
		return r;
	crew.page = page;
	r = bench_repeat(job, copy_file, &crew, ns);
	unlink(test.out);
	return r;
}

const struct bench_case cases_data_npy[] = {
	{
		.name = "data/npy",
		.unit = "ns/item",
		.unit_ns = 1,
		.full = {.n = (size_t)1 << 27, .repeats = 3},
		.quick = {.n = 20000, .repeats = 1},
		.what = "the cube of each double of an .npy file, written to another one",
		.prepare = npy_prepare,
		.finish = npy_finish,
		.contenders = {SHEAF(npy, BY_BLOCKS),
			       VARIANT("Sheaf, mapped", npy, MAPPED),
			       {PEER("NumPy", "arrays.py"), .variant = "serial"},
			       {PEER("joblib", "arrays.py"), .variant = "joblib"},
			       LIMIT("copy the file", limit_npy, 0),
			       LIMIT("bandwidth of a copy", limit_copy, 0)},
		.bounds = {{.most = 1.1, .of = {"copy the file"}}, {.most = 1.0, .of = {"NumPy", "joblib"}}},
	},
	{0},
};
