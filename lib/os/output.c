/*
 * output.c - pending output of stdio, by what libc tells of it.
 *
 * With glibc (HAVE_IO_LIST) the streams of the process are a list, and each tells how much it
 * holds. So the parent's pending output is thrown away stream by stream, and two words tell whether
 * tasks have left any in stdout. A stream that a task leaves open makes the list begin elsewhere.
 * Once that was seen, output_pending() is always true, and a flush asks every stream.
 *
 * Elsewhere only stdout and stderr are known. The parent's output in them goes to /dev/null. All
 * other streams are flushed at the worker's end, and only if their descriptors were closed, so that
 * what the parent left in them cannot be written.
 */
#ifdef HAVE_IO_LIST
#define _GNU_SOURCE
#endif
#include "os/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#ifdef HAVE_IO_LIST
#include <stdio_ext.h>
#include <wchar.h>
#endif

static const char *const never[2], *const always[2] = {NULL, ""};
const char *const *output_mark = never;

/* Flush a stream unless another thread holds it, because that one may never let go. */
static void flush_stream(FILE *file)
{
	if (ftrylockfile(file))
		return;
	fflush(file);
	funlockfile(file);
}

#ifdef HAVE_IO_LIST

/* Exported by glibc since 2.2.5, for libstdc++. */
extern void *_IO_iter_begin(void), *_IO_iter_end(void), *_IO_iter_next(void *);
extern FILE *_IO_iter_file(void *);
extern void _IO_list_lock(void), _IO_list_unlock(void);
extern FILE *_IO_list_all;

static const FILE *known; /* where the list began; NULL before output_begin() */

static void each_stream(void (*visit)(FILE *file))
{
	for (void *at = _IO_iter_begin(); at != _IO_iter_end(); at = _IO_iter_next(at))
		visit(_IO_iter_file(at));
}

/*
 * Throw pending output away. What was read ahead stays, because a task may read on in an inherited
 * stream.
 */
static void purge_stream(FILE *file)
{
	if (__fpending(file))
		__fpurge(file);
}

void output_drop(bool files_closed)
{
	each_stream(purge_stream);
	if (files_closed)
		__fpurge(stdin); /* its file is another one now */
}

/*
 * Tell whether all that is pending lies in stdout's narrow buffer. A stream of wide characters has
 * another one.
 */
static bool only_stdout_buffers(void)
{
	return fwide(stdout, 0) <= 0 && __fbufsize(stderr) <= 1 && _IO_list_all == known;
}

static void watch_streams(void)
{
	/* output_pending() reads two neighbours. */
	_Static_assert(offsetof(FILE, _IO_write_ptr) == offsetof(FILE, _IO_write_base) + sizeof(char *), "a pair of pointers");

	output_mark = only_stdout_buffers() ? (const char *const *)&stdout->_IO_write_base : always;
}

void output_begin(void)
{
	known = _IO_list_all;
	watch_streams();
}

static void flush_pending(FILE *file)
{
	if (__fpending(file))
		flush_stream(file);
}

void output_flush(bool last)
{
	(void)last;
	_IO_list_lock();
	each_stream(flush_pending);
	_IO_list_unlock();
	watch_streams();
}

void output_look(void)
{
	if (known && _IO_list_all != known)
		output_flush(false);
}

/*
 * Write out what a stream holds, without taking a lock or changing a buffer. A stream that the
 * fault has caught half changed may be written wrongly or not at all.
 */
static void rescue_stream(FILE *file)
{
	const char *at = file->_IO_write_base, *end = file->_IO_write_ptr;
	int fd = file->_fileno;

	while (fd >= 0 && at && at < end && end <= file->_IO_buf_end) {
		ssize_t written = write(fd, at, (size_t)(end - at));

		if (written > 0)
			at += written;
		else if (written == 0 || errno != EINTR)
			return;
	}
}

void output_rescue(void)
{
	unsigned most = 4096; /* a list that was overwritten may have no end */

	for (FILE *file = _IO_list_all; file && most; file = file->_chain, most--)
		rescue_stream(file);
}

#else

static bool flush_all; /* at the end */

/* Write what the stream holds to /dev/null. */
static void drop_stream(FILE *file, int fd, int nothing)
{
	int saved = dup(fd);

	if (saved >= 0 && dup2(nothing, fd) >= 0) {
		flush_stream(file);
		dup2(saved, fd);
	}
	if (saved >= 0)
		close(saved);
}

void output_drop(bool files_closed)
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nothing >= 0) {
		drop_stream(stdout, STDOUT_FILENO, nothing);
		drop_stream(stderr, STDERR_FILENO, nothing);
		close(nothing);
	}
	/* The streams have no file to be written to, and libc forgets what it could not write. */
	if (files_closed)
		fflush(NULL);
	flush_all = files_closed;
	/* Its file is at its end, so what still comes was read ahead. */
	if (files_closed && !ftrylockfile(stdin)) {
		while (getc_unlocked(stdin) != EOF)
			;
		clearerr(stdin);
		funlockfile(stdin);
	}
}

void output_begin(void)
{
	output_mark = always;
}

void output_flush(bool last)
{
	if (last && flush_all) {
		fflush(NULL);
		return;
	}
	flush_stream(stdout);
	flush_stream(stderr);
}

void output_look(void)
{
	/* Streams of tasks are written out at the end. */
}

void output_rescue(void)
{
	/* POSIX does not tell where a stream has what it holds. */
}

#endif
