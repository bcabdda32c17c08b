/*
 * file.c - creates a file of results: an .npy file, if the type of the items is told, else the
 * bytes alone.
 *
 * The header is that of NumPy's format 1.0: a magic number, the length of a text, and the text,
 * with blanks until the data begin at a multiple of 64 (numpy/lib/format.py).
 */
#include "mpi/file.h"

#include "mpi/checkpoint.h"

#include "sheaf_adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 128 /* for each shape there is: two numbers and a short type */

/* Find the size of an item of a type such as "<f8". 0: it is none that we know. */
static size_t size_of_type(const char *dtype)
{
	unsigned long size;
	char *end;

	if (!strchr("<>|=", dtype[0]) || !dtype[0] || !dtype[1] || !strchr("biufcSV", dtype[1]))
		return 0;
	if (dtype[2] < '1' || dtype[2] > '9' || strlen(dtype) > 10)
		return 0;
	size = strtoul(dtype + 2, &end, 10);
	return *end ? 0 : (size_t)size;
}

/* Write the header of an .npy file. */
static int make_type_header(const struct job *job, char header[HEADER_BYTES])
{
	size_t item = size_of_type(job->options.dtype), per = item ? job->out_size / item : 0;
	char text[HEADER_BYTES];
	int length;

	if (!item || job->out_size % item)
		return sheaf_message_set(-EINVAL,
					 "%s: options.dtype is \"%.20s\", and out_size %zu: give a type as \"<f8\", of "
					 "which a result has a whole number",
					 job->call, job->options.dtype, job->out_size);
	if (per == 1)
		length = snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (%llu,), }",
				  job->options.dtype, (unsigned long long)job->n);
	else
		length = snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (%llu, %zu), }",
				  job->options.dtype, (unsigned long long)job->n, per);
	memset(header, ' ', HEADER_BYTES);
	memcpy(header, "\x93NUMPY\x01\x00", 8);
	header[8] = HEADER_BYTES - 10;
	header[9] = 0;
	memcpy(header + 10, text, (size_t)length);
	header[HEADER_BYTES - 1] = '\n';
	return 0;
}

static int fail_file(struct job *job, const char *what)
{
	int code = -errno;

	if (job->file >= 0)
		close(job->file);
	job->file = -1;
	return sheaf_message_set(code, "%s: cannot %s '%s': %s", job->call, what, job->options.path, strerror(-code));
}

static int write_header(const struct job *job, const char header[HEADER_BYTES])
{
	size_t written = 0;

	while (written < HEADER_BYTES) {
		ssize_t some = write(job->file, header + written, HEADER_BYTES - written);

		if (some < 0 && errno != EINTR)
			return -errno;
		if (some > 0)
			written += (size_t)some;
	}
	return 0;
}

/* Open the file that an earlier run of the job has begun. */
static int reopen_file(struct job *job)
{
	struct stat facts;

	job->file = open(job->options.path, O_RDWR | O_CLOEXEC);
	if (job->file < 0)
		return fail_file(job, "open");
	if (fstat(job->file, &facts))
		return fail_file(job, "look at");
	if ((uint64_t)facts.st_size == job->file_begin + job->n * job->out_size)
		return 0;
	file_close(job);
	return sheaf_message_set(-ESTALE,
				 "%s: '%s' has %lld bytes, and not the results that the journal speaks of: remove both",
				 job->call, job->options.path, (long long)facts.st_size);
}

int file_create(struct job *job)
{
	char header[HEADER_BYTES];
	int r;

	/* Before the file that has been there is cut. */
	if (job->options.dtype && (r = make_type_header(job, header)))
		return r;
	job->file_begin = job->options.dtype ? HEADER_BYTES : 0;
	if (checkpoint_is_begun(job))
		return reopen_file(job);
	job->file = open(job->options.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (job->file < 0)
		return fail_file(job, "create");
	if (job->options.dtype && (r = write_header(job, header))) {
		errno = -r;
		return fail_file(job, "write to");
	}
	if (ftruncate(job->file, (off_t)(job->file_begin + job->n * job->out_size)))
		return fail_file(job, "set the length of");
	return 0;
}

int file_open(struct job *job)
{
	job->file_begin = job->options.dtype ? HEADER_BYTES : 0;
	job->file = open(job->options.path, O_RDWR | O_CLOEXEC);
	return job->file < 0 ? fail_file(job, "open") : 0;
}

int file_close(struct job *job)
{
	int file = job->file;

	job->file = -1;
	if (file >= 0 && close(file))
		return fail_file(job, "close");
	return 0;
}
