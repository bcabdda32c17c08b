/*
 * file_block.c - computes one block of a file: reads it, calls the kernel, and writes the result.
 *
 * Files are read and written by offsets, and not mapped, so that one that is cut meanwhile is an
 * error and no signal. A block is the same whichever worker computes it, and how often.
 *
 * Writers           A slot: the worker of its number, and nobody after its death but its successor.
 *                   The output: each block by the worker that has it, at its own place.
 * Deaths            Of a worker: its block is computed again, and written over what it has left.
 */
#include "table/file_job.h"

#include "base/error.h"
#include "data/dtype.h"
#include "os/files.h"
#include "pool/named.h"
#include "table/table_text.h"
#include "table/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t file_job_blocks(const struct file_job *job)
{
	return job->rows / job->block_rows + (job->rows % job->block_rows != 0);
}

/* ---- files ---- */

static int fail_block(sheaf_task *task, int code, const char *what, const char *path)
{
	return sheaf_task_fail(task, code, "%s: cannot %s: %s", path, what, strerror(-code));
}

static int open_part_of(sheaf_task *task, const char *path, int flags)
{
	int fd = os_open(path, flags);

	return fd < 0 ? fail_block(task, fd, "open", path) : fd;
}

static int read_input(sheaf_task *task, const struct file_job *job, int fd, unsigned char *to, size_t first, size_t rows)
{
	int r = os_read_at(fd, job->in_at + (uint64_t)first * job->in_row, to, rows * job->in_row);

	if (r == -ENODATA)
		return sheaf_task_fail(task, -EBADMSG, "%s: became shorter while it was read", job->in_path);
	return r ? fail_block(task, r, "read", job->in_path) : 0;
}

static int write_output(sheaf_task *task, const struct file_job *job, const unsigned char *from, size_t first, size_t rows)
{
	uint64_t at = job->out_at + (uint64_t)first * job->out_row;
	size_t left = rows * job->out_row;
	int fd = open_part_of(task, job->out_path, O_WRONLY), r = 0;

	if (fd < 0)
		return fd;
	while (left && !r) {
		ssize_t n = pwrite(fd, from, left, (off_t)at);

		if (n < 0 && errno != EINTR)
			r = fail_block(task, -errno, "write", job->out_path);
		from += n > 0 ? n : 0;
		at += n > 0 ? (uint64_t)n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	if (close(fd) && errno != EINTR && !r)
		r = fail_block(task, -errno, "write", job->out_path);
	return r;
}

/* ---- blocks ---- */

static void describe_rows_of(const struct file_job *job, size_t number, sheaf_block *block)
{
	size_t begin = number * job->block_rows, left = job->rows - begin;
	size_t rows = left < job->block_rows ? left : job->block_rows;
	size_t before = begin < job->halo ? begin : job->halo, behind = left - rows < job->halo ? left - rows : job->halo;

	*block = (sheaf_block){.in = job->in, .out = job->out, .begin = {begin}, .shape = {rows}, .inner = {before}};
	for (unsigned d = 1; d < job->out.dimensions; d++)
		block->shape[d] = job->out.shape[d];
	block->in.shape[0] = before + rows + behind;
	block->out.shape[0] = rows;
}

/* Read the rows of a block, in this machine's byte order. */
static int fetch_block(sheaf_task *task, const struct file_job *job, const sheaf_block *block)
{
	size_t number = dtype_number_size(job->in.type, job->in.item_size), rows = block->in.shape[0];
	int fd = open_part_of(task, job->in_path, O_RDONLY), r;

	if (fd < 0)
		return fd;
	r = os_file_is(fd, &job->in_id) ? read_input(task, job, fd, block->in.data, block->begin[0] - block->inner[0], rows)
					: sheaf_task_fail(task, -EBADMSG, "%s: was replaced while it was read", job->in_path);
	close(fd);
	if (!r && job->swapped)
		dtype_swap(block->in.data, rows * job->in_row / number, number);
	return r;
}

/* Compute a block in memory that is the task's alone. */
static int compute_block(sheaf_task *task, const struct file_job *job, size_t number, unsigned char *memory, sheaf_block *block)
{
	sheaf_block_fn *fn = (sheaf_block_fn *)task_named_function(task, job->fn);
	int r;

	describe_rows_of(job, number, block);
	block->in.data = memory;
	block->out.data = memory + job->out_in_slot;
	memset(block->out.data, 0, block->out.shape[0] * job->out_row);
	r = fetch_block(task, job, block);
	return r ? r : fn(task, block, job->context);
}

/* Find the worker's slot. One that was not there when the job began takes memory of its own. */
static unsigned char *worker_slot(const sheaf_task *task, const struct file_job *job, void **own)
{
	unsigned worker = sheaf_task_worker(task);

	*own = NULL;
	return worker < job->slot_count ? job->slots + worker * job->slot_size : (*own = malloc(job->slot_size));
}

int file_job_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct file_job *job = context;
	void *own;
	unsigned char *memory = worker_slot(task, job, &own);
	sheaf_block block;
	int r = memory ? 0 : sheaf_task_fail(task, -ENOMEM, "no memory for a block of %zu bytes", job->slot_size);

	for (size_t number = begin; number < end && !r; number++) {
		r = compute_block(task, job, number, memory, &block);
		if (!r)
			r = write_output(task, job, block.out.data, block.begin[0], block.shape[0]);
	}
	free(own);
	return r;
}

/* Write the result of a block as lines, its columns being one behind the other in each row. */
static int write_lines(sheaf_task *task, const sheaf_block *block)
{
	size_t count = block->out.dimensions > 1 ? block->out.shape[1] : 1;
	sheaf_column *columns = calloc(count ? count : 1, sizeof(*columns));
	struct table_text text = {.rows = block->shape[0],
				  .column_count = count,
				  .columns = columns,
				  .missing = "",
				  .separator = ',',
				  .point = '.'};
	struct table_block all = {.text = &text, .end = block->shape[0]};
	int r;

	if (!columns)
		return sheaf_task_fail(task, -ENOMEM, "no memory for %zu columns", count);
	for (size_t i = 0; i < count; i++) {
		columns[i].values = block->out;
		columns[i].values.dimensions = 1;
		columns[i].values.data = (unsigned char *)block->out.data + i * block->out.item_size;
	}
	r = table_text_block(task, &all, NULL);
	free(columns);
	return r;
}

int file_job_lines(sheaf_task *task, const void *arg, void *result)
{
	const struct file_job *job;
	sheaf_block block;
	unsigned char *memory;
	void *own;
	int r;

	(void)result;
	memcpy(&job, arg, sizeof(job));
	if (!(memory = worker_slot(task, job, &own)))
		return sheaf_task_fail(task, -ENOMEM, "no memory for a block of %zu bytes", job->slot_size);
	r = compute_block(task, job, (size_t)sheaf_task_position(task), memory, &block);
	if (!r)
		r = write_lines(task, &block);
	free(own);
	return r;
}

const struct own_function own_file_block[] = {
	OWN(file_job_range),
	OWN(file_job_lines),
	OWN_END,
};
