/*
 * append.c - writes more rows behind those of an .npy file, in place.
 *
 * Order             First the rows, then the header, which counts them. So the rows that it counts
 *                   are always whole.
 * Deaths            Before the header: the file is longer than its shape says, and the next one
 *                   that appends writes over that. A header is written by one call, within one
 *                   block of the disk.
 */
#include "base/cancel.h"
#include "base/error.h"
#include "base/little.h"
#include "data/describe.h"
#include "data/npy_format.h"
#include "data/npy_header.h"
#include "data/shape.h"
#include "os/files.h"
#include "os/replace.h"
#include "sheaf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct target {
	const char *path;
	int fd;
	uint64_t size;      /* bytes of the file */
	size_t text_at;     /* bytes in front of the header's text */
	uint64_t values_at; /* bytes in front of the items */
	sheaf_array array;  /* without data */
	uint64_t used;      /* bytes of its items */
};

static int fail_io(const struct target *target, const char *what, int code)
{
	return sheaf_fail(code, "sheaf_npy_append: cannot %s %.200s: %s", what, target->path, strerror(-code));
}

/* Read exactly @size bytes of the header. */
static int read_exact(const struct target *target, void *bytes, size_t size, uint64_t at)
{
	int r = os_read_at(target->fd, at, bytes, size);

	if (r == -ENODATA)
		return sheaf_fail(-EBADMSG, "%s: the .npy file is truncated in its header", target->path);
	return r ? fail_io(target, "read", r) : 0;
}

/* Read the header. It is that of a file with a size, so it is read at once. */
static int read_target(struct target *target)
{
	struct npy_header header = {.path = target->path};
	unsigned char start[12];
	size_t length, from;
	char *text;
	int r = read_exact(target, start, sizeof(start), 0);

	if (r)
		return r;
	if (memcmp(start, "\x93NUMPY", 6) || start[6] < 1 || start[6] > 3)
		return sheaf_fail(-EBADMSG, "%s: is not an .npy file of version 1.0, 2.0 or 3.0", target->path);
	from = start[6] == 1 ? 10 : 12;
	length = (size_t)little_load(start + 8, start[6] == 1 ? 2 : 4);
	if (length > target->size - from)
		return sheaf_fail(-EBADMSG, "%s: the .npy file is truncated: its header has %zu bytes", target->path, length);
	if (!(text = malloc(length + 1)))
		return sheaf_fail(-ENOMEM, "%s: no memory for a header of %zu bytes", target->path, length);
	r = read_exact(target, text, length, from);
	text[length] = '\0';
	header.at = text;
	header.latin = start[6] < 3;
	if (!r)
		r = npy_header_read(&header);
	free(text);
	if (r)
		return r;
	if (!header.known || header.dtype.swapped || header.fortran_order || !header.dimensions ||
	    header.dimensions > SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-ENOTSUP,
				  "%s: rows can be appended in C order, with this machine's byte order, to a dtype that arrays "
				  "have, and not to a single item: load it, and save it anew",
				  target->path);
	target->array = (sheaf_array){.type = header.dtype.type, .item_size = header.dtype.item_size};
	target->text_at = from;
	target->values_at = from + length;
	if (header.too_large || !shape_make(&target->array, header.dimensions, header.shape, false, &length))
		return sheaf_fail(-EOVERFLOW, "%s: the shape in the header does not fit in memory", target->path);
	target->used = length;
	if (target->used > target->size - target->values_at)
		return sheaf_fail(-EBADMSG, "%s: the .npy file is truncated: %llu of %llu bytes of its values are missing",
				  target->path, (unsigned long long)(target->used - (target->size - target->values_at)),
				  (unsigned long long)target->used);
	return 0;
}

/* Do the rows fit what is there? */
static int check_rows(const struct target *target, const sheaf_array *rows)
{
	const sheaf_array *array = &target->array;
	char texts[2][DESCRIBE_TEXT];
	bool same = rows->type == array->type && rows->item_size == array->item_size && rows->dimensions == array->dimensions;

	for (unsigned d = 1; same && d < array->dimensions; d++)
		same = rows->shape[d] == array->shape[d];
	if (!same)
		return sheaf_fail(-EINVAL,
				  "sheaf_npy_append: %.200s is %s, and rows is %s: all but the first length must be the same",
				  target->path, describe_array(array, texts[0]), describe_array(rows, texts[1]));
	if (rows->shape[0] > SIZE_MAX - array->shape[0])
		return sheaf_fail(-EOVERFLOW, "%s: so many rows do not fit", target->path);
	return 0;
}

/*
 * Make the header anew, of the same bytes in all, from its text on. *@size: of the text with what
 * fills it up. 0; -ENOTSUP: it has no room; -ENOMEM.
 */
static int make_text(const struct target *target, const sheaf_array *all, unsigned char **text, size_t *size)
{
	unsigned char header[NPY_HEADER];
	size_t used = npy_dictionary(all, false, (char *)header);

	*size = (size_t)target->values_at - target->text_at;
	if (used + 1 > *size)
		return sheaf_fail(-ENOTSUP,
				  "%s: its header of %zu bytes has no room for %zu rows: load it, and save it anew by "
				  "sheaf_array_save(), which leaves room",
				  target->path, (size_t)target->values_at, all->shape[0]);
	if (!(*text = malloc(*size)))
		return sheaf_fail(-ENOMEM, "%s: no memory for a header of %zu bytes", target->path, *size);
	memset(*text, ' ', *size);
	memcpy(*text, header, used);
	(*text)[*size - 1] = '\n';
	return 0;
}

/* Write the header by one call. */
static int count_appended(const struct target *target, const unsigned char *text, size_t size)
{
	ssize_t n;

	do
		n = pwrite(target->fd, text, size, (off_t)target->text_at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (size_t)n == size ? 0 : -ENOSPC;
}

/* Cut the file at @end, and write on there. */
static int cut_target(const struct target *target, uint64_t end)
{
	while (ftruncate(target->fd, (off_t)end))
		if (errno != EINTR)
			return -errno;
	return lseek(target->fd, (off_t)end, SEEK_SET) < 0 ? -errno : 0;
}

static int append_rows(const struct target *target, const sheaf_array *rows)
{
	uint64_t end = target->values_at + target->used;
	sheaf_array all = target->array;
	unsigned char *text = NULL;
	size_t size = 0;
	int r;

	all.shape[0] += rows->shape[0];
	if ((r = make_text(target, &all, &text, &size)))
		return r;
	/* Also what one that died has left behind, because the rows may not cover all of that. */
	r = cut_target(target, end);
	if (!r)
		r = npy_write_items(target->fd, rows, false);
	if (!r)
		r = count_appended(target, text, size);
	free(text);
	if (!r)
		return 0;
	/* The header counts the rows of before. If this fails, too, the next one cuts. */
	cut_target(target, end);
	return fail_io(target, "write to", r);
}

static int append_to(const char *path, const sheaf_array *rows)
{
	struct target target = {.path = path};
	struct stat status;
	int r = 0;

	if ((target.fd = os_open(path, O_RDWR)) < 0)
		return fail_io(&target, "open", target.fd);
	if (fstat(target.fd, &status))
		r = fail_io(&target, "read", -errno);
	else if (!S_ISREG(status.st_mode))
		r = sheaf_fail(-ENOTSUP, "%s: is no regular file, so rows cannot be counted in its header", path);
	else if (status.st_size < 12)
		r = sheaf_fail(-EBADMSG, "%s: is not an .npy file of version 1.0, 2.0 or 3.0", path);
	target.size = r ? 0 : (uint64_t)status.st_size;
	if (!r)
		r = read_target(&target);
	if (!r)
		r = check_rows(&target, rows);
	if (!r)
		r = append_rows(&target, rows);
	if (close(target.fd) && errno != EINTR && !r)
		r = fail_io(&target, "write to", -errno);
	return r;
}

int sheaf_npy_append(const char *path, const sheaf_array *rows)
{
	int r = shape_check("sheaf_npy_append", "rows", rows), cancel;

	if (r || !path)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_npy_append: path is NULL");
	/* A thread that is cancelled in the midst would leave a file open. */
	cancel = cancel_refuse();
	r = append_to(path, rows);
	cancel_allow(cancel);
	return r;
}
