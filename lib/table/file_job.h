/*
 * file_job.h - a file that is computed from another one: what all of its tasks know.
 */
#ifndef SHEAF_TABLE_FILE_JOB_H
#define SHEAF_TABLE_FILE_JOB_H

#include "os/file_id.h"
#include "sheaf_file.h"

#include <limits.h>

#define FILE_CONTEXT 4096 /* bytes of a context that is copied */

/* In shared memory, in front of the slots: each worker has one, for a block and its result. */
struct file_job {
	uint64_t fn; /* the kernel: see pool/named.h */
	void *context;
	sheaf_array in;  /* of all rows, without data */
	sheaf_array out; /* the same */
	size_t rows, block_rows, halo;
	size_t in_row, out_row; /* bytes */
	uint64_t in_at, out_at; /* bytes in front of the first row */
	bool swapped;           /* numbers of the input have the other byte order */
	bool text;              /* the output is CSV */
	struct os_file_id in_id;
	unsigned slot_count;
	size_t slot_size, out_in_slot; /* bytes; where the result begins */
	unsigned char *slots;
	char in_path[PATH_MAX], out_path[PATH_MAX];
	_Alignas(16) unsigned char copy[FILE_CONTEXT];
};

/* Tell how many blocks there are. */
size_t file_job_blocks(const struct file_job *job);

/* Compute blocks and write them to their places in the output: a range of a loop. */
int file_job_range(sheaf_task *task, size_t begin, size_t end, void *job);

/* Compute a block, and leave its lines as the result: a task. @arg: struct file_job *. */
int file_job_lines(sheaf_task *task, const void *arg, void *result);

#endif
