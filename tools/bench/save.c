/*
 * save.c - the new text goes to a file beside the old one, which then takes its name.
 */
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, text, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			text += written;
			size -= (size_t)written;
		}
	}
	return 0;
}

/*
 * Make a file beside @path, under a name that nobody has and nobody can take beforehand. Return: its name, allocated, and in @fd
 * its descriptor; NULL with errno.
 */
static char *open_beside(const char *path, int *fd)
{
	size_t size = strlen(path) + 64;
	char *name = malloc(size);
	struct timespec now;
	int error;

	if (!name)
		return NULL;
	do {
		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(name, size, "%s.%ld.%09ld.new", path, (long)getpid(), now.tv_nsec);
		*fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	} while (*fd < 0 && errno == EEXIST);
	if (*fd >= 0)
		return name;
	error = errno;
	free(name);
	errno = error;
	return NULL;
}

/* A link counts as special: taking its name would replace the link, which may well be /dev/stdout. */
static bool is_special(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int write_as_it_is(const char *path, const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0666), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, size);
	if (close(fd) != 0 && r == 0)
		r = -errno;
	return r;
}

int save_file(const char *path, const char *text, size_t size)
{
	char *name;
	int fd, r;

	if (is_special(path))
		return write_as_it_is(path, text, size);
	name = open_beside(path, &fd);
	if (!name)
		return -errno;
	r = write_all(fd, text, size);
	if (r == 0 && fsync(fd) != 0)
		r = -errno;
	if (close(fd) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(name, path) != 0)
		r = -errno;
	if (r < 0)
		unlink(name);
	free(name);
	return r;
}

int save_close(FILE *memory)
{
	/* A write that found no memory has noted it; the last one is made here. */
	int failed = ferror(memory);

	return fclose(memory) != 0 || failed ? -ENOMEM : 0;
}

/* 0; *@file is NULL if there is nothing to keep: no such file, or a pipe or terminal, which would be waited for. */
static int open_to_keep(const char *path, FILE **file)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	struct stat status;

	*file = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
		close(fd);
		return 0;
	}
	*file = fdopen(fd, "r");
	if (*file)
		return 0;
	r = -errno;
	close(fd);
	return r;
}

/* Allocated, with a zero byte at its end; "" for a file that does not exist. */
static int read_file(const char *path, char **text)
{
	FILE *file, *copy;
	size_t size = 0, got;
	char piece[4096];
	int r = open_to_keep(path, &file);

	if (r < 0)
		return r;
	copy = open_memstream(text, &size);
	if (!copy) {
		r = -errno;
		goto close;
	}
	while (file && (got = fread(piece, 1, sizeof(piece), file)) > 0)
		fwrite(piece, 1, got, copy);
	if (file && ferror(file))
		r = -EIO;
	if (save_close(copy) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		free(*text);
close:
	if (file)
		fclose(file);
	return r;
}

/* The first line from @text on that is @mark and nothing else: a page may speak of its marks, too. NULL: there is none. */
static const char *find_line(const char *text, const char *mark)
{
	size_t size = strlen(mark);

	while (text && (strncmp(text, mark, size) != 0 || (text[size] != '\n' && text[size]))) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return text;
}

int save_between_marks(const char *path, const char *begin, const char *end, const char *text)
{
	const char *first, *last;
	char *old = NULL, *page = NULL;
	FILE *out;
	size_t size = 0;
	int r = read_file(path, &old);

	if (r < 0)
		return r;
	first = find_line(old, begin);
	last = first ? find_line(first, end) : NULL;
	if (!last && old[0]) {
		r = -EBADMSG;
		goto free;
	}
	out = open_memstream(&page, &size);
	if (!out) {
		r = -errno;
		goto free;
	}
	fprintf(out, "%.*s%s\n\n%s\n%s", first ? (int)(first - old) : 0, old, begin, text, last ? last : end);
	if (!last)
		fputs("\n", out);
	r = save_close(out);
	if (r == 0)
		r = save_file(path, page, size);
	free(page);
free:
	free(old);
	return r;
}

int save_possible(const char *path)
{
	struct stat status;
	char *name;
	int fd;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return -EISDIR;
	if (is_special(path))
		return access(path, W_OK) == 0 || errno == ENOENT ? 0 : -errno;
	name = open_beside(path, &fd);
	if (!name)
		return -errno;
	unlink(name);
	close(fd);
	free(name);
	return 0;
}
