/*
 * error.c - codes and texts of failures.
 *
 * The text belongs to the thread. So no lock is needed, and no other thread can change it. It is
 * made printable here, after it was put together, so that no name, file or task that a message
 * quotes gets a control character to a terminal or log.
 */
#include "sheaf_adapter.h"

#include "base/error.h"
#include "base/printable.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[1024];

__attribute__((__format__(__printf__, 1, 0))) static void store_message(const char *format, va_list args)
{
	char raw[sizeof(message)];
	int size = vsnprintf(raw, sizeof(raw), format, args);

	printable(message, sizeof(message), raw, size < 0 ? 0 : size < (int)sizeof(raw) ? (size_t)size : sizeof(raw) - 1);
}

int sheaf_fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	store_message(format, args);
	va_end(args);
	return code;
}

int sheaf_message_set(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	store_message(format, args);
	va_end(args);
	return code;
}

const char *sheaf_message(void)
{
	return message;
}

static const struct {
	int code;
	const char *text;
} sentences[] = {
	{0, "no error"},
	{EINVAL, "an argument is not valid"},
	{EPERM, "that is not allowed: the handle is not the caller's, or the system does not permit it"},
	{EDEADLK, "the task that has opened it waits, and the calling task runs inside of that wait"},
	{EEXIST, "the name or the position is taken"},
	{ENOSPC, "shared memory, or a table of the pool, is full"},
	{ENOMEM, "out of memory or address space"},
	{EAGAIN, "not now: it would have to wait"},
	{ETIMEDOUT, "the deadline passed"},
	{ETIME, "the deadline of the whole call passed"},
	{EBUSY, "in use by another call"},
	{EPIPE, "the pool is closed"},
	{ECANCELED, "cancelled, or the pool was terminated"},
	{ECHILD, "a worker died"},
	{ENOTRECOVERABLE, "the pool stopped, as its workers died without any progress"},
	{EOWNERDEAD, "the supervisor died and cannot be replaced"},
	{EBADF, "this process has closed descriptors of the pool"},
	{EOVERFLOW, "a size does not fit"},
	{EMSGSIZE, "a result is larger than the place for it"},
	{EFAULT, "an argument is not in the pool's shared memory"},
	{EBADMSG, "what was to be read is damaged"},
	{EPROTO, "the file was made by another version"},
	{ESTALE, "what it belonged to is gone"},
	{ENOTSUP, "the pool's backend, or the system, cannot do that, or a file is of a kind that is not supported"},
	{ENOENT, "no such file"},
	{EACCES, "permission denied"},
	{ENOSYS, "the system does not offer that"},
	{EROFS, "the file system is read-only"},
	{EMFILE, "too many open files in this process"},
	{ENFILE, "too many open files in the system"},
	{EISDIR, "it is a directory"},
	{EIO, "input or output failed"},
	{EINTR, "interrupted"},
	{EFBIG, "a file may not grow that large here"},
	{ERANGE, "a number is out of range"},
	{ENXIO, "nobody is at the other end, or there is no such device"},
	{EDOM, "a number is outside of the function's domain"},
};

const char *sheaf_strerror(int code)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (sentences[i].code == (code < 0 ? -(long)code : (long)code))
			return sentences[i].text;
	return "an error of the system or of a task";
}
