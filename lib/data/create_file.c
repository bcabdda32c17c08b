/*
 * create_file.c - makes .npy files, and named shared memory, that are arrays from the beginning.
 *
 * Deaths            Of the owner: FILE.part is left, and the next one that makes the file removes
 *                   it. The file is what it was before.
 */
#include "base/cancel.h"
#include "base/error.h"
#include "data/map_file.h"
#include "data/npy_format.h"
#include "data/shape.h"
#include "os/files.h"
#include "os/os.h"
#include "os/replace.h"
#include "os/sync.h"
#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDING_SIZE (sizeof(".part") - 1)

/* Open the part that os_replace_begin() has made, for reading, too: it is to be mapped. */
static int open_part(const char *path, char *part)
{
	int fd = os_replace_begin(path, part), again;

	if (fd < 0)
		return fd;
	do
		again = open(part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	while (again < 0 && errno == EINTR);
	if (again < 0)
		again = -errno;
	close(fd);
	return again;
}

/* Write the header, and take the space behind it. 0, or -errno. */
static int fill_part(int fd, const sheaf_array *array, struct file_part *part)
{
	unsigned char header[NPY_HEADER];
	size_t size = npy_format(array, false, header);
	int r = os_replace_write(fd, header, size);

	part->at = size;
	if (!r && !os_file_fits(0, part->at + part->size))
		r = -EFBIG;
	return r ? r : os_commit(fd, 0, part->at + part->size, NULL);
}

static int make_array_file(sheaf_array *array, sheaf_pool *pool, const char *path, struct file_part *part)
{
	static const char call[] = "sheaf_array_create_file";
	struct mapping_file file = {.access = MAPPING_SHARED, .flags = MAPPING_MADE};
	char absolute[PATH_MAX], part_name[PATH_MAX];
	int r = file_absolute(path, absolute);

	if (!r && (file.fd = open_part(absolute, part_name)) < 0)
		r = file.fd;
	if (r)
		return sheaf_fail(r, "%s: cannot make %.200s: %s", call, path, os_replace_why(r));
	file.path = part_name;
	r = fill_part(file.fd, &part->array, part);
	if (r)
		r = sheaf_fail(r, "%s: cannot take %llu bytes for %.200s: %s", call, (unsigned long long)part->at + part->size,
			       path, strerror(-r));
	else
		r = file_map(array, pool, call, &file, part);
	if (r) {
		close(file.fd);
		unlink(part_name);
	}
	return r;
}

/* Check what a call of creation is given, and describe the array. */
static int begin_making(const char *call, const sheaf_array *array, sheaf_pool *pool, const char *path,
			const sheaf_layout *layout, struct file_part *part)
{
	int r;

	if (!array || !pool || !path)
		return sheaf_fail(-EINVAL, "%s: array, pool or path is NULL", call);
	r = pool_check_owner(pool, call);
	return r ? r : file_describe(call, layout, part);
}

/* Make a layout of what a caller gives. False: the shape is NULL, or has too many dimensions. */
static bool make_layout(sheaf_layout *layout, enum sheaf_number type, size_t item_size, unsigned dimensions,
			const size_t *shape)
{
	*layout = (sheaf_layout){.type = type, .item_size = item_size, .dimensions = dimensions};
	if (dimensions > SHEAF_MAX_DIMENSIONS || (dimensions && !shape))
		return false;
	if (dimensions)
		memcpy(layout->shape, shape, dimensions * sizeof(*shape));
	return true;
}

static int fail_shape(const char *call, unsigned dimensions)
{
	return sheaf_fail(-EINVAL, "%s: shape is NULL, or dimensions is %u, at most %u", call, dimensions,
			  SHEAF_MAX_DIMENSIONS);
}

int sheaf_array_create_file(sheaf_array *array, sheaf_pool *pool, const char *path, enum sheaf_number type, size_t item_size,
			    unsigned dimensions, const size_t *shape)
{
	static const char call[] = "sheaf_array_create_file";
	struct file_part part = {.at = 0};
	sheaf_layout layout;
	int r, cancel;

	if (!make_layout(&layout, type, item_size, dimensions, shape))
		return fail_shape(call, dimensions);
	if ((r = begin_making(call, array, pool, path, &layout, &part)))
		return r;
	/* A thread that is cancelled in the midst would leave a file open, and a part. */
	cancel = cancel_refuse();
	r = make_array_file(array, pool, path, &part);
	cancel_allow(cancel);
	return r;
}

/* ---- finish ---- */

/* Cut the part behind its rows, and give it its name. */
static int finish_part(const sheaf_array *array, const struct mapping_file *file, const char *path, bool durable)
{
	unsigned char header[NPY_HEADER];
	size_t size = npy_format(array, false, header), done = 0;
	int r;

	if ((uint64_t)size != (uint64_t)((const unsigned char *)array->data - (const unsigned char *)array->memory))
		return -EINVAL;
	while (done < size) {
		ssize_t n = pwrite(file->fd, header + done, size - done, (off_t)done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	while (ftruncate(file->fd, (off_t)(size + sheaf_array_count(array) * array->item_size)))
		if (errno != EINTR)
			return -errno;
	if (durable && (r = os_sync(file->fd)))
		return r;
	if (rename(file->path, path))
		return -errno;
	return durable ? os_sync_name(path) : 0;
}

int sheaf_array_finish(sheaf_array *array, sheaf_pool *pool, size_t rows, bool durable)
{
	char part[PATH_MAX], path[PATH_MAX];
	struct mapping_file file;
	sheaf_array made;
	int r, cancel, unmapped;

	if (!array)
		return sheaf_fail(-EINVAL, "sheaf_array_finish: array is NULL");
	if ((r = pool_check_owner(pool, "sheaf_array_finish")))
		return r;
	if (!array->memory || !pool_mapped(pool, array->memory, &file, part) || !(file.flags & MAPPING_MADE) ||
	    !sheaf_array_is_contiguous(array))
		return sheaf_fail(-EINVAL, "sheaf_array_finish: the array was not made by sheaf_array_create_file()");
	if (array->dimensions ? rows > array->shape[0] : rows != 1)
		return sheaf_fail(-EINVAL, "sheaf_array_finish: rows is %zu, and the array has %zu", rows,
				  array->dimensions ? array->shape[0] : (size_t)1);
	made = *array;
	if (made.dimensions)
		made.shape[0] = rows;
	memcpy(path, part, strlen(part) + 1 - (ENDING_SIZE));
	path[strlen(part) - (ENDING_SIZE)] = '\0';
	cancel = cancel_refuse();
	r = finish_part(&made, &file, path, durable);
	if (r) {
		unlink(part);
		r = sheaf_fail(r, "sheaf_array_finish: cannot finish %.200s: %s", path, strerror(-r));
	}
	unmapped = pool_unmap(pool, "sheaf_array_finish", array->memory);
	cancel_allow(cancel);
	if (!unmapped)
		*array = (sheaf_array){0};
	return r ? r : unmapped;
}

/* ---- named memory ---- */

int sheaf_array_create_named(sheaf_array *array, sheaf_pool *pool, const char *name, enum sheaf_number type, size_t item_size,
			     unsigned dimensions, const size_t *shape)
{
	static const char call[] = "sheaf_array_create_named";
	struct mapping_file file = {.path = name, .access = MAPPING_SHARED, .flags = MAPPING_NAMED};
	struct file_part part = {.at = 0};
	struct os_file_id id;
	sheaf_layout layout;
	int r, cancel;

	if (!make_layout(&layout, type, item_size, dimensions, shape))
		return fail_shape(call, dimensions);
	if ((r = begin_making(call, array, pool, name, &layout, &part)))
		return r;
	if (name[0] != '/' || !name[1] || strchr(name + 1, '/') || strlen(name) >= NAME_MAX)
		return sheaf_fail(-EINVAL, "%s: the name %.100s must be a slash and up to %d characters without one", call,
				  name, NAME_MAX - 2);
	cancel = cancel_refuse();
	if ((r = os_shm_create(name, &file.fd))) {
		r = sheaf_fail(r, "%s: cannot make the shared memory %.200s: %s", call, name, strerror(-r));
		goto end;
	}
	r = os_file_fits(0, part.size) ? os_commit(file.fd, 0, part.size ? part.size : 1, NULL) : -EFBIG;
	if (r)
		r = sheaf_fail(r, "%s: cannot take %zu bytes of shared memory for %.200s: %s", call, (size_t)part.size, name,
			       strerror(-r));
	else
		r = file_map(array, pool, call, &file, &part);
	if (r) {
		if (!os_file_note(file.fd, &id))
			os_shm_unlink(name, file.fd, &id);
		close(file.fd);
	}
end:
	cancel_allow(cancel);
	return r;
}
