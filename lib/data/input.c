/*
 * input.c - a file that is read once; every failure names the file.
 *
 * Read with read(), not mapped: a mapped file that somebody shortens meanwhile would raise SIGBUS.
 */
#include "data/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static int input_fail(const char *path, const char *action, int code)
{
	char reason[128];

	if (strerror_r(-code, reason, sizeof(reason)) != 0)
		reason[0] = '\0';
	return sheaf_fail(code, "%s: cannot %s: %s", path, action, reason);
}

int sheaf_input_open(struct input *input, const char *path)
{
	struct input opened = {.path = path};
	struct stat stat;
	int r;

	do
		opened.fd = open(path, O_RDONLY | O_CLOEXEC);
	while (opened.fd < 0 && errno == EINTR);
	if (opened.fd < 0)
		return input_fail(path, "open", -errno);

	if (fstat(opened.fd, &stat) != 0) {
		r = input_fail(path, "read", -errno);
		goto close;
	}
	if (S_ISDIR(stat.st_mode)) {
		r = sheaf_fail(-EISDIR, "%s: is a directory, not a data file", path);
		goto close;
	}
	opened.regular = S_ISREG(stat.st_mode);
	opened.size = opened.regular ? (uint64_t)stat.st_size : 0;

	opened.head_taken = INPUT_HEAD;
	r = sheaf_input_read(&opened, opened.head, INPUT_HEAD, &opened.head_size);
	if (r < 0)
		goto close;
	opened.head_taken = 0;
	*input = opened;
	return 0;
close:
	close(opened.fd);
	return r;
}

void sheaf_input_close(struct input *input)
{
	close(input->fd);
}

int sheaf_input_read(struct input *input, void *buffer, size_t size, size_t *count)
{
	char *bytes = buffer;
	size_t filled = 0;

	while (filled < size && input->head_taken < input->head_size)
		bytes[filled++] = (char)input->head[input->head_taken++];

	while (filled < size) {
		ssize_t got = read(input->fd, bytes + filled, size - filled);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return input_fail(input->path, "read", -errno);
		if (got == 0)
			break;
		filled += (size_t)got;
	}
	*count = filled;
	return 0;
}

int sheaf_input_count_lines(const struct input *input, size_t *lines)
{
	size_t size = 256 * 1024;
	size_t found = 0;
	off_t offset = 0;
	char *buffer = malloc(size);
	char last = '\n';
	int r = 0;

	if (buffer == NULL)
		return sheaf_fail(-ENOMEM, "%s: no memory for a buffer of %zu bytes", input->path, size);
	for (;;) {
		ssize_t got = pread(input->fd, buffer, size, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			r = input_fail(input->path, "read", -errno);
		if (got <= 0)
			break;
		for (const char *at = buffer; (at = memchr(at, '\n', (size_t)(buffer + got - at))) != NULL; at++)
			found++;
		last = buffer[got - 1];
		offset += got;
	}
	free(buffer);
	if (r < 0)
		return r;
	/* The last line may lack its newline. */
	*lines = found + (last != '\n');
	return 0;
}
